"""What the staff, profile and health screens show of accounts."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from core.staff import second_factor, sessions
from core.staff.models import Account, AccountMaking, RoleGrant, StaffSession
from core.staff.rules import Grant, MakingKind, Office, Role


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """One account of the list."""

    id: int
    login: str
    name: str
    grants: frozenset[Grant]
    is_disabled: bool
    has_second_factor: bool
    password_is_temporary: bool
    effective_at: datetime
    last_active_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class MakingView:
    """Who had a hand in which account, when."""

    at: datetime
    kind: MakingKind
    login: str
    name: str
    maker: str


@dataclass(frozen=True, kw_only=True)
class SessionView:
    """A live session of an account."""

    id: int
    opened_at: datetime
    last_active_at: datetime
    expires_at: datetime
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class ProfileView:
    """What a holder sees of the own account."""

    login: str
    name: str
    locale: str
    has_second_factor: bool
    recovery_codes_left: int
    sessions: Sequence[SessionView]
    makings: Sequence[MakingView]


def accounts(
    session: Session,
    *,
    search: str = "",
    role: Role | None = None,
    with_disabled: bool = True,
    offset: int = 0,
    limit: int = 50,
) -> tuple[Sequence[AccountView], int]:
    """A page of accounts by name, and how many there are under these filters."""
    chosen = []
    if search.strip():
        # Lower case is made here: SQLite's own knows Latin letters only, so names match as typed.
        text = search.strip()
        chosen.append(
            or_(
                col(Account.login).contains(text.lower(), autoescape=True),
                col(Account.name).contains(text, autoescape=True),
                col(Account.name).contains(text.capitalize(), autoescape=True),
            )
        )
    if role:
        held = exists().where(
            col(RoleGrant.account_id) == col(Account.id), col(RoleGrant.role) == role.value
        )
        chosen.append(held)
    if not with_disabled:
        chosen.append(col(Account.disabled_at).is_(None))
    total = session.exec(select(func.count()).select_from(Account).where(*chosen)).one()
    rows = session.exec(
        select(Account)
        .where(*chosen)
        .order_by(col(Account.name), col(Account.id))
        .offset(offset)
        .limit(limit)
    ).all()
    ids = [row.id for row in rows if row.id is not None]
    grants, active = _grants_of(session, ids), _last_active(session, ids)
    return tuple(_view(row, grants, active) for row in rows), total


def account(session: Session, account_id: int) -> AccountView | None:
    """One account."""
    row = session.get(Account, account_id)
    if row is None:
        return None
    return _view(row, _grants_of(session, [account_id]), _last_active(session, [account_id]))


def account_id_of(session: Session, login: str) -> int | None:
    """The account with a login."""
    return session.exec(select(Account.id).where(col(Account.login) == login)).one_or_none()


def names(session: Session, account_ids: Sequence[int]) -> Mapping[int, str]:
    """Names by account: what the audit page writes in the place of numbers."""
    statement = select(Account.id, Account.name).where(col(Account.id).in_(account_ids))
    return {key: name for key, name in session.exec(statement).all() if key is not None}


def branches(session: Session, account_ids: Collection[int]) -> Mapping[int, frozenset[str]]:
    """The primary party organisations of accounts, as far as their grants name one."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    statement = select(RoleGrant.account_id, RoleGrant.branch).where(
        col(RoleGrant.account_id).in_(account_ids), col(RoleGrant.branch).is_not(None)
    )
    for account_id, branch in session.exec(statement).all():
        if branch:
            found[account_id].add(branch)
    return {account_id: frozenset(held) for account_id, held in found.items()}


def _view(
    row: Account,
    grants: Mapping[int, frozenset[Grant]],
    active: Mapping[int, datetime],
) -> AccountView:
    assert row.id is not None
    return AccountView(
        id=row.id,
        login=row.login,
        name=row.name,
        grants=grants.get(row.id, frozenset()),
        is_disabled=row.disabled_at is not None,
        has_second_factor=row.totp_secret is not None,
        password_is_temporary=row.password_is_temporary,
        effective_at=row.effective_at,
        last_active_at=active.get(row.id),
    )


def _grants_of(session: Session, ids: Sequence[int]) -> dict[int, frozenset[Grant]]:
    found: defaultdict[int, set[Grant]] = defaultdict(set)
    for row in session.exec(select(RoleGrant).where(col(RoleGrant.account_id).in_(ids))).all():
        office = Office(row.office) if row.office else None
        found[row.account_id].add(Grant(Role(row.role), row.place_code, office, row.branch))
    return {key: frozenset(grants) for key, grants in found.items()}


def _last_active(session: Session, ids: Sequence[int]) -> dict[int, datetime]:
    statement = (
        select(StaffSession.account_id, func.max(col(StaffSession.last_active_at)))
        .where(col(StaffSession.account_id).in_(ids))
        .group_by(col(StaffSession.account_id))
    )
    return dict(session.exec(statement).all())


def makings(
    session: Session, *, account_id: int | None = None, limit: int = 50
) -> tuple[MakingView, ...]:
    """Who created, reset or empowered which account, newest first."""
    maker = aliased(Account)
    statement = (
        select(AccountMaking, Account.login, Account.name, maker.name)
        .join(Account, col(Account.id) == col(AccountMaking.account_id))
        .join(maker, col(maker.id) == col(AccountMaking.maker_id))
        .order_by(col(AccountMaking.id).desc())
        .limit(limit)
    )
    if account_id is not None:
        statement = statement.where(col(AccountMaking.account_id) == account_id)
    return tuple(
        MakingView(at=row.at, kind=MakingKind(row.kind), login=login, name=name, maker=by)
        for row, login, name, by in session.exec(statement).all()
    )


def profile(session: Session, account_id: int, *, now: datetime) -> ProfileView:
    """The own account of its holder."""
    row = session.get(Account, account_id)
    assert row is not None
    return ProfileView(
        login=row.login,
        name=row.name,
        locale=row.locale,
        has_second_factor=row.totp_secret is not None,
        recovery_codes_left=second_factor.recovery_codes_left(session, account_id),
        sessions=live_sessions(session, account_id, now=now),
        makings=makings(session, account_id=account_id, limit=20),
    )


def live_sessions(session: Session, account_id: int, *, now: datetime) -> tuple[SessionView, ...]:
    """The sessions of an account that are open now, newest first."""
    rows = session.exec(
        select(StaffSession)
        .where(
            col(StaffSession.account_id) == account_id,
            col(StaffSession.revoked_at).is_(None),
            col(StaffSession.expires_at) > now,
            or_(
                col(StaffSession.read_only),
                col(StaffSession.last_active_at) > now - sessions.IDLE_LIMIT,
            ),
        )
        .order_by(col(StaffSession.id).desc())
    ).all()
    return tuple(
        SessionView(
            id=row.id or 0,
            opened_at=row.created_at,
            last_active_at=row.last_active_at,
            expires_at=row.expires_at,
            read_only=row.read_only,
        )
        for row in rows
    )


def live_session_count(session: Session, *, now: datetime) -> int:
    """How many sessions are open now."""
    statement = (
        select(func.count())
        .select_from(StaffSession)
        .where(
            col(StaffSession.revoked_at).is_(None),
            col(StaffSession.expires_at) > now,
            or_(
                col(StaffSession.read_only),
                col(StaffSession.last_active_at) > now - sessions.IDLE_LIMIT,
            ),
        )
    )
    return session.exec(statement).one()
