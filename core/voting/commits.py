"""What voters ask to be written, carried out in groups: one transaction, one commit, many answers.

A commit costs an fsync whatever it holds. An operation is answered only when its commit has
returned: an acknowledged vote is on the disk. A committer is an edge: it opens transactions and
commits them.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from core import clock
from core.database import engine
from core.errors import Refused
from core.messaging.sender import Sender
from core.voting.codes import CodeDesk, VotersPost
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
from core.voting.signin import SignIn, SignInAnswer, sign_in_many
from core.voting.solving import CodeAnswer, SolveCode, solve_many
from core.voting.tally import Tally

log = logging.getLogger(__name__)
T = TypeVar("T")

LARGEST_GROUP: Final = 256
DEADLOCK_TRIES: Final = 8
_AGAIN: Final = frozenset({"40P01", "40001", "55P03"})
"""Deadlock, serialization failure, lock not available: nothing was kept, and the next try may do."""

_LOCK_PATIENCE: Final = "SET LOCAL lock_timeout = '200ms'"
"""PostgreSQL looks for deadlocks after a second only, in which no voter would be answered."""


Operation = SignIn | SolveCode | CastBallots | SignOut
Answer = SignInAnswer | CodeAnswer | PollingAnswer | SignedOut


def perform(
    connection: Connection,
    election: Election,
    operations: Sequence[Operation],
    *,
    now: datetime,
    post: VotersPost | None = None,
) -> list[Answer]:
    """Carry out operations of every kind in one transaction; answers in their order.

    ``post`` gets the messages, for whoever hands them to a sender after the commit.
    """
    tally = Tally(election.primary.id)
    post = VotersPost() if post is None else post
    answers: list[Answer | None] = [None] * len(operations)
    for kind, carry_out in (
        (
            SignIn,
            lambda ops: sign_in_many(connection, election, ops, now=now, tally=tally, post=post),
        ),
        (
            SolveCode,
            lambda ops: solve_many(connection, election, ops, now=now, tally=tally, post=post),
        ),
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
    post.count_codes(connection, now)
    return [answer for answer in answers if answer is not None]


class Committer:
    """One connection that commits groups of operations, and the sender of their messages."""

    def __init__(self, election: CurrentElection) -> None:
        self._election = election
        self._sender = Sender()
        self._codes = CodeDesk()
        self._connection: Connection | None = None

    def start(self) -> None:
        """Begin to send."""
        self._sender.start()

    def stop(self) -> None:
        """Send what was handed over, and give the connection back."""
        if self._connection is not None:
            self._connection.close()
        self._sender.stop()

    def carry_out(self, operations: Sequence[Operation]) -> Sequence[Answer | Exception]:
        """The answers to a group, after its commit; an exception is the answer to its operation."""
        try:
            return self._commit(operations)
        except Exception as fault:  # noqa: BLE001 - a writer that dies would silence the portal
            if len(operations) == 1:
                return [_failed(fault)]
        # One bad operation must not spoil the others: each gets a transaction of its own.
        return [answer for operation in operations for answer in self.carry_out([operation])]

    def _commit(self, operations: Sequence[Operation]) -> list[Answer]:
        election = self._election.require()
        if self._connection is None:
            self._connection = engine().connect()
        connection = self._connection

        def perform_all() -> tuple[list[Answer], VotersPost]:
            post = self._codes.post(held=True)
            now = clock.now()
            return perform(connection, election, operations, now=now, post=post), post

        answers, post = committed(connection, perform_all)
        self._sender.hand_over(post.committed(clock.now()))
        return answers


def committed(connection: Connection, work: Callable[[], T]) -> T:
    """What ``work`` gives, in a transaction of its own; done again when it ended in a deadlock.

    Claims are inserted in one order, but a batch that lost some of them comes back for others:
    then two may wait for each other, and PostgreSQL ends one of them.
    """
    for attempt in range(DEADLOCK_TRIES):
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(_LOCK_PATIENCE)
                return work()
        except OperationalError as fault:
            state = getattr(fault.orig, "sqlstate", None)
            if state not in _AGAIN or attempt == DEADLOCK_TRIES - 1:
                raise
            time.sleep(random.uniform(0.5, 1) * 0.01 * 2**attempt)  # noqa: S311 - no secret
    raise AssertionError("the last attempt returns or raises")


def _failed(fault: Exception) -> Exception:
    """What the submitter gets; a database that is away is a refusal to be tried again.

    Whether a commit that failed was stored nobody knows: the repeat, with its key, finds out.
    """
    log.error("an operation failed: %s", type(fault).__name__)
    if isinstance(fault, DBAPIError):
        return Refused(VotingRefusal.DATABASE_UNAVAILABLE)
    return fault
