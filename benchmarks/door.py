"""The shipped door, started with the real HAProxy on ports of one's own."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.settings import ROOT

CONFIGURATION = ROOT / "portal" / "door" / "haproxy.cfg"
CONNECTIONS = 6000


def program() -> str | None:
    """Where HAProxy is; None when it is not installed."""
    return shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Door:
    """A running door."""

    vote: int
    plain: int
    staff: int
    process: "subprocess.Popen[bytes]"


def settings_of(folder: Path, **changes: str) -> dict[str, str]:
    """The variables of a door below ``folder``, whose files are copies that may be changed."""
    files = folder / "door"
    if not files.exists():
        shutil.copytree(CONFIGURATION.parent, files)
    return {
        "DOOR_FILES": str(files),
        "DOOR_VOTE_PEM": str(folder / "vote.pem"),
        "DOOR_STAFF_PEM": str(folder / "vote.pem"),
        "DOOR_CONNECTIONS": str(CONNECTIONS),
        "DOOR_USER": "",  # whoever runs the test
        **{f"DOOR_{name.upper()}": value for name, value in changes.items()},
    }


def without_tls(configuration: str) -> str:
    """The configuration for a measurement: handshakes cost the client as much as the door."""
    return re.sub(r'^(\s+bind "\S+") ssl .*$', r"\1", configuration, flags=re.MULTILINE)


@contextmanager
def door(folder: Path, *, tls: bool = True, **changes: str) -> Iterator[Door]:
    """The door before ``portal`` (host:port), as it is shipped but for its addresses."""
    vote, plain, staff = free_port(), free_port(), free_port()
    binds = {
        "vote_bind": f"127.0.0.1:{vote}",
        "plain_bind": f"127.0.0.1:{plain}",
        "staff_bind": f"127.0.0.1:{staff}",
    }
    environment = settings_of(folder, **{**binds, **changes})
    path = Path(environment["DOOR_FILES"], "haproxy.cfg")
    configuration = path.read_text(encoding="utf-8")
    path.write_text(configuration if tls else without_tls(configuration), encoding="utf-8")
    found = program()
    assert found, "HAProxy is not installed: tests/install-haproxy does that"
    process = subprocess.Popen([found, "-db", "-q", "-f", str(path)], env=environment)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", vote)) == 0:
                    break
            assert process.poll() is None, "the door did not start"
            time.sleep(0.05)
        yield Door(vote, plain, staff, process)
    finally:
        process.terminate()
        process.wait(10)
