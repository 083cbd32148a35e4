"""The close of the vote: done once, by whoever comes first, and found again after a crash."""

import secrets
import threading
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from core import schedule
from core.audit.models import AuditEntry
from core.audit.queries import verify_chain
from core.database import engine, is_sqlite, reading, unit_of_work
from core.errors import Refused
from core.voting import board, closing
from core.voting.board_models import VoteClosing
from core.voting.casting import Accepted, Cast, cast_many
from core.voting.closing import LAST_CASTS, close_vote, complete_board, rewrite_ballots
from core.voting.models import Ballot, Claim
from core.voting.rules import VotingRefusal
from core.voting.votes import SealedBallot
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, PRIMARY
from tests.voting.test_board import on_board, publish_all

pytestmark = pytest.mark.usefixtures("database")
DUE = CLOSES + LAST_CASTS


def a_cast(number: int) -> Cast:
    return Cast(
        iin_digest=secrets.token_bytes(32),
        mobile_digest=secrets.token_bytes(32),
        address_digest=secrets.token_bytes(32),
        address=ip_address(0x0B000000 + number),
        place_code=DISTRICT,
        iin_masked="850101******",
        mobile_masked="+7701*****01",
        idempotency=secrets.token_bytes(16),
        ballots=tuple(
            SealedBallot.of(f"contest-{contest}", secrets.token_bytes(209)) for contest in range(2)
        ),
    )


def cast(casts: list[Cast], now: Any = NOON) -> list[Any]:
    with engine().begin() as connection:
        return cast_many(connection, PRIMARY, casts, now=now)


def acts() -> list[str]:
    with reading() as session:
        return list(
            session.execute(select(col(AuditEntry.act)).order_by(col(AuditEntry.number))).scalars()
        )


def stored() -> dict[str, bytes]:
    with reading() as session:
        rows = session.execute(select(col(Ballot.tracker), col(Ballot.sealed)))
        return {tracker: bytes(sealed) for tracker, sealed in rows}


def test_the_close_completes_the_board_and_rewrites_the_ballots_once() -> None:
    polls.open_poll(contests=3)
    cast([a_cast(number) for number in range(170)])
    before = stored()
    from core.voting.publishing import Publisher

    publish_all(Publisher())
    assert len(on_board("contest-0")) == 120
    assert close_vote(DUE)
    for contest in ("contest-0", "contest-1"):
        leaves = on_board(contest)
        assert len(leaves) == len(set(leaves)) == 170
    with reading() as session:
        heads = board.latest_heads(session, PRIMARY)
        assert [(each.head.size, each.head.is_final) for each in heads] == [
            (170, True),
            (170, True),
            (0, True),
        ], "a contest without a ballot has its last head too"
        done = board.closing(session, PRIMARY)
        assert done is not None
        assert (done.ballots, done.completed_at, done.rewritten_at) == (340, DUE, DUE)
        claims = session.execute(select(func.count()).select_from(Claim)).scalar_one()
        assert verify_chain(session).fault is None
    assert stored() == before
    assert claims == 3 * 170
    assert not close_vote(DUE + timedelta(hours=1))
    assert acts() == ["complete_board", "rewrite_ballots"]


def test_nothing_is_closed_before_the_last_cast_is_in() -> None:
    polls.open_poll()
    for early in (NOON, CLOSES, DUE - timedelta(microseconds=1)):
        assert not close_vote(early)
    assert acts() == []
    assert close_vote(DUE)


def test_without_a_primary_there_is_nothing_to_close() -> None:
    assert not close_vote(DUE)


def test_a_cast_that_was_held_up_until_after_the_close_is_refused_whole() -> None:
    polls.open_poll()
    cast([a_cast(1)])
    close_vote(DUE)
    before = stored()
    for _again in range(2):
        with pytest.raises(DBAPIError):
            cast([a_cast(2)])
    assert stored() == before
    with engine().begin() as connection:
        counted = connection.execute(text("SELECT count(*) FROM claim")).scalar_one()
    assert counted == 3


def test_the_answer_to_a_vote_of_the_last_minute_is_given_again_after_the_close() -> None:
    polls.open_poll()
    voted = a_cast(1)
    (first,) = cast([voted])
    close_vote(DUE)
    from dataclasses import replace

    assert cast([replace(voted, bar="not_open")]) == [first]
    assert isinstance(first, Accepted)


