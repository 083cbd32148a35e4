from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.database import reading, unit_of_work
from core.primary.models import ReadinessAct
from core.staff.rules import Actor, Role
from core.voting import address_policy, exemptions
from core.voting.address_policy import PolicyTerms
from core.voting.address_rules import Expectation
from core.voting.exemptions import ExemptionTerms
from core.voting.rules import AddressMode, ExemptionKind
from pages import live
from tests.conftest import MakeActor
from tests.screens import open_page, signed_in
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY

pytestmark = pytest.mark.usefixtures("sqlite_database")

TERMS = ExemptionTerms(
    primary_id=PRIMARY,
    kind=ExemptionKind.TERMINAL,
    network="203.0.113.0/28",
    holder="участок 17",
    place_code=DISTRICT,
    reason="компьютеры участка",
    document="решение 3",
    valid_from=NOON - timedelta(hours=1),
    valid_until=CLOSES,
    cap_total=460,
    cap_hourly=60,
)
POLICY = PolicyTerms(
    mode=AddressMode.STRICT, expectation=Expectation(voters=580_000, addresses=200_000)
)
BEFORE = OPENS - timedelta(days=1)


@pytest.fixture(autouse=True)
def _poll(sqlite_database: str) -> Iterator[None]:
    del sqlite_database
    live.forget()
    with clock.fixed(NOON):
        polls.open_poll()
        yield
    live.forget()


@pytest.fixture
def two(make_actor: MakeActor) -> tuple[Actor, Actor]:
    return make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)


def press(screen: Any, label: str) -> Any:
    (button,) = [button for button in screen.button if button.label == label]
    return button.click().run()


def labels(screen: Any) -> list[str]:
    return [button.label for button in screen.button]


def said(screen: Any) -> str:
    parts = (screen.info, screen.warning, screen.markdown, screen.caption, screen.text)
    text = " ".join(str(each.value) for part in parts for each in part)
    return text.replace("\\", "").replace("\u00a0", " ")


def add(two: tuple[Actor, Actor], *terms: ExemptionTerms) -> None:
    with unit_of_work() as session:
        proposal = exemptions.propose_exemptions(
            session, terms, actor=two[0], reason="exemptions.csv", now=NOON
        )
        exemptions.confirm_exemption(session, proposal.id, actor=two[1], now=NOON)


def sign(two: tuple[Actor, Actor]) -> None:
    with unit_of_work() as session:
        proposal = address_policy.propose_policy(
            session, POLICY, actor=two[0], reason="протокол 4", now=BEFORE
        )
        address_policy.sign_policy(session, proposal.id, actor=two[1], now=BEFORE)


def test_before_the_signature_the_page_says_that_voting_will_not_open(
    two: tuple[Actor, Actor],
) -> None:
    with unit_of_work() as session:
        session.delete(session.get_one(ReadinessAct, PRIMARY))
    screen = open_page("address_policy", two[0])
    assert not screen.exception
    assert "голосование не откроется" in said(screen)
    assert "Предложить режим с оценкой" in labels(screen)


def test_a_second_organizer_signs_the_policy_with_its_estimate(two: tuple[Actor, Actor]) -> None:
    with unit_of_work() as session:
        address_policy.propose_policy(
            session, POLICY, actor=two[0], reason="протокол 4", now=BEFORE
        )
    screen = open_page("address_policy", two[0])
    assert "Подтвердить" not in labels(screen)
    with clock.fixed(BEFORE):
        screen = open_page("address_policy", two[1])
        assert "отказ получат 67 % избирателей" in said(screen)
        with signed_in(two[1]):
            screen.run()
            screen = press(screen, "Подтвердить")
    assert not screen.exception
    assert screen.metric[0].value.replace("\u00a0", " ") == "67 %"
    assert "протокол 4" in said(screen)
    with reading() as session:
        assert len(address_policy.policy_acts(session, PRIMARY)) == 1


def test_the_mode_is_changed_during_the_vote_and_the_history_tells(
    two: tuple[Actor, Actor],
) -> None:
    sign(two)
    with unit_of_work() as session:
        address_policy.propose_mode(
            session, AddressMode.ADVISORY, actor=two[0], reason="много отказов", now=NOON
        )
    screen = open_page("address_policy", two[1])
    assert "Сменить режим во время голосования" in labels(screen)
    with signed_in(two[1]):
        screen.run()
        screen = press(screen, "Подтвердить")
    assert not screen.exception
    history = screen.dataframe[-1].value
    assert list(history["Причина"]) == ["много отказов", "протокол 4"]
    assert screen.metric[3].label == "Принято с занятого адреса"


