"""The screens of the case desk, drawn without a browser."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from core import clock
from core.cases import service
from core.cases.clocks import CLOCKS, WINDOWS
from core.cases.evidence_rules import read_upload
from core.cases.models import CallBack, Case, Contact, Draft
from core.cases.receipts import spelled_number
from core.cases.rules import TABLE, CaseState, Category, Channel, Move, Urgency
from core.database import unit_of_work
from core.i18n import LOCALES, term, use_locale
from core.staff.rules import Actor, Role
from pages.state_diagram import state_diagram
from tests.cases.conftest import DISTRICT, MONDAY, STORY, Desk, build_desk
from tests.conftest import MakeActor
from tests.screens import open_page, signed_in


@pytest.fixture(autouse=True)
def links_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page drawn alone has no navigation that its links could name."""
    monkeypatch.setattr(st, "page_link", lambda _page, label, **_more: st.caption(label))


@pytest.fixture
def desk(sqlite_database: str, make_actor: MakeActor) -> Iterator[Desk]:
    with clock.fixed(MONDAY):
        with unit_of_work() as session:
            built = build_desk(session, make_actor)
        yield built


def texts(screen: AppTest) -> str:
    """Everything that stands on a screen."""
    kinds = ("title", "subheader", "markdown", "caption", "text", "info", "warning", "error")
    found = [element.value for kind in kinds for element in getattr(screen, kind)]
    return "\n".join(str(value) for value in [*found, *(item.value for item in screen.success)])


def by_key(elements: Any, start: str) -> Any:
    return next(element for element in elements if str(element.key).startswith(start))


def with_case(desk: Desk, state: CaseState, **more: Any) -> str:
    with unit_of_work() as session:
        desk.session = session
        return desk.walk(state, **more).number or ""


def type_call(screen: AppTest, **fields: str) -> None:
    by_key(screen.text_input, "call_caller_").set_value(fields.get("caller", ""))
    by_key(screen.text_area, "call_story_").set_value(fields["story"])
    by_key(screen.selectbox, "call_place_").set_value(DISTRICT)
    by_key(screen.selectbox, "call_category_").set_value(Category.COERCION_TO_JOIN.value)


def test_a_call_is_logged_the_code_shown_and_the_form_empty_again(desk: Desk) -> None:
    screen = open_page("call", desk.operator)
    assert not screen.exception
    with signed_in(desk.operator):
        type_call(screen, caller="+77015550142", story=STORY)
        by_key(screen.button, "call_save_").click().run()
    assert not screen.exception
    with unit_of_work() as session:
        case = session.exec(select(Case)).one()
        assert session.exec(select(Draft)).one().content
    shown = texts(screen)
    assert f"## {' – '.join(spelled_number(case.number).split('-'))}" in shown
    assert by_key(screen.text_area, "call_story_").value == ""
    assert STORY not in shown


def test_a_late_second_press_makes_no_second_contact(desk: Desk) -> None:
    screen = open_page("call", desk.operator)
    with signed_in(desk.operator):
        type_call(screen, story=STORY)
        press = by_key(screen.button, "call_save_")
        press.click().run()
        # The old button once more, with the old words, as a browser sends it that was not redrawn.
        with unit_of_work() as session:
            before = len(session.exec(select(Contact)).all())
        by_key(screen.button, "call_save_").click().run()
    with unit_of_work() as session:
        assert len(session.exec(select(Contact)).all()) == before == 1


def test_a_half_typed_call_comes_back_in_a_new_session(desk: Desk) -> None:
    screen = open_page("call", desk.operator)
    with signed_in(desk.operator):
        by_key(screen.text_area, "call_story_").set_value("Недописано").run()
        by_key(screen.selectbox, "call_place_").set_value(DISTRICT).run()
    again = open_page("call", desk.operator)
    assert by_key(again.text_area, "call_story_").value == "Недописано"
    assert by_key(again.selectbox, "call_place_").value == DISTRICT


