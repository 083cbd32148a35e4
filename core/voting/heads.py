"""What stands on the public board: leaves, and heads that are signed. Pure.

A leaf is the SHA-256 of a sealed ballot: it binds the whole ballot and shows nothing of it, not even
to a computer that could open it one day. A head tells that at an instant the log of a contest had
so many leaves and this root. Heads are numbered from 1 without gaps, and the last one, made after
the close, says so: then nothing can be added, taken away or changed unseen by who kept one of them.
"""

import json
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LEAF_BYTES: Final = 32
_SIGNED_AS: Final = b"primaries board head\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """The state of one contest's log; ``root`` as RFC 9162 defines it over ``size`` leaves."""

    primary_id: str
    contest_id: str
    number: int
    size: int
    root: bytes
    at: datetime
    is_final: bool = False

    def statement(self) -> bytes:
        """The bytes that are signed: a line that names their purpose, then canonical JSON."""
        said = {
            "at": instant_text(self.at),
            "contest": self.contest_id,
            "final": self.is_final,
            "number": self.number,
            "primary": self.primary_id,
            "root": self.root.hex(),
            "size": self.size,
        }
        return (
            _SIGNED_AS
            + json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        )


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head with its Ed25519 signature (64 bytes)."""

    head: TreeHead
    signature: bytes


def sign(head: TreeHead, key: Ed25519PrivateKey) -> SignedHead:
    """The head, signed."""
    return SignedHead(head, key.sign(head.statement()))


def is_signed_by(signed: SignedHead, public_key: bytes) -> bool:
    """Whether the holder of ``public_key`` (32 bytes) signed this head."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(signed.signature, signed.head.statement())
    except (InvalidSignature, ValueError):
        return False
    return True


def instant_text(instant: datetime) -> str:
    """An instant in the one spelling that is signed: UTC with microseconds."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def leaf_text(leaf: bytes) -> str:
    """A leaf as it is published: 52 letters and digits, which begin as its tracker does.

    The first 25 of them are those of the tracker, so that a voter finds the own leaf in any list.
    """
    return b32encode(leaf).decode().rstrip("=")


def read_leaf(text: str) -> bytes:
    """The leaf of a published text; ``ValueError`` for any other spelling."""
    leaf = b32decode(text + "=" * (-len(text) % 8))
    if len(leaf) != LEAF_BYTES or leaf_text(leaf) != text:
        raise ValueError("no leaf")
    return leaf
