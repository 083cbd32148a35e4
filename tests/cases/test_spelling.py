"""One person under three alphabets, and two people who only share a name."""

import pytest

from core.cases.spelling import part_keys, same_person, whole_key, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Жұмабаев Әли", "Ali Zhumabayev"),
        ("Жумабаев Али", "Жұмабаев Әли"),
        ("Ахметов Серик Болатович", "Serik Akhmetov"),
        ("Ахметов С. Б.", "Ахметов Серик Болатович"),
        ("С. Ахметов", "Ахметов Серік Болатұлы"),
        ("АХМЕТОВ", "Ахметов Серик"),
        ("Семёнов Пётр", "Семенов Петр"),
        ("Қасымова Айгүл", "Kasymova Aigul"),
        ("Щукина Юлия", "Yuliya Shchukina"),
        ("  Нұрлан   Төлеген ", "Толеген, Нурлан"),
    ],
)
def test_the_same_person_is_found(one: str, other: str) -> None:
    assert same_person(one, other)
    assert same_person(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ахметов Серик Болатович", "Ахметова Сауле"),
        ("Ахметов Серик Болатович", "Ахметов Серик Каримович"),
        ("Ахметов К. Б.", "Ахметов Серик Болатович"),
        ("Иванов", "Петров"),
        ("", "Иванов Иван"),
        ("12345", "Иванов Иван"),
    ],
)
def test_other_people_are_not(one: str, other: str) -> None:
    assert not same_person(one, other)


def test_a_lone_initial_means_nobody() -> None:
    assert "s" not in part_keys("Ахметов Серик")
    assert not same_person("С.", "Ахметов Серик")


def test_a_name_of_a_thousand_words_stays_small() -> None:
    assert len(words_of("имя " * 1000 + " ".join(f"слово{chr(1072 + i)}" for i in range(30)))) <= 5
    assert len(part_keys(" ".join(f"слово{chr(1072 + i)}" for i in range(30)))) < 200


def test_marks_that_turn_the_text_about_change_no_key() -> None:
    assert whole_key("Ахметов\u202e Серик\u200b") == whole_key("Ахметов Серик")
