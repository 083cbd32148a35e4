"""A voter's hands: what tests do on the real voting page, and what they look up behind it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count

from playwright.sync_api import Error, Page, Route, expect

from core import clock
from core.database import reading, unit_of_work
from core.voting import queries
from core.voting.models import AddressExemption
from tests.browser.conftest import Visit
from tests.voting import polls
from tests.voting.polls import PRIMARY, Poll, iin, mobile


def open_poll_now(*, voters: int = 30, opens_in: timedelta = timedelta(hours=-1)) -> Poll:
    """A vote of an hour or two around the present, in which this machine is a polling place's."""
    now = clock.now()
    hour = timedelta(hours=1)
    opened = polls.open_poll(voters=voters, opens=now + opens_in, closes=now + opens_in + 3 * hour)
    with unit_of_work() as session:
        session.add(
            AddressExemption(
                primary_id=PRIMARY,
                kind="terminal",
                network="127.0.0.0/8",
                reason="one machine, many voters",
                document="1",
                valid_from=now - hour,
                valid_until=now + hour,
                cap_total=1000,
                cap_hourly=1000,
                proposed_by=1,
                confirmed_by=2,
                confirmed_at=now - hour,
            )
        )
    return opened


def messages_to(number: int) -> list[str]:
    """The texts that were sent to a voter, oldest first."""
    return [sms["text"] for sms in polls.outbox() if sms["to"] == mobile(number)]


def code_of(number: int, page: Page, *, after: int = 0) -> str:
    """The code in the newest message to a voter, once there are more than ``after`` of them."""
    for _wait in range(100):
        sent = messages_to(number)
        if len(sent) > after:
            return sent[-1][:6]
        page.wait_for_timeout(100)
    raise AssertionError("no code came")


def ask_for_code(
    seen: Visit, site: str, number: int, *, locale: str = "ru", query: str = ""
) -> None:
    """From the front of the voting page to the step that asks for the code."""
    page = seen.page
    page.goto(f"{site}/{locale}/vote{query}")
    page.locator("#iin").fill(iin(number))
    page.locator("#mobile").fill(mobile(number))
    page.locator("[data-form=identify] button").click()
    expect(page.locator("[data-step=code]")).to_be_visible()


def bring_code(page: Page, number: int) -> None:
    """Enter the code that was sent."""
    page.locator("#code").fill(code_of(number, page))
    page.locator("[data-form=code] button[type=submit]").click()


def sign_in(seen: Visit, site: str, number: int, *, locale: str = "ru", query: str = "") -> None:
    """From the front of the voting page to the ballot."""
    ask_for_code(seen, site, number, locale=locale, query=query)
    bring_code(seen.page, number)
    expect(seen.page.locator("[data-step=ballot]")).to_be_visible()


def choose(page: Page, contest: int, place: int) -> str:
    """Choose the candidate at ``place`` of the page's own order; gives the candidate's id."""
    chosen = page.locator("fieldset").nth(contest).locator("input").nth(place)
    chosen.check()
    return chosen.input_value()


def to_review(page: Page) -> None:
    """On to the step that shows what was chosen."""
    page.locator("[data-form=ballot] button[type=submit]").click()
    expect(page.locator("[data-step=review]")).to_be_visible()


def fill_ballot(page: Page) -> None:
    """Choose the first candidate of both contests and look the choice over."""
    choose(page, 0, 0)
    choose(page, 1, 0)
    to_review(page)


def cast(page: Page) -> None:
    """Press the button that seals and sends."""
    page.locator("[data-action=cast]").click()


def shown_trackers(page: Page) -> list[str]:
    """The trackers of the receipt."""
    shown = page.locator("[data-trackers] [data-tracker]")
    return [card.get_attribute("data-tracker") or "" for card in shown.all()]


def votes() -> int:
    """How many have voted."""
    with reading() as session:
        return queries.turnout(session, PRIMARY).votes


def is_stored(tracker: str) -> bool:
    """Whether a ballot is in the urn."""
    with reading() as session:
        return queries.is_ballot_stored(session, tracker)


def lose_the_answers(how_many: Callable[[int], bool]) -> Callable[[Route], None]:
    """Let casts through to the server, and cut the connection before the answer comes back."""
    numbers = count()

    def handle(route: Route) -> None:
        if route.request.method == "POST" and how_many(next(numbers)):
            context = route.request.frame.page.context
            kept = context.cookies()
            # A page that is reloaded meanwhile has itself dropped the request.
            with suppress(Error):
                route.fetch()
                # The browser never saw this answer, so it still has the session's cookie.
                context.add_cookies(kept)  # type: ignore[arg-type]
                route.abort("connectionreset")
        else:
            route.continue_()

    return handle
