"""Taking mail in: stored in one unit of work, filed in the next, so that nothing that a mail does
while it is read can lose it or stop the one after it.
"""

import logging
from datetime import datetime
from typing import Final

from sqlmodel import col, select

from core.database import reading, unit_of_work
from core.mail.filing import Filed, begin_filing, file_mail, quarantine_mail
from core.mail.models import IncomingMail
from core.mail.rules import Fate
from core.mail.store import forget_erased, store_mail

log = logging.getLogger(__name__)

AT_ONCE: Final = 50


def take_in(raw: bytes, *, now: datetime, size: int | None = None) -> Filed:
    """Store a mail and file it. Brought again, it is the one that is there.

    ``size`` in bytes is given where ``raw`` is only the headers of a mail too large to be fetched.
    """
    with unit_of_work() as session:
        mail_id = store_mail(session, raw, size=size, now=now)
        waits = begin_filing(session, mail_id)
    return _filed(mail_id, waits=waits, now=now)


def file_stored(mail_id: int, *, now: datetime) -> Filed:
    """File a stored mail, or put it into the quarantine; never raises for what is in the mail."""
    with unit_of_work() as session:
        waits = begin_filing(session, mail_id)
    return _filed(mail_id, waits=waits, now=now)


def _filed(mail_id: int, *, waits: bool, now: datetime) -> Filed:
    if waits:
        try:
            with unit_of_work() as session:
                return file_mail(session, mail_id, now=now)
        except Exception as fault:  # noqa: BLE001  # any fault at all; its words may quote the mail
            log.warning("mail %d went into quarantine: %s", mail_id, type(fault).__name__)
            with unit_of_work() as session:
                quarantine_mail(session, mail_id)
    with reading() as session:
        return Filed(mail_id, Fate(session.get_one(IncomingMail, mail_id).fate))


def file_waiting(now: datetime) -> int:
    """File what was stored and never filed, because the process ended between the two."""
    with reading() as session:
        waiting = session.exec(
            select(IncomingMail.id)
            .where(col(IncomingMail.fate) == Fate.WAITING.value)
            .order_by(col(IncomingMail.id))
            .limit(AT_ONCE)
        ).all()
    for mail_id in waiting:
        if mail_id is not None:
            file_stored(mail_id, now=now)
    return len(waiting)


def forget_erased_mail(now: datetime) -> int:
    """Remove the bytes of mails that were erased with their contacts."""
    del now
    with unit_of_work() as session:
        return forget_erased(session)
