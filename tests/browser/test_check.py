"""Before the opening: a voter checks that the roll has them, and nothing is cast by it."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from core import clock
from core.database import reading, unit_of_work
from core.primary.models import Primary, ReadinessAct
from core.voting.models import Claim
from tests.browser.conftest import PHONE, OpenVisit
from tests.browser.voting_page import ask_for_code, bring_code, messages_to, open_poll_now, votes
from tests.voting import polls
from tests.voting.polls import PRIMARY


@pytest.fixture(scope="module")
def site(shared_installation: str, request: pytest.FixtureRequest) -> str:
    """The site an hour before the opening; the roll was sealed yesterday."""
    del shared_installation
    now = clock.now()
    open_poll_now(opens_in=timedelta(hours=1))
    polls.seal_roll(at=now - timedelta(days=1))
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY)
        primary.hotline = "8 (800) 080 4441"
        session.get_one(ReadinessAct, PRIMARY).signed_at = now - timedelta(hours=2)
    url: str = request.getfixturevalue("shared_public_url")
    return url


@pytest.mark.parametrize(
    ("locale", "says"),
    [
        ("ru", "Вы можете голосовать: номер верный"),
        ("kk", "Сіз дауыс бере аласыз: нөміріңіз дұрыс"),
        ("en", "You can vote: your number is right"),
    ],
    ids=["ru", "kk", "en"],
)
def test_a_voter_of_the_roll_learns_that_they_can_vote_and_is_signed_out(
    site: str, visit: OpenVisit, locale: str, says: str
) -> None:
    number = {"ru": 0, "kk": 1, "en": 2}[locale]
    seen = visit(viewport=PHONE)
    page = seen.page
    page.goto(f"{site}/{locale}/")
    seen.shot("0-front")
    ask_for_code(seen, site, number, locale=locale)
    seen.shot("1-code")
    with page.expect_response("**/api/v1/sign-out") as answer:
        bring_code(page, number)
    assert answer.value.status == 204
    expect(page.get_by_role("heading", name=says)).to_be_focused()
    seen.shot("2-checked")
    page.wait_for_timeout(200)
    assert page.context.cookies() == []
    assert page.evaluate("sessionStorage.length") == 0
    assert not seen.sent("POST", "/api/v1/ballot")
    with reading() as session:
        assert session.exec(select(Claim)).first() is None
    assert votes() == 0
    assert not seen.complaints


def test_who_gets_no_code_reads_whom_to_call_and_until_when(site: str, visit: OpenVisit) -> None:
    seen = visit(viewport=PHONE)
    ask_for_code(seen, site, 77)
    help_box = seen.page.locator("[data-step=code] details")
    expect(help_box).to_have_attribute("open", "")
    expect(help_box).to_contain_text("8 (800) 080 4441")
    expect(help_box).to_contain_text("не позже его окончания")
    expect(help_box.locator("[data-reference]")).not_to_be_empty()
    assert not messages_to(77)
