"""The public listener: site and API for voters, in a process of its own.

Nothing of the staff listener is mounted here, and no cookie of it is ever read.
"""

import asyncio
import gc
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core import database
from core.settings import settings
from portal import (
    api,
    board,
    candidates,
    complaining,
    complaint_figures,
    complaints,
    exemptions,
    gate,
    polling_places,
    results,
    site,
    tracker,
)
from portal.asking import PREFIX
from portal.gate import Gate
from portal.guard import Guard
from portal.hot import HotPath
from portal.openapi import document
from portal.problems import problem
from portal.runtime import Runtime, read, runtime_of

NICENESS = 5
"""The public process gives way to the staff's: their clicks stay quick while voters rush."""

TRY_AGAIN_AFTER = 5
"""Seconds after which a database that was away or busy may answer again."""

ENOUGH_FILES = 8192
"""A rush opens some thousands of connections in a second; each is a file."""

CALLS = (
    *(*api.CALLS, *gate.CALLS, *board.CALLS),
    *(*complaints.CALLS, *complaint_figures.CALLS, *results.CALLS),
)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Migrate, check the digest key, start the writer; at the end answer what was submitted."""
    database.upgrade()
    runtime = Runtime()
    await runtime.start()
    app.state.runtime = runtime
    looking = asyncio.create_task(runtime.look())
    gc.collect()
    gc.freeze()  # what is loaded now stays: the collector need not walk it again and again
    try:
        yield
    finally:
        looking.cancel()
        await runtime.stop()
        del app.state.runtime


async def healthz(_request: Request) -> Response:
    """Whether the process answers at all."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Whether voters can be sent here: database, digest key and writer work."""
    runtime = runtime_of(request)
    try:
        await read(runtime.election.get)
    except Exception:  # noqa: BLE001 - whatever it is, no voter should be sent here
        return PlainTextResponse("not ready\n", 503)
    if not runtime.writer.is_alive:
        return PlainTextResponse("not ready\n", 503)
    return PlainTextResponse("ready\n")


async def openapi(request: Request) -> Response:
    """What the API can do: made from the table of calls."""
    del request
    return Response(_OPENAPI, media_type="application/json")


_OPENAPI = msgspec.json.encode(document(CALLS, title="Primaries", version="1"))


async def _http_problem(request: Request, fault: Exception) -> Response:
    if isinstance(fault, HTTPException):
        status, headers = fault.status_code, fault.headers
    elif database.is_unavailable(fault):
        status, headers = 503, {"Retry-After": str(TRY_AGAIN_AFTER)}
    else:
        status, headers = 500, None
    if not request.url.path.startswith("/api/"):
        if status == 404:
            return await site.not_found(request)
        if status >= 500:
            return await site.unavailable(request, status=status, headers=headers)
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "unavailable")
    return problem(status, code, headers=headers)


app = Starlette(
    routes=[
        Route(f"{PREFIX}/openapi.json", openapi, methods=["GET"]),
        *api.routes,
        *gate.routes,
        *board.routes,
        *complaints.routes,
        *complaining.routes,
        *results.routes,
        *candidates.routes,
        *exemptions.routes,
        *polling_places.routes,
        *complaint_figures.routes,
        *site.routes,
        *tracker.routes,
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
    ],
    middleware=[Middleware(Guard), Middleware(Gate), Middleware(HotPath, calls=api.HOT)],
    exception_handlers={HTTPException: _http_problem, Exception: _http_problem},
    lifespan=lifespan,
)


def uvicorn_settings() -> dict[str, Any]:
    """How uvicorn serves the app: fast, without an access log that would pair addresses and times.

    Its own reading of ``X-Forwarded-For`` is off: `portal.address` alone decides whom to believe.
    """
    return {
        "app": "portal.app:app",
        "host": settings().host,
        "port": settings().public_port,
        "workers": settings().public_workers,
        "loop": "uvloop",
        "http": "httptools",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_level": "warning",
        "timeout_graceful_shutdown": 10,
        "timeout_keep_alive": 30,  # longer than the door's: it must never use one that is closing
        "backlog": 4096,
        # A worker that only starts, or waits for a busy machine, is no dead one.
        "timeout_worker_healthcheck": 60,
    }


def open_more_files() -> int:
    """Let the process open as many files as the system allows it; gives how many."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def lower_priority() -> None:
    """Be nice, once: the kernel then prefers the staff listener."""
    os.nice(NICENESS)
