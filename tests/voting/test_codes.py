"""How many codes there may be: for one pair, in an hour, in a day; and what the SMS cost."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.database import unit_of_work
from core.i18n import LOCALES
from core.messaging import allowance
from core.messaging.allowance import Meter, set_allowance, spending
from core.messaging.models import OutboxMessage
from core.messaging.post import Post
from core.messaging.sms_parts import is_seven_bit, parts
from core.voting.codes import FREE, PAUSE, WINDOW, LastCodes
from core.voting.election import CurrentElection
from core.voting.models import Rejection, SignInChallenge
from core.voting.notices import cast_message, code_message
from core.voting.signin import ChallengeIssued, CodesExhausted
from core.voting.solving import SessionOpened
from core.voting.writer import Writer
from tests.voting import polls
from tests.voting.polls import NOON, Poll, mobile
from tests.voting.test_writer import (
    ballots,
    cast,
    code_for,
    count,
    home,
    poll,
    session_of,
    sign_in,
    solve,
    writer,
)

__all__ = ["poll", "writer"]
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


def allow(per_hour: int, per_day: int = 1_000_000) -> None:
    with unit_of_work() as session:
        set_allowance(
            session, per_hour=per_hour, per_day=per_day, reason="проба", account_id=1, now=NOON
        )


PAIR = b"iin" + b"mobile"


@pytest.fixture(autouse=True)
def _read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "_READ_EVERY", 0.0)


def texts_to(number: int) -> list[str]:
    return [sms["text"] for sms in polls.outbox() if sms["to"] == mobile(number)]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_code_and_the_notice_of_a_cast_cost_one_part_in_every_language(locale: str) -> None:
    code = code_message("+77015550142", "123456", locale=locale, now=NOON)
    notice = cast_message("+77015550142", hotline="8 800 080 4441", locale=locale, now=NOON)
    bare = cast_message("+77015550142", hotline="", locale=locale, now=NOON)
    assert [parts(message.text) for message in (code, notice, bare)] == [1, 1, 1]
    assert is_seven_bit(code.text) is (locale == "en")
    assert code.text.startswith("123456")
    assert "8 800 080 4441" in notice.text


def test_a_pair_that_asks_again_and_again_gets_the_code_that_came_last(writer: Writer) -> None:
    given = [sign_in(writer, 0) for _ in range(FREE + 3)]
    assert all(isinstance(answer, ChallengeIssued) for answer in given)
    code = code_for(0, messages=FREE)
    time.sleep(0.3)
    assert len(texts_to(0)) == FREE
    assert isinstance(solve(writer, given[-1].challenge, code, home(0)), SessionOpened)


def test_a_code_that_was_used_serves_nobody_again(writer: Writer) -> None:
    given = [sign_in(writer, 0) for _ in range(FREE + 1)]
    code = code_for(0, messages=FREE)
    assert isinstance(solve(writer, given[-1].challenge, code, home(0)), SessionOpened)
    again = sign_in(writer, 0)
    new = code_for(0, messages=FREE + 1)
    assert isinstance(solve(writer, again.challenge, new, home(0)), SessionOpened)


def test_to_a_stranger_a_pair_that_asks_too_often_looks_like_any_other(writer: Writer) -> None:
    known = [sign_in(writer, 0) for _ in range(FREE + 2)]
    unknown = [sign_in(writer, 77) for _ in range(FREE + 2)]
    shapes = {
        (type(answer), len(answer.challenge), answer.expires_at, answer.address_used)
        for answer in (*known, *unknown)
    }
    assert len(shapes) == 1
    assert count(SignInChallenge) == 2 * (FREE + 2)


def test_after_the_pause_another_code_comes_and_after_the_window_all_begins_anew() -> None:
    last = LastCodes()
    for number in range(FREE):
        assert last.serving(PAIR, NOON) is None
        last.sent(PAIR, f"{number:06d}", NOON)
    newest = f"{FREE - 1:06d}"
    assert last.serving(PAIR, NOON + PAUSE - timedelta(seconds=1)) == newest
    assert last.serving(b"another pair", NOON) is None
    assert last.serving(PAIR, NOON + PAUSE) is None
    last.sent(PAIR, "999999", NOON + PAUSE)
    assert last.serving(PAIR, NOON + PAUSE) == "999999"
    assert last.serving(PAIR, NOON + WINDOW) is None
    last.sent(PAIR, "111111", NOON + WINDOW)
    assert last.serving(PAIR, NOON + WINDOW) is None


def test_only_so_many_pairs_are_remembered() -> None:
    last = LastCodes(remembered=2)
    for pair in (b"a", b"b", b"c"):
        for _ in range(FREE):
            last.sent(pair, "123456", NOON)
    assert [last.serving(pair, NOON) for pair in (b"a", b"b", b"c")] == [None, "123456", "123456"]
    assert "123456" not in repr(last._sent)


def test_beyond_the_allowance_nobody_gets_a_code_whoever_asks(writer: Writer) -> None:
    allow(per_hour=2)
    assert [type(sign_in(writer, number)) for number in (0, 1)] == [ChallengeIssued] * 2
    before = count(Rejection), count(SignInChallenge)
    answers = [
        sign_in(writer, 2),
        sign_in(writer, 77),
        sign_in(writer, 3, mobile=mobile(9)),
        sign_in(writer, 4, hurried=True),
    ]
    assert answers == [CodesExhausted()] * 4
    assert (count(Rejection), count(SignInChallenge)) == before
    assert count(OutboxMessage) == 2
    allow(per_hour=3)
    assert isinstance(sign_in(writer, 2), ChallengeIssued)


def test_who_signed_in_before_the_allowance_was_used_up_votes(writer: Writer, poll: Poll) -> None:
    token = session_of(writer, 0)
    allow(per_hour=1)
    assert sign_in(writer, 1) == CodesExhausted()
    assert cast(writer, token, ballots(poll), "198.51.100.77") == CodesExhausted()
    assert type(cast(writer, token, ballots(poll), home(0))).__name__ == "Accepted"


def test_strangers_pairs_cost_nothing_of_the_allowance(writer: Writer) -> None:
    allow(per_hour=1)
    for _ in range(3):
        assert isinstance(sign_in(writer, 77), ChallengeIssued)
    assert isinstance(sign_in(writer, 0), ChallengeIssued)
    assert sign_in(writer, 1) == CodesExhausted()


def test_one_writer_never_passes_the_allowance_between_two_readings(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "_READ_EVERY", 3600.0)
    allow(per_hour=3)
    issued = [isinstance(sign_in(writer, number), ChallengeIssued) for number in range(5)]
    assert issued == [True] * 3 + [False] * 2


def test_all_writers_share_one_allowance(poll: Poll) -> None:
    del poll
    allow(per_hour=4)
    writers = [Writer(CurrentElection(max_age=0)) for _ in range(3)]
    for each in writers:
        each.start()
    answers = [sign_in(writers[number % 3], number % 5) for number in range(9)]
    for each in writers:
        each.stop()
    issued = [isinstance(answer, ChallengeIssued) for answer in answers]
    assert issued == [True] * 4 + [False] * 5


def test_hours_and_days_are_counted_and_left_behind() -> None:
    def at(hours: float) -> tuple[int, int]:
        with unit_of_work() as session:
            found = spending(session, now=NOON + timedelta(hours=hours))
        return found.hour, found.day

    for hours, codes in ((0, 5), (0.5, 7), (2, 11), (23, 13)):
        with unit_of_work() as session:
            now = NOON + timedelta(hours=hours)
            Meter().count(session.connection(), codes, now=now)
    assert at(0.9) == (12, 12)
    assert at(2) == (11, 23)
    assert at(23.5) == (13, 36)
    assert at(24) == (0, 24)
    assert at(48) == (0, 0)


def test_the_scarcer_allowance_counts() -> None:
    allow(per_hour=20, per_day=20)
    meter = Meter()
    with unit_of_work() as session:
        meter.count(session.connection(), 10, now=NOON - timedelta(hours=3))
        meter.count(session.connection(), 9, now=NOON)
        assert not meter.is_exhausted(session.connection(), now=NOON)
        meter.count(session.connection(), 1, now=NOON)
        assert meter.is_exhausted(session.connection(), now=NOON)
        found = spending(session, now=NOON)
    assert (found.hour, found.day, found.share, found.is_exhausted) == (10, 20, 1.0, True)


def test_on_the_hot_path_the_database_is_asked_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allowance, "_READ_EVERY", 1.0)
    asked: list[Any] = []
    real = allowance._spending
    monkeypatch.setattr(allowance, "_spending", lambda *args: asked.append(1) or real(*args))
    meter = Meter()
    with unit_of_work() as session:
        for _ in range(100):
            meter.is_exhausted(session.connection(), now=NOON)
        meter.is_exhausted(session.connection(), now=NOON + timedelta(hours=1))
    assert len(asked) == 2


def test_what_a_transaction_that_failed_would_have_sent_serves_nobody(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    del poll
    running = Writer(CurrentElection(max_age=0))
    running.start()
    write, failing = Post.write, [True]

    def fails(self: Any, connection: Any) -> None:
        if failing:
            raise ValueError("the disk is full")
        write(self, connection)

    monkeypatch.setattr(Post, "write", fails)
    for _ in range(FREE):
        with pytest.raises(ValueError, match="full"):
            sign_in(running, 0)
    failing.clear()
    answer = sign_in(running, 0)
    assert isinstance(solve(running, answer.challenge, code_for(0), home(0)), SessionOpened)
    running.stop()
    assert count(OutboxMessage) == 1
