"""The bill guard: how many codes may be sent in an hour and in a day, over all voters.

Whoever has a list of members could make us send codes without end, each of them paid for. Beyond
the allowance no more are sent, to anybody, and administrators are alarmed; they raise it by an
audited act that every process knows within a second.

Codes are counted where they are queued, in the same transaction. Each writer adds to a row of its
own, on which no other waits, and reads the sum of all once a second: what is sent can pass the
allowance by what other writers queue in that second.
"""

import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import Connection, Insert, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from core.errors import Refused
from core.messaging.models import CodeAllowance, CodeCount
from core.messaging.rules import MessagingRefusal

PER_HOUR: Final = 150_000
"""By default: the busiest hour planned for has half of that many voters."""

PER_DAY: Final = 600_000
"""By default: twice the votes of a first day."""

ALARMING_SHARE: Final = 0.8
"""From this share on administrators are told, before nothing more is sent."""

_MOST: Final = 50_000_000
_READ_EVERY: Final = 1.0  # seconds
_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Spending:
    """Codes of this hour (UTC) and of 24 hours with it, and how many there may be."""

    hour: int
    day: int
    per_hour: int
    per_day: int

    @property
    def share(self) -> float:
        """How much of the scarcer allowance is used; from 1 on nothing more is sent."""
        return max(self.hour / self.per_hour, self.day / self.per_day)

    @property
    def is_exhausted(self) -> bool:
        """Whether no more codes are sent."""
        return self.share >= 1


def spending(session: Session, *, now: datetime) -> Spending:
    """What was sent and what may be."""
    return _spending(session.connection(), now)


def _spending(connection: Connection, now: datetime) -> Spending:
    hour = _hour(now)
    rows = connection.execute(
        select(col(CodeCount.hour), func.sum(col(CodeCount.codes)))
        .where(col(CodeCount.hour) > hour - _DAY, col(CodeCount.hour) <= hour)
        .group_by(col(CodeCount.hour))
    ).all()
    counts = {at: int(codes) for at, codes in rows}
    latest = select(col(CodeAllowance.per_hour), col(CodeAllowance.per_day))
    allowed = connection.execute(latest.order_by(col(CodeAllowance.id).desc()).limit(1)).first()
    per_hour, per_day = allowed or (PER_HOUR, PER_DAY)
    return Spending(counts.get(hour, 0), sum(counts.values()), per_hour, per_day)


def set_allowance(
    session: Session, *, per_hour: int, per_day: int, reason: str, account_id: int, now: datetime
) -> CodeAllowance:
    """Let so many codes be sent from now on; whoever calls has checked who asks, and audits it.

    Refused as ``allowance_out_of_range``: nobody can mean none, or more than every citizen needs.
    """
    if not (0 < per_hour <= per_day <= _MOST):
        raise Refused(MessagingRefusal.ALLOWANCE_OUT_OF_RANGE)
    act = CodeAllowance(
        per_hour=per_hour, per_day=per_day, reason=reason, set_at=now, set_by=account_id
    )
    session.add(act)
    session.flush()
    return act


class Meter:
    """Counts the codes of one writer, and knows whether there may be more."""

    def __init__(self) -> None:
        self._counter = secrets.token_hex(8)
        self._read_at = float("-inf")
        self._known: Spending | None = None
        self._hour: datetime | None = None

    def is_exhausted(self, connection: Connection, *, now: datetime) -> bool:
        """Whether no more codes may be queued; asks the database once a second."""
        hour = _hour(now)
        stale = time.monotonic() - self._read_at >= _READ_EVERY or hour != self._hour
        if self._known is None or stale:
            self._known = _spending(connection, now)
            self._read_at, self._hour = time.monotonic(), hour
        return self._known.is_exhausted

    def count(self, connection: Connection, codes: int, *, now: datetime) -> None:
        """Count codes in the transaction that queues them."""
        if not codes:
            return
        if self._known is not None:
            # Should the transaction fail, the next reading knows better.
            known = self._known
            self._known = replace(known, hour=known.hour + codes, day=known.day + codes)
        row = {"hour": _hour(now), "counter": self._counter, "codes": codes}
        connection.execute(_adding(connection.dialect.name), row)


@cache
def _adding(dialect_name: str) -> Insert:
    """Adds to the row of a writer. Made once: it is carried out for those who can vote, and they
    must not be told from others by the time of their answers.
    """
    kind = sqlite.insert if dialect_name == "sqlite" else postgresql.insert
    row = kind(CodeCount)
    return row.on_conflict_do_update(
        index_elements=["hour", "counter"],
        set_={"codes": col(CodeCount.codes) + row.excluded.codes},
    )


def _hour(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
