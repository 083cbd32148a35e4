"""Every way in which Cyrillic mail is written is read right."""

from base64 import b64encode
from itertools import product
from quopri import encodestring

import pytest

from core.mail.charsets import charset_named, to_text
from core.mail.parsing import parse

SENTENCES = (
    "Иск",
    "Ёлка",
    "Жалоба",
    "Меня уволят",
    "Нас заставляют вступать в партию.",
    "Начальник сказал: не проголосуете — лишу премии!",
    "Мне пришло СМС с кодом, а потом позвонили и попросили его продиктовать.",
    "В посёлке № 5 бюллетени выдавали без удостоверения, свидетели: Иванова, Петров и Ким.",
    "Я узнал из сайта, что состою в партии с мая, хотя заявления не писал и взносов не платил; "
    "прошу исключить меня и наказать виновных.",
    "Сегодня утром, в девять часов, директор школы собрал учителей и потребовал, чтобы каждый "
    "привёл десять человек, а список с номерами телефонов и ИИН сдал до обеда завучу; кто "
    "отказался, тому пригрозили увольнением и проверкой, поэтому прошу не называть моего имени "
    "никому, кроме членов комиссии.",
)
CHARSETS = ("utf-8", "koi8-r", "windows-1251", "iso-8859-5")


def encodable(text: str, charset: str) -> str:
    """What of a sentence the charset can write."""
    return " ".join(text.encode(charset, "ignore").decode(charset).split())


def written(text: str, charset: str, encoding: str, *, raw_subject: bool) -> bytes:
    """A mail as some program writes it."""
    content = text.encode(charset)
    subject = (
        content if raw_subject else b"=?" + charset.encode() + b"?B?" + b64encode(content) + b"?="
    )
    body = {
        "8bit": content,
        "base64": b64encode(content),
        "quoted-printable": encodestring(content),
    }
    return (
        b"From: a@example.org\r\nSubject: " + subject + b"\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=" + charset.encode() + b"\r\n"
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body[encoding]
    )


@pytest.mark.parametrize(
    ("charset", "encoding", "raw_subject"),
    list(product(CHARSETS, ("8bit", "base64", "quoted-printable"), (False, True))),
)
def test_subject_and_text_are_read_right(charset: str, encoding: str, *, raw_subject: bool) -> None:
    for sentence in SENTENCES:
        text = encodable(sentence, charset)
        mail = parse(written(text, charset, encoding, raw_subject=raw_subject))
        assert (mail.subject, mail.text) == (text, text)


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("declared", [None, "x-unknown-17", "us-ascii", "iso-8859-1"])
def test_text_of_no_charset_or_a_wrong_one_is_judged_by_its_letters(
    charset: str, declared: str | None
) -> None:
    for sentence in SENTENCES[2:]:
        text = encodable(sentence, charset)
        assert to_text(text.encode(charset), declared) == text


def test_kazakh_text_of_no_charset_is_read() -> None:
    text = "Мені партияға күштеп кіргізді, әкімдікте қызмет істеймін"
    assert to_text(text.encode("utf-8"), "x-none") == text
    assert to_text(text.encode("kz1048")) == text


def test_western_letters_and_wrong_names_survive() -> None:
    assert to_text("Café à Almaty, déjà vu".encode("latin-1"), "iso-8859-1").startswith("Café à")
    assert charset_named("rot13") is None
    assert charset_named("zlib") is None
    assert charset_named('"WIN-1251"') == "cp1251"
    # A label that cannot be true is not believed.
    assert to_text("Прошу разобраться".encode(), "windows-1251") == "Прошу разобраться"