def test_earlier_contacts_appear_with_the_number_and_without_the_story(desk: Desk) -> None:
    number = with_case(desk, CaseState.TRIAGE)
    screen = open_page("call", desk.operator)
    with signed_in(desk.operator):
        by_key(screen.text_input, "call_caller_").set_value("8 701 555 01 42").run()
    shown = texts(screen).replace("\\", "")
    assert spelled_number(number) in shown
    assert "Принуждение к вступлению" in shown
    assert "цеха" not in shown


def test_an_empty_call_is_answered_with_a_sentence(desk: Desk) -> None:
    screen = open_page("call", desk.operator)
    with signed_in(desk.operator):
        by_key(screen.button, "call_save_").click().run()
    assert screen.error
    with unit_of_work() as session:
        assert session.exec(select(Contact)).all() == []


def test_the_list_shows_the_desk_and_says_what_is_overdue(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY)
    assert "Новые появятся здесь" in texts(open_page("cases", desk.chair("region")))
    screen = open_page("cases", desk.secretary())
    assert not screen.exception
    assert spelled_number(number) in screen.dataframe[0].value.to_string()
    with clock.fixed(MONDAY.replace(day=16)):
        late = open_page("cases", desk.secretary())
        assert "1 дело просрочено" in texts(late)
        assert "просрочено на" in late.dataframe[0].value.to_string()


def test_filters_stand_in_the_address(desk: Desk) -> None:
    with_case(desk, CaseState.ADMISSIBILITY)
    for query, found in (
        ({"state": "admissibility"}, True),
        ({"state": "closed"}, False),
        ({"state": "nonsense"}, True),
        ({"place": "630000000"}, True),
        ({"only": "overdue"}, False),
        ({"page": "-7"}, True),
    ):
        screen = open_page("cases", desk.secretary(), query=query)
        assert not screen.exception, query
        assert bool(screen.dataframe) == found, query


def test_the_list_can_be_taken_away_as_csv_and_as_a_workbook(desk: Desk) -> None:
    with_case(desk, CaseState.ADMISSIBILITY)
    screen = open_page("cases", desk.secretary(), wants_file=True)
    assert not screen.exception
    offered = [button.proto.label for button in screen.get("download_button")]
    assert offered == ["Скачать CSV", "Скачать XLSX"]


def test_words_find_a_case_and_stay_out_of_the_address(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY)
    screen = open_page("cases", desk.secretary(), query={"page": "3"})
    with signed_in(desk.secretary()):
        for words, found in (
            (spelled_number(number)[:4], True),
            ("принуждение", True),
            ("сокращение начальников цеха", False),
            ("начальников цеха", True),
            ("такого нет", False),
        ):
            by_key(screen.text_input, "cases_search").set_value(words).run()
            assert not screen.exception, words
            assert bool(screen.dataframe) == found, words
            assert not screen.query_params


def test_a_case_nobody_has_and_a_case_that_is_hidden_look_alike(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY)
    named = desk.people["district"][3]
    with unit_of_work() as session:
        service.add_respondent(
            session,
            number,
            service.RespondentEntry(name=named.name),
            actor=desk.secretary(),
            now=MONDAY,
        )
    hidden = texts(open_page("case", named, query={"number": number}))
    unknown = texts(open_page("case", named, query={"number": "0000-0000"}))
    assert hidden == unknown
    assert STORY not in hidden


def test_the_case_page_shows_story_timeline_and_the_moves_of_this_person(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY)
    screen = open_page("case", desk.secretary(), query={"number": number})
    assert not screen.exception
    shown = texts(screen)
    assert STORY in shown
    assert "Передать комиссии" in shown
    assert any(button.label == "Принять и назначить ведущего" for button in screen.button)
    member = open_page("case", desk.lead(), query={"number": number})
    assert not any(button.label == "Принять и назначить ведущего" for button in member.button)
    assert "Сейчас ваших шагов нет" in texts(member)


