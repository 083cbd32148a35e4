"""The territorial units a primary is held in, from ``data/regions.csv``. Codes are opaque keys."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from core.errors import Refused
from core.i18n import _, current_locale
from core.settings import ROOT

PLACES_FILE: Final = ROOT / "data" / "regions.csv"
TILES_FILE: Final = ROOT / "data" / "regions_tilegrid.csv"


class PlaceLevel(StrEnum):
    """What kind of unit a place is."""

    REGION = "region"
    REPUBLICAN_CITY = "republican_city"
    DISTRICT = "district"
    CITY = "city"
    CITY_DISTRICT = "city_district"


class PlaceRefusal(StrEnum):
    """Why a place was refused."""

    UNKNOWN_PLACE = "unknown_place"


@dataclass(frozen=True)
class Place:
    """One unit: its opaque ``code``, its parent's code (None for the 17 upper units), its names."""

    code: str
    level: PlaceLevel
    parent: str | None
    names: Mapping[str, str]
    zone: ZoneInfo


@dataclass(frozen=True)
class Tile:
    """A square of the equal-square map: column and row from the upper left, and a short name."""

    code: str
    x: int
    y: int
    short: str


@cache
def _register() -> Mapping[str, Place]:
    with PLACES_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    zones = {row["code"]: row["tz_2020"] for row in rows}
    return MappingProxyType(
        {
            row["code"]: Place(
                code=row["code"],
                level=PlaceLevel(row["level"]),
                parent=row["parent"] or None,
                names={locale: row[f"name_{locale}"] for locale in ("ru", "kk", "en")},
                zone=ZoneInfo(row["tz_2020"] or zones[row["parent"]]),
            )
            for row in rows
        }
    )


def all_places() -> tuple[Place, ...]:
    """Every unit, in the order of the file."""
    return tuple(_register().values())


def find(code: str | None) -> Place | None:
    """The unit with this code, or None."""
    return _register().get(code) if code else None


def place(code: str) -> Place:
    """The unit with this code; refused as ``unknown_place``."""
    found = find(code)
    if found is None:
        raise Refused(PlaceRefusal.UNKNOWN_PLACE, code=code)
    return found


@cache
def children(code: str | None) -> tuple[Place, ...]:
    """The units directly below ``code``; None gives the upper units."""
    return tuple(unit for unit in all_places() if unit.parent == code)


@cache
def within(code: str) -> tuple[str, ...]:
    """The codes of a unit and of everything in it."""
    return (code, *(below for unit in children(code) for below in within(unit.code)))


@cache
def ancestors(code: str) -> tuple[Place, ...]:
    """The unit itself, then what it lies in, up to its region."""
    unit = place(code)
    return (unit, *(ancestors(unit.parent) if unit.parent else ()))


def region_of(code: str) -> str:
    """The code of the upper unit in which ``code`` lies."""
    return ancestors(code)[-1].code


def name(code: str | None, locale: str | None = None) -> str:
    """The unit's name; None is the centre."""
    return place(code).names[locale or current_locale()] if code else _("Centre")


@cache
def tile_grid() -> tuple[Tile, ...]:
    """The 17 upper units as squares of one size."""
    with TILES_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Tile(row["code"], int(row["x"]), int(row["y"]), row["short_ru"])
            for row in csv.DictReader(file)
        )
