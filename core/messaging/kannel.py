"""Kannel, the SMS gateway: its ``sendsms`` interface over HTTP or TLS.

What it answers (user guide, "Using the HTTP interface to send SMS messages"): 202 when it took a
message (``0: Accepted for delivery``, ``3: Queued for later delivery``), 4xx when it can't be
delivered as asked, 503 when it should come again. Everything else is no answer of a Kannel, and
leaves open whether one behind it took the message.

Each message has a connection of its own, opened before the message is put on the wire. On one that
is used again, a gateway that closed it meanwhile and one that took the message and died look the
same: doubts that a fresh connection does not raise.
"""

import asyncio
import resource
import ssl
import time
from typing import Any, Final
from urllib.parse import quote, urlencode

import httptools

from core import clock
from core.messaging import reports
from core.messaging.gateways import NotTaken
from core.messaging.post import Outgoing
from core.messaging.rules import GatewayKind, SendFault
from core.messaging.sms_parts import is_seven_bit
from core.settings import KannelSettings

CONNECT_WITHIN: Final = 5.0
_NAME_KEPT: Final = 30.0
_LONGEST_ANSWER: Final = 16_384
_REPORTS_WANTED: Final = 1 + 2 + 16  # delivered, not delivered, rejected by the network
_SEVEN_BIT, _UCS2 = "0", "2"


class Answer:
    """The status of an HTTP response, parsed as it arrives."""

    def __init__(self) -> None:
        self.status = 0
        self.is_whole = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """More bytes; raises `httptools.HttpParserError` for nonsense."""
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self.status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.is_whole = True


class Kannel:
    """A `core.messaging.gateways.Gateway`. Neither number, text nor password is ever logged."""

    kind = GatewayKind.SMS

    def __init__(self, chosen: KannelSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._chosen = chosen
        self._tls = (tls or ssl.create_default_context()) if chosen.tls else None
        self._addresses: tuple[float, list[Any]] = (float("-inf"), [])
        self.at_once = chosen.at_once
        _make_room_for(chosen.at_once)

    async def open(self) -> "KannelLine":
        """A connection, with TLS where the settings say so."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                reader, writer = await self._connect()
        except (OSError, TimeoutError):  # of name, network, port or certificate
            raise NotTaken(SendFault.NOT_REACHED) from None
        return KannelLine(self, reader, writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        chosen = self._chosen
        fault: OSError = OSError("the name has no address")
        for address in await self._resolved():
            try:
                return await asyncio.open_connection(
                    address,
                    chosen.port,
                    ssl=self._tls,
                    server_hostname=chosen.host if self._tls else None,
                )
            except OSError as raised:
                fault = raised
        raise fault

    async def _resolved(self) -> list[str]:
        """The gateway's addresses, asked for every half minute: not once a message."""
        asked_at, known = self._addresses
        if time.monotonic() - asked_at > _NAME_KEPT:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._chosen.host, self._chosen.port, type=1
            )
            known = list(dict.fromkeys(str(entry[4][0]) for entry in found))
            self._addresses = (time.monotonic(), known)
        return known

    def request(self, message: Outgoing) -> bytes:
        """What is written for a message; the password is in it."""
        chosen = self._chosen
        query = {
            "username": chosen.user,
            "password": chosen.password,
            "to": message.to,
            "text": message.text,
            "charset": "UTF-8",
            "coding": _SEVEN_BIT if is_seven_bit(message.text) else _UCS2,
        }
        if chosen.sender:
            query["from"] = chosen.sender
        if chosen.smsc:
            query["smsc"] = chosen.smsc
        if message.expires_at is not None:
            # The network, too, drops what it could not deliver in time.
            left = (message.expires_at - clock.now()).total_seconds()
            query["validity"] = str(max(1, int(left // 60)))
        if chosen.reports is not None:
            query["dlr-mask"] = str(_REPORTS_WANTED)
            query["dlr-url"] = f"{chosen.reports}{reports.path_for(message.id)}?status=%d"
        host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        return (
            f"GET {quote(chosen.path, safe='/%')}?{urlencode(query, quote_via=quote)} HTTP/1.1\r\n"
            f"Host: {host}:{chosen.port}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
        ).encode("ascii")


class KannelLine:
    """A connection that carries one message."""

    def __init__(
        self, kannel: Kannel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._kannel, self._reader, self._writer = kannel, reader, writer

    async def send(self, message: Outgoing) -> None:
        """Hand one message over."""
        try:
            if self._reader.at_eof():
                raise NotTaken(SendFault.NOT_REACHED)  # closed before anything was written
            self._writer.write(self._kannel.request(message))
            await self._writer.drain()
            status = await _status(self._reader)
        finally:
            self.close()
        if status == 202:
            return
        if 400 <= status < 500 or status == 503:
            raise NotTaken(SendFault.NOT_TAKEN)
        raise ConnectionError(f"answered {status}")

    def close(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()


async def _status(reader: asyncio.StreamReader) -> int:
    answer, read = Answer(), 0
    while not answer.is_whole and read < _LONGEST_ANSWER:
        data = await reader.read(4096)
        if not data:
            break
        read += len(data)
        answer.feed(data)
    if answer.status == 0:
        raise ConnectionError("no answer")
    return answer.status


def _make_room_for(connections: int) -> None:
    """Let the process open that many more files, as far as the system lets it choose."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 + connections
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
