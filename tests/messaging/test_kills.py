"""Senders that are killed in the middle of the work: no code twice, and none lost without a word."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest

from core import clock
from core.messaging.rules import LEASE, MessageState
from core.messaging.service import deliver_due
from core.settings import ROOT
from tests.messaging.http_gateway import Behaviour, answering, http_gateway, takes_and_resets
from tests.messaging.sender_process import gateway_on
from tests.messaging.test_outbox import rows

pytestmark = pytest.mark.usefixtures("database")
SENDER = (sys.executable, "-m", "tests.messaging.sender_process")
ROUNDS = 3


@dataclass
class Outcome:
    """``doubtful``: codes on the wire at a kill; ``unheard``: those of them that never arrived."""

    queued: int
    arrived: int
    twice: int
    doubtful: int
    unheard: int


def killed(behaviour: Behaviour, rounds: int = ROUNDS) -> Outcome:
    """Kill a sender ``rounds`` times at random moments, then let another clear up."""
    queued = 0
    chance = random.Random(7)
    with http_gateway(behaviour) as gateway:
        for _ in range(rounds):
            process = subprocess.Popen(
                [*SENDER, str(gateway.port), str(queued)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.05, 0.8))
            process.send_signal(signal.SIGKILL)
            told = process.stdout.read().split()
            process.wait(10)
            process.stdout.close()
            # A group may be committed and its number not yet printed.
            queued = max(int(told[-1]) if told else 0, len(rows()), queued)
        with clock.shifted(LEASE + timedelta(seconds=1)):
            while deliver_due(clock.now(), gateway=gateway_on(gateway.port)):
                pass
        arrived = Counter(gateway.texts)
    ended = {row.id: row for row in rows()}
    doubtful = [row for row in ended.values() if row.fault == "sender_died"]
    sent = sum(row.state == MessageState.SENT for row in ended.values())
    assert {row.state for row in ended.values()} <= {"sent", "failed"}
    assert all(row.body is None for row in ended.values())
    return Outcome(
        queued=len(ended),
        arrived=len(arrived),
        twice=sum(times > 1 for times in arrived.values()),
        doubtful=len(doubtful),
        unheard=len(ended) - len(arrived) if sent <= len(arrived) else -1,
    )


@pytest.mark.parametrize("seconds", [0.0, 0.4], ids=["quick", "slow"])
def test_a_killed_sender_loses_at_most_what_was_on_the_wire_and_sends_nothing_twice(
    seconds: float,
) -> None:
    found = killed(answering(202, seconds=seconds))
    assert found.queued >= ROUNDS * 10
    assert found.twice == 0
    assert 0 <= found.unheard <= found.doubtful


def test_with_a_gateway_that_cuts_every_line_nothing_comes_twice_either() -> None:
    found = killed(takes_and_resets)
    assert found.twice == 0
    assert found.unheard <= found.doubtful
