"""A real Kannel on free ports of this machine: bearerbox, smsbox and the fake SMS centre."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

FAKE_CENTRE = Path("/usr/lib/kannel/test/fakesmsc")
_TAKEN = re.compile(rb"Got message \d+: <\S+ (\S+) (text|ucs-2) (.*)>")

CONFIGURATION = """
group = core
admin-port = {ports[0]}
admin-interface = 127.0.0.1
smsbox-port = {ports[1]}
smsbox-interface = 127.0.0.1
admin-password = unused
admin-allow-ip = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {ports[2]}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {ports[3]}
sendsms-interface = 127.0.0.1
global-sender = PRIMARY
http-request-retry = 3
http-queue-delay = 1

group = sendsms-user
username = us
password = secret
max-messages = 4
concatenation = true

group = sms-service
keyword = default
text = "none"
max-messages = 0
"""


def is_here() -> bool:
    """Whether this machine has Kannel and its fake SMS centre."""
    return bool(shutil.which("bearerbox") and shutil.which("smsbox") and FAKE_CENTRE.exists())


def _wait(what: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "Kannel did not do it in time"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


class Boxes:
    """The running boxes; ``port`` is that of ``sendsms``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(4)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._centre = folder / "centre.log"
        self._configuration = folder / "kannel.conf"
        self._configuration.write_text(CONFIGURATION.format(ports=self._ports))

    @property
    def port(self) -> int:
        return self._ports[3]

    def start(self, name: str) -> None:
        """Start ``bearerbox``, ``smsbox`` or ``fakesmsc``."""
        commands: dict[str, tuple[str, ...]] = {
            "bearerbox": ("bearerbox", "-v", "4", str(self._configuration)),
            "smsbox": ("smsbox", "-v", "4", str(self._configuration)),
            "fakesmsc": (
                *(str(FAKE_CENTRE), "-H", "127.0.0.1", "-r", str(self._ports[2])),
                *("-m", "0"),
            ),
        }
        log = self._centre if name == "fakesmsc" else self._folder / f"{name}.log"
        with log.open("ab") as out:
            self._processes[name] = subprocess.Popen(
                commands[name],
                cwd=self._folder,
                stdin=subprocess.PIPE,  # the fake centre ends with its input
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        ports = {"bearerbox": self._ports[1], "smsbox": self._ports[3]}
        if name in ports:
            _wait(lambda: _listens(ports[name]))

    def stop(self, name: str) -> None:
        """Stop one of them at once."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(10)
        if process.stdin:
            process.stdin.close()

    def taken(self) -> list[tuple[str, str]]:
        """Number and text of every message that reached the fake SMS centre."""
        found = []
        for to, kind, text in _TAKEN.findall(self._centre.read_bytes()):
            if kind == b"ucs-2":
                decoded = unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-16-be")
            else:
                decoded = text.decode()
            found.append((to.decode(), decoded))
        return found

    def parts(self) -> int:
        """How many short messages those were: of a long text, each part."""
        return self._centre.read_bytes().count(b"Got message ")

    def wait_for(self, parts: int) -> None:
        """Wait until so many short messages reached the centre."""
        _wait(lambda: self.parts() >= parts)


@contextmanager
def boxes(folder: Path) -> Iterator[Boxes]:
    """A running Kannel."""
    running = Boxes(folder)
    with ExitStack() as stack:
        stack.callback(lambda: [running.stop(name) for name in list(running._processes)])
        for name in ("bearerbox", "smsbox", "fakesmsc"):
            running.start(name)
        yield running


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
