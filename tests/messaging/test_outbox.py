"""What is queued with an act is sent once after it, and leaves no text behind."""

import json
import stat
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from core import clock
from core.database import reading, unit_of_work
from core.messaging import ledger
from core.messaging.gateways import Gateway
from core.messaging.models import OutboxMessage
from core.messaging.post import Post, sms
from core.messaging.rules import HELD, LEASE, MessageState, Purpose, SendFault
from core.messaging.service import deliver_due, queue_sms
from core.settings import settings
from tests.messaging.gateways import Lying, Memory, Refusing

pytestmark = pytest.mark.usefixtures("database")
NUMBER, WORDS = "+77015550142", "Код: 123456"
LIFETIME = timedelta(minutes=5)


def queue_notice(key: str = "k1", now: datetime | None = None) -> None:
    with unit_of_work() as session:
        queue_sms(
            session,
            to=NUMBER,
            text=WORDS,
            purpose=Purpose.ROLL_CHANGE,
            idempotency_key=key,
            now=now or clock.now(),
        )


def queue_code(now: datetime, *, held: bool = False) -> Post:
    post = Post(held=held)
    message = sms(
        to=NUMBER,
        text=WORDS,
        purpose=Purpose.ONE_TIME_CODE,
        now=now,
        expires_at=now + LIFETIME,
    )
    post.add(message, post.row(message, now))
    with unit_of_work() as session:
        post.write(session.connection())
    return post


def states() -> dict[MessageState, int]:
    return dict(Counter(MessageState(row.state) for row in rows()))


def rows() -> list[OutboxMessage]:
    with reading() as session:
        return list(
            session.execute(select(OutboxMessage).order_by(col(OutboxMessage.id))).scalars()
        )


def _file() -> Path:
    return Path(settings().sms_url.removeprefix("file:"))


def test_a_message_is_sent_once_and_erased() -> None:
    queue_notice()
    queue_notice()
    assert deliver_due(clock.now()) == 1
    assert deliver_due(clock.now()) == 0
    assert json.loads(_file().read_text()) == {"to": NUMBER, "text": WORDS}
    assert stat.S_IMODE(_file().stat().st_mode) == 0o600
    assert [(row.state, row.body) for row in rows()] == [("sent", None)]


def test_neither_number_nor_text_stands_readable_in_the_database() -> None:
    queue_notice()
    queue_code(clock.now())
    with reading() as session:
        found = session.execute(text("SELECT * FROM outbox_message")).all()
    for row in found:
        stored = b"".join(value for value in row if isinstance(value, bytes)) + repr(row).encode()
        assert NUMBER.encode() not in stored
        assert b"123456" not in stored


def test_a_message_of_an_act_that_failed_is_never_sent() -> None:
    with pytest.raises(RuntimeError), unit_of_work() as session:
        post = Post()
        message = sms(to=NUMBER, text=WORDS, purpose=Purpose.STAFF, now=clock.now())
        post.add(message, post.row(message, clock.now()))
        post.write(session.connection())
        raise RuntimeError
    assert deliver_due(clock.now()) == 0


def test_a_gateway_that_is_away_is_tried_again_later_and_a_notice_given_up_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue_notice()
    now, gateway = clock.now(), Refusing()
    assert deliver_due(now, gateway=gateway) == 1
    assert deliver_due(now, gateway=gateway) == 0
    for _ in range(30):
        now += timedelta(minutes=31)
        deliver_due(now, gateway=gateway)
    assert gateway.asked == 20
    (row,) = rows()
    assert (row.state, row.fault) == ("failed", "not_reached")
    assert row.body is not None, "an administrator may let it be tried again"
    assert NUMBER not in caplog.text
    assert "123456" not in caplog.text


def test_a_code_that_was_surely_not_taken_is_tried_until_it_expires_and_then_erased() -> None:
    now = start = clock.now()
    queue_code(now)
    gateway = Refusing(SendFault.NOT_TAKEN)
    while now < start + timedelta(minutes=10):
        deliver_due(now, gateway=gateway)
        now += timedelta(seconds=2)
    assert 20 < gateway.asked < 50
    (row,) = rows()
    assert (row.state, row.body) == ("expired", None)


def test_a_code_is_never_sent_late() -> None:
    now = clock.now()
    queue_code(now)
    gateway = Memory()
    with clock.fixed(now + LIFETIME):
        assert deliver_due(clock.now(), gateway=gateway) == 0
    assert gateway.taken == []
    assert [(row.state, row.body) for row in rows()] == [("expired", None)]
    assert deliver_due(now, gateway=gateway) == 0, "what is erased stays erased"


def test_a_doubtful_code_is_not_sent_again_and_a_doubtful_notice_is() -> None:
    now, gateway = clock.now(), Lying()
    queue_code(now)
    queue_notice(now=now)
    for minute in range(4):
        deliver_due(now + timedelta(minutes=minute), gateway=gateway)
    purposes = [message.purpose for message in gateway.taken]
    assert purposes.count(Purpose.ONE_TIME_CODE) == 1
    assert purposes.count(Purpose.ROLL_CHANGE) == 4
    code, notice = sorted(rows(), key=lambda row: row.priority)
    assert (code.state, code.fault, code.body) == ("failed", "unclear", None)
    assert (notice.state, notice.fault) == ("queued", "unclear")


class Dying(Memory):
    """The process ends while this gateway has a message."""

    async def send(self, message: object) -> None:
        raise KeyboardInterrupt


def test_of_what_a_dead_sender_had_on_the_wire_notices_are_sent_again_and_codes_are_not() -> None:
    now = clock.now()
    queue_code(now)
    queue_notice(now=now)
    with pytest.raises(KeyboardInterrupt):
        deliver_due(now, gateway=Dying())
    gateway: Gateway = Memory()
    assert deliver_due(now + LEASE / 2, gateway=gateway) == 0
    later = now + LEASE
    deliver_due(later, gateway=gateway)
    deliver_due(later + timedelta(seconds=5), gateway=gateway)
    assert isinstance(gateway, Memory)
    assert [message.purpose for message in gateway.taken] == [Purpose.ROLL_CHANGE]
    assert states() == {MessageState.SENT: 1, MessageState.FAILED: 1}
    code = min(rows(), key=lambda row: row.priority)
    assert (code.fault, code.body) == ("sender_died", None)


def test_what_a_process_held_in_memory_when_it_died_is_sent_by_another() -> None:
    now, gateway = clock.now(), Memory()
    queue_code(now, held=True)
    assert deliver_due(now, gateway=gateway) == 0
    assert deliver_due(now + HELD, gateway=gateway) == 1
    assert gateway.texts == [WORDS]


def test_only_one_of_two_senders_gets_a_message() -> None:
    now = clock.now()
    (message,) = queue_code(now).messages
    gone = []
    for _ in range(2):
        with unit_of_work() as session:
            gone.append(ledger.depart(session.connection(), [message.id], now=now))
    assert gone == [{message.id}, frozenset()]


def test_codes_go_before_notices() -> None:
    now = clock.now()
    for number in range(3):
        queue_notice(f"k{number}", now - timedelta(minutes=1))
    queue_code(now)
    gateway = Memory(at_once=2)
    deliver_due(now, gateway=gateway)
    assert [message.purpose for message in gateway.taken] == [
        Purpose.ONE_TIME_CODE,
        Purpose.ROLL_CHANGE,
    ]
