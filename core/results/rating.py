"""Ratings of a contest: general, women's, youth. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.results.rules import YOUTH_UNDER, RatingKind


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A candidate as a rating sees one. A cancelled one is shown and not ranked."""

    id: str
    is_woman: bool
    birth_date: date
    is_cancelled: bool


@dataclass(frozen=True)
class Ranked:
    """A line of a rating; ``place`` counts from 1 and is None for a cancelled candidate."""

    place: int | None
    candidate: str
    votes: int


def age_on(birth_date: date, day: date) -> int:
    """Whole years on ``day``; who was born on 29 February is a year older from 1 March."""
    had_birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    return day.year - birth_date.year - (0 if had_birthday else 1)


def belongs(runner: Runner, kind: RatingKind, first_day: date) -> bool:
    """Whether ``runner`` stands in the rating ``kind`` of a vote that began on ``first_day``."""
    if kind is RatingKind.WOMEN:
        return runner.is_woman
    if kind is RatingKind.YOUTH:
        return age_on(runner.birth_date, first_day) < YOUTH_UNDER
    return True


def rating(
    runners: Sequence[Runner], votes: Mapping[str, int], *, kind: RatingKind, first_day: date
) -> tuple[Ranked, ...]:
    """The rating ``kind`` of one contest, most votes first.

    Candidates with equal votes share a place and the places after them stay free (1, 2, 2, 4).
    Cancelled candidates follow at the end, without a place. Equal votes stand in order of id,
    which no counting machine can disagree about.
    """
    chosen = [runner for runner in runners if belongs(runner, kind, first_day)]
    ordered = sorted(chosen, key=lambda runner: (-votes.get(runner.id, 0), runner.id))
    standing = [runner for runner in ordered if not runner.is_cancelled]
    lines: list[Ranked] = []
    for position, runner in enumerate(standing, start=1):
        own = votes.get(runner.id, 0)
        shared = lines[-1].place if lines and lines[-1].votes == own else position
        lines.append(Ranked(shared, runner.id, own))
    lines += [
        Ranked(None, runner.id, votes.get(runner.id, 0))
        for runner in ordered
        if runner.is_cancelled
    ]
    return tuple(lines)
