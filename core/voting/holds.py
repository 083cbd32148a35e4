"""Addresses that are kept for whoever is voting from them at this moment.

A hold is a courtesy with teeth: it spares others the way to a refusal at the cast, where the claim
decides all the same. Its key is the address, so of two who solve their codes at once one holds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete
from sqlmodel import col

from core.voting.bulk import change_rows, find_rows, insert_new_rows
from core.voting.models import AddressHold


@dataclass(frozen=True, slots=True)
class Hold:
    """The address (a digest) that the voter with this IIN (a digest) wants to keep."""

    address_digest: bytes
    iin_digest: bytes
    until: datetime


def hold_addresses(
    connection: Connection, primary_id: str, wanted: Mapping[int, Hold], *, now: datetime
) -> dict[int, datetime]:
    """Keep the wanted addresses; gives those (by key) that another voter holds, each until when.

    Of two in one batch the first keeps it; who holds it already keeps it longer.
    """
    if not wanted:
        return {}
    first: dict[bytes, Hold] = {}
    for hold in wanted.values():
        first.setdefault(hold.address_digest, hold)
    rows = [{"primary_id": primary_id, **_row(first[digest])} for digest in sorted(first)]
    free = insert_new_rows(connection, AddressHold, rows, key="digest")
    held = find_rows(
        connection,
        AddressHold,
        _HELD,
        by="digest",
        among=first.keys() - free,
        lock=True,
        primary_id=primary_id,
    )
    keepers = {row["digest"]: Hold(*(row[name] for name in _HELD)) for row in held}
    taken_over = []
    for digest, keeper in keepers.items():
        if keeper.until <= now or keeper.iin_digest == first[digest].iin_digest:
            keepers[digest] = first[digest]
            taken_over.append(_row(first[digest]))
    change_rows(connection, AddressHold, taken_over, key="digest", primary_id=primary_id)
    keepers |= {digest: first[digest] for digest in free}
    return {
        place: keepers[hold.address_digest].until
        for place, hold in wanted.items()
        if keepers[hold.address_digest].iin_digest != hold.iin_digest
    }


_HELD: Final = ("digest", "iin_digest", "expires_at")


def _row(hold: Hold) -> dict[str, Any]:
    values = (hold.address_digest, hold.iin_digest, hold.until)
    return dict(zip(_HELD, values, strict=True))


def release_hold(
    connection: Connection, primary_id: str, *, address_digest: bytes, iin_digest: bytes
) -> None:
    """Give an address back that this voter may hold: whoever leaves it leaves it to others."""
    connection.execute(
        delete(AddressHold).where(
            col(AddressHold.primary_id) == primary_id,
            col(AddressHold.digest) == address_digest,
            col(AddressHold.iin_digest) == iin_digest,
        )
    )
