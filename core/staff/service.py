"""Accounts: made by two people, given roles, reset, disabled; none of it by oneself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.audit.rules import Author
from core.errors import Refused
from core.settings import settings
from core.staff import approvals, passwords, second_factor, sessions
from core.staff.accounts import (
    AccountDraft,
    NewPassword,
    actor_by_id,
    audit_making,
    check_draft,
    check_not_last_administrator,
    effective_at,
    grants_as_payload,
    grants_from_payload,
    insert_account,
    note_makings,
    note_timeline_set,
    other_account,
    put_grants,
    spelled,
    tell_holder,
)
from core.staff.models import Account, RoleGrant
from core.staff.rules import (
    ActKind,
    Actor,
    Grant,
    MakingKind,
    Role,
    StaffRefusal,
    fold_login,
    needs_two_people,
    require,
)

__all__ = ["AccountDraft", "NewPassword", "note_timeline_set"]

_CONFIRMERS: Final = (Role.ADMINISTRATOR, Role.ORGANIZER)


def create_first_administrators(
    session: Session, *, now: datetime, logins: Sequence[str]
) -> tuple[NewPassword, ...]:
    """Two administrators, made by nobody and so independent of each other.

    Refused as ``administrators_exist`` when there is any account already.
    """
    if has_accounts(session):
        raise Refused(StaffRefusal.ADMINISTRATORS_EXIST)
    made = []
    for number, login in enumerate(logins, start=1):
        draft = AccountDraft(
            login=login,
            name=f"Администратор {number}",
            grants=frozenset({Grant(Role.ADMINISTRATOR)}),
        )
        account, password = insert_account(session, draft, makers=(), counts_from=now, now=now)
        assert account.id is not None
        made.append(NewPassword(account.id, login, password, now))
        audit.record(
            session,
            "create_first_administrator",
            author=Author.system(),
            subject=f"account:{account.id}",
        )
    return tuple(made)


def has_accounts(session: Session) -> bool:
    """Whether the installation has been given its first accounts."""
    return session.exec(select(func.count()).select_from(Account)).one() > 0


def create_account(
    session: Session, draft: AccountDraft, *, actor: Actor, now: datetime
) -> NewPassword:
    """Make an account that one administrator may make alone.

    Refused as ``two_people_needed`` for one that may approve, canvass or read cases.
    """
    _require_administrator(actor)
    if needs_two_people(draft.grants):
        raise Refused(StaffRefusal.TWO_PEOPLE_NEEDED)
    return _create(session, draft, (actor,), now)


def propose_account(
    session: Session, draft: AccountDraft, *, actor: Actor, reason: str, now: datetime
) -> approvals.Proposal:
    """Propose an account of weight: a second administrator or an organizer makes it exist."""
    _require_administrator(actor)
    check_draft(session, draft)
    return approvals.propose(
        session,
        ActKind.CREATE_ACCOUNT,
        actor=actor,
        payload=draft.as_payload(),
        reason=reason,
        now=now,
    )


def confirm_account(
    session: Session, proposal_id: int, *, actor: Actor, now: datetime
) -> NewPassword:
    """Make the proposed account, as the second person; gives its one-time password once."""
    confirmed = _confirmed(session, proposal_id, ActKind.CREATE_ACCOUNT, actor, now)
    draft = AccountDraft.from_payload(confirmed.payload)
    return _create(session, draft, _makers(session, confirmed, actor), now)


def _create(
    session: Session, draft: AccountDraft, makers: Sequence[Actor], now: datetime
) -> NewPassword:
    check_draft(session, draft)
    counts_from = effective_at(session, draft.grants, now)
    account, password = insert_account(
        session, draft, makers=makers, counts_from=counts_from, now=now
    )
    assert account.id is not None
    note_makings(session, account, makers, MakingKind.CREATED, now)
    audit_making(session, "create_account", account, makers, roles=spelled(draft.grants))
    tell_holder(session, account, MakingKind.CREATED, now)
    return NewPassword(account.id, account.login, password, counts_from)


def reset_account(
    session: Session, account_id: int, *, actor: Actor, reason: str, now: datetime
) -> NewPassword:
    """Give an account a new one-time password and take its second factor, alone.

    Refused as ``two_people_needed`` for an account that may approve, canvass or read cases.
    """
    _require_administrator(actor)
    account = other_account(session, account_id, actor)
    if needs_two_people(actor_by_id(session, account_id).grants):
        raise Refused(StaffRefusal.TWO_PEOPLE_NEEDED)
    if not reason.strip():
        raise Refused(StaffRefusal.REASON_MISSING)
    return _reset(session, account, (actor,), now)


def propose_reset(
    session: Session, account_id: int, *, actor: Actor, reason: str, now: datetime
) -> approvals.Proposal:
    """Propose to reset an account of weight; it goes on unchanged until a second person agrees."""
    _require_administrator(actor)
    account = other_account(session, account_id, actor)
    payload = {"account_id": account.id, "login": account.login, "name": account.name}
    return approvals.propose(
        session, ActKind.RESET_ACCOUNT, actor=actor, payload=payload, reason=reason, now=now
    )


def confirm_reset(
    session: Session, proposal_id: int, *, actor: Actor, now: datetime
) -> NewPassword:
    """Reset the account as the second person; gives its one-time password once."""
    confirmed = _confirmed(session, proposal_id, ActKind.RESET_ACCOUNT, actor, now)
    account = other_account(session, confirmed.payload["account_id"], actor)
    return _reset(session, account, _makers(session, confirmed, actor), now)


def _reset(
    session: Session, account: Account, makers: Sequence[Actor], now: datetime
) -> NewPassword:
    assert account.id is not None
    password = passwords.one_time_password()
    grants = actor_by_id(session, account.id).grants
    account.password_hash = passwords.hash_password(password)
    account.password_is_temporary = True
    account.effective_at = effective_at(session, grants, now)
    session.add(account)
    session.flush()
    second_factor.remove(session, account.id)
    sessions.revoke_all(session, account.id, now=now)
    note_makings(session, account, makers, MakingKind.RESET, now)
    audit_making(session, "reset_account", account, makers)
    tell_holder(session, account, MakingKind.RESET, now)
    return NewPassword(account.id, account.login, password, account.effective_at)


def change_grants(
    session: Session, account_id: int, grants: frozenset[Grant], *, actor: Actor, now: datetime
) -> None:
    """Put other roles in the place of an account's own; its sessions end.

    Refused as ``two_people_needed`` when a role that approves, canvasses or reads cases is added:
    else an account made alone could be given it afterwards.
    """
    _require_administrator(actor)
    account = other_account(session, account_id, actor)
    if needs_two_people(grants - actor_by_id(session, account_id).grants):
        raise Refused(StaffRefusal.TWO_PEOPLE_NEEDED)
    _change_grants(session, account, grants, (actor,), now)


def propose_grants(
    session: Session,
    account_id: int,
    grants: frozenset[Grant],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> approvals.Proposal:
    """Propose roles of weight for an account."""
    _require_administrator(actor)
    account = other_account(session, account_id, actor)
    if not grants:
        raise Refused(StaffRefusal.ROLES_MISSING)
    payload = {
        "account_id": account.id,
        "login": account.login,
        "name": account.name,
        "grants": grants_as_payload(grants),
    }
    return approvals.propose(
        session, ActKind.CHANGE_GRANTS, actor=actor, payload=payload, reason=reason, now=now
    )


def confirm_grants(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Give the proposed roles, as the second person."""
    confirmed = _confirmed(session, proposal_id, ActKind.CHANGE_GRANTS, actor, now)
    account = other_account(session, confirmed.payload["account_id"], actor)
    grants = grants_from_payload(confirmed.payload["grants"])
    _change_grants(session, account, grants, _makers(session, confirmed, actor), now)


