"""The staff's screen of a candidate's page: edited by organizers, seen by observers, then fixed."""

from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from sqlmodel import select

from core import clock
from core.audit.models import AuditEntry
from core.database import reading, unit_of_work
from core.primary import queries, service
from core.primary.candidate_queries import candidate_page
from core.primary.photos import read_photo
from core.staff.rules import Actor, Role
from tests.conftest import MakeActor
from tests.pages.test_primary_pages import press, texts
from tests.primary.conftest import (
    CANDIDATES,
    CONTESTS,
    NOW,
    PRIMARY,
    SEALING,
    get_ready,
    make_primary,
)
from tests.primary.test_photos import picture
from tests.screens import open_page, signed_in

pytestmark = pytest.mark.usefixtures("sqlite_database")
PHOTO = read_photo(picture())


@pytest.fixture(autouse=True)
def _without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page drawn alone has no navigation that its links could name."""
    monkeypatch.setattr(st, "page_link", lambda _page, label, **_more: st.caption(label))


@pytest.fixture
def organizer(sqlite_database: str, make_actor: MakeActor) -> Actor:
    del sqlite_database
    return make_actor(Role.ORGANIZER)


@pytest.fixture
def kim(organizer: Actor) -> Iterator[str]:
    """A candidate of a primary that is being prepared."""
    with clock.fixed(SEALING):
        with unit_of_work() as session:
            make_primary(session, organizer)
            service.import_contests(session, PRIMARY, CONTESTS, actor=organizer, now=NOW)
            service.import_candidates(session, PRIMARY, CANDIDATES, actor=organizer, now=NOW)
            found = queries.candidates(session, PRIMARY, name="ким")[0][0].id
        yield found


def _field(screen: Any, label: str) -> Any:
    (field,) = [field for field in screen.text_area if field.label.startswith(label)]
    return field


def _shown(screen: Any) -> list[str]:
    return [str(element.value) for element in screen.text]


def test_an_organizer_writes_a_page_and_sees_it_as_voters_will(kim: str, organizer: Actor) -> None:
    with signed_in(organizer):
        screen = open_page("candidate_page", organizer, query={"id": kim})
        assert not screen.exception
        assert "Программа не представлена." in texts(screen)
        _field(screen, "Программа, русский").input("Дворы.\n\n  **Свет** ![](https://x.kz/a)")
        _field(screen, "Ссылки").input("https://example.kz/me\n")
        screen.run()
        assert {"Дворы.", "**Свет** ![](https://x.kz/a)", "example.kz/me"} <= set(_shown(screen))
        press(screen, "Сохранить текст")
    assert "Текст сохранён" in texts(screen)
    with reading() as session:
        page = candidate_page(session, PRIMARY, kim)
    assert page is not None
    assert page.programmes["ru"] == "Дворы.\n**Свет** ![](https://x.kz/a)"
    assert page.links == ("https://example.kz/me",)


def test_what_may_not_stand_on_a_page_is_a_sentence_beside_the_field(
    kim: str, organizer: Actor
) -> None:
    with signed_in(organizer):
        screen = open_page("candidate_page", organizer, query={"id": kim})
        _field(screen, "Ссылки").input("http://example.kz").run()
        assert "https://" in str(screen.error[0].value).replace("\\", "")
        press(screen, "Сохранить текст")
    assert not screen.exception
    with reading() as session:
        page = candidate_page(session, PRIMARY, kim)
    assert page is not None
    assert page.changed_at is None


def test_a_photo_is_brought_previewed_kept_and_removed(kim: str, organizer: Actor) -> None:
    with signed_in(organizer):
        screen = open_page("candidate_page", organizer, query={"id": kim})
        screen.file_uploader[0].upload("me.png", picture(form="PNG"), "image/png").run()
        assert not screen.exception
        press(screen, "Сохранить фотографию")
        with reading() as session:
            page = candidate_page(session, PRIMARY, kim)
        assert page is not None
        assert page.photo is not None
        press(screen, "Убрать фотографию")
    assert "Фотография убрана" in texts(screen)
    with reading() as session:
        page = candidate_page(session, PRIMARY, kim)
    assert page is not None
    assert page.photo is None


def test_a_file_that_is_no_photo_is_a_sentence(kim: str, organizer: Actor) -> None:
    with signed_in(organizer):
        screen = open_page("candidate_page", organizer, query={"id": kim})
        screen.file_uploader[0].upload("me.jpg", b"<svg/>", "image/jpeg").run()
    assert not screen.exception
    assert "JPEG, PNG или WebP" in str(screen.error[0].value).replace("\\", "")


def test_an_observer_sees_the_page_and_changes_nothing(
    kim: str, organizer: Actor, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        service.set_photo(session, kim, PHOTO, actor=organizer, now=SEALING)
    screen = open_page("candidate_page", make_actor(Role.OBSERVER), query={"id": kim})
    assert not screen.exception
    assert not screen.button
    assert not screen.text_area


def test_after_the_signature_and_after_a_cancellation_nobody_edits(organizer: Actor) -> None:
    with clock.fixed(SEALING):
        with unit_of_work() as session:
            make_primary(session, organizer)
            get_ready(session, organizer)
            found = {each.last_name: each.id for each in queries.candidates(session, PRIMARY)[0]}
            service.cancel_registration(
                session, found["Ким"], actor=organizer, decision="7/2020", now=SEALING
            )
        cancelled = open_page("candidate_page", organizer, query={"id": found["Ким"]})
        assert "Регистрация отменена" in texts(cancelled)
        assert not cancelled.text_area
        with unit_of_work() as session:
            service.sign_readiness(session, PRIMARY, actor=organizer, now=SEALING)
        fixed = open_page("candidate_page", organizer, query={"id": found["Ахметова"]})
    assert "страницы кандидатов больше не меняются" in texts(fixed)
    assert not fixed.text_area


def test_an_unknown_candidate_is_a_sentence(kim: str, organizer: Actor) -> None:
    for query in ({}, {"id": "NOBODY00"}, {"id": f"{kim}'--"}):
        screen = open_page("candidate_page", organizer, query=query)
        assert "Такого кандидата нет." in texts(screen)


def test_the_list_tells_how_far_each_page_is(kim: str, organizer: Actor) -> None:
    draft = service.PageDraft(programmes={"ru": "Дворы.", "kk": "Аула."}, links=["https://a.kz"])
    with unit_of_work() as session:
        service.write_page(session, kim, draft, actor=organizer, now=SEALING)
        service.set_photo(session, kim, PHOTO, actor=organizer, now=SEALING)
    rows = open_page("candidates", organizer).dataframe[0].value
    told = dict(zip(rows["Номер"], rows["Публичная страница"], strict=True))
    assert told.pop(kim) == "RU, KK, фото, 1 ссылка"
    assert set(told.values()) == {"–"}


def test_an_act_on_a_page_has_its_words_in_the_audit_log(kim: str, organizer: Actor) -> None:
    from pages.acts import ACTS

    with unit_of_work() as session:
        service.set_photo(session, kim, PHOTO, actor=organizer, now=SEALING)
        service.remove_photo(session, kim, actor=organizer, now=SEALING)
        draft = service.PageDraft(programmes={"en": "Yards."})
        service.write_page(session, kim, draft, actor=organizer, now=SEALING)
        verbs = {act for act in session.exec(select(AuditEntry.act)) if "candidate_p" in act}
    assert len(verbs) == 3
    assert verbs <= set(ACTS)
