"""Staff, audit log, health and the own profile, as each role sees them."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest

from core import clock
from core.audit import queries as audit
from core.audit import service as audit_log
from core.audit.rules import Author
from core.database import reading, unit_of_work
from core.messaging.allowance import Meter, set_allowance
from core.messaging.service import deliver_due
from core.schedule import State
from core.settings import ROOT
from core.staff import queries, service, sessions
from core.staff.models import Account
from core.staff.passwords import hash_password
from core.staff.rules import Actor, Grant, Role
from tests.conftest import MakeActor
from tests.messaging.gateways import Refusing
from tests.messaging.test_outbox import queue_notice
from tests.screens import open_page, signed_in

CONTROL = ("staff", "audit", "health")
MAY_OPEN = {
    "staff": {Role.ADMINISTRATOR, Role.ORGANIZER},
    "audit": {Role.ADMINISTRATOR, Role.ORGANIZER, Role.OBSERVER, Role.AUDITOR},
    "health": {Role.ADMINISTRATOR},
}


@pytest.mark.parametrize("name", CONTROL)
def test_a_page_opens_for_its_roles_and_for_nobody_else(
    sqlite_database: str, make_actor: MakeActor, name: str
) -> None:
    for role in Role:
        screen = open_page(name, make_actor(role))
        assert not screen.exception
        assert bool(screen.title) == (role in MAY_OPEN[name]), role
    assert not open_page(name, None).title


def test_an_organizer_sees_what_waits_but_not_the_accounts(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    screen = open_page("staff", make_actor(Role.ORGANIZER))
    assert [tab.label for tab in screen.tabs] == ["Ждут второго лица (0)", "Кто кого создал"]


def test_the_second_person_confirms_on_the_page_and_gets_the_password_once(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    first, second = make_actor(Role.ADMINISTRATOR), make_actor(Role.ORGANIZER)
    draft = service.AccountDraft(
        login="canvasser", name="Ерлан *Серик*", grants=frozenset({Grant(Role.CANVASSER)})
    )
    with unit_of_work() as session:
        service.propose_account(session, draft, actor=first, reason="подсчёт", now=clock.now())
    screen = open_page("staff", second)
    with signed_in(second):
        screen.button(key="confirm-1").click().run()
        assert not screen.exception
        password = screen.code[0].value
        assert len(password) == 24
        screen.run()
        assert screen.code[0].value == password, "it stays until it is handed over"
        screen.button[0].click().run()
    assert not screen.code
    with reading() as session:
        assert queries.account_id_of(session, "canvasser")


def test_the_proposer_has_no_button_to_confirm(sqlite_database: str, make_actor: MakeActor) -> None:
    admin = make_actor(Role.ADMINISTRATOR)
    draft = service.AccountDraft(
        login="operator", name="Оператор", grants=frozenset({Grant(Role.OPERATOR)})
    )
    with unit_of_work() as session:
        service.propose_account(session, draft, actor=admin, reason="звонки", now=clock.now())
    labels = [button.label for button in open_page("staff", admin).button]
    assert "Отозвать" in labels
    assert "Подтвердить" not in labels


def test_the_list_of_accounts_is_searched_by_name_and_role(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    admin = make_actor(Role.ADMINISTRATOR, name="Первый Админ")
    make_actor(Role.OPERATOR, name="Ахметова Сауле")
    make_actor(Role.CLERK, name="Ибраев Тимур")
    screen = open_page("staff", admin, query={"q": "ахмет"})
    assert list(screen.dataframe[0].value["Имя"]) == ["Ахметова Сауле"]
    screen = open_page("staff", admin)
    with signed_in(admin):
        screen.selectbox(key="role").select(Role.CLERK).run()
    assert list(screen.dataframe[0].value["Имя"]) == ["Ибраев Тимур"]


@pytest.fixture
def logged(sqlite_database: str) -> None:
    """An act on a case, one on a member."""
    with unit_of_work() as session:
        for act, subject in (("move_case", "case:77"), ("admit_member", "member:4711")):
            audit_log.record(
                session,
                act,
                author=Author.public(),
                subject=subject,
                details={"number": 4711, "kind": "coercion", "done": True},
            )


def _acts(screen: AppTest) -> dict[str, tuple[str, str]]:
    frame = screen.dataframe[0].value
    rows = zip(frame["Действие"], frame["Объект"], frame["Подробности"], strict=True)
    return {act: (subject, details) for act, subject, details in rows}


@pytest.mark.parametrize("role", [Role.ORGANIZER, Role.ADMINISTRATOR, Role.OBSERVER])
@pytest.mark.usefixtures("logged")
def test_a_masked_log_hides_persons_and_everything_of_cases(
    make_actor: MakeActor, role: Role
) -> None:
    screen = open_page("audit", make_actor(role))
    assert _acts(screen) == {
        "Принят член партии": ("member:•••", "done=True, kind=coercion, number=•••")
    }
    assert "Обращение передвинуто" not in screen.selectbox[0].options
    assert "№" not in screen.dataframe[0].value.columns


@pytest.mark.usefixtures("logged")
def test_an_auditor_sees_everything_and_is_seen(make_actor: MakeActor) -> None:
    auditor = make_actor(Role.AUDITOR)
    screen = open_page("audit", auditor)
    shown = _acts(screen)
    assert shown["Принят член партии"] == ("member:4711", "done=True, kind=coercion, number=4711")
    assert "Обращение передвинуто" in shown
    with signed_in(auditor):
        screen.run()
    with reading() as session:
        readings, total = audit.entries(session, act="read_audit_log")
    assert total == 1, "one entry for one choice of filters, however often it is drawn"
    assert readings[0].account_id == auditor.account_id


@pytest.mark.usefixtures("logged")
def test_the_chain_is_verified_on_the_page(make_actor: MakeActor) -> None:
    organizer = make_actor(Role.ORGANIZER)
    screen = open_page("audit", organizer)
    with signed_in(organizer):
        next(button for button in screen.button if "цепочку" in button.label).click().run()
    assert [found.value for found in screen.success] == ["Цепочка цела."]


def test_health_says_what_is_wrong(
    sqlite_database: str, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core import schedule

    monkeypatch.setattr(schedule, "_state", schedule.State(clock.now()))
    admin = make_actor(Role.ADMINISTRATOR)
    assert [found.value for found in open_page("health", admin).success] == ["Всё работает."]
    late = schedule.State(clock.now() - timedelta(minutes=5), {"deliver_messages": "OSError"})
    monkeypatch.setattr(schedule, "_state", late)
    wrong = [found.value for found in open_page("health", admin).error]
    assert len(wrong) == 2
    assert "deliver_messages" in wrong[1]


def _given_up_notice() -> None:
    with clock.shifted(timedelta(days=-1)):
        queue_notice()
    for hours in range(24):
        with clock.shifted(timedelta(hours=hours - 24)):
            deliver_due(clock.now(), gateway=Refusing())


def test_health_shows_gateways_codes_and_what_was_given_up(
    sqlite_database: str, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.schedule._state", State(clock.now()))
    queue_notice("waiting")
    _given_up_notice()
    admin = make_actor(Role.ADMINISTRATOR)
    screen = open_page("health", admin)
    assert not screen.exception
    shown = {metric.label: metric.value for metric in screen.metric}
    assert (shown["В очереди"], shown["Доставлено"]) == ("1", "–")
    assert [found.value for found in screen.error] == [
        "Не удалось отправить сообщений: 1. Проверьте шлюз."
    ]
    assert any("1 сообщение" in text.value for text in screen.markdown)
    assert any("нет связи со шлюзом" in text.value for text in screen.markdown)
    labels = [button.label for button in screen.button]
    assert labels == ["Изменить лимит кодов", "Отправить снова", "Отбросить"]


def test_an_allowance_that_is_used_up_alarms_administrators_and_organizers(
    sqlite_database: str, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.schedule._state", State(clock.now()))
    with unit_of_work() as session:
        now = clock.now()
        set_allowance(session, per_hour=10, per_day=10, reason="проба", account_id=1, now=now)
        Meter().count(session.connection(), 8, now=now)
    admin, organizer = make_actor(Role.ADMINISTRATOR), make_actor(Role.ORGANIZER)
    assert "80,0\xa0%" in open_page("health", admin).error[0].value
    with unit_of_work() as session:
        Meter().count(session.connection(), 2, now=clock.now())
    assert "больше не отправляются" in open_page("health", admin).error[0].value
    for actor in (admin, organizer):
        alarms = [found.value for found in open_page("overview", actor).error]
        assert any("больше не отправляются" in alarm for alarm in alarms), actor.grants
    assert not open_page("overview", make_actor(Role.OBSERVER)).error


def test_a_session_for_looking_offers_no_acts_on_messages(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    _given_up_notice()
    admin = make_actor(Role.ADMINISTRATOR)
    with unit_of_work() as session:
        wall = sessions.open_session(session, admin.account_id, now=clock.now(), read_only=True)
    with patch("pages.session.session_token", lambda: wall):
        screen = AppTest.from_file(str(ROOT / "pages" / "health.py"), default_timeout=20).run()
    assert not screen.exception
    assert not screen.button


def _with_password(actor: Actor, password: str) -> None:
    with unit_of_work() as session:
        account = session.get(Account, actor.account_id)
        assert account
        account.password_hash = hash_password(password, rounds=4)
        session.add(account)


def _fill_passwords(screen: AppTest, present: str, new: str, again: str) -> None:
    labels = {"Текущий пароль": present, "Новый пароль": new, "Ещё раз": again}
    for label, text in labels.items():
        next(field for field in screen.text_input if field.label == label).input(text)
    next(button for button in screen.button if button.label == "Сменить пароль").click()


def test_a_holder_changes_the_password_and_every_session_ends(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.CLERK)
    _with_password(actor, "старый добрый пароль")
    with unit_of_work() as session:
        other = sessions.open_session(session, actor.account_id, now=clock.now())
    screen = open_page("own_profile", actor)
    assert not screen.exception
    with signed_in(actor):
        _fill_passwords(screen, "не тот", "совсем новый пароль", "совсем новый пароль")
        screen.run()
        assert [found.value for found in screen.error] == ["Текущий пароль неверен."]
        _fill_passwords(screen, "старый добрый пароль", "одно и то же", "другое дело")
        screen.run()
        assert [found.value for found in screen.error] == ["Пароли не совпадают."]
        _fill_passwords(
            screen, "старый добрый пароль", "совсем новый пароль", "совсем новый пароль"
        )
        screen.run()
        assert not screen.title, "this session is over too"
    with reading() as session:
        assert sessions.resolve(session, other, now=clock.now()) is None


def test_a_holder_ends_another_own_session(sqlite_database: str, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK)
    with unit_of_work() as session:
        other = sessions.open_session(session, actor.account_id, now=clock.now())
    screen = open_page("own_profile", actor)
    with signed_in(actor):
        screen.button(key="end-1").click().run()
    with reading() as session:
        assert sessions.resolve(session, other, now=clock.now()) is None


def _sign_in_page() -> None:
    from pages import sign_in

    sign_in.show()


def _try(screen: AppTest, login: str, password: str) -> list[str]:
    screen.text_input[0].input(login)
    screen.text_input[1].input(password)
    screen.button[0].click().run()
    assert not screen.exception
    return [found.value for found in screen.error]


@pytest.fixture
def sign_in_screen(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("core.staff.passwords.ROUNDS", 4)
    return AppTest.from_function(_sign_in_page, default_timeout=20).run()


def test_a_wrong_password_is_a_sentence_and_the_sixth_a_lock(
    sign_in_screen: AppTest, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.CLERK)
    _with_password(actor, "верный пароль здесь")
    for _number in range(5):
        assert _try(sign_in_screen, actor.login, "неверный") == ["Неверный логин или пароль."]
    assert "Слишком много" in _try(sign_in_screen, actor.login, "неверный")[0]
    locked = _try(sign_in_screen, actor.login, "верный пароль здесь")
    assert "Слишком много" in locked[0], "the right password does not open a lock"


def test_thirty_seven_cyrillic_letters_are_a_sentence_not_a_traceback(
    sign_in_screen: AppTest, make_actor: MakeActor
) -> None:
    assert "72 байт" in _try(sign_in_screen, make_actor(Role.CLERK).login, "я" * 37)[0]


def test_after_the_password_nobody_is_signed_in_yet(
    sign_in_screen: AppTest, make_actor: MakeActor
) -> None:
    """The widget says "authenticated" at this point; its keys are gone before anybody reads them."""
    actor = make_actor(Role.CLERK)
    _with_password(actor, "верный пароль здесь")
    assert _try(sign_in_screen, actor.login.upper(), "верный пароль здесь") == []
    assert [heading.value for heading in sign_in_screen.subheader] == ["Настройте второй фактор"]
    for key in ("authentication_status", "username", "name", "roles"):
        assert key not in sign_in_screen.session_state
    with reading() as session:
        assert queries.live_session_count(session, now=clock.now()) == 0


def test_the_state_of_a_browser_is_emptied_when_its_owner_changes(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    first, second = make_actor(Role.ADMINISTRATOR), make_actor(Role.ADMINISTRATOR)
    screen = open_page("health", first, draft_of_a_call="секрет")
    assert screen.session_state["draft_of_a_call"] == "секрет"
    with signed_in(second):
        screen.run()
    assert "draft_of_a_call" not in screen.session_state
