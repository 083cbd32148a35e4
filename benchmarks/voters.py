"""M3: whole voters over HTTP, beside the same number of POSTs to bare uvicorn and Starlette.

A voter signs in, brings the code, fetches a ballot of three contests and casts: four requests, three
of which store something durably. The yardstick answers four POSTs for each voter, three of them
after the commit of one row. Both listeners stand on one core, the client on the other, with 64
kept-alive connections; they are measured in turns. The voters come through a trusted proxy, each
from an address of its own, as they do on the day, so that every cast claims all three keys.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median

import uvloop
from sqlalchemy import insert

from benchmarks.cast_load import installation
from benchmarks.measurement import Measurement, table
from benchmarks.wire import Line, connected, spelled
from core import clock, database
from core.primary.models import Voter
from core.settings import ROOT, settings
from tests.voting import polls

ROLL = 600_000
ROUNDS = 5
PER_ROUND = 3_000
WARM_UP = 300
CONTESTS = 3
CONNECTIONS = 64
AWAITING_CODES = 512
"""At most so many voters wait for their codes: they hold no connection while they wait."""

SEALED_BYTES = 65 + 128 + 16
"""``enc``, the padded ballot, the tag. To whoever has no key a sealed ballot is random bytes."""


@dataclass
class Ballots:
    """A voter of the benchmark: every request but what the answers decide is spelled beforehand."""

    number: int
    mobile: str
    sign_in: bytes
    forwarded: str
    cast: bytes
    challenge: str = ""
    code: str = ""


def voters(first: int, count: int) -> list[Ballots]:
    """Voters ``first`` and following, each with sealed ballots and an address of its own."""
    return [_voter(number) for number in range(first, first + count)]


def _voter(number: int) -> Ballots:
    mobile = polls.mobile(number)
    sealed = [
        {
            "contest": f"contest-{contest}",
            "sealed": b64encode(secrets.token_bytes(SEALED_BYTES)).decode(),
        }
        for contest in range(CONTESTS)
    ]
    return Ballots(
        number,
        mobile,
        json.dumps({"iin": polls.iin(number), "mobile": mobile}).encode(),
        str(IPv4Address(0x0B00_0000 + number)),
        json.dumps({"ballots": sealed}).encode(),
    )


def cores() -> tuple[set[int], set[int]]:
    """The core of the servers and those of the client; the same one where there is no other."""
    ours = sorted(os.sched_getaffinity(0))
    return {ours[0]}, set(ours[1:]) or {ours[0]}


@contextmanager
def serving(port: int, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A listener in a process of its own, on the servers' core; this process moves to the other."""
    servers, client = cores()
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, servers)  # inherited by what is started now
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT)
    os.sched_setaffinity(0, client)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"the listener ended: {' '.join(command)}")
            time.sleep(0.1)
        yield process
    finally:
        os.sched_setaffinity(0, everywhere)
        process.terminate()
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """Processor time so far of a process, its threads and its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    spent = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        spent += sum(cpu_seconds(int(child)) for child in listed.read_text().split())
    return spent


class Codes:
    """The codes that came, read from the gateway's file as it grows."""

    _LINE = re.compile(rb'"to": "(\+\d+)", "text": "(\d{6})')

    def __init__(self) -> None:
        self._path = Path(settings().sms_url.removeprefix("file:"))
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch()
        self._file = self._path.open("rb", buffering=0)
        self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def new(self) -> list[tuple[str, str]]:
        """Number and code of every message since the last question."""
        grown = self._file.read()
        if not grown:
            return []
        whole, newline, self._rest = (self._rest + grown).rpartition(b"\n")
        return [
            (found[1].decode(), found[2].decode()) for found in self._LINE.finditer(whole + newline)
        ]

    def close(self) -> None:
        self._file.close()


