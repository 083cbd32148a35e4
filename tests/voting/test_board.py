"""The public board: what a batch may tell, proofs from the database, one leaf once, whoever asks."""

import secrets
import threading
from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from core.database import engine, reading, unit_of_work
from core.keyring import signing_key, signing_public_key
from core.voting import board
from core.voting.board_log import ContestLog
from core.voting.board_models import BoardHead, BoardLeaf, BoardNode
from core.voting.heads import SignedHead, TreeHead, is_signed_by, leaf_text, read_leaf, sign
from core.voting.merkle import Frontier, is_consistent, is_included, leaf_hash
from core.voting.models import Ballot
from core.voting.publishing import KEPT_BACK, LARGEST_BATCH, SMALLEST_BATCH, Publisher, draw
from core.voting.sealing import TRACKER_LENGTH, tracker_of
from core.voting.votes import SealedBallot
from tests.voting import polls
from tests.voting.polls import CLOSES, NOON, PRIMARY

pytestmark = pytest.mark.usefixtures("database")
MINUTES = timedelta(minutes=1)


def store(contest: str, number: int) -> list[bytes]:
    """Ballots as casts leave them; gives their SHA-256."""
    made = [SealedBallot.of(contest, secrets.token_bytes(209)) for _ in range(number)]
    with unit_of_work() as session:
        session.execute(
            insert(Ballot),
            [
                {
                    "tracker": ballot.tracker,
                    "primary_id": PRIMARY,
                    "contest_id": contest,
                    "sealed": ballot.sealed,
                    "sha256": ballot.sha256,
                }
                for ballot in made
            ],
        )
    return [ballot.sha256 for ballot in made]


def publish_all(publisher: Publisher, now=NOON) -> int:
    """Steps until a sweep has come to its end and its batches are out."""
    published = 0
    for _step in range(1000):
        published += publisher.step(now)
        if publisher._after is None and not publisher._batches:
            return published
    raise AssertionError("the sweep has no end")


def on_board(contest: str) -> list[bytes]:
    with reading() as session:
        return board.leaves(session, PRIMARY, contest, start=0, end=1_000_000)


def roots(leaves: Collection[bytes]) -> dict[int, bytes]:
    """The root after each leaf, computed from the leaves alone."""
    frontier, found = Frontier(), {}
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
        found[frontier.size] = frontier.root()
    return found


def test_ballots_come_on_the_board_in_batches_that_leave_fifty_behind() -> None:
    polls.open_poll()
    publisher = Publisher()
    cast = store("contest-0", SMALLEST_BATCH + KEPT_BACK - 1)
    assert publish_all(publisher) == 0, "fewer than fifty would go out, or fewer stay behind"
    cast += store("contest-0", 1)
    assert publish_all(publisher, NOON + MINUTES) == 0, "it looks every five minutes"
    assert publish_all(publisher, NOON + 5 * MINUTES) == SMALLEST_BATCH
    assert set(on_board("contest-0")) < set(cast)
    cast += store("contest-0", 70)
    assert publish_all(publisher, NOON + 10 * MINUTES) == 70
    leaves = on_board("contest-0")
    assert len(leaves) == len(set(leaves)) == len(cast) - KEPT_BACK
    with reading() as session:
        signed = board.heads(session, PRIMARY, "contest-0")
    assert [(each.head.number, each.head.size, each.head.at) for each in signed] == [
        (1, 50, NOON + 5 * MINUTES),
        (2, 120, NOON + 10 * MINUTES),
    ]
    after = roots(leaves)
    for each in signed:
        assert each.head.root == after[each.head.size]
        assert is_signed_by(each, signing_public_key())
        assert not each.head.is_final


def test_contests_wait_apart_and_many_ballots_make_many_batches_of_one_size() -> None:
    polls.open_poll()
    many = store("contest-0", 2 * LARGEST_BATCH + KEPT_BACK + 1)
    few = store("contest-1", 99)
    assert publish_all(Publisher(slice_size=700)) == 2 * LARGEST_BATCH + 1
    with reading() as session:
        sizes = [each.head.size for each in board.heads(session, PRIMARY, "contest-0")]
        assert board.latest_head(session, PRIMARY, "contest-1") is None
        assert [each.head.contest_id for each in board.latest_heads(session, PRIMARY)] == [
            "contest-0"
        ]
    assert {b - a for a, b in pairwise([0, *sizes])} == {667}
    assert not set(on_board("contest-0")) & set(few)
    assert set(on_board("contest-0")) <= set(many)


