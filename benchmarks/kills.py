"""M16: what is left of a vote whose public listener is killed again and again.

Voters sign in and cast over HTTP without a pause, while the listener is killed with ``kill -9`` at
random moments and a new one takes its place: half of the time with its writer as a thread, half with
the writer as a process, which now and then is killed alone. Whoever gets no answer repeats the cast
with the same token and key. Some sign in twice and cast both times at once. After each kill those
who had been answered since the last one ask again too. At the end the vote is closed, the sealed
ballots are exported and opened, and the totals stand beside what was answered.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import uvloop
from sqlalchemy import func, insert, select
from sqlmodel import col

from benchmarks.cast_load import CONTESTS, installation, listener
from benchmarks.casting import postgres
from benchmarks.measurement import Measurement, table
from benchmarks.voters import Codes, behind_a_proxy
from benchmarks.wire import Answer, connected, spelled
from core import clock, database
from core.primary.models import Voter
from core.results import carrying
from core.results.exportfile import check_export
from core.results.models import Ceremony, TrusteeShare
from core.results.opening import count_export
from core.results.rules import CeremonyKind
from core.results.shares import HeldCeremony, hold_ceremony, rebuild_key
from core.settings import settings
from core.staff.rules import Actor
from core.voting import sealing
from core.voting.models import Ballot, Claim, TurnoutCounter
from tests.voting import polls

KILLS: Final = 20
WORKERS: Final = 32
ROLL: Final = 30_000
TWICE: Final = 10
"""One voter in so many signs in twice and casts both times at once."""

WRITER_ALONE: Final = 3
"""Before one kill in so many, where the writer is a process, that process is killed alone."""

MOMENT: Final = (0.15, 1.5)
"""Between so many seconds after the first answer of a listener it is killed."""

_CODE_WITHIN: Final = 3.0
_PATIENCE: Final = 240.0
"""Seconds after which whoever still has no answer has lost it."""


@dataclass
class Paper:
    """One cast of a voter: its token, key and body, and every answer that came."""

    token: str
    key: str
    body: bytes
    chosen: tuple[str, ...]
    unanswered: int = 0
    answers: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def is_accepted(self) -> bool:
        """Whether the first answer said that the vote is stored."""
        return bool(self.answers) and self.answers[0][0] == 201

    @property
    def trackers(self) -> set[str]:
        """The trackers of its ballots."""
        sealed = json.loads(self.body)["ballots"]
        return {sealing.tracker(b64decode(ballot["sealed"])) for ballot in sealed}


@dataclass
class Person:
    """A voter with one paper, or with two."""

    number: int
    papers: list[Paper] = field(default_factory=list)


class Lost(Exception):
    """No answer: the connection ended, or what came said that it can't be answered now."""


