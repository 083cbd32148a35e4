"""The pages that take a complaint in three steps and that let its holder follow it.

Nothing is stored before it is sent: what was typed travels from step to step in the form itself.
Number and code are only ever posted: in an address they would stay in histories and logs.
"""

import re
import secrets
from collections.abc import Mapping
from typing import BinaryIO, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from core import clock, places
from core.cases import service
from core.cases.evidence_rules import LARGEST, EvidenceKind, read_upload
from core.cases.receipts import ReceiptCode, spelled_number
from core.cases.rules import (
    MAX_TEXT,
    CasesRefusal,
    Category,
    Channel,
    ComplainantAct,
)
from core.cases.service import ContactEntry, Opening, Receipt
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import _, refusal_text, sentence, use_locale
from portal.complaints import look_up, source_of, take
from portal.forms import fields_of, file_of
from portal.guard import LARGEST_BODY, UPLOADS
from portal.site import facts
from portal.templating import locale_of, localized, page

STEPS: Final = (1, 2, 3)
LONGEST: Final[Mapping[str, int]] = {
    "key": 32,
    "story": MAX_TEXT,
    "category": 40,
    "place": 20,
    "name": 200,
    "phone": 40,
    "email": 200,
    "times": 300,
    "no_mail": 1,
    "not_at_work": 1,
}
"""What a complaint consists of, and how long each part may be."""

_ENDINGS: Final = ",".join(f".{kind.value}" for kind in EvidenceKind)
_NOTHING_SAID: Final[Mapping[str, object]] = {
    "done": None,
    "attached": None,
    "refused": None,
    "words": "",
}
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_INVISIBLE: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F))


async def complain(request: Request) -> Response:
    """The first step, empty."""
    return await _step(request, 1, dict.fromkeys(LONGEST, "") | {"key": secrets.token_hex(16)})


async def go_on(request: Request) -> Response:
    """The next step, the one before, or the complaint itself."""
    posted = await fields_of(request, largest=LARGEST_BODY)
    typed = {name: _clean(posted.get(name, "")) for name in LONGEST}
    if not _KEY.fullmatch(typed["key"]):
        typed["key"] = secrets.token_hex(16)
    wanted = posted.get("go", "")
    if not typed["story"]:
        return await _step(request, 1, typed, wrong=CasesRefusal.TEXT_MISSING)
    if any(len(typed[name]) > longest for name, longest in LONGEST.items()):
        return await _step(request, 1, typed, wrong=CasesRefusal.TEXT_TOO_LONG)
    if wanted == "send":
        return await _send(request, typed)
    return await _step(request, int(wanted) if wanted in {"2", "3"} else 1, typed)


def _clean(raw: str) -> str:
    """What was typed, with one kind of line end and without marks that turn letters about."""
    return raw.replace("\r\n", "\n").translate(_INVISIBLE).strip()


async def _send(request: Request, typed: Mapping[str, str]) -> Response:
    with use_locale(locale_of(request)):
        entry = _entry(typed)
    receipt = await run_in_threadpool(take, entry, source_of(request), typed["key"])
    if isinstance(receipt, CasesRefusal):
        return await _step(request, 3, typed, wrong=receipt)
    return await run_in_threadpool(_receipt_page, request, receipt)


def _receipt_page(request: Request, receipt: Receipt) -> Response:
    assert receipt.number is not None
    assert receipt.code is not None
    return page(
        request,
        "complaint_receipt.html",
        status=201,
        number=spelled_number(receipt.number),
        code=receipt.code.spelled,
        largest=LARGEST,
        endings=_ENDINGS,
        **facts(request),
    )


def _entry(typed: Mapping[str, str]) -> ContactEntry:
    wishes = [
        _("No mail, please") if typed["no_mail"] else "",
        _("Not at work, please") if typed["not_at_work"] else "",
        typed["times"],
    ]
    return ContactEntry(
        story=typed["story"],
        channel=Channel.PORTAL,
        category=_category(typed["category"]),
        place=typed["place"] or None,
        name=typed["name"] or None,
        caller=typed["phone"] or None,
        email=typed["email"] or None,
        reach="\n".join(filter(None, wishes)) or None,
    )


def _category(code: str) -> Category:
    return Category(code) if code in set(Category) else Category.OTHER


