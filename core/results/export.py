"""Taking the sealed ballots out for the count, after the close."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, BinaryIO

from sqlmodel import Session, col, func, select

from core.audit import service as audit
from core.database import is_sqlite
from core.errors import Refused
from core.paper.queries import every_polling_place
from core.paper.turnout import entitled_by_place
from core.primary import queries as primaries
from core.primary.election import locked_primary
from core.primary.queries import ContestView
from core.results.ceremony import (
    active_primary,
    election_ceremony,
    public_part,
    require_organizer,
)
from core.results.exportfile import ExportedProtocol, ExportHeader, write_export
from core.results.models import ProtocolWaiver, SealedExport, SealedProtocol
from core.results.resultfile import transport_key
from core.results.rules import ContestRules, ResultsRefusal
from core.staff.rules import Actor
from core.voting.board import latest_heads
from core.voting.closing import closed_from, require_rewritten
from core.voting.models import Ballot
from core.voting.publishing import is_all_published


@dataclass(frozen=True, kw_only=True)
class ExportSummary:
    """What an export holds; ``digest`` (hex) covers the whole file."""

    primary_id: str
    digest: str
    ballots_by_contest: dict[str, int]
    protocols: dict[str, dict[str, Any]]
    """The outline of each polling place's protocol, by code."""

    @property
    def ballots(self) -> int:
        """All ballots in it."""
        return sum(self.ballots_by_contest.values())


def write_sealed_export(
    session: Session, file: BinaryIO, *, actor: Actor, now: datetime
) -> ExportSummary:
    """Write the sealed ballots, without order and identity, to ``file``; changes nothing.

    The same ballots give the same bytes. Refused as ``voting_not_closed`` (facts: available_at),
    ``ballots_not_rewritten`` before `core.voting.closing.close_vote` did its work,
    ``ballots_differ_from_board``, ``no_election_key``, or ``protocols_missing`` while a polling
    place that voted has sent none. Needs a session that sees one state of the database throughout.
    """
    require_organizer(actor)
    primary = active_primary(session)
    available_at = closed_from(primary)
    if available_at is None or now < available_at:
        raise Refused(ResultsRefusal.VOTING_NOT_CLOSED, available_at=available_at)
    require_rewritten(session, primary.id)
    header = ExportHeader(
        primary=primary.id,
        public=public_part(session, election_ceremony(session, primary)),
        transport_key=transport_key().public_key().public_bytes_raw(),
        contests=contest_rules(session, primary.id),
    )
    protocols = exported_protocols(session, primary.id)
    counted = session.exec(
        select(Ballot.contest_id, func.count())
        .where(col(Ballot.primary_id) == primary.id)
        .group_by(col(Ballot.contest_id))
    ).all()
    how_many = {contest.id: 0 for contest in header.contests} | dict(counted)
    _check_board(session, primary.id, how_many)
    digest = write_export(
        file,
        header,
        how_many=how_many,
        sealed=lambda contest: _sealed(session, primary.id, contest),
        protocols=protocols,
    )
    return ExportSummary(
        primary_id=primary.id,
        digest=digest,
        ballots_by_contest=how_many,
        protocols={each.polling_place: each.outline for each in protocols},
    )


def exported_protocols(session: Session, primary_id: str) -> tuple[ExportedProtocol, ...]:
    """The newest protocol of every polling place, by code.

    Refused as ``protocols_missing`` (facts: count, first) while a place where somebody voted, or is
    listed, has none and two people have not waived it.
    """
    contests = contests_by_place(session, primary_id)
    newest: dict[str, SealedProtocol] = {}
    for row in session.exec(
        select(SealedProtocol)
        .where(col(SealedProtocol.primary_id) == primary_id)
        .order_by(col(SealedProtocol.version))
    ):
        newest[row.polling_place] = row
    waived = session.exec(
        select(ProtocolWaiver.polling_place).where(col(ProtocolWaiver.primary_id) == primary_id)
    ).all()
    missing = sorted(entitled_by_place(session, primary_id).keys() - newest.keys() - set(waived))
    if missing:
        raise Refused(ResultsRefusal.PROTOCOLS_MISSING, count=len(missing), first=missing[0])
    return tuple(
        ExportedProtocol(
            polling_place=code,
            version=row.version,
            issued=row.issued,
            contests=contests[code],
            sealed=row.sealed,
        )
        for code, row in sorted(newest.items())
    )


