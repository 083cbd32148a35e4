"""The history of a vote that has been going on: cast through the same batches as real votes.

So the counters, claims, ballots and rejections agree, and the sealed ballots can be counted.
Addresses are of the private ranges, which are nobody's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from ipaddress import IPv4Address
from typing import Any, Final

import numpy as np
from sqlalchemy import insert
from sqlmodel import Session, col, select

from core import places
from core.membership.rules import Iin, Mobile
from core.primary.digests import address_digest, iin_digest, iin_digests, mobile_digest
from core.primary.models import Voter
from core.primary.queries import ContestView
from core.rehearsal.people import People
from core.voting.addresses import Address, address_key, short_address
from core.voting.casting import Accepted, Cast, cast_many
from core.voting.models import Registration
from core.voting.rules import BUCKET, RejectionReason, RejectionStage, bucket_start
from core.voting.sealing import seal
from core.voting.sessions import idempotency_mark
from core.voting.tally import Tally, TurnedAway
from core.voting.votes import SealedBallot

_BATCH: Final = 512
_TWICE, _SHARED, _TURNED_AWAY, _ONLY_REGISTERED = 0.012, 0.018, 0.03, 0.12

# How much of a day's voting falls into each hour of the day.
_BY_HOUR: Final = np.array(
    [9, 5, 3, 2, 2, 3, 6, 14, 28, 42, 50, 52, 48, 46, 44, 42, 40, 40, 42, 44, 40, 32, 24, 15],
    dtype=float,
)
_SIGN_IN_REASONS: Final = (
    ((RejectionReason.MOBILE_MISMATCH,), 0.5),
    ((RejectionReason.NOT_ON_ROLL,), 0.24),
    ((RejectionReason.RATE_LIMITED,), 0.08),
    ((RejectionReason.CODE_FAILED,), 0.18),
)


@dataclass(frozen=True)
class Electorate:
    """Everybody on the roll, by position in ``people``; ``late`` came after the cut-off."""

    people: People
    digests: Sequence[bytes]
    eligible: np.ndarray[Any, Any]
    late: np.ndarray[Any, Any]

    def without(self, others: Collection[int]) -> "Electorate":
        """The same without ``others``, who vote on paper."""
        return replace(self, eligible=np.setdiff1d(self.eligible, np.array(sorted(others), int)))


def electorate(session: Session, primary_id: str, people: People) -> Electorate:
    """Who of the invented people is on the sealed roll."""
    digests = list(iin_digests(primary_id, people.iin.tolist()))
    on_roll: dict[bytes, str | None] = {
        bytes(digest): excluded
        for digest, excluded in session.exec(
            select(Voter.iin_digest, Voter.reason_excluded).where(
                col(Voter.primary_id) == primary_id
            )
        )
    }
    found = [on_roll.get(digest, "absent") for digest in digests]
    return Electorate(
        people,
        digests,
        np.array([position for position, reason in enumerate(found) if reason is None]),
        np.array([p for p, reason in enumerate(found) if reason == "admitted_after_cutoff"]),
    )


class Historian:
    """Casts the votes of the time from ``opens`` to ``until``, ten minutes a unit of work."""

    def __init__(
        self,
        primary_id: str,
        voters: Electorate,
        contests_of: Mapping[str, Sequence[ContestView]],
        public_key: bytes,
        *,
        seed: int,
    ) -> None:
        self._primary_id = primary_id
        self._voters = voters
        self._contests_of = contests_of
        self._public_key = public_key
        self._draw = np.random.default_rng([seed, 1010])
        self._popularity = self._invent_popularity()

    def _invent_popularity(self) -> dict[str, np.ndarray[Any, Any]]:
        contests = {c.id: c for some in self._contests_of.values() for c in some}
        return {
            code: self._draw.dirichlet(np.full(len(contests[code].standing), 1.2))
            for code in sorted(contests)
        }

    def plan(
        self, share: float, *, opens: datetime, until: datetime, zone: tzinfo
    ) -> Iterator[tuple[datetime, Sequence[int]]]:
        """Which voters come in which ten minutes: about ``share`` of the roll, unlike by region."""
        eligible = self._voters.eligible
        regions = [places.region_of(code) for code in self._voters.people.place_code[eligible]]
        zeal = {
            unit.code: float(np.clip(share * self._draw.normal(1.0, 0.22), 0.05, 0.93))
            for unit in places.children(None)
        }
        comes = self._draw.random(len(eligible)) < np.array([zeal[code] for code in regions])
        coming = self._draw.permutation(eligible[comes])
        first = bucket_start(opens)
        starts = [first + BUCKET * step for step in range(int((until - first) / BUCKET))]
        weight = np.array([_BY_HOUR[start.astimezone(zone).hour] for start in starts])
        hours = np.arange(len(starts)) / 6
        # The rush at the door on the first morning, then ever fewer who have not yet voted.
        weight *= np.exp(-hours / 60) * (1 + 1.6 * np.exp(-hours / 3))
        counts = self._draw.multinomial(len(coming), weight / weight.sum())
        ends = np.cumsum(counts)
        for start, end, count in zip(starts, ends, counts, strict=True):
            yield start, coming[end - count : end].tolist()

    def cast(self, session: Session, start: datetime, voters: Sequence[int]) -> tuple[int, int]:
        """Cast what ``voters`` bring in the ten minutes from ``start``; (accepted, rejected)."""
        at = start + BUCKET / 2
        tally = Tally(self._primary_id)
        casts = [self._cast_of(voter) for voter in voters]
        casts += self._mishaps(casts, voters)
        connection = session.connection()
        accepted = 0
        for first in range(0, len(casts), _BATCH):
            batch = casts[first : first + _BATCH]
            answers = cast_many(connection, self._primary_id, batch, now=at, tally=tally)
            accepted += sum(isinstance(answer, Accepted) for answer in answers)
        self._turn_away(tally, len(voters), at)
        self._register(session, tally, voters)
        tally.write(connection)
        return accepted, len(tally.rejections)

    def _address(self) -> Address:
        return IPv4Address(0x0A000000 + int(self._draw.integers(0x00FFFFFF)))

    def _where_turned_away(self) -> Address:
        """Often a hostel or a carrier's shared network: the monitor names the busiest."""
        if self._draw.random() < 0.3:
            return IPv4Address(0x0A4D0000 + int(self._draw.integers(3 * 256)))
        return self._address()

    def _cast_of(self, voter: int, *, address: Address | None = None) -> Cast:
        people, digest = self._voters.people, self._voters.digests[voter]
        where = address or self._address()
        number = Mobile(people.mobile[voter])
        place = str(people.place_code[voter])
        return Cast(
            iin_digest=digest,
            mobile_digest=mobile_digest(self._primary_id, number.e164),
            address_digest=address_digest(self._primary_id, address_key(where)),
            address=where,
            place_code=place,
            iin_masked=str(Iin(people.iin[voter])),
            mobile_masked=str(number),
            idempotency=idempotency_mark(self._primary_id, digest, self._draw.bytes(12).hex()),
            ballots=tuple(self._ballot(contest) for contest in self._contests_of[place]),
        )

    def _ballot(self, contest: ContestView) -> SealedBallot:
        standing = contest.standing
        wanted = min(int(self._draw.integers(1, contest.max_choices + 1)), len(standing))
        if self._draw.random() < 0.025:
            wanted = 0  # a blank ballot is a choice
        chosen = self._draw.choice(
            len(standing), size=wanted, replace=False, p=self._popularity[contest.id]
        )
        sealed = seal(
            self._public_key,
            self._primary_id,
            contest.id,
            [standing[index].id for index in chosen],
            contest.size,
        )
        return SealedBallot.of(contest.id, sealed)

    def _mishaps(self, casts: Sequence[Cast], voters: Sequence[int]) -> list[Cast]:
        """People who try twice, and people on one address with somebody who came before."""
        again = [
            self._cast_of(voter, address=cast.address)
            for voter, cast in zip(voters, casts, strict=True)
            if self._draw.random() < _TWICE
        ]
        shared = []
        for cast in casts:
            if self._draw.random() < _SHARED:
                neighbour = int(self._draw.choice(self._voters.eligible))
                if neighbour not in voters:
                    shared.append(self._cast_of(neighbour, address=cast.address))
        return again + shared

    def _turn_away(self, tally: Tally, voters: int, at: datetime) -> None:
        """Those who did not get as far as a ballot."""
        reasons = [reason for reason, _share in _SIGN_IN_REASONS]
        shares = [share for _reason, share in _SIGN_IN_REASONS]
        for _number in range(int(self._draw.binomial(voters, _TURNED_AWAY))):
            given = reasons[int(self._draw.choice(len(reasons), p=shares))]
            voter = int(self._draw.choice(self._voters.eligible))
            if len(self._voters.late) and self._draw.random() < 0.06:
                voter = int(self._draw.choice(self._voters.late))
                given = (RejectionReason.ADMITTED_AFTER_CUTOFF,)
            tally.reject(self._away(voter, given, at))

    def _away(self, voter: int, reasons: tuple[RejectionReason, ...], at: datetime) -> TurnedAway:
        people = self._voters.people
        unknown = RejectionReason.NOT_ON_ROLL in reasons
        iin = str(people.iin[voter])
        if unknown:
            # A mistyped number of nobody: what is masked must not be a voter's.
            iin = f"9901013{self._draw.integers(10_000, 99_999)}"
        code = RejectionReason.CODE_FAILED in reasons
        return TurnedAway(
            stage=RejectionStage.CODE if code else RejectionStage.SIGN_IN,
            reasons=reasons,
            at=at,
            iin_digest=iin_digest(self._primary_id, iin),
            iin_masked=str(Iin(iin)),
            mobile_masked=str(Mobile(people.mobile[voter])),
            address_short=short_address(self._where_turned_away()),
            place_code="" if unknown else str(people.place_code[voter]),
        )

    def _register(self, session: Session, tally: Tally, voters: Sequence[int]) -> None:
        """Everybody who came completed a sign-in, and some did so without voting yet."""
        more = int(self._draw.binomial(len(voters), _ONLY_REGISTERED))
        visitors = self._draw.choice(self._voters.eligible, size=more).tolist()
        digests = self._voters.digests
        wanted = {digests[voter]: voter for voter in (*voters, *visitors)}
        known = set()
        keys = list(wanted)
        for first in range(0, len(keys), _BATCH):
            known |= {
                bytes(digest)
                for digest in session.exec(
                    select(Registration.iin_digest).where(
                        col(Registration.primary_id) == self._primary_id,
                        col(Registration.iin_digest).in_(keys[first : first + _BATCH]),
                    )
                )
            }
        new = {digest: voter for digest, voter in wanted.items() if digest not in known}
        if new:
            rows = [{"primary_id": self._primary_id, "iin_digest": digest} for digest in new]
            session.execute(insert(Registration), rows)
        for voter in new.values():
            tally.registered[str(self._voters.people.place_code[voter])] += 1
