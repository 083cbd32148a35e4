"""The gate: what a request may reach, decided before Streamlit sees it.

Streamlit serves uploads and media to whoever asks, opens a session for every websocket and answers
every path with its page. Here uploads and media need a live staff session, strangers' sessions
are counted, and paths that no screen has do not exist.
"""

import secrets
import time
from collections import Counter
from collections.abc import Collection
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import clock
from core.database import reading
from core.messaging import reports
from core.staff import sessions
from core.staff.rules import Actor, address_key
from pages.catalogue import FRONT_PAGE, page_names
from pages.listener import evidence_routes
from pages.listener.cookies import cookie_header, cookie_value, door_cookie, session_cookie
from pages.listener.origins import client_address, host_is_ours, origin_is_ours

STRANGERS: Final = 200
STRANGERS_PER_ADDRESS: Final = 40
UPLOAD_BYTES_PER_HOUR: Final = 500 * 1024 * 1024
UPLOAD_BYTES_EACH: Final = 26 * 1024 * 1024  # 25 MB and the wrapping of the form

_OWN_ROUTES: Final = frozenset({"/healthz", "/readyz", "/metrics", "/session", "/session/end"})
_SERVED: Final = frozenset(
    {
        "/favicon.png",
        "/manifest.json",
        "/_stcore/health",
        "/_stcore/host-config",
        "/_stcore/stream",
    }
)
_SERVED_BELOW: Final = ("/static/", "/_stcore/bidi-components/", reports.PATH)
_GUARDED: Final = ("/_stcore/upload_file/", "/media/", evidence_routes.PATH)
_PROBES: Final = frozenset({"/healthz", "/readyz"})
_REPORTS: Final = reports.PATH
"""Below it gateways report, by whatever name they know this host: the token alone counts there."""


def actor_of_request(headers: Headers) -> Actor | None:
    """The actor whose session cookie a request carries. Asks the database: not on the loop."""
    token = cookie_value(headers, session_cookie())
    if token is None:
        return None
    with reading() as session:
        return sessions.resolve(session, token, now=clock.now())


class Gate:
    """Middleware around the whole listener. ``open_paths`` are further routes of ours."""

    def __init__(self, app: ASGIApp, *, open_paths: Collection[str] = ()) -> None:
        self.app = app
        self._routes = _OWN_ROUTES | set(open_paths)
        self._pages = {f"/{name}" for name in page_names()} | {"/"}
        self._strangers: Counter[str] = Counter()
        self._uploads = UploadQuota()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, websocket, or the life of the process."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope = _with_client_address(scope, headers)
        any_host = scope["path"] in _PROBES or scope["path"].startswith(_REPORTS)
        if not any_host and not host_is_ours(headers.get("host")):
            await _refuse(scope, receive, send, 421, "Misdirected request")
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send, headers)
        else:
            await self._http(scope, receive, send, headers)

    async def _http(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        path = scope["path"]
        if path == f"/{FRONT_PAGE}":
            # Streamlit serves its default page at the root and knows it by no other address.
            await RedirectResponse("/")(scope, receive, send)
        elif path in self._pages:
            await self.app(scope, receive, _giving_door_cookie(send, headers))
        elif path.startswith(_GUARDED):
            await self._guarded(scope, receive, send, headers)
        elif path in self._routes or path in _SERVED or path.startswith(_SERVED_BELOW):
            await self.app(scope, receive, send)
        else:
            await _refuse(scope, receive, send, 404, "Not found")

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        actor = await run_in_threadpool(actor_of_request, headers)
        if actor is None:
            await _refuse(scope, receive, send, 401, "Sign in first")
        elif scope["method"] != "PUT":
            await self.app(scope, receive, send)
        elif actor.read_only:
            await _refuse(scope, receive, send, 403, "This session is for looking only")
        else:
            refusal = self._uploads.refusal(actor, headers.get("content-length"))
            if refusal:
                await _refuse(scope, receive, send, refusal, "Too much at once")
            else:
                await self.app(scope, receive, send)

    async def _websocket(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers
    ) -> None:
        if not origin_is_ours(headers.get("origin"), headers.get("host")):
            await _close(receive, send)
            return
        if await run_in_threadpool(actor_of_request, headers):
            await self.app(scope, receive, send)
            return
        address = address_key(scope["client"][0] if scope.get("client") else None)
        crowded = self._strangers.total() >= STRANGERS
        if crowded or self._strangers[address] >= STRANGERS_PER_ADDRESS:
            await _close(receive, send)
            return
        self._strangers[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._strangers[address] -= 1
            self._strangers += Counter()  # forget addresses that have left


class UploadQuota:
    """How much each session has sent within the hour; kept in memory, so a restart forgives."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[float, int]] = {}

    def refusal(self, actor: Actor, content_length: str | None) -> int | None:
        """An HTTP status if this upload is refused, else None and it counts."""
        if content_length is None or not content_length.isdigit():
            return 411
        size, now = int(content_length), time.monotonic()
        if size > UPLOAD_BYTES_EACH:
            return 413
        self._sent = {key: kept for key, kept in self._sent.items() if now - kept[0] < 3600}
        since, sent = self._sent.get(actor.session_id or 0, (now, 0))
        if sent + size > UPLOAD_BYTES_PER_HOUR:
            return 429
        self._sent[actor.session_id or 0] = (since, sent + size)
        return None


def _with_client_address(scope: Scope, headers: Headers) -> Scope:
    peer = scope["client"][0] if scope.get("client") else None
    address = client_address(peer, headers.getlist("x-forwarded-for"))
    # Nothing behind the gate may believe a header that any client can write.
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if not name.lower().startswith((b"x-forwarded-", b"forwarded", b"x-real-ip"))
    ]
    return {**scope, "client": (address, 0) if address else None, "headers": kept}


def _giving_door_cookie(send: Send, headers: Headers) -> Send:
    if cookie_value(headers, door_cookie()):
        return send

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            value = cookie_header(door_cookie(), secrets.token_urlsafe(32))
            MutableHeaders(scope=message).append("Set-Cookie", value)
        await send(message)

    return send_with_cookie


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await _close(receive, send)
        return
    response: Response = PlainTextResponse(text + "\n", status_code=status)
    await response(scope, receive, send)


async def _close(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})
