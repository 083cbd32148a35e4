"""Tables of the primary."""

from datetime import date, datetime

from sqlalchemy import JSON, Index, LargeBinary
from sqlmodel import CheckConstraint, Field, ForeignKeyConstraint, SQLModel, UniqueConstraint

from core.database import UtcDateTime, one_of
from core.primary.rules import (
    CandidateStatus,
    ReadinessKey,
    RollChangeKind,
    RollExclusion,
    Sex,
    TimelineActKind,
    VoterStatus,
)


class Primary(SQLModel, table=True):
    """A primary. ``slot`` is 1 for the active one and empty for others: one installation, one vote.

    The seven instants are empty until the first timeline is set, then none of them is.
    """

    __tablename__ = "primary_election"
    __table_args__ = (
        CheckConstraint("slot = 1", name="one_active"),
        UniqueConstraint("slot", name="uq_primary_election_slot"),
        CheckConstraint(
            "voting_closes > voting_opens AND freeze_end >= voting_closes"
            " AND publication >= voting_closes AND roll_sealed_at < voting_opens",
            name="timeline_order",
        ),
    )

    id: str = Field(primary_key=True)
    slot: int | None = Field(default=None)
    name_ru: str
    name_kk: str
    name_en: str
    rehearsal: bool = Field(default=False)
    hotline: str = Field(default="")
    email: str = Field(default="")
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: int
    digest_fingerprint: str
    cutoff: datetime | None = Field(default=None, sa_type=UtcDateTime)
    freeze_start: datetime | None = Field(default=None, sa_type=UtcDateTime)
    freeze_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    roll_sealed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voting_opens: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voting_closes: datetime | None = Field(default=None, sa_type=UtcDateTime)
    publication: datetime | None = Field(default=None, sa_type=UtcDateTime)
    public_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    key_fingerprints: list[str] | None = Field(default=None, sa_type=JSON)
    key_threshold: int | None = Field(default=None)
    key_trustees: int | None = Field(default=None)
    key_installed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    key_installed_by: int | None = Field(default=None)


class TimelineAct(SQLModel, table=True):
    """One act on the timeline with the instants as it left them: shown to the public."""

    __tablename__ = "timeline_act"
    __table_args__ = (CheckConstraint(one_of("kind", TimelineActKind), name="kind"),)

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(foreign_key="primary_election.id", index=True)
    kind: str
    reason: str
    cutoff: datetime = Field(sa_type=UtcDateTime)
    freeze_start: datetime = Field(sa_type=UtcDateTime)
    freeze_end: datetime = Field(sa_type=UtcDateTime)
    roll_sealed_at: datetime = Field(sa_type=UtcDateTime)
    voting_opens: datetime = Field(sa_type=UtcDateTime)
    voting_closes: datetime = Field(sa_type=UtcDateTime)
    publication: datetime = Field(sa_type=UtcDateTime)
    at: datetime = Field(sa_type=UtcDateTime)
    author_id: int
    confirmed_by: int | None = Field(default=None)


class Constituency(SQLModel, table=True):
    """A place in which contests are held."""

    __tablename__ = "constituency"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    place_code: str = Field(primary_key=True)
    added_at: datetime = Field(sa_type=UtcDateTime)


class Contest(SQLModel, table=True):
    """A choice put to the voters of a place (empty: all of them). ``size``: bytes of a plaintext."""

    __tablename__ = "contest"
    __table_args__ = (
        ForeignKeyConstraint(
            ["primary_id", "place_code"],
            ["constituency.primary_id", "constituency.place_code"],
            name="fk_contest_constituency",
        ),
        CheckConstraint("seats >= 1", name="seats"),
        CheckConstraint("max_choices >= 1", name="max_choices"),
    )

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    id: str = Field(primary_key=True)
    title_ru: str
    title_kk: str
    title_en: str
    place_code: str | None = Field(default=None)
    seats: int
    max_choices: int
    size: int


