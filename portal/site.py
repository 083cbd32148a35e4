"""The public site: front page, voting page, rules and help, in three languages.

The front page is what a rush asks for first: it is read and drawn once in two seconds in each
language, and whoever asks in between gets the same bytes.
"""

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core import clock
from core.i18n import use_locale
from portal.kept import Kept
from portal.overview import Overview, State, read_overview
from portal.templating import answer, draw, locale_of, localized, page, static

_overviews: Kept[Overview | None] = Kept()
_pages: Kept[str] = Kept()


def _overview(locale: str) -> Overview | None:
    def read() -> Overview | None:
        with use_locale(locale):
            return read_overview(now=clock.now())

    return _overviews.get(locale, read)


def facts(request: Request) -> dict[str, object]:
    """What pages say of the primary: its overview, and whom to turn to."""
    overview = _overview(locale_of(request))
    return {"overview": overview, "contacts": overview.contacts if overview else None}


def _kept_page(request: Request, template: str) -> str:
    def make() -> str:
        return draw(request, template, **facts(request))

    return _pages.get(f"{request.url.path} {template}", make)


async def front(request: Request) -> Response:
    """State of the primary, dates, freeze, turnout, decisions about the dates."""
    html = await run_in_threadpool(_kept_page, request, "front.html")
    return answer(html, cache_control="public, max-age=2")


async def rules(request: Request) -> Response:
    """The rules of the vote."""
    return answer(await run_in_threadpool(_kept_page, request, "rules.html"))


async def guide(request: Request) -> Response:
    """How to vote, what to do when something goes wrong, and the digests of the scripts."""
    return answer(await run_in_threadpool(_kept_page, request, "help.html"))


async def vote(request: Request) -> Response:
    """The voter's way from IIN to receipt while voting is open, its first half before, else when."""

    def drawn() -> str:
        overview = _overview(locale_of(request))
        if overview is not None and (overview.state is State.OPEN or overview.checking_open):
            return _kept_page(request, "vote.html")
        return _kept_page(request, "vote_closed.html")

    return answer(await run_in_threadpool(drawn))


async def not_found(request: Request, fault: Exception | None = None) -> Response:
    """The page for an address that nothing answers."""
    del fault
    return page(request, "not_found.html", status=404)


async def unavailable(
    request: Request, *, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """The page for what failed on our side; it asks the database for nothing."""
    answered = page(request, "unavailable.html", status=status)
    answered.headers.update(headers or {})
    return answered


routes: list[BaseRoute] = [
    Route("/static/{build}/{name}", static, methods=["GET"]),
    Route("/", front, methods=["GET"]),
    *localized("/", front),
    *localized("/vote", vote),
    *localized("/rules", rules),
    *localized("/help", guide),
]
