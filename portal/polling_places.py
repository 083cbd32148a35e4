"""Polling places for everybody: where, when and for whom, and every IIN that was set free again.

Of released and undone IINs the list says when, where and on what ground, and of whom nothing.
"""

from collections.abc import Sequence
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from core import clock, places
from core.database import reading
from core.i18n import format_date, use_locale
from core.paper import queries
from core.paper.queries import PollingPlaceView
from core.paper.rules import Hours
from core.primary.queries import active_primary
from portal.kept import Kept
from portal.overview import Contacts
from portal.templating import answer, draw, locale_of, localized

KEPT_OUTSIDE: Final = "public, max-age=60"
SHOWN_MOST: Final = 60
"""More are shown by region only: a phone should not load a country."""

_pages: Kept[str] = Kept()


async def show_places(request: Request) -> Response:
    """The regions that have polling places; with ``region`` or ``q``, the places themselves."""
    asked = " ".join(request.query_params.get("q", "").split())[:100]
    region = request.query_params.get("region", "")[:20]

    def made() -> str:
        with use_locale(locale_of(request)):
            return _draw(request, asked, region)

    name = f"{locale_of(request)} {region} {asked}"
    return answer(await run_in_threadpool(_pages.get, name, made), cache_control=KEPT_OUTSIDE)


def _draw(request: Request, asked: str, region: str) -> str:
    with reading() as session:
        primary = active_primary(session)
        every = queries.every_polling_place(session, primary.id) if primary else ()
        released = queries.releases(session, primary.id) if primary else ()
    found = [place for place in every if _fits(place, asked, region)]
    has_choice = bool(asked or region) or len(every) <= SHOWN_MOST
    return draw(
        request,
        "polling_places.html",
        primary=primary,
        asked=asked,
        total=len(every),
        regions=_regions(every),
        groups=_by_area(found) if has_choice else (),
        has_choice=has_choice,
        hours=_hours,
        releases=released,
        now=clock.now(),
        contacts=Contacts(primary.hotline, primary.email) if primary else None,
    )


def _fits(place: PollingPlaceView, asked: str, region: str) -> bool:
    if region and places.region_of(place.place_code) != region:
        return False
    area = places.name(place.place_code)
    text = " ".join((place.code, place.name, area, place.address)).casefold()
    return all(word in text for word in asked.casefold().split())


def _regions(found: Sequence[PollingPlaceView]) -> list[tuple[str, str, int]]:
    """Every region that has polling places: code, name, how many."""
    counts: dict[str, int] = {}
    for place in found:
        code = places.region_of(place.place_code)
        counts[code] = counts.get(code, 0) + 1
    return sorted(((code, places.name(code), n) for code, n in counts.items()), key=lambda r: r[1])


def _by_area(found: Sequence[PollingPlaceView]) -> list[tuple[str, list[PollingPlaceView]]]:
    groups: dict[str, list[PollingPlaceView]] = {}
    for place in found:
        unit = places.place(place.place_code)
        own = places.name(unit.code)
        name = f"{own}, {places.name(unit.parent)}" if unit.parent else own
        groups.setdefault(name, []).append(place)
    return list(groups.items())


def _hours(hours: Hours) -> str:
    """When a place is open; one day is said once."""
    first, last = format_date(hours.first_day), format_date(hours.last_day)
    days = first if first == last else f"{first} – {last}"
    return f"{days}, {hours.opens:%H:%M}–{hours.closes:%H:%M}"


routes: list[BaseRoute] = [*localized("/polling-places", show_places)]
