"""Sealing the roll as an edge: in the background, in one unit of work, with its progress."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock, Thread

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.primary.election import check_organizer
from core.primary.roll import SealedRoll, seal_roll
from core.staff.rules import Actor

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SealingJob:
    """A sealing on this server: at work while it has neither result, refusal nor failure."""

    primary_id: str
    started_at: datetime
    done: int = 0
    total: int = 0
    sealed: SealedRoll | None = None
    refusal: Refused | None = None
    failed: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self.sealed is None and self.refusal is None and not self.failed


_lock = Lock()
_job: SealingJob | None = None


def current_sealing(primary_id: str) -> SealingJob | None:
    """The latest sealing of this primary begun on this server, at work or finished."""
    return _job if _job is not None and _job.primary_id == primary_id else None


def start_sealing(primary_id: str, *, actor: Actor) -> None:
    """Seal the roll in the background; a second call while one is at work does nothing."""
    global _job
    check_organizer(actor)
    with _lock:
        running = current_sealing(primary_id)
        if running is not None and running.is_running:
            return
        _job = SealingJob(primary_id=primary_id, started_at=clock.now())
    Thread(target=_work, args=(primary_id, actor), name="roll sealing").start()


def _note(job: SealingJob) -> None:
    global _job
    with _lock:
        _job = job


def _work(primary_id: str, actor: Actor) -> None:
    job = current_sealing(primary_id)
    assert job is not None
    begun = job

    def progress(done: int, total: int) -> None:
        _note(replace(begun, done=done, total=total))

    try:
        with unit_of_work() as session:
            sealed = seal_roll(
                session, primary_id, actor=actor, now=begun.started_at, progress=progress
            )
    except Refused as refused:
        _note(replace(begun, refusal=refused))
    except Exception:
        log.exception("the roll could not be sealed and nothing was left behind")
        _note(replace(begun, failed=True))
    else:
        _note(replace(begun, sealed=sealed))
