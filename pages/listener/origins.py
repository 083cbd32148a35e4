"""Whose requests these are: our host, our origin, and the address behind trusted proxies."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from core.settings import settings

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def host_is_ours(host: str | None) -> bool:
    """Whether a Host header names this listener: the staff URL's host, or this machine at home."""
    name = urlsplit(f"//{host}").hostname if host else None
    if name == urlsplit(settings().staff_url).hostname:
        return True
    return not settings().is_production and name in _LOCAL


def origin_is_ours(origin: str | None, host: str | None) -> bool:
    """Whether a request comes from a page of this listener: exactly its scheme, host and port."""
    if origin is None or not host_is_ours(host):
        return False
    if origin == _origin(settings().staff_url):
        return True
    return not settings().is_production and origin == f"http://{host}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def client_address(peer: str | None, forwarded: Iterable[str]) -> str | None:
    """The address of the client: the nearest one in the chain that is no trusted proxy.

    ``forwarded`` are the values of X-Forwarded-For in their order. The chain is read from the
    right, from the peer on: what stands left of the first stranger, the stranger wrote itself.
    """
    chain = [part.strip() for value in forwarded for part in value.split(",") if part.strip()]
    address = peer
    while chain and _is_trusted(address):
        address = chain.pop()
    return address


def _is_trusted(address: str | None) -> bool:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return False
    return any(parsed in ip_network(proxy) for proxy in settings().trusted_proxies)
