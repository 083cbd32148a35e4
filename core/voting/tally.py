"""Counters of a batch, added up in memory and written once, in one order, just before the commit.

Rows of counters are what concurrent batches meet on: taken last and sorted, they are held for the
shortest time and never crosswise.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from core.voting.models import (
    AddressExemption,
    ExemptionUsage,
    RegisteredCounter,
    Rejection,
    RejectionCounter,
    TurnoutCounter,
)
from core.voting.rules import (
    Channel,
    RejectionReason,
    RejectionStage,
    bucket_start,
    hour_start,
    in_order,
    new_reference,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """Somebody to be remembered as rejected; ``place_code`` is '' where the roll names none."""

    stage: RejectionStage
    reasons: tuple[RejectionReason, ...]
    at: datetime
    iin_masked: str
    mobile_masked: str
    address_short: str
    iin_digest: bytes = b""
    place_code: str = ""
    reference: str = ""


@dataclass(slots=True)
class Tally:
    """What a batch adds to the counters and the list of rejections of one primary."""

    primary_id: str
    turnout: Counter[tuple[str, str, datetime]] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str, datetime]] = field(default_factory=Counter)
    registered: Counter[str] = field(default_factory=Counter)
    exempted: Counter[tuple[int, datetime]] = field(default_factory=Counter)
    rejections: list[dict[str, Any]] = field(default_factory=list)

    def vote(
        self, place_code: str, at: datetime, channel: Channel = Channel.ONLINE, votes: int = 1
    ) -> None:
        """Count votes of one place."""
        self.turnout[place_code, channel.value, bucket_start(at)] += votes

    def exempt(self, exemption_id: int, at: datetime) -> None:
        """Count one voter whom an exemption admitted."""
        self.exempted[exemption_id, hour_start(at)] += 1

    def reject(self, away: TurnedAway) -> str:
        """Keep one rejection; gives its reference."""
        reasons = in_order(away.reasons)
        reference = away.reference or new_reference()
        bucket = bucket_start(away.at)
        for reason in ("", *reasons):
            self.rejected[str(reason), away.place_code, bucket] += 1
        self.rejections.append(
            {
                "primary_id": self.primary_id,
                "reference": reference,
                "stage": away.stage.value,
                "reasons": ",".join(reasons),
                "place_code": away.place_code,
                "iin_digest": away.iin_digest,
                "iin_masked": away.iin_masked,
                "mobile_masked": away.mobile_masked,
                "address_short": away.address_short,
                "at": away.at,
            }
        )
        return reference

    def write(self, connection: Connection) -> None:
        """Write everything that was counted."""
        if self.rejections:
            connection.execute(insert(Rejection), self.rejections)
        self._write_exempted(connection)
        _add(
            connection,
            ExemptionUsage,
            "used",
            (
                {"exemption_id": i, "hour_start": h, "used": n}
                for (i, h), n in self.exempted.items()
            ),
        )
        _add(
            connection,
            RegisteredCounter,
            "voters",
            (
                {"primary_id": self.primary_id, "place_code": place, "voters": n}
                for place, n in self.registered.items()
            ),
        )
        _add(
            connection,
            RejectionCounter,
            "count",
            (
                {
                    "primary_id": self.primary_id,
                    "reason": reason,
                    "place_code": place,
                    "bucket_start": bucket,
                    "count": n,
                }
                for (reason, place, bucket), n in self.rejected.items()
            ),
        )
        _add(
            connection,
            TurnoutCounter,
            "votes",
            (
                {
                    "primary_id": self.primary_id,
                    "place_code": place,
                    "channel": channel,
                    "bucket_start": bucket,
                    "votes": n,
                }
                for (place, channel, bucket), n in self.turnout.items()
            ),
        )

    def _write_exempted(self, connection: Connection) -> None:
        admitted: Counter[int] = Counter()
        for (exemption_id, _hour), voters in self.exempted.items():
            admitted[exemption_id] += voters
        for exemption_id, voters in sorted(admitted.items()):
            connection.execute(
                update(AddressExemption)
                .where(col(AddressExemption.id) == exemption_id)
                .values(used=col(AddressExemption.used) + voters)
            )


def _add(connection: Connection, model: Any, counted: str, rows: Iterable[dict[str, Any]]) -> None:
    """Add each row's figure to the stored one, in order of key."""
    listed = list(rows)
    if not listed:
        return
    if connection.dialect.name == "sqlite":
        keys, statement = _adding(model, counted)
        listed.sort(key=lambda row: [row[key] for key in keys])
        connection.execute(statement, listed)
        return
    keys, text = _adding_as_set(model, counted)
    listed.sort(key=lambda row: [row[key] for key in keys])
    connection.exec_driver_sql(
        text, tuple([row[name] for row in listed] for name in (*keys, counted))
    )


@cache
def _adding(model: Any, counted: str) -> tuple[list[str], Executable]:
    """The columns of a counter's key, and the statement that adds one row to it (SQLite)."""
    table = model.__table__
    keys = [column.name for column in table.primary_key]
    added = sqlite.insert(table)
    total = table.c[counted] + added.excluded[counted]
    return keys, added.on_conflict_do_update(index_elements=keys, set_={counted: total})


@cache
def _adding_as_set(model: Any, counted: str) -> tuple[list[str], str]:
    """The same as one statement for many rows, whose columns come as arrays (PostgreSQL)."""
    table = model.__table__
    keys = [column.name for column in table.primary_key]
    columns = [*keys, counted]
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it bare
    arrays = ", ".join(f"%s::{table.c[name].type.compile(dialect)}[]" for name in columns)
    listed = ", ".join(columns)
    text = (
        f"INSERT INTO {table.name} ({listed})"  # noqa: S608 - names of our own tables and columns
        f" SELECT {listed} FROM unnest({arrays}) WITH ORDINALITY AS t ({listed}, place)"
        f" ORDER BY place ON CONFLICT ({', '.join(keys)})"
        f" DO UPDATE SET {counted} = {table.name}.{counted} + excluded.{counted}"
    )
    return keys, text
