"""Export, count and import in one step on the server: for rehearsals only.

In an election root of a server must never hold the key and the ballots' order together, so the
ballots are opened on a machine of their own. A trainer has one machine. Like a command, this is an
edge: it opens its units of work itself.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session

from core.audit import service as audit
from core.database import reading, unit_of_work
from core.errors import Refused
from core.primary.queries import PrimaryView
from core.results.ceremony import active_primary
from core.results.counting import Imported, import_count
from core.results.export import record_export, write_sealed_export
from core.results.exportfile import check_export
from core.results.opening import Progress, forbid_core_dumps, whole_count
from core.results.resultfile import seal_result
from core.results.rules import ResultsRefusal
from core.results.shares import rebuild_key
from core.settings import settings
from core.staff.rules import Actor, Role, StaffRefusal, require
from core.voting.closing import close_vote


def is_allowed(primary: PrimaryView) -> bool:
    """Whether this is a rehearsal's primary on an installation that holds no real one."""
    return primary.rehearsal and not settings().is_production


def count_in_one_step(
    shares: Sequence[str], *, actor: Actor, now: datetime, progress: Progress | None = None
) -> Imported:
    """Open and count with ``shares`` (words, as typed) here and now, and bring the result in.

    Refused as ``rehearsal_only`` in production and for a primary that is no rehearsal, and as
    export, `rebuild_key` and import refuse.
    """
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    require(actor, Role.TRUSTEE, Role.ORGANIZER)
    system = Actor.system("one-step count")
    forbid_core_dumps()
    # Ballots may touch the disk, sealed as they are; the key and what it opens may not.
    with TemporaryDirectory(prefix="count-") as folder:
        path = Path(folder) / "ballots.jsonl"
        with reading() as session:
            _check_allowed(session)
        close_vote(now)
        with reading() as session, path.open("wb") as file:
            summary = write_sealed_export(session, file, actor=system, now=now)
        exported = check_export(path)
        secret = rebuild_key(shares, public=exported.header.public)
        count, _paper = whole_count(exported, secret, progress=progress)
    data = seal_result(count, exported, secret)
    with unit_of_work() as session:
        record_export(session, summary, actor=system, now=now)
        audit.record(
            session,
            "count_in_one_step",
            author=actor.author,
            subject=f"primary:{summary.primary_id}",
        )
        return import_count(session, data, actor=system, now=now)


def _check_allowed(session: Session) -> None:
    if not is_allowed(active_primary(session)):
        raise Refused(ResultsRefusal.REHEARSAL_ONLY)
