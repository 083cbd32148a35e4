"""The screens of admission: freeze, applications, members. Logic is tested without them."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core import clock
from core.audit.rules import Author
from core.database import reading, unit_of_work
from core.i18n import _, use_locale
from core.membership import imports, service
from core.membership.queries import freeze_now, import_runs
from core.membership.rules import ApplicationStatus
from core.staff import profile
from core.staff.rules import Actor, Role
from pages.lists import csv_bytes, xlsx_bytes
from tests.conftest import MakeActor
from tests.membership.registers import person, write_register
from tests.membership.test_service import someone
from tests.screens import open_page, signed_in

pytestmark = pytest.mark.usefixtures("sqlite_database")
NOW = datetime(2020, 9, 11, 6, tzinfo=UTC)
END = datetime(2020, 10, 4, 18, tzinfo=UTC)
ADMITTED = ApplicationStatus.ADMITTED


@pytest.fixture(autouse=True)
def _on_the_eleventh() -> Iterator[None]:
    with clock.fixed(NOW):
        yield


@pytest.fixture
def organizer(make_actor: MakeActor) -> Actor:
    return make_actor(Role.ORGANIZER)


def freeze(actor: Actor) -> int:
    with unit_of_work() as session:
        return service.freeze_admission(
            session, actor=actor, starts_at=NOW, ends_at=END, reason="Жалобы", now=NOW
        )


def shown(screen: Any) -> str:
    kinds = ("title", "info", "error", "warning", "success", "text", "caption", "markdown")
    return " ".join(str(part.value) for kind in kinds for part in getattr(screen, kind))


def register(folder: Path, count: int, actor: Actor) -> None:
    imports.run_import(
        write_register(folder / "r.csv", [person(n) for n in range(count)]), actor=actor
    )


def test_without_a_freeze_the_page_says_that_admission_is_open(organizer: Actor) -> None:
    screen = open_page("freeze", organizer)
    assert not screen.exception
    assert "Приём открыт" in shown(screen)


def test_a_freeze_is_one_sentence_with_its_end_and_a_countdown(organizer: Actor) -> None:
    freeze(organizer)
    with unit_of_work() as session:
        service.submit_application(session, someone(1), actor=organizer, now=NOW)
    screen = open_page("freeze", organizer)
    assert not screen.exception
    assert "приостановлен до 05.10.2020 00:00 (Asia/Almaty)" in shown(screen)
    assert "23 дн. 12 ч" in shown(screen)
    assert [figure.value for figure in screen.metric] == ["0", "1"]


def test_the_dialog_of_suspending_repeats_the_consequence(organizer: Actor) -> None:
    with unit_of_work() as session:
        for number in range(3):
            service.submit_application(session, someone(number), actor=organizer, now=NOW)
    screen = open_page("freeze", organizer)
    with signed_in(organizer):
        screen.run()
        next(b for b in screen.button if b.label == "Приостановить приём").click().run()
        assert "никто не станет членом партии" in shown(screen)
        assert "Ждут 3 заявления." in shown(screen)
        assert screen.button(key="freeze_confirm").label == "Приостановить приём"
    assert not screen.exception


def test_lifting_before_voting_ends_waits_for_a_second_person(
    organizer: Actor, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        service.set_freeze_floor(session, END, author=Author.system(), now=NOW)
    number = freeze(organizer)
    with unit_of_work() as session:
        service.propose_lifting(session, number, actor=organizer, reason="Отмена", now=NOW)
    own = open_page("freeze", organizer)
    assert not [button for button in own.button if button.label == "Подтвердить"]
    second = make_actor(Role.ORGANIZER)
    screen = open_page("freeze", second)
    with signed_in(second):
        screen.run()
        next(b for b in screen.button if b.label == "Подтвердить").click().run()
    assert not screen.exception
    with reading() as session:
        assert freeze_now(session, NOW) is None


@pytest.mark.parametrize("role", [Role.REGISTRAR, Role.OBSERVER])
def test_who_only_reads_the_freeze_has_no_buttons_for_it(
    organizer: Actor, make_actor: MakeActor, role: Role
) -> None:
    freeze(organizer)
    screen = open_page("freeze", make_actor(role))
    assert not screen.exception
    assert "приостановлен" in shown(screen)
    assert not list(screen.button)


@pytest.mark.parametrize("page", ["freeze", "applications", "members"])
def test_strangers_and_other_roles_see_nothing(make_actor: MakeActor, page: str) -> None:
    for actor in (None, make_actor(Role.OPERATOR)):
        screen = open_page(page, actor)
        assert len(screen.error) == 1
        assert not screen.title


def test_applications_are_masked_and_filtered_by_the_address(organizer: Actor) -> None:
    with unit_of_work() as session:
        service.submit_application(session, someone(1), actor=organizer, now=NOW)
    screen = open_page("applications", organizer)
    table = screen.dataframe[0].value
    assert person(1)["iin"] not in table.to_string()
    assert "******" in table.to_string()
    assert not open_page("applications", organizer, query={"status": "принят"}).dataframe
    with unit_of_work() as session:
        service.decide_application(
            session, 1, actor=organizer, decision=ADMITTED, reason="Решение № 4", now=NOW
        )
    screen = open_page("applications", organizer, query={"status": "принят"})
    assert list(screen.dataframe[0].value["Причина"]) == ["Решение № 4"]


def test_in_a_freeze_an_application_can_only_wait_or_be_declined(organizer: Actor) -> None:
    freeze(organizer)
    with unit_of_work() as session:
        service.submit_application(session, someone(1), actor=organizer, now=NOW)
    screen = open_page("applications", organizer)
    with signed_in(organizer):
        screen.run()
        screen.button(key="open_decision").click().run()
    assert screen.radio(key="decision").options == ["отказано"]
    assert "05.10.2020 00:00" in " ".join(str(box.value) for box in screen.warning)


def test_members_are_listed_fifty_a_page_and_masked(organizer: Actor, tmp_path: Path) -> None:
    register(tmp_path, 60, organizer)
    screen = open_page("members", organizer)
    assert not screen.exception
    first = screen.dataframe[0].value
    assert len(first) == 50
    text = first.to_string()
    assert not any(person(number)["iin"] in text for number in range(60))
    assert len(open_page("members", organizer, query={"page": "2"}).dataframe[0].value) == 10


def test_filters_stand_in_the_address(organizer: Actor, tmp_path: Path) -> None:
    register(tmp_path, 60, organizer)
    screen = open_page("members", organizer, query={"q": "kasymov", "place": "город Нур-Султан"})
    assert not screen.exception
    rows = screen.dataframe[0].value
    assert set(rows["Место"]) == {"город Нур-Султан"}
    assert all(name.startswith("Қасымов") for name in rows["Имя"])


def test_a_registrar_sees_the_own_place_only(
    organizer: Actor, make_actor: MakeActor, tmp_path: Path
) -> None:
    register(tmp_path, 8, organizer)
    screen = open_page("members", make_actor(Role.REGISTRAR, place="710000000"))
    assert not screen.exception
    assert set(screen.dataframe[0].value["Место"]) == {"город Нур-Султан"}


def test_the_import_goes_on_in_the_background_and_ends_with_its_report(
    organizer: Actor, tmp_path: Path
) -> None:
    path = write_register(tmp_path / "upload", [person(1), person(2, iin="1")])
    imports.start_import(path, actor=organizer, file_name="register.csv")
    for thread in threading.enumerate():
        if thread.name == "register import":
            thread.join()
    screen = open_page("members", organizer)
    assert not screen.exception
    figures = {figure.label: figure.value for figure in screen.metric}
    assert (figures["Прочитано"], figures["Новых"], figures["Отклонено"]) == ("2", "1", "1")
    with reading() as session:
        (run,) = import_runs(session, actor=organizer)
    assert run.refused == 1


@pytest.mark.parametrize("locale", ["kk", "en"])
def test_the_screens_speak_the_other_languages(
    organizer: Actor, tmp_path: Path, locale: str
) -> None:
    register(tmp_path, 3, organizer)
    freeze(organizer)
    with unit_of_work() as session:
        profile.choose_locale(session, locale, actor=organizer)
    for page in ("freeze", "applications", "members"):
        screen = open_page(page, organizer)
        assert not screen.exception
        with use_locale(locale):
            titles = {_("Admission freeze"), _("Applications"), _("Member register")}
        assert screen.title[0].value in titles


def test_no_cell_of_a_file_is_a_formula() -> None:
    wicked = '=HYPERLINK("https://example.org")'
    assert b"'=HYPER" in csv_bytes(["a"], [[wicked]])
    table = pl.read_excel(BytesIO(xlsx_bytes(["a"], [[wicked], ["https://example.org"]])))
    assert table["a"].to_list() == [wicked, "https://example.org"]
