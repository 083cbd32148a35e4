"""How late this process is and how much it can do, by what it measures of itself.

Delay is what a voter feels: how late the event loop comes to its work, and how long the writer lets
an operation wait. Capacity is what was served for each second of processor time while there was
much to do: a voter who is let in now will need the rest of it later, when no delay shows it yet.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

TICK: Final = 0.025
"""Seconds between two looks at the clock."""

REQUESTS_OF_A_VOTER: Final = 4
"""Sign-in, code, ballot, cast."""

REFUSAL: Final = 0.15
"""What a refusal costs, in requests of a voter (55 µs beside some 350)."""

_MEMORY: Final = 1.5
"""Seconds of processor time over which capacity is averaged."""

_SUPPOSED: Final = 2500.0
"""Requests of voters that a second of processor time is taken for before anything is measured."""

_LEAST: Final = 250.0
"""The least that is ever believed: a minute's work for readers alone, or for people who type wrong
codes, measures that next to no voter can be served."""

_PROCESS_CLOCK: Final = 2  # of Linux: CPUCLOCK_SCHED, in the lowest bits beside the inverted pid

_BUSY: Final = 0.5
"""Share of a tick above which its work tells of capacity; below it, overhead does."""


def processor_times(other: int | None = None) -> tuple[float, ...]:
    """Seconds of processor time of this process, and of another one that works for it."""
    own = time.process_time()
    if other is not None:
        with suppress(OSError):  # it has just ended
            return own, time.clock_gettime(~other << 3 | _PROCESS_CLOCK)
    return (own,)


class Load:
    """Delay and capacity of a process. Times are monotonic seconds."""

    def __init__(
        self, processors: Callable[[], Sequence[float]] = processor_times, cores: int = 0
    ) -> None:
        self._processors = processors
        self._cores = cores or len(os.sched_getaffinity(0))
        self.delay = 0.0
        self.busy = 0.0
        self._waiting: dict[int, float] = {}
        self._number = 0
        self._shortest: float | None = None
        self._served = 0.0
        self._sum_served = _SUPPOSED * _MEMORY / 4
        self._sum_busy = _MEMORY / 4
        self._looked_at = time.monotonic()
        self._spent = processors()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold this block around a wait for the writer: its length is a voter's delay."""
        self._number += 1
        number, began = self._number, time.monotonic()
        self._waiting[number] = began
        try:
            yield
        finally:
            del self._waiting[number]
            waited = time.monotonic() - began
            if self._shortest is None or waited < self._shortest:
                self._shortest = waited

    def served(self) -> None:
        """A request of a voter was answered."""
        self._served += 1

    def refused(self) -> None:
        """Somebody was told to wait."""
        self._served += REFUSAL

    @property
    def capacity(self) -> float:
        """Requests of voters that one second of this process's work is enough for."""
        return max(_LEAST, self._sum_served / self._sum_busy)

    @property
    def expected_delay(self) -> float:
        """Seconds until the writer will have done what waits for it now."""
        return len(self._waiting) / self.capacity

    def _processor_time(self) -> float:
        """What the last tick took of what there is least of: one of the processes, or all cores."""
        before, self._spent = self._spent, self._processors()
        if len(before) != len(self._spent):
            return 0.0
        spent = [max(0.0, new - old) for old, new in zip(before, self._spent, strict=True)]
        return max(*spent, sum(spent) / self._cores)

    def look(self, late: float, now: float) -> None:
        """Take stock after a tick for which the loop came ``late`` seconds late."""
        passed, spent = now - self._looked_at, self._processor_time()
        self._looked_at = now
        if passed > 0:
            self.busy = spent / passed
            if self.busy > _BUSY:
                kept = max(0.0, 1 - spent / _MEMORY)
                self._sum_served = self._sum_served * kept + self._served
                self._sum_busy = self._sum_busy * kept + spent
        self._served = 0.0
        # The luckiest of a tick: when even that one waited, all do. When none is done, the oldest.
        writer = self._shortest
        if writer is None:
            writer = now - next(iter(self._waiting.values()), now)
        self._shortest = None
        self.delay = max(late, writer)
