"""What a rush meets: before anything is read or decided, newcomers come in or are told to wait.

Only two things are asked about: beginning a sign-in, and the page that begins a vote. Whoever has a
challenge or a session passes without being looked at. A refusal costs about a seventh of one
request of a voter. (In uvicorn's protocol class, before parsing, it would cost half of that, 2 % of
what a rush gets through; the portal would then depend on private parts of uvicorn.)
"""

import asyncio
import random
from functools import lru_cache
from typing import Final

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import clock
from core.i18n import LOCALES
from core.settings import settings
from core.voting.addresses import address_key
from portal import tickets
from portal.address import address_of
from portal.admission import Admission, Turn
from portal.asking import PREFIX, cookie_name
from portal.openapi import Call
from portal.problems import problem
from portal.runtime import Runtime, runtime_of
from portal.shapes import WaitingAnswer
from portal.templating import SECURITY_HEADERS, draw
from portal.tickets import HEADER, HEADER_MEANING, Ticket

TURN_COME: Final = "turn"
"""The query with which the waiting page leads on: the page itself is not what costs."""

_SIGN_IN: Final = f"{PREFIX}/sign-in"
_BALLOT: Final = f"{PREFIX}/ballot"
_VOTE_PAGES: Final = frozenset(f"/{locale}/vote" for locale in LOCALES)
_RELOADS: Final = range(20, 40, 3)
"""Seconds after which a browser without scripts asks for the page again; drawn by lot."""

CALLS: Final = (
    Call(
        method="GET",
        path=f"{PREFIX}/waiting",
        summary="Whether a sign-in can be begun now, and when if not; keeps a place in the line",
        answers={200: WaitingAnswer},
        offered={HEADER: HEADER_MEANING},
    ),
)


class Gate:
    """Lets newcomers in or tells them to wait; counts what was done for the others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(_SIGN_IN) or path == _BALLOT:
            runtime: Runtime = scope["app"].state.runtime
            if path == _SIGN_IN and scope["method"] == "POST":
                await self._begin(runtime, scope, receive, send)
            else:
                await self._app(scope, receive, _counting(runtime, send))
            return
        if path in _VOTE_PAGES and _has_to_wait(Request(scope)):
            await _page(Request(scope))(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _begin(self, runtime: Runtime, scope: Scope, receive: Receive, send: Send) -> None:
        now = _now()
        turn = _asked(runtime.admission, scope, now)
        if not turn.has_come:
            runtime.load.refused()
            await receive()  # left unread, the body would turn our closing into a reset
            await _told(turn, now)(scope, receive, send)
            return
        if turn.seconds:
            await asyncio.sleep(turn.seconds)
        await self._app(scope, receive, _counting(runtime, send, turn.ticket))


def _has_to_wait(request: Request) -> bool:
    """Whether the page that begins a vote is to wait: not for a session, nor after its turn."""
    if TURN_COME in request.query_params or cookie_name() in request.cookies:
        return False
    runtime: Runtime | None = getattr(request.app.state, "runtime", None)
    return runtime is not None and runtime.admission.expected_wait(_now()) > 0


def _now() -> float:
    return clock.now().timestamp()


def _asked(admission: Admission, scope: Scope, now: float) -> Turn:
    connection = HTTPConnection(scope)
    ticket = _ticket(connection, now)
    address = address_of(connection) if ticket is not None else None
    return admission.come_in(ticket, address_key(address) if address else "", now=now)


def _ticket(connection: HTTPConnection, now: float) -> Ticket | None:
    spelled = connection.headers.get(HEADER, "")
    return tickets.read(spelled, now=now) if spelled else None


def _counting(runtime: Runtime, send: Send, ticket: Ticket | None = None) -> Send:
    """``send`` that counts what was done for a voter and gives the ticket for another try."""

    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 400:
            runtime.load.served()
            if ticket is not None:
                header = (HEADER.lower().encode(), tickets.spell(ticket).encode())
                message["headers"] = [*message["headers"], header]
        await send(message)

    return counted


def _told(turn: Turn, now: float) -> Response:
    spelled = tickets.spell(turn.ticket)
    return problem(
        503,
        "waiting",
        headers={"Retry-After": str(turn.retry_after(now)), HEADER: spelled, **_closing()},
        wait_seconds=round(turn.seconds, 1),
        ticket=spelled,
    )


def _closing() -> dict[str, str]:
    # Those who wait need no connection; a proxy keeps its own for the next ones.
    return {} if settings().trusted_proxies else {"Connection": "close"}


def _page(request: Request) -> Response:
    seconds = random.choice(_RELOADS)  # noqa: S311 - a lot that nobody gains by guessing
    return Response(
        _drawn(request.url.path, seconds),
        503,
        media_type="text/html",
        headers={
            **SECURITY_HEADERS,
            "Cache-Control": "no-store",
            "Retry-After": str(seconds),
            **_closing(),
        },
    )


@lru_cache(maxsize=len(LOCALES) * len(_RELOADS))
def _drawn(path: str, seconds: int) -> bytes:
    scope = {"type": "http", "path": path, "headers": [], "query_string": b"", "server": ("", 80)}
    return draw(Request(scope), "waiting.html", reload_after=seconds).encode()


async def waiting(request: Request) -> Response:
    """``GET /waiting``: asked by the waiting page, and by apps that want to tell the wait first."""
    now = _now()
    runtime = runtime_of(request)
    turn = runtime.admission.ask(_ticket(request, now), now=now)
    runtime.load.refused()
    spelled = tickets.spell(turn.ticket)
    headers = {"Cache-Control": "no-store", HEADER: spelled}
    if not turn.has_come:
        headers["Retry-After"] = str(turn.retry_after(now))
    answer = WaitingAnswer(turn.has_come, round(turn.seconds, 1), spelled)
    return Response(_encode(answer), media_type="application/json", headers=headers)


_encode = msgspec.json.Encoder().encode

routes = [Route(f"{PREFIX}/waiting", waiting, methods=["GET"])]
