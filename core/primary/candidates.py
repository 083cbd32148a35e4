"""Candidates: added by hand or from a file, cancelled by a commission's decision."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import insert
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.membership.rules import Mobile, clean_text, full_name, normalise_name
from core.primary.election import check_ballot_can_change, check_organizer, locked_primary
from core.primary.files import CellRefused, ImportReport, RefusedRow, Row, parse_date, read_table
from core.primary.models import Candidate, Contest
from core.primary.rules import (
    CandidateStatus,
    PrimaryRefusal,
    Sex,
    candidate_id,
    check_candidate_birth_date,
    check_email,
    parse_sex,
)
from core.settings import settings
from core.staff.rules import Actor, Role, StaffRefusal, require

CANDIDATE_COLUMNS: Final = (
    "contest_code",
    "last_name",
    "first_name",
    "middle_name",
    "birth_date",
    "sex",
    "nominated_by",
    "mobile",
    "email",
)


@dataclass(frozen=True, kw_only=True)
class CandidateDraft:
    """A candidate as somebody gives them; number (as people write it) and e-mail may be empty."""

    contest_id: str
    last_name: str
    first_name: str
    middle_name: str = ""
    birth_date: date
    sex: Sex
    nominated_by: str = ""
    mobile: str = ""
    email: str = ""

    @property
    def identity(self) -> str:
        """Who it is: the folded name and the birth date."""
        name = full_name(self.last_name, self.first_name, self.middle_name)
        return f"{normalise_name(name)}|{self.birth_date.isoformat()}"

    def checked(self, today: date) -> dict[str, Any]:
        """The columns of a row; `CellRefused` names the first that can't be taken."""
        if not (self.last_name.strip() and self.first_name.strip()):
            column = "first_name" if self.last_name.strip() else "last_name"
            raise CellRefused(column, Refused(PrimaryRefusal.CANDIDATE_NAME_MISSING))
        mobile = None
        try:
            column = "birth_date"
            check_candidate_birth_date(self.birth_date, today)
            column = "mobile"
            if self.mobile.strip():
                mobile = Mobile.parse(self.mobile).e164
            column = "email"
            if self.email.strip():
                check_email(self.email.strip())
        except Refused as refused:
            raise CellRefused(column, refused) from None
        return {
            "contest_id": self.contest_id,
            "identity": self.identity,
            "last_name": clean_text(self.last_name),
            "first_name": clean_text(self.first_name),
            "middle_name": clean_text(self.middle_name),
            "search": normalise_name(full_name(self.last_name, self.first_name, self.middle_name)),
            "birth_date": self.birth_date,
            "sex": self.sex.value,
            "nominated_by": clean_text(self.nominated_by),
            "mobile": mobile,
            "email": self.email.strip() or None,
        }


def add_candidate(
    session: Session, primary_id: str, draft: CandidateDraft, *, actor: Actor, now: datetime
) -> str:
    """Register a candidate; gives the identifier that ballots carry.

    Refused for an unknown contest, and as ``candidate_exists`` for the same person in it again.
    """
    check_organizer(actor)
    check_ballot_can_change(session, primary_id)
    if session.get(Contest, (primary_id, draft.contest_id)) is None:
        raise Refused(PrimaryRefusal.UNKNOWN_CONTEST)
    try:
        values = draft.checked(_today(now))
    except CellRefused as refused:
        raise refused.refusal from None
    known = select(Candidate.id).where(
        col(Candidate.primary_id) == primary_id,
        col(Candidate.contest_id) == draft.contest_id,
        col(Candidate.identity) == draft.identity,
    )
    if session.exec(known).first() is not None:
        raise Refused(PrimaryRefusal.CANDIDATE_EXISTS)
    taken = set(session.exec(select(Candidate.id)).all())
    made = _free_id(primary_id, draft, taken)
    session.add(Candidate(id=made, primary_id=primary_id, **values))
    session.flush()
    _record(session, "add_candidate", primary_id, actor, candidate=made, contest=draft.contest_id)
    return made


