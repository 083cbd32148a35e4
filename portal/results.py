"""Results for everybody: the signed bundle, its pages and its table, from the set instant on.

Every answer asks core with the present instant. Before it each road says ``not_published`` and may
be kept by nobody; after it the bundle's digest names the version in the ETag.
"""

import csv
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from gzip import compress
from hashlib import sha256
from io import StringIO
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core import clock, places
from core.database import reading
from core.i18n import LOCALES, _, current_locale, known_locale, term, use_locale
from core.results.protocol import ProtocolReason
from core.results.queries import NotPublished, Published, published_bundle
from core.results.rules import RatingKind
from portal.openapi import Call
from portal.problems import problem
from portal.templating import SECURITY_HEADERS, answer, draw, locale_of, localized, page


class ResultsAnswer(msgspec.Struct, kw_only=True):
    """The signed bundle: ``results`` in canonical JSON is what ``signature`` covers."""

    results: dict[str, Any]
    signature: dict[str, Any]


CALLS: Final = (
    Call(
        method="GET",
        path="/api/v1/results",
        summary="The signed results, from the set instant on; until then 403 with available_at",
        answers={200: ResultsAnswer},
        problems=(403,),
        tag="results",
    ),
    Call(
        method="GET",
        path="/api/v1/results.csv",
        summary="Votes of every candidate as a table",
        answers={200: None},
        problems=(403,),
        tag="results",
    ),
)
_CACHE: Final = "public, no-cache"  # kept, and asked about by its ETag before each use


@dataclass(frozen=True)
class _Shown:
    """A published bundle made ready: its document, and the bundle compressed."""

    document: Mapping[str, Any]
    compressed: bytes


_ready: dict[str, _Shown] = {}


def _read() -> Published | NotPublished:
    with reading() as session:
        return published_bundle(session, clock.now())


def _shown(published: Published) -> _Shown:
    # Called for what is published only: nothing of it is ever made ready earlier.
    if published.digest not in _ready:
        shown = _Shown(json.loads(published.bundle), compress(published.bundle, mtime=0))
        _ready.clear()
        _ready[published.digest] = shown
    return _ready[published.digest]


def _refusal(found: NotPublished) -> Response:
    return problem(
        403,
        "not_published",
        title=_("The results are not published yet."),
        available_at=found.available_at.isoformat() if found.available_at else None,
        headers=dict(SECURITY_HEADERS),
    )


def _is_known(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return etag in {part.strip().removeprefix("W/") for part in given.split(",")}


async def bundle(request: Request) -> Response:
    """The signed bundle, byte for byte as it was signed."""
    found = await run_in_threadpool(_read)
    if isinstance(found, NotPublished):
        return _refusal(found)
    etag = f'"{found.digest}"'
    headers = {
        **SECURITY_HEADERS,
        "ETag": etag,
        "Cache-Control": _CACHE,
        "Vary": "Accept-Encoding",
        "Content-Disposition": 'inline; filename="results.json"',
    }
    if _is_known(request, etag):
        return Response(status_code=304, headers=headers)
    content = found.bundle
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = _shown(found).compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)


async def table(request: Request) -> Response:
    """Votes of every candidate as CSV: semicolons and a byte order mark, as office programs like."""
    found = await run_in_threadpool(_read)
    if isinstance(found, NotPublished):
        return _refusal(found)
    locale = known_locale(request.query_params.get("locale"))  # it stands in a header
    etag = f'"{found.digest}-{locale}"'
    headers = {
        **SECURITY_HEADERS,
        "ETag": etag,
        "Cache-Control": _CACHE,
        "Content-Disposition": 'attachment; filename="results.csv"',
    }
    if _is_known(request, etag):
        return Response(status_code=304, headers=headers)
    with use_locale(locale):
        text = _csv(_shown(found).document["results"]["contests"])
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8", headers=headers)


def _csv(contests: Sequence[Mapping[str, Any]]) -> str:
    written = StringIO()
    sheet = csv.writer(written, delimiter=";")
    sheet.writerow(
        [
            _("Contest"),
            _("Title"),
            _("Place"),
            _("Candidate"),
            _("Woman"),
            _("Under 35"),
            _("Status"),
            _("Votes"),
            _("Votes online"),
            _("Votes on paper"),
            _("Place in the rating"),
        ]
    )
    for contest in contests:
        head = [contest["id"], contest["titles"][current_locale()], _place(contest)]
        if contest["withheld"]:
            sheet.writerow([*map(_cell, head), "", "", "", _("withheld"), "", "", "", ""])
            continue
        ranks = {line["candidate"]: line["place"] for line in contest["ratings"]["general"]}
        for candidate in contest["candidates"]:
            sheet.writerow(
                [
                    *map(_cell, head),
                    _cell(candidate["name"]),
                    int(candidate["woman"]),
                    int(candidate["youth"]),
                    candidate["status"],
                    candidate["votes"],
                    *_by_channel(contest["channels"], candidate["id"]),
                    ranks[candidate["id"]] or "",
                ]
            )
    return written.getvalue()


