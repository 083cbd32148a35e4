"""What a stranger learns from signing in: nothing, neither from the text nor from the time it takes.

Six kinds of pairs, one of which can vote: nobody on the roll, another number than the voter's, a
suspended voter, one who was admitted after the cut-off, one who has voted, and a good pair. One
client tries them over HTTP in random order, each with an address of its own, and at once brings a
wrong code for what it was given. What a stranger could guess from the times is the best threshold of
one half of them, tried on the other half: 50 % is chance. Because a pair can be tried `PAIR_FREE`
times before anybody is asked to wait, the medians of so many tries are guessed at too.
"""

import argparse
import json
import random
import re
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from math import erfc, sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert

from benchmarks.cast_load import installation
from benchmarks.casting import postgres
from benchmarks.measurement import Measurement, table
from benchmarks.voters import behind_a_proxy, open_the_vote, serving
from benchmarks.wire import HEAD_ENDS, Answer, spelled
from core import database
from core.primary.digests import iin_digest, mobile_digest
from core.primary.models import Voter
from core.voting.limits import PAIR_FREE
from core.voting.models import Claim
from core.voting.rules import CODE_TRIES
from tests.voting import polls

EACH: Final = 1_000
WARM_UP: Final = 150
RESAMPLES: Final = 500

KINDS: Final = ("good", "unknown", "wrong number", "suspended", "excluded", "used")
ANY: Final = "any other"
STEPS: Final = ("sign-in", "wrong code")
_SEED: Final = 20_201_001
_WRONG: Final = b'{"code": "no"}'  # no code of six digits is ever this one
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_BY_CHANCE: Final = {"challenge", "reference", "expires_at", "waiting-ticket"}
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Somebody's IIN and number, and the address they are tried from."""

    kind: str
    body: bytes
    address: str


def pairs(each: int) -> list[Pair]:
    """``each`` of every kind, in random order: in blocks, so that no hour is one kind's."""
    shuffled = random.Random(_SEED)
    made = []
    for block in range(each):
        kinds = list(KINDS)
        shuffled.shuffle(kinds)
        made += [_pair(kind, block * len(KINDS) + place) for place, kind in enumerate(kinds)]
    return made


def _pair(kind: str, number: int) -> Pair:
    mobile = polls.mobile(number if kind != "wrong number" else 9_000_000 - number)
    return Pair(
        kind,
        json.dumps({"iin": polls.iin(number), "mobile": mobile}).encode(),
        str(IPv4Address(0x0B00_0000 + number)),
    )


_ROLL: Final[Mapping[str, dict[str, str]]] = {
    "good": {},
    "wrong number": {},
    "suspended": {"status": "suspended"},
    "excluded": {"reason_excluded": "admitted_after_cutoff"},
    "used": {},
}


def put_on_roll(crowd: Sequence[Pair]) -> None:
    """The roll and the claims that make every pair what it is called."""
    with database.unit_of_work() as session:
        listed = [(number, pair.kind) for number, pair in enumerate(crowd)]
        on_roll = [polls.roll_row(n, **_ROLL[kind]) for n, kind in listed if kind in _ROLL]
        session.execute(insert(Voter), on_roll)
        used = [number for number, kind in listed if kind == "used"]
        session.execute(insert(Claim), [row for number in used for row in _claims(number)])


def _claims(number: int) -> list[dict[str, Any]]:
    digests = {
        "iin": iin_digest(polls.PRIMARY, polls.iin(number)),
        "mobile": mobile_digest(polls.PRIMARY, polls.mobile(number)),
    }
    return [
        {
            "primary_id": polls.PRIMARY,
            "kind": kind,
            "digest": digest,
            "channel": "online",
            "idempotency_hmac": bytes(16) if kind == "iin" else None,
        }
        for kind, digest in digests.items()
    ]


@dataclass(frozen=True)
class Told:
    """Everything an answer shows but its time: what differs by chance alone is only measured."""

    status: int
    headers: tuple[str, ...]
    length: int
    body: tuple[str, ...]


class Stranger:
    """One client with one connection, blocking: nothing of its own stands between two clocks."""

    def __init__(self, port: int) -> None:
        self._host = f"localhost:{port}"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def ask(self, path: str, pair: Pair, body: bytes) -> tuple[Answer, float]:
        """The answer to a POST and the milliseconds to its last byte."""
        request = spelled("POST", f"/api/v1{path}", self._host, body, X_Forwarded_For=pair.address)
        began = time.perf_counter_ns()
        self._socket.sendall(request)
        read = b""
        while (ends := read.find(HEAD_ENDS)) < 0:
            read += self._more()
        found = _LENGTH.search(read)
        assert found, read
        while len(read) < ends + len(HEAD_ENDS) + int(found[1]):
            read += self._more()
        spent = (time.perf_counter_ns() - began) / 1e6
        return Answer(read[:ends], read[ends + len(HEAD_ENDS) :]), spent

    def _more(self) -> bytes:
        more = self._socket.recv(65_536)
        if not more:
            raise ConnectionResetError("closed without an answer")
        return more