def test_after_a_crash_between_the_steps_the_next_try_does_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    polls.open_poll()
    cast([a_cast(number) for number in range(60)])
    before = stored()

    def die(*_anything: Any, **_more: Any) -> None:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(closing, "VoteClosing", die)
        with pytest.raises(RuntimeError):
            close_vote(DUE)
    assert on_board("contest-0") == []
    with monkeypatch.context() as patched:
        for step in ("_rewrite_sqlite", "_rewrite_postgresql"):
            patched.setattr(closing, step, die)
        with pytest.raises(RuntimeError):
            close_vote(DUE)
    assert len(on_board("contest-0")) == 60
    assert acts() == ["complete_board"]
    with monkeypatch.context() as patched:
        # The tables are written anew, and then the act can't be recorded.
        patched.setattr(closing.audit, "record", die)
        with pytest.raises(RuntimeError):
            close_vote(DUE)
    assert stored() == before
    assert close_vote(DUE)
    assert stored() == before
    assert acts() == ["complete_board", "rewrite_ballots"]


def test_of_many_who_close_at_once_one_does() -> None:
    polls.open_poll()
    cast([a_cast(number) for number in range(80)])
    gate = threading.Barrier(4)
    did: list[bool] = []
    faults: list[BaseException] = []

    def work() -> None:
        gate.wait()
        try:
            did.append(complete_board(DUE))
            rewrite_ballots(DUE)
        except BaseException as fault:  # noqa: BLE001 - shown by the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert sorted(did) == [False, False, False, True]
    assert acts() == ["complete_board", "rewrite_ballots"]
    assert len(on_board("contest-0")) == 80


def test_two_processes_that_complete_at_once_sign_one_last_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the lock of one process between them, the database decides."""
    polls.open_poll()
    cast([a_cast(number) for number in range(80)])
    monkeypatch.setattr(closing, "_completing", _NoLock())
    gate = threading.Barrier(3)
    did: list[bool] = []

    def work() -> None:
        gate.wait()
        did.append(complete_board(DUE))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(did) == [False, False, True]
    with reading() as session:
        assert [each.head.number for each in board.heads(session, PRIMARY, "contest-0")] == [1]


class _NoLock:
    def acquire(self, *, blocking: bool) -> bool:
        del blocking
        return True

    def release(self) -> None:
        pass


def test_a_reader_who_holds_the_log_puts_the_rewriting_off(
    monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    if not database.startswith("sqlite"):
        pytest.skip("PostgreSQL's readers keep the old file for themselves")
    polls.open_poll()
    cast([a_cast(1)])
    complete_board(DUE)
    monkeypatch.setattr(closing, "_PATIENCE", 0.05)
    with reading() as session:
        session.execute(select(func.count()).select_from(Ballot)).scalar_one()
        with pytest.raises(Refused) as refused:
            rewrite_ballots(DUE)
    assert refused.value.code is VotingRefusal.BALLOTS_NOT_REWRITTEN
    with unit_of_work() as session:
        session.execute(text("SELECT 1"))  # from here on it is somebody who writes
        with pytest.raises(Refused) as refused:
            closing._rewrite_sqlite()
    assert refused.value.code is VotingRefusal.BALLOTS_NOT_REWRITTEN
    assert acts() == ["complete_board"]
    assert rewrite_ballots(DUE)


def test_a_snapshot_from_before_the_close_knows_that_it_is_one() -> None:
    """PostgreSQL shows a truncated table as empty to older snapshots: they must not be believed."""
    polls.open_poll()
    cast([a_cast(1)])
    complete_board(DUE)
    with unit_of_work() as session:
        on_sqlite = is_sqlite(session)
    if on_sqlite:
        pytest.skip("SQLite's readers see their own state throughout")
    with reading() as old:
        old.execute(text("SELECT 1")).scalar_one()
        rewrite_ballots(DUE)
        assert old.execute(select(func.count()).select_from(Ballot)).scalar_one() == 0
        done = board.closing(old, PRIMARY)
        assert done is not None
        assert done.rewritten_at is None


def test_the_schedule_publishes_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    polls.open_poll()
    cast([a_cast(number) for number in range(130)])
    monkeypatch.setattr(schedule, "_state", schedule.State())
    last_run: dict[str, Any] = {}
    for second in range(5):
        schedule.run_due(last_run, NOON + timedelta(seconds=second))
    assert len(on_board("contest-0")) == 80
    schedule.run_due(last_run, DUE)
    assert schedule.state().faults == {}
    assert len(on_board("contest-0")) == 130
    with reading() as session:
        assert session.execute(select(col(VoteClosing.rewritten_at))).scalar_one() == DUE
