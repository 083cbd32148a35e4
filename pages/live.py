"""The figures of the live screens: aggregates without any person, shared by everybody who looks.

Collected from counters at most once in three seconds, however many screens ask. When the database
does not answer, the last figures stay on the screens and are called stale.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import streamlit as st

from core import clock, places
from core.database import reading
from core.paper import list_queries
from core.primary import queries as primary_queries
from core.primary.queries import PrimaryView
from core.primary.rules import TimelineActKind
from core.settings import settings
from core.voting import address_policy
from core.voting import queries as voting
from core.voting.address_policy import AddressCost, PolicyAct
from core.voting.queries import PlaceTurnout, SeriesPoint
from core.voting.rules import BUCKET, RejectionReason, bucket_start, hour_start

log = logging.getLogger(__name__)

REFRESH: Final = 5.0
"""Seconds between two looks of a screen."""

REPEATS: Final = (RejectionReason.IIN_USED, RejectionReason.MOBILE_USED)
"""Reasons of an attempt with an IIN or a number that a vote holds already."""

_KEEP: Final = 3.0
_SPARK_HOURS: Final = 12


@dataclass(frozen=True)
class Mark:
    """An act on the timeline, or one of its instants, to be drawn on the time axis."""

    at: datetime
    kind: TimelineActKind | None
    """None: voting opened."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """Everything the live screens draw of a primary, or of one place in it.

    ``units`` are the regions, or the districts of ``place``; the series have ten-minute points,
    ``repeats_series`` in no order.
    """

    primary: PrimaryView
    place: str | None
    at: datetime
    votes: int
    votes_online: int
    on_lists: int
    """People of the whole primary on paper lists, of whom nobody is counted before the protocols."""
    registered: int
    on_roll: int
    units: tuple[PlaceTurnout, ...]
    votes_series: tuple[SeriesPoint, ...]
    rejections: int
    rejections_series: tuple[SeriesPoint, ...]
    repeats_series: tuple[SeriesPoint, ...]
    by_reason: dict[RejectionReason, int]
    by_reason_lately: dict[RejectionReason, int]
    rejections_by_unit: dict[str, int]
    marks: tuple[Mark, ...]
    shared_numbers: int
    members_on_shared_numbers: int
    is_stale: bool = False

    @property
    def share_of_roll(self) -> float:
        """Votes by people on the roll, from 0 to 1; 0 before the roll is sealed."""
        return self.votes / self.on_roll if self.on_roll else 0.0

    @property
    def share_of_registered(self) -> float:
        """Votes online by people registered in the system, from 0 to 1."""
        return self.votes_online / self.registered if self.registered else 0.0


@dataclass(frozen=True)
class Past:
    """What the series were before ``until``. Counters of old spans are hardly written any more: only
    an undone mark, or the protocol of a paper list, changes one, and shows within the hour.
    """

    until: datetime
    votes: tuple[SeriesPoint, ...]
    rejections: tuple[SeriesPoint, ...]


_PASTS: Final[dict[tuple[str, str, str | None], Past]] = {}


def past_of(session: Any, primary_id: str, place: str | None, now: datetime) -> Past:
    """The series up to an hour or two ago, read once an hour: the rest is what a refresh reads."""
    until = hour_start(now) - timedelta(hours=1)
    key = (settings().database_url, primary_id, place)
    known = _PASTS.get(key)
    if known is None or known.until != until:
        known = Past(
            until,
            _before(voting.turnout_series(session, primary_id, place_code=place), until),
            _before(voting.rejections_series(session, primary_id, place_code=place), until),
        )
        _PASTS[key] = known
    return known


def _before(series: tuple[SeriesPoint, ...], until: datetime) -> tuple[SeriesPoint, ...]:
    return tuple(point for point in series if point.start < until)


def collect(place: str | None, *, now: datetime) -> Live | None:
    """The figures at ``now``, of ``place`` or the whole; None while there is no primary."""
    with reading() as session:
        primary = primary_queries.active_primary(session)
        if primary is None:
            return None
        turnout = voting.turnout(session, primary.id)
        on_lists = list_queries.people_waiting(session, primary.id)
        past = past_of(session, primary.id, place, now)
        recent = {"place_code": place, "since": past.until}
        votes_series = past.votes + voting.turnout_series(session, primary.id, **recent)
        rejections_series = past.rejections + voting.rejections_series(
            session, primary.id, **recent
        )
        since = bucket_start(now) - timedelta(hours=_SPARK_HOURS)
        repeats = [
            voting.rejections_series(
                session, primary.id, place_code=place, reason=reason, since=since
            )
            for reason in REPEATS
        ]
        by_reason = voting.rejections_by_reason(session, primary.id, place_code=place)
        lately = voting.rejections_by_reason(
            session, primary.id, place_code=place, since=an_hour_before(now)
        )
        by_place = voting.rejections_by_place(session, primary.id)
        acts = primary_queries.timeline_acts(session, primary.id)
        roll = primary_queries.roll(session, primary.id)
    whole = [unit for unit in turnout.regions if place is None] or [
        row for row in turnout.districts if place and _inside(row.place_code, place)
    ]
    return Live(
        primary=primary,
        place=place,
        at=now,
        votes=sum(unit.votes for unit in whole),
        votes_online=sum(unit.votes_online for unit in whole),
        on_lists=on_lists,
        registered=sum(unit.registered for unit in whole),
        on_roll=sum(unit.on_roll for unit in whole),
        units=tuple(whole),
        votes_series=votes_series,
        rejections=sum(point.count for point in rejections_series),
        rejections_series=rejections_series,
        repeats_series=tuple(point for series in repeats for point in series),
        by_reason=by_reason,
        by_reason_lately=lately,
        rejections_by_unit=_by_unit(by_place, place),
        marks=_marks(primary, [(act.at, act.kind) for act in acts]),
        shared_numbers=roll.shared_numbers if roll else 0,
        members_on_shared_numbers=roll.members_on_shared_numbers if roll else 0,
    )


def _inside(code: str, place: str) -> bool:
    return any(unit.code == place for unit in places.ancestors(code))


def _by_unit(by_place: dict[str, int], place: str | None) -> dict[str, int]:
    """Rejections by region, or by the places inside ``place``; '' where the roll names none."""
    summed: dict[str, int] = {}
    for code, count in by_place.items():
        if place is not None and not (code and _inside(code, place)):
            continue
        unit = code if place or not code else places.region_of(code)
        summed[unit] = summed.get(unit, 0) + count
    return summed


def _marks(primary: PrimaryView, acts: list[tuple[datetime, TimelineActKind]]) -> tuple[Mark, ...]:
    timeline = primary.timeline
    if timeline is None:
        return ()
    during = [Mark(at, kind) for at, kind in acts if at >= timeline.voting_opens]
    return (Mark(timeline.voting_opens, None), *sorted(during, key=lambda mark: mark.at))


def an_hour_before(now: datetime) -> datetime:
    """The start of the first ten minutes that count as "the last hour"."""
    return bucket_start(now) - timedelta(hours=1) + BUCKET


def in_last_hour(series: tuple[SeriesPoint, ...], now: datetime) -> int:
    """How many of a series fall into the last hour (six spans of ten minutes, one unfinished)."""
    since = an_hour_before(now)
    return sum(point.count for point in series if point.start >= since)


def by_hours(
    series: tuple[SeriesPoint, ...], now: datetime, hours: int = _SPARK_HOURS
) -> list[int]:
    """The last ``hours`` hours of a series, oldest first, each six spans long, empty ones zero."""
    end = bucket_start(now) + BUCKET
    counts = [0] * hours
    for point in series:
        ago = int((end - point.start - timedelta(seconds=1)) / timedelta(hours=1))
        if 0 <= ago < hours:
            counts[hours - 1 - ago] += point.count
    return counts


def regrouped(
    series: tuple[SeriesPoint, ...], width: timedelta, *, start: datetime, end: datetime
) -> list[SeriesPoint]:
    """A series in spans of ``width`` from ``start`` (rounded down) to ``end``, zeros included."""
    seconds = int(width.total_seconds())
    first = datetime.fromtimestamp(int(start.timestamp()) // seconds * seconds, start.tzinfo)
    spans = max(int((end - first) / width), 0)
    counts = [0] * spans
    for point in series:
        place = int((point.start - first) / width)
        if 0 <= place < spans:
            counts[place] += point.count
    return [SeriesPoint(first + index * width, count) for index, count in enumerate(counts)]


def span_width(length: timedelta) -> timedelta:
    """The width of a chart's spans: never more than about a hundred of them."""
    for minutes, most in ((10, 14), (20, 30), (30, 48), (60, 96)):
        if length <= timedelta(hours=most):
            return timedelta(minutes=minutes)
    return timedelta(hours=3)