def test_a_move_is_made_from_the_page_and_a_missing_field_is_named(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY)
    screen = open_page("case", desk.secretary(), query={"number": number})
    with signed_in(desk.secretary()):
        by_key(screen.text_area, "move_grounds").set_value("Есть признаки принуждения").run()
        by_key(screen.button, "make_assign").click().run()
        assert "ведущий член комиссии" in texts(screen)
        # The refusal takes no word away.
        assert by_key(screen.text_area, "move_grounds").value == "Есть признаки принуждения"
        by_key(screen.selectbox, "move_lead").set_value(desk.lead().account_id).run()
        by_key(screen.button, "make_assign").click().run()
    assert not screen.exception
    with unit_of_work() as session:
        case = session.exec(select(Case)).one()
        assert (case.state, case.lead_id) == ("assigned", desk.lead().account_id)


STATES = [
    CaseState.TRIAGE,
    CaseState.ADMISSIBILITY,
    CaseState.ASSIGNED,
    CaseState.INVESTIGATION,
    CaseState.DELIBERATION,
    CaseState.DECIDED,
    CaseState.CLOSED,
]


@pytest.mark.parametrize("state", STATES)
def test_every_form_that_is_offered_can_be_drawn(desk: Desk, state: CaseState) -> None:
    number = with_case(desk, state)
    people: list[Actor] = [desk.operator, *desk.people["district"][:3], desk.chair("region")]
    drawn = 0
    for person in people:
        screen = open_page("case", person, query={"number": number})
        assert not screen.exception
        pills = [item for item in screen.button_group if "chosen_" in str(item.key)]
        for move in [option for item in pills for option in item.options]:
            drawn += 1
            kind = next(kind for kind in Move if _word(kind) == _content(move))
            again = open_page(
                "case",
                person,
                query={"number": number},
                **{f"chosen_{number}_{state}": kind},
            )
            assert not again.exception, kind
            assert any(str(button.key) == f"make_{kind}" for button in again.button)
    assert drawn


def _word(move: Move) -> str:
    from core.i18n import term

    return term(move)


def _content(option: Any) -> str:
    return str(getattr(option, "content", option))


def _button(screen: AppTest, label: str) -> Any:
    return next(item for item in screen.button if item.label == label)


def test_the_identity_stays_hidden_until_a_second_person_agrees(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY, name="Тайная Жалобщица")
    mine = open_page("case", desk.secretary(), query={"number": number})
    assert "Тайная" not in texts(mine)
    with signed_in(desk.secretary()):
        _button(mine, "Попросить показать заявителя").click().run()
        assert not any(button.label == "Отозвать" for button in mine.button), "without a reason"
        by_key(mine.text_input, "identity_reason").set_value("Договориться о встрече")
        _button(mine, "Попросить показать заявителя").click().run()
        assert not any(button.label == "Согласен" for button in mine.button)
    listed = open_page("cases", desk.chair())
    assert "Второго человека ждут" in texts(listed)
    theirs = open_page("case", desk.chair(), query={"number": number})
    assert "Договориться о встрече" in texts(theirs)
    with signed_in(desk.chair()):
        _button(theirs, "Согласен").click().run()
    assert "Тайная" not in texts(theirs)
    with signed_in(desk.secretary()):
        mine.run()
        assert "Тайная" not in texts(mine)
        _button(mine, "Показать заявителя").click().run()
        assert "Тайная Жалобщица" in texts(mine)
        _button(mine, "Скрыть").click().run()
        assert "Тайная" not in texts(mine)


def test_an_organizer_sets_up_commissions_and_a_commissioner_sees_the_own(desk: Desk) -> None:
    screen = open_page("commissions", desk.organizer)
    assert not screen.exception
    assert len(screen.dataframe[0].value) == 4
    own = open_page("commissions", desk.chair())
    assert len(own.dataframe[0].value) == 1
    assert not any(button.label == "Новая комиссия" for button in own.button)


def test_the_operators_contacts_are_the_own_ones(desk: Desk, make_actor: MakeActor) -> None:
    number = with_case(desk, CaseState.TRIAGE, urgency=Urgency.IMMEDIATE)
    screen = open_page("contacts", desk.operator)
    assert not screen.exception
    assert spelled_number(number) in screen.dataframe[0].value.to_string()
    other = open_page("contacts", make_actor(Role.OPERATOR))
    assert "ни одного звонка" in texts(other)


