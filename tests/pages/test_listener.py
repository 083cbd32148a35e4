"""The staff listener from outside: strangers, copied cookies, revoked accounts, forged requests."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
import websockets
from streamlit.file_util import get_static_dir
from streamlit.util import calc_hash

from core import clock, database
from core.cases import service as cases
from core.cases.evidence_rules import read_upload
from core.cases.rules import CaseState
from core.database import reading, unit_of_work
from core.staff import queries, second_factor, service, sessions, sign_in
from core.staff.models import Account, StaffSession
from core.staff.passwords import is_password
from core.staff.rules import Actor, Grant, Office, Role
from pages.catalogue import FRONT_PAGE, SCREENS, page_names
from tests.cases.conftest import build_desk
from tests.conftest import MakeActor, _prepare
from tests.pages.wire import Browser, Listener, start_listener

SHELL = (Path(get_static_dir()) / "index.html").read_bytes()
DOOR = "the-cookie-from-before-the-sign-in"


@pytest.fixture(scope="module")
def installation(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listener")
    shutil.copy(sqlite_template, folder / "primaries.sqlite")
    return folder


@pytest.fixture(scope="module")
def listener(installation: Path) -> Iterator[Listener]:
    running = start_listener(installation, f"sqlite:///{installation / 'primaries.sqlite'}")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _same_installation(installation: Path) -> Iterator[None]:
    _prepare(f"sqlite:///{installation / 'primaries.sqlite'}", installation)
    yield
    database.dispose()


def signed_in(actor: Actor) -> dict[str, str]:
    with unit_of_work() as session:
        return {"staff": sessions.open_session(session, actor.account_id, now=clock.now())}


def close_account(actor: Actor) -> None:
    with unit_of_work() as session:
        account = session.get(Account, actor.account_id)
        assert account
        account.disabled_at = clock.now()
        session.add(account)


def ticket_for(actor: Actor) -> str:
    progress = sign_in.Progress(
        account_id=actor.account_id,
        login=actor.login,
        since=clock.now(),
        second_factor_given=True,
    )
    with unit_of_work() as session:
        second_factor.install_secret(session, actor.account_id, second_factor.new_secret())
        return sign_in.issue_ticket(session, progress, browser=DOOR, now=clock.now())


def redeem(listener: Listener, ticket: str, **headers: str) -> httpx.Response:
    given = {"Origin": listener.url, "Cookie": f"staff_door={DOOR}"} | headers
    return httpx.post(f"{listener.url}/session", json={"ticket": ticket}, headers=given)


def test_the_very_first_request_of_a_stranger_gets_the_sign_in(listener: Listener) -> None:
    """On a cold server a page's own address, or its hash, must not run the page."""
    with Browser(listener, {}) as stranger:
        screen = stranger.run("health", page_hash=calc_hash("health"))
    assert "Пароль" in screen.text
    assert "Состояние системы" not in screen.text


@pytest.mark.parametrize("address", ["", *page_names(), "sign_in", "navigation", "session"])
def test_a_stranger_finds_no_content_at_any_address(listener: Listener, address: str) -> None:
    answer = httpx.get(f"{listener.url}/{address}")
    to_the_front = answer.status_code == 307 and address == FRONT_PAGE
    assert answer.status_code == 404 or answer.content == SHELL or to_the_front
    with Browser(listener, {}) as stranger:
        screen = stranger.run(address)
    titles = {screen.title() for screen in SCREENS}
    assert "Пароль" in screen.text
    assert not {title for title in titles if f'"{title}"' in screen.text}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/media/0123456789abcdef.png"),
        ("PUT", "/_stcore/upload_file/session/file"),
        ("DELETE", "/_stcore/upload_file/session/file"),
    ],
)
def test_a_stranger_neither_uploads_nor_reads_media(
    listener: Listener, method: str, path: str
) -> None:
    assert httpx.request(method, listener.url + path).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/agent/openapi.json",
        "/_stcore/agent/mcp",
        "/_stcore/metrics",
        "/component/streamlit_authenticator/index.html",
        "/auth/login",
        "/oauth2callback",
        "/pages/health",
        "/health.py",
        "/../core/settings.py",
    ],
)
def test_what_we_do_not_use_does_not_exist(listener: Listener, path: str) -> None:
    assert httpx.get(listener.url + path).status_code == 404


def test_every_answer_says_what_the_browser_may_load(listener: Listener) -> None:
    answer = httpx.get(listener.url)
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    door = answer.headers["set-cookie"]
    assert "HttpOnly" in door
    assert "SameSite=Strict" in door


def test_another_host_or_origin_is_turned_away(listener: Listener) -> None:
    foreign = httpx.get(listener.url, headers={"Host": "evil.example"})
    assert foreign.status_code == 421
    with (
        pytest.raises(websockets.InvalidStatus),
        Browser(listener, {}, Origin="http://evil.example"),
    ):
        pass


