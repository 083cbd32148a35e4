"""Several public processes over one PostgreSQL: whoever answers, the vote is one."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.cast_load import Person, books, installation, listener, people, prepare, vote
from core.settings import settings

VOTERS = 60


@contextmanager
def workers(number: int, writer: str) -> Iterator[None]:
    """The settings of the listener that is started inside the block."""
    chosen = {"PRIMARIES_PUBLIC_WORKERS": str(number), "PRIMARIES_WRITER": writer}
    os.environ |= chosen
    settings.cache_clear()
    yield
    for name in chosen:
        os.environ.pop(name, None)
    settings.cache_clear()


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


@pytest.mark.parametrize("writer", ["thread", "process"])
def test_a_crowd_votes_once_each_whichever_process_answers(
    writer: str, postgres_database: str, tmp_path: Path
) -> None:
    crowd = people(VOTERS, 0.1, exempt=True)
    with installation(tmp_path, postgres_database) as port, workers(2, writer):
        prepare(crowd, exempt=True)
        with listener(port) as process:
            assert len(children(process.pid)) >= 2
            asyncio.run(vote(crowd, port, exempt=True))
        counts, wrong = books(crowd, exempt=True)
    assert not wrong, wrong
    assert counts["accepted"] + counts["refused"] == VOTERS


def test_a_worker_that_is_killed_is_replaced_and_nobody_votes_twice(
    postgres_database: str, tmp_path: Path
) -> None:
    first, second = people(20, 0.0, exempt=True), people(40, 0.0, exempt=True)[20:]
    with installation(tmp_path, postgres_database) as port, workers(2, "thread"):
        prepare([*first, *second], exempt=True)
        with listener(port) as process:
            asyncio.run(vote(first, port, exempt=True))
            before = children(process.pid)
            os.kill(before[-1], signal.SIGKILL)
            for _ in range(100):
                now = children(process.pid)
                if len(now) == len(before) and before[-1] not in now:
                    break
                time.sleep(0.1)
            asyncio.run(vote(second, port, exempt=True))
        crowd: list[Person] = [*first, *second]
        counts, wrong = books(crowd, exempt=True)
    assert not wrong, wrong
    assert counts["accepted"] == 40
