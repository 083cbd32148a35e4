"""The one writer of a process: what voters write is committed in groups and answered afterwards.

A commit costs an fsync whatever it holds, so the operations that arrive while one is under way
share the next. An operation is answered only when its commit has returned: an acknowledged vote is
on the disk. The writer is an edge: it opens transactions and commits them.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from core import clock
from core.database import engine
from core.errors import Refused
from core.messaging.post import Post
from core.messaging.sender import Sender
from core.voting.election import CurrentElection, Election
from core.voting.polling import (
    CastBallots,
    PollingAnswer,
    SignedOut,
    SignOut,
    cast_ballots,
    sign_out_many,
)
from core.voting.rules import VotingRefusal
from core.voting.signin import (
    CodeAnswer,
    SignIn,
    SignInAnswer,
    SolveCode,
    sign_in_many,
    solve_many,
)
from core.voting.tally import Tally

log = logging.getLogger(__name__)

LARGEST_GROUP: Final = 256
DEADLOCK_TRIES: Final = 6
_SERIALIZATION: Final = frozenset({"40P01", "40001"})

Operation = SignIn | SolveCode | CastBallots | SignOut
Answer = SignInAnswer | CodeAnswer | PollingAnswer | SignedOut
Done = Callable[[Answer | None, BaseException | None], None]
_Entry = tuple[Operation, Any]
"""An operation and where its answer goes: a `Future`, or a loop's future with its loop."""


def perform(
    connection: Connection,
    election: Election,
    operations: Sequence[Operation],
    *,
    now: datetime,
    post: Post | None = None,
) -> list[Answer]:
    """Carry out operations of every kind in one transaction; answers in their order.

    ``post`` gets the messages, for whoever hands them to a sender after the commit.
    """
    tally = Tally(election.primary.id)
    post = Post() if post is None else post
    answers: list[Answer | None] = [None] * len(operations)
    for kind, carry_out in (
        (
            SignIn,
            lambda ops: sign_in_many(connection, election, ops, now=now, tally=tally, post=post),
        ),
        (SolveCode, lambda ops: solve_many(connection, election, ops, now=now, tally=tally)),
        (
            CastBallots,
            lambda ops: cast_ballots(connection, election, ops, now=now, tally=tally, post=post),
        ),
        (SignOut, lambda ops: sign_out_many(connection, election, ops)),
    ):
        chosen = [place for place, asked in enumerate(operations) if isinstance(asked, kind)]
        if chosen:
            given = carry_out([operations[place] for place in chosen])
            for place, answer in zip(chosen, given, strict=True):
                answers[place] = answer
    tally.write(connection)
    post.write(connection)
    return [answer for answer in answers if answer is not None]


class Writer:
    """A thread that commits groups of operations, and a sender for the codes they ask for."""

    def __init__(self, election: CurrentElection, *, largest_group: int = LARGEST_GROUP) -> None:
        self._election = election
        self._largest_group = largest_group
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._sender = Sender()

    def start(self) -> None:
        """Begin to work."""
        self._sender.start()
        self._thread.start()

    def stop(self) -> None:
        """Commit and answer what was submitted, then end."""
        self._queue.put(None)
        self._thread.join()
        self._sender.stop()

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
        with engine().connect() as connection:
            while True:
                group = self._next_group()
                if group is None:
                    return
                self._work(connection, group)

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

    def _work(self, connection: Connection, group: Sequence[_Entry]) -> None:
        operations = [operation for operation, _future in group]
        try:
            answers: Sequence[Answer | BaseException] = self._commit(connection, operations)
        except Exception as fault:  # noqa: BLE001 - a writer that dies would silence the portal
            if len(group) > 1:
                # One bad operation must not spoil the others: each gets a transaction of its own.
                answers = [self._alone(connection, operation) for operation in operations]
            else:
                answers = [_failed(fault)]
        _deliver(group, answers)

    def _alone(self, connection: Connection, operation: Operation) -> Answer | BaseException:
        try:
            return self._commit(connection, [operation])[0]
        except Exception as fault:  # noqa: BLE001 - it is answered to whoever submitted it
            return _failed(fault)

    def _commit(self, connection: Connection, operations: Sequence[Operation]) -> list[Answer]:
        election = self._election.require()
        for attempt in range(DEADLOCK_TRIES):
            post = Post(held=True)
            try:
                with connection.begin():
                    answers = perform(connection, election, operations, now=clock.now(), post=post)
                self._sender.hand_over(post.messages)
                return answers
            except OperationalError as fault:
                state = getattr(fault.orig, "sqlstate", None)
                if state not in _SERIALIZATION or attempt == DEADLOCK_TRIES - 1:
                    raise
                time.sleep(0.01 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")


def _failed(fault: Exception) -> Exception:
    """What the submitter gets; a database that is away is a refusal to be tried again.

    Whether a commit that failed was stored nobody knows: the repeat, with its key, finds out.
    """
    log.error("an operation failed: %s", type(fault).__name__)
    if isinstance(fault, DBAPIError):
        return Refused(VotingRefusal.DATABASE_UNAVAILABLE)
    return fault


def _deliver(group: Sequence[_Entry], answers: Sequence[Answer | BaseException]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Any, Answer | BaseException]]] = {}
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


def _settle_all(pairs: Sequence[tuple[Any, Answer | BaseException]]) -> None:
    for future, answer in pairs:
        _settle(future, answer)


def _settle(future: Any, answer: Answer | BaseException) -> None:
    if future.cancelled():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
