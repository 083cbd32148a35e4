"""Tables of the vote: what is used up, what was sealed, who was turned away, and the counters.

``claim`` and ``ballot`` share no key, order, time or address. Neither has a foreign key to the
primary: the writer alone fills them, with the active primary, and the check would cost a look-up
a row on the one path that a rush depends on.
"""

from datetime import date, datetime

from sqlalchemy import LargeBinary
from sqlmodel import CheckConstraint, Field, Index, SQLModel

from core.database import UtcDateTime, one_of
from core.voting.rules import AddressMode, Channel, ClaimKind, ExemptionKind, RejectionStage


class Claim(SQLModel, table=True):
    """A key that a vote holds. Nothing here says when, or which ballot.

    ``idempotency_hmac`` stands beside the claim of the IIN only: by it a repeated request is known
    to come from the same client.
    """

    __tablename__ = "claim"
    __table_args__ = (
        CheckConstraint(one_of("kind", ClaimKind), name="kind"),
        CheckConstraint(one_of("channel", Channel), name="channel"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    channel: str
    idempotency_hmac: bytes | None = Field(default=None, sa_type=LargeBinary)


class Ballot(SQLModel, table=True):
    """A sealed ballot. No time, no sequence, no rowid: only its own tracker orders it.

    The tracker is made of the first half of ``sha256``: a copy has the same one, so its primary key
    refuses copies, and an index over the whole digest would cost a third of every cast for nothing.
    """

    __tablename__ = "ballot"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tracker: str = Field(primary_key=True)
    primary_id: str
    contest_id: str
    sealed: bytes = Field(sa_type=LargeBinary)
    sha256: bytes = Field(sa_type=LargeBinary)


class SignInChallenge(SQLModel, table=True):
    """A sign-in that waits for its code. Unknown pairs have one too, with a code sent to nobody.

    With ``moves_session`` (a token's hash) it moves that session to another address, for the client
    whose ``idempotency_hmac`` it is.
    """

    __tablename__ = "sign_in_challenge"
    __table_args__ = (
        Index("ix_sign_in_challenge_expires_at", "expires_at"),
        Index("ix_sign_in_challenge_reference", "reference"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    primary_id: str
    iin_digest: bytes = Field(sa_type=LargeBinary)
    mobile_digest: bytes = Field(sa_type=LargeBinary)
    code_hmac: bytes = Field(sa_type=LargeBinary)
    code_sent: bool
    reference: str
    place_code: str
    iin_masked: str
    mobile_masked: str
    address_short: str = Field(default="", sa_column_kwargs={"server_default": ""})
    tries: int = 0
    solved: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    moves_session: bytes | None = Field(default=None, sa_type=LargeBinary)
    idempotency_hmac: bytes | None = Field(default=None, sa_type=LargeBinary)


class UsedCode(SQLModel, table=True):
    """The reference of a sign-in whose code was brought, kept when its challenge is removed.

    The hotline must find it as long as it finds those of the turned away: else "unknown" would tell
    that the pair was right. Everybody who votes leaves one, so it has the fewest columns there can
    be, and of the time only the day.
    """

    __tablename__ = "used_code"
    __table_args__ = ({"sqlite_with_rowid": False},)

    reference: str = Field(primary_key=True)
    primary_id: str
    iin_digest: bytes = Field(sa_type=LargeBinary)
    day: date


class UnusedCode(SQLModel, table=True):
    """A sign-in whose code was sent and never brought, kept when its challenge is removed.

    Many of them on one number or from one place are what a code lured out of people looks like.
    """

    __tablename__ = "unused_code"
    __table_args__ = (
        Index("ix_unused_code_mobile_digest", "primary_id", "mobile_digest"),
        Index("ix_unused_code_address_short", "primary_id", "address_short"),
        {"sqlite_with_rowid": False},
    )

    reference: str = Field(primary_key=True)
    primary_id: str
    iin_digest: bytes = Field(sa_type=LargeBinary)
    mobile_digest: bytes = Field(sa_type=LargeBinary)
    place_code: str
    iin_masked: str
    mobile_masked: str
    address_short: str
    at: datetime = Field(sa_type=UtcDateTime)


class VotingSession(SQLModel, table=True):
    """A voter who is signed in: bound to IIN, number and address. The token is kept as a hash.

    ``moves`` counts the codes that were sent so that it could move to another address; the last
    of them is that of ``move_challenge``, asked for from ``move_address`` (a digest).
    """

    __tablename__ = "voting_session"
    __table_args__ = (
        Index("ix_voting_session_expires_at", "expires_at"),
        {"sqlite_with_rowid": False},
    )

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    primary_id: str
    iin_digest: bytes = Field(sa_type=LargeBinary)
    mobile_digest: bytes = Field(sa_type=LargeBinary)
    address_digest: bytes = Field(sa_type=LargeBinary)
    place_code: str
    iin_masked: str
    mobile_masked: str
    expires_at: datetime = Field(sa_type=UtcDateTime)
    moves: int = 0
    move_challenge: str | None = None
    move_address: bytes | None = Field(default=None, sa_type=LargeBinary)
    move_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AddressHold(SQLModel, table=True):
    """An address kept for the voter who solved a code there, until the session ends."""

    __tablename__ = "address_hold"
    __table_args__ = (
        Index("ix_address_hold_expires_at", "expires_at"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    iin_digest: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Registration(SQLModel, table=True):
    """A voter who completed at least one sign-in by code: the denominator "registered"."""

    __tablename__ = "registration"
    __table_args__ = ({"sqlite_with_rowid": False},)

    primary_id: str = Field(primary_key=True)
    iin_digest: bytes = Field(primary_key=True, sa_type=LargeBinary)


class Rejection(SQLModel, table=True):
    """Somebody who was turned away, with every reason that applied; ``reasons`` joined by commas.

    ``iin_digest`` finds the roll's number for the call back; it is empty where none was given.
    """

    __tablename__ = "rejection"
    __table_args__ = (
        CheckConstraint(one_of("stage", RejectionStage), name="stage"),
        Index("ix_rejection_primary_id_id", "primary_id", "id"),
        Index("ix_rejection_iin_digest", "primary_id", "iin_digest", "reasons"),
        Index("ix_rejection_address_short", "primary_id", "address_short"),
    )

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str
    reference: str = Field(unique=True)
    stage: str
    reasons: str
    place_code: str
    iin_digest: bytes = Field(sa_type=LargeBinary)
    iin_masked: str
    mobile_masked: str
    address_short: str
    at: datetime = Field(sa_type=UtcDateTime)


class TurnoutCounter(SQLModel, table=True):
    """Votes by place, channel and ten minutes."""

    __tablename__ = "turnout_counter"
    __table_args__ = ({"sqlite_with_rowid": False},)

    primary_id: str = Field(primary_key=True)
    place_code: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    bucket_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    votes: int


class RejectionCounter(SQLModel, table=True):
    """Rejections by reason, place ('' where it is unknown) and ten minutes.

    A rejection counts once under each of its reasons, and once under '' for the total.
    """

    __tablename__ = "rejection_counter"
    __table_args__ = ({"sqlite_with_rowid": False},)

    primary_id: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    place_code: str = Field(primary_key=True)
    bucket_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    count: int


class AddressClashCounter(SQLModel, table=True):
    """Votes accepted from an address that another vote holds, by place and ten minutes.

    Only the advisory mode has any: the strict one refuses them.
    """

    __tablename__ = "address_clash_counter"
    __table_args__ = ({"sqlite_with_rowid": False},)

    primary_id: str = Field(primary_key=True)
    place_code: str = Field(primary_key=True)
    bucket_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    count: int


class RegisteredCounter(SQLModel, table=True):
    """Voters registered in the system, by place."""

    __tablename__ = "registered_counter"
    __table_args__ = ({"sqlite_with_rowid": False},)

    primary_id: str = Field(primary_key=True)
    place_code: str = Field(primary_key=True)
    voters: int


class AddressPolicyAct(SQLModel, table=True):
    """What two people signed about the address rule: its mode and its estimated cost.

    The newest act is in force; none is ever changed. A change of the mode during the vote repeats
    the estimate that was signed before it, so that the real share has one figure to stand against.
    """

    __tablename__ = "address_policy_act"
    __table_args__ = (
        CheckConstraint(one_of("mode", AddressMode), name="mode"),
        CheckConstraint(
            "addresses_expected > 0 AND voters_exempt >= 0 AND voters_exempt <= voters_expected"
            " AND voters_expected > 0",
            name="expectation",
        ),
        CheckConstraint("refused_share >= 0 AND refused_share <= 1", name="refused_share"),
    )

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(foreign_key="primary_election.id", index=True)
    mode: str
    voters_expected: int
    addresses_expected: int
    voters_exempt: int
    refused_share: float
    reason: str
    proposed_by: int
    confirmed_by: int
    at: datetime = Field(sa_type=UtcDateTime)


class AddressExemption(SQLModel, table=True):
    """Addresses that several voters may use, with caps. ``used`` is changed by the writer alone."""

    __tablename__ = "address_exemption"
    __table_args__ = (
        CheckConstraint(one_of("kind", ExemptionKind), name="kind"),
        CheckConstraint("cap_total > 0 AND cap_hourly > 0", name="caps"),
        CheckConstraint("used <= cap_total", name="used"),
        CheckConstraint("valid_from < valid_until", name="period"),
    )

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(index=True)
    kind: str
    network: str
    place_code: str = Field(default="", sa_column_kwargs={"server_default": ""})
    holder: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The polling place or carrier, as the public list names it; ``place_code`` '' is everywhere."""
    reason: str
    document: str
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_until: datetime = Field(sa_type=UtcDateTime)
    cap_total: int
    cap_hourly: int
    used: int = 0
    replaces: int | None = Field(default=None)
    """The exemption that ended in the act that began this one."""
    proposed_by: int
    confirmed_by: int
    confirmed_at: datetime = Field(sa_type=UtcDateTime)
    removed_by: int | None = None
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ExemptionUsage(SQLModel, table=True):
    """Voters an exemption admitted, by the hour."""

    __tablename__ = "exemption_usage"
    __table_args__ = ({"sqlite_with_rowid": False},)

    exemption_id: int = Field(primary_key=True, foreign_key="address_exemption.id")
    hour_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    used: int
