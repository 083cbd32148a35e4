"""Calling back: at the promised time, in safe hours only, by one operator, and for the case."""

from datetime import time, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from core.cases import dossier, service
from core.cases.call_backs import (
    AGAIN_AFTER,
    FURTHEST,
    TAKEN_FOR,
    TRIES,
    call_back_in_hand,
    call_backs_due,
)
from core.cases.contacts import unfinished_since
from core.cases.models import CallBack, Contact, TextKey
from core.cases.queries import CaseFilters, case_list, own_contacts
from core.cases.rules import CallBackState, CasesRefusal, WrapUp
from core.cases.safe_times import SafeTimes
from core.cases.service import ContactEntry, Promise, RespondentEntry
from core.database import unit_of_work
from core.errors import Refused
from core.staff.rules import Actor, Role
from tests.cases.conftest import DISTRICT, Desk, build_desk
from tests.cases.test_races import at_once
from tests.conftest import MakeActor

EVENING = SafeTimes(time(19), time(22))
NUMBER = "+77015550142"


def promise(desk: Desk, *, hours: float = 1, **more: Any) -> int:
    """A call that ended with a promise; gives the id of what was promised."""
    safe, why = more.pop("safe", None), more.pop("why", "Позвать Айгуль")
    receipt = desk.log(**more)
    service.promise_call_back(
        desk.session,
        receipt.contact_id,
        Promise(due_at=desk.now + timedelta(hours=hours), why=why, safe=safe),
        actor=desk.operator,
        now=desk.now,
    )
    row = desk.session.exec(
        select(CallBack).where(col(CallBack.contact_id) == receipt.contact_id)
    ).one()
    assert row.id is not None
    return row.id


def start(desk: Desk, which: int, person: Actor | None = None) -> None:
    service.start_call_back(desk.session, which, actor=person or desk.operator, now=desk.now)


def refusal(act: Any) -> object:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


@pytest.mark.parametrize(
    ("hour", "minute", "is_safe", "next_hour", "days"),
    [(18, 59, False, 19, 0), (19, 0, True, 19, 0), (22, 0, False, 19, 1), (3, 0, False, 19, 0)],
)
def test_safe_hours_begin_on_the_hour_and_end_before_it(
    desk: Desk, *, hour: int, minute: int, is_safe: bool, next_hour: int, days: int
) -> None:
    moment = desk.now.replace(hour=hour, minute=minute)
    assert EVENING.hold(moment) is is_safe
    assert EVENING.from_then(moment) == (
        desk.now.replace(hour=next_hour, minute=0) + timedelta(days=days)
    )
    night = SafeTimes(time(22), time(6))
    assert night.hold(desk.now.replace(hour=3))
    assert not night.hold(desk.now.replace(hour=6))


def test_what_is_due_longest_comes_first_and_shows_no_number(desk: Desk) -> None:
    later, sooner = promise(desk, hours=5), promise(desk, hours=2)
    desk.wait(hours=3)
    found, total = call_backs_due(desk.session, desk.operator, now=desk.now)
    assert [view.id for view in found] == [sooner, later]
    assert [view.is_overdue for view in found] == [True, False]
    assert total == 2
    assert found[0].why == "Позвать Айгуль"
    assert "5550142" not in repr(found)
    stored = desk.session.get_one(CallBack, later).why
    assert stored is not None
    assert "Айгуль".encode() not in stored


def test_one_press_brings_up_the_form_with_the_number_and_what_is_said_joins_the_case(
    desk: Desk,
) -> None:
    which = promise(desk)
    number = call_backs_due(desk.session, desk.operator, now=desk.now)[0][0].number
    start(desk, which)
    draft = service.open_draft(desk.session, actor=desk.operator, now=desk.now)
    assert draft.fields["caller"] == NUMBER
    assert draft.fields["call_back"] == str(which)
    entry = ContactEntry(
        story="Премию сегодня вернули", wrap_up=WrapUp(draft.fields["wrap_up"]), caller=NUMBER
    )
    receipts = []
    for _press in range(2):
        receipt = service.log_contact(
            desk.session, entry, actor=desk.operator, key=draft.key, now=desk.now
        )
        again = Promise(due_at=desk.now + timedelta(hours=1), why="Ещё раз")
        service.promise_call_back(
            desk.session, receipt.contact_id, again, actor=desk.operator, now=desk.now
        )
        service.finish_call_back(
            desk.session, which, receipt.contact_id, actor=desk.operator, now=desk.now
        )
        receipts.append(receipt)
    assert receipts[0] == receipts[1]
    assert receipts[0].number is None
    contact = desk.session.get_one(Contact, receipts[0].contact_id)
    case = desk.case(number)
    assert (contact.case_id, contact.text_key_id) == (case.id, case.text_key_id)
    page = dossier.case_page(desk.session, desk.operator, number or "", now=desk.now)
    assert "Премию сегодня вернули" in "".join(story.text for story in page.stories)
    found, _total = case_list(desk.session, desk.operator, CaseFilters(text="премия"), now=desk.now)
    assert [row.number for row in found] == [number]
    assert desk.session.get_one(CallBack, which).state == CallBackState.DONE.value
    (still,), _total = call_backs_due(desk.session, desk.operator, now=desk.now)
    assert still.why == "Ещё раз"
    # The key of the second contact's own is gone, and with it nothing that anybody needs.
    wrapped = desk.session.exec(select(TextKey.wrapped)).all()
    assert [key is None for key in wrapped].count(True) == 1


