"""Where a voter's request comes from: the trusted chain, the key of an address, its short form.

Pure. The key is /32 of IPv4 and /64 of IPv6 (a household's line has a /64 of its own and would
else vote 2⁶⁴ times); IPv4 written inside IPv6 is folded, so that one line has one key.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64: Final = IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFF_FFFF


def fold(address: Address) -> Address:
    """The IPv4 address inside ``::ffff:a.b.c.d`` or ``64:ff9b::/96``; any other as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return IPv6Address(int(address))  # without a scope: fe80::1%eth0 and fe80::1 are one


@lru_cache(maxsize=65_536)
def parse(text: str) -> Address | None:
    """The folded address in one hop of a chain, with or without port and brackets, or None."""
    hop = text.strip()
    if hop.startswith("["):
        inside, bracket, port = hop[1:].partition("]")
        if not bracket or (port and not _is_port(port)):
            return None
        hop = inside
    elif hop.count(":") == 1:
        hop, _, port = hop.partition(":")
        if not _is_port(":" + port):
            return None
    if not hop.isascii():
        return None
    try:
        return fold(ip_address(hop))
    except ValueError:
        return None


def _is_port(text: str) -> bool:
    return text[0] == ":" and text[1:].isdigit() and int(text[1:]) < 65536


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of a setting, IPv4 inside IPv6 folded; ``ValueError`` for a malformed one."""
    return tuple(fold_network(ip_network(text)) for text in texts)


def fold_network(network: Network) -> Network:
    """``::ffff:0:0/96`` and ``64:ff9b::/96`` and what lies in them as IPv4 networks."""
    if isinstance(network, IPv4Network) or network.prefixlen < 96:
        return network
    folded = fold(network.network_address)
    if isinstance(folded, IPv4Address):
        return IPv4Network((folded, network.prefixlen - 96))
    return network


def _within(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == net.version and address in net for net in trusted)


def client_address(
    peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]
) -> Address | None:
    """The address that counts, from the connection's peer and its ``X-Forwarded-For`` headers.

    The chain is read from the right: each hop is believed only because the one to the right of it
    is a configured proxy. The first hop that is no proxy of ours is the voter; everything to the
    left of it was written by that voter. An unreadable hop ends the reading at the proxy that sent
    it, so that nobody can choose an address by writing rubbish. None when the peer is no address.
    """
    here = parse(peer) if peer else None
    if here is None:
        return None
    hops = [hop for header in forwarded for hop in header.split(",")]
    while hops and _within(here, trusted):
        before = parse(hops.pop())
        if before is None:
            break
        here = before
    return here


def address_key(address: Address) -> str:
    """What one vote uses up: ``203.0.113.7/32`` or ``2001:db8:1:2::/64``."""
    if isinstance(address, IPv4Address):
        return f"{address}/32"
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def short_address(address: Address) -> str:
    """What a rejection may show: ``203.0.113.0/24`` or ``2001:db8:1::/48``."""
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))