class Voting:
    """Voters who go their whole way over a few connections, the most advanced first."""

    def __init__(self, port: int, crowd: Sequence[Ballots]) -> None:
        self._port = port
        self._host = f"localhost:{port}"
        self._new = deque(crowd)
        self._waiting: dict[str, Ballots] = {}
        self._solving: deque[Ballots] = deque()
        self._left = len(crowd)
        self._changed = asyncio.Event()

    async def run(self) -> float:
        """Let everybody vote; gives the seconds it took."""
        lines = [await connected(self._port) for _ in range(CONNECTIONS)]
        codes = Codes()
        watching = asyncio.create_task(self._watch(codes))
        began = time.perf_counter()
        await asyncio.gather(*(self._work(line) for line in lines))
        seconds = time.perf_counter() - began
        watching.cancel()
        codes.close()
        for line in lines:
            line.close()
        return seconds

    async def _watch(self, codes: Codes) -> None:
        while True:
            for mobile, code in codes.new():
                voter = self._waiting.pop(mobile, None)
                if voter is not None:
                    voter.code = code
                    self._solving.append(voter)
            if self._solving:
                self._changed.set()
            await asyncio.sleep(0.004)

    async def _work(self, line: Line) -> None:
        while self._left:
            if self._solving:
                await self._vote(line, self._solving.popleft())
                self._left -= 1
                if not self._left:
                    self._changed.set()
            elif self._new and len(self._waiting) < AWAITING_CODES:
                await self._sign_in(line, self._new.popleft())
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _sign_in(self, line: Line, voter: Ballots) -> None:
        self._waiting[voter.mobile] = voter
        asked = self._spelled("POST", "/sign-in", voter, voter.sign_in)
        while (given := await line.ask(asked)).status == 503:
            await asyncio.sleep(1)  # a process that is still cold is late for a moment
        assert given.status == 202, (given.status, given.body)
        voter.challenge = json.loads(given.body)["challenge"]

    async def _vote(self, line: Line, voter: Ballots) -> None:
        while not voter.challenge:  # the code overtook the answer that names its challenge
            await asyncio.sleep(0.001)
        body = json.dumps({"code": voter.code}).encode()
        opened = await line.ask(self._spelled("POST", f"/sign-in/{voter.challenge}", voter, body))
        assert opened.status == 200, (opened.status, opened.body)
        token = f"Bearer {json.loads(opened.body)['token']}"
        paper = await line.ask(self._spelled("GET", "/ballot", voter, Authorization=token))
        assert paper.status == 200, (paper.status, paper.body)
        cast = await line.ask(
            self._spelled(
                "POST",
                "/ballot",
                voter,
                voter.cast,
                Authorization=token,
                Idempotency_Key=f"benchmark-{voter.number:08d}",
            )
        )
        assert cast.status == 201, (cast.status, cast.body)

    def _spelled(
        self, method: str, path: str, voter: Ballots, body: bytes = b"", **more: str
    ) -> bytes:
        return spelled(
            method,
            f"/api/v1{path}",
            self._host,
            body,
            X_Forwarded_For=voter.forwarded,
            **more,
        )


