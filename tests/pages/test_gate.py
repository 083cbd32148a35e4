"""The gate's own decisions, without a server: hosts, origins, proxies, quotas, crowds."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from core import clock
from core.database import unit_of_work
from core.settings import settings
from core.staff import sessions
from core.staff.rules import Role
from pages.listener import gate, headers
from pages.listener.cookies import cookie_header, door_cookie, session_cookie
from pages.listener.gate import Gate
from pages.listener.origins import client_address, host_is_ours, origin_is_ours
from tests.conftest import MakeActor

Configure = Callable[..., None]


@pytest.fixture
def configure(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Set settings for one test: ``configure(STAFF_URL=…)``."""

    def set_them(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"PRIMARIES_{name}", value)
        settings.cache_clear()

    set_them()
    return set_them


PRODUCTION = {
    "ENVIRONMENT": "production",
    "STAFF_URL": "https://staff.example.kz",
    "PUBLIC_URL": "https://vote.example.kz",
    "SMS_URL": "kannels://us:secret@sms.example.kz",
}


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        ([], "10.0.0.2"),
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.7"], "203.0.113.9"),
        (["not an address"], "not an address"),
    ],
)
def test_the_chain_of_proxies_is_read_from_the_right(
    configure: Configure, forwarded: list[str], seen: str
) -> None:
    configure(TRUSTED_PROXIES="10.0.0.0/8")
    assert client_address("10.0.0.2", forwarded) == seen


def test_a_stranger_is_no_proxy(configure: Configure) -> None:
    configure(TRUSTED_PROXIES="10.0.0.0/8")
    assert client_address("203.0.113.9", ["10.0.0.1"]) == "203.0.113.9"


def test_in_production_only_the_staff_url_is_ours(configure: Configure) -> None:
    configure(**PRODUCTION)
    assert host_is_ours("staff.example.kz")
    assert not host_is_ours("localhost:8501")
    assert origin_is_ours("https://staff.example.kz", "staff.example.kz")
    assert not origin_is_ours("http://staff.example.kz", "staff.example.kz")
    assert not origin_is_ours("https://vote.example.kz", "staff.example.kz")
    assert not origin_is_ours(None, "staff.example.kz")


def test_by_https_cookies_are_bound_to_the_host_and_the_browser_is_told_to_stay(
    configure: Configure,
) -> None:
    configure(**PRODUCTION)
    assert (session_cookie(), door_cookie()) == ("__Host-staff", "__Host-staff_door")
    cookie = cookie_header(session_cookie(), "token")
    assert cookie == "__Host-staff=token; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert "Strict-Transport-Security" in headers.security_headers()


async def _served(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    client = scope["client"][0] if scope["client"] else "nobody"
    forwarded = [name for name, _value in scope["headers"] if b"forwarded" in name]
    await PlainTextResponse(f"{client} {forwarded}")(scope, receive, send)


def _client() -> TestClient:
    return TestClient(Gate(_served), base_url="http://localhost:8501", client=("127.0.0.1", 1))


def test_nothing_behind_the_gate_sees_what_a_client_claims(configure: Configure) -> None:
    answer = _client().get("/", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.text == "127.0.0.1 []"


def test_behind_a_trusted_proxy_the_client_is_who_the_proxy_saw(configure: Configure) -> None:
    configure(TRUSTED_PROXIES="127.0.0.0/8")
    answer = _client().get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert answer.text == "203.0.113.9 []"


def _upload(token: str, size: int, **more: str) -> int:
    given = {"Cookie": f"staff={token}"} | more
    path = "/_stcore/upload_file/a/b"
    return _client_of(token).put(path, content=b"x" * size, headers=given).status_code


_clients: dict[str, TestClient] = {}


def _client_of(token: str) -> TestClient:
    return _clients.setdefault(token, _client())


def test_an_upload_needs_a_session_a_size_and_a_quota(
    configure: Configure, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "UPLOAD_BYTES_EACH", 100)
    monkeypatch.setattr(gate, "UPLOAD_BYTES_PER_HOUR", 250)
    actor = make_actor(Role.REGISTRAR)
    with unit_of_work() as session:
        token = sessions.open_session(session, actor.account_id, now=clock.now())
        wall = sessions.open_session(session, actor.account_id, now=clock.now(), read_only=True)
    assert _upload("nobody's", 10) == 401
    assert _upload(wall, 10) == 403
    assert _upload(token, 101) == 413
    assert [_upload(token, 100) for _ in range(3)] == [200, 200, 429]


def test_strangers_are_counted_by_address_and_in_all(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "STRANGERS_PER_ADDRESS", 2)
    configure(TRUSTED_PROXIES="127.0.0.0/8")
    crowded = Gate(_served)

    async def knock(address: str) -> tuple[asyncio.Task[None], list[str]]:
        sent: list[str] = []
        over = asyncio.Event()
        first = True

        async def receive() -> dict[str, Any]:
            nonlocal first
            if first:
                first = False
                return {"type": "websocket.connect"}
            await over.wait()
            return {"type": "websocket.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        scope = {
            "type": "websocket",
            "path": "/_stcore/stream",
            "client": ("127.0.0.1", 1),
            "headers": [
                (b"host", b"localhost:8501"),
                (b"origin", b"http://localhost:8501"),
                (b"x-forwarded-for", address.encode()),
            ],
        }
        task = asyncio.create_task(crowded(scope, receive, send))
        while not sent:
            await asyncio.sleep(0.01)
        return task, [sent[0], *([] if sent[0] != "websocket.accept" else [over])]  # type: ignore[list-item]

    async def scene() -> None:
        held = [await knock("203.0.113.9") for _ in range(2)]
        _task, (refused,) = await knock("203.0.113.9")
        assert refused == "websocket.close"
        _task, (other, _over) = await knock("203.0.113.10")
        assert other == "websocket.accept"
        first_task, (_accepted, leave) = held[0]
        leave.set()  # type: ignore[attr-defined]
        await first_task
        _task, (after, _over) = await knock("203.0.113.9")
        assert after == "websocket.accept", "whoever left made room"

    asyncio.run(scene())
