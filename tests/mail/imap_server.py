"""A real IMAP server on loopback, over a Maildir that a test delivers into."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pysasl.hashing import BuiltinHash

from core.settings import MailboxSettings

USER = "desk"
PASSWORD = "not-a-secret"


class ImapServer:
    """One account on a port of its own; `stop` and `start` again keep its mails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "pymap-etc-passwd").write_text(f"{USER}:x::::{USER}:\r\n")
        hashed = BuiltinHash().hash(PASSWORD)
        (folder / "pymap-etc-shadow").write_text(f"{USER}:{hashed}:::::::\r\n")
        (folder / "pymap-etc-group").write_text("")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port: int = taken.getsockname()[1]
        self._delivered = 0
        self.start()

    @property
    def mailbox(self) -> MailboxSettings:
        """How to reach it."""
        return MailboxSettings(
            host="127.0.0.1",
            port=self.port,
            tls=False,
            user=USER,
            password=PASSWORD,
            folder="INBOX",
        )

    def start(self) -> None:
        """Listen. Locks of a server that was ended are its own, and nobody else's."""
        for lock in self._folder.rglob("*.lock"):
            lock.unlink()
        pymap = shutil.which("pymap", path=str(Path(sys.executable).parent))
        assert pymap
        self._process = subprocess.Popen(
            [
                pymap,
                *("--host", "127.0.0.1", "--port", str(self.port), "--no-tls"),
                *("maildir", str(self._folder)),
            ],
            stderr=subprocess.DEVNULL,
            # It renames what it writes into place, which no two file systems allow.
            env={**os.environ, "TMPDIR": str(self._folder)},
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("the IMAP server does not listen")

    def stop(self) -> None:
        """End it at once, as a machine that fails."""
        self._process.kill()
        self._process.wait()

    def deliver(self, mails: Sequence[bytes]) -> None:
        """Put mails into the inbox, as a delivery agent does."""
        new = self._folder / USER / "new"
        for folder in ("new", "cur", "tmp"):
            (self._folder / USER / folder).mkdir(parents=True, exist_ok=True)
        for mail in mails:
            self._delivered += 1
            (new / f"{time.time_ns()}.{self._delivered}.here").write_bytes(mail)

    def standing_in(self, folder: str) -> int:
        """How many mails lie in a folder."""
        where = self._folder / USER
        if folder != "INBOX":
            where /= f".{folder}"
        return sum(len(list((where / part).glob("*"))) for part in ("new", "cur"))
