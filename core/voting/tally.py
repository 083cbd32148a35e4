"""Counters of a batch, added up in memory and written once, in one order, just before the commit.

Rows of counters are what concurrent batches meet on: taken last and sorted, they are held for the
shortest time and never crosswise.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from core.voting.models import (
    AddressClashCounter,
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
    clashes: Counter[tuple[str, datetime]] = field(default_factory=Counter)
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

    def clash(self, place_code: str, at: datetime) -> None:
        """Count one accepted vote whose address another vote holds: the advisory mode."""
        self.clashes[place_code, bucket_start(at)] += 1

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
            AddressClashCounter,
            "count",
            (
                {
                    "primary_id": self.primary_id,
                    "place_code": place,
                    "bucket_start": bucket,
                    "count": n,
                }
                for (place, bucket), n in self.clashes.items()
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
    adding = _adding(model, counted, connection.dialect.name)
    listed.sort(key=lambda row: [row[key] for key in adding.keys])
    columns = [
        [row[name] for row in listed] if convert is None else _converted(convert, name, listed)
        for name, convert in adding.columns
    ]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(adding.text, list(zip(*columns, strict=True)))
    else:
        connection.exec_driver_sql(adding.text, tuple(columns))


def _converted(convert: Callable[[Any], Any], name: str, rows: list[dict[str, Any]]) -> list[Any]:
    # A batch has one or two instants in many rows: each is converted once.
    known = {value: convert(value) for value in {row[name] for row in rows}}
    return [known[row[name]] for row in rows]


@dataclass(frozen=True)
class _Adding:
    """How a counter is added to: its key, its columns with what the driver wants, the statement.

    PostgreSQL gets many rows as one statement, its columns as arrays; SQLite has no trip to save.
    """

    keys: list[str]
    columns: list[tuple[str, Callable[[Any], Any] | None]]
    text: str


@cache
def _adding(model: Any, counted: str, dialect_name: str) -> _Adding:
    table = model.__table__
    dialect: Any = sqlite.dialect() if dialect_name == "sqlite" else postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it bare
    keys = [column.name for column in table.primary_key]
    names = [*keys, counted]
    listed = ", ".join(names)
    if dialect_name == "sqlite":
        source = f"VALUES ({', '.join('?' * len(names))})"
    else:
        arrays = ", ".join(f"%s::{table.c[name].type.compile(dialect)}[]" for name in names)
        source = (
            f"SELECT {listed} FROM unnest({arrays}) WITH ORDINALITY AS t ({listed}, place)"  # noqa: S608 - names of our own columns
            " ORDER BY place"
        )
    return _Adding(
        keys,
        [(name, _converter(table.c[name].type, dialect)) for name in names],
        f"INSERT INTO {table.name} ({listed}) {source} ON CONFLICT ({', '.join(keys)})"
        f" DO UPDATE SET {counted} = {table.name}.{counted} + excluded.{counted}",
    )


def _converter(kind: Any, dialect: Any) -> Callable[[Any], Any] | None:
    """What turns a value into what the driver stores; None where it is stored as it is."""
    found: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found
