"""What the public listener holds while it runs: the election, the writer, the pace of sign-ins."""

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from core import clock
from core.database import reading
from core.settings import settings
from core.voting.commits import Answer, Operation
from core.voting.election import CurrentElection
from core.voting.limits import Pace
from core.voting.writer import Writer
from core.voting.writer_process import ProcessWriter
from portal.admission import Admission
from portal.load import TICK, Load, processor_times

T = TypeVar("T")

EVEN: Final = (0.015, 0.03)
"""Seconds of which each step of a sign-in takes some, drawn by lot: more than a quiet machine needs
for the dearest of them. Where there is a rush, the rush hides what a single pair costs.
"""

_lots: Final = random.SystemRandom()


class Runtime:
    """One per process; reached from a request by `runtime_of`."""

    def __init__(self) -> None:
        self.election = CurrentElection()
        self.writer: Writer | ProcessWriter = (
            ProcessWriter() if settings().writer == "process" else Writer(self.election)
        )
        self.pace = Pace()
        self.load = Load(self._processors)
        self.admission = Admission(self.load)
        self._answers: dict[str, tuple[float, Any]] = {}

    async def start(self) -> None:
        """Refuse to start with another digest key than the primary's, then let the writer work."""
        self.election.get()
        self.election.start()
        if isinstance(self.writer, ProcessWriter):
            await self.writer.start()
        else:
            self.writer.start()

    async def stop(self) -> None:
        """Commit and answer what was submitted."""
        if isinstance(self.writer, ProcessWriter):
            await self.writer.stop()
        else:
            self.writer.stop()
        self.election.stop()

    def _processors(self) -> tuple[float, ...]:
        return processor_times(self.writer.pid if isinstance(self.writer, ProcessWriter) else None)

    async def submit(self, operation: Operation) -> Answer:
        """What the writer answers after its commit; the wait for it is what admission goes by."""
        with self.load.waiting():
            return await self.writer.submit_async(operation)

    async def submit_evenly(self, operation: Operation) -> Answer:
        """The same after a time drawn by lot: how long an answer takes must not tell what was done.

        It is counted from the arrival, so that it does not begin where the work ended; the lot covers
        what is left, such as a core that is still awake because a code is being sent.
        """
        waiting = asyncio.sleep(_lots.uniform(*EVEN))
        given, _waited = await asyncio.gather(self.submit(operation), waiting)
        return given

    async def look(self) -> None:
        """Measure this process and keep the line, for ever."""
        while True:
            planned = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            now = time.monotonic()
            self.load.look(now - planned, now)
            self.admission.look(clock.now().timestamp())

    async def shared(self, name: str, seconds: float, make: Callable[[], T]) -> T:
        """What ``make`` gives, kept for ``seconds``: many who ask cost as much as one."""
        known = self._answers.get(name)
        now = time.monotonic()
        if known is not None and now - known[0] < seconds:
            return cast(T, known[1])
        made = await read(make)
        self._answers[name] = (now, made)
        return made


def runtime_of(request: Request) -> Runtime:
    """The runtime of the process that serves this request."""
    return cast(Runtime, request.app.state.runtime)


async def read(make: Callable[[], T]) -> T:
    """Run a read: at once on SQLite, whose point reads are faster than a thread's turn."""
    if settings().database_url.startswith("sqlite"):
        return make()
    return await run_in_threadpool(make)


def query(ask: Callable[..., T], *args: Any, **facts: Any) -> Callable[[], T]:
    """A read of core in a session of its own, to be given to `read` or `Runtime.shared`."""

    def asked() -> T:
        with reading() as session:
            return partial(ask, session)(*args, **facts)

    return asked
