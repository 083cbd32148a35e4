"""How many complaints there are, of what, where from, and how long they take.

For organizers and observers, who are outside every commission, small counts are hidden
(`suppression`); members of commissions see their own cases as they are. Cases that name the viewer
are not counted. The public page is made anew each week, from the same cases for everybody.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from core import places
from core.cases.access import exists_for
from core.cases.conflicts import not_in_conflict
from core.cases.models import Case, CaseMove, Deadline
from core.cases.rules import OPEN_STATES, CaseState, Category, Channel, Finding, Move
from core.cases.suppression import SMALLEST, Shown, rounded_down, suppressed
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


def case_statistics(
    session: Session,
    actor: Actor,
    *,
    since: date,
    until: date,
    region: str | None = None,
    now: datetime,
) -> Statistics:
    """Cases received on the days from ``since`` to ``until`` (both included), of a region or all."""
    require(actor, Role.ORGANIZER, Role.OBSERVER, Role.COMMISSIONER)
    outside = actor.has(Role.ORGANIZER, Role.OBSERVER)
    chosen = not_in_conflict(session, actor) if outside else exists_for(session, actor)
    rows = [
        row
        for row in _rows(session, chosen, *_instants(since, until))
        if region is None or row.region == region
    ]
    shown = suppressed if outside else _as_it_is
    decided = {row.id for row in rows if row.finding is not None}
    spans = _spans(session, {row.id: row.received_at for row in rows if row.id in decided})
    is_open = [row for row in rows if row.state in OPEN_STATES]

    def small(count: int) -> int | None:
        return None if outside and 0 < count < SMALLEST else count

    return Statistics(
        total=shown(Counter(row.region for row in rows)).total,
        open=small(len(is_open)),
        decided=small(len(decided)),
        weeks=shown(_by_week(rows, since, until)),
        regions=shown(_counted(rows, lambda row: row.region)),
        categories=shown(_counted(rows, lambda row: row.category)),
        channels=shown(_counted(rows, lambda row: row.channel)),
        findings=shown(_counted(rows, lambda row: row.finding)),
        ages=shown(_by_age(is_open, now)),
        median=_median(spans, least=SMALLEST if outside else 1),
        in_time=_in_time(session, [row.id for row in rows], outside=outside),
        is_suppressed=outside,
    )


def public_statistics(session: Session, *, now: datetime) -> PublicStatistics:
    """All cases received before the last Monday, in the words for everybody."""
    zone = settings().zone
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    at = datetime.combine(monday, datetime.min.time(), zone)
    rows = _rows(session, None, datetime.min.replace(tzinfo=zone), at)
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
        # Every region and kind is named, in an order of its own: neither a place in the list nor
        # one that is missing tells how many there are.
        regions=_rounded(
            Counter(row.region for row in rows),
            ["", *(unit.code for unit in places.children(None))],
        ),
        categories=_rounded(Counter(row.category for row in rows), list(Category)),
    )


def _rounded(counted: Counter[K], every: Sequence[K]) -> dict[K, int]:
    return {key: rounded_down(counted[key]) for key in every}


def _decided_by(session: Session, at: datetime) -> set[int]:
    moves = select(CaseMove.case_id).where(
        col(CaseMove.move) == Move.DECIDE.value, col(CaseMove.at) < at
    )
    return set(session.exec(moves).all())


def _instants(since: date, until: date) -> tuple[datetime, datetime]:
    zone, midnight = settings().zone, datetime.min.time()
    return (
        datetime.combine(since, midnight, zone),
        datetime.combine(until + timedelta(days=1), midnight, zone),
    )


def _rows(
    session: Session, chosen: ColumnElement[bool] | None, start: datetime, end: datetime
) -> list[_Row]:
    statement = select(  # type: ignore[call-overload]  # seven columns
        Case.id,
        Case.received_at,
        Case.state,
        Case.category,
        Case.channel,
        Case.place_code,
        Case.finding,
    ).where(col(Case.received_at) < end)
    if start.year > 1:
        statement = statement.where(col(Case.received_at) >= start)
    if chosen is not None:
        statement = statement.where(chosen)
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


def _counted(rows: Sequence[_Row], key: Callable[[_Row], Any]) -> dict[Any, int]:
    counted = Counter(key(row) for row in rows)
    counted.pop(None, None)
    # Not by count: of what is hidden, the order would tell something.
    return {key: counted[key] for key in sorted(counted)}


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


def _spans(session: Session, received: Mapping[int, datetime]) -> list[timedelta]:
    """From receipt to the first decision of each case."""
    first = (
        select(CaseMove.case_id, func.min(CaseMove.at))
        .where(col(CaseMove.move) == Move.DECIDE.value)
        .group_by(col(CaseMove.case_id))
    )
    return [
        at - received[case_id] for case_id, at in session.exec(first).all() if case_id in received
    ]


def _median(spans: Sequence[timedelta], *, least: int) -> timedelta | None:
    if len(spans) < least:
        return None
    return timedelta(seconds=median(span.total_seconds() for span in spans))


def _in_time(session: Session, cases: Sequence[int], *, outside: bool) -> float | None:
    known = set(cases)
    rows = session.exec(
        select(Deadline.case_id, Deadline.due_at, Deadline.ended_at).where(
            col(Deadline.due_at).is_not(None), col(Deadline.ended_at).is_not(None)
        )
    ).all()
    kept = [ended <= due for case_id, due, ended in rows if case_id in known and due and ended]
    if not kept or (outside and len(known) < SMALLEST):
        return None
    return sum(kept) / len(kept)
