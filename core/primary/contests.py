"""Constituencies and contests: by hand and from a file, until readiness is signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert
from sqlmodel import Session, col, func, select

from core import places
from core.audit import service as audit
from core.errors import Refused
from core.primary.election import check_ballot_can_change, check_organizer
from core.primary.files import CellRefused, ImportReport, RefusedRow, Row, parse_count, read_table
from core.primary.models import Candidate, Constituency, Contest
from core.primary.rules import (
    PrimaryRefusal,
    ballot_size,
    check_contest_code,
    check_seats,
    check_titles,
)
from core.staff.rules import Actor

CONTEST_COLUMNS: Final = (
    "code",
    "title_ru",
    "title_kk",
    "title_en",
    "place_code",
    "seats",
    "max_choices",
)


@dataclass(frozen=True, kw_only=True)
class ContestDraft:
    """A contest as somebody gives it; ``place_code`` None: everybody votes in it."""

    code: str
    titles: Mapping[str, str]
    place_code: str | None
    seats: int
    max_choices: int

    def check(self) -> None:
        """Refuse what can't be a contest."""
        check_contest_code(self.code)
        check_titles(self.titles)
        if self.place_code is not None:
            places.place(self.place_code)
        check_seats(self.seats, self.max_choices)

    def values(self) -> dict[str, Any]:
        """The columns that a row has beside its primary."""
        return {
            "id": self.code,
            "title_ru": self.titles["ru"].strip(),
            "title_kk": self.titles["kk"].strip(),
            "title_en": self.titles["en"].strip(),
            "place_code": self.place_code,
            "seats": self.seats,
            "max_choices": self.max_choices,
            "size": ballot_size(self.code, self.max_choices),
        }


def add_constituency(
    session: Session, primary_id: str, place_code: str, *, actor: Actor, now: datetime
) -> None:
    """Make a place of the list a constituency; refused as ``constituency_exists``."""
    check_organizer(actor)
    check_ballot_can_change(session, primary_id)
    places.place(place_code)
    if session.get(Constituency, (primary_id, place_code)) is not None:
        raise Refused(PrimaryRefusal.CONSTITUENCY_EXISTS)
    session.add(Constituency(primary_id=primary_id, place_code=place_code, added_at=now))
    session.flush()
    _record(session, "add_constituency", primary_id, actor, place=place_code)


def remove_constituency(
    session: Session, primary_id: str, place_code: str, *, actor: Actor
) -> None:
    """Take a place out of the constituencies; refused while a contest is held in it."""
    check_organizer(actor)
    check_ballot_can_change(session, primary_id)
    found = session.get(Constituency, (primary_id, place_code))
    if found is None:
        raise Refused(PrimaryRefusal.UNKNOWN_CONSTITUENCY)
    held = select(func.count()).where(
        col(Contest.primary_id) == primary_id, col(Contest.place_code) == place_code
    )
    if session.exec(held).one():
        raise Refused(PrimaryRefusal.CONSTITUENCY_IN_USE)
    session.delete(found)
    session.flush()
    _record(session, "remove_constituency", primary_id, actor, place=place_code)


def add_contest(
    session: Session, primary_id: str, draft: ContestDraft, *, actor: Actor, now: datetime
) -> None:
    """Add a contest; its place becomes a constituency if it is none yet."""
    check_organizer(actor)
    check_ballot_can_change(session, primary_id)
    draft.check()
    if session.get(Contest, (primary_id, draft.code)) is not None:
        raise Refused(PrimaryRefusal.CONTEST_EXISTS)
    _ensure_constituencies(session, primary_id, {draft.place_code}, now)
    session.add(Contest(primary_id=primary_id, **draft.values()))
    session.flush()
    _record(session, "add_contest", primary_id, actor, contest=draft.code)


