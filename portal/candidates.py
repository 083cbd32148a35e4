"""Candidates for everybody: the contests with a search, who stands in one, each one's page.

A first place on a list is worth votes, and pages that are made for each visitor would be too slow
in a rush. So a list is drawn with its candidates in an order drawn by lot, kept for two seconds
here and for a minute outside, and `candidates.js` then gives each visitor an order of their own
that stays as long as the visit. Without scripts the drawn order stands; it is another one with each
drawing, so that over all visitors every candidate is first equally often.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core import places
from core.database import reading
from core.i18n import LOCALES, _, current_locale, use_locale
from core.membership.rules import normalise_name
from core.primary import candidate_queries as queries
from core.primary.candidate_queries import ContestLine
from core.primary.page_rules import shown_link
from core.primary.photos import MEDIA_TYPE, SIZE, SMALL_SIZE
from core.primary.queries import CandidateView, PrimaryView, active_primary, candidates
from core.primary.rules import CandidateStatus
from core.settings import settings
from portal.kept import Kept
from portal.overview import Contacts
from portal.templating import SECURITY_HEADERS, answer, draw, locale_of, localized, page

KEPT_OUTSIDE: Final = "public, max-age=60"
KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"
SHORTEST_NAME: Final = 2
FOUND_MOST: Final = 60
"""More candidates are not shown: a cut through a list would favour those before it."""
LISTED_MOST: Final = 100
"""Contests on one page: more would make it heavier than a slow phone likes."""

_PHOTO: Final = re.compile(r"([0-9a-f]{64})(-small)?\.jpg")
_random = secrets.SystemRandom()

Item = TypeVar("Item")

_lists: Kept["tuple[Listed, ...]"] = Kept()
_pages: Kept[str] = Kept()
_findings: Kept[str] = Kept(64)
"""Apart from the pages, so that no flood of searches pushes those out."""


class Absent(Exception):
    """There is nothing of this name."""


def _by_lot(items: Iterable[Item]) -> list[Item]:
    drawn = list(items)
    _random.shuffle(drawn)
    return drawn


async def _kept(
    request: Request, name: str, make: Callable[[PrimaryView], str], kept: Kept[str] = _pages
) -> Response:
    """The page that ``make`` draws of the active primary; `Absent` means there is none."""

    def made() -> str:
        with use_locale(locale_of(request)):
            with reading() as session:
                primary = active_primary(session)
            return make(primary) if primary else draw(request, "candidates_none.html")

    try:
        html = await run_in_threadpool(kept.get, f"{locale_of(request)} {name}", made)
    except Absent:
        return page(request, "not_found.html", status=404)
    return answer(html, cache_control=KEPT_OUTSIDE)


def _contacts(primary: PrimaryView) -> Contacts:
    return Contacts(primary.hotline, primary.email)


def _held_in(place_code: str | None) -> str:
    """Where a contest is held: the unit, then what it lies in."""
    if place_code is None:
        return _("The whole country")
    return ", ".join(places.name(unit.code) for unit in places.ancestors(place_code))


@dataclass(frozen=True, slots=True)
class Listed:
    """A contest in the list: where it is held in words, and all its words folded for a search."""

    contest: ContestLine
    region: str | None
    place: str
    folded: str


def _listed(primary: PrimaryView) -> tuple[Listed, ...]:
    """All contests in the reader's language, read once in two seconds for all pages and searches."""

    def read() -> tuple[Listed, ...]:
        with reading() as session:
            lines = queries.contest_lines(session, primary.id)
        held = {code: _held_in(code) for code in {line.place_code for line in lines}}
        return tuple(
            Listed(
                contest=line,
                region=places.region_of(line.place_code) if line.place_code else None,
                place=held[line.place_code],
                folded=normalise_name(f"{line.id} {line.title} {held[line.place_code]}"),
            )
            for line in lines
        )

    return _lists.get(current_locale(), read)


async def show_contests(request: Request) -> Response:
    """All contests, or the regions where they are many; ``region`` and ``q`` choose among them."""
    asked = " ".join(request.query_params.get("q", "").split())[:100]
    region = request.query_params.get("region", "")[:20]

    def make(primary: PrimaryView) -> str:
        contests = _listed(primary)
        facts: dict[str, Any] = {"asked": asked, "contacts": _contacts(primary)}
        if asked:
            facts |= _found(primary, contests, asked)
        else:
            facts |= _by_region(contests, region)
        return draw(request, "candidates.html", **facts)

    kept = _findings if asked else _pages
    return await _kept(request, f"contests {region} {asked}", make, kept)


