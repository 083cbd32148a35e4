from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from core import clock
from core.cases.ciphers import cipher_of
from core.cases.models import Case, Contact
from core.database import engine, reading, unit_of_work
from core.primary.digests import iin_digest
from core.primary.queries import require_primary
from core.staff.rules import Actor, Role
from core.voting import clusters
from core.voting.clusters import Cluster, ClusterKind, ClusterSearch
from core.voting.rules import RejectionReason, RejectionStage
from core.voting.tally import Tally, TurnedAway
from tests.conftest import MakeActor
from tests.screens import open_page, signed_in
from tests.voting import polls
from tests.voting.polls import NOON, PRIMARY, iin

pytestmark = pytest.mark.usefixtures("sqlite_database")

ADDRESS = "203.0.113.0/24"


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    st.cache_data.clear()
    with clock.fixed(NOON):
        yield


@pytest.fixture
def poll() -> None:
    polls.open_poll()
    tally = Tally(PRIMARY)
    for number in range(12):
        tally.reject(
            TurnedAway(
                stage=RejectionStage.SIGN_IN,
                reasons=(RejectionReason.MOBILE_MISMATCH,),
                at=NOON,
                iin_digest=iin_digest(PRIMARY, iin(number)),
                iin_masked="850101******",
                mobile_masked="+7701*****01",
                address_short=ADDRESS,
                place_code=polls.DISTRICT,
            )
        )
    with engine().begin() as connection:
        tally.write(connection)


def the_cluster(actor: Actor) -> Cluster:
    search = ClusterSearch(kind=ClusterKind.REFUSED_ADDRESS, least=10)
    with reading() as session:
        found, _total = clusters.clusters(
            session, require_primary(session), search, actor=actor, now=NOON
        )
    return found[0]


def shown(screen: Any) -> str:
    parts = (screen.title, screen.info, screen.warning, screen.markdown, screen.text)
    text = " ".join(str(each.value) for part in parts for each in part)
    return text.replace("\\", "").replace("\u00a0", " ")


def chosen_screen(cluster: Cluster) -> AppTest:
    """The box of a chosen line; a line can't be chosen without a browser."""

    def draw(cluster):  # type: ignore[no-untyped-def]  # its source is run alone
        from core.cases.receipts import spelled_number
        from core.cases.sources import case_numbers
        from core.database import reading
        from pages.cluster_case import show_chosen
        from pages.session import require_role

        actor = require_role()
        with reading() as session:
            known = case_numbers(session, [cluster.source], actor=actor)
        number = known.get(cluster.source)
        show_chosen(cluster, spelled_number(number) if number else None, may_act=True)

    return AppTest.from_function(draw, kwargs={"cluster": cluster}, default_timeout=20)


def test_the_list_is_of_the_kind_and_size_in_the_address(poll: None, make_actor: MakeActor) -> None:
    organizer = make_actor(Role.ORGANIZER)
    screen = open_page("clusters", organizer, query={"kind": "refused_address"})
    assert not screen.exception
    assert list(screen.dataframe[0].value["Вокруг чего"]) == [ADDRESS]
    assert list(screen.dataframe[0].value["Сколько"]) == [12]
    with signed_in(organizer):
        screen.number_input(key="least_refused_address").set_value(13).run()
    assert "Таких совпадений нет" in shown(screen)


def test_without_a_kind_in_the_address_shared_numbers_are_shown(
    poll: None, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        for number in range(7, 20):
            polls.add_voter(session, number, mobile=polls.mobile(6))
    screen = open_page("clusters", make_actor(Role.ORGANIZER))
    assert not screen.exception
    assert screen.selectbox[0].value == ClusterKind.SHARED_NUMBER.value
    assert list(screen.dataframe[0].value["Людей"]) == [13]


@pytest.mark.parametrize("kind", list(ClusterKind))
def test_every_kind_is_drawn(poll: None, make_actor: MakeActor, kind: ClusterKind) -> None:
    organizer = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        for number in (7, 8):
            polls.add_voter(session, number, mobile=polls.mobile(6))
    screen = open_page(
        "clusters", organizer, query={"kind": kind.value, f"least_{kind.value}": "2"}
    )
    assert not screen.exception
    assert "Подозрительные совпадения" in shown(screen)


def test_a_cluster_becomes_a_case_once_with_masked_facts(poll: None, make_actor: MakeActor) -> None:
    for place, actor in enumerate((make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER))):
        screen = chosen_screen(the_cluster(actor))
        with signed_in(actor):
            screen.run()
            if place == 0:
                assert "Отказов этим людям: 12" in shown(screen)
                screen.button[0].click().run()
            assert not screen.exception
            assert "уже есть обращение" in shown(screen)
            assert not screen.button
    with unit_of_work() as session:
        (case,) = session.exec(select(Case)).all()
        (contact,) = session.exec(select(Contact)).all()
        story = cipher_of(session, contact.text_key_id).open(contact.story) or ""
    assert (case.channel, case.category, case.place_code) == (
        "own_finding",
        "falsified_votes",
        polls.DISTRICT,
    )
    for fact in (ADDRESS, "Всего: 12, людей: 12", "номер не тот", "850101******"):
        assert fact in story
    assert not any(iin(number) in story for number in range(12))
    screen = open_page("clusters", actor, query={"kind": "refused_address"})
    assert screen.dataframe[0].value["Обращение"][0]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OBSERVER, Role.ADMINISTRATOR, None])
def test_others_see_nothing(poll: None, make_actor: MakeActor, role: Role | None) -> None:
    screen = open_page("clusters", make_actor(role) if role else None)
    assert not screen.title
    assert not screen.dataframe


def test_before_there_is_a_primary_the_page_says_what_to_do(make_actor: MakeActor) -> None:
    assert "задайте его сроки" in shown(open_page("clusters", make_actor(Role.ORGANIZER)))
