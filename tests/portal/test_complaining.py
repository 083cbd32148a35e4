"""Complaining and following on the site: without a script, an account, or a code in an address."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from httpx import Response
from sqlmodel import select
from starlette.testclient import TestClient

from core import clock
from core.cases.clocks import ANONYMOUS_WITHDRAWAL
from core.cases.following import GUESSES_BY_SOURCE
from core.cases.models import Case, Complainant, Contact, Evidence, Note
from core.cases.receipts import ReceiptCode
from core.cases.rules import CaseState, Channel
from core.database import reading, unit_of_work
from core.i18n import LOCALES
from portal.app import app
from tests.cases.conftest import MONDAY

pytestmark = pytest.mark.usefixtures("database")
STORY = "Мастер собрал удостоверения всей смены.\n<script>alert(1)</script>"
WRONG = ReceiptCode.from_random(b"0123456789").spelled


@pytest.fixture(autouse=True)
def _on_monday() -> Iterator[None]:
    with clock.fixed(MONDAY):
        yield


def send(path: str, address: str = "203.0.113.9", **fields: str) -> Response:
    client = TestClient(app, base_url="http://localhost:8502", client=(address, 50000))
    return client.post(f"/ru/{path}", data=fields)


def typed(page: Response) -> dict[str, str]:
    """The fields that a step carries on, as a browser would post them."""
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in hidden}


def receipt_of(page: Response) -> tuple[str, str]:
    number, code = re.findall(r'<dd class="tracker-text">([0-9A-Z-]+)</dd>', page.text)
    return number, code


def complain(**more: str) -> tuple[str, str]:
    fields = {"story": STORY, "category": "coercion_to_join", **more}
    first = send("complain", **fields, go="2")
    review = send("complain", **{**typed(first), **more}, go="3")
    sent = send("complain", **typed(review), go="send")
    assert sent.status_code == 201
    return receipt_of(sent)


def act(number: str, code: str, name: str, words: str = "") -> Response:
    return send("complaint", number=number, code=code, act=name, words=words)


def stored() -> Case:
    with reading() as session:
        return session.exec(select(Case)).one()


def change(**facts: object) -> None:
    with unit_of_work() as session:
        case = session.exec(select(Case)).one()
        for name, value in facts.items():
            setattr(case, name, value)
        session.add(case)


def test_nothing_is_stored_before_it_is_sent_and_a_step_back_keeps_every_word() -> None:
    first = send("complain", story=STORY, category="vote_buying", place="103200000", go="2")
    second = send("complain", **typed(first), name="Айгүл", times="после 19:00", go="3")
    assert "&lt;script&gt;" in second.text
    assert "<script>alert" not in second.text
    back = send("complain", **typed(second), go="1")
    assert typed(back)["name"] == "Айгүл"
    assert "<textarea" in back.text
    assert STORY.splitlines()[0] in back.text
    with reading() as session:
        assert session.exec(select(Contact)).all() == []
    again = send("complain", **{**typed(back), "story": STORY, "place": ""}, go="3")
    assert typed(again)["times"] == "после 19:00"


def test_a_double_press_makes_one_complaint_with_one_receipt() -> None:
    review = send("complain", story=STORY, go="3")
    first, second = (send("complain", **typed(review), go="send") for _press in range(2))
    assert receipt_of(first) == receipt_of(second)
    assert first.headers["cache-control"] == "no-store"
    with reading() as session:
        assert len(session.exec(select(Contact)).all()) == 1
        assert session.exec(select(Complainant)).all() == []


def test_a_complaint_that_is_empty_or_too_long_comes_back_with_a_sentence() -> None:
    assert send("complain", story=" \u202e ", go="send").status_code == 422
    refused = send("complain", story="я" * 20_001, go="send")
    assert refused.status_code == 422
    assert "20" in refused.text
    assert send("complain", story="a" * 1_000_000, go="send").status_code == 413
    with reading() as session:
        assert session.exec(select(Contact)).all() == []


def test_marks_that_turn_letters_about_are_taken_out() -> None:
    review = send("complain", story="счёт\u202egpj.exe\u2066", go="3")
    assert typed(review)["story"] == "счётgpj.exe"


def test_wishes_how_to_be_reached_go_with_the_complaint_encrypted() -> None:
    number, code = complain(phone="+77015550142", not_at_work="1", times="после 19:00")
    with reading() as session:
        person = session.exec(select(Complainant)).one()
        assert person.reach is not None
        assert "после".encode() not in person.reach
    assert send("complaint", number=number, code=code).status_code == 200


def test_number_and_code_are_asked_in_the_body_and_stand_in_no_address() -> None:
    number, code = complain()
    page = send("complaint", number=number.lower(), code=code.lower().replace("-", " "))
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    addresses = re.findall(r'(?:href|action|src)="([^"]*)"', page.text)
    assert addresses
    assert not any(code[:4] in address or number in address for address in addresses)


def test_an_unknown_number_and_a_wrong_code_get_one_page_and_guessing_ends() -> None:
    number, code = complain()
    wrong = send("complaint", "198.51.100.7", number=number, code=WRONG)
    unknown = send("complaint", "198.51.100.7", number="0000-0000", code=WRONG)
    assert wrong.status_code == unknown.status_code == 404
    assert wrong.text.replace(number, "") == unknown.text.replace("0000-0000", "")
    for name in ("answer", "add", "ask_withdrawal", "appeal", "change_code"):
        tried = send("complaint", "198.51.100.7", number=number, code=WRONG, act=name, words="x")
        assert tried.status_code == 404
    for _guess in range(GUESSES_BY_SOURCE):
        last = send("complaint", "198.51.100.7", number=number, code=WRONG)
    assert last.status_code == 429
    assert send("complaint", "198.51.100.7", number=number, code=code).status_code == 429
    assert send("complaint", number=number, code=code).status_code == 200


def test_a_code_opens_no_other_complaint() -> None:
    (_own, code), (other, _code) = complain(), complain(story="Другое дело")
    assert send("complaint", number=other, code=code).status_code == 404


def test_a_code_that_was_read_out_must_be_changed_before_anything_is_told() -> None:
    number, code = complain()
    change(receipt_spoken=True)
    offered = send("complaint", number=number, code=code)
    new = typed(offered)["new_code"]
    assert "Узнать" not in offered.text
    refused = act(number, code, "add", "Ещё")
    assert refused.status_code == 422
    answers = [
        send("complaint", number=number, code=code, act="change_code", new_code=new)
        for _press in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert send("complaint", number=number, code=code).status_code == 404
    assert send("complaint", number=number, code=new).status_code == 200
    # A second change is nobody's to make: the code is no longer one that was heard.
    again = send("complaint", number=number, code=new, act="change_code", new_code=WRONG)
    assert again.status_code == 404
    assert send("complaint", number=number, code=new).status_code == 200


def test_a_question_is_answered_once_and_more_can_be_added() -> None:
    number, code = complain()
    change(state=CaseState.NEEDS_INFO.value, came_from=CaseState.TRIAGE.value, pauses=1)
    assert [act(number, code, "answer", "Во вторник").status_code for _ in range(2)] == [200, 200]
    assert stored().state == CaseState.TRIAGE.value
    shown = act(number, code, "add", "Есть <b>свидетель</b>")
    assert shown.status_code == 200
    assert "Есть &lt;b&gt;свидетель" in shown.text
    late = act(number, code, "answer", "Слова, которые опоздали")
    assert late.status_code == 422
    assert "Слова, которые опоздали" in late.text
    with reading() as session:
        assert len(session.exec(select(Note)).all()) == 2


def test_an_anonymous_withdrawal_waits_a_day_and_can_be_taken_back() -> None:
    number, code = complain()
    assert act(number, code, "confirm_withdrawal").status_code == 422
    act(number, code, "ask_withdrawal")
    act(number, code, "keep")
    assert stored().withdrawal_asked_at is None
    act(number, code, "ask_withdrawal")
    with clock.fixed(MONDAY + ANONYMOUS_WITHDRAWAL - timedelta(seconds=1)):
        assert act(number, code, "confirm_withdrawal").status_code == 422
    with clock.fixed(MONDAY + ANONYMOUS_WITHDRAWAL):
        assert act(number, code, "confirm_withdrawal").status_code == 200
    assert stored().state == CaseState.WITHDRAWN.value


def test_whoever_left_a_number_withdraws_by_a_second_channel() -> None:
    number, code = complain(phone="+77015550142")
    act(number, code, "ask_withdrawal")
    with clock.fixed(MONDAY + timedelta(days=2)):
        assert act(number, code, "confirm_withdrawal").status_code == 422
    assert stored().state != CaseState.WITHDRAWN.value
    change(withdrawal_channel=Channel.PHONE.value)
    assert act(number, code, "confirm_withdrawal").status_code == 200
    assert stored().state == CaseState.WITHDRAWN.value


def test_an_appeal_is_open_in_its_window_alone() -> None:
    number, code = complain()
    until = MONDAY + timedelta(days=3)
    change(state=CaseState.INADMISSIBLE.value, appeal_until=until)
    assert 'value="appeal"' in send("complaint", number=number, code=code).text
    with clock.fixed(until):
        assert act(number, code, "appeal", "Не опросили").status_code == 422
    assert act(number, code, "appeal", " ").status_code == 422
    assert stored().state == CaseState.INADMISSIBLE.value


def test_the_api_tells_nothing_by_a_code_that_was_read_out() -> None:
    number, code = complain()
    change(receipt_spoken=True)
    client = TestClient(app, base_url="http://localhost:8502", client=("203.0.113.9", 50000))
    told = client.get(f"/api/v1/complaints/{number}", headers={"Authorization": f"Bearer {code}"})
    assert told.status_code == 403
    assert told.json()["code"] == "code_must_change"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_pages_are_whole_in_every_language(locale: str) -> None:
    client = TestClient(app, base_url="http://localhost:8502")
    for path in ("complain", "complaint"):
        page = client.get(f"/{locale}/{path}")
        assert page.status_code == 200
        assert len(page.content) < 100_000
        assert "script-src 'self'" in page.headers["content-security-policy"]


def attach(number: str, code: str, name: str, content: bytes) -> Response:
    client = TestClient(app, base_url="http://localhost:8502", client=("203.0.113.9", 50000))
    return client.post(
        "/ru/complaint/file",
        data={"number": number, "code": code},
        files={"file": (name, content, "text/html")},
    )


def files() -> list[Evidence]:
    with reading() as session:
        return list(session.exec(select(Evidence)).all())


def test_a_file_is_added_with_number_and_code_and_listed() -> None:
    number, code = complain()
    added = attach(number, code, "..\\\u202eпропуск.png.pdf", b"%PDF-1.7 order")
    assert added.status_code == 200
    assert "пропуск.pdf" in added.text
    assert "Файлы, которые вы добавили" in added.text
    assert attach(number, code, "again.pdf", b"%PDF-1.7 order").status_code == 200
    (kept,) = files()
    assert (kept.account_id, kept.kind, kept.size) == (None, "pdf", 14)
    assert "пропуск.pdf" in send("complaint", number=number, code=code).text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("photo.svg", b"<svg onload='alert(1)'>", id="svg"),
        pytest.param("photo.jpg.exe", b"MZ\x90\0\x03\0", id="double ending"),
        pytest.param("photo.jpg", b"<!DOCTYPE html><script>", id="page"),
        pytest.param("list.zip", b"PK\x03\x04", id="archive"),
        pytest.param("empty.pdf", b"", id="empty"),
    ],
)
def test_what_is_no_evidence_is_refused_with_a_sentence(name: str, content: bytes) -> None:
    number, code = complain()
    refused = attach(number, code, name, content)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert "alert(1)" not in refused.text
    assert files() == []


def test_a_file_needs_the_code_and_guesses_are_counted() -> None:
    number, _code = complain()
    assert attach(number, WRONG, "x.pdf", b"%PDF-1.7").status_code == 404
    assert attach("", "", "x.pdf", b"%PDF-1.7").status_code == 404
    for _guess in range(GUESSES_BY_SOURCE):
        last = attach(number, WRONG, "x.pdf", b"%PDF-1.7")
    assert last.status_code == 429
    assert files() == []


def test_a_code_that_was_read_out_adds_nothing() -> None:
    number, code = complain()
    change(receipt_spoken=True)
    attach(number, code, "x.pdf", b"%PDF-1.7")
    assert files() == []


def test_gigabytes_are_refused_by_their_announcement_and_in_chunks() -> None:
    number, code = complain()
    client = TestClient(app, base_url="http://localhost:8502")
    kind = "multipart/form-data; boundary=b"
    announced = {"Content-Type": kind, "Content-Length": str(2 * 1024**3)}
    assert client.post("/ru/complaint/file", content=b"", headers=announced).status_code == 413
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        yield (
            f'--b\r\nContent-Disposition: form-data; name="number"\r\n\r\n{number}\r\n'
            f'--b\r\nContent-Disposition: form-data; name="code"\r\n\r\n{code}\r\n'
            '--b\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n\r\n%PDF-'
        ).encode()
        while given < 40 * 1024**2:
            given += 1024**2
            yield bytes(1024**2)

    chunked = client.post("/ru/complaint/file", content=endless(), headers={"Content-Type": kind})
    assert chunked.status_code == 413
    assert files() == []


def test_what_is_no_form_of_ours_is_answered_as_a_wrong_code() -> None:
    client = TestClient(app, base_url="http://localhost:8502")
    for kind, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("application/json", b"{}"),
    ):
        answer = client.post("/ru/complaint/file", content=body, headers={"Content-Type": kind})
        assert answer.status_code in {404, 422}
    assert files() == []


def test_whoever_changes_the_language_after_a_file_is_asked_for_the_code() -> None:
    client = TestClient(app, base_url="http://localhost:8502")
    asked = client.get("/kk/complaint/file")
    assert asked.status_code == 200
    assert 'name="code"' in asked.text
