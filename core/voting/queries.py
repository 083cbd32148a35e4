"""What screens and the public see of the vote: turnout and rejections, never a candidate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, literal, select
from sqlmodel import Session, col

from core import places
from core.primary.queries import roll_counts_by_place
from core.voting.models import (
    Ballot,
    RegisteredCounter,
    Rejection,
    RejectionCounter,
    TurnoutCounter,
)
from core.voting.rules import Channel, RejectionReason, RejectionStage


@dataclass(frozen=True)
class PlaceTurnout:
    """Votes in a place with both denominators: on the roll, and registered in the system.

    ``votes`` are those of every channel; whoever votes on paper registers nowhere, so a share of
    the registered is one of ``votes_online``.
    """

    place_code: str
    votes: int
    registered: int
    on_roll: int
    votes_online: int


@dataclass(frozen=True)
class Turnout:
    """Turnout of a primary; ``regions`` and ``districts`` hold every place that has voters.

    Of the people on paper lists nobody is counted before their place has sent its protocol.
    """

    votes: int
    votes_online: int
    registered: int
    on_roll: int
    regions: tuple[PlaceTurnout, ...]
    districts: tuple[PlaceTurnout, ...]

    @property
    def votes_paper(self) -> int:
        """Votes at polling places: marked at once, or known from the protocol of a list."""
        return self.votes - self.votes_online


@dataclass(frozen=True)
class SeriesPoint:
    """A count in the ten minutes from ``start``."""

    start: datetime
    count: int


@dataclass(frozen=True, kw_only=True)
class RejectionView:
    """A rejection as staff see it; ``place_code`` is '' where the roll names no place."""

    id: int
    reference: str
    stage: RejectionStage
    reasons: tuple[RejectionReason, ...]
    place_code: str
    iin_masked: str
    mobile_masked: str
    address_short: str
    at: datetime


def turnout(session: Session, primary_id: str) -> Turnout:
    """Votes so far, from counters, with denominators; by region and by the roll's own places."""
    votes: dict[str, int] = defaultdict(int)
    online: dict[str, int] = defaultdict(int)
    for place_code, channel, count in session.execute(
        select(
            col(TurnoutCounter.place_code),
            col(TurnoutCounter.channel),
            func.sum(col(TurnoutCounter.votes)),
        )
        .where(col(TurnoutCounter.primary_id) == primary_id)
        .group_by(col(TurnoutCounter.place_code), col(TurnoutCounter.channel))
    ):
        votes[place_code] += int(count)
        online[place_code] += int(count) if channel == Channel.ONLINE else 0
    registered = {
        place_code: int(voters)
        for place_code, voters in session.execute(
            select(col(RegisteredCounter.place_code), col(RegisteredCounter.voters)).where(
                col(RegisteredCounter.primary_id) == primary_id
            )
        )
    }
    on_roll = roll_counts_by_place(session, primary_id)
    codes = sorted({*votes, *registered, *on_roll})
    districts = tuple(
        PlaceTurnout(code, votes[code], registered.get(code, 0), on_roll.get(code, 0), online[code])
        for code in codes
    )
    return Turnout(
        votes=sum(votes.values()),
        votes_online=sum(online.values()),
        registered=sum(registered.values()),
        on_roll=sum(on_roll.values()),
        regions=_by_region(districts),
        districts=districts,
    )


def _by_region(districts: Sequence[PlaceTurnout]) -> tuple[PlaceTurnout, ...]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in districts:
        total = sums[places.region_of(row.place_code)]
        for index, count in enumerate((row.votes, row.registered, row.on_roll, row.votes_online)):
            total[index] += count
    return tuple(PlaceTurnout(code, *total) for code, total in sorted(sums.items()))


def turnout_series(
    session: Session,
    primary_id: str,
    *,
    place_code: str | None = None,
    since: datetime | None = None,
) -> tuple[SeriesPoint, ...]:
    """Votes by ten minutes, of a region or smaller place or of all; all of them or from ``since``."""
    statement = select(col(TurnoutCounter.bucket_start), func.sum(col(TurnoutCounter.votes)))
    if since is not None:
        statement = statement.where(col(TurnoutCounter.bucket_start) >= since)
    if place_code is not None:
        statement = statement.where(col(TurnoutCounter.place_code).in_(places.within(place_code)))
    rows = session.execute(
        statement.where(col(TurnoutCounter.primary_id) == primary_id)
        .group_by(col(TurnoutCounter.bucket_start))
        .order_by(col(TurnoutCounter.bucket_start))
    )
    return tuple(SeriesPoint(start, int(count)) for start, count in rows)


def rejections_total(session: Session, primary_id: str) -> int:
    """How many rejections there are, each counted once."""
    total = session.execute(
        select(func.sum(col(RejectionCounter.count))).where(
            col(RejectionCounter.primary_id) == primary_id, col(RejectionCounter.reason) == ""
        )
    ).scalar_one()
    return int(total or 0)


def rejections_by_reason(
    session: Session,
    primary_id: str,
    *,
    since: datetime | None = None,
    place_code: str | None = None,
) -> dict[RejectionReason, int]:
    """Rejections under each of their reasons, all reasons present; one may count under several."""
    statement = (
        select(col(RejectionCounter.reason), func.sum(col(RejectionCounter.count)))
        .where(col(RejectionCounter.primary_id) == primary_id, col(RejectionCounter.reason) != "")
        .group_by(col(RejectionCounter.reason))
    )
    if since is not None:
        statement = statement.where(col(RejectionCounter.bucket_start) >= since)
    if place_code is not None:
        statement = statement.where(col(RejectionCounter.place_code).in_(places.within(place_code)))
    found = {reason: int(count) for reason, count in session.execute(statement)}
    return {reason: found.get(reason.value, 0) for reason in RejectionReason}


