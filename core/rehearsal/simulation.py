"""Invented people at the public listener: they vote, mistype, try twice and complain.

Nothing here touches the database: what a voter's own program could not do is not simulated. Codes
are read where the rehearsal's messages go, from the file of the outbox.
"""

import asyncio
import csv
import json
import re
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from core.cases.rules import Category
from core.errors import Refused
from core.rehearsal import texts
from core.rehearsal.rules import RehearsalRefusal
from core.rehearsal.service import check_invented_numbers_are_safe, demo_folder
from core.settings import settings
from core.voting.sealing import seal

MOST_A_SECOND: Final = 200.0
_CODE: Final = re.compile(r"(?<!\d)\d{6}(?!\d)")
_WAIT_FOR_CODE: Final = 20.0
_AT_ONCE: Final = 256


@dataclass(frozen=True)
class Voter:
    """Somebody who can be tried: a row of ``voters.csv``."""

    iin: str
    mobile: str
    constituency: str


@dataclass
class Simulated:
    """What the people did and how they were answered; ``failed`` are answers nobody expects."""

    came: int = 0
    voted: int = 0
    mistyped: int = 0
    tried_twice: int = 0
    wrong_number: int = 0
    left: int = 0
    refused: int = 0
    complained: int = 0
    failed: int = 0
    faults: dict[str, int] = field(default_factory=dict)


