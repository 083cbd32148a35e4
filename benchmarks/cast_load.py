"""Twenty thousand casts through the HTTP API, one in twenty a duplicate, and the books afterwards.

``python -m benchmarks.cast_load`` makes an installation of its own in a temporary folder, starts the
public listener there, lets invented people sign in and cast, and then checks what was stored
against what was answered: with an exemption for loopback addresses, and without one, each voter
from an address of 127.0.0.0/8. It ends with 1 when the books don't agree.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import func, select
from sqlmodel import col

from core import clock, database, keyring
from core.primary.digests import iin_digest
from core.settings import PREFIX, ROOT, settings
from core.staff.rules import Actor, Grant, Role
from core.voting import sealing
from core.voting.exemptions import exempt_loopback
from core.voting.models import Ballot, Claim, Rejection, TurnoutCounter
from tests.voting import polls

CONTESTS = 3
CONNECTIONS = 64
KINDS = ("iin", "mobile", "address")


@dataclass
class Person:
    """Somebody who signs in and casts; ``copies`` says whose key is used a second time."""

    number: int
    iin: str
    mobile: str
    address: str
    copies: str = ""
    token: str = ""
    body: bytes = b""
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)


def people(casts: int, share: float, *, exempt: bool) -> list[Person]:
    """Voters with keys of their own, and after them those who bring a used one.

    Under the exemption an address can be used twice, so only IINs and numbers are repeated.
    """
    doubles = int(casts * share)
    kinds = KINDS[:2] if exempt else KINDS
    own = [
        Person(number, polls.iin(number), polls.mobile(number), _address(number, exempt=exempt))
        for number in range(casts - doubles)
    ]
    copies = []
    for place in range(doubles):
        number, kind = casts - doubles + place, kinds[place % len(kinds)]
        first = own[place * len(own) // doubles]
        copies.append(
            Person(
                number,
                first.iin if kind == "iin" else polls.iin(number),
                first.mobile if kind in {"iin", "mobile"} else polls.mobile(number),
                first.address if kind == "address" else _address(number, exempt=exempt),
                kind,
            )
        )
    return own + copies


def _address(number: int, *, exempt: bool) -> str:
    """An address of this machine: each voter's own, or one of eight that everybody shares.

    Eight, because one has too few ports for forty thousand connections in a minute.
    """
    if exempt:
        return f"127.0.0.{number % 8 + 1}"
    return f"127.{1 + number // 65_025}.{number // 255 % 255}.{number % 255 + 1}"


class Outbox:
    """The codes that came, read from the file as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._codes: dict[str, list[str]] = defaultdict(list)
        self._awaited: dict[tuple[str, int], asyncio.Future[str]] = {}

    def count(self, mobile: str) -> int:
        """How many codes came to a number."""
        return len(self._codes[mobile])

    async def code(self, mobile: str, after: int) -> str:
        """The first code to a number after the first ``after`` ones."""
        if len(self._codes[mobile]) > after:
            return self._codes[mobile][after]
        future = asyncio.get_running_loop().create_future()
        self._awaited[mobile, after] = future
        return await asyncio.wait_for(future, 60)

    async def watch(self) -> None:
        """Read what is new, for ever."""
        while True:
            if self._path.exists():
                self._look()
            await asyncio.sleep(0.01)

    def _look(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._read)
            grown = file.read()
        whole = grown[: grown.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            message = json.loads(line)
            came = self._codes[message["to"]]
            came.append(message["text"][:6])
            future = self._awaited.pop((message["to"], len(came) - 1), None)
            if future is not None and not future.done():
                future.set_result(came[-1])


class Connection:
    """One kept-alive HTTP connection from a chosen address: as little as a client can do."""

    def __init__(self, port: int, address: str) -> None:
        self._port, self._address = port, address

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(self._address, 0)
        )
        return self

    async def __aexit__(self, *_fault: object) -> None:
        self._writer.close()

    async def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON body of one request."""
        lines = [f"{method} /api/v1{path} HTTP/1.1", f"Host: localhost:{self._port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        self._writer.write("\r\n".join(lines).encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        length = next(int(h.partition(":")[2]) for h in head if h.lower().startswith("content-le"))
        return int(head[0].split()[1]), json.loads(await self._reader.readexactly(length))


@contextmanager
def installation(folder: Path, database_url: str | None) -> Iterator[int]:
    """A fresh installation in ``folder``; gives the port of its public listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    os.environ |= {"PRIMARIES_DATA_DIR": str(folder), "PRIMARIES_PUBLIC_PORT": str(port)}
    if database_url:
        os.environ["PRIMARIES_DATABASE_URL"] = database_url
    settings.cache_clear()
    keyring.forget_cached_keys()
    database.upgrade()
    try:
        yield port
    finally:
        database.dispose()
        for name in list(os.environ):
            if name.startswith(PREFIX):
                del os.environ[name]
        os.environ |= before
        settings.cache_clear()
        keyring.forget_cached_keys()


