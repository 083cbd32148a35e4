"""What staff do about the vote: look a rejection up for a caller, clear what has expired."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select

from core.audit.service import record
from core.errors import Refused
from core.primary.models import Voter
from core.staff.rules import Actor, Role, StaffRefusal, require
from core.voting.models import AddressHold, Rejection, SignInChallenge, VotingSession
from core.voting.queries import RejectionView, rejection_by_reference
from core.voting.rules import Advice, RejectionStage, VotingRefusal, advice, parse_reference

KEPT_AFTER_EXPIRY: Final = timedelta(hours=1)
"""How long a session or challenge stays after its end, so that a lost answer can be repeated."""


@dataclass(frozen=True, kw_only=True)
class ReferenceFound:
    """What an operator sees of a reference at first: what to advise, and nothing about the roll."""

    reference: str
    stage: RejectionStage
    at: datetime
    advice: tuple[Advice, ...]


def look_up_reference(
    session: Session, heard: str, *, actor: Actor, now: datetime
) -> ReferenceFound:
    """What to advise a caller who reads this reference; logged. Refused as ``reference_unknown``."""
    require(actor, Role.OPERATOR, Role.ORGANIZER)
    found = _find(session, heard)
    _record(session, "look_up_reference", found, actor)
    return ReferenceFound(
        reference=found.reference,
        stage=found.stage,
        at=found.at,
        advice=advice(found.reasons),
    )


def number_to_call_back(
    session: Session, reference: str, *, actor: Actor, now: datetime
) -> str | None:
    """The roll's number for the IIN of a rejection, to be called; logged. None if not on the roll."""
    require(actor, Role.OPERATOR, Role.ORGANIZER)
    _check_writes(actor)
    found = _find(session, reference)
    _record(session, "read_number_to_call_back", found, actor)
    return session.exec(
        select(Voter.mobile)
        .join(
            Rejection,
            (col(Rejection.iin_digest) == col(Voter.iin_digest))
            & (col(Rejection.primary_id) == col(Voter.primary_id)),
        )
        .where(col(Rejection.id) == found.id)
    ).one_or_none()


def reveal_reasons(
    session: Session, reference: str, *, actor: Actor, called_back: bool, now: datetime
) -> RejectionView:
    """Every reason of a rejection, after the operator called the roll's number back; logged.

    Refused as ``call_not_confirmed`` before: else a stranger with an IIN would learn from the
    hotline what the portal does not tell.
    """
    require(actor, Role.OPERATOR, Role.ORGANIZER)
    _check_writes(actor)
    if not called_back:
        raise Refused(VotingRefusal.CALL_NOT_CONFIRMED)
    found = _find(session, reference)
    _record(session, "reveal_rejection_reasons", found, actor)
    return found


def _check_writes(actor: Actor) -> None:
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)


def _find(session: Session, heard: str) -> RejectionView:
    reference = parse_reference(heard)
    found = rejection_by_reference(session, reference) if reference else None
    if found is None:
        raise Refused(VotingRefusal.REFERENCE_UNKNOWN)
    return found


def _record(session: Session, act: str, found: RejectionView, actor: Actor) -> None:
    record(session, act, author=actor.author, subject=f"rejection:{found.id}")


def purge_expired(session: Session, *, now: datetime) -> int:
    """Remove sessions, challenges and holds that ended more than an hour ago; gives how many."""
    gone = 0
    for table in (VotingSession, SignInChallenge, AddressHold):
        done = session.execute(delete(table).where(col(table.expires_at) < now - KEPT_AFTER_EXPIRY))
        gone += done.rowcount  # type: ignore[attr-defined]  # a cursor result of a DELETE
    return gone
