"""The thread that sends: many messages at once, few transactions, nothing read back.

A `Sender` belongs to the process that queues messages. They are handed to it in memory after their
commit, so that a code leaves within milliseconds and a slow gateway never makes a voter's
transaction wait. It works in turns: lines to the gateway are opened for what waits; one transaction
writes down what came back since the last turn and puts as many messages on the wire as there are
lines; then these are sent concurrently. What nobody handed over (another process died, a try
failed, staff wrote it) it finds by looking into the outbox.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from core import clock
from core.database import reading, unit_of_work
from core.messaging import ledger
from core.messaging.chosen import sms_gateway
from core.messaging.gateways import Gateway, Line, NotTaken
from core.messaging.ledger import Tried
from core.messaging.post import Outgoing
from core.messaging.rules import GatewayKind, Purpose, SendFault

T = TypeVar("T")
log = logging.getLogger(__name__)

TURN: Final = 0.05
"""Seconds between two transactions of a sender: on SQLite they share the voters' write lock."""

PATIENCE: Final = 15.0
"""Seconds an answer of a gateway is waited for; far below the lease of what is on the wire."""

STOP_WITHIN: Final = 5.0
_MOST_IN_MEMORY: Final = 20_000
_TOLERATED: Final = 5
_LONGEST_PAUSE: Final = 15.0


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What one turn writes: what came back, and which messages go on the wire next."""

    departing: tuple[str, ...]
    tried: tuple[Tried, ...]
    now: datetime

    def write(self, connection: Connection) -> frozenset[str]:
        """Write it in the caller's transaction; gives the ids that may be sent after its commit."""
        ledger.note(connection, self.tried, now=self.now)
        return ledger.depart(connection, self.departing, now=self.now)


Record = Callable[[Bookkeeping], frozenset[str]]
"""Commits a `Bookkeeping`: a unit of work of its own, or a share in somebody's group commit."""


def record_alone(bookkeeping: Bookkeeping) -> frozenset[str]:
    """Write it in a unit of work of its own."""
    with unit_of_work() as session:
        return bookkeeping.write(session.connection())


class Breaker:
    """Spares a gateway that fails: after a few failures in a row one message at a time probes it.

    What waits meanwhile stays queued, where no doubt can arise whether it was sent.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._pause = 1.0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the gateway is being spared."""
        return self._failures >= _TOLERATED

    def room(self, free: int, now: float) -> int:
        """How many of ``free`` places may be used at ``now`` (monotonic seconds)."""
        if not self.is_open:
            return free
        return min(free, 1) if now >= self._until else 0

    def probing(self, now: float) -> None:
        """The gateway is tried: while it is spared, the next probe waits twice as long."""
        if self.is_open:
            self._until = now + self._pause
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def succeeded(self) -> None:
        """A message was taken."""
        self._failures, self._pause = 0, 1.0

    def failed(self) -> None:
        """A message was not taken, or nobody knows."""
        self._failures += 1


async def reach(gateway: Gateway) -> Line | SendFault:
    """A line to the gateway, or what keeps us from one; whatever the gateway raises."""
    try:
        return await gateway.open()
    except NotTaken as refusal:
        return refusal.fault
    except Exception as raised:  # noqa: BLE001 - nothing was written yet: surely nothing was taken
        log.warning("no line to the gateway: %s", type(raised).__name__)
        return SendFault.NOT_REACHED


PATIENCE_WITH_MAIL: Final = 45.0
"""The same for mail servers, which look through what they are given first."""


async def carry(line: Line, message: Outgoing) -> Tried:
    """Hand one message over; whatever the line raises, this returns."""
    if message.is_expired(clock.now()):
        line.close()
        return Tried(message, SendFault.NOT_TAKEN)
    try:
        is_mail = message.gateway is GatewayKind.MAIL
        async with asyncio.timeout(PATIENCE_WITH_MAIL if is_mail else PATIENCE):
            await line.send(message)
    except NotTaken as refusal:
        fault = refusal.fault
    except Exception as raised:  # noqa: BLE001 - whatever it was, nobody knows what the gateway has
        log.warning("message %s: %s", message.id, type(raised).__name__)
        fault = SendFault.UNCLEAR
    except asyncio.CancelledError:
        fault = SendFault.UNCLEAR
    else:
        return Tried(message)
    return Tried(message, fault)


def look(kind: GatewayKind, *, now: datetime, limit: int) -> list[Outgoing]:
    """Tidy the outbox and find what is due in it."""
    with reading() as session:
        untidy = ledger.needs_tidying(session, now=now)
    if untidy:
        with unit_of_work() as session:
            ledger.tidy(session.connection(), now=now)
    with reading() as session:
        return ledger.due(session, kind, now=now, limit=limit)


