"""What screens show of polling places. Names of voters stand on the paper lists and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, or_, select

from core import places
from core.i18n import current_locale
from core.membership.models import Member
from core.membership.rules import Iin, full_name, normalise_name
from core.paper.clerks import place_of_clerk
from core.paper.marks import LookUpView, last_look_up
from core.paper.models import (
    ClerkPost,
    PaperList,
    PaperListRow,
    PaperLookUp,
    PaperMark,
    PaperRelease,
    PollingPlace,
)
from core.paper.polling_places import hours_of
from core.paper.rules import Answer, Hours, PollingPlaceKind, ReleaseGround, ReleaseKind
from core.primary.models import Contest, Voter
from core.primary.queries import PrimaryView
from core.primary.rules import VoterStatus
from core.settings import settings
from core.staff.models import Account, RoleGrant
from core.staff.rules import Actor, Grant, Role
from core.voting.models import Claim, Rejection
from core.voting.rules import Channel, ClaimKind


@dataclass(frozen=True, kw_only=True)
class PollingPlaceView:
    """A polling place with its hours; ``names`` are by locale."""

    code: str
    names: Mapping[str, str]
    place_code: str
    address: str
    kind: PollingPlaceKind
    hours: Hours
    settled_at: datetime | None

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.names[current_locale()]

    @property
    def is_connected(self) -> bool:
        """Whether voters are marked at once."""
        return self.kind is PollingPlaceKind.CONNECTED

    def is_open(self, now: datetime) -> bool:
        """Whether its hours run; whether the vote does is asked of the primary."""
        return self.hours.are_open(now, settings().zone)


@dataclass(frozen=True, kw_only=True)
class PollingPlaceLine(PollingPlaceView):
    """A line of the list: ``listed`` are people on its paper list, released ones left out."""

    clerks: int
    marked: int
    listed: int
    list_fixed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All polling places together. ``drafts`` are lists that nobody has fixed yet."""

    connected: int
    unconnected: int
    without_clerks: int
    marked: int
    lists: int
    drafts: int
    on_lists: int
    without_list: int


@dataclass(frozen=True, kw_only=True)
class ClerkView:
    """A clerk at a polling place, with what the log says: ``misses`` are look-ups that marked nobody."""

    account_id: int
    name: str
    login: str
    assigned_at: datetime
    look_ups: int
    misses: int
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ClerkDesk:
    """What stands on a clerk's screen: the place, what is handed out there, the last look-up."""

    place: PollingPlaceView
    is_open: bool
    """Whether the vote and the hours of the place run."""
    marked: int
    ballots: tuple[str, ...]
    last: LookUpView | None
    hotline: str


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


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """A release as the public may read it: nothing about the person, and not the staff's own words."""

    at: datetime
    polling_place: str
    place_name: str
    kind: ReleaseKind
    ground: ReleaseGround


def _view_facts(row: PollingPlace) -> dict[str, Any]:
    return {
        "code": row.code,
        "names": {"ru": row.name_ru, "kk": row.name_kk, "en": row.name_en},
        "place_code": row.place_code,
        "address": row.address,
        "kind": PollingPlaceKind(row.kind),
        "hours": hours_of(row),
        "settled_at": row.settled_at,
    }


def view_of(row: PollingPlace) -> PollingPlaceView:
    """A polling place as screens show it."""
    return PollingPlaceView(**_view_facts(row))


def polling_place(session: Session, primary_id: str, code: str) -> PollingPlaceView | None:
    """One polling place."""
    row = session.get(PollingPlace, (primary_id, code))
    return None if row is None else view_of(row)


def every_polling_place(session: Session, primary_id: str) -> tuple[PollingPlaceView, ...]:
    """All of them by area and code: what the public may know of each."""
    rows = session.exec(
        select(PollingPlace)
        .where(col(PollingPlace.primary_id) == primary_id)
        .order_by(col(PollingPlace.place_code), col(PollingPlace.code))
    )
    return tuple(view_of(row) for row in rows)


