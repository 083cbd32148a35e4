"""Exemptions from a file: the computers of many polling places, checked row by row.

The file has the columns of `COLUMNS` (CSV or XLSX, as every file that comes in). An instant is
``01.10.2020 00:00`` or ``2020-10-01 00:00`` in the installation's zone, a bare day as an end means
the end of that day, and an empty cell means the opening or the close of the vote.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.errors import Refused
from core.primary.files import CellRefused, ImportReport, RefusedRow, parse_date, read_table
from core.primary.rules import Timeline, local_instant
from core.settings import settings
from core.voting.exemptions import ExemptionTerms, check_terms
from core.voting.rules import ExemptionKind, VotingRefusal

COLUMNS: Final = (
    "kind",
    "network",
    "place_code",
    "holder",
    "reason",
    "document",
    "valid_from",
    "valid_until",
    "cap_total",
    "cap_hourly",
)
_PATTERNS: Final = ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S")
# Which cell a refusal is about; one of several cells is named by the first.
_COLUMN_OF: Final[Mapping[str, str]] = {
    "network_malformed": "network",
    "network_too_wide": "network",
    "holder_missing": "holder",
    "place_missing": "place_code",
    "unknown_place": "place_code",
    "reason_missing": "reason",
    "document_missing": "document",
    "address_in_text": "reason",
    "period_empty": "valid_until",
    "period_over": "valid_until",
    "cap_out_of_range": "cap_total",
}


@dataclass(frozen=True)
class ReadExemptions:
    """The rows that can be proposed, and the report of all."""

    terms: tuple[ExemptionTerms, ...]
    report: ImportReport


def read_exemptions(
    content: bytes, primary_id: str, *, timeline: Timeline, now: datetime
) -> ReadExemptions:
    """Read a file of exemptions. A faulty row is left out and reported with its first fault.

    Refused as a whole when the file can't be read or lacks a column (`core.primary.files`).
    """
    table = read_table(content, COLUMNS)
    report = ImportReport(read=len(table.rows), ignored_columns=table.ignored_columns)
    known: dict[str, int] = {}
    taken: list[ExemptionTerms] = []
    for row in table.rows:
        try:
            terms = _terms(row.cells, primary_id, timeline, now)
            if terms.network in known:
                # Two rows of one network are two caps on it; the places must be added up first.
                raise CellRefused(
                    "network", Refused(VotingRefusal.NETWORK_REPEATED, row=known[terms.network])
                )
        except CellRefused as refused:
            report.rows_refused.append(RefusedRow(row.number, refused.column, refused.refusal))
            continue
        known[terms.network] = row.number
        taken.append(terms)
    report.new = len(taken)
    return ReadExemptions(tuple(taken), report)


def _terms(
    cells: Mapping[str, str], primary_id: str, timeline: Timeline, now: datetime
) -> ExemptionTerms:
    try:
        kind = ExemptionKind(cells["kind"].casefold())
    except ValueError:
        raise CellRefused("kind", Refused(VotingRefusal.KIND_UNKNOWN)) from None
    terms = ExemptionTerms(
        primary_id=primary_id,
        kind=kind,
        network=cells["network"],
        holder=cells["holder"],
        place_code=cells["place_code"],
        reason=cells["reason"],
        document=cells["document"],
        valid_from=_moment(cells, "valid_from", empty=timeline.voting_opens),
        valid_until=_moment(cells, "valid_until", empty=timeline.voting_closes, is_end=True),
        cap_total=_count(cells["cap_total"]),
        cap_hourly=_count(cells["cap_hourly"]),
    )
    try:
        return check_terms(terms, now=now)
    except Refused as refused:
        raise CellRefused(_COLUMN_OF[refused.code.value], refused) from None


def _moment(
    cells: Mapping[str, str], column: str, *, empty: datetime, is_end: bool = False
) -> datetime:
    text = cells[column]
    if not text:
        return empty
    zone = settings().zone
    day = parse_date(text)
    wall = (
        datetime(day.year, day.month, day.day) + timedelta(days=int(is_end))  # noqa: DTZ001 - the wall clock's
        if day
        else _wall_time(text)
    )
    if wall is None:
        raise CellRefused(column, Refused(VotingRefusal.MOMENT_MALFORMED))
    try:
        return local_instant(wall.date(), wall.time(), zone, is_end=is_end)
    except Refused as refused:
        raise CellRefused(column, refused) from None


def _wall_time(text: str) -> datetime | None:
    for pattern in _PATTERNS:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is the installation's
        except ValueError:
            continue
    return None


def _count(text: str) -> int:
    """A whole number; 0, which the rule refuses, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
