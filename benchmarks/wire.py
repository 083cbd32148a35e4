"""A voter's browser reduced to its connection: as little work as a client of HTTP can do."""

import asyncio
from typing import Final, cast

HEAD_ENDS: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "


def spelled(method: str, path: str, host: str, body: bytes = b"", **headers: str) -> bytes:
    """A whole request; ``Retry_After="5"`` is the header ``Retry-After: 5``."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Answer:
    """Status, head and body of one answer."""

    __slots__ = ("body", "head", "status")

    def __init__(self, head: bytes, body: bytes) -> None:
        self.status = int(head[9:12])
        self.head = head
        self.body = body

    def header(self, name: str) -> str | None:
        """The value of a header."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _colon, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Line(asyncio.Protocol):
    """One kept-alive connection: a request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._awaited: asyncio.Future[Answer] | None = None
        self._head = b""
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, fault: Exception | None) -> None:
        self._transport = None
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(fault or ConnectionResetError("closed without an answer"))

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._length < 0:
            ends = self._read.find(HEAD_ENDS)
            if ends < 0:
                return
            self._head = bytes(self._read[:ends])
            del self._read[: ends + len(HEAD_ENDS)]
            head = self._head.lower()
            starts = head.find(_LENGTH)
            assert starts >= 0, head
            self._length = int(head[starts + len(_LENGTH) :].partition(b"\r")[0])
        if len(self._read) < self._length or self._awaited is None:
            return
        body = bytes(self._read[: self._length])
        del self._read[: self._length]
        self._length = -1
        awaited, self._awaited = self._awaited, None
        if not awaited.done():
            awaited.set_result(Answer(self._head, body))

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request; an ``OSError`` when the connection ends without one."""
        if self._transport is None:
            raise ConnectionResetError("the connection was closed")
        self._awaited = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._awaited

    @property
    def is_open(self) -> bool:
        """Whether a request can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()


async def connected(port: int, host: str = "127.0.0.1") -> Line:
    """A new connection."""
    _transport, line = await asyncio.get_running_loop().create_connection(Line, host, port)
    return line
