"""Tables of ceremonies, exports, counts and publications. No column of them shows a total.

Whatever says something about votes for candidates is encrypted with the keyring (``blob``), and
its digests are keyed ones: a plain digest would let somebody try out totals until one fits.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary
from sqlmodel import CheckConstraint, Field, ForeignKeyConstraint, SQLModel, UniqueConstraint

from core.database import UtcDateTime


def _at_a_polling_place(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["primary_id", "polling_place"],
        ["polling_place.primary_id", "polling_place.code"],
        name=f"fk_{table}_polling_place",
    )


class Ceremony(SQLModel, table=True):
    """A key ceremony as the server knows it: public key, how many shares, whether all confirmed."""

    __tablename__ = "ceremony"
    __table_args__ = (
        CheckConstraint("kind IN ('rehearsal', 'election')", name="kind"),
        CheckConstraint("threshold BETWEEN 2 AND trustees AND trustees <= 16", name="size"),
        CheckConstraint("canvassers >= 2", name="canvassers"),
    )

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(index=True, foreign_key="primary_election.id")
    kind: str
    public_key: bytes = Field(unique=True, sa_type=LargeBinary)
    result_key: bytes = Field(sa_type=LargeBinary)
    threshold: int
    trustees: int
    canvassers: int
    """How many canvassers have to sign the results."""
    registered_at: datetime = Field(sa_type=UtcDateTime)
    registered_by: int
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the last trustee confirmed a share."""
    replaced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    installed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its key became the one to which ballots are sealed."""


class TrusteeShare(SQLModel, table=True):
    """One share of a ceremony: its fingerprint, and the trustee who found it on the sheet."""

    __tablename__ = "trustee_share"
    __table_args__ = (
        UniqueConstraint("ceremony_id", "fingerprint", name="uq_trustee_share_fingerprint"),
        UniqueConstraint("ceremony_id", "account_id", name="uq_trustee_share_account"),
    )

    ceremony_id: int = Field(primary_key=True, foreign_key="ceremony.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    fingerprint: str
    account_id: int | None = Field(default=None, foreign_key="account.id")
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ProtocolEntry(SQLModel, table=True):
    """A protocol typed once, waiting for the second person. ``locked`` opens with a code nobody keeps.

    One a polling place; the row goes when the second entry agrees, or when both begin again.
    """

    __tablename__ = "protocol_entry"
    __table_args__ = (_at_a_polling_place("protocol_entry"),)

    primary_id: str = Field(primary_key=True)
    polling_place: str = Field(primary_key=True)
    version: int
    reason: str
    """Why an earlier version is corrected; empty for the first."""
    locked: bytes = Field(sa_type=LargeBinary)
    tries: int = 0
    account_id: int = Field(foreign_key="account.id")
    entered_at: datetime = Field(sa_type=UtcDateTime)


class SealedProtocol(SQLModel, table=True):
    """A version of a polling place's protocol; the highest one counts, every one stays listed.

    ``issued`` is turnout and public; what the ballots say is in ``sealed`` alone.
    """

    __tablename__ = "sealed_protocol"
    __table_args__ = (
        CheckConstraint("entered_by <> checked_by", name="two_people"),
        CheckConstraint("version >= 1", name="version"),
        _at_a_polling_place("sealed_protocol"),
    )

    primary_id: str = Field(primary_key=True)
    polling_place: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    reason: str
    issued: int
    sealed: bytes = Field(sa_type=LargeBinary)
    sha256: str
    entered_by: int = Field(foreign_key="account.id")
    entered_at: datetime = Field(sa_type=UtcDateTime)
    checked_by: int = Field(foreign_key="account.id")
    sealed_at: datetime = Field(sa_type=UtcDateTime)


class ProtocolWaiver(SQLModel, table=True):
    """Two people decided to count without the protocol of a place; published with the results."""

    __tablename__ = "protocol_waiver"
    __table_args__ = (_at_a_polling_place("protocol_waiver"),)

    primary_id: str = Field(primary_key=True)
    polling_place: str = Field(primary_key=True)
    reason: str
    proposed_by: int
    confirmed_by: int
    at: datetime = Field(sa_type=UtcDateTime)


class SealedExport(SQLModel, table=True):
    """The export of a primary's sealed ballots; made again it is the same, byte for byte."""

    __tablename__ = "sealed_export"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    digest: str
    contests: int
    ballots: int
    ballots_by_contest: dict[str, int] = Field(sa_type=JSON)
    protocols: dict[str, dict[str, Any]] = Field(
        default_factory=dict, sa_type=JSON, sa_column_kwargs={"server_default": "{}"}
    )
    """The sealed protocols in it: by polling place, `exportfile.ExportedProtocol.outline`."""
    exported_at: datetime = Field(sa_type=UtcDateTime)
    exported_by: int


class CountImport(SQLModel, table=True):
    """A result that was brought in; the first of a primary is recorded, later ones confirm it.

    ``result_hmac`` is keyed: it compares two files and tells nothing about either.
    """

    __tablename__ = "count_import"
    __table_args__ = (CheckConstraint("outcome IN ('recorded', 'confirmed')", name="outcome"),)

    id: int | None = Field(default=None, primary_key=True)
    primary_id: str = Field(index=True, foreign_key="primary_election.id")
    outcome: str
    result_hmac: bytes = Field(sa_type=LargeBinary)
    ballots: int
    imported_at: datetime = Field(sa_type=UtcDateTime)
    imported_by: int


class RecordedCount(SQLModel, table=True):
    """The one count of a primary; its key decides which of two counts at once is the first."""

    __tablename__ = "recorded_count"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    count_import_id: int = Field(unique=True, foreign_key="count_import.id")


class ContestTotal(SQLModel, table=True):
    """The count of one contest, encrypted: canonical JSON padded to a common length."""

    __tablename__ = "contest_total"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    contest_id: str = Field(primary_key=True)
    blob: bytes = Field(sa_type=LargeBinary)


class CanvassSignature(SQLModel, table=True):
    """A canvasser's approval of the count, made with the second factor."""

    __tablename__ = "canvass_signature"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    position: int
    signed_at: datetime = Field(sa_type=UtcDateTime)


class ResultsBundle(SQLModel, table=True):
    """The signed results, encrypted until they are read after the instant."""

    __tablename__ = "results_bundle"

    primary_id: str = Field(primary_key=True, foreign_key="primary_election.id")
    blob: bytes = Field(sa_type=LargeBinary)
    built_at: datetime = Field(sa_type=UtcDateTime)
