"""Fetching from mailboxes by IMAP: a mail is moved to Processed or Failed only after it is filed, so
that an end at any moment loses nothing, and what is brought twice is one mail.

One process at a time fetches from a mailbox, by a lease in the database. It waits with IDLE where
the server can, and looks every half minute where it cannot.
"""

import imaplib
import logging
import re
import secrets
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Final

from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted
from sqlalchemy import or_, update
from sqlmodel import Session, col

from core import clock
from core.database import unit_of_work
from core.mail.intake import take_in
from core.mail.models import Mailbox
from core.mail.rules import Fate
from core.settings import MailboxSettings

log = logging.getLogger(__name__)

PROCESSED: Final = "Processed"
FAILED: Final = "Failed"
LARGEST_FETCHED: Final = 60 * 1024 * 1024
"""Bytes of a mail that is fetched whole; of a larger one only the headers are, and it stays in
Failed for a person with a mail program.
"""

LEASE: Final = timedelta(minutes=3)
_PATIENCE: Final = 30.0
_LOOK: Final = 30.0
_TURN: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
_FAULTS: Final = (OSError, imaplib.IMAP4.error, ImapToolsError)


class Watch:
    """A thread that fetches from one mailbox while this process may."""

    def __init__(self, mailbox: MailboxSettings) -> None:
        self._mailbox = mailbox
        self._holder = secrets.token_hex(8)
        self._over = Event()
        self._thread = Thread(target=self._run, name=f"mail {mailbox.host}", daemon=True)

    def start(self) -> None:
        """Begin to fetch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, wait for the mail it is at, and let another process fetch."""
        self._over.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        pause, told = 1.0, ""
        while not self._over.wait(0):
            try:
                if self._is_ours():
                    self._fetch_and_wait()
                    pause, told = 1.0, ""
                else:
                    self._over.wait(_LOOK)
            except _FAULTS as fault:
                kind = type(fault).__name__
                if kind != told:  # once, not with every try
                    log.warning("mailbox %s: %s", self._mailbox.name, kind)
                    told = kind
                _note(self._mailbox, fault=kind)
                self._over.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except Exception:
                log.exception("fetching from %s failed", self._mailbox.name)
                self._over.wait(_LOOK)
        with suppress(Exception), unit_of_work() as session:
            release(session, self._mailbox, self._holder)

    def _is_ours(self) -> bool:
        with unit_of_work() as session:
            return hold(session, self._mailbox, self._holder, now=clock.now())

    def _fetch_and_wait(self) -> None:
        """Fetch, wait for more, fetch again, as long as the lease is renewed."""
        box = connect(self._mailbox)
        with closing(_Farewell(box)):
            while not self._over.is_set() and self._is_ours():
                fetch_all(box, self._mailbox, until=self._over)
                self._wait_for_more(box)

    def _wait_for_more(self, box: BaseMailBox) -> None:
        if "IDLE" not in box.client.capabilities:
            self._over.wait(_LOOK)
            return
        box.idle.start()  # type: ignore[no-untyped-call]
        waited = 0.0
        # Short turns: a process that is told to stop does not wait for the next mail.
        while not self._over.is_set() and waited < _LOOK and not box.idle.poll(timeout=_TURN):
            waited += _TURN
        box.idle.stop()  # type: ignore[no-untyped-call]


class _Farewell:
    """Signs off on the way out; a connection that is broken needs no farewell."""

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box

    def close(self) -> None:
        """Sign off."""
        with suppress(*_FAULTS):
            self._box.logout()


def connect(mailbox: MailboxSettings) -> BaseMailBox:
    """Sign in to a mailbox and choose its folder; raises what the connection or the server says."""
    box: BaseMailBox
    if mailbox.tls:
        box = MailBox(mailbox.host, mailbox.port, timeout=_PATIENCE)
    elif mailbox.is_local:
        box = MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=_PATIENCE)
    else:
        box = MailBoxStartTls(mailbox.host, mailbox.port, timeout=_PATIENCE)
    box.login(mailbox.user, mailbox.password, initial_folder=None)
    for folder in (PROCESSED, FAILED):
        if not box.folder.exists(folder):
            box.folder.create(folder)
    box.folder.set(mailbox.folder)
    return box


