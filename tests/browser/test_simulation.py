"""Invented people at a real public listener, from addresses of this machine."""

import pytest

from core.database import reading
from core.errors import Refused
from core.rehearsal.rules import PRIMARY_ID, RehearsalRefusal
from core.rehearsal.service import rehearse
from core.rehearsal.simulation import simulate
from core.voting import queries


@pytest.fixture
def rehearsed(installation: str) -> int:
    """A rehearsal in the middle of its vote; gives the votes so far."""
    return rehearse(500, seed=11, strict_address=True).votes


def test_invented_people_vote_and_every_vote_is_counted(rehearsed: int, public_url: str) -> None:
    done = simulate(8, 0.1, seed=4)
    assert done.came == 48
    assert done.failed == 0, done.faults
    assert done.voted > 25
    with reading() as session:
        turnout = queries.turnout(session, PRIMARY_ID)
        rejections = queries.rejections_total(session, PRIMARY_ID)
    assert turnout.votes == rehearsed + done.voted
    assert rejections >= done.wrong_number + done.tried_twice


def test_nobody_is_simulated_where_nothing_answers(rehearsed: int) -> None:
    with pytest.raises(Refused) as refused:
        simulate(1, 0.01)
    assert refused.value.code is RehearsalRefusal.LISTENER_SILENT


def test_nobody_is_simulated_without_a_rehearsal(installation: str) -> None:
    with pytest.raises(Refused) as refused:
        simulate(1, 0.01)
    assert refused.value.code is RehearsalRefusal.NOBODY_TO_SIMULATE
