"""A device that many use: who leaves it or falls silent is signed out, and nothing of them stays."""

from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, OpenVisit, Visit
from tests.browser.voting_page import (
    ask_for_code,
    bring_code,
    cast,
    choose,
    fill_ballot,
    is_stored,
    lose_the_answers,
    open_poll_now,
    shown_trackers,
    sign_in,
    votes,
)
from tests.voting.polls import iin, mobile

_numbers = count()

TRACES = """() => ({
    kept: sessionStorage.length + localStorage.length,
    typed: [...document.querySelectorAll("input")].map((input) => input.value).join(""),
    contests: document.querySelector("[data-contests]").childElementCount,
    review: document.querySelector("[data-review]").childElementCount,
    trackers: document.querySelectorAll("[data-tracker]").length,
    reference: document.querySelector("[data-reference]").textContent,
})"""
NOTHING = {"kept": 0, "typed": "", "contests": 0, "review": 0, "trackers": 0, "reference": ""}


@pytest.fixture(scope="module")
def site(shared_installation: str, request: pytest.FixtureRequest) -> str:
    """The site of a running vote."""
    del shared_installation
    open_poll_now()
    url: str = request.getfixturevalue("shared_public_url")
    return url


@pytest.fixture
def voter() -> int:
    """The number of a voter who has not voted."""
    return next(_numbers)


def _timed(visit: OpenVisit, **options: object) -> Visit:
    """A page whose clock the test can put forward."""
    seen = visit(**options)
    seen.page.clock.install()
    return seen


def _is_signed_out(page: Page) -> None:
    """The server took the cookie back. A page that is being left reports no answer of its own."""
    for _wait in range(50):
        if not page.context.cookies():
            return
        page.wait_for_timeout(100)
    raise AssertionError("the session is still there")


def _nothing_is_left(page: Page) -> None:
    assert page.evaluate(TRACES) == NOTHING
    _is_signed_out(page)


def test_who_falls_silent_is_asked_then_signed_out(site: str, visit: OpenVisit, voter: int) -> None:
    seen = _timed(visit, viewport=PHONE, locale="kk-KZ")
    page = seen.page
    sign_in(seen, site, voter, locale="kk")
    chosen = choose(page, 0, 1)
    dialog = page.get_by_role("dialog")
    page.clock.fast_forward("04:50")
    page.wait_for_timeout(1500)
    expect(dialog).to_be_hidden()
    page.clock.fast_forward("00:10")
    expect(dialog).to_be_visible()
    expect(page.locator("[data-stay]")).to_be_focused()
    seen.shot("1-asked")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert page.locator("fieldset input:checked").input_value() == chosen
    page.clock.fast_forward("05:00")
    expect(dialog).to_be_visible()
    page.clock.fast_forward("00:40")
    expect(dialog).to_be_visible()
    with page.expect_response("**/api/v1/sign-out") as answer:
        page.clock.fast_forward("00:20")
    assert answer.value.status == 204
    expect(page.locator("[data-step=ended]")).to_be_visible()
    expect(dialog).to_be_hidden()
    seen.shot("2-ended")
    _nothing_is_left(page)
    assert not seen.complaints


