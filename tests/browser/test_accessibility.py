"""Every public page and every step of a voter's way, asked by axe-core in light and dark."""

from datetime import timedelta
from itertools import count

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from core import clock
from core.database import unit_of_work
from core.primary.models import CandidatePage, CandidatePhoto
from core.primary.photos import read_photo
from tests.browser.conftest import PHONE, OpenVisit, Visit
from tests.browser.test_candidates import PROGRAMME, portrait
from tests.browser.voting_page import (
    ask_for_code,
    bring_code,
    cast,
    choose,
    lose_the_answers,
    open_poll_now,
    to_review,
)
from tests.voting import polls

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_numbers = count()


@pytest.fixture(scope="module")
def site(shared_installation: str, request: pytest.FixtureRequest) -> str:
    """The site of a running vote with one full candidate's page."""
    del shared_installation
    open_poll_now()
    polls.seal_roll(at=clock.now() - timedelta(days=2))
    photo = read_photo(portrait())
    with unit_of_work() as session:
        session.add(CandidatePhoto(digest=photo.digest, content=photo.content, small=photo.small))
        session.flush()
        session.add(
            CandidatePage(
                candidate_id="cand0000",
                programme_ru=PROGRAMME["ru"],
                programme_kk=PROGRAMME["kk"],
                links=["https://example.kz/me"],
                photo=photo.digest,
                changed_at=clock.now(),
                changed_by=1,
            )
        )
    url: str = request.getfixturevalue("shared_public_url")
    return url


def _asked(seen: Visit, where: str) -> None:
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(seen.page, options=options).response["violations"]
    told = [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found]
    assert not told, where


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(site: str, visit: OpenVisit, scheme: str) -> None:
    seen = visit(color_scheme=scheme, bypass_csp=True)
    for path in (
        "",
        "vote",
        "candidates",
        "candidates?q=имя",
        "candidates/contest-0",
        "candidates/contest-0/cand0000",
        "candidates/contest-0/cand0001",
        "tracker",
        "complain",
        "complaint",
        "results",
        "rules",
        "help",
        "nothing-here",
    ):
        seen.page.goto(f"{site}/kk/{path}")
        seen.page.evaluate(
            "for (const box of document.querySelectorAll('details')) box.open = true"
        )
        _asked(seen, path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_voters_way(site: str, visit: OpenVisit, scheme: str) -> None:
    number = next(_numbers)
    seen = visit(viewport=PHONE, color_scheme=scheme, bypass_csp=True)
    page = seen.page
    page.clock.install()
    page.goto(f"{site}/ru/vote")
    page.locator("[data-form=identify] button").click()
    _asked(seen, "wrong")
    ask_for_code(seen, site, number)
    page.locator("[data-step=code] summary").click()
    page.locator("#code").fill("000")
    page.locator("[data-form=code] button[type=submit]").click()
    _asked(seen, "code")
    bring_code(page, number)
    expect(page.locator("[data-step=ballot]")).to_be_visible()
    _asked(seen, "ballot")
    choose(page, 0, 0)
    page.locator("[data-form=ballot] button[type=submit]").click()
    _asked(seen, "incomplete")
    choose(page, 1, 4)
    to_review(page)
    _asked(seen, "review")
    page.clock.fast_forward("05:00")
    expect(page.get_by_role("dialog")).to_be_visible()
    _asked(seen, "idle")
    page.keyboard.press("Enter")
    page.route("**/api/v1/ballot", lose_the_answers(lambda number: True))
    cast(page)
    for _again in range(6):
        page.wait_for_timeout(500)
        page.clock.fast_forward("00:31")  # the page waits longer before each of its tries
    expect(page.locator("[data-step=uncertain]")).to_be_visible()
    _asked(seen, "uncertain")
    page.unroute("**/api/v1/ballot")
    page.locator("[data-action=resend]").click()
    expect(page.locator("[data-step=done]")).to_be_visible()
    _asked(seen, "done")
    page.get_by_role("button", name="Очистить страницу").click()
    ask_for_code(seen, site, number)
    for left in (4, 3, 2, 1, 0):
        page.locator("#code").fill("000000")
        page.locator("[data-form=code] button[type=submit]").click()
        if left:
            expect(page.locator("#code-wrong")).to_contain_text(f"Осталось попыток: {left}")
    expect(page.locator("[data-step=refused]")).to_be_visible()
    _asked(seen, "refused")


def test_twice_the_letters_fit_the_window(site: str, visit: OpenVisit) -> None:
    """200 % of a 1280-pixel window is one of 640 with letters of the same size."""
    seen = visit(viewport={"width": 640, "height": 384}, device_scale_factor=2)
    for path in ("", "vote", "candidates", "candidates/contest-0", "candidates/contest-0/cand0000"):
        seen.page.goto(f"{site}/kk/{path}")
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 640, path
    number = next(_numbers)
    ask_for_code(seen, site, number, locale="kk")
    bring_code(seen.page, number)
    expect(seen.page.locator("[data-step=ballot]")).to_be_visible()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 640
