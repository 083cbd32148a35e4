"""What the case desk's screens show. Every read of a case goes through `access.exists_for`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, false, func, or_
from sqlalchemy import case as sql_case
from sqlmodel import Session, col, select

from core import places
from core.cases.access import exists_for
from core.cases.callers import number_key
from core.cases.ciphers import digest
from core.cases.clocks import is_due_soon, is_overdue
from core.cases.commissions import seated, seats_of, sittings
from core.cases.conflicts import not_in_conflict
from core.cases.models import Case, Commission, Contact
from core.cases.receipts import ALPHABET, NUMBER_SIGNS, parse_number, read_signs
from core.cases.routing import CommissionKind
from core.cases.rules import (
    END_STATES,
    CaseState,
    Category,
    Channel,
    Finding,
    Level,
    Urgency,
    WrapUp,
)
from core.cases.search import has_words
from core.cases.stems import fold
from core.i18n import term
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Office, Role, require

PAGE: Final = 50
EXPORT_LIMIT: Final = 5_000
FOUND_LIMIT: Final = 1_000
MAX_SEARCHED: Final = 100
SIMILAR_WITHIN: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class CaseFilters:
    """What a list is narrowed to; the empty filters show every case of the desk."""

    state: CaseState | None = None
    category: Category | None = None
    place: str | None = None
    urgency: Urgency | None = None
    overdue: bool = False
    mine: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class CaseRow:
    """One case of a list."""

    number: str
    state: CaseState
    finding: Finding | None
    category: Category
    place: str | None
    urgency: Urgency
    risk: int | None
    channel: Channel
    received_at: datetime
    state_since: datetime
    due_at: datetime | None
    is_overdue: bool
    is_due_soon: bool
    lead: str | None


@dataclass(frozen=True, kw_only=True)
class EarlierContact:
    """An earlier contact or similar case as an operator may see it: no text, no person."""

    number: str | None
    at: datetime
    category: Category | None
    wrap_up: WrapUp | None = None


@dataclass(frozen=True, kw_only=True)
class OwnContact:
    """A contact that the operator took."""

    at: datetime
    channel: Channel
    wrap_up: WrapUp
    category: Category | None
    place: str | None
    number: str | None
    state: CaseState | None


@dataclass(frozen=True, kw_only=True)
class MemberView:
    """A member of a commission."""

    account_id: int
    name: str
    office: Office
    stands_in_for: str | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CommissionView:
    """A commission with its members; ``open_cases`` counts what the viewer may know of."""

    id: int
    kind: CommissionKind
    level: Level
    place: str | None
    title: str | None
    quorum: int
    members: Sequence[MemberView] = field(default_factory=tuple)
    open_cases: int | None = None


def _require_desk(actor: Actor) -> None:
    require(actor, Role.OPERATOR, Role.COMMISSIONER)


def case_list(
    session: Session,
    actor: Actor,
    filters: CaseFilters | None = None,
    *,
    page: int = 1,
    limit: int = PAGE,
    now: datetime,
) -> tuple[Sequence[CaseRow], int]:
    """A page of the desk's cases, the overdue first, then the urgent; and how many there are.

    What is found by its words comes newest first, and is counted up to 1,000.
    """
    _require_desk(actor)
    filters = filters or CaseFilters()
    chosen = _chosen(session, actor, filters, now)
    if filters.text.strip():
        return _found(session, chosen, page=page, limit=limit, now=now)
    total = session.exec(select(func.count()).select_from(Case).where(*chosen)).one()
    rank = sql_case(
        (col(Case.urgency) == Urgency.IMMEDIATE.value, 0),
        (col(Case.urgency) == Urgency.HIGH.value, 1),
        else_=2,
    )
    late = sql_case((col(Case.due_at) <= now, 0), else_=1)
    rows = session.exec(
        select(Case)
        .where(*chosen)
        .order_by(late, rank, col(Case.due_at).is_(None), col(Case.due_at), col(Case.id).desc())
        .offset((max(page, 1) - 1) * limit)
        .limit(limit)
    ).all()
    return _rows(session, rows, now), total


def _found(
    session: Session, chosen: list[ColumnElement[bool]], *, page: int, limit: int, now: datetime
) -> tuple[Sequence[CaseRow], int]:
    counted = select(Case.id).where(*chosen).limit(FOUND_LIMIT).subquery()
    total = session.exec(select(func.count()).select_from(counted)).one()
    start = (max(page, 1) - 1) * limit
    rows = session.exec(
        select(Case)
        .where(*chosen)
        .order_by(col(Case.id).desc())
        .offset(start)
        .limit(max(0, min(limit, FOUND_LIMIT - start)))
    ).all()
    return _rows(session, rows, now), total


def _rows(session: Session, rows: Sequence[Case], now: datetime) -> tuple[CaseRow, ...]:
    leads = staff_queries.names(session, [row.lead_id for row in rows if row.lead_id is not None])
    return tuple(_row(row, leads, now) for row in rows)


def state_counts(
    session: Session, actor: Actor, filters: CaseFilters | None = None, *, now: datetime
) -> Mapping[CaseState, int]:
    """How many cases of the desk stand in each state, under the filters but that of state."""
    _require_desk(actor)
    given = filters or CaseFilters()
    without_state = CaseFilters(**{**vars(given), "state": None})
    chosen = _chosen(session, actor, without_state, now)
    counted = session.exec(
        select(Case.state, func.count()).where(*chosen).group_by(col(Case.state))
    ).all()
    found = {CaseState(state): count for state, count in counted}
    return {state: found.get(state, 0) for state in CaseState}


def overdue_count(session: Session, actor: Actor, *, now: datetime) -> int:
    """How many cases of the desk are overdue."""
    _require_desk(actor)
    chosen = _chosen(session, actor, CaseFilters(overdue=True), now)
    return session.exec(select(func.count()).select_from(Case).where(*chosen)).one()


def _chosen(
    session: Session, actor: Actor, filters: CaseFilters, now: datetime
) -> list[ColumnElement[bool]]:
    chosen = [exists_for(session, actor)]
    for column, value in (
        (Case.state, filters.state),
        (Case.category, filters.category),
        (Case.urgency, filters.urgency),
    ):
        if value is not None:
            chosen.append(col(column) == value.value)
    if filters.place:
        chosen.append(col(Case.place_code).in_(_with_everything_below(filters.place)))
    if filters.overdue:
        chosen.append(col(Case.due_at) <= now)
    if filters.mine:
        own = select(Contact.case_id).where(
            col(Contact.account_id) == actor.account_id, col(Contact.case_id).is_not(None)
        )
        chosen.append(or_(col(Case.lead_id) == actor.account_id, col(Case.id).in_(own)))
    if filters.text.strip():
        chosen.append(_matches(session, filters.text))
    return chosen


def _with_everything_below(code: str) -> list[str]:
    return [
        unit.code
        for unit in places.all_places()
        if any(above.code == code for above in places.ancestors(unit.code))
    ]


def _matches(session: Session, text: str) -> ColumnElement[bool]:
    """A number or its beginning, a category, a place, or all the words in the case's texts."""
    text = text.strip()[:MAX_SEARCHED]
    signs = read_signs(text)
    if parse_number(text):
        return col(Case.number) == signs
    wanted = fold(text)
    categories = [item.value for item in Category if wanted in fold(term(item))]
    found = [
        unit.code
        for unit in places.all_places()
        if any(wanted in fold(name) for name in unit.names.values())
    ]
    ways: list[ColumnElement[bool]] = []
    words = has_words(session, text)
    if words is not None:
        ways.append(words)
    if categories:
        ways.append(col(Case.category).in_(categories))
    if found:
        ways.append(col(Case.place_code).in_(found))
    if signs is not None and 2 <= len(signs) < NUMBER_SIGNS:
        ways.append(col(Case.number).between(signs, signs.ljust(NUMBER_SIGNS, ALPHABET[-1])))
    return or_(false(), *ways)


