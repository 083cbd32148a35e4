"""The calendar that the clocks of all cases run on: working time, the days of the vote, the limits."""

from dataclasses import replace
from datetime import date, timedelta

from sqlmodel import Session, select

from core.cases.clocks import CLOCKS, WINDOWS, Calendar, ElectionTimes, Limits, Window
from core.cases.models import CalendarDay, TimeLimit
from core.cases.rules import CaseState
from core.cases.working_time import DayKind, WorkingTime, election_time, holidays
from core.primary.queries import active_primary
from core.settings import settings


def calendar_of(session: Session) -> Calendar:
    """The working calendar with the active primary's election time, its instants, the limits."""
    off, worked = days_of(session)
    working = WorkingTime(settings().zone, off, worked)
    primary = active_primary(session)
    timeline = primary.timeline if primary else None
    if timeline is None:
        return Calendar(working, limits=limits_of(session))
    times = ElectionTimes(timeline.voting_opens, timeline.voting_closes, timeline.publication)
    always = election_time(times.voting_opens, times.publication)
    return Calendar(replace(working, always=always), times, limits_of(session))


def days_of(session: Session) -> tuple[frozenset[date], frozenset[date]]:
    """Days off and worked days: those of the country, as the organizer has changed them."""
    off, worked = (set(days) for days in holidays())
    for row in session.exec(select(CalendarDay)).all():
        off.discard(row.day)
        worked.discard(row.day)
        if row.kind == DayKind.OFF.value:
            off.add(row.day)
        elif row.kind == DayKind.WORKED.value:
            worked.add(row.day)
    return frozenset(off), frozenset(worked)


def limits_of(session: Session) -> Limits:
    """The time limits that hold now."""
    clocks, windows = dict(CLOCKS), dict(WINDOWS)
    for row in session.exec(select(TimeLimit)).all():
        span = timedelta(seconds=row.seconds)
        if row.name in set(Window):
            windows[Window(row.name)] = span
            continue
        state = CaseState(row.name)
        urgent = timedelta(seconds=row.urgent_seconds) if row.urgent_seconds else None
        clocks[state] = replace(clocks[state], span=span, urgent=urgent)
    return Limits(clocks, windows)
