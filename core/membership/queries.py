"""Reading the register, the freezes, the applications and the imports, shaped for screens."""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from core import places
from core.errors import Refused
from core.membership.models import (
    AdmissionFloor,
    AdmissionFreeze,
    Application,
    FreezeAct,
    ImportRun,
    Member,
    MembershipAct,
)
from core.membership.reach import reach
from core.membership.rules import (
    ApplicationStatus,
    FreezeActKind,
    FreezePeriod,
    FreezeState,
    Iin,
    MembershipActKind,
    MembershipRefusal,
    MemberStatus,
    Mobile,
    full_name,
    normalise_name,
    parse_mobile,
)
from core.staff.queries import names
from core.staff.rules import Actor, Role, require

LAST_LETTER = "\U0010ffff"


# --- Freeze --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FreezeView:
    """An admission freeze ``[starts_at, ends_at)`` and the reason of the act that set it."""

    id: int
    starts_at: datetime
    ends_at: datetime
    reason: str

    @property
    def period(self) -> FreezePeriod:
        """The freeze as the rules see it."""
        return FreezePeriod(self.starts_at, self.ends_at)

    def state(self, now: datetime) -> FreezeState:
        """Where it stands at ``now``."""
        return self.period.state(now)


@dataclass(frozen=True, kw_only=True)
class FreezeActView:
    """An act on a freeze, with the period as it left it; ``second`` confirmed it."""

    freeze_id: int
    kind: FreezeActKind
    at: datetime
    author: str | None
    second: str | None
    reason: str
    starts_at: datetime
    ends_at: datetime


def freeze_now(session: Session, now: datetime) -> FreezeView | None:
    """The freeze in force at ``now``, by the clock alone: no job has to run."""
    row = AdmissionFreeze
    return _freeze(session, and_(col(row.starts_at) <= now, col(row.ends_at) > now))


def next_freeze(session: Session, now: datetime) -> FreezeView | None:
    """The first freeze that begins after ``now``."""
    row = AdmissionFreeze
    return _freeze(session, and_(col(row.starts_at) > now, col(row.ends_at) > col(row.starts_at)))


def _freeze(session: Session, condition: ColumnElement[bool]) -> FreezeView | None:
    row = session.exec(
        select(AdmissionFreeze).where(condition).order_by(col(AdmissionFreeze.starts_at)).limit(1)
    ).first()
    if row is None:
        return None
    reason = session.exec(
        select(FreezeAct.reason).where(FreezeAct.freeze_id == row.id).order_by(col(FreezeAct.id))
    ).first()
    return FreezeView(
        id=cast(int, row.id),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        reason=reason or "",
    )


def freeze_floor(session: Session) -> datetime | None:
    """Until when a freeze must last at least: the end of voting, once the primary has told it."""
    return session.exec(select(AdmissionFloor.until)).one_or_none()


def freeze_acts(session: Session) -> tuple[FreezeActView, ...]:
    """Every act on every freeze, newest first."""
    rows = session.exec(select(FreezeAct).order_by(col(FreezeAct.id).desc())).all()
    known = names(session, [n for row in rows for n in (row.author_id, row.second_id) if n])
    return tuple(
        FreezeActView(
            freeze_id=row.freeze_id,
            kind=FreezeActKind(row.kind),
            at=row.at,
            author=known.get(row.author_id or 0),
            second=known.get(row.second_id or 0),
            reason=row.reason,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
        )
        for row in rows
    )


@dataclass(frozen=True, kw_only=True)
class RestorationView:
    """A membership that a commission restored; ``during_freeze``: past a freeze in force."""

    member_id: int
    name: str
    place_code: str
    decision: str
    at: datetime
    author: str | None
    during_freeze: bool


