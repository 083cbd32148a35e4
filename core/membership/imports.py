"""Running an import as an edge: in one unit of work, in the background, with its progress."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.membership.register_import import (
    ImportOutcome,
    ImportProgress,
    import_members,
    record_failure,
)
from core.membership.rules import MembershipRefusal
from core.staff.rules import Actor

log = logging.getLogger(__name__)


def run_import(
    path: Path,
    *,
    actor: Actor,
    file_name: str | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportOutcome:
    """Import a register file in a unit of work of its own; a file that is refused is listed."""
    started = clock.now()
    try:
        with unit_of_work() as session:
            return import_members(
                session, path, actor=actor, now=started, file_name=file_name, progress=progress
            )
    except Refused as refused:
        if isinstance(refused.code, MembershipRefusal):
            with unit_of_work() as session:
                record_failure(
                    session,
                    path,
                    actor=actor,
                    failure=refused.code,
                    file_name=file_name,
                    started_at=started,
                )
        raise


@dataclass(frozen=True, kw_only=True)
class Job:
    """An import in the background: running while it has neither outcome nor fault."""

    file_name: str
    account_id: int
    started_at: datetime
    progress: ImportProgress | None = None
    outcome: ImportOutcome | None = None
    refusal: Refused | None = None
    failed: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self.outcome is None and self.refusal is None and not self.failed


_lock = Lock()
_job: Job | None = None


def current_job(account_id: int) -> Job | None:
    """The latest import that this account began on this server, running or finished."""
    return _job if _job is not None and _job.account_id == account_id else None


def start_import(path: Path, *, actor: Actor, file_name: str) -> None:
    """Import ``path`` in the background and remove the file afterwards.

    Refused as ``import_running`` while another import is at work on this server.
    """
    global _job
    with _lock:
        if _job is not None and _job.is_running:
            raise Refused(MembershipRefusal.IMPORT_RUNNING)
        _job = Job(file_name=file_name, account_id=actor.account_id, started_at=clock.now())
    Thread(target=_work, args=(path, actor, file_name), name="register import").start()


def _note(**changes: object) -> None:
    global _job
    with _lock:
        assert _job is not None
        _job = replace(_job, **changes)  # type: ignore[arg-type]  # fields of Job by name


def _work(path: Path, actor: Actor, file_name: str) -> None:
    try:
        outcome = run_import(
            path,
            actor=actor,
            file_name=file_name,
            progress=lambda progress: _note(progress=progress),
        )
    except Refused as refused:
        _note(refusal=refused)
    except Exception:
        log.exception("an import failed and left nothing behind")
        _note(failed=True)
    else:
        _note(outcome=outcome)
    finally:
        path.unlink(missing_ok=True)
