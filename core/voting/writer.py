"""The one writer of a process: what arrives while a commit is under way shares the next.

As a thread it costs nothing to run and lives with the portal; `writer_process` does the same work
beside it.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from core.voting.commits import LARGEST_GROUP, Answer, Committer, Operation
from core.voting.election import CurrentElection

log = logging.getLogger(__name__)

_Entry = tuple[Operation, Any]
"""An operation and where its answer goes: a `Future`, or a loop's future with its loop."""


class Writer:
    """A thread that commits groups of operations, and a sender for the codes they ask for."""

    def __init__(self, election: CurrentElection, *, largest_group: int = LARGEST_GROUP) -> None:
        self._committer = Committer(election)
        self._largest_group = largest_group
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._committer.start()
        self._thread.start()

    def stop(self) -> None:
        """Commit and answer what was submitted, then end."""
        self._queue.put(None)
        self._thread.join()
        self._committer.stop()

    @property
    def is_alive(self) -> bool:
        """Whether submitted operations will be answered."""
        return self._thread.is_alive()

    def submit(self, operation: Operation) -> "Future[Answer]":
        """Queue an operation; its future is done after the commit."""
        future: Future[Answer] = Future()
        self._queue.put((operation, future))
        return future

    def submit_async(self, operation: Operation) -> "asyncio.Future[Answer]":
        """The same for the running event loop: a whole group wakes the loop once."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.put((operation, future))
        return future

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            answers = self._committer.carry_out([operation for operation, _future in group])
            _deliver(group, answers)

    def _next_group(self) -> list[_Entry] | None:
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < self._largest_group:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
            if entry is None:
                self._queue.put(None)  # the end comes after what was submitted before it
                break
            group.append(entry)
        return group


def _deliver(group: Sequence[_Entry], answers: Sequence[Answer | Exception]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Any, Answer | Exception]]] = {}
    for (_operation, future), answer in zip(group, answers, strict=True):
        if isinstance(future, Future):
            _settle(future, answer)
        else:
            by_loop.setdefault(future.get_loop(), []).append((future, answer))
    for loop, pairs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, pairs)
        except RuntimeError:  # the loop has ended: nobody is waiting any more
            log.warning("%s answers found no listener", len(pairs))


def _settle_all(pairs: Sequence[tuple[Any, Answer | Exception]]) -> None:
    for future, answer in pairs:
        _settle(future, answer)


def _settle(future: Any, answer: Answer | Exception) -> None:
    if future.cancelled():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
