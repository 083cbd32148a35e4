"""Complaints in figures: multiples of five, nothing of the running week, no more than that."""

import secrets
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from core import clock
from core.cases import service
from core.cases.rules import Category
from core.cases.service import ContactEntry
from core.database import unit_of_work
from core.staff.rules import Role
from portal import complaint_figures
from portal.app import app
from tests.cases.conftest import DISTRICT, MONDAY, REGION
from tests.conftest import MakeActor

pytestmark = pytest.mark.usefixtures("sqlite_database")


def get(path: str) -> str:
    client = TestClient(app, base_url="http://localhost:8502")
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == complaint_figures.KEPT_OUTSIDE
    return answer.text


def test_the_page_and_the_call_say_the_same_in_fives(make_actor: MakeActor) -> None:
    with unit_of_work() as session:
        operator = make_actor(Role.OPERATOR, session=session)
        for number in range(9):
            kind = Category.VOTE_BUYING if number < 6 else Category.OTHER
            service.log_contact(
                session,
                ContactEntry(story="Рассказ", category=kind, place=DISTRICT),
                actor=operator,
                key=secrets.token_hex(8),
                now=MONDAY,
            )
    with clock.fixed(MONDAY + timedelta(days=3)):
        assert '"total":0' in get("/api/v1/complaint-figures")
        assert "меньше пяти" in get("/ru/complaint-figures")
    with clock.fixed(MONDAY + timedelta(days=8)):
        told = get("/api/v1/complaint-figures")
        assert '"total":5,"decided":0,"upheld":0' in told
        assert f'"{REGION}":5' in told
        assert told.count('":0') == 2 + 16 + len(Category) - 1, "every region and kind is named"
        assert '"vote_buying":5' in told
        page = get("/ru/complaint-figures")
        assert "не меньше 5" in page
        assert "9" not in page.split("<main")[1].split("</main>")[0].replace("09.2020", "")
