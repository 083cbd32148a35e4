"""What stands before every page and call: hosts, sizes, headers, language. Plain ASGI, for speed."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.i18n import LOCALES, set_locale
from core.settings import settings
from portal.problems import problem

LARGEST_BODY: Final = 256 * 1024
LARGEST_UPLOAD: Final = 26 * 1024 * 1024
"""Bytes of a request that brings a file: 25 MB and the wrapping of the form."""

UPLOADS: Final = "/complaint/file"
"""How the paths end that take a file."""

_HEADERS: Final = (
    # What is no page of ours (JSON, a refusal) needs nothing; pages bring a policy of their own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


def allowed_origins() -> frozenset[str]:
    """The origins of our own pages: the public URL, and loopback while developing."""
    public = settings().public_url
    origins = {public}
    if not settings().is_production:
        origins |= {f"http://{host}:{settings().public_port}" for host in _LOOPBACK}
    return frozenset(origins)


def allowed_hosts() -> frozenset[str]:
    """The values of ``Host`` that are answered."""
    return frozenset(urlsplit(origin).netloc for origin in allowed_origins())


class BodyTooLarge(Exception):
    """A request whose body is larger than anything we ask for."""


class Guard:
    """Refuses strange hosts and large bodies, sets the language, adds the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._hosts = frozenset(host.encode() for host in allowed_hosts())
        secure = settings().public_url.startswith("https://")
        self._headers = (*_HEADERS, _HSTS) if secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name.lower() for name, _value in message["headers"]}
                ours = (header for header in self._headers if header[0] not in given)
                message["headers"] = [*message["headers"], *ours]
            await send(message)

        host = language = length = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"accept-language":
                language = value
            elif name == b"content-length":
                length = value
        set_locale(preferred_locale(language.decode("latin-1")))
        # The probes come from inside, by address: they tell nothing about the vote.
        if host not in self._hosts and scope["path"] not in {"/healthz", "/readyz"}:
            await problem(421, "host_unknown")(scope, receive, send_guarded)
            return
        largest = LARGEST_UPLOAD if scope["path"].endswith(UPLOADS) else LARGEST_BODY
        if length and (not length.isdigit() or int(length) > largest):
            await problem(413, "body_too_large")(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, _limited(receive, largest), send_guarded)
        except BodyTooLarge:
            if started:
                raise
            await problem(413, "body_too_large")(scope, receive, send_guarded)


def _limited(receive: Receive, largest: int) -> Receive:
    """``receive`` that stops a body sent in chunks, whose length nobody announced."""
    read = 0

    async def receive_limited() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > largest:
                raise BodyTooLarge
        return message

    return receive_limited


def preferred_locale(accepted: str) -> str:
    """The first of our languages in an ``Accept-Language`` header, by its weights; else Russian."""
    if not accepted:
        return LOCALES[0]
    return max(_weighted(accepted), default=(0.0, 0, LOCALES[0]))[2]


def _weighted(accepted: str) -> Iterable[tuple[float, int, str]]:
    for place, part in enumerate(accepted[:200].split(",")):
        tag, _semicolon, weight = part.strip().partition(";q=")
        locale = tag.split("-")[0].lower()
        if locale in LOCALES:
            try:
                yield (float(weight) if weight else 1.0), -place, locale
            except ValueError:
                continue
