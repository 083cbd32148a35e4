"""What the health page reads of the outbox."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from core import clock
from core.database import engine, reading, unit_of_work
from core.errors import Refused
from core.messaging import reports
from core.messaging.post import Post, sms
from core.messaging.queries import GatewayHealth, gateway_health
from core.messaging.rules import GatewayKind, GivenUpAct, MessageState, Purpose, SendFault
from core.messaging.service import deliver_due, settle_given_up
from tests.messaging.gateways import Lying, Memory, Refusing
from tests.messaging.test_outbox import queue_code, queue_notice

pytestmark = pytest.mark.usefixtures("database")


def health(now: datetime) -> GatewayHealth:
    with reading() as session:
        (found,) = gateway_health(session, [GatewayKind.SMS], now=now)
    return found


def report(message_id: str, *, delivered: bool) -> None:
    with unit_of_work() as session:
        reports.note_reports(session, {message_id: delivered}, now=clock.now())


def test_an_empty_outbox_is_healthy() -> None:
    found = health(clock.now())
    assert (found.queued.messages, found.sending.messages, found.taken) == (0, 0, 0)
    assert (found.share_delivered, found.last_fault, found.given_up) == (None, None, ())


def test_what_waits_is_counted_with_its_oldest_codes_apart() -> None:
    now = clock.now()
    queue_notice(now=now - timedelta(hours=2))
    queue_code(now - timedelta(minutes=1))
    queue_code(now)
    found = health(now)
    assert (found.queued.messages, found.queued.oldest) == (3, now - timedelta(hours=2))
    assert found.queued_codes.messages == 2
    assert found.queued_codes.oldest == now - timedelta(minutes=1)


def test_the_last_minutes_tell_what_was_taken_and_what_arrived() -> None:
    now = clock.now()
    ids = [queue_code(now).messages[0].id for _ in range(4)]
    deliver_due(now, gateway=Memory())
    assert health(now).share_delivered is None, "no gateway has reported anything yet"
    for place, delivered in enumerate((True, True, False)):
        report(ids[place], delivered=delivered)
    found = health(now)
    assert (found.taken, found.undelivered, found.share_delivered) == (4, 1, 0.5)
    assert found.recent == {
        MessageState.SENT: 1,
        MessageState.DELIVERED: 2,
        MessageState.FAILED: 1,
    }
    assert health(now + timedelta(minutes=11)).taken == 0


def test_the_last_fault_is_told_by_its_type_and_time() -> None:
    now = clock.now()
    queue_code(now)
    deliver_due(now, gateway=Lying())
    found = health(now).last_fault
    assert found is not None
    assert (found.fault, found.at) == (SendFault.UNCLEAR, now)
    queue_notice(now=now - timedelta(days=1))
    deliver_due(now + timedelta(seconds=1), gateway=Refusing())
    found = health(now + timedelta(hours=1)).last_fault
    assert found is not None
    assert found.fault is SendFault.NOT_REACHED


def test_nothing_walks_through_the_whole_table(database: str) -> None:
    if not database.startswith("sqlite"):
        return
    now, asked = clock.now(), []

    def remember(*said: Any) -> None:
        _connection, _cursor, statement, given, _context, many = said
        if "outbox_message" in statement and not statement.startswith("INSERT"):
            asked.append((statement, given[0] if many else given))

    queue_notice(now=now)
    queue_code(now)
    event.listen(engine(), "before_cursor_execute", remember)
    deliver_due(now, gateway=Lying())
    deliver_due(now + timedelta(minutes=9), gateway=Memory())
    health(now)
    with suppress(Refused), unit_of_work() as session:
        settle_given_up(
            session, Purpose.STAFF, GivenUpAct.DISCARD, reason="", account_id=1, now=now
        )
    event.remove(engine(), "before_cursor_execute", remember)
    assert len(asked) > 10
    with engine().connect() as connection:
        for statement, given in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            walks = [step.detail for step in plan if step.detail == "SCAN outbox_message"]
            assert not walks, statement


def test_given_up_notices_are_told_by_what_they_are_for() -> None:
    now = clock.now()
    with unit_of_work() as session:
        _queue(session, Purpose.VOTE_CAST, now)
        _queue(session, Purpose.STAFF, now)
        _queue(session, Purpose.STAFF, now)
    for round_ in range(30):
        deliver_due(now + round_ * timedelta(minutes=31), gateway=Refusing())
    told = [(group.purpose, group.messages, group.fault) for group in health(now).given_up]
    assert told == [
        (Purpose.STAFF, 2, SendFault.NOT_REACHED),
        (Purpose.VOTE_CAST, 1, SendFault.NOT_REACHED),
    ]


def _queue(session: Session, purpose: Purpose, now: datetime) -> None:
    post = Post()
    message = sms(to="+77015550142", text="слово", purpose=purpose, now=now)
    post.add(message, post.row(message, now))
    post.write(session.connection())
