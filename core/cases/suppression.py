"""Hiding small counts, so that nobody learns from a table that one certain person complained. Pure.

A count of one to four is hidden. Where the rest and the total would give it away, larger ones are
hidden with it, and at last the zeros too, until every hidden one could be any of five numbers at
least. A total is shown from five on: other tables of the same cases would tell it anyway.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

SMALLEST: Final = 5
"""The smallest count that is shown to those outside (cases.md, "Statistics")."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Shown(Generic[Key]):
    """A table as it may be seen: hidden counts, and a hidden total, are None."""

    cells: Mapping[Key, int | None]
    total: int | None


def suppressed(cells: Mapping[Key, int]) -> Shown[Key]:
    """``cells`` with every small count hidden, and no more than it takes to keep it hidden.

    They hold every key there is, with its zero: a key that is left out would tell of it.
    """
    total = sum(cells.values())
    hidden = {key for key, count in cells.items() if 0 < count < SMALLEST}
    rest = sorted(
        (key for key, count in cells.items() if count >= SMALLEST), key=lambda key: cells[key]
    )
    while hidden and not _is_safe([cells[key] for key in hidden]) and rest:
        hidden.add(rest.pop(0))
    if hidden and not _is_safe([cells[key] for key in hidden]):
        hidden = set(cells)
    return Shown(
        {key: None if key in hidden else count for key, count in cells.items()},
        None if 0 < total < SMALLEST else total,
    )


def _is_safe(hidden: list[int]) -> bool:
    # Who sees the rest and the total knows the sum of the hidden, and that each is at least one.
    return len(hidden) > 1 and sum(hidden) - len(hidden) + 1 >= SMALLEST


def rounded_down(count: int) -> int:
    """The multiple of five at or below a count: what a public page says, where weeks could be
    subtracted from each other.
    """
    return count - count % SMALLEST
