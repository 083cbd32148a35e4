"""Invented members obey the rules of real ones, and are the same for the same seed."""

from datetime import date
from pathlib import Path
from random import Random

import numpy as np
import phonenumbers
import pytest

from core import places
from core.cases.rules import Category
from core.membership.rules import Mobile, check_digit, iin_refusal
from core.rehearsal import names, texts
from core.rehearsal.people import REGISTER_COLUMNS, check_digits, invent

TODAY = date(2020, 9, 20)


def test_the_same_seed_gives_the_same_people() -> None:
    first, second = invent(2000, seed=7, today=TODAY), invent(2000, seed=7, today=TODAY)
    assert list(first.rows()) == list(second.rows())


def test_another_seed_gives_other_people() -> None:
    first, second = invent(500, seed=7, today=TODAY), invent(500, seed=8, today=TODAY)
    assert not set(first.iin) & set(second.iin)


def test_every_number_of_a_person_is_valid_and_nobody_shares_one() -> None:
    made = invent(20_000, seed=1, today=TODAY)
    assert not [iin for iin in made.iin if iin_refusal(iin)]
    assert not [n for n in made.mobile[:3000] if Mobile.parse(n).e164 != n]
    assert len(set(made.iin)) == len(set(made.mobile)) == len(made)


def test_every_operators_code_is_a_mobile_one() -> None:
    made = invent(3000, seed=2, today=TODAY)
    for number in {number[:5]: number for number in made.mobile}.values():
        kind = phonenumbers.number_type(phonenumbers.parse(number))
        assert kind == phonenumbers.PhoneNumberType.MOBILE


def test_check_digits_of_columns_are_those_of_the_register() -> None:
    draw = np.random.default_rng(3)
    rows = draw.integers(10, size=(3000, 11))
    for row, digit in zip(rows, check_digits(rows), strict=True):
        expected = check_digit("".join(map(str, row)))
        assert digit == (-1 if expected is None else expected)


def test_people_live_in_the_smallest_units_of_every_region() -> None:
    made = invent(20_000, seed=1, today=TODAY)
    codes = set(made.place_code)
    assert not [code for code in codes if places.children(code)]
    assert {places.region_of(code) for code in codes} == {
        unit.code for unit in places.children(None)
    }


def test_few_are_under_age_and_few_came_lately() -> None:
    made = invent(20_000, seed=1, today=TODAY)
    eighteen_years_ago = np.datetime64("2002-09-20")
    assert 0 < (made.birth_date > eighteen_years_ago).mean() < 0.01
    assert 0.02 < (made.admitted_on >= np.datetime64("2020-07-22")).mean() < 0.04
    assert (made.admitted_on < np.datetime64("2020-09-20")).all()
    assert (made.admitted_on > made.birth_date).all()


def test_a_branch_belongs_to_one_place() -> None:
    made = invent(20_000, seed=1, today=TODAY)
    homes: dict[str, set[str]] = {}
    for branch, code in zip(made.branch, made.place_code, strict=True):
        homes.setdefault(branch, set()).add(code)
    assert all(len(codes) == 1 for codes in homes.values())


def test_a_register_file_has_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    invent(10, seed=1, today=TODAY).write_csv(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(REGISTER_COLUMNS)
    assert len(lines) == 11


@pytest.mark.parametrize(
    ("masculine", "feminine"),
    [
        ("Ахметов", "Ахметова"),
        ("Кузьмин", "Кузьмина"),
        ("Воробьёв", "Воробьёва"),
        ("Вишневский", "Вишневская"),
        ("Сапарбай", "Сапарбай"),
        ("Шевченко", "Шевченко"),
        ("Ким", "Ким"),
    ],
)
def test_a_surname_takes_the_womans_form(masculine: str, feminine: str) -> None:
    assert names.surname(masculine, woman=True) == feminine
    assert names.surname(masculine, woman=False) == masculine


@pytest.mark.parametrize(
    ("father", "son", "daughter"),
    [
        ("Сергей", "Сергеевич", "Сергеевна"),
        ("Игорь", "Игоревич", "Игоревна"),
        ("Василий", "Васильевич", "Васильевна"),
        ("Дмитрий", "Дмитриевич", "Дмитриевна"),
        ("Илья", "Ильич", "Ильинична"),
        ("Никита", "Никитич", "Никитична"),
        ("Абай", "Абаевич", "Абаевна"),
        ("Зейнолла", "Зейноллович", "Зейнолловна"),
        ("Серик", "Серикович", "Сериковна"),
    ],
)
def test_a_russian_patronymic_is_formed_from_the_fathers_name(
    father: str, son: str, daughter: str
) -> None:
    assert names.patronymic(father, woman=False, kazakh=False) == son
    assert names.patronymic(father, woman=True, kazakh=False) == daughter


def test_a_kazakh_patronymic_says_son_or_daughter() -> None:
    assert names.patronymic("Серік", woman=False, kazakh=True) == "Серікұлы"
    assert names.patronymic("Серік", woman=True, kazakh=True) == "Серікқызы"


def test_there_are_stories_of_every_category_in_both_languages() -> None:
    assert set(texts.CATEGORIES) == {category.value for category in Category}
    for category in texts.CATEGORIES:
        for language in texts.LANGUAGES:
            told = [texts.story(Random(seed), category, language) for seed in range(30)]
            assert len(set(told)) > 5
            assert not [text for text in told if "{" in text or "}" in text]
            assert not [text for text in told if text[0] != text[0].upper()]


def test_the_same_seed_tells_the_same_story() -> None:
    first = [texts.story(Random(5), category, "ru") for category in texts.CATEGORIES]
    assert first == [texts.story(Random(5), category, "ru") for category in texts.CATEGORIES]
