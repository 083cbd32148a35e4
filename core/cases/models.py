"""Tables of the case desk.

Every text is encrypted under a key of its case (`TextKey`); destroying the key erases the case's
texts for good. Digests are keyed, so that a copy of the database names nobody.
"""

from datetime import date, datetime, time

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.database import UtcDateTime


class TextKey(SQLModel, table=True):
    """The key of one case's texts, wrapped by the keyring; ``wrapped`` None means erased."""

    __tablename__ = "text_key"

    id: int | None = Field(default=None, primary_key=True)
    wrapped: bytes | None
    destroyed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Commission(SQLModel, table=True):
    """A commission of a place (None: the centre), or a panel called for single cases."""

    __tablename__ = "commission"

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    level: int
    place_code: str | None = Field(default=None, index=True)
    title: str | None = None
    quorum: int
    standing_key: str | None = Field(default=None, unique=True)
    """The place of a standing commission (``centre``): two can't stand at one place."""
    created_at: datetime = Field(sa_type=UtcDateTime)


class CommissionMember(SQLModel, table=True):
    """Somebody's seat in a commission; ``until`` None while it is held."""

    __tablename__ = "commission_member"
    __table_args__ = (
        UniqueConstraint("commission_id", "account_id", name="uq_commission_member_seat"),
    )

    id: int | None = Field(default=None, primary_key=True)
    commission_id: int = Field(foreign_key="commission.id", index=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    office: str
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    stands_in_for: int | None = Field(default=None, foreign_key="account.id")
    """Of a substitute: the member whose seat rests meanwhile, until `ends_at`."""
    ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AccountIdentity(SQLModel, table=True):
    """Keyed digests by which the conflict rule knows an account when a complaint names it."""

    __tablename__ = "account_identity"

    account_id: int = Field(primary_key=True, foreign_key="account.id")
    iin_digest: bytes | None = None
    mobile_digest: bytes | None = None


class Case(SQLModel, table=True):
    """A complaint on its way. State, finding and remedy are three different things."""

    __tablename__ = "case_file"
    __table_args__ = (
        CheckConstraint("risk IS NULL OR risk BETWEEN 0 AND 3", name="risk_from_0_to_3"),
        Index("ix_case_file_desk", "state", "due_at"),
        Index(
            "ix_case_file_kept",
            "state",
            "state_since",
            sqlite_where=text("erased_at IS NULL"),
            postgresql_where=text("erased_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    number: str = Field(unique=True)
    state: str
    finding: str | None = None
    category: str
    place_code: str | None = Field(default=None, index=True)
    urgency: str
    risk: int | None = None
    channel: str
    text_key_id: int = Field(foreign_key="text_key.id")
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)
    state_since: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    clock_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the clock will move the case by itself; None when it waits for people."""
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    came_from: str | None = None
    """The state to return to from a question or from a merge."""
    time_left: int | None = None
    """Seconds of working time that were left when a question paused the clock."""
    pauses: int = 0
    commission_id: int | None = Field(default=None, foreign_key="commission.id", index=True)
    next_commission_id: int | None = Field(default=None, foreign_key="commission.id", index=True)
    """Of a closed case: the commission whose chair may reopen it."""
    lead_id: int | None = Field(default=None, foreign_key="account.id")
    merged_into: int | None = Field(default=None, foreign_key="case_file.id")
    follows: int | None = Field(default=None, foreign_key="case_file.id")
    """The ended case whose complainant this one is about: it is judged one level higher."""
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    appeal_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    appealed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    evidence_digest: str | None = None
    withdrawal_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawal_channel: str | None = None
    receipt: bytes
    """HMAC of number and receipt code."""
    receipt_spoken: bool = False
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the texts were erased and their key destroyed."""
    version: int = 0


class Contact(SQLModel, table=True):
    """One call, mail, web form or visit; it may belong to no case."""

    __tablename__ = "contact"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int | None = Field(default=None, foreign_key="case_file.id", index=True)
    text_key_id: int = Field(foreign_key="text_key.id")
    channel: str
    wrap_up: str
    category: str | None = None
    place_code: str | None = None
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    account_id: int | None = Field(default=None, foreign_key="account.id", index=True)
    caller: bytes | None = None
    caller_digest: bytes | None = Field(default=None, index=True)
    story: bytes
    quoted: bytes | None = None
    """Of a mail: what it quotes of earlier ones."""
    idempotency: bytes | None = Field(default=None, unique=True)
    body_digest: bytes | None = None


class CallBack(SQLModel, table=True):
    """A promise to call somebody back, made at the end of a contact.

    The safe times are hours of the day on the country's clock, both or none; calling outside them
    can betray who complained.
    """

    __tablename__ = "call_back"
    __table_args__ = (Index("ix_call_back_waiting", "state", "due_at"),)

    id: int | None = Field(default=None, primary_key=True)
    contact_id: int = Field(foreign_key="contact.id", unique=True)
    state: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    safe_from: time | None = None
    safe_until: time | None = None
    why: bytes | None = None
    tries: int = 0
    account_id: int = Field(foreign_key="account.id")
    """Who promised it."""
    taken_by: int | None = Field(default=None, foreign_key="account.id")
    taken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_by: int | None = Field(default=None, foreign_key="contact.id")
    """The contact in which the person was reached."""


class CaseWord(SQLModel, table=True):
    """A word of a case's texts: 63 bits of the HMAC of its stem."""

    __tablename__ = "case_word"
    __table_args__ = ({"sqlite_with_rowid": False},)

    word: int = Field(primary_key=True, sa_type=BigInteger)
    case_id: int = Field(primary_key=True, foreign_key="case_file.id", index=True)


class CaseSource(SQLModel, table=True):
    """What of the vote a case was opened from: a rejection, or a cluster of things that look wrong.

    ``ordinal`` is 0, and counts up only where the earlier case does not exist for whoever opens one.
    """

    __tablename__ = "case_source"

    source: str = Field(primary_key=True)
    ordinal: int = Field(primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)


class Draft(SQLModel, table=True):
    """What an operator has typed of a call that is not saved yet, encrypted."""

    __tablename__ = "draft"

    account_id: int = Field(primary_key=True, foreign_key="account.id")
    key: str
    content: bytes
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Complainant(SQLModel, table=True):
    """Who complains: apart from the case, encrypted, absent for an anonymous one."""

    __tablename__ = "complainant"

    case_id: int = Field(primary_key=True, foreign_key="case_file.id")
    name: bytes | None = None
    phone: bytes | None = None
    email: bytes | None = None
    reach: bytes | None = None


class Evidence(SQLModel, table=True):
    """A file that was added to a case: its name and SHA-256 are encrypted with it.

    ``fingerprint`` is a keyed digest of the content: the same file is taken once for each case.
    ``account_id`` None: the complainant added it.
    """

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("case_id", "fingerprint", name="uq_evidence_content"),)

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    facts: bytes
    kind: str
    size: int
    fingerprint: bytes
    account_id: int | None = Field(default=None, foreign_key="account.id")
    added_at: datetime = Field(sa_type=UtcDateTime)
    scan: str = Field(index=True)
    frozen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class EvidencePiece(SQLModel, table=True):
    """A piece of a file's content, encrypted under the key of the case's texts."""

    __tablename__ = "evidence_piece"

    evidence_id: int = Field(primary_key=True, foreign_key="evidence.id")
    ordinal: int = Field(primary_key=True)
    content: bytes


class Custody(SQLModel, table=True):
    """Who did what to a file, and when: from its adding to its end."""

    __tablename__ = "custody"

    id: int | None = Field(default=None, primary_key=True)
    evidence_id: int = Field(foreign_key="evidence.id", index=True)
    act: str
    account_id: int | None = Field(default=None, foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)


class Respondent(SQLModel, table=True):
    """A person or body complained of."""

    __tablename__ = "respondent"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    name: bytes
    position: bytes | None = None
    branch: bytes | None = None
    level: int = 0
    central: bool = False
    """Whether the central commission sits in judgement over one of its own."""
    heard_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    added_at: datetime = Field(sa_type=UtcDateTime)


class RespondentKey(SQLModel, table=True):
    """Keyed digests of everything by which a respondent can be recognised."""

    __tablename__ = "respondent_key"
    __table_args__ = (Index("ix_respondent_key_digest_case", "digest", "case_id"),)

    respondent_id: int = Field(primary_key=True, foreign_key="respondent.id")
    digest: bytes = Field(primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)


class Note(SQLModel, table=True):
    """A note for the house, a question to the complainant, an answer."""

    __tablename__ = "note"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    kind: str
    text: bytes
    account_id: int | None = Field(default=None, foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)


class CaseMove(SQLModel, table=True):
    """One move of a case: its history, complete."""

    __tablename__ = "case_move"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    move: str
    source: str | None = None
    target: str
    account_id: int | None = Field(default=None, foreign_key="account.id")
    second_id: int | None = Field(default=None, foreign_key="account.id")
    commission_id: int | None = Field(default=None, foreign_key="commission.id")
    at: datetime = Field(sa_type=UtcDateTime)
    particulars: bytes | None = None


class PendingMove(SQLModel, table=True):
    """A move that one person has made and a second must confirm."""

    __tablename__ = "pending_move"

    case_id: int = Field(primary_key=True, foreign_key="case_file.id")
    move: str
    account_id: int = Field(foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)
    particulars: bytes


class Decision(SQLModel, table=True):
    """What a commission found and why."""

    __tablename__ = "decision"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    commission_id: int = Field(foreign_key="commission.id")
    finding: str
    grounds: bytes
    chair_id: int = Field(foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)


class DecisionVote(SQLModel, table=True):
    """One member's vote on a decision."""

    __tablename__ = "decision_vote"

    decision_id: int = Field(primary_key=True, foreign_key="decision.id")
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    ballot: str


class Remedy(SQLModel, table=True):
    """What a decision orders; ``subject`` is the member or candidate it acts on."""

    __tablename__ = "remedy"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    decision_id: int = Field(foreign_key="decision.id")
    kind: str
    subject: str | None = None
    description: bytes | None = None
    owner: bytes | None = None
    due_on: date | None = None
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    given_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: bytes | None = None


class Deadline(SQLModel, table=True):
    """How long a case stood in one state, and until when it might."""

    __tablename__ = "deadline"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    state: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CaseAccess(SQLModel, table=True):
    """Who read what of a case, when and why."""

    __tablename__ = "case_access"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    account_id: int = Field(foreign_key="account.id")
    part: str
    reason: bytes | None = None
    at: datetime = Field(sa_type=UtcDateTime)


class IdentityRequest(SQLModel, table=True):
    """Somebody's request to see who complains; ``decided_at`` None while it waits for a second
    person. ``second_id`` of one that was taken back is who asked.
    """

    __tablename__ = "identity_request"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    account_id: int = Field(foreign_key="account.id")
    reason: bytes
    asked_at: datetime = Field(sa_type=UtcDateTime)
    second_id: int | None = Field(default=None, foreign_key="account.id")
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    allowed: bool | None = None


class ConflictDeclaration(SQLModel, table=True):
    """What somebody with access declared of their own interest in a case."""

    __tablename__ = "conflict_declaration"

    case_id: int = Field(primary_key=True, foreign_key="case_file.id")
    account_id: int = Field(primary_key=True, foreign_key="account.id", index=True)
    in_conflict: bool
    at: datetime = Field(sa_type=UtcDateTime)


class Challenge(SQLModel, table=True):
    """A party's objection to one who sits over its case; ``accepted`` None while the rest of the
    panel has not decided it.
    """

    __tablename__ = "challenge"
    __table_args__ = (
        Index(
            "uq_challenge_open",
            "case_id",
            "account_id",
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    party: str
    grounds: bytes
    recorded_by: int = Field(foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)
    accepted: bool | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ChallengeVote(SQLModel, table=True):
    """What one of the rest of the panel says to a challenge."""

    __tablename__ = "challenge_vote"

    challenge_id: int = Field(primary_key=True, foreign_key="challenge.id")
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    accepts: bool
    at: datetime = Field(sa_type=UtcDateTime)


class CaseReminder(SQLModel, table=True):
    """What somebody is reminded of in a case, once; ``answered_at`` when a complainant was asked
    after.
    """

    __tablename__ = "case_reminder"
    __table_args__ = (Index("ix_case_reminder_waiting", "sent_at", "due_at"),)

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    kind: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CaseHold(SQLModel, table=True):
    """Why the texts of a case are kept beyond their time, and until when."""

    __tablename__ = "case_hold"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    account_id: int = Field(foreign_key="account.id")
    reason: bytes
    at: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lifted_by: int | None = Field(default=None, foreign_key="account.id")


class CalendarDay(SQLModel, table=True):
    """A day that the organizer made a day off, a working day, or an ordinary one again."""

    __tablename__ = "calendar_day"

    day: date = Field(primary_key=True)
    kind: str
    reason: str
    account_id: int = Field(foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)


class TimeLimit(SQLModel, table=True):
    """How long a state may last (or a window is open) instead of the default."""

    __tablename__ = "time_limit"
    __table_args__ = (CheckConstraint("seconds > 0", name="some"),)

    name: str = Field(primary_key=True)
    seconds: int
    urgent_seconds: int | None = None
    account_id: int = Field(foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)


class Attempt(SQLModel, table=True):
    """A guess at a receipt code, a complaint from an address, a look-up of a number: counted for an
    hour, then removed. Not tied to any case.
    """

    __tablename__ = "desk_attempt"
    __table_args__ = (Index("ix_desk_attempt_subject", "kind", "subject", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    subject: bytes
    at: datetime = Field(sa_type=UtcDateTime, index=True)
