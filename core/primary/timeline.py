"""Setting and moving the instants of a primary: each move is an act that the public can read."""

from datetime import datetime

from sqlmodel import Session

from core.audit import service as audit
from core.errors import Refused
from core.membership import service as membership
from core.primary.election import check_organizer, is_signed, locked_primary
from core.primary.models import Primary, RollSeal, TimelineAct
from core.primary.queries import timeline_of
from core.primary.rules import (
    INSTANTS,
    PrimaryRefusal,
    Timeline,
    TimelineActKind,
    changes,
    check_change,
    check_first_timeline,
    extended,
    published_earlier,
    published_later,
)
from core.staff import approvals
from core.staff import service as staff
from core.staff.approvals import Proposal
from core.staff.rules import ActKind, Actor


def set_timeline(
    session: Session,
    primary_id: str,
    timeline: Timeline,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Set the instants for the first time, or move those that are still ahead.

    The freeze is told how long it must last at least. Refused for instants that contradict each
    other, that are past or move to the past; the end of a running vote is moved by `extend_voting`,
    publication is brought forward by two people.
    """
    check_organizer(actor)
    primary = locked_primary(session, primary_id)
    before = timeline_of(primary)
    if before is None:
        check_first_timeline(timeline, now=now)
        staff.note_timeline_set(session, now)
    else:
        check_change(
            before,
            timeline,
            now=now,
            opened=now >= before.voting_opens and is_signed(session, primary_id),
            sealed=session.get(RollSeal, primary_id) is not None,
        )
    kind = TimelineActKind.SET if before is None else TimelineActKind.CHANGED
    _move(session, primary, timeline, kind, actor=actor, reason=reason, now=now)
    membership.set_freeze_floor(session, timeline.voting_closes, author=actor.author)


def extend_voting(
    session: Session,
    primary_id: str,
    *,
    actor: Actor,
    until: datetime,
    reason: str,
    now: datetime,
) -> None:
    """Extend the vote to ``until`` and, in the same act, the freeze by as much.

    Cut-off and the day of age stay. Refused past publication, which must be postponed first, and
    once the vote is over. Of two who extend at once to the same instant, one does.
    """
    check_organizer(actor)
    primary = locked_primary(session, primary_id)
    before = _set_before(primary)
    after = extended(before, until, now=now)
    _move(
        session,
        primary,
        after,
        TimelineActKind.VOTING_EXTENDED,
        actor=actor,
        reason=reason,
        now=now,
    )
    membership.shift_freeze_end(
        session,
        after.voting_closes - before.voting_closes,
        author=actor.author,
        reason=reason.strip(),
        now=now,
    )
    membership.set_freeze_floor(session, after.voting_closes, author=actor.author)


def postpone_publication(
    session: Session,
    primary_id: str,
    *,
    actor: Actor,
    to: datetime,
    reason: str,
    now: datetime,
) -> None:
    """Publish later than announced; refused once the instant is past."""
    check_organizer(actor)
    primary = locked_primary(session, primary_id)
    after = published_later(_set_before(primary), to, now=now)
    kind = TimelineActKind.PUBLICATION_POSTPONED
    _move(session, primary, after, kind, actor=actor, reason=reason, now=now)


def propose_earlier_publication(
    session: Session,
    primary_id: str,
    *,
    actor: Actor,
    to: datetime,
    reason: str,
    now: datetime,
) -> Proposal:
    """Propose to publish at ``to``, earlier than announced; nothing moves until another agrees."""
    check_organizer(actor)
    published_earlier(_set_before(locked_primary(session, primary_id)), to, now=now)
    return approvals.propose(
        session,
        ActKind.BRING_PUBLICATION_FORWARD,
        actor=actor,
        payload={"primary_id": primary_id, "to": to.isoformat()},
        reason=reason,
        now=now,
    )


def bring_publication_forward(
    session: Session, proposal_id: int, *, actor: Actor, now: datetime
) -> None:
    """Bring publication forward as proposed, as the second person.

    The rules are asked again: voting may have been extended since.
    """
    check_organizer(actor)
    agreed = approvals.confirm(
        session, proposal_id, kind=ActKind.BRING_PUBLICATION_FORWARD, actor=actor, now=now
    )
    primary = locked_primary(session, agreed.payload["primary_id"])
    to = datetime.fromisoformat(agreed.payload["to"])
    _move(
        session,
        primary,
        published_earlier(_set_before(primary), to, now=now),
        TimelineActKind.PUBLICATION_BROUGHT_FORWARD,
        actor=actor,
        proposed_by=agreed.proposed_by,
        reason=agreed.reason,
        now=now,
    )


def _set_before(primary: Primary) -> Timeline:
    timeline = timeline_of(primary)
    if timeline is None:
        raise Refused(PrimaryRefusal.NO_TIMELINE)
    return timeline


def _move(
    session: Session,
    primary: Primary,
    after: Timeline,
    kind: TimelineActKind,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
    proposed_by: int | None = None,
) -> None:
    if not reason.strip():
        raise Refused(PrimaryRefusal.REASON_MISSING)
    moved = changes(timeline_of(primary), after)
    instants = {name: getattr(after, name) for name in INSTANTS}
    for name, instant in instants.items():
        setattr(primary, name, instant)
    session.add(primary)
    session.add(
        TimelineAct(
            primary_id=primary.id,
            kind=kind.value,
            reason=reason.strip(),
            at=now,
            author_id=actor.account_id if proposed_by is None else proposed_by,
            confirmed_by=None if proposed_by is None else actor.account_id,
            **instants,
        )
    )
    session.flush()
    audit.record(
        session,
        f"timeline_{kind.value}",
        author=actor.author,
        subject=f"primary:{primary.id}",
        details={change.instant.value: change.after.isoformat() for change in moved},
    )
