"""A staff listener of the test's own, and a browser reduced to its websocket."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.settings import ROOT

START_LIMIT = 60.0


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Listener:
    """A running staff listener."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


def start_listener(folder: Path, database_url: str, **more: str) -> Listener:
    """Start ``streamlit run dashboard.py`` on an installation; returns when it is ready."""
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PRIMARIES_")},
        "PRIMARIES_DATABASE_URL": database_url,
        "PRIMARIES_DATA_DIR": str(folder),
        "PRIMARIES_PORT": str(port),
        **more,
    }
    output = folder / "listener.log"
    command = ["streamlit", "run", "dashboard.py", "--server.port", str(port)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--server.address", "127.0.0.1"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    listener = Listener(port, process, output)
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return listener
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(output.read_text(encoding="utf-8"))


@dataclass
class Screen:
    """What a run of a script sent to the browser."""

    messages: list[ForwardMsg] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything that was sent, as one text."""
        return "\n".join(_spelled(message) for message in self.messages)

    @property
    def elements(self) -> int:
        """How many elements were drawn."""
        return sum(message.delta.HasField("new_element") for message in self.messages)

    @property
    def fragment_ids(self) -> list[str]:
        """The fragments that were drawn."""
        found = {message.delta.fragment_id for message in self.messages}
        return sorted(found - {""})

    def widget(self, label: str) -> str:
        """The identifier of the button with a label."""
        return next(
            message.delta.new_element.button.id
            for message in self.messages
            if message.delta.new_element.button.label == label
        )


def _spelled(message: ForwardMsg) -> str:
    from google.protobuf.text_format import MessageToString

    return MessageToString(message, as_utf8=True)


class Browser:
    """One websocket: asks for runs and reads what they send."""

    def __init__(self, listener: Listener, cookies: dict[str, str], **headers: str) -> None:
        self._listener = listener
        pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self._headers = {**({"Cookie": pairs} if pairs else {}), **headers}
        self._loop = asyncio.new_event_loop()
        self._socket: Any = None

    def __enter__(self) -> "Browser":
        self._loop.run_until_complete(self._connect())
        return self

    def __exit__(self, *_fault: object) -> None:
        if self._socket is not None:
            self._loop.run_until_complete(self._socket.close())
        self._loop.close()

    async def _connect(self) -> None:
        origin = self._headers.pop("Origin", self._listener.url)
        self._socket = await websockets.connect(
            f"ws://localhost:{self._listener.port}/_stcore/stream",
            origin=websockets.Origin(origin),
            additional_headers=self._headers,
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
        )

    def run(
        self,
        page: str = "",
        *,
        page_hash: str = "",
        fragment_id: str = "",
        pressed: str = "",
        automatic: bool = False,
    ) -> Screen:
        """Ask for a run and wait until it is over."""
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.page_script_hash = page_hash
        asked.rerun_script.fragment_id = fragment_id
        asked.rerun_script.is_auto_rerun = automatic
        if pressed:
            widget = asked.rerun_script.widget_states.widgets.add()
            widget.id = pressed
            widget.trigger_value = True
        return self._loop.run_until_complete(self._run(asked))

    async def _run(self, asked: BackMsg) -> Screen:
        await self._socket.send(asked.SerializeToString())
        screen = Screen()
        while True:
            received = ForwardMsg()
            received.ParseFromString(await asyncio.wait_for(self._socket.recv(), 20))
            if received.WhichOneof("type") == "script_finished":
                # A rerun that the script asked for begins with a finish of its own.
                if received.script_finished in _OVER:
                    return screen
                continue
            screen.messages.append(received)


_OVER: Sequence[int] = (
    ForwardMsg.ScriptFinishedStatus.Value("FINISHED_SUCCESSFULLY"),
    ForwardMsg.ScriptFinishedStatus.Value("FINISHED_FRAGMENT_RUN_SUCCESSFULLY"),
    ForwardMsg.ScriptFinishedStatus.Value("FINISHED_WITH_COMPILE_ERROR"),
)