def told(answer: Answer) -> Told:
    """What an answer tells; random and passing values by their shape."""
    head = answer.head.decode("latin-1").split("\r\n")[1:]
    body = json.loads(answer.body)
    return Told(
        answer.status,
        tuple(_shape(*line.split(": ", 1)) for line in head if not line.startswith("date: ")),
        len(answer.body),
        tuple(_shape(key, value) for key, value in body.items()),
    )


def _shape(key: str, value: Any) -> str:
    spelled_out = str(value)
    return f"{key}: {re.sub(r'[^ :.]', 'x', spelled_out) if key in _BY_CHANCE else spelled_out}"


@dataclass
class Heard:
    """What the stranger heard: answers and times by step and kind."""

    answers: dict[str, dict[str, set[tuple[Told, ...]]]]
    times: dict[str, dict[str, list[float]]]

    @classmethod
    def nothing(cls) -> "Heard":
        """Before the first try."""
        return cls(defaultdict(lambda: defaultdict(set)), defaultdict(lambda: defaultdict(list)))


def listen(port: int, crowd: Sequence[Pair]) -> Heard:
    """Try every pair once, and for one in twenty every try of its code."""
    heard = Heard.nothing()
    stranger = Stranger(port)
    for number, pair in enumerate(crowd):
        given, spent = stranger.ask("/sign-in", pair, pair.body)
        challenge = json.loads(given.body).get("challenge", "none")
        path = f"/sign-in/{challenge}"
        wrong, spent_wrong = stranger.ask(path, pair, _WRONG)
        if number < WARM_UP:
            continue
        heard.times["sign-in"][pair.kind].append(spent)
        heard.times["wrong code"][pair.kind].append(spent_wrong)
        heard.answers["sign-in"][pair.kind].add((told(given),))
        heard.answers["wrong code"][pair.kind].add((told(wrong),))
        if number // len(KINDS) % 20 == 0:
            more = [stranger.ask(path, pair, _WRONG)[0] for _ in range(CODE_TRIES)]
            heard.answers["every try"][pair.kind].add(tuple(map(told, more)))
    stranger.close()
    return heard


def differing(heard: Heard) -> list[str]:
    """Where the text of a kind differs from the good pair's, or varies within a kind."""
    return [
        f"{step}: {kind}"
        for step, answers in heard.answers.items()
        for kind in KINDS
        if answers[kind] != answers["good"] or len(answers[kind]) != 1
    ]


@dataclass(frozen=True)
class Compared:
    """The times of a kind beside those of the good pairs, in milliseconds."""

    step: str
    kind: str
    median: float
    apart: float
    low: float
    high: float
    p: float
    guess: float
    guess_of_many: float


def compared(step: str, kind: str, times: Sequence[Times], good: Times) -> Compared:
    """Difference of the medians with its bootstrap interval, rank test, and the stranger's guesses.

    ``times`` are of one kind, or as many of several.
    """
    ours = _in_turns(times)
    low, high = np.percentile(_resampled(ours) - _resampled(good), (2.5, 97.5))
    return Compared(
        step,
        kind,
        float(np.median(ours)),
        float(np.median(ours) - np.median(good)),
        float(low),
        float(high),
        rank_test(ours, good),
        guessed(ours, good),
        guessed(_in_turns([_of_many(one) for one in times]), _of_many(good)),
    )


def _in_turns(times: Sequence[Times]) -> Times:
    """One of each in turns, so that both halves of a guess hold every kind."""
    mixed: Times = np.stack(times).T.ravel()
    return mixed


def _resampled(times: Times) -> Times:
    drawn = np.random.default_rng(_SEED + len(times))
    chosen = drawn.integers(0, len(times), (RESAMPLES, len(times)))
    medians: Times = np.median(times[chosen], axis=1)
    return medians


def _of_many(times: Times) -> Times:
    whole = len(times) // PAIR_FREE * PAIR_FREE
    medians: Times = np.median(times[:whole].reshape(-1, PAIR_FREE), axis=1)
    return medians


