"""The working calendar and the time limits as the organizer changes them, each change with a reason.

A change holds for deadlines that are set from then on: one that runs is never moved by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.clocks import CLOCKS, WINDOWS, Window
from core.cases.election import limits_of
from core.cases.models import CalendarDay, TimeLimit
from core.cases.rules import CasesRefusal, CaseState
from core.cases.working_time import DayKind, listed_days
from core.errors import Refused
from core.staff.rules import Actor, Role, require, require_writer

SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(days=90)
KEPT_AT_LEAST: Final = timedelta(days=90)
"""As long as complainants are asked after."""

KEPT_AT_MOST: Final = timedelta(days=3 * 365)


@dataclass(frozen=True, kw_only=True)
class DayView:
    """A day that differs from its weekday. ``reason`` is what the organizer wrote; None for a day
    of the country's own calendar.
    """

    day: date
    kind: DayKind
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class LimitView:
    """A time limit: of a state or a window, in working time or by the wall clock."""

    name: CaseState | Window
    span: timedelta
    urgent: timedelta | None
    is_wall: bool
    is_own: bool


def calendar_days(session: Session, actor: Actor, year: int) -> Sequence[DayView]:
    """The days of a year that are off or worked against their weekday, in order."""
    require(actor, Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER)
    found = {
        listed.day: DayView(day=listed.day, kind=listed.kind, reason=None)
        for listed in listed_days()
        if listed.day.year == year
    }
    rows = session.exec(
        select(CalendarDay).where(
            col(CalendarDay.day) >= date(year, 1, 1), col(CalendarDay.day) <= date(year, 12, 31)
        )
    ).all()
    for row in rows:
        found[row.day] = DayView(day=row.day, kind=DayKind(row.kind), reason=row.reason)
    return tuple(found[day] for day in sorted(found))


def time_limits(session: Session, actor: Actor) -> Sequence[LimitView]:
    """Every time limit that holds now."""
    require(actor, Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER)
    limits = limits_of(session)
    own = set(session.exec(select(TimeLimit.name)).all())
    return (
        *(
            LimitView(
                name=state,
                span=clock.span,
                urgent=clock.urgent,
                is_wall=clock.wall,
                is_own=state.value in own,
            )
            for state, clock in limits.clocks.items()
        ),
        *(
            LimitView(name=window, span=span, urgent=None, is_wall=True, is_own=window.value in own)
            for window, span in limits.windows.items()
        ),
    )


def bounds(name: CaseState | Window) -> tuple[timedelta, timedelta]:
    """The shortest and the longest that a limit can be set to."""
    return (KEPT_AT_LEAST, KEPT_AT_MOST) if name is Window.RETENTION else (SHORTEST, LONGEST)


def set_calendar_day(
    session: Session, day: date, kind: DayKind, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Make a day off, worked, or ordinary (what its weekday says). Organizers of the centre only."""
    require_writer(actor, Role.ORGANIZER, place=None)
    if not reason.strip():
        raise Refused(CasesRefusal.REASON_MISSING)
    row = session.get(CalendarDay, day) or CalendarDay(
        day=day, kind=kind.value, reason="", account_id=actor.account_id, at=now
    )
    row.kind, row.reason = kind.value, reason.strip()[:500]
    row.account_id, row.at = actor.account_id, now
    session.add(row)
    session.flush()
    audit.record(
        session,
        "set_calendar_day",
        author=actor.author,
        subject="calendar:days",
        details={"day": day.isoformat(), "kind": kind.value},
    )


def set_time_limit(
    session: Session,
    name: CaseState | Window,
    *,
    actor: Actor,
    span: timedelta,
    urgent: timedelta | None = None,
    now: datetime,
) -> None:
    """Change how long a state may last, for immediate cases too where they have a limit of their own.

    Refused as ``limit_out_of_range`` outside 5 minutes to 90 days (of how long texts are kept: 90
    days to three years). Organizers of the centre only.
    """
    require_writer(actor, Role.ORGANIZER, place=None)
    default = CLOCKS.get(name) if isinstance(name, CaseState) else None
    if default is None and name not in WINDOWS:
        raise Refused(CasesRefusal.LIMIT_OUT_OF_RANGE)
    if default is None or default.urgent is None:
        urgent = None
    elif urgent is None:
        urgent = default.urgent
    shortest, longest = bounds(name)
    for given in (span, urgent):
        if given is not None and not shortest <= given <= longest:
            raise Refused(CasesRefusal.LIMIT_OUT_OF_RANGE)
    seconds = int(span.total_seconds())
    row = session.get(TimeLimit, name.value) or TimeLimit(
        name=name.value, seconds=seconds, account_id=actor.account_id, at=now
    )
    row.seconds, row.account_id, row.at = seconds, actor.account_id, now
    row.urgent_seconds = int(urgent.total_seconds()) if urgent is not None else None
    session.add(row)
    session.flush()
    audit.record(
        session,
        "set_time_limit",
        author=actor.author,
        subject="calendar:limits",
        details={"name": name.value, "seconds": seconds, "urgent_seconds": row.urgent_seconds},
    )
