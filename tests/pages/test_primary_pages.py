"""The pages of the primary: empty, full, for organizers and for observers."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from core import clock
from core.database import unit_of_work
from core.primary import queries, service
from core.primary.rules import RollChangeKind
from core.staff.rules import Actor, Role
from tests.conftest import MakeActor
from tests.primary.conftest import (
    CANDIDATES,
    CONTESTS,
    DAY,
    NOW,
    OPEN,
    PRIMARY,
    PUBLICATION,
    SEALING,
    add_member,
    get_ready,
    make_primary,
)
from tests.screens import open_page, signed_in

pytestmark = pytest.mark.usefixtures("sqlite_database")
PAGES = ("timeline", "constituencies", "candidates", "readiness")


@pytest.fixture
def organizer(sqlite_database: str, make_actor: MakeActor) -> Actor:
    del sqlite_database
    return make_actor(Role.ORGANIZER)


@pytest.fixture
def _at_sealing(organizer: Actor) -> Iterator[None]:
    with clock.fixed(SEALING):
        with unit_of_work() as session:
            make_primary(session, organizer)
        yield


def press(screen: Any, label: str) -> Any:
    (button,) = [button for button in screen.button if button.label == label]
    return button.click().run()


def texts(screen: Any) -> str:
    kinds = (screen.info, screen.warning, screen.error, screen.success, screen.caption)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_primary_each_page_says_what_comes_first(page: str, organizer: Actor) -> None:
    screen = open_page(page, organizer)
    assert not screen.exception
    assert "Праймериз ещё не создан" in screen.info[0].value


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.COMMISSIONER, Role.ADMINISTRATOR, None])
def test_others_see_nothing(page: str, role: Role | None, make_actor: MakeActor) -> None:
    screen = open_page(page, make_actor(role) if role else None)
    assert not screen.title


@pytest.mark.usefixtures("_at_sealing")
@pytest.mark.parametrize("page", PAGES)
def test_an_observer_reads_and_acts_on_nothing(
    page: str, organizer: Actor, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        get_ready(session, organizer)
    screen = open_page(page, make_actor(Role.OBSERVER))
    assert not screen.exception
    assert screen.title
    assert not [each for each in screen.button if "CSV" not in each.label]


@pytest.mark.usefixtures("_at_sealing")
def test_the_timeline_shows_every_instant_with_rule_and_other_clocks(organizer: Actor) -> None:
    screen = open_page("timeline", organizer)
    assert not screen.exception
    rows = screen.dataframe[0].value
    assert list(rows["Когда"])[-1] == "05.10.2020 00:00"
    voting_closes = rows[rows["Срок"] == "Конец голосования"].iloc[0]
    assert voting_closes["Когда"] == "03.10.2020 14:00"
    assert voting_closes["Время в других поясах"] == "03.10.2020 13:00"
    assert "Приостановка приёма на весь этот срок не назначена" in texts(screen)
    assert "Атырауская область" in texts(screen)


def test_an_opening_without_a_signature_is_said_loudly(organizer: Actor) -> None:
    with unit_of_work() as session:
        make_primary(session, organizer)
    with clock.fixed(OPEN):
        screen = open_page("readiness", organizer)
    assert "готовность не подписана" in screen.error[0].value


@pytest.mark.usefixtures("_at_sealing")
def test_a_second_organizer_brings_publication_forward(
    organizer: Actor, make_actor: MakeActor
) -> None:
    second = make_actor(Role.ORGANIZER)
    to = PUBLICATION - DAY / 4
    with unit_of_work() as session:
        service.propose_earlier_publication(
            session, PRIMARY, actor=organizer, to=to, reason="Раньше", now=SEALING
        )
    screen = open_page("timeline", organizer)
    assert "Подтвердить" not in [each.label for each in screen.button]
    screen = open_page("timeline", second)
    with signed_in(second):
        press(screen, "Подтвердить")
    with unit_of_work() as session:
        timeline = queries.require_primary(session).timeline
    assert timeline is not None
    assert timeline.publication == to


@pytest.mark.usefixtures("_at_sealing")
def test_contests_and_candidates_are_listed_and_found(organizer: Actor) -> None:
    with unit_of_work() as session:
        service.import_contests(session, PRIMARY, CONTESTS, actor=organizer, now=NOW)
        service.import_candidates(session, PRIMARY, CANDIDATES, actor=organizer, now=NOW)
    screen = open_page("constituencies", organizer, query={"q": "алматы"})
    assert not screen.exception
    assert list(screen.dataframe[0].value["Код"]) == ["almaty-1"]
    screen = open_page("candidates", organizer, query={"contest": "list"})
    assert not screen.exception
    assert list(screen.dataframe[0].value["Имя"]) == ["Ахметова Айгүл", "Ким Виктор Петрович"]
    screen = open_page("candidates", organizer, query={"status": "cancelled"})
    assert "Таких кандидатов нет" in texts(screen)


@pytest.mark.usefixtures("_at_sealing")
def test_a_cancelled_registration_is_shown_with_its_decision(organizer: Actor) -> None:
    with unit_of_work() as session:
        get_ready(session, organizer)
        chosen = queries.candidates(session, PRIMARY, name="ким")[0][0]
        service.cancel_registration(
            session, chosen.id, actor=organizer, decision="7/2020", now=SEALING
        )
    screen = open_page("candidates", organizer, query={"status": "cancelled"})
    row = screen.dataframe[0].value.iloc[0]
    assert (row["Состояние"], row["Решение"]) == ("регистрация отменена", "7/2020")


@pytest.mark.usefixtures("_at_sealing")
def test_the_roll_is_sealed_in_the_background_and_its_digest_shown(organizer: Actor) -> None:
    from core.primary import sealing

    with unit_of_work() as session:
        for number in range(3):
            add_member(session, number, mobile="+77010000000")
    sealing.start_sealing(PRIMARY, actor=organizer)
    deadline = time.monotonic() + 20
    while (job := sealing.current_sealing(PRIMARY)) and job.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert job is not None
    assert job.sealed is not None
    screen = open_page("readiness", organizer)
    assert not screen.exception
    assert job.sealed.digest in [each.value for each in screen.code]
    assert [each.value for each in screen.metric][:3] == ["3", "3", "0"]
    assert "номеров: 1" in texts(screen)


@pytest.mark.usefixtures("_at_sealing")
def test_readiness_is_signed_only_when_every_item_is_there(organizer: Actor) -> None:
    screen = open_page("readiness", organizer)
    (sign,) = [each for each in screen.button if each.label == "Подписать готовность"]
    assert sign.disabled
    with unit_of_work() as session:
        get_ready(session, organizer)
    screen = open_page("readiness", organizer)
    (sign,) = [each for each in screen.button if each.label == "Подписать готовность"]
    assert not sign.disabled
    with unit_of_work() as session:
        service.sign_readiness(session, PRIMARY, actor=organizer, now=SEALING)
    screen = open_page("readiness", organizer)
    assert "Готовность подписана" in screen.success[0].value


@pytest.mark.usefixtures("_at_sealing")
def test_a_change_of_the_roll_waits_for_a_second_person(
    organizer: Actor, make_actor: MakeActor
) -> None:
    second = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        member = add_member(session, 1)
        add_member(session, 2)
        service.seal_roll(session, PRIMARY, actor=organizer, now=SEALING)
        service.propose_roll_change(
            session,
            PRIMARY,
            RollChangeKind.SUSPENDED,
            member,
            actor=organizer,
            decision="3/2020",
            now=SEALING,
        )
    screen = open_page("readiness", second)
    with signed_in(second):
        screen = press(screen, "Подтвердить")
    assert screen.dataframe[1].value.iloc[0]["Решение"] == "3/2020"
    assert [each.value for each in screen.metric][:3] == ["2", "1", "1"]
