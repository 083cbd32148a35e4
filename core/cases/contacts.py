"""Taking a contact: a call, a form, a visit. Acceptance is never refused, and a double press makes
one contact.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from core import places
from core.audit import service as audit
from core.audit.rules import Author
from core.cases.callers import number_key
from core.cases.ciphers import TextCipher, cipher_of, digest, new_text_key
from core.cases.commissions import route
from core.cases.election import calendar_of
from core.cases.following import attempts, note_attempt, receipt_digest
from core.cases.history import enter_state
from core.cases.models import Case, Complainant, Contact, Draft
from core.cases.receipts import ReceiptCode, new_number
from core.cases.rules import (
    MAX_TEXT,
    CasesRefusal,
    CaseState,
    Category,
    Channel,
    Move,
    Urgency,
    WrapUp,
)
from core.cases.search import index_text
from core.errors import Refused
from core.keyring import decrypt, encrypt, hmac_digest
from core.staff.rules import Actor, Role, require, require_writer

COMPLAINTS_BY_SOURCE: Final = 20
_DRAFT: Final = "cases:draft"
_PUBLIC: Final = Actor.system("portal")


@dataclass(frozen=True, kw_only=True)
class ContactEntry:
    """A contact as it is typed. Everything about the person may be left empty: anonymous."""

    story: str = field(repr=False)
    channel: Channel = Channel.PHONE
    wrap_up: WrapUp = WrapUp.COMPLAINT
    category: Category = Category.OTHER
    place: str | None = None
    urgency: Urgency = Urgency.NORMAL
    caller: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    reach: str | None = field(default=None, repr=False)
    quoted: str | None = field(default=None, repr=False)
    """Of a mail: what it quotes of earlier ones."""


@dataclass(frozen=True)
class Receipt:
    """What the complainant gets: a number, and the code that opens it (None without a case)."""

    contact_id: int
    number: str | None
    code: ReceiptCode | None
    case_id: int | None = field(default=None)


def log_contact(
    session: Session,
    entry: ContactEntry,
    *,
    actor: Actor,
    key: str,
    now: datetime,
) -> Receipt:
    """Save a contact that an operator took. Only a complaint opens a case and gives a receipt.

    ``key`` is random and stays the same while the same call is saved again: the same contact and
    the same code are given back. Refused as ``text_missing`` for a complaint without a story, and
    as ``text_too_long`` above 20,000 characters.
    """
    require_writer(actor, Role.OPERATOR)
    return take_contact(session, entry, actor=actor, key=key, now=now)


def accept_complaint(
    session: Session, entry: ContactEntry, *, source: str, key: str | None, now: datetime
) -> Receipt | CasesRefusal:
    """Take a complaint from the public. ``source`` is the client's address, counted for an hour and
    kept nowhere with the complaint. A refusal is a value: only size and rate are refused.
    """
    if attempts(session, "complaint", source, now=now) >= COMPLAINTS_BY_SOURCE:
        return CasesRefusal.TOO_MANY_COMPLAINTS
    if not entry.story.strip():
        return CasesRefusal.TEXT_MISSING
    if len(entry.story) > MAX_TEXT:
        return CasesRefusal.TEXT_TOO_LONG
    note_attempt(session, "complaint", source, now=now)
    try:
        return take_contact(
            session, entry, actor=_PUBLIC, key=key or secrets.token_hex(16), now=now
        )
    except Refused as refused:
        if refused.code is CasesRefusal.KEY_REUSED:
            return CasesRefusal.KEY_REUSED
        raise


def take_contact(
    session: Session,
    entry: ContactEntry,
    *,
    actor: Actor,
    key: str,
    now: datetime,
    text_key: int | None = None,
) -> Receipt:
    """Save a contact, and open a case if it is a complaint. Who may, the caller has asked.

    ``text_key`` is the id of a key that already seals something of it, so that one erasure takes
    both; None makes a new one.
    """
    is_complaint = entry.wrap_up is WrapUp.COMPLAINT
    if is_complaint and not entry.story.strip():
        raise Refused(CasesRefusal.TEXT_MISSING)
    if len(entry.story) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    idempotency = digest("contact-key", f"{actor.account_id} {key}")
    body = digest("contact-body", json.dumps(_fields(entry), sort_keys=True))
    known = _saved(session, idempotency, body, key)
    if known is not None:
        return known
    try:
        # Two presses at once: the unique key decides, the loser gets the winner's receipt.
        with session.begin_nested():
            contact, cipher = _put_contact(
                session,
                entry,
                actor=actor,
                now=now,
                idempotency=idempotency,
                body=body,
                text_key=text_key,
            )
    except IntegrityError:
        known = _saved(session, idempotency, body, key)
        if known is None:
            raise
        return known
    assert contact.id is not None
    if not is_complaint:
        _audit_contact(session, contact, actor)
        return Receipt(contact.id, None, None)
    case, code = open_case(session, entry, contact, cipher, key=key, actor=actor, now=now)
    _audit_contact(session, contact, actor)
    return Receipt(contact.id, case.number, code, case.id)


def _fields(entry: ContactEntry) -> dict[str, str | None]:
    return {name: value and str(value) for name, value in vars(entry).items()}


def _code_for(number: str, key: str) -> ReceiptCode:
    # Made from the caller's random key, so that a repeat gives the same code and none is stored.
    return ReceiptCode.from_random(hmac_digest("cases:receipt-code", f"{number} {key}".encode()))


def _saved(session: Session, idempotency: bytes, body: bytes, key: str) -> Receipt | None:
    contact = session.exec(
        select(Contact).where(col(Contact.idempotency) == idempotency)
    ).one_or_none()
    if contact is None:
        return None
    if contact.body_digest != body:
        raise Refused(CasesRefusal.KEY_REUSED)
    assert contact.id is not None
    # Only a complaint opened its case; another contact was put to one that there was.
    opened = contact.wrap_up == WrapUp.COMPLAINT.value
    case = session.get(Case, contact.case_id) if contact.case_id and opened else None
    if case is None:
        return Receipt(contact.id, None, None)
    return Receipt(contact.id, case.number, _code_for(case.number, key), case.id)


def _put_contact(
    session: Session,
    entry: ContactEntry,
    *,
    actor: Actor,
    now: datetime,
    idempotency: bytes,
    body: bytes,
    text_key: int | None,
) -> tuple[Contact, TextCipher]:
    if text_key is None:
        key_id, cipher = new_text_key(session)
    else:
        key_id, cipher = text_key, cipher_of(session, text_key)
    caller = (entry.caller or "").strip()
    known_as = number_key(caller) if caller else None
    contact = Contact(
        text_key_id=key_id,
        channel=entry.channel.value,
        wrap_up=entry.wrap_up.value,
        category=entry.category.value,
        place_code=entry.place if places.find(entry.place) else None,
        at=now,
        account_id=None if actor.is_system else actor.account_id,
        caller=cipher.seal_some(known_as or caller),
        caller_digest=digest("caller", known_as) if known_as else None,
        story=cipher.seal(entry.story.strip()),
        quoted=cipher.seal_some(entry.quoted),
        idempotency=idempotency,
        body_digest=body,
    )
    session.add(contact)
    session.flush()
    return contact, cipher


def open_case(
    session: Session,
    entry: ContactEntry,
    contact: Contact,
    cipher: TextCipher,
    *,
    key: str,
    actor: Actor,
    now: datetime,
    acknowledged_at: datetime | None = None,
) -> tuple[Case, ReceiptCode]:
    """Open the case of a contact that is saved, received when the contact was.

    ``acknowledged_at``: when the sender of a letter was told that it came, if that was done.
    """
    if acknowledged_at is None and entry.channel is not Channel.MAIL:
        # Spoken with, or given a receipt on the spot: only a letter waits to be acknowledged.
        acknowledged_at = now
    number = _free_number(session)
    code = _code_for(number, key)
    calendar = calendar_of(session)
    case = Case(
        number=number,
        state=CaseState.RECEIVED.value,
        category=entry.category.value,
        place_code=contact.place_code,
        urgency=entry.urgency.value,
        channel=entry.channel.value,
        text_key_id=contact.text_key_id,
        received_at=contact.at,
        state_since=now,
        acknowledged_at=acknowledged_at,
        receipt=receipt_digest(number, code),
        # Of a letter nobody has the code: it is given on the phone (`complainant.give_code`).
        receipt_spoken=entry.channel in {Channel.PHONE, Channel.MAIL},
    )
    session.add(case)
    session.flush()
    assert case.id is not None
    contact.case_id = case.id
    session.add(contact)
    index_text(session, case.id, entry.story)
    if any((entry.name, entry.caller, entry.email, entry.reach)):
        session.add(
            Complainant(
                case_id=case.id,
                name=cipher.seal_some(entry.name),
                phone=cipher.seal_some(entry.caller),
                email=cipher.seal_some(entry.email),
                reach=cipher.seal_some(entry.reach),
            )
        )
    case.commission_id = route(session, case)
    is_public = actor.is_system
    enter_state(
        session,
        case,
        CaseState.RECEIVED,
        move=Move.RECEIVE,
        actor=actor,
        at=now,
        calendar=calendar,
        cipher=cipher,
        public=is_public,
    )
    if case.acknowledged_at is not None:
        enter_state(
            session,
            case,
            CaseState.TRIAGE,
            move=Move.ACKNOWLEDGE,
            actor=actor,
            at=now,
            calendar=calendar,
            cipher=cipher,
            public=is_public,
        )
    return case, code


def _free_number(session: Session) -> str:
    while True:
        number = new_number()
        taken = session.exec(select(Case.id).where(col(Case.number) == number)).first()
        if taken is None:
            return number


def _audit_contact(session: Session, contact: Contact, actor: Actor) -> None:
    audit.record(
        session,
        "log_contact",
        author=Author.public() if actor.is_system else actor.author,
        subject=f"contact:{contact.id}",
        details={"channel": contact.channel, "wrap_up": contact.wrap_up},
    )


@dataclass(frozen=True)
class DraftView:
    """What an operator had typed: the key of the call and the fields of the form."""

    key: str
    fields: Mapping[str, str]


def open_draft(session: Session, *, actor: Actor, now: datetime) -> DraftView:
    """The operator's unfinished call, or a new one with a key of its own."""
    require_writer(actor, Role.OPERATOR)
    row = session.get(Draft, actor.account_id)
    if row is None:
        row = Draft(
            account_id=actor.account_id,
            key=secrets.token_hex(16),
            content=encrypt(_DRAFT, b"{}"),
            updated_at=now,
        )
        session.add(row)
        session.flush()
    return DraftView(row.key, json.loads(decrypt(_DRAFT, row.content)))


