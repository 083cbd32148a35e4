"""Remedies: those that act are carried out with the decision, the others have an owner and a date."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from core.audit import service as audit
from core.cases.access import find_case, parts_of
from core.cases.ciphers import TextCipher, cipher_of
from core.cases.models import Case, Remedy
from core.cases.requirements import ACTING_REMEDIES, RemedyOrder
from core.cases.rules import CasesRefusal, Part, RemedyKind
from core.errors import Refused
from core.membership.service import annul_membership, restore_member
from core.primary.service import cancel_registration
from core.staff.rules import Actor, Role, require_writer


def order_remedies(
    session: Session,
    case: Case,
    decision_id: int,
    orders: Sequence[RemedyOrder],
    *,
    cipher: TextCipher,
    actor: Actor,
    now: datetime,
) -> None:
    """Write the remedies of a decision and carry out those that act, in the same transaction."""
    assert case.id is not None
    for order in orders:
        acts = order.kind in ACTING_REMEDIES
        session.add(
            Remedy(
                case_id=case.id,
                decision_id=decision_id,
                kind=order.kind.value,
                subject=order.subject,
                description=cipher.seal_some(order.description),
                owner=cipher.seal_some(order.owner),
                due_on=order.due_on,
                done_at=now if acts else None,
            )
        )
        session.flush()
        if acts:
            _act(session, order, f"{case.number}/{decision_id}", actor=actor, now=now)


def _act(
    session: Session, order: RemedyOrder, decision: str, *, actor: Actor, now: datetime
) -> None:
    subject = order.subject or ""
    if order.kind is RemedyKind.REGISTRATION_CANCELLED:
        cancel_registration(session, subject, actor=actor, decision=decision, now=now)
        return
    if not (subject.isascii() and subject.isdigit()):
        raise Refused(CasesRefusal.REMEDY_NEEDS_SUBJECT)
    act = annul_membership if order.kind is RemedyKind.MEMBERSHIP_ANNULLED else restore_member
    act(session, int(subject), actor=actor, decision=decision, now=now)


def finish_remedy(
    session: Session,
    remedy_id: int,
    *,
    actor: Actor,
    outcome: str,
    given_up: bool = False,
    now: datetime,
) -> None:
    """Mark a remedy as done, or as given up with a reason. The officer of the case."""
    require_writer(actor, Role.COMMISSIONER)
    remedy = session.get(Remedy, remedy_id)
    if remedy is None:
        raise Refused(CasesRefusal.NO_SUCH_CASE)
    case = find_case(session, actor, remedy.case_id, lock=True)
    if not parts_of(session, case, actor) & {Part.OFFICER, Part.CHAIR}:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if not outcome.strip():
        raise Refused(CasesRefusal.REASON_MISSING)
    if remedy.done_at or remedy.given_up_at:
        raise Refused(CasesRefusal.CHANGED_MEANWHILE, state=case.state)
    remedy.outcome = cipher_of(session, case.text_key_id).seal(outcome.strip())
    if given_up:
        remedy.given_up_at = now
    else:
        remedy.done_at = now
    session.add(remedy)
    session.flush()
    audit.record(
        session,
        "finish_remedy",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"remedy": remedy_id, "given_up": given_up},
    )
