"""Queueing messages inside an act, sending them after it."""

import asyncio
from datetime import datetime

from sqlalchemy import insert
from sqlmodel import Session, col, select

from core.messaging.chosen import sms_gateway
from core.messaging.gateways import Gateway
from core.messaging.ledger import Tried
from core.messaging.models import OutboxMessage
from core.messaging.post import Outgoing, row_of, sms
from core.messaging.rules import Purpose
from core.messaging.sender import Bookkeeping, carry, look, record_alone


def queue_sms(
    session: Session, *, to: str, text: str, purpose: Purpose, idempotency_key: str, now: datetime
) -> None:
    """Queue ``text`` for the number ``to`` (E.164); the same key a second time queues nothing."""
    known = select(OutboxMessage.id).where(col(OutboxMessage.idempotency_key) == idempotency_key)
    if session.exec(known).one_or_none() is None:
        message = sms(to=to, text=text, purpose=purpose, now=now)
        row = row_of(message, now=now, idempotency_key=idempotency_key)
        session.execute(insert(OutboxMessage).values(row))


def deliver_due(now: datetime, *, gateway: Gateway | None = None) -> int:
    """Send one round of what is due; gives how many were tried.

    For the schedule, and for what no `Sender` has in memory. An edge: it opens its own units of
    work, and none is open while it waits for the gateway.
    """
    carrier = gateway or sms_gateway()
    found = look(carrier.kind, now=now, limit=carrier.at_once)
    if not found:
        return 0
    departed = record_alone(Bookkeeping(tuple(message.id for message in found), (), now))
    chosen = [message.departing() for message in found if message.id in departed]
    tried = asyncio.run(_carry_all(carrier, chosen))
    record_alone(Bookkeeping((), tuple(tried), now))
    return len(tried)


async def _carry_all(carrier: Gateway, messages: list[Outgoing]) -> list[Tried]:
    return await asyncio.gather(*(carry(carrier, message) for message in messages))