class Client:
    """Everybody's browsers: each request on a connection of its own, from the voter's address."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._host = f"localhost:{port}"
        self._codes: dict[str, list[str]] = defaultdict(list)

    async def watch(self) -> None:
        """Read the codes that come, for ever."""
        codes = Codes()
        while True:
            for mobile, code in codes.new():
                self._codes[mobile].append(code)
            await asyncio.sleep(0.005)

    async def signed_in(self, person: Person) -> Paper:
        """A session and sealed ballots for it, however often it takes."""
        while True:
            with suppress(Lost):
                return await self._sign_in(person)
            await asyncio.sleep(0.05)

    async def _sign_in(self, person: Person) -> Paper:
        mobile = polls.mobile(person.number)
        pair = json.dumps({"iin": polls.iin(person.number), "mobile": mobile}).encode()
        known = len(self._codes[mobile])
        given = await self._ask(person, "POST", "/sign-in", pair)
        if given.status != 202:
            raise Lost(given.status)
        challenge = json.loads(given.body)["challenge"]
        until = time.monotonic() + _CODE_WITHIN
        while time.monotonic() < until:
            # A code of an earlier sign-in may come late: there are tries for it.
            for code in self._codes[mobile][known:]:
                known += 1
                body = json.dumps({"code": code}).encode()
                opened = await self._ask(person, "POST", f"/sign-in/{challenge}", body)
                if opened.status == 200:
                    return await self._paper(person, json.loads(opened.body)["token"])
                if opened.status != 403:
                    raise Lost(opened.status)
            await asyncio.sleep(0.01)
        raise Lost("no code")

    async def _paper(self, person: Person, token: str) -> Paper:
        given = await self._ask(person, "GET", "/ballot", Authorization=f"Bearer {token}")
        if given.status != 200:
            raise Lost(given.status)
        paper = json.loads(given.body)
        chosen, ballots = [], []
        for contest in paper["contests"]:
            choice = random.choice(contest["candidates"])["id"]
            key, size = b64decode(paper["public_key"]), contest["size"]
            sealed = sealing.seal(key, paper["primary"], contest["id"], [choice], size)
            chosen.append(choice)
            ballots.append({"contest": contest["id"], "sealed": b64encode(sealed).decode()})
        body = json.dumps({"ballots": ballots}).encode()
        return Paper(token, secrets.token_hex(16), body, tuple(chosen))

    async def cast(self, person: Person, paper: Paper) -> None:
        """Cast until an answer comes: the same request each time."""
        while True:
            try:
                given = await self._ask(
                    person,
                    "POST",
                    "/ballot",
                    paper.body,
                    Authorization=f"Bearer {paper.token}",
                    Idempotency_Key=paper.key,
                )
            except Lost:
                paper.unanswered += 1
                await asyncio.sleep(0.05)
                continue
            paper.answers.append((given.status, given.body))
            return

    async def _ask(
        self, person: Person, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Answer:
        request = spelled(
            method,
            f"/api/v1{path}",
            self._host,
            body,
            X_Forwarded_For=str(IPv4Address(0x0B00_0000 + person.number)),
            **headers,
        )
        try:
            line = await connected(self._port)
            try:
                given = await line.ask(request)
            finally:
                line.close()
        except OSError as fault:
            raise Lost from fault
        if given.status == 503:
            await asyncio.sleep(0.3)
            raise Lost
        assert given.status < 500, (given.status, given.body)
        return given


class Rush:
    """Voters who don't stop, and whoever kills the listener under them."""

    def __init__(self, port: int) -> None:
        self.people: list[Person] = []
        self.repeated = 0
        self._port = port
        self._client = Client(port)
        self._numbers = iter(range(ROLL))
        self._recent: list[tuple[Person, Paper]] = []
        self._answered = asyncio.Event()
        self._is_over = False

    async def run(self, kills: int) -> None:
        """Vote until the listener was killed ``kills`` times; everybody then gets an answer."""
        watching = asyncio.create_task(self._client.watch())
        voting = asyncio.gather(*(self._work() for _ in range(WORKERS)))
        for number in range(kills):
            await self._live_through(number)
        with serving(self._port, writer="thread"):
            self._is_over = True
            await self._ask_again()
            await asyncio.wait_for(voting, _PATIENCE)
            self._recent = [(person, paper) for person in self.people for paper in person.papers]
            await self._ask_again()
        watching.cancel()

    async def _live_through(self, number: int) -> None:
        is_process = number % 2 == 1
        with serving(self._port, writer="process" if is_process else "thread") as portal:
            await self._ask_again()
            self._answered.clear()
            await asyncio.wait_for(self._answered.wait(), _PATIENCE)
            if is_process and number // 2 % WRITER_ALONE == 0:
                await asyncio.sleep(random.uniform(*MOMENT))
                for child in children(portal.pid):
                    os.kill(child, signal.SIGKILL)
            await asyncio.sleep(random.uniform(*MOMENT))
            portal.send_signal(signal.SIGKILL)
            await asyncio.to_thread(portal.wait)

    async def _work(self) -> None:
        while not self._is_over:
            person = Person(next(self._numbers))
            for _ in range(2 if person.number % TWICE == 0 else 1):
                person.papers.append(await self._client.signed_in(person))
            self.people.append(person)
            await asyncio.gather(*(self._cast(person, paper) for paper in person.papers))

    async def _cast(self, person: Person, paper: Paper) -> None:
        await self._client.cast(person, paper)
        self._recent.append((person, paper))
        self._answered.set()

    async def _ask_again(self) -> None:
        """Whoever was told since the last kill that the vote is stored asks once more."""
        recent, self._recent = self._recent, []
        waiting = ((person, paper) for person, paper in recent if paper.is_accepted)

        async def ask() -> None:
            for person, paper in waiting:
                await self._client.cast(person, paper)
                self.repeated += 1

        await asyncio.gather(*(ask() for _ in range(WORKERS)))


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    listed = (path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for children in listed for child in children]