def test_a_second_organizer_confirms_and_the_list_shows_it(two: tuple[Actor, Actor]) -> None:
    first, second = two
    with unit_of_work() as session:
        exemptions.propose_exemption(session, TERMS, actor=first, now=NOON)
    screen = open_page("address_policy", first)
    assert not screen.exception
    assert "Подтвердить" not in labels(screen)
    screen = open_page("address_policy", second)
    with signed_in(second):
        screen.run()
        screen = press(screen, "Подтвердить")
    listed = screen.dataframe[0].value
    assert list(listed["Сеть"]) == ["203.0.113.0/28"]
    assert list(listed["Использовано всего"]) == ["0 из 460"]
    assert list(listed["Состояние"]) == ["действует"]


def test_many_from_a_file_are_confirmed_as_one(two: tuple[Actor, Actor]) -> None:
    many = [replace(TERMS, network=f"203.0.{place}.0/28") for place in range(60)]
    add(two, TERMS)
    with unit_of_work() as session:
        exemptions.propose_exemptions(
            session, many, actor=two[0], reason="exemptions.csv", now=NOON
        )
    screen = open_page("address_policy", two[1])
    assert "60 исключений" in said(screen)
    assert "203.0.113.0/28" not in said(screen)  # 203.0.0.0 to 203.0.59.0 lie apart from it
    with signed_in(two[1]):
        screen.run()
        screen = press(screen, "Подтвердить")
    assert len(screen.dataframe[0].value) == 50
    assert "61 строка" in said(screen)


def test_filters_stand_in_the_address_as_codes_and_narrow_the_list(
    two: tuple[Actor, Actor],
) -> None:
    carrier = replace(
        TERMS, kind=ExemptionKind.SHARED_NETWORK, network="198.51.100.0/24", holder="АО «Связь»"
    )
    add(two, TERMS, carrier)
    screen = open_page("address_policy", two[0], query={"kind": "shared_network"})
    assert list(screen.dataframe[0].value["Сеть"]) == ["198.51.100.0/24"]
    with signed_in(two[0]):
        screen.selectbox(key="choice_kind").set_value("terminal").run()
        assert list(screen.dataframe[0].value["Сеть"]) == ["203.0.113.0/28"]
        assert screen.query_params["kind"] == "terminal"
        screen.selectbox(key="choice_kind").set_value(None).run()
        assert "kind" not in screen.query_params


def test_overlaps_are_shown_before_and_after_the_confirmation(two: tuple[Actor, Actor]) -> None:
    add(two, TERMS)
    with unit_of_work() as session:
        exemptions.propose_exemption(
            session, replace(TERMS, network="203.0.113.0/24"), actor=two[0], now=NOON
        )
    screen = open_page("address_policy", two[1])
    assert "Адреса общие с другими исключениями: 203.0.113.0/28" in said(screen)
    with signed_in(two[1]):
        screen.run()
        screen = press(screen, "Подтвердить")
    assert list(screen.dataframe[0].value["Пересекается с №"]) == ["1", "2"]


def test_without_exemptions_the_page_says_what_they_are_for(make_actor: MakeActor) -> None:
    screen = open_page("address_policy", make_actor(Role.ORGANIZER))
    assert "один IP-адрес — один голос" in said(screen)


def test_an_observer_sees_figures_and_the_public_list_without_addresses(
    two: tuple[Actor, Actor], make_actor: MakeActor
) -> None:
    sign(two)
    add(two, TERMS)
    screen = open_page("address_policy", make_actor(Role.OBSERVER))
    assert not screen.exception
    assert screen.metric[0].value.replace("\u00a0", " ") == "67 %"
    assert list(screen.dataframe[0].value["Участок или оператор"]) == ["участок 17"]
    assert list(screen.dataframe[0].value["Проголосовало"]) == ["меньше 5"]
    assert "203.0.113" not in said(screen) + screen.dataframe[0].value.to_string()
    assert labels(screen) == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CLERK, Role.ADMINISTRATOR, None])
def test_others_see_nothing(make_actor: MakeActor, role: Role | None) -> None:
    screen = open_page("address_policy", make_actor(role) if role else None)
    assert not screen.title


def test_removing_ends_it(two: tuple[Actor, Actor]) -> None:
    add(two, TERMS)
    with unit_of_work() as session:
        exemptions.remove_exemption(session, 1, actor=two[0], now=NOON)
    screen = open_page("address_policy", two[0])
    assert screen.dataframe[0].value["Состояние"][0].startswith("снято")
