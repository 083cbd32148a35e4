import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from core.database import engine, unit_of_work
from core.voting.casting import (
    Accepted,
    Cast,
    CastAnswer,
    IdempotencyMismatch,
    Rejected,
    SealedBallotRepeated,
    SignInAgain,
    cast_many,
)
from core.voting.commits import committed
from core.voting.models import (
    AddressExemption,
    Ballot,
    Claim,
    ExemptionUsage,
    Rejection,
    RejectionCounter,
    TurnoutCounter,
)
from core.voting.rules import AddressMode, RejectionReason
from core.voting.votes import SealedBallot

NOW = datetime(2020, 10, 1, 6, 30, tzinfo=UTC)
PRIMARY = "autumn"
pytestmark = pytest.mark.usefixtures("database")


def sealed(contest: str = "national") -> SealedBallot:
    return SealedBallot.of(contest, secrets.token_bytes(209))


def a_cast(number: int, **changes: object) -> Cast:
    """The cast of voter ``number``, from an address of that voter's own."""
    plain = Cast(
        iin_digest=b"iin%029d" % number,
        mobile_digest=b"mob%029d" % number,
        address_digest=b"adr%029d" % number,
        address=ip_address(0xCB007100 + number % 256),
        place_code="",
        iin_masked="850101******",
        mobile_masked="+7 701 *** ** 01",
        idempotency=secrets.token_bytes(16),
        ballots=(sealed(), sealed("district")),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of the test's choice


def cast(
    *batch: Cast, now: datetime = NOW, mode: AddressMode = AddressMode.STRICT
) -> list[CastAnswer]:
    with engine().connect() as connection:
        return committed(
            connection, lambda: cast_many(connection, PRIMARY, batch, now=now, mode=mode)
        )


def count(table: object) -> int:
    with unit_of_work() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def reasons_of(answer: CastAnswer) -> list[str]:
    assert isinstance(answer, Rejected)
    return [reason.value for reason in answer.reasons]


def test_a_vote_is_claims_on_one_side_and_ballots_on_the_other() -> None:
    voter = a_cast(1)
    (answer,) = cast(voter)
    assert answer == Accepted(tuple((b.contest_id, b.tracker) for b in voter.ballots))
    with unit_of_work() as session:
        claims = session.execute(select(Claim)).scalars().all()
        ballots = session.execute(select(Ballot)).scalars().all()
        votes = session.execute(select(func.sum(col(TurnoutCounter.votes)))).scalar_one()
    assert {(claim.kind, claim.digest) for claim in claims} == {
        ("iin", voter.iin_digest),
        ("mobile", voter.mobile_digest),
        ("address", voter.address_digest),
    }
    assert {claim.kind: claim.idempotency_hmac for claim in claims} == {
        "iin": voter.idempotency,
        "mobile": None,
        "address": None,
    }
    assert {ballot.sealed for ballot in ballots} == {b.sealed for b in voter.ballots}
    assert votes == 1


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("iin_digest", "iin_used"),
        ("mobile_digest", "mobile_used"),
        ("address_digest", "address_used"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_second_vote_with_a_used_key_is_rejected_and_counted(
    field: str, reason: str, *, together: bool
) -> None:
    first = a_cast(1)
    second = a_cast(2, **{field: getattr(first, field)})
    if together:
        accepted, rejected = cast(first, second)
    else:
        (accepted,), (rejected,) = cast(first), cast(second)
    assert isinstance(accepted, Accepted)
    assert reasons_of(rejected) == [reason]
    assert count(Claim) == 3
    assert count(Ballot) == 2
    with unit_of_work() as session:
        stored = session.execute(select(Rejection)).scalar_one()
        counters = session.execute(
            select(col(RejectionCounter.reason), col(RejectionCounter.count))
        ).all()
    assert isinstance(rejected, Rejected)
    assert (stored.reference, stored.reasons) == (rejected.reference, reason)
    assert (stored.iin_masked, stored.address_short) == ("850101******", "203.0.113.0/24")
    assert {tuple(row) for row in counters} == {("", 1), (reason, 1)}


def test_a_rejection_names_every_reason() -> None:
    one, two, three = a_cast(1), a_cast(2), a_cast(3)
    cast(one, two, three)
    (answer,) = cast(
        a_cast(
            9,
            iin_digest=one.iin_digest,
            mobile_digest=two.mobile_digest,
            address_digest=three.address_digest,
        )
    )
    assert reasons_of(answer) == ["iin_used", "mobile_used", "address_used"]


def test_who_loses_one_key_keeps_none_and_the_next_of_the_batch_gets_them() -> None:
    first = a_cast(1)
    loser = a_cast(2, address_digest=first.address_digest)
    heir = a_cast(3, mobile_digest=loser.mobile_digest)
    answers = cast(first, loser, heir)
    assert [type(answer) for answer in answers] == [Accepted, Rejected, Accepted]
    (again,) = cast(replace(loser, address_digest=b"adr%029d" % 50, mobile_digest=b"m" * 32))
    assert isinstance(again, Accepted)


def test_a_repeat_gets_the_same_answer_and_changes_nothing() -> None:
    voter = a_cast(1)
    (first,) = cast(voter)
    together = cast(voter, voter)
    elsewhere = cast(replace(voter, address_digest=b"adr%029d" % 77))
    assert {first, *together, *elsewhere} == {first}
    assert (count(Claim), count(Ballot), count(Rejection)) == (3, 2, 0)


def test_a_double_click_in_one_batch_makes_one_vote() -> None:
    voter = a_cast(1)
    first, second = cast(voter, voter)
    assert first == second
    assert (count(Claim), count(Ballot)) == (3, 2)


def test_a_repeat_with_other_ballots_is_a_mismatch_and_stores_nothing() -> None:
    voter = a_cast(1)
    cast(voter)
    (answer,) = cast(replace(voter, ballots=(sealed(), sealed("district"))))
    assert answer == IdempotencyMismatch()
    assert count(Ballot) == 2


def test_another_idempotency_key_is_another_vote_and_is_rejected() -> None:
    voter = a_cast(1)
    cast(voter)
    (answer,) = cast(replace(voter, idempotency=b"another key's 16"))
    assert reasons_of(answer) == ["iin_used", "mobile_used", "address_used"]


@pytest.mark.parametrize("together", [True, False])
def test_a_copied_ballot_is_refused_claims_nothing_and_leaves_the_others_alone(
    *, together: bool
) -> None:
    first, third = a_cast(1), a_cast(3)
    copier = a_cast(2, ballots=(first.ballots[0], sealed("district")))
    answers = cast(first, copier, third) if together else [*cast(first), *cast(copier, third)]
    assert [type(answer) for answer in answers] == [Accepted, SealedBallotRepeated, Accepted]
    assert (count(Claim), count(Ballot), count(Rejection)) == (6, 4, 0)
    (again,) = cast(replace(copier, ballots=(sealed(), sealed("district"))))
    assert isinstance(again, Accepted)


def test_a_copy_within_one_cast_is_refused() -> None:
    ballot = sealed()
    (answer,) = cast(a_cast(1, ballots=(ballot, ballot)))
    assert answer == SealedBallotRepeated()
    assert count(Claim) == 0


def test_a_late_cast_is_rejected_but_the_repeat_of_a_timely_one_is_answered() -> None:
    voter = a_cast(1)
    (first,) = cast(voter)
    repeated, late = cast(replace(voter, bar="not_open"), a_cast(2, bar="not_open"))
    assert repeated == first
    assert reasons_of(late) == ["not_open"]
    assert count(Claim) == 3


def test_a_cast_from_another_address_than_the_session_claims_nothing() -> None:
    voter = a_cast(1)
    assert cast(replace(voter, bar="sign_in_again")) == [SignInAgain()]
    assert count(Claim) == 0
    cast(voter)
    assert isinstance(cast(replace(voter, bar="sign_in_again"))[0], Accepted)


def exemption(network: str, *, cap_total: int = 100, cap_hourly: int = 100) -> int:
    with unit_of_work() as session:
        row = AddressExemption(
            primary_id=PRIMARY,
            kind="terminal",
            network=network,
            reason="polling place 17",
            document="decision 3",
            valid_from=datetime(2020, 10, 1, tzinfo=UTC),
            valid_until=datetime(2020, 10, 4, tzinfo=UTC),
            cap_total=cap_total,
            cap_hourly=cap_hourly,
            proposed_by=1,
            confirmed_by=2,
            confirmed_at=datetime(2020, 9, 30, tzinfo=UTC),
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id


def from_terminal(numbers: Sequence[int], address: str = "198.51.100.4") -> list[Cast]:
    return [a_cast(n, address=ip_address(address), address_digest=b"terminal" * 4) for n in numbers]


def test_inside_an_exemption_many_vote_from_one_address_and_none_claims_it() -> None:
    used = exemption("198.51.100.0/24")
    answers = cast(*from_terminal(range(5)))
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert count(Claim) == 10
    with unit_of_work() as session:
        row = session.get(AddressExemption, used)
        assert row is not None
        assert row.used == 5
        assert session.execute(select(col(ExemptionUsage.used))).scalar_one() == 5


def test_the_caps_of_an_exemption_end_it_for_the_hour_and_for_good() -> None:
    exemption("198.51.100.4/32", cap_total=5, cap_hourly=3)
    first = cast(*from_terminal(range(4)))
    assert [type(answer) for answer in first] == [Accepted] * 3 + [Rejected]
    assert reasons_of(first[3]) == ["address_used"]
    later = datetime(2020, 10, 1, 7, 0, tzinfo=UTC)
    second = cast(*from_terminal(range(10, 14)), now=later)
    assert [type(answer) for answer in second] == [Accepted] * 2 + [Rejected] * 2


@pytest.mark.parametrize("change", ["removed", "before", "after"])
def test_outside_its_time_an_exemption_is_none(change: str) -> None:
    used = exemption("198.51.100.0/24")
    now = {"before": datetime(2020, 9, 30, tzinfo=UTC), "after": datetime(2020, 10, 4, tzinfo=UTC)}
    if change == "removed":
        with unit_of_work() as session:
            row = session.get(AddressExemption, used)
            assert row is not None
            row.removed_at = NOW
            session.add(row)
    answers = cast(*from_terminal(range(2)), now=now.get(change, NOW))
    assert [type(answer) for answer in answers] == [Accepted, Rejected]


def test_the_narrowest_exemption_counts() -> None:
    wide = exemption("198.51.0.0/16")
    exemption("198.51.100.4/32", cap_total=1, cap_hourly=1)
    answers = cast(*from_terminal(range(2)))
    assert [type(answer) for answer in answers] == [Accepted, Rejected]
    with unit_of_work() as session:
        row = session.get(AddressExemption, wide)
        assert row is not None
        assert row.used == 0


THREADS, ROUNDS = 50, 5


@pytest.mark.parametrize("field", ["iin_digest", "mobile_digest", "address_digest", "cap"])
def test_of_many_who_race_for_one_key_exactly_one_wins(field: str) -> None:
    cap = 3
    if field == "cap":
        exemption("198.51.100.0/24", cap_total=cap * ROUNDS, cap_hourly=cap * ROUNDS)
    for round_number in range(ROUNDS):
        numbers = [round_number * THREADS + n for n in range(THREADS)]
        if field == "cap":
            runners = from_terminal(numbers)
        else:
            runners = [a_cast(n, **{field: b"r%031d" % round_number}) for n in numbers]
        answers: list[CastAnswer] = []
        start = threading.Barrier(THREADS)

        def run(
            runner: Cast,
            start: threading.Barrier = start,
            answers: list[CastAnswer] = answers,
        ) -> None:
            start.wait()
            answers.extend(cast(runner))

        threads = [threading.Thread(target=run, args=(runner,)) for runner in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = sum(isinstance(answer, Accepted) for answer in answers)
        assert len(answers) == THREADS
        if field != "cap":
            assert won == 1
            assert all(
                reasons_of(answer) == [field.replace("_digest", "_used")]
                for answer in answers
                if isinstance(answer, Rejected)
            )
    winners = cap * ROUNDS if field == "cap" else ROUNDS
    assert count(Claim) == winners * (2 if field == "cap" else 3)
    assert count(Ballot) == winners * 2
    assert count(Rejection) == THREADS * ROUNDS - winners


def test_batches_that_race_crosswise_end_without_a_deadlock_and_hold_each_key_once() -> None:
    """Two crowds share all keys in opposite orders: sorted claims must not wait in a ring."""
    crowd = [a_cast(n) for n in range(60)]
    rivals = [
        a_cast(
            100 + n,
            mobile_digest=crowd[59 - n].mobile_digest,
            address_digest=crowd[(n * 7) % 60].address_digest,
        )
        for n in range(60)
    ]
    answers: list[CastAnswer] = []
    start = threading.Barrier(4)

    def run(mine: list[Cast]) -> None:
        start.wait()
        for place in range(0, len(mine), 15):
            answers.extend(cast(*mine[place : place + 15]))

    halves = [crowd[:30], crowd[:29:-1], rivals[:30], rivals[:29:-1]]
    threads = [threading.Thread(target=run, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = sum(isinstance(answer, Accepted) for answer in answers)
    assert len(answers) == 120
    assert (count(Claim), count(Ballot), count(Rejection)) == (3 * won, 2 * won, 120 - won)
    with unit_of_work() as session:
        by_kind = Counter(session.execute(select(col(Claim.kind))).scalars())
    assert set(by_kind.values()) == {won}


@pytest.mark.parametrize("together", [True, False])
def test_while_the_rule_is_advisory_a_used_address_loses_nothing(*, together: bool) -> None:
    first = a_cast(1)
    second = a_cast(2, address_digest=first.address_digest)
    batches = [(first, second)] if together else [(first,), (second,)]
    answers = [a for batch in batches for a in cast(*batch, mode=AddressMode.ADVISORY)]
    assert [type(answer) for answer in answers] == [Accepted, Accepted]
    assert (count(Claim), count(Rejection)) == (5, 0)
    (again,) = cast(a_cast(3, mobile_digest=first.mobile_digest), mode=AddressMode.ADVISORY)
    assert reasons_of(again) == ["mobile_used"]
    (strict,) = cast(a_cast(4, address_digest=first.address_digest))
    assert reasons_of(strict) == ["address_used"]


def test_a_repeat_is_known_even_when_it_lost_to_another_of_its_batch() -> None:
    stored = a_cast(1)
    (first,) = cast(stored)
    rival = a_cast(2, mobile_digest=b"mob of both".ljust(32))
    repeat = replace(stored, mobile_digest=rival.mobile_digest)
    answers = cast(rival, repeat)
    assert isinstance(answers[0], Accepted)
    assert answers[1] == first


def test_who_lost_to_another_of_the_batch_hears_of_what_was_used_long_ago_too() -> None:
    old = a_cast(1)
    cast(old)
    rival = a_cast(2)
    loser = a_cast(3, mobile_digest=rival.mobile_digest, address_digest=old.address_digest)
    answers = cast(rival, loser)
    assert isinstance(answers[0], Accepted)
    assert reasons_of(answers[1]) == ["mobile_used", "address_used"]


def test_reasons_are_stored_in_one_order() -> None:
    assert [reason.value for reason in RejectionReason][:4] == [
        "not_on_roll",
        "admitted_after_cutoff",
        "suspended",
        "mobile_mismatch",
    ]
