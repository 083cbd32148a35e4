"""What the outbox knows of messages on their way: who may put one on the wire, and what came of it.

A message is put on the wire by whoever moves its row from *queued* to *sending*: only one can, and
it is written down before the gateway hears of it. So a process that dies leaves two kinds of rows:
queued ones, surely not sent, which others send; and those on the wire, of which nobody knows.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Boolean, Connection, and_, bindparam, case, exists, null, or_, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from core.messaging.models import WAITING, OutboxMessage
from core.messaging.post import Outgoing, opened
from core.messaging.rules import (
    LEASE,
    GatewayKind,
    MessageState,
    Purpose,
    SendFault,
    after_fault,
    keeps_text,
)

table: Final[Any] = OutboxMessage.__table__  # type: ignore[attr-defined]  # SQLModel adds it
"""The table itself, for statements on many rows."""

_PRIORITIES: Final = sorted({purpose.priority for purpose in Purpose})


@dataclass(frozen=True, slots=True)
class Tried:
    """A message that was tried; without a fault the gateway took it.

    ``departed`` says that it was on the wire: not so where no line to the gateway could be opened.
    """

    message: Outgoing
    fault: SendFault | None = None
    departed: bool = True


def due(session: Session, kind: GatewayKind, *, now: datetime, limit: int) -> list[Outgoing]:
    """Messages that may be put on the wire, codes first."""
    found: list[OutboxMessage] = []
    for priority in _PRIORITIES:
        chosen = (
            select_rows(OutboxMessage)
            .where(
                WAITING,
                col(OutboxMessage.gateway) == kind.value,
                col(OutboxMessage.priority) == priority,
                col(OutboxMessage.state) == MessageState.QUEUED.value,
                col(OutboxMessage.due_at) <= now,
                or_(col(OutboxMessage.expires_at).is_(None), col(OutboxMessage.expires_at) > now),
            )
            .order_by(col(OutboxMessage.due_at))
            .limit(limit - len(found))
        )
        found += session.exec(chosen)
    return [opened(row) for row in found]


def depart(connection: Connection, ids: Collection[str], *, now: datetime) -> frozenset[str]:
    """Put queued messages on the wire; gives those that nobody else had put there."""
    if not ids:
        return frozenset()
    # Who finds a row locked leaves it: another process is putting it on the wire.
    free = _locked(ids, MessageState.QUEUED).with_for_update(skip_locked=True)
    gone = connection.execute(
        update(table)
        .where(table.c.id.in_(free))
        .values(
            state=MessageState.SENDING.value,
            attempts=table.c.attempts + 1,
            due_at=now + LEASE,
            changed_at=now,
        )
        .returning(table.c.id)
    )
    return frozenset(gone.scalars())


def note(connection: Connection, tried: Collection[Tried], *, now: datetime) -> None:
    """Write down what came of messages that were tried; texts that nobody needs any more are erased.

    A message of which a report came first keeps what the report says.
    """
    taken = [each.message.id for each in tried if each.fault is None]
    if taken:
        on_the_wire = _locked(taken, MessageState.SENDING).with_for_update()
        connection.execute(
            update(table)
            .where(table.c.id.in_(on_the_wire))
            .values(state=MessageState.SENT.value, body=None, fault=None, changed_at=now)
        )
    for departed, state in ((True, MessageState.SENDING), (False, MessageState.QUEUED)):
        rows = [
            _following(each, now)
            for each in tried
            if each.fault is not None and each.departed is departed
        ]
        if rows:
            connection.execute(
                update(table)
                .where(table.c.id == bindparam("row_id"), table.c.state == state.value)
                .values(
                    state=bindparam("next_state"),
                    fault=bindparam("last_fault"),
                    due_at=bindparam("next_due_at"),
                    attempts=bindparam("tries"),
                    changed_at=now,
                    body=case((bindparam("keeps_text", type_=Boolean), table.c.body), else_=null()),
                ),
                sorted(rows, key=lambda row: str(row["row_id"])),
            )


def _locked(ids: Collection[str], state: MessageState) -> Any:
    """The rows of ``ids`` that are in ``state``, in the one order in which rows are locked."""
    return (
        select(table.c.id)
        .where(table.c.id.in_(ids), table.c.state == state.value)
        .order_by(table.c.id)
    )


def _following(tried: Tried, now: datetime) -> dict[str, Any]:
    assert tried.fault is not None
    message = tried.message
    following = after_fault(
        message.purpose,
        tried.fault,
        attempts=message.attempts,
        expires_at=message.expires_at,
        now=now,
        jitter=random.random(),  # noqa: S311 - spreads retries, protects nothing
    )
    return {
        "row_id": message.id,
        "next_state": following.state.value,
        "last_fault": tried.fault.value,
        "tries": message.attempts,
        "next_due_at": following.due_at or now,
        "keeps_text": keeps_text(message.purpose, following.state),
    }


def needs_tidying(session: Session, *, now: datetime) -> bool:
    """Whether `tidy` would find anything: asked first, because it takes the write lock."""
    found = session.scalar(
        select(or_(exists().where(_is_expired(now)), exists().where(_died(now))))
    )
    return bool(found)


def tidy(connection: Connection, *, now: datetime) -> None:
    """End what expired, and decide about messages whose sender died while they were on the wire."""
    connection.execute(
        update(table)
        .where(_is_expired(now))
        .values(state=MessageState.EXPIRED.value, body=None, changed_at=now)
    )
    doubtful = connection.execute(
        select(table.c.id, table.c.purpose, table.c.attempts, table.c.expires_at)
        .where(_died(now))
        .order_by(table.c.id)
        .with_for_update(skip_locked=True)
    ).all()
    for row in doubtful:
        purpose = Purpose(row.purpose)
        following = after_fault(
            purpose,
            SendFault.SENDER_DIED,
            attempts=row.attempts,
            expires_at=row.expires_at,
            now=now,
            jitter=0,
        )
        erased = {} if keeps_text(purpose, following.state) else {"body": None}
        connection.execute(
            update(table)
            .where(table.c.id == row.id)
            .values(
                state=following.state.value,
                fault=SendFault.SENDER_DIED.value,
                due_at=following.due_at or now,
                changed_at=now,
                **erased,
            )
        )


def _is_expired(now: datetime) -> Any:
    return and_(WAITING, table.c.state == MessageState.QUEUED.value, table.c.expires_at <= now)


def _died(now: datetime) -> Any:
    return and_(WAITING, table.c.state == MessageState.SENDING.value, table.c.due_at <= now)