def test_a_batch_has_neither_the_order_of_casting_nor_of_trackers() -> None:
    """Of a thousand, a fixed order would be met by chance once in 10 ** 2567."""
    polls.open_poll()
    cast = [leaf for _ in range(21) for leaf in store("contest-0", 50)]
    publish_all(Publisher())
    leaves = on_board("contest-0")
    assert len(leaves) == 1000
    # Ranks in the two orders that could leak, correlated with the position on the board.
    for order in (sorted(leaves), [leaf for leaf in cast if leaf in set(leaves)]):
        place = {leaf: number for number, leaf in enumerate(order)}
        n = len(leaves)
        difference = sum((place[leaf] - at) ** 2 for at, leaf in enumerate(leaves))
        spearman = 1 - 6 * difference / (n * (n * n - 1))
        assert abs(spearman) < 0.2, "six standard deviations"


def test_who_stays_behind_is_drawn_anew_each_time() -> None:
    waiting = {secrets.token_bytes(32) for _ in range(120)}
    drawn = [frozenset(waiting - set(draw(waiting))) for _ in range(4)]
    assert {len(kept) for kept in drawn} == {KEPT_BACK}
    assert len(set(drawn)) == 4
    assert draw(list(waiting)[: SMALLEST_BATCH + KEPT_BACK - 1]) == []


def test_nothing_is_published_before_the_vote_or_by_it_after_the_close() -> None:
    polls.open_poll()
    store("contest-0", 200)
    publisher = Publisher()
    assert publish_all(publisher, polls.OPENS - MINUTES) == 0
    assert publish_all(publisher, CLOSES) == 0
    assert publish_all(publisher, CLOSES - MINUTES) == 150


def test_of_two_publishers_each_leaf_comes_from_one() -> None:
    polls.open_poll(contests=3)
    cast = [leaf for number in range(3) for leaf in store(f"contest-{number}", 1500)]
    publishers = [Publisher(slice_size=900) for _ in range(3)]
    faults: list[BaseException] = []

    def work(publisher: Publisher) -> None:
        try:
            for minute in range(40):
                publisher.step(NOON + minute * 5 * MINUTES)
        except BaseException as fault:  # noqa: BLE001 - shown by the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    found = [leaf for number in range(3) for leaf in on_board(f"contest-{number}")]
    assert len(found) == len(set(found)) >= 3 * (1500 - LARGEST_BATCH - KEPT_BACK)
    assert set(found) <= set(cast)
    for number in range(3):
        contest = f"contest-{number}"
        after = roots(on_board(contest))
        with reading() as session:
            for each in board.heads(session, PRIMARY, contest):
                assert each.head.root == after[each.head.size]


def test_a_batch_is_on_the_board_whole_or_not_at_all() -> None:
    polls.open_poll()
    leaves = store("contest-0", 60)
    with pytest.raises(IntegrityError), unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-0", [*leaves, leaves[0]], now=NOON)
    with pytest.raises(RuntimeError), unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-0", leaves, now=NOON)
        raise RuntimeError("the process dies here")
    with reading() as session:
        for table in (BoardLeaf, BoardNode, BoardHead):
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert publish_all(Publisher()) == 0
    store("contest-0", 60)
    assert publish_all(Publisher()) == 70


def test_a_leaf_can_never_stand_on_two_boards() -> None:
    leaves = [secrets.token_bytes(32) for _ in range(3)]
    with unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-0", leaves, now=NOON)
    with pytest.raises(IntegrityError), unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-1", leaves[:1], now=NOON)


def test_a_complete_log_takes_nothing_more() -> None:
    leaves = [secrets.token_bytes(32) for _ in range(3)]
    with unit_of_work() as session:
        final = board.publish(session, PRIMARY, "contest-0", leaves, now=CLOSES, is_final=True)
        assert final is not None
        assert final.head.is_final
        assert board.publish(session, PRIMARY, "contest-0", [b"x" * 32], now=CLOSES) is None
    assert on_board("contest-0") == leaves


@pytest.mark.parametrize("sizes", [[1], [2, 1], [16, 1, 255, 700], [500, 3, 13, 256, 512]], ids=str)
def test_proofs_from_the_database_hold_for_every_leaf_and_every_two_heads(sizes: list[int]) -> None:
    leaves = []
    for size in sizes:
        batch = [secrets.token_bytes(32) for _ in range(size)]
        leaves += batch
        with unit_of_work() as session:
            board.publish(session, PRIMARY, "contest-0", batch, now=NOON)
    after = roots(leaves)
    with reading() as session:
        signed = board.heads(session, PRIMARY, "contest-0")
        assert [each.head.size for each in signed] == [
            sum(sizes[: number + 1]) for number in range(len(sizes))
        ]
        for position, leaf in enumerate(leaves):
            found = board.find(session, PRIMARY, tracker_of(leaf))
            assert found == board.Published("contest-0", position, leaf)
            if position % 7:
                continue
            proof = board.prove_inclusion(session, PRIMARY, found)
            head = proof.signed.head
            assert head.root == after[head.size]
            assert is_included(leaf_hash(leaf), position, head.size, proof.path, head.root)
        for earlier in signed:
            for later in signed[earlier.head.number - 1 :]:
                proof = board.prove_consistency(
                    session,
                    PRIMARY,
                    "contest-0",
                    earlier=earlier.head.size,
                    size=later.head.size,
                )
                assert proof is not None
                assert (proof.earlier, proof.signed) == (earlier, later)
                assert is_consistent(
                    earlier.head.size,
                    earlier.head.root,
                    later.head.size,
                    later.head.root,
                    proof.path,
                )
        assert (
            board.prove_consistency(
                session, PRIMARY, "contest-0", earlier=0, size=signed[-1].head.size
            )
            is None
        ), "no head tells of so few"


