"""Outgoing messages on the health page, as an administrator works with them."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from playwright.sync_api import expect

from core import clock
from core.database import reading, unit_of_work
from core.messaging import reports
from core.messaging.allowance import Meter, set_allowance, spending
from core.messaging.service import deliver_due
from core.staff.rules import Role
from tests.browser.conftest import OpenVisit
from tests.browser.staff_screens import StaffScreens, say
from tests.conftest import MakeActor
from tests.messaging.gateways import Memory, Refusing
from tests.messaging.test_outbox import queue_code, queue_notice
from tests.messaging.test_queries import health


def a_bad_day() -> None:
    """Codes that arrived, one that did not, one that waits, and notices that were given up."""
    now = clock.now()
    for number in range(3):
        queue_notice(f"given-up-{number}", now - timedelta(days=1))
    for hours in range(24):
        deliver_due(now - timedelta(hours=24 - hours), gateway=Refusing())
    ids = [queue_code(now).messages[0].id for _ in range(40)]
    deliver_due(now, gateway=Memory())
    with unit_of_work() as session:
        told = {message_id: place != 7 for place, message_id in enumerate(ids[:30])}
        reports.note_reports(session, told, now=now)
        set_allowance(session, per_hour=50, per_day=900, reason="проба", account_id=1, now=now)
        Meter().count(session.connection(), 43, now=now)
    queue_code(now - timedelta(seconds=50), held=True)


def test_an_administrator_raises_the_allowance_and_sends_again_what_was_given_up(
    staff_url: str, visit: OpenVisit, make_actor: MakeActor
) -> None:
    # The browser's driver has an event loop in this thread; deliveries need one of their own.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(a_bad_day).result()
    admin = make_actor(Role.ADMINISTRATOR)
    for scheme in ("dark", "light"):
        seen = visit(color_scheme=scheme)
        staff = StaffScreens(seen, staff_url)
        staff.enter_as(admin.login)
        staff.open("health", say("System health"))
        expect(seen.page.get_by_text("нет связи со шлюзом").first).to_be_visible()
        seen.shot(f"health-{scheme}")
    page = seen.page

    page.get_by_role("button", name=say("Change the allowance of codes")).click(delay=120)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(say("In an hour")).fill("5000")
    dialog.get_by_label(say("In 24 hours")).fill("90000")
    dialog.get_by_label(say("Reason")).fill("Первый час дня голосования")
    dialog.get_by_label(say("Reason")).blur()
    staff.settle()
    seen.shot("allowance")
    dialog.get_by_role("button", name=say("Save")).click(delay=120)
    expect(page.get_by_text(say("The allowance is set."))).to_be_visible()
    with reading() as session:
        found = spending(session, now=clock.now())
    assert (found.per_hour, found.per_day) == (5000, 90_000)

    page.get_by_role("button", name="Отправить снова").click(delay=120)
    again = page.get_by_role("dialog")
    again.get_by_label(say("Reason")).fill("Шлюз снова работает")
    again.get_by_label(say("Reason")).blur()
    staff.settle()
    seen.shot("again")
    again.get_by_role("button", name="Отправить снова").click(delay=120)
    expect(page.get_by_text(say("Done."))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Отбросить"))).to_have_count(0)
    assert health(clock.now()).given_up == ()
    assert not seen.complaints
