"""Real listeners on free ports over an installation of their own, and a real Chromium.

``public_url`` and ``staff_url`` each start their listener for one test; the test's own process
stands on the same database, so it can prepare what the screens will show and look at what they did.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from core import database
from core.settings import ROOT, settings
from tests.conftest import _prepare as prepare

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 780}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _take_ports() -> None:
    os.environ["PRIMARIES_HOST"] = "127.0.0.1"
    os.environ["PRIMARIES_PORT"] = str(_free_port())
    os.environ["PRIMARIES_PUBLIC_PORT"] = str(_free_port())
    settings.cache_clear()


def _forget_ports() -> None:
    for name in ("HOST", "PORT", "PUBLIC_PORT"):
        os.environ.pop(f"PRIMARIES_{name}", None)
    settings.cache_clear()


@pytest.fixture
def installation(sqlite_database: str) -> Iterator[str]:
    """An empty installation whose ports are free ones; gives its database URL."""
    _take_ports()
    yield sqlite_database
    _forget_ports()


@pytest.fixture(scope="module")
def shared_installation(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The same for all tests of a module, which then may use no installation of their own."""
    folder = tmp_path_factory.mktemp("shared-installation")
    shutil.copy(sqlite_template, folder / "primaries.sqlite")
    url = f"sqlite:///{folder / 'primaries.sqlite'}"
    prepare(url, folder)
    _take_ports()
    yield url
    database.dispose()
    _forget_ports()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _listening(command: list[str], probe: str, log: Path) -> Generator[None, None, None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + 60
            while not _answers(probe):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the listener did not start:\n{log.read_text()[-4000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _public_listener(log: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{settings().public_port}"
    for _running in _listening(["-m", "portal"], f"{url}/readyz", log):
        yield url


@pytest.fixture
def public_url(installation: str, tmp_path: Path) -> Iterator[str]:
    """The public listener, running; gives its address."""
    yield from _public_listener(tmp_path / "public.log")


@pytest.fixture(scope="module")
def shared_public_url(
    shared_installation: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The public listener of the shared installation; its start costs seconds."""
    yield from _public_listener(tmp_path_factory.mktemp("public") / "public.log")


def staff_listener(log: Path) -> Generator[str, None, None]:
    """The staff listener of the installation, until the generator is closed; gives its address."""
    port = settings().port
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "streamlit", "run", "dashboard.py", "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    for _running in _listening(command, f"{url}/readyz", log):
        yield url


@pytest.fixture
def staff_url(installation: str, tmp_path: Path) -> Iterator[str]:
    """The staff listener, running; gives its address."""
    yield from staff_listener(tmp_path / "staff.log")


# Not for the whole session: Playwright's event loop would still run in tests that need their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium of the machine."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on PATH: tests/install-chromium installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page in a fresh profile, with everything it asked of the network and complained of."""

    page: Page
    shots: Path
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def notice_request(self, request: Request) -> None:
        """Remember what the page asked for."""
        self.requests.append(request)

    def notice_fault(self, fault: Error) -> None:
        """Remember an exception that no script caught."""
        self.complaints.append(str(fault))

    def notice_line(self, line: ConsoleMessage) -> None:
        """Remember an error of the console, but for refused calls, which the browser writes."""
        if line.type == "error" and not line.text.startswith("Failed to load resource"):
            self.complaints.append(line.text)

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        self.page.screenshot(path=self.shots / f"{name}.png", full_page=True)

    def sent(self, method: str, path: str) -> list[Request]:
        """The requests of this method to a path of the site."""
        return [
            request
            for request in self.requests
            if request.method == method and request.url.split("?")[0].endswith(path)
        ]


@pytest.fixture
def shots(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where pictures are kept: below ``PRIMARIES_SHOTS`` if set, a folder for each test."""
    # Read when the tests began: an installation of a test has settings of its own.
    folder = Path(_SHOTS) / request.node.name.replace("/", "-") if _SHOTS else tmp_path / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_SHOTS = os.environ.get("PRIMARIES_SHOTS", "")

OpenVisit = Callable[..., Visit]


@pytest.fixture
def visit(chromium: Browser, shots: Path) -> Iterator[OpenVisit]:
    """Open a page: ``visit(viewport=PHONE, color_scheme="dark")``."""
    contexts = []

    def opened(**options: Any) -> Visit:
        given = {"viewport": DESKTOP, "color_scheme": "light", "locale": "ru-RU", **options}
        context = chromium.new_context(**given)
        contexts.append(context)
        context.set_default_timeout(15_000)
        seen = Visit(context.new_page(), shots)
        seen.page.on("request", seen.notice_request)
        seen.page.on("pageerror", seen.notice_fault)
        seen.page.on("console", seen.notice_line)
        return seen

    yield opened
    for context in contexts:
        context.close()
