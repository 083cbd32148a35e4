"""A complaint from a phone, in three steps, by people who may have no script and little time."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenVisit
from tests.browser.voting_page import open_poll_now

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def site(shared_installation: str, request: pytest.FixtureRequest) -> str:
    """The site of a primary that is being held."""
    del shared_installation
    open_poll_now()
    url: str = request.getfixturevalue("shared_public_url")
    return url


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "java_script_enabled": False},
        {"viewport": {"width": 1366, "height": 768}, "color_scheme": "dark"},
    ],
    ids=["a-phone-without-scripts", "a-dark-desk"],
)
def test_a_complaint_is_made_followed_and_withdrawn(
    site: str, visit: OpenVisit, options: dict[str, Any]
) -> None:
    seen = visit(**options)
    page = seen.page
    page.goto(f"{site}/ru/complain")
    page.get_by_label("Что произошло?").fill("Мастер собрал удостоверения всей смены.")
    page.get_by_label("О чём обращение?").select_option("coercion_to_join")
    seen.shot("1-story")
    page.get_by_role("button", name="Далее").click(delay=120)
    page.get_by_label("Не на работе").check()
    seen.shot("2-reach")
    page.get_by_role("button", name="Назад").click(delay=120)
    expect(page.get_by_label("Что произошло?")).to_have_value(
        "Мастер собрал удостоверения всей смены."
    )
    page.get_by_role("button", name="Далее").click(delay=120)
    expect(page.get_by_label("Не на работе")).to_be_checked()
    page.get_by_role("button", name="Далее").click(delay=120)
    seen.shot("3-review")
    page.get_by_role("button", name="Отправить обращение").click(delay=120)
    expect(page.get_by_role("heading", name="Обращение принято")).to_be_visible()
    seen.shot("4-receipt")
    number, code = page.locator("dd.tracker-text").all_inner_texts()

    page.goto(f"{site}/ru/complaint")
    page.get_by_label("Номер", exact=True).fill(number)
    page.get_by_label("Код", exact=True).fill(code)
    page.get_by_role("button", name="Открыть").click(delay=120)
    page.get_by_label("Что ещё нужно знать?").fill("Удостоверения вернули утром.")
    page.get_by_role("button", name="Отправить").click(delay=120)
    expect(page.get_by_text("Ваше дополнение получено")).to_be_visible()
    page.get_by_text("Отозвать обращение", exact=True).click(delay=120)
    seen.shot("5-follow")
    page.get_by_role("button", name="Хочу отозвать").click(delay=120)
    expect(page.get_by_role("button", name="Не отзывать")).to_be_visible()
    seen.shot("6-withdrawal")
    assert code not in page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.context.cookies() == []
    assert not seen.complaints