def _by_region(contests: Sequence[Listed], region: str) -> dict[str, Any]:
    """The contests in groups; where they are many, all but the chosen group only as a number."""
    groups: dict[str | None, list[Listed]] = {}
    for line in contests:
        groups.setdefault(line.region, []).append(line)
    if region and region not in groups:
        raise Absent
    few = len(contests) <= LISTED_MOST
    return {
        "groups": [
            {
                "code": code,
                "name": places.name(code) if code else _("The whole country"),
                "lines": lines if few or code in {region, None} else None,
                "count": len(lines),
            }
            for code, lines in groups.items()
            if not region or code == region
        ],
        "region": region,
    }


def _found(primary: PrimaryView, contests: Sequence[Listed], asked: str) -> dict[str, Any]:
    words = normalise_name(asked).split()
    lines = [line for line in contests if all(word in line.folded for word in words)]
    by_id = {line.contest.id: line.contest for line in contests}
    found: Sequence[CandidateView] = ()
    total = 0
    if len(asked) >= SHORTEST_NAME:
        with reading() as session:
            found, total = candidates(
                session,
                primary.id,
                name=asked,
                status=CandidateStatus.REGISTERED,
                limit=FOUND_MOST,
            )
    shown = _by_lot(found) if total <= FOUND_MOST else []
    return {
        "lines": lines[:LISTED_MOST],
        "more": max(0, len(lines) - LISTED_MOST),
        "people": [
            {"candidate": each, "contest": by_id[each.contest_id]}
            for each in shown
            if each.contest_id in by_id
        ],
        "total": total,
    }


async def show_contest(request: Request) -> Response:
    """Everybody who can be chosen in a contest, each in a box of one size."""
    contest_id = request.path_params["contest"]

    def make(primary: PrimaryView) -> str:
        with reading() as session:
            contest = queries.contest_line(session, primary.id, contest_id)
            standing = queries.standing(session, primary.id, contest_id)
        if contest is None:
            raise Absent
        return draw(
            request,
            "candidates_contest.html",
            contest=contest,
            place=_held_in(contest.place_code),
            standing=_by_lot(standing),
            small_size=SMALL_SIZE,
            contacts=_contacts(primary),
        )

    return await _kept(request, f"contest {contest_id}", make)


async def show_candidate(request: Request) -> Response:
    """A candidate's page: photo, programme, links; of one shape for everybody."""
    contest_id, candidate_id = (request.path_params[name] for name in ("contest", "candidate"))

    def make(primary: PrimaryView) -> str:
        with reading() as session:
            found = queries.candidate_page(session, primary.id, candidate_id)
        if found is None or found.contest.id != contest_id:
            raise Absent
        return draw(
            request,
            "candidate.html",
            page=found,
            candidate=found.candidate,
            is_standing=found.candidate.status is CandidateStatus.REGISTERED,
            place=_held_in(found.contest.place_code),
            links=[(link, *shown_link(link)) for link in found.links],
            size=SIZE,
            contacts=_contacts(primary),
        )

    return await _kept(request, f"candidate {contest_id} {candidate_id}", make)


@lru_cache(maxsize=512)
def _photo(_database_url: str, digest: str, *, small: bool) -> bytes:
    with reading() as session:
        content = queries.photo_bytes(session, digest, small=small)
    if content is None:
        raise Absent
    return content


async def photo(request: Request) -> Response:
    """A photo by its digest: what stands under it never changes, so it may be kept for ever."""
    named = _PHOTO.fullmatch(request.path_params["name"])
    if named is None:
        return Response(status_code=404, headers=dict(SECURITY_HEADERS))

    def content() -> bytes:
        return _photo(settings().database_url, named[1], small=bool(named[2]))

    try:
        found = await run_in_threadpool(content)
    except Absent:
        return Response(status_code=404, headers=dict(SECURITY_HEADERS))
    headers = {**SECURITY_HEADERS, "Cache-Control": KEPT_FOR_EVER}
    return Response(found, media_type=MEDIA_TYPE, headers=headers)


routes: list[BaseRoute] = [
    Route("/photos/{name}", photo, methods=["GET"]),
    *localized("/candidates", show_contests),
    *(
        Route(f"/{locale}/candidates/{{contest}}", show_contest, methods=["GET"])
        for locale in LOCALES
    ),
    *(
        Route(f"/{locale}/candidates/{{contest}}/{{candidate}}", show_candidate, methods=["GET"])
        for locale in LOCALES
    ),
]