def rejections_by_place(session: Session, primary_id: str) -> dict[str, int]:
    """Rejections, each counted once, by place; '' where the roll names none."""
    rows = session.execute(
        select(col(RejectionCounter.place_code), func.sum(col(RejectionCounter.count)))
        .where(col(RejectionCounter.primary_id) == primary_id, col(RejectionCounter.reason) == "")
        .group_by(col(RejectionCounter.place_code))
        .order_by(col(RejectionCounter.place_code))
    )
    return {place_code: int(count) for place_code, count in rows}


def rejections_series(
    session: Session,
    primary_id: str,
    *,
    reason: RejectionReason | None = None,
    place_code: str | None = None,
    since: datetime | None = None,
) -> tuple[SeriesPoint, ...]:
    """Rejections by ten minutes: all, each counted once, or those with one reason or in a place.

    All of them, or those from ``since`` on.
    """
    statement = select(col(RejectionCounter.bucket_start), func.sum(col(RejectionCounter.count)))
    if since is not None:
        statement = statement.where(col(RejectionCounter.bucket_start) >= since)
    if place_code is not None:
        statement = statement.where(col(RejectionCounter.place_code).in_(places.within(place_code)))
    rows = session.execute(
        statement.where(
            col(RejectionCounter.primary_id) == primary_id,
            col(RejectionCounter.reason) == (reason.value if reason else ""),
        )
        .group_by(col(RejectionCounter.bucket_start))
        .order_by(col(RejectionCounter.bucket_start))
    )
    return tuple(SeriesPoint(start, int(count)) for start, count in rows)


FEWEST_OF_AN_ADDRESS: Final = 5
"""A shortened address with fewer rejections is shown in no aggregate: it could be one household."""


def rejections_by_address(
    session: Session, primary_id: str, *, place_code: str | None = None, limit: int = 8
) -> tuple[tuple[str, int], ...]:
    """The shortened addresses (/24, /48) with most rejections, at least five each.

    Counts rows, not counters: for a screen that asks once a minute.
    """
    count = func.count()
    statement = select(col(Rejection.address_short), count).where(
        col(Rejection.primary_id) == primary_id
    )
    if place_code is not None:
        statement = statement.where(col(Rejection.place_code).in_(places.within(place_code)))
    rows = session.execute(
        statement.group_by(col(Rejection.address_short))
        .having(count >= FEWEST_OF_AN_ADDRESS)
        .order_by(count.desc(), col(Rejection.address_short))
        .limit(limit)
    )
    return tuple((address, int(found)) for address, found in rows)


@dataclass(frozen=True, kw_only=True)
class RejectionFilter:
    """What narrows the list of rejections; None is all, a place stands for everything in it."""

    reason: RejectionReason | None = None
    place_code: str | None = None
    stage: RejectionStage | None = None
    address_short: str | None = None


EVERY: Final = RejectionFilter()


def latest_rejections(
    session: Session,
    primary_id: str,
    *,
    chosen: RejectionFilter = EVERY,
    since: datetime | None = None,
    offset: int = 0,
    limit: int = 50,
) -> tuple[tuple[RejectionView, ...], int]:
    """A page of rejections, newest first, and how many there are under these filters."""
    conditions: list[Any] = [col(Rejection.primary_id) == primary_id]
    if chosen.reason is not None:
        # Reasons are joined by commas; with one more at each end a reason is found whole.
        listed = literal(",") + col(Rejection.reasons) + ","
        conditions.append(listed.contains(f",{chosen.reason.value},"))
    if chosen.place_code is not None:
        conditions.append(col(Rejection.place_code).in_(places.within(chosen.place_code)))
    if chosen.stage is not None:
        conditions.append(col(Rejection.stage) == chosen.stage.value)
    if chosen.address_short is not None:
        conditions.append(col(Rejection.address_short) == chosen.address_short)
    if since is not None:
        conditions.append(col(Rejection.at) >= since)
    total = session.execute(select(func.count()).select_from(Rejection).where(*conditions))
    rows = session.execute(
        select(Rejection)
        .where(*conditions)
        .order_by(col(Rejection.id).desc())
        .offset(offset)
        .limit(limit)
    ).scalars()
    return tuple(_rejection(row) for row in rows), int(total.scalar_one())


def is_ballot_stored(session: Session, tracker: str) -> bool:
    """Whether the sealed ballot with this tracker (26 characters, ungrouped) is stored."""
    return (
        session.execute(select(col(Ballot.tracker)).where(col(Ballot.tracker) == tracker)).first()
        is not None
    )


def _rejection(row: Rejection) -> RejectionView:
    assert row.id is not None
    return RejectionView(
        id=row.id,
        reference=row.reference,
        stage=RejectionStage(row.stage),
        reasons=tuple(RejectionReason(reason) for reason in row.reasons.split(",")),
        place_code=row.place_code,
        iin_masked=row.iin_masked,
        mobile_masked=row.mobile_masked,
        address_short=row.address_short,
        at=row.at,
    )
