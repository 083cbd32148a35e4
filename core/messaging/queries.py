"""What the health page shows of the outbox: what waits, what came of the last minutes, what was
given up.

Everything is found by an index, and "the last minutes" is a range of the primary key: the page may
be looked at while a million messages lie in the table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from core.messaging.models import GIVEN_UP, WAITING, OutboxMessage
from core.messaging.post import ids_from
from core.messaging.rules import GatewayKind, MessageState, Purpose, SendFault

RECENT: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Waiting:
    """Messages that are queued, or on the wire, and since when the oldest of them is."""

    messages: int
    oldest: datetime | None


@dataclass(frozen=True)
class GivenUp:
    """Notices that no gateway took in all their tries: they wait for an administrator."""

    purpose: Purpose
    messages: int
    oldest: datetime
    fault: SendFault | None


@dataclass(frozen=True)
class LastFault:
    """What last went wrong between us and the gateway, and when."""

    fault: SendFault
    at: datetime


@dataclass(frozen=True, kw_only=True)
class GatewayHealth:
    """One gateway. ``recent`` counts the messages queued within `RECENT` by their state now."""

    kind: GatewayKind
    queued: Waiting
    queued_codes: Waiting
    sending: Waiting
    recent: Mapping[MessageState, int]
    undelivered: int
    last_fault: LastFault | None
    given_up: tuple[GivenUp, ...]

    @property
    def taken(self) -> int:
        """Messages of the last minutes that the gateway took."""
        ended = (MessageState.SENT, MessageState.DELIVERED)
        return sum(self.recent.get(state, 0) for state in ended) + self.undelivered

    @property
    def share_delivered(self) -> float | None:
        """Of those, how many reached a phone; None while no gateway reports anything."""
        reported = self.recent.get(MessageState.DELIVERED, 0) + self.undelivered
        return self.recent.get(MessageState.DELIVERED, 0) / self.taken if reported else None


def gateway_health(
    session: Session, kinds: Iterable[GatewayKind], *, now: datetime
) -> tuple[GatewayHealth, ...]:
    """How the gateways of these kinds are doing."""
    return tuple(_health_of(session, kind, now) for kind in kinds)


def _health_of(session: Session, kind: GatewayKind, now: datetime) -> GatewayHealth:
    recent = session.exec(
        select(OutboxMessage.state, OutboxMessage.fault, func.count())
        .where(col(OutboxMessage.id) >= ids_from(now - RECENT))
        .where(col(OutboxMessage.gateway) == kind.value)
        .group_by(col(OutboxMessage.state), col(OutboxMessage.fault))
    ).all()
    by_state: dict[MessageState, int] = {}
    undelivered = 0
    for state, fault, messages in recent:
        by_state[MessageState(state)] = by_state.get(MessageState(state), 0) + messages
        if state == MessageState.FAILED and fault == SendFault.UNDELIVERED:
            undelivered += messages
    return GatewayHealth(
        kind=kind,
        queued=_waiting(session, kind, MessageState.QUEUED),
        queued_codes=_waiting(session, kind, MessageState.QUEUED, codes=True),
        sending=_waiting(session, kind, MessageState.SENDING),
        recent=by_state,
        undelivered=undelivered,
        last_fault=_last_fault(session, kind, now),
        given_up=given_up(session, kind),
    )


def _waiting(
    session: Session, kind: GatewayKind, state: MessageState, *, codes: bool = False
) -> Waiting:
    chosen = (
        select(func.count(), func.min(col(OutboxMessage.queued_at)))
        .where(WAITING)
        .where(col(OutboxMessage.gateway) == kind.value)
        .where(col(OutboxMessage.state) == state.value)
    )
    if codes:
        chosen = chosen.where(col(OutboxMessage.priority) == Purpose.ONE_TIME_CODE.priority)
    messages, oldest = session.exec(chosen).one()
    return Waiting(messages, oldest)


def _last_fault(session: Session, kind: GatewayKind, now: datetime) -> LastFault | None:
    for where in (WAITING, col(OutboxMessage.id) >= ids_from(now - RECENT)):
        found = session.exec(
            select(col(OutboxMessage.fault), col(OutboxMessage.changed_at))
            .where(col(OutboxMessage.gateway) == kind.value, where)
            .where(col(OutboxMessage.fault) != SendFault.UNDELIVERED.value)
            .order_by(col(OutboxMessage.changed_at).desc())
            .limit(1)
        ).first()
        if found is not None and found[0] is not None:
            return LastFault(SendFault(found[0]), found[1])
    return None


def given_up(session: Session, kind: GatewayKind) -> tuple[GivenUp, ...]:
    """Dead letters by what they are for."""
    rows = session.exec(
        select(
            OutboxMessage.purpose,
            func.count(),
            func.min(col(OutboxMessage.queued_at)),
            func.max(col(OutboxMessage.fault)),
        )
        .where(col(OutboxMessage.gateway) == kind.value)
        .where(GIVEN_UP)
        .group_by(col(OutboxMessage.purpose))
        .order_by(col(OutboxMessage.purpose))
    )
    return tuple(
        GivenUp(Purpose(purpose), messages, oldest, SendFault(fault) if fault else None)
        for purpose, messages, oldest, fault in rows
    )