def polling_places(
    session: Session,
    primary_id: str,
    *,
    search: str = "",
    kind: PollingPlaceKind | None = None,
    area: str | None = None,
    offset: int = 0,
    limit: int | None = 50,
) -> tuple[Sequence[PollingPlaceLine], int]:
    """A page of polling places by area and code, and how many the filters leave in all."""
    chosen: list[ColumnElement[bool]] = [col(PollingPlace.primary_id) == primary_id]
    if kind:
        chosen.append(col(PollingPlace.kind) == kind.value)
    if area:
        chosen.append(col(PollingPlace.place_code).in_(within(area)))
    if search.strip():
        text = search.strip()
        columns = (PollingPlace.name_ru, PollingPlace.name_kk, PollingPlace.address)
        # Lower case is not asked of SQLite, which knows Latin letters only: names match as typed.
        chosen.append(
            or_(
                col(PollingPlace.code).contains(text.upper(), autoescape=True),
                *(col(column).contains(text, autoescape=True) for column in columns),
                *(col(column).contains(text.capitalize(), autoescape=True) for column in columns),
            )
        )
    total = session.exec(select(func.count()).select_from(PollingPlace).where(*chosen)).one()
    rows = session.exec(
        select(PollingPlace, PaperList.fixed_at)
        .join(
            PaperList,
            (col(PaperList.primary_id) == col(PollingPlace.primary_id))
            & (col(PaperList.polling_place) == col(PollingPlace.code)),
            isouter=True,
        )
        .where(*chosen)
        .order_by(col(PollingPlace.place_code), col(PollingPlace.code))
        .offset(offset)
        .limit(limit)
    ).all()
    codes = [row.code for row, _fixed_at in rows]
    clerks = _counted(session, ClerkPost, primary_id, codes)
    marked = _counted(session, PaperMark, primary_id, codes)
    listed = _counted(
        session, PaperListRow, primary_id, codes, col(PaperListRow.released_at).is_(None)
    )
    return tuple(
        PollingPlaceLine(
            **_view_facts(row),
            clerks=clerks.get(row.code, 0),
            marked=marked.get(row.code, 0),
            listed=listed.get(row.code, 0),
            list_fixed_at=fixed_at,
        )
        for row, fixed_at in rows
    ), total


def within(area: str) -> list[str]:
    """A unit and every unit inside it."""
    return [area, *(code for unit in places.children(area) for code in within(unit.code))]


def _counted(
    session: Session,
    table: Any,
    primary_id: str,
    codes: Sequence[str],
    *more: ColumnElement[bool],
) -> dict[str, int]:
    return dict(
        session.exec(
            select(table.polling_place, func.count())
            .where(table.primary_id == primary_id, table.polling_place.in_(codes), *more)
            .group_by(table.polling_place)
        ).all()
    )


def totals(session: Session, primary_id: str) -> Totals:
    """All polling places together."""
    kinds = dict(
        session.exec(
            select(PollingPlace.kind, func.count())
            .where(col(PollingPlace.primary_id) == primary_id)
            .group_by(col(PollingPlace.kind))
        ).all()
    )
    lists = dict(
        session.exec(
            select(PaperList.polling_place, PaperList.fixed_at).where(
                col(PaperList.primary_id) == primary_id
            )
        ).all()
    )
    served = session.exec(
        select(func.count(func.distinct(ClerkPost.polling_place))).where(
            col(ClerkPost.primary_id) == primary_id
        )
    ).one()
    marked = session.exec(
        select(func.count()).select_from(PaperMark).where(col(PaperMark.primary_id) == primary_id)
    ).one()
    unconnected = kinds.get(PollingPlaceKind.UNCONNECTED.value, 0)
    fixed = sum(at is not None for at in lists.values())
    return Totals(
        connected=kinds.get(PollingPlaceKind.CONNECTED.value, 0),
        unconnected=unconnected,
        without_clerks=sum(kinds.values()) - served,
        marked=marked,
        lists=fixed,
        drafts=len(lists) - fixed,
        on_lists=people_on_lists(session, primary_id),
        without_list=unconnected - fixed,
    )


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


def clerks(session: Session, primary_id: str, code: str) -> tuple[ClerkView, ...]:
    """Who works at a polling place, and how often each asked in vain."""
    asked = func.count(col(PaperLookUp.id))
    missed = func.sum(case((col(PaperLookUp.outcome) == Answer.MARKED.value, 0), else_=1))
    rows = session.exec(
        select(ClerkPost, Account, asked, missed, func.max(PaperLookUp.at))  # type: ignore[call-overload]  # five columns
        .join(Account, col(Account.id) == col(ClerkPost.account_id))
        .join(
            PaperLookUp,
            (col(PaperLookUp.account_id) == col(ClerkPost.account_id))
            & (col(PaperLookUp.primary_id) == col(ClerkPost.primary_id)),
            isouter=True,
        )
        .where(col(ClerkPost.primary_id) == primary_id, col(ClerkPost.polling_place) == code)
        .group_by(col(ClerkPost.primary_id), col(ClerkPost.account_id), col(Account.id))
        .order_by(col(Account.name))
    ).all()
    return tuple(
        ClerkView(
            account_id=post.account_id,
            name=account.name,
            login=account.login,
            assigned_at=post.assigned_at,
            look_ups=asked,
            misses=int(missed) if asked else 0,
            last_at=last_at,
        )
        for post, account, asked, missed, last_at in rows
    )


