"""The page that checks a ballot by its tracker, and the proof to take home.

Everything is asked for by POST: a tracker in an address would stay in histories and logs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from core import clock
from core.database import reading
from core.keyring import fingerprint, signing_public_key
from core.primary.candidate_queries import contest_line
from core.primary.queries import active_primary
from core.voting import board
from core.voting.board import Traced
from core.voting.board_file import BoardProof
from core.voting.closing import complete_board
from core.voting.publishing import SMALLEST_BATCH, SWEEP_EVERY
from core.voting.sealing import group_tracker, parse_tracker
from portal.forms import fields_of
from portal.site import facts
from portal.templating import SECURITY_HEADERS, locale_of, localized, page

LARGEST_FORM: Final = 4096
_NOTHING: Final = {"typed": "", "tracker": "", "grouped": "", "proof": None}


async def form(request: Request) -> Response:
    """The form that asks for a tracker, empty."""
    return await _drawn(request, 200, {"verdict": None, **_NOTHING})


async def check(request: Request) -> Response:
    """Whether the ballot of a tracker is stored, and on the board."""
    typed = await _field(request, "tracker")
    wanted = parse_tracker(typed)
    if wanted is None:
        return await _drawn(request, 422, {"verdict": "malformed", **_NOTHING, "typed": typed})
    found = await run_in_threadpool(_found, wanted)
    said: dict[str, object] = {**_NOTHING, "tracker": wanted, "grouped": group_tracker(wanted)}
    if not found.traced.is_stored:
        said["verdict"] = "absent"
    elif found.traced.proof is None:
        said["verdict"] = "stored"
    else:
        said |= {"verdict": "published", "proof": _shown(request, found.traced.proof, found.titles)}
    return await _drawn(request, 200, said)


async def proof(request: Request) -> Response:
    """The proof of a published ballot, as a file."""
    wanted = parse_tracker(await _field(request, "tracker"))
    found = await run_in_threadpool(_found, wanted) if wanted else None
    if found is None or found.traced.proof is None:
        return page(request, "not_found.html", status=404)
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="ballot-proof.json"',
    }
    document = json.dumps(found.traced.proof.document())
    return Response(f"{document}\n", media_type="application/json", headers=headers)


@dataclass(frozen=True)
class _Found:
    """What became of a ballot, and the titles of its contest where it is on the board."""

    traced: Traced
    titles: Mapping[str, str]


def _found(wanted: str) -> _Found:
    complete_board(clock.now())  # whoever asks after the close finds everything on the board
    with reading() as session:
        primary = active_primary(session)
        if primary is None:
            return _Found(Traced(is_stored=False), {})
        traced = board.trace(session, primary.id, wanted)
        if traced.proof is None:
            return _Found(traced, {})
        contest = contest_line(session, primary.id, traced.proof.signed.head.contest_id)
        return _Found(traced, contest.titles if contest else {})


def _shown(request: Request, found: BoardProof, titles: Mapping[str, str]) -> Mapping[str, object]:
    """What people are told of a proof: not the position, which says nothing and looks like an order."""
    head = found.signed.head
    return {
        "contest": titles.get(locale_of(request), head.contest_id),
        "at": head.at,
        "ballots": head.size,
        "is_final": head.is_final,
        "root": head.root.hex(),
    }


async def _drawn(request: Request, status: int, said: Mapping[str, object]) -> Response:
    def draw() -> Response:
        return page(
            request,
            "tracker.html",
            status=status,
            smallest_batch=SMALLEST_BATCH,
            minutes=SWEEP_EVERY.seconds // 60,
            key_fingerprint=fingerprint(signing_public_key()),
            **said,
            **facts(request),
        )

    return await run_in_threadpool(draw)


async def _field(request: Request, name: str) -> str:
    """One field of a posted form; '' when it is absent or the form is no form of ours."""
    return (await fields_of(request, largest=LARGEST_FORM)).get(name, "")[:200]


routes: list[BaseRoute] = [
    *localized("/tracker", form),
    *localized("/tracker", check, methods=("POST",)),
    *localized("/tracker/proof", proof, methods=("POST",)),
]
