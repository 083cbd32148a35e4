"""What happens by the clock: messages go out, cases move, the audit log's end is signed.

One thread in each process of the staff listener. Every task may run in several processes at once:
the rows it takes, and the day it signs, can be had only once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Final

from sqlmodel import Session

from core import clock
from core.audit import queries as audit_queries
from core.audit import service as audit
from core.cases import retention, scanner
from core.cases import service as cases
from core.database import reading, unit_of_work
from core.i18n import set_locale
from core.mail import service as mail
from core.messaging import service as messaging
from core.messaging.chosen import mail_gateway
from core.settings import settings
from core.staff import lockouts
from core.voting import closing
from core.voting import service as voting
from core.voting.publishing import Publisher

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """Something done every so often; gives how much it did."""

    name: str
    every: timedelta
    run: Callable[[datetime], int]


@dataclass
class State:
    """What the health page and the probes read."""

    ticked_at: datetime | None = None
    faults: dict[str, str] = field(default_factory=dict)
    """The last fault of each task that failed at its last run."""


_state = State()
_publisher = Publisher()


def state() -> State:
    """How the schedule of this process is doing."""
    return _state


def deliver_messages(now: datetime) -> int:
    """Send what stands in the outbox."""
    return messaging.deliver_due(now)


def deliver_mails(now: datetime) -> int:
    """Send mails that stand in the outbox, where a mail server is set."""
    gateway = mail_gateway()
    return messaging.deliver_due(now, gateway=gateway) if gateway is not None else 0


def sign_audit_head(now: datetime) -> int:
    """Sign the end of the audit log once a day, by the calendar of the primary."""
    day = now.astimezone(settings().zone).date().isoformat()
    with reading() as session:
        if _is_signed(session, day):
            return 0
    with unit_of_work() as session:
        return int(audit.sign_head(session, day=day, now=now) is not None)


def _is_signed(session: Session, day: str) -> bool:
    return any(signed.day == day for signed in audit_queries.signed_heads(session, limit=1))


def forget_lockouts(now: datetime) -> int:
    """Remove counts of failed sign-ins that are over."""
    with unit_of_work() as session:
        lockouts.clear_old(session, now=now)
    return 0


def move_cases(now: datetime) -> int:
    """Make the moves that the clock owes to cases."""
    return cases.run_due(now)


def scan_evidence(now: datetime) -> int:
    """Look evidence through for malware."""
    return scanner.scan_due(now)


def erase_contacts(now: datetime) -> int:
    """Erase calls and mails without a case whose time is over; cases go with `move_cases`."""
    with unit_of_work() as session:
        return retention.erase_due_contacts(session, now)


def file_mail(now: datetime) -> int:
    """File mails that were stored by a process that ended before it had filed them."""
    return mail.file_waiting(now)


def forget_erased_mail(now: datetime) -> int:
    """Remove the bytes of mails that were erased with their contacts."""
    return mail.forget_erased_mail(now)


def forget_sign_ins(now: datetime) -> int:
    """Remove voters' sign-ins that are over."""
    return voting.forget_ended(now)


def publish_board(now: datetime) -> int:
    """Put a little of what voters cast on the public board."""
    return _publisher.step(now)


def close_vote(now: datetime) -> int:
    """Complete the board after the close, and write the ballots anew."""
    return int(closing.close_vote(now))


TASKS: Final = (
    Task("deliver_messages", timedelta(seconds=2), deliver_messages),
    Task("deliver_mails", timedelta(seconds=5), deliver_mails),
    Task("publish_board", timedelta(seconds=1), publish_board),
    Task("close_vote", timedelta(seconds=10), close_vote),
    Task("move_cases", timedelta(seconds=20), move_cases),
    Task("scan_evidence", timedelta(seconds=5), scan_evidence),
    Task("sign_audit_head", timedelta(minutes=1), sign_audit_head),
    Task("forget_lockouts", timedelta(hours=1), forget_lockouts),
    Task("erase_contacts", timedelta(hours=1), erase_contacts),
    Task("file_mail", timedelta(seconds=20), file_mail),
    Task("forget_erased_mail", timedelta(hours=1), forget_erased_mail),
    Task("forget_sign_ins", timedelta(minutes=10), forget_sign_ins),
)


def run_due(last_run: dict[str, datetime], now: datetime) -> None:
    """Run every task whose time has come; a task that fails stops no other."""
    for task in TASKS:
        before = last_run.get(task.name)
        # A clock that a rehearsal moves back must not stop the schedule.
        if before is not None and timedelta(0) <= now - before < task.every:
            continue
        last_run[task.name] = now
        try:
            task.run(now)
        except Exception as fault:
            log.exception("%s failed", task.name)
            _state.faults[task.name] = type(fault).__name__
        else:
            _state.faults.pop(task.name, None)
    _state.ticked_at = now


class Schedule:
    """The thread; `start` and `stop` belong to the life of the listener."""

    def __init__(self, pause: float = 1.0) -> None:
        self._pause = pause
        self._over = Event()
        self._thread = Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        """Begin to run tasks."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and wait for the task it is in."""
        self._over.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        set_locale("ru")
        last_run: dict[str, datetime] = {}
        while not self._over.wait(self._pause):
            run_due(last_run, clock.now())