async def bare(port: int, crowd: Sequence[Ballots]) -> float:
    """Seconds for as many POSTs with bodies of the same size to the yardstick."""
    host = f"localhost:{port}"
    waiting = iter(crowd)

    async def work(line: Line) -> None:
        for voter in waiting:
            code = b'{"code": "123456"}'
            for path, body in (
                ("/store", voter.sign_in),
                ("/store", code),
                ("/read", b"{}"),
                ("/store", voter.cast),
            ):
                given = await line.ask(spelled("POST", path, host, body))
                assert given.status in {200, 201}, given.body

    lines = [await connected(port) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    await asyncio.gather(*(work(line) for line in lines))
    seconds = time.perf_counter() - began
    for line in lines:
        line.close()
    return seconds


def open_the_vote(roll: int) -> None:
    """A vote that is open now, with three contests and ``roll`` voters."""
    now = clock.now()
    polls.open_poll(
        voters=0, opens=now - timedelta(hours=1), closes=now + timedelta(hours=3), contests=CONTESTS
    )
    chunk = 20_000
    for start in range(0, roll, chunk):
        rows = [polls.roll_row(number) for number in range(start, min(roll, start + chunk))]
        with database.unit_of_work() as session:
            session.execute(insert(Voter), rows)


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def behind_a_proxy() -> Iterator[None]:
    """Believe the proxy on this machine, for the listener started inside the block."""
    os.environ["PRIMARIES_TRUSTED_PROXIES"] = "127.0.0.0/8"
    settings.cache_clear()
    yield
    os.environ.pop("PRIMARIES_TRUSTED_PROXIES", None)


@dataclass(frozen=True)
class Figures:
    """What the rounds gave, each the median of them."""

    rate: float
    yardstick: float
    ratio: float
    cpu_ms: float
    client_share: float


def measured(
    roll: int = ROLL,
    rounds: int = ROUNDS,
    per_round: int = PER_ROUND,
    database_url: str | None = None,
) -> Figures:
    """Voters a second and their cost, ours and the yardstick in turns."""
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), database_url) as port,
        behind_a_proxy(),
    ):
        crowd = voters(0, WARM_UP + rounds * per_round)
        open_the_vote(max(roll, len(crowd)))
        bare_port = free_port()
        stored = str(Path(folder, "bare.sqlite"))
        with (
            serving(port, "-m", "portal") as portal,
            serving(bare_port, "-m", "benchmarks.bare_listener", str(bare_port), stored),
        ):
            uvloop.run(Voting(port, crowd[:WARM_UP]).run())
            uvloop.run(bare(bare_port, crowd[:WARM_UP]))
            found = []
            for number in range(rounds):
                start = WARM_UP + number * per_round
                found.append(
                    _round(port, bare_port, portal.pid, crowd[start : start + per_round], number)
                )
    return Figures(
        rate=median(one.rate for one in found),
        yardstick=median(one.yardstick for one in found),
        ratio=median(one.ratio for one in found),
        cpu_ms=median(one.cpu_ms for one in found),
        client_share=median(one.client_share for one in found),
    )


def _round(port: int, bare_port: int, pid: int, crowd: Sequence[Ballots], number: int) -> Figures:
    theirs = 0.0
    if number % 2:
        theirs = uvloop.run(bare(bare_port, crowd))
    before, client = cpu_seconds(pid), time.process_time()
    own = uvloop.run(Voting(port, crowd).run())
    spent, client = cpu_seconds(pid) - before, time.process_time() - client
    if not number % 2:
        theirs = uvloop.run(bare(bare_port, crowd))
    return Figures(
        rate=len(crowd) / own,
        yardstick=len(crowd) / theirs,
        ratio=theirs / own,
        cpu_ms=1000 * spent / len(crowd),
        client_share=client / own,
    )


def rows(found: Figures, roll: int) -> list[Measurement]:
    """M3 as the table shows it."""
    return [
        Measurement(
            id="M3",
            what=f"whole voter over HTTP, one public process, {roll:,} on the roll",
            ours=found.rate,
            yardstick=found.yardstick,
            unit="voters/s",
            ratio=found.ratio,
            goal="≥ 0.6",
        ),
        Measurement(
            id="M3",
            what="server CPU of a whole voter",
            ours=found.cpu_ms,
            yardstick=None,
            unit="ms",
            ratio=None,
            goal="≤ 1.5",
        ),
    ]


def run() -> list[Measurement]:
    """M3."""
    return rows(measured(), ROLL)


def main() -> int:
    """M3 alone, smaller or on another database by option."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voters", description=__doc__)
    parser.add_argument("--roll", type=int, default=ROLL)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--voters", type=int, default=PER_ROUND, help="in each round")
    parser.add_argument("--database-url", help="an empty PostgreSQL database")
    given = parser.parse_args()
    found = measured(given.roll, given.rounds, given.voters, given.database_url)
    print(table(rows(found, given.roll)))
    print(f"the client used {found.client_share:.0%} of its core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