@st.cache_resource(show_spinner=False)
def _last_good() -> dict[str | None, Live]:
    return {}


# One object for all viewers, which nobody changes: a copy for each would cost more than the queries.
@st.cache_resource(ttl=_KEEP, show_spinner=False)
def _shared(place: str | None) -> Live | None:
    now = clock.now()
    try:
        found = collect(place, now=now)
    except Exception as fault:  # noqa: BLE001 - whatever the database raises, the wall stays up
        log.warning("the live figures could not be collected: %s", type(fault).__name__)
        known = _last_good().get(place)
        return None if known is None else replace(known, is_stale=True)
    if found is not None:
        _last_good()[place] = found
    return found


def live(place: str | None = None) -> Live | None:
    """The shared figures, at most three seconds old unless they say that they are stale."""
    return _shared(place)


@st.cache_resource(ttl=60.0, show_spinner=False)
def top_addresses(place: str | None) -> tuple[tuple[str, int], ...]:
    """The shortened addresses with most rejections; a minute old at most, for it counts rows."""
    with reading() as session:
        primary = primary_queries.active_primary(session)
        if primary is None:
            return ()
        return voting.rejections_by_address(session, primary.id, place_code=place)


@st.cache_resource(ttl=60.0, show_spinner=False)
def address_rule() -> tuple[AddressCost, PolicyAct | None] | None:
    """What the address rule has cost, and what was signed; a minute old, for it counts rows."""
    with reading() as session:
        primary = primary_queries.active_primary(session)
        if primary is None:
            return None
        acts = address_policy.policy_acts(session, primary.id)
        return address_policy.address_cost(session, primary.id), next(iter(acts), None)


def forget() -> None:
    """Collect anew at the next look: between tests and measurements."""
    _shared.clear()
    top_addresses.clear()
    address_rule.clear()
    _last_good().clear()
    _PASTS.clear()