def restorations(
    session: Session, *, actor: Actor, limit: int = 100
) -> tuple[RestorationView, ...]:
    """The newest restorations within the actor's reach: the one road past a freeze."""
    own = reach(actor)
    statement = (
        select(MembershipAct, Member)
        .join(Member, col(Member.id) == col(MembershipAct.member_id))
        .where(MembershipAct.kind == MembershipActKind.RESTORED.value)
        .order_by(col(MembershipAct.id).desc())
        .limit(limit)
    )
    if own is not None:
        statement = statement.where(col(Member.place_code).in_(own))
    rows = session.exec(statement).all()
    known = names(session, [act.author_id for act, _member in rows])
    return tuple(
        RestorationView(
            member_id=act.member_id,
            name=full_name(member.last_name, member.first_name, member.middle_name),
            place_code=member.place_code,
            decision=act.decision,
            at=act.at,
            author=known.get(act.author_id),
            during_freeze=act.during_freeze,
        )
        for act, member in rows
    )


# --- Members -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MemberView:
    """A member as a list shows one; IIN and number mask themselves."""

    id: int
    iin: Iin
    last_name: str
    first_name: str
    middle_name: str
    birth_date: date
    mobile: Mobile
    place_code: str
    branch: str
    admitted_on: date
    status: MemberStatus
    mobile_changed_at: datetime | None

    @property
    def name(self) -> str:
        """Last, first and middle name."""
        return full_name(self.last_name, self.first_name, self.middle_name)


class MemberOrder(StrEnum):
    """How a list of members is sorted."""

    NAME = "name"
    NEWEST = "newest"


@dataclass(frozen=True, kw_only=True)
class MemberFilter:
    """What a list of members is narrowed to. ``text``: an IIN, a mobile number or a name."""

    text: str = ""
    place_code: str | None = None
    status: MemberStatus | None = None
    admitted_from: date | None = None
    admitted_to: date | None = None
    order: MemberOrder = MemberOrder.NAME


def search_members(
    session: Session, wanted: MemberFilter, *, actor: Actor, offset: int = 0, limit: int = 50
) -> tuple[tuple[MemberView, ...], int]:
    """A page of the members within the actor's reach, and how many there are in all.

    A name is found by the beginnings of its words in any order, however it is spelled in Russian,
    Kazakh or Latin letters; an IIN or a number only whole.
    """
    narrowed = _conditions(wanted, actor)
    named = _text_conditions(wanted.text, anywhere=False)
    count = select(func.count()).select_from(Member)
    total = session.exec(count.where(*narrowed, *named)).one()
    if not total and wanted.text.strip():
        # Nobody's last name begins so: now the whole register is read, for first names too.
        named = _text_conditions(wanted.text, anywhere=True)
        total = session.exec(count.where(*narrowed, *named)).one()
    conditions = [*narrowed, *named]
    order: tuple[Any, ...] = (col(Member.search), col(Member.id))
    if wanted.order is MemberOrder.NEWEST:
        order = (col(Member.admitted_on).desc(), col(Member.id).desc())
    rows = session.exec(
        select(Member).where(*conditions).order_by(*order).offset(offset).limit(limit)
    ).all()
    return tuple(_member(row) for row in rows), total


def member_by_iin(session: Session, iin: Iin) -> MemberView | None:
    """The member with this IIN, whatever the status, for other subjects."""
    row = session.exec(select(Member).where(Member.iin == iin.digits)).one_or_none()
    return _member(row) if row else None


def _conditions(wanted: MemberFilter, actor: Actor) -> list[ColumnElement[bool]]:
    own = reach(actor)
    found: list[ColumnElement[bool]] = []
    if wanted.place_code:
        inside = _within(wanted.place_code)
        found.append(col(Member.place_code).in_(inside if own is None else inside & own))
    elif own is not None:
        found.append(col(Member.place_code).in_(own))
    if wanted.status:
        found.append(col(Member.status) == wanted.status.value)
    if wanted.admitted_from:
        found.append(col(Member.admitted_on) >= wanted.admitted_from)
    if wanted.admitted_to:
        found.append(col(Member.admitted_on) <= wanted.admitted_to)
    return found


def _within(place_code: str) -> frozenset[str]:
    return frozenset(
        unit.code
        for unit in places.all_places()
        if any(above.code == place_code for above in places.ancestors(unit.code))
    )