async def _step(
    request: Request, step: int, typed: Mapping[str, str], wrong: CasesRefusal | None = None
) -> Response:
    with use_locale(locale_of(request)):
        told = sentence(wrong, {"limit": MAX_TEXT}) if wrong else None

    def draw() -> Response:
        return page(
            request,
            "complain.html",
            status=200 if wrong is None else 422,
            step=step,
            steps=STEPS,
            typed=typed,
            wrong=told,
            limit=MAX_TEXT,
            category=_category(typed["category"]) if typed["category"] else None,
            categories=list(Category),
            place=places.name(typed["place"]) if places.find(typed["place"]) else "",
            regions=places.children(None),
            districts=places.children,
            place_name=places.name,
            **facts(request),
        )

    return await run_in_threadpool(draw)


async def ask(request: Request) -> Response:
    """The form that asks for number and code, empty."""
    return await run_in_threadpool(_door, request, 200, None, "")


async def follow(request: Request) -> Response:
    """What the holder of a receipt may know and do; and what they do."""
    posted = await fields_of(request, largest=LARGEST_BODY)
    opening = Opening(
        posted.get("number", "")[:64], posted.get("code", "")[:64], source_of(request)
    )
    return await run_in_threadpool(_followed, request, opening, posted)


def _followed(request: Request, opening: Opening, posted: Mapping[str, str]) -> Response:
    asked = posted.get("act", "")
    said: dict[str, object] = dict(_NOTHING_SAID)
    if asked == "change_code":
        new = ReceiptCode.parse(posted.get("new_code", ""))
        outcome = _change(opening, new) if new else None
        if outcome is not None:
            return _door(request, 404, outcome, opening.number)
        opening = Opening(opening.number, new.signs, opening.source) if new else opening
    elif asked in set(ComplainantAct):
        act, words = ComplainantAct(asked), _clean(posted.get("words", ""))
        try:
            with unit_of_work() as session:
                outcome = service.act_on_complaint(
                    session, opening, act, words=words, now=clock.now()
                )
        except Refused as refused:
            with use_locale(locale_of(request)):
                said |= {"refused": refusal_text(refused), "words": words}
        else:
            if outcome is not None:
                return _door(request, _status(outcome), outcome, opening.number)
            said["done"] = act
    return _shown(request, opening, said)


async def attach(request: Request) -> Response:
    """A file for the complaint that number and code open."""
    posted, name, content = await file_of(request)
    opening = Opening(
        posted.get("number", "")[:64], posted.get("code", "")[:64], source_of(request)
    )
    return await run_in_threadpool(_attached, request, opening, name, content)


def _attached(request: Request, opening: Opening, name: str, content: BinaryIO) -> Response:
    said: dict[str, object] = dict(_NOTHING_SAID)
    try:
        upload = read_upload(content, name)
        with unit_of_work() as session:
            outcome = service.add_file(session, opening, upload, now=clock.now())
    except Refused as refused:
        with use_locale(locale_of(request)):
            said["refused"] = refusal_text(refused)
    else:
        if outcome is not None:
            return _door(request, _status(outcome), outcome, opening.number)
        said["attached"] = upload.name
    return _shown(request, opening, said)


def _change(opening: Opening, new: ReceiptCode) -> CasesRefusal | None:
    try:
        with unit_of_work() as session:
            return service.change_code(session, opening, new, now=clock.now())
    except Refused:
        # The code was changed meanwhile: the one that was offered here opens nothing.
        return CasesRefusal.BAD_RECEIPT_CODE


def _shown(request: Request, opening: Opening, said: Mapping[str, object]) -> Response:
    """The complaint as it stands now, with what was just done or refused."""
    status = look_up(opening)
    if isinstance(status, CasesRefusal):
        return _door(request, _status(status), status, opening.number)
    return page(
        request,
        "complaint.html",
        status=200 if said["refused"] is None else 422,
        complaint=status,
        number=spelled_number(status.number),
        code=opening.code,
        limit=MAX_TEXT,
        largest=LARGEST,
        endings=_ENDINGS,
        offered=service.new_code().spelled if status.code_must_change else None,
        now=clock.now(),
        **said,
        **facts(request),
    )


def _door(request: Request, status: int, refusal: CasesRefusal | None, number: str) -> Response:
    return page(
        request,
        "follow.html",
        status=status,
        number=number,
        refusal=refusal,
        **facts(request),
    )


def _status(refusal: CasesRefusal) -> int:
    return 429 if refusal is CasesRefusal.TOO_MANY_GUESSES else 404


routes: list[BaseRoute] = [
    *localized("/complain", complain),
    *localized("/complain", go_on, methods=("POST",)),
    *localized("/complaint", ask),
    *localized("/complaint", follow, methods=("POST",)),
    *localized(UPLOADS, ask),
    *localized(UPLOADS, attach, methods=("POST",)),
]
