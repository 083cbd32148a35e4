"""Members of an invented party, as many as wanted, the same for the same seed.

Columns, not objects: 835,000 members take seconds. Identity numbers obey the check digit, mobile
numbers the numbering plan; both are drawn at random and belong to nobody.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import places
from core.rehearsal import names

Column = NDArray[Any]

REGISTER_COLUMNS: Final = (
    "iin",
    "last_name",
    "first_name",
    "middle_name",
    "birth_date",
    "mobile",
    "place_code",
    "branch",
    "admitted_on",
    "status",
)

# Operators' codes of the national plan; any seven digits after them make a mobile number.
_MOBILE_CODES: Final = np.array([700, 701, 702, 705, 706, 707, 708, 747, 771, 775, 776, 777, 778])

# Inhabitants in thousands, and the share of those with Kazakh names, by upper unit.
_REGIONS: Final[Mapping[str, tuple[int, float]]] = {
    "110000000": (736, 0.52),
    "150000000": (881, 0.83),
    "190000000": (2055, 0.72),
    "230000000": (645, 0.92),
    "270000000": (656, 0.76),
    "310000000": (1130, 0.73),
    "350000000": (1377, 0.52),
    "390000000": (868, 0.41),
    "430000000": (803, 0.96),
    "470000000": (698, 0.91),
    "550000000": (752, 0.53),
    "590000000": (548, 0.35),
    "610000000": (2016, 0.76),
    "630000000": (1369, 0.61),
    "710000000": (1136, 0.79),
    "750000000": (1916, 0.61),
    "790000000": (1038, 0.67),
}
_LEVEL_WEIGHTS: Final = {
    places.PlaceLevel.DISTRICT: 1.0,
    places.PlaceLevel.CITY: 3.0,
    places.PlaceLevel.CITY_DISTRICT: 1.0,
}
_CAPITALS: Final = frozenset(
    {
        *("111000000", "151000000", "331000000", "231000000", "271000000", "311000000"),
        *("351000000", "391000000", "431000000", "471000000", "551000000", "591000000"),
        *("611000000", "631000000"),
    }
)
_WORKPLACES: Final = (
    *("Школа", "Поликлиника", "Районная больница", "Колледж", "Детский сад", "Акимат", "Элеватор"),
    *("Водоканал", "Теплосети", "Автопарк", "Рудник", "Крестьянское хозяйство", "Центр занятости"),
    *("Библиотека", "Дом культуры", "Почта", "Энергосбыт", "Совет ветеранов"),
)
_BRANCH_SIZE: Final = 40

ACTIVE, EXCLUDED, WITHDRAWN = "active", "excluded", "withdrawn"


@dataclass(frozen=True)
class People:
    """Members as columns of one length; dates are ``datetime64[D]``, the rest is text.

    ``is_woman`` is not part of the register: it goes with the names.
    """

    iin: Column
    last_name: Column
    first_name: Column
    middle_name: Column
    birth_date: Column
    mobile: Column
    place_code: Column
    branch: Column
    admitted_on: Column
    status: Column
    is_woman: Column

    def __len__(self) -> int:
        return len(self.iin)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The rows of a register file, in the order of `REGISTER_COLUMNS`; dates are ISO."""
        columns = [getattr(self, name) for name in REGISTER_COLUMNS]
        return zip(*(column.astype(str).tolist() for column in columns), strict=True)

    def write_csv(self, path: Path) -> None:
        """Write the register as a file that the import takes."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(REGISTER_COLUMNS)
            writer.writerows(self.rows())
        path.chmod(0o600)


def invent(count: int, *, seed: int, today: date) -> People:
    """``count`` members whose ages and admissions are right on ``today``; no IIN or number twice.

    About 12 % left the party, 3 % were admitted in the last two months, 0.3 % are not yet 18.
    """
    draw = np.random.default_rng([seed, 2020])
    day = np.datetime64(today, "D")
    place_index = draw.choice(len(_leaves()), size=count, p=_leaf_weights())
    is_woman = draw.random(count) < 0.56
    circle = _circles(draw, place_index)
    last, first, middle = _names(draw, circle, is_woman)
    born = _birth_dates(draw, count, day)
    return People(
        iin=_iins(draw, born, is_woman),
        last_name=last,
        first_name=first,
        middle_name=middle,
        birth_date=born,
        mobile=_mobiles(draw, count),
        place_code=np.array([unit.code for unit in _leaves()], dtype=object)[place_index],
        branch=_branches(draw, place_index),
        admitted_on=_admissions(draw, born, day),
        status=draw.choice(
            np.array([ACTIVE, EXCLUDED, WITHDRAWN], dtype=object), size=count, p=[0.88, 0.1, 0.02]
        ),
        is_woman=is_woman,
    )


@cache
def _leaves() -> tuple[places.Place, ...]:
    """The units people live in: districts, towns, districts of the three great cities."""
    return tuple(unit for unit in places.all_places() if not places.children(unit.code))


@cache
def _leaf_weights() -> Column:
    weight = np.array(
        [9.0 if u.code in _CAPITALS else _LEVEL_WEIGHTS.get(u.level, 1.0) for u in _leaves()]
    )
    regions = np.array([places.region_of(unit.code) for unit in _leaves()])
    for code, (inhabitants, _share) in _REGIONS.items():
        inside = regions == code
        weight[inside] *= inhabitants / weight[inside].sum()
    weight /= weight.sum()
    return weight


_CIRCLES: Final = (names.KAZAKH, names.KAZAKH_IN_RUSSIAN, names.RUSSIAN, names.OTHER)


def _circles(draw: np.random.Generator, place_index: Column) -> Column:
    """For each person the index of a circle: by the region's mix."""
    share = np.array([_REGIONS[places.region_of(unit.code)][1] for unit in _leaves()])[place_index]
    throw, spelling = draw.random(len(place_index)), draw.random(len(place_index))
    other = np.where(spelling < 0.8, 2, 3)
    return np.where(throw < share, np.where(spelling < 0.55, 0, 1), other)


