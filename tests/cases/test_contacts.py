"""Taking contacts: never refused, never twice, never readable in the database."""

import json

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from core.cases import queries, service
from core.cases.models import Case, CaseMove, Complainant, Contact
from core.cases.rules import CasesRefusal, CaseState, Category, Channel, WrapUp
from core.cases.service import ContactEntry
from core.database import unit_of_work
from core.errors import Refused
from core.staff.rules import Role, StaffRefusal
from tests.cases.conftest import DISTRICT, STORY, Desk
from tests.conftest import MakeActor


def test_a_call_becomes_a_case_in_triage_with_a_receipt(desk: Desk) -> None:
    receipt = desk.log()
    case = desk.case(receipt.number)
    assert case.state == CaseState.TRIAGE.value
    assert case.commission_id == desk.ids["district"]
    assert receipt.code is not None
    assert len(receipt.code.spelled) == 19
    moves = desk.session.exec(
        select(CaseMove.move).where(col(CaseMove.case_id) == case.id).order_by(col(CaseMove.id))
    ).all()
    assert moves == ["receive", "acknowledge"]


def test_a_letter_waits_an_hour_to_be_acknowledged(desk: Desk) -> None:
    case = desk.case(desk.log(channel=Channel.MAIL).number)
    assert case.state == CaseState.RECEIVED.value
    assert case.due_at is not None
    assert (case.due_at - desk.now).total_seconds() == 3600


def test_an_anonymous_call_leaves_no_complainant(desk: Desk) -> None:
    case = desk.case(desk.log(caller=None).number)
    assert desk.session.get(Complainant, case.id) is None


def test_a_question_opens_no_case_and_gives_no_receipt(desk: Desk) -> None:
    receipt = desk.log(wrap_up=WrapUp.QUESTION_ANSWERED, story="")
    assert (receipt.number, receipt.code) == (None, None)
    assert desk.session.exec(select(Case)).all() == []


def test_the_same_call_saved_twice_is_one_contact_with_one_code(desk: Desk) -> None:
    entry = ContactEntry(story=STORY, place=DISTRICT)
    first, second = (
        service.log_contact(desk.session, entry, actor=desk.operator, key="k1", now=desk.now)
        for _ in range(2)
    )
    assert first == second
    assert len(desk.session.exec(select(Contact)).all()) == 1


def test_the_same_key_with_another_story_is_refused(desk: Desk) -> None:
    entry = ContactEntry(story=STORY)
    service.log_contact(desk.session, entry, actor=desk.operator, key="k1", now=desk.now)
    with pytest.raises(Refused) as refused:
        service.log_contact(
            desk.session, ContactEntry(story="другое"), actor=desk.operator, key="k1", now=desk.now
        )
    assert refused.value.code is CasesRefusal.KEY_REUSED


def test_two_presses_at_once_make_one_contact(database: str, make_actor: MakeActor) -> None:
    import threading

    operator = make_actor(Role.OPERATOR)
    found: list[service.Receipt] = []
    gate = threading.Barrier(4)

    def press() -> None:
        gate.wait()
        with unit_of_work() as session:
            found.append(
                service.log_contact(
                    session,
                    ContactEntry(story=STORY),
                    actor=operator,
                    key="one",
                    now=Desk.now,
                )
            )

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({(receipt.number, receipt.code) for receipt in found}) == 1
    with unit_of_work() as session:
        assert len(session.exec(select(Case)).all()) == 1


@pytest.mark.parametrize(
    ("story", "code"),
    [("", CasesRefusal.TEXT_MISSING), ("\n \t", CasesRefusal.TEXT_MISSING)],
)
def test_a_complaint_needs_a_story(desk: Desk, story: str, code: CasesRefusal) -> None:
    with pytest.raises(Refused) as refused:
        desk.log(story=story)
    assert refused.value.code is code


def test_a_story_of_twenty_thousand_characters_is_taken_and_one_more_is_not(desk: Desk) -> None:
    assert desk.log(story="ж" * 20_000).number
    with pytest.raises(Refused) as refused:
        desk.log(story="ж" * 20_001)
    assert refused.value.code is CasesRefusal.TEXT_TOO_LONG


def test_an_unknown_place_does_not_lose_the_complaint(desk: Desk) -> None:
    case = desk.case(desk.log(place="nowhere").number)
    assert case.place_code is None
    assert case.commission_id == desk.ids["centre"]


def test_no_word_name_or_number_stands_readable_in_the_database(desk: Desk) -> None:
    desk.log(name="Секретова Тайна", reach="только ночью", email="tajna@example.kz")
    desk.session.flush()
    tables = ("contact", "case_file", "complainant", "case_move", "note", "audit_entry")
    for table in tables:
        rows = desk.session.execute(text(f"SELECT * FROM {table}")).all()
        spelled = "\n".join(
            part.decode("utf-8", "ignore") if isinstance(part, bytes) else str(part)
            for row in rows
            for part in row
        )
        for secret in ("уволят", "Секретова", "5550142", "ночью", "tajna"):
            assert secret not in spelled, table


def test_only_operators_log_calls(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        service.log_contact(
            desk.session, ContactEntry(story=STORY), actor=desk.chair(), key="k", now=desk.now
        )
    assert refused.value.code is StaffRefusal.FORBIDDEN


def test_a_draft_survives_and_is_gone_after_it_is_discarded(desk: Desk) -> None:
    draft = service.open_draft(desk.session, actor=desk.operator, now=desk.now)
    fields = {"story": "Недописанный рассказ", "caller": "+7701555"}
    service.keep_draft(desk.session, fields, actor=desk.operator, now=desk.now)
    desk.session.flush()
    again = service.open_draft(desk.session, actor=desk.operator, now=desk.now)
    assert (again.key, dict(again.fields)) == (draft.key, fields)
    stored = desk.session.execute(text("SELECT content FROM draft")).scalar_one()
    assert "рассказ" not in bytes(stored).decode("utf-8", "ignore")
    assert json.dumps("рассказ").encode() not in bytes(stored)
    service.discard_draft(desk.session, actor=desk.operator)
    fresh = service.open_draft(desk.session, actor=desk.operator, now=desk.now)
    assert fresh.key != draft.key
    assert fresh.fields == {}


def test_earlier_contacts_are_found_however_the_number_is_typed(desk: Desk) -> None:
    number = desk.log(caller="8 701 555 01 42").number
    desk.log(caller="+7 705 555 0142")
    found = queries.earlier_contacts(desk.session, desk.operator, "+77015550142")
    assert [(item.number, item.category) for item in found] == [(number, Category.COERCION_TO_JOIN)]
    assert not hasattr(found[0], "story")
    assert queries.earlier_contacts(desk.session, desk.operator, "abc") == ()


def test_look_ups_are_logged_and_limited(desk: Desk) -> None:
    for _ in range(120):
        service.note_look_up(desk.session, "+77015550142", actor=desk.operator, now=desk.now)
    with pytest.raises(Refused) as refused:
        service.note_look_up(desk.session, "+77015550142", actor=desk.operator, now=desk.now)
    assert refused.value.code is CasesRefusal.TOO_MANY_LOOK_UPS
    desk.wait(hours=2)
    service.note_look_up(desk.session, "+77015550142", actor=desk.operator, now=desk.now)


def test_similar_cases_are_of_the_same_place_and_category(desk: Desk) -> None:
    number = desk.log().number
    desk.log(category=Category.VOTE_BUYING)
    found = queries.similar_cases(
        desk.session,
        desk.operator,
        category=Category.COERCION_TO_JOIN,
        place=DISTRICT,
        now=desk.now,
    )
    assert [item.number for item in found] == [number]
