"""What is quoted stands apart from the sender's own words, and nothing of it is lost."""

import pytest

from core.mail.quotes import parted

OWN = "Добавлю: есть свидетель."
STYLES = {
    "marked lines": "> прежнее\n> ещё",
    "Gmail in Russian": "пн, 5 окт. 2020 г. в 10:14, Комиссия <k@example.kz>:\n> прежнее",
    "Mail.ru": "Понедельник, 5 октября 2020, 10:14 +06:00 от Комиссия <k@example.kz>:\n> прежнее",
    "Yandex": "05.10.2020, 10:14, «Комиссия» <k@example.kz> пишет:\n> прежнее",
    "Apple Mail": "5 окт. 2020 г., в 10:14, Комиссия <k@example.kz> написал(а):\n\n> прежнее",
    "Thunderbird": "05.10.2020 10:14, Комиссия пишет:\n> прежнее",
    "in Kazakh": "2020 ж. 5 қазан, 10:14, Комиссия <k@example.kz> жазды:\n> прежнее",
    "Outlook in Russian": "________________________________\nОт: Комиссия\nОтправлено: 5 октября\n"
    "Кому: Айгуль\nТема: Вопрос\n\nпрежнее",
    "Outlook in English": "From: Commission\nSent: Monday, October 5\nTo: A\nSubject: Q\n\nпрежнее",
    "Outlook in Kazakh": "Кімнен: Комиссия\nЖіберілді: 5 қазан\nКімге: А\nТақырыбы: Сұрақ\n\nпрежнее",
    "original message": "-----Original Message-----\nFrom: k@example.kz\n\nпрежнее",
    "исходное сообщение": "-------- Исходное сообщение --------\nпрежнее",
    "in English over two lines": "On Mon, 5 Oct 2020 at 10:14, Commission\n<k@example.kz> wrote:\n> прежнее",
}


@pytest.mark.parametrize("style", STYLES)
def test_the_own_words_end_where_the_quotation_begins(style: str) -> None:
    own, quoted = parted(f"{OWN}\n\n{STYLES[style]}")
    assert own == OWN
    assert "прежнее" in quoted
    assert sorted(f"{own}\n{quoted}".split()) == sorted(f"{OWN} {STYLES[style]}".split())


@pytest.mark.parametrize(
    "text",
    [
        "Начальник пишет:\nвсем вступить в партию",
        "От: кого угодно жду ответа",
        "> Кто слышал?\nОхранник.\n> Когда?\nВо вторник.",
        "5 > 3, а 2 < 4",
    ],
)
def test_what_is_not_a_quotation_stays(text: str) -> None:
    assert parted(text) == (text, "")
