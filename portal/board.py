"""The public board for programmes: heads, leaves, proofs, and the whole of it as one file.

What is asked for here is the same for everybody and changes every few minutes: answers may be kept
outside for half a minute, and name their version in the ETag. After the close whoever asks first
completes the board.
"""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from core import clock
from core.keyring import fingerprint, signing_public_key
from core.voting import board
from core.voting.board_download import board_file
from core.voting.board_file import head_document
from core.voting.closing import closed_from, complete_board
from core.voting.election import Election
from core.voting.heads import SignedHead, leaf_text
from core.voting.sealing import parse_tracker
from portal.asking import PREFIX, Stop, answer, call, election_of
from portal.openapi import Call
from portal.problems import problem
from portal.runtime import query, read
from portal.shapes import (
    BoardAnswer,
    ConsistencyAnswer,
    ContestHeadAnswer,
    HeadAnswer,
    HeadsAnswer,
    InclusionAnswer,
    LeavesAnswer,
    StoredAnswer,
)

MOST_LEAVES: Final = 1000
MOST_HEADS: Final = 1000
_CACHE: Final = "public, max-age=30"
_encode = msgspec.json.Encoder().encode

CALLS: Final = (
    Call(
        method="GET",
        path=f"{PREFIX}/board",
        summary="The public board: its key and the newest head of every contest",
        answers={200: BoardAnswer, 304: None},
        problems=(404,),
        tag="board",
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/board.jsonl.gz",
        summary="The whole board as one file, for `python -m core verify`",
        answers={200: None, 304: None},
        problems=(404,),
        tag="board",
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/board/{{contest}}",
        summary="The newest head of a contest and a page of its leaves",
        answers={200: LeavesAnswer, 304: None},
        problems=(400, 404),
        query={
            "start": "the position of the first leaf, from 0",
            "limit": f"how many leaves, {MOST_LEAVES} at most",
        },
        tag="board",
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/board/{{contest}}/heads",
        summary="Every head of a contest that was ever published",
        answers={200: HeadsAnswer, 304: None},
        problems=(400, 404),
        query={"after": "the number of the last head that is known"},
        tag="board",
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/board/{{contest}}/consistency",
        summary="That an earlier head is the beginning of a later one",
        answers={200: ConsistencyAnswer},
        problems=(400, 404),
        query={"earlier": "the size of the earlier head", "size": "the size of the later head"},
        tag="board",
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/board/trackers/{{tracker}}",
        summary="A ballot by its tracker: proof that it is on the board, or 202 while it waits",
        answers={200: InclusionAnswer, 202: StoredAnswer},
        problems=(404,),
        tag="board",
    ),
)


async def caught_up(request: Request) -> Election:
    """The election; after its close the board is complete, or somebody is completing it now."""
    election = election_of(request)
    due, now = closed_from(election.primary), clock.now()
    if due is not None and now >= due:
        await run_in_threadpool(complete_board, now)
    return election


def _head(signed: SignedHead | None) -> HeadAnswer | None:
    return None if signed is None else HeadAnswer(**head_document(signed))


