"""What an entry of the audit log is and how it is chained. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

Detail = str | int | bool | None
GENESIS: Final = "0" * 64


class AuthorKind(StrEnum):
    """Who did an act: a signed-in account, the system itself (clock, command), or the public."""

    STAFF = "staff"
    SYSTEM = "system"
    PUBLIC = "public"


@dataclass(frozen=True)
class Author:
    """The author of an act; ``account_id`` for staff only."""

    kind: AuthorKind
    account_id: int | None = None

    @classmethod
    def staff(cls, account_id: int) -> "Author":
        """A signed-in account."""
        return cls(AuthorKind.STAFF, account_id)

    @classmethod
    def system(cls) -> "Author":
        """The clock or a command."""
        return cls(AuthorKind.SYSTEM)

    @classmethod
    def public(cls) -> "Author":
        """Somebody without an account: a complainant, a voter."""
        return cls(AuthorKind.PUBLIC)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One act as it is hashed. ``number`` counts from 1 without gaps."""

    number: int
    at: datetime
    act: str
    author: Author
    subject: str
    details: Mapping[str, Detail]
    previous_hash: str


def canonical_details(details: Mapping[str, Detail]) -> str:
    """The one spelling of ``details`` that is stored and hashed."""
    return json.dumps(dict(details), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def entry_hash(entry: Entry) -> str:
    """SHA-256 (hex) over everything an entry says and the hash of the entry before it."""
    fields = (
        str(entry.number),
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.act,
        entry.author.kind.value,
        "" if entry.author.account_id is None else str(entry.author.account_id),
        entry.subject,
        canonical_details(entry.details),
        entry.previous_hash,
    )
    # Lengths keep two different splits of the same characters from hashing alike.
    spelled = "".join(f"{len(field)}:{field}" for field in fields)
    return sha256(spelled.encode()).hexdigest()


@dataclass(frozen=True)
class ChainFault:
    """The first entry at which a chain does not hold, and how."""

    number: int
    kind: "ChainFaultKind"


class ChainFaultKind(StrEnum):
    """How a chain is broken."""

    MISSING = "missing"
    CHANGED = "changed"
    INSERTED = "inserted"
    CUT_OFF = "cut_off"
