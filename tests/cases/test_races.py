"""Two people act on one case at the same moment: one wins, the other is told what happened."""

import threading
from collections.abc import Callable

import pytest
from sqlmodel import col, select

from core.cases import service
from core.cases.models import Case
from core.cases.rules import CasesRefusal, CaseState, Channel, Move
from core.database import unit_of_work
from core.errors import Refused
from tests.cases.conftest import Desk, build_desk
from tests.conftest import MakeActor

Act = Callable[[Desk], object]


def at_once(desk: Desk, *acts: Act) -> list[object]:
    """Run acts in threads, each in a unit of work of its own; gives results and refusals."""
    gate = threading.Barrier(len(acts))
    found: list[object] = []

    def run(act: Act) -> None:
        gate.wait()
        try:
            with unit_of_work() as session:
                own = Desk(session, desk.operator, desk.organizer, desk.people, desk.ids, desk.now)
                found.append(act(own))
        except Refused as refused:
            found.append(refused)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("race", ["assign/assign", "decide/withdraw", "answer/answer"])
def test_one_wins_and_the_other_is_told(database: str, make_actor: MakeActor, race: str) -> None:
    states = {
        "assign/assign": CaseState.ADMISSIBILITY,
        "decide/withdraw": CaseState.DELIBERATION,
        "answer/answer": CaseState.TRIAGE,
    }
    state = states[race]
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        receipt = desk.walk(state)
        number = receipt.number or ""
        if race == "decide/withdraw":
            service.ask_withdrawal(
                session, number, actor=desk.operator, channel=Channel.PHONE, now=desk.now
            )
        if race == "answer/answer":
            desk.move(number, Move.ASK, desk.operator, **desk.given_for(Move.ASK, receipt))
            state = CaseState.NEEDS_INFO

    def make(move: Move, who: str) -> Act:
        def act(own: Desk) -> object:
            actor = own.operator if who == "operator" else getattr(own, who)()
            return own.move(number, move, actor, expected=state, **own.given_for(move, receipt))

        return act

    acts = {
        "assign/assign": (make(Move.ASSIGN, "secretary"), make(Move.ASSIGN, "secretary")),
        "decide/withdraw": (make(Move.DECIDE, "chair"), make(Move.WITHDRAW, "operator")),
        "answer/answer": (make(Move.ANSWER, "operator"), make(Move.ANSWER, "operator")),
    }[race]
    found = at_once(desk, *acts)
    refused = [item for item in found if isinstance(item, Refused)]
    made = [item for item in found if isinstance(item, service.Moved)]
    assert len(refused) == len(made) == 1
    assert refused[0].code is CasesRefusal.CHANGED_MEANWHILE
    with unit_of_work() as session:
        case = session.exec(select(Case).where(col(Case.number) == number)).one()
        assert case.state == made[0].state.value
        assert refused[0].facts["state"] is made[0].state
