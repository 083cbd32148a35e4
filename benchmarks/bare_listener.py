"""The yardstick of M3: uvicorn and Starlette with nothing of ours but the shape of the writer.

``python -m benchmarks.bare_listener PORT FILE`` answers ``POST /read`` at once and ``POST /store``
after the commit that holds its row: a thread commits in groups, with the product's pragmas.
"""

import asyncio
import gc
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from queue import Empty, SimpleQueue
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from core.database import _sqlite_pragmas

LARGEST_GROUP = 256


class GroupCommit:
    """A thread that stores rows, a transaction for all that wait, and answers after its commit."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._queue: SimpleQueue[tuple[bytes, asyncio.Future[None]] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def store(self, row: bytes) -> None:
        """Return when the row is on the disk."""
        future = self._loop.create_future()
        self._queue.put((row, future))
        await future

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path)
        _sqlite_pragmas(connection, None)
        connection.execute("CREATE TABLE IF NOT EXISTS stored (id INTEGER PRIMARY KEY, row BLOB)")
        while (first := self._queue.get()) is not None:
            group = [first]
            while len(group) < LARGEST_GROUP:
                try:
                    entry = self._queue.get_nowait()
                except Empty:
                    break
                if entry is None:
                    self._queue.put(None)
                    break
                group.append(entry)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO stored (row) VALUES (?)", [(row,) for row, _future in group]
            )
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_answer, [future for _row, future in group])
        connection.close()


def _answer(futures: list["asyncio.Future[None]"]) -> None:
    for future in futures:
        if not future.cancelled():
            future.set_result(None)


async def _read(request: Request) -> JSONResponse:
    return JSONResponse({"given": len(await request.json())})


async def _store(request: Request) -> JSONResponse:
    body = await request.body()
    await request.json()
    await request.app.state.writer.store(body)
    return JSONResponse({"stored": True}, 201)


def main() -> None:
    """Serve as fast as uvicorn can."""
    port, path = int(sys.argv[1]), sys.argv[2]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.writer = GroupCommit(path)
        gc.collect()
        gc.freeze()
        yield
        app.state.writer.stop()

    served: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "access_log": False}
    uvicorn.run(
        Starlette(
            routes=[
                Route("/read", _read, methods=["POST"]),
                Route("/store", _store, methods=["POST"]),
            ],
            lifespan=lifespan,
        ),
        host="127.0.0.1",
        port=port,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        **served,
    )


if __name__ == "__main__":
    main()
