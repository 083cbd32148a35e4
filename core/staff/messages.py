"""What administrators decide about outgoing messages: dead letters, and how many codes there may be."""

from datetime import datetime

from sqlmodel import Session

from core.audit import service as audit
from core.errors import Refused
from core.messaging import allowance
from core.messaging import service as messaging
from core.messaging.rules import GivenUpAct, Purpose
from core.staff.rules import Actor, Role, StaffRefusal, require_writer

_VERBS = {
    GivenUpAct.TRY_AGAIN: "try_messages_again",
    GivenUpAct.DISCARD: "discard_messages",
}


def set_code_allowance(
    session: Session, *, actor: Actor, per_hour: int, per_day: int, reason: str, now: datetime
) -> None:
    """Let so many codes be sent in an hour and in a day, from now on and in every process."""
    require_writer(actor, Role.ADMINISTRATOR)
    act = allowance.set_allowance(
        session,
        per_hour=per_hour,
        per_day=per_day,
        reason=_reason(reason),
        account_id=actor.account_id,
        now=now,
    )
    audit.record(
        session,
        "set_code_allowance",
        author=actor.author,
        subject=f"code_allowance:{act.id}",
        details={"per_hour": per_hour, "per_day": per_day},
    )


def settle_given_up(
    session: Session,
    purpose: Purpose,
    act: GivenUpAct,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> int:
    """Try messages that were given up again, or discard them; gives how many they were."""
    require_writer(actor, Role.ADMINISTRATOR)
    settled = messaging.settle_given_up(
        session, purpose, act, reason=_reason(reason), account_id=actor.account_id, now=now
    )
    audit.record(
        session,
        _VERBS[act],
        author=actor.author,
        subject=f"message_act:{settled.id}",
        details={"purpose": purpose.value, "messages": settled.messages},
    )
    return settled.messages


def _reason(given: str) -> str:
    reason = given.strip()
    if not reason:
        raise Refused(StaffRefusal.REASON_MISSING)
    return reason
