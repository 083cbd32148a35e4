import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlmodel import col

from core import clock, keyring
from core.database import engine, unit_of_work
from core.errors import Refused
from core.primary.digests import address_digest, iin_digest, mobile_digest
from core.primary.models import Voter
from core.voting import commits
from core.voting.addresses import address_key
from core.voting.casting import Accepted, Rejected, SignInAgain
from core.voting.election import CurrentElection
from core.voting.models import (
    AddressHold,
    Ballot,
    Claim,
    RegisteredCounter,
    Rejection,
    SignInChallenge,
    VotingSession,
)
from core.voting.polling import (
    AddressChanged,
    BallotsIncomplete,
    CastBallots,
    SignedOut,
    SignOut,
)
from core.voting.rules import RejectionReason, VotingRefusal
from core.voting.signin import ChallengeIssued, SignIn, TurnedBack
from core.voting.solving import (
    AddressHeld,
    ChallengeOver,
    CodeFailed,
    CodeWrong,
    SessionMoved,
    SessionOpened,
    SolveCode,
)
from core.voting.votes import SealedBallot
from core.voting.writer import Writer
from tests.voting import polls
from tests.voting.polls import CLOSES, NOON, OPENS, PRIMARY, Poll, iin, mobile

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def poll() -> Poll:
    return polls.open_poll()


@pytest.fixture
def writer(poll: Poll) -> Iterator[Writer]:
    del poll
    running = Writer(CurrentElection(max_age=0))
    running.start()
    yield running
    if running.is_alive:
        running.stop()


def home(number: int) -> str:
    return f"203.0.113.{number + 1}"


def sign_in(writer: Writer, number: int, **changes: Any) -> Any:
    """The answer to voter ``number`` signing in; ``changes`` are fields or ``iin`` and ``mobile``."""
    with_iin, with_mobile = changes.pop("iin", iin(number)), changes.pop("mobile", mobile(number))
    address = ip_address(changes.pop("address", home(number)))
    asked = SignIn(
        iin_digest=iin_digest(PRIMARY, with_iin),
        mobile_digest=mobile_digest(PRIMARY, with_mobile),
        mobile=with_mobile,
        address=address,
        address_digest=address_digest(PRIMARY, address_key(address)),
        iin_masked=f"{with_iin[:6]}******",
        mobile_masked=f"{with_mobile[:5]}*****{with_mobile[-2:]}",
        locale="ru",
        in_time=changes.pop("in_time", True),
        **changes,
    )
    return writer.submit(asked).result(10)


def code_for(number: int, messages: int = 1) -> str:
    """The code of the last message to voter ``number``, waiting until so many were sent."""
    for _ in range(500):
        texts = [sms["text"] for sms in polls.outbox() if sms["to"] == mobile(number)]
        if len(texts) >= messages:
            return texts[-1][:6]
        threading.Event().wait(0.01)
    raise AssertionError("no code came")


def solve(writer: Writer, challenge: str, code: str, address: str, **session: str) -> Any:
    where = ip_address(address)
    asked = SolveCode(
        challenge=challenge,
        code=code,
        address=where,
        address_digest=address_digest(PRIMARY, address_key(where)),
        **session,
    )
    return writer.submit(asked).result(10)


def session_of(writer: Writer, number: int, address: str = "") -> str:
    """The token of voter ``number``, signed in at home or elsewhere."""
    known = len([sms for sms in polls.outbox() if sms["to"] == mobile(number)])
    answer = sign_in(writer, number, address=address or home(number))
    code = code_for(number, messages=known + 1)
    opened = solve(writer, answer.challenge, code, address or home(number))
    assert isinstance(opened, SessionOpened)
    return opened.token


def ballots(poll: Poll) -> tuple[SealedBallot, ...]:
    return tuple(
        SealedBallot.of(contest, poll.seal(contest, 128)) for contest in ("contest-0", "contest-1")
    )


def asked_to_cast(
    token: str, sealed: tuple[SealedBallot, ...], address: str, **changes: Any
) -> CastBallots:
    where = ip_address(address)
    return CastBallots(
        token=token,
        ballots=sealed,
        address=where,
        address_digest=address_digest(PRIMARY, address_key(where)),
        idempotency_key=changes.pop("key", f"key of {token}"),
        arrived_at=changes.pop("arrived_at", clock.now()),
    )


