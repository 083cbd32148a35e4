"""What a gateway reports is believed in what it can know, and strangers report nothing."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import clock, keyring
from core.database import unit_of_work
from core.messaging import ledger, reports
from core.messaging.ledger import Tried
from core.messaging.post import Outgoing
from core.messaging.rules import MessageState, SendFault
from core.messaging.service import deliver_due
from pages.listener import gateway_routes
from pages.listener.gate import Gate
from tests.messaging.gateways import Lying, Memory
from tests.messaging.test_outbox import queue_code, queue_notice, rows

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def staff() -> Iterator[TestClient]:
    """The staff listener's route, behind its gate."""
    app = Gate(Starlette(routes=gateway_routes.routes))
    with TestClient(app, base_url="http://10.0.0.7:8501", client=("10.0.0.9", 1)) as client:
        yield client


def sent() -> str:
    """A code that the gateway took; gives its id."""
    (message,) = queue_code(clock.now()).messages
    deliver_due(clock.now(), gateway=Memory())
    return message.id


def report(staff: TestClient, message_id: str, status: int | str) -> int:
    return staff.get(f"{reports.path_for(message_id)}?status={status}").status_code


def state() -> tuple[str, str | None]:
    (row,) = rows()
    return row.state, row.fault


def test_a_report_of_delivery_is_written_down_and_may_come_again(staff: TestClient) -> None:
    message_id = sent()
    assert [report(staff, message_id, 1) for _ in range(2)] == [204, 204]
    assert state() == ("delivered", None)


@pytest.mark.parametrize("status", [2, 16])
def test_a_report_of_failure_is_written_down_and_a_later_delivery_outweighs_it(
    staff: TestClient, status: int
) -> None:
    message_id = sent()
    assert report(staff, message_id, status) == 204
    assert state() == ("failed", "undelivered")
    assert report(staff, message_id, 1) == 204
    assert state() == ("delivered", None)


def test_a_failure_after_a_delivery_changes_nothing(staff: TestClient) -> None:
    message_id = sent()
    assert [report(staff, message_id, status) for status in (1, 2, 16)] == [204] * 3
    assert state() == ("delivered", None)


@pytest.mark.parametrize("status", [4, 8])
def test_what_is_not_final_is_acknowledged_and_changes_nothing(
    staff: TestClient, status: int
) -> None:
    message_id = sent()
    assert report(staff, message_id, status) == 204
    assert state() == ("sent", None)


@pytest.mark.parametrize("status", ["", "3", "-1", "delivered", "1&status=99999", "%00"])
def test_nonsense_is_refused_and_changes_nothing(staff: TestClient, status: str) -> None:
    message_id = sent()
    assert report(staff, message_id, status) == 400
    assert state() == ("sent", None)


def test_strangers_report_nothing_and_the_database_is_not_even_asked(
    staff: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = sent()
    right = reports.path_for(message_id)
    asked: list[object] = []
    monkeypatch.setattr(gateway_routes, "write_reports", asked.append)
    wrong = [
        f"{reports.PATH}{message_id}",
        f"{reports.PATH}{message_id}{'0' * 32}",
        right[:-1],
        right + "0",
        f"{reports.PATH}{'f' * 32}{right[-32:]}",
        f"{reports.PATH}%D2%AF{right[-62:]}",
        reports.PATH,
    ]
    assert {staff.get(f"{path}?status=1").status_code for path in wrong} == {404}
    assert staff.post(f"{right}?status=1").status_code == 405
    assert (asked, state()) == ([], ("sent", None))


def test_a_token_of_another_installation_is_a_strangers(tmp_path: object) -> None:
    path = reports.path_for("0" * 32)
    token = path.removeprefix(reports.PATH)
    assert reports.message_of(token) == "0" * 32
    (keyring._folder() / "secret").chmod(0o600)
    (keyring._folder() / "secret").write_bytes(b"another secret of thirty-two byte")
    keyring.forget_cached_keys()
    assert reports.message_of(token) is None


def test_a_report_of_a_message_that_is_no_longer_known_is_acknowledged(staff: TestClient) -> None:
    assert report(staff, "0" * 32, 1) == 204


def test_a_report_before_the_answer_is_kept_when_the_answer_comes(staff: TestClient) -> None:
    now = clock.now()
    (message,) = queue_code(now).messages
    with unit_of_work() as session:
        ledger.depart(session.connection(), [message.id], now=now)
    assert report(staff, message.id, 1) == 204
    with unit_of_work() as session:
        ledger.note(session.connection(), [Tried(message)], now=now)
    assert state() == ("delivered", None)


def test_a_delivery_settles_the_doubt_about_a_code(staff: TestClient) -> None:
    now = clock.now()
    (message,) = queue_code(now).messages
    deliver_due(now, gateway=Lying())
    assert state() == ("failed", "unclear")
    assert report(staff, message.id, 2) == 204
    assert state() == ("failed", "unclear"), "a failure tells nothing new"
    assert report(staff, message.id, 1) == 204
    assert state() == ("delivered", None)


def test_a_doubtful_notice_that_was_delivered_is_not_sent_again(staff: TestClient) -> None:
    now, gateway = clock.now(), Lying()
    queue_notice(now=now)
    deliver_due(now, gateway=gateway)
    (row,) = rows()
    assert row.state == MessageState.QUEUED
    assert report(staff, row.id, 1) == 204
    deliver_due(now + timedelta(hours=1), gateway=gateway)
    assert len(gateway.taken) == 1
    assert [(row.state, row.body) for row in rows()] == [("delivered", None)]


def test_reports_that_arrive_together_share_a_transaction() -> None:
    written = []

    async def arrive() -> list[bool]:
        desk = gateway_routes.Desk(write=lambda delivered: written.append(dict(delivered)))
        first = [desk.take(f"{number}", delivered=number % 2 == 0) for number in range(50)]
        doubled = [desk.take("1", delivered=True), desk.take("0", delivered=False)]
        return list(await asyncio.gather(*first, *doubled))

    assert all(asyncio.run(arrive()))
    (batch,) = written
    assert len(batch) == 50
    assert batch["0"] is batch["1"] is True


def test_a_report_that_could_not_be_written_is_asked_for_again(
    staff: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = sent()

    def away(_delivered: object) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(gateway_routes, "_desk", gateway_routes.Desk(write=away))
    assert report(staff, message_id, 1) == 503
    assert state() == ("sent", None)


def test_an_undelivered_message_says_nothing_of_its_number_to_anybody() -> None:
    (message,) = queue_code(clock.now()).messages
    assert isinstance(message, Outgoing)
    path = reports.path_for(message.id)
    assert message.to.strip("+") not in path
    assert SendFault.UNDELIVERED.value not in path
