"""What one vote an address is expected to cost, and how networks lie inside one another. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, expm1, log1p
from typing import Final

from core.voting.addresses import Network, parse

_ADDRESS_LIKE: Final = re.compile(r"[0-9a-f.:]{3,}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the committee expects: how many vote online, and behind how many public addresses.

    ``addresses`` are those outside exemptions; ``exempt`` of the voters vote inside exemptions.
    """

    voters: int
    addresses: int
    exempt: int = 0

    @property
    def refused_share(self) -> float:
        """The share of the voters, from 0 to 1, who would find their address used.

        The model: everybody outside the exemptions comes from one of the addresses, each as likely
        as the other and whoever came before. Of A addresses N voters then use
        ``A · (1 − (1 − 1/A)^N)``, each for one vote; the others are turned away. 580,000 voters
        behind 200,000 addresses: 67 %. Real carriers put far more people behind some addresses
        than behind others, which turns more away: the model is the least that is to be expected.
        """
        outside = self.voters - self.exempt
        if outside == 0:
            return 0.0
        if self.addresses == 1:
            return (outside - 1) / self.voters
        used = -self.addresses * expm1(outside * log1p(-1 / self.addresses))
        return max(0.0, outside - used) / self.voters


def capacity(
    *,
    cap_total: int,
    cap_hourly: int,
    valid_from: datetime,
    valid_until: datetime,
    opens: datetime,
    closes: datetime,
) -> int:
    """How many voters an exemption can admit at most in the hours it shares with the vote."""
    shared = min(valid_until, closes) - max(valid_from, opens)
    hours = max(0, ceil(shared / timedelta(hours=1)))
    return min(cap_total, cap_hourly * hours)


def nested(networks: Sequence[Network]) -> list[tuple[int, int]]:
    """Every pair of positions ``(outer, inner)`` whose networks share addresses.

    Two networks are either apart or one holds the other, equal ones included: so one walk in the
    order of addresses finds all pairs.
    """
    order = sorted(
        range(len(networks)),
        key=lambda place: (
            networks[place].version,
            int(networks[place].network_address),
            networks[place].prefixlen,
            place,
        ),
    )
    pairs: list[tuple[int, int]] = []
    around: list[int] = []
    for place in order:
        network = networks[place]
        while around and not _holds(networks[around[-1]], network):
            around.pop()
        pairs += [(outer, place) for outer in around]
        around.append(place)
    return pairs


def _holds(outer: Network, inner: Network) -> bool:
    return (
        outer.version == inner.version
        and outer.prefixlen <= inner.prefixlen
        and inner.network_address in outer
    )


def names_address(text: str) -> bool:
    """Whether a text for the public names an internet address."""
    return any(
        parse(spelled) is not None
        for found in _ADDRESS_LIKE.findall(text)
        for spelled in (found, found.rstrip(".:"), found.strip(".:"))
    )
