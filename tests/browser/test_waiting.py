"""The waiting page in a real browser: the place is kept over reloads, and the turn opens the vote."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from core import clock
from core.settings import ROOT, settings
from portal.admission import Admission
from portal.app import app, uvicorn_settings
from portal.load import Load
from portal.tickets import Ticket
from tests.browser.conftest import OpenVisit, Visit
from tests.browser.test_accessibility import _asked as asked
from tests.voting import polls

PHONE = {"width": 360, "height": 740}
TICKET = "sessionStorage.getItem('primaries.waiting-ticket')"


@pytest.fixture
def url(installation: str) -> Iterator[str]:
    """The public listener in this process, where the test can form a line."""
    now = clock.now()
    polls.open_poll(
        opens=now.replace(hour=0, minute=0), closes=now.replace(year=now.year + 1), contests=1
    )
    app.middleware_stack = None  # the guard knows the port of the test before
    given: dict[str, Any] = uvicorn_settings() | {"app": app}
    server = uvicorn.Server(uvicorn.Config(**given))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{settings().public_port}"
    server.should_exit = True
    thread.join()
    app.middleware_stack = None


def form_a_line(seconds: float) -> Admission:
    """People before everybody else, for so many seconds."""
    line: Admission = app.state.runtime.admission
    line.has_line = False  # a slow machine may have formed one by itself
    now = clock.now().timestamp()
    with patch.object(Load, "expected_delay", new_callable=PropertyMock, return_value=0.2):
        line.come_in(None, "somebody", now=now)
    assert line.has_line
    while line.expected_wait(now) < seconds:
        line.ask(Ticket.new(now, now), now=now)  # somebody who came back, and whose slot is kept
    return line


def arrive(visit: OpenVisit, url: str, path: str = "/ru/vote", **options: Any) -> Visit:
    seen = visit(viewport=PHONE, **options)
    seen.page.goto(url + path)
    return seen


def ticket(page: Page) -> str:
    page.wait_for_function(f"() => {TICKET} !== null")
    found: str = page.evaluate(TICKET)
    return found


def test_the_place_is_kept_over_a_reload_and_in_another_language(
    url: str, visit: OpenVisit
) -> None:
    form_a_line(400)
    seen = arrive(visit, url)
    page = seen.page
    expect(page.get_by_role("status")).to_have_text(re.compile(r"примерно через \d+\s+мин"))
    first = ticket(page)
    seen.shot("waiting-phone-ru")
    page.reload()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"примерно через \d+\s+мин"))
    assert ticket(page) == first
    page.get_by_role("link", name="Қазақша").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"шамамен \d+ минуттан"))
    assert ticket(page) == first
    seen.shot("waiting-phone-kk")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.context.cookies() == []
    assert not seen.complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_desktop(url: str, visit: OpenVisit, scheme: str) -> None:
    form_a_line(30)
    seen = visit(color_scheme=scheme)
    seen.page.goto(f"{url}/ru/vote")
    expect(seen.page.get_by_role("status")).to_have_text(re.compile(r"примерно через \d+\s+с"))
    seen.shot(f"waiting-desktop-{scheme}")
    asked(seen, scheme)


@pytest.mark.parametrize("name", ["away", "slow"])
def test_a_page_of_the_door_is_readable_on_a_phone(visit: OpenVisit, name: str) -> None:
    seen = visit(viewport=PHONE)
    seen.page.goto((ROOT / "portal" / "door" / "errors" / f"{name}.html").as_uri())
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    seen.shot(f"door-{name}")
    asked(seen, name)


def test_the_turn_opens_the_vote_by_itself_and_lets_the_voter_in(
    url: str, visit: OpenVisit
) -> None:
    form_a_line(3)
    seen = arrive(visit, url, "/ru/vote?terminal")
    page = seen.page
    expect(page.locator("#iin")).to_be_visible(timeout=15_000)
    assert "turn" in page.url
    assert "terminal" in page.url
    form_a_line(300)
    page.fill("#iin", polls.iin(0))
    page.fill("#mobile", polls.mobile(0))
    page.get_by_role("button", name="Получить код").click()
    expect(page.locator("#code")).to_be_visible()
    assert not seen.complaints


def test_whoever_meets_the_line_at_the_button_waits_there_and_goes_on(
    url: str, visit: OpenVisit
) -> None:
    seen = arrive(visit, url)
    page = seen.page
    page.fill("#iin", polls.iin(0))
    page.fill("#mobile", polls.mobile(0))
    form_a_line(8)
    page.get_by_role("button", name="Получить код").click()
    expect(page.locator("[data-status]")).to_have_text(re.compile(r"Место в очереди за вами"))
    seen.shot("waiting-at-the-button")
    expect(page.locator("#code")).to_be_visible(timeout=30_000)


def test_whoever_has_a_challenge_in_this_tab_is_not_kept_waiting(
    url: str, visit: OpenVisit
) -> None:
    seen = arrive(visit, url)
    page = seen.page
    page.fill("#iin", polls.iin(0))
    page.fill("#mobile", polls.mobile(0))
    page.get_by_role("button", name="Получить код").click()
    expect(page.locator("#code")).to_be_visible()
    form_a_line(300)
    page.evaluate("location.reload()")
    page.wait_for_url("**/vote?turn=")
    expect(page.locator("#code")).to_be_visible()
