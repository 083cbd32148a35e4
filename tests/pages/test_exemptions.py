from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.database import reading, unit_of_work
from core.staff.rules import Role
from core.voting import exemptions
from core.voting.exemptions import ExemptionTerms
from core.voting.rules import ExemptionKind
from tests.conftest import MakeActor
from tests.screens import open_page, signed_in
from tests.voting import polls
from tests.voting.polls import CLOSES, NOON, PRIMARY

pytestmark = pytest.mark.usefixtures("sqlite_database")

TERMS = ExemptionTerms(
    primary_id=PRIMARY,
    kind=ExemptionKind.TERMINAL,
    network="203.0.113.0/28",
    reason="участок 17",
    document="решение 3",
    valid_from=NOON - timedelta(hours=1),
    valid_until=CLOSES,
    cap_total=460,
    cap_hourly=60,
)


@pytest.fixture(autouse=True)
def _poll(sqlite_database: str) -> Iterator[None]:
    del sqlite_database
    with clock.fixed(NOON):
        polls.open_poll()
        yield


def press(screen: Any, label: str) -> Any:
    (button,) = [button for button in screen.button if button.label == label]
    return button.click().run()


def test_a_second_organizer_confirms_and_the_list_shows_it(make_actor: MakeActor) -> None:
    first, second = make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        exemptions.propose_exemption(session, TERMS, actor=first, now=NOON)
    screen = open_page("exemptions", first)
    assert not screen.exception
    assert "Подтвердить" not in [button.label for button in screen.button]
    screen = open_page("exemptions", second)
    with signed_in(second):
        screen.run()
        screen = press(screen, "Подтвердить")
    listed = screen.dataframe[0].value
    assert list(listed["Сеть"]) == ["203.0.113.0/28"]
    assert list(listed["Использовано всего"]) == ["0 из 460"]
    assert list(listed["Состояние"]) == ["действует"]


def test_without_exemptions_the_page_says_what_they_are_for(make_actor: MakeActor) -> None:
    screen = open_page("exemptions", make_actor(Role.ORGANIZER))
    assert "один IP-адрес — один голос" in screen.info[0].value


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OBSERVER, Role.ADMINISTRATOR, None])
def test_others_see_nothing(make_actor: MakeActor, role: Role | None) -> None:
    screen = open_page("exemptions", make_actor(role) if role else None)
    assert not screen.title


def test_removing_ends_it(make_actor: MakeActor) -> None:
    first, second = make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        proposal = exemptions.propose_exemption(session, TERMS, actor=first, now=NOON)
        added = exemptions.confirm_exemption(session, proposal.id, actor=second, now=NOON)
        exemptions.remove_exemption(session, added, actor=first, now=NOON)
    screen = open_page("exemptions", first)
    assert screen.dataframe[0].value["Состояние"][0].startswith("снято")
    with reading() as session:
        (view,) = exemptions.exemptions(session, PRIMARY, now=NOON)
    assert not view.in_force(NOON)
