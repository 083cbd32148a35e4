"""The clerk's desk, polling places, paper lists and protocols as each role sees them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import clock
from core.database import reading, unit_of_work
from core.i18n import _, use_locale
from core.paper import list_queries, queries
from core.paper import service as paper
from core.paper.rules import ReleaseGround
from core.primary.queries import active_primary
from core.settings import ROOT
from core.staff import approvals
from core.staff.rules import Actor, Role
from pages.paper_sheets import ROWS_A_SHEET, sheets
from tests.conftest import MakeActor
from tests.paper.desks import (
    BEFORE,
    SCHOOL,
    VILLAGE,
    Desks,
    claims,
    fix_list,
    look_up,
    open_desks,
    press,
    vote_online,
    votes,
)
from tests.results.boxes import (
    BLANK,
    CAME,
    LISTED,
    SPOILED,
    VALID,
    Boxes,
    first,
    open_boxes,
    school,
    second,
    village,
)
from tests.results.boxes import VILLAGE_VOTES as VOTES
from tests.results.election import COUNTING
from tests.screens import open_page, signed_in
from tests.voting.polls import NOON, PRIMARY, iin

pytestmark = pytest.mark.usefixtures("sqlite_database")


@pytest.fixture(autouse=True)
def _page_links(monkeypatch: pytest.MonkeyPatch) -> None:
    # A page that is run alone knows of no other page.
    monkeypatch.setattr(st, "page_link", lambda _page, label, **_more: st.caption(label))


@pytest.fixture
def desks(make_actor: MakeActor) -> Desks:
    return open_desks(make_actor)


@pytest.fixture
def boxes(make_actor: MakeActor) -> Boxes:
    return open_boxes(make_actor)


@contextmanager
def kept_open(name: str, actor: Actor, **query: str) -> Iterator[AppTest]:
    """A screen whose runs all belong to one session, as those of one browser do."""
    with signed_in(actor):
        screen = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=20)
        for key, value in query.items():
            screen.query_params[key] = value
        yield screen.run()


def said(message: str, **facts: object) -> str:
    with use_locale("ru"):
        return _(message, **facts)


def shown(screen: AppTest) -> str:
    """Everything a screen says."""
    kinds = ("title", "subheader", "caption", "markdown", "text", "info", "success", "warning")
    parts = [
        str(element.value)
        for kind in (*kinds, "error", "code")
        for element in getattr(screen, kind)
    ]
    parts += [f"{each.label} {each.value}" for each in screen.metric]
    parts += [frame.value.to_csv() for frame in screen.dataframe]
    return " ".join(parts).replace("\\", "")


def button(screen: AppTest, words: str) -> Any:
    """The button with these words."""
    return next(each for each in screen.button if each.label == words)


def type_iin(screen: AppTest, number: int) -> None:
    """What a scanner does."""
    (field,) = screen.text_input
    field.set_value(iin(number)).run()


def test_a_clerk_scans_presses_and_hands_out(desks: Desks) -> None:
    with clock.fixed(NOON), kept_open("marking", desks.clerk) as screen:
        assert not screen.exception
        type_iin(screen, 3)
        assert said("Check the identity card") in shown(screen)
        assert claims() == {}
        button(screen, said("Mark: the voter gets ballots")).click().run()
        assert "Выдайте 2 бюллетеня" in shown(screen)
        assert "Список 0" in shown(screen)
        assert said("Marked here: {count}", count="**1**") in shown(screen)
        assert screen.text_input[0].value == ""
        assert iin(3) not in shown(screen)
    assert votes().votes_paper == 1


def test_after_a_reload_the_answer_stands_there_and_pressing_again_is_impossible(
    desks: Desks,
) -> None:
    press(desks, look_up(desks, 3))
    with clock.fixed(NOON + timedelta(minutes=1)):
        screen = open_page("marking", desks.clerk)
    assert "Выдайте 2 бюллетеня" in shown(screen)
    assert said("Mark: the voter gets ballots") not in [each.label for each in screen.button]


def test_each_refusal_is_a_red_word_of_its_own(desks: Desks) -> None:
    vote_online(4)
    fix_list(desks, range(6, 7))
    for number, words in (
        (4, "Has voted online"),
        (6, "Votes elsewhere"),
        (77, "Not on the voter roll, or suspended"),
    ):
        with clock.fixed(NOON), kept_open("marking", desks.clerk) as screen:
            type_iin(screen, number)
            before = shown(screen)
            if number == 4:
                assert said(words) not in before
                button(screen, said("Mark: the voter gets ballots")).click().run()
            assert said(words) in " ".join(each.value for each in screen.error).replace("\\", "")
            assert not screen.success
    assert votes().votes_paper == 0


def test_a_mistyped_iin_and_closed_hours_are_sentences(desks: Desks) -> None:
    with clock.fixed(NOON), kept_open("marking", desks.clerk) as screen:
        screen.text_input[0].set_value("850101").run()
        assert screen.error
        assert not screen.exception
    night = NOON + timedelta(hours=9)
    with clock.fixed(night):
        screen = open_page("marking", desks.clerk)
    assert said("Closed at this hour. Nobody is marked now.") in shown(screen)
    assert screen.text_input[0].disabled


def test_a_clerk_without_a_post_and_one_without_a_connection_are_told_what_to_do(
    desks: Desks, make_actor: MakeActor
) -> None:
    with clock.fixed(NOON):
        lost = open_page("marking", make_actor(Role.CLERK))
        village = open_page("marking", desks.villager)
    assert "Организатор назначает его" in shown(lost)
    assert "печатном списке" in shown(village)
    assert not village.text_input


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.TRUSTEE, Role.CANVASSER, None])
@pytest.mark.parametrize("page", ["marking", "polling_places", "paper_list", "protocols"])
def test_strangers_see_nothing(
    desks: Desks, make_actor: MakeActor, page: str, role: Role | None
) -> None:
    screen = open_page(page, make_actor(role) if role else None, query={"place": VILLAGE})
    assert said("This page is not for your account, or you are signed out.") in shown(screen)
    assert "Участок" not in shown(screen)


def test_organizers_see_places_and_observers_figures_only(
    desks: Desks, make_actor: MakeActor
) -> None:
    fix_list(desks, range(4))
    with clock.fixed(NOON):
        mine = open_page("polling_places", desks.organizer)
        theirs = open_page("polling_places", make_actor(Role.OBSERVER))
    assert SCHOOL in shown(mine)
    assert "закреплён, 4 чел." in shown(mine)
    assert SCHOOL not in shown(theirs)
    assert f"{said('People on paper lists')} 4" in shown(theirs)
    assert not theirs.button


def test_a_second_person_confirms_on_the_page(desks: Desks) -> None:
    done = press(desks, look_up(desks, 3))
    with unit_of_work() as session:
        paper.propose_undo(
            session,
            done.id,
            actor=desks.clerk,
            ground=ReleaseGround.NOTHING_HANDED_OUT,
            note="Ушла без бюллетеней",
            now=NOON,
        )
    with clock.fixed(NOON), kept_open("polling_places", desks.organizer) as screen:
        assert "Ушла без бюллетеней" in shown(screen)
        button(screen, said("Confirm")).click().run()
        assert said("Confirmed and done.") in shown(screen)
        assert "отметка отменена" in shown(screen)
        assert "Ушла без бюллетеней" not in shown(screen)
    assert claims() == {}


def test_a_list_is_drawn_up_proposed_and_fixed_on_its_page(desks: Desks) -> None:
    with clock.fixed(BEFORE):
        with kept_open("paper_list", desks.organizer, place=VILLAGE) as screen:
            button(screen, said("Put on the draft")).click().run()
            assert "Фамилия99" in shown(screen)
            assert not [number for number in range(12) if iin(number) in shown(screen)]
        with unit_of_work() as session:
            number = paper.propose_fixing(
                session, PRIMARY, [VILLAGE], actor=desks.organizer, reason="Нет связи", now=BEFORE
            ).id
        with kept_open("paper_list", desks.second, place=VILLAGE) as screen:
            button(screen, said("Confirm")).click().run()
            assert not screen.exception
            button(screen, said("Prepare the sheets")).click().run()
            assert not screen.exception
    assert len(claims()) == 12
    with reading() as session:
        assert approvals.proposal(session, number).confirmed_by == desks.second.account_id


def test_an_organizer_of_another_region_reads_no_names(desks: Desks, make_actor: MakeActor) -> None:
    fix_list(desks)
    far = make_actor(Role.ORGANIZER, place="150000000")
    with clock.fixed(NOON):
        screen = open_page("paper_list", far, query={"place": VILLAGE})
        near = open_page("paper_list", desks.regional, query={"place": VILLAGE})
    assert "Фамилия" not in shown(screen)
    assert "Фамилия" in shown(near)


def printed(**changes: Any) -> tuple[str, list_queries.PaperListView]:
    """The sheets of the village's list, four times as long; ``changes`` alter every row."""
    with reading() as session:
        primary = active_primary(session)
        place = queries.polling_place(session, PRIMARY, VILLAGE)
        view = list_queries.paper_list(session, PRIMARY, VILLAGE)
        voters, _total = list_queries.listed_voters(session, PRIMARY, VILLAGE, limit=None)
    assert primary is not None
    assert place is not None
    assert view is not None
    many = [replace(voter, **changes) for voter in voters] * 4
    odd = replace(place, address="<i>ул. Абая</i>")
    return sheets(primary, odd, view, many, printed_at=BEFORE).decode(), view