def cast(
    writer: Writer, token: str, sealed: tuple[SealedBallot, ...], address: str, **changes: Any
) -> Any:
    return writer.submit(asked_to_cast(token, sealed, address, **changes)).result(10)


def count(table: Any) -> int:
    with unit_of_work() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())


def stored_reasons() -> list[str]:
    with unit_of_work() as session:
        chosen = select(col(Rejection.reasons)).order_by(col(Rejection.id))
        return list(session.execute(chosen).scalars())


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


def test_a_voter_signs_in_gets_a_code_and_votes(writer: Writer, poll: Poll) -> None:
    token = session_of(writer, 0)
    answer = cast(writer, token, ballots(poll), home(0))
    assert isinstance(answer, Accepted)
    assert count(Ballot) == 2
    with unit_of_work() as session:
        registered = session.execute(select(col(RegisteredCounter.voters))).scalar_one()
    assert registered == 1


def test_a_vote_is_told_of_by_sms_once_and_nothing_of_its_content(
    writer: Writer, poll: Poll
) -> None:
    token, sealed = session_of(writer, 0), ballots(poll)
    first = cast(writer, token, sealed, home(0))
    assert cast(writer, token, sealed, home(0)) == first
    writer.stop()
    told = [sms["text"] for sms in polls.outbox() if sms["to"] == mobile(0)][1:]
    assert len(told) == 1
    assert "голос" in told[0].lower()
    assert not any(ballot.tracker[:4] in told[0] for ballot in sealed)


@pytest.mark.parametrize("case", ["unknown", "wrong number", "suspended", "late", "under age"])
def test_who_cannot_vote_gets_the_same_answer_and_no_code(writer: Writer, case: str) -> None:
    changes = {
        "suspended": {"status": "suspended"},
        "late": {"reason_excluded": "admitted_after_cutoff"},
        "under age": {"reason_excluded": "under_age"},
    }
    with unit_of_work() as session:
        if case in changes:
            polls.add_voter(session, 50, **changes[case])
    given = sign_in(writer, 50) if case != "wrong number" else sign_in(writer, 1, mobile=mobile(9))
    right = sign_in(writer, 2)
    code_for(2)
    for answer in (given, right):
        assert isinstance(answer, ChallengeIssued)
        assert answer.expires_at == NOON + timedelta(minutes=5)
        assert (len(answer.challenge), len(answer.reference)) == (24, 11)
    assert {sms["to"] for sms in polls.outbox()} == {mobile(2)}
    expected = {
        "unknown": "not_on_roll",
        "wrong number": "mobile_mismatch",
        "suspended": "suspended",
        "late": "admitted_after_cutoff",
        "under age": "not_on_roll",
    }
    assert stored_reasons() == [expected[case]]
    with unit_of_work() as session:
        rejection = session.execute(select(Rejection)).scalar_one()
    assert rejection.reference == given.reference
    assert count(SignInChallenge) == 2


def test_a_rejection_at_sign_in_names_every_reason(writer: Writer, poll: Poll) -> None:
    cast(writer, session_of(writer, 0), ballots(poll), home(0))
    with unit_of_work() as session:
        polls.add_voter(session, 60, status="suspended", reason_excluded="admitted_after_cutoff")
    sign_in(writer, 60, mobile=mobile(0), address=home(0))
    sign_in(writer, 0)
    assert stored_reasons() == [
        "admitted_after_cutoff,suspended,mobile_mismatch,mobile_used,address_used",
        "iin_used,mobile_used,address_used",
    ]


