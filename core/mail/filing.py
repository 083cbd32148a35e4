"""Making a contact of a stored mail: read, tied to a case where it proves that it belongs there, put
before an operator otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import Final

from sqlmodel import Session, col, func, select

from core.audit import service as audit
from core.audit.rules import Author
from core.cases.ciphers import digest
from core.cases.contacts import ContactEntry, take_contact
from core.cases.evidence import put_evidence
from core.cases.evidence_rules import EvidenceKind, Upload, clean_name, read_upload
from core.cases.letters import letter_to_existing
from core.cases.models import Case
from core.cases.rules import MAX_TEXT, CasesRefusal, Channel, WrapUp
from core.errors import Refused
from core.mail.answers import acknowledge
from core.mail.models import IncomingMail
from core.mail.parsing import parse
from core.mail.rules import LARGEST, Attachment, Fate, Fault, Mail, Mark, Tie
from core.mail.store import drop_pieces, locked, raw_of
from core.mail.threads import tie_of
from core.staff.rules import Actor

MANY_AN_HOUR: Final = 20
"""Mails of one sender within an hour; the next ones are marked, and never answered."""

MOST_TRIES: Final = 3
"""How often a mail may be begun to be filed without an end; then it took the process with it."""

_HOUR: Final = timedelta(hours=1)
_MAIL: Final = Actor.system("mail")


@dataclass(frozen=True)
class Filed:
    """What became of a mail."""

    mail_id: int
    fate: Fate


def begin_filing(session: Session, mail_id: int) -> bool:
    """Count one more try; False when the mail waits no more. One that was begun too often without
    an end, or is too large to be read, waits for a person from now on.
    """
    row = locked(session, mail_id)
    if row.fate != Fate.WAITING.value:
        return False
    if row.tries >= MOST_TRIES or row.size > LARGEST:
        _quarantine(session, row, Fault.TOO_LARGE if row.size > LARGEST else Fault.BROKE_OFF)
        return False
    row.tries += 1
    session.add(row)
    session.flush()
    return True


def file_mail(session: Session, mail_id: int, *, now: datetime) -> Filed:
    """Make a contact of a stored mail. What a machine wrote is kept and never answered; what proves
    to come from a case's complainant becomes part of the case; the rest waits for an operator.

    A mail that was filed is not filed again.
    """
    row = locked(session, mail_id)
    if row.fate not in {Fate.WAITING.value, Fate.QUARANTINED.value}:
        return Filed(mail_id, Fate(row.fate))
    raw = raw_of(session, row)
    mail = parse(raw)
    row.sender_digest = digest("mail-sender", mail.sender) if mail.sender else None
    row.message_digest = digest("mail-message", mail.message_id) if mail.message_id else None
    row.language = mail.language.value
    row.fault = None
    marks = set(mail.marks) | _marks_of_others(session, row)
    story, quoted, was_cut = story_of(mail)
    if was_cut:
        marks.add(Mark.CUT)
    wrap_up = WrapUp.AUTOMATIC if mail.is_automatic else WrapUp.TO_SORT
    receipt = take_contact(
        session,
        ContactEntry(story=story, quoted=quoted, channel=Channel.MAIL, wrap_up=wrap_up),
        actor=_MAIL,
        key=f"mail {row.fingerprint.hex()}",
        now=row.arrived_at,
        text_key=row.text_key_id,
    )
    row.contact_id = receipt.contact_id
    row.fate = (Fate.AUTOMATIC if mail.is_automatic else Fate.TO_SORT).value
    tie = None if mail.is_automatic else tie_of(session, row, mail)
    if tie is not None:
        row.tie, row.tied_case_id = tie.kind.value, tie.case_id
        if tie.kind is Tie.PROVED and _add_unasked(session, row, raw, mail, now):
            marks.discard(Mark.POSSIBLE_COPY)
    acknowledge(session, row, mail, marks, now=now)
    row.marks = ",".join(sorted([*(mark.value for mark in marks), *mail.signs]))
    session.add(row)
    session.flush()
    return Filed(mail_id, Fate(row.fate))


def quarantine_mail(session: Session, mail_id: int) -> None:
    """Put a mail that could not be filed before an operator."""
    row = locked(session, mail_id)
    if row.fate == Fate.WAITING.value:
        _quarantine(session, row, Fault.NOT_FILED)


def story_of(mail: Mail) -> tuple[str, str, bool]:
    """The texts of the contact: subject and own words, what is quoted, and whether anything was cut.

    Who only forwards a mail tells by what is forwarded.
    """
    words, quoted = (mail.text, mail.quoted) if mail.text.strip() else (mail.quoted, "")
    whole = "\n\n".join(part for part in (mail.subject, words) if part.strip()) or "—"
    was_cut = len(whole) > MAX_TEXT or len(quoted) > MAX_TEXT
    if len(whole) > MAX_TEXT:
        whole = whole[: MAX_TEXT - 1] + "…"
    return whole, quoted[:MAX_TEXT], was_cut


def add_files(
    session: Session, case: Case, raw: bytes, mail: Mail, *, account_id: int | None, now: datetime
) -> bool:
    """Add a mail and its attachments to a case that is locked; whether any was left out. What is
    left out (of a kind that is no evidence, or too many) is still in the mail.

    Refused as `put_evidence` refuses when there is no room for the mail itself.
    """
    name = clean_name(mail.subject[:60] or "mail", EvidenceKind.MAIL)
    letter = Upload(name, EvidenceKind.MAIL, raw, sha256(raw).hexdigest())
    put_evidence(session, case, letter, account_id=account_id, author=Author.public(), now=now)
    left_out = [
        file
        for file in mail.attachments
        if not _is_added(session, case, file, account_id=account_id, now=now)
    ]
    return bool(left_out)


def _is_added(
    session: Session, case: Case, file: Attachment, *, account_id: int | None, now: datetime
) -> bool:
    try:
        upload = read_upload(BytesIO(file.content), file.name)
        put_evidence(session, case, upload, account_id=account_id, author=Author.public(), now=now)
    except Refused:
        return False
    return True


def marks_in(row: IncomingMail) -> Iterable[str]:
    """The names of a mail's marks and signs."""
    return [name for name in row.marks.split(",") if name]