def keep_draft(session: Session, fields: Mapping[str, str], *, actor: Actor, now: datetime) -> None:
    """Keep what is typed so far; a reload or a restart loses nothing."""
    draft = open_draft(session, actor=actor, now=now)
    row = session.get_one(Draft, actor.account_id)
    kept = {name: value[:MAX_TEXT] for name, value in fields.items()}
    if kept != draft.fields:
        row.content = encrypt(_DRAFT, json.dumps(kept, ensure_ascii=False).encode())
        row.updated_at = now
        session.add(row)
        session.flush()


def begin_draft(
    session: Session, fields: Mapping[str, str], *, actor: Actor, now: datetime
) -> None:
    """A new call with some fields filled in; refused as ``call_unfinished`` while another is typed."""
    if unfinished_since(session, actor) is not None:
        raise Refused(CasesRefusal.CALL_UNFINISHED)
    discard_draft(session, actor=actor)
    open_draft(session, actor=actor, now=now)
    keep_draft(session, fields, actor=actor, now=now)


def unfinished_since(session: Session, actor: Actor) -> datetime | None:
    """When the operator last typed in a call that is not saved; None when there is none."""
    require(actor, Role.OPERATOR)
    row = session.get(Draft, actor.account_id)
    if row is None:
        return None
    fields = json.loads(decrypt(_DRAFT, row.content))
    typed = any(fields.get(name) for name in ("name", "story", "reach"))
    # The number of a call back was filled in, not typed.
    typed = typed or ("call_back" not in fields and bool(fields.get("caller")))
    return row.updated_at if typed else None