def test_the_code_of_a_pair_that_cannot_vote_opens_nothing_even_when_guessed(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.voting.signin.new_code", lambda: "123456")
    answer = sign_in(writer, 1, mobile=mobile(9))
    assert solve(writer, answer.challenge, "123456", home(1)) == CodeWrong(4)


def test_a_code_has_five_tries_and_the_last_failure_is_a_rejection(writer: Writer) -> None:
    answer = sign_in(writer, 0)
    right = code_for(0)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    tries = [solve(writer, answer.challenge, wrong, home(0)) for _ in range(5)]
    assert tries[:4] == [CodeWrong(4), CodeWrong(3), CodeWrong(2), CodeWrong(1)]
    assert isinstance(tries[4], CodeFailed)
    assert isinstance(solve(writer, answer.challenge, right, home(0)), ChallengeOver)
    assert stored_reasons() == ["code_failed"]


def test_a_code_is_good_once_and_for_five_minutes(writer: Writer) -> None:
    first, second = sign_in(writer, 0), sign_in(writer, 1)
    code, other = code_for(0), code_for(1)
    assert isinstance(solve(writer, first.challenge, code, home(0)), SessionOpened)
    assert isinstance(solve(writer, first.challenge, code, home(0)), ChallengeOver)
    with clock.fixed(NOON + timedelta(minutes=5)):
        assert isinstance(solve(writer, second.challenge, other, home(1)), ChallengeOver)
    assert isinstance(solve(writer, "no such challenge", code, home(0)), ChallengeOver)


def test_a_session_ends_after_a_quarter_of_an_hour(writer: Writer, poll: Poll) -> None:
    token = session_of(writer, 0)
    with clock.fixed(NOON + timedelta(minutes=15)):
        assert cast(writer, token, ballots(poll), home(0)) == SignInAgain()
    with clock.fixed(NOON + timedelta(minutes=14, seconds=59)):
        assert isinstance(cast(writer, token, ballots(poll), home(0)), Accepted)


MOBILE_NETWORK, CAFE, WORK = "198.51.100.77", "198.51.100.78", "198.51.100.79"


def test_a_vote_comes_from_the_address_of_its_sign_in_or_moves_by_a_second_code(
    writer: Writer, poll: Poll
) -> None:
    token = session_of(writer, 0)
    sealed, key = ballots(poll), "the key of this cast"
    told = cast(writer, token, sealed, MOBILE_NETWORK, key=key)
    assert isinstance(told, AddressChanged)
    assert count(Claim) == 0
    assert stored_reasons() == ["address_changed"]
    code = code_for(0, messages=2)
    own = {"token": token, "idempotency_key": key}
    moved = solve(writer, told.challenge, code, MOBILE_NETWORK, **own)
    assert moved == SessionMoved(NOON + timedelta(minutes=15))
    first = cast(writer, token, sealed, MOBILE_NETWORK, key=key)
    assert isinstance(first, Accepted)
    with unit_of_work() as session:
        held = select(col(Claim.digest)).where(col(Claim.kind) == "address")
        assert session.execute(held).scalars().all() == [
            address_digest(PRIMARY, f"{MOBILE_NETWORK}/32")
        ]
    # The repeat of a stored vote claims nothing: it is answered from wherever the phone is now.
    assert cast(writer, token, sealed, CAFE, key=key) == first
    assert isinstance(session_of(writer, 1, home(0)), str), "the first address is free again"


def test_a_move_asked_for_twice_costs_one_message_and_a_session_moves_twice_at_most(
    writer: Writer, poll: Poll
) -> None:
    token, sealed = session_of(writer, 0), ballots(poll)
    own = {"token": token, "idempotency_key": f"key of {token}"}
    for move, address in enumerate((MOBILE_NETWORK, CAFE)):
        told = cast(writer, token, sealed, address)
        assert cast(writer, token, sealed, address).challenge == told.challenge
        code = code_for(0, messages=2 + move)
        assert isinstance(solve(writer, told.challenge, code, address, **own), SessionMoved)
    assert cast(writer, token, sealed, WORK) == SignInAgain()
    assert len([sms for sms in polls.outbox() if sms["to"] == mobile(0)]) == 3
    assert isinstance(cast(writer, token, sealed, CAFE), Accepted)


def test_a_code_for_a_move_is_good_for_its_own_session_and_cast_only(
    writer: Writer, poll: Poll
) -> None:
    token, other = session_of(writer, 0), session_of(writer, 1)
    told = cast(writer, token, ballots(poll), MOBILE_NETWORK, key="one")
    code = code_for(0, messages=2)
    for session in (
        {},
        {"token": other, "idempotency_key": "one"},
        {"token": token, "idempotency_key": "two"},
    ):
        answer = solve(writer, told.challenge, code, MOBILE_NETWORK, **session)
        assert answer == ChallengeOver()
    with clock.fixed(NOON + timedelta(minutes=5)):
        own = {"token": token, "idempotency_key": "one"}
        assert solve(writer, told.challenge, code, MOBILE_NETWORK, **own) == ChallengeOver()


def test_an_address_is_held_for_one_voter_until_the_session_ends(writer: Writer) -> None:
    session_of(writer, 0)
    challenge = sign_in(writer, 1, address=home(0)).challenge
    code = code_for(1)
    told = solve(writer, challenge, code, home(0))
    assert isinstance(told, AddressHeld)
    assert told.retry_at == NOON + timedelta(minutes=15)
    assert stored_reasons() == ["address_used"]
    assert isinstance(session_of(writer, 0), str), "the holder may sign in anew"
    # The code is still good: from another network, or here when the hold is over.
    assert isinstance(solve(writer, challenge, code, home(1)), SessionOpened)
    with clock.fixed(NOON + timedelta(minutes=15)):
        assert isinstance(session_of(writer, 2, home(0)), str)


def test_who_leaves_gives_the_address_back(writer: Writer, poll: Poll) -> None:
    token = session_of(writer, 0)
    assert writer.submit(SignOut(token)).result(10) == SignedOut()
    assert writer.submit(SignOut("no token")).result(10) == SignedOut()
    assert cast(writer, token, ballots(poll), home(0)) == SignInAgain()
    assert isinstance(session_of(writer, 1, home(0)), str)


def test_of_those_who_solve_their_codes_at_once_one_holds_the_address(poll: Poll) -> None:
    del poll
    writers = [Writer(CurrentElection(max_age=0)) for _ in range(4)]
    for each in writers:
        each.start()
    for _round in range(5):
        with unit_of_work() as session:
            session.execute(delete(AddressHold))
        asked = [(sign_in(writers[0], number, address=home(9)), number) for number in range(4)]
        codes = [code_for(number, messages=_round + 1) for number in range(4)]
        where = address_digest(PRIMARY, address_key(ip_address(home(9))))
        given = [
            writer.submit(
                SolveCode(
                    challenge=challenge.challenge,
                    code=code,
                    address=ip_address(home(9)),
                    address_digest=where,
                )
            )
            for writer, (challenge, _number), code in zip(writers, asked, codes, strict=True)
        ]
        answers = [type(each.result(10)) for each in given]
        assert sorted(answers, key=str) == [AddressHeld] * 3 + [SessionOpened]
    for each in writers:
        each.stop()


def change_roll_row(number: int, **changes: str) -> None:
    with unit_of_work() as session:
        chosen = col(Voter.iin_digest) == iin_digest(PRIMARY, iin(number))
        session.execute(update(Voter).where(chosen).values(**changes))


def test_a_suspension_after_the_sign_in_is_obeyed_and_one_after_the_cast_touches_nothing(
    writer: Writer, poll: Poll
) -> None:
    tokens = [session_of(writer, number) for number in (1, 2)]
    sealed = ballots(poll)
    first = cast(writer, tokens[0], sealed, home(1))
    for number in (1, 2):
        change_roll_row(number, status="suspended")
    answer = cast(writer, tokens[1], ballots(poll), home(2))
    assert isinstance(answer, Rejected)
    assert answer.reasons == (RejectionReason.SUSPENDED,)
    assert stored_reasons() == ["suspended"]
    assert cast(writer, tokens[0], sealed, home(1)) == first
    assert (count(Claim), count(Ballot)) == (3, 2)


def test_a_session_opened_by_a_number_that_is_no_longer_the_voters_casts_nothing(
    writer: Writer, poll: Poll
) -> None:
    token = session_of(writer, 1)
    change_roll_row(1, mobile=mobile(77))
    assert cast(writer, token, ballots(poll), home(1)) == SignInAgain()
    assert (count(Claim), count(Ballot)) == (0, 0)


def test_no_token_but_a_real_one_casts(writer: Writer, poll: Poll) -> None:
    assert cast(writer, "x" * 43, ballots(poll), home(0)) == SignInAgain()


@pytest.mark.parametrize("fault", ["missing", "twice", "foreign", "short"])
def test_a_cast_holds_every_contest_of_the_voter_exactly_once(
    writer: Writer, poll: Poll, fault: str
) -> None:
    token = session_of(writer, 0)
    first, second = ballots(poll)
    wrong = {
        "missing": (first,),
        "twice": (first, second, SealedBallot.of("contest-0", poll.seal("contest-0", 128))),
        "foreign": (first, SealedBallot.of("contest-9", poll.seal("contest-9", 128))),
        "short": (first, SealedBallot.of("contest-1", poll.seal("contest-1", 64))),
    }
    answer = cast(writer, token, wrong[fault], home(0))
    assert answer == BallotsIncomplete(("contest-0", "contest-1"))
    assert count(Claim) == 0


@pytest.mark.parametrize(
    ("arrived_at", "accepted"),
    [
        (OPENS - timedelta(microseconds=1), False),
        (OPENS, True),
        (CLOSES - timedelta(microseconds=1), True),
        (CLOSES, False),
    ],
)
def test_voting_is_open_from_its_first_instant_to_just_before_its_end(
    writer: Writer, poll: Poll, arrived_at: datetime, *, accepted: bool
) -> None:
    with clock.fixed(arrived_at):
        token = session_of(writer, 0)
        answer = cast(writer, token, ballots(poll), home(0))
        repeated = cast(writer, token, ballots(poll), home(0), key="another key of 16")
    if accepted:
        assert isinstance(answer, Accepted)
    else:
        assert isinstance(answer, Rejected)
        assert answer.reasons == (RejectionReason.NOT_OPEN,)
        assert isinstance(repeated, Rejected)


def test_a_cast_that_arrived_in_time_is_stored_when_its_turn_comes_after_the_close(
    writer: Writer, poll: Poll
) -> None:
    with clock.fixed(CLOSES - timedelta(seconds=2)):
        token = session_of(writer, 0)
    with clock.fixed(CLOSES + timedelta(seconds=3)):
        answer = cast(
            writer, token, ballots(poll), home(0), arrived_at=CLOSES - timedelta(microseconds=1)
        )
    assert isinstance(answer, Accepted)


def test_the_repeat_of_a_timely_vote_is_answered_after_the_close(
    writer: Writer, poll: Poll
) -> None:
    sealed = ballots(poll)
    with clock.fixed(CLOSES - timedelta(seconds=2)):
        token = session_of(writer, 0)
        first = cast(writer, token, sealed, home(0))
    with clock.fixed(CLOSES + timedelta(hours=1)):
        assert cast(writer, token, sealed, home(0)) == first


def test_turned_back_sign_ins_say_why_and_are_remembered(writer: Writer) -> None:
    early = sign_in(writer, 0, in_time=False)
    hurried = sign_in(writer, 0, hurried=True)
    assert isinstance(early, TurnedBack)
    assert isinstance(hurried, TurnedBack)
    assert (early.reason, hurried.reason) == ("not_open", "rate_limited")
    assert stored_reasons() == ["not_open", "rate_limited"]
    assert count(SignInChallenge) == 0


def test_without_a_signed_readiness_act_nothing_opens(database: str) -> None:
    del database
    polls.open_poll(signed=False)
    election = CurrentElection().require()
    assert not election.is_open(NOON)


def test_many_operations_share_a_commit(poll: Poll, monkeypatch: pytest.MonkeyPatch) -> None:
    del poll
    sizes: list[int] = []
    perform = commits.perform
    monkeypatch.setattr(
        commits, "perform", lambda *args, **kw: sizes.append(len(args[2])) or perform(*args, **kw)
    )
    idle = Writer(CurrentElection(max_age=0))
    futures: list[Future[Any]] = [
        idle.submit(
            SolveCode(
                challenge="none", code="1", address=ip_address(home(0)), address_digest=b"x" * 32
            )
        )
        for _ in range(100)
    ]
    idle.start()
    assert all(isinstance(future.result(10), ChallengeOver) for future in futures)
    idle.stop()
    assert sizes == [100]


def test_one_bad_operation_never_spoils_the_others(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = commits.perform

    def fails_for_the_bad_one(connection: Any, election: Any, operations: Any, **facts: Any) -> Any:
        answers = perform(connection, election, operations, **facts)
        if any(getattr(operation, "code", "") == "bad" for operation in operations):
            raise ValueError("this one")
        return answers

    writer = Writer(CurrentElection(max_age=0))
    monkeypatch.setattr(commits, "perform", fails_for_the_bad_one)
    where = {"address": ip_address(home(0)), "address_digest": b"x" * 32}
    good = [
        writer.submit(SolveCode(challenge="none", code="1", **where)),
        writer.submit(SolveCode(challenge="none", code="2", **where)),
    ]
    bad = writer.submit(SolveCode(challenge="none", code="bad", **where))
    last = writer.submit(SolveCode(challenge="none", code="3", **where))
    writer.start()
    assert all(isinstance(future.result(10), ChallengeOver) for future in (*good, last))
    with pytest.raises(ValueError, match="this one"):
        bad.result(10)
    writer.stop()
    del poll


def test_what_was_acknowledged_is_stored_after_a_restart(poll: Poll) -> None:
    """A writer that ends in the middle of the work leaves nothing acknowledged and unstored."""
    writer = Writer(CurrentElection(max_age=0), largest_group=2)
    writer.start()
    tokens = [session_of(writer, number) for number in range(5)]
    sealed = [ballots(poll) for _ in tokens]
    futures = [
        writer.submit(asked_to_cast(token, own, home(number)))
        for number, (token, own) in enumerate(zip(tokens, sealed, strict=True))
    ]
    futures[0].result(10)
    acknowledged = [place for place, future in enumerate(futures) if future.done()]
    writer.stop()
    engine().dispose()
    with unit_of_work() as session:
        stored = set(session.execute(select(col(Ballot.tracker))).scalars())
    for place in acknowledged:
        assert {ballot.tracker for ballot in sealed[place]} <= stored
    again = Writer(CurrentElection(max_age=0))
    again.start()
    for number, (token, own) in enumerate(zip(tokens, sealed, strict=True)):
        assert isinstance(cast(again, token, own, home(number)), Accepted)
    again.stop()
    assert count(Ballot) == 10
    assert count(Claim) == 15


def test_a_process_with_another_digest_key_refuses(poll: Poll) -> None:
    del poll
    path = keyring.digest_key_path(PRIMARY)
    path.chmod(0o600)
    path.write_bytes(b"another key of thirty-two bytes!")
    keyring.forget_cached_keys()
    with pytest.raises(Refused) as refused:
        CurrentElection().get()
    assert refused.value.code == VotingRefusal.DIGEST_KEY_DIFFERS


def test_a_process_without_the_digest_key_refuses(poll: Poll) -> None:
    del poll
    keyring.digest_key_path(PRIMARY).unlink()
    keyring.forget_cached_keys()
    with pytest.raises(Refused) as refused:
        CurrentElection().get()
    assert refused.value.code == "digest_key_missing"


def test_sessions_keep_no_token_and_no_address(writer: Writer, poll: Poll) -> None:
    del poll
    token = session_of(writer, 0)
    with unit_of_work() as session:
        row = session.execute(select(VotingSession)).scalar_one()
    assert token.encode() not in bytes(row.token_hash)
    assert home(0) not in str(row.model_dump())


def test_a_database_that_is_away_is_a_refusal_to_be_tried_again(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def away(*_args: Any, **_facts: Any) -> Any:
        raise OperationalError("select", {}, Exception("gone"))

    del poll
    monkeypatch.setattr(commits, "perform", away)
    writer = Writer(CurrentElection(max_age=0))
    writer.start()
    with pytest.raises(Refused) as refused:
        solve(writer, "none", "1", home(0))
    assert refused.value.code is VotingRefusal.DATABASE_UNAVAILABLE
    writer.stop()
