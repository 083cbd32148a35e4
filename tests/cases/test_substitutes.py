"""A substitute sits in another's place for a time; the other's seat rests meanwhile."""

from datetime import timedelta

import pytest

from core import schedule
from core.cases import queries, service
from core.cases.commissions import seats_of, sittings
from core.cases.rules import CasesRefusal, CaseState, Move
from core.database import reading, unit_of_work
from core.errors import Refused
from core.staff.rules import Actor, Office, Role, StaffRefusal
from tests.cases.conftest import DISTRICT, Desk, build_desk
from tests.conftest import MakeActor


def substitute(desk: Desk, make_actor: MakeActor) -> Actor:
    return make_actor(Role.COMMISSIONER, place=DISTRICT, name="Запасной Ясир", session=desk.session)


def seat(desk: Desk, person: Actor, absent: Actor, *, days: int = 3, **more: Actor) -> None:
    service.seat_substitute(
        desk.session,
        desk.ids["district"],
        actor=more.get("actor", desk.organizer),
        account_id=person.account_id,
        absent_id=absent.account_id,
        until=desk.now + timedelta(days=days),
        now=desk.now,
    )


def test_a_substitute_has_office_cases_and_vote_and_the_other_none(
    desk: Desk, make_actor: MakeActor
) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    person, absent = substitute(desk, make_actor), desk.lead()
    seat(desk, person, absent)
    assert seats_of(desk.session, person.account_id) == {desk.ids["district"]: Office.MEMBER}
    assert seats_of(desk.session, absent.account_id) == {}
    assert len(sittings(desk.session, desk.ids["district"])) == 4
    assert desk.case(receipt.number).lead_id == person.account_id
    assert queries.case_list(desk.session, person, now=desk.now)[1] == 1
    assert queries.case_list(desk.session, absent, now=desk.now)[1] == 0
    given = desk.given_for(Move.DELIBERATE, receipt)
    desk.move(receipt.number, Move.DELIBERATE, person, **given)
    given = desk.given_for(Move.DECIDE, receipt)
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.DECIDE, desk.chair(), **given)
    assert refused.value.code is CasesRefusal.NOT_A_MEMBER, "the vote of a seat that rests"


def test_the_clock_gives_the_seat_and_the_cases_back(database: str, make_actor: MakeActor) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        number = desk.walk(CaseState.CLOSED).number
        person, absent = substitute(desk, make_actor), desk.lead()
        service.set_time_limit(
            session,
            CaseState.ASSIGNED,
            actor=desk.organizer,
            span=timedelta(days=9),
            now=desk.now,
        )
        led = desk.walk(CaseState.ASSIGNED).number
        seat(desk, person, absent)
        assert desk.case(led).lead_id == person.account_id
        assert desk.case(number).lead_id == absent.account_id, "what has ended stays as it was"
    over = desk.now + timedelta(days=3)
    assert schedule.move_cases(over) > 0
    with reading() as session:
        assert seats_of(session, person.account_id) == {}
        assert seats_of(session, absent.account_id) == {desk.ids["district"]: Office.MEMBER}
        desk.session = session
        assert desk.case(led).lead_id == absent.account_id


def test_a_substitute_in_conflict_does_not_lead(desk: Desk, make_actor: MakeActor) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    person = substitute(desk, make_actor)
    service.add_respondent(
        desk.session,
        receipt.number or "",
        service.RespondentEntry(name=person.name),
        actor=desk.chair(),
        now=desk.now,
    )
    seat(desk, person, desk.lead())
    assert desk.case(receipt.number).lead_id == desk.chair().account_id
    assert queries.case_list(desk.session, person, now=desk.now)[1] == 0


def test_a_substitution_can_end_early_and_ends_with_the_seat_it_stands_for(
    desk: Desk, make_actor: MakeActor
) -> None:
    person, absent = substitute(desk, make_actor), desk.secretary()
    district = desk.ids["district"]
    for end in (service.end_substitution, service.end_seat):
        seat(desk, person, absent)
        assert seats_of(desk.session, person.account_id) == {district: Office.SECRETARY}
        leaving = person if end is service.end_substitution else absent
        end(
            desk.session,
            district,
            actor=desk.organizer,
            account_id=leaving.account_id,
            now=desk.now,
        )
        assert seats_of(desk.session, person.account_id) == {}
    assert seats_of(desk.session, absent.account_id) == {}


def test_nobody_sits_twice_or_for_nobody_or_in_the_past(desk: Desk, make_actor: MakeActor) -> None:
    person, other = substitute(desk, make_actor), substitute(desk, make_actor)
    refusals = [
        (desk.chair(), desk.lead(), 3, CasesRefusal.ALREADY_A_MEMBER),
        (person, desk.chair("region"), 3, CasesRefusal.NOT_A_MEMBER),
        (desk.operator, desk.lead(), 3, CasesRefusal.NOT_A_MEMBER),
        (person, desk.lead(), 0, CasesRefusal.OUT_OF_TIME),
    ]
    for who, absent, days, code in refusals:
        with pytest.raises(Refused) as refused:
            seat(desk, who, absent, days=days)
        assert refused.value.code is code
    seat(desk, person, desk.lead())
    for who, absent, code in (
        (other, desk.lead(), CasesRefusal.ALREADY_A_MEMBER),
        (other, person, CasesRefusal.NOT_A_MEMBER),
    ):
        with pytest.raises(Refused) as refused:
            seat(desk, who, absent)
        assert refused.value.code is code
    with pytest.raises(Refused) as refused:
        seat(desk, other, desk.chair(), actor=desk.chair())
    assert refused.value.code is StaffRefusal.FORBIDDEN


def test_the_list_says_who_stands_in_for_whom(desk: Desk, make_actor: MakeActor) -> None:
    person = substitute(desk, make_actor)
    seat(desk, person, desk.lead())
    district = desk.ids["district"]
    shown = next(
        view
        for view in queries.commission_list(desk.session, desk.organizer)
        if view.id == district
    )
    assert [
        (member.name, member.stands_in_for)
        for member in shown.members
        if member.account_id == person.account_id
    ] == [(person.name, desk.lead().name)]
    offered = queries.possible_members(desk.session, desk.organizer, district)
    # Whose seat rests is not offered another.
    assert desk.lead().account_id not in {view.account_id for view in offered}
