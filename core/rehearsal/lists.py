"""The contests of a rehearsal and who stands in them, as the files that an organizer brings."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Final

import numpy as np

from core import places
from core.rehearsal.people import People, invent

WOMEN, YOUNG = 0.37, 0.29
"""The shares of women and of people under 35 among the candidates of 2020."""

_CAPITALS: Final = (
    *("111000000", "151000000", "331000000", "231000000", "271000000", "311000000", "351000000"),
    *("391000000", "431000000", "471000000", "551000000", "591000000", "611000000", "631000000"),
)


@dataclass(frozen=True)
class Draft:
    """A contest: its code, its place (None: national), seats, choices, how many stand in it."""

    code: str
    place: str | None
    seats: int
    max_choices: int
    candidates: int

    def title(self, locale: str) -> str:
        """What is elected, in a language."""
        if self.place is None:
            return {"ru": "Партийный список", "kk": "Партиялық тізім", "en": "Party list"}[locale]
        council = {"ru": "Маслихат", "kk": "Мәслихат", "en": "Maslikhat"}[locale]
        return f"{council}: {places.name(self.place, locale)}"


def contests() -> tuple[Draft, ...]:
    """One national list, the councils of the 17 upper units and of their 14 capital towns."""
    return (
        Draft("list", None, 10, 5, 30),
        *(Draft(f"region-{u.code[:2]}", u.code, 5, 3, 12) for u in places.children(None)),
        *(Draft(f"town-{code[:4]}", code, 3, 2, 8) for code in _CAPITALS),
    )


def contests_csv() -> bytes:
    """The contests as a file."""
    header = ("code", "title_ru", "title_kk", "title_en", "place_code", "seats", "max_choices")
    return _file(
        header,
        (
            (
                draft.code,
                *(draft.title(locale) for locale in ("ru", "kk", "en")),
                draft.place or "",
                draft.seats,
                draft.max_choices,
            )
            for draft in contests()
        ),
    )


def candidates_csv(*, seed: int, today: date) -> bytes:
    """The candidates as a file: 37 % women, 29 % under 35, none younger than 21."""
    header = (
        *("contest_code", "last_name", "first_name", "middle_name", "birth_date", "sex"),
        *("nominated_by", "mobile", "email"),
    )
    drafts = contests()
    pool = invent(8 * sum(draft.candidates for draft in drafts), seed=seed + 2, today=today)
    chosen = iter(_choose(pool, sum(draft.candidates for draft in drafts), seed, today))
    rows = []
    for draft in drafts:
        for _number in range(draft.candidates):
            who = next(chosen)
            rows.append(
                (
                    draft.code,
                    pool.last_name[who],
                    pool.first_name[who],
                    pool.middle_name[who],
                    str(pool.birth_date[who]),
                    "f" if pool.is_woman[who] else "m",
                    pool.branch[who],
                    pool.mobile[who],
                    "",
                )
            )
    return _file(header, rows)


def _choose(pool: People, count: int, seed: int, today: date) -> Sequence[int]:
    draw = np.random.default_rng([seed, 37])
    day = np.datetime64(today, "D")
    age = (day - pool.birth_date).astype(int) / 365.25
    women, young = round(count * WOMEN), YOUNG
    picked: list[int] = []
    for is_woman, many in ((True, women), (False, count - women)):
        for under_35, some in ((True, round(many * young)), (False, many - round(many * young))):
            fits = (age > 21.5) & (age < 70) & ((age < 34.9) == under_35)
            who = np.flatnonzero((pool.is_woman == is_woman) & fits)
            picked += who[:some].tolist()
    order: list[int] = draw.permutation(np.array(picked)).tolist()
    return order


def _file(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
