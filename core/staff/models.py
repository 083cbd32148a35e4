"""Tables of accounts, their grants, sign-ins and acts that take two people."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from core.database import UtcDateTime


class Account(SQLModel, table=True):
    """A person of the committee who signs in. Accounts are disabled, never removed."""

    __tablename__ = "account"

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(unique=True)
    name: str
    mobile: str | None = None
    """E.164; told of everything another person does to the account."""
    locale: str = "ru"
    password_hash: str
    password_is_temporary: bool = True
    totp_secret: bytes | None = None
    """Encrypted with the keyring's ``totp`` key; None until enrolled."""
    totp_last_step: int = 0
    second_factor_required: bool = True
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: int | None = Field(default=None, foreign_key="account.id")
    effective_at: datetime = Field(sa_type=UtcDateTime)
    """From when the account counts: an hour after creation or reset once a timeline is set."""


class AccountMaking(SQLModel, table=True):
    """One account's hand in another: who proposed or confirmed its creation, a reset, a role.

    No approval counts between the two accounts of a row.
    """

    __tablename__ = "account_making"

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    maker_id: int = Field(foreign_key="account.id", index=True)
    kind: str
    at: datetime = Field(sa_type=UtcDateTime)


class RoleGrant(SQLModel, table=True):
    """A role of an account for a place (None: the centre)."""

    __tablename__ = "role_grant"

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    role: str
    place_code: str | None = None
    office: str | None = None
    branch: str | None = None
    granted_at: datetime = Field(sa_type=UtcDateTime)
    granted_by: int | None = Field(default=None, foreign_key="account.id")


class StaffSession(SQLModel, table=True):
    """A signed-in browser. The cookie holds a 256-bit token, the row only its hash."""

    __tablename__ = "staff_session"

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    token_hash: bytes = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_active_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    read_only: bool = False


class SignInTicket(SQLModel, table=True):
    """A finished sign-in on its way from the page to the browser's cookie: once, 30 seconds."""

    __tablename__ = "sign_in_ticket"

    id: int | None = Field(default=None, primary_key=True)
    ticket_hash: bytes = Field(unique=True)
    browser_hash: bytes
    """Hash of the browser's cookie from before the sign-in: nobody else can redeem the ticket."""
    account_id: int = Field(foreign_key="account.id")
    read_only: bool = False
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    redeemed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Lockout(SQLModel, table=True):
    """Failed sign-ins of an account's name or of an address (``key`` is an HMAC of either)."""

    __tablename__ = "lockout"

    key: bytes = Field(primary_key=True)
    failures: int = 0
    window_started_at: datetime = Field(sa_type=UtcDateTime)
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RecoveryCode(SQLModel, table=True):
    """A code that stands in once for a lost second factor; only its HMAC is kept."""

    __tablename__ = "recovery_code"

    code_hmac: bytes = Field(primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ProposalRow(SQLModel, table=True):
    """An act proposed by one person and waiting for a second."""

    __tablename__ = "proposal"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(index=True)
    payload: str
    reason: str
    proposed_by: int = Field(foreign_key="account.id")
    proposed_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_by: int | None = Field(default=None, foreign_key="account.id")
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_by: int | None = Field(default=None, foreign_key="account.id")
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StaffFact(SQLModel, table=True):
    """A fact that this subject was told once: the instant of the first timeline."""

    __tablename__ = "staff_fact"

    name: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
