from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from core import clock
from core.audit.models import AuditEntry
from core.cases.ciphers import cipher_of
from core.cases.models import Contact
from core.database import engine, unit_of_work
from core.primary.digests import iin_digest
from core.staff.models import Account
from core.staff.rules import Actor, Role
from core.voting.models import UnusedCode
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
    parts = [screen.title, screen.info, screen.error, screen.warning, screen.success, screen.code]
    parts.append(screen.markdown)
    return " ".join(str(element.value) for part in parts for element in part)


def acts() -> list[str]:
    with unit_of_work() as session:
        return list(
            session.execute(select(col(AuditEntry.act)).order_by(AuditEntry.number)).scalars()
        )


def stories() -> list[str]:
    """The texts of every contact."""
    with unit_of_work() as session:
        return [
            cipher_of(session, contact.text_key_id).open(contact.story) or ""
            for contact in session.execute(select(Contact)).scalars()
        ]


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
    assert "перезвоним" in operator.shown
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


def test_a_code_that_was_sent_is_answered_as_a_wrong_number_is(desk: OpenDesk) -> None:
    turned_away(RejectionReason.MOBILE_MISMATCH, number=1)
    with unit_of_work() as session:
        session.add(
            UnusedCode(
                reference="AAAAA-AAAA2",
                primary_id=PRIMARY,
                iin_digest=iin_digest(PRIMARY, iin(0)),
                mobile_digest=b"m",
                place_code=polls.DISTRICT,
                iin_masked="850101******",
                mobile_masked="+7701*****00",
                address_short="203.0.113.0/24",
                at=NOON,
            )
        )
    wrong = desk(Role.OPERATOR).look_up("AAAAA-AAAA1").shown
    operator = desk(Role.OPERATOR).look_up("AAAAA-AAAA2")
    assert operator.shown == wrong.replace("AAAAA-AAAA1", "AAAAA-AAAA2")
    operator.press("Показать номер")
    operator.screen.checkbox(key="called_back").check().run()
    operator.press("Показать причины")
    assert "код отправлен, но его не ввели" in operator.shown


def test_one_press_makes_a_case_with_what_the_caller_may_know(desk: OpenDesk) -> None:
    turned_away(RejectionReason.MOBILE_MISMATCH)
    operator = desk(Role.OPERATOR).look_up("AAAAA-AAAA1").press("Завести обращение")
    assert "Прочитайте заявителю" in operator.shown
    (story,) = stories()
    assert "AAAAA-AAAA1" in story
    assert "номер не тот" not in story
    assert "850101" not in story
    again = desk(Role.OPERATOR).look_up("AAAAA-AAAA1")
    assert "заведено обращение" in again.shown
    assert "Завести обращение" not in [button.label for button in again.screen.button]


def test_after_the_call_back_the_case_holds_the_masked_facts(desk: OpenDesk) -> None:
    turned_away(RejectionReason.MOBILE_MISMATCH)
    operator = desk(Role.OPERATOR).look_up("AAAAA-AAAA1").press("Показать номер")
    operator.screen.checkbox(key="called_back").check().run()
    operator.press("Показать причины").press("Завести обращение")
    (story,) = stories()
    for fact in ("номер не тот, что в списке", "850101******", "+7701*****01", "203.0.113.0/24"):
        assert fact in story
    assert iin(0) not in story
    assert mobile(0) not in story


def test_an_organizer_who_is_no_operator_opens_no_case_for_a_caller(desk: OpenDesk) -> None:
    turned_away(RejectionReason.MOBILE_MISMATCH)
    organizer = desk(Role.ORGANIZER).look_up("AAAAA-AAAA1")
    assert "Завести обращение" not in " ".join(button.label for button in organizer.screen.button)


def test_an_unknown_reference_gets_a_sentence(desk: OpenDesk) -> None:
    assert "десять знаков" in desk(Role.OPERATOR).look_up("nothing like it").shown


def test_filters_narrow_the_list(desk: OpenDesk) -> None:
    turned_away(RejectionReason.IIN_USED)
    turned_away(RejectionReason.NOT_OPEN, reference="AAAAA-AAAA2")
    screen = desk(Role.ORGANIZER).screen
    screen.selectbox(key="choice_reason").set_value("not_open").run()
    assert list(screen.dataframe[1].value["Номер отказа"]) == ["AAAAA-AAAA2"]
    assert screen.query_params["reason"] == "not_open"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"reason": "iin_used"}, 1),
        ({"reason": "not_open"}, 0),
        ({"place": polls.REGION}, 1),
        ({"place": "750000000"}, 0),
        ({"stage": "sign_in"}, 1),
        ({"stage": "cast"}, 0),
        ({"since": "1h"}, 1),
        ({"address": "203.0.113.0/24"}, 1),
        ({"address": "10.0.0.0/24"}, 0),
        ({"reason": "made up", "stage": "данные"}, 1),
    ],
    ids=lambda given: "-".join(given.values()) if isinstance(given, dict) else str(given),
)
def test_a_link_opens_the_same_list_in_every_language(
    poll: None, make_actor: MakeActor, query: dict[str, str], found: int
) -> None:
    turned_away(RejectionReason.IIN_USED)
    for locale in ("ru", "kk", "en"):
        organizer = make_actor(Role.ORGANIZER)
        with unit_of_work() as session:
            session.get_one(Account, organizer.account_id).locale = locale
        screen = open_page("rejections", organizer, query=query)
        assert not screen.exception
        assert len(screen.dataframe) == 1 + found


@pytest.mark.parametrize("role", [Role.CLERK, Role.TRUSTEE, Role.ADMINISTRATOR, None])
def test_others_see_nothing(poll: None, make_actor: MakeActor, role: Role | None) -> None:
    turned_away(RejectionReason.IIN_USED)
    screen = open_page("rejections", make_actor(role) if role else None)
    assert not screen.title
    assert not screen.dataframe


def test_before_there_is_a_primary_the_page_says_what_to_do(make_actor: MakeActor) -> None:
    screen = open_page("rejections", make_actor(Role.ORGANIZER))
    assert "задайте его сроки" in shown(screen)
