"""Races at the desk: of a mark and a vote online exactly one wins, whoever presses when."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from core.database import reading, unit_of_work
from core.errors import Refused
from core.paper import service as paper
from core.paper.models import PaperMark, PaperRelease
from core.paper.rules import Answer, PaperRefusal, ReleaseGround
from core.staff.rules import Role, StaffRefusal
from core.voting.models import Ballot
from tests.conftest import MakeActor
from tests.paper.desks import Desks, claims, look_up, open_desks, press, vote_online, votes
from tests.voting.polls import NOON

ROUNDS = 50
GROUND = ReleaseGround.NOTHING_HANDED_OUT


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each of the acts gave that were begun at one moment; a fault is raised here."""
    barrier = threading.Barrier(len(acts))
    given: list[Any] = [None] * len(acts)

    def run(place: int) -> None:
        barrier.wait()
        try:
            given[place] = acts[place]()
        except Exception as fault:  # noqa: BLE001 - looked at below, in the test's own thread
            given[place] = fault

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in given:
        if isinstance(each, Exception) and not isinstance(each, Refused):
            raise each
    return given


@pytest.fixture
def crowded(database: str, make_actor: MakeActor) -> Desks:
    """The same desks with a voter for every round."""
    return open_desks(make_actor, voters=ROUNDS)


def test_of_a_mark_and_a_vote_online_exactly_one_wins(crowded: Desks) -> None:
    marked = online = 0
    for number in range(ROUNDS):
        now = NOON + timedelta(minutes=number)  # a clerk who asks faster is slowed down
        found = look_up(crowded, number, now=now)
        on_paper, accepted = at_once(
            lambda found=found, now=now: press(crowded, found, now=now),
            lambda number=number, now=now: vote_online(number, now=now),
        )
        won = on_paper.answer is Answer.MARKED
        assert won is not accepted, number
        assert on_paper.answer in {Answer.MARKED, Answer.VOTED_ONLINE}
        marked, online = marked + won, online + accepted
    assert marked + online == ROUNDS
    counted = votes()
    assert (counted.votes_paper, counted.votes_online) == (marked, online)
    channels = list(claims().values())
    assert (channels.count("paper"), channels.count("online")) == (marked, online)
    with reading() as session:
        assert len(session.exec(select(Ballot)).all()) == 2 * online
        assert len(session.exec(select(PaperMark)).all()) == marked


def test_two_clerks_mark_one_voter_once(desks: Desks) -> None:
    for number in range(12):
        mine, other = look_up(desks, number), look_up(desks, number, by=desks.colleague)
        answers = at_once(
            lambda mine=mine: press(desks, mine).answer,
            lambda other=other: press(desks, other, by=desks.colleague).answer,
        )
        assert sorted(answers) == [Answer.MARKED, Answer.MARKED_HERE_BEFORE]
    assert votes().votes == 12


def test_a_double_press_on_two_connections_is_one_mark(desks: Desks) -> None:
    for number in range(12):
        found = look_up(desks, number)
        answers = at_once(*[lambda found=found: press(desks, found).answer] * 4)
        assert answers == [Answer.MARKED] * 4
    assert votes().votes == 12


def test_a_mark_is_undone_once_by_two_who_confirm_at_once_while_others_are_marked(
    desks: Desks, make_actor
) -> None:
    third = make_actor(Role.ORGANIZER)
    for number in range(6):
        done = press(desks, look_up(desks, number))
        with unit_of_work() as session:
            proposed = paper.propose_undo(
                session,
                done.id,
                actor=desks.clerk,
                ground=GROUND,
                note="Ушёл без бюллетеней",
                now=NOON,
            ).id

        def confirm(actor: Any, proposed: int = proposed) -> str:
            with unit_of_work() as session:
                paper.confirm_undo(session, proposed, actor=actor, now=NOON)
            return "undone"

        other = look_up(desks, 11 - number, by=desks.colleague)
        answers = at_once(
            lambda: confirm(desks.second),
            lambda: confirm(third),
            lambda other=other: press(desks, other, by=desks.colleague).answer,
        )
        assert answers.count("undone") == 1
        assert answers[2] is Answer.MARKED
        (loser,) = [each for each in answers[:2] if each != "undone"]
        assert loser.code in {PaperRefusal.MARK_UNDONE, StaffRefusal.PROPOSAL_DECIDED}
    assert votes().votes == 6
    with reading() as session:
        assert len(session.exec(select(PaperRelease)).all()) == 6
