"""The calendar that the clocks of all cases run on: working time, and the days of the vote."""

from sqlmodel import Session

from core.cases.clocks import ElectionTimes
from core.cases.working_time import WorkingTime, election_time
from core.primary.queries import active_primary
from core.settings import settings


def calendar_of(session: Session) -> tuple[WorkingTime, ElectionTimes | None]:
    """The working calendar with the active primary's election time, and its instants."""
    primary = active_primary(session)
    timeline = primary.timeline if primary else None
    if timeline is None:
        return WorkingTime(settings().zone), None
    times = ElectionTimes(timeline.voting_opens, timeline.voting_closes, timeline.publication)
    always = election_time(times.voting_opens, times.publication)
    return WorkingTime(settings().zone, always=always), times