@contextmanager
def serving(port: int, *, writer: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The public listener with its writer as a thread or as a process."""
    os.environ["PRIMARIES_WRITER"] = writer
    settings.cache_clear()
    with listener(port) as process:
        yield process


def prepare() -> HeldCeremony:
    """A vote that is open now, sealed to a key whose shares the caller holds."""
    now = clock.now()
    held = hold_ceremony(3, 2)
    polls.open_poll(
        voters=0,
        opens=now - timedelta(hours=1),
        closes=now + timedelta(hours=3),
        contests=CONTESTS,
        private=rebuild_key(held.shares[:2], public=held.public),
    )
    with database.unit_of_work() as session:
        session.execute(insert(Voter), [polls.roll_row(number) for number in range(ROLL)])
        ceremony = Ceremony(
            primary_id=polls.PRIMARY,
            kind=CeremonyKind.ELECTION.value,
            public_key=held.public.public_key,
            result_key=held.public.result_key,
            threshold=held.public.threshold,
            trustees=held.public.trustees,
            canvassers=2,
            registered_at=now,
            registered_by=1,
            completed_at=now,
            installed_at=now,
        )
        session.add(ceremony)
        session.flush()
        assert ceremony.id is not None
        for number, fingerprint in enumerate(held.public.fingerprints, start=1):
            session.add(
                TrusteeShare(ceremony_id=ceremony.id, number=number, fingerprint=fingerprint)
            )
    return held


@dataclass(frozen=True)
class Books:
    """What was answered beside what is stored and what was counted."""

    acknowledged: int
    unanswered: int
    repeated: int
    lost: int
    twice: int
    otherwise: int
    wrong: tuple[str, ...]


def compare(people: Sequence[Person], repeated: int, counted: Sequence[Counter[str]]) -> Books:
    """The answers of everybody against the tables and against the opened ballots of each contest."""
    papers = [paper for person in people for paper in person.papers]
    accepted = [paper for paper in papers if paper.is_accepted]
    chosen = [Counter(place) for place in zip(*(paper.chosen for paper in accepted), strict=True)]
    with database.reading() as session:
        stored = set(session.execute(select(col(Ballot.tracker))).scalars())
        ballots = session.execute(select(func.count()).select_from(Ballot)).scalar_one()
        iins = session.execute(
            select(func.count()).select_from(Claim).where(col(Claim.kind) == "iin")
        ).scalar_one()
        turnout = session.execute(select(func.sum(col(TurnoutCounter.votes)))).scalar_one() or 0
    wrong = [
        f"{name}: {found}, not {len(accepted)}"
        for name, found in (
            ("IIN claims", iins),
            ("turnout", turnout),
            ("ballots of a contest", ballots / CONTESTS),
            *((f"counted in contest {n}", each.total()) for n, each in enumerate(counted)),
        )
        if found != len(accepted)
    ]
    if list(counted) != chosen:
        wrong.append("the totals of the candidates are not what was chosen")
    several = [person for person in people if len(person.papers) > 1]
    refusals = [
        paper.answers[0] for person in several for paper in person.papers if not paper.is_accepted
    ]
    if {status for status, _body in refusals} - {409} or len(refusals) != len(several):
        wrong.append("not everybody who cast twice was refused once")
    return Books(
        acknowledged=len(accepted),
        unanswered=sum(paper.unanswered > 0 for paper in papers),
        repeated=repeated,
        lost=sum(not paper.trackers <= stored for paper in accepted),
        twice=sum(sum(p.is_accepted for p in person.papers) > 1 for person in people)
        + sum(max(0, each.total() - int(iins)) for each in counted),
        otherwise=sum(len(set(paper.answers)) > 1 for paper in papers),
        wrong=tuple(wrong),
    )


def count(held: HeldCeremony, folder: Path) -> list[Counter[str]]:
    """Close the vote, export and open its ballots: votes by candidate, contest by contest."""
    later = clock.now() + timedelta(hours=4)
    path = folder / "ballots.jsonl"
    with path.open("wb") as file:
        carrying.take_out(file, actor=Actor.system("kills"), now=later)
    exported = check_export(path)
    secret = rebuild_key(held.shares[:2], public=held.public)
    found = []
    for contest in count_export(exported, secret):
        assert not contest.invalid, contest.invalid
        found.append(Counter({chosen: ballots for (chosen,), ballots in contest.opened.items()}))
    return found


def measured(kills: int, database_url: str | None) -> Books:
    """Everything, on a fresh installation."""
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), database_url) as port,
        behind_a_proxy(),
    ):
        held = prepare()

        async def rushed() -> Rush:
            rush = Rush(port)
            await rush.run(kills)
            return rush

        rush = uvloop.run(rushed())
        return compare(rush.people, rush.repeated, count(held, Path(folder)))


def rows(engine: str, kills: int, books: Books) -> list[Measurement]:
    """M16, as far as kills go."""
    print(
        f"{engine}: {kills} kills, {books.acknowledged:,} votes acknowledged,"
        f" {books.unanswered:,} casts left without an answer, {books.repeated:,} repeated after it",
        file=sys.stderr,
    )
    for line in books.wrong:
        print(f"{engine}: {line}", file=sys.stderr)
    return [
        Measurement(
            id="M16",
            what=f"{what}, {kills} kill -9 under load, {engine}",
            ours=float(found),
            yardstick=None,
            unit=unit,
            ratio=None,
            goal="≤ 0",
        )
        for what, found, unit in (
            ("acknowledged casts lost", books.lost, "casts"),
            ("votes counted twice", books.twice, "votes"),
            ("repeats with another answer than the first", books.otherwise, "casts"),
            ("other books that don't agree", len(books.wrong), ""),
        )
    ]


def run(kills: int = KILLS) -> list[Measurement]:
    """Both databases."""
    found = rows("SQLite", kills, measured(kills, None))
    with postgres() as (uri, _programs):
        return found + rows("PostgreSQL", kills, measured(kills, uri))


def main() -> int:
    """The same with fewer kills, or on one database."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--sqlite", action="store_true", help="SQLite alone")
    given = parser.parse_args()
    found = (
        rows("SQLite", given.kills, measured(given.kills, None))
        if given.sqlite
        else run(given.kills)
    )
    print(table(found))
    return 0 if all(row.is_met for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
