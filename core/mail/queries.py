"""What operators see of incoming mail: what waits for them, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, func, select

from core.cases.access import exists_for
from core.cases.ciphers import cipher_of
from core.cases.conflicts import not_in_conflict
from core.cases.models import Case, Contact
from core.errors import Refused
from core.mail.filing import marks_in
from core.mail.models import IncomingMail, Mailbox
from core.mail.rules import AutoSign, Fate, Fault, Language, MailRefusal, Mark, Tie
from core.mail.suggestions import Suggestion, suggest
from core.staff.rules import Actor, Role, require

PAGE: Final = 50
_FIRST_WORDS: Final = 90
_EARLIER: Final = 6


@dataclass(frozen=True, kw_only=True)
class MailRow:
    """A mail of the inbox. ``tied_to`` is the number of the case it may belong to, where that case
    exists for whoever looks.
    """

    id: int
    at: datetime
    fate: Fate
    first_words: str = field(repr=False)
    is_read: bool
    language: Language | None
    marks: Sequence[Mark | AutoSign]
    tie: Tie | None
    tied_to: str | None
    number: str | None
    """The case that it became part of."""
    suggestion: Suggestion


@dataclass(frozen=True, kw_only=True)
class EarlierMail:
    """An earlier mail of the same address: never its words."""

    at: datetime
    fate: Fate
    number: str | None


@dataclass(frozen=True, kw_only=True)
class QuarantinedMail:
    """A mail that could not be filed."""

    id: int
    at: datetime
    size: int
    fault: Fault
    tries: int


@dataclass(frozen=True, kw_only=True)
class MailboxView:
    """How the fetching from one mailbox goes."""

    name: str
    tried_at: datetime | None
    fetched_at: datetime | None
    fetched: int
    fault: str | None


def inbox(
    session: Session, actor: Actor, *, fate: Fate = Fate.TO_SORT, page: int = 1
) -> tuple[Sequence[MailRow], int]:
    """Mails of one fate, unread first and the oldest first among what waits, the newest first among
    what is done; and how many there are. What belongs to a case that is not on the actor's desk, or
    that does not exist for the actor, is not among them.
    """
    require(actor, Role.OPERATOR)
    waits = fate is Fate.TO_SORT
    seen = (col(IncomingMail.fate) == fate.value, _is_readable(session, actor))
    total = session.exec(
        select(func.count())
        .select_from(IncomingMail)
        .join(Contact, col(Contact.id) == col(IncomingMail.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(*seen)
    ).one()
    order = (
        (col(IncomingMail.read_at).is_not(None), col(IncomingMail.id))
        if waits
        else (col(IncomingMail.id).desc(),)
    )
    rows = session.exec(
        select(IncomingMail, Contact, Case.number)
        .join(Contact, col(Contact.id) == col(IncomingMail.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(*seen)
        .order_by(*order)
        .offset((page - 1) * PAGE)
        .limit(PAGE)
    ).all()
    return tuple(_row(session, actor, *row) for row in rows), total


def one_mail(session: Session, actor: Actor, mail_id: int) -> MailRow:
    """One mail of the inbox; refused as ``no_such_mail``."""
    require(actor, Role.OPERATOR)
    found = session.exec(
        select(IncomingMail, Contact, Case.number)
        .join(Contact, col(Contact.id) == col(IncomingMail.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(col(IncomingMail.id) == mail_id, _is_readable(session, actor))
    ).one_or_none()
    if found is None:
        raise Refused(MailRefusal.NO_SUCH_MAIL)
    return _row(session, actor, *found)


def unsorted_count(session: Session, actor: Actor) -> tuple[int, int]:
    """How many mails wait to be sorted, and how many lie in quarantine."""
    require(actor, Role.OPERATOR)
    found = intake_health(session)
    return found.to_sort, found.quarantined


def earlier_of_sender(session: Session, actor: Actor, mail_id: int) -> Sequence[EarlierMail]:
    """The latest mails of the address that a mail says it is from, without their words."""
    require(actor, Role.OPERATOR)
    sender = session.exec(
        select(IncomingMail.sender_digest).where(col(IncomingMail.id) == mail_id)
    ).first()
    if sender is None:
        return ()
    rows = session.exec(
        select(IncomingMail, Case.number)
        .join(Contact, col(Contact.id) == col(IncomingMail.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(
            col(IncomingMail.sender_digest) == sender,
            col(IncomingMail.id) != mail_id,
            or_(col(Case.id).is_(None), not_in_conflict(session, actor)),
        )
        .order_by(col(IncomingMail.arrived_at).desc(), col(IncomingMail.id).desc())
        .limit(_EARLIER)
    ).all()
    return tuple(
        EarlierMail(at=row.arrived_at, fate=Fate(row.fate), number=number) for row, number in rows
    )


def quarantine(session: Session, actor: Actor) -> Sequence[QuarantinedMail]:
    """Mails that could not be filed, the oldest first, a hundred at most."""
    require(actor, Role.OPERATOR)
    rows = session.exec(
        select(IncomingMail)
        .where(col(IncomingMail.fate) == Fate.QUARANTINED.value)
        .order_by(col(IncomingMail.id))
        .limit(100)
    ).all()
    return tuple(
        QuarantinedMail(
            id=row.id or 0,
            at=row.arrived_at,
            size=row.size,
            fault=Fault(row.fault or Fault.NOT_FILED),
            tries=row.tries,
        )
        for row in rows
    )


@dataclass(frozen=True, kw_only=True)
class IntakeHealth:
    """How the intake of mail is doing: mailboxes, and what waits for people since when."""

    mailboxes: Sequence[MailboxView]
    to_sort: int
    quarantined: int
    oldest: datetime | None


def intake_health(session: Session) -> IntakeHealth:
    """For the health page: counts and instants, nothing of what was written."""
    waiting = (Fate.TO_SORT.value, Fate.QUARANTINED.value)
    counts = dict(
        session.exec(
            select(IncomingMail.fate, func.count())
            .where(col(IncomingMail.fate).in_(waiting))
            .group_by(col(IncomingMail.fate))
        ).all()
    )
    return IntakeHealth(
        mailboxes=mailboxes(session),
        to_sort=counts.get(Fate.TO_SORT.value, 0),
        quarantined=counts.get(Fate.QUARANTINED.value, 0),
        oldest=session.exec(
            select(func.min(IncomingMail.arrived_at)).where(col(IncomingMail.fate).in_(waiting))
        ).one(),
    )


def mailboxes(session: Session) -> Sequence[MailboxView]:
    """How the fetching from every mailbox goes, for the health page."""
    rows = session.exec(select(Mailbox).order_by(col(Mailbox.name))).all()
    return tuple(
        MailboxView(
            name=row.name,
            tried_at=row.tried_at,
            fetched_at=row.fetched_at,
            fetched=row.fetched,
            fault=row.fault,
        )
        for row in rows
    )


def _is_readable(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The words of a mail are every operator's until it belongs to a case; then they are the case's."""
    return or_(col(Case.id).is_(None), exists_for(session, actor))


def _row(
    session: Session, actor: Actor, row: IncomingMail, contact: Contact, number: str | None
) -> MailRow:
    assert row.id is not None
    story = cipher_of(session, contact.text_key_id).open(contact.story) or ""
    signs = {sign.value for sign in AutoSign}
    tied_to = None
    if row.tied_case_id is not None:
        tied_to = session.exec(
            select(Case.number).where(col(Case.id) == row.tied_case_id, exists_for(session, actor))
        ).first()
    first = " ".join(story.split())
    return MailRow(
        id=row.id,
        at=row.arrived_at,
        fate=Fate(row.fate),
        first_words=first[:_FIRST_WORDS] + ("…" if len(first) > _FIRST_WORDS else ""),
        is_read=row.read_at is not None,
        language=Language(row.language) if row.language else None,
        marks=tuple(AutoSign(name) if name in signs else Mark(name) for name in marks_in(row)),
        tie=Tie(row.tie) if row.tie and tied_to else None,
        tied_to=tied_to,
        number=number,
        suggestion=suggest(story),
    )
