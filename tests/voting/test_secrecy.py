"""Secrecy at rest: what a disk tells of a vote while it goes on, and that the close ends it.

The first half of each test is the attack as it succeeds during the vote; the design admits it, and
a test that never saw the join would prove nothing by not finding it afterwards.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.engine import make_url
from sqlmodel import col

from core import clock
from core.database import engine, reading, unit_of_work
from core.messaging.models import OutboxMessage
from core.primary.digests import iin_digest
from core.voting import board
from core.voting.casting import Accepted
from core.voting.closing import LAST_CASTS, close_vote
from core.voting.election import CurrentElection
from core.voting.models import Claim, Rejection, TurnoutCounter, VotingSession
from core.voting.sealing import tracker_of
from core.voting.writer import Writer
from tests.voting import polls, traces
from tests.voting.polls import CLOSES, NOON, PRIMARY, iin
from tests.voting.test_writer import ballots, cast, home, session_of

VOTERS = 36
TINY, IN_TINY = "113600000", (7, 21, 30)
CHANCE = 0.25  # how far a random order of so many may be from one half: more than four deviations


@dataclass
class Vote:
    """What happened: who cast which ballot, in the order of casting; ``marks`` are of the claims."""

    voter_of: dict[str, str]
    sealed: dict[str, bytes]
    digests: dict[str, bytes]
    marks: dict[str, bytes]
    national: list[str]
    """The trackers of the national contest, in the order of casting."""


@pytest.fixture
def vote(database: str) -> Vote:
    """A quiet hour: every voter signs in, tries once more, and casts in a transaction of their own."""
    if database.startswith(
        "sqlite"
    ):  # an intruder copies the log before it is folded into the file
        event.listen(engine(), "connect", _keep_the_log)
    poll = polls.open_poll(voters=0)
    with unit_of_work() as session:
        for number in range(VOTERS):
            place = {"place": TINY} if number in IN_TINY else {}
            polls.add_voter(session, number, **place)
    happened = Vote({}, {}, {}, {}, [])
    writer = Writer(CurrentElection(max_age=0))
    with clock.fixed(NOON):
        writer.start()
    try:
        for number in range(VOTERS):
            with clock.fixed(NOON + number * timedelta(minutes=1, seconds=7)):
                token = session_of(writer, number)
                sealed = ballots(poll)[: 1 if number in IN_TINY else 2]
                assert isinstance(cast(writer, token, sealed, home(number)), Accepted)
                # Whoever votes again is turned away, with a rejection that bears the time.
                cast(writer, token, sealed, home(number), key="another key of the same voter")
                voter = f"voter {number}"
                happened.national.append(sealed[0].tracker)
                happened.digests[voter] = iin_digest(PRIMARY, iin(number))
                for ballot in sealed:
                    happened.voter_of[ballot.tracker] = voter
                    happened.sealed[ballot.tracker] = ballot.sealed
    finally:
        writer.stop()
    with reading() as session:
        rows = session.execute(
            select(col(Claim.digest), col(Claim.idempotency_hmac)).where(col(Claim.kind) == "iin")
        )
        marks = {bytes(digest): bytes(mark) for digest, mark in rows}
    happened.marks = {voter: marks[digest] for voter, digest in happened.digests.items()}
    return happened


def _keep_the_log(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA wal_autocheckpoint=0")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_joins_ballots_to_voters_until_the_close_and_never_again(vote: Vote) -> None:
    voters = {digest: voter for voter, digest in vote.digests.items()}

    def by_transaction(connection: Connection) -> dict[str, list[str]]:
        claims = traces.transactions(connection, "claim", "digest")
        cast_by = {voters[digest]: mark for digest, mark in claims.items() if digest in voters}
        return traces.joined(cast_by, traces.transactions(connection, "ballot", "tracker"))

    def tables_beside_ballots(connection: Connection) -> set[str]:
        marks = traces.marks_of_rows(connection)
        return {table for table, found in marks.items() if found & marks["ballot"]}

    with engine().connect() as connection:
        assert traces.named_alone(by_transaction(connection), vote.voter_of) == 1
        assert traces.concordance(vote.national, _places(connection, "ballot", "tracker")) == 1
        assert {"claim", "turnout_counter"} <= tables_beside_ballots(connection)
        assert _last_vote_of(connection, TINY) == vote.national[IN_TINY[-1]]
        old_file = _file_of(connection, "ballot")
    assert close_vote(CLOSES + LAST_CASTS)
    with engine().connect() as connection:
        found = by_transaction(connection)
        assert traces.named_alone(found, vote.voter_of) == 0
        assert {frozenset(candidates) for candidates in found.values()} == {frozenset(vote.digests)}
        # One transaction wrote all of them, so that what it wrote beside them says nothing either.
        assert len(traces.marks_of_rows(connection)["ballot"]) == 1
        assert tables_beside_ballots(connection) == {
            "ballot",
            "claim",
            "registration",
            "vote_closing",
            "audit_entry",
            "audit_head",
        }
        assert traces.heap_order(connection, "ballot", "tracker") == sorted(vote.voter_of)
        claims = traces.heap_order(connection, "claim", "kind || encode(digest, 'hex')")
        assert claims == sorted(claims)
        places = _places(connection, "ballot", "tracker")
        assert abs(traces.concordance(vote.national, places) - 0.5) < CHANCE
        assert _last_vote_of(connection, TINY) is None
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        new_file = _file_of(connection, "ballot")
        assert new_file != old_file
        folder = Path(connection.execute(text("SHOW data_directory")).scalar_one())
        files = traces.files_with((folder / new_file).parent, vote.sealed.values())
        assert files == {Path(new_file).name: len(vote.sealed)}, (
            "the old file is gone from the disk"
        )


def _places(connection: Connection, table: str, key: str) -> dict[str, int]:
    order = traces.heap_order(connection, table, key)
    return {str(name): place for place, name in enumerate(order)}


def _file_of(connection: Connection, table: str) -> str:
    return str(connection.execute(text(f"SELECT pg_relation_filepath('{table}')")).scalar_one())


def _last_vote_of(connection: Connection, place: str) -> str | None:
    """The ballot that came with the last change of a small district's counter."""
    return connection.execute(
        text(
            "SELECT b.tracker FROM turnout_counter c JOIN ballot b ON b.xmin::text = c.xmin::text"
            " WHERE c.place_code = :place AND b.contest_id = 'contest-0'"
            " ORDER BY c.bucket_start DESC LIMIT 1"
        ),
        {"place": place},
    ).scalar_one_or_none()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_joins_ballots_to_voters_until_the_close_and_never_again(
    vote: Vote, database: str, tmp_path: Path
) -> None:
    path = Path(make_url(database).database or "")
    wal = path.with_name(f"{path.name}-wal")
    claims = traces.commits_of(wal, vote.marks)
    stored = traces.commits_of(wal, vote.sealed)
    assert traces.named_alone(traces.joined(claims, stored), vote.voter_of) == 1
    _fold(path)
    history = _layouts(path, vote)
    assert close_vote(CLOSES + LAST_CASTS)
    for needles in (vote.sealed, vote.marks):
        assert traces.commits_of(wal, needles) == {}
    _fold(path)
    folder = traces.files_with(path.parent, [*vote.sealed.values(), *vote.marks.values()])
    assert folder == {path.name: len(vote.sealed) + len(vote.marks)}
    for needles in (vote.sealed, vote.marks):
        found = traces.places(path.read_bytes(), needles)
        assert {len(places) for places in found.values()} == {1}, "no copy is left on a free page"
    # The layout follows from the rows alone: put in in any order, they lie at the same places.
    assert _layouts(path, vote) != history
    for copy in _put_in_anew(path, tmp_path):
        assert _layouts(copy, vote) == _layouts(path, vote)


