"""Many who fire the same and overlapping keys at once: what comes out is what some order of them gives.

Each round, threads with connections of their own cast in batches of several sizes, as the portals'
writers do. What is stored is then held against what was answered.
"""

import secrets
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlmodel import col

from core.database import engine, unit_of_work
from core.voting.casting import Accepted, Cast, CastAnswer, Rejected, cast_many
from core.voting.commits import committed
from core.voting.models import Ballot, Claim, Rejection, RejectionCounter, TurnoutCounter
from core.voting.votes import SealedBallot

NOW = datetime(2020, 10, 1, 6, 30, tzinfo=UTC)
PRIMARY = "autumn"
RUNNERS, ROUNDS, THREADS = 200, 50, 8
Triple = tuple[int, int, int]

pytestmark = pytest.mark.usefixtures("database")


def a_cast(iin: int, mobile: int, address: int) -> Cast:
    return Cast(
        iin_digest=b"iin%029d" % iin,
        mobile_digest=b"mob%029d" % mobile,
        address_digest=b"adr%029d" % address,
        address=ip_address(0x0A000000 + address),
        place_code="",
        iin_masked="850101******",
        mobile_masked="+7701*****01",
        idempotency=secrets.token_bytes(16),
        ballots=tuple(
            SealedBallot.of(contest, secrets.token_bytes(209)) for contest in ("one", "two")
        ),
    )


def keys_of(cast: Cast) -> dict[str, tuple[str, bytes]]:
    """The keys of a cast under the reason that tells of their loss."""
    return {
        "iin_used": ("iin", cast.iin_digest),
        "mobile_used": ("mobile", cast.mobile_digest),
        "address_used": ("address", cast.address_digest),
    }


def fire(batches: Sequence[Sequence[Cast]], threads: int) -> list[tuple[Cast, CastAnswer]]:
    """Every batch in a transaction, the batches spread over threads that start together."""
    answers: list[tuple[Cast, CastAnswer]] = []
    faults: list[BaseException] = []
    start = threading.Barrier(threads)

    def run(mine: Sequence[Sequence[Cast]]) -> None:
        try:
            with engine().connect() as connection:
                start.wait()
                for batch in mine:
                    given = committed(
                        connection,
                        lambda batch=batch: cast_many(connection, PRIMARY, batch, now=NOW),  # type: ignore[misc]
                    )
                    answers.extend(zip(batch, given, strict=True))
        except BaseException as fault:  # noqa: BLE001 - a thread must not die unheard
            faults.append(fault)

    running = [
        threading.Thread(target=run, args=(batches[place::threads],)) for place in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not faults, faults
    return answers


def check(answers: Sequence[tuple[Cast, CastAnswer]]) -> None:
    """What is stored against what was answered, and whether any order of the casts explains it."""
    won = [cast for cast, answer in answers if isinstance(answer, Accepted)]
    lost = [(cast, answer) for cast, answer in answers if isinstance(answer, Rejected)]
    assert len(won) + len(lost) == len(answers)
    with unit_of_work() as session:
        claims = session.execute(select(Claim.kind, Claim.digest)).all()
        trackers = set(session.execute(select(col(Ballot.tracker))).scalars())
        stored = {
            row.reference: row.reasons
            for row in session.execute(select(Rejection.reference, Rejection.reasons))
        }
        votes = sum(session.execute(select(col(TurnoutCounter.votes))).scalars())
    holder = {}
    for cast in won:
        for key in keys_of(cast).values():
            assert key not in holder, "two winners of one key"
            holder[key] = cast
    assert {(kind, bytes(digest)) for kind, digest in claims} == holder.keys()
    assert trackers == {ballot.tracker for cast in won for ballot in cast.ballots}
    assert votes == len(won)
    assert stored == {answer.reference: ",".join(answer.reasons) for _cast, answer in lost}
    # A loser comes after whoever holds a key it was refused for, and before those whose keys,
    # though taken in the end, were not among its reasons. Such an order has no ring.
    after: dict[int, set[int]] = defaultdict(set)
    for cast, answer in lost:
        assert answer.reasons
        for reason, key in keys_of(cast).items():
            if reason in answer.reasons:
                assert key in holder, "refused for a key that no vote holds"
                after[id(cast)].add(id(holder[key]))
            elif key in holder:
                after[id(holder[key])].add(id(cast))
    list(TopologicalSorter(after).static_order())


def clean() -> None:
    with unit_of_work() as session:
        for table in (Claim, Ballot, Rejection, RejectionCounter, TurnoutCounter):
            session.execute(delete(table))


def in_batches(casts: Sequence[Cast], random: Random) -> list[list[Cast]]:
    """The casts in their order, in batches of one to thirty."""
    batches, rest = [], list(casts)
    while rest:
        size = random.choice((1, 3, 10, 30))
        batches.append(rest[:size])
        del rest[:size]
    return batches


CROWDS = {
    "the same IIN": lambda _random, n: (0, n, n),
    "the same number": lambda _random, n: (n, 0, n),
    "the same address": lambda _random, n: (n, n, 0),
    "the same triple": lambda _random, _n: (0, 0, 0),
    "overlapping triples": lambda random, _n: tuple(random.choices(range(60), k=3)),
}


@pytest.mark.parametrize("crowd", list(CROWDS))
def test_of_two_hundred_who_fire_at_once_each_key_has_one_winner_and_some_order_explains_all(
    crowd: str,
) -> None:
    random = Random(crowd)
    for _round in range(ROUNDS // len(CROWDS) if crowd != "overlapping triples" else ROUNDS):
        casts = [a_cast(*CROWDS[crowd](random, number)) for number in range(RUNNERS)]
        answers = fire(in_batches(casts, random), THREADS)
        assert len(answers) == RUNNERS
        check(answers)
        if crowd != "overlapping triples":
            assert sum(isinstance(answer, Accepted) for _cast, answer in answers) == 1
        clean()


triples = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))


@given(
    crowd=st.lists(triples, min_size=2, max_size=24),
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    threads=st.integers(2, 4),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_meets_in_whatever_batches_some_order_explains_it(
    crowd: list[Triple], sizes: list[int], threads: int
) -> None:
    casts = [a_cast(*triple) for triple in crowd]
    batches, place = [], 0
    while place < len(casts):
        size = sizes[len(batches) % len(sizes)]
        batches.append(casts[place : place + size])
        place += size
    check(fire(batches, threads))
    clean()


def test_a_retry_that_races_with_its_first_sending_makes_one_vote() -> None:
    for number in range(20):
        first = a_cast(number, number, number)
        twins = [[first], [replace(first)], [replace(first)], [replace(first)]]
        answers = [answer for _cast, answer in fire(twins, 4)]
        assert all(isinstance(answer, Accepted) for answer in answers)
        assert len(set(answers)) == 1, "every sending gets the same answer"
