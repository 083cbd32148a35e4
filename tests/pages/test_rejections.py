from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from core import clock
from core.audit.models import AuditEntry
from core.database import engine, unit_of_work
from core.primary.digests import iin_digest
from core.staff.rules import Actor, Role
from core.voting.rules import RejectionReason, RejectionStage
from core.voting.tally import Tally, TurnedAway
from tests.conftest import MakeActor
from tests.screens import open_page, signed_in
from tests.voting import polls
from tests.voting.polls import NOON, PRIMARY, iin, mobile

pytestmark = pytest.mark.usefixtures("sqlite_database")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


@pytest.fixture
def poll() -> None:
    polls.open_poll()


def turned_away(*reasons: RejectionReason, number: int = 0, reference: str = "AAAAA-AAAA1") -> None:
    tally = Tally(PRIMARY)
    tally.reject(
        TurnedAway(
            stage=RejectionStage.SIGN_IN,
            reasons=reasons,
            at=NOON,
            iin_digest=iin_digest(PRIMARY, iin(number)),
            iin_masked="850101******",
            mobile_masked="+7701*****01",
            address_short="203.0.113.0/24",
            place_code=polls.DISTRICT,
            reference=reference,
        )
    )
    with engine().begin() as connection:
        tally.write(connection)


def shown(screen: Any) -> str:
    parts = [screen.title, screen.info, screen.error, screen.warning, screen.code, screen.markdown]
    return " ".join(str(element.value) for part in parts for element in part)


def acts() -> list[str]:
    with unit_of_work() as session:
        return list(
            session.execute(select(col(AuditEntry.act)).order_by(AuditEntry.number)).scalars()
        )


class Desk:
    """The screen of one signed-in account, whose session lasts from run to run."""

    def __init__(self, actor: Actor, sittings: ExitStack) -> None:
        self.screen = open_page("rejections", actor)
        sittings.enter_context(signed_in(actor))
        self.screen.run()

    def look_up(self, reference: str) -> "Desk":
        self.screen.text_input(key="reference").set_value(reference).run()
        return self

    def press(self, label: str) -> "Desk":
        (button,) = [button for button in self.screen.button if label in button.label]
        button.click().run()
        return self

    @property
    def shown(self) -> str:
        assert not self.screen.exception
        return shown(self.screen)


@pytest.fixture
def desk(poll: None, make_actor: MakeActor) -> Iterator[Callable[[Role], Desk]]:
    with ExitStack() as sittings:
        yield lambda role: Desk(make_actor(role), sittings)


OpenDesk = Callable[[Role], Desk]


def test_an_organizer_sees_figures_and_the_list(poll: None, make_actor: MakeActor) -> None:
    turned_away(RejectionReason.IIN_USED, RejectionReason.ADDRESS_USED)
    screen = open_page("rejections", make_actor(Role.ORGANIZER))
    assert not screen.exception
    assert screen.metric[0].value == "1"
    listed = screen.dataframe[1].value
    assert list(listed["Номер отказа"]) == ["AAAAA-AAAA1"]
    assert "данный ИИН уже голосовал" in listed["Причины"][0]


def test_an_observer_sees_aggregates_only(poll: None, make_actor: MakeActor) -> None:
    turned_away(RejectionReason.IIN_USED)
    screen = open_page("rejections", make_actor(Role.OBSERVER))
    assert not screen.exception
    assert len(screen.dataframe) == 1
    assert not screen.text_input


def test_an_operator_sees_advice_first_and_no_list(desk: OpenDesk) -> None:
    turned_away(RejectionReason.MOBILE_MISMATCH)
    operator = desk(Role.OPERATOR).look_up("aaaaa aaaa1")
    assert not operator.screen.dataframe
    assert "перезвоните" in operator.shown
    assert "номер не тот" not in operator.shown
    assert acts() == ["look_up_reference"]


def test_the_reasons_appear_after_the_call_back_and_each_step_is_logged(desk: OpenDesk) -> None:
    turned_away(RejectionReason.MOBILE_MISMATCH)
    operator = desk(Role.OPERATOR).look_up("AAAAA-AAAA1").press("Показать номер")
    assert mobile(0) in operator.shown
    operator.press("Показать причины")
    assert "Сначала перезвоните" in operator.shown.replace("\\", "")
    assert "номер не тот" not in operator.shown
    operator.screen.checkbox(key="called_back").check().run()
    operator.press("Показать причины")
    assert "номер не тот, что в списке" in operator.shown
    assert acts() == [
        "look_up_reference",
        "read_number_to_call_back",
        "reveal_rejection_reasons",
    ]


def test_who_is_not_on_the_roll_cannot_be_called_back(desk: OpenDesk) -> None:
    turned_away(RejectionReason.NOT_ON_ROLL, number=99)
    operator = desk(Role.OPERATOR).look_up("AAAAA-AAAA1").press("Показать номер")
    assert "Перезвонить некуда" in operator.shown


def test_an_unknown_reference_gets_a_sentence(desk: OpenDesk) -> None:
    assert "десять знаков" in desk(Role.OPERATOR).look_up("nothing like it").shown


def test_filters_narrow_the_list(desk: OpenDesk) -> None:
    turned_away(RejectionReason.IIN_USED)
    turned_away(RejectionReason.NOT_OPEN, reference="AAAAA-AAAA2")
    screen = desk(Role.ORGANIZER).screen
    screen.selectbox(key="reason").set_value(RejectionReason.NOT_OPEN).run()
    assert list(screen.dataframe[1].value["Номер отказа"]) == ["AAAAA-AAAA2"]


@pytest.mark.parametrize("role", [Role.CLERK, Role.TRUSTEE, Role.ADMINISTRATOR, None])
def test_others_see_nothing(poll: None, make_actor: MakeActor, role: Role | None) -> None:
    turned_away(RejectionReason.IIN_USED)
    screen = open_page("rejections", make_actor(role) if role else None)
    assert not screen.title
    assert not screen.dataframe


def test_before_there_is_a_primary_the_page_says_what_to_do(make_actor: MakeActor) -> None:
    screen = open_page("rejections", make_actor(Role.ORGANIZER))
    assert "задайте его сроки" in shown(screen)