def test_a_call_is_promised_started_with_one_press_and_done_when_it_is_saved(desk: Desk) -> None:
    screen = open_page("call", desk.operator)
    with signed_in(desk.operator):
        type_call(screen, caller="+77015550142", story=STORY)
        by_key(screen.toggle, "call_back_").set_value(True).run()
        by_key(screen.text_input, "call_back_why_").set_value("Позвать Айгуль")
        by_key(screen.button, "call_save_").click().run()
    assert not screen.exception
    with clock.fixed(MONDAY.replace(hour=15)):
        shift = open_page("contacts", desk.operator)
        assert "Пора сделать 1 звонок" in texts(shift)
        assert "Позвать Айгуль" in texts(shift)
        assert "5550142" not in texts(shift)
        with unit_of_work() as session:
            which = session.exec(select(CallBack)).one().id
            service.start_call_back(session, which or 0, actor=desk.operator, now=clock.now())
        call = open_page("call", desk.operator)
        assert "Вы перезваниваете" in texts(call)
        assert by_key(call.text_input, "call_caller_").value == "+77015550142"
        with signed_in(desk.operator):
            by_key(call.text_area, "call_story_").set_value("Премию вернули")
            by_key(call.button, "call_save_").click().run()
        assert not call.exception
        assert "Вы перезваниваете" not in texts(call)
        assert "Никто не ждёт звонка" in texts(open_page("contacts", desk.operator))
    with unit_of_work() as session:
        assert {row.case_id for row in session.exec(select(Contact)).all()} == {1}


def test_nobody_answers_and_the_form_is_empty_again(desk: Desk) -> None:
    with unit_of_work() as session:
        desk.session = session
        receipt = desk.log()
        promise = service.Promise(due_at=MONDAY, why="Позвать Айгуль")
        service.promise_call_back(
            session, receipt.contact_id, promise, actor=desk.operator, now=MONDAY
        )
        service.start_call_back(session, 1, actor=desk.operator, now=MONDAY)
    screen = open_page("call", desk.operator)
    with signed_in(desk.operator):
        by_key(screen.button, "no_answer_").click().run()
    assert "позвонить нужно ещё раз" in texts(screen)
    assert by_key(screen.text_input, "call_caller_").value == ""


@pytest.mark.parametrize("name", ["call", "contacts", "cases", "case", "commissions"])
def test_strangers_and_other_roles_see_nothing(
    desk: Desk, make_actor: MakeActor, name: str
) -> None:
    number = with_case(desk, CaseState.TRIAGE)
    for person in (None, make_actor(Role.REGISTRAR)):
        screen = open_page(name, person, query={"number": number})
        assert screen.error
        assert not screen.dataframe
        assert STORY not in texts(screen)


def test_who_loses_a_race_is_told_and_keeps_the_words(desk: Desk) -> None:
    number = with_case(desk, CaseState.ADMISSIBILITY)
    screen = open_page("case", desk.secretary(), query={"number": number})
    with signed_in(desk.secretary()):
        by_key(screen.text_area, "move_grounds").set_value("Есть признаки принуждения").run()
        by_key(screen.text_area, "move_note").set_value("Перезвонить").run()
        with unit_of_work() as session:
            service.move(
                session,
                number,
                Move.ASSIGN,
                actor=desk.secretary(),
                now=MONDAY,
                grounds="Другими словами",
                lead=desk.lead().account_id,
            )
        by_key(screen.button, "make_assign").click().run()
        assert not screen.exception
        assert "Тем временем дело продвинул" in texts(screen)
        kept = [element.value for element in screen.code]
        assert "Есть признаки принуждения" in kept
        assert "Перезвонить" not in kept
        screen.run()
        assert "Есть признаки принуждения" in [element.value for element in screen.code]
        by_key(screen.button, "drop_kept_words").click().run()
    assert not screen.exception
    assert "Есть признаки принуждения" not in [element.value for element in screen.code]
    assert "Тем временем" not in texts(screen)


