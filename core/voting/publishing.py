"""Putting ballots on the board while the vote goes on. An edge: it opens its units of work.

Nothing in the database says which ballots are new: that would be an order of casting. So the ballots
are looked through in order of their trackers, which are random, a slice at a time and again and
again, and what is not on the board yet waits in memory. That costs so many rows a second however
large the vote has grown; what grows is the time until a ballot is found, to some minutes at two
million. Of those that wait in a contest a random fifty stay back each time: a batch never tells
that all its ballots were cast since the one before, and the last batch is no handful of latecomers.

Several processes may do this at once. Unique keys keep a leaf from standing twice on the board, and
whoever comes second looks through the ballots anew.
"""

import secrets
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from core.database import reading, unit_of_work
from core.primary.queries import PrimaryView, active_primary
from core.voting.board import publish
from core.voting.board_models import BoardLeaf
from core.voting.models import Ballot

SMALLEST_BATCH: Final = 50
KEPT_BACK: Final = 50
"""Ballots of a contest that a batch leaves for the next one."""

LARGEST_BATCH: Final = 1000
"""So few that a cast never waits noticeably for the lock of SQLite's one writer."""

SWEEP_EVERY: Final = timedelta(minutes=5)
_SLICE: Final = 10_000  # ballots looked at in a step
_BATCHES: Final = 4  # published in a step
_MOST_WAITING: Final = 200_000  # leaves held in memory
_random = secrets.SystemRandom()


class Publisher:
    """Looks through the ballots of the active primary and publishes them, a little at a step."""

    def __init__(self, sweep_every: timedelta = SWEEP_EVERY, slice_size: int = _SLICE) -> None:
        self._sweep_every = sweep_every
        self._slice_size = slice_size
        self.forget()

    def forget(self) -> None:
        """Begin again with the first ballot."""
        self._primary_id = ""
        self._began: datetime | None = None
        self._after: str | None = None
        self._waiting: dict[str, set[bytes]] = {}
        self._batches: list[tuple[str, list[bytes]]] = []

    def step(self, now: datetime) -> int:
        """Look at a slice, or publish a few batches; gives how many leaves it published."""
        if self._batches:
            return self._publish(now)
        with reading() as session:
            primary = active_primary(session)
            if primary is None or not primary.voting_open(now):
                self.forget()
                return 0
            if primary.id != self._primary_id:
                self.forget()
                self._primary_id = primary.id
            if self._after is None and not self._is_due(now):
                return 0
            self._look(session, primary)
        return 0

    def _is_due(self, now: datetime) -> bool:
        # A clock that a rehearsal moves back must not stop the board.
        if self._began is not None and timedelta(0) <= now - self._began < self._sweep_every:
            return False
        self._began, self._after, self._waiting = now, "", {}
        return True

    def _look(self, session: Session, primary: PrimaryView) -> None:
        assert self._after is not None
        found, self._after = unpublished(
            session, primary.id, after=self._after, limit=self._slice_size
        )
        for contest_id, leaf in found:
            self._waiting.setdefault(contest_id, set()).add(leaf)
        if self._after is None or sum(map(len, self._waiting.values())) > _MOST_WAITING:
            for contest_id, leaves in self._waiting.items():
                drawn = draw(leaves)
                leaves.difference_update(drawn)
                self._batches += [(contest_id, batch) for batch in _parts(drawn)]
            _random.shuffle(self._batches)

    def _publish(self, now: datetime) -> int:
        published = 0
        for _batch in range(min(_BATCHES, len(self._batches))):
            contest_id, leaves = self._batches.pop()
            try:
                with unit_of_work() as session:
                    signed = publish(session, self._primary_id, contest_id, leaves, now=now)
            except IntegrityError:
                # Another process has published of these: which ones wait has to be found anew.
                self.forget()
                break
            published += 0 if signed is None else len(leaves)
        return published


def draw(waiting: Collection[bytes]) -> list[bytes]:
    """What may be published of those that wait, shuffled: all but a random fifty, or nothing."""
    if len(waiting) < SMALLEST_BATCH + KEPT_BACK:
        return []
    return shuffled(waiting)[KEPT_BACK:]


def shuffled(leaves: Collection[bytes]) -> list[bytes]:
    """Leaves in an order that nobody can work out, not even from the generator's later numbers."""
    return _random.sample(list(leaves), len(leaves))


def _parts(leaves: list[bytes]) -> Iterator[list[bytes]]:
    """Batches of about one size, none too large."""
    many = -(-len(leaves) // LARGEST_BATCH)
    for part in range(many):
        yield leaves[part * len(leaves) // many : (part + 1) * len(leaves) // many]


def is_all_published(session: Session, primary_id: str) -> bool:
    """Whether every stored ballot of a primary is on the board."""
    after: str | None = ""
    while after is not None:
        found, after = unpublished(session, primary_id, after=after, limit=_SLICE)
        if found:
            return False
    return True


def unpublished(
    session: Session, primary_id: str, *, after: str, limit: int
) -> tuple[list[tuple[str, bytes]], str | None]:
    """Of the next ``limit`` ballots those that are not on the board: (contest, SHA-256).

    And the last tracker that was looked at, None at the end.
    """
    ballots = (
        select(col(Ballot.tracker), col(Ballot.contest_id), col(Ballot.sha256))
        .where(col(Ballot.primary_id) == primary_id, col(Ballot.tracker) > after)
        .order_by(col(Ballot.tracker))
        .limit(limit)
        .subquery()
    )
    looked_at, last = session.execute(
        select(func.count(), func.max(ballots.c.tracker)).select_from(ballots)
    ).one()
    # OFFSET keeps the planner to one look-up a ballot: a join may read the whole board instead.
    there = select(1).where(col(BoardLeaf.sha256) == ballots.c.sha256).offset(0).exists()
    found = session.execute(select(ballots.c.contest_id, ballots.c.sha256).where(~there))
    return (
        [(contest_id, bytes(sha256)) for contest_id, sha256 in found],
        last if looked_at == limit else None,
    )
