"""What a rehearsal can be: its stages, and when it is refused. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.primary.rules import Timeline

PRIMARY_ID: Final = "rehearsal"
FEWEST_MEMBERS, MOST_MEMBERS = 500, 2_000_000


class Stage(StrEnum):
    """What is going on in the rehearsal at this moment."""

    ADMISSION = "admission"
    VOTING = "voting"
    COUNTING = "counting"


class RehearsalRefusal(StrEnum):
    """Why a rehearsal was not set up, or nobody was simulated."""

    NOT_IN_PRODUCTION = "not_in_production"
    REAL_GATEWAY = "real_gateway"
    INSTALLATION_IN_USE = "installation_in_use"
    MEMBERS_OUT_OF_RANGE = "members_out_of_range"
    RATE_OUT_OF_RANGE = "rate_out_of_range"
    NOBODY_TO_SIMULATE = "nobody_to_simulate"
    LISTENER_SILENT = "listener_silent"
    VOTING_NOT_OPEN = "voting_not_open"


@dataclass(frozen=True)
class Script:
    """The instants of a rehearsal: the primary's own, and when the acts before it were done.

    ``extended_to`` is the end of the vote after an extension made at ``extended_at``, if there is
    one; ``timeline`` is the timeline as it was first set.
    """

    stage: Stage
    now: datetime
    founded: datetime
    timeline: Timeline
    extended_at: datetime | None = None
    extended_to: datetime | None = None

    @property
    def closes(self) -> datetime:
        """When voting ends after all."""
        return self.extended_to or self.timeline.voting_closes


# How long before now voting opened (it opens later for a negative span).
_OPENED: Final = {
    Stage.ADMISSION: timedelta(days=-9),
    Stage.VOTING: timedelta(hours=27),
    Stage.COUNTING: timedelta(hours=88),
}


def script(stage: Stage, now: datetime) -> Script:
    """The instants of a rehearsal whose ``stage`` is at ``now``; whole hours where people set them.

    Members are admitted up to 30 days before the vote, the freeze begins 20 days before it. The
    vote is extended by a day in its first evening; publication is ten hours after its end.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    opens = hour - _OPENED[stage]
    closes = opens + timedelta(hours=62)
    publication = opens + timedelta(hours=96)
    timeline = Timeline(
        cutoff=opens - timedelta(days=30),
        freeze_start=opens - timedelta(days=20),
        freeze_end=closes + timedelta(hours=10),
        roll_sealed_at=opens - timedelta(days=3),
        voting_opens=opens,
        voting_closes=closes,
        publication=publication,
    )
    founded = opens - timedelta(days=60)
    if stage is Stage.ADMISSION:
        return Script(stage, now, founded, timeline)
    return Script(
        stage,
        now,
        founded,
        timeline,
        extended_at=opens + timedelta(hours=20),
        extended_to=closes + timedelta(hours=24),
    )
