"""Contacts that came in writing and wait to be sorted: a case of their own, one there is, or none.

A letter is a contact from the moment it came, with the wrap-up `TO_SORT`; who sorts it decides what
it ends as. Its texts stand under a key of its own until it becomes part of a case.
"""

from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from core import places
from core.audit import service as audit
from core.cases.access import find_case
from core.cases.ciphers import cipher_of, destroy_text_key
from core.cases.contacts import ContactEntry, Receipt, open_case
from core.cases.evidence_rules import bar_to_adding
from core.cases.models import CallBack, Case, Contact
from core.cases.rules import SET_ASIDE, CasesRefusal, CaseState, Category, Channel, Urgency, WrapUp
from core.cases.search import index_text
from core.errors import Refused
from core.staff.rules import Actor, Role, require_writer

_SORTED_BY_HAND: Final = frozenset({WrapUp.TO_SORT, *SET_ASIDE})


def letter_to_case(
    session: Session,
    contact_id: int,
    *,
    category: Category,
    place: str | None,
    urgency: Urgency,
    name: str | None,
    email: str | None,
    acknowledged_at: datetime | None,
    actor: Actor,
    now: datetime,
) -> Receipt:
    """Open a case for a letter, received when the letter was.

    Refused as ``letter_is_sorted`` when somebody was faster.
    """
    contact = _to_sort(session, contact_id, actor)
    cipher = cipher_of(session, contact.text_key_id)
    contact.wrap_up = WrapUp.COMPLAINT.value
    contact.account_id = actor.account_id
    contact.category = category.value
    contact.place_code = place if places.find(place) else None
    entry = ContactEntry(
        story=cipher.open(contact.story) or "",
        channel=Channel.MAIL,
        category=category,
        place=place,
        urgency=urgency,
        name=name,
        email=email,
    )
    case, code = open_case(
        session,
        entry,
        contact,
        cipher,
        key=f"letter {contact_id}",
        actor=actor,
        now=now,
        acknowledged_at=acknowledged_at,
    )
    index_text(session, case.id or 0, cipher.open(contact.quoted))
    _audit(session, contact, actor)
    return Receipt(contact_id, case.number, code, case.id)


def letter_to_existing(
    session: Session, contact_id: int, subject: int | str, *, actor: Actor, now: datetime
) -> Case:
    """Add a letter to a case there is; gives the case, locked.

    The system adds what proved to come from the case's own complainant, an operator anything. A
    case that takes no more files takes no letter: refused as `bar_to_adding` says, as
    ``no_such_case`` when it does not exist for the actor, as ``letter_is_sorted``.
    """
    contact = _to_sort(session, contact_id, actor)
    case = find_case(session, actor, subject, lock=True)
    state = CaseState(case.state)
    bar = bar_to_adding(state)
    if case.erased_at is not None:
        bar = CasesRefusal.TEXT_ERASED
    if bar is not None:
        raise Refused(bar, state=state)
    contact.wrap_up = WrapUp.ADDED_TO_CASE.value
    contact.account_id = None if actor.is_system else actor.account_id
    put_to_case(session, contact, case, now)
    _audit(session, contact, actor)
    return case


def set_letter_aside(session: Session, contact_id: int, end: WrapUp, *, actor: Actor) -> None:
    """Put a letter aside as not for us or as spam, or back among those to sort.

    Refused as ``letter_is_sorted`` once it belongs to a case, and for an end that is not one of a
    letter without a case.
    """
    if end not in _SORTED_BY_HAND:
        raise Refused(CasesRefusal.LETTER_IS_SORTED)
    contact = _to_sort(session, contact_id, actor)
    contact.wrap_up = end.value
    contact.account_id = None if end is WrapUp.TO_SORT else actor.account_id
    session.add(contact)
    session.flush()
    _audit(session, contact, actor)


def put_to_case(session: Session, contact: Contact, case: Case, now: datetime) -> None:
    """Make a contact one of the case's: its texts go under the case's key, and with it."""
    assert case.id is not None
    own, of_case = cipher_of(session, contact.text_key_id), cipher_of(session, case.text_key_id)
    before = contact.text_key_id
    again = session.exec(select(CallBack).where(col(CallBack.contact_id) == contact.id)).first()
    if again is not None:
        again.why = of_case.seal_some(own.open(again.why))
        session.add(again)
    story, quoted = own.open(contact.story) or "", own.open(contact.quoted)
    contact.story, contact.quoted = of_case.seal(story), of_case.seal_some(quoted)
    contact.caller = of_case.seal_some(own.open(contact.caller))
    contact.case_id, contact.text_key_id = case.id, case.text_key_id
    session.add(contact)
    session.flush()
    destroy_text_key(session, before, now=now)
    index_text(session, case.id, f"{story}\n{quoted or ''}")


def _to_sort(session: Session, contact_id: int, actor: Actor) -> Contact:
    if not actor.is_system:
        require_writer(actor, Role.OPERATOR)
    contact = session.exec(
        select(Contact)
        .where(col(Contact.id) == contact_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if contact is None or WrapUp(contact.wrap_up) not in _SORTED_BY_HAND:
        raise Refused(CasesRefusal.LETTER_IS_SORTED)
    return contact


def _audit(session: Session, contact: Contact, actor: Actor) -> None:
    audit.record(
        session,
        "sort_letter",
        author=actor.author,
        subject=f"contact:{contact.id}",
        details={"wrap_up": contact.wrap_up},
    )