PAGE = 4096


def _fold(path: Path) -> None:
    """Bring what stands in the log into the file."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def _layouts(path: Path, vote: Vote) -> list[dict[str, int]]:
    """Where ballots and claims lie in the file, from the first page of each table on."""
    found = []
    for needles in (vote.sealed, vote.marks):
        offsets = {at[0]: name for name, at in traces.places(path.read_bytes(), needles).items()}
        first = min(offsets) // PAGE * PAGE
        found.append({name: offset - first for offset, name in offsets.items()})
    return found


def _put_in_anew(path: Path, folder: Path) -> Iterator[Path]:
    """Copies of the file whose claims and ballots were inserted in two random orders."""
    for number in range(2):
        copy = folder / f"copy-{number}.sqlite"
        shutil.copy(path, copy)
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER claim_after_close")
            for table in ("ballot", "claim"):
                connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}")
                connection.execute(f"DELETE FROM {table}")
                connection.execute(f"INSERT INTO {table} SELECT * FROM kept ORDER BY random()")
                connection.execute("DROP TABLE kept")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield copy


def test_times_that_stay_in_the_tables_meet_no_time_or_order_of_a_ballot(vote: Vote) -> None:
    """Sessions, messages, rejections, counters: all tell when a voter came, and none which ballot."""
    assert close_vote(CLOSES + LAST_CASTS)
    with reading() as session:
        came = {
            "sessions": select(col(VotingSession.iin_digest)).order_by(
                col(VotingSession.expires_at)
            ),
            "rejections": select(col(Rejection.iin_digest)).order_by(col(Rejection.id)),
        }
        names = {digest: voter for voter, digest in vote.digests.items()}
        for what, statement in came.items():
            order = [names[bytes(digest)] for digest in session.execute(statement).scalars()]
            assert order == list(vote.digests), f"{what} keep the order of the voters"
        buckets = session.execute(
            select(col(TurnoutCounter.place_code), col(TurnoutCounter.votes))
        ).all()
        assert Counter(dict(buckets))[TINY] == 1, "one voter of a small district in ten minutes"
        assert len(session.execute(select(col(OutboxMessage.id))).all()) >= VOTERS
        leaves = board.leaves(session, PRIMARY, "contest-0", start=0, end=1000)
    places = {tracker_of(leaf): place for place, leaf in enumerate(leaves)}
    assert places.keys() == set(vote.national)
    assert abs(traces.concordance(vote.national, places) - 0.5) < CHANCE


def test_no_table_has_a_column_of_a_voter_and_one_of_a_ballot() -> None:
    from sqlmodel import SQLModel

    from core.migrations.models import import_all

    import_all()
    voter = {"iin_digest", "mobile_digest", "address_digest", "digest", "member_id", "iin_masked"}
    ballot = {"tracker", "sealed", "sha256"}
    both = [
        name
        for name, table in SQLModel.metadata.tables.items()
        if voter & set(table.c.keys()) and ballot & set(table.c.keys())
    ]
    assert not both