def _add_unasked(
    session: Session, row: IncomingMail, raw: bytes, mail: Mail, now: datetime
) -> bool:
    """Add a mail that proved to be the complainant's; False where the case takes none."""
    assert row.contact_id is not None
    assert row.tied_case_id is not None
    try:
        with session.begin_nested():
            case = letter_to_existing(
                session, row.contact_id, row.tied_case_id, actor=_MAIL, now=now
            )
            add_files(session, case, raw, mail, account_id=None, now=now)
            row.text_key_id = case.text_key_id
            row.fate = Fate.ADDED_TO_CASE.value
            drop_pieces(session, row)
    except Refused as refused:
        if not isinstance(refused.code, CasesRefusal):
            raise
        return False
    return True


def _marks_of_others(session: Session, row: IncomingMail) -> set[Mark]:
    """What the mails before it say about this one."""
    marks = set()
    if row.message_digest is not None:
        same = select(IncomingMail.id).where(
            col(IncomingMail.message_digest) == row.message_digest, col(IncomingMail.id) != row.id
        )
        if session.exec(same.limit(1)).first() is not None:
            marks.add(Mark.POSSIBLE_COPY)
    if row.sender_digest is not None:
        earlier = session.exec(
            select(func.count())
            .select_from(IncomingMail)
            .where(
                col(IncomingMail.sender_digest) == row.sender_digest,
                col(IncomingMail.arrived_at) > row.arrived_at - _HOUR,
                col(IncomingMail.id) != row.id,
            )
        ).one()
        if earlier >= MANY_AN_HOUR:
            marks.add(Mark.MANY_FROM_SENDER)
    return marks


def _quarantine(session: Session, row: IncomingMail, fault: Fault) -> None:
    row.fate, row.fault = Fate.QUARANTINED.value, fault.value
    session.add(row)
    session.flush()
    audit.record(
        session,
        "quarantine_mail",
        author=Author.system(),
        subject=f"mail:{row.id}",
        details={"fault": fault.value},
    )
