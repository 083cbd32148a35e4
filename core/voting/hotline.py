"""A reference that a caller reads out: what to advise, the call back, the reasons.

Whoever signs in gets a reference, turned away or not. So that a stranger with somebody's IIN learns
nothing from the hotline either, a sign-in whose code was sent is found like one that was refused,
and all of them ask for the same rows and give the same answer until the roll's number was called.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from core.audit.service import record
from core.errors import Refused
from core.primary.models import Voter
from core.primary.queries import active_primary
from core.settings import settings
from core.staff.rules import Actor, Role, require, require_writer
from core.voting.models import Rejection, SignInChallenge, UnusedCode, UsedCode
from core.voting.rules import (
    Advice,
    CodeFate,
    RejectionReason,
    RejectionStage,
    VotingRefusal,
    advice,
    parse_reference,
)

ANSWERED_AFTER_PUBLICATION: Final = timedelta(days=14)
"""How long the hotline answers references after the results are public: until appeals are over."""


@dataclass(frozen=True, kw_only=True)
class ReferenceFound:
    """What an operator sees of a reference at first: what to advise, and nothing about the roll."""

    reference: str
    stage: RejectionStage
    day: date
    advice: tuple[Advice, ...]


@dataclass(frozen=True, kw_only=True)
class ReferenceRevealed:
    """What an operator sees after the call back.

    ``code`` tells of a sign-in that was not refused, and then there are no reasons. What is no
    longer kept is empty; ``at`` is then None.
    """

    reference: str
    stage: RejectionStage
    reasons: tuple[RejectionReason, ...]
    code: CodeFate | None = None
    at: datetime | None = None
    place_code: str = ""
    iin_masked: str = ""
    mobile_masked: str = ""
    address_short: str = ""


@dataclass(frozen=True)
class _Reference:
    revealed: ReferenceRevealed
    day: date
    iin_digest: bytes
    primary_id: str


def look_up_reference(
    session: Session, heard: str, *, actor: Actor, now: datetime
) -> ReferenceFound:
    """What to advise a caller who reads this reference; logged. Refused as ``reference_unknown``."""
    require(actor, Role.OPERATOR, Role.ORGANIZER)
    found = _find(session, heard, now)
    said = found.revealed
    _record(session, "look_up_reference", found, actor)
    return ReferenceFound(
        reference=said.reference,
        stage=said.stage,
        day=found.day,
        advice=advice(said.stage, said.reasons),
    )


def number_to_call_back(
    session: Session, reference: str, *, actor: Actor, now: datetime
) -> str | None:
    """The roll's number for the IIN of a reference, to be called; logged. None if not on the roll."""
    require_writer(actor, Role.OPERATOR, Role.ORGANIZER)
    found = _find(session, reference, now)
    _record(session, "read_number_to_call_back", found, actor)
    return session.exec(
        select(Voter.mobile).where(
            col(Voter.primary_id) == found.primary_id, col(Voter.iin_digest) == found.iin_digest
        )
    ).one_or_none()


def reveal_reasons(
    session: Session, reference: str, *, actor: Actor, called_back: bool, now: datetime
) -> ReferenceRevealed:
    """Everything kept of a reference, after the operator called the roll's number back; logged.

    Refused as ``call_not_confirmed`` before: else a stranger with an IIN would learn from the
    hotline what the portal does not tell.
    """
    require_writer(actor, Role.OPERATOR, Role.ORGANIZER)
    if not called_back:
        raise Refused(VotingRefusal.CALL_NOT_CONFIRMED)
    found = _find(session, reference, now)
    _record(session, "reveal_rejection_reasons", found, actor)
    return found.revealed


def are_answered(session: Session, now: datetime) -> bool:
    """Whether the hotline still answers references, and what they name must be kept."""
    primary = active_primary(session)
    if primary is None or primary.timeline is None:
        return False
    return now < primary.timeline.publication + ANSWERED_AFTER_PUBLICATION


def _record(session: Session, act: str, found: _Reference, actor: Actor) -> None:
    record(session, act, author=actor.author, subject=f"reference:{found.revealed.reference}")


def _find(session: Session, heard: str, now: datetime) -> _Reference:
    reference = parse_reference(heard)
    if reference is None:
        raise Refused(VotingRefusal.REFERENCE_UNKNOWN)
    if not are_answered(session, now):
        raise Refused(VotingRefusal.REFERENCE_OVER)
    # Every road is asked every time, so that the time of an answer tells nothing either.
    roads = (
        _turned_away(session, reference),
        _waiting(session, reference),
        _unused(session, reference),
        _used(session, reference),
    )
    for found in roads:
        if found is not None:
            return found
    raise Refused(VotingRefusal.REFERENCE_UNKNOWN)


def _day(at: datetime) -> date:
    return at.astimezone(settings().zone).date()


def _turned_away(session: Session, reference: str) -> _Reference | None:
    row = session.exec(select(Rejection).where(col(Rejection.reference) == reference)).one_or_none()
    if row is None:
        return None
    return _Reference(
        ReferenceRevealed(
            reference=reference,
            stage=RejectionStage(row.stage),
            reasons=tuple(RejectionReason(reason) for reason in row.reasons.split(",")),
            at=row.at,
            place_code=row.place_code,
            iin_masked=row.iin_masked,
            mobile_masked=row.mobile_masked,
            address_short=row.address_short,
        ),
        _day(row.at),
        row.iin_digest,
        row.primary_id,
    )


def _waiting(session: Session, reference: str) -> _Reference | None:
    row = session.exec(
        select(SignInChallenge).where(
            col(SignInChallenge.reference) == reference, col(SignInChallenge.code_sent).is_(True)
        )
    ).one_or_none()
    if row is None:
        return None
    fate = CodeFate.USED if row.solved else CodeFate.OPEN
    return _sent(row, fate, row.created_at)


def _unused(session: Session, reference: str) -> _Reference | None:
    row = session.get(UnusedCode, reference)
    return None if row is None else _sent(row, CodeFate.UNUSED, row.at)


def _sent(row: SignInChallenge | UnusedCode, fate: CodeFate, at: datetime) -> _Reference:
    return _Reference(
        ReferenceRevealed(
            reference=row.reference,
            stage=RejectionStage.SIGN_IN,
            reasons=(),
            code=fate,
            at=at,
            place_code=row.place_code,
            iin_masked=row.iin_masked,
            mobile_masked=row.mobile_masked,
            address_short=row.address_short,
        ),
        _day(at),
        row.iin_digest,
        row.primary_id,
    )


def _used(session: Session, reference: str) -> _Reference | None:
    row = session.get(UsedCode, reference)
    if row is None:
        return None
    return _Reference(
        ReferenceRevealed(
            reference=reference,
            stage=RejectionStage.SIGN_IN,
            reasons=(),
            code=CodeFate.USED,
        ),
        row.day,
        row.iin_digest,
        row.primary_id,
    )
