"""How many complaints there are, of what, where from, and how long they take.

For organizers and observers, who are outside every commission, small counts are hidden
(`suppression`); members of commissions see their own cases as they are. Cases that name the viewer
are not counted. The public page is made anew each week, from the same cases for everybody.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from core import places
from core.cases.access import exists_for
from core.cases.conflicts import not_in_conflict
from core.cases.models import Case, CaseMove, Deadline
from core.cases.rules import OPEN_STATES, CasesRefusal, CaseState, Category, Channel, Finding, Move
from core.cases.suppression import SMALLEST, Shown, rounded_down, suppressed
from core.errors import Refused
from core.membership.rules import end_of, start_of
from core.settings import settings
from core.staff.rules import Actor, Role, require

K = TypeVar("K")

AGES: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=30))
"""Where the ages of open cases are parted; the last group is older than all."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Cases received in a span of time. Tables are by code or day; a hidden count is None.

    ``weeks`` are by their Monday, ``ages`` by the place in `AGES` (of cases open now). ``median`` is
    the time from receipt to decision, ``in_time`` the share of time limits that were kept, from 0
    to 1; both are None where fewer than five cases would tell of themselves.
    """

    total: int | None
    open: int | None
    decided: int | None
    weeks: Shown[date]
    regions: Shown[str]
    categories: Shown[Category]
    channels: Shown[Channel]
    findings: Shown[Finding]
    ages: Shown[int]
    median: timedelta | None
    in_time: float | None
    is_suppressed: bool


@dataclass(frozen=True, kw_only=True)
class PublicStatistics:
    """What everybody may know at ``at``, the last Monday: counts rounded down to multiples of five."""

    at: datetime
    total: int
    decided: int
    upheld: int
    regions: Mapping[str, int]
    categories: Mapping[Category, int]


@dataclass(frozen=True)
class _Row:
    id: int
    received_at: datetime
    state: CaseState
    category: Category
    channel: Channel
    region: str
    finding: Finding | None


def is_outside(actor: Actor) -> bool:
    """Whether small counts are hidden from the actor: whoever answers for more than commissions."""
    return actor.has(Role.ORGANIZER, Role.OBSERVER)


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def case_statistics(
    session: Session,
    actor: Actor,
    *,
    since: date,
    until: date,
    region: str | None = None,
    now: datetime,
) -> Statistics:
    """Cases received on the days from ``since`` to ``until`` (both included), of a region or all.

    Whoever stands outside the commissions gets calendar months of all regions only, refused as
    ``only_whole_months`` otherwise: days and regions chosen at will could be subtracted from each
    other until a hidden count is left.
    """
    require(actor, Role.ORGANIZER, Role.OBSERVER, Role.COMMISSIONER)
    outside = is_outside(actor)
    if outside and (region is not None or (since, until) != month_of(since)):
        raise Refused(CasesRefusal.ONLY_WHOLE_MONTHS)
    chosen = not_in_conflict(session, actor) if outside else exists_for(session, actor)
    received = (chosen, *_received(*_instants(since, until)))
    rows = [row for row in _rows(session, received) if region is None or row.region == region]
    shown = suppressed if outside else _as_it_is
    least = SMALLEST if outside else 1
    spans = _spans(session, received, {row.id: row.received_at for row in rows})
    regions = shown(_counted((row.region for row in rows), _every_region()))
    findings = shown(_counted((row.finding for row in rows), list(Finding)))
    ages = shown(_by_age([row for row in rows if row.state in OPEN_STATES], now))
    return Statistics(
        total=regions.total,
        open=ages.total,
        decided=findings.total,
        weeks=shown(_by_week(rows, since, until)),
        regions=regions,
        categories=shown(_counted((row.category for row in rows), list(Category))),
        channels=shown(_counted((row.channel for row in rows), list(Channel))),
        findings=findings,
        ages=ages,
        median=_median(spans, least=least),
        in_time=_in_time(session, received, {row.id for row in rows}, least=least),
        is_suppressed=outside,
    )


def public_statistics(session: Session, *, now: datetime) -> PublicStatistics:
    """All cases received before the last Monday, in the words for everybody."""
    zone = settings().zone
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    at = start_of(monday, zone)
    rows = _rows(session, (col(Case.received_at) < at,))
    ended = _decided_by(session, at)
    return PublicStatistics(
        at=at,
        total=rounded_down(len(rows)),
        decided=rounded_down(sum(row.id in ended for row in rows)),
        upheld=rounded_down(
            sum(
                row.id in ended and row.finding in {Finding.UPHELD, Finding.PARTLY_UPHELD}
                for row in rows
            )
        ),
        regions=_rounded(_counted((row.region for row in rows), _every_region())),
        categories=_rounded(_counted((row.category for row in rows), list(Category))),
    )


def _rounded(counted: Mapping[K, int]) -> dict[K, int]:
    return {key: rounded_down(count) for key, count in counted.items()}


def _every_region() -> list[str]:
    return ["", *(unit.code for unit in places.children(None))]


def _decided_by(session: Session, at: datetime) -> set[int]:
    moves = select(CaseMove.case_id).where(
        col(CaseMove.move) == Move.DECIDE.value, col(CaseMove.at) < at
    )
    return set(session.exec(moves).all())


def _instants(since: date, until: date) -> tuple[datetime, datetime]:
    return start_of(since, settings().zone), end_of(until, settings().zone)


def _received(start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    return (col(Case.received_at) >= start, col(Case.received_at) < end)


def _rows(session: Session, chosen: Sequence[ColumnElement[bool]]) -> list[_Row]:
    statement = select(  # type: ignore[call-overload]  # seven columns
        Case.id,
        Case.received_at,
        Case.state,
        Case.category,
        Case.channel,
        Case.place_code,
        Case.finding,
    ).where(*chosen)
    return [
        _Row(
            id=number,
            received_at=at,
            state=CaseState(state),
            category=Category(category),
            channel=Channel(channel),
            region=places.region_of(place) if place else "",
            finding=Finding(finding) if finding else None,
        )
        for number, at, state, category, channel, place, finding in session.exec(statement).all()
    ]


def _as_it_is(cells: Mapping[K, int]) -> Shown[K]:
    return Shown(cells, sum(cells.values()))


def _counted(found: Iterable[K | None], every: Sequence[K]) -> dict[K, int]:
    # Every key, in an order of its own: neither a place in a list nor one that is missing tells how
    # many there are.
    counted = Counter(found)
    return {key: counted[key] for key in every}


def _by_week(rows: Sequence[_Row], since: date, until: date) -> dict[date, int]:
    zone = settings().zone
    first = since - timedelta(days=since.weekday())
    weeks = {
        first + timedelta(days=7 * number): 0 for number in range((until - first).days // 7 + 1)
    }
    for row in rows:
        day = row.received_at.astimezone(zone).date()
        weeks[day - timedelta(days=day.weekday())] += 1
    return weeks


def _by_age(rows: Sequence[_Row], now: datetime) -> dict[int, int]:
    ages = dict.fromkeys(range(len(AGES) + 1), 0)
    for row in rows:
        ages[sum(now - row.received_at >= age for age in AGES)] += 1
    return ages


def _spans(
    session: Session, chosen: Sequence[ColumnElement[bool]], received: Mapping[int, datetime]
) -> list[timedelta]:
    """From receipt to the first decision of each case."""
    first = (
        select(CaseMove.case_id, func.min(CaseMove.at))
        .join(Case, col(Case.id) == col(CaseMove.case_id))
        .where(col(CaseMove.move) == Move.DECIDE.value, *chosen)
        .group_by(col(CaseMove.case_id))
    )
    return [
        at - received[case_id] for case_id, at in session.exec(first).all() if case_id in received
    ]


def _median(spans: Sequence[timedelta], *, least: int) -> timedelta | None:
    if len(spans) < least:
        return None
    return timedelta(seconds=median(span.total_seconds() for span in spans))


def _in_time(
    session: Session, chosen: Sequence[ColumnElement[bool]], cases: Set[int], *, least: int
) -> float | None:
    rows = session.exec(
        select(Deadline.case_id, Deadline.due_at, Deadline.ended_at)
        .join(Case, col(Case.id) == col(Deadline.case_id))
        .where(col(Deadline.due_at).is_not(None), col(Deadline.ended_at).is_not(None), *chosen)
    ).all()
    kept = [ended <= due for case_id, due, ended in rows if case_id in cases and due and ended]
    if not kept or len(cases) < least:
        return None
    return sum(kept) / len(kept)
