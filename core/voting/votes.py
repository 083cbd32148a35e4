"""How claims and ballots are stored on each engine: bare statements, a batch at a time.

Both classes answer the same four questions. SQLite has one writer at a time (``BEGIN IMMEDIATE``),
so what `taken` found stays true until the commit. On PostgreSQL several processes write at once:
there the primary key decides, and `store_claims` tells which keys went to somebody else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.voting.bulk import padded
from core.voting.rules import BALLOT_KEY, Channel, Key
from core.voting.sealing import tracker_of


@dataclass(frozen=True, slots=True)
class SealedBallot:
    """One sealed ballot: ``sealed`` is ``enc ‖ ciphertext``, ``sha256`` its digest."""

    contest_id: str
    sealed: bytes
    sha256: bytes
    tracker: str

    @classmethod
    def of(cls, contest_id: str, sealed: bytes) -> "SealedBallot":
        """A sealed ballot with its digest and tracker."""
        digest = sha256(sealed).digest()
        return cls(contest_id, sealed, digest, tracker_of(digest))

    @property
    def key(self) -> Key:
        """What a copy of this ballot would share with it."""
        return BALLOT_KEY, self.sha256


ClaimRow = tuple[str, bytes, bytes | None]
"""(kind, digest, idempotency mark beside an IIN)"""


class Votes(Protocol):
    """The stored claims and ballots of one primary, inside one transaction."""

    def taken(self, keys: Iterable[Key]) -> dict[Key, bytes | None]:
        """Which of these claims are held, each with the idempotency mark beside it."""
        ...

    def holders(self, keys: Iterable[Key]) -> dict[Key, bytes | None]:
        """The same, after waiting for whoever is about to claim one of them."""
        ...

    def store_claims(
        self, rows: Sequence[ClaimRow], *, channel: Channel = Channel.ONLINE
    ) -> set[Key]:
        """Store claims in order of kind and digest; gives those that somebody else holds."""
        ...

    def remove_claims(self, keys: Iterable[Key]) -> None:
        """Take back claims that this transaction stored."""
        ...

    def store_ballots(self, ballots: Sequence[SealedBallot]) -> set[Key]:
        """Store ballots in order of tracker; gives those that are stored already.

        When any is, none of this call is kept.
        """
        ...

    def stored(self, ballots: Iterable[SealedBallot]) -> set[bytes]:
        """The SHA-256 of those of these ballots that are stored."""
        ...


def votes_on(connection: Connection, primary_id: str) -> Votes:
    """The votes of a primary on whichever engine the connection speaks to."""
    if connection.dialect.name == "sqlite":
        return SqliteVotes(connection, primary_id)
    return PostgresqlVotes(connection, primary_id)


class SqliteVotes:
    """Claims and ballots by ``executemany``; look-ups by lists in the primary key."""

    def __init__(self, connection: Connection, primary_id: str) -> None:
        self._connection = connection
        self._primary_id = primary_id

    def taken(self, keys: Iterable[Key]) -> dict[Key, bytes | None]:
        """See `Votes`."""
        by_kind: dict[str, list[bytes]] = {}
        for kind, digest in keys:
            by_kind.setdefault(kind, []).append(digest)
        found: dict[Key, bytes | None] = {}
        for kind, digests in by_kind.items():
            for part in padded(digests):
                rows = self._connection.exec_driver_sql(
                    "SELECT digest, idempotency_hmac FROM claim"  # noqa: S608 - marks only
                    f" WHERE primary_id = ? AND kind = ? AND digest IN ({_marks(part)})",
                    (self._primary_id, kind, *part),
                )
                found.update({(kind, digest): mark for digest, mark in rows})
        return found

    def holders(self, keys: Iterable[Key]) -> dict[Key, bytes | None]:
        """See `Votes`; nobody else is about to do anything."""
        return self.taken(keys)

    def store_claims(
        self, rows: Sequence[ClaimRow], *, channel: Channel = Channel.ONLINE
    ) -> set[Key]:
        """See `Votes`; who holds them is asked first, for nobody can come between."""
        held = self.taken((kind, digest) for kind, digest, _mark in rows)
        free = [
            (self._primary_id, kind, digest, channel.value, mark)
            for kind, digest, mark in sorted(rows, key=_claim_order)
            if (kind, digest) not in held
        ]
        if free:
            self._connection.exec_driver_sql(
                "INSERT INTO claim (primary_id, kind, digest, channel, idempotency_hmac)"
                " VALUES (?, ?, ?, ?, ?)",
                free,
            )
        return set(held)

    def remove_claims(self, keys: Iterable[Key]) -> None:
        """See `Votes`."""
        gone = [(self._primary_id, *key) for key in sorted(keys)]
        if gone:
            self._connection.exec_driver_sql(
                "DELETE FROM claim WHERE primary_id = ? AND kind = ? AND digest = ?", gone
            )

    def store_ballots(self, ballots: Sequence[SealedBallot]) -> set[Key]:
        """See `Votes`."""
        if not ballots:
            return set()
        rows = [
            (ballot.tracker, self._primary_id, ballot.contest_id, ballot.sealed, ballot.sha256)
            for ballot in sorted(ballots, key=_tracker)
        ]
        self._connection.exec_driver_sql("SAVEPOINT ballots")
        try:
            self._connection.exec_driver_sql(
                "INSERT INTO ballot (tracker, primary_id, contest_id, sealed, sha256)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        except IntegrityError:
            self._connection.exec_driver_sql("ROLLBACK TO ballots")
            self._connection.exec_driver_sql("RELEASE ballots")
            there = self._trackers(ballots)
            return {ballot.key for ballot in ballots if ballot.tracker in there}
        self._connection.exec_driver_sql("RELEASE ballots")
        return set()

    def stored(self, ballots: Iterable[SealedBallot]) -> set[bytes]:
        """See `Votes`."""
        return set(self._trackers(ballots).values())

    def _trackers(self, ballots: Iterable[SealedBallot]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in padded([ballot.tracker for ballot in ballots]):
            found.update(
                (found_tracker, digest)
                for found_tracker, digest in self._connection.exec_driver_sql(
                    f"SELECT tracker, sha256 FROM ballot WHERE tracker IN ({_marks(part)})",  # noqa: S608 - question marks only
                    tuple(part),
                )
            )
        return found


class PostgresqlVotes:
    """Claims and ballots as sets: arrays in, ``ON CONFLICT DO NOTHING RETURNING`` out.

    ``%b`` sends arrays in binary: spelled as text, escaping the bytes costs more than the insert.
    """

    def __init__(self, connection: Connection, primary_id: str) -> None:
        self._connection = connection
        self._primary_id = primary_id

    def taken(self, keys: Iterable[Key]) -> dict[Key, bytes | None]:
        """See `Votes`."""
        kinds, digests = _columns(keys)
        if not kinds:
            return {}
        rows = self._connection.exec_driver_sql(
            # LIMIT keeps the planner to one look-up a key: a join may read the whole table instead.
            "SELECT k.kind, k.digest, held.idempotency_hmac"
            " FROM unnest(%b::text[], %b::bytea[]) AS k (kind, digest)"
            " CROSS JOIN LATERAL (SELECT c.idempotency_hmac FROM claim c"
            " WHERE c.primary_id = %s AND c.kind = k.kind AND c.digest = k.digest LIMIT 1) held",
            (kinds, digests, self._primary_id),
        )
        return {(kind, bytes(digest)): _bytes(mark) for kind, digest, mark in rows}

    def holders(self, keys: Iterable[Key]) -> dict[Key, bytes | None]:
        """See `Votes`. Only an insert waits: without waiting, two batches could each see the other's
        votes or not, and their rejections would follow from no order of events.
        """
        asked = set(keys)
        held = self.store_claims([(*key, None) for key in asked])
        self.remove_claims(asked - held)
        return self.taken(held)

    def store_claims(
        self, rows: Sequence[ClaimRow], *, channel: Channel = Channel.ONLINE
    ) -> set[Key]:
        """See `Votes`. One order for all batches, so that two never wait for each other."""
        if not rows:
            return set()
        ordered = sorted(rows, key=_claim_order)
        lost = self._connection.exec_driver_sql(
            # Only losers come back: a batch without any tells nothing, which is the quickest answer.
            "WITH given AS (SELECT * FROM unnest(%b::text[], %b::bytea[], %b::bytea[])"
            " WITH ORDINALITY AS t (kind, digest, mark, place)),"
            " stored AS (INSERT INTO claim (primary_id, kind, digest, channel, idempotency_hmac)"
            " SELECT %s, kind, digest, %s, mark FROM given ORDER BY place"
            " ON CONFLICT DO NOTHING RETURNING kind, digest)"
            " SELECT kind, digest FROM given EXCEPT ALL SELECT kind, digest FROM stored",
            (
                [row[0] for row in ordered],
                [row[1] for row in ordered],
                [row[2] for row in ordered],
                self._primary_id,
                channel.value,
            ),
        )
        return {(kind, bytes(digest)) for kind, digest in lost}

    def remove_claims(self, keys: Iterable[Key]) -> None:
        """See `Votes`. One kind at a time: over both columns the planner may read the whole table."""
        by_kind: dict[str, list[bytes]] = {}
        for kind, digest in sorted(keys):
            by_kind.setdefault(kind, []).append(digest)
        for kind, digests in by_kind.items():
            self._connection.exec_driver_sql(
                "DELETE FROM claim"
                " WHERE primary_id = %s AND kind = %s AND digest = ANY(%b::bytea[])",
                (self._primary_id, kind, digests),
            )

    def store_ballots(self, ballots: Sequence[SealedBallot]) -> set[Key]:
        """See `Votes`."""
        if not ballots:
            return set()
        ordered = sorted(ballots, key=_tracker)
        lost = self._connection.exec_driver_sql(
            "WITH given AS (SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::bytea[])"
            " WITH ORDINALITY AS t (tracker, contest, sealed, sha, place)),"
            " stored AS (INSERT INTO ballot (tracker, primary_id, contest_id, sealed, sha256)"
            " SELECT tracker, %s, contest, sealed, sha FROM given ORDER BY place"
            " ON CONFLICT DO NOTHING RETURNING tracker)"
            " SELECT tracker FROM given EXCEPT ALL SELECT tracker FROM stored",
            (
                [ballot.tracker for ballot in ordered],
                [ballot.contest_id for ballot in ordered],
                [ballot.sealed for ballot in ordered],
                [ballot.sha256 for ballot in ordered],
                self._primary_id,
            ),
        )
        there = {tracker for (tracker,) in lost}
        if there:
            ours = [ballot.tracker for ballot in ordered if ballot.tracker not in there]
            self._connection.exec_driver_sql("DELETE FROM ballot WHERE tracker = ANY(%s)", (ours,))
        return {ballot.key for ballot in ordered if ballot.tracker in there}

    def stored(self, ballots: Iterable[SealedBallot]) -> set[bytes]:
        """See `Votes`."""
        rows = self._connection.exec_driver_sql(
            "SELECT sha256 FROM ballot WHERE tracker = ANY(%s)",
            ([ballot.tracker for ballot in ballots],),
        )
        return {bytes(digest) for (digest,) in rows}


def _claim_order(row: ClaimRow) -> tuple[str, bytes]:
    return row[0], row[1]


def _tracker(ballot: SealedBallot) -> str:
    return ballot.tracker


def _columns(keys: Iterable[Key]) -> tuple[list[str], list[bytes]]:
    listed = sorted(keys)
    return [kind for kind, _digest in listed], [digest for _kind, digest in listed]


def _bytes(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
