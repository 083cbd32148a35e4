"""Voters on the real page: phone and desktop, three languages, keyboard, bad connections."""

import json
from base64 import b64decode
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.voting import sealing
from tests.browser.conftest import PHONE, OpenVisit, Visit
from tests.browser.voting_page import (
    choose,
    code_of,
    fill_ballot,
    is_stored,
    lose_the_answers,
    open_poll_now,
    shown_trackers,
    sign_in,
    to_review,
    votes,
)
from tests.voting import polls
from tests.voting.polls import PRIMARY, Poll, iin, mobile

VECTOR = json.loads(
    (Path(__file__).parents[1] / "voting" / "data" / "rfc9180_a3_base.json").read_text()
)


_numbers = count()


@pytest.fixture(scope="module")
def poll(shared_installation: str) -> Poll:
    """A vote that is running now, in which this machine is a polling place's."""
    del shared_installation
    return open_poll_now()


@pytest.fixture(scope="module")
def site(poll: Poll, shared_public_url: str) -> str:
    """The site of the running vote."""
    return shared_public_url


@pytest.fixture
def voter() -> int:
    """The number of a voter who has not voted."""
    return next(_numbers)


@pytest.fixture
def votes_before(poll: Poll) -> int:
    """The turnout before the test."""
    return votes()


def _leaves_nothing_outside(seen: Visit, site: str) -> None:
    outside = [request.url for request in seen.requests if not request.url.startswith(site + "/")]
    assert not outside
    assert not seen.complaints


def test_a_voter_votes_in_russian_on_a_desktop(
    poll: Poll, site: str, visit: OpenVisit, voter: int, votes_before: int
) -> None:
    seen = visit()
    page = seen.page
    page.goto(site)
    seen.shot("1-front")
    page.get_by_role("main").get_by_role("link", name="Голосовать", exact=True).click()
    seen.shot("2-identify")
    assert page.context.cookies() == []
    page.get_by_label("ИИН").fill(iin(voter))
    page.get_by_label("Номер мобильного телефона").fill("8 " + mobile(voter)[2:])
    page.get_by_role("button", name="Получить код").click()
    expect(page.locator("#code")).to_be_focused()
    seen.shot("3-code")
    page.get_by_label("Код", exact=True).fill(code_of(voter, page))
    page.get_by_role("button", name="Войти").click()
    expect(page.get_by_role("heading", name="Шаг 3. Ваш бюллетень")).to_be_visible()
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""
    seen.shot("4-ballot")
    page.get_by_role("button", name="Проверить мой выбор").click()
    expect(page.locator("[data-incomplete]")).to_contain_text("Список 0, Список 1")
    chosen = choose(page, 0, 2)
    page.locator("fieldset").nth(1).get_by_label("Пустой бюллетень").check()
    seen.shot("5-chosen")
    to_review(page)
    seen.shot("6-review")
    page.get_by_role("button", name="Запечатать и проголосовать").click()
    expect(page.get_by_role("heading", name="Ваш голос принят")).to_be_visible()
    seen.shot("7-receipt")

    (cast,) = seen.sent("POST", "/api/v1/ballot")
    ballots = json.loads(cast.post_data or "")["ballots"]
    opened = {
        ballot["contest"]: sealing.open_ballot(
            poll.private, PRIMARY, ballot["contest"], b64decode(ballot["sealed"])
        )
        for ballot in ballots
    }
    assert opened == {"contest-0": [chosen], "contest-1": []}
    assert {len(b64decode(ballot["sealed"])) for ballot in ballots} == {sealing.sealed_length(128)}
    spoken = [request.post_data or "" for request in seen.requests]
    assert not [text for text in spoken if chosen in text]
    assert not [request.url for request in seen.requests if chosen in request.url]

    trackers = shown_trackers(page)
    assert trackers == [sealing.tracker(b64decode(ballot["sealed"])) for ballot in ballots]
    assert all(map(is_stored, trackers))
    assert votes() == votes_before + 1
    assert page.context.cookies() == []
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0

    page.locator("[data-step=done]").get_by_role("link", name="Проверить бюллетень").click()
    page.get_by_label("Трек-номер").fill(sealing.group_tracker(trackers[0]).lower())
    page.get_by_role("main").get_by_role("button", name="Проверить").click()
    expect(page.get_by_role("heading", name="Этот бюллетень хранится")).to_be_visible()
    assert trackers[0] not in page.url
    seen.shot("8-stored")
    _leaves_nothing_outside(seen, site)