@contextmanager
def listener(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The public listener as a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "portal"], cwd=ROOT)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def cpu_seconds(process: "subprocess.Popen[bytes]") -> float:
    """Processor time of the listener so far, of all its threads."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepare(crowd: Sequence[Person], *, exempt: bool) -> None:
    """Open a vote for this crowd, with the loopback exemption or without."""
    now = clock.now()
    polls.open_poll(
        voters=0, opens=now - timedelta(hours=1), closes=now + timedelta(hours=3), contests=CONTESTS
    )
    with database.unit_of_work() as session:
        roll = {person.iin: person for person in reversed(crowd)}
        for person in roll.values():
            polls.add_voter(
                session,
                person.number,
                iin_digest=iin_digest(polls.PRIMARY, person.iin),
                mobile=person.mobile,
            )
        if exempt:
            exempt_loopback(
                session,
                polls.PRIMARY,
                actor=Actor(1, "load", "load", frozenset({Grant(Role.ORGANIZER)})),
                valid_until=now + timedelta(hours=3),
                now=now,
            )


async def each(
    crowd: Sequence[Person], act: Callable[[Person], Awaitable[None]]
) -> tuple[float, list[float]]:
    """Let everybody act, `CONNECTIONS` at a time; gives seconds in all and of each."""
    waiting = iter(crowd)
    spent: list[float] = []

    async def work() -> None:
        for person in waiting:
            began = time.perf_counter()
            await act(person)
            spent.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began, sorted(spent)


async def vote(crowd: Sequence[Person], port: int, *, exempt: bool) -> dict[str, Any]:
    """Everybody signs in, seals, then everybody casts; gives the figures."""
    outbox = Outbox(Path(settings().sms_url.removeprefix("file:")))
    watching = asyncio.create_task(outbox.watch())

    async def sign_in(person: Person) -> None:
        async with Connection(port, person.address) as connection:
            known = outbox.count(person.mobile)
            pair = json.dumps({"iin": person.iin, "mobile": person.mobile}).encode()
            status, given = await connection.ask("POST", "/sign-in", pair)
            assert status == 202, (status, given)
            code = json.dumps({"code": await outbox.code(person.mobile, known)}).encode()
            status, opened = await connection.ask("POST", f"/sign-in/{given['challenge']}", code)
            if status == 409 and not exempt:
                # Somebody else is voting from this address: refused a step before the cast.
                person.status, person.answer = status, opened
                return
            assert status == 200, (status, opened)
            person.token = f"Bearer {opened['token']}"
            status, paper = await connection.ask("GET", "/ballot", Authorization=person.token)
            assert status == 200, (status, paper)
        person.body = json.dumps(
            {"ballots": [sealed_for(paper, one) for one in paper["contests"]]}
        ).encode()

    async def cast(person: Person) -> None:
        if person.status:
            return
        async with Connection(port, person.address) as connection:
            person.status, person.answer = await connection.ask(
                "POST",
                "/ballot",
                person.body,
                Authorization=person.token,
                Idempotency_Key=secrets.token_hex(16),
            )

    first = [person for person in crowd if not person.copies]
    second = [person for person in crowd if person.copies]
    signing, _spent = await each(first, sign_in)
    more, _spent = await each(second, sign_in)
    mixed = list(crowd)
    secrets.SystemRandom().shuffle(mixed)
    casting, spent = await each(mixed, cast)
    watching.cancel()
    return {
        "sign_ins_per_second": round(len(crowd) / (signing + more)),
        "casts_per_second": round(len(crowd) / casting),
        "cast_p50_ms": round(1000 * spent[len(spent) // 2], 1),
        "cast_p95_ms": round(1000 * spent[len(spent) * 95 // 100], 1),
        "cast_p99_ms": round(1000 * spent[len(spent) * 99 // 100], 1),
    }


def sealed_for(paper: dict[str, Any], contest: dict[str, Any]) -> dict[str, str]:
    """The sealed ballot of a contest, for its first candidate."""
    choice = [contest["candidates"][0]["id"]]
    sealed = sealing.seal(
        b64decode(paper["public_key"]), paper["primary"], contest["id"], choice, contest["size"]
    )
    return {"contest": contest["id"], "sealed": b64encode(sealed).decode()}


def books(crowd: Sequence[Person], *, exempt: bool) -> tuple[dict[str, int], list[str]]:
    """What is stored against what was answered; gives the counts and what does not agree."""
    with database.reading() as session:

        def count(table: Any, *where: Any) -> int:
            return int(
                session.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
            )

        claims = {
            kind: count(Claim, col(Claim.kind) == kind, col(Claim.channel) == "online")
            for kind in KINDS
        }
        ballots = count(Ballot)
        turnout = int(
            session.execute(select(func.sum(col(TurnoutCounter.votes)))).scalar_one() or 0
        )
        chosen = select(col(Rejection.reference), col(Rejection.reasons))
        rejections = {row.reference: row.reasons for row in session.execute(chosen)}
        stored = set(session.execute(select(col(Ballot.tracker))).scalars())
    accepted = [person for person in crowd if person.status == 201]
    refused = [person for person in crowd if person.status != 201]
    trackers = {each["tracker"] for person in accepted for each in person.answer["trackers"]}
    wrong = []
    for name, found, wanted in (
        ("IIN claims", claims["iin"], len(accepted)),
        ("number claims", claims["mobile"], len(accepted)),
        ("address claims", claims["address"], 0 if exempt else len(accepted)),
        ("online turnout", turnout, len(accepted)),
        ("ballots", ballots, CONTESTS * len(accepted)),
        ("trackers answered and stored", len(trackers & stored), CONTESTS * len(accepted)),
        ("rejections", len(rejections), len(refused)),
        ("refusals", len(refused), sum(1 for person in crowd if person.copies)),
    ):
        if found != wanted:
            wrong.append(f"{name}: {found}, not {wanted}")
    for person in refused:
        given = ",".join(person.answer.get("reasons", ()))
        if person.status != 409 or rejections.get(person.answer.get("reference", "")) != given:
            wrong.append(f"refused without its rejection: {person.status} {person.answer}")
    reasons = Counter(reason for each in rejections.values() for reason in each.split(","))
    return {
        "casts": len(crowd),
        "accepted": len(accepted),
        "refused": len(refused),
        "iin_claims": claims["iin"],
        "address_claims": claims["address"],
        "online_turnout": turnout,
        "ballots": ballots,
        **{f"rejected_{reason}": n for reason, n in sorted(reasons.items())},
    }, wrong


def run_once(casts: int, share: float, *, exempt: bool, database_url: str | None) -> list[str]:
    """One whole round; prints its figures and gives what does not agree."""
    crowd = people(casts, share, exempt=exempt)
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), database_url) as port,
    ):
        prepare(crowd, exempt=exempt)
        with listener(port) as process:
            before = cpu_seconds(process)
            figures = uvloop.run(vote(crowd, port, exempt=exempt))
            spent = cpu_seconds(process) - before
            figures["server_cpu_ms_per_voter"] = round(1000 * spent / casts, 2)
        counts, wrong = books(crowd, exempt=exempt)
    print(json.dumps({"loopback_exemption": exempt, **figures, **counts, "agree": not wrong}))
    return wrong


def main() -> int:
    """Both rounds, or one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cast_load", description=__doc__)
    parser.add_argument("--casts", type=int, default=20_000)
    parser.add_argument("--duplicates", type=float, default=0.05)
    parser.add_argument("--only", choices=("exempt", "strict"), help="one round instead of both")
    parser.add_argument("--database-url", help="an empty PostgreSQL database, for one round")
    given = parser.parse_args()
    wrong = []
    for exempt in (True, False):
        if given.only in {None, "exempt" if exempt else "strict"}:
            wrong += run_once(
                given.casts, given.duplicates, exempt=exempt, database_url=given.database_url
            )
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
