"""What machines ask: is the process alive, can it serve, how much of what."""

import os
import resource
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.runtime import get_instance

from core import clock, schedule
from core.database import reading
from core.messaging import queries as messaging
from core.messaging.rules import MessageState
from core.staff import queries, service

_LOCAL: Final = frozenset({"127.0.0.1", "::1"})


async def alive(_request: Request) -> Response:
    """200 as long as the event loop turns."""
    return PlainTextResponse("ok\n")


async def ready(_request: Request) -> Response:
    """200 when the database answers and has its accounts, else 503."""
    fault = await run_in_threadpool(_fault)
    return JSONResponse({"ready": fault is None}, status_code=200 if fault is None else 503)


def _fault() -> Exception | None:
    try:
        with reading() as session:
            service.has_accounts(session)
    except Exception as fault:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
        return fault
    return None


async def metrics(request: Request) -> Response:
    """Prometheus text, for this machine only: figures tell strangers how busy we are."""
    if request.client is None or request.client.host not in _LOCAL:
        return PlainTextResponse("Not found\n", status_code=404)
    figures = await run_in_threadpool(_figures)
    lines = [f"primaries_staff_{name} {value}" for name, value in figures.items()]
    return PlainTextResponse("\n".join(lines) + "\n")


def _figures() -> dict[str, float]:
    now = clock.now()
    with reading() as session:
        live = queries.live_session_count(session, now=now)
        depths = {depth.state: depth.messages for depth in messaging.outbox_depths(session)}
    ticked = schedule.state().ticked_at
    return {
        "sessions_live": live,
        "websockets": get_instance()._session_mgr.num_active_sessions(),
        "outbox_queued": depths.get(MessageState.QUEUED, 0),
        "outbox_failed": depths.get(MessageState.FAILED, 0),
        "schedule_age_seconds": (now - ticked).total_seconds() if ticked else -1,
        "memory_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "open_files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - no path is made of them
    }


routes: Final = [
    Route("/healthz", alive),
    Route("/readyz", ready),
    Route("/metrics", metrics),
]
