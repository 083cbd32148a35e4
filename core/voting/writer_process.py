"""The writer as a process of its own, over a socket pair: it never waits for the portal's thread.

The portal keeps its promise in either form: an operation is answered after its commit. When the
process dies, whoever waits is told to try again, and a new one takes its place; what had been
stored by then, the repeat with its key finds out.
"""

import asyncio
import logging
import pickle
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from core.errors import Refused
from core.settings import ROOT
from core.voting.commits import LARGEST_GROUP, Answer, Committer, Operation
from core.voting.election import CurrentElection
from core.voting.rules import VotingRefusal

log = logging.getLogger(__name__)

_LENGTH: Final = struct.Struct("!I")
_READ_AT_ONCE: Final = 1 << 20
_RESTART_AFTER: Final = 0.5  # seconds
_STOP_WITHIN: Final = 10.0


def _frame(content: Any) -> bytes:
    # Both ends are this program, and nobody else holds the pair: pickles are safe here.
    packed = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(packed)) + packed


class ProcessWriter:
    """Starts the process, gives it operations and hands its answers to whoever waits for them."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._unsent: list[tuple[int, Operation]] = []
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ending = False

    async def start(self) -> None:
        """Begin to work."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "core.voting.writer_process", str(theirs.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])  # noqa: S603 - our own module
        answers, self._pipe = await asyncio.open_connection(sock=ours)
        self._reading = asyncio.create_task(self._read(answers))

    async def stop(self) -> None:
        """Commit and answer what was submitted, then end."""
        self._ending = True
        self._send()
        assert self._pipe is not None
        assert self._reading is not None
        assert self._process is not None
        with suppress(OSError):
            self._pipe.write_eof()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._reading, _STOP_WITHIN)
        self._pipe.close()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _STOP_WITHIN)
        self._process.kill()

    @property
    def is_alive(self) -> bool:
        """Whether submitted operations will be answered."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process that commits, while there is one."""
        return self._process.pid if self._process is not None and self.is_alive else None

    def submit_async(self, operation: Operation) -> "asyncio.Future[Answer]":
        """Queue an operation; its future is done after the commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._number += 1
        self._waiting[self._number] = future
        if not self._unsent:
            loop.call_soon(self._send)  # what arrives in one turn of the loop goes together
        self._unsent.append((self._number, operation))
        return future

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if unsent and self._pipe is not None and not self._pipe.is_closing():
            self._pipe.write(_frame(unsent))
        else:
            self._give_up(number for number, _operation in unsent)

    async def _read(self, answers: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                (length,) = _LENGTH.unpack(await answers.readexactly(_LENGTH.size))
                for number, answer in pickle.loads(await answers.readexactly(length)):  # noqa: S301 - see `_frame`
                    self._settle(number, answer)
        assert self._pipe is not None
        self._pipe.close()
        self._give_up(list(self._waiting))
        if not self._ending:
            log.error("the writer ended by itself and is started again")
            await asyncio.sleep(_RESTART_AFTER)
            await self.start()

    def _give_up(self, numbers: Iterator[int] | Sequence[int]) -> None:
        for number in numbers:
            self._settle(number, Refused(VotingRefusal.DATABASE_UNAVAILABLE))

    def _settle(self, number: int, answer: Answer | Exception) -> None:
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def work(pipe: socket.socket) -> None:
    """The process: commit what comes in groups until the portal closes its end."""
    election = CurrentElection()
    election.get()
    election.start()
    committer = Committer(election)
    committer.start()
    try:
        for asked in _groups(pipe):
            answers = committer.carry_out([operation for _number, operation in asked])
            numbers = [number for number, _operation in asked]
            pipe.sendall(_frame(list(zip(numbers, answers, strict=True))))
    except ConnectionError:
        log.warning("the portal ended before its answers came")
    finally:
        committer.stop()
        election.stop()


def _groups(pipe: socket.socket) -> Iterator[list[tuple[int, Operation]]]:
    """What has arrived so far, at most `LARGEST_GROUP` operations at once."""
    read, waiting = bytearray(), list[tuple[int, Operation]]()
    while came := pipe.recv(_READ_AT_ONCE):
        read += came
        while len(read) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(read)[0]
            if len(read) < end:
                break
            waiting += pickle.loads(memoryview(read)[_LENGTH.size : end])  # noqa: S301 - see `_frame`
            del read[:end]
        while waiting:
            yield waiting[:LARGEST_GROUP]
            del waiting[:LARGEST_GROUP]


if __name__ == "__main__":
    # Ctrl+C reaches the whole group of processes: the portal decides when the writer has to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as pair:
        work(pair)
