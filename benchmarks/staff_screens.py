"""M13, M14 and M15: reruns of staff screens, the memory of open sessions, and the start.

M13 runs screens again and again over their websocket beside a trivial Streamlit app: the profile,
the list of cases and the live monitor of a vote with 660,000 votes. M14 opens two hundred sessions.
M15 starts ``serve.py`` where everything is set up, and waits for both first pages.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import httpx

from benchmarks import live_page
from benchmarks.clicks import sign_in
from benchmarks.measurement import Measurement
from benchmarks.register_import import installation
from core.settings import ROOT, settings
from core.staff.rules import Role
from tests.pages.wire import Browser, Listener, free_port, start_listener

ROUNDS: Final = 40
WARM_UP: Final = 5
SESSIONS: Final = 200
STARTS: Final = 3
SCREENS: Final = (
    ("trivial", "profile", Role.ORGANIZER, "≤ 1.5"),
    ("case list", "cases", Role.OPERATOR, "≤ 3"),
    ("live monitor", "turnout", Role.ORGANIZER, "≤ 5"),
)


@contextmanager
def trivial(folder: Path) -> Iterator[Listener]:
    """The trivial app in a process of its own."""
    port = free_port()
    app = str(ROOT / "benchmarks" / "trivial_app.py")
    command = [sys.executable, "-m", "streamlit", "run", app, "--server.port", str(port)]
    options = ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    output = folder / "trivial.log"
    with output.open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=subprocess.STDOUT)
    listener = Listener(port, process, output)
    wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
    yield listener
    listener.stop()


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Return when ``url`` answers 200; raises when the process ends or a minute is over."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"nothing answers at {url}")


def reruns(ours: Browser, page: str, yardstick: Browser) -> tuple[float, float, float]:
    """Median milliseconds of a rerun: ours, the yardstick's, and the median ratio; in turns."""
    pairs = []
    for number in range(WARM_UP + ROUNDS):
        spent = []
        for browser, name in ((ours, page), (yardstick, "")):
            began = time.perf_counter()
            browser.run(name)
            spent.append(1000 * (time.perf_counter() - began))
        if number >= WARM_UP:
            pairs.append((spent[0], spent[1]))
    return (
        median(own for own, _other in pairs),
        median(other for _own, other in pairs),
        median(own / other for own, other in pairs),
    )


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def memory_of_sessions(listener: Listener, cookie: str, sessions: int) -> float:
    """By how many megabytes the listener grows while so many sessions look at the overview."""
    with Browser(listener, {"staff": cookie}) as first:
        first.run()
        before = resident(listener.process.pid)
        opened = [Browser(listener, {"staff": cookie}) for _ in range(sessions)]
        for browser in opened:
            browser.__enter__()
            browser.run()
        grown = resident(listener.process.pid) - before
        for browser in opened:
            browser.__exit__()
    return grown


def start_seconds() -> float:
    """Median seconds from the command to both first pages, everything being set up."""
    with tempfile.TemporaryDirectory() as folder:
        names = {"PRIMARIES_DATA_DIR": folder}
        times = []
        for _start in range(STARTS + 1):
            staff, public = free_port(), free_port()
            ports = {"PRIMARIES_PORT": str(staff), "PRIMARIES_PUBLIC_PORT": str(public)}
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "serve.py"],
                cwd=ROOT,
                env={**os.environ, **names, **ports},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_for(f"http://127.0.0.1:{staff}/readyz", process)
            wait_for(f"http://localhost:{public}/ru/", process)
            times.append(time.perf_counter() - began)
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    return median(times[1:])  # the first start made the database


def run(sessions: int = SESSIONS) -> list[Measurement]:
    """M13, M14 and M15 on SQLite."""
    found = []
    with installation("SQLite") as (url, folder), live_page.configured(url, folder):
        live_page.fill()
        listener = start_listener(folder, settings().database_url)
        cookies = {role: sign_in(role) for role in (Role.ORGANIZER, Role.OPERATOR)}
        with trivial(folder) as bare, Browser(bare, {}) as yardstick:
            for what, page, role, goal in SCREENS:
                with Browser(listener, {"staff": cookies[role]}) as ours:
                    own, other, ratio = reruns(ours, page, yardstick)
                found.append(
                    Measurement(
                        id="M13",
                        what=f"staff page rerun: {what}, beside a trivial app",
                        ours=own,
                        yardstick=other,
                        unit="ms",
                        ratio=ratio,
                        goal=goal,
                    )
                )
        grown = memory_of_sessions(listener, cookies[Role.ORGANIZER], sessions)
        listener.stop()
    found.append(
        Measurement(
            id="M14",
            what=f"memory of {sessions} open staff sessions",
            ours=grown,
            yardstick=None,
            unit="MB",
            ratio=None,
            goal="≤ 150",
        )
    )
    found.append(
        Measurement(
            id="M15",
            what="start when set up, to both first pages",
            ours=start_seconds(),
            yardstick=None,
            unit="s",
            ratio=None,
            goal="≤ 8",
        )
    )
    return found