def _change_grants(
    session: Session,
    account: Account,
    grants: frozenset[Grant],
    makers: Sequence[Actor],
    now: datetime,
) -> None:
    assert account.id is not None
    held = actor_by_id(session, account.id).grants
    if not grants:
        raise Refused(StaffRefusal.ROLES_MISSING)
    if any(grant.role is Role.ADMINISTRATOR for grant in held - grants):
        check_not_last_administrator(session, account.id)
    if needs_two_people(grants - held):
        account.effective_at = effective_at(session, grants, now)
        session.add(account)
        note_makings(session, account, makers, MakingKind.GRANTED, now)
    session.execute(delete(RoleGrant).where(col(RoleGrant.account_id) == account.id))
    put_grants(session, account, grants, granted_by=makers[0], now=now)
    sessions.revoke_all(session, account.id, now=now)
    audit_making(session, "change_grants", account, makers, roles=spelled(grants))
    tell_holder(session, account, MakingKind.GRANTED, now)


def disable_account(
    session: Session, account_id: int, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Close an account at once; its sessions end. One person may: harm is stopped by anybody."""
    _require_administrator(actor)
    account = other_account(session, account_id, actor)
    if not reason.strip():
        raise Refused(StaffRefusal.REASON_MISSING)
    check_not_last_administrator(session, account_id)
    account.disabled_at = now
    session.add(account)
    session.flush()
    sessions.revoke_all(session, account_id, now=now)
    audit_making(session, "disable_account", account, (actor,))


def enable_account(session: Session, account_id: int, *, actor: Actor, now: datetime) -> None:
    """Open a disabled account again, with the password and second factor it had."""
    _require_administrator(actor)
    account = other_account(session, account_id, actor)
    grants = actor_by_id(session, account_id).grants
    account.disabled_at = None
    account.effective_at = max(account.effective_at, effective_at(session, grants, now))
    session.add(account)
    session.flush()
    note_makings(session, account, (actor,), MakingKind.RESET, now)
    audit_making(session, "enable_account", account, (actor,))


def check_second_factor(session: Session, actor: Actor, code: str, now: datetime) -> None:
    """Refuse as ``second_factor_wrong`` unless ``code`` is the actor's, and not used before.

    Acts of weight ask for it again, so that a screen left unlocked is not enough.
    """
    second_factor.check_again(session, actor.account_id, code, now)


def add_rehearsal_account(
    session: Session, draft: AccountDraft, *, password: str, now: datetime
) -> int:
    """An account for a rehearsal with a known password, usable at once; gives its id.

    It signs in without a second factor but has one, for the acts that ask again (``otp LOGIN``
    shows its code). Refused as ``not_in_production``.
    """
    if settings().is_production:
        raise Refused(StaffRefusal.NOT_IN_PRODUCTION)
    check_draft(session, draft)
    account = Account(
        login=fold_login(draft.login),
        name=draft.name.strip(),
        mobile=draft.mobile,
        locale=draft.locale,
        password_hash=passwords.hash_password(password, rounds=passwords.REHEARSAL_ROUNDS),
        password_is_temporary=False,
        second_factor_required=False,
        created_at=now,
        effective_at=now,
    )
    session.add(account)
    session.flush()
    assert account.id is not None
    put_grants(session, account, draft.grants, granted_by=None, now=now)
    second_factor.install_secret(session, account.id, second_factor.new_secret())
    audit.record(
        session,
        "add_rehearsal_account",
        author=Author.system(),
        subject=f"account:{account.id}",
        details={"roles": spelled(draft.grants)},
    )
    return account.id


def _require_administrator(actor: Actor) -> None:
    require(actor, Role.ADMINISTRATOR, place=None)
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)


def _confirmed(
    session: Session, proposal_id: int, kind: ActKind, actor: Actor, now: datetime
) -> approvals.Proposal:
    require(actor, *_CONFIRMERS, place=None)
    return approvals.confirm(session, proposal_id, kind=kind, actor=actor, now=now)


def _makers(session: Session, confirmed: approvals.Proposal, actor: Actor) -> tuple[Actor, Actor]:
    return actor_by_id(session, confirmed.proposed_by), actor
