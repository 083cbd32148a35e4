"""The organizer changes the working calendar and the time limits; running deadlines stay."""

from datetime import date, timedelta

import pytest

from core.cases import calendar, service
from core.cases.clocks import CLOCKS, WINDOWS, Window
from core.cases.election import calendar_of
from core.cases.rules import CasesRefusal, CaseState, Urgency
from core.cases.working_time import DayKind
from core.errors import Refused
from core.staff.rules import Role, StaffRefusal
from tests.cases.conftest import DISTRICT, MONDAY, Desk
from tests.conftest import MakeActor


def test_a_day_off_moves_what_is_due_after_it_and_can_be_taken_back(desk: Desk) -> None:
    def due() -> object:
        return desk.case(desk.walk(CaseState.ADMISSIBILITY).number).due_at

    assert due() == MONDAY + timedelta(days=1)
    for kind, expected in ((DayKind.OFF, 2), (DayKind.ORDINARY, 1)):
        service.set_calendar_day(
            desk.session,
            date(2020, 9, 15),
            kind,
            actor=desk.organizer,
            reason="Постановление",
            now=desk.now,
        )
        assert due() == MONDAY + timedelta(days=expected)


def test_a_holiday_of_the_country_can_be_made_ordinary(desk: Desk) -> None:
    capital_day = date(2020, 7, 6)
    assert not calendar_of(desk.session).working.is_working_day(capital_day)
    service.set_calendar_day(
        desk.session,
        capital_day,
        DayKind.ORDINARY,
        actor=desk.organizer,
        reason="Перенесено",
        now=desk.now,
    )
    assert calendar_of(desk.session).working.is_working_day(capital_day)
    (shown,) = [
        view
        for view in calendar.calendar_days(desk.session, desk.chair(), 2020)
        if view.day == capital_day
    ]
    assert (shown.kind, shown.reason) == (DayKind.ORDINARY, "Перенесено")


def test_a_changed_limit_holds_from_then_on_and_moves_no_running_deadline(desk: Desk) -> None:
    running = desk.walk(CaseState.ASSIGNED)
    before = desk.case(running.number).due_at
    service.set_time_limit(
        desk.session,
        CaseState.ASSIGNED,
        actor=desk.organizer,
        span=timedelta(hours=2),
        urgent=timedelta(hours=1),
        now=desk.now,
    )
    assert desk.case(running.number).due_at == before
    assert desk.case(desk.walk(CaseState.ASSIGNED).number).due_at == MONDAY + timedelta(hours=2)
    urgent = desk.case(desk.walk(CaseState.TRIAGE, urgency=Urgency.IMMEDIATE).number)
    assert urgent.due_at == MONDAY + timedelta(minutes=30), "other limits stay as they were"


def test_the_window_of_an_appeal_can_be_changed(desk: Desk) -> None:
    service.set_time_limit(
        desk.session, Window.APPEAL, actor=desk.organizer, span=timedelta(days=5), now=desk.now
    )
    case = desk.case(desk.walk(CaseState.CLOSED).number)
    assert case.appeal_until == MONDAY + timedelta(days=5)


def test_every_limit_is_listed_and_who_set_it(desk: Desk) -> None:
    service.set_time_limit(
        desk.session, CaseState.TRIAGE, actor=desk.organizer, span=timedelta(hours=3), now=desk.now
    )
    listed = {view.name: view for view in calendar.time_limits(desk.session, desk.operator)}
    assert set(listed) == {*CLOCKS, *WINDOWS}
    assert [name for name, view in listed.items() if view.is_own] == [CaseState.TRIAGE]
    # An urgent limit that was not given stays what the rules say.
    assert listed[CaseState.TRIAGE].urgent == timedelta(minutes=30)


@pytest.mark.parametrize("minutes", [0, 4, 90 * 24 * 60 + 1])
def test_a_limit_out_of_all_reason_is_refused(desk: Desk, minutes: int) -> None:
    with pytest.raises(Refused) as refused:
        service.set_time_limit(
            desk.session,
            CaseState.TRIAGE,
            actor=desk.organizer,
            span=timedelta(minutes=minutes),
            now=desk.now,
        )
    assert refused.value.code is CasesRefusal.LIMIT_OUT_OF_RANGE


def test_a_state_that_waits_for_nobody_gets_no_limit(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        service.set_time_limit(
            desk.session,
            CaseState.CLOSED,
            actor=desk.organizer,
            span=timedelta(days=1),
            now=desk.now,
        )
    assert refused.value.code is CasesRefusal.LIMIT_OUT_OF_RANGE


def test_an_organizer_of_one_place_changes_nobodys_calendar(
    desk: Desk, make_actor: MakeActor
) -> None:
    local = make_actor(Role.ORGANIZER, place=DISTRICT, session=desk.session)
    with pytest.raises(Refused) as refused:
        service.set_calendar_day(
            desk.session, date(2020, 9, 15), DayKind.OFF, actor=local, reason="x", now=desk.now
        )
    assert refused.value.code is StaffRefusal.FORBIDDEN
