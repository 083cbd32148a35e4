"""One measured figure beside its yardstick, and how the figures are printed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """``ours`` beside ``yardstick`` (None: there is none) in ``unit``; ``ratio`` as ``goal`` means it.

    ``goal`` is written ``≤ 1.5``, ``≥ 2`` or ``< 0.75``. Without a yardstick it bounds ``ours``.
    """

    id: str
    what: str
    ours: float
    yardstick: float | None
    unit: str
    ratio: float | None
    goal: str

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        found = re.search(r"([≤≥<>])\s*([\d.,]+)", self.goal)
        if found is None:
            raise ValueError(f"a goal that can't be read: {self.goal}")
        bound = float(found[2].replace(",", ""))
        value = self.ours if self.ratio is None else self.ratio
        return {
            "≤": value <= bound,
            "≥": value >= bound,
            "<": value < bound,
            ">": value > bound,
        }[found[1]]


def figure(value: float | None) -> str:
    """Three significant digits, thousands apart."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Measurement]) -> str:
    """All figures as one table, a line each, with the word whether the goal is met."""
    header = ("#", "what", "ours", "yardstick", "unit", "ratio", "goal", "")
    lines = [
        (
            row.id,
            row.what,
            figure(row.ours),
            figure(row.yardstick),
            row.unit,
            figure(row.ratio),
            row.goal,
            "met" if row.is_met else "MISSED",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["─" * width for width in widths]), *map(line, lines)])