class Outbox:
    """The file to which a rehearsal's messages are written, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size if path.exists() else 0
        self._codes: dict[str, str] = {}

    def _catch_up(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._read += len(line)
                message = json.loads(line)
                found = _CODE.search(message["text"])
                if found:
                    self._codes[message["to"]] = found.group()

    async def code_for(self, mobile: str) -> str | None:
        """The last code sent to a number, waited for; None if none comes."""
        deadline = monotonic() + _WAIT_FOR_CODE
        while monotonic() < deadline:
            self._catch_up()
            if mobile in self._codes:
                return self._codes.pop(mobile)
            await asyncio.sleep(0.2)
        return None


def read_voters(path: Path) -> list[Voter]:
    """The people who can be tried; refused as ``nobody_to_simulate`` when there are none."""
    if not path.exists():
        raise Refused(RehearsalRefusal.NOBODY_TO_SIMULATE)
    with path.open(encoding="utf-8", newline="") as file:
        found = [Voter(**row) for row in csv.DictReader(file)]
    if not found:
        raise Refused(RehearsalRefusal.NOBODY_TO_SIMULATE)
    return found


def simulate(rate: float, minutes: float, *, seed: int = 1) -> Simulated:
    """Let ``rate`` people a second come for ``minutes``; ends earlier when everybody has come.

    Refused in production, when nobody can be tried, and when the listener is silent or closed.
    """
    check_invented_numbers_are_safe()
    if not (0 < rate <= MOST_A_SECOND and minutes > 0):
        raise Refused(RehearsalRefusal.RATE_OUT_OF_RANGE, most=int(MOST_A_SECOND))
    voters = read_voters(demo_folder() / "voters.csv")
    outbox = Outbox(Path(settings().sms_url.removeprefix("file:")))
    return asyncio.run(_Crowd(voters, outbox, seed).come(rate, minutes * 60))


class _Crowd:
    """The people who come, one task each."""

    def __init__(self, voters: list[Voter], outbox: Outbox, seed: int) -> None:
        self._voters = voters
        self._outbox = outbox
        self._seed = seed
        self._draw = Random(seed)  # noqa: S311 - invented people
        self._base = settings().public_url
        self._primary: dict[str, Any] = {}
        self._faults: Counter[str] = Counter()
        self.done = Simulated()

    async def come(self, rate: float, seconds: float) -> Simulated:
        """Start people at the rate until the time is over, and wait for the last of them."""
        await self._look_first()
        begun = monotonic()
        running: set[asyncio.Task[None]] = set()
        for number, voter in enumerate(self._voters):
            due = begun + number / rate
            if due - begun >= seconds:
                break
            await asyncio.sleep(max(due - monotonic(), 0))
            while len(running) >= _AT_ONCE:
                _finished, running = await asyncio.wait(
                    running, return_when=asyncio.FIRST_COMPLETED
                )
            running.add(asyncio.create_task(self._person(voter)))
        if running:
            await asyncio.wait(running)
        self.done.faults = dict(self._faults)
        return self.done

    async def _look_first(self) -> None:
        try:
            async with httpx.AsyncClient(base_url=self._base, timeout=10) as client:
                answer = await client.get("/api/v1/primary")
                turnout = await client.get("/api/v1/turnout")
        except httpx.TransportError:
            raise Refused(RehearsalRefusal.LISTENER_SILENT, url=self._base) from None
        if answer.status_code != 200 or not answer.json()["voting_open"]:
            raise Refused(RehearsalRefusal.VOTING_NOT_OPEN)
        self._primary = answer.json()
        # A second run starts with other people than the first, who have voted meanwhile.
        votes = turnout.json()["votes"] if turnout.status_code == 200 else 0
        self._draw = Random(f"{self._seed} {votes}")  # noqa: S311 - invented people
        self._draw.shuffle(self._voters)

    def _client(self) -> httpx.AsyncClient:
        """A client of an address of its own, where the listener stands on this machine."""
        host = urlsplit(self._base).hostname or ""
        try:
            is_here = host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            is_here = False
        if not is_here:
            return httpx.AsyncClient(base_url=self._base, timeout=30)
        parts = [self._draw.randint(1, 254) for _part in range(3)]
        transport = httpx.AsyncHTTPTransport(local_address=f"127.{parts[0]}.{parts[1]}.{parts[2]}")
        return httpx.AsyncClient(base_url=self._base, timeout=30, transport=transport)

    async def _person(self, voter: Voter) -> None:
        self.done.came += 1
        throw = self._draw.random()
        try:
            async with self._client() as client:
                if throw < 0.03:
                    await self._complain(client, voter)
                    return
                if throw < 0.07:
                    await self._give_wrong_number(client, voter)
                    return
                voted = await self._vote(client, voter, leaves=throw < 0.09)
                if voted and throw > 0.95:
                    await self._try_again(client, voter)
        except httpx.TransportError as fault:
            self._fail(type(fault).__name__)

    def _fail(self, what: str) -> None:
        self.done.failed += 1
        self._faults[what] += 1

    async def _complain(self, client: httpx.AsyncClient, voter: Voter) -> None:
        category = self._draw.choice(list(Category))
        text = texts.story(self._draw, category.value, self._draw.choice(texts.LANGUAGES))
        answer = await client.post(
            "/api/v1/complaints",
            json={"text": text, "category": category.value, "place": voter.constituency},
            headers={"Idempotency-Key": self._draw.randbytes(16).hex()},
        )
        if answer.status_code == 201:
            self.done.complained += 1
        elif answer.status_code != 429:
            self._fail(f"complaint {answer.status_code}")

    async def _sign_in(
        self, client: httpx.AsyncClient, iin: str, mobile: str
    ) -> dict[str, Any] | None:
        answer = await client.post("/api/v1/sign-in", json={"iin": iin, "mobile": mobile})
        if answer.status_code == 202:
            given: dict[str, Any] = answer.json()
            return given
        if answer.status_code in {403, 429, 503}:
            self.done.refused += 1
        else:
            self._fail(f"sign-in {answer.status_code}")
        return None

    async def _give_wrong_number(self, client: httpx.AsyncClient, voter: Voter) -> None:
        """Somebody whose number changed: the answer is the same, and no code comes."""
        last = str((int(voter.mobile[-1]) + self._draw.randint(1, 9)) % 10)
        self.done.wrong_number += 1
        await self._sign_in(client, voter.iin, voter.mobile[:-1] + last)

    async def _try_again(self, client: httpx.AsyncClient, voter: Voter) -> None:
        self.done.tried_twice += 1
        await self._sign_in(client, voter.iin, voter.mobile)

    async def _vote(self, client: httpx.AsyncClient, voter: Voter, *, leaves: bool) -> bool:
        challenge = await self._sign_in(client, voter.iin, voter.mobile)
        if challenge is None:
            return False
        code = await self._outbox.code_for(voter.mobile)
        if code is None:
            self.done.refused += 1
            return False
        way = f"/api/v1/sign-in/{challenge['challenge']}"
        if self._draw.random() < 0.1:
            self.done.mistyped += 1
            await client.post(way, json={"code": str((int(code) + 111_111) % 1_000_000).zfill(6)})
        solved = await client.post(way, json={"code": code})
        if solved.status_code != 200:
            self._fail(f"code {solved.status_code}")
            return False
        if leaves:
            self.done.left += 1
            return False
        return await self._cast(client, {"Authorization": f"Bearer {solved.json()['token']}"})

    async def _cast(self, client: httpx.AsyncClient, session: dict[str, str]) -> bool:
        given = await client.get("/api/v1/ballot", headers=session)
        if given.status_code != 200:
            self._fail(f"ballot {given.status_code}")
            return False
        paper = given.json()
        # People read before they choose.
        await asyncio.sleep(self._draw.uniform(0.2, 3.0))
        ballots = [self._sealed(paper, contest) for contest in paper["contests"]]
        answer = await client.post(
            "/api/v1/ballot",
            json={"ballots": ballots},
            headers=session | {"Idempotency-Key": self._draw.randbytes(16).hex()},
        )
        if answer.status_code == 201:
            self.done.voted += 1
            return True
        if answer.status_code == 409:
            self.done.refused += 1
        else:
            self._fail(f"cast {answer.status_code}")
        return False

    def _sealed(self, paper: dict[str, Any], contest: dict[str, Any]) -> dict[str, str]:
        ids = [candidate["id"] for candidate in contest["candidates"]]
        wanted = self._draw.randint(0 if self._draw.random() < 0.1 else 1, contest["max_choices"])
        sealed = seal(
            b64decode(paper["public_key"]),
            paper["primary"],
            contest["id"],
            self._draw.sample(ids, min(wanted, len(ids))),
            contest["size"],
        )
        return {"contest": contest["id"], "sealed": b64encode(sealed).decode()}
