"""Bringing a count in: whose it is, whether it adds up, and totals nobody can read from a table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.keyring import decrypt, encrypt, hmac_digest
from core.results.bundle import canonical
from core.results.ceremony import active_primary, election_ceremony
from core.results.export import contest_rules
from core.results.models import ContestTotal, CountImport, RecordedCount, SealedExport
from core.results.resultfile import check_count, open_result, read_header
from core.results.rules import ImportOutcome, ResultsRefusal
from core.staff.rules import Actor, Role, require_writer

_TOTALS: Final = "results: totals of a contest"
_RESULT: Final = "results: digest of a result file"
_PADDED_TO: Final = 1024  # bytes


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What bringing a result in did: the first is recorded, the same bytes again confirm it."""

    outcome: ImportOutcome
    ballots: int
    contests: int
    first_at: datetime


def import_count(session: Session, data: bytes, *, actor: Actor, now: datetime) -> Imported:
    """Bring in the result file ``data`` (bytes as `count` wrote them).

    Refused as ``not_exported``, ``result_damaged``, ``result_of_another_primary``,
    ``result_of_another_export``, ``result_not_signed_by_key``, ``result_for_another_installation``,
    ``result_does_not_add_up``, or ``second_count_differs`` when another count was recorded before.
    """
    if not actor.is_system:
        require_writer(actor, Role.ORGANIZER, Role.CANVASSER, place=None)
    primary = active_primary(session)
    header, given = read_header(data)
    if header.primary != primary.id:
        raise Refused(ResultsRefusal.RESULT_OF_ANOTHER_PRIMARY)
    # Locked: of two counts brought in at once, the second is compared with the first.
    export = session.exec(
        select(SealedExport).where(col(SealedExport.primary_id) == primary.id).with_for_update()
    ).one_or_none()
    if export is None:
        raise Refused(ResultsRefusal.NOT_EXPORTED)
    if header.export_digest != export.digest or header.ballots != export.ballots:
        raise Refused(ResultsRefusal.RESULT_OF_ANOTHER_EXPORT)
    count = open_result(header, given, result_key=election_ceremony(session, primary).result_key)
    rules = {contest.id: contest for contest in contest_rules(session, primary.id)}
    check_count(count, export.ballots_by_contest, rules, export.protocols)
    digest = hmac_digest(_RESULT, data)
    first = recorded_import(session, primary.id)
    if first is not None and first.result_hmac != digest:
        raise Refused(ResultsRefusal.SECOND_COUNT_DIFFERS, first_at=first.imported_at)
    outcome = ImportOutcome.CONFIRMED if first else ImportOutcome.RECORDED
    row = CountImport(
        primary_id=primary.id,
        outcome=outcome.value,
        result_hmac=digest,
        ballots=header.ballots,
        imported_at=now,
        imported_by=actor.account_id,
    )
    session.add(row)
    session.flush()
    if first is None:
        session.add(RecordedCount(primary_id=primary.id, count_import_id=cast(int, row.id)))
        _store_totals(session, primary.id, count)
    audit.record(
        session,
        "import_count",
        author=actor.author,
        subject=f"primary:{primary.id}",
        details={"outcome": outcome.value, "export": export.digest, "ballots": header.ballots},
    )
    return Imported(
        outcome=outcome,
        ballots=header.ballots,
        contests=len(count),
        first_at=first.imported_at if first else now,
    )


def note_differing_count(session: Session, *, actor: Actor) -> None:
    """Log that a second count was refused because it differs; called by the edge that refused it."""
    primary = active_primary(session)
    audit.record(
        session,
        "refuse_differing_count",
        author=actor.author,
        subject=f"primary:{primary.id}",
    )


def _aad(primary_id: str, contest_id: str) -> bytes:
    return f"{primary_id}/{contest_id}".encode()


def _store_totals(session: Session, primary_id: str, count: list[Any]) -> None:
    spelled = {entry["contest"]: canonical(entry) for entry in count}
    longest = max((len(text) for text in spelled.values()), default=0)
    # One length for all: it must not tell how many ways of choosing a contest has seen.
    length = -(-longest // _PADDED_TO) * _PADDED_TO
    session.add_all(
        ContestTotal(
            primary_id=primary_id,
            contest_id=contest_id,
            blob=encrypt(_TOTALS, text.ljust(length), aad=_aad(primary_id, contest_id)),
        )
        for contest_id, text in spelled.items()
    )
    session.flush()


def recorded_import(session: Session, primary_id: str) -> CountImport | None:
    """The import whose count stands, or None before the first."""
    return session.exec(
        select(CountImport)
        .join(RecordedCount, col(RecordedCount.count_import_id) == col(CountImport.id))
        .where(col(RecordedCount.primary_id) == primary_id)
    ).one_or_none()


def opened_totals(session: Session, primary_id: str) -> Mapping[str, dict[str, Any]]:
    """The recorded count by contest, in clear: for `canvass` and `publication` alone.

    Each value has ``ballots``, ``valid``, ``blank``, ``invalid`` (by reason), ``votes`` (by
    candidate) and ``opened`` of what was cast online, and ``paper`` with its ``places`` and the
    ``refused`` protocols. Refused as ``not_counted``.
    """
    rows = session.exec(
        select(ContestTotal).where(col(ContestTotal.primary_id) == primary_id)
    ).all()
    if not rows:
        raise Refused(ResultsRefusal.NOT_COUNTED)
    return {
        row.contest_id: json.loads(decrypt(_TOTALS, row.blob, aad=_aad(primary_id, row.contest_id)))
        for row in rows
    }
