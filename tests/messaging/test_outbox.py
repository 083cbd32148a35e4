"""What is queued with an act is sent once after it, and leaves no text behind."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core import clock
from core.database import reading, unit_of_work
from core.messaging.queries import outbox_depths
from core.messaging.rules import LEASE, MessageState, Purpose
from core.messaging.service import deliver_due, queue_sms
from core.settings import settings

pytestmark = pytest.mark.usefixtures("database")
NUMBER, WORDS = "+77015550142", "Код: 123456"


def _queue(session: Session, key: str = "k1") -> None:
    queue_sms(
        session,
        to=NUMBER,
        text=WORDS,
        purpose=Purpose.ONE_TIME_CODE,
        idempotency_key=key,
        now=clock.now(),
    )


def _outbox() -> Path:
    return Path(settings().sms_url.removeprefix("file:"))


def _states() -> dict[MessageState, int]:
    with reading() as session:
        return {depth.state: depth.messages for depth in outbox_depths(session)}


class Broken:
    """A gateway that takes nothing."""

    def send(self, *, to: str, text: str) -> None:
        raise ConnectionError(f"{to} {text}")


def test_a_message_is_sent_once_and_erased() -> None:
    with unit_of_work() as session:
        _queue(session)
        _queue(session)
    assert deliver_due(clock.now()) == 1
    assert deliver_due(clock.now()) == 0
    assert json.loads(_outbox().read_text()) == {"to": NUMBER, "text": WORDS}
    assert stat.S_IMODE(_outbox().stat().st_mode) == 0o600
    with reading() as session:
        assert session.execute(text("SELECT body FROM outbox_message")).scalars().all() == [None]


def test_neither_number_nor_text_stands_readable_in_the_database() -> None:
    with unit_of_work() as session:
        _queue(session)
    with reading() as session:
        row = session.execute(text("SELECT * FROM outbox_message")).one()
    stored = b"".join(value for value in row if isinstance(value, bytes)) + repr(row).encode()
    assert NUMBER.encode() not in stored
    assert b"123456" not in stored


def test_a_message_of_an_act_that_failed_is_never_sent() -> None:
    with pytest.raises(RuntimeError), unit_of_work() as session:
        _queue(session)
        raise RuntimeError
    assert deliver_due(clock.now()) == 0


def test_a_broken_gateway_is_tried_again_later_and_given_up_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with unit_of_work() as session:
        _queue(session)
    now = clock.now()
    assert deliver_due(now, gateway=Broken()) == 1
    assert deliver_due(now, gateway=Broken()) == 0
    for _ in range(10):
        now += timedelta(minutes=5)
        deliver_due(now, gateway=Broken())
    assert _states()[MessageState.FAILED] == 1
    assert NUMBER not in caplog.text
    assert "123456" not in caplog.text


def test_a_message_whose_sender_died_is_sent_after_its_lease() -> None:
    class Dying:
        def send(self, *, to: str, text: str) -> None:
            raise KeyboardInterrupt

    with unit_of_work() as session:
        _queue(session)
    now = clock.now()
    with pytest.raises(KeyboardInterrupt):
        deliver_due(now, gateway=Dying())
    assert deliver_due(now + LEASE / 2) == 0
    assert deliver_due(now + LEASE) == 1
    assert _states()[MessageState.SENT] == 1
