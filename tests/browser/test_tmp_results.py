from datetime import timedelta
import pytest
from core import clock
from core.database import unit_of_work
from core.primary.models import Primary
from core.staff import sessions
from core.results.shares import hold_ceremony
from core.results.ceremony import register_ceremony
from core.results.rules import CeremonyKind
from core.results.models import Ceremony
from tests.results.election import *
from tests.browser.conftest import PHONE


def shift(closes, publication):
    now = clock.now()
    with unit_of_work() as s:
        p = s.get(Primary, PRIMARY)
        p.freeze_end = p.publication = now + publication
        p.voting_closes = now + closes
        p.voting_opens = p.voting_closes - timedelta(days=4)
        p.roll_sealed_at = p.voting_opens - timedelta(days=2)
        s.add(p)


def cookie(v, url, actor):
    with unit_of_work() as s:
        t = sessions.open_session(s, actor.account_id, now=clock.now())
    v.page.context.add_cookies([{"name": "staff", "value": t, "url": url}])


def test_shots(make_actor, staff_url, visit, tmp_path):
    from tests.browser import conftest

    e = bring_to_counted(make_actor, tmp_path, rehearsal=True)
    shift(timedelta(hours=-2), timedelta(hours=9))

    def look(actor, path, name, dark=False, act=None, wait="h1"):
        v = visit(color_scheme="dark" if dark else "light")
        cookie(v, staff_url, actor)
        v.page.goto(f"{staff_url}/{path}")
        v.page.wait_for_selector("[data-testid=stAppViewContainer] h1", timeout=30000)
        v.page.wait_for_timeout(2500)
        if act:
            act(v.page)
        v.page.set_viewport_size({"width": 1366, "height": 1500})
        v.page.wait_for_timeout(800)
        v.shot(name)
        print(name, v.complaints)

    look(e.organizer, "ceremony", "ceremony")
    look(e.trustees[0], "count", "count_trustee", dark=True)
    look(e.organizer, "count", "count")
    look(e.organizer, "publication", "publication")

    def show(page):
        page.get_by_text("Показать итоги").click()
        page.wait_for_timeout(2500)

    look(e.canvassers[0], "publication", "publication_canvasser", dark=True, act=show)
    sign_by_both(e)
    shift(timedelta(hours=-12), timedelta(minutes=-5))
    look(e.organizer, "publication", "publication_after")


def test_site(make_actor, public_url, visit, tmp_path):
    e = bring_to_counted(make_actor, tmp_path)
    shift(timedelta(hours=-2), timedelta(hours=9))
    for dark in (False, True):
        v = visit(color_scheme="dark" if dark else "light")
        v.page.goto(f"{public_url}/ru/results")
        v.shot(f"site_before_{dark}")
        print(v.complaints)
    sign_by_both(e)
    shift(timedelta(hours=-12), timedelta(minutes=-5))
    for dark in (False, True):
        v = visit(color_scheme="dark" if dark else "light")
        v.page.goto(f"{public_url}/ru/results")
        v.shot(f"site_after_{dark}")
        print(v.complaints)
        v.page.goto(f"{public_url}/ru/results/national")
        v.shot(f"site_contest_{dark}")
        print(v.complaints)
    v = visit(viewport=PHONE)
    v.page.goto(f"{public_url}/kk/results/national")
    v.shot("site_phone")
    print(v.complaints)
    v.page.goto(f"{public_url}/ru/results/small")
    v.shot("site_small")
    print(v.complaints)
