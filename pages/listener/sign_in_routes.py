"""Where a browser exchanges its ticket for a session cookie, and gives the cookie back.

Both answer only a POST from a page of this listener (exact Origin) and say nothing that a stranger
could use. The work touches the database and so leaves the event loop.
"""

import json
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.staff import sign_in
from pages.listener.cookies import (
    cookie_header,
    cookie_value,
    door_cookie,
    removal_header,
    session_cookie,
)
from pages.listener.origins import origin_is_ours

_LONGEST_BODY: Final = 1024


async def start_session(request: Request) -> Response:
    """204 and the session cookie for a fitting ticket, else 403."""
    if not _is_from_our_page(request):
        return Response(status_code=403)
    ticket = _ticket(await _body(request))
    if ticket is None:
        return Response(status_code=400)
    token = await run_in_threadpool(
        _redeem,
        ticket,
        cookie_value(request.headers, door_cookie()),
        cookie_value(request.headers, session_cookie()),
    )
    if token is None:
        return Response(status_code=403)
    response = Response(status_code=204)
    response.headers.append("Set-Cookie", cookie_header(session_cookie(), token))
    # The next sign-in gets a door of its own.
    response.headers.append("Set-Cookie", removal_header(door_cookie()))
    return response


async def end_session(request: Request) -> Response:
    """204: the cookie's session is over and the cookie is gone."""
    if not _is_from_our_page(request):
        return Response(status_code=403)
    await run_in_threadpool(_sign_out, cookie_value(request.headers, session_cookie()))
    response = Response(status_code=204)
    response.headers.append("Set-Cookie", removal_header(session_cookie()))
    return response


def _is_from_our_page(request: Request) -> bool:
    return origin_is_ours(request.headers.get("origin"), request.headers.get("host"))


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            return b""
    return body


def _ticket(body: bytes) -> str | None:
    try:
        ticket = json.loads(body).get("ticket")
    except (ValueError, AttributeError):
        return None
    return ticket if isinstance(ticket, str) and ticket else None


def _redeem(ticket: str, browser: str | None, old_token: str | None) -> str | None:
    try:
        with unit_of_work() as session:
            return sign_in.redeem_ticket(
                session, ticket, browser=browser, old_token=old_token, now=clock.now()
            )
    except Refused:
        return None


def _sign_out(token: str | None) -> None:
    with unit_of_work() as session:
        sign_in.sign_out(session, token, now=clock.now())


routes: Final = [
    Route("/session", start_session, methods=["POST"]),
    Route("/session/end", end_session, methods=["POST"]),
]
