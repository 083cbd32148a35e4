"""The address a request comes from, by the configured chain of proxies and by nothing else."""

from functools import lru_cache

from starlette.requests import HTTPConnection

from core.settings import settings
from core.voting.addresses import Address, Network, client_address, networks


@lru_cache(maxsize=8)
def _trusted(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return networks(proxies)


def address_of(request: HTTPConnection) -> Address | None:
    """The voter's address, or None when the connection has none (a Unix socket)."""
    client = request.scope.get("client")
    proxies = settings().trusted_proxies
    forwarded = request.headers.getlist("x-forwarded-for") if proxies else ()
    return client_address(client[0] if client else None, forwarded, _trusted(proxies))
