"""The two cookies of the staff listener, neither readable by a script."""

from http.cookies import SimpleCookie
from typing import Final

from starlette.datastructures import Headers

from core.settings import settings

_SESSION: Final = "staff"
_DOOR: Final = "staff_door"


def is_https() -> bool:
    """Whether staff reach the listener by https."""
    return settings().staff_url.startswith("https://")


def session_cookie() -> str:
    """The cookie of a session: bound to the host wherever the listener is reached by https."""
    return f"__Host-{_SESSION}" if is_https() else _SESSION


def door_cookie() -> str:
    """The cookie a browser gets before it signs in: a ticket is made for its holder alone."""
    return f"__Host-{_DOOR}" if is_https() else _DOOR


def cookie_value(headers: Headers, name: str) -> str | None:
    """The value of a cookie of a request."""
    for value in headers.getlist("cookie"):
        found = SimpleCookie(value).get(name)
        if found is not None:
            return found.value
    return None


def cookie_header(name: str, value: str) -> str:
    """A Set-Cookie value: until the browser closes, this host only, never to another site."""
    secure = "; Secure" if is_https() else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}"


def removal_header(name: str) -> str:
    """A Set-Cookie value that takes a cookie away."""
    return f"{cookie_header(name, '')}; Max-Age=0"
