"""Which clerk works where. A clerk marks voters, and enters a protocol, at one polling place only."""

from datetime import datetime

from sqlmodel import Session

from core.audit import service as audit
from core.errors import Refused
from core.paper.models import ClerkPost, PollingPlace
from core.paper.polling_places import locked_place
from core.paper.rules import PaperRefusal
from core.primary.election import locked_primary
from core.staff.queries import account
from core.staff.rules import Actor, Role, require_writer


def assign_clerk(
    session: Session,
    primary_id: str,
    account_id: int,
    polling_place: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Give a clerk a post; the account must hold the role for the area of the polling place.

    Refused as ``not_a_clerk_there``, or as ``clerk_elsewhere`` (facts: code) while the clerk has
    another post, which is ended first: nobody is moved without a trace.
    """
    locked_primary(session, primary_id)  # two who give one clerk a post take turns
    place = locked_place(session, primary_id, polling_place)
    require_writer(actor, Role.ORGANIZER, place=place.place_code)
    found = account(session, account_id)
    grants = found.grants if found and not found.is_disabled else frozenset()
    if not any(g.role is Role.CLERK and g.covers(place.place_code) for g in grants):
        raise Refused(PaperRefusal.NOT_A_CLERK_THERE)
    post = session.get(ClerkPost, (primary_id, account_id), with_for_update=True)
    if post is not None:
        if post.polling_place == polling_place:
            return
        raise Refused(PaperRefusal.CLERK_ELSEWHERE, code=post.polling_place)
    session.add(
        ClerkPost(
            primary_id=primary_id,
            account_id=account_id,
            polling_place=polling_place,
            assigned_at=now,
            assigned_by=actor.account_id,
        )
    )
    session.flush()
    _record(session, "assign_clerk", polling_place, account_id, actor)


def end_post(session: Session, primary_id: str, account_id: int, *, actor: Actor) -> None:
    """Take a clerk's post away, at once."""
    post = session.get(ClerkPost, (primary_id, account_id), with_for_update=True)
    if post is None:
        raise Refused(PaperRefusal.NO_POST)
    place = locked_place(session, primary_id, post.polling_place)
    require_writer(actor, Role.ORGANIZER, place=place.place_code)
    session.delete(post)
    session.flush()
    _record(session, "end_clerk_post", place.code, account_id, actor)


def _record(session: Session, act: str, polling_place: str, account_id: int, actor: Actor) -> None:
    audit.record(
        session,
        act,
        author=actor.author,
        subject=f"polling_place:{polling_place}",
        details={"account": account_id},
    )


def place_of_clerk(session: Session, primary_id: str, actor: Actor) -> PollingPlace | None:
    """Where a clerk works; None without a post, or when the role no longer covers the area."""
    post = session.get(ClerkPost, (primary_id, actor.account_id), populate_existing=True)
    if post is None:
        return None
    place = session.get(PollingPlace, (primary_id, post.polling_place), populate_existing=True)
    assert place is not None, "a foreign key keeps the place while it has a post"
    return place if actor.has(Role.CLERK, place=place.place_code) else None


def require_post(session: Session, primary_id: str, actor: Actor) -> PollingPlace:
    """Where a clerk works; refused as ``forbidden`` without the role, ``no_post`` without a post."""
    require_writer(actor, Role.CLERK)
    place = place_of_clerk(session, primary_id, actor)
    if place is None:
        raise Refused(PaperRefusal.NO_POST)
    return place