class Candidate(SQLModel, table=True):
    """Somebody who stands in a contest. ``identity`` is the folded name and the birth date."""

    __tablename__ = "candidate"
    __table_args__ = (
        ForeignKeyConstraint(
            ["primary_id", "contest_id"],
            ["contest.primary_id", "contest.id"],
            name="fk_candidate_contest",
        ),
        UniqueConstraint("primary_id", "contest_id", "identity", name="uq_candidate_identity"),
        CheckConstraint("length(id) = 8", name="id_length"),
        CheckConstraint(one_of("sex", Sex), name="sex"),
        CheckConstraint(one_of("status", CandidateStatus), name="status"),
    )

    id: str = Field(primary_key=True)
    primary_id: str
    contest_id: str
    identity: str
    last_name: str
    first_name: str
    middle_name: str = Field(default="")
    search: str
    birth_date: date
    sex: str
    nominated_by: str
    mobile: str | None = Field(default=None)
    email: str | None = Field(default=None)
    status: str = Field(default=CandidateStatus.REGISTERED.value)
    decision: str | None = Field(default=None)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CandidatePhoto(SQLModel, table=True):
    """A photo made anew (see `photos`), under the SHA-256 of its large form, in hexadecimal.

    It stands in the database and not in a folder: every process of the public listener reaches it,
    a backup holds it, and a change of it commits together with its record in the audit log.
    """

    __tablename__ = "candidate_photo"
    __table_args__ = (CheckConstraint("length(digest) = 64", name="digest_length"),)

    digest: str = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)
    small: bytes = Field(sa_type=LargeBinary)


class CandidatePage(SQLModel, table=True):
    """What the public page of a candidate tells: a programme in up to three languages, links, photo.

    A candidate without a row has an empty page of the same shape.
    """

    __tablename__ = "candidate_page"

    candidate_id: str = Field(primary_key=True, foreign_key="candidate.id")
    programme_ru: str = Field(default="")
    programme_kk: str = Field(default="")
    programme_en: str = Field(default="")
    links: list[str] = Field(default_factory=list, sa_type=JSON)
    photo: str | None = Field(default=None, foreign_key="candidate_photo.digest", index=True)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: int


class Voter(SQLModel, table=True):
    """A row of the sealed roll; with ``reason_excluded``, a member who is kept beside it.

    ``iin_digest`` is keyed outside the database: the roll alone names nobody's IIN.
    """

    __tablename__ = "voter"
    __table_args__ = (
        CheckConstraint(one_of("status", VoterStatus), name="status"),
        CheckConstraint(one_of("reason_excluded", RollExclusion), name="reason_excluded"),
        Index("ix_voter_mobile", "primary_id", "mobile", "reason_excluded"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    iin_digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    member_id: int
    mobile: str
    place_code: str
    admitted_on: date
    status: str = Field(default=VoterStatus.ACTIVE.value)
    reason_excluded: str | None = Field(default=None)


class RollCount(SQLModel, table=True):
    """How many voters of the roll a place has: the denominator of turnout, never counted anew."""

    __tablename__ = "roll_count"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    place_code: str = Field(primary_key=True)
    voters: int


class RollSeal(SQLModel, table=True):
    """The sealing: how many voters, the digest (hex) over their rows, and what was noticed."""

    __tablename__ = "roll_seal"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    voters: int
    digest: str
    admitted_after_cutoff: int
    under_age: int
    shared_numbers: int
    members_on_shared_numbers: int
    last_admitted: date
    age_day: date
    sealed_at: datetime = Field(sa_type=UtcDateTime)
    sealed_by: int


class RollChange(SQLModel, table=True):
    """A change of the sealed roll by a commission's decision."""

    __tablename__ = "roll_change"
    __table_args__ = (CheckConstraint(one_of("kind", RollChangeKind), name="kind"),)

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(foreign_key="primary_election.id", index=True)
    kind: str
    member_id: int
    place_code: str
    decision: str
    at: datetime = Field(sa_type=UtcDateTime)
    author_id: int
    confirmed_by: int | None = Field(default=None)


class ReadinessMark(SQLModel, table=True):
    """Somebody showed that an item of the checklist is done; ``evidence`` says by what."""

    __tablename__ = "readiness_mark"
    __table_args__ = (CheckConstraint(one_of("item", ReadinessKey), name="item"),)

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    item: str = Field(primary_key=True)
    evidence: str
    marked_at: datetime = Field(sa_type=UtcDateTime)
    marked_by: int


class ReadinessAct(SQLModel, table=True):
    """The signature without which voting does not open; removed only before it opens."""

    __tablename__ = "readiness_act"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    signed_at: datetime = Field(sa_type=UtcDateTime)
    signed_by: int
