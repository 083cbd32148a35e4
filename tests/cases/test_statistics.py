"""Statistics: what is counted, for whom, and that nobody computes what is hidden."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cases import service
from core.cases.models import Case
from core.cases.rules import CasesRefusal, CaseState, Category, Finding
from core.cases.statistics import Statistics, case_statistics, public_statistics
from core.cases.suppression import SMALLEST, rounded_down, suppressed
from core.errors import Refused
from core.staff.rules import Actor, Role
from tests.cases.conftest import DISTRICT, MONDAY, REGION, Desk
from tests.conftest import MakeActor

FIRST, SECOND = Category.COERCION_TO_JOIN, Category.VOTE_BUYING
TABLES = st.dictionaries(st.integers(0, 20), st.integers(0, 40), max_size=12)


def possible(
    shown: Mapping[int, int | None], total: int | None
) -> dict[int, tuple[int, int | None]]:
    """The least and the most (None: nobody knows) that each hidden count can be, for a stranger."""
    hidden = [key for key, count in shown.items() if count is None]
    if total is None:
        return dict.fromkeys(hidden, (0, None))
    if len(hidden) == len(shown):  # the zeros are among them
        return dict.fromkeys(hidden, (0, total))
    left = total - sum(count for count in shown.values() if count is not None)
    return {key: (1, left - (len(hidden) - 1)) for key in hidden}


@given(TABLES)
def test_no_hidden_count_can_be_told_from_the_rest(cells: dict[int, int]) -> None:
    shown = suppressed(cells)
    assert all(not 0 < count < SMALLEST for count in shown.cells.values() if count is not None)
    for key, (least, most) in possible(shown.cells, shown.total).items():
        assert most is None or most - least + 1 >= SMALLEST, (key, shown)
    for key, count in shown.cells.items():
        assert count in {None, cells[key]}


@given(TABLES)
def test_nothing_is_hidden_where_nothing_is_small(cells: dict[int, int]) -> None:
    large = {key: count for key, count in cells.items() if not 0 < count < SMALLEST}
    shown = suppressed(large)
    assert (shown.cells, shown.total) == (large, sum(large.values()))


def statistics(desk: Desk, actor: Actor, **more: object) -> Statistics:
    span: dict[str, object] = {"since": date(2020, 9, 1), "until": date(2020, 9, 30)}
    return case_statistics(
        desk.session,
        actor,
        now=desk.now,
        **(span | more),  # type: ignore[arg-type]
    )


def only(cells: Mapping[Any, int | None]) -> dict[Any, int | None]:
    """A table without its zeros."""
    return {key: count for key, count in cells.items() if count != 0}


def test_a_commissioner_sees_the_own_cases_as_they_are(desk: Desk) -> None:
    for _case in range(2):
        desk.walk(CaseState.DECIDED)
    desk.walk(CaseState.INVESTIGATION)
    found = statistics(desk, desk.chair())
    assert (found.total, found.open, found.decided) == (3, 1, 2)
    assert found.weeks.cells[MONDAY.date()] == 3
    assert only(found.regions.cells) == {REGION: 3}
    assert only(found.categories.cells) == {Category.COERCION_TO_JOIN: 3}
    assert only(found.findings.cells) == {Finding.UPHELD: 2}
    assert found.ages.cells[0] == 1
    assert found.median == timedelta(0)
    assert found.in_time == 1.0
    assert statistics(desk, desk.chair("region")).total == 0


def test_organizers_and_observers_see_no_small_count(desk: Desk, make_actor: MakeActor) -> None:
    for number in range(7):
        desk.walk(CaseState.TRIAGE, place=DISTRICT, category=FIRST if number < 6 else SECOND)
    observer = make_actor(Role.OBSERVER, session=desk.session)
    for actor in (desk.organizer, observer):
        found = statistics(desk, actor)
        assert found.total == 7
        assert only(found.categories.cells) == {FIRST: None, SECOND: None}
        assert found.decided == 0
        assert found.is_suppressed


@pytest.mark.parametrize(
    "more",
    [
        {"region": REGION},
        {"since": date(2020, 9, 2)},
        {"until": date(2020, 9, 29)},
        {"until": date(2020, 10, 31)},
    ],
    ids=["a region", "a month but its first day", "a month but its last day", "two months"],
)
def test_whoever_stands_outside_gets_nothing_that_could_be_subtracted(
    desk: Desk, more: dict[str, object]
) -> None:
    with pytest.raises(Refused) as refused:
        statistics(desk, desk.organizer, **more)
    assert refused.value.code is CasesRefusal.ONLY_WHOLE_MONTHS
    assert statistics(desk, desk.chair(), **more).total == 0


def test_whoever_is_named_is_not_told_by_the_counts(desk: Desk) -> None:
    for _case in range(6):
        desk.walk(CaseState.TRIAGE)
    before = statistics(desk, desk.organizer)
    receipt = desk.walk(CaseState.TRIAGE)
    service.add_respondent(
        desk.session,
        receipt.number or "",
        service.RespondentEntry(name=desk.organizer.name),
        actor=desk.operator,
        now=desk.now,
    )
    assert statistics(desk, desk.organizer) == before


def test_others_get_no_statistics(desk: Desk, make_actor: MakeActor) -> None:
    for role in (Role.REGISTRAR, Role.CLERK, Role.ADMINISTRATOR):
        with pytest.raises(Refused):
            statistics(desk, make_actor(role, session=desk.session))


def test_the_public_page_changes_on_mondays_and_in_fives(desk: Desk) -> None:
    for _case in range(9):
        desk.walk(CaseState.TRIAGE)
    friday, monday = desk.now + timedelta(days=4), desk.now + timedelta(days=7)
    assert public_statistics(desk.session, now=friday).total == 0
    found = public_statistics(desk.session, now=monday)
    assert found.total == 5
    assert {code for code, count in found.regions.items() if count} == {REGION}
    assert len(found.regions) == 1 + 17
    assert found.at.date() == monday.date()
    again = public_statistics(desk.session, now=monday + timedelta(days=6))
    assert again == found


def test_erasing_a_case_changes_no_figure(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    before = statistics(desk, desk.chair())
    desk.session.get_one(Case, desk.case(receipt.number).id).erased_at = desk.now
    assert statistics(desk, desk.chair()) == before


def test_a_count_is_rounded_down_to_fives() -> None:
    assert [rounded_down(count) for count in (0, 4, 5, 9, 10)] == [0, 0, 5, 5, 10]
