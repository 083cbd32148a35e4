"""Voters whose network changes, breaks off or is shared: one vote each, and a sentence for each."""

import os
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Page, Route, expect

from core.database import reading
from core.settings import settings
from core.voting import queries
from core.voting.rules import RejectionReason
from tests.browser.conftest import PHONE, OpenVisit, Visit
from tests.browser.voting_page import (
    ask_for_code,
    bring_code,
    cast,
    code_of,
    fill_ballot,
    is_stored,
    lose_the_answers,
    messages_to,
    open_poll_now,
    shown_trackers,
    sign_in,
    votes,
)
from tests.voting.polls import PRIMARY, iin, mobile

_numbers = count()
_addresses = (f"203.0.113.{last}" for last in count(1))


@pytest.fixture(scope="module")
def site(shared_installation: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The site of a running vote, which believes the addresses that this machine tells it."""
    del shared_installation
    os.environ["PRIMARIES_TRUSTED_PROXIES"] = "127.0.0.1"
    settings.cache_clear()
    open_poll_now()
    yield request.getfixturevalue("shared_public_url")
    del os.environ["PRIMARIES_TRUSTED_PROXIES"]
    settings.cache_clear()


@pytest.fixture
def voter() -> int:
    """The number of a voter who has not voted."""
    return next(_numbers)


def _move(page: Page, address: str | None = None) -> str:
    """From now on the page is asked for from another address."""
    address = address or next(_addresses)
    page.context.set_extra_http_headers({"X-Forwarded-For": address})
    return address


def _opened(visit: OpenVisit, **options: object) -> Visit:
    seen = visit(**options)
    _move(seen.page)
    return seen


def _bring_new_code(page: Page, code: str) -> None:
    page.locator("#moved-code").fill(code)
    page.locator("[data-form=moved] button[type=submit]").click()


def test_a_changed_network_costs_a_second_code_and_the_vote_arrives(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _opened(visit, viewport=PHONE, locale="kk-KZ")
    page = seen.page
    before = votes()
    sign_in(seen, site, voter, locale="kk")
    fill_ballot(page)
    _move(page)
    cast(page)
    expect(page.locator("#moved-code")).to_be_focused()
    seen.shot("1-moved")
    assert votes() == before
    sent = code_of(voter, page, after=1)
    _bring_new_code(page, f"{(int(sent) + 1) % 1_000_000:06d}")
    expect(page.locator("#moved-code-wrong")).to_be_visible()
    _bring_new_code(page, sent)
    expect(page.locator("[data-step=done]")).to_be_visible()
    first, second = seen.sent("POST", "/api/v1/ballot")
    assert first.post_data == second.post_data
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert votes() == before + 1
    assert all(map(is_stored, shown_trackers(page)))
    assert page.evaluate("sessionStorage.length") == 0
    assert not seen.complaints


def test_a_network_that_changes_a_third_time_means_signing_in_again(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _opened(visit)
    page = seen.page
    before = votes()
    sign_in(seen, site, voter)
    fill_ballot(page)
    _move(page)
    cast(page)
    moved = page.locator("[data-step=moved]")
    expect(moved).to_be_visible()
    for others in (2, 3):
        code_of(voter, page, after=others - 1)
        _move(page)
        moved.locator("[data-action=another]").click()
        page.wait_for_load_state("networkidle")
    expect(page.locator("[data-step=identify]")).to_be_visible()
    expect(page.locator("[data-status]")).to_contain_text("сменилась сеть")
    assert len(messages_to(voter)) == 3
    assert votes() == before
    assert page.evaluate("sessionStorage.length") == 0


def test_a_cut_before_the_server_heard_anything_casts_one_vote(
    site: str, visit: OpenVisit, voter: int
) -> None:
    seen = _opened(visit)
    page = seen.page
    before = votes()
    sign_in(seen, site, voter)
    fill_ballot(page)
    tries = count()

    def cut(route: Route) -> None:
        if route.request.method == "POST" and next(tries) == 0:
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route("**/api/v1/ballot", cut)
    cast(page)
    expect(page.locator("[data-status]")).to_contain_text("Нет связи")
    expect(page.locator("[data-step=done]")).to_be_visible(timeout=20_000)
    first, second = seen.sent("POST", "/api/v1/ballot")
    assert first.post_data == second.post_data
    assert votes() == before + 1
    assert all(map(is_stored, shown_trackers(page)))


def test_a_stored_vote_is_answered_on_the_next_network_without_another_code(
    site: str, visit: OpenVisit, voter: int
) -> None:
    """From Wi-Fi to the mobile network in mid-cast: stored, but the answer went to the old one."""
    seen = _opened(visit)
    page = seen.page
    before = votes()
    sign_in(seen, site, voter)
    fill_ballot(page)
    page.route("**/api/v1/ballot", lose_the_answers(lambda number: number == 0))
    page.on("requestfailed", lambda _request: _move(page))
    cast(page)
    expect(page.locator("[data-step=done]")).to_be_visible(timeout=20_000)
    assert votes() == before + 1
    assert all(map(is_stored, shown_trackers(page)))
    codes = [text for text in messages_to(voter) if text[:6].isdigit()]
    assert len(codes) == 1


def test_who_shares_an_address_is_told_when_to_come_back_and_may_move_at_once(
    site: str, visit: OpenVisit
) -> None:
    seen, late, last = _opened(visit), _opened(visit, viewport=PHONE), _opened(visit)
    shared = _move(seen.page)
    for each in (late, last):
        _move(each.page, shared)
    before = votes()
    sign_in(seen, site, next(_numbers))
    number = next(_numbers)
    ask_for_code(late, site, number)
    bring_code(late.page, number)
    expect(late.page.locator("[data-status]")).to_contain_text("голосует кто-то другой")
    late.shot("1-held")
    fill_ballot(seen.page)
    cast(seen.page)
    expect(seen.page.locator("[data-step=done]")).to_be_visible()
    _move(late.page)
    late.page.locator("[data-form=code] button[type=submit]").click()
    fill_ballot(late.page)
    cast(late.page)
    expect(late.page.locator("[data-step=done]")).to_be_visible()
    assert votes() == before + 2
    _is_turned_away_at_the_door(last, site, next(_numbers))


def _is_turned_away_at_the_door(seen: Visit, site: str, number: int) -> None:
    """From an address that has voted nobody waits for a code that would be of no use."""
    page = seen.page
    page.goto(f"{site}/en/vote")
    page.locator("#iin").fill(iin(number))
    page.locator("#mobile").fill(mobile(number))
    page.locator("[data-form=identify] button").click()
    refused = page.locator("[data-step=refused]")
    expect(refused).to_contain_text("from this internet address")
    expect(refused).to_contain_text("nearest polling place")
    seen.shot("1-refused")
    with reading() as session:
        rejections, _total = queries.latest_rejections(
            session, PRIMARY, chosen=queries.RejectionFilter(reason=RejectionReason.ADDRESS_USED)
        )
    shown = refused.locator("[data-reference]").inner_text()
    assert shown in {rejection.reference for rejection in rejections}
