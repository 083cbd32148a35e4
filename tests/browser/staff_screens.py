"""Driving the staff's screens as a person does: by what is written on them."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, expect

from core import clock
from core.database import unit_of_work
from core.i18n import _, use_locale
from core.staff import sessions
from core.staff.queries import account_id_of
from pages.listener.cookies import session_cookie
from tests.browser.conftest import Visit


def say(message: str, **facts: object) -> str:
    """A sentence as the Russian screen has it."""
    with use_locale("ru"):
        return _(message, **facts)


@dataclass
class StaffScreens:
    """One signed-in browser of the staff listener."""

    visit: Visit
    url: str

    def settle(self) -> None:
        """Wait until the script of the page has run to its end."""
        app = self.visit.page.locator("[data-testid=stApp]")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=30_000)
        self.visit.page.wait_for_timeout(150)

    def sign_in(self, login: str, password: str, code: str | None = None) -> None:
        """Login and password, a code if the account must give one; ends on the overview."""
        page = self.visit.page
        page.goto(self.url)
        page.get_by_label(say("Login"), exact=True).fill(login)
        page.get_by_label(say("Password"), exact=True).fill(password)
        page.get_by_role("button", name=say("Next"), exact=True).click(delay=120)
        if code is not None:
            field = page.get_by_label(say("Code from the authenticator"))
            field.fill(code)
            page.get_by_role("button", name=say("Confirm"), exact=True).click(delay=120)
        self.expect_title(say("Overview"))

    def enter_as(self, login: str) -> None:
        """Come back with a session that was opened before, as another tab does."""
        with unit_of_work() as session:
            account_id = account_id_of(session, login)
            assert account_id is not None, login
            token = sessions.open_session(session, account_id, now=clock.now())
        host = self.url.split("//")[1].split(":")[0]
        self.visit.page.context.add_cookies(
            [
                {
                    "name": session_cookie(),
                    "value": token,
                    "domain": host,
                    "path": "/",
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )

    def open(self, path: str, title: str) -> None:
        """Go to a screen's address and wait for its title."""
        self.visit.page.goto(f"{self.url}/{path}")
        self.expect_title(title)

    def expect_title(self, title: str) -> None:
        """The screen that stands there has this title, and has drawn itself whole."""
        heading = self.visit.page.get_by_role("heading", name=title, level=1)
        expect(heading.first).to_be_visible(timeout=30_000)
        self.settle()
        expect(self.visit.page.locator("[data-testid=stException]")).to_have_count(0)

    @property
    def area(self) -> Locator:
        """Where a person can press: the dialog if one is open, else the page."""
        dialog = self.visit.page.get_by_role("dialog")
        return dialog if dialog.count() else self.visit.page.locator("body")

    def field(self, label: str) -> Locator:
        """A text field by its label."""
        return self.area.get_by_label(label, exact=True).first

    def fill(self, label: str, text: str) -> None:
        """Type into a field and leave it, which is when Streamlit takes it."""
        field = self.field(label)
        field.fill(text)
        field.press("Tab")
        self.settle()

    def choose(self, label: str, typed: str) -> None:
        """Type a few letters into a choice and take the first that fits."""
        box = self.area.get_by_role("combobox", name=label).first
        box.click(delay=60)
        box.fill(typed)
        self.visit.page.get_by_role("option").first.click(delay=60)
        self.settle()

    def press(self, name: str, **where: Any) -> None:
        """Press a button by its words."""
        button = self.area.get_by_role("button", name=name, **where).first
        button.click(delay=120)
        self.settle()

    def shot(self, name: str) -> None:
        """A picture of the whole screen, its scrolling part included."""
        page = self.visit.page
        self.settle()
        measure = "document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 768"
        height = max(768, min(int(page.evaluate(measure)) + 20, 5000))
        page.set_viewport_size({"width": 1366, "height": height})
        page.wait_for_timeout(250)
        self.visit.shot(name)
        page.set_viewport_size({"width": 1366, "height": 768})

    def scrolls_sideways(self) -> bool:
        """Whether the screen is wider than the window."""
        measure = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.visit.page.evaluate(measure))