def rank_test(one: Times, other: Times) -> float:
    """The two-sided p of Mann and Whitney, by the normal approximation with its correction for ties."""
    both = np.concatenate((one, other))
    _values, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = len(one), len(other)
    u = ranks[:n].sum() - n * (n + 1) / 2
    ties = float((counts**3 - counts).sum()) / ((n + m) * (n + m - 1))
    deviation = sqrt(n * m / 12 * (n + m + 1 - ties))
    return erfc(abs(float(u) - n * m / 2) / deviation / sqrt(2))


def guessed(one: Times, other: Times) -> float:
    """How often (0–1) a threshold is right about times it was not chosen by, both kinds as likely."""
    threshold, above = _threshold(one[::2], other[::2])
    right = (np.mean(one[1::2] > threshold) + np.mean(other[1::2] <= threshold)) / 2
    return float(right if above else 1 - right)


def _threshold(one: Times, other: Times) -> tuple[float, bool]:
    """The time that tells best, and whether ``one`` is what takes longer."""
    values = np.unique(np.concatenate((one, other)))
    above = 1 - np.searchsorted(np.sort(one), values, side="right") / len(one)
    below = np.searchsorted(np.sort(other), values, side="right") / len(other)
    right = (above + below) / 2
    best = int(np.argmax(np.abs(right - 0.5)))
    return float(values[best]), bool(right[best] >= 0.5)


def measured(each: int, database_url: str | None) -> tuple[list[Compared], list[str]]:
    """What a stranger hears at a fresh installation: the times compared, and what text differs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), database_url) as port,
        behind_a_proxy(),
    ):
        open_the_vote(0)
        crowd = pairs(each + WARM_UP // len(KINDS))
        put_on_roll(crowd)
        with serving(port, "-m", "portal"):
            heard = listen(port, crowd)
    found = []
    for step in STEPS:
        good, *others = (np.array(heard.times[step][kind]) for kind in KINDS)
        for kind, times in zip(KINDS[1:], others, strict=True):
            found.append(compared(step, kind, [times], good))
        found.append(compared(step, ANY, others, good))
    return found, differing(heard)


def printed(name: str, found: Sequence[Compared]) -> str:
    """The comparison as a table of its own."""
    head = [
        f"{name}, beside the good pair, in ms",
        f"{'':24}{'median':>9}{'apart':>9}{'95 % interval':>20}{'p':>9}{'guess':>8}{'of 5':>8}",
    ]
    lines = [
        f"{one.step + ', ' + one.kind:24}{one.median:9.3f}{one.apart:9.3f}"
        f"{f'{one.low:.3f} … {one.high:.3f}':>20}{one.p:9.2g}{one.guess:8.1%}"
        f"{one.guess_of_many:8.1%}"
        for one in found
    ]
    return "\n".join([*head, *lines])


def rows(engine: str, found: Sequence[Compared], different: Sequence[str]) -> list[Measurement]:
    """What a stranger does best at: goals are chance and what sampling adds to it."""
    for line in different:
        print(f"{engine}: the text differs: {line}", file=sys.stderr)
    print(printed(engine, found), file=sys.stderr)
    pooled = [one for one in found if one.kind == ANY]
    guesses = (
        ("one answer", max(one.guess for one in pooled), "≤ 55"),
        (f"{PAIR_FREE} answers", max(one.guess_of_many for one in pooled), "≤ 60"),
    )
    return [
        Measurement(
            id="M16",
            what=f"kinds of pairs that the text of an answer tells apart, {engine}",
            ours=float(len(different)),
            yardstick=None,
            unit="",
            ratio=None,
            goal="≤ 0",
        ),
        *(
            Measurement(
                id="M16",
                what=f"a stranger's guess whether a pair can vote, by the time of {of}, {engine}",
                ours=100 * guess,
                yardstick=50,
                unit="% right",
                ratio=None,
                goal=goal,
            )
            for of, guess, goal in guesses
        ),
    ]


def on_each(measure: Callable[[str, str | None], list[Measurement]]) -> list[Measurement]:
    """What ``measure`` gives for SQLite and for a PostgreSQL of this run's own."""
    found = measure("SQLite", None)
    with postgres() as (uri, _programs):
        return found + measure("PostgreSQL", uri)


def run(each: int = EACH) -> list[Measurement]:
    """Both databases."""
    return on_each(lambda engine, url: rows(engine, *measured(each, url)))


def main() -> int:
    """The same, shorter or longer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oracle", description=__doc__)
    parser.add_argument("--each", type=int, default=EACH, help="tries of every kind")
    parser.add_argument("--sqlite", action="store_true", help="SQLite alone")
    given = parser.parse_args()
    if given.sqlite:
        print(table(rows("SQLite", *measured(given.each, None))))
    else:
        print(table(run(given.each)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