def test_a_proof_reads_some_hundred_rows_of_a_large_log() -> None:
    leaves = [secrets.token_bytes(32) for _ in range(20_011)]
    with unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-0", leaves, now=NOON)
        log = ContestLog(session.connection(), PRIMARY, "contest-0", len(leaves))
        read = []
        kept = log._kept
        log._kept = lambda blocks: read.append(kept(blocks)) or read[-1]  # type: ignore[method-assign]
        path = log.inclusion(12_345)
        assert log.root() == roots(leaves)[len(leaves)]
    assert len(read[0]) <= 16 * 2 * 4
    assert is_included(
        leaf_hash(leaves[12_345]), 12_345, len(leaves), path, roots(leaves)[len(leaves)]
    )


def test_a_rewritten_leaf_agrees_with_no_head() -> None:
    leaves = [secrets.token_bytes(32) for _ in range(50)]
    with unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-0", leaves, now=NOON)
    with unit_of_work() as session:
        session.execute(
            update(BoardLeaf).where(col(BoardLeaf.position) == 20).values(sha256=b"y" * 32)
        )
    with reading() as session:
        found = board.find(session, PRIMARY, tracker_of(b"y" * 32))
        assert found is not None
        proof = board.prove_inclusion(session, PRIMARY, found)
        head = proof.signed.head
        assert not is_included(leaf_hash(b"y" * 32), 20, head.size, proof.path, head.root)
        assert board.find(session, PRIMARY, tracker_of(leaves[20])) is None


def test_trackers_that_differ_in_spare_bits_are_not_taken_for_each_other() -> None:
    leaf = secrets.token_bytes(32)
    with unit_of_work() as session:
        board.publish(session, PRIMARY, "contest-0", [leaf], now=NOON)
    own = tracker_of(leaf)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    other = own[:-1] + letters[letters.index(own[-1]) + 1]
    with reading() as session:
        assert board.find(session, PRIMARY, own) is not None
        assert board.find(session, PRIMARY, other) is None
        assert board.find(session, "another-primary", own) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_leaf_is_read_in_one_spelling_and_begins_as_its_tracker() -> None:
    leaf = secrets.token_bytes(32)
    written = leaf_text(leaf)
    assert read_leaf(written) == leaf
    assert written[: TRACKER_LENGTH - 1] == tracker_of(leaf)[: TRACKER_LENGTH - 1]
    for wrong in (written.lower(), written + "=", written[:-1], written + "A", "", "1" * 52):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the spelling's fault
            read_leaf(wrong)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        {"primary_id": "spring-2021"},
        {"contest_id": "contest-1"},
        {"number": 2},
        {"size": 51},
        {"root": b"z" * 32},
        {"at": NOON + timedelta(microseconds=1)},
        {"is_final": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_signature_covers_all_that_a_head_says(change: dict[str, object]) -> None:
    said = {
        "primary_id": PRIMARY,
        "contest_id": "contest-0",
        "number": 1,
        "size": 50,
        "root": b"r" * 32,
        "at": NOON,
        "is_final": False,
    }
    signed = sign(TreeHead(**said), signing_key())
    assert is_signed_by(signed, signing_public_key())
    assert not is_signed_by(signed, secrets.token_bytes(32))
    forged = SignedHead(TreeHead(**said | change), signed.signature)
    assert not is_signed_by(forged, signing_public_key())


def test_looking_for_new_ballots_asks_for_each_by_the_key() -> None:
    """Whatever the planner believes of sizes, it must not read the whole board at each slice."""
    polls.open_poll()
    store("contest-0", 400)
    publish_all(Publisher())
    asked: list[tuple[str, Any]] = []

    def remember(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        asked.append((statement, values))

    event.listen(engine(), "before_cursor_execute", remember)
    publish_all(Publisher())
    event.remove(engine(), "before_cursor_execute", remember)
    statement, values = next(each for each in asked if "NOT (EXISTS" in each[0])
    with engine().connect() as connection:
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        plan = str(connection.exec_driver_sql(f"{explain} {statement}", values).all())
    assert "Hash" not in plan
    assert "uq_board_leaf_sha256" in plan or "sqlite_autoindex_board_leaf" in plan, plan