def _text_conditions(text: str, *, anywhere: bool) -> list[ColumnElement[bool]]:
    """An IIN or a number whole, or the beginnings of names, the first word of a last name."""
    digits = "".join(filter(str.isdigit, text))
    if len(digits) >= 10 and not any(map(str.isalpha, text)):
        e164, _refusal = parse_mobile(text)
        by_iin = col(Member.iin) == digits
        return [or_(by_iin, col(Member.mobile) == e164) if e164 else by_iin]
    search = col(Member.search)
    conditions: list[ColumnElement[bool]] = []
    for number, word in enumerate(normalise_name(text).split()):
        begins = and_(search >= word, search < word + LAST_LETTER)
        if number == 0 and not anywhere:
            conditions.append(begins)  # a range of the index
        else:
            conditions.append(or_(begins, search.contains(f" {word}", autoescape=True)))
    return conditions


def _member(row: Member) -> MemberView:
    return MemberView(
        id=cast(int, row.id),
        iin=Iin(row.iin),
        last_name=row.last_name,
        first_name=row.first_name,
        middle_name=row.middle_name,
        birth_date=row.birth_date,
        mobile=Mobile(row.mobile),
        place_code=row.place_code,
        branch=row.branch,
        admitted_on=row.admitted_on,
        status=MemberStatus(row.status),
        mobile_changed_at=row.mobile_changed_at,
    )


@dataclass(frozen=True, kw_only=True)
class RegisterCounts:
    """How many members there are, by status, and how many applications wait."""

    active: int
    excluded: int
    withdrawn: int
    waiting: int


def register_counts(session: Session, *, actor: Actor) -> RegisterCounts:
    """The counts within the actor's reach; an observer sees them for the whole register."""
    own = _counting_reach(actor)
    statement = select(Member.status, func.count()).group_by(Member.status)
    if own is not None:
        statement = statement.where(col(Member.place_code).in_(own))
    by_status = dict(session.exec(statement).all())
    return RegisterCounts(
        active=by_status.get(MemberStatus.ACTIVE.value, 0),
        excluded=by_status.get(MemberStatus.EXCLUDED.value, 0),
        withdrawn=by_status.get(MemberStatus.WITHDRAWN.value, 0),
        waiting=_waiting(session, own),
    )


def growth(
    session: Session, *, actor: Actor, until: date, days: int = 60
) -> tuple[tuple[date, int], ...]:
    """How many of today's register were admitted on each of the ``days`` up to ``until``."""
    own = _counting_reach(actor)
    first = until - timedelta(days=days - 1)
    admitted_on = col(Member.admitted_on)
    statement = (
        select_columns(admitted_on, func.count())
        .where(admitted_on.between(first, until))
        .group_by(admitted_on)
    )
    if own is not None:
        statement = statement.where(col(Member.place_code).in_(own))
    counted = {row[0]: row[1] for row in session.execute(statement)}
    every = (first + timedelta(days=number) for number in range(days))
    return tuple((day, counted.get(day, 0)) for day in every)


def _counting_reach(actor: Actor) -> frozenset[str] | None:
    require(actor, Role.ORGANIZER, Role.REGISTRAR, Role.OBSERVER)
    return None if actor.has(Role.OBSERVER, place=None) else reach(actor)


# --- Applications --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ApplicationView:
    """An application as a list shows one."""

    id: int
    iin: Iin
    name: str
    birth_date: date
    mobile: Mobile
    place_code: str
    branch: str
    status: ApplicationStatus
    submitted_at: datetime
    told_until: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str


