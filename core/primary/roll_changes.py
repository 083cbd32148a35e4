"""Single acts on the sealed roll, each by a decision of a commission, all of them listed."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from core.audit import service as audit
from core.errors import Refused
from core.i18n import _, use_locale
from core.membership.models import Member
from core.membership.rules import MemberStatus
from core.messaging import service as messaging
from core.messaging.rules import Purpose
from core.primary.digests import iin_digest
from core.primary.election import check_organizer, locked_primary
from core.primary.models import RollChange, RollCount, RollSeal, Voter
from core.primary.rules import (
    PrimaryRefusal,
    RollChangeKind,
    VoterStatus,
    exclusion,
    latest_birth,
)
from core.staff import approvals
from core.staff.approvals import Proposal
from core.staff.rules import ActKind, Actor, Office, Role, StaffRefusal

_OFFICERS = (Office.CHAIR, Office.SECRETARY)


def change_roll(
    session: Session,
    primary_id: str,
    kind: RollChangeKind,
    member_id: int,
    *,
    actor: Actor,
    decision: str,
    now: datetime,
) -> None:
    """Carry out a commission's decision on one voter: its chair or secretary, for its own place.

    A number is changed to the one the register has now; both numbers are told by SMS. A suspension
    never touches a ballot that was cast.
    """
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    member = _member(session, member_id)
    if not any(
        grant.role is Role.COMMISSIONER
        and grant.office in _OFFICERS
        and grant.covers(member.place_code)
        for grant in actor.grants
    ):
        raise Refused(StaffRefusal.FORBIDDEN)
    _change(session, primary_id, kind, member, decision, author=actor, now=now)


def propose_roll_change(
    session: Session,
    primary_id: str,
    kind: RollChangeKind,
    member_id: int,
    *,
    actor: Actor,
    decision: str,
    now: datetime,
) -> Proposal:
    """Enter a commission's decision at the centre; nothing changes until another agrees."""
    check_organizer(actor)
    if not decision.strip():
        raise Refused(PrimaryRefusal.DECISION_MISSING)
    _seal(session, primary_id)
    _member(session, member_id)
    return approvals.propose(
        session,
        ActKind.APPROVE_ROLL_CHANGE,
        actor=actor,
        payload={"primary_id": primary_id, "kind": kind.value, "member_id": member_id},
        reason=decision,
        now=now,
    )