def test_a_voter_votes_in_kazakh_on_a_phone_by_keyboard_alone(
    poll: Poll, site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit(viewport=PHONE, color_scheme="dark", locale="kk-KZ")
    page = seen.page
    page.goto(f"{site}/kk/vote")
    press = page.keyboard.press

    def tab_to(is_there: str) -> None:
        for _step in range(60):
            if page.evaluate(f"document.activeElement?.matches({json.dumps(is_there)}) ?? false"):
                return
            press("Tab")
        raise AssertionError(f"the keyboard does not reach {is_there}")

    expect(page.locator("[data-step=identify]")).to_be_visible()
    press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("#iin")
    page.keyboard.type(iin(voter))
    press("Tab")
    page.keyboard.type(mobile(voter))
    seen.shot("1-identify")
    press("Enter")
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type(code_of(voter, page))
    seen.shot("2-code")
    press("Enter")
    expect(page.locator("[data-step=ballot]")).to_be_visible()
    seen.shot("3-ballot")
    tab_to("[data-contest='contest-0'] input")
    press("Space")
    press("ArrowDown")
    chosen = page.evaluate("document.activeElement.value")
    tab_to("[data-contest='contest-1'] input")
    press("ArrowUp")  # from the first the arrows lead round to the last: the blank ballot
    assert page.evaluate("document.activeElement.matches('[data-blank]:checked')")
    tab_to("[data-form=ballot] button")
    press("Enter")
    expect(page.locator("[data-step=review]")).to_be_visible()
    seen.shot("4-review")
    tab_to("[data-action=cast]")
    press("Enter")
    expect(page.get_by_role("heading", name="Дауысыңыз қабылданды")).to_be_visible()
    seen.shot("5-receipt")
    (cast,) = seen.sent("POST", "/api/v1/ballot")
    first = json.loads(cast.post_data or "")["ballots"][0]
    sealed = b64decode(first["sealed"])
    assert sealing.open_ballot(poll.private, PRIMARY, "contest-0", sealed) == [chosen]
    scrolls = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(scrolls)
    _leaves_nothing_outside(seen, site)


def test_a_double_press_casts_once(
    site: str, visit: OpenVisit, voter: int, votes_before: int
) -> None:
    seen = visit()
    sign_in(seen, site, voter)
    fill_ballot(seen.page)
    seen.page.locator("[data-action=cast]").dblclick()
    expect(seen.page.locator("[data-step=done]")).to_be_visible()
    assert len(seen.sent("POST", "/api/v1/ballot")) == 1
    assert votes() == votes_before + 1


def test_a_cut_connection_is_mended_by_sending_the_same_ballots_again(
    site: str, visit: OpenVisit, voter: int, votes_before: int
) -> None:
    seen = visit()
    sign_in(seen, site, voter)
    fill_ballot(seen.page)
    seen.page.route("**/api/v1/ballot", lose_the_answers(lambda number: number == 0))
    seen.page.locator("[data-action=cast]").click()
    expect(seen.page.locator("[data-step=done]")).to_be_visible(timeout=20_000)
    first, second = seen.sent("POST", "/api/v1/ballot")
    assert first.post_data == second.post_data
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert votes() == votes_before + 1
    assert all(map(is_stored, shown_trackers(seen.page)))


def test_an_answer_that_never_comes_survives_a_reload(
    site: str, visit: OpenVisit, voter: int, votes_before: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.route("**/api/v1/ballot", lose_the_answers(lambda number: True))
    page.locator("[data-action=cast]").click()
    for _wait in range(100):
        page.wait_for_timeout(100)
        if votes() > votes_before:
            break
    page.reload()
    expect(page.locator("[data-step=uncertain]")).to_be_visible()
    seen.shot("1-uncertain")
    page.unroute("**/api/v1/ballot")
    page.locator("[data-action=resend]").click()
    expect(page.locator("[data-step=done]")).to_be_visible()
    assert all(map(is_stored, shown_trackers(page)))
    assert votes() == votes_before + 1


def test_a_session_that_ended_meanwhile_leaves_the_tracker(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = visit()
    page = seen.page
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.route("**/api/v1/ballot", lose_the_answers(lambda number: number == 0))
    page.on("requestfailed", lambda _request: page.context.clear_cookies())
    page.locator("[data-action=cast]").click()
    over = page.locator("[data-session-over]")
    expect(over).to_be_visible(timeout=20_000)
    seen.shot("1-over")
    shown = page.locator("[data-trackers-unsure] [data-tracker]").first
    assert is_stored(shown.get_attribute("data-tracker") or "")
    over.locator("[data-action=restart]").click()
    expect(page.locator("[data-step=identify]")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_stranger_sees_the_same_for_every_pair(site: str, visit: OpenVisit, voter: int) -> None:
    seen = visit()
    page = seen.page
    page.goto(f"{site}/ru/vote")
    page.locator("#iin").fill("12")
    page.locator("#mobile").fill(mobile(voter))
    page.locator("[data-form=identify] button").click()
    expect(page.locator("#iin")).to_be_focused()
    assert page.locator("#iin").get_attribute("aria-invalid") == "true"
    wrong_digit = iin(voter)[:-1] + str((int(iin(voter)[-1]) + 1) % 10)
    page.locator("#iin").fill(wrong_digit)
    page.locator("[data-form=identify] button").click()
    expect(page.locator("#iin-wrong")).to_contain_text("Проверьте ИИН")
    page.locator("#iin").fill(iin(77))
    page.locator("[data-form=identify] button").click()
    expect(page.locator("[data-step=code]")).to_be_visible()
    page.locator("#code").fill("000000")
    page.locator("[data-form=code] button[type=submit]").click()
    expect(page.locator("#code-wrong")).to_contain_text("Осталось попыток: 4")
    page.locator("[data-step=code] summary").click()
    seen.shot("1-no-code")
    assert not [sms for sms in polls.outbox() if sms["to"] == mobile(voter)]


def test_without_webcrypto_the_page_says_so(site: str, visit: OpenVisit) -> None:
    seen = visit()
    seen.page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    seen.page.goto(f"{site}/ru/vote")
    expect(seen.page.locator("[data-step=unable]")).to_be_visible()
    assert not seen.page.locator("[data-form=identify]").is_visible()
    seen.shot("1-unable")


def test_the_script_gives_the_vector_of_the_rfc_in_chromium(site: str, visit: OpenVisit) -> None:
    seen = visit()
    seen.page.goto(f"{site}/ru/help")
    script = seen.page.locator("a[href$='sealing.js']").get_attribute("href")
    sealed = seen.page.evaluate(
        """async ([script, vector]) => {
            const { seal } = await import(script);
            const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
            const url = (data) => btoa(String.fromCharCode(...data))
                .replace(/[+]/g, "-").replace(/[/]/g, "_").replace(/=/g, "");
            const point = bytes(vector.pkEm);
            const jwk = { kty: "EC", crv: "P-256", x: url(point.slice(1, 33)), y: url(point.slice(33)) };
            const p256 = { name: "ECDH", namedCurve: "P-256" };
            const secret = { ...jwk, d: url(bytes(vector.skEm)) };
            const ephemeral = {
                privateKey: await crypto.subtle.importKey("jwk", secret, p256, true, ["deriveBits"]),
                publicKey: await crypto.subtle.importKey("jwk", jwk, p256, true, []),
            };
            const sealed = await seal(bytes(vector.pkRm), bytes(vector.info), bytes(vector.pt),
                { aad: bytes(vector.aad), ephemeral });
            return [...sealed].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        }""",
        [script, VECTOR],
    )
    assert sealed == VECTOR["enc"] + VECTOR["ct"]


def test_results_are_closed_until_their_hour(site: str, visit: OpenVisit) -> None:
    seen = visit(color_scheme="dark")
    for locale in ("ru", "kk", "en"):
        seen.page.goto(f"{site}/{locale}/results")
        assert "Кандидат" not in seen.page.locator("main").inner_text()
        seen.shot(f"1-embargo-{locale}")
    _leaves_nothing_outside(seen, site)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_a_desktop(site: str, visit: OpenVisit, scheme: str) -> None:
    for viewport in ({"width": 320, "height": 640}, {"width": 1366, "height": 768}):
        seen = visit(viewport=viewport, color_scheme=scheme)
        for path in ("", "vote", "tracker", "results", "rules", "help", "nothing-here"):
            seen.page.goto(f"{site}/kk/{path}")
            width = seen.page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], path
            seen.shot(f"{path or 'front'}-{viewport['width']}")
        _leaves_nothing_outside(seen, site)
