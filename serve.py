"""``make run``: both listeners, started together, watched, and stopped together.

The staff listener (Streamlit) and the public one (uvicorn) are two processes on two ports, so that
a flaw of a public page can't open a staff socket and a rush of voters can't slow a clerk.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import FrameType
from typing import Final

from core.database import unit_of_work, upgrade
from core.settings import ROOT, SettingsError, settings

START_LIMIT: Final = 60.0
"""Seconds within which both listeners must answer."""


def main() -> int:
    """Start everything; 0 after a stop asked for, 1 when a listener ended by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true", help="with a living rehearsal primary")
    parser.add_argument("--members", type=int, default=20_000, help="of the rehearsal")
    given = parser.parse_args()
    try:
        settings()
    except SettingsError as fault:
        print(fault, file=sys.stderr)
        return 2
    upgrade()
    if given.demo:
        _rehearse(given.members)
    else:
        _first_administrators()
    return _serve(simulate=given.demo)


def _first_administrators() -> None:
    """Make the two administrators of an empty installation; their passwords are shown only here."""
    from core.staff.bootstrap import make_first_administrators

    with unit_of_work() as session:
        made = make_first_administrators(session)
    if made:
        print("\nThe first two administrators. These passwords are shown once, change them now:\n")
        for login, password in made:
            print(f"    {login:<10} {password}")
        print()


def _rehearse(members: int) -> None:
    """Invent a primary, once; its logins sign in by password alone and are shown at every start."""
    print(f"Inventing a primary with {members} members…", flush=True)
    command = (sys.executable, "-m", "core", "--json", "rehearse", "--members", str(members))
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    answer = json.loads(done.stdout or "{}")
    if done.returncode:
        # A refusal has a sentence; anything else has told of itself already.
        print(answer.get("message", ""), file=sys.stderr)
        sys.exit(done.returncode)
    print("\nA rehearsal: everybody in it is invented. Sign in with:\n")
    for login, password in answer["logins"].items():
        print(f"    {login:<24} {password}")
    print(f"\nAll logins, voters to vote as, and shares of the key: {answer['files']}")


def _start(*command: str) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl+C reaches this process, which then stops them in order.
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, start_new_session=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_until_ready(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    chosen = settings()
    deadline = time.monotonic() + START_LIMIT
    waiting = {f"http://127.0.0.1:{port}/readyz" for port in (chosen.port, chosen.public_port)}
    while waiting and time.monotonic() < deadline:
        waiting = {url for url in waiting if not _answers(url)}
        if any(process.poll() is not None for process in processes.values()):
            return
        time.sleep(0.2)


def _serve(*, simulate: bool) -> int:
    chosen = settings()
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    staff = ("-m", "streamlit", "run", "dashboard.py", "--server.headless", "true")
    processes = {
        "staff": _start(*staff, "--server.port", str(chosen.port), "--server.address", chosen.host),
        "public": _start("-m", "portal"),
    }
    _wait_until_ready(processes)
    print(f"\nStaff:  {chosen.staff_url}\nPublic: {chosen.public_url}\n\nCtrl+C stops both.\n")
    if simulate:
        processes["simulation"] = _start(
            "-m", "core", "simulate", "--rate", "2", "--minutes", "600"
        )
    while not stopping:
        ended = [name for name, process in processes.items() if process.poll() is not None]
        if {"staff", "public"} & set(ended):
            print(f"The {ended[0]} listener ended by itself; stopping.", file=sys.stderr)
            break
        time.sleep(0.3)
    _stop(processes)
    return 0 if stopping else 1


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes.values()):
        if process.poll() is None:
            process.terminate()
    for process in processes.values():
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