def import_candidates(
    session: Session, primary_id: str, content: bytes, *, actor: Actor, now: datetime
) -> ImportReport:
    """Take candidates in from a file: good rows are registered or changed, the others reported.

    The same person in the same contest is the same candidate. A cancelled one stays cancelled.
    """
    check_organizer(actor, or_system=True)
    check_ballot_can_change(session, primary_id)
    table = read_table(content, CANDIDATE_COLUMNS)
    report = ImportReport(read=len(table.rows), ignored_columns=table.ignored_columns)
    contests = set(
        session.exec(select(Contest.id).where(col(Contest.primary_id) == primary_id)).all()
    )
    known = {
        (candidate.contest_id, candidate.identity): candidate
        for candidate in session.exec(
            select(Candidate).where(col(Candidate.primary_id) == primary_id)
        )
    }
    taken = set(session.exec(select(Candidate.id)).all())
    seen: set[tuple[str, str]] = set()
    new: list[dict[str, Any]] = []
    for row in table.rows:
        try:
            draft, values = _draft(row, contests, _today(now))
            key = (draft.contest_id, draft.identity)
            if key in seen:
                raise CellRefused("last_name", Refused(PrimaryRefusal.CANDIDATE_REPEATED))
            there = known.get(key)
            if there is not None and there.status == CandidateStatus.CANCELLED.value:
                raise CellRefused("last_name", Refused(PrimaryRefusal.CANDIDATE_CANCELLED))
        except CellRefused as refused:
            report.rows_refused.append(RefusedRow(row.number, refused.column, refused.refusal))
            continue
        seen.add(key)
        if there is None:
            new.append(
                {
                    "id": _free_id(primary_id, draft, taken),
                    "primary_id": primary_id,
                    "status": CandidateStatus.REGISTERED.value,
                    **values,
                }
            )
        elif all(getattr(there, name) == value for name, value in values.items()):
            report.same += 1
        else:
            for name, value in values.items():
                setattr(there, name, value)
            session.add(there)
            report.changed += 1
    session.flush()
    if new:
        session.execute(insert(Candidate), new)
    report.new = len(new)
    _record(session, "import_candidates", primary_id, actor, **report.counts())
    return report


def cancel_registration(
    session: Session, candidate_id: str, *, actor: Actor, decision: str, now: datetime
) -> None:
    """Cancel a candidate's registration by a commission's decision, which is named.

    Ballots that were cast keep the choice; the rating lists the candidate apart, without a place.
    """
    require(actor, Role.COMMISSIONER, Role.ORGANIZER)
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    if not decision.strip():
        raise Refused(PrimaryRefusal.DECISION_MISSING)
    candidate = session.exec(
        select(Candidate)
        .where(col(Candidate.id) == candidate_id.strip().upper())
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if candidate is None:
        raise Refused(PrimaryRefusal.UNKNOWN_CANDIDATE)
    locked_primary(session, candidate.primary_id)
    if candidate.status == CandidateStatus.CANCELLED.value:
        raise Refused(PrimaryRefusal.CANDIDATE_CANCELLED)
    candidate.status = CandidateStatus.CANCELLED.value
    candidate.decision, candidate.cancelled_at = decision.strip(), now
    session.add(candidate)
    session.flush()
    _record(
        session,
        "cancel_registration",
        candidate.primary_id,
        actor,
        candidate=candidate.id,
        contest=candidate.contest_id,
    )


def _draft(row: Row, contests: set[str], today: date) -> tuple[CandidateDraft, dict[str, Any]]:
    cells = row.cells
    if cells["contest_code"] not in contests:
        raise CellRefused("contest_code", Refused(PrimaryRefusal.UNKNOWN_CONTEST))
    birth_date = parse_date(cells["birth_date"])
    if birth_date is None:
        raise CellRefused("birth_date", Refused(PrimaryRefusal.BIRTH_DATE_INVALID))
    try:
        sex = parse_sex(cells["sex"])
    except Refused as refused:
        raise CellRefused("sex", refused) from None
    draft = CandidateDraft(
        contest_id=cells["contest_code"],
        last_name=cells["last_name"],
        first_name=cells["first_name"],
        middle_name=cells["middle_name"],
        birth_date=birth_date,
        sex=sex,
        nominated_by=cells["nominated_by"],
        mobile=cells["mobile"],
        email=cells["email"],
    )
    return draft, draft.checked(today)


def _free_id(primary_id: str, draft: CandidateDraft, taken: set[str]) -> str:
    attempt = 0
    while (made := candidate_id(primary_id, draft.contest_id, draft.identity, attempt)) in taken:
        attempt += 1
    taken.add(made)
    return made


def _today(now: datetime) -> date:
    return now.astimezone(settings().zone).date()


def _record(
    session: Session, act: str, primary_id: str, actor: Actor, **details: str | int
) -> None:
    audit.record(
        session, act, author=actor.author, subject=f"primary:{primary_id}", details=details
    )
