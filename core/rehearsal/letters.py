"""Mails of a rehearsal: what a committee's mailbox receives in a day, in the charsets and shapes in
which it comes.
"""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from random import Random
from typing import Final

from core import clock
from core.cases.rules import Category
from core.mail import service as mail
from core.rehearsal import texts
from core.rehearsal.desk import At

_LETTERS: Final = 14
_CHARSETS: Final = {"ru": ("utf-8", "koi8-r", "windows-1251"), "kk": ("utf-8",)}
_SUBJECTS: Final = {
    "ru": ("Жалоба", "Прошу разобраться", "Принуждение на работе", "Вопрос комиссии", "Срочно"),
    "kk": ("Шағым", "Көмек сұраймын", "Жұмыстағы қысым", "Комиссияға"),
}


def receive_mail(*, seed: int, at: At) -> int:
    """Let the mailbox's mails of the last hours come in; gives how many."""
    draw = Random(f"{seed} letters")  # noqa: S311 - invented people
    now = clock.now()
    mails = list(_mails(draw))
    for number, raw in enumerate(mails):
        came = now - timedelta(minutes=11 * (len(mails) - number))
        with at(came):
            mail.take_in(raw, now=clock.now())
    return len(mails)


def _mails(draw: Random) -> Iterator[bytes]:
    categories = [each for each in Category if each is not Category.OTHER]
    for number in range(_LETTERS):
        language = draw.choice(texts.LANGUAGES)
        story = texts.story(draw, draw.choice(categories).value, language)
        message = _message(number, draw.choice(_SUBJECTS[language]))
        message.set_content(story, charset=draw.choice(_CHARSETS[language]))
        yield message.as_bytes()
    yield from _odd_ones(draw)


def _odd_ones(draw: Random) -> Iterator[bytes]:
    """A page with a picture that counts its readers, an answer with what it quotes, a machine's."""
    story = texts.story(draw, Category.COERCION_TO_VOTE.value, "ru")
    page = _message(_LETTERS, "Fwd: рассылка начальника")
    page.set_content(
        f"<html><body><p>{story}</p><img src='https://tracker.invalid/1.gif'>"
        "<p style='display:none'>не видно</p><script>alert(1)</script></body></html>",
        subtype="html",
    )
    yield page.as_bytes()
    answer = _message(_LETTERS + 1, "Re: Ваше обращение")
    answer.set_content(
        "Добавлю: при разговоре была вахтёр, она подтвердит.\n\n"
        "5 октября 2020 г., 10:14, Комиссия <komissiya@example.kz> пишет:\n"
        "> Кто ещё слышал этот разговор?\n"
    )
    yield answer.as_bytes()
    away = _message(_LETTERS + 2, "Автоответ: я в отпуске")
    away["Auto-Submitted"] = "auto-replied"
    away.set_content("Я в отпуске до 12 октября.")
    yield away.as_bytes()


def _message(number: int, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Участник {number + 1} <person{number + 1}@example.kz>"
    message["To"] = "komissiya@example.kz"
    message["Subject"] = subject
    message["Message-ID"] = f"<rehearsal{number}@example.kz>"
    return message