def approve_roll_change(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Carry out the proposed change, as the second person."""
    check_organizer(actor)
    agreed = approvals.confirm(
        session, proposal_id, kind=ActKind.APPROVE_ROLL_CHANGE, actor=actor, now=now
    )
    _change(
        session,
        agreed.payload["primary_id"],
        RollChangeKind(agreed.payload["kind"]),
        _member(session, agreed.payload["member_id"]),
        agreed.reason,
        author=actor,
        proposed_by=agreed.proposed_by,
        now=now,
    )


def _member(session: Session, member_id: int) -> Member:
    member = session.get(Member, member_id)
    if member is None:
        raise Refused(PrimaryRefusal.UNKNOWN_MEMBER)
    return member


def _seal(session: Session, primary_id: str) -> RollSeal:
    seal = session.get(RollSeal, primary_id)
    if seal is None:
        raise Refused(PrimaryRefusal.ROLL_NOT_SEALED)
    return seal


def _change(
    session: Session,
    primary_id: str,
    kind: RollChangeKind,
    member: Member,
    decision: str,
    *,
    author: Actor,
    now: datetime,
    proposed_by: int | None = None,
) -> None:
    if not decision.strip():
        raise Refused(PrimaryRefusal.DECISION_MISSING)
    locked_primary(session, primary_id)
    seal = _seal(session, primary_id)
    assert member.id is not None
    voter = session.get(
        Voter,
        (primary_id, iin_digest(primary_id, member.iin)),
        populate_existing=True,
        with_for_update=True,
    )
    change = RollChange(
        primary_id=primary_id,
        kind=kind.value,
        member_id=member.id,
        place_code=voter.place_code if voter else member.place_code,
        decision=decision.strip(),
        at=now,
        author_id=author.account_id if proposed_by is None else proposed_by,
        confirmed_by=None if proposed_by is None else author.account_id,
    )
    session.add(change)
    session.flush()
    if kind is RollChangeKind.ADDED:
        _add(session, primary_id, voter, member, seal)
    elif voter is None or voter.reason_excluded is not None:
        raise Refused(PrimaryRefusal.NOT_ON_ROLL)
    elif kind is RollChangeKind.NUMBER_CHANGED:
        _change_number(session, voter, member, change, now)
    else:
        _suspend_or_restore(session, voter, kind)
    session.flush()
    audit.record(
        session,
        "change_roll",
        author=author.author,
        subject=f"primary:{primary_id}",
        details={"kind": kind.value, "change": change.id},
    )


def _add(
    session: Session, primary_id: str, voter: Voter | None, member: Member, seal: RollSeal
) -> None:
    if voter is not None and voter.reason_excluded is None:
        raise Refused(PrimaryRefusal.ON_ROLL_ALREADY)
    barred = exclusion(
        birth_date=member.birth_date,
        admitted_on=member.admitted_on,
        last_admitted=seal.last_admitted,
        born_by=latest_birth(seal.age_day),
    )
    if barred is not None or member.status != MemberStatus.ACTIVE.value:
        raise Refused(PrimaryRefusal.MEMBER_NOT_ELIGIBLE)
    assert member.id is not None
    added = voter or Voter(
        primary_id=primary_id,
        iin_digest=iin_digest(primary_id, member.iin),
        member_id=member.id,
        mobile=member.mobile,
        place_code=member.place_code,
        admitted_on=member.admitted_on,
    )
    added.reason_excluded = None
    added.mobile, added.place_code = member.mobile, member.place_code
    added.admitted_on = member.admitted_on
    session.add(added)
    _count(session, added, +1)


def _suspend_or_restore(session: Session, voter: Voter, kind: RollChangeKind) -> None:
    suspends = kind is RollChangeKind.SUSPENDED
    is_suspended = voter.status == VoterStatus.SUSPENDED.value
    if suspends and is_suspended:
        raise Refused(PrimaryRefusal.SUSPENDED_ALREADY)
    if not suspends and not is_suspended:
        raise Refused(PrimaryRefusal.NOT_SUSPENDED)
    voter.status = (VoterStatus.SUSPENDED if suspends else VoterStatus.ACTIVE).value
    session.add(voter)
    _count(session, voter, -1 if suspends else +1)


def _change_number(
    session: Session, voter: Voter, member: Member, change: RollChange, now: datetime
) -> None:
    old, new = voter.mobile, member.mobile
    if old == new:
        raise Refused(PrimaryRefusal.NUMBER_UNCHANGED)
    voter.mobile = new
    session.add(voter)
    for which, number in (("old", old), ("new", new)):
        messaging.queue_sms(
            session,
            to=number,
            text=_told(),
            purpose=Purpose.ROLL_CHANGE,
            idempotency_key=f"roll-change:{change.id}:{which}",
            now=now,
        )


def _told() -> str:
    """What is written to both numbers, in both languages: nobody knows which one is read."""
    lines = []
    for locale in ("kk", "ru"):
        with use_locale(locale):
            lines.append(
                _(
                    "The mobile number of a voter was changed on the voter roll. "
                    "If you did not ask for it, call the hotline."
                )
            )
    return "\n".join(lines)


def _count(session: Session, voter: Voter, by: int) -> None:
    changed = session.execute(
        update(RollCount)
        .where(
            col(RollCount.primary_id) == voter.primary_id,
            col(RollCount.place_code) == voter.place_code,
        )
        .values(voters=col(RollCount.voters) + by)
        .returning(col(RollCount.voters))
    ).scalar_one_or_none()
    if changed is None:
        session.add(RollCount(primary_id=voter.primary_id, place_code=voter.place_code, voters=by))
