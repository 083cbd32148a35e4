"""Tables of voting on paper. None of them knows what a ballot says."""

from datetime import date, datetime, time

from sqlalchemy import LargeBinary
from sqlmodel import CheckConstraint, Field, ForeignKeyConstraint, Index, SQLModel

from core.database import UtcDateTime, one_of
from core.paper.rules import Answer, PollingPlaceKind, ReleaseGround, ReleaseKind


def _at_a_polling_place(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["primary_id", "polling_place"],
        ["polling_place.primary_id", "polling_place.code"],
        name=f"fk_{table}_polling_place",
    )


class PollingPlace(SQLModel, table=True):
    """A place where people vote on paper. It lies in a unit without parts.

    ``settled_at``: its protocol is sealed, and no mark is undone any more.
    """

    __tablename__ = "polling_place"
    __table_args__ = (
        CheckConstraint(one_of("kind", PollingPlaceKind), name="kind"),
        CheckConstraint("last_day >= first_day", name="days"),
        CheckConstraint("closes > opens", name="hours"),
        Index("ix_polling_place_area", "primary_id", "place_code"),
    )

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    code: str = Field(primary_key=True)
    name_ru: str
    name_kk: str
    name_en: str
    place_code: str
    address: str
    kind: str
    first_day: date
    last_day: date
    opens: time
    closes: time
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ClerkPost(SQLModel, table=True):
    """Where a clerk works: one polling place at a time, decided by the key.

    The role of the account says in which area it may be used, this row at which desk.
    """

    __tablename__ = "clerk_post"
    __table_args__ = (_at_a_polling_place("clerk_post"),)

    primary_id: str = Field(primary_key=True)
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    polling_place: str = Field(index=True)
    assigned_at: datetime = Field(sa_type=UtcDateTime)
    assigned_by: int


class PaperList(SQLModel, table=True):
    """Who votes at a place without a connection: a draft until two people fix it.

    ``people`` are on it once it is fixed, released ones left out; ``came`` is how many of them voted,
    known from the protocol after the close.
    """

    __tablename__ = "paper_list"
    __table_args__ = (
        CheckConstraint(
            "(fixed_at IS NULL AND digest IS NULL AND confirmed_by IS NULL)"
            " OR (fixed_at IS NOT NULL AND digest IS NOT NULL AND confirmed_by IS NOT NULL)",
            name="fixed",
        ),
        CheckConstraint("people >= 0 AND came BETWEEN 0 AND people", name="came"),
        _at_a_polling_place("paper_list"),
    )

    primary_id: str = Field(primary_key=True)
    polling_place: str = Field(primary_key=True)
    digest: str | None = Field(default=None)
    proposed_by: int | None = Field(default=None)
    confirmed_by: int | None = Field(default=None)
    fixed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    people: int = 0
    came: int | None = Field(default=None)


class PaperListRow(SQLModel, table=True):
    """One voter of a paper list. The key keeps anybody from standing on two lists.

    ``number`` is the row on the printed sheets, given when the list is fixed; a released row keeps
    its number and is printed struck out.
    """

    __tablename__ = "paper_list_row"
    __table_args__ = (
        _at_a_polling_place("paper_list_row"),
        Index("ix_paper_list_row_number", "primary_id", "polling_place", "number"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    iin_digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    polling_place: str
    number: int | None = Field(default=None)
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PaperLookUp(SQLModel, table=True):
    """One question of a clerk, its answer, and what the press made of it: never changed after.

    The press names this row, so that pressed twice, or again after a lost connection, it is one.
    """

    __tablename__ = "paper_look_up"
    __table_args__ = (
        CheckConstraint(one_of("answer", Answer), name="answer"),
        CheckConstraint(one_of("outcome", Answer), name="outcome"),
        _at_a_polling_place("paper_look_up"),
        Index("ix_paper_look_up_clerk", "account_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str
    polling_place: str
    account_id: int = Field(foreign_key="account.id")
    iin_digest: bytes = Field(sa_type=LargeBinary)
    iin_masked: str
    answer: str
    at: datetime = Field(sa_type=UtcDateTime)
    outcome: str | None = Field(default=None)
    pressed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PaperMark(SQLModel, table=True):
    """Somebody to whom ballots were handed out. It stands and falls with the claim of the IIN."""

    __tablename__ = "paper_mark"
    __table_args__ = (
        _at_a_polling_place("paper_mark"),
        Index("ix_paper_mark_polling_place", "primary_id", "polling_place", "at"),
        {"sqlite_with_rowid": False},
    )

    primary_id: str = Field(primary_key=True)
    iin_digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    polling_place: str
    look_up_id: int = Field(unique=True, foreign_key="paper_look_up.id")
    account_id: int = Field(foreign_key="account.id")
    at: datetime = Field(sa_type=UtcDateTime)


class PaperRelease(SQLModel, table=True):
    """An IIN set free by two people: from a list, or from a mistaken mark. Listed for everybody.

    The public list has no digest, no row and no ``note``.
    """

    __tablename__ = "paper_release"
    __table_args__ = (
        CheckConstraint(one_of("kind", ReleaseKind), name="kind"),
        CheckConstraint(one_of("ground", ReleaseGround), name="ground"),
        _at_a_polling_place("paper_release"),
    )

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(index=True)
    polling_place: str
    kind: str
    ground: str
    note: str
    iin_digest: bytes = Field(sa_type=LargeBinary)
    proposed_by: int
    confirmed_by: int
    at: datetime = Field(sa_type=UtcDateTime)
