"""Digests of voters' keys: HMAC-SHA256 with the primary's own key, which lies outside the database.

One key a primary, destroyed alone after the appeal period; kinds are told apart, so that equal
digests never mean equal values of two kinds.
"""

import hmac
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from core.keyring import digest_key

IIN: Final = "iin"
MOBILE: Final = "mobile"
ADDRESS: Final = "address"


def voter_digest(primary_id: str, kind: str, value: str) -> bytes:
    """32 bytes for ``value``; refused as ``digest_key_missing`` when the key is not here."""
    return hmac.digest(digest_key(primary_id), f"{kind}\0{value}".encode(), sha256)


def iin_digest(primary_id: str, iin: str) -> bytes:
    """The digest of an IIN (12 digits)."""
    return voter_digest(primary_id, IIN, iin)


def mobile_digest(primary_id: str, mobile: str) -> bytes:
    """The digest of a number (E.164)."""
    return voter_digest(primary_id, MOBILE, mobile)


def address_digest(primary_id: str, address_key: str) -> bytes:
    """The digest of an address key (IPv4 /32, IPv6 /64, folded)."""
    return voter_digest(primary_id, ADDRESS, address_key)


def iin_digests(primary_id: str, iins: Iterable[str]) -> Iterator[bytes]:
    """The digests of many IINs, the key read once."""
    key = digest_key(primary_id)
    prefix = f"{IIN}\0".encode()
    for iin in iins:
        yield hmac.digest(key, prefix + iin.encode(), sha256)
