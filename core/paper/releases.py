"""IINs set free again: released from a list, or from a mistaken mark. Two people, and listed.

One of the two is always an organizer, who was not made by the other; the public list says when,
where and on what ground, and of whom nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.paper.clerks import place_of_clerk
from core.paper.models import (
    PaperList,
    PaperListRow,
    PaperLookUp,
    PaperMark,
    PaperRelease,
    PollingPlace,
)
from core.paper.polling_places import hours_of, locked_place
from core.paper.rules import PaperRefusal, ReleaseGround, ReleaseKind, check_ground
from core.primary import queries as primaries
from core.settings import settings
from core.staff import approvals
from core.staff.approvals import Proposal
from core.staff.rules import ActKind, Actor, Role, StaffRefusal, require_writer
from core.voting.rules import Channel, ClaimKind
from core.voting.tally import Tally
from core.voting.votes import votes_on


@dataclass(frozen=True, kw_only=True)
class ReleaseTerms:
    """What is proposed, as it stands in the proposal. ``number``: row of a list, or look-up of a mark."""

    primary_id: str
    polling_place: str
    number: int
    ground: ReleaseGround

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "ReleaseTerms":
        """The terms inside a proposal."""
        return cls(
            primary_id=payload["primary_id"],
            polling_place=payload["polling_place"],
            number=payload["number"],
            ground=ReleaseGround(payload["ground"]),
        )


def propose_release(
    session: Session,
    primary_id: str,
    polling_place: str,
    number: int,
    *,
    actor: Actor,
    ground: ReleaseGround,
    note: str,
    row_is_struck: bool,
    now: datetime,
) -> Proposal:
    """Propose to let somebody on a fixed list vote elsewhere; ``number`` is the printed row.

    Once the place has opened, it alone knows whether the person has come: it must have struck the
    row out (by a call) before. Refused as ``row_not_struck`` otherwise.
    """
    place = locked_place(session, primary_id, polling_place)
    require_writer(actor, Role.ORGANIZER, place=place.place_code)
    check_ground(ReleaseKind.RELEASED_FROM_LIST, ground)
    _listed_row(session, place, number, now)
    if now >= hours_of(place).begin(settings().zone) and not row_is_struck:
        raise Refused(PaperRefusal.ROW_NOT_STRUCK, row=number)
    return _propose(
        session, ActKind.RELEASE_FROM_PAPER_LIST, place, number, ground, note, actor, now
    )


def confirm_release(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Release somebody from a list as the second person: the IIN is free at once."""
    kind = ActKind.RELEASE_FROM_PAPER_LIST
    terms = _terms(session, proposal_id, kind)
    place = locked_place(session, terms.primary_id, terms.polling_place)
    require_writer(actor, Role.ORGANIZER, place=place.place_code)
    row = _listed_row(session, place, terms.number, now)
    row.released_at = now
    session.add(row)
    paper_list = session.get(PaperList, (place.primary_id, place.code))
    assert paper_list is not None, "a row stands on a list"
    paper_list.people -= 1
    session.add(paper_list)
    digest = bytes(row.iin_digest)
    _free(session, place, digest)
    agreed = approvals.confirm(session, proposal_id, kind=kind, actor=actor, now=now)
    _list(session, digest, ReleaseKind.RELEASED_FROM_LIST, terms, agreed, actor=actor, now=now)