def fetch_all(box: BaseMailBox, mailbox: MailboxSettings, *, until: Event | None = None) -> int:
    """Take in every mail of the chosen folder; gives how many.

    ``until`` set ends it after the mail that is in hand.
    """
    taken = 0
    fault = None
    for uid in box.uids():
        if until is not None and until.is_set():
            return taken
        try:
            taken += _fetch_one(box, mailbox, uid)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError) as refused:
            # What the server can't give of one mail must not keep the others back.
            fault = type(refused).__name__
    _note(mailbox, whole=True, fault=fault)
    return taken


def _fetch_one(box: BaseMailBox, mailbox: MailboxSettings, uid: str) -> int:
    size = _size_of(box, uid)
    is_huge = size > LARGEST_FETCHED
    raw = _answer(box, uid, "(BODY.PEEK[HEADER])" if is_huge else "(BODY.PEEK[])")
    if raw is None:
        return 0  # somebody else took it away meanwhile
    filed = take_in(raw, size=size if is_huge else None, now=clock.now())
    box.move(uid, FAILED if filed.fate is Fate.QUARANTINED else PROCESSED)
    _note(mailbox, fetched=1)
    return 1


def hold(session: Session, mailbox: MailboxSettings, holder: str, *, now: datetime) -> bool:
    """Take or renew the lease on a mailbox; False while another process has it."""
    if session.get(Mailbox, mailbox.name) is None:
        session.add(Mailbox(name=mailbox.name))
        session.flush()
    held = session.connection().execute(
        update(Mailbox)
        .where(
            col(Mailbox.name) == mailbox.name,
            or_(
                col(Mailbox.holder) == holder,
                col(Mailbox.held_until).is_(None),
                col(Mailbox.held_until) <= now,
            ),
        )
        .values(holder=holder, held_until=now + LEASE, tried_at=now)
    )
    return bool(held.rowcount)


def release(session: Session, mailbox: MailboxSettings, holder: str) -> None:
    """Give the lease up."""
    session.execute(
        update(Mailbox)
        .where(col(Mailbox.name) == mailbox.name, col(Mailbox.holder) == holder)
        .values(holder=None, held_until=None)
    )


def watch_all(mailboxes: Iterable[MailboxSettings]) -> list[Watch]:
    """Begin to fetch from every mailbox."""
    watches = [Watch(mailbox) for mailbox in mailboxes]
    for watch in watches:
        watch.start()
    return watches


def _size_of(box: BaseMailBox, uid: str) -> int:
    """How many bytes the server says that a mail has; 0 when it does not say."""
    _state, data = box.client.uid("FETCH", uid, "(RFC822.SIZE)")
    said = b" ".join(part for part in data if isinstance(part, bytes))
    found = re.search(rb"RFC822\.SIZE (\d+)", said)
    return int(found[1]) if found else 0


def _answer(box: BaseMailBox, uid: str, asked: str) -> bytes | None:
    """The bytes of a mail as the server has them, not marked as seen; None when it is gone."""
    # Not by the library's own reading of mails, which raises at what mailboxes really receive.
    _state, data = box.client.uid("FETCH", uid, asked)
    return next((bytes(part[1]) for part in data if isinstance(part, tuple)), None)


def _note(
    mailbox: MailboxSettings, *, fetched: int = 0, whole: bool = False, fault: str | None = None
) -> None:
    now = clock.now()
    with unit_of_work() as session:
        row = session.get(Mailbox, mailbox.name) or Mailbox(name=mailbox.name)
        row.tried_at, row.fault = now, fault
        row.fetched += fetched
        if whole:
            row.fetched_at = now
        session.add(row)
