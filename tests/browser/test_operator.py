"""The hotline without a mouse: ten calls by keyboard, and what a reload or a restart takes away."""

import statistics
import sys
import time
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

from playwright.sync_api import expect
from sqlmodel import func, select

from core.cases.models import Contact
from core.cases.rules import Category
from core.database import reading
from core.i18n import term, use_locale
from core.settings import settings
from core.staff.rules import Role
from tests.browser.conftest import OpenVisit, staff_listener
from tests.browser.staff_screens import StaffScreens, say
from tests.conftest import MakeActor

CALLS = 10
STORIES = (
    "Начальник смены требует вступить в партию, иначе уволит.",
    "Мектеп директоры партияға кірмегендерді жұмыстан шығарамын дейді.",
    "Предлагали пять тысяч за голос у подъезда.",
    "Дәрігерлерден телефон нөмірлерін жинап жатыр.",
)
PLACES = ("кокшетау", "риддер", "балхаш", "сатпаев", "экибастуз")


def contacts() -> int:
    with reading() as session:
        return session.exec(select(func.count()).select_from(Contact)).one()


def type_call(operator: StaffScreens, turn: int, story: str) -> None:
    """A call from the first field to the story, by keys alone."""
    keys = operator.visit.page.keyboard
    expect(operator.field(say("Caller's number"))).to_be_focused()
    keys.type(f"8701555{turn:04d}")
    keys.press("Tab")
    keys.type("Айгуль" if turn % 2 else "")
    keys.press("Tab")
    keys.type(PLACES[turn % len(PLACES)])
    keys.press("Enter")
    # Past the sign that empties a choice.
    keys.press("Tab")
    keys.press("Tab")
    with use_locale("ru"):
        keys.type(term(list(Category)[turn % 4])[:9])
    keys.press("Enter")
    # Past the sign that empties a choice.
    keys.press("Tab")
    keys.press("Tab")
    keys.type(story)


def test_an_operator_logs_ten_calls_by_keyboard_and_loses_none(
    installation: str, tmp_path: Path, visit: OpenVisit, make_actor: MakeActor
) -> None:
    seen = visit()
    page = seen.page
    operator = StaffScreens(seen, f"http://127.0.0.1:{settings().port}")
    spent = []
    with closing(staff_listener(tmp_path / "staff.log")) as running:
        next(running)
        operator.enter_as(make_actor(Role.OPERATOR).login)
        operator.open("call", say("Log a call"))
        for turn, story in enumerate(islice(cycle(STORIES), CALLS)):
            begun = time.perf_counter()
            type_call(operator, turn, story)
            page.keyboard.press("Control+Enter")
            if turn == 0:
                page.keyboard.press("Control+Enter")
            expect(operator.field(say("What happened"))).to_have_value("")
            expect(page.get_by_text(say("Saved. Read this out to the caller:"))).to_be_visible()
            spent.append(time.perf_counter() - begun)
            operator.settle()
            assert contacts() == turn + 1
        seen.shot("ten-calls")
        type_call(operator, CALLS, STORIES[1])
        page.keyboard.press("Tab")
        operator.settle()
        page.reload()
        operator.expect_title(say("Log a call"))
        expect(operator.field(say("What happened"))).to_have_value(STORIES[1])
    with closing(staff_listener(tmp_path / "again.log")) as running:
        next(running)
        page.reload()
        operator.expect_title(say("Log a call"))
        expect(operator.field(say("What happened"))).to_have_value(STORIES[1])
        expect(operator.field(say("Caller's number"))).to_have_value(f"8701555{CALLS:04d}")
        operator.field(say("What happened")).press("Control+Enter")
        expect(operator.field(say("What happened"))).to_have_value("")
        operator.settle()
        assert contacts() == CALLS + 1
        with reading() as session:
            kept = session.exec(select(Contact.place_code, Contact.category)).all()
        assert None not in {value for row in kept for value in row}
        assert len(set(kept)) > len(PLACES), "each call has its own place and category"
        operator.open("cases", say("Cases"))
        operator.fill(say("Search"), "голоса подъездов")
        expect(page.get_by_text(say("Choose a row to open the case."))).to_be_visible()
        expect(page.get_by_text("2 строки")).to_be_visible()
        assert not operator.scrolls_sideways()
        seen.shot("found")
    sys.stdout.write(f"median time per call by keyboard: {statistics.median(spent):.2f} s\n")
