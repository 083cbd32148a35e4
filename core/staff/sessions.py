"""Sessions of signed-in accounts: opened, resolved at every run, revoked."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import update
from sqlmodel import Session, col, select

from core.staff.models import Account, RoleGrant, StaffSession
from core.staff.rules import Actor, Grant, Office, Role

IDLE_LIMIT: Final = timedelta(minutes=30)
ABSOLUTE_LIMIT: Final = timedelta(hours=12)
_TOUCH_EVERY: Final = timedelta(minutes=1)


def token_hash(token: str) -> bytes:
    """What the database keeps of a token: a fast hash is enough for 256 random bits."""
    return sha256(token.encode()).digest()


def open_session(
    session: Session, account_id: int, *, now: datetime, read_only: bool = False
) -> str:
    """Open a session for an account; gives the token for its cookie, shown only here."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffSession(
            account_id=account_id,
            token_hash=token_hash(token),
            created_at=now,
            last_active_at=now,
            expires_at=now + ABSOLUTE_LIMIT,
            read_only=read_only,
        )
    )
    session.flush()
    return token


def resolve(session: Session, token: str | None, *, now: datetime) -> Actor | None:
    """Who a token stands for at this moment; None if nobody.

    A session ends by sign-out, by idling, by its absolute limit, and at once when its account is
    disabled: the rows decide at every run, never what a browser or a script remembers.
    """
    if not token:
        return None
    row = session.exec(
        select(StaffSession, Account)
        .join(Account, col(Account.id) == col(StaffSession.account_id))
        .where(col(StaffSession.token_hash) == token_hash(token))
    ).one_or_none()
    if row is None:
        return None
    signed_in, account = row
    idle = not signed_in.read_only and now - signed_in.last_active_at > IDLE_LIMIT
    if signed_in.revoked_at or account.disabled_at or now >= signed_in.expires_at or idle:
        return None
    return actor_of(session, account, session_id=signed_in.id, read_only=signed_in.read_only)


def actor_of(
    session: Session, account: Account, *, session_id: int | None = None, read_only: bool = False
) -> Actor:
    """The account as an actor, with the grants it holds now."""
    assert account.id is not None
    held = session.exec(select(RoleGrant).where(col(RoleGrant.account_id) == account.id)).all()
    grants = frozenset(
        Grant(
            Role(grant.role),
            grant.place_code,
            Office(grant.office) if grant.office else None,
            grant.branch,
        )
        for grant in held
    )
    return Actor(
        account_id=account.id,
        login=account.login,
        name=account.name,
        grants=grants,
        locale=account.locale,
        session_id=session_id,
        read_only=read_only,
    )


def touch(session: Session, session_id: int, *, now: datetime) -> None:
    """Note activity of a person (never of an automatic rerun), at most once a minute."""
    session.execute(
        update(StaffSession)
        .where(
            col(StaffSession.id) == session_id,
            col(StaffSession.last_active_at) < now - _TOUCH_EVERY,
        )
        .values(last_active_at=now)
    )


def revoke(session: Session, session_id: int, *, now: datetime) -> None:
    """End one session."""
    session.execute(
        update(StaffSession)
        .where(col(StaffSession.id) == session_id, col(StaffSession.revoked_at).is_(None))
        .values(revoked_at=now)
    )


def revoke_all(session: Session, account_id: int, *, now: datetime) -> None:
    """End every session of an account: at a new password, a changed role, a disabling."""
    session.execute(
        update(StaffSession)
        .where(col(StaffSession.account_id) == account_id, col(StaffSession.revoked_at).is_(None))
        .values(revoked_at=now)
    )
