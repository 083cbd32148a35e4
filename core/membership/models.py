"""Tables of the register, of applications, of freezes and of imports."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, Text, text
from sqlmodel import Field, SQLModel

from core.database import UtcDateTime, one_of
from core.membership.rules import (
    ApplicationStatus,
    FreezeActKind,
    MembershipActKind,
    MemberStatus,
)

# A beginning of a name is looked up as a range of the index, which needs the order of code points
# on both engines.
_BY_CODE_POINT = String().with_variant(Text(collation="C"), "postgresql")


class Member(SQLModel, table=True):
    """A person of the member register. ``search`` is the folded name, ``mobile`` is in E.164.

    No column is null but ``mobile_changed_at``, so that an import compares rows as wholes.
    """

    __tablename__ = "member"
    __table_args__ = (
        CheckConstraint(one_of("status", MemberStatus), name="status"),
        CheckConstraint("length(iin) = 12", name="iin_length"),
        Index("ix_member_search", "search"),
        Index("ix_member_place_search", "place_code", "search"),
        Index(
            "ix_member_mobile_changed_at",
            "mobile_changed_at",
            sqlite_where=text("mobile_changed_at IS NOT NULL"),
            postgresql_where=text("mobile_changed_at IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    iin: str = Field(unique=True)
    last_name: str
    first_name: str
    middle_name: str = ""
    birth_date: date
    mobile: str = Field(index=True)
    place_code: str
    branch: str = ""
    admitted_on: date = Field(index=True)
    status: str
    search: str = Field(sa_type=_BY_CODE_POINT)
    mobile_changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class MembershipAct(SQLModel, table=True):
    """A single decision about a membership; restorations during a freeze are listed from here."""

    __tablename__ = "membership_act"
    __table_args__ = (CheckConstraint(one_of("kind", MembershipActKind), name="kind"),)

    id: int | None = Field(default=None, primary_key=True)
    member_id: int = Field(foreign_key="member.id", index=True)
    kind: str
    decision: str
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    author_id: int
    during_freeze: bool = False


class Application(SQLModel, table=True):
    """A wish to become a member. ``told_until`` is the end of the freeze its author was told."""

    __tablename__ = "application"
    __table_args__ = (
        CheckConstraint(one_of("status", ApplicationStatus), name="status"),
        # Whoever applies twice waits once.
        Index(
            "uq_application_waiting",
            "iin",
            unique=True,
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index("ix_application_status_place", "status", "place_code"),
    )

    id: int | None = Field(default=None, primary_key=True)
    iin: str
    last_name: str
    first_name: str
    middle_name: str = ""
    birth_date: date
    mobile: str
    place_code: str
    branch: str = ""
    search: str
    status: str = ApplicationStatus.WAITING.value
    submitted_at: datetime = Field(sa_type=UtcDateTime)
    told_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: int | None = None
    reason: str = ""
    member_id: int | None = Field(default=None, foreign_key="member.id")


class AdmissionFreeze(SQLModel, table=True):
    """A period ``[starts_at, ends_at)`` in which nobody is admitted, as its last act left it."""

    __tablename__ = "admission_freeze"
    __table_args__ = (CheckConstraint("ends_at >= starts_at", name="order"),)

    id: int | None = Field(default=None, primary_key=True)
    starts_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ends_at: datetime = Field(sa_type=UtcDateTime, index=True)


class FreezeAct(SQLModel, table=True):
    """An act on a freeze, with the period as it left it; ``second_id`` confirmed it."""

    __tablename__ = "freeze_act"
    __table_args__ = (CheckConstraint(one_of("kind", FreezeActKind), name="kind"),)

    id: int | None = Field(default=None, primary_key=True)
    freeze_id: int = Field(foreign_key="admission_freeze.id", index=True)
    kind: str
    reason: str
    at: datetime = Field(sa_type=UtcDateTime)
    author_id: int | None = None
    second_id: int | None = None
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)


class AdmissionFloor(SQLModel, table=True):
    """Until when a freeze must last at least: the end of voting, told by the primary. One row."""

    __tablename__ = "admission_floor"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True)
    until: datetime = Field(sa_type=UtcDateTime)
    set_at: datetime = Field(sa_type=UtcDateTime)


class ImportRun(SQLModel, table=True):
    """An import that was finished, or that failed and left nothing (``failure``: its code).

    ``report`` and ``warnings`` are gzipped lines ``row,column,code``.
    """

    __tablename__ = "import_run"
    __table_args__ = (
        CheckConstraint("read_rows = new_rows + changed + same + refused", name="reconciles"),
    )

    id: int | None = Field(default=None, primary_key=True)
    file_name: str
    sha256: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime = Field(sa_type=UtcDateTime)
    author_id: int
    read_rows: int = 0
    new_rows: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0
    warned: int = 0
    unknown_columns: str = ""
    frozen_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failure: str | None = None
    report: bytes = Field(default=b"", sa_type=LargeBinary)
    warnings: bytes = Field(default=b"", sa_type=LargeBinary)
