"""Places in the waiting line, carried by those who wait: signed, stored nowhere, nothing personal.

A ticket says when its holder arrived and when to come. It is worth nothing until it is brought
back: people who have left hold no place. Every process of the installation can read it, before and
after a restart, because all share the installation's secret.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from struct import Struct
from typing import Final

from core.keyring import hmac_digest

HEADER: Final = "Waiting-Ticket"
HEADER_MEANING: Final = "what an earlier answer gave under this name: keeps the place in the line"

KEPT_FOR: Final = 300.0
"""Seconds after its time for which a ticket can be used: as long as a one-time code."""

_PURPOSE: Final = "portal.waiting-ticket"
_FIELDS: Final = Struct(">?QQ8s")
_MAC_BYTES: Final = 16
_LENGTH: Final = (_FIELDS.size + _MAC_BYTES + 2) // 3 * 4


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the line. ``arrived`` and ``due`` are seconds of the epoch, exact to a millisecond.

    ``counted`` tickets were brought back once: the slot at ``due`` is kept for their holder.
    """

    id: bytes
    arrived: float
    due: float
    counted: bool = False

    @classmethod
    def new(cls, arrived: float, due: float, *, counted: bool = False) -> "Ticket":
        """A ticket that nobody has yet."""
        return cls(os.urandom(8), arrived, due, counted)


def spell(ticket: Ticket) -> str:
    """The ticket as its holder carries it: 56 letters that fit into a header."""
    fields = _FIELDS.pack(
        ticket.counted, round(ticket.arrived * 1000), round(ticket.due * 1000), ticket.id
    )
    return urlsafe_b64encode(fields + _mac(fields)).decode()


def read(text: str, *, now: float) -> Ticket | None:
    """The ticket that was spelled so; None for one that is not ours, changed or too old."""
    if len(text) != _LENGTH:
        return None
    try:
        whole = urlsafe_b64decode(text)
    except ValueError:
        return None
    fields, mac = whole[: _FIELDS.size], whole[_FIELDS.size :]
    if len(whole) != _FIELDS.size + _MAC_BYTES or not hmac.compare_digest(mac, _mac(fields)):
        return None
    counted, arrived, due, number = _FIELDS.unpack(fields)
    if now > due / 1000 + KEPT_FOR:
        return None
    return Ticket(number, arrived / 1000, due / 1000, counted)


def _mac(fields: bytes) -> bytes:
    return hmac_digest(_PURPOSE, fields)[:_MAC_BYTES]
