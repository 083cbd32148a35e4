"""What screens show of clerks: their posts, and the desk at which they mark voters."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from core import places
from core.i18n import current_locale
from core.paper.clerks import place_of_clerk
from core.paper.marks import LookUpView, last_look_up
from core.paper.models import (
    ClerkPost,
    PaperLookUp,
    PaperMark,
)
from core.paper.queries import PollingPlaceView, counted, view_of
from core.paper.rules import Answer
from core.primary.models import Contest
from core.primary.queries import PrimaryView
from core.staff.models import Account, RoleGrant
from core.staff.rules import Actor, Grant, Role


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
    return counted(session, PaperMark, primary_id, [code]).get(code, 0)