def applications(
    session: Session,
    *,
    actor: Actor,
    status: ApplicationStatus | None = None,
    place_code: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> tuple[tuple[ApplicationView, ...], int]:
    """A page of the applications within the actor's reach, oldest first, and how many in all."""
    own = reach(actor)
    conditions: list[ColumnElement[bool]] = []
    if status:
        conditions.append(col(Application.status) == status.value)
    inside = _within(place_code) if place_code else None
    if own is not None:
        inside = own if inside is None else inside & own
    if inside is not None:
        conditions.append(col(Application.place_code).in_(inside))
    count = select(func.count()).select_from(Application)
    total = session.exec(count.where(*conditions)).one()
    rows = session.exec(
        select(Application)
        .where(*conditions)
        .order_by(col(Application.id))
        .offset(offset)
        .limit(limit)
    ).all()
    known = names(session, [row.decided_by for row in rows if row.decided_by])
    return tuple(_application(row, known.get(row.decided_by or 0)) for row in rows), total


def waiting_applications(session: Session) -> int:
    """How many applications wait for a person's decision, everywhere."""
    return _waiting(session, None)


def _waiting(session: Session, own: frozenset[str] | None) -> int:
    statement = (
        select(func.count())
        .select_from(Application)
        .where(Application.status == ApplicationStatus.WAITING.value)
    )
    if own is not None:
        statement = statement.where(col(Application.place_code).in_(own))
    return session.exec(statement).one()


def _application(row: Application, decided_by: str | None) -> ApplicationView:
    return ApplicationView(
        id=cast(int, row.id),
        iin=Iin(row.iin),
        name=full_name(row.last_name, row.first_name, row.middle_name),
        birth_date=row.birth_date,
        mobile=Mobile(row.mobile),
        place_code=row.place_code,
        branch=row.branch,
        status=ApplicationStatus(row.status),
        submitted_at=row.submitted_at,
        told_until=row.told_until,
        decided_at=row.decided_at,
        decided_by=decided_by,
        reason=row.reason,
    )


# --- Imports -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ImportRunView:
    """An import: read = new + changed + same + refused; ``failure`` is the code of one that left
    nothing.
    """

    id: int
    file_name: str
    sha256: str
    started_at: datetime
    finished_at: datetime
    author: str | None
    read: int
    new: int
    changed: int
    same: int
    refused: int
    warned: int
    unknown_columns: tuple[str, ...]
    frozen_until: datetime | None
    failure: MembershipRefusal | None


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a report says of a cell: the row of the file (1 is the header), column and code."""

    row: int
    column: str
    code: str


def import_runs(session: Session, *, actor: Actor, limit: int = 20) -> tuple[ImportRunView, ...]:
    """The newest imports: a registrar's own, an organizer's all."""
    statement = _runs(actor).order_by(col(ImportRun.id).desc()).limit(limit)
    rows = session.execute(statement).all()
    known = names(session, [row.author_id for row in rows])
    return tuple(
        ImportRunView(
            id=row.id,
            file_name=row.file_name,
            sha256=row.sha256,
            started_at=row.started_at,
            finished_at=row.finished_at,
            author=known.get(row.author_id),
            read=row.read_rows,
            new=row.new_rows,
            changed=row.changed,
            same=row.same,
            refused=row.refused,
            warned=row.warned,
            unknown_columns=tuple(filter(None, row.unknown_columns.split("\n"))),
            frozen_until=row.frozen_until,
            failure=MembershipRefusal(row.failure) if row.failure else None,
        )
        for row in rows
    )


def _runs(actor: Actor) -> Select[Any]:
    # The reports are megabytes: a list of runs leaves them where they are.
    light = [column for column in ImportRun.__table__.columns if column.name not in _HEAVY]  # type: ignore[attr-defined]  # SQLModel hides the table from mypy
    statement: Select[Any] = select_columns(*light)
    if reach(actor) is not None:
        statement = statement.where(col(ImportRun.author_id) == actor.account_id)
    return statement


_HEAVY = frozenset({"report", "warnings"})


def import_notes(
    session: Session, run_id: int, *, actor: Actor, warnings: bool = False
) -> tuple[Note, ...]:
    """The refused cells of an import, or what its rows deserve a look for, in the file's order."""
    run = session.get(ImportRun, run_id)
    if run is None or (reach(actor) is not None and run.author_id != actor.account_id):
        raise Refused(MembershipRefusal.FILE_UNREADABLE)
    return tuple(read_notes(run.warnings if warnings else run.report))


def read_notes(packed: bytes) -> Iterator[Note]:
    """The notes in a stored report."""
    if not packed:
        return
    with gzip.open(io.BytesIO(packed), "rt", encoding="utf-8", newline="") as file:
        for row, column, code in csv.reader(file):
            yield Note(row=int(row), column=column, code=code)
