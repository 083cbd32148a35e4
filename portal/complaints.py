"""The complaints API: a complaint is taken from anybody, and followed with number and code."""

from datetime import datetime
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core import clock
from core.cases import service
from core.cases.rules import (
    MAX_TEXT,
    CasesRefusal,
    Category,
    Channel,
)
from core.cases.service import ComplaintStatus, ContactEntry, Opening, Receipt
from core.database import unit_of_work
from core.i18n import term
from core.voting.addresses import address_key
from portal.address import address_of
from portal.openapi import Call
from portal.problems import problem

PATH: Final = "/api/v1/complaints"
_encode = msgspec.json.Encoder().encode


class ComplainantBody(msgspec.Struct, forbid_unknown_fields=True):
    """How the complainant may be reached. All of it is optional: anonymous is a full right."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    reach: str | None = None


class ComplaintBody(msgspec.Struct, forbid_unknown_fields=True):
    """A complaint: at most 20,000 characters; category and place are codes and may be left out."""

    text: str
    category: str | None = None
    place: str | None = None
    contact: ComplainantBody | None = None


class ComplaintAnswer(msgspec.Struct):
    """The receipt. The code is shown once, is kept nowhere, and opens the complaint."""

    number: str
    code: str


class MessageAnswer(msgspec.Struct):
    """A question to the complainant, an answer, or what the complainant was told."""

    at: datetime
    kind: str
    text: str


class ComplaintStatusAnswer(msgspec.Struct, omit_defaults=True):
    """Where the complaint stands: a code, the sentence for it, and what was asked and told."""

    number: str
    state: str
    text: str
    since: datetime
    messages: list[MessageAnswer]
    finding: str | None = None
    finding_text: str | None = None
    appeal_until: datetime | None = None


CALLS: Final = (
    Call(
        method="POST",
        path=PATH,
        summary="Complain, with or without a name; an Idempotency-Key makes a repeat harmless",
        body=ComplaintBody,
        answers={201: ComplaintAnswer},
        problems=(400, 409, 413, 415, 422, 429),
        tag="complaints",
    ),
    Call(
        method="GET",
        path=f"{PATH}/{{number}}",
        summary="Follow a complaint with its number and receipt code",
        answers={200: ComplaintStatusAnswer},
        problems=(403, 404, 429),
        auth="receipt",
        tag="complaints",
    ),
)

_STATUS: Final = {
    CasesRefusal.TEXT_MISSING: 422,
    CasesRefusal.TEXT_TOO_LONG: 413,
    CasesRefusal.TOO_MANY_COMPLAINTS: 429,
    CasesRefusal.TOO_MANY_GUESSES: 429,
    CasesRefusal.KEY_REUSED: 409,
    CasesRefusal.BAD_RECEIPT_CODE: 404,
    CasesRefusal.CODE_MUST_CHANGE: 403,
}
_decoder = msgspec.json.Decoder(ComplaintBody)


def _answer(status: int, body: msgspec.Struct) -> Response:
    return Response(
        _encode(body),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _refused(refusal: CasesRefusal) -> Response:
    status = _STATUS[refusal]
    headers = {"Retry-After": "3600"} if status == 429 else None
    title = term(refusal).replace("{limit}", str(MAX_TEXT))
    return problem(status, refusal.value, title=title, headers=headers)


def source_of(request: Request) -> str:
    """The client's address as guesses and complaints are counted by it."""
    address = address_of(request)
    return str(address_key(address)) if address is not None else ""


def _entry(body: ComplaintBody) -> ContactEntry:
    contact = body.contact or ComplainantBody()
    known = body.category in set(Category)
    return ContactEntry(
        story=body.text,
        channel=Channel.PORTAL,
        # Acceptance is never refused: a category nobody knows is "other", to be set in triage.
        category=Category(body.category) if body.category and known else Category.OTHER,
        place=body.place,
        name=(contact.name or "")[:200] or None,
        caller=(contact.phone or "")[:40] or None,
        email=(contact.email or "")[:200] or None,
        reach=(contact.reach or "")[:1000] or None,
    )


async def complain(request: Request) -> Response:
    """Take a complaint; the receipt is the answer."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return problem(415, "request_malformed")
    try:
        body = _decoder.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return problem(400, "request_malformed", detail=str(fault)[:200])
    key = request.headers.get("idempotency-key", "")[:128] or None
    receipt = await run_in_threadpool(take, _entry(body), source_of(request), key)
    if isinstance(receipt, CasesRefusal):
        return _refused(receipt)
    assert receipt.number is not None
    assert receipt.code is not None
    return _answer(201, ComplaintAnswer(receipt.number, receipt.code.spelled))


def take(entry: ContactEntry, source: str, key: str | None) -> Receipt | CasesRefusal:
    """Take a complaint in a unit of work of its own."""
    with unit_of_work() as session:
        return service.accept_complaint(session, entry, source=source, key=key, now=clock.now())


async def follow(request: Request) -> Response:
    """What the holder of the receipt may know; a wrong number and a wrong code look alike."""
    _scheme, _space, code = request.headers.get("authorization", "").strip().rpartition(" ")
    opening = Opening(request.path_params["number"], code, source_of(request))
    status = await run_in_threadpool(look_up, opening)
    if isinstance(status, CasesRefusal):
        return _refused(status)
    if status.code_must_change:
        return _refused(CasesRefusal.CODE_MUST_CHANGE)
    return _answer(200, _told(status))


def look_up(opening: Opening) -> ComplaintStatus | CasesRefusal:
    """The status of a complaint, with the clock's moves made first for whoever holds the code."""
    now = clock.now()
    with unit_of_work() as session:
        status = service.complaint_status(session, opening, now=now)
    # Only for whoever holds a code: a stranger's guess is counted, and causes no other work.
    if isinstance(status, CasesRefusal) or not service.run_due(now):
        return status
    with unit_of_work() as session:
        return service.complaint_status(session, opening, now=now)


def _told(status: ComplaintStatus) -> ComplaintStatusAnswer:
    finding = status.finding
    return ComplaintStatusAnswer(
        number=status.number,
        state=status.told.value,
        text=term(status.told),
        since=status.since,
        messages=[MessageAnswer(at, kind.value, text) for at, kind, text in status.messages],
        finding=finding.value if finding else None,
        finding_text=term(finding) if finding else None,
        appeal_until=status.appeal_until,
    )


routes: list[BaseRoute] = [
    Route(PATH, complain, methods=["POST"]),
    Route(f"{PATH}/{{number}}", follow, methods=["GET"]),
]
