"""Mails over a real SMTP server on loopback."""

import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlmodel import select

from core import clock
from core.database import reading, unit_of_work
from core.messaging.chosen import mail_gateway
from core.messaging.mails import post_mail
from core.messaging.models import OutboxMessage
from core.messaging.rules import MessageState, Purpose, SendFault
from core.messaging.service import deliver_due
from core.settings import SettingsError, read_settings, settings

SAID = "Ваше письмо пришло"


class Inbox:
    """Takes mails, or answers every one with ``answer``."""

    def __init__(self) -> None:
        self.answer = "250 OK"
        self.raw: list[bytes] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("2"):
            self.raw.append(envelope.content)
        return self.answer

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]


@pytest.fixture
def inbox(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A mail server that the installation sends by."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv(
        "PRIMARIES_SMTP_URL", f"smtp://127.0.0.1:{port}/?from=komissiya%40example.kz"
    )
    settings.cache_clear()
    yield handler
    controller.stop()


def post(key: str = "one", **more: Any) -> str | None:
    given = {"to": "aigul@example.kz", "subject": "Письмо", "text": SAID} | more
    with unit_of_work() as session:
        return post_mail(
            session,
            purpose=Purpose.COMPLAINT,
            idempotency_key=key,
            now=clock.now(),
            **given,
        )


def deliver() -> int:
    gateway = mail_gateway()
    assert gateway is not None
    return deliver_due(clock.now(), gateway=gateway)


def state() -> tuple[str, str | None, bool]:
    with reading() as session:
        row = session.exec(select(OutboxMessage)).one()
    return row.state, row.fault, row.body is not None


def test_a_mail_goes_out_once_and_can_be_threaded(inbox: Inbox) -> None:
    own = post(in_reply_to="b@example.kz", references=("a@example.kz",), language="kk")
    assert post() is None, "the same key is queued once"
    assert (deliver(), deliver()) == (1, 0)
    (mail,) = inbox.mails
    assert mail["Message-ID"] == f"<{own}>"
    assert mail["In-Reply-To"] == "<b@example.kz>"
    assert mail["References"] == "<a@example.kz> <b@example.kz>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert (mail["Subject"], mail["From"]) == ("Письмо", "komissiya@example.kz")
    assert mail.get_content().strip() == SAID
    assert state() == (MessageState.SENT, None, False), "address and text are erased"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("550 no such user", (MessageState.FAILED, SendFault.REFUSED)),
        ("451 try later", (MessageState.QUEUED, SendFault.NOT_TAKEN)),
    ],
)
def test_a_refusal_for_good_is_not_tried_again_and_another_is(
    inbox: Inbox, answer: str, expected: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    inbox.answer = answer
    post()
    deliver()
    assert state()[:2] == expected
    assert not inbox.raw
    assert "aigul" not in caplog.text


def test_a_server_that_is_away_is_tried_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    post()
    monkeypatch.setenv("PRIMARIES_SMTP_URL", "smtp://127.0.0.1:9/?from=a@example.kz")
    settings.cache_clear()
    deliver()
    assert state()[:2] == (MessageState.QUEUED, SendFault.NOT_REACHED)


def test_a_strangers_subject_makes_no_header(inbox: Inbox) -> None:
    post(subject="Re: привет\r\nBcc: all@example.kz")
    deliver()
    (mail,) = inbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Re: привет Bcc: all@example.kz"


def test_without_a_server_nothing_is_queued(database: str) -> None:
    assert mail_gateway() is None
    assert post() is None


def test_the_server_is_named_by_its_address() -> None:
    read: Callable[[str], Any] = lambda url: read_settings({"PRIMARIES_SMTP_URL": url}).smtp  # noqa: E731
    found = read("smtps://desk%40a.kz:p%2Fw@mail.a.kz/?from=desk@a.kz")
    assert (found.user, found.password, found.port, found.tls) == ("desk@a.kz", "p/w", 465, True)
    for wrong in ("smtp://host", "http://a:secret@b/?from=a@b.kz", "smtp://h/?from=a%0D%0Ab@c.kz"):
        with pytest.raises(SettingsError) as refused:
            read(wrong)
        assert "secret" not in str(refused.value)
