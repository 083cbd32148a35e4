"""What machines ask: is the process alive, can it serve, how much of what."""

import os
import resource
from datetime import datetime
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.runtime import get_instance

from core import clock, schedule
from core.database import reading
from core.messaging import queries as messaging
from core.messaging.allowance import spending
from core.messaging.queries import Waiting
from core.messaging.rules import GatewayKind
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
        gateways = messaging.gateway_health(session, GatewayKind, now=now)
        codes = spending(session, now=now)
    ticked = schedule.state().ticked_at
    return {
        "sessions_live": live,
        "websockets": get_instance()._session_mgr.num_active_sessions(),
        "outbox_queued": sum(each.queued.messages for each in gateways),
        "outbox_sending": sum(each.sending.messages for each in gateways),
        "outbox_oldest_code_seconds": max(_age(each.queued_codes, now) for each in gateways),
        "outbox_given_up": sum(group.messages for each in gateways for group in each.given_up),
        "codes_hour": codes.hour,
        "codes_day": codes.day,
        "codes_allowance_used": round(codes.share, 4),
        "schedule_age_seconds": (now - ticked).total_seconds() if ticked else -1,
        "memory_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "open_files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - no path is made of them
    }


def _age(waiting: Waiting, now: datetime) -> float:
    return (now - waiting.oldest).total_seconds() if waiting.oldest else 0


routes: Final = [
    Route("/healthz", alive),
    Route("/readyz", ready),
    Route("/metrics", metrics),
]
