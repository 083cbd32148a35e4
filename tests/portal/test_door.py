"""The door that is shipped, with the real HAProxy before real portals."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select
from sqlmodel import col
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from benchmarks import door as doors
from benchmarks.cast_load import listener, sealed_for
from benchmarks.door import Door, free_port, settings_of
from core import clock, database
from core.settings import settings
from core.voting.models import Claim
from tests.voting import polls

pytestmark = pytest.mark.skipif(
    doors.program() is None, reason="no HAProxy here: tests/install-haproxy installs it"
)

HOST, STAFF_HOST = "vote.test", "staff.test"


@pytest.fixture(scope="module")
def certificate() -> bytes:
    """A certificate of the test's own for both hosts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName(HOST),
                    x509.DNSName(STAFF_HOST),
                    x509.IPAddress(ip_address("127.0.0.1")),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture
def folder(tmp_path: Path, certificate: bytes) -> Path:
    """Where the door finds its certificate and its files."""
    (tmp_path / "vote.pem").write_bytes(certificate)
    files = Path(settings_of(tmp_path)["DOOR_FILES"])
    (files / "staff-networks.lst").write_text("127.0.0.1\n")
    return tmp_path


@pytest.fixture
def portal(sqlite_database: str) -> Iterator[int]:
    """A portal behind a door, with an open vote; gives its port."""
    port = free_port()
    os.environ["PRIMARIES_PUBLIC_PORT"] = str(port)
    os.environ["PRIMARIES_PUBLIC_URL"] = f"https://{HOST}"
    os.environ["PRIMARIES_TRUSTED_PROXIES"] = "127.0.0.1"
    settings.cache_clear()
    now = clock.now()
    polls.open_poll(
        voters=20, opens=now - timedelta(hours=1), closes=now + timedelta(hours=3), contests=1
    )
    with listener(port):
        yield port


@contextmanager
def door(folder: Path, portal: int | None, **changes: str) -> Iterator[Door]:
    given = {
        "portal": f"127.0.0.1:{portal or free_port()}",
        "staff": f"127.0.0.1:{free_port()}",
        "vote_host": HOST,
        "staff_host": STAFF_HOST,
    }
    with doors.door(folder, **(given | changes)) as opened:
        yield opened


