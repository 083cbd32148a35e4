"""Messages as they are made: their plaintext in memory, their encrypted row in a transaction."""

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from core import keyring
from core.messaging.models import OutboxMessage
from core.messaging.rules import HELD, GatewayKind, MessageState, Purpose

_BODY = "messaging.body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message in memory. ``to`` is E.164 for an SMS; ``attempts`` were made before."""

    id: str
    gateway: GatewayKind
    purpose: Purpose
    to: str = field(repr=False)
    text: str = field(repr=False)
    expires_at: datetime | None = None
    attempts: int = 0

    def is_expired(self, now: datetime) -> bool:
        """Whether it came too late to be worth anything."""
        return self.expires_at is not None and now >= self.expires_at

    def departing(self) -> "Outgoing":
        """The same with this try counted."""
        return replace(self, attempts=self.attempts + 1)


def new_id(now: datetime) -> str:
    """An id that nobody can guess and that grows with time: 12 hexadecimal digits of
    milliseconds, 20 of chance.
    """
    return f"{ids_from(now)}{secrets.token_hex(10)}"


def ids_from(instant: datetime) -> str:
    """Ids made at ``instant`` or later are not less than this."""
    return f"{int(instant.timestamp() * 1000):012x}"


def sms(
    *, to: str, text: str, purpose: Purpose, now: datetime, expires_at: datetime | None = None
) -> Outgoing:
    """An SMS with ``text`` for the number ``to``; from ``expires_at`` on it is not sent."""
    return Outgoing(
        id=new_id(now),
        gateway=GatewayKind.SMS,
        purpose=purpose,
        to=to,
        text=text,
        expires_at=expires_at,
    )


def row_of(
    message: Outgoing, *, now: datetime, held: bool = False, idempotency_key: str | None = None
) -> dict[str, Any]:
    """The values of its row. A row that is ``held`` is for a while only looked at by this process.

    The same ``idempotency_key`` a second time is refused by the database; a message without one
    is made once in the transaction of what it tells of.
    """
    body = json.dumps({"to": message.to, "text": message.text}, ensure_ascii=False).encode()
    return {
        "id": message.id,
        "gateway": message.gateway.value,
        "purpose": message.purpose.value,
        "priority": message.purpose.priority,
        "idempotency_key": idempotency_key,
        "body": keyring.encrypt(_BODY, body),
        "state": MessageState.QUEUED.value,
        "attempts": 0,
        "fault": None,
        "queued_at": now,
        "due_at": now + HELD if held else now,
        "expires_at": message.expires_at,
        "changed_at": now,
    }


def opened(row: OutboxMessage) -> Outgoing:
    """The message of a row that still has its text."""
    assert row.body is not None
    body = json.loads(keyring.decrypt(_BODY, row.body))
    return Outgoing(
        id=row.id,
        gateway=GatewayKind(row.gateway),
        purpose=Purpose(row.purpose),
        to=body["to"],
        text=body["text"],
        expires_at=row.expires_at,
        attempts=row.attempts,
    )


@dataclass(slots=True)
class Post:
    """The messages of one transaction: written with it, handed to a `Sender` after its commit.

    ``held`` says that they will be: whoever writes rows that are held and then dies leaves them
    queued, and any process sends them when `HELD` has passed.
    """

    held: bool = False
    messages: list[Outgoing] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def row(self, message: Outgoing, now: datetime) -> dict[str, Any]:
        """The row of a message, to be given to `add`, or dropped with it."""
        return row_of(message, now=now, held=self.held)

    def add(self, message: Outgoing, row: dict[str, Any]) -> None:
        """Put a message in."""
        self.messages.append(message)
        self.rows.append(row)

    def write(self, connection: Connection) -> None:
        """Insert the rows in the caller's transaction."""
        if self.rows:
            connection.execute(insert(OutboxMessage), self.rows)
