"""The address rule for everybody: its mode, what it was estimated to cost, who is exempt and why.

Exemptions are listed without their addresses, so that nobody learns which computers let many vote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from core import clock, places
from core.database import reading
from core.i18n import _, use_locale
from core.primary.queries import active_primary
from core.voting.address_policy import PolicyAct, policy_acts
from core.voting.exemption_queries import FEWEST_SHOWN, PublicExemption, public_exemptions
from core.voting.rules import AddressMode
from portal.kept import Kept
from portal.overview import Contacts
from portal.templating import answer, draw, locale_of, localized

KEPT_OUTSIDE: Final = "public, max-age=60"
LINES_A_PAGE: Final = 100

_pages: Kept[str] = Kept()


@dataclass(frozen=True)
class Line:
    """An exemption and where it is; ``is_over`` when it admits nobody any more."""

    exemption: PublicExemption
    place: str
    is_over: bool


async def show_rule(request: Request) -> Response:
    """The mode in force, every signed act, and a page of the exemptions by region."""
    asked = request.query_params.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 1

    def made() -> str:
        with use_locale(locale_of(request)):
            return _draw(request, number)

    html = await run_in_threadpool(_pages.get, f"{locale_of(request)} {number}", made)
    return answer(html, cache_control=KEPT_OUTSIDE)


def _draw(request: Request, number: int) -> str:
    with reading() as session:
        primary = active_primary(session)
        acts: Sequence[PolicyAct] = policy_acts(session, primary.id) if primary else ()
        every = public_exemptions(session, primary.id) if primary else ()
    pages = max(1, -(-len(every) // LINES_A_PAGE))
    number = min(max(number, 1), pages)
    return draw(
        request,
        "exemptions.html",
        primary=primary,
        now=clock.now(),
        mode=acts[0].mode if acts else AddressMode.STRICT,
        acts=acts,
        fewest=FEWEST_SHOWN,
        regions=_by_region(every[(number - 1) * LINES_A_PAGE : number * LINES_A_PAGE]),
        number=number,
        pages=pages,
        contacts=Contacts(primary.hotline, primary.email) if primary else None,
    )


def _by_region(found: Sequence[PublicExemption]) -> list[tuple[str, list[Line]]]:
    now = clock.now()
    groups: dict[str, list[Line]] = {}
    for each in found:
        code = each.place_code
        region = places.name(places.region_of(code)) if code else _("The whole country")
        is_over = each.ended_at is not None or now >= each.valid_until
        groups.setdefault(region, []).append(Line(each, places.name(code) if code else "", is_over))
    return list(groups.items())


routes: list[BaseRoute] = [*localized("/addresses", show_rule)]
