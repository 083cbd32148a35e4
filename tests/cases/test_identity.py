"""Who complains is shown after a reason and a second person's yes, for an hour, and to nobody else."""

from datetime import timedelta

import pytest

from core.cases import service
from core.cases.identity import OPEN_FOR, WAITS_FOR, identity_desk, waiting_for_second
from core.cases.rules import CasesRefusal, CaseState
from core.errors import Refused
from core.staff.models import AccountMaking
from core.staff.rules import Actor
from tests.cases.conftest import Desk

NAME = "Тайная Жалобщица"
REASON = "Договориться о встрече"


@pytest.fixture
def number(desk: Desk) -> str:
    """A case under examination whose complainant gave a name."""
    return desk.walk(CaseState.INVESTIGATION, name=NAME).number or ""


def ask(desk: Desk, number: str, actor: Actor) -> int:
    service.ask_identity(desk.session, number, actor=actor, reason=REASON, now=desk.now)
    found = identity_desk(desk.session, actor, number, now=desk.now).waiting
    return next(request.id for request in found if request.is_own)


def decide(desk: Desk, number: str, request: int, actor: Actor, *, allow: bool = True) -> None:
    service.decide_identity(desk.session, number, request, actor=actor, allow=allow, now=desk.now)


def refused_look(desk: Desk, number: str, actor: Actor) -> bool:
    with pytest.raises(Refused) as refused:
        service.open_identity(desk.session, number, actor=actor, now=desk.now)
    return refused.value.code is CasesRefusal.IDENTITY_NOT_ALLOWED


def test_nobody_looks_before_a_second_person_has_agreed(desk: Desk, number: str) -> None:
    assert refused_look(desk, number, desk.lead())
    request = ask(desk, number, desk.lead())
    assert refused_look(desk, number, desk.lead())
    decide(desk, number, request, desk.chair())
    found = service.open_identity(desk.session, number, actor=desk.lead(), now=desk.now)
    assert found.name == NAME
    assert refused_look(desk, number, desk.chair()), "the yes is for the one who asked"


def test_the_yes_holds_for_an_hour(desk: Desk, number: str) -> None:
    decide(desk, number, ask(desk, number, desk.lead()), desk.chair())
    desk.now += OPEN_FOR - timedelta(seconds=1)
    service.open_identity(desk.session, number, actor=desk.lead(), now=desk.now)
    desk.now += timedelta(seconds=1)
    assert refused_look(desk, number, desk.lead())
    ask(desk, number, desk.lead())


def test_a_request_is_forgotten_after_a_day(desk: Desk, number: str) -> None:
    request = ask(desk, number, desk.lead())
    desk.now += WAITS_FOR
    with pytest.raises(Refused) as refused:
        decide(desk, number, request, desk.chair())
    assert refused.value.code is CasesRefusal.NOTHING_TO_CONFIRM
    ask(desk, number, desk.lead())


def test_who_asked_cannot_agree_and_may_take_it_back(desk: Desk, number: str) -> None:
    request = ask(desk, number, desk.lead())
    with pytest.raises(Refused) as refused:
        decide(desk, number, request, desk.lead())
    assert refused.value.code is CasesRefusal.SAME_PERSON_TWICE
    decide(desk, number, request, desk.lead(), allow=False)
    with pytest.raises(Refused) as refused:
        decide(desk, number, request, desk.chair())
    assert refused.value.code is CasesRefusal.NOTHING_TO_CONFIRM


def test_an_account_made_by_the_one_who_asked_cannot_agree(desk: Desk, number: str) -> None:
    desk.session.add(
        AccountMaking(
            account_id=desk.chair().account_id,
            maker_id=desk.lead().account_id,
            kind="role",
            at=desk.now,
        )
    )
    request = ask(desk, number, desk.lead())
    with pytest.raises(Refused) as refused:
        decide(desk, number, request, desk.chair())
    assert refused.value.code is CasesRefusal.SECOND_NOT_INDEPENDENT


def test_a_refusal_shows_nothing_and_the_reason_asks_for_words(desk: Desk, number: str) -> None:
    with pytest.raises(Refused) as refused:
        service.ask_identity(desk.session, number, actor=desk.lead(), reason=" ", now=desk.now)
    assert refused.value.code is CasesRefusal.REASON_MISSING
    decide(desk, number, ask(desk, number, desk.lead()), desk.chair(), allow=False)
    assert refused_look(desk, number, desk.lead())


def test_one_request_of_a_person_is_enough(desk: Desk, number: str) -> None:
    request = ask(desk, number, desk.lead())
    for _stage in ("waits", "holds"):
        with pytest.raises(Refused) as refused:
            ask(desk, number, desk.lead())
        assert refused.value.code is CasesRefusal.IDENTITY_ASKED
        if _stage == "waits":
            decide(desk, number, request, desk.chair())


def test_a_request_of_another_case_is_none_of_this_one(desk: Desk, number: str) -> None:
    other = desk.walk(CaseState.INVESTIGATION, name="Другая").number or ""
    request = ask(desk, other, desk.lead())
    with pytest.raises(Refused) as refused:
        decide(desk, number, request, desk.chair())
    assert refused.value.code is CasesRefusal.NOTHING_TO_CONFIRM


def test_colleagues_are_told_where_a_second_person_is_waited_for(desk: Desk, number: str) -> None:
    assert waiting_for_second(desk.session, desk.chair(), now=desk.now) == ()
    ask(desk, number, desk.lead())
    assert waiting_for_second(desk.session, desk.chair(), now=desk.now) == (number,)
    assert waiting_for_second(desk.session, desk.lead(), now=desk.now) == ()
    assert waiting_for_second(desk.session, desk.chair("region"), now=desk.now) == ()
