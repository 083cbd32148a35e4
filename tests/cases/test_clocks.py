"""Working time across weekends, holidays and the days of a vote."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cases.clocks import (
    CLOCKS,
    ElectionTimes,
    appeal_until,
    deadline,
    resumed_deadline,
    time_left,
)
from core.cases.rules import CaseState, Channel, Urgency
from core.cases.working_time import WorkingTime, election_time, holidays

ALMATY = ZoneInfo("Asia/Almaty")
PLAIN = WorkingTime(ALMATY)
VOTE = ElectionTimes(
    datetime(2020, 10, 1, tzinfo=ALMATY),
    datetime(2020, 10, 4, 14, tzinfo=ALMATY),
    datetime(2020, 10, 5, tzinfo=ALMATY),
)
IN_VOTE = WorkingTime(ALMATY, always=election_time(VOTE.voting_opens, VOTE.publication))


def at(day: int, hour: int, minute: int = 0, month: int = 9) -> datetime:
    return datetime(2020, month, day, hour, minute, tzinfo=ALMATY)


def test_four_working_hours_from_friday_evening_end_on_monday() -> None:
    assert PLAIN.add(at(11, 16), timedelta(hours=4)) == at(14, 11)


def test_a_call_at_night_begins_to_count_when_the_office_opens() -> None:
    assert PLAIN.add(at(8, 23), timedelta(hours=4)) == at(9, 13)


def test_constitution_day_on_a_sunday_makes_monday_free() -> None:
    assert PLAIN.add(at(28, 17, month=8), timedelta(hours=2)) == at(1, 10)


def test_a_worked_sunday_counts_and_the_friday_it_stands_for_does_not() -> None:
    assert PLAIN.is_working_day(date(2020, 12, 20))
    assert not PLAIN.is_working_day(date(2020, 12, 18))
    assert PLAIN.is_working_day(date(2020, 5, 11))
    assert not PLAIN.is_working_day(date(2020, 5, 8))


def test_independence_day_is_free_every_year_we_know() -> None:
    off, _worked = holidays()
    assert {date(2020, 12, 16), date(2026, 12, 16), date(2027, 12, 16)} <= off


def test_the_constitution_day_of_2026_is_a_working_day() -> None:
    off, _worked = holidays()
    assert date(2026, 8, 31) not in off
    assert date(2027, 3, 15) in off


def test_from_five_days_before_the_vote_every_hour_counts() -> None:
    # 26 September 2020 is a Saturday: the first of the five days.
    assert IN_VOTE.add(at(26, 1), timedelta(hours=4)) == at(26, 5)
    assert IN_VOTE.add(at(25, 17), timedelta(hours=4)) == at(26, 3)


def test_after_publication_the_office_hours_are_back() -> None:
    assert IN_VOTE.add(at(4, 23, month=10), timedelta(hours=4)) == at(5, 12, month=10)


@settings(max_examples=40, deadline=None)
@given(
    start=st.datetimes(datetime(2020, 8, 20), datetime(2020, 10, 12)),
    minutes=st.integers(0, 3000),
)
def test_time_added_is_time_between_and_agrees_with_counting_minutes(
    start: datetime, minutes: int
) -> None:
    begun = start.replace(second=0, microsecond=0, tzinfo=ALMATY)
    span = timedelta(minutes=minutes)
    for calendar in (PLAIN, IN_VOTE):
        end = calendar.add(begun, span)
        assert calendar.between(begun, end) == span
        assert calendar.between(end, begun) == -span
        assert sum(_worked(calendar, begun, end)) == minutes


def _worked(calendar: WorkingTime, start: datetime, end: datetime) -> list[bool]:
    """Minute by minute in the plainest way, as a second opinion."""
    found, moment = [], start.astimezone(UTC)
    while moment < end:
        local = moment.astimezone(ALMATY)
        always = calendar.always is not None and calendar.always[0] <= moment < calendar.always[1]
        office = calendar.is_working_day(local.date()) and 9 <= local.hour < 18
        found.append(always or office)
        moment += timedelta(minutes=1)
    return found


def _due(state: CaseState, since: datetime, **more: object) -> datetime | None:
    given = {"urgency": Urgency.NORMAL, "calendar": PLAIN, **more}
    return deadline(state, since, **given)  # type: ignore[arg-type]


def test_a_phone_call_is_acknowledged_at_once_and_a_mail_within_an_hour() -> None:
    now = at(12, 22)
    assert _due(CaseState.RECEIVED, now, channel=Channel.PHONE) == now
    assert _due(CaseState.RECEIVED, now, channel=Channel.MAIL) == now + timedelta(hours=1)


def test_an_immediate_case_never_waits_for_the_office() -> None:
    sunday_night = at(13, 2)
    due = _due(CaseState.TRIAGE, sunday_night, urgency=Urgency.IMMEDIATE)
    assert due == sunday_night + timedelta(minutes=30)
    assert _due(CaseState.TRIAGE, sunday_night) == at(14, 13)


def test_an_investigation_has_three_working_days_and_one_day_before_the_vote_ends() -> None:
    assert _due(CaseState.INVESTIGATION, at(9, 10)) == at(14, 10)
    late = at(2, 10, month=10)
    due = _due(CaseState.INVESTIGATION, late, calendar=IN_VOTE, election=VOTE)
    assert due == late + timedelta(days=1)


def test_a_day_of_deliberation_is_a_whole_day_while_every_hour_counts() -> None:
    due = _due(CaseState.DELIBERATION, at(1, 20, month=10), calendar=IN_VOTE, election=VOTE)
    assert due == at(2, 20, month=10)


def test_the_appeal_window_is_three_days_and_one_from_the_first_voting_day() -> None:
    assert appeal_until(at(10, 9), VOTE) - at(10, 9) == timedelta(days=3)
    told = at(1, 0, month=10)
    assert appeal_until(told, VOTE) - told == timedelta(days=1)
    assert appeal_until(at(30, 23, 59), VOTE) - at(30, 23, 59) == timedelta(days=3)
    assert appeal_until(VOTE.publication, VOTE) - VOTE.publication == timedelta(days=3)


@pytest.mark.parametrize("state", sorted({*CaseState} - set(CLOCKS)))
def test_states_without_a_clock_are_never_due(state: CaseState) -> None:
    assert _due(state, at(9, 10)) is None


def test_a_pause_gives_back_exactly_the_time_that_was_left() -> None:
    due = _due(CaseState.INVESTIGATION, at(9, 10))
    assert due is not None
    left = time_left(due, at(11, 17), urgency=Urgency.NORMAL, calendar=PLAIN)
    assert left == timedelta(hours=2)
    back = resumed_deadline(at(14, 17), left, urgency=Urgency.NORMAL, calendar=PLAIN)
    assert back == at(15, 10)


def test_a_pause_after_the_time_was_over_gives_nothing_back() -> None:
    now = at(14, 12)
    assert resumed_deadline(now, timedelta(hours=-3), urgency=Urgency.NORMAL, calendar=PLAIN) == now
