"""Candidates for everybody: the contests with a search, who stands in one, each one's page.

A first place on a list is worth votes, and pages that are made for each visitor would be too slow
in a rush. So a list is drawn with its candidates in an order drawn by lot, kept for two seconds
here and for a minute outside, and `candidates.js` then gives each visitor an order of their own
that stays as long as the visit. Without scripts the drawn order stands; it is another one with each
drawing, so that over all visitors every candidate is first equally often.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from core import places
from core.database import reading
from core.i18n import LOCALES, _, use_locale
from core.membership.rules import normalise_name
from core.primary import candidate_queries as queries
from core.primary.candidate_queries import ContestLine
from core.primary.page_rules import shown_link
from core.primary.photos import MEDIA_TYPE, SIZE, SMALL_SIZE
from core.primary.queries import PrimaryView, active_primary, candidates
from core.primary.rules import CandidateStatus
from core.settings import settings
from portal.kept import Kept
from portal.overview import Contacts
from portal.templating import SECURITY_HEADERS, answer, draw, locale_of, localized, page

KEPT_OUTSIDE: Final = "public, max-age=60"
KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"
SHORTEST_NAME: Final = 2
FOUND_MOST: Final = 60
"""More are not shown: a cut through a list would favour those before it."""

_PHOTO: Final = re.compile(r"([0-9a-f]{64})(-small)?\.jpg")
_random = secrets.SystemRandom()

Item = TypeVar("Item")

_pages: Kept[str] = Kept()
_findings: Kept[str] = Kept(64)
"""Apart from the pages, so that no flood of searches pushes those out."""


def _by_lot(items: Iterable[Item]) -> list[Item]:
    drawn = list(items)
    _random.shuffle(drawn)
    return drawn


async def _kept(
    request: Request, name: str, make: Callable[[PrimaryView], str], kept: Kept[str] = _pages
) -> Response:
    """The page that ``make`` draws of the active primary; `LookupError` means there is none."""

    def made() -> str:
        with use_locale(locale_of(request)):
            with reading() as session:
                primary = active_primary(session)
            return make(primary) if primary else draw(request, "candidates_none.html")

    try:
        html = await run_in_threadpool(kept.get, f"{locale_of(request)} {name}", made)
    except LookupError:
        return page(request, "not_found.html", status=404)
    return answer(html, cache_control=KEPT_OUTSIDE)


def _contacts(primary: PrimaryView) -> Contacts:
    return Contacts(primary.hotline, primary.email)


def _held_in(contest: ContestLine) -> str:
    """Where a contest is held: the unit, then what it lies in."""
    if contest.place_code is None:
        return _("The whole country")
    return ", ".join(places.name(unit.code) for unit in places.ancestors(contest.place_code))


async def show_contests(request: Request) -> Response:
    """All contests by region; with ``q``, contests and candidates that match."""
    asked = " ".join(request.query_params.get("q", "").split())[:100]

    def make(primary: PrimaryView) -> str:
        with reading() as session:
            contests = queries.contest_lines(session, primary.id)
        facts = _found(primary, contests, asked) if asked else {"groups": _by_region(contests)}
        return draw(request, "candidates.html", asked=asked, contacts=_contacts(primary), **facts)

    return await _kept(request, f"contests {asked}", make, _findings if asked else _pages)


def _by_region(contests: Iterable[ContestLine]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for contest in contests:
        code = contest.place_code
        region = places.name(places.region_of(code)) if code else _("The whole country")
        groups.setdefault(region, []).append({"contest": contest, "place": _held_in(contest)})
    return list(groups.items())


def _found(primary: PrimaryView, contests: Iterable[ContestLine], asked: str) -> dict[str, object]:
    words = normalise_name(asked).split()
    lines = [{"contest": contest, "place": _held_in(contest)} for contest in contests]
    by_id = {contest.id: contest for contest in contests}
    people: list[dict[str, Any]] = []
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
        if total <= FOUND_MOST:
            people = [
                {"candidate": each, "contest": by_id[each.contest_id]} for each in _by_lot(found)
            ]
    return {
        "lines": [line for line in lines if _matches(line, words)],
        "people": people,
        "total": total,
    }


def _matches(line: dict[str, Any], words: list[str]) -> bool:
    contest: ContestLine = line["contest"]
    text = normalise_name(" ".join([contest.id, contest.title, line["place"]]))
    return all(word in text for word in words)


async def show_contest(request: Request) -> Response:
    """Everybody who can be chosen in a contest, each in a box of one size."""
    contest_id = request.path_params["contest"]

    def make(primary: PrimaryView) -> str:
        with reading() as session:
            contest = queries.contest_line(session, primary.id, contest_id)
            standing = queries.standing(session, primary.id, contest_id)
        if contest is None:
            raise LookupError
        return draw(
            request,
            "candidates_contest.html",
            contest=contest,
            place=_held_in(contest),
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
            raise LookupError
        return draw(
            request,
            "candidate.html",
            page=found,
            candidate=found.candidate,
            is_standing=found.candidate.status is CandidateStatus.REGISTERED,
            place=_held_in(found.contest),
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
        raise LookupError
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
    except LookupError:
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
