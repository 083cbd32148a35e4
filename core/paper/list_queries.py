"""What screens show of paper lists: who stands on them, and how many that leaves waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from core.membership.models import Member
from core.membership.rules import Iin, full_name, normalise_name
from core.paper.models import (
    PaperList,
    PaperListRow,
)
from core.primary.models import Voter
from core.primary.rules import VoterStatus
from core.staff.models import Account


@dataclass(frozen=True, kw_only=True)
class PaperListView:
    """A paper list as a whole."""

    polling_place: str
    people: int
    released: int
    barred: int
    digest: str | None
    fixed_at: datetime | None
    proposed_by: str | None
    confirmed_by: str | None


@dataclass(frozen=True, kw_only=True)
class ListedVoter:
    """Somebody on a paper list. ``number`` is the printed row, None in a draft."""

    member_id: int
    number: int | None
    name: str
    iin: Iin
    branch: str
    is_barred: bool
    released_at: datetime | None


def people_on_lists(session: Session, primary_id: str) -> int:
    """People on fixed lists, released ones left out: they vote on paper, if they come."""
    people = select(func.sum(PaperList.people)).where(col(PaperList.primary_id) == primary_id)
    return int(session.exec(people).one() or 0)


def people_waiting(session: Session, primary_id: str) -> int:
    """People on fixed lists of places that have sent no protocol yet: turnout does not know them."""
    waiting = select(func.sum(PaperList.people)).where(
        col(PaperList.primary_id) == primary_id, col(PaperList.came).is_(None)
    )
    return int(session.exec(waiting).one() or 0)


def drafts(session: Session, primary_id: str) -> tuple[str, ...]:
    """The polling places (codes) whose lists have people on them and are not fixed."""
    return tuple(
        session.exec(
            select(PaperList.polling_place)
            .join(
                PaperListRow,
                (col(PaperListRow.primary_id) == col(PaperList.primary_id))
                & (col(PaperListRow.polling_place) == col(PaperList.polling_place)),
            )
            .where(col(PaperList.primary_id) == primary_id, col(PaperList.fixed_at).is_(None))
            .group_by(col(PaperList.polling_place))
            .order_by(col(PaperList.polling_place))
        ).all()
    )


def paper_list(session: Session, primary_id: str, code: str) -> PaperListView | None:
    """The list of a polling place, or None while nobody has begun it."""
    proposer, confirmer = aliased(Account), aliased(Account)
    found = session.exec(
        select(PaperList, proposer.name, confirmer.name)
        .join(proposer, col(proposer.id) == col(PaperList.proposed_by), isouter=True)
        .join(confirmer, col(confirmer.id) == col(PaperList.confirmed_by), isouter=True)
        .where(col(PaperList.primary_id) == primary_id, col(PaperList.polling_place) == code)
    ).one_or_none()
    if found is None:
        return None
    row, proposed_by, confirmed_by = found
    people, released, barred = session.exec(
        select(
            func.count(),
            func.count(col(PaperListRow.released_at)),
            func.sum(case((_can_vote(), 0), else_=1)),
        )
        .select_from(PaperListRow)
        .join(Voter, _same_voter())
        .where(col(PaperListRow.primary_id) == primary_id, col(PaperListRow.polling_place) == code)
    ).one()
    return PaperListView(
        polling_place=code,
        people=people,
        released=released,
        barred=int(barred or 0),
        digest=row.digest,
        fixed_at=row.fixed_at,
        proposed_by=proposed_by,
        confirmed_by=confirmed_by,
    )


def _can_vote() -> ColumnElement[bool]:
    return (col(Voter.status) == VoterStatus.ACTIVE.value) & col(Voter.reason_excluded).is_(None)


def _same_voter() -> ColumnElement[bool]:
    return (col(Voter.primary_id) == col(PaperListRow.primary_id)) & (
        col(Voter.iin_digest) == col(PaperListRow.iin_digest)
    )


def listed_voters(
    session: Session,
    primary_id: str,
    code: str,
    *,
    search: str = "",
    offset: int = 0,
    limit: int | None = 50,
) -> tuple[Sequence[ListedVoter], int]:
    """A page of the people of a list in the order of the sheets, and how many the search leaves.

    For organizers, who read the register anyway, and for the printed sheets.
    """
    chosen: list[ColumnElement[bool]] = [
        col(PaperListRow.primary_id) == primary_id,
        col(PaperListRow.polling_place) == code,
    ]
    if search.strip():
        folded = normalise_name(search)
        chosen.append(col(Member.search).contains(folded, autoescape=True))
    joined = (
        select(PaperListRow, Member, Voter.status)
        .join(Voter, _same_voter())
        .join(Member, col(Member.id) == col(Voter.member_id))
        .where(*chosen)
    )
    total = session.exec(select(func.count()).select_from(joined.subquery())).one()
    rows = session.exec(
        joined.order_by(col(PaperListRow.number), col(Member.search), col(PaperListRow.iin_digest))
        .offset(offset)
        .limit(limit)
    ).all()
    return tuple(
        ListedVoter(
            member_id=member.id or 0,
            number=row.number,
            name=full_name(member.last_name, member.first_name, member.middle_name),
            iin=Iin(member.iin),
            branch=member.branch,
            is_barred=status != VoterStatus.ACTIVE.value,
            released_at=row.released_at,
        )
        for row, member, status in rows
    ), total


def branches_of(session: Session, primary_id: str, place_code: str) -> dict[str, int]:
    """Branches in an area with how many of its voters belong to each."""
    return dict(
        session.exec(
            select(Member.branch, func.count())
            .join(Voter, col(Voter.member_id) == col(Member.id))
            .where(
                col(Voter.primary_id) == primary_id,
                col(Voter.place_code) == place_code,
                _can_vote(),
            )
            .group_by(col(Member.branch))
            .order_by(col(Member.branch))
        ).all()
    )
