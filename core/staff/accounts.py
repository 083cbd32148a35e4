"""The rows of accounts: inserted, given roles, told to their holder. `service` decides who may."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import phonenumbers
from sqlalchemy import func
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.i18n import _, use_locale
from core.messaging import service as messaging
from core.messaging.rules import Purpose
from core.staff import passwords, sessions
from core.staff.models import Account, AccountMaking, RoleGrant, StaffFact
from core.staff.rules import (
    Actor,
    Grant,
    MakingKind,
    Office,
    Role,
    StaffRefusal,
    check_login,
    fold_login,
    needs_two_people,
)

SECOND_THOUGHTS: Final = timedelta(hours=1)
"""How long a new or reset account of weight waits before it counts, once a timeline is set."""

_TIMELINE_SET: Final = "timeline_set"


@dataclass(frozen=True, kw_only=True)
class AccountDraft:
    """An account to be made. ``mobile`` (E.164) is told of what others do to the account."""

    login: str
    name: str
    grants: frozenset[Grant]
    mobile: str | None = None
    locale: str = "ru"

    def as_payload(self) -> dict[str, Any]:
        """The draft as it is kept in a proposal."""
        return {
            "login": fold_login(self.login),
            "name": self.name.strip(),
            "mobile": self.mobile,
            "locale": self.locale,
            "grants": grants_as_payload(self.grants),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "AccountDraft":
        """The draft of a proposal."""
        return cls(
            login=payload["login"],
            name=payload["name"],
            mobile=payload["mobile"],
            locale=payload["locale"],
            grants=grants_from_payload(payload["grants"]),
        )


@dataclass(frozen=True)
class NewPassword:
    """A one-time password, shown to whoever finished the act and to nobody afterwards."""

    account_id: int
    login: str
    password: str
    effective_at: datetime


def note_timeline_set(session: Session, now: datetime) -> None:
    """Remember that the first timeline is set: from now on new accounts of weight wait an hour."""
    if session.get(StaffFact, _TIMELINE_SET) is None:
        session.add(StaffFact(name=_TIMELINE_SET, at=now))
        session.flush()


def effective_at(session: Session, grants: Iterable[Grant], now: datetime) -> datetime:
    """From when an account with these grants counts if it is made or reset now."""
    waits = needs_two_people(grants) and session.get(StaffFact, _TIMELINE_SET) is not None
    return now + SECOND_THOUGHTS if waits else now


def check_draft(session: Session, draft: AccountDraft) -> None:
    """Refuse a draft without name or roles, with a malformed login or one that is taken."""
    login = fold_login(draft.login)
    check_login(login)
    if not draft.name.strip():
        raise Refused(StaffRefusal.NAME_MISSING)
    if not draft.grants:
        raise Refused(StaffRefusal.ROLES_MISSING)
    if draft.mobile is not None:
        mobile_number(draft.mobile)
    taken = select(Account.id).where(col(Account.login) == login)
    if session.exec(taken).one_or_none() is not None:
        raise Refused(StaffRefusal.LOGIN_TAKEN, login=login)


def mobile_number(raw: str) -> str:
    """A mobile number of Kazakhstan as E.164; refused as ``mobile_malformed``."""
    try:
        parsed = phonenumbers.parse(raw, "KZ")
    except phonenumbers.NumberParseException:
        raise Refused(StaffRefusal.MOBILE_MALFORMED) from None
    mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    if not mobile or not phonenumbers.is_valid_number_for_region(parsed, "KZ"):
        raise Refused(StaffRefusal.MOBILE_MALFORMED)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def insert_account(
    session: Session,
    draft: AccountDraft,
    *,
    makers: Sequence[Actor],
    counts_from: datetime,
    now: datetime,
) -> tuple[Account, str]:
    """A new row with its grants, and its one-time password."""
    password = passwords.one_time_password()
    account = Account(
        login=fold_login(draft.login),
        name=draft.name.strip(),
        mobile=mobile_number(draft.mobile) if draft.mobile else None,
        locale=draft.locale,
        password_hash=passwords.hash_password(password),
        created_at=now,
        created_by=makers[0].account_id if makers else None,
        effective_at=counts_from,
    )
    session.add(account)
    session.flush()
    put_grants(session, account, draft.grants, granted_by=makers[0] if makers else None, now=now)
    return account, password


def put_grants(
    session: Session,
    account: Account,
    grants: Iterable[Grant],
    *,
    granted_by: Actor | None,
    now: datetime,
) -> None:
    """Add rows for grants."""
    assert account.id is not None
    for grant in grants:
        session.add(
            RoleGrant(
                account_id=account.id,
                role=grant.role.value,
                place_code=grant.place,
                office=grant.office.value if grant.office else None,
                branch=grant.branch,
                granted_at=now,
                granted_by=granted_by.account_id if granted_by else None,
            )
        )
    session.flush()


def actor_by_id(session: Session, account_id: int) -> Actor:
    """An account as an actor; refused as ``unknown_account``."""
    account = session.get(Account, account_id)
    if account is None:
        raise Refused(StaffRefusal.UNKNOWN_ACCOUNT)
    return sessions.actor_of(session, account)


def other_account(session: Session, account_id: int, actor: Actor) -> Account:
    """The locked row of somebody else: nobody gives a role or a password to themselves."""
    if account_id == actor.account_id:
        raise Refused(StaffRefusal.OWN_ACCOUNT)
    account = session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise Refused(StaffRefusal.UNKNOWN_ACCOUNT)
    return account


def check_not_last_administrator(session: Session, account_id: int) -> None:
    """Refuse to take the last administrator from the installation."""
    others = session.exec(
        select(func.count())
        .select_from(RoleGrant)
        .join(Account, col(Account.id) == col(RoleGrant.account_id))
        .where(
            col(RoleGrant.role) == Role.ADMINISTRATOR.value,
            col(Account.id) != account_id,
            col(Account.disabled_at).is_(None),
        )
    ).one()
    if actor_by_id(session, account_id).has(Role.ADMINISTRATOR) and not others:
        raise Refused(StaffRefusal.LAST_ADMINISTRATOR)


def note_makings(
    session: Session, account: Account, makers: Sequence[Actor], kind: MakingKind, now: datetime
) -> None:
    """Remember who had a hand in an account: their approvals and its own never meet."""
    assert account.id is not None
    for maker in makers:
        session.add(
            AccountMaking(account_id=account.id, maker_id=maker.account_id, kind=kind.value, at=now)
        )
    session.flush()


def audit_making(
    session: Session, act: str, account: Account, makers: Sequence[Actor], **details: str
) -> None:
    """The entry of an act on an account: by whoever finished it, naming who proposed it."""
    audit.record(
        session,
        act,
        author=makers[-1].author,
        subject=f"account:{account.id}",
        details={"proposed_by": makers[0].account_id, **details},
    )


def tell_holder(session: Session, account: Account, kind: MakingKind, now: datetime) -> None:
    """An SMS to the holder, in the holder's language, when a number is known."""
    if account.mobile is None:
        return
    with use_locale(account.locale):
        sentences = {
            MakingKind.CREATED: _("An account was made for you: {login}.", login=account.login),
            MakingKind.RESET: _(
                "Your account {login} was reset. If you did not ask for it, tell the organizers.",
                login=account.login,
            ),
            MakingKind.GRANTED: _(
                "The roles of your account {login} changed.", login=account.login
            ),
        }
    messaging.queue_sms(
        session,
        to=account.mobile,
        text=sentences[kind],
        purpose=Purpose.STAFF,
        idempotency_key=f"account:{account.id}:{kind.value}:{now.isoformat()}",
        now=now,
    )


def spelled(grants: Iterable[Grant]) -> str:
    """The roles of grants as the audit log names them."""
    return ",".join(sorted({grant.role.value for grant in grants}))


def grants_as_payload(grants: Iterable[Grant]) -> list[dict[str, str | None]]:
    """Grants as they are kept in a proposal."""
    return [
        {
            "role": grant.role.value,
            "place": grant.place,
            "office": grant.office.value if grant.office else None,
            "branch": grant.branch,
        }
        for grant in sorted(grants, key=lambda grant: (grant.role.value, grant.place or ""))
    ]


def grants_from_payload(payload: Iterable[Mapping[str, Any]]) -> frozenset[Grant]:
    """The grants of a proposal."""
    return frozenset(
        Grant(
            Role(kept["role"]),
            kept["place"],
            Office(kept["office"]) if kept["office"] else None,
            kept["branch"],
        )
        for kept in payload
    )