def test_files_of_a_case_are_listed_with_their_custody(desk: Desk) -> None:
    number = with_case(desk, CaseState.INVESTIGATION)
    upload = read_upload(BytesIO(b"%PDF-1.7"), "Приказ ![x](https://e.kz/p.png).pdf")
    with unit_of_work() as session:
        service.add_evidence(session, number, upload, actor=desk.operator, now=MONDAY)
    screen = open_page("case", desk.operator, query={"number": number})
    assert not screen.exception
    shown = [element.value for element in screen.text]
    assert "p.png).pdf" in shown
    assert any("добавлен · Оператор Первый" in each for each in shown)
    assert "не проверялся" in texts(screen)
    assert upload.sha256 in [element.value for element in screen.code]


def test_foreign_text_never_becomes_markdown(desk: Desk) -> None:
    bad = "![x](https://evil.example/a.png) :red[x] <b>"
    number = with_case(desk, CaseState.ADMISSIBILITY, story=bad, name=bad)
    screen = open_page("case", desk.secretary(), query={"number": number})
    assert bad in [element.value for element in screen.text]
    for kind in ("markdown", "caption", "title", "subheader", "info", "success"):
        assert not any("](https" in str(item.value) for item in getattr(screen, kind))


@pytest.mark.parametrize("role", [Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER])
def test_the_desk_reads_its_limits_and_its_manual(
    sqlite_database: str, make_actor: MakeActor, role: Role
) -> None:
    actor = make_actor(role)
    limits = open_page("working_calendar", actor)
    assert not limits.exception
    assert len(limits.dataframe[0].value) == len(CLOCKS) + len(WINDOWS)
    assert ("Изменить день" in [button.label for button in limits.button]) is (
        role is Role.ORGANIZER
    )
    manual = open_page("case_manual", actor)
    assert not manual.exception
    assert len(manual.table[-1].value) == len(CaseState)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_diagram_shows_every_state_and_every_move(locale: str) -> None:
    with use_locale(locale):
        drawn = state_diagram(CaseState.TRIAGE)
        for state in CaseState:
            assert f'{state.value} [label="{term(state)}"' in drawn
        for row in TABLE:
            if row.source and row.target and row.move is not Move.WITHDRAW:
                (line,) = [
                    line
                    for line in drawn.splitlines()
                    if line.startswith(f"{row.source.value} -> {row.target.value} ")
                ]
                assert term(row.move) in line


def test_statistics_show_the_own_cases_to_commissioners_and_hide_small_counts_elsewhere(
    desk: Desk, make_actor: MakeActor
) -> None:
    with_case(desk, CaseState.DECIDED)
    span = {"since": "2020-09-01", "until": "2020-09-30"}
    own = open_page("case_statistics", desk.chair(), query=span)
    assert not own.exception
    assert own.metric[0].value == "1"
    for person in (desk.organizer, make_actor(Role.OBSERVER)):
        seen = open_page("case_statistics", person, query=span)
        assert not seen.exception
        assert seen.metric[0].value == "скрыто"
        assert "скрыты" in texts(seen)
    assert open_page("case_statistics", make_actor(Role.REGISTRAR), query=span).error
    assert open_page("case_statistics", None, query=span).error
    with signed_in(desk.chair()):
        _button(own, "Прошлый месяц").click().run()
        assert [field.value.day for field in own.date_input] == [1, 31]
        assert own.metric[0].value == "0"
    wrong = open_page("case_statistics", desk.chair(), query={"since": "morgen", "until": ""})
    assert not wrong.exception


def test_a_filter_of_the_list_stays_in_the_address_as_a_code(desk: Desk) -> None:
    with_case(desk, CaseState.TRIAGE)
    with unit_of_work() as session:
        desk.session = session
        desk.log(channel=Channel.MAIL)
    with signed_in(desk.operator):
        screen = open_page("cases", desk.operator, query={"state": "triage"})
        assert len(screen.dataframe[0].value) == 1
        screen.session_state["choice_state"] = None
        assert len(screen.run().dataframe[0].value) == 2
        screen.session_state["choice_category"] = Category.SMS_CODE_FRAUD.value
        screen.run()
    assert not screen.dataframe, "no case is of that kind"
    assert dict(screen.query_params) == {"category": "sms_code_fraud"}
