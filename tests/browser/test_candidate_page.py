"""From an organizer's desk to a voter's phone: a candidate's page with its photo."""

import pytest
from playwright.sync_api import expect

from core.database import unit_of_work
from core.primary.models import ReadinessAct
from core.staff.rules import Role
from tests.browser.conftest import PHONE, OpenVisit
from tests.browser.staff_screens import StaffScreens, say
from tests.browser.test_candidates import PROGRAMME, portrait
from tests.browser.voting_page import open_poll_now
from tests.conftest import MakeActor
from tests.voting.polls import PRIMARY


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_written_by_an_organizer_and_read_on_a_phone(
    staff_url: str, public_url: str, visit: OpenVisit, make_actor: MakeActor, scheme: str
) -> None:
    open_poll_now()
    with unit_of_work() as session:
        session.delete(session.get_one(ReadinessAct, PRIMARY))  # the ballot is not fixed yet
    organizer = make_actor(Role.ORGANIZER)
    desk = StaffScreens(visit(color_scheme=scheme), staff_url)
    desk.enter_as(organizer.login)
    desk.open("candidates", say("Candidates"))
    desk.shot("1-list")
    desk.open("candidate_page?id=cand0000", "Кандидат0 Имя")
    desk.shot("2-empty")
    desk.fill(say("Programme, {language}", language=say("Russian")), PROGRAMME["ru"])
    desk.fill(say("Programme, {language}", language=say("Kazakh")), PROGRAMME["kk"])
    desk.fill(say("Links, one in a line, at most {most}", most=5), "https://example.kz/me")
    desk.press(say("Save the text"))
    expect(desk.visit.page.get_by_text(say("The text is saved."))).to_be_visible()
    file = {"name": "me.webp", "mimeType": "image/webp", "buffer": portrait("WEBP")}
    desk.visit.page.locator("input[type=file]").set_input_files([file])  # type: ignore[list-item]
    shown = desk.visit.page.get_by_role("img", name="Кандидат0 Имя")
    expect(shown).to_be_visible()
    desk.settle()
    desk.shot("3-brought")
    assert not desk.scrolls_sideways()
    desk.press(say("Save the photo"))
    expect(desk.visit.page.get_by_text(say("The photo is saved."))).to_be_visible()
    expect(shown).to_be_visible()
    desk.shot("4-saved")
    assert not desk.visit.complaints

    seen = visit(viewport=PHONE, color_scheme=scheme)
    seen.page.goto(f"{public_url}/kk/candidates/contest-0")
    seen.page.get_by_role("link", name="Кандидат0 Имя").click()
    photo = seen.page.get_by_role("img", name="Кандидат0 Имя")
    expect(photo).to_be_visible()
    assert photo.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [400, 500]
    expect(seen.page.locator(".programme p[lang=kk]")).to_have_count(2)
    expect(seen.page.get_by_role("link", name="example.kz/me")).to_be_visible()
    seen.shot("5-phone")
    assert not seen.complaints
