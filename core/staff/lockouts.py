"""Failed sign-ins, counted for a login (known or not) and for an address."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from core.database import is_sqlite
from core.keyring import hmac_digest
from core.staff.models import Lockout
from core.staff.rules import address_key, fold_login

WINDOW: Final = timedelta(minutes=15)
LOCKED_FOR: Final = timedelta(minutes=15)
LOGIN_LIMIT: Final = 6
ADDRESS_LIMIT: Final = 30


def _login_key(login: str) -> bytes:
    # A name that no account has locks like one that exists: a lock tells a stranger nothing.
    return hmac_digest("lockout", f"login:{fold_login(login)}".encode())


def _address_key(address: str | None) -> bytes:
    return hmac_digest("lockout", f"address:{address_key(address)}".encode())


def locked_until(
    session: Session, *, login: str, address: str | None, now: datetime
) -> datetime | None:
    """Until when nobody may try this login, or from this address; None if somebody may."""
    keys = [_login_key(login), _address_key(address)]
    rows = session.exec(select(Lockout).where(col(Lockout.key).in_(keys))).all()
    ends = [row.locked_until for row in rows if row.locked_until and row.locked_until > now]
    return max(ends, default=None)


def note_failure(
    session: Session, *, login: str, address: str | None, now: datetime
) -> datetime | None:
    """Count a wrong password or code; gives the end of the lock that this failure began."""
    begun = [
        _count(session, _login_key(login), LOGIN_LIMIT, now),
        _count(session, _address_key(address), ADDRESS_LIMIT, now),
    ]
    return max((end for end in begun if end), default=None)


def _count(session: Session, key: bytes, limit: int, now: datetime) -> datetime | None:
    # First a row that is there for certain, then its lock: tries sent side by side all count.
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    fresh = {"key": key, "failures": 0, "window_started_at": now}
    session.execute(insert(Lockout).values(fresh).on_conflict_do_nothing())
    statement = select(Lockout).where(col(Lockout.key) == key).with_for_update()
    row = session.exec(statement.execution_options(populate_existing=True)).one()
    if now - row.window_started_at > WINDOW:
        row.failures, row.window_started_at, row.locked_until = 0, now, None
    row.failures += 1
    if row.failures >= limit:
        row.locked_until = now + LOCKED_FOR
    session.add(row)
    session.flush()
    return row.locked_until


def note_success(session: Session, *, login: str) -> None:
    """Forget a login's failures; an address keeps its own, or one account would wash the rest."""
    forget(session, [_login_key(login)])


def forget(session: Session, keys: Iterable[bytes]) -> None:
    """Remove counts."""
    session.execute(delete(Lockout).where(col(Lockout.key).in_(list(keys))))


def clear_old(session: Session, *, now: datetime) -> None:
    """Remove counts whose window and lock are both over."""
    session.execute(
        delete(Lockout).where(
            col(Lockout.window_started_at) < now - WINDOW - LOCKED_FOR,
        )
    )