def _row(case: Case, leads: Mapping[int, str], now: datetime) -> CaseRow:
    return CaseRow(
        number=case.number,
        state=CaseState(case.state),
        finding=Finding(case.finding) if case.finding else None,
        category=Category(case.category),
        place=case.place_code,
        urgency=Urgency(case.urgency),
        risk=case.risk,
        channel=Channel(case.channel),
        received_at=case.received_at,
        state_since=case.state_since,
        due_at=case.due_at,
        is_overdue=is_overdue(case.due_at, now),
        is_due_soon=is_due_soon(case.due_at, now),
        lead=leads.get(case.lead_id) if case.lead_id is not None else None,
    )


def earlier_contacts(
    session: Session, actor: Actor, caller: str, *, limit: int = 8
) -> tuple[EarlierContact, ...]:
    """The earlier contacts from a number, newest first: number, date and category only.

    Who may ask, and how often, is `contacts.note_look_up`'s; what an operator is in conflict with
    is not among them.
    """
    require(actor, Role.OPERATOR)
    known_as = number_key(caller)
    if known_as is None:
        return ()
    rows = session.exec(
        select(Contact, Case.number)
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(
            col(Contact.caller_digest) == digest("caller", known_as),
            or_(col(Contact.case_id).is_(None), not_in_conflict(session, actor)),
        )
        .order_by(col(Contact.at).desc(), col(Contact.id).desc())
        .limit(limit)
    ).all()
    return tuple(
        EarlierContact(
            number=number,
            at=contact.at,
            category=Category(contact.category) if contact.category else None,
            wrap_up=WrapUp(contact.wrap_up),
        )
        for contact, number in rows
    )


