"""The screen of incoming mail: read, sorted by one press, several at once, and the quarantine."""

from typing import Any

import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from core import clock
from core.cases.models import Case
from core.cases.rules import Category
from core.database import reading, unit_of_work
from core.i18n import LOCALES
from core.mail import filing, service
from core.mail.models import IncomingMail, Mailbox
from core.mail.rules import Fate
from core.staff.rules import Actor, Role
from tests.conftest import MakeActor
from tests.mail.letters import letter
from tests.screens import open_page, signed_in


@pytest.fixture(autouse=True)
def links_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page drawn alone has no navigation that its links could name."""
    monkeypatch.setattr(st, "page_link", lambda _page, label, **_more: st.caption(label))


@pytest.fixture
def operator(sqlite_database: str, make_actor: MakeActor) -> Actor:
    """An operator with two mails."""
    service.take_in(letter(), now=clock.now())
    service.take_in(
        letter("Второе письмо\n\nOn 5 Oct 2020, A <a@b.kz> wrote:\n> прежнее", sender="b@c.kz"),
        now=clock.now(),
    )
    return make_actor(Role.OPERATOR)


def by_key(elements: Any, start: str) -> Any:
    return next(element for element in elements if str(element.key).startswith(start))


def words(screen: AppTest) -> str:
    kinds = ("title", "markdown", "caption", "text", "info", "success", "error", "code")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(screen, kind))


def fates() -> list[str]:
    with reading() as session:
        return list(session.exec(select(IncomingMail.fate).order_by(IncomingMail.id)).all())  # type: ignore[arg-type]


@pytest.mark.parametrize("locale", LOCALES)
def test_an_operator_reads_the_next_mail_and_opens_its_case(operator: Actor, locale: str) -> None:
    with signed_in(operator):
        screen = open_page("inbox", operator, locale=locale)
        by_key(screen.button, "inbox_next").click().run()
        assert "Начальник отдела заставляет" in words(screen)
        assert by_key(screen.selectbox, "inbox_category").value is Category.COERCION_TO_JOIN
        by_key(screen.button, "inbox_case").click().run()
        assert not screen.exception
    assert fates() == [Fate.NEW_CASE, Fate.TO_SORT]
    with reading() as session:
        assert session.exec(select(Case.category)).one() == Category.COERCION_TO_JOIN


def test_a_mail_is_added_to_the_case_whose_number_is_typed(operator: Actor) -> None:
    with signed_in(operator):
        screen = open_page("inbox", operator)
        by_key(screen.button, "inbox_next").click().run()
        by_key(screen.button, "inbox_case").click().run()
        with reading() as session:
            number = session.exec(select(Case.number)).one()
        by_key(screen.button, "inbox_next").click().run()
        assert "прежнее" in words(screen)
        by_key(screen.text_input, "inbox_number").set_value("ZZZZ-ZZZZ").run()
        by_key(screen.button, "inbox_add").click().run()
        assert screen.error
        by_key(screen.text_input, "inbox_number").set_value(number).run()
        by_key(screen.button, "inbox_add").click().run()
    assert fates() == [Fate.NEW_CASE, Fate.ADDED_TO_CASE]


def test_spam_is_put_aside_and_taken_back(operator: Actor) -> None:
    with signed_in(operator):
        screen = open_page("inbox", operator)
        by_key(screen.button, "inbox_next").click().run()
        by_key(screen.button, "inbox_spam").click().run()
        assert fates() == [Fate.SPAM, Fate.TO_SORT]
        screen = open_page("inbox", operator, query={"show": "spam"})
        by_key(screen.button, "inbox_next").click().run()
        by_key(screen.button, "inbox_back").click().run()
    assert fates() == [Fate.TO_SORT, Fate.TO_SORT]


def test_the_health_page_tells_of_mailboxes_and_of_what_waits(
    operator: Actor, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        session.add(Mailbox(name="desk@mail/INBOX", tried_at=clock.now(), fault="OSError"))
    screen = open_page("health", make_actor(Role.ADMINISTRATOR))
    assert any("desk@mail" in item.value.replace("\\", "") for item in screen.error)
    assert "2" in [item.value for item in screen.metric]


def test_the_quarantine_shows_headers_and_opens_a_case_by_hand(
    operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "LARGEST", 10)
    service.take_in(letter("Большое"), now=clock.now())
    with signed_in(operator):
        screen = open_page("inbox", operator, query={"show": "quarantined"})
        by_key(screen.button, "mail_headers").click().run()
        assert "aigul@example.kz" in words(screen)
        screen = open_page("inbox", operator, query={"show": "quarantined"})
        by_key(screen.button, "mail_hand").click().run()
        by_key(screen.text_area, "hand_story").set_value("Фильм с собрания")
        by_key(screen.button, "mail_hand").click()  # drawn alone, a page opens its dialog anew
        by_key(screen.button, "hand_confirm").click().run()
    assert fates()[-1] == Fate.NEW_CASE