def test_nobody_calls_outside_the_safe_hours(desk: Desk) -> None:
    which = promise(desk, hours=10, safe=EVENING)
    assert refusal(lambda: start(desk, which)) is CasesRefusal.NOT_A_SAFE_TIME
    assert refusal(lambda: promise(desk, hours=1, safe=EVENING)) is CasesRefusal.NOT_A_SAFE_TIME
    desk.now = desk.now.replace(hour=21, minute=45)
    start(desk, which)
    state = service.note_no_answer(desk.session, which, actor=desk.operator, now=desk.now)
    assert state is CallBackState.DUE
    # Half an hour later it would be a quarter past ten: not before the next evening.
    due = desk.session.get_one(CallBack, which).due_at
    assert due == desk.now.replace(hour=19, minute=0) + timedelta(days=1)


def test_after_three_calls_that_nobody_answered_it_is_noted(desk: Desk) -> None:
    which = promise(desk)
    assert (
        refusal(
            lambda: service.note_no_answer(desk.session, which, actor=desk.operator, now=desk.now)
        )
        is CasesRefusal.NO_SUCH_CALL_BACK
    )
    states = []
    for _try in range(TRIES):
        start(desk, which)
        states.append(
            service.note_no_answer(desk.session, which, actor=desk.operator, now=desk.now)
        )
        desk.wait(minutes=AGAIN_AFTER.total_seconds() / 60)
    assert states == [CallBackState.DUE] * (TRIES - 1) + [CallBackState.UNANSWERED]
    assert call_backs_due(desk.session, desk.operator, now=desk.now) == ((), 0)
    assert refusal(lambda: start(desk, which)) is CasesRefusal.NO_SUCH_CALL_BACK


def test_a_promise_needs_a_number_and_a_time_that_can_come(desk: Desk) -> None:
    for hours, caller, code in (
        (1, None, CasesRefusal.CALL_BACK_NEEDS_NUMBER),
        (-1, NUMBER, CasesRefusal.CALL_BACK_OUT_OF_RANGE),
        (FURTHEST.days * 24 + 1, NUMBER, CasesRefusal.CALL_BACK_OUT_OF_RANGE),
    ):
        assert refusal(lambda h=hours, c=caller: promise(desk, hours=h, caller=c)) is code


def test_a_half_typed_call_is_not_lost_to_a_call_back(desk: Desk) -> None:
    which = promise(desk)
    service.keep_draft(desk.session, {"story": "Недописано"}, actor=desk.operator, now=desk.now)
    assert unfinished_since(desk.session, desk.operator) == desk.now
    assert refusal(lambda: start(desk, which)) is CasesRefusal.CALL_UNFINISHED
    draft = service.open_draft(desk.session, actor=desk.operator, now=desk.now)
    assert draft.fields == {"story": "Недописано"}


def test_another_shift_keeps_the_promise_and_another_place_knows_of_none(
    desk: Desk, make_actor: MakeActor
) -> None:
    which = promise(desk)
    relief = make_actor(Role.OPERATOR, place=DISTRICT, name="Сменщик", session=desk.session)
    far = make_actor(Role.OPERATOR, place="190000000", name="Далёкий", session=desk.session)
    assert refusal(lambda: start(desk, which, far)) is CasesRefusal.NO_SUCH_CALL_BACK
    assert call_backs_due(desk.session, far, now=desk.now) == ((), 0)
    start(desk, which, relief)
    assert refusal(lambda: start(desk, which)) is CasesRefusal.CALL_BACK_TAKEN
    assert call_backs_due(desk.session, desk.operator, now=desk.now)[0][0].is_taken
    desk.wait(minutes=TAKEN_FOR.total_seconds() / 60)
    start(desk, which)


def test_who_is_named_later_knows_of_no_promise(desk: Desk, make_actor: MakeActor) -> None:
    which = promise(desk)
    number = call_backs_due(desk.session, desk.operator, now=desk.now)[0][0].number or ""
    named = make_actor(Role.OPERATOR, name="Ержанов Марат", session=desk.session)
    start(desk, which, named)
    service.add_respondent(
        desk.session,
        number,
        RespondentEntry(name="Марат Ержанов"),
        actor=desk.operator,
        now=desk.now,
    )
    assert call_backs_due(desk.session, named, now=desk.now) == ((), 0)
    assert call_back_in_hand(desk.session, named, which, now=desk.now) is None
    assert refusal(lambda: start(desk, which, named)) is CasesRefusal.NO_SUCH_CALL_BACK
    # The call in hand is still taken, but says nothing of the case and does not join it.
    receipt = service.log_contact(
        desk.session,
        ContactEntry(story="Сказано", wrap_up=WrapUp.REPEATED),
        actor=named,
        key="k",
        now=desk.now,
    )
    assert not service.finish_call_back(
        desk.session, which, receipt.contact_id, actor=named, now=desk.now
    )
    assert desk.session.get_one(Contact, receipt.contact_id).case_id is None


def test_two_operators_press_at_once_and_one_calls(database: str, make_actor: MakeActor) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        relief = make_actor(Role.OPERATOR, name="Сменщик", session=session)
        which = promise(desk)
    found = at_once(desk, lambda own: start(own, which), lambda own: start(own, which, relief))
    assert sorted(getattr(each, "code", "started") for each in found) == [
        CasesRefusal.CALL_BACK_TAKEN,
        "started",
    ]


def test_contacts_without_a_case_and_those_of_today_are_listed_apart(desk: Desk) -> None:
    desk.log()
    desk.log(wrap_up=WrapUp.QUESTION_ANSWERED)
    desk.wait(days=1)
    desk.log(wrap_up=WrapUp.HUNG_UP)
    for narrowed, count in (
        ({}, 3),
        ({"without_case": True}, 2),
        ({"since": desk.now}, 1),
    ):
        _found, total = own_contacts(desk.session, desk.operator, **narrowed)  # type: ignore[arg-type]
        assert total == count
