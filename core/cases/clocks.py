"""How long each state of a case may last, and what the clock does by itself when it runs out.

The acknowledgement within 7 days and feedback within 3 months of Directive (EU) 2019/1937 are outer
bounds; a vote needs time frames short enough for a remedy to matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.cases.rules import CaseState, Channel, Move, Urgency
from core.cases.working_time import WORKING_DAY, WorkingTime

S = CaseState


@dataclass(frozen=True)
class Clock:
    """How long a state may last: ``span`` of working time, or of the wall clock when ``wall``.

    ``urgent`` replaces it for immediate cases (always by the wall clock). ``acts`` names the move
    that the clock itself makes when the time is over; None means that the case is then overdue.
    """

    span: timedelta
    wall: bool = False
    urgent: timedelta | None = None
    acts: Move | None = None


CLOCKS: Final[Mapping[CaseState, Clock]] = MappingProxyType(
    {
        S.RECEIVED: Clock(timedelta(hours=1), wall=True),
        S.TRIAGE: Clock(timedelta(hours=4), urgent=timedelta(minutes=30)),
        S.NEEDS_INFO: Clock(timedelta(days=3), wall=True, acts=Move.ANSWER),
        S.ADMISSIBILITY: Clock(WORKING_DAY, urgent=timedelta(days=1)),
        S.ASSIGNED: Clock(timedelta(hours=4), urgent=timedelta(hours=4), acts=Move.PASS_ON),
        S.INVESTIGATION: Clock(3 * WORKING_DAY, urgent=timedelta(days=3), acts=Move.PASS_ON),
        S.DELIBERATION: Clock(WORKING_DAY, urgent=timedelta(days=1), acts=Move.PASS_ON),
        S.DECIDED: Clock(timedelta(hours=24), wall=True),
        S.APPEAL: Clock(2 * WORKING_DAY, urgent=timedelta(days=2)),
    }
)
"""Defaults for every state that runs against time; the others wait for nobody."""


class Window(StrEnum):
    """Time limits that belong to no single state; all by the wall clock."""

    APPEAL = "appeal_window"
    APPEAL_IN_VOTE = "appeal_window_in_vote"
    SHORT_INVESTIGATION = "short_investigation"
    RETENTION = "retention"


WINDOWS: Final[Mapping[Window, timedelta]] = MappingProxyType(
    {
        Window.APPEAL: timedelta(days=3),
        Window.APPEAL_IN_VOTE: timedelta(days=1),
        Window.SHORT_INVESTIGATION: timedelta(days=1),
        Window.RETENTION: timedelta(days=120),
    }
)
"""Defaults of the windows for an appeal, of an investigation in the last days of a vote, and of how
long the texts of an ended case are kept.
"""


@dataclass(frozen=True)
class Limits:
    """The time limits that hold: the defaults, or what the organizer set instead."""

    clocks: Mapping[CaseState, Clock] = field(default_factory=lambda: CLOCKS)
    windows: Mapping[Window, timedelta] = field(default_factory=lambda: WINDOWS)


DEFAULT_LIMITS: Final = Limits()
SHORT_BEFORE_CLOSE: Final = timedelta(days=5)
ANONYMOUS_WITHDRAWAL: Final = timedelta(hours=24)
DUE_SOON: Final = timedelta(hours=1)


@dataclass(frozen=True)
class ElectionTimes:
    """The instants of the active primary that shorten the clocks (all aware)."""

    voting_opens: datetime
    voting_closes: datetime
    publication: datetime


@dataclass(frozen=True)
class Calendar:
    """Everything that the clocks of cases run by at one moment."""

    working: WorkingTime
    election: ElectionTimes | None = None
    limits: Limits = DEFAULT_LIMITS


def deadline(
    state: CaseState,
    since: datetime,
    *,
    urgency: Urgency,
    calendar: WorkingTime,
    election: ElectionTimes | None = None,
    channel: Channel | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> datetime | None:
    """When a case that entered ``state`` at ``since`` is due there; None when nothing presses.

    A phone call is acknowledged while it is spoken, so `RECEIVED` is due at once for it.
    """
    if state is S.RECEIVED and channel is not None and channel is not Channel.MAIL:
        return since
    clock = limits.clocks.get(state)
    if clock is None:
        return None
    if state is S.INVESTIGATION and election is not None:
        last_days = election.voting_closes - SHORT_BEFORE_CLOSE
        if last_days <= since < election.voting_closes:
            return since + limits.windows[Window.SHORT_INVESTIGATION]
    if urgency is Urgency.IMMEDIATE and clock.urgent is not None:
        return since + clock.urgent
    if clock.wall:
        return since + clock.span
    return calendar.add(since, _in_election_time(clock.span, since, calendar))


def _in_election_time(span: timedelta, since: datetime, calendar: WorkingTime) -> timedelta:
    # A "working day" is nine office hours, but a whole day once every hour counts: otherwise one
    # day to deliberate would end after nine hours, in the middle of the night.
    if span >= WORKING_DAY and calendar.always and calendar.always[0] <= since < calendar.always[1]:
        return timedelta(days=span / WORKING_DAY)
    return span


def appeal_until(
    told_at: datetime, election: ElectionTimes | None, limits: Limits = DEFAULT_LIMITS
) -> datetime:
    """The end of the appeal window of what was told at ``told_at``: three days, one from the first
    voting day on (until publication).
    """
    if election and election.voting_opens <= told_at < election.publication:
        return told_at + limits.windows[Window.APPEAL_IN_VOTE]
    return told_at + limits.windows[Window.APPEAL]


def resumed_deadline(
    now: datetime, left: timedelta, *, urgency: Urgency, calendar: WorkingTime
) -> datetime:
    """When a case is due that comes back from a pause with ``left`` of its time unused."""
    rest = max(left, timedelta())
    return now + rest if urgency is Urgency.IMMEDIATE else calendar.add(now, rest)


def time_left(
    due: datetime, now: datetime, *, urgency: Urgency, calendar: WorkingTime
) -> timedelta:
    """How much of its time a case has not used when a pause begins (working time, or by the wall
    clock when immediate).
    """
    return due - now if urgency is Urgency.IMMEDIATE else calendar.between(now, due)


def is_overdue(due: datetime | None, now: datetime) -> bool:
    """Whether the time of a state is over."""
    return due is not None and due <= now


def is_due_soon(due: datetime | None, now: datetime) -> bool:
    """Whether less than an hour is left."""
    return due is not None and now < due <= now + DUE_SOON
