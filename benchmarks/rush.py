"""M4: ten seconds' worth of voters arrive in one second, and everybody gets in.

How many that is, an open loop tells: voters who come at an even pace, each over a connection and
from an address of their own. The first rush meets the portal itself and keeps to the times it is
told. The second meets the shipped door, and every fourth of its voters has no patience: comes back
after a second whatever was told, and gives up on an answer after three. Meanwhile somebody clicks in
the staff pages. Servers stand on one core, the client, the door and the clicker on the other.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import uvloop

from benchmarks import door as doors
from benchmarks.cast_load import installation
from benchmarks.clicks import Clicks, p95, staff
from benchmarks.measurement import Measurement, table
from benchmarks.voters import WARM_UP, Ballots, Codes, Voting, cores, open_the_vote, serving, voters
from benchmarks.wire import Answer, Line, spelled
from core.settings import settings

WORTH = 10.0
"""Seconds' worth of voters that arrive within one second."""

ROLL = 40_000
CLOSED_LOOP = 1_500
OFFERED = (0.75, 0.9)
"""Shares of the closed loop's rate at which the open loop is tried."""

OPEN_SECONDS = 4.0
IMPATIENT = 4
"""Of so many voters one has no patience, at the door."""

PATIENCE = 3.0
WHOLE_ANSWERS = frozenset({200, 201, 202})
REFUSALS = frozenset({429, 503})
CODE_WRONG, CHALLENGE_USED = 403, 410
"""What people meet who did not wait for an answer: the code is of their first sign-in, or it was taken
while they had gone.
"""
LATE_ANSWERS = frozenset({CODE_WRONG, CHALLENGE_USED})

TRIES = 3
"""Codes that such a voter tries before beginning again."""


@dataclass
class Story:
    """What happened to a voter. Times are seconds since the first arrival."""

    voter: Ballots
    arrives: float
    is_patient: bool
    refusals: int = 0
    inside_at: float = 0.0
    done_at: float = 0.0
    cast_seconds: float = 0.0


class Crowd:
    """Voters who come at times of their own, each over connections from an address of their own."""

    def __init__(
        self,
        port: int,
        crowd: Sequence[Ballots],
        seconds: float,
        *,
        host: str,
        impatient: int = 0,
    ) -> None:
        self._port, self._host = port, host
        self.stories = [
            Story(
                voter,
                seconds * place / len(crowd),
                is_patient=not impatient or place % impatient > 0,
            )
            for place, voter in enumerate(crowd)
        ]
        self.answers: Counter[int] = Counter()
        self.broken: Counter[str] = Counter()
        self._codes: dict[str, asyncio.Future[str]] = {}  # the newest each number was sent
        self._began = 0.0

    async def run(self) -> "Crowd":
        """Until everybody has voted."""
        codes = Codes()
        watching = asyncio.create_task(self._watch(codes))
        self._began = time.perf_counter()
        await asyncio.gather(*(self._vote(story) for story in self.stories))
        watching.cancel()
        codes.close()
        return self

    @property
    def rate(self) -> float:
        """Voters a second until the last one was done."""
        return len(self.stories) / max(story.done_at for story in self.stories)

    async def _watch(self, codes: Codes) -> None:
        while True:
            for mobile, code in codes.new():
                future = self._codes.get(mobile)
                if future is None:
                    continue
                if future.done():  # somebody without patience asked twice
                    future = self._codes[mobile] = asyncio.get_running_loop().create_future()
                future.set_result(code)
            await asyncio.sleep(0.004)

    def _now(self) -> float:
        return time.perf_counter() - self._began

    async def _vote(self, story: Story) -> None:
        voter = story.voter
        await asyncio.sleep(story.arrives)
        self._codes[voter.mobile] = asyncio.get_running_loop().create_future()
        visit = _Visit(self, story)
        opened = None
        while opened is None:
            challenge = await self._come_in(visit)
            story.inside_at = self._now()
            opened = await self._bring_code(visit, challenge)
        token = f"Bearer {json.loads(opened.body)['token']}"
        await visit.insist("GET", "/ballot", Authorization=token)
        key = f"benchmark-{voter.number:08d}"
        began = time.perf_counter()
        await visit.insist("POST", "/ballot", voter.cast, Authorization=token, Idempotency_Key=key)
        story.cast_seconds = time.perf_counter() - began
        story.done_at = self._now()
        visit.leave()

    async def _bring_code(self, visit: "_Visit", challenge: str) -> Answer | None:
        """The session; None when it must be begun again, which only those without patience meet."""
        for _try in range(TRIES):
            code = await self._codes[visit.story.voter.mobile]
            sent = json.dumps({"code": code}).encode()
            given = await visit.insist("POST", f"/sign-in/{challenge}", sent, or_else=LATE_ANSWERS)
            if given.status in WHOLE_ANSWERS:
                return given
            if given.status == CHALLENGE_USED:
                break
            await asyncio.sleep(1)
        return None

    async def _come_in(self, visit: "_Visit") -> str:
        more: dict[str, str] = {}
        while True:
            given = await visit.ask("POST", "/sign-in", visit.story.voter.sign_in, **more)
            if given is not None and given.status in WHOLE_ANSWERS:
                challenge: str = json.loads(given.body)["challenge"]
                return challenge
            visit.leave()
            wait = 1.0
            if given is not None:
                visit.story.refusals += 1
                ticket = given.header("Waiting-Ticket")
                if ticket:
                    more["Waiting_Ticket"] = ticket
                if visit.story.is_patient:
                    wait = float(given.header("Retry-After") or 1)
            await asyncio.sleep(wait)


