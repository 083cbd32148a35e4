"""Counters of a batch, added up in memory and written once, in one order, just before the commit.

Rows of counters are what concurrent batches meet on: taken last and sorted, they are held for the
shortest time and never crosswise.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update
from sqlmodel import col

from core.voting.bulk import add_rows, insert_rows
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
            insert_rows(connection, Rejection, self.rejections)
        self._write_exempted(connection)
        add_rows(
            connection,
            ExemptionUsage,
            "used",
            (
                {"exemption_id": i, "hour_start": h, "used": n}
                for (i, h), n in self.exempted.items()
            ),
        )
        add_rows(
            connection,
            RegisteredCounter,
            "voters",
            (
                {"primary_id": self.primary_id, "place_code": place, "voters": n}
                for place, n in self.registered.items()
            ),
        )
        add_rows(
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
        add_rows(
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
        add_rows(
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
