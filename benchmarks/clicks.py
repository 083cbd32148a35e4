"""A member of staff who clicks: a screen is run again and again over its websocket, and timed.

``python -m benchmarks.clicks PORT COOKIE PAGE`` prints the seconds of each click, a line each, until
it is ended. It is a process of its own, so that nothing but the staff listener makes it wait.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from core import clock, database
from core.settings import ROOT, settings
from core.staff import sessions
from core.staff.models import Account, RoleGrant
from core.staff.rules import Role
from tests.pages.wire import Browser, Listener, start_listener

PAGE = "call"
PAUSE = 0.1


def sign_in(role: Role = Role.OPERATOR) -> str:
    """The cookie of an account that was just made."""
    now = clock.now()
    with database.unit_of_work() as session:
        account = Account(
            login=f"clicks-{role.value}",
            name="Clicks",
            password_hash="!",
            password_is_temporary=False,
            created_at=now,
            effective_at=datetime(2000, 1, 1, tzinfo=UTC),
        )
        session.add(account)
        session.flush()
        assert account.id is not None
        session.add(RoleGrant(account_id=account.id, role=role.value, granted_at=now))
        session.flush()
        return sessions.open_session(session, account.id, now=now)


class Clicks:
    """The clicks of a process that goes on until it is asked for them."""

    def __init__(self, listener: Listener, cookie: str) -> None:
        command = ["-m", "benchmarks.clicks", str(listener.port), cookie, PAGE]
        self._process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self._process.stdout.readline()  # the first click loads the page

    def end(self) -> list[float]:
        """Seconds of each click since the start."""
        self._process.terminate()
        told, _faults = self._process.communicate(timeout=20)
        return [float(line) for line in told.splitlines()]


def p95(seconds: list[float]) -> float:
    """What nineteen of twenty stay below."""
    return quantiles(seconds, n=20)[-1] if len(seconds) > 1 else float("nan")


@contextmanager
def staff(folder: Path, core: set[int]) -> Iterator[tuple[Listener, str]]:
    """The staff listener of this installation on that core, and somebody's cookie."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    listener = start_listener(folder, settings().database_url)
    os.sched_setaffinity(0, before)
    try:
        yield listener, sign_in()
    finally:
        listener.stop()


def main() -> None:
    """Click until ended."""
    port, cookie, page = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with suppress(PermissionError):
        os.nice(-10)  # the rest of the benchmark must not make the clicker late
    listener = Listener(port, None, Path())  # type: ignore[arg-type]
    with Browser(listener, {"staff": cookie}) as browser:
        assert "Пароль" not in browser.run(page).text, "the cookie stands for nobody"
        while True:
            began = time.perf_counter()
            browser.run(page)
            print(time.perf_counter() - began, flush=True)
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
