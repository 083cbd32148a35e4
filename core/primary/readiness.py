"""The checklist before voting: marks, the tested backup of the key, the signature."""

from datetime import datetime

from sqlmodel import Session

from core.audit import service as audit
from core.errors import Refused
from core.keyring import fingerprint
from core.primary.election import check_organizer, is_signed, locked_primary
from core.primary.models import ReadinessAct, ReadinessMark
from core.primary.queries import readiness, timeline_of
from core.primary.rules import (
    MARKED_ITEMS,
    PrimaryRefusal,
    ReadinessKey,
    missing_items,
)
from core.staff.rules import Actor


def mark_readiness(
    session: Session,
    primary_id: str,
    item: ReadinessKey,
    *,
    actor: Actor,
    evidence: str,
    now: datetime,
) -> None:
    """Write down that an item is done, and by what it shows; a later mark replaces it.

    Refused as ``item_is_computed`` for what is seen in the data itself.
    """
    check_organizer(actor, or_system=True)
    if item not in MARKED_ITEMS:
        raise Refused(PrimaryRefusal.ITEM_IS_COMPUTED, item=item)
    if not evidence.strip():
        raise Refused(PrimaryRefusal.REASON_MISSING)
    locked_primary(session, primary_id)
    mark = session.get(ReadinessMark, (primary_id, item.value)) or ReadinessMark(
        primary_id=primary_id, item=item.value, evidence="", marked_at=now, marked_by=0
    )
    mark.evidence, mark.marked_at = evidence.strip(), now
    mark.marked_by = actor.account_id
    session.add(mark)
    session.flush()
    audit.record(
        session,
        "mark_readiness",
        author=actor.author,
        subject=f"primary:{primary_id}",
        details={"item": item.value},
    )


def test_key_backup(
    session: Session, primary_id: str, backup: bytes, *, actor: Actor, now: datetime
) -> None:
    """Mark the backup of the digest key as tested, if ``backup`` is that key.

    Refused as ``key_backup_differs``. The bytes are compared by fingerprint and kept nowhere.
    """
    check_organizer(actor, or_system=True)
    primary = locked_primary(session, primary_id)
    if fingerprint(backup) != primary.digest_fingerprint:
        raise Refused(PrimaryRefusal.KEY_BACKUP_DIFFERS, fingerprint=primary.digest_fingerprint)
    mark_readiness(
        session,
        primary_id,
        ReadinessKey.KEY_BACKUP_TESTED,
        actor=actor,
        evidence=primary.digest_fingerprint,
        now=now,
    )


def sign_readiness(session: Session, primary_id: str, *, actor: Actor, now: datetime) -> None:
    """Sign that everything is there: without it voting does not open.

    Refused as ``readiness_incomplete`` (facts: count, first, items) while an item is missing, once
    signed, and once the vote's hours are over.
    """
    check_organizer(actor)
    primary = locked_primary(session, primary_id)
    if is_signed(session, primary_id):
        raise Refused(PrimaryRefusal.READINESS_SIGNED)
    missing = missing_items({item.key: item.is_done for item in readiness(session, primary_id)})
    if missing:
        raise Refused(
            PrimaryRefusal.READINESS_INCOMPLETE,
            count=len(missing),
            first=missing[0],
            items=missing,
        )
    timeline = timeline_of(primary)
    if timeline is None or now >= timeline.voting_closes:
        raise Refused(PrimaryRefusal.VOTING_ENDED)
    session.add(ReadinessAct(primary_id=primary_id, signed_at=now, signed_by=actor.account_id))
    session.flush()
    audit.record(session, "sign_readiness", author=actor.author, subject=f"primary:{primary_id}")


def withdraw_readiness(
    session: Session, primary_id: str, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Take the signature back, so that the ballot can be corrected; only before voting opens."""
    check_organizer(actor)
    primary = locked_primary(session, primary_id)
    if not reason.strip():
        raise Refused(PrimaryRefusal.REASON_MISSING)
    act = session.get(ReadinessAct, primary_id)
    if act is None:
        raise Refused(PrimaryRefusal.READINESS_NOT_SIGNED)
    timeline = timeline_of(primary)
    if timeline is not None and now >= timeline.voting_opens:
        raise Refused(PrimaryRefusal.BALLOT_FIXED)
    session.delete(act)
    session.flush()
    audit.record(
        session, "withdraw_readiness", author=actor.author, subject=f"primary:{primary_id}"
    )