def discard_draft(session: Session, *, actor: Actor, key: str | None = None) -> None:
    """Forget the unfinished call: after it is saved, or at the operator's wish.

    With ``key`` only if it is still that call: a second press must not lose the next one.
    """
    require_writer(actor, Role.OPERATOR)
    row = session.get(Draft, actor.account_id)
    if row is not None and key in {None, row.key}:
        session.delete(row)
        session.flush()


LOOK_UPS_AN_HOUR: Final = 120
LOOK_UP_WINDOW: Final = timedelta(hours=1)


def note_look_up(session: Session, caller: str, *, actor: Actor, now: datetime) -> None:
    """Log that an operator asks who called before, so that nobody can fish for who complained.

    Refused as ``too_many_look_ups`` above 120 an hour.
    """
    require_writer(actor, Role.OPERATOR)
    if attempts(session, "look-up", str(actor.account_id), now=now) >= LOOK_UPS_AN_HOUR:
        raise Refused(CasesRefusal.TOO_MANY_LOOK_UPS, limit=LOOK_UPS_AN_HOUR)
    note_attempt(session, "look-up", str(actor.account_id), now=now)
    known_as = number_key(caller)
    audit.record(
        session,
        "look_up_caller",
        author=actor.author,
        subject=f"account:{actor.account_id}",
        details={"caller": digest("caller", known_as).hex()[:12] if known_as else None},
    )