def _by_channel(channels: Mapping[str, Any] | None, candidate: str) -> tuple[object, object]:
    """A candidate's votes online and on paper; empty where the two are not told apart."""
    if channels is None:
        return "", ""
    return channels["online"]["votes"][candidate], channels["paper"]["votes"][candidate]


def _cell(text: str) -> str:
    """Foreign text that a spreadsheet would run as a formula, made harmless."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


async def show_results(request: Request) -> Response:
    """All contests with a search; a page with the instant until then."""
    found = await run_in_threadpool(_read)
    if isinstance(found, NotPublished):
        return _countdown(request, found)
    shown = _shown(found).document
    asked = " ".join(request.query_params.get("q", "").split())[:100]
    with use_locale(locale_of(request)):
        lines = [_line(contest) for contest in shown["results"]["contests"]]
        chosen = [line for line in lines if _matches(line, asked)]
        html = draw(
            request,
            "results.html",
            results=shown["results"],
            signature=shown["signature"],
            signing_key=b64decode(shown["signature"]["public_key"]).hex(),
            signed=[
                (each["name"], datetime.fromisoformat(each["signed_at"]))
                for each in shown["results"]["canvass"]
            ],
            lines=chosen,
            refused_reason=lambda reason: term(ProtocolReason(reason)),
            total=len(lines),
            asked=asked,
            digest=found.digest,
            published_at=found.published_at,
        )
    return _with_etag(request, html)


def _with_etag(request: Request, html: str) -> Response:
    """A drawn page, kept under the digest of what it shows; it holds no cookie and no secret."""
    etag = f'"{sha256(html.encode()).hexdigest()[:32]}"'
    drawn = answer(html, cache_control=_CACHE)
    drawn.headers["ETag"] = etag
    if _is_known(request, etag):
        return Response(status_code=304, headers=dict(drawn.headers))
    return drawn


def _countdown(request: Request, found: NotPublished) -> Response:
    now = clock.now()
    left = found.available_at - now if found.available_at and found.available_at > now else None
    return page(request, "results_before.html", found=found, left=left)


def _place(contest: Mapping[str, Any]) -> str:
    """Where a contest is held."""
    return places.name(contest["place"]) if contest["place"] else _("The whole country")


def _line(contest: Mapping[str, Any]) -> dict[str, Any]:
    """A contest as the list shows it: title, place, ballots, who leads."""
    names = {each["id"]: each["name"] for each in contest.get("candidates", ())}
    ratings = contest.get("ratings", {"general": ()})
    return {
        "id": contest["id"],
        "title": contest["titles"][current_locale()],
        "place": _place(contest),
        "withheld": contest["withheld"],
        "ballots": contest.get("ballots"),
        "seats": contest["seats"],
        "leaders": [names[line["candidate"]] for line in ratings["general"] if line["place"] == 1],
        "names": list(names.values()),
    }


def _matches(line: Mapping[str, Any], asked: str) -> bool:
    wanted = asked.casefold().split()
    text = " ".join([line["id"], line["title"], line["place"], *line["names"]]).casefold()
    return all(word in text for word in wanted)


async def show_contest(request: Request) -> Response:
    """One contest: every candidate with votes and bars, then the three ratings."""
    found = await run_in_threadpool(_read)
    if isinstance(found, NotPublished):
        return _countdown(request, found)
    contests = {each["id"]: each for each in _shown(found).document["results"]["contests"]}
    contest = contests.get(request.path_params["contest"])
    if contest is None:
        return page(request, "results_unknown.html", status=404)
    with use_locale(locale_of(request)):
        facts: dict[str, Any] = {
            "contest": contest,
            "title": contest["titles"][current_locale()],
            "place": _place(contest),
            "smallest": _shown(found).document["results"]["rules"]["smallest_cell"],
        }
        if not contest["withheld"]:
            facts |= _figures(contest)
        html = draw(request, "results_contest.html", **facts)
    return _with_etag(request, html)


def _figures(contest: Mapping[str, Any]) -> dict[str, Any]:
    known = {each["id"]: each for each in contest["candidates"]}
    most = max((each["votes"] for each in contest["candidates"]), default=0)
    ratings = [
        (
            kind,
            [
                {
                    "place": line["place"],
                    "name": known[line["candidate"]]["name"],
                    "woman": known[line["candidate"]]["woman"],
                    "youth": known[line["candidate"]]["youth"],
                    "votes": line["votes"],
                    "online": _by_channel(contest["channels"], line["candidate"])[0],
                    "paper": _by_channel(contest["channels"], line["candidate"])[1],
                    "share": line["votes"] / contest["ballots"],
                    "bar": round(100 * line["votes"] / most, 1) if most else 0,
                }
                for line in contest["ratings"][kind.value]
            ],
        )
        for kind in RatingKind
    ]
    return {"ratings": ratings}


routes: list[BaseRoute] = [
    Route("/api/v1/results", bundle, methods=["GET"]),
    Route("/api/v1/results.csv", table, methods=["GET"]),
    *localized("/results", show_results),
    *(Route(f"/{locale}/results/{{contest}}", show_contest) for locale in LOCALES),
]