def client(opened: Door, folder: Path, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
    """A browser at an address of this machine."""
    return httpx.Client(
        base_url=f"https://127.0.0.1:{opened.vote}",
        headers={"Host": HOST, **headers},
        verify=ssl.create_default_context(cafile=str(folder / "vote.pem")),
        transport=None,
        mounts={
            "all://": httpx.HTTPTransport(
                verify=ssl.create_default_context(cafile=str(folder / "vote.pem")),
                local_address=address,
            )
        },
    )


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sign_in(browser: httpx.Client, number: int) -> httpx.Response:
    body = {"iin": polls.iin(number), "mobile": polls.mobile(number)}
    return browser.post("/api/v1/sign-in", json=body)


def vote(browser: httpx.Client, number: int) -> httpx.Response:
    """A whole vote; gives the answer to the cast."""
    challenge = sign_in(browser, number).json()["challenge"]

    def codes() -> list[str]:
        return [sms["text"][:6] for sms in polls.outbox() if sms["to"] == polls.mobile(number)]

    wait_until(lambda: bool(codes()))
    opened = browser.post(f"/api/v1/sign-in/{challenge}", json={"code": codes()[-1]})
    browser.headers["Authorization"] = f"Bearer {opened.json()['token']}"
    paper = browser.get("/api/v1/ballot").json()
    ballots = [sealed_for(paper, contest) for contest in paper["contests"]]
    key = {"Idempotency-Key": f"door-test-{number:08d}"}
    return browser.post("/api/v1/ballot", json={"ballots": ballots}, headers=key)


# The files


@pytest.mark.parametrize("more", [{}, {"portal_2": "127.0.0.1:8503"}], ids=["one", "two"])
def test_haproxy_takes_the_configuration_without_a_warning(
    folder: Path, more: dict[str, str]
) -> None:
    environment = settings_of(folder, staff_bind="127.0.0.1:8443", **more)
    found = doors.program()
    assert found
    path = str(doors.CONFIGURATION)
    told = subprocess.run(
        [found, "-c", "-f", path], env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "WARNING" not in told.stderr
    assert "warning" not in told.stdout.lower()


@pytest.mark.parametrize("name", ["away.html", "slow.html"])
def test_a_page_of_the_door_speaks_three_languages_and_loads_nothing(name: str) -> None:
    page = (doors.CONFIGURATION.parent / "errors" / name).read_text(encoding="utf-8")
    assert re.findall(r'<section lang="(\w+)">', page) == ["ru", "kk", "en"]
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="', page)


# Voters


def test_a_voter_votes_through_the_door_and_only_the_connection_tells_the_address(
    portal: int, folder: Path
) -> None:
    with door(folder, portal) as opened:
        forged = {"X-Forwarded-For": "203.0.113.1", "X-Real-IP": "203.0.113.1"}
        with client(opened, folder, "127.0.0.2", **forged) as browser:
            assert vote(browser, 0).status_code == 201
        # Another forged address from the same line is the same line.
        forged = {"X-Forwarded-For": "203.0.113.2, 127.0.0.1", "Forwarded": "for=203.0.113.2"}
        with client(opened, folder, "127.0.0.2", **forged) as browser:
            sign_in(browser, 1)
            assert not [sms for sms in polls.outbox() if sms["to"] == polls.mobile(1)]
        # And the same forged address from another line is another one.
        with client(opened, folder, "127.0.0.3", **{"X-Forwarded-For": "127.0.0.2"}) as browser:
            assert vote(browser, 2).status_code == 201
    with database.reading() as session:
        claims = session.execute(
            select(func.count()).select_from(Claim).where(col(Claim.kind) == "address")
        ).scalar_one()
    assert claims == 2


def test_who_comes_without_tls_or_by_another_name_is_sent_on_or_away(
    portal: int, folder: Path
) -> None:
    with door(folder, portal) as opened:
        plain = f"http://127.0.0.1:{opened.plain}/ru/vote"
        sent = httpx.get(plain, headers={"Host": HOST})
        assert sent.status_code == 301
        assert sent.headers["location"] == f"https://{HOST}/ru/vote"
        assert httpx.get(plain, headers={"Host": "other.test"}).status_code == 421
        with client(opened, folder) as browser:
            assert browser.get("/ru/", headers={"Host": "other.test"}).status_code == 421
            assert browser.get("/ru/", headers={"Host": STAFF_HOST}).status_code == 421
            assert browser.get("/readyz").status_code == 404
            assert browser.get("/healthz").status_code == 404
            assert browser.get("/ru/").status_code == 200


def test_what_is_the_same_for_everybody_is_asked_of_the_portal_once(
    portal: int, folder: Path
) -> None:
    with door(folder, portal) as opened, client(opened, folder) as browser:
        (style,) = re.findall(r'href="(/static/[^"]+\.css)"', browser.get("/ru/").text)
        fresh, kept = browser.get(style), browser.get(style)
        assert "age" not in fresh.headers
        assert "age" in kept.headers
        assert kept.content == fresh.content
        assert "age" not in browser.get("/ru/vote").headers
        assert "age" not in browser.get("/api/v1/primary").headers


# Whoever is too fast, too slow or gone


def test_an_address_that_asks_too_often_is_slowed_down_and_nobody_else(
    portal: int, folder: Path
) -> None:
    malformed = {"iin": "1", "mobile": "1"}
    with door(folder, portal) as opened, client(opened, folder, "127.0.0.2") as hurried:
        answers = [hurried.post("/api/v1/sign-in", json=malformed) for _ in range(80)]
        told = Counter(answer.status_code for answer in answers)
        assert told[422] == 61
        assert told[429] == 19
        slowed = answers[-1]
        assert slowed.headers["retry-after"] == "5"
        assert slowed.headers["content-type"] == "application/problem+json"
        assert slowed.json()["code"] == "rate_limited"
        # Not locked out: everything else goes on, and others don't notice.
        assert hurried.get("/ru/vote").status_code == 200
        with client(opened, folder, "127.0.0.3") as other:
            assert other.post("/api/v1/sign-in", json=malformed).status_code == 422


def test_a_network_that_many_share_is_not_slowed_down_for_being_many(
    portal: int, folder: Path
) -> None:
    Path(settings_of(folder)["DOOR_FILES"], "shared-networks.lst").write_text("127.0.0.0/24\n")
    with door(folder, portal) as opened, client(opened, folder, "127.0.0.2") as many:
        answers = [
            many.post("/api/v1/sign-in", json={"iin": "1", "mobile": "1"}) for _ in range(150)
        ]
    assert {answer.status_code for answer in answers} == {422}


def test_slow_clients_never_reach_the_portal_and_are_sent_away(portal: int, folder: Path) -> None:
    files = Path(settings_of(folder)["DOOR_FILES"], "haproxy.cfg")
    files.write_text(files.read_text().replace("http-request    10s", "http-request    2s"))
    head = f"POST /api/v1/sign-in HTTP/1.1\r\nHost: {HOST}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 60\r\n\r\n{"
    context = ssl.create_default_context(cafile=str(folder / "vote.pem"))
    with door(folder, portal) as opened, ExitStack() as stack:
        slow = []
        for number in range(60):
            raw = socket.create_connection(("127.0.0.1", opened.vote))
            line = stack.enter_context(context.wrap_socket(raw, server_hostname=HOST))
            line.sendall((head + (body if number % 2 else "X-")).encode())
            slow.append(line)
        time.sleep(0.5)
        assert _connections_to(portal) <= 3  # the door's own, and its health checks
        with client(opened, folder, "127.0.0.2") as browser:
            assert sign_in(browser, 0).status_code == 202
        answers = []
        for line in slow:
            line.settimeout(10)
            answers.append(line.recv(4096))
        assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)


def _connections_to(port: int) -> int:
    """Established connections to a port of this machine."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    here = f"0100007F:{port:04X}"
    return sum(row[1] == here and row[3] == "01" for row in rows)


def test_a_portal_that_dies_costs_some_seconds_and_no_other_answer(
    portal: int, folder: Path
) -> None:
    second = free_port()
    os.environ["PRIMARIES_PUBLIC_PORT"] = str(second)
    settings.cache_clear()
    told: Counter[int] = Counter()
    with listener(second) as doomed:
        os.environ["PRIMARIES_PUBLIC_PORT"] = str(portal)
        settings.cache_clear()
        with (
            door(folder, portal, portal_2=f"127.0.0.1:{second}") as opened,
            client(opened, folder, "127.0.0.2") as browser,
        ):
            wait_until(lambda: browser.get("/api/v1/primary").status_code == 200)
            for number in range(200):
                if number == 60:
                    doomed.send_signal(signal.SIGKILL)
                told[browser.get("/api/v1/primary").status_code] += 1
                time.sleep(0.01)
            assert vote(browser, 0).status_code == 201
    assert set(told) <= {200, 503}
    assert told[200] >= 190


def test_while_no_portal_is_there_the_door_says_so_in_three_languages(folder: Path) -> None:
    with door(folder, None) as opened, client(opened, folder) as browser:
        page = browser.get("/ru/vote")
        assert page.status_code == 503
        assert page.headers["retry-after"] == "15"
        assert re.findall(r'<section lang="(\w+)">', page.text) == ["ru", "kk", "en"]
        call = browser.post("/api/v1/sign-in", json={})
        assert call.status_code == 503
        assert call.headers["retry-after"] == "5"
        assert call.headers["content-type"] == "application/problem+json"
        assert json.loads(call.content)["code"] == "unavailable"


# Staff


def test_staff_have_an_entrance_of_their_own_for_screens_and_from_their_networks_only(
    folder: Path,
) -> None:
    asyncio.run(_staff_entrance(folder))


async def _staff_entrance(folder: Path) -> None:
    asked: list[str] = []

    async def echo(line: object) -> None:
        async for message in line:  # type: ignore[attr-defined]
            await line.send(message)  # type: ignore[attr-defined]

    def answered(line: object, request: object) -> object:
        asked.append(request.headers.get("X-Forwarded-For", ""))  # type: ignore[attr-defined]
        if request.path == "/readyz":  # type: ignore[attr-defined]
            return line.respond(200, "ready\n")  # type: ignore[attr-defined]
        return None

    context = ssl.create_default_context(cafile=str(folder / "vote.pem"))
    port = free_port()
    async with serve(echo, "127.0.0.1", port, process_request=answered):
        with door(folder, None, staff=f"127.0.0.1:{port}") as opened:
            address = f"wss://{STAFF_HOST}/_stcore/stream"

            def screen(**options: object) -> connect:
                return connect(address, ssl=context, host="127.0.0.1", port=opened.staff, **options)

            await asyncio.sleep(1)
            async with screen(additional_headers={"X-Forwarded-For": "203.0.113.1"}) as line:
                await line.send("a click")
                assert await line.recv() == "a click"
            assert asked[-1] == "127.0.0.1"
            with pytest.raises(OSError):  # noqa: PT011 - closed or reset, as the moment has it
                async with screen(local_addr=("127.0.0.2", 0)):
                    pass
            with pytest.raises(Exception, match="HTTP 421"):
                async with connect(
                    f"wss://{HOST}/", ssl=context, host="127.0.0.1", port=opened.staff
                ):
                    pass
