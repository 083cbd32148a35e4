"""Where gateways report what became of the messages they took.

Reports come by the hundred a second when voters sign in by the hundred: those that arrive together
are written in one transaction, each answered after it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core import clock
from core.database import unit_of_work
from core.messaging import reports

GATHERED_FOR: Final = 0.2
"""Seconds in which reports are gathered; a gateway waits that long for its answer."""

MOST_WAITING: Final = 5_000

log = logging.getLogger(__name__)


def write_reports(delivered: Mapping[str, bool]) -> None:
    """Write down what was reported, by message id."""
    with unit_of_work() as session:
        reports.note_reports(session, delivered, now=clock.now())


class Desk:
    """Gathers reports and writes them together."""

    def __init__(self, write: Callable[[Mapping[str, bool]], None] = write_reports) -> None:
        self._write = write
        self._gathered: dict[str, bool] = {}
        self._writing: asyncio.Task[bool] | None = None

    async def take(self, message_id: str, *, delivered: bool) -> bool:
        """Whether the report was written down; a delivery outweighs a failure beside it."""
        if len(self._gathered) >= MOST_WAITING:
            return False
        self._gathered[message_id] = delivered or self._gathered.get(message_id, False)
        if self._writing is None:
            self._writing = asyncio.create_task(self._gather_and_write())
        return await asyncio.shield(self._writing)

    async def _gather_and_write(self) -> bool:
        await asyncio.sleep(GATHERED_FOR)
        gathered, self._gathered, self._writing = self._gathered, {}, None
        try:
            await run_in_threadpool(self._write, gathered)
        except Exception as fault:  # noqa: BLE001 - the gateway is told, and may come again
            log.error("%s reports were not written: %s", len(gathered), type(fault).__name__)
            return False
        return True


_desk = Desk()


async def sms_report(request: Request) -> Response:
    """204 when it is written down or says nothing final, 404 for strangers, 503 to come again."""
    message_id = reports.message_of(request.path_params["token"])
    if message_id is None:
        return PlainTextResponse("Not found\n", status_code=404)
    try:
        delivered = reports.meaning(request.query_params.get("status", ""))
    except KeyError:
        return PlainTextResponse("This is no report\n", status_code=400)
    if delivered is None or await _desk.take(message_id, delivered=delivered):
        return Response(status_code=204)
    return PlainTextResponse("Try again\n", status_code=503)


routes: Final = [Route(f"{reports.PATH}{{token}}", sms_report, methods=["GET"])]
