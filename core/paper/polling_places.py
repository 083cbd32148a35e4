"""Polling places: made and changed by hand and from a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.paper.models import ClerkPost, PaperList, PaperListRow, PaperLookUp, PollingPlace
from core.paper.rules import (
    ADDRESS_LONGEST,
    NAME_LONGEST,
    Hours,
    PaperRefusal,
    PollingPlaceKind,
    check_area,
    parse_code,
    parse_time,
)
from core.places import PlaceRefusal
from core.primary.election import check_organizer, locked_primary
from core.primary.files import (
    CellRefused,
    ImportReport,
    RefusedRow,
    Row,
    parse_date,
    read_table,
)
from core.primary.queries import timeline_of
from core.primary.rules import Timeline
from core.settings import settings
from core.staff.rules import Actor

COLUMNS: Final = (
    "code",
    "name_ru",
    "name_kk",
    "name_en",
    "place_code",
    "address",
    "kind",
    "first_day",
    "last_day",
    "opens",
    "closes",
)
"""The columns of a file of polling places."""

_LOCALES: Final = ("ru", "kk", "en")
_COLUMN_OF: Final[Mapping[PaperRefusal | PlaceRefusal, str]] = {
    PaperRefusal.CODE_MALFORMED: "code",
    PaperRefusal.ADDRESS_MISSING: "address",
    PlaceRefusal.UNKNOWN_PLACE: "place_code",
    PaperRefusal.PLACE_HAS_PARTS: "place_code",
    PaperRefusal.AREA_FIXED: "place_code",
    PaperRefusal.KIND_FIXED: "kind",
    PaperRefusal.DAYS_REVERSED: "last_day",
    PaperRefusal.HOURS_REVERSED: "closes",
    PaperRefusal.HOURS_OUTSIDE_VOTE: "first_day",
}


@dataclass(frozen=True, kw_only=True)
class PollingPlaceDraft:
    """A polling place as somebody gives it. ``names`` are by locale."""

    code: str
    names: Mapping[str, str]
    place_code: str
    address: str
    kind: PollingPlaceKind
    hours: Hours

    def check(self, timeline: Timeline | None) -> None:
        """Refuse what can't be a polling place of a vote with this timeline."""
        parse_code(self.code)
        if any(not 0 < len(self.names[locale].strip()) <= NAME_LONGEST for locale in _LOCALES):
            raise Refused(PaperRefusal.NAME_MISSING)
        check_area(self.place_code)
        if not 0 < len(self.address.strip()) <= ADDRESS_LONGEST:
            raise Refused(PaperRefusal.ADDRESS_MISSING)
        self.hours.check()
        zone = settings().zone
        if timeline is not None and not (
            self.hours.begin(zone) < timeline.voting_closes
            and self.hours.end(zone) > timeline.voting_opens
        ):
            raise Refused(
                PaperRefusal.HOURS_OUTSIDE_VOTE,
                opens=timeline.voting_opens,
                closes=timeline.voting_closes,
            )

    def values(self) -> dict[str, Any]:
        """The columns that a row has beside its key."""
        return {
            **{f"name_{locale}": self.names[locale].strip() for locale in _LOCALES},
            "place_code": self.place_code,
            "address": self.address.strip(),
            "kind": self.kind.value,
            "first_day": self.hours.first_day,
            "last_day": self.hours.last_day,
            "opens": self.hours.opens,
            "closes": self.hours.closes,
        }


def add_polling_place(
    session: Session, primary_id: str, draft: PollingPlaceDraft, *, actor: Actor, now: datetime
) -> None:
    """Add a polling place; refused as ``code_exists`` and as `PollingPlaceDraft.check` refuses."""
    check_organizer(actor)
    draft.check(timeline_of(locked_primary(session, primary_id)))
    code = parse_code(draft.code)
    if session.get(PollingPlace, (primary_id, code)) is not None:
        raise Refused(PaperRefusal.CODE_EXISTS, code=code)
    session.add(PollingPlace(primary_id=primary_id, code=code, **draft.values()))
    session.flush()
    _record(session, "add_polling_place", f"polling_place:{code}", actor, kind=draft.kind.value)


def change_polling_place(
    session: Session, primary_id: str, draft: PollingPlaceDraft, *, actor: Actor, now: datetime
) -> None:
    """Change what a polling place is called, where it is and when it is open.

    Its kind and its area stay once somebody was listed or looked up there.
    """
    check_organizer(actor)
    draft.check(timeline_of(locked_primary(session, primary_id)))
    row = locked_place(session, primary_id, parse_code(draft.code))
    if _apply(session, row, draft):
        session.flush()
        _record(session, "change_polling_place", f"polling_place:{row.code}", actor)


