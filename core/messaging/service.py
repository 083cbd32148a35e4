"""Queueing messages inside an act, sending them after it."""

import asyncio
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from core.errors import Refused
from core.messaging.chosen import sms_gateway
from core.messaging.gateways import Gateway, Line
from core.messaging.ledger import Tried
from core.messaging.models import GIVEN_UP, MessageAct, OutboxMessage
from core.messaging.post import Outgoing, row_of, sms
from core.messaging.rules import GivenUpAct, MessageState, MessagingRefusal, Purpose, SendFault
from core.messaging.sender import Bookkeeping, carry, look, reach, record_alone


def queue_sms(
    session: Session, *, to: str, text: str, purpose: Purpose, idempotency_key: str, now: datetime
) -> None:
    """Queue ``text`` for the number ``to`` (E.164); the same key a second time queues nothing."""
    known = select(OutboxMessage.id).where(col(OutboxMessage.idempotency_key) == idempotency_key)
    if session.exec(known).one_or_none() is None:
        message = sms(to=to, text=text, purpose=purpose, now=now)
        row = row_of(message, now=now, idempotency_key=idempotency_key)
        session.execute(insert(OutboxMessage).values(row))


def settle_given_up(
    session: Session,
    purpose: Purpose,
    act: GivenUpAct,
    *,
    reason: str,
    account_id: int,
    now: datetime,
) -> MessageAct:
    """Let the given-up messages of ``purpose`` be tried again, or erase them for good.

    Whoever calls has checked who asks, and audits it. Refused as ``nothing_given_up``.
    """
    queued = {"state": MessageState.QUEUED.value, "attempts": 0, "due_at": now}
    discarded = {"state": MessageState.DISCARDED.value, "body": None}
    done: Any = session.connection().execute(
        update(OutboxMessage)
        .where(GIVEN_UP, col(OutboxMessage.purpose) == purpose.value)
        .values(**(queued if act is GivenUpAct.TRY_AGAIN else discarded), changed_at=now)
    )
    if not done.rowcount:
        raise Refused(MessagingRefusal.NOTHING_GIVEN_UP)
    settled = MessageAct(
        act=act.value,
        purpose=purpose.value,
        messages=done.rowcount,
        reason=reason,
        at=now,
        account_id=account_id,
    )
    session.add(settled)
    session.flush()
    return settled


def deliver_due(now: datetime, *, gateway: Gateway | None = None) -> int:
    """Send one round of what is due; gives how many were tried.

    For the schedule, and for what no `Sender` has in memory. An edge: it opens its own units of
    work, and none is open while it waits for the gateway.
    """
    carrier = gateway or sms_gateway()
    found = look(carrier.kind, now=now, limit=carrier.at_once)
    return asyncio.run(_carry_all(carrier, found, now)) if found else 0


async def _carry_all(carrier: Gateway, found: list[Outgoing], now: datetime) -> int:
    reached = await asyncio.gather(*(reach(carrier) for _message in found))
    lines: dict[str, Line] = {}
    tried: list[Tried] = []
    for message, line in zip(found, reached, strict=True):
        if isinstance(line, SendFault):
            tried.append(Tried(message.departing(), line, departed=False))
        else:
            lines[message.id] = line
    departed = record_alone(Bookkeeping(tuple(lines), tuple(tried), now))
    for message_id in lines.keys() - departed:
        lines[message_id].close()
    carried = await asyncio.gather(
        *(
            carry(lines[message.id], message.departing())
            for message in found
            if message.id in departed
        )
    )
    record_alone(Bookkeeping((), tuple(carried), now))
    return len(tried) + len(carried)
