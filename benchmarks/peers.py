"""Peers that are measured in the same run, each in an environment of its own.

An environment is made once, in the user's cache folder, with the package at the version that
measures.md names; without a way to get the package the benchmark says so and goes on without it.
"""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.settings import ROOT

HELPDESK: Final = "django-helpdesk==2.6.1"


def environment(package: str) -> Path | None:
    """The Python of an environment with ``package``; None when it can't be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "primaries-benchmarks" / package.replace("==", "-")
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    print(f"installing {package} into an environment of its own …", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    asked = [str(python), "-m", "pip", "install", "--quiet", package]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{package} can't be installed; it is left out.", file=sys.stderr)
        return None
    ready.touch()
    return python


class Helpdesk:
    """django-helpdesk on a SQLite file of its own, asked round by round."""

    def __init__(self, folder: Path) -> None:
        python = environment(HELPDESK)
        if python is None:
            raise FileNotFoundError(HELPDESK)
        script = ROOT / "benchmarks" / "helpdesk_peer.py"
        self._process = subprocess.Popen(
            [str(python), str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def save(self, texts: Sequence[str]) -> float:
        """Seconds that saving these texts as tickets takes, one after the other."""
        return self._asked({"texts": list(texts)})

    def take_in(self, mails: Sequence[Path]) -> float:
        """Seconds that making tickets of these files takes, one after the other."""
        return self._asked({"mails": [str(mail) for mail in mails]})

    def _asked(self, round_: dict[str, list[str]]) -> float:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(round_) + "\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the peer has ended")
        return line

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