def remove_contest(session: Session, primary_id: str, contest_id: str, *, actor: Actor) -> None:
    """Remove a contest; refused while it has candidates."""
    check_organizer(actor)
    check_ballot_can_change(session, primary_id)
    found = session.get(Contest, (primary_id, contest_id))
    if found is None:
        raise Refused(PrimaryRefusal.UNKNOWN_CONTEST)
    standing = select(func.count()).where(
        col(Candidate.primary_id) == primary_id, col(Candidate.contest_id) == contest_id
    )
    if session.exec(standing).one():
        raise Refused(PrimaryRefusal.CONTEST_HAS_CANDIDATES)
    session.delete(found)
    session.flush()
    _record(session, "remove_contest", primary_id, actor, contest=contest_id)


def import_contests(
    session: Session, primary_id: str, content: bytes, *, actor: Actor, now: datetime
) -> ImportReport:
    """Take contests in from a file: good rows are added or changed, the others reported.

    A code known already is changed to what the file says. Places become constituencies.
    """
    check_organizer(actor, or_system=True)
    check_ballot_can_change(session, primary_id)
    table = read_table(content, CONTEST_COLUMNS)
    report = ImportReport(read=len(table.rows), ignored_columns=table.ignored_columns)
    drafts: dict[str, ContestDraft] = {}
    for row in table.rows:
        try:
            draft = _draft(row)
            if draft.code in drafts:
                raise CellRefused("code", Refused(PrimaryRefusal.CODE_REPEATED))
        except CellRefused as refused:
            report.rows_refused.append(RefusedRow(row.number, refused.column, refused.refusal))
            continue
        drafts[draft.code] = draft
    known = {
        contest.id: contest
        for contest in session.exec(select(Contest).where(col(Contest.primary_id) == primary_id))
    }
    _ensure_constituencies(
        session, primary_id, {draft.place_code for draft in drafts.values()}, now
    )
    new = []
    for code, draft in drafts.items():
        values = draft.values()
        contest = known.get(code)
        if contest is None:
            new.append({"primary_id": primary_id, **values})
        elif all(getattr(contest, name) == value for name, value in values.items()):
            report.same += 1
        else:
            for name, value in values.items():
                setattr(contest, name, value)
            session.add(contest)
            report.changed += 1
    session.flush()
    if new:
        session.execute(insert(Contest), new)
    report.new = len(new)
    _record(session, "import_contests", primary_id, actor, **report.counts())
    return report


def _draft(row: Row) -> ContestDraft:
    cells = row.cells
    draft = ContestDraft(
        code=cells["code"],
        titles={locale: cells[f"title_{locale}"] for locale in ("ru", "kk", "en")},
        place_code=cells["place_code"] or None,
        seats=parse_count(cells["seats"]),
        max_choices=parse_count(cells["max_choices"]),
    )
    try:
        draft.check()
    except Refused as refused:
        raise CellRefused(_column(refused, draft), refused) from None
    return draft


def _column(refused: Refused, draft: ContestDraft) -> str:
    if refused.code is PrimaryRefusal.CODE_MALFORMED:
        return "code"
    if refused.code is PrimaryRefusal.TITLE_MISSING:
        empty = next(locale for locale, title in draft.titles.items() if not title.strip())
        return f"title_{empty}"
    if refused.code is PrimaryRefusal.SEATS_OUT_OF_RANGE:
        return "seats"
    if refused.code is PrimaryRefusal.CHOICES_OUT_OF_RANGE:
        return "max_choices"
    return "place_code"


def _ensure_constituencies(
    session: Session, primary_id: str, codes: set[str | None], now: datetime
) -> None:
    known = set(
        session.exec(
            select(Constituency.place_code).where(col(Constituency.primary_id) == primary_id)
        ).all()
    )
    wanted = sorted(code for code in codes if code is not None and code not in known)
    if wanted:
        rows = [{"primary_id": primary_id, "place_code": code, "added_at": now} for code in wanted]
        session.execute(insert(Constituency), rows)


def _record(
    session: Session, act: str, primary_id: str, actor: Actor, **details: str | int
) -> None:
    audit.record(
        session, act, author=actor.author, subject=f"primary:{primary_id}", details=details
    )