def test_a_forwarded_address_is_believed_from_nobody(listener: Listener) -> None:
    """Without trusted proxies the client is the peer, here this machine, whatever it claims."""
    claimed = httpx.get(f"{listener.url}/metrics", headers={"X-Forwarded-For": "198.51.100.7"})
    assert claimed.status_code == 200
    assert "primaries_staff_sessions_live" in claimed.text


def test_a_ticket_becomes_a_cookie_that_no_script_reads(
    listener: Listener, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.ADMINISTRATOR, name="Сауле Ахметова")
    answer = redeem(listener, ticket_for(actor))
    assert answer.status_code == 204
    given = answer.headers.get_list("set-cookie")
    session_cookie = next(value for value in given if value.startswith("staff="))
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(session_cookie.split("; "))
    token = session_cookie.split(";")[0].removeprefix("staff=")
    with Browser(listener, {"staff": token}) as browser:
        screen = browser.run("staff")
    assert "Сауле Ахметова" in screen.text
    assert "Учётные записи" in screen.text


def test_a_ticket_is_refused_again_elsewhere_and_from_another_origin(
    listener: Listener, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.CLERK)
    ticket = ticket_for(actor)
    assert redeem(listener, ticket, Origin="http://evil.example").status_code == 403
    assert redeem(listener, ticket, Origin=f"https://localhost:{listener.port}").status_code == 403
    assert redeem(listener, ticket, Cookie="staff_door=another").status_code == 403
    assert redeem(listener, ticket, Cookie="").status_code == 403
    assert redeem(listener, ticket).status_code == 204
    assert redeem(listener, ticket).status_code == 403
    without_origin = httpx.post(f"{listener.url}/session", json={"ticket": ticket})
    assert without_origin.status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ticket": 7}', b"\xff", b"x" * 5000])
def test_a_malformed_ticket_is_no_fault_of_the_server(listener: Listener, body: bytes) -> None:
    headers = {"Origin": listener.url}
    assert httpx.post(f"{listener.url}/session", content=body, headers=headers).status_code == 400


def test_a_copied_cookie_is_dead_after_sign_out(listener: Listener, make_actor: MakeActor) -> None:
    cookies = signed_in(make_actor(Role.ADMINISTRATOR))
    header = {"Cookie": f"staff={cookies['staff']}"}
    assert httpx.get(f"{listener.url}/media/none", headers=header).status_code == 404
    ended = httpx.post(f"{listener.url}/session/end", headers=header | {"Origin": listener.url})
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["set-cookie"]
    assert httpx.get(f"{listener.url}/media/none", headers=header).status_code == 401
    with Browser(listener, cookies) as copied:
        assert "Пароль" in copied.run("health").text


def test_a_closed_account_gets_nothing_at_the_next_run(
    listener: Listener, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.ADMINISTRATOR)
    with Browser(listener, signed_in(actor)) as browser:
        assert "SQLite" in browser.run("health").text
        close_account(actor)
        after = browser.run("health")
    assert "Пароль" in after.text
    assert "SQLite" not in after.text


def test_a_closed_account_gets_nothing_from_a_fragment(
    listener: Listener, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.ADMINISTRATOR)
    with Browser(listener, signed_in(actor)) as browser:
        whole = browser.run("health")
        (fragment,) = whole.fragment_ids
        again = browser.run("health", fragment_id=fragment, automatic=True)
        assert "SQLite" in again.text
        close_account(actor)
        after = browser.run("health", fragment_id=fragment, automatic=True)
    assert "SQLite" not in after.text
    assert after.elements == 1, "one sentence: sign in again"


def test_a_closed_account_does_nothing_by_a_callback(
    listener: Listener, make_actor: MakeActor
) -> None:
    first, actor = make_actor(Role.ADMINISTRATOR), make_actor(Role.ADMINISTRATOR)
    draft = service.AccountDraft(
        login="newcomer", name="Новый", grants=frozenset({Grant(Role.OPERATOR)})
    )
    with unit_of_work() as session:
        service.propose_account(session, draft, actor=first, reason="нужен", now=clock.now())
    with Browser(listener, signed_in(actor)) as browser:
        button = browser.run("staff").widget("Подтвердить")
        close_account(actor)
        after = browser.run("staff", pressed=button)
    assert "Пароль" in after.text
    with reading() as session:
        assert queries.account_id_of(session, "newcomer") is None


def test_the_same_callback_of_a_live_account_acts(
    listener: Listener, make_actor: MakeActor
) -> None:
    first, actor = make_actor(Role.ADMINISTRATOR), make_actor(Role.ADMINISTRATOR)
    draft = service.AccountDraft(
        login="welcome", name="Новый", grants=frozenset({Grant(Role.OPERATOR)})
    )
    with unit_of_work() as session:
        for waiting in service.approvals.pending(session, service.ActKind.CREATE_ACCOUNT):
            service.approvals.withdraw(session, waiting.id, actor=first, now=clock.now())
        service.propose_account(session, draft, actor=first, reason="нужен", now=clock.now())
    with Browser(listener, signed_in(actor)) as browser:
        button = browser.run("staff").widget("Подтвердить")
        after = browser.run("staff", pressed=button)
    assert "welcome" in after.text
    with reading() as session:
        assert queries.account_id_of(session, "welcome")