def test_sheets_number_themselves_carry_the_digest_and_no_whole_iin(desks: Desks) -> None:
    fix_list(desks)
    html, view = printed()
    pages = -(-4 * 12 // ROWS_A_SHEET)
    assert html.count('<section class="sheet">') == pages
    for number in range(1, pages + 1):
        assert f"лист {number} из {pages}" in html
        assert f"{pages} парақтың {number}-парағы" in html
    assert view.digest is not None
    assert html.count(view.digest[:8]) == pages
    assert not [number for number in range(12) if iin(number) in html]


def test_foreign_text_on_a_sheet_is_text_and_released_rows_are_struck(desks: Desks) -> None:
    fix_list(desks)
    html, _view = printed(name="<script>alert(1)</script>", released_at=NOON)
    assert "<script" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
    assert html.count('<td class="struck">') == 48
    assert html.count("исключён: не выдавать") == 48


def fill(screen: AppTest, protocol: Any, *, absent: int | None = None) -> None:
    """Type a protocol into the form."""
    values = {f"{c or ''}_{name}": number for (c, name), number in protocol.figures()}
    if absent is not None:
        values["_absent"] = absent
    for field in screen.number_input:
        key = str(field.key).removeprefix(f"protocol_figure_{protocol.polling_place}_")
        field.set_value(values[key])


def test_two_clerks_enter_one_protocol_on_the_page(boxes: Boxes) -> None:
    with clock.fixed(COUNTING):
        with kept_open("protocols", boxes.clerk) as screen:
            fill(screen, school())
            button(screen, said("Enter as the first")).click().run()
            code = screen.session_state["protocol_code"][1]
            assert code.split("-")[0] in shown(screen)
            assert not screen.number_input
            button(screen, said("I have written it down")).click().run()
            assert code.split("-")[0] not in shown(screen)
            assert said("You entered it first: another person enters it now.") in shown(screen)
        with kept_open("protocols", boxes.colleague) as screen:
            fill(screen, school(NAT00001=19, NAT00002=16))
            screen.text_input[0].set_value(code)
            button(screen, said("Compare and seal")).click().run()
            told = shown(screen)
            assert "Серікова" in told
            assert "Ахметов" in told
            assert "Ли Имя" not in told.split("расходятся")[1]
            fill(screen, school())
            screen.text_input[0].set_value(code)
            button(screen, said("Compare and seal")).click().run()
            assert said(
                "Both entries agree. The protocol is sealed as version {version}.", version=1
            ) in shown(screen)
            assert "protocol_figure" not in repr(screen.session_state)


def test_contradictions_are_sentences_beside_the_form(boxes: Boxes) -> None:
    with clock.fixed(COUNTING), kept_open("protocols", boxes.clerk) as screen:
        button(screen, said("Enter as the first")).click().run()
        assert said("Fill in every field; where there is nothing, write 0.") in shown(screen)
        fill(screen, school(NAT00004=28))
        button(screen, said("Enter as the first")).click().run()
        told = " ".join(each.value for each in screen.error)
        assert "Иванова" in told
        assert "28" in told


def test_before_the_close_there_is_no_form(boxes: Boxes) -> None:
    with clock.fixed(COUNTING - timedelta(hours=2)):
        screen = open_page("protocols", boxes.clerk)
    assert not screen.number_input
    assert "после закрытия" in shown(screen)


def test_no_screen_shows_a_figure_of_a_protocol_that_is_on_its_way(
    boxes: Boxes, make_actor: MakeActor
) -> None:
    figures = {VALID, BLANK, SPOILED, *VOTES.values()}
    people = [
        boxes.villager,
        boxes.neighbour,
        boxes.election.organizer,
        boxes.election.canvassers[0],
        make_actor(Role.OBSERVER),
        make_actor(Role.AUDITOR),
        make_actor(Role.ADMINISTRATOR),
    ]
    absent = LISTED - CAME
    code = first(boxes.villager, village(), absent=absent)
    for step in ("waiting", "sealed"):
        if step == "sealed":
            second(boxes.neighbour, village(), code, absent=absent)
        for page in ("protocols", "polling_places", "publication", "count", "turnout", "audit"):
            for actor in people:
                with clock.fixed(COUNTING):
                    screen = open_page(page, actor)
                assert not screen.exception, page
                told = shown(screen).replace("\u00a0", "")
                # As a number of its own: digests and logins of the audit log hold any digits.
                found = [n for n in figures if re.search(rf"(?<!\w){n}(?!\w)", told)]
                assert not found, (step, page, actor.name)
