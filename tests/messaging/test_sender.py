"""The thread that sends: quick, many at once, few transactions, and nothing twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.database import unit_of_work
from core.messaging.post import Outgoing, Post, sms
from core.messaging.rules import HELD, MessageState, Purpose
from core.messaging.sender import Bookkeeping, Breaker, Sender, record_alone
from core.messaging.service import deliver_due
from tests.messaging.gateways import Lying, Memory, Refusing, Scripted
from tests.messaging.test_outbox import queue_notice, rows, states

pytestmark = pytest.mark.usefixtures("database")


def codes(number: int) -> list[Outgoing]:
    """Codes as a writer queues them: rows that are held, committed, ready to be handed over."""
    now, post = clock.now(), Post(held=True)
    for place in range(number):
        message = sms(
            to=f"+7701{place:07d}",
            text=f"{place:06d} is your code",
            purpose=Purpose.ONE_TIME_CODE,
            now=now,
            expires_at=now + timedelta(minutes=5),
        )
        post.add(message, post.row(message, now))
    with unit_of_work() as session:
        post.write(session.connection())
    return post.messages


@contextmanager
def sending(gateway: Memory, **options: Any) -> Iterator[Sender]:
    sender = Sender(gateway, **options)
    sender.start()
    yield sender
    sender.stop()


def wait_for(what: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_what_is_handed_over_leaves_at_once_and_is_written_down_as_sent() -> None:
    gateway = Memory()
    with sending(gateway, look_every=60) as sender:
        messages = codes(3)
        sender.hand_over(messages)
        wait_for(lambda: len(gateway.taken) == 3, seconds=1)
    assert sorted(gateway.texts) == [message.text for message in messages]
    assert states() == {MessageState.SENT: 3}
    assert {row.body for row in rows()} == {None}


def test_a_slow_gateway_carries_hundreds_a_second_in_few_transactions() -> None:
    gateway, written = Memory(seconds=0.5, at_once=200), []

    def record(bookkeeping: Bookkeeping) -> frozenset[str]:
        written.append(bookkeeping)
        return record_alone(bookkeeping)

    messages = codes(400)
    began = time.monotonic()
    with sending(gateway, record=record, look_every=60) as sender:
        sender.hand_over(messages)
        wait_for(lambda: len(gateway.taken) == 400)
    assert time.monotonic() - began < 3, "one after the other it would take 200 s"
    assert gateway.most_at_once <= 200
    assert len(written) < 60
    assert states() == {MessageState.SENT: 400}


def test_handing_over_never_waits_for_the_gateway() -> None:
    with sending(Memory(seconds=2), look_every=60) as sender:
        messages = codes(50)
        began = time.monotonic()
        sender.hand_over(messages)
        assert time.monotonic() - began < 0.1


def test_what_nobody_handed_over_is_found() -> None:
    gateway = Memory()
    with sending(gateway, look_every=0.05):
        queue_notice()
        wait_for(lambda: len(gateway.taken) == 1)


def test_codes_overtake_notices() -> None:
    gateway = Memory(seconds=0.05, at_once=1)
    now, post = clock.now(), Post(held=True)
    for place in range(5):
        message = sms(to="+77010000001", text=f"{place}", purpose=Purpose.STAFF, now=now)
        post.add(message, post.row(message, now))
    with unit_of_work() as session:
        post.write(session.connection())
    with sending(gateway, look_every=60) as sender:
        sender.hand_over([*post.messages, *codes(2)])
        wait_for(lambda: len(gateway.taken) == 7)
    purposes = [message.purpose.is_code for message in gateway.taken]
    assert purposes == [True] * 2 + [False] * 5


def test_a_dead_gateway_is_probed_and_what_waits_stays_queued() -> None:
    gateway = Refusing()
    gateway.at_once = 4
    with sending(gateway, look_every=0.05) as sender:
        sender.hand_over(codes(50))
        time.sleep(1.5)
        assert gateway.asked <= 12
    left = states()
    assert left == {MessageState.QUEUED: 50}
    alive = Memory()
    assert deliver_due(clock.now() + HELD, gateway=alive) == 50
    assert len(set(alive.texts)) == 50


def test_a_gateway_that_takes_codes_and_breaks_the_line_gets_none_twice() -> None:
    gateway = Lying()
    with sending(gateway, look_every=0.05) as sender:
        sender.hand_over(codes(5))
        wait_for(lambda: MessageState.QUEUED not in states())
        time.sleep(0.3)
    assert len(gateway.taken) == len(set(gateway.texts)) == 5
    assert states() == {MessageState.FAILED: 5}


def test_a_message_handed_over_twice_is_sent_once() -> None:
    gateway = Memory()
    with sending(gateway, look_every=60) as sender:
        messages = codes(2)
        sender.hand_over([*messages, *messages])
        wait_for(lambda: len(gateway.taken) == 2)
        sender.hand_over(messages)
        time.sleep(0.2)
    assert len(gateway.taken) == 2


def test_two_processes_that_have_the_same_messages_send_each_once() -> None:
    gateways = Memory(), Memory()
    messages = codes(100)
    with sending(gateways[0], look_every=60) as one, sending(gateways[1], look_every=60) as two:
        for start in range(0, 100, 10):
            part = messages[start : start + 10]
            threads = [threading.Thread(target=s.hand_over, args=(part,)) for s in (one, two)]
            for thread in threads:
                thread.start()
        wait_for(lambda: sum(len(gateway.taken) for gateway in gateways) >= 100)
    assert sorted(gateways[0].texts + gateways[1].texts) == [message.text for message in messages]


def test_a_code_that_expires_while_it_waits_for_a_place_is_not_sent() -> None:
    gateway = Memory()
    messages = codes(1)
    with (
        clock.fixed(clock.now() + timedelta(minutes=6)),
        sending(gateway, look_every=0.05) as sender,
    ):
        sender.hand_over(messages)
        wait_for(lambda: states() == {MessageState.EXPIRED: 1})
    assert gateway.taken == []
    assert [row.body for row in rows()] == [None]


def test_a_database_that_is_away_for_a_moment_loses_nothing() -> None:
    gateway, failures = Memory(), []

    def record(bookkeeping: Bookkeeping) -> frozenset[str]:
        if len(failures) < 1:
            failures.append(bookkeeping)
            raise OSError("no database")
        return record_alone(bookkeeping)

    with sending(gateway, record=record, look_every=60) as sender:
        sender.hand_over(codes(3))
        wait_for(lambda: len(gateway.taken) == 3)
    assert len(failures) == 1
    assert states() == {MessageState.SENT: 3}


def test_the_end_waits_for_what_is_on_the_wire_and_leaves_the_rest_queued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.messaging.sender.STOP_WITHIN", 0.5)
    gateway = Memory(seconds=0.3, at_once=2)
    with sending(gateway, look_every=60) as sender:
        sender.hand_over(codes(20))
        wait_for(lambda: gateway.most_at_once == 2)
    found = states()
    assert found[MessageState.SENT] == len(gateway.taken) >= 2
    assert found[MessageState.QUEUED] >= 14
    assert MessageState.SENDING not in found


def test_neither_number_nor_code_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(message: Outgoing) -> None:
        raise ValueError(f"{message.to} {message.text}")

    with sending(Scripted(breaks), look_every=60) as sender:
        messages = codes(2)
        sender.hand_over(messages)
        wait_for(lambda: MessageState.FAILED in states())
    assert "ValueError" in caplog.text
    assert messages[0].to not in caplog.text + repr(messages)
    assert "your code" not in caplog.text + repr(messages)


def test_the_breaker_opens_after_failures_in_a_row_and_closes_at_the_first_success() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed()
    assert breaker.room(100, now=0) == 100
    breaker.failed()
    probes = []
    for second in range(60):
        if room := breaker.room(100, now=second):
            probes.append((second, room))
            breaker.probing(second)
            breaker.failed()
    assert probes == [(0, 1), (1, 1), (3, 1), (7, 1), (15, 1), (30, 1), (45, 1)]
    breaker.succeeded()
    assert breaker.room(100, now=60) == 100