def test_every_screen_opens_on_an_empty_installation(
    listener: Listener, make_actor: MakeActor
) -> None:
    actor = make_actor(*Role, office=Office.SECRETARY)
    with Browser(listener, signed_in(actor)) as browser:
        for screen in SCREENS:
            drawn = browser.run("" if screen.name == FRONT_PAGE else screen.address)
            assert "пошло не так" not in drawn.text, screen.name
            assert drawn.elements > 1, screen.name


def test_a_page_of_other_roles_says_so_and_shows_nothing(
    listener: Listener, make_actor: MakeActor
) -> None:
    with Browser(listener, signed_in(make_actor(Role.CLERK))) as browser:
        screen = browser.run("staff")
    assert "Не для ваших ролей" in screen.text
    assert "Учётные записи" not in screen.text


def test_an_automatic_rerun_is_no_activity(listener: Listener, make_actor: MakeActor) -> None:
    actor = make_actor(Role.ADMINISTRATOR)
    cookies = signed_in(actor)
    before = clock.now() - timedelta(minutes=10)

    def last_active_at() -> object:
        with reading() as session:
            return queries.live_sessions(session, actor.account_id, now=clock.now())[
                0
            ].last_active_at

    with Browser(listener, cookies) as browser:
        (fragment,) = browser.run("health").fragment_ids
        with unit_of_work() as session:
            resolved = sessions.resolve(session, cookies["staff"], now=clock.now())
            assert resolved
            row = session.get(StaffSession, resolved.session_id)
            assert row
            row.last_active_at = before
            session.add(row)
        browser.run("health", fragment_id=fragment, automatic=True)
    assert last_active_at() == before
    with Browser(listener, cookies) as browser:
        browser.run("health")
    assert last_active_at() != before


def test_a_wall_screen_opens_the_overview_only(listener: Listener, make_actor: MakeActor) -> None:
    actor = make_actor(Role.ADMINISTRATOR)
    with unit_of_work() as session:
        token = sessions.open_session(session, actor.account_id, now=clock.now(), read_only=True)
    with Browser(listener, {"staff": token}) as wall:
        screen = wall.run("staff")
        front = wall.run()
    assert "Учётные записи" not in screen.text
    assert "Закрыть экран на стену" in front.text
    assert "Выйти" not in front.text, "no sidebar"


def test_the_first_start_prints_two_passwords_once(listener: Listener) -> None:
    printed = listener.output.read_text(encoding="utf-8")
    passwords = dict(re.findall(r"^(admin\d): (\S+)$", printed, re.MULTILINE))
    assert set(passwords) == {"admin1", "admin2"}
    with reading() as session:
        for login, password in passwords.items():
            door = sign_in.door(session, login, address=None, now=clock.now())
            assert is_password(password, door.password_hash)


def test_evidence_is_a_download_for_those_inside_its_case_alone(
    listener: Listener, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        case_number = desk.walk(CaseState.INVESTIGATION).number or ""
        upload = read_upload(BytesIO(b"%PDF-1.7 <script>alert(1)</script>"), "Приказ № 4.pdf")
        number = cases.add_evidence(
            session, case_number, upload, actor=desk.lead(), now=clock.now()
        )
    inside, outside = desk.lead(), make_actor(Role.COMMISSIONER, place="711010000")

    def asked(actor: Actor | None, path: str) -> httpx.Response:
        return httpx.get(f"{listener.url}{path}", cookies=signed_in(actor) if actor else {})

    got = asked(inside, f"/evidence/{number}")
    assert got.content == upload.content
    assert got.headers["content-type"] == "application/octet-stream"
    disposition = got.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=\"evidence.pdf\"; filename*=UTF-8''")
    assert unquote(disposition).endswith("Приказ № 4.pdf")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox")
    assert got.headers["cache-control"] == "no-store"
    for actor, path, status in (
        (None, f"/evidence/{number}", 401),
        (outside, f"/evidence/{number}", 404),
        (outside, "/evidence/999999", 404),
        (inside, "/evidence/999999", 404),
        (inside, "/evidence/x", 404),
    ):
        answer = asked(actor, path)
        assert answer.status_code == status, path
        assert b"script" not in answer.content
    others = {asked(outside, path).text for path in (f"/evidence/{number}", "/evidence/999999")}
    assert len(others) == 1
    read_only = make_actor(Role.ORGANIZER)
    assert asked(read_only, f"/evidence/{number}").status_code == 404
