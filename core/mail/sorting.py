"""What operators do with mails: sort what came, and settle what could not be filed."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlmodel import Session

from core.audit import service as audit
from core.cases.contacts import ContactEntry, Receipt, take_contact
from core.cases.letters import letter_to_case, letter_to_existing, set_letter_aside
from core.cases.models import Case
from core.cases.rules import MAX_TEXT, CasesRefusal, Category, Channel, Urgency, WrapUp
from core.errors import Refused
from core.mail.filing import Filed, add_files, file_mail, marks_in
from core.mail.headers import raw_headers
from core.mail.models import IncomingMail
from core.mail.parsing import parse
from core.mail.rules import LARGEST, Fate, Mail, MailRefusal, Mark
from core.mail.store import drop_pieces, locked, raw_of
from core.staff.rules import Actor, Role, require_writer

_TO_SORT: Final = frozenset({Fate.TO_SORT, Fate.NOT_FOR_US, Fate.SPAM})
_ENDS: Final = {
    Fate.TO_SORT: WrapUp.TO_SORT,
    Fate.NOT_FOR_US: WrapUp.NOT_FOR_US,
    Fate.SPAM: WrapUp.SPAM,
}


@dataclass(frozen=True, kw_only=True)
class OpenedMail:
    """A mail before whoever sorts it; ``files`` are names and bytes of what came with it."""

    id: int
    subject: str = field(repr=False)
    text: str = field(repr=False)
    quoted: str = field(repr=False)
    sender: str | None = field(repr=False)
    sender_name: str = field(repr=False)
    sent_at: datetime | None
    files: tuple[tuple[str, int], ...] = field(repr=False)


def read_mail(session: Session, mail_id: int, *, actor: Actor, now: datetime) -> OpenedMail:
    """The mail as it was read, for whoever sorts it; that it was opened is written down.

    Refused as ``letter_is_sorted`` once it belongs to a case: then it is read there.
    """
    row = _unsorted(session, mail_id, actor)
    if row.read_at is None:
        row.read_at = now
        session.add(row)
        session.flush()
    _audit(session, "read_mail", row, actor)
    mail = parse(raw_of(session, row))
    is_forwarded = not mail.text.strip()
    return OpenedMail(
        id=mail_id,
        subject=mail.subject,
        text=mail.quoted if is_forwarded else mail.text,
        quoted="" if is_forwarded else mail.quoted,
        sender=mail.sender,
        sender_name=mail.sender_name,
        sent_at=mail.sent_at,
        files=tuple((file.name, len(file.content)) for file in mail.attachments),
    )


def open_case(
    session: Session,
    mail_id: int,
    *,
    actor: Actor,
    category: Category,
    place: str | None,
    urgency: Urgency,
    now: datetime,
) -> Receipt:
    """Open a case for a mail, with the mail and its attachments as evidence.

    Refused as ``letter_is_sorted`` when somebody was faster.
    """
    row = _unsorted(session, mail_id, actor)
    assert row.contact_id is not None
    raw = raw_of(session, row)
    mail = parse(raw)
    receipt = letter_to_case(
        session,
        row.contact_id,
        category=category,
        place=place,
        urgency=urgency,
        name=mail.sender_name or None,
        email=mail.sender,
        acknowledged_at=row.acknowledged_at,
        actor=actor,
        now=now,
    )
    assert receipt.case_id is not None
    case = session.get_one(Case, receipt.case_id)
    _bring(session, row, case, raw, mail, actor=actor, now=now)
    _decide(session, row, Fate.NEW_CASE, actor, now)
    return receipt


def add_to_case(session: Session, mail_id: int, number: str, *, actor: Actor, now: datetime) -> str:
    """Add a mail to the case with this number; gives the number.

    Refused as ``no_such_case`` when there is none for the actor, as ``letter_is_sorted``, and as
    `put_evidence` refuses while the case takes no files.
    """
    row = _unsorted(session, mail_id, actor)
    assert row.contact_id is not None
    raw = raw_of(session, row)
    case = letter_to_existing(session, row.contact_id, number, actor=actor, now=now)
    row.text_key_id = case.text_key_id
    _bring(session, row, case, raw, parse(raw), actor=actor, now=now)
    _decide(session, row, Fate.ADDED_TO_CASE, actor, now)
    return case.number


def set_aside(session: Session, mail_id: int, fate: Fate, *, actor: Actor, now: datetime) -> None:
    """Put a mail aside as not for us or as spam, or back among those to sort.

    Nothing of it is lost before its time is over. Refused as ``letter_is_sorted``.
    """
    row = _unsorted(session, mail_id, actor)
    assert row.contact_id is not None
    if fate not in _ENDS:
        raise Refused(CasesRefusal.LETTER_IS_SORTED)
    set_letter_aside(session, row.contact_id, _ENDS[fate], actor=actor)
    _decide(session, row, fate, actor, now)


def open_quarantined(session: Session, mail_id: int, *, actor: Actor) -> str:
    """The headers of a mail in quarantine, as they came; that they were opened is written down."""
    row = _in_quarantine(session, mail_id, actor)
    audit.record(session, "open_quarantined_mail", author=actor.author, subject=f"mail:{mail_id}")
    return raw_headers(raw_of(session, row))


def retry_mail(session: Session, mail_id: int, *, actor: Actor, now: datetime) -> Filed:
    """File a mail of the quarantine again; refused as ``still_unreadable`` when that fails again."""
    row = _in_quarantine(session, mail_id, actor)
    if row.size > LARGEST:
        raise Refused(MailRefusal.STILL_UNREADABLE)
    try:
        with session.begin_nested():
            filed = file_mail(session, mail_id, now=now)
    except Exception:  # noqa: BLE001  # whatever it was: the mail stays where it is
        raise Refused(MailRefusal.STILL_UNREADABLE) from None
    _audit(session, "retry_mail", row, actor)
    return filed


def file_by_hand(
    session: Session,
    mail_id: int,
    *,
    actor: Actor,
    story: str,
    category: Category,
    place: str | None,
    now: datetime,
) -> Receipt:
    """Open a case for a mail of the quarantine in an operator's words. The mail stays stored beside
    it, and is erased with it.

    Refused as ``mail_text_missing`` without words, ``text_too_long`` above 20,000 characters.
    """
    row = _in_quarantine(session, mail_id, actor)
    if not story.strip():
        raise Refused(MailRefusal.MAIL_TEXT_MISSING)
    entry = ContactEntry(story=story, channel=Channel.MAIL, category=category, place=place)
    receipt = _take(session, row, entry, actor, now)
    _decide(session, row, Fate.NEW_CASE, actor, now)
    return receipt


def discard_mail(
    session: Session, mail_id: int, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Decide that a mail of the quarantine is not for us. It becomes a contact without a case, and
    is erased with it when its time is over; refused as ``discard_reason_missing``.
    """
    row = _in_quarantine(session, mail_id, actor)
    if not reason.strip():
        raise Refused(MailRefusal.DISCARD_REASON_MISSING)
    entry = ContactEntry(story=reason[:MAX_TEXT], channel=Channel.MAIL, wrap_up=WrapUp.NOT_FOR_US)
    _take(session, row, entry, actor, now)
    _decide(session, row, Fate.DISCARDED, actor, now)


