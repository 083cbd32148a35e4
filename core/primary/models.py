"""Tables of the primary: its instants, contests, candidates, the sealed roll, its readiness."""

from datetime import date, datetime

from sqlalchemy import LargeBinary
from sqlmodel import CheckConstraint, Field, Index, SQLModel, UniqueConstraint, text

from core.database import UtcDateTime
from core.primary.rules import CandidateStatus, VoterStatus


class Primary(SQLModel, table=True):
    """A primary. One installation has one active primary."""

    __tablename__ = "primary_election"
    __table_args__ = (
        Index(
            "uq_primary_election_active",
            "is_active",
            unique=True,
            sqlite_where=text("is_active"),
            postgresql_where=text("is_active"),
        ),
    )

    id: str = Field(primary_key=True)
    name_ru: str
    name_kk: str
    name_en: str
    is_active: bool = True
    rehearsal: bool = False
    digest_fingerprint: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    hotline: str = ""
    email: str = ""
    cutoff: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voting_opens: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voting_closes: datetime | None = Field(default=None, sa_type=UtcDateTime)
    publication: datetime | None = Field(default=None, sa_type=UtcDateTime)
    public_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    key_threshold: int | None = None
    key_trustees: int | None = None
    readiness_signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    readiness_signed_by: int | None = Field(default=None, foreign_key="account.id")


class TimelineAct(SQLModel, table=True):
    """An act that set or moved an instant, with its reason: shown to everybody."""

    __tablename__ = "timeline_act"

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(foreign_key="primary_election.id", index=True)
    kind: str
    at: datetime = Field(sa_type=UtcDateTime)
    account_id: int
    second_account_id: int | None = None
    reason: str
    cutoff: datetime = Field(sa_type=UtcDateTime)
    voting_opens: datetime = Field(sa_type=UtcDateTime)
    voting_closes: datetime = Field(sa_type=UtcDateTime)
    publication: datetime = Field(sa_type=UtcDateTime)


class Constituency(SQLModel, table=True):
    """A place of the list in which contests are held."""

    __tablename__ = "constituency"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    place_code: str = Field(primary_key=True)


class Contest(SQLModel, table=True):
    """What is voted on in one constituency, or everywhere (``place_code`` None).

    ``size`` is the number of bytes to which its ballots are filled up before sealing.
    """

    __tablename__ = "contest"
    __table_args__ = (
        CheckConstraint("seats > 0 AND max_choices > 0 AND size > 0", name="numbers"),
    )

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    id: str = Field(primary_key=True)
    title_ru: str
    title_kk: str
    title_en: str
    place_code: str | None = Field(default=None, index=True)
    seats: int
    max_choices: int
    size: int


class Candidate(SQLModel, table=True):
    """Somebody who stands in a contest."""

    __tablename__ = "candidate"
    __table_args__ = (
        UniqueConstraint("primary_id", "id", name="uq_candidate_primary_id_id"),
        Index("ix_candidate_contest", "primary_id", "contest_id"),
    )

    id: str = Field(primary_key=True)
    primary_id: str = Field(foreign_key="primary_election.id")
    contest_id: str
    last_name: str
    first_name: str
    middle_name: str = ""
    birth_date: date
    sex: str
    nominated_by: str = ""
    mobile: str = ""
    email: str = ""
    status: str = CandidateStatus.REGISTERED.value
    decision: str | None = None
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    added_at: datetime = Field(sa_type=UtcDateTime)


class Voter(SQLModel, table=True):
    """A person of the sealed roll, found by the digest of the IIN.

    People who are known but may not vote stand here too, with the reason: only ``active`` ones
    are counted, digested and let in.
    """

    __tablename__ = "voter"
    __table_args__ = (
        Index("ix_voter_place", "primary_id", "status", "place_code"),
        Index("ix_voter_member_id", "member_id"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    iin_digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    mobile: str
    place_code: str
    status: str = VoterStatus.ACTIVE.value
    reason_excluded: str | None = None
    admitted_on: date
    member_id: int


class RollSeal(SQLModel, table=True):
    """The seal of a roll: how many may vote, and the digest over who."""

    __tablename__ = "roll_seal"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    sealed_at: datetime = Field(sa_type=UtcDateTime)
    account_id: int
    voters: int
    known: int
    shared_mobile: int
    digest: str


class RollCount(SQLModel, table=True):
    """How many people of a place may vote: kept by the seal and by each single act after it."""

    __tablename__ = "roll_count"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    place_code: str = Field(primary_key=True)
    voters: int


class RollChange(SQLModel, table=True):
    """A single act on the sealed roll, by a decision of a commission."""

    __tablename__ = "roll_change"

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(foreign_key="primary_election.id", index=True)
    kind: str
    member_id: int
    decision: str
    account_id: int
    at: datetime = Field(sa_type=UtcDateTime)


class ReadinessMark(SQLModel, table=True):
    """Somebody's word that a thing was done which the database can't see by itself."""

    __tablename__ = "readiness_mark"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    key: str = Field(primary_key=True)
    evidence: str
    account_id: int
    at: datetime = Field(sa_type=UtcDateTime)
