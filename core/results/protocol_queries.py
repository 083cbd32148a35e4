"""What the protocol screen shows: states, people and versions, and of what was typed nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from core.i18n import current_locale
from core.paper import queries as paper
from core.paper.queries import PollingPlaceView
from core.paper.turnout import entitled_by_place
from core.primary import queries as primaries
from core.primary.rules import CandidateStatus
from core.results.export import rules_at
from core.results.models import ProtocolEntry, ProtocolWaiver, SealedExport, SealedProtocol
from core.results.protocols import MOST_TRIES
from core.results.rules import ContestRules, ProtocolState
from core.staff.models import Account


@dataclass(frozen=True, kw_only=True)
class ProtocolLine:
    """A polling place and its protocol; ``entitled`` were marked there, or are on its list."""

    place: PollingPlaceView
    entitled: int
    state: ProtocolState
    versions: int
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class EntryView:
    """A first entry that waits: who typed it and when, never what."""

    account_id: int
    name: str
    entered_at: datetime
    tries_left: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class VersionView:
    """A sealed version; ``digest`` is that of the seal, by which it is found in the export."""

    version: int
    issued: int
    entered_by: str
    checked_by: str
    sealed_at: datetime
    reason: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class CandidateField:
    """A candidate as the form asks for votes."""

    id: str
    name: str
    is_cancelled: bool


@dataclass(frozen=True, kw_only=True)
class ContestFields:
    """A contest as the form asks for its ballots."""

    rules: ContestRules
    title: str
    candidates: tuple[CandidateField, ...]


@dataclass(frozen=True, kw_only=True)
class ProtocolDesk:
    """Everything that stands on the screen of one protocol before anything is typed."""

    place: PollingPlaceView
    entitled: int
    contests: tuple[ContestFields, ...]
    waiting: EntryView | None
    versions: tuple[VersionView, ...]
    is_exported: bool


def protocol_lines(session: Session, primary_id: str) -> tuple[ProtocolLine, ...]:
    """Every polling place with the state of its protocol, by area and code."""
    entitled = entitled_by_place(session, primary_id)
    sealed: dict[str, list[datetime]] = {}
    for code, at in session.exec(
        select(SealedProtocol.polling_place, SealedProtocol.sealed_at)
        .where(col(SealedProtocol.primary_id) == primary_id)
        .order_by(col(SealedProtocol.version))
    ):
        sealed.setdefault(code, []).append(at)
    waiting = dict(
        session.exec(
            select(ProtocolEntry.polling_place, ProtocolEntry.entered_at).where(
                col(ProtocolEntry.primary_id) == primary_id
            )
        ).all()
    )
    waived = dict(
        session.exec(
            select(ProtocolWaiver.polling_place, ProtocolWaiver.at).where(
                col(ProtocolWaiver.primary_id) == primary_id
            )
        ).all()
    )

    def line(place: PollingPlaceView) -> ProtocolLine:
        versions = sealed.get(place.code, [])
        if place.code in waiting:
            state, at = ProtocolState.ENTERED_ONCE, waiting[place.code]
        elif versions:
            state, at = ProtocolState.SEALED, versions[-1]
        elif place.code in waived:
            state, at = ProtocolState.WAIVED, waived[place.code]
        else:
            voted = place.code in entitled
            state, at = (ProtocolState.MISSING if voted else ProtocolState.NOT_NEEDED), None
        return ProtocolLine(
            place=place,
            entitled=entitled.get(place.code, 0),
            state=state,
            versions=len(versions),
            at=at,
        )

    return tuple(line(place) for place in paper.every_polling_place(session, primary_id))


def protocol_desk(session: Session, primary_id: str, code: str) -> ProtocolDesk | None:
    """The desk of one protocol; None for an unknown polling place."""
    place = paper.polling_place(session, primary_id, code)
    if place is None:
        return None
    return ProtocolDesk(
        place=place,
        entitled=entitled_by_place(session, primary_id).get(code, 0),
        contests=_fields(session, primary_id, place.place_code),
        waiting=_waiting(session, primary_id, code),
        versions=_versions(session, primary_id, code),
        is_exported=session.get(SealedExport, primary_id) is not None,
    )


def _fields(session: Session, primary_id: str, place_code: str) -> tuple[ContestFields, ...]:
    rules = rules_at(session, primary_id, place_code)
    return tuple(
        ContestFields(
            rules=rules[contest.id],
            title=contest.titles[current_locale()],
            candidates=tuple(
                CandidateField(
                    id=each.id,
                    name=each.name,
                    is_cancelled=each.status is CandidateStatus.CANCELLED,
                )
                for each in contest.candidates
            ),
        )
        for contest in primaries.contests(session, primary_id)
        if contest.id in rules
    )


def _waiting(session: Session, primary_id: str, code: str) -> EntryView | None:
    found = session.exec(
        select(ProtocolEntry, Account.name)
        .join(Account, col(Account.id) == col(ProtocolEntry.account_id))
        .where(
            col(ProtocolEntry.primary_id) == primary_id, col(ProtocolEntry.polling_place) == code
        )
    ).one_or_none()
    if found is None:
        return None
    entry, name = found
    return EntryView(
        account_id=entry.account_id,
        name=name,
        entered_at=entry.entered_at,
        tries_left=MOST_TRIES - entry.tries,
        reason=entry.reason,
    )


def _versions(session: Session, primary_id: str, code: str) -> tuple[VersionView, ...]:
    one, other = aliased(Account), aliased(Account)
    rows: Sequence[tuple[SealedProtocol, str, str]] = session.exec(
        select(SealedProtocol, one.name, other.name)
        .join(one, col(one.id) == col(SealedProtocol.entered_by))
        .join(other, col(other.id) == col(SealedProtocol.checked_by))
        .where(
            col(SealedProtocol.primary_id) == primary_id, col(SealedProtocol.polling_place) == code
        )
        .order_by(col(SealedProtocol.version))
    ).all()
    return tuple(
        VersionView(
            version=row.version,
            issued=row.issued,
            entered_by=entered_by,
            checked_by=checked_by,
            sealed_at=row.sealed_at,
            reason=row.reason,
            digest=row.sha256,
        )
        for row, entered_by, checked_by in rows
    )