def remove_polling_place(session: Session, primary_id: str, code: str, *, actor: Actor) -> None:
    """Take back a polling place that nobody has used: no list, no clerk, no look-up."""
    check_organizer(actor)
    row = locked_place(session, primary_id, code)
    used: tuple[Any, ...] = (PaperListRow, PaperLookUp, ClerkPost)
    if any(_is_there(session, table, row) for table in used):
        raise Refused(PaperRefusal.IN_USE)
    empty_list = session.get(PaperList, (primary_id, row.code))
    if empty_list is not None:
        session.delete(empty_list)
        session.flush()
    session.delete(row)
    session.flush()
    _record(session, "remove_polling_place", f"polling_place:{code}", actor)


def import_polling_places(
    session: Session, primary_id: str, content: bytes, *, actor: Actor, now: datetime
) -> ImportReport:
    """Take polling places in from a file: good rows are added or changed, the others reported."""
    check_organizer(actor, or_system=True)
    timeline = timeline_of(locked_primary(session, primary_id))
    table = read_table(content, COLUMNS)
    report = ImportReport(read=len(table.rows), ignored_columns=table.ignored_columns)
    known = {
        row.code: row
        for row in session.exec(
            select(PollingPlace).where(col(PollingPlace.primary_id) == primary_id)
        )
    }
    seen: set[str] = set()
    for row in table.rows:
        try:
            draft = _draft(row, timeline)
            code = parse_code(draft.code)
            if code in seen:
                raise CellRefused("code", Refused(PaperRefusal.CODE_REPEATED))
            seen.add(code)
            if code not in known:
                session.add(PollingPlace(primary_id=primary_id, code=code, **draft.values()))
                report.new += 1
            elif _apply(session, known[code], draft):
                report.changed += 1
            else:
                report.same += 1
        except CellRefused as refused:
            report.rows_refused.append(RefusedRow(row.number, refused.column, refused.refusal))
        except Refused as refused:
            column = _COLUMN_OF.get(refused.code, "code")  # type: ignore[call-overload]  # any enum
            report.rows_refused.append(RefusedRow(row.number, column, refused))
    session.flush()
    _record(session, "import_polling_places", f"primary:{primary_id}", actor, **report.counts())
    return report


def _draft(row: Row, timeline: Timeline | None) -> PollingPlaceDraft:
    cells = row.cells
    for locale in _LOCALES:
        if not cells[f"name_{locale}"].strip():
            raise CellRefused(f"name_{locale}", Refused(PaperRefusal.NAME_MISSING))
    draft = PollingPlaceDraft(
        code=cells["code"],
        names={locale: cells[f"name_{locale}"] for locale in _LOCALES},
        place_code=cells["place_code"],
        address=cells["address"],
        kind=_kind(cells["kind"]),
        hours=Hours(
            _day(row, "first_day"), _day(row, "last_day"), _time(row, "opens"), _time(row, "closes")
        ),
    )
    draft.check(timeline)
    return draft


def _kind(cell: str) -> PollingPlaceKind:
    try:
        return PollingPlaceKind(cell.strip().lower())
    except ValueError:
        raise CellRefused("kind", Refused(PaperRefusal.KIND_UNKNOWN)) from None


def _day(row: Row, column: str) -> date:
    found = parse_date(row.cells[column])
    if found is None:
        raise CellRefused(column, Refused(PaperRefusal.DAY_MALFORMED))
    return found


def _time(row: Row, column: str) -> time:
    try:
        return parse_time(row.cells[column])
    except Refused as refused:
        raise CellRefused(column, refused) from None


def _apply(session: Session, row: PollingPlace, draft: PollingPlaceDraft) -> bool:
    """Bring a row to a draft; gives whether anything changed."""
    values = draft.values()
    moved = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, code in (("kind", PaperRefusal.KIND_FIXED), ("place_code", PaperRefusal.AREA_FIXED)):
        if name in moved and _has_begun(session, row):
            raise Refused(code)
    for name, value in moved.items():
        setattr(row, name, value)
    session.add(row)
    return bool(moved)


def _has_begun(session: Session, row: PollingPlace) -> bool:
    return _is_there(session, PaperListRow, row) or _is_there(session, PaperLookUp, row)


def _is_there(session: Session, table: Any, row: PollingPlace) -> bool:
    """Whether any row of a table belongs to this polling place."""
    found = select(table.primary_id).where(
        table.primary_id == row.primary_id, table.polling_place == row.code
    )
    return session.exec(found.limit(1)).first() is not None


def locked_place(session: Session, primary_id: str, code: str) -> PollingPlace:
    """The row of a polling place, held until the unit of work ends; refused if there is none."""
    row = session.exec(
        select(PollingPlace)
        .where(col(PollingPlace.primary_id) == primary_id, col(PollingPlace.code) == code)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise Refused(PaperRefusal.UNKNOWN_POLLING_PLACE, code=code)
    return row


def hours_of(row: PollingPlace) -> Hours:
    """When a polling place is open."""
    return Hours(row.first_day, row.last_day, row.opens, row.closes)


def _record(session: Session, act: str, subject: str, actor: Actor, **details: str | int) -> None:
    audit.record(session, act, author=actor.author, subject=subject, details=details)