@cache
def _forms(circle: int) -> tuple[tuple[Column, Column, Column], tuple[Column, Column, Column]]:
    """Surnames, given names and patronymics of a circle: first of men, then of women."""
    chosen = _CIRCLES[circle]
    spell = names.in_russian if chosen is names.KAZAKH_IN_RUSSIAN else str

    def of(*, woman: bool) -> tuple[Column, Column, Column]:
        given = chosen.women if woman else chosen.men
        fathers = [
            names.patronymic(spell(father), woman=woman, kazakh=chosen.kazakh_patronymics)
            for father in chosen.fathers
        ]
        surnames = [names.surname(spell(name), woman=woman) for name in chosen.surnames]
        return (
            np.array(surnames, dtype=object),
            np.array([spell(name) for name in given], dtype=object),
            np.array(fathers, dtype=object),
        )

    return of(woman=False), of(woman=True)


def _names(
    draw: np.random.Generator, circle: Column, is_woman: Column
) -> tuple[Column, Column, Column]:
    columns = tuple(np.empty(len(circle), dtype=object) for _ in range(3))
    for index in range(len(_CIRCLES)):
        for woman in (False, True):
            who = np.flatnonzero((circle == index) & (is_woman == woman))
            for column, forms in zip(columns, _forms(index)[woman], strict=True):
                column[who] = forms[draw.integers(len(forms), size=len(who))]
    last, first, middle = columns
    middle[draw.random(len(circle)) < 0.02] = ""  # some papers name no father
    return last, first, middle


def _birth_dates(draw: np.random.Generator, count: int, day: np.datetime64) -> Column:
    years = draw.triangular(18.0, 38.0, 84.0, size=count)
    years = np.where(draw.random(count) < 0.003, draw.uniform(17.0, 17.99, size=count), years)
    born: Column = day - (years * 365.2425).astype("timedelta64[D]")
    return born


def _admissions(draw: np.random.Generator, born: Column, day: np.datetime64) -> Column:
    adult = born + np.timedelta64(6575, "D")
    lately = day - draw.integers(1, 61, size=len(born)).astype("timedelta64[D]")
    span = np.maximum((day - np.timedelta64(62, "D") - adult).astype(int), 1)
    since = np.minimum(span, 365 * 20)
    long_ago = day - np.timedelta64(62, "D") - (draw.random(len(born)) * since).astype(int)
    youngest = day - np.timedelta64(70, "D")
    usual = np.minimum(long_ago, youngest)
    return np.where(draw.random(len(born)) < 0.03, lately, usual)


def check_digits(first_eleven: Column) -> Column:
    """The check digit of each row of eleven digits, −1 where the number is never issued.

    Weights 1…11 modulo 11; a remainder of 10 asks again with 3…11, 1, 2.
    """
    weights = np.arange(1, 12)
    once = first_eleven @ weights % 11
    twice = first_eleven @ np.roll(weights, -2) % 11
    digit: Column = np.where(once < 10, once, np.where(twice < 10, twice, -1))
    return digit


def _iins(draw: np.random.Generator, born: Column, is_woman: Column) -> Column:
    """Twelve digits: birth date, century and sex, a running number, the check digit."""
    year = born.astype("datetime64[Y]").astype(int) + 1970
    month = born.astype("datetime64[M]").astype(int) % 12 + 1
    day = (born - born.astype("datetime64[M]")).astype(int) + 1
    century = np.where(year < 2000, 3, 5) + is_woman
    head = ((year % 100 * 100 + month) * 100 + day) * 10 + century
    made = np.full(len(born), -1, dtype=np.int64)
    missing = np.arange(len(born))
    while len(missing):
        eleven = head[missing] * 10_000 + draw.integers(10_000, size=len(missing))
        digits = eleven[:, None] // 10 ** np.arange(10, -1, -1) % 10
        check = check_digits(digits)
        made[missing] = np.where(check < 0, -1, eleven * 10 + check)
        missing = _to_redraw(made)
    return np.char.zfill(made.astype(str), 12).astype(object)


def _mobiles(draw: np.random.Generator, count: int) -> Column:
    made = np.full(count, -1, dtype=np.int64)
    missing = np.arange(count)
    while len(missing):
        code = _MOBILE_CODES[draw.integers(len(_MOBILE_CODES), size=len(missing))]
        made[missing] = code * 10_000_000 + draw.integers(10_000_000, size=len(missing))
        missing = _to_redraw(made)
    return np.array([f"+7{number}" for number in made.tolist()], dtype=object)


def _to_redraw(made: Column) -> Column:
    """Positions that hold no number yet, or one that stands before them already."""
    _values, first = np.unique(made, return_index=True)
    repeated = np.ones(len(made), dtype=bool)
    repeated[first] = False
    return np.flatnonzero(repeated | (made < 0))


def _branches(draw: np.random.Generator, place_index: Column) -> Column:
    """Primary party organisations of some forty members; no two in the country have one name."""
    per_place = np.bincount(place_index, minlength=len(_leaves())) // _BRANCH_SIZE + 1
    first_number = np.concatenate(([1], np.cumsum(per_place)[:-1] + 1))
    own = (draw.random(len(place_index)) * per_place[place_index]).astype(int)
    number = first_number[place_index] + own
    kinds = np.array(_WORKPLACES, dtype=object)[draw.integers(len(_WORKPLACES), size=9999)]
    return np.array([f"ППО № {n} «{kinds[n % len(kinds)]}»" for n in number.tolist()], dtype=object)