class Sender:
    """The thread of one process and one gateway."""

    def __init__(
        self,
        gateway: Gateway | None = None,
        *,
        record: Record = record_alone,
        look_every: float = 2.0,
    ) -> None:
        self._gateway = gateway
        self._record = record
        self._look_every = look_every
        self._inbox: SimpleQueue[Outgoing] = SimpleQueue()
        self._waiting: dict[int, deque[Outgoing]] = {
            purpose.priority: deque() for purpose in sorted(Purpose, key=lambda p: p.priority)
        }
        self._opening: set[asyncio.Task[None]] = set()
        self._lines: deque[Line] = deque()
        self._on_the_wire: set[asyncio.Task[None]] = set()
        self._tried: list[Tried] = []
        self._breaker = Breaker()
        self._looked_at = float("-inf")
        self._stop_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        # Names are looked up in the loop's own threads: a slow answer there delays no transaction.
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="sender-clerk")
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._gateway = self._gateway or sms_gateway()
        self._thread.start()

    def hand_over(self, messages: Sequence[Outgoing]) -> None:
        """Send these, whose rows are committed; returns at once, from any thread."""
        for message in messages:
            self._inbox.put(message)
        if messages:
            self.wake()

    def wake(self) -> None:
        """There is something to do."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended; what was handed over is in the outbox
                self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Send what was handed over, as far as a few seconds allow; the rest stays queued."""
        self._stop_at = time.monotonic() + STOP_WITHIN
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        with self._clerk:
            asyncio.run(self._work())

    async def _ask_clerk(self, work: Callable[[], T]) -> T:
        assert self._loop is not None
        return await self._loop.run_in_executor(self._clerk, work)

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._is_over():
            self._woken.clear()
            try:
                await self._turn()
            except Exception as fault:  # noqa: BLE001 - the next turn tries again
                log.error("the outbox could not be written: %s", type(fault).__name__)
                await asyncio.sleep(1.0)
                self._woken.set()
            await self._rest()
        await self._end()

    def _is_over(self) -> bool:
        if self._stop_at is None:
            return False
        left = not self._inbox.empty() or self._waiting_now() > 0
        busy = self._on_the_wire or self._tried or (left and not self._breaker.is_open)
        return not busy or time.monotonic() >= self._stop_at

    async def _rest(self) -> None:
        await asyncio.sleep(TURN)
        if self._stop_at is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._look_every)

    async def _turn(self) -> None:
        now = clock.now()
        self._collect(now)
        await self._fill_lines(now)
        chosen = self._next(len(self._lines))
        tried, self._tried = self._tried, []
        if chosen or tried:
            try:
                departing = tuple(message.id for message in chosen)
                bookkeeping = Bookkeeping(departing, tuple(tried), now)
                departed = set(await self._ask_clerk(partial(self._record, bookkeeping)))
            except BaseException:
                self._tried = tried + self._tried
                for message in reversed(chosen):
                    self._waiting[message.purpose.priority].appendleft(message)
                self._close_lines(0)
                raise
            for message in chosen:
                if message.id in departed:
                    departed.discard(message.id)
                    self._begin(
                        self._carry(self._lines.popleft(), message.departing()), self._on_the_wire
                    )
        self._close_lines(self._waiting_now())

    async def _fill_lines(self, now: datetime) -> None:
        """Open a line for each message that waits, as far as the gateway has room."""
        assert self._gateway is not None
        busy = len(self._opening) + len(self._lines) + len(self._on_the_wire)
        room = self._breaker.room(self._gateway.at_once - busy, time.monotonic())
        if room > 0 and time.monotonic() - self._looked_at >= self._look_every:
            self._looked_at = time.monotonic()
            wanted = room - self._waiting_now()
            if wanted > 0:
                found = await self._ask_clerk(
                    partial(look, self._gateway.kind, now=now, limit=wanted)
                )
                for message in found:
                    self._waiting[message.purpose.priority].append(message)
        missing = self._waiting_now() - len(self._lines) - len(self._opening)
        if min(room, missing) > 0:
            self._breaker.probing(time.monotonic())
        for _ in range(min(room, missing)):
            self._begin(self._open(), self._opening)
        await asyncio.sleep(0)  # a gateway without connections is ready at once

    async def _open(self) -> None:
        assert self._gateway is not None
        reached = await reach(self._gateway)
        if not isinstance(reached, SendFault):
            self._lines.append(reached)
        else:
            self._breaker.failed()
            self._tried += [
                Tried(message.departing(), reached, departed=False) for message in self._next(1)
            ]
        self._woken.set()

    def _close_lines(self, kept: int) -> None:
        while len(self._lines) > kept:
            self._lines.pop().close()

    def _begin(self, work: Coroutine[Any, Any, None], tasks: "set[asyncio.Task[None]]") -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _waiting_now(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _collect(self, now: datetime) -> None:
        """Take what was handed over; what expired is left to the tidying of the outbox."""
        for queue in self._waiting.values():
            while queue and queue[0].is_expired(now):
                queue.popleft()
        held = self._waiting_now()
        with suppress(Empty):
            while True:
                message = self._inbox.get_nowait()
                # Beyond this a message waits in the outbox alone, where another look finds it.
                if held < _MOST_IN_MEMORY and not message.is_expired(now):
                    self._waiting[message.purpose.priority].append(message)
                    held += 1

    def _next(self, free: int) -> list[Outgoing]:
        chosen: list[Outgoing] = []
        for queue in self._waiting.values():
            while queue and len(chosen) < free:
                chosen.append(queue.popleft())
        return chosen

    async def _carry(self, line: Line, message: Outgoing) -> None:
        tried = await carry(line, message)
        if tried.fault is None:
            self._breaker.succeeded()
        else:
            self._breaker.failed()
        self._tried.append(tried)
        self._woken.set()

    async def _end(self) -> None:
        for task in (*self._opening, *self._on_the_wire):
            task.cancel()
        await asyncio.gather(*self._opening, *self._on_the_wire, return_exceptions=True)
        self._close_lines(0)
        if self._tried:
            last = Bookkeeping((), tuple(self._tried), clock.now())
            try:
                await self._ask_clerk(partial(self._record, last))
            except Exception as fault:  # noqa: BLE001 - their leases end, and others decide
                log.error("the outbox could not be written: %s", type(fault).__name__)