def _kept(request: Request, version: object, make: Callable[[], Any]) -> Response:
    """An answer that may be kept, or 304 for whoever has this version."""
    etag = f'"{sha256(repr(version).encode()).hexdigest()[:24]}"'
    headers = {"ETag": etag, "Cache-Control": _CACHE}
    given = request.headers.get("if-none-match", "")
    if etag in {part.strip().removeprefix("W/") for part in given.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(_encode(make()), media_type="application/json", headers=headers)


def _number(request: Request, name: str, default: int | None = None) -> int:
    """A whole number after the question mark; ends the call with 400 for anything else."""
    given = request.query_params.get(name, "" if default is None else str(default))
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise Stop(problem(400, "request_malformed"))
    return int(given)


def _contest(request: Request, election: Election) -> str:
    contest = str(request.path_params["contest"])
    if all(contest != known.id for known in election.contests):
        raise Stop(problem(404, "not_found"))
    return contest


async def overview(request: Request) -> Response:
    """``GET /board``."""
    election = await caught_up(request)
    primary_id = election.primary.id
    signed = await read(query(board.latest_heads, primary_id))
    newest = {each.head.contest_id: each for each in signed}
    key = signing_public_key()

    def make() -> BoardAnswer:
        return BoardAnswer(
            primary_id,
            b64encode(key).decode(),
            fingerprint(key),
            [
                ContestHeadAnswer(contest.id, _head(newest.get(contest.id)))
                for contest in election.contests
            ],
        )

    return _kept(request, (primary_id, key, signed, len(election.contests)), make)


async def leaves(request: Request) -> Response:
    """``GET /board/{contest}``."""
    election = await caught_up(request)
    primary_id, contest = election.primary.id, _contest(request, election)
    start = _number(request, "start", 0)
    limit = min(_number(request, "limit", MOST_LEAVES), MOST_LEAVES)
    signed = await read(query(board.latest_head, primary_id, contest))
    size = signed.head.size if signed else 0
    end = min(start + limit, size)
    found = await read(query(board.leaves, primary_id, contest, start=start, end=end))
    return _kept(
        request,
        (primary_id, contest, signed, start, limit),
        lambda: LeavesAnswer(
            contest=contest,
            head=_head(signed),
            start=start,
            leaves=[leaf_text(leaf) for leaf in found],
            next=end if start < end < size else None,
        ),
    )


async def heads(request: Request) -> Response:
    """``GET /board/{contest}/heads``."""
    election = await caught_up(request)
    primary_id, contest = election.primary.id, _contest(request, election)
    after = _number(request, "after", 0)
    found = await read(query(board.heads, primary_id, contest, after=after, limit=MOST_HEADS))
    return _kept(
        request,
        (primary_id, contest, found),
        lambda: HeadsAnswer(contest, [HeadAnswer(**head_document(signed)) for signed in found]),
    )


async def consistency(request: Request) -> Response:
    """``GET /board/{contest}/consistency``."""
    election = await caught_up(request)
    primary_id, contest = election.primary.id, _contest(request, election)
    proof = await read(
        query(
            board.prove_consistency,
            primary_id,
            contest,
            earlier=_number(request, "earlier"),
            size=_number(request, "size"),
        )
    )
    if proof is None:
        raise Stop(problem(404, "not_found"))
    return answer(
        200,
        ConsistencyAnswer(
            contest,
            HeadAnswer(**head_document(proof.earlier)),
            HeadAnswer(**head_document(proof.signed)),
            [each.hex() for each in proof.path],
        ),
    )


async def tracker(request: Request) -> Response:
    """``GET /board/trackers/{tracker}``. Nobody keeps the answer: it is one voter's."""
    election = await caught_up(request)
    wanted = parse_tracker(str(request.path_params["tracker"])[:80])
    if wanted is None:
        raise Stop(problem(404, "tracker_unknown"))
    found = await read(query(board.trace, election.primary.id, wanted))
    if found.proof is not None:
        return answer(200, found.proof.document())
    if found.is_stored:
        return answer(202, StoredAnswer(wanted))
    raise Stop(problem(404, "tracker_unknown"))


async def download(request: Request) -> Response:
    """``GET /board.jsonl.gz``."""
    await caught_up(request)
    path = await run_in_threadpool(board_file)
    if path is None:
        raise Stop(problem(404, "no_primary"))
    etag = f'"{path.name}"'
    headers = {"ETag": etag, "Cache-Control": _CACHE}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return FileResponse(
        path, media_type="application/gzip", filename="board.jsonl.gz", headers=headers
    )


routes: list[BaseRoute] = [
    Route(f"{PREFIX}/board", call(overview), methods=["GET"]),
    Route(f"{PREFIX}/board.jsonl.gz", call(download), methods=["GET"]),
    Route(f"{PREFIX}/board/trackers/{{tracker}}", call(tracker), methods=["GET"]),
    Route(f"{PREFIX}/board/{{contest}}", call(leaves), methods=["GET"]),
    Route(f"{PREFIX}/board/{{contest}}/heads", call(heads), methods=["GET"]),
    Route(f"{PREFIX}/board/{{contest}}/consistency", call(consistency), methods=["GET"]),
]
