"""The token of a voting session: what it says itself, and what the database keeps of it. Pure but
for the installation's key.

Beside 192 random bits a token carries the voter's place and the session's end under a MAC, so that
the contests can be shown without asking the database: on voting day that is one look-up in four.
Only the cast, which counts, asks for the session itself.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from core.keyring import hmac_digest

_PURPOSE: Final = "voting.session-token"
_RANDOM_BYTES: Final = 24
_END_BYTES: Final = 5  # seconds since 1970
_MAC_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a token says: the place whose contests its voter has, and until when it is good."""

    place_code: str
    expires_at: datetime


def new_token(place_code: str, expires_at: datetime) -> str:
    """A token for a voter of this place; its end is cut to whole seconds."""
    said = (
        secrets.token_bytes(_RANDOM_BYTES)
        + int(expires_at.timestamp()).to_bytes(_END_BYTES)
        + place_code.encode()
    )
    return urlsafe_b64encode(said + hmac_digest(_PURPOSE, said)[:_MAC_BYTES]).decode()


def read_token(token: str) -> TokenFacts | None:
    """What a token of ours says; None for anything else."""
    try:
        given = urlsafe_b64decode(token.encode())
    except ValueError:
        return None
    said, mac = given[:-_MAC_BYTES], given[-_MAC_BYTES:]
    if not secrets.compare_digest(mac, hmac_digest(_PURPOSE, said)[:_MAC_BYTES]):
        return None
    end = int.from_bytes(said[_RANDOM_BYTES : _RANDOM_BYTES + _END_BYTES])
    place_code = said[_RANDOM_BYTES + _END_BYTES :].decode()
    return TokenFacts(place_code, datetime.fromtimestamp(end, UTC))


def token_hash(token: str) -> bytes:
    """What the database keeps of a token: a fast hash is enough for so many random bits."""
    return sha256(token.encode()).digest()


def idempotency_mark(primary_id: str, iin_digest: bytes, key: str) -> bytes:
    """What is kept of a client's ``Idempotency-Key``: 16 bytes that tell nothing about key or ballots."""
    return hmac_digest("idempotency", b"\0".join((primary_id.encode(), iin_digest, key.encode())))[
        :16
    ]


def code_hmac(challenge: str, code: str) -> bytes:
    """What the database keeps of a one-time code."""
    return hmac_digest("voting.one-time-code", f"{challenge}:{code}".encode())
