"""M11: opening, validating and counting sealed ballots, beside opening them and nothing more.

One core: the same ballots go through `count_export`, from the file to the totals, and through bare
``Suite.decrypt`` with a loaded key, in turns. Two processes: how much faster the count gets.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.measurement import Measurement
from core.results.exportfile import (
    CheckedExport,
    ExportHeader,
    ballot_lines,
    check_export,
    unwrap,
    write_export,
)
from core.results.opening import whole_count
from core.results.rules import ContestRules
from core.results.shares import HeldCeremony, hold_ceremony, rebuild_key
from core.voting.sealing import SUITE, info, seal, tracker

BALLOTS = 20_000
CONTESTS = 20
CANDIDATES = 8
SIZE = 128
ROUNDS = 5
PRIMARY = "bench"


def run() -> list[Measurement]:
    """The two measurements of M11."""
    with tempfile.TemporaryDirectory() as folder:
        held = hold_ceremony(3, 2)
        secret = rebuild_key(held.shares, public=held.public)
        path = Path(folder, "ballots.jsonl")
        write_ballots(path, held)
        sealed = unwrapped(check_export(path))
        ours, bare, alone, twice = [], [], [], []
        for _round in range(ROUNDS):
            bare.append(_seconds(lambda: open_bare(sealed, secret), time.process_time))
            ours.append(_seconds(lambda: count_from_file(path, secret), time.process_time))
            alone.append(_seconds(lambda: count_from_file(path, secret), time.perf_counter))
            both = _seconds(lambda: count_from_file(path, secret, processes=2), time.perf_counter)
            twice.append(both)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"count: peak memory of the process {peak} MB", file=sys.stderr)
    return [
        Measurement(
            id="M11",
            what=f"open, validate and count {BALLOTS:,} ballots on one core",
            ours=median(ours) / BALLOTS * 1e6,
            yardstick=median(bare) / BALLOTS * 1e6,
            unit="µs a ballot",
            ratio=median(own / other for own, other in zip(ours, bare, strict=True)),
            goal="≤ 1.5",
        ),
        Measurement(
            id="M11",
            what="the same in two processes, beside one",
            ours=median(twice) / BALLOTS * 1e6,
            yardstick=median(alone) / BALLOTS * 1e6,
            unit="µs a ballot",
            ratio=median(two / one for two, one in zip(twice, alone, strict=True)),
            goal="< 0.75",
        ),
    ]


def write_ballots(path: Path, held: HeldCeremony, ballots: int = BALLOTS) -> None:
    """An export of ``ballots`` sealed ballots spread over the contests."""
    drawn = random.Random(11)
    names = [f"C{number:07d}" for number in range(CANDIDATES)]
    contests = tuple(
        ContestRules(f"contest-{number:03d}", 2, SIZE, frozenset(names))
        for number in range(CONTESTS)
    )
    each = ballots // CONTESTS

    def sealed(contest: str) -> list[bytes]:
        key = held.public.public_key
        cast = [
            seal(key, PRIMARY, contest, drawn.sample(names, drawn.randint(0, 2)), SIZE)
            for _ in range(each)
        ]
        return sorted(cast, key=tracker)

    header = ExportHeader(
        primary=PRIMARY, public=held.public, transport_key=bytes(32), contests=contests
    )
    with path.open("wb") as file:
        write_export(
            file,
            header,
            how_many={contest.id: each for contest in contests},
            sealed=sealed,
        )


def unwrapped(export: CheckedExport) -> list[tuple[bytes, bytes]]:
    """What the yardstick opens: ``info`` and sealed ballot, in memory before the clock starts."""
    return [
        (info(PRIMARY, contest), unwrap(line))
        for contest, lines in ballot_lines(export, 2000)
        for line in lines
    ]


def open_bare(sealed: list[tuple[bytes, bytes]], secret: bytes) -> int:
    """The yardstick: every ballot decrypted, nothing read, checked or counted."""
    key = ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())
    for bound_to, ballot in sealed:
        SUITE.decrypt(ballot, key, info=bound_to)
    return len(sealed)


def count_from_file(path: Path, secret: bytes, processes: int = 1) -> int:
    """Ours: from the closed file to the totals, digest check included."""
    export = check_export(path)
    counted, _paper = whole_count(export, secret, processes=processes)
    return sum(entry["valid"] for entry in counted)


def _seconds(work: Callable[[], int], clock: Callable[[], float]) -> float:
    """Seconds of ``work``: of the processor for one core, of the wall for several processes."""
    began = clock()
    done = work()
    passed = clock() - began
    assert done == BALLOTS
    return passed
