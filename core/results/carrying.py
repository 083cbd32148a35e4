"""What people carry between the server and the count machine. Edges: they open units of work."""

from datetime import datetime
from typing import BinaryIO

from core.database import reading, unit_of_work
from core.errors import Refused
from core.results.counting import Imported, import_count, note_differing_count
from core.results.export import ExportSummary, record_export, write_sealed_export
from core.results.rules import ResultsRefusal
from core.staff.rules import Actor
from core.voting.closing import close_vote


def take_out(file: BinaryIO, *, actor: Actor, now: datetime) -> ExportSummary:
    """Write the sealed ballots to ``file`` and remember the export; refused as its services are.

    What the close still owes is done first: no ballot leaves in the order in which it was cast.
    """
    close_vote(now)
    # Two units of work: reading some hundred megabytes must not keep every writer waiting.
    with reading() as session:
        summary = write_sealed_export(session, file, actor=actor, now=now)
    with unit_of_work() as session:
        record_export(session, summary, actor=actor, now=now)
    return summary


def bring_in(data: bytes, *, actor: Actor, now: datetime) -> Imported:
    """Bring a result in; that a count differs from the recorded one stays in the audit log."""
    try:
        with unit_of_work() as session:
            return import_count(session, data, actor=actor, now=now)
    except Refused as refused:
        if refused.code is ResultsRefusal.SECOND_COUNT_DIFFERS:
            with unit_of_work() as session:
                note_differing_count(session, actor=actor)
        raise
