"""Measurements that judge: they find what they are there to find, and nothing where nothing is."""

import numpy as np
import pytest

from benchmarks import fsyncs, oracle

ASKED = '7 10.000 read(9<socket:[1]>, "POST /api/v1/ballot HTTP/1.1", 65536) = 28 <0.00001>'
WRITTEN = '8 10.002 pwrite64(5</d/p.sqlite-wal>, "", 4096, 0) = 4096 <0.00001>'
BEGUN = "8 10.003 fdatasync(5</d/p.sqlite-wal> <unfinished ...>"
ENDED = "8 10.005 <... fdatasync resumed>) = 0 <0.002>"
FAILED = "8 10.005 <... fdatasync resumed>) = -1 EIO (Input/output error) <0.002>"
ANSWERED = '7 10.006 write(9<socket:[1]>, "HTTP/1.1 201 Created", 20) = 20 <0.00001>'
TOO_SOON = ANSWERED.replace("10.006", "10.004")
ELSEWHERE = "8 10.003 fdatasync(6</d/other.file>) = 0 <0.001>"
BEFORE = "8 10.001 fdatasync(5</d/p.sqlite-wal>) = 0 <0.0001>"
OF_SOMEBODY_ELSE = "9 10.003 fdatasync(5</d/p.sqlite-wal>) = 0 <0.001>"


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        ([ASKED, WRITTEN, BEGUN, ENDED, ANSWERED], 0),
        ([ASKED, WRITTEN, BEGUN, TOO_SOON, ENDED], 1),
        ([ASKED, WRITTEN, BEGUN, FAILED, ANSWERED], 1),
        ([ASKED, WRITTEN, ANSWERED], 1),
        ([ASKED, ANSWERED], 1),
        ([ASKED, WRITTEN, ELSEWHERE, ANSWERED], 1),
        ([ASKED, BEFORE, WRITTEN, ANSWERED], 1),
        ([ASKED, WRITTEN, OF_SOMEBODY_ELSE, ANSWERED], 1),
    ],
    ids=["durable", "too soon", "failed", "none", "unwritten", "elsewhere", "before", "another's"],
)
def test_an_answer_before_its_fsync_is_seen(lines: list[str], early: int) -> None:
    assert fsyncs.judged(fsyncs.calls(lines)) == (1, early)


def test_a_stranger_guesses_where_times_differ_and_only_there() -> None:
    drawn = np.random.default_rng(1)
    good, other = drawn.gamma(4, 1, 4000), drawn.gamma(4, 1, 4000)
    assert abs(oracle.guessed(other, good) - 0.5) < 0.03
    assert oracle.rank_test(other, good) > 0.01
    assert oracle.guessed(good - 6, good) > 0.85
    assert oracle.guessed(good + 6, good) > 0.85
    assert oracle.rank_test(good - 0.3, good) < 1e-6
    apart = oracle.compared("step", "kind", [good[:2000] + 1, good[2000:] + 1], good)
    assert apart.low < 1 < apart.high
    assert apart.guess_of_many > apart.guess > 0.55