def _listed_row(session: Session, place: PollingPlace, number: int, now: datetime) -> PaperListRow:
    primary = primaries.require_primary(session)
    if primary.timeline is None or now >= primary.timeline.voting_closes:
        raise Refused(PaperRefusal.VOTING_ENDED)
    paper_list = session.get(PaperList, (place.primary_id, place.code))
    if paper_list is None or paper_list.fixed_at is None:
        raise Refused(PaperRefusal.LIST_NOT_FIXED)
    row = session.exec(
        select(PaperListRow)
        .where(
            col(PaperListRow.primary_id) == place.primary_id,
            col(PaperListRow.polling_place) == place.code,
            col(PaperListRow.number) == number,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise Refused(PaperRefusal.UNKNOWN_ROW, row=number)
    if row.released_at is not None:
        raise Refused(PaperRefusal.RELEASED_ALREADY, at=row.released_at)
    return row


def propose_undo(
    session: Session,
    mark_id: int,
    *,
    actor: Actor,
    ground: ReleaseGround,
    note: str,
    now: datetime,
) -> Proposal:
    """Propose to undo a mistaken mark, by the clerk of the place or an organizer.

    ``mark_id`` is the look-up by which it was made. Refused once the place's protocol is sealed.
    """
    found = _mark(session, mark_id)
    place = locked_place(session, found.primary_id, found.polling_place)
    own = place_of_clerk(session, place.primary_id, actor)
    if own is None or own.code != place.code:
        require_writer(actor, Role.ORGANIZER, place=place.place_code)
    check_ground(ReleaseKind.MARK_UNDONE, ground)
    _check_unsettled(place)
    return _propose(session, ActKind.UNDO_PAPER_MARK, place, mark_id, ground, note, actor, now)


def confirm_undo(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Undo a mark as the second person, an organizer: the voter can vote again, turnout goes back."""
    kind = ActKind.UNDO_PAPER_MARK
    terms = _terms(session, proposal_id, kind)
    place = locked_place(session, terms.primary_id, terms.polling_place)
    require_writer(actor, Role.ORGANIZER, place=place.place_code)
    _check_unsettled(place)
    found = _mark(session, terms.number)
    digest, marked_at = bytes(found.iin_digest), found.at
    session.delete(found)
    session.flush()
    _free(session, place, digest)
    tally = Tally(place.primary_id)
    # Taken back where it was counted: the hour of the mark had one vote less than it seemed.
    tally.vote(place.place_code, marked_at, Channel.PAPER, votes=-1)
    tally.write(session.connection())
    agreed = approvals.confirm(session, proposal_id, kind=kind, actor=actor, now=now)
    _list(session, digest, ReleaseKind.MARK_UNDONE, terms, agreed, actor=actor, now=now)


def _terms(session: Session, proposal_id: int, kind: ActKind) -> ReleaseTerms:
    """What was proposed, read before it is confirmed.

    The audit log, at which all acts of staff meet, is written last: a clerk's mark holds the
    turnout counter while it waits for the log, and must not meet an undoing that does the reverse.
    """
    proposed = approvals.proposal(session, proposal_id)
    if proposed.kind is not kind:
        raise Refused(StaffRefusal.UNKNOWN_PROPOSAL)
    return ReleaseTerms.of(proposed.payload)


def _mark(session: Session, mark_id: int) -> PaperMark:
    found = session.exec(
        select(PaperMark)
        .where(col(PaperMark.look_up_id) == mark_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        was_there = session.get(PaperLookUp, mark_id) is not None
        raise Refused(PaperRefusal.MARK_UNDONE if was_there else PaperRefusal.UNKNOWN_MARK)
    return found


def _check_unsettled(place: PollingPlace) -> None:
    if place.settled_at is not None:
        raise Refused(PaperRefusal.SETTLED, at=place.settled_at)


def _propose(  # noqa: PLR0917 - a private hand-over
    session: Session,
    kind: ActKind,
    place: PollingPlace,
    number: int,
    ground: ReleaseGround,
    note: str,
    actor: Actor,
    now: datetime,
) -> Proposal:
    return approvals.propose(
        session,
        kind,
        actor=actor,
        payload={
            "primary_id": place.primary_id,
            "polling_place": place.code,
            "number": number,
            "ground": ground.value,
        },
        reason=note,
        now=now,
    )


def _free(session: Session, place: PollingPlace, digest: bytes) -> None:
    votes_on(session.connection(), place.primary_id).remove_claims([(ClaimKind.IIN.value, digest)])


def _list(
    session: Session,
    digest: bytes,
    kind: ReleaseKind,
    terms: ReleaseTerms,
    agreed: Proposal,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    session.add(
        PaperRelease(
            primary_id=terms.primary_id,
            polling_place=terms.polling_place,
            kind=kind.value,
            ground=terms.ground.value,
            note=agreed.reason,
            iin_digest=digest,
            proposed_by=agreed.proposed_by,
            confirmed_by=actor.account_id,
            at=now,
        )
    )
    session.flush()
    audit.record(
        session,
        kind.value,
        author=actor.author,
        subject=f"polling_place:{terms.polling_place}",
        details={
            "number": terms.number,
            "ground": terms.ground.value,
            "proposed_by": agreed.proposed_by,
        },
    )
