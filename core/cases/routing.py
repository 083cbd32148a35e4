"""Which commission takes a case: the level rule, and what a conflict does to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.cases.rules import Level


class CommissionKind(StrEnum):
    """A standing commission of its place, or a panel called for single cases."""

    STANDING = "standing"
    AD_HOC = "ad_hoc"


@dataclass(frozen=True)
class Seat:
    """A commission as the routing sees it. ``place`` None is the centre; ``conflicted`` of its
    ``members`` may not know of the case; ``officer``: a chair or secretary without conflict sits.
    """

    id: int
    kind: CommissionKind
    level: Level
    place: str | None
    members: int
    conflicted: int
    officer: bool = True

    @property
    def fit(self) -> bool:
        """Whether at least half of its members can sit, an officer among them."""
        return self.members > 0 and self.officer and 2 * self.conflicted <= self.members


def level_of_place(depth: int | None) -> Level:
    """The level of a place by its number of ancestors: None the centre, 1 an upper unit."""
    if depth is None:
        return Level.CENTRE
    return Level.REGION if depth <= 1 else Level.DISTRICT


def level_for(place: Level, respondents: Sequence[Level]) -> Level:
    """max(level of the highest respondent + 1, level of the place), capped at the centre; with
    nobody named the level of the place.
    """
    highest = max(respondents, default=Level.NONE)
    return Level(min(max(highest + 1, place), Level.CENTRE))


def choose(
    seats: Sequence[Seat],
    *,
    level: Level,
    lineage: Sequence[str],
    ad_hoc: bool = False,
    without: frozenset[int] = frozenset(),
) -> int | None:
    """The commission for a case, or None when no fit one exists.

    ``lineage`` is the place and its ancestors, nearest first. Starting from ``level`` the nearest
    standing commission is taken; one with more than half of its members in conflict sends the case
    up. ``ad_hoc`` (a respondent of the central commission) and a centre that can't sit need a
    panel. ``without`` are commissions that have had the case.
    """
    fit = [seat for seat in seats if seat.fit and seat.id not in without]
    panels = sorted(seat.id for seat in fit if seat.kind is CommissionKind.AD_HOC)
    if ad_hoc:
        return panels[0] if panels else None
    nearness = {code: place for place, code in enumerate(lineage)}
    standing = [
        seat
        for seat in fit
        if seat.kind is CommissionKind.STANDING
        and seat.level >= level
        and (seat.place is None or seat.place in nearness)
    ]
    best = min(
        standing,
        key=lambda seat: (
            seat.level,
            nearness.get(seat.place or "", len(nearness)),
            seat.id,
        ),
        default=None,
    )
    if best is not None:
        return best.id
    return panels[0] if panels else None
