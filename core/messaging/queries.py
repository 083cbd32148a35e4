"""What the health page shows of the outbox."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from core.messaging.models import OutboxMessage
from core.messaging.rules import MessageState


@dataclass(frozen=True)
class OutboxDepth:
    """How many messages stand in a state, and since when the oldest of them was queued."""

    state: MessageState
    messages: int
    oldest: datetime | None


def outbox_depths(session: Session) -> tuple[OutboxDepth, ...]:
    """One row a state, in the order of a message's way."""
    counted = session.exec(
        select(
            OutboxMessage.state,
            func.count(),
            func.min(col(OutboxMessage.queued_at)),
        ).group_by(OutboxMessage.state)
    ).all()
    by_state = {state: (number, oldest) for state, number, oldest in counted}
    return tuple(
        OutboxDepth(state, *by_state.get(state.value, (0, None))) for state in MessageState
    )
