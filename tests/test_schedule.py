"""What happens by the clock."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import schedule
from core.audit import queries as audit
from core.audit import service as audit_log
from core.audit.rules import Author
from core.database import reading, unit_of_work
from core.messaging import service as messaging
from core.messaging.rules import Purpose
from core.settings import settings

# A minute before midnight in Almaty, which was 18:00 in London.
NOW = datetime(2020, 10, 4, 17, 59, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_state", schedule.State())


def test_the_end_of_the_log_is_signed_once_a_day_by_the_calendar_of_the_primary(
    database: str,
) -> None:
    with unit_of_work() as session:
        audit_log.record(session, "begin", author=Author.system(), subject="test:1")
    signed = [
        schedule.sign_audit_head(NOW + timedelta(minutes=minutes)) for minutes in (0, 0, 1, 2)
    ]
    assert signed == [1, 0, 1, 0]
    with reading() as session:
        assert [head.day for head in audit.signed_heads(session)] == ["2020-10-05", "2020-10-04"]
        found = audit.verify_chain(session)
    assert (found.fault, found.signed_heads) == (None, 2)


def test_what_stands_in_the_outbox_goes_out(sqlite_database: str) -> None:
    with unit_of_work() as session:
        messaging.queue_sms(
            session,
            to="+77011234567",
            text="Код 123456",
            purpose=Purpose.STAFF,
            idempotency_key="one",
            now=NOW,
        )
    schedule.run_due({}, NOW)
    sent = Path(settings().sms_url.removeprefix("file:")).read_text(encoding="utf-8")
    assert json.loads(sent) == {"to": "+77011234567", "text": "Код 123456"}


def test_a_task_that_fails_stops_no_other_and_is_remembered(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def fail(_now: datetime) -> int:
        raise OSError("the gateway is away")

    def count(_now: datetime) -> int:
        ran.append(_now)
        return 1

    second = timedelta(seconds=1)
    tasks = (schedule.Task("fails", second, fail), schedule.Task("counts", 2 * second, count))
    monkeypatch.setattr(schedule, "TASKS", tasks)
    last_run: dict[str, datetime] = {}
    for seconds in range(4):
        schedule.run_due(last_run, NOW + seconds * second)
    assert len(ran) == 2, "every two seconds"
    assert schedule.state().faults == {"fails": "OSError"}
    assert schedule.state().ticked_at == NOW + 3 * second


def test_a_clock_that_goes_back_does_not_stop_the_schedule(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    task = schedule.Task("counts", timedelta(hours=1), lambda now: ran.append(now) or 1)
    monkeypatch.setattr(schedule, "TASKS", (task,))
    last_run: dict[str, datetime] = {}
    for instant in (NOW, NOW - timedelta(days=50), NOW - timedelta(days=50)):
        schedule.run_due(last_run, instant)
    assert len(ran) == 2
