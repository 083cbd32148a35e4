"""Where evidence is given out: as a download, never as a page, to whoever may read it at that moment."""

from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core import clock
from core.cases import service as cases
from core.cases.rules import CasesRefusal
from core.cases.service import EvidenceFile
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import refusal_text, use_locale
from core.staff import sessions
from core.staff.rules import StaffRefusal
from pages.listener.cookies import cookie_value, session_cookie

PATH: Final = "/evidence/"

_STATUS: Final = {
    CasesRefusal.FILE_NOT_SCANNED: 409,
    CasesRefusal.FILE_INFECTED: 403,
    CasesRefusal.TEXT_ERASED: 410,
}


async def download(request: Request) -> Response:
    """The file, or 404 for everybody for whom its case does not exist."""
    asked = request.path_params["evidence_id"]
    evidence_id = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 16 else 0
    return await run_in_threadpool(_answer, request.headers, evidence_id)


def _answer(headers: Headers, evidence_id: int) -> Response:
    now = clock.now()
    with reading() as session:
        actor = sessions.resolve(session, cookie_value(headers, session_cookie()), now=now)
    if actor is None:
        return PlainTextResponse("Sign in first\n", status_code=401)
    try:
        with unit_of_work() as session:
            found = cases.open_evidence(session, evidence_id, actor=actor, now=now)
    except Refused as refused:
        if isinstance(refused.code, StaffRefusal):
            return PlainTextResponse("Not found\n", status_code=404)
        with use_locale(actor.locale):
            words = refusal_text(refused) + "\n"
        return PlainTextResponse(words, status_code=_STATUS.get(refused.code, 404))
    return Response(found.content, headers=_headers(found))


def _headers(found: EvidenceFile) -> dict[str, str]:
    """No browser opens it in our origin, whatever the content pretends to be."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="evidence.{found.kind.value}"; '
        f"filename*=UTF-8''{quote(found.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


routes: Final = [Route(f"{PATH}{{evidence_id:path}}", download, methods=["GET"])]