def free_clerks(session: Session, primary_id: str, place_code: str) -> dict[int, str]:
    """Clerks of an area (and of what lies around it) who have no post yet, by account."""
    rows = session.exec(
        select(Account.id, Account.name, Account.login, RoleGrant.place_code)
        .join(RoleGrant, col(RoleGrant.account_id) == col(Account.id))
        .join(
            ClerkPost,
            (col(ClerkPost.account_id) == col(Account.id))
            & (col(ClerkPost.primary_id) == primary_id),
            isouter=True,
        )
        .where(
            col(RoleGrant.role) == Role.CLERK.value,
            col(Account.disabled_at).is_(None),
            col(ClerkPost.account_id).is_(None),
        )
        .order_by(col(Account.name))
    ).all()
    return {
        account_id: f"{name} ({login})"
        for account_id, name, login, area in rows
        if account_id is not None and Grant(Role.CLERK, area).covers(place_code)
    }


def desk_of(
    session: Session, primary: PrimaryView, actor: Actor, now: datetime
) -> ClerkDesk | None:
    """The desk of a clerk; None without a post."""
    row = place_of_clerk(session, primary.id, actor)
    if row is None:
        return None
    place = view_of(row)
    return ClerkDesk(
        place=place,
        is_open=primary.voting_open(now) and place.is_open(now),
        marked=marked_at(session, primary.id, place.code),
        ballots=ballots_at(session, primary.id, place.place_code),
        last=last_look_up(session, actor, now=now),
        hotline=primary.hotline,
    )


def ballots_at(session: Session, primary_id: str, place_code: str) -> tuple[str, ...]:
    """The titles of the ballots that every voter of an area gets, national ones first."""
    around = [unit.code for unit in places.ancestors(place_code)]
    rows = session.exec(
        select(Contest).where(
            col(Contest.primary_id) == primary_id,
            col(Contest.place_code).is_(None) | col(Contest.place_code).in_(around),
        )
    ).all()
    ordered = sorted(rows, key=lambda row: (row.place_code is not None, row.id))
    return tuple(str(getattr(row, f"title_{current_locale()}")) for row in ordered)


def marked_at(session: Session, primary_id: str, code: str) -> int:
    """How many voters a polling place has marked."""
    return _counted(session, PaperMark, primary_id, [code]).get(code, 0)


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


def releases(session: Session, primary_id: str, *, limit: int = 200) -> tuple[ReleaseView, ...]:
    """IINs that were set free again, newest first: what everybody may read."""
    rows = session.exec(
        select(PaperRelease, PollingPlace)
        .join(
            PollingPlace,
            (col(PollingPlace.primary_id) == col(PaperRelease.primary_id))
            & (col(PollingPlace.code) == col(PaperRelease.polling_place)),
        )
        .where(col(PaperRelease.primary_id) == primary_id)
        .order_by(col(PaperRelease.id).desc())
        .limit(limit)
    ).all()
    return tuple(
        ReleaseView(
            at=row.at,
            polling_place=row.polling_place,
            place_name=view_of(place).name,
            kind=ReleaseKind(row.kind),
            ground=ReleaseGround(row.ground),
        )
        for row, place in rows
    )


def place_of_list(session: Session, reference: str) -> PollingPlaceView | None:
    """Where the IIN of a rejection votes by a paper list; None when it is on none.

    For an operator who has called the roll's number back: to anybody else it would tell that
    the IIN is on the roll.
    """
    row = session.exec(
        select(PollingPlace)
        .join(
            PaperListRow,
            (col(PaperListRow.primary_id) == col(PollingPlace.primary_id))
            & (col(PaperListRow.polling_place) == col(PollingPlace.code)),
        )
        .join(
            Claim,
            (col(Claim.primary_id) == col(PaperListRow.primary_id))
            & (col(Claim.digest) == col(PaperListRow.iin_digest)),
        )
        .join(
            Rejection,
            (col(Rejection.primary_id) == col(Claim.primary_id))
            & (col(Rejection.iin_digest) == col(Claim.digest)),
        )
        .where(
            col(Rejection.reference) == reference,
            col(Claim.kind) == ClaimKind.IIN.value,
            col(Claim.channel) == Channel.PAPER_LIST.value,
        )
    ).one_or_none()
    return None if row is None else view_of(row)
