"""Mails fetched from a real IMAP server: each is exactly one contact, whatever ends when."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, func, select

from core import clock
from core.cases.models import Contact
from core.database import reading, unit_of_work
from core.mail import filing, intake, mailboxes
from core.mail import queries as mail
from core.mail.mailboxes import LEASE, Watch, connect, fetch_all, hold, release
from core.mail.models import IncomingMail
from core.mail.rules import Fate
from core.settings import SettingsError, read_settings
from tests.mail.imap_server import PASSWORD, ImapServer
from tests.mail.letters import letter


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ImapServer]:
    """A mailbox on loopback."""
    running = ImapServer(tmp_path / "imap")
    yield running
    running.stop()


def contacts() -> int:
    with reading() as session:
        return session.exec(select(func.count()).select_from(Contact)).one()


def wait_for(reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "not reached in time"
        time.sleep(0.05)


def test_every_mail_is_one_contact_though_server_and_fetcher_end_in_the_middle(
    database: str, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "_LOOK", 1.0)
    count = 70
    server.deliver(
        [letter(f"Письмо {number}", sender=f"a{number}@b.kz") for number in range(count)]
    )
    watch = Watch(server.mailbox)
    watch.start()
    wait_for(lambda: contacts() > 15)
    server.stop()
    server.start()
    wait_for(lambda: contacts() > 40)
    watch.stop()
    assert contacts() < count, "the end came too late to prove anything"
    second = Watch(server.mailbox)
    second.start()
    try:
        wait_for(lambda: contacts() == count)
        # One that was copied when the server ended is copied again: more files, no more contacts.
        wait_for(lambda: server.standing_in("INBOX") == 0)
        assert server.standing_in("Processed") >= count
        # What comes while it waits is fetched as soon as the server says so.
        server.deliver([letter("Последнее", sender="z@b.kz")])
        wait_for(lambda: contacts() == count + 1)
    finally:
        second.stop()
    with reading() as session:
        (box,) = mail.mailboxes(session)
        fates = session.exec(select(IncomingMail.fate).distinct()).all()
    assert box.fetched >= count
    assert box.fetched_at is not None
    assert fates == [Fate.TO_SORT]


@pytest.mark.parametrize("step", ["store_mail", "begin_filing", "file_mail", "move"])
def test_the_fetcher_ends_at_every_step(
    sqlite_database: str, server: ImapServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        """An end that nothing catches."""

    def end(*_given: Any, **_more: Any) -> None:
        raise Killed

    server.deliver([letter("Раз"), letter("Два")])
    box = connect(server.mailbox)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(box if step == "move" else intake, step, end)
        fetch_all(box, server.mailbox)
    box = connect(server.mailbox)
    fetch_all(box, server.mailbox)
    assert contacts() == 2
    assert server.standing_in("Processed") == 2
    assert fetch_all(box, server.mailbox) == 0


def test_of_a_huge_mail_the_headers_are_kept_and_it_waits_for_a_person(
    sqlite_database: str, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "LARGEST_FETCHED", 2_000)
    monkeypatch.setattr(filing, "LARGEST", 2_000)
    server.deliver([letter("Ы" * 4_000), letter("Два")])
    fetch_all(connect(server.mailbox), server.mailbox)
    assert (server.standing_in("Failed"), server.standing_in("Processed")) == (1, 1)


def test_one_process_at_a_time_fetches(session: Session, server: ImapServer) -> None:
    now, box = clock.now(), server.mailbox
    assert hold(session, box, "first", now=now)
    assert not hold(session, box, "second", now=now)
    assert hold(session, box, "first", now=now), "whoever has it renews it"
    assert hold(session, box, "second", now=now + LEASE + timedelta(seconds=1))
    release(session, box, "first")
    assert not hold(session, box, "third", now=now + LEASE)
    release(session, box, "second")
    assert hold(session, box, "third", now=now + LEASE)


def test_a_wrong_password_is_told_by_its_kind_alone(
    sqlite_database: str, server: ImapServer, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = dataclasses.replace(server.mailbox, password="another-one")
    watch = Watch(wrong)
    watch.start()

    def told() -> bool:
        with reading() as session:
            return any(box.fault for box in mail.mailboxes(session))

    wait_for(told)
    watch.stop()
    assert "another-one" not in caplog.text
    assert PASSWORD not in repr(server.mailbox)
    with unit_of_work() as session:
        assert hold(session, wrong, "anybody", now=clock.now()), "it gave the mailbox up"


def test_mailboxes_are_named_by_their_addresses() -> None:
    environ = {
        "PRIMARIES_MAILBOXES": "imaps://desk%40a.kz:p%2Fw@mail.a.kz imap://b:c@localhost:1143/Own"
    }
    first, second = read_settings(environ).mailboxes
    assert (first.user, first.password, first.port, first.tls) == ("desk@a.kz", "p/w", 993, True)
    assert (second.folder, second.port, second.is_local) == ("Own", 1143, True)
    with pytest.raises(SettingsError) as refused:
        read_settings({"PRIMARIES_MAILBOXES": "imaps://desk:secret@ http://a:b@c"})
    assert "mailbox 1" in str(refused.value)
    assert "mailbox 2" in str(refused.value)
    assert "secret" not in str(refused.value)