class _Visit:
    """A voter's connection, opened again when it breaks."""

    def __init__(self, crowd: Crowd, story: Story) -> None:
        self.story = story
        self._crowd = crowd
        self._line: Line | None = None
        number = story.voter.number
        self._address = f"127.{1 + number // 65_025}.{number // 255 % 255}.{number % 255 + 1}"

    async def ask(self, method: str, path: str, body: bytes = b"", **more: str) -> Answer | None:
        """The answer; None when the connection broke or, without patience, none came in time."""
        crowd = self._crowd
        request = spelled(method, f"/api/v1{path}", crowd._host, body, **more)
        try:
            async with asyncio.timeout(30 if self.story.is_patient else PATIENCE):
                if self._line is None or not self._line.is_open:
                    _transport, self._line = await asyncio.get_running_loop().create_connection(
                        Line, "127.0.0.1", crowd._port, local_addr=(self._address, 0)
                    )
                given = await self._line.ask(request)
        except TimeoutError:
            if self.story.is_patient:
                crowd.broken["no answer in 30 s"] += 1
            self.leave()
            return None
        except OSError as fault:
            crowd.broken[type(fault).__name__] += 1
            self.leave()
            return None
        crowd.answers[given.status] += 1
        return given

    async def insist(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        or_else: frozenset[int] = frozenset(),
        **more: str,
    ) -> Answer:
        """The answer of a call that is no newcomer's, asked again if it must be; one of ``or_else`` is
        taken as it is.
        """
        while True:
            given = await self.ask(method, path, body, **more)
            if given is not None and given.status in WHOLE_ANSWERS | or_else:
                return given
            await asyncio.sleep(1)

    def leave(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.close()
        self._line = None


@dataclass(frozen=True)
class Rush:
    """What a rush came to. Seconds, but for ``rate`` (voters a second)."""

    rate: float
    refusals: float
    most_refusals: int
    others: int
    cast_p95: float
    click_p95: float
    told: str


def came_to(crowd: Crowd, clicks: list[float]) -> Rush:
    """The figures of a crowd that has voted."""
    patient = [story.refusals for story in crowd.stories if story.is_patient]
    expected = WHOLE_ANSWERS | REFUSALS
    if len(patient) < len(crowd.stories):
        expected |= LATE_ANSWERS
    others = sum(count for status, count in crowd.answers.items() if status not in expected)
    casts = sorted(story.cast_seconds for story in crowd.stories)
    per_second = Counter(int(story.done_at) for story in crowd.stories)
    told = {
        "voters": len(crowd.stories),
        "answers": dict(sorted(crowd.answers.items())),
        "broken": dict(crowd.broken),
        "refusals": dict(sorted(Counter(patient).items())),
        "done in each second": [per_second[second] for second in range(max(per_second) + 1)],
        "clicks": len(clicks),
    }
    return Rush(
        rate=crowd.rate,
        refusals=mean(patient),
        most_refusals=max(patient),
        others=others + sum(crowd.broken.values()),
        cast_p95=casts[len(casts) * 95 // 100],
        click_p95=p95(clicks),
        told=json.dumps(told),
    )


@contextmanager
def trusting_the_door() -> Iterator[None]:
    """Believe the door's address; voters come from other ones of this machine."""
    os.environ["PRIMARIES_TRUSTED_PROXIES"] = "127.0.0.1"
    settings.cache_clear()
    yield
    os.environ.pop("PRIMARIES_TRUSTED_PROXIES", None)
    settings.cache_clear()


def measured(
    worth: float = WORTH, roll: int = ROLL, *, rushes: Sequence[str] = ("straight", "door")
) -> tuple[float, dict[str, Rush]]:
    """The open loop's rate, and what each rush came to."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(installation(folder, None))
        stack.enter_context(trusting_the_door())
        open_the_vote(roll)
        listener, cookie = stack.enter_context(staff(folder, cores()[0]))
        crowd = iter(voters(0, roll))

        def some(number: float) -> list[Ballots]:
            return [voter for voter, _place in zip(crowd, range(int(number)), strict=False)]

        stack.enter_context(serving(port, "-m", "portal"))
        host = f"localhost:{port}"
        uvloop.run(Voting(port, some(WARM_UP)).run())
        closed = CLOSED_LOOP / uvloop.run(Voting(port, some(CLOSED_LOOP)).run())
        rate = 0.0
        for share in OFFERED:
            came = some(closed * share * OPEN_SECONDS)
            rate = max(rate, uvloop.run(Crowd(port, came, OPEN_SECONDS, host=host).run()).rate)
            time.sleep(2)
        print(f"closed loop {closed:.0f}, open loop {rate:.0f} voters/s", file=sys.stderr)
        found = {}
        for kind in rushes:
            behind = port
            options: dict[str, Any] = {}
            if kind == "door":
                behind = stack.enter_context(
                    doors.door(
                        folder,
                        tls=False,
                        portal=f"127.0.0.1:{port}",
                        vote_host="localhost",
                        staff=f"127.0.0.1:{listener.port}",
                    )
                ).vote
                options = {"impatient": IMPATIENT}
                time.sleep(2)
            clicks = Clicks(listener, cookie)
            rush = Crowd(behind, some(rate * worth), 1.0, host=host, **options)
            uvloop.run(rush.run())
            found[kind] = came_to(rush, clicks.end())
            print(kind, found[kind].told, file=sys.stderr)
            time.sleep(3)
    return rate, found


def rows(rate: float, found: dict[str, Rush], worth: float) -> list[Measurement]:
    """M4 as the table shows it."""
    names = {"straight": "", "door": ", HAProxy before it and one of four impatient"}
    least = {"straight": "≥ 0.75", "door": "≥ 0.6"}
    made = []

    def add(
        what: str, ours: float, unit: str, goal: str, *, yardstick: float | None = None
    ) -> None:
        ratio = None if yardstick is None else ours / yardstick
        made.append(
            Measurement(
                id="M4",
                what=what,
                ours=ours,
                yardstick=yardstick,
                unit=unit,
                ratio=ratio,
                goal=goal,
            )
        )

    for kind, rush in found.items():
        name = f"a rush of {worth:.0f} s' worth{names[kind]}"
        add(name, rush.rate, "voters/s", least[kind], yardstick=rate)
        add(f"{name}: refusals a voter", rush.refusals, "", "≤ 2")
        add(f"{name}: answers but 429 and 503, broken connections", rush.others, "", "≤ 0")
        if kind == "door":
            add(f"{name}: cast, p95", rush.cast_p95 * 1000, "ms", "≤ 300")
        add(f"{name}: a staff click, p95", rush.click_p95 * 1000, "ms", "≤ 100")
    return made


def run() -> list[Measurement]:
    """M4."""
    kinds = ("straight", "door") if doors.program() else ("straight",)
    return rows(*measured(rushes=kinds), WORTH)


def main() -> int:
    """M4 alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rush", description=__doc__)
    parser.add_argument("--worth", type=float, default=WORTH, help="seconds' worth of voters")
    parser.add_argument("--roll", type=int, default=ROLL)
    parser.add_argument("--only", choices=("straight", "door"))
    given = parser.parse_args()
    kinds = (given.only,) if given.only else ("straight", "door")
    print(table(rows(*measured(given.worth, given.roll, rushes=kinds), given.worth)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
