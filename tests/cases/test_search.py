"""Finding a case by the words of its texts, in Russian and Kazakh, without an index that tells them."""

from itertools import combinations

import pytest
from sqlmodel import col, func, select

from core.cases import queries, search, service
from core.cases.ciphers import destroy_text_key
from core.cases.models import CaseWord
from core.cases.queries import CaseFilters
from core.cases.receipts import spelled_number
from core.cases.rules import Category, NoteKind, WrapUp
from core.cases.service import ContactEntry, RespondentEntry
from core.cases.stems import groups, kazakh_stem
from core.staff.rules import Actor
from tests.cases.conftest import Desk

STORIES = {
    "shop": "Начальник цеха требует вступить в партию до пятницы, грозит увольнением.",
    "school": "Учительницу вызвали к директору: либо заявление о вступлении, либо сокращение.",
    "clinic": "Бас дәрігер медбикелерді партияға кіруге мәжбүрлейді, кірмегендерді жұмыстан шығарамын дейді.",
    "village": "Ауыл әкімінің орынбасары дауысымды сатып алғысы келді, 5000 теңге ұсынды.",
    "phone": "Звонили с номера +7 (701) 555-01-42 и просили продиктовать код из СМС. Всё это — обман!",
}


@pytest.fixture
def numbers(desk: Desk) -> dict[str, str]:
    """Each story's case."""
    return {
        name: desk.log(story=story, category=Category.OTHER, place=None, caller=None).number or ""
        for name, story in STORIES.items()
    }


def found(desk: Desk, text: str, actor: Actor | None = None) -> list[str]:
    rows, total = queries.case_list(
        desk.session, actor or desk.operator, CaseFilters(text=text), now=desk.now
    )
    assert total == len(rows)
    return [row.number for row in rows]


ASKED = [
    ("увольнения", "shop"),
    ("УВОЛЬНЕНИЕ", "shop"),
    ("начальники цехов", "shop"),
    ("сокращению", "school"),
    ("директора учительница", "school"),
    ("дәрігерлер", "clinic"),
    ("медбике", "clinic"),
    ("жұмысынан", "clinic"),
    ("дауыс", "village"),
    ("әкім", "village"),
    ("теңгені", "village"),
    ("5000", "village"),
    ("8 701 555 01 42", "phone"),
    ("коды обмана", "phone"),
    ("все обман", "phone"),
]


def test_word_forms_numbers_and_letters_of_either_case_find_the_story(
    desk: Desk, numbers: dict[str, str]
) -> None:
    for text, name in ASKED:
        assert numbers[name] in found(desk, text), text
        assert len(found(desk, text)) <= 2, text
    for text in ("500", "начальник сокращения", "701", "7777", "!?"):
        assert found(desk, text) == [], text
    assert set(found(desk, "партия")) == {numbers["shop"], numbers["clinic"]}


def test_a_number_or_its_beginning_finds_the_case_alone(
    desk: Desk, numbers: dict[str, str]
) -> None:
    for number in numbers.values():
        assert found(desk, spelled_number(number)) == [number]
        assert number in found(desk, number[:5].lower())


def test_what_is_added_is_found_and_the_newest_come_first(
    desk: Desk, numbers: dict[str, str]
) -> None:
    session, operator = desk.session, desk.operator
    note = "Свидетельница подтвердила рассказ."
    for name in ("shop", "village"):
        service.add_note(
            session, numbers[name], note, actor=operator, kind=NoteKind.INTERNAL, now=desk.now
        )
    service.add_respondent(
        session,
        numbers["school"],
        RespondentEntry(name="Жұмабаев Серік", position="директор гимназии"),
        actor=operator,
        now=desk.now,
    )
    assert found(desk, "свидетельницы подтвердили") == [numbers["village"], numbers["shop"]]
    assert found(desk, "гимназия Жұмабаевтың") == [numbers["school"]]
    # Common words stream from the newest, rare ones are looked up first: the same is found.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "RARE", 0)
        assert found(desk, "свидетельницы подтвердили") == [numbers["village"], numbers["shop"]]


def test_the_index_tells_no_word_and_goes_with_the_key(desk: Desk, numbers: dict[str, str]) -> None:
    session = desk.session
    case = desk.case(numbers["shop"])
    indexed = select(func.count()).where(col(CaseWord.case_id) == case.id)
    assert session.exec(indexed).one() > 5
    keys = {search.word_key(stem) for group in groups(STORIES["shop"]) for stem in group}
    assert len(keys) == session.exec(indexed).one()
    assert all(0 <= key < 2**63 for key in keys)
    destroy_text_key(session, case.text_key_id, now=desk.now)
    session.flush()
    assert session.exec(indexed).one() == 0
    assert found(desk, "увольнение") == []
    assert found(desk, numbers["shop"]) == [numbers["shop"]], "the case itself stays"


def test_a_contact_without_a_case_leaves_no_words(desk: Desk) -> None:
    entry = ContactEntry(story="Спросили часы работы", wrap_up=WrapUp.QUESTION_ANSWERED)
    service.log_contact(desk.session, entry, actor=desk.operator, key="k", now=desk.now)
    assert desk.session.exec(select(CaseWord)).all() == []


FORMS = (
    "бастық бастықтың бастықтары бастығы бастыққа бастықтарының бастығым",
    "дауыс дауысты дауыстар дауысым дауыстарды дауысы",
    "жұмыс жұмыстан жұмысқа жұмысым жұмысы жұмысында",
    "қорқыту қорқытты қорқытады қорқытқан қорқытып",
    "мұғалім мұғалімдер мұғалімдердің мұғаліміміз",
    "нөмір нөмірі нөмірін нөмірге",
)


def test_the_forms_of_a_kazakh_word_have_one_stem_and_different_words_have_others() -> None:
    of_words = [{kazakh_stem(form) for form in forms.split()} for forms in FORMS]
    assert all(len(stems) == 1 for stems in of_words), of_words
    assert not any(one & other for one, other in combinations(of_words, 2))