def _unsorted(session: Session, mail_id: int, actor: Actor) -> IncomingMail:
    require_writer(actor, Role.OPERATOR)
    row = locked(session, mail_id)
    if Fate(row.fate) not in _TO_SORT:
        raise Refused(CasesRefusal.LETTER_IS_SORTED)
    return row


def _in_quarantine(session: Session, mail_id: int, actor: Actor) -> IncomingMail:
    require_writer(actor, Role.OPERATOR)
    row = locked(session, mail_id)
    if row.fate != Fate.QUARANTINED.value:
        raise Refused(MailRefusal.NOT_IN_QUARANTINE)
    return row


def _bring(
    session: Session,
    row: IncomingMail,
    case: Case,
    raw: bytes,
    mail: Mail,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Make the mail's bytes evidence of a case."""
    if add_files(session, case, raw, mail, account_id=actor.account_id, now=now):
        row.marks = ",".join(sorted({*marks_in(row), Mark.FILES_LEFT_OUT.value}))
    drop_pieces(session, row)


def _take(
    session: Session, row: IncomingMail, entry: ContactEntry, actor: Actor, now: datetime
) -> Receipt:
    receipt = take_contact(
        session,
        entry,
        actor=actor,
        key=f"mail {row.fingerprint.hex()}",
        now=now,
        text_key=row.text_key_id,
    )
    row.contact_id = receipt.contact_id
    return receipt


def _decide(session: Session, row: IncomingMail, fate: Fate, actor: Actor, now: datetime) -> None:
    row.fate, row.fault = fate.value, None
    row.decided_by, row.decided_at = actor.account_id, now
    session.add(row)
    session.flush()


def _audit(session: Session, act: str, row: IncomingMail, actor: Actor) -> None:
    # Of the contact, not of the mail: an act on a case's contact is hidden with the case from those
    # whom it names.
    audit.record(session, act, author=actor.author, subject=f"contact:{row.contact_id}")
