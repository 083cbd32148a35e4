"""M12: the public board at a million leaves: append, prove, verify; and what it costs a rush.

Appending and verifying are computation alone. A proof comes from the database, from a log that was
published in the product's own batches. A rush pays for the board with the time that a slice of the
ballots is looked at and the time that a batch holds SQLite's one lock for writing.
"""

import gc
import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from statistics import median

from benchmarks.live_page import configured
from benchmarks.measurement import Measurement
from benchmarks.register_import import installation

LEAVES, ROUNDS, BATCH, SLICE = 1_000_000, 7, 1000, 10_000
PRIMARY, CONTEST = "bench", "contest-0"
NOW = datetime(2020, 10, 1, 6, 0, tzinfo=UTC)


def run(leaves: int = LEAVES) -> list[Measurement]:
    """M12 in memory and on both databases."""
    found = [_measured("append a leaf, in memory", _append(leaves), "µs", "≤ 5")]
    verifying: list[float] = []
    for engine in ("SQLite", "PostgreSQL"):
        with installation(engine) as (url, folder), configured(url, folder):
            _fill(leaves)
            proving, verified = _proofs(leaves)
            verifying += verified
            batch, looked = _publishing()
        found += [
            _measured(f"prove a leaf of {leaves:,}, {engine}", median(proving), "ms", "≤ 0.5"),
            _measured(f"publish a batch of {BATCH:,}, {engine}", batch, "ms", "≤ 100"),
            _measured(f"look at {SLICE:,} ballots for new ones, {engine}", looked, "ms", "≤ 100"),
        ]
    found.append(_measured(f"verify a proof of {leaves:,}", median(verifying), "ms", "≤ 0.1"))
    return found


def _measured(what: str, seconds: float, unit: str, goal: str) -> Measurement:
    ours = seconds * {"ms": 1e3, "µs": 1e6}[unit]
    return Measurement(
        id="M12", what=what, ours=ours, yardstick=None, unit=unit, ratio=None, goal=goal
    )


def _append(leaves: int) -> float:
    """Seconds a leaf, of the last tenth."""
    from core.voting.merkle import Frontier, leaf_hash

    frontier = Frontier()
    entries = [secrets.token_bytes(32) for _ in range(leaves)]
    for entry in entries[: -leaves // 10]:
        frontier.append(leaf_hash(entry))
    gc.disable()
    started = time.perf_counter()
    for entry in entries[-leaves // 10 :]:
        frontier.append(leaf_hash(entry))
    taken = time.perf_counter() - started
    gc.enable()
    return taken / (leaves // 10)


def _ballots(number: int) -> list[tuple[str, bytes, bytes]]:
    """Trackers, sealed bytes and digests, in the order of trackers."""
    from core.voting.sealing import tracker_of

    made = []
    for _ in range(number):
        sealed = secrets.token_bytes(32) * 6 + bytes(17)
        digest = sha256(sealed).digest()
        made.append((tracker_of(digest), sealed, digest))
    return sorted(made)


def _fill(leaves: int) -> None:
    """So many ballots, all of them on the board."""
    from core import database
    from core.voting import board
    from core.voting.bulk import insert_rows
    from core.voting.models import Ballot

    database.upgrade()
    ballots = _ballots(leaves)
    with database.unit_of_work() as session:
        for start in range(0, leaves, SLICE):
            insert_rows(
                session.connection(),
                Ballot,
                [
                    {
                        "tracker": tracker,
                        "primary_id": PRIMARY,
                        "contest_id": CONTEST,
                        "sealed": sealed,
                        "sha256": digest,
                    }
                    for tracker, sealed, digest in ballots[start : start + SLICE]
                ],
            )
    digests = [digest for _tracker, _sealed, digest in ballots]
    random.shuffle(digests)
    for start in range(0, leaves, 100_000):
        with database.unit_of_work() as session:
            board.publish(session, PRIMARY, CONTEST, digests[start : start + 100_000], now=NOW)
    with database.engine().connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _proofs(leaves: int) -> tuple[list[float], list[float]]:
    """Seconds of proofs of leaves drawn at random, and of their verification."""
    from core.database import reading
    from core.voting import board
    from core.voting.merkle import is_included, leaf_hash

    draw = random.Random(12)
    proving, verifying = [], []
    with reading() as session:
        for _round in range(300):
            at = draw.randrange(leaves)
            (leaf,) = board.leaves(session, PRIMARY, CONTEST, start=at, end=at + 1)
            place = board.Published(CONTEST, at, leaf)
            started = time.perf_counter()
            proof = board.prove_inclusion(session, PRIMARY, place)
            proving.append(time.perf_counter() - started)
            head = proof.signed.head
            started = time.perf_counter()
            holds = is_included(leaf_hash(leaf), at, head.size, proof.path, head.root)
            verifying.append(time.perf_counter() - started)
            assert holds
    return proving[50:], verifying[50:]


def _publishing() -> tuple[float, float]:
    """Seconds of a transaction that publishes a batch, and of a look at a slice of the ballots."""
    from core.database import reading, unit_of_work
    from core.voting import board
    from core.voting.publishing import unpublished

    def publish() -> None:
        batch = [secrets.token_bytes(32) for _ in range(BATCH)]
        with unit_of_work() as session:
            board.publish(session, PRIMARY, CONTEST, batch, now=NOW)

    places = iter("BDFHJLNPRTVXZ357")

    def look() -> None:
        with reading() as session:
            found, _last = unpublished(session, PRIMARY, after=next(places), limit=SLICE)
            assert not found

    return _timed(publish), _timed(look)


def _timed(work: Callable[[], None]) -> float:
    taken = []
    for _round in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return median(taken)
