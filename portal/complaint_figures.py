"""How many complaints there are, for everybody: those received before Monday by region and kind, as
they are known now.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core import clock, places
from core.cases.rules import Category
from core.cases.statistics import PublicStatistics, public_statistics
from core.database import reading
from core.i18n import term, use_locale
from core.primary.queries import active_primary
from portal.asking import PREFIX
from portal.kept import Kept
from portal.openapi import Call
from portal.overview import Contacts
from portal.templating import answer, draw, locale_of, localized

KEPT_OUTSIDE: Final = "public, max-age=3600"
_found: Kept[PublicStatistics] = Kept(keep=timedelta(minutes=10))
_pages: Kept[str] = Kept(keep=timedelta(minutes=10))


class ComplaintFigures(msgspec.Struct):
    """Counts of complaints before ``at``, rounded down to multiples of five; places by code."""

    at: datetime
    total: int
    decided: int
    upheld: int
    regions: dict[str, int]
    categories: dict[str, int]


CALLS: Final = (
    Call(
        method="GET",
        path=f"{PREFIX}/complaint-figures",
        summary="How many complaints there are, by region and kind; made anew each Monday",
        answers={200: ComplaintFigures},
        tag="complaints",
    ),
)


def _read() -> PublicStatistics:
    with reading() as session:
        return public_statistics(session, now=clock.now())


async def show(request: Request) -> Response:
    """The page."""

    def drawn() -> str:
        with use_locale(locale_of(request)):
            found = _found.get("all", _read)
            with reading() as session:
                primary = active_primary(session)
            regions = [(places.name(code), count) for code, count in found.regions.items() if code]
            kinds = [(_kind_name(kind), count) for kind, count in found.categories.items()]
            return draw(
                request,
                "complaint_figures.html",
                found=found,
                regions=sorted(regions),
                kinds=kinds,
                unknown=found.regions.get("", 0),
                contacts=Contacts(primary.hotline, primary.email) if primary else None,
            )

    page = await run_in_threadpool(_pages.get, locale_of(request), drawn)
    return answer(page, cache_control=KEPT_OUTSIDE)


def _kind_name(kind: Category) -> str:
    words = term(kind)
    return words[:1].upper() + words[1:]


async def call(request: Request) -> Response:
    """The same as JSON, places by their code."""
    del request
    found = await run_in_threadpool(_found.get, "all", _read)
    figures = ComplaintFigures(
        at=found.at,
        total=found.total,
        decided=found.decided,
        upheld=found.upheld,
        regions={code: count for code, count in found.regions.items() if code},
        categories={category.value: count for category, count in found.categories.items()},
    )
    headers = {"Cache-Control": KEPT_OUTSIDE}
    return Response(msgspec.json.encode(figures), media_type="application/json", headers=headers)


routes: list[BaseRoute] = [
    Route(f"{PREFIX}/complaint-figures", call, methods=["GET"]),
    *localized("/complaint-figures", show),
]
