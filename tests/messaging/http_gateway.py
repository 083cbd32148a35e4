"""A small HTTP server in a thread that answers ``sendsms`` as it is told: slow, dead or lying."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from core.settings import KannelSettings

Behaviour = Callable[["HttpGateway", asyncio.StreamWriter], Awaitable[None]]


class HttpGateway:
    """What arrived (``taken``, the parameters of each request), and how many at once."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.taken: list[dict[str, str]] = []
        self.open = self.most_open = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ")[1].decode("ascii")
            self.taken.append({k: v[0] for k, v in parse_qs(urlsplit(target).query).items()})
            await self.behaviour(self, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    @property
    def texts(self) -> list[str]:
        return [given["text"] for given in self.taken]


def answering(status: int, body: str = "0: Accepted for delivery", seconds: float = 0) -> Behaviour:
    """Answer every request so, after ``seconds``."""

    async def behave(_gateway: HttpGateway, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode("latin-1")
        )

    return behave


async def takes_and_resets(_gateway: HttpGateway, writer: asyncio.StreamWriter) -> None:
    """Take the message, then cut the line."""
    writer.transport.abort()


async def talks_nonsense(_gateway: HttpGateway, writer: asyncio.StreamWriter) -> None:
    """Answer what is no HTTP."""
    writer.write(b"+OK queued as 4711\r\n")


async def says_nothing(_gateway: HttpGateway, writer: asyncio.StreamWriter) -> None:
    """Close without a word."""
    del writer


@contextmanager
def http_gateway(
    behaviour: Behaviour, tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[HttpGateway]:
    """A gateway on a port of this machine, any free one unless it is named."""
    gateway, ready = HttpGateway(behaviour), threading.Event()
    loop = asyncio.new_event_loop()

    async def listen() -> None:
        server = await asyncio.start_server(gateway.serve, "127.0.0.1", port, ssl=tls, backlog=1024)
        gateway.port = server.sockets[0].getsockname()[1]
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(listen())
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(5)
    yield gateway
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


def settings_of(gateway: HttpGateway, **changes: object) -> KannelSettings:
    """How to reach it."""
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": gateway.port,
        "tls": False,
        "path": "/cgi-bin/sendsms",
        "user": "us",
        "password": "pa ss&word",
        "at_once": 500,
        "reports": "http://staff.example:8501",
    }
    return KannelSettings(**{**values, **changes})  # type: ignore[arg-type]
