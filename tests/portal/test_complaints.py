"""The complaints API: anybody may complain, nobody may guess."""

import pytest
from httpx import Response
from sqlmodel import select
from starlette.testclient import TestClient

from core.cases.following import GUESSES_BY_SOURCE
from core.cases.models import Attempt, Case, Complainant, Contact
from core.cases.receipts import ReceiptCode
from core.database import unit_of_work
from portal.app import app

pytestmark = pytest.mark.usefixtures("database")
PATH = "/api/v1/complaints"
STORY = "Директор школы требует скриншот голосования."
WRONG = ReceiptCode.from_random(b"0123456789").spelled


def client(address: str = "203.0.113.9") -> TestClient:
    return TestClient(app, base_url="http://localhost:8502", client=(address, 50000))


def complain(**body: object) -> Response:
    return client().post(PATH, json={"text": STORY, **body})


def follow(number: str, code: str, address: str = "203.0.113.9", **headers: str) -> Response:
    given = {"Authorization": f"Bearer {code}", **headers}
    return client(address).get(f"{PATH}/{number}", headers=given)


def test_an_anonymous_complaint_gets_a_receipt_that_opens_it() -> None:
    made = complain()
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    receipt = made.json()
    assert sorted(receipt) == ["code", "number"]
    status = follow(receipt["number"], receipt["code"]).json()
    assert status["state"] == "received"
    assert status["number"] == receipt["number"]
    assert status["messages"] == []
    with unit_of_work() as session:
        assert session.exec(select(Complainant)).all() == []
        assert session.exec(select(Case)).one().channel == "portal"


@pytest.mark.parametrize(
    ("language", "word"), [("ru", "Ваше обращение"), ("kk", "Өтінішіңіз"), ("en", "Your complaint")]
)
def test_the_status_is_said_in_the_readers_language(language: str, word: str) -> None:
    receipt = complain().json()
    answer = follow(receipt["number"], receipt["code"], **{"Accept-Language": language})
    assert answer.json()["text"].startswith(word)


def test_category_place_and_contact_are_kept_and_unknown_ones_lose_no_complaint() -> None:
    assert complain(
        category="vote_buying",
        place="103200000",
        contact={"name": "Тайна", "phone": "87015550142", "reach": "вечером"},
    ).is_success
    assert complain(category="no such thing", place="nowhere").is_success
    with unit_of_work() as session:
        cases = session.exec(select(Case).order_by(Case.id)).all()  # type: ignore[arg-type]
        assert [(case.category, case.place_code) for case in cases] == [
            ("vote_buying", "103200000"),
            ("other", None),
        ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"text": 5}', 400),
        (b'{"text": "x", "unknown": 1}', 400),
        (b'{"text": "\xff"}', 400),
        (b'{"text": "  "}', 422),
        (('{"text": "' + "я" * 20_001 + '"}').encode(), 413),
        (b'{"text": "' + b"x" * 300_000 + b'"}', 413),
    ],
)
def test_wrong_input_is_answered_with_a_problem(body: bytes, status: int) -> None:
    answer = client().post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"]


def test_another_type_than_json_is_refused() -> None:
    assert client().post(PATH, data={"text": STORY}).status_code == 415


def test_a_repeat_with_the_same_key_is_one_complaint() -> None:
    headers = {"Idempotency-Key": "0123456789abcdef"}
    first, again = (client().post(PATH, json={"text": STORY}, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    other = client().post(PATH, json={"text": "Другое"}, headers=headers)
    assert other.status_code == 409
    with unit_of_work() as session:
        assert len(session.exec(select(Contact)).all()) == 1


def test_wrong_number_wrong_code_and_no_code_get_one_answer() -> None:
    receipt = complain().json()
    answers = [
        follow(receipt["number"], WRONG),
        follow("0000-0000", receipt["code"]),
        follow("x" * 5000, WRONG),
        client().get(f"{PATH}/{receipt['number']}"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_guessing_is_stopped_and_the_complainant_elsewhere_is_not() -> None:
    receipt = complain().json()
    for _ in range(GUESSES_BY_SOURCE):
        follow(receipt["number"], WRONG)
    stopped = follow(receipt["number"], receipt["code"])
    assert stopped.status_code == 429
    assert stopped.headers["retry-after"]
    assert follow(receipt["number"], receipt["code"], "198.51.100.3").status_code == 200


def test_many_complaints_from_one_address_are_slowed_with_a_sentence() -> None:
    answers = [complain() for _ in range(22)]
    assert answers[-1].status_code == 429
    assert "слишком много" in answers[-1].json()["title"]
    assert client("2001:db8::1").post(PATH, json={"text": STORY}).status_code == 201


def test_no_address_is_kept_readable() -> None:
    complain()
    with unit_of_work() as session:
        for attempt in session.exec(select(Attempt)).all():
            assert b"203.0.113" not in attempt.subject


def test_the_calls_stand_in_the_openapi_document() -> None:
    paths = client().get("/api/v1/openapi.json").json()["paths"]
    assert "post" in paths[PATH]
    assert "get" in paths[f"{PATH}/{{number}}"]
