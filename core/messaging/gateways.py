"""The world outside: what carries an SMS to a phone."""

import json
import os
from pathlib import Path
from typing import Protocol

from core.settings import SettingsError, settings


class SmsGateway(Protocol):
    """Carries one SMS; any exception means that it was not taken."""

    def send(self, *, to: str, text: str) -> None:
        """Hand over ``text`` for the number ``to`` (E.164)."""
        ...


class FileSms:
    """Writes JSON lines ``{to, text}`` to a file its owner alone can read: rehearsals and tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def send(self, *, to: str, text: str) -> None:
        """Append one line, whole even when several processes write."""
        line = json.dumps({"to": to, "text": text}, ensure_ascii=False) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def sms_gateway() -> SmsGateway:
    """The gateway that ``PRIMARIES_SMS_URL`` names."""
    url = settings().sms_url
    scheme, _separator, rest = url.partition(":")
    if scheme == "file":
        return FileSms(Path(rest))
    raise SettingsError("PRIMARIES_SMS_URL must begin with file: (no other gateway is known)")
