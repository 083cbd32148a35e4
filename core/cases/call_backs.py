"""Calling back: what was promised at the end of a call, due at a time, within the safe hours.

Whoever works in the place may keep a promise: a shift ends before many are due. The number is
shown only by starting the call, which is logged, and only while calling is safe. Who is in conflict
with the case does not see that anybody was promised anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, func, select

from core.audit import service as audit
from core.cases.access import in_places
from core.cases.ciphers import TextCipher, cipher_of
from core.cases.conflicts import not_in_conflict
from core.cases.contacts import begin_draft, discard_draft, open_draft
from core.cases.letters import put_to_case
from core.cases.models import CallBack, Case, Contact
from core.cases.rules import MAX_TEXT, CallBackState, CasesRefusal, Category, WrapUp
from core.cases.safe_times import SafeTimes
from core.errors import Refused
from core.staff.rules import Actor, Role, require, require_writer

TRIES: Final = 3
"""Calls that nobody answers, until it is noted that the person could not be reached."""

AGAIN_AFTER: Final = timedelta(minutes=30)
FURTHEST: Final = timedelta(days=14)
TAKEN_FOR: Final = timedelta(minutes=15)
"""How long a started call keeps others from starting it too."""

LISTED: Final = 50


@dataclass(frozen=True, kw_only=True)
class Promise:
    """When to call back, why, and in which hours only."""

    due_at: datetime
    why: str = field(default="", repr=False)
    safe: SafeTimes | None = None


@dataclass(frozen=True, kw_only=True)
class CallBackView:
    """A promised call as an operator sees it before calling: no number and no name."""

    id: int
    due_at: datetime
    is_overdue: bool
    is_safe_now: bool
    safe: SafeTimes | None
    why: str | None
    tries: int
    place: str | None
    category: Category | None
    number: str | None
    is_taken: bool
    """Whether somebody else is calling now."""


def promise_call_back(
    session: Session, contact_id: int, promise: Promise, *, actor: Actor, now: datetime
) -> None:
    """Promise the caller of one's own contact a call. Said twice it is one promise.

    Refused as ``no_such_call_back`` (another's contact), ``call_back_needs_number``,
    ``call_back_out_of_range`` (past, or beyond 14 days), ``not_a_safe_time``, ``text_too_long``.
    """
    require_writer(actor, Role.OPERATOR)
    contact = session.exec(
        select(Contact).where(
            col(Contact.id) == contact_id, col(Contact.account_id) == actor.account_id
        )
    ).one_or_none()
    if contact is None:
        raise Refused(CasesRefusal.NO_SUCH_CALL_BACK)
    if session.exec(select(CallBack.id).where(col(CallBack.contact_id) == contact_id)).first():
        return
    if contact.caller_digest is None:
        raise Refused(CasesRefusal.CALL_BACK_NEEDS_NUMBER)
    if not now <= promise.due_at <= now + FURTHEST:
        raise Refused(CasesRefusal.CALL_BACK_OUT_OF_RANGE)
    if promise.safe and not promise.safe.hold(promise.due_at):
        raise Refused(CasesRefusal.NOT_A_SAFE_TIME, **_hours(promise.safe))
    if len(promise.why) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    session.add(
        CallBack(
            contact_id=contact_id,
            state=CallBackState.DUE.value,
            due_at=promise.due_at,
            safe_from=promise.safe.since if promise.safe else None,
            safe_until=promise.safe.until if promise.safe else None,
            why=cipher_of(session, contact.text_key_id).seal_some(promise.why),
            account_id=actor.account_id,
        )
    )
    session.flush()
    _record(session, "promise_call_back", contact, actor)


def start_call_back(session: Session, which: int, *, actor: Actor, now: datetime) -> None:
    """Begin to call: the form of a call comes up with the number in it.

    Refused as ``no_such_call_back``, ``not_a_safe_time``, ``call_back_taken`` while somebody else
    is calling, and as ``call_unfinished`` while another call is half typed.
    """
    require_writer(actor, Role.OPERATOR)
    row, contact, case = _find(session, actor, which, lock=True)
    safe = _safe(row)
    if safe and not safe.hold(now):
        raise Refused(CasesRefusal.NOT_A_SAFE_TIME, **_hours(safe))
    if _is_taken(row, actor, now):
        raise Refused(CasesRefusal.CALL_BACK_TAKEN)
    cipher = cipher_of(session, contact.text_key_id)
    fields = {
        "call_back": str(which),
        "caller": cipher.open(contact.caller) or "",
        "place": contact.place_code or "",
        "category": contact.category or "",
        # What is said now belongs to the case that there is; it opens no other.
        "wrap_up": (WrapUp.REPEATED if case else WrapUp.COMPLAINT).value,
    }
    begin_draft(
        session, {name: value for name, value in fields.items() if value}, actor=actor, now=now
    )
    row.taken_by, row.taken_at = actor.account_id, now
    session.add(row)
    session.flush()
    _record(session, "start_call_back", contact, actor)


def note_no_answer(session: Session, which: int, *, actor: Actor, now: datetime) -> CallBackState:
    """Nobody answered: due again in half an hour or when it is safe, and given up after three.

    The form that was begun for it is cleared. Refused as ``no_such_call_back`` for a call that the
    actor has not started.
    """
    require_writer(actor, Role.OPERATOR)
    row, contact, _case = _find(session, actor, which, lock=True)
    if row.taken_by != actor.account_id:
        raise Refused(CasesRefusal.NO_SUCH_CALL_BACK)
    row.tries += 1
    row.taken_by = row.taken_at = None
    if row.tries >= TRIES:
        row.state, row.settled_at = CallBackState.UNANSWERED.value, now
    else:
        safe = _safe(row)
        again = now + AGAIN_AFTER
        row.due_at = safe.from_then(again) if safe else again
    session.add(row)
    session.flush()
    # Another call may have been begun meanwhile.
    if open_draft(session, actor=actor, now=now).fields.get("call_back") == str(which):
        discard_draft(session, actor=actor)
    _record(session, "note_no_answer", contact, actor, tries=row.tries)
    return CallBackState(row.state)


def finish_call_back(
    session: Session, which: int, contact_id: int, *, actor: Actor, now: datetime
) -> bool:
    """Note that the person was reached in the actor's own contact, which then belongs to the case.

    False when there is nothing to finish any more: a call that was taken is never refused for it.
    """
    require_writer(actor, Role.OPERATOR)
    try:
        row, contact, case = _find(session, actor, which, lock=True)
    except Refused:
        return False
    answer = session.exec(
        select(Contact).where(
            col(Contact.id) == contact_id, col(Contact.account_id) == actor.account_id
        )
    ).one_or_none()
    if answer is None or row.taken_by != actor.account_id:
        return False
    row.state, row.settled_at, row.settled_by = CallBackState.DONE.value, now, contact_id
    session.add(row)
    if case is not None and case.erased_at is None and answer.case_id is None:
        put_to_case(session, answer, case, now)
    session.flush()
    _record(session, "finish_call_back", contact, actor)
    return True


def call_backs_due(
    session: Session, actor: Actor, *, now: datetime
) -> tuple[Sequence[CallBackView], int]:
    """The calls that are promised to people of the actor's places, what is due longest first; and
    how many there are.
    """
    require(actor, Role.OPERATOR)
    waiting = _waiting(session, actor)
    joined = (
        select(CallBack, Contact, Case)
        .join(Contact, col(Contact.id) == col(CallBack.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
    )
    total = session.exec(
        select(func.count())
        .select_from(CallBack)
        .join(Contact, col(Contact.id) == col(CallBack.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(*waiting)
    ).one()
    rows = session.exec(
        joined.where(*waiting).order_by(col(CallBack.due_at), col(CallBack.id)).limit(LISTED)
    ).all()
    return tuple(_view(session, row, actor, now) for row in rows), total


def call_back_in_hand(
    session: Session, actor: Actor, which: int, *, now: datetime
) -> CallBackView | None:
    """The promised call that the actor has started; None when it is settled or another's."""
    require(actor, Role.OPERATOR)
    try:
        row, contact, case = _find(session, actor, which)
    except Refused:
        return None
    return _view(session, (row, contact, case), actor, now)


def _waiting(session: Session, actor: Actor) -> list[ColumnElement[bool]]:
    own = col(CallBack.account_id) == actor.account_id
    return [
        col(CallBack.state) == CallBackState.DUE.value,
        # A number that was erased with its texts can't be called.
        col(Contact.caller).is_not(None),
        or_(own, in_places(actor.places(Role.OPERATOR), col(Contact.place_code))),
        or_(col(Contact.case_id).is_(None), not_in_conflict(session, actor)),
    ]


def _find(
    session: Session, actor: Actor, which: int, *, lock: bool = False
) -> tuple[CallBack, Contact, Case | None]:
    statement = (
        select(CallBack, Contact, Case)
        .join(Contact, col(Contact.id) == col(CallBack.contact_id))
        .outerjoin(Case, col(Case.id) == col(Contact.case_id))
        .where(col(CallBack.id) == which, *_waiting(session, actor))
    )
    if lock:
        statement = statement.with_for_update(of=CallBack).execution_options(populate_existing=True)
    found = session.exec(statement).one_or_none()
    if found is None:
        raise Refused(CasesRefusal.NO_SUCH_CALL_BACK)
    return found


def _view(
    session: Session, found: tuple[CallBack, Contact, Case | None], actor: Actor, now: datetime
) -> CallBackView:
    row, contact, case = found
    assert row.id is not None
    safe = _safe(row)
    return CallBackView(
        id=row.id,
        due_at=row.due_at,
        is_overdue=row.due_at <= now,
        is_safe_now=safe is None or safe.hold(now),
        safe=safe,
        why=_cipher(session, contact).open(row.why),
        tries=row.tries,
        place=contact.place_code,
        category=Category(contact.category) if contact.category else None,
        number=case.number if case else None,
        is_taken=_is_taken(row, actor, now),
    )


def _cipher(session: Session, contact: Contact) -> TextCipher:
    return cipher_of(session, contact.text_key_id)


def _is_taken(row: CallBack, actor: Actor, now: datetime) -> bool:
    return (
        row.taken_by not in {None, actor.account_id}
        and row.taken_at is not None
        and row.taken_at > now - TAKEN_FOR
    )


def _safe(row: CallBack) -> SafeTimes | None:
    if row.safe_from is None or row.safe_until is None:
        return None
    return SafeTimes(row.safe_from, row.safe_until)


def _hours(safe: SafeTimes) -> dict[str, str]:
    return {"since": f"{safe.since:%H:%M}", "until": f"{safe.until:%H:%M}"}


def _record(session: Session, act: str, contact: Contact, actor: Actor, **details: int) -> None:
    audit.record(
        session, act, author=actor.author, subject=f"contact:{contact.id}", details=details
    )