def test_a_device_that_slept_signs_out_when_it_wakes(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _timed(visit)
    sign_in(seen, site, voter)
    seen.page.clock.fast_forward("14:00")
    expect(seen.page.locator("[data-step=ended]")).to_be_visible()
    _nothing_is_left(seen.page)


def test_the_session_of_who_left_is_over_for_the_next(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    kept = page.context.cookies()
    with page.expect_response("**/api/v1/sign-out"):
        page.get_by_role("button", name="Выйти, не голосуя").click()
    _nothing_is_left(page)
    page.context.add_cookies(kept)  # type: ignore[arg-type]  # as somebody who had copied it
    status = page.evaluate(
        """async () => (await fetch("/api/v1/ballot", {
            method: "POST",
            headers: {"Content-Type": "application/json", "Idempotency-Key": "0123456789abcdef"},
            body: JSON.stringify({ballots: []}),
        })).status"""
    )
    assert status == 401


def test_leaving_the_page_signs_out_and_the_way_back_shows_nothing(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.get_by_role("link", name="Правила").click()
    page.wait_for_load_state("networkidle")
    _is_signed_out(page)
    page.go_back()
    expect(page.locator("[data-step=identify]")).to_be_visible()
    _nothing_is_left(page)


def test_the_way_back_after_the_cast_shows_no_receipt(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    cast(page)
    expect(page.locator("[data-step=done]")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert page.context.cookies() == []
    page.locator("[data-step=done]").get_by_role("link", name="Проверить бюллетень").click()
    expect(page.get_by_label("Трек-номер")).to_be_visible()
    page.go_back()
    expect(page.locator("[data-step=identify]")).to_be_visible()
    _nothing_is_left(page)


def test_a_page_that_the_browser_keeps_for_the_way_back_is_kept_empty(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    with page.expect_response("**/api/v1/sign-out"):
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    _nothing_is_left(page)
    with page.expect_navigation():
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("[data-step=identify]")).to_be_visible()


def test_a_reload_and_another_language_are_no_leaving(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    ask_for_code(seen, site, voter)
    page.evaluate("location.reload()")
    expect(page.locator("[data-step=code]")).to_be_visible()
    bring_code(page, voter)
    expect(page.locator("[data-step=ballot]")).to_be_visible()
    page.get_by_role("link", name="Қазақша").click()
    expect(page.get_by_role("heading", name="3-қадам. Сіздің бюллетеніңіз")).to_be_visible()
    page.evaluate("location.reload()")
    expect(page.locator("[data-step=ballot]")).to_be_visible()
    assert page.context.cookies()


def test_what_a_candidate_stands_for_is_read_without_losing_the_choice(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    chosen = choose(page, 0, 1)
    with page.context.expect_page() as opened:
        page.locator("fieldset").first.locator(".about-candidate").nth(2).click()
    beside = opened.value
    expect(beside.get_by_role("heading", name="Программа")).to_be_visible()
    assert beside.evaluate("window.opener") is None
    with beside.expect_event("close"):
        beside.locator("[data-close]").click()
    assert page.locator("fieldset input:checked").input_value() == chosen
    choose(page, 1, 0)
    assert not seen.sent("POST", "/api/v1/sign-out")


def test_a_polling_places_computer_goes_back_to_the_start_by_itself(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _timed(visit)
    page = seen.page
    before = votes()
    sign_in(seen, site, voter, query="?terminal")
    expect(page.get_by_role("link", name="Правила")).to_be_hidden()
    seen.shot("1-ballot")
    fill_ballot(page)
    cast(page)
    expect(page.locator("[data-step=done]")).to_be_visible()
    trackers = shown_trackers(page)
    assert all(map(is_stored, trackers))
    assert votes() == before + 1
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Распечатать квитанцию")).to_be_hidden()
    expect(page.locator("[data-step=done]").get_by_text("Праймериз", exact=True)).to_be_visible()
    seen.shot("2-printed")
    page.emulate_media(media="screen")
    page.clock.fast_forward("01:00")
    expect(page.get_by_role("dialog")).to_be_visible()
    seen.shot("3-asked")
    with page.expect_navigation():
        page.clock.fast_forward("00:31")
    expect(page.locator("[data-step=identify]")).to_be_visible()
    assert page.url.endswith("/ru/vote?terminal")
    _nothing_is_left(page)
    page.get_by_role("link", name="Қазақша").click()
    expect(page.locator("[data-step=identify]")).to_be_visible()
    assert page.url.endswith("/kk/vote?terminal")


def test_on_a_polling_places_computer_even_a_reload_is_a_leaving(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter, query="?terminal")
    page.evaluate("location.reload()")
    page.wait_for_load_state("networkidle")
    expect(page.locator("[data-step=identify]")).to_be_visible()
    _nothing_is_left(page)


def test_a_polling_places_computer_forgets_what_was_only_typed(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _timed(visit)
    page = seen.page
    page.goto(f"{site}/ru/vote?terminal")
    page.clock.fast_forward("02:00")
    page.wait_for_timeout(1200)
    expect(page.get_by_role("dialog")).to_be_hidden()  # nobody was here
    page.locator("#iin").fill(iin(voter))
    page.locator("#mobile").fill(mobile(voter))
    dialog = page.get_by_role("dialog")
    page.clock.fast_forward("01:00")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.locator("#iin").input_value() == iin(voter)
    page.clock.fast_forward("01:00")
    expect(dialog).to_be_visible()
    with page.expect_navigation():
        page.clock.fast_forward("00:31")
    _nothing_is_left(page)


def test_an_unanswered_cast_is_not_wiped_from_a_voters_own_device(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.route("**/api/v1/ballot", lose_the_answers(lambda number: True))
    before = votes()
    cast(page)
    for _wait in range(100):
        page.wait_for_timeout(100)
        if votes() > before:
            break
    page.unroute("**/api/v1/ballot")
    page.goto(f"{site}/ru/rules")
    page.go_back()
    expect(page.locator("[data-step=uncertain]")).to_be_visible()
    assert page.context.cookies()
    page.locator("[data-action=resend]").click()
    expect(page.locator("[data-step=done]")).to_be_visible()
    assert votes() == before + 1
    assert page.evaluate("sessionStorage.length") == 0


def test_the_trackers_of_an_unanswered_cast_outlive_the_session(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _timed(visit)
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.route("**/api/v1/ballot", lose_the_answers(lambda number: True))
    cast(page)
    for _pause in range(8):
        page.wait_for_timeout(500)
        page.clock.fast_forward("00:31")  # the page waits longer before each of its tries
    uncertain = page.locator("[data-step=uncertain]")
    expect(uncertain).to_be_visible()
    page.clock.fast_forward("20:00")
    expect(uncertain).to_be_visible()
    shown = uncertain.locator("[data-tracker]").first.get_attribute("data-tracker") or ""
    assert is_stored(shown)


def test_a_browser_of_2020_votes_and_is_asked_too(site: str, visit: OpenVisit, voter: int) -> None:
    seen = _timed(visit)
    seen.page.add_init_script(
        """delete AbortSignal.timeout;
        delete crypto.constructor.prototype.randomUUID;
        delete HTMLDialogElement.prototype.showModal;
        delete HTMLDialogElement.prototype.close;
        delete globalThis.navigation;"""
    )
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.clock.fast_forward("05:00")
    asked = page.locator("[data-idle]")
    expect(asked).to_be_visible()
    page.locator("[data-stay]").click()
    expect(asked).to_be_hidden()
    cast(page)
    expect(page.locator("[data-step=done]")).to_be_visible()
    assert all(map(is_stored, shown_trackers(page)))
    assert not seen.complaints


def test_nothing_on_a_voters_way_may_be_kept(site: str, visit: OpenVisit, voter: int) -> None:
    seen = visit()
    answers = {}
    seen.page.on(
        "response",
        lambda answer: answers.update(
            {answer.url.removeprefix(site): answer.headers.get("cache-control")}
        ),
    )
    sign_in(seen, site, voter)
    fill_ballot(seen.page)
    cast(seen.page)
    expect(seen.page.locator("[data-step=done]")).to_be_visible()
    own = {path: told for path, told in answers.items() if not path.startswith("/static/")}
    assert {"/ru/vote", "/api/v1/sign-in", "/api/v1/ballot"} <= set(own)
    assert set(own.values()) == {"no-store"}
