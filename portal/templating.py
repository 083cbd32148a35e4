"""How a public page is drawn: its language, its headers, its stylesheet and scripts.

The language stands in the address (``/ru/…``, ``/kk/…``, ``/en/…``), so that no cookie is needed
before somebody signs in. A page module makes its routes with `localized` and answers with `page`:

    routes = localized("/results", show_results)

    async def show_results(request: Request) -> Response:
        bundle = await run_in_threadpool(read_bundle)
        return page(request, "results.html", bundle=bundle)

Its template extends ``base.html`` and fills the blocks ``title``, ``main`` and ``scripts``.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cache
from gzip import compress
from hashlib import sha256
from pathlib import Path
from typing import Final

from babel.dates import get_timezone_location
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from core.i18n import (
    DEFAULT,
    LOCALES,
    NO_BREAK_SPACE,
    _,
    current_locale,
    format_date,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    format_time,
    n_,
    term,
    use_locale,
)
from core.settings import settings

HERE: Final = Path(__file__).resolve().parent
STATIC_DIR: Final = HERE / "static"

Endpoint = Callable[[Request], Awaitable[Response]]

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    # No inline script, no eval, nothing from elsewhere; a flaw in a page then has nothing to run.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would turn the Origin of a form's POST into "null"; this keeps it exact.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

LANGUAGES: Final = {"ru": "Русский", "kk": "Қазақша", "en": "English"}
"""Each language under its own name, as a person who reads only that one looks for it."""

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class _StaticFile:
    """A file of the site, held in memory: plain, compressed, and its SHA-256."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        self.compressed = compress(self.content, mtime=0)
        self.sha256 = sha256(self.content).hexdigest()
        self.media_type = _MEDIA_TYPES[path.suffix]


@cache
def _static_files() -> Mapping[str, _StaticFile]:
    found = sorted(path for path in STATIC_DIR.iterdir() if path.suffix in _MEDIA_TYPES)
    return {path.name: _StaticFile(path) for path in found}


@cache
def _build() -> str:
    """One name for this set of static files: scripts import each other under the same one."""
    digests = "".join(file.sha256 for file in _static_files().values())
    return sha256(digests.encode()).hexdigest()[:12]


def static_url(name: str) -> str:
    """The address of a static file; it changes with its content, so it may be kept for ever."""
    if name not in _static_files():
        raise KeyError(name)
    return f"/static/{_build()}/{name}"


def static_sha256(name: str) -> str:
    """The SHA-256 of a static file, in hexadecimal, as the help page publishes it."""
    return _static_files()[name].sha256


async def static(request: Request) -> Response:
    """A stylesheet or script, from memory."""
    file = _static_files().get(request.path_params["name"])
    if file is None:
        return Response(status_code=404, headers=dict(SECURITY_HEADERS))
    known = request.path_params["build"] == _build()
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "public, max-age=31536000, immutable" if known else "no-store",
        "Vary": "Accept-Encoding",
    }
    content = file.content
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = file.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=file.media_type, headers=headers)


def locale_of(request: Request) -> str:
    """The language of the page asked for: the first part of its path, Russian at the root."""
    first = request.url.path.strip("/").partition("/")[0]
    return first if first in LOCALES else DEFAULT


def localized(
    path: str, endpoint: Endpoint, *, methods: tuple[str, ...] = ("GET",)
) -> list[BaseRoute]:
    """Routes of one page in every language; the bare path leads to the Russian page."""

    async def to_default(request: Request) -> Response:
        del request
        return RedirectResponse(f"/{DEFAULT}{path}", 307, headers=dict(SECURITY_HEADERS))

    own: list[BaseRoute] = [
        Route(f"/{locale}{path}", endpoint, methods=list(methods)) for locale in LOCALES
    ]
    return [*own, Route(path, to_default, methods=["GET"])] if path != "/" else own


def offset_minutes(instant: datetime, zone: tzinfo | None = None) -> int:
    """How many minutes a zone (the primary's) is ahead of UTC at an instant."""
    offset = instant.astimezone(zone or settings().zone).utcoffset() or timedelta()
    return int(offset.total_seconds() // 60)


def offset_label(instant: datetime, zone: tzinfo) -> str:
    """The offset of a zone at an instant: ``UTC+6``, ``UTC+5:30``."""
    minutes = offset_minutes(instant, zone)
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes >= 0 else "−"
    return f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")


def zone_label(instant: datetime) -> str:
    """The zone of shown times with its offset at that instant: ``Алматы, UTC+6``."""
    zone = settings().zone
    place = get_timezone_location(zone, locale=current_locale(), return_city=True)
    return f"{place}, {offset_label(instant, zone)}"


def _machine_time(instant: datetime) -> str:
    return instant.astimezone(settings().zone).isoformat(timespec="seconds")


def _unbroken(instant: datetime, zone: tzinfo | None = None) -> str:
    """Date and hour that no line break parts."""
    return format_datetime(instant, zone).replace(" ", NO_BREAK_SPACE)


def _time_element(instant: datetime, *, zone: bool = False) -> Markup:
    shown = _unbroken(instant) + (f" ({zone_label(instant)})" if zone else "")
    return Markup('<time datetime="{}">{}</time>').format(_machine_time(instant), escape(shown))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        _=_,
        n_=n_,
        term=term,
        static_url=static_url,
        static_sha256=static_sha256,
        languages=LANGUAGES,
        time=_time_element,
        zone_label=zone_label,
        offset_label=offset_label,
        offset_minutes=offset_minutes,
    )
    environment.filters.update(
        number=format_number,
        percent=format_percent,
        date=format_date,
        datetime=_unbroken,
        clock=format_time,
        duration=format_duration,
    )
    return environment


def draw(request: Request, template: str, **facts: object) -> str:
    """The HTML of a page in the language of its address."""
    locale = locale_of(request)
    _head, _slash, rest = request.url.path.strip("/").partition("/")
    with use_locale(locale):
        return (
            _environment()
            .get_template(template)
            .render(
                locale=locale,
                here=rest if request.url.path.strip("/") else "",
                home=f"/{locale}/",
                **facts,
            )
        )


def answer(html: str, *, status: int = 200, cache_control: str = "no-store") -> HTMLResponse:
    """A drawn page with the headers every page carries."""
    return HTMLResponse(html, status, headers={**SECURITY_HEADERS, "Cache-Control": cache_control})


def page(request: Request, template: str, *, status: int = 200, **facts: object) -> HTMLResponse:
    """Draw a page and answer with it. ``facts`` are what its template names."""
    return answer(draw(request, template, **facts), status=status)
