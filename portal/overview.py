"""What every public page says about the primary: its state, dates, freeze, turnout, decisions.

Everything here is public at every moment. Nothing about candidates' votes can come through it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from zoneinfo import ZoneInfo

from core import places
from core.database import reading
from core.i18n import _, format_datetime, term
from core.membership.queries import freeze_now
from core.primary.queries import (
    PrimaryView,
    TimelineActView,
    active_primary,
    timeline_acts,
)
from core.primary.rules import Instant, Phase, Timeline
from core.settings import settings
from core.voting.address_policy import mode_in_force
from core.voting.queries import Turnout, turnout
from core.voting.rules import AddressMode


class State(StrEnum):
    """What the front page announces; ``waiting``: the hour has come, the release has not."""

    PREPARING = "preparing"
    BEFORE = "before"
    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Step:
    """A date of the primary; ``state`` is ``past``, ``now`` (the last one reached) or ``next``."""

    at: datetime
    words: tuple[str, ...]
    state: str


@dataclass(frozen=True)
class LocalTime:
    """Upper units whose clocks show another time than the primary's; ``zone`` is one of theirs."""

    zone: ZoneInfo
    regions: tuple[str, ...]


@dataclass(frozen=True)
class Act:
    """A decision about the dates: who reads it sees what moved from where to where, and why."""

    at: datetime
    title: str
    changes: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class RegionTurnout:
    """Turnout of one region; ``share`` is of its part of the roll, None where that is empty."""

    name: str
    votes: int
    on_roll: int
    share: float | None


@dataclass(frozen=True)
class TurnoutFigures:
    """Turnout with both denominators named; shares are from 0 to 1, None without a denominator."""

    votes: int
    on_roll: int
    registered: int
    of_roll: float | None
    of_registered: float | None
    regions: tuple[RegionTurnout, ...]


@dataclass(frozen=True)
class Contacts:
    """How to reach the committee, as the primary's own facts say."""

    hotline: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The primary as the public sees it at ``now``, in the reader's language.

    ``checking_open``: the roll is sealed, and a sign-in can be tried before voting opens.
    """

    name: str
    state: State
    rehearsal: bool
    now: datetime
    timeline: Timeline | None
    steps: tuple[Step, ...]
    local_times: tuple[LocalTime, ...]
    acts: tuple[Act, ...]
    freeze_since: datetime | None
    freeze_until: datetime | None
    turnout: TurnoutFigures | None
    address_mode: AddressMode
    contacts: Contacts
    public_key_digest: str | None
    checking_open: bool


def read_overview(*, now: datetime) -> Overview | None:
    """The active primary in the current language; None when none is being held."""
    with reading() as session:
        primary = active_primary(session)
        if primary is None:
            return None
        freeze = freeze_now(session, now)
        acts = timeline_acts(session, primary.id)
        begun = primary.phase(now) is not Phase.PREPARING
        counted = turnout(session, primary.id) if begun else None
        address_mode = mode_in_force(session, primary.id)
    return Overview(
        name=primary.name,
        state=_state(primary, now),
        rehearsal=primary.rehearsal,
        now=now,
        timeline=primary.timeline,
        steps=_steps(primary.timeline, now),
        local_times=_local_times(primary.timeline),
        acts=tuple(_act(act) for act in acts),
        freeze_since=freeze.starts_at if freeze else None,
        freeze_until=freeze.ends_at if freeze else None,
        turnout=_figures(counted) if counted else None,
        address_mode=address_mode,
        contacts=Contacts(primary.hotline, primary.email),
        public_key_digest=sha256(primary.public_key).hexdigest() if primary.public_key else None,
        checking_open=primary.roll_sealed_at is not None and _state(primary, now) is State.BEFORE,
    )


def _state(primary: PrimaryView, now: datetime) -> State:
    match primary.phase(now):
        case Phase.PREPARING:
            return State.BEFORE if primary.timeline else State.PREPARING
        case Phase.VOTING:
            return State.OPEN if primary.voting_open(now) else State.WAITING
        case Phase.CLOSED:
            return State.CLOSED
        case Phase.PUBLISHED:
            return State.PUBLISHED


def _steps(timeline: Timeline | None, now: datetime) -> tuple[Step, ...]:
    """The dates in their order; what happens at one instant stands together."""
    if timeline is None:
        return ()
    words: dict[datetime, list[str]] = {}
    for instant in Instant:
        words.setdefault(timeline.at(instant), []).append(_begun(term(instant)))
    dates = sorted(words)
    reached = sum(at <= now for at in dates)
    return tuple(
        Step(at, tuple(words[at]), "now" if place == reached else "past" if at <= now else "next")
        for place, at in enumerate(dates, start=1)
    )


def _local_times(timeline: Timeline | None) -> tuple[LocalTime, ...]:
    """Regions where voting closes at another hour of the wall clock, grouped by that hour."""
    if timeline is None:
        return ()
    closes = timeline.voting_closes
    usual = closes.astimezone(settings().zone).utcoffset()
    groups: dict[timedelta | None, list[places.Place]] = {}
    for region in places.children(None):
        offset = closes.astimezone(region.zone).utcoffset()
        if offset != usual:
            groups.setdefault(offset, []).append(region)
    return tuple(
        LocalTime(regions[0].zone, tuple(places.name(region.code) for region in regions))
        for _offset, regions in groups.items()
    )


def _begun(words: str) -> str:
    """Words of the field at the beginning of a line."""
    return words[:1].upper() + words[1:]


def _act(act: TimelineActView) -> Act:
    moved = tuple(
        _(
            "{what}: {before} → {after}",
            what=_begun(term(change.instant)),
            before=format_datetime(change.before),
            after=format_datetime(change.after),
        )
        for change in act.changes
        if change.before is not None
    )
    return Act(act.at, _begun(term(act.kind)), moved, act.reason)


def _figures(counted: Turnout) -> TurnoutFigures:
    regions = (
        RegionTurnout(
            places.name(row.place_code), row.votes, row.on_roll, _share(row.votes, row.on_roll)
        )
        for row in counted.regions
    )
    return TurnoutFigures(
        votes=counted.votes,
        on_roll=counted.on_roll,
        registered=counted.registered,
        of_roll=_share(counted.votes, counted.on_roll),
        # Who votes on paper registers nowhere, so this share is of online votes alone.
        of_registered=_share(counted.votes_online, counted.registered),
        regions=tuple(sorted(regions, key=lambda region: region.name)),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
