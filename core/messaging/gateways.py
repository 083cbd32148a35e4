"""The world outside: what carries messages out of the house."""

import json
import os
from pathlib import Path
from typing import Protocol

from core.messaging.post import Outgoing
from core.messaging.rules import GatewayKind, SendFault


class NotTaken(Exception):
    """The gateway surely did not take the message: there was no connection, or it said so."""

    def __init__(self, fault: SendFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Line(Protocol):
    """Stands ready to carry one message."""

    async def send(self, message: Outgoing) -> None:
        """Return when the message was taken; raise `NotTaken` when it surely was not.

        Any other exception, a timeout among them, leaves it open whether it was taken.
        """
        ...

    def close(self) -> None:
        """Give the line back unused."""
        ...


class Gateway(Protocol):
    """Carries the messages of one kind. ``at_once`` is how many it may be given at a time.

    A line is opened before a message is put on the wire: what can fail beforehand fails while the
    message is still queued, and no doubt arises.
    """

    kind: GatewayKind
    at_once: int

    async def open(self) -> Line:
        """A line, or `NotTaken`."""
        ...


class FileSms:
    """Writes JSON lines ``{to, text}`` to a file its owner alone can read: rehearsals and tests."""

    kind = GatewayKind.SMS
    at_once = 256

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def open(self) -> Line:
        """Itself: there is nothing to connect to."""
        return self

    def close(self) -> None:
        """Nothing was opened."""

    async def send(self, message: Outgoing) -> None:
        """Append one line, whole even when several processes write."""
        line = json.dumps({"to": message.to, "text": message.text}, ensure_ascii=False) + "\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError:
            raise NotTaken(SendFault.NOT_REACHED) from None
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
