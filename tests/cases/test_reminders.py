"""Reminders: sent to whose move it is, once, with words that tell nothing; and the workload view."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from core import schedule
from core.cases import service
from core.cases.models import CaseReminder
from core.cases.reminders import ReminderKind, send_reminders
from core.cases.rules import CasesRefusal, CaseState, Move
from core.cases.workload import overdue_below, workload
from core.database import reading, unit_of_work
from core.errors import Refused
from core.messaging.models import OutboxMessage
from core.messaging.post import opened
from core.staff.models import Account
from core.staff.rules import Actor
from tests.cases.conftest import NAMES, Desk, build_desk
from tests.conftest import MakeActor


def number_of(actor: Actor) -> str:
    """An invented mobile number for each account."""
    return f"+7701555{actor.account_id:04d}"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The desk, where everybody can be reached."""
    for person in (person for level in NAMES for person in desk.people[level]):
        desk.session.execute(
            update(Account)
            .where(col(Account.id) == person.account_id)
            .values(mobile=number_of(person))
        )
    return desk


def told(desk: Desk) -> list[str]:
    """The numbers that messages are queued for, in the order of the queue; empties it."""
    rows = desk.session.exec(select(OutboxMessage).order_by(col(OutboxMessage.id))).all()
    messages = [opened(row) for row in rows]
    for row in rows:
        desk.session.delete(row)
    desk.session.flush()
    # One sentence for everything: neither number nor category, nor what kind of case it is.
    assert {message.text for message in messages} <= {
        "Праймериз: в системе вас ждёт работа. Войдите в неё."
    }
    return [message.to for message in messages]


def run(desk: Desk) -> list[str]:
    service.run_clock(desk.session, desk.now)
    send_reminders(desk.session, desk.now)
    return sorted(told(desk))


def test_the_lead_is_warned_an_hour_before_and_nobody_twice(desk: Desk) -> None:
    desk.walk(CaseState.ASSIGNED)
    desk.wait(hours=2, minutes=59)
    assert run(desk) == []
    desk.wait(minutes=1)
    assert run(desk) == [number_of(desk.lead())]
    assert run(desk) == []


def test_when_the_clock_has_acted_nobody_hears_of_what_is_over(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ASSIGNED)
    desk.wait(hours=4)
    assert run(desk) == []
    assert desk.case(receipt.number).commission_id == desk.ids["region"]


def test_of_what_is_overdue_the_chair_hears_too(desk: Desk) -> None:
    desk.walk(CaseState.ADMISSIBILITY)
    desk.wait(hours=25)
    people = [number_of(desk.chair()), *[number_of(desk.secretary())] * 2]
    assert run(desk) == sorted(people), "warned and overdue at once, since nobody looked before"


def test_a_move_forgets_the_reminders_of_the_state_it_leaves(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ADMISSIBILITY)
    given = desk.given_for(Move.ASSIGN, receipt)
    desk.move(receipt.number, Move.ASSIGN, desk.secretary(), **given)
    kinds = desk.session.exec(select(CaseReminder.kind, CaseReminder.due_at)).all()
    due = desk.case(receipt.number).due_at
    assert due is not None
    assert set(kinds) == {("overdue", due), ("due_soon", due - timedelta(hours=1))}


def test_who_is_in_conflict_is_told_nothing(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ADMISSIBILITY)
    service.declare_conflict(
        desk.session,
        receipt.number or "",
        actor=desk.secretary(),
        in_conflict=True,
        now=desk.now,
    )
    desk.wait(hours=25)
    # Without a secretary the office falls to the chair.
    assert set(run(desk)) == {number_of(desk.chair())}


def test_complainants_are_asked_after_7_30_and_90_days(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    number = receipt.number or ""
    for days in (7, 30, 90):
        desk.now = desk.case(number).state_since + timedelta(days=days) - timedelta(minutes=1)
        assert run(desk) == []
        assert not workload(desk.session, desk.secretary(), now=desk.now)[0].ask_after
        desk.wait(minutes=1)
        assert run(desk) == [number_of(desk.secretary())]
        (waiting,) = workload(desk.session, desk.secretary(), now=desk.now)[0].ask_after
        assert waiting.number == number
        # A member without an office neither asks nor is shown whom to ask.
        assert not workload(desk.session, desk.lead(), now=desk.now)[0].ask_after
        for actor, answer, code in (
            (desk.lead(), "Всё спокойно", CasesRefusal.NOT_YOURS_TO_MOVE),
            (desk.chair("centre"), "Всё спокойно", CasesRefusal.NO_SUCH_CASE),
            (desk.secretary(), " ", CasesRefusal.TEXT_MISSING),
        ):
            with pytest.raises(Refused) as refused:
                service.note_asked_after(
                    desk.session, number, actor=actor, answer=answer, now=desk.now
                )
            assert refused.value.code is code
        service.note_asked_after(
            desk.session, number, actor=desk.secretary(), answer="Всё спокойно", now=desk.now
        )
        assert not workload(desk.session, desk.secretary(), now=desk.now)[0].ask_after
    with pytest.raises(Refused) as refused:
        service.note_asked_after(
            desk.session, number, actor=desk.secretary(), answer="Ещё раз", now=desk.now
        )
    assert refused.value.code is CasesRefusal.NOTHING_TO_CONFIRM


def test_an_appeal_ends_the_asking(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    desk.move(receipt.number, Move.APPEAL, desk.operator, **desk.given_for(Move.APPEAL, receipt))
    kinds = desk.session.exec(select(CaseReminder.kind)).all()
    assert ReminderKind.RETALIATION.value not in kinds


def test_the_schedule_sends_them_by_itself(database: str, make_actor: MakeActor) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        session.get_one(Account, desk.secretary().account_id).mobile = "+77015550001"
        desk.walk(CaseState.ADMISSIBILITY)
    late = desk.now + timedelta(hours=25)
    assert schedule.move_cases(desk.now) == 0
    assert schedule.move_cases(late) == 2
    assert schedule.move_cases(late) == 0
    with reading() as session:
        assert len(session.exec(select(OutboxMessage.id)).all()) == 2


def test_the_workload_counts_what_each_member_leads(desk: Desk) -> None:
    desk.walk(CaseState.ASSIGNED)
    desk.walk(CaseState.INVESTIGATION)
    desk.walk(CaseState.ADMISSIBILITY)
    desk.wait(hours=10)
    (load,) = workload(desk.session, desk.secretary(), now=desk.now)
    assert [(member.name, member.led, member.overdue) for member in load.members] == [
        (desk.chair().name, 0, 0),
        (desk.secretary().name, 0, 0),
        (desk.lead().name, 2, 1),
        (desk.people["district"][3].name, 0, 0),
    ]
    # Whether to admit the third is not decided yet: nobody leads it.
    assert load.without_lead == 1


def test_the_centre_sees_where_it_is_overdue_and_a_member_does_not(desk: Desk) -> None:
    desk.walk(CaseState.ADMISSIBILITY)
    desk.walk(CaseState.INVESTIGATION)
    desk.wait(hours=25)
    (view,) = overdue_below(desk.session, desk.chair("centre"), now=desk.now)
    assert (view.open, view.overdue) == (2, 1)
    assert view.oldest_due is not None
    assert view.oldest_due <= desk.now
    assert overdue_below(desk.session, desk.chair("region"), now=desk.now) == (view,)
    assert overdue_below(desk.session, desk.lead("centre"), now=desk.now) == ()
