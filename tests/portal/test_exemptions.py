"""The public page of the address rule: what it costs, who is exempt, what was decided."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from core import clock
from core.database import unit_of_work
from core.staff.rules import Actor, Role
from core.voting import address_policy, exemptions
from core.voting.address_policy import PolicyTerms
from core.voting.address_rules import Expectation
from core.voting.exemptions import ExemptionTerms
from core.voting.models import AddressExemption
from core.voting.rules import AddressMode, ExemptionKind
from portal.app import app
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY

pytestmark = pytest.mark.usefixtures("sqlite_database")

PLACE = ExemptionTerms(
    primary_id=PRIMARY,
    kind=ExemptionKind.TERMINAL,
    network="203.0.113.0/28",
    holder="Участок № 17 <b>",
    place_code=DISTRICT,
    reason="компьютеры участка",
    document="решение 12",
    valid_from=OPENS,
    valid_until=CLOSES,
    cap_total=460,
    cap_hourly=60,
)
CARRIER = replace(
    PLACE,
    kind=ExemptionKind.SHARED_NETWORK,
    network="198.51.100.0/24",
    holder="АО «Связь»",
    place_code="",
)
POLICY = PolicyTerms(
    mode=AddressMode.STRICT, expectation=Expectation(voters=580_000, addresses=200_000)
)


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


@pytest.fixture
def two(sqlite_database: str, make_actor: MakeActor) -> tuple[Actor, Actor]:
    polls.open_poll()
    return make_actor(Role.ORGANIZER, name="Айгуль"), make_actor(Role.ORGANIZER, name="Болат")


def exempt(two: tuple[Actor, Actor], *terms: ExemptionTerms) -> None:
    with unit_of_work() as session:
        proposal = exemptions.propose_exemptions(
            session, terms, actor=two[0], reason="file.csv", now=NOON
        )
        exemptions.confirm_exemption(session, proposal.id, actor=two[1], now=NOON)


def page(locale: str = "ru", number: int | None = None) -> str:
    client = TestClient(app, base_url="http://localhost:8502")
    got = client.get(f"/{locale}/addresses", params={"page": number} if number else {})
    assert got.status_code == 200
    text = re.sub(r"<[^>]+>", " ", got.text)
    return " ".join(text.replace("\u00a0", " ").split())


def test_the_list_names_places_and_grounds_and_no_address(two: tuple[Actor, Actor]) -> None:
    exempt(two, PLACE, replace(PLACE, network="203.0.113.16/28"), CARRIER)
    with unit_of_work() as session:
        for number, used in ((1, 3), (2, 4), (3, 4)):
            session.get_one(AddressExemption, number).used = used
    shown = page()
    assert "Участок № 17 &lt;b&gt; , Аккольский район" in shown
    assert "2 сети · компьютеры участка · решение 12" in shown
    assert "7 избирателей" in shown
    assert "АО «Связь»" in shown
    assert "меньше 5 избирателей" in shown
    for hidden in ("203.0.113", "198.51.100", "Айгуль", "Болат"):
        assert hidden not in shown


def test_the_decisions_stand_there_with_their_reasons(two: tuple[Actor, Actor]) -> None:
    before = OPENS - timedelta(days=1)
    with unit_of_work() as session:
        proposal = address_policy.propose_policy(
            session, POLICY, actor=two[0], reason="Протокол № 4", now=before
        )
        address_policy.sign_policy(session, proposal.id, actor=two[1], now=before)
    shown = page()
    assert "избирателей 580 000, а публичных IP-адресов 200 000, то занятым" in shown
    assert "67 %" in shown
    assert "Протокол № 4" in shown
    with unit_of_work() as session:
        proposal = address_policy.propose_mode(
            session, AddressMode.ADVISORY, actor=two[0], reason="Много отказов", now=NOON
        )
        address_policy.change_mode(session, proposal.id, actor=two[1], now=NOON)
    with clock.fixed(NOON + timedelta(minutes=1)):
        shown = page()
        rules = TestClient(app, base_url="http://localhost:8502").get("/ru/rules").text
    assert "принимается; каждый такой голос учитывается" in shown
    assert "строгий: один адрес — один голос → уведомительный" in shown
    assert "Много отказов" in shown
    assert "каждый такой голос учитывается" in rules


def test_a_long_list_comes_in_pages(two: tuple[Actor, Actor]) -> None:
    exempt(
        two,
        *(
            replace(PLACE, network=f"10.{n // 200}.{n % 200}.0/28", holder=f"Участок {n:03}")
            for n in range(250)
        ),
    )
    assert "Страница 1 из 3" in page()
    last = page(number=3)
    assert "Участок 249" in last
    assert "Участок 000" not in last
    assert "Страница 3 из 3" in page(number=99)


def test_a_page_of_the_list_stays_small(two: tuple[Actor, Actor]) -> None:
    exempt(
        two,
        *(
            replace(
                PLACE,
                network=f"10.0.{n}.0/28",
                holder=f"Избирательный участок № {n:03}, средняя школа имени Абая",
                reason="Компьютеры участка для избирателей без интернета дома",
            )
            for n in range(100)
        ),
    )
    got = TestClient(app, base_url="http://localhost:8502").get("/kk/addresses")
    assert len(got.content) < 100_000


@pytest.mark.parametrize("locale", ["ru", "kk", "en"])
def test_without_a_primary_or_an_exemption_the_page_says_so(
    sqlite_database: str, locale: str
) -> None:
    assert page(locale)
    with clock.fixed(NOON + timedelta(minutes=1)):
        polls.open_poll()
        shown = page(locale)
    nobody = {"ru": "Исключений нет", "kk": "Ерекшелік жоқ", "en": "Nobody is exempt"}
    assert nobody[locale] in shown
