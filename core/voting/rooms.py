"""How many more voters an exemption admits at this moment, counted under a lock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network

from sqlalchemy import Connection
from sqlmodel import Session, col, select

from core.voting.addresses import Address, Network
from core.voting.models import AddressExemption, ExemptionUsage
from core.voting.rules import hour_start


@lru_cache(maxsize=4096)
def _network(text: str) -> Network:
    return ip_network(text)


@dataclass(frozen=True, slots=True)
class ExemptNetwork:
    """The network of an exemption and the period it holds for."""

    network: Network
    valid_from: datetime
    valid_until: datetime

    def covers(self, address: Address, at: datetime) -> bool:
        """Whether the exemption holds for this address at this instant, room or not."""
        inside = address.version == self.network.version and address in self.network
        return inside and self.valid_from <= at < self.valid_until


def exempt_networks(session: Session, primary_id: str) -> tuple[ExemptNetwork, ...]:
    """The networks of the exemptions that nobody has removed."""
    rows = session.exec(
        select(AddressExemption).where(
            col(AddressExemption.primary_id) == primary_id,
            col(AddressExemption.removed_at).is_(None),
        )
    )
    return tuple(
        ExemptNetwork(_network(row.network), row.valid_from, row.valid_until) for row in rows
    )


@dataclass(frozen=True, slots=True)
class ExemptionRoom:
    """An exemption in force: its network and how many more voters it admits in this hour."""

    id: int
    network: Network
    left: int


def rooms(
    connection: Connection,
    primary_id: str,
    addresses: Iterable[Address],
    *,
    now: datetime,
    lock: bool = True,
) -> list[ExemptionRoom]:
    """The exemptions in force that cover one of ``addresses``, locked until the commit if ``lock``.

    The lock (on PostgreSQL; SQLite's writer is alone anyway) makes batches of several processes
    take their voters from one cap in turn. Rows are locked in order of id.
    """
    table = AddressExemption.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    in_force = (
        select(table.c.id, table.c.network)
        .where(table.c.primary_id == primary_id, table.c.removed_at.is_(None))
        .where(table.c.valid_from <= now, table.c.valid_until > now)
    )
    networks = {row.id: _network(row.network) for row in connection.execute(in_force)}
    if not networks:
        return []
    asked = set(addresses)
    covering = [
        found
        for found, network in networks.items()
        if any(address.version == network.version and address in network for address in asked)
    ]
    if not covering:
        return []
    caps = (
        select(table.c.id, table.c.cap_total, table.c.cap_hourly, table.c.used)
        .where(table.c.id.in_(covering), table.c.removed_at.is_(None))
        .order_by(table.c.id)
    )
    locked = connection.execute(caps.with_for_update() if lock else caps).all()
    usage = ExemptionUsage.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    this_hour = {
        row.exemption_id: row.used
        for row in connection.execute(
            select(usage.c.exemption_id, usage.c.used).where(
                usage.c.exemption_id.in_(covering), usage.c.hour_start == hour_start(now)
            )
        )
    }
    return [
        ExemptionRoom(
            row.id,
            networks[row.id],
            min(row.cap_total - row.used, row.cap_hourly - this_hour.get(row.id, 0)),
        )
        for row in locked
    ]


def exemption_of(address: Address, exempted: Sequence[ExemptionRoom]) -> ExemptionRoom | None:
    """The narrowest exemption that ``address`` lies in, or None."""
    covering = [
        room
        for room in exempted
        if room.network.version == address.version and address in room.network
    ]
    return max(covering, key=lambda room: (room.network.prefixlen, -room.id), default=None)
