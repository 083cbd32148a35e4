"""M16: no vote is acknowledged before it is on the disk, seen from outside with strace.

The public listener (and with PostgreSQL every process of the server) is traced while voters cast
one after the other. For each answer 201 the write-ahead log must have been written to after the
request came, and an fsync by the same thread, begun after its last write, must have ended before
the answer left. So that a trace which sees nothing is not taken for a good one, PostgreSQL is then
told not to wait for its fsync: those answers have to be found out.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text

from benchmarks.cast_load import installation
from benchmarks.casting import postgres
from benchmarks.kills import Client, Person, children, prepare, serving
from benchmarks.measurement import Measurement, table
from benchmarks.voters import behind_a_proxy
from core.database import driver_url

CASTS: Final = 15
"""Of each listener."""

_QUIET: Final = 0.4
"""Seconds before a cast in which the sender ends its own work: its fsyncs must not be taken for ours."""

_SYSCALLS: Final = (
    "read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync"
)
_LOG: Final = re.compile(r"<[^>]*(?:-wal|/pg_wal/[^>]*)>")
_LINE: Final = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_TOOK: Final = re.compile(r"<(\d+\.\d+)>$")
_RESUMED: Final = re.compile(r"<\.\.\. (\w+) resumed>")


@dataclass(frozen=True)
class Call:
    """A completed system call of a thread."""

    thread: int
    name: str
    text: str
    began: float
    ended: float


def calls(lines: Iterable[str]) -> list[Call]:
    """The calls of a trace, in the order in which they began; one in two parts is put together."""
    found: list[Call] = []
    begun: dict[int, tuple[float, str]] = {}
    for line in lines:
        parts = _LINE.match(line)
        if parts is None:
            continue
        thread, at, text = int(parts[1]), float(parts[2]), parts[3].rstrip()
        if text.endswith("<unfinished ...>"):
            begun[thread] = at, text.removesuffix("<unfinished ...>")
            continue
        took = _TOOK.search(text)
        if took is None:
            continue
        ended = at + float(took[1])
        if resumed := _RESUMED.match(text):
            ended = at
            at, start = begun.pop(thread, (at - float(took[1]), f"{resumed[1]}("))
            text = start + text
        found.append(Call(thread, text.partition("(")[0], text, at, ended))
    return sorted(found, key=lambda call: call.began)


def judged(trace: Sequence[Call]) -> tuple[int, int]:
    """How many votes were acknowledged, and how many of them before they were on the disk."""
    asked = [call for call in trace if "POST /api/v1/ballot HTTP" in call.text]
    answered = [call for call in trace if "HTTP/1.1 201" in call.text]
    early = 0
    for answer in answered:
        since = max(call.began for call in asked if call.ended <= answer.began)
        between = [call for call in trace if call.began >= since and call.ended <= answer.began]
        early += not _is_on_disk(between)
    return len(answered), early


def _is_on_disk(between: Iterable[Call]) -> bool:
    written: dict[int, float] = {}
    synced: dict[int, float] = defaultdict(float)
    for call in between:
        if not _LOG.search(call.text):
            continue
        if call.name in {"fsync", "fdatasync"} and " = 0 " in call.text:
            synced[call.thread] = call.began
        elif "write" in call.name:
            written[call.thread] = call.ended
    return any(synced[thread] >= ended for thread, ended in written.items())


class NotTraced(Exception):
    """strace is missing, or may not look at these processes."""


@contextmanager
def _traced(pids: Sequence[int], to: Path) -> Iterator[None]:
    """Let strace look at these processes and at what they start."""
    watched = [argument for pid in pids for argument in ("-p", str(pid))]
    command = ["strace", "-f", "-ttt", "-T", "-y", "-s", "64", "-e", "signal=none"]
    with (to.parent / "strace.txt").open("w+") as said:
        process = subprocess.Popen(
            [*command, "-e", f"trace={_SYSCALLS}", "-o", str(to), *watched], stderr=said
        )
        try:
            until = time.monotonic() + 20
            while Path(said.name).read_text().count("attached") < len(pids):
                if process.poll() is not None or time.monotonic() > until:
                    raise NotTraced(Path(said.name).read_text().strip()[-200:])
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(30)


async def _cast(port: int, numbers: Iterable[int]) -> None:
    client = Client(port)
    watching = asyncio.create_task(client.watch())
    for number in numbers:
        person = Person(number)
        paper = await client.signed_in(person)
        await asyncio.sleep(_QUIET)
        await client.cast(person, paper)
        assert paper.is_accepted, paper.answers
    watching.cancel()


def _family(pid: int) -> list[int]:
    """A process and all it has started."""
    return [pid, *(each for child in children(pid) for each in _family(child))]


def traced_casts(
    port: int, folder: Path, first: int, casts: int, servers: Sequence[int]
) -> tuple[int, int]:
    """What `judged` says of casts to a listener with either writer."""
    acknowledged = early = 0
    for place, writer in enumerate(("thread", "process")):
        start = first + place * casts
        trace = folder / f"{first}-{writer}.trace"
        with serving(port, writer=writer) as portal:
            asyncio.run(_cast(port, [start]))  # whoever starts and connects does so before
            pids = [each for pid in (portal.pid, *servers) for each in _family(pid)]
            with _traced(pids, trace):
                asyncio.run(_cast(port, range(start + 1, start + casts)))
        with trace.open(errors="replace") as lines:
            told, untrue = judged(calls(lines))
        if told != casts - 1:
            raise RuntimeError(f"{told} answers seen in the trace, not {casts - 1}")
        acknowledged, early = acknowledged + told, early + untrue
    return acknowledged, early


def on_sqlite(casts: int) -> tuple[int, int]:
    """Acknowledged, and acknowledged too early."""
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), None) as port,
        behind_a_proxy(),
    ):
        prepare()
        return traced_casts(port, Path(folder), 0, casts, [])


def on_postgresql(casts: int) -> tuple[int, int]:
    """The same; ends with an error unless the trace sees what happens without fsync."""
    with (
        postgres() as (uri, _programs),
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), uri) as port,
        behind_a_proxy(),
    ):
        prepare()
        server = [_postmaster(uri)]
        found = traced_casts(port, Path(folder), 0, casts, server)
        mark = "&" if "?" in uri else "?"
        os.environ["PRIMARIES_DATABASE_URL"] = f"{uri}{mark}options=-c%20synchronous_commit%3Doff"
        careless, early = traced_casts(port, Path(folder), 1000, 4, server)
        os.environ["PRIMARIES_DATABASE_URL"] = uri
    if not early:
        raise RuntimeError(f"none of {careless} answers without fsync was seen as one")
    return found


def _postmaster(uri: str) -> int:
    """The first process of a PostgreSQL server on this machine."""
    engine = create_engine(driver_url(uri))
    with engine.connect() as connection:
        folder = connection.execute(text("SHOW data_directory")).scalar_one()
    engine.dispose()
    return int(Path(folder, "postmaster.pid").read_text().split()[0])


def rows(engine: str, found: tuple[int, int]) -> list[Measurement]:
    """M16, as far as the disk goes."""
    acknowledged, early = found
    print(f"{engine}: {acknowledged} acknowledged votes traced", file=sys.stderr)
    return [
        Measurement(
            id="M16",
            what=f"answers given before an fsync, seen with strace, {engine}",
            ours=float(early),
            yardstick=None,
            unit="answers",
            ratio=None,
            goal="≤ 0",
        )
    ]


def run(casts: int = CASTS) -> list[Measurement]:
    """Both databases; none where strace is missing or may not look."""
    if shutil.which("strace") is None:
        print("fsyncs: skipped, there is no strace here", file=sys.stderr)
        return []
    try:
        return rows("SQLite", on_sqlite(casts)) + rows("PostgreSQL", on_postgresql(casts))
    except NotTraced as reason:
        print(f"fsyncs: skipped, strace could not look: {reason}", file=sys.stderr)
        return []


if __name__ == "__main__":
    print(table(run()))