def contests_by_place(session: Session, primary_id: str) -> dict[str, tuple[str, ...]]:
    """The contests (ids in order) that are voted on at each polling place."""
    contests = sorted(primaries.contests(session, primary_id), key=lambda contest: contest.id)
    return {
        place.code: tuple(each.id for each in contests if each.is_for(place.place_code))
        for place in every_polling_place(session, primary_id)
    }


def _check_board(session: Session, primary_id: str, how_many: dict[str, int]) -> None:
    """Refuse to count anything but what the public board shows, neither more nor less."""
    shown = {each.head.contest_id: each.head.size for each in latest_heads(session, primary_id)}
    if shown != how_many or not is_all_published(session, primary_id):
        raise Refused(ResultsRefusal.BALLOTS_DIFFER_FROM_BOARD)


def contest_rules(session: Session, primary_id: str) -> tuple[ContestRules, ...]:
    """What a valid ballot may hold, by contest in order of id; cancelled candidates included."""
    return tuple(
        _rules(contest)
        for contest in sorted(
            primaries.contests(session, primary_id), key=lambda contest: contest.id
        )
    )


def _rules(contest: ContestView) -> ContestRules:
    return ContestRules(
        id=contest.id,
        max_choices=contest.max_choices,
        size=contest.size,
        candidates=frozenset(candidate.id for candidate in contest.candidates),
    )


def rules_at(session: Session, primary_id: str, place_code: str) -> dict[str, ContestRules]:
    """The contests that voters of a place have, by id in order."""
    found = primaries.contests(session, primary_id)
    here = [contest for contest in found if contest.is_for(place_code)]
    return {each.id: _rules(each) for each in sorted(here, key=lambda contest: contest.id)}


def _sealed(session: Session, primary_id: str, contest_id: str) -> Iterator[bytes]:
    # The tracker's own alphabet decides the order, not the collation of a server.
    tracker = col(Ballot.tracker)
    order = tracker if is_sqlite(session) else tracker.collate("C")
    found = session.execute(
        select(col(Ballot.sealed), col(Ballot.sha256))
        .where(col(Ballot.primary_id) == primary_id, col(Ballot.contest_id) == contest_id)
        .order_by(order)
        .execution_options(yield_per=1000)
    )
    for sealed, digest in found:
        if sha256(sealed).digest() != digest:  # the board shows the digest, and never the ballot
            raise Refused(ResultsRefusal.BALLOTS_DIFFER_FROM_BOARD)
        yield sealed


def record_export(session: Session, summary: ExportSummary, *, actor: Actor, now: datetime) -> None:
    """Remember the export: only its own result can be brought in.

    An export made again must be the same: else the ballots have changed since the close, which is
    refused as ``ballots_changed``.
    """
    require_organizer(actor)
    # Whoever seals a protocol holds this row: none slips in between the file and its record.
    locked_primary(session, summary.primary_id)
    current = exported_protocols(session, summary.primary_id)
    if {each.polling_place: each.outline for each in current} != summary.protocols:
        raise Refused(ResultsRefusal.PROTOCOLS_CHANGED)
    known = session.get(SealedExport, summary.primary_id)
    if known is not None and known.digest != summary.digest:
        raise Refused(ResultsRefusal.BALLOTS_CHANGED, exported_at=known.exported_at)
    if known is None:
        session.add(
            SealedExport(
                primary_id=summary.primary_id,
                digest=summary.digest,
                contests=len(summary.ballots_by_contest),
                ballots=summary.ballots,
                ballots_by_contest=summary.ballots_by_contest,
                protocols=summary.protocols,
                exported_at=now,
                exported_by=actor.account_id,
            )
        )
        session.flush()
    audit.record(
        session,
        "export_sealed_ballots",
        author=actor.author,
        subject=f"primary:{summary.primary_id}",
        details={
            "digest": summary.digest,
            "ballots": summary.ballots,
            "protocols": len(summary.protocols),
        },
    )
