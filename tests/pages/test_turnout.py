"""The monitor and the overview: what they show, to whom, and what they say when data are old."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from core import clock
from core.database import engine, unit_of_work
from core.i18n import NO_BREAK_SPACE
from core.staff.rules import Role
from core.voting.models import AddressPolicyAct
from core.voting.queries import SeriesPoint
from core.voting.rules import Channel, RejectionReason, RejectionStage
from core.voting.tally import Tally, TurnedAway
from pages import live
from tests.conftest import MakeActor
from tests.screens import open_page
from tests.voting import polls
from tests.voting.polls import DISTRICT, NOON, PRIMARY, REGION

OTHER = "750000000"


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    live.forget()
    with clock.fixed(NOON):
        yield
    live.forget()


@pytest.fixture
def poll(sqlite_database: str) -> None:
    polls.open_poll(voters=40)


def count(
    *, votes: int = 0, rejections: int = 0, at: datetime = NOON, place: str = DISTRICT
) -> None:
    tally = Tally(PRIMARY)
    for _number in range(votes):
        tally.vote(place, at, Channel.ONLINE)
    for _number in range(rejections):
        tally.reject(
            TurnedAway(
                stage=RejectionStage.CAST,
                reasons=(RejectionReason.IIN_USED, RejectionReason.MOBILE_USED),
                at=at,
                iin_masked="850101******",
                mobile_masked="+7701*****01",
                address_short="203.0.113.0/24",
                place_code=place,
            )
        )
    with engine().begin() as connection:
        tally.write(connection)


def figures(screen: Any) -> dict[str, str]:
    return {metric.label: metric.value for metric in screen.metric}


def words(screen: Any) -> str:
    parts = [screen.title, screen.info, screen.warning, screen.markdown, screen.caption]
    return " ".join(str(element.value) for part in parts for element in part)


def test_the_monitor_shows_votes_turnout_and_rejections(poll: None, make_actor: MakeActor) -> None:
    count(votes=10, rejections=3)
    screen = open_page("turnout", make_actor(Role.ORGANIZER))
    assert not screen.exception
    shown = figures(screen)
    assert shown["Проголосовало"] == "10"
    assert shown["Явка от списка"] == f"25,0{NO_BREAK_SPACE}%"
    assert shown["Отказы"] == "3"
    assert shown["Повторы"] == "6"
    assert "в списке 40" in words(screen)
    assert "Asia/Almaty (UTC+6)" in words(screen)


def test_before_there_is_a_primary_it_says_what_to_do(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    screen = open_page("turnout", make_actor(Role.ORGANIZER))
    assert not screen.exception
    assert "Сроки праймериз" in words(screen)


def test_before_the_first_vote_it_says_so(poll: None, make_actor: MakeActor) -> None:
    screen = open_page("turnout", make_actor(Role.OBSERVER))
    assert not screen.exception
    assert "Пока пусто" in words(screen)


def test_a_place_of_the_address_narrows_every_figure(poll: None, make_actor: MakeActor) -> None:
    count(votes=10, rejections=3)
    count(votes=5, rejections=2, place=OTHER)
    screen = open_page("turnout", make_actor(Role.ORGANIZER), query={"place": REGION})
    shown = figures(screen)
    assert (shown["Проголосовало"], shown["Отказы"]) == ("10", "3")


def test_a_clerk_sees_the_own_place_whatever_the_address_says(
    poll: None, make_actor: MakeActor
) -> None:
    count(votes=10)
    count(votes=5, place=OTHER)
    clerk = make_actor(Role.CLERK, place=OTHER)
    for query in ({}, {"place": REGION}):
        screen = open_page("turnout", clerk, query=query)
        assert figures(screen)["Проголосовало"] == "5"


def test_an_operator_does_not_open_the_monitor(poll: None, make_actor: MakeActor) -> None:
    screen = open_page("turnout", make_actor(Role.OPERATOR))
    assert not screen.metric
    assert screen.error


def test_old_figures_stay_and_are_called_old(poll: None, make_actor: MakeActor) -> None:
    count(votes=10)
    organizer = make_actor(Role.ORGANIZER)
    open_page("turnout", organizer)
    live._shared.clear()
    with patch.object(live, "collect", side_effect=RuntimeError("no database")):
        screen = open_page("turnout", organizer)
    assert figures(screen)["Проголосовало"] == "10"
    assert "Данные устарели" in words(screen)


def test_the_wall_has_no_choice_and_no_table(poll: None, make_actor: MakeActor) -> None:
    count(votes=10)
    screen = open_page("turnout", make_actor(Role.OBSERVER), query={"wall": "1"})
    assert not screen.selectbox
    assert not screen.expander
    assert figures(screen)["Проголосовало"] == "10"


def test_every_chart_has_its_figures_as_a_table(poll: None, make_actor: MakeActor) -> None:
    count(votes=10, rejections=3, at=NOON - timedelta(hours=1))
    screen = open_page("turnout", make_actor(Role.ORGANIZER))
    assert len(screen.expander) == len(screen.dataframe) == 5


def test_a_network_is_named_from_five_rejections_on(poll: None, make_actor: MakeActor) -> None:
    headings = []
    for more in (4, 1):
        count(rejections=more)
        live.forget()
        screen = open_page("turnout", make_actor(Role.ORGANIZER))
        headings.append([heading.value for heading in screen.subheader])
    assert "Сети с наибольшим числом отказов" not in headings[0]
    assert "Сети с наибольшим числом отказов" in headings[1]


def test_the_past_of_a_series_is_read_once_and_the_rest_anew(poll: None) -> None:
    count(votes=3, at=NOON - timedelta(hours=5))
    count(votes=1, at=NOON)
    first = live.collect(None, now=NOON)
    count(votes=2, at=NOON)
    second = live.collect(None, now=NOON)
    later = live.collect(None, now=NOON + timedelta(hours=7))
    assert first
    assert second
    assert later
    assert [sum(p.count for p in seen.votes_series) for seen in (first, second, later)] == [4, 6, 6]
    assert second.votes == 6


def points(*counts: int) -> tuple[SeriesPoint, ...]:
    start = datetime(2020, 10, 1, tzinfo=UTC)
    return tuple(
        SeriesPoint(start + timedelta(minutes=10 * place), count)
        for place, count in enumerate(counts)
    )


def test_spans_add_up_whatever_their_width() -> None:
    series = points(*range(1, 25))
    start = series[0].start
    for minutes in (10, 20, 30, 60):
        spans = live.regrouped(
            series, timedelta(minutes=minutes), start=start, end=start + timedelta(hours=4)
        )
        assert sum(span.count for span in spans) == sum(range(1, 25))
        assert len(spans) == 240 // minutes


def test_the_last_hour_is_six_spans_with_the_running_one() -> None:
    series = points(1, 2, 3, 4, 5, 6, 7)
    now = series[-1].start + timedelta(minutes=4)
    assert live.in_last_hour(series, now) == 27
    assert live.by_hours(series, now, hours=3) == [0, 1, 27]


@pytest.mark.parametrize("hours", [1, 13, 25, 40, 90, 200])
def test_a_chart_never_has_more_than_about_a_hundred_spans(hours: int) -> None:
    assert timedelta(hours=hours) / live.span_width(timedelta(hours=hours)) <= 100


def test_the_overview_tells_an_organizer_what_is_missing(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    polls.open_poll(signed=False, opens=NOON + timedelta(hours=3))
    screen = open_page("overview", make_actor(Role.ORGANIZER))
    assert not screen.exception
    assert "Готовность, дальше" in words(screen)


def test_the_overview_of_nobody_in_particular_is_calm(poll: None, make_actor: MakeActor) -> None:
    screen = open_page("overview", make_actor(Role.CLERK))
    assert not screen.exception
    assert [box.value for box in screen.success] == ["Сейчас от вас ничего не требуется."]


@pytest.mark.parametrize("role", list(Role))
def test_the_overview_opens_for_every_role(poll: None, make_actor: MakeActor, role: Role) -> None:
    count(votes=10)
    screen = open_page("overview", make_actor(role))
    assert not screen.exception
    assert figures(screen)["Проголосовало"] == "10"


@pytest.mark.parametrize(("refused", "alarm"), [(1, False), (9, True)], ids=["below", "above"])
def test_the_real_cost_of_the_address_rule_stands_beside_the_signed_one(
    poll: None,
    make_actor: MakeActor,
    refused: int,
    *,
    alarm: bool,
) -> None:
    tally = Tally(PRIMARY)
    tally.registered[DISTRICT] += 10 - refused
    for number in range(refused):
        tally.reject(
            TurnedAway(
                stage=RejectionStage.SIGN_IN,
                reasons=(RejectionReason.ADDRESS_USED,),
                at=NOON,
                iin_digest=bytes([number]),
                iin_masked="850101******",
                mobile_masked="+7701*****01",
                address_short="203.0.113.0/24",
                place_code=DISTRICT,
            )
        )
    with engine().begin() as connection:
        tally.write(connection)
    with unit_of_work() as session:
        session.add(
            AddressPolicyAct(
                primary_id=PRIMARY,
                mode="strict",
                voters_expected=580_000,
                addresses_expected=200_000,
                voters_exempt=0,
                refused_share=0.67,
                reason="протокол 4",
                proposed_by=1,
                confirmed_by=2,
                at=NOON,
            )
        )
    screen = open_page("turnout", make_actor(Role.ORGANIZER))
    assert not screen.exception
    said = [each.value for each in (screen.warning if alarm else screen.caption)]
    words = f"затронуло {refused}0,0{NO_BREAK_SPACE}% проверенных; подписана была оценка 67"
    assert any(words in each for each in said)
