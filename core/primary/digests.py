"""Digests of what one vote uses up, keyed with a key that lies outside the database.

HMAC-SHA256 under the primary's own key: without it a stolen database tells nobody whose IIN voted,
though there are few enough IINs to try them all.
"""

import hmac
from hashlib import sha256

from core.keyring import digest_key


def _digest(primary_id: str, kind: bytes, value: str) -> bytes:
    return hmac.digest(digest_key(primary_id), kind + b"\0" + value.encode(), sha256)


def iin_digest(primary_id: str, iin: str) -> bytes:
    """32 bytes for an IIN (12 digits)."""
    return _digest(primary_id, b"iin", iin)


def mobile_digest(primary_id: str, mobile: str) -> bytes:
    """32 bytes for a mobile number (E.164)."""
    return _digest(primary_id, b"mobile", mobile)


def address_digest(primary_id: str, address_key: str) -> bytes:
    """32 bytes for an address key (``203.0.113.7/32``, ``2001:db8:1:2::/64``)."""
    return _digest(primary_id, b"address", address_key)
