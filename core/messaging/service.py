"""Queueing messages inside an act, sending them after it."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, select

from core import keyring
from core.database import unit_of_work
from core.messaging.gateways import SmsGateway, sms_gateway
from core.messaging.models import OutboxMessage
from core.messaging.rules import LEASE, MAX_ATTEMPTS, MessageState, Purpose, retry_delay

log = logging.getLogger(__name__)
_BODY = "messaging.body"
_MARK_EVERY = 5.0
"""Seconds after which what was sent is marked at the latest; far below the lease."""


def sms_row(
    *, to: str, text: str, purpose: Purpose, idempotency_key: str, now: datetime
) -> dict[str, Any]:
    """The values of one queued SMS, for edges that insert many rows in one statement."""
    body = json.dumps({"to": to, "text": text}, ensure_ascii=False).encode()
    return {
        "purpose": purpose.value,
        "idempotency_key": idempotency_key,
        "body": keyring.encrypt(_BODY, body),
        "state": MessageState.QUEUED.value,
        "attempts": 0,
        "queued_at": now,
        "due_at": now,
    }


def queue_sms(
    session: Session, *, to: str, text: str, purpose: Purpose, idempotency_key: str, now: datetime
) -> None:
    """Queue ``text`` for the number ``to`` (E.164); the same key a second time queues nothing."""
    known = select(OutboxMessage.id).where(col(OutboxMessage.idempotency_key) == idempotency_key)
    if session.exec(known).one_or_none() is None:
        row = sms_row(to=to, text=text, purpose=purpose, idempotency_key=idempotency_key, now=now)
        session.execute(insert(OutboxMessage).values(row))


def deliver_due(now: datetime, *, limit: int = 200, gateway: SmsGateway | None = None) -> int:
    """Send what is due; gives how many were taken. An edge: it opens its own units of work.

    Messages are leased, sent outside any transaction, and marked afterwards, so that a slow
    gateway holds no lock. A sender that dies loses its lease: such a message is sent again.
    """
    leased = _lease(now, limit)
    carrier = gateway or sms_gateway()
    sent: list[dict[str, Any]] = []
    marked_at = time.monotonic()
    for message in leased:
        sent.append(_send(message, carrier, now))
        # Marked together: a commit for each would take the write lock from the voters' writer.
        # Marked before the lease ends: a slow gateway's message must not go out twice.
        if time.monotonic() - marked_at > _MARK_EVERY:
            _mark(sent)
            sent, marked_at = [], time.monotonic()
    _mark(sent)
    return len(leased)


def _lease(now: datetime, limit: int) -> Sequence[OutboxMessage]:
    waiting = (MessageState.QUEUED.value, MessageState.SENDING.value)
    with unit_of_work() as session:
        due = session.exec(
            select(OutboxMessage)
            .where(col(OutboxMessage.state).in_(waiting), col(OutboxMessage.due_at) <= now)
            .order_by(col(OutboxMessage.due_at))
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for message in due:
            message.state = MessageState.SENDING.value
            message.due_at = now + LEASE
            session.add(message)
    return due


def _send(message: OutboxMessage, carrier: SmsGateway, now: datetime) -> dict[str, Any]:
    """Hand one message over; gives what its row is to hold now."""
    assert message.body is not None
    body = json.loads(keyring.decrypt(_BODY, message.body))
    row: dict[str, Any] = {"row_id": message.id, "attempts": message.attempts + 1}
    try:
        carrier.send(to=body["to"], text=body["text"])
    except Exception as fault:  # noqa: BLE001 - whatever a gateway raises, the next message goes on
        log.warning("message %s was not taken: %s", message.id, type(fault).__name__)
        given_up = row["attempts"] >= MAX_ATTEMPTS
        state = MessageState.FAILED if given_up else MessageState.QUEUED
        due_at = now + retry_delay(row["attempts"])
        return row | {"state": state.value, "due_at": due_at, "sent_at": None, "body": message.body}
    return row | {
        "state": MessageState.SENT.value,
        "due_at": message.due_at,
        "sent_at": now,
        "body": None,
    }


def _mark(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    with unit_of_work() as session:
        session.connection().execute(
            update(OutboxMessage)
            .where(col(OutboxMessage.id) == bindparam("row_id"))
            .values(
                {
                    name: bindparam(name)
                    for name in ("state", "due_at", "attempts", "sent_at", "body")
                }
            ),
            rows,
        )