def similar_cases(
    session: Session,
    actor: Actor,
    *,
    category: Category,
    place: str | None,
    now: datetime,
    limit: int = 6,
) -> tuple[EarlierContact, ...]:
    """Open cases of the same category at the same place within 30 days: number, date, category."""
    _require_desk(actor)
    if place is None:
        return ()
    rows = session.exec(
        select(Case)
        .where(
            not_in_conflict(session, actor),
            col(Case.category) == category.value,
            col(Case.place_code) == place,
            col(Case.received_at) > now - SIMILAR_WITHIN,
            col(Case.state).not_in([state.value for state in END_STATES]),
        )
        .order_by(col(Case.id).desc())
        .limit(limit)
    ).all()
    return tuple(
        EarlierContact(number=row.number, at=row.received_at, category=Category(row.category))
        for row in rows
    )


def own_contacts(
    session: Session,
    actor: Actor,
    *,
    page: int = 1,
    limit: int = PAGE,
    since: datetime | None = None,
    without_case: bool = False,
) -> tuple[Sequence[OwnContact], int]:
    """The contacts that the operator took (since then, without a case), newest first, and how many
    there are.
    """
    require(actor, Role.OPERATOR)
    chosen = and_(
        col(Contact.account_id) == actor.account_id,
        or_(col(Contact.case_id).is_(None), not_in_conflict(session, actor)),
    )
    if since is not None:
        chosen = and_(chosen, col(Contact.at) >= since)
    if without_case:
        chosen = and_(chosen, col(Contact.case_id).is_(None))
    joined = select(Contact, Case).outerjoin(Case, col(Case.id) == col(Contact.case_id))
    total = session.exec(
        select(func.count())
        .select_from(Contact)
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(chosen)
    ).one()
    rows = session.exec(
        joined.where(chosen)
        .order_by(col(Contact.at).desc(), col(Contact.id).desc())
        .offset((max(page, 1) - 1) * limit)
        .limit(limit)
    ).all()
    return tuple(
        OwnContact(
            at=contact.at,
            channel=Channel(contact.channel),
            wrap_up=WrapUp(contact.wrap_up),
            category=Category(contact.category) if contact.category else None,
            place=contact.place_code,
            number=case.number if case else None,
            state=CaseState(case.state) if case else None,
        )
        for contact, case in rows
    ), total


def commission_list(session: Session, actor: Actor) -> tuple[CommissionView, ...]:
    """The commissions: all of them for an organizer, the own ones for a commissioner."""
    require(actor, Role.ORGANIZER, Role.COMMISSIONER)
    own = seats_of(session, actor.account_id)
    chosen = [] if actor.has(Role.ORGANIZER) else [col(Commission.id).in_(own)]
    rows = session.exec(
        select(Commission)
        .where(*chosen)
        .order_by(col(Commission.level).desc(), col(Commission.place_code), col(Commission.id))
    ).all()
    return tuple(_commission(session, actor, row, own) for row in rows)


def _commission(
    session: Session, actor: Actor, row: Commission, own: Mapping[int, Office]
) -> CommissionView:
    assert row.id is not None
    members = sittings(session, row.id)
    absent = [member.stands_in_for for member in members if member.stands_in_for is not None]
    names = staff_queries.names(session, [*(member.account_id for member in members), *absent])
    open_cases = None
    if row.id in own:
        open_cases = session.exec(
            select(func.count())
            .select_from(Case)
            .where(
                exists_for(session, actor),
                col(Case.commission_id) == row.id,
                col(Case.state).not_in([state.value for state in END_STATES]),
            )
        ).one()
    return CommissionView(
        id=row.id,
        kind=CommissionKind(row.kind),
        level=Level(row.level),
        place=row.place_code,
        title=row.title,
        quorum=row.quorum,
        members=tuple(
            MemberView(
                account_id=member.account_id,
                name=names.get(member.account_id, ""),
                office=member.office,
                stands_in_for=names.get(member.stands_in_for or 0),
                ends_at=member.ends_at,
            )
            for member in members
        ),
        open_cases=open_cases,
    )


def possible_members(session: Session, actor: Actor, commission_id: int) -> tuple[MemberView, ...]:
    """The commissioners who could be given a seat in a commission. Organizers only."""
    require(actor, Role.ORGANIZER)
    row = session.get(Commission, commission_id)
    if row is None:
        return ()
    sitting = {member.account_id for member in seated(session, commission_id)}
    accounts, _total = staff_queries.accounts(
        session, role=Role.COMMISSIONER, with_disabled=False, limit=1000
    )
    return tuple(
        MemberView(account_id=account.id, name=account.name, office=grant.office or Office.MEMBER)
        for account in accounts
        if account.id not in sitting and account.id != actor.account_id
        for grant in account.grants
        if grant.role is Role.COMMISSIONER and grant.covers(row.place_code)
    )
