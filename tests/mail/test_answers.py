"""Who writes is told that the mail came: once, in the own language, and never a machine."""

from collections.abc import Iterator

import pytest
from sqlmodel import select

from core import clock
from core.database import reading
from core.mail import service
from core.mail.models import IncomingMail
from core.mail.parsing import parse
from core.mail.rules import Fate
from core.messaging.models import OutboxMessage
from core.messaging.post import opened
from core.settings import settings
from tests.mail.letters import STORY, letter


@pytest.fixture(autouse=True)
def _mail_goes_out(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PRIMARIES_SMTP_URL", "smtp://127.0.0.1:9/?from=komissiya@example.kz")
    settings.cache_clear()
    yield
    settings.cache_clear()


def taken(raw: bytes) -> IncomingMail:
    mail_id = service.take_in(raw, now=clock.now()).mail_id
    with reading() as session:
        return session.get_one(IncomingMail, mail_id)


def answers() -> list[bytes]:
    with reading() as session:
        rows = session.exec(select(OutboxMessage).order_by(OutboxMessage.id)).all()  # type: ignore[arg-type]
        return [opened(row).text.encode() for row in rows]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (STORY, "автоматический"),
        ("Бастық дауыс беруге мәжбүрлейді", "автоматты"),
        ("Help", "automatic"),
    ],
    ids=["ru", "kk", "en"],
)
def test_the_answer_is_in_the_language_of_the_mail_and_repeats_nothing(
    text: str, word: str
) -> None:
    row = taken(letter(text, subject=""))
    (raw,) = answers()
    answer = parse(raw)
    assert word in answer.text
    assert row.acknowledged_at is not None
    assert not any(each in answer.text for each in text.split() if len(each) > 7)


def test_silence_follows_the_first_answer() -> None:
    taken(letter())
    (ours,) = answers()
    own_id = parse(ours).message_id
    assert taken(ours).fate == Fate.AUTOMATIC, "another system of ours would be silent too"
    for number in range(3):
        taken(letter(f"Я в отпуске {number}", subject="Нет на месте"))
    taken(letter("Спасибо", sender="other@example.kz", In_Reply_To=f"<{own_id}>"))
    taken(letter("Отчёт", sender="x@example.kz", Auto_Submitted="auto-generated"))
    taken(letter("Не доставлено", sender="MAILER-DAEMON@example.kz"))
    assert answers() == [ours]


def test_whoever_answers_the_acknowledgement_has_proved_who_they_are() -> None:
    taken(letter())
    own_id = parse(answers()[0]).message_id
    second = taken(letter("Добавлю", References=f"<x@y> <{own_id}>"))
    assert second.fate == Fate.TO_SORT, "the first one has no case yet"
    assert len(answers()) == 1
