"""How paper comes into the turnout, which must never say more than is known.

A mark at a place with a connection counts at once, like a vote online. Standing on a paper list is
no vote: who of the list came is known from the protocol of the place, after the close, so only then
do its votes count, in the ten minutes in which the place closed. Until then a screen says how many
people are on lists. A corrected protocol moves the figure by the difference.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from core.errors import Refused
from core.paper.models import PaperList, PaperMark, PollingPlace
from core.paper.polling_places import hours_of, locked_place
from core.paper.rules import PaperRefusal, PollingPlaceKind
from core.settings import settings
from core.voting.rules import Channel
from core.voting.tally import Tally


def voters_entitled(session: Session, place: PollingPlace) -> int:
    """To how many people the place may have handed out ballots: those marked, or those listed."""
    if place.kind == PollingPlaceKind.CONNECTED.value:
        chosen = (
            select(func.count())
            .select_from(PaperMark)
            .where(
                col(PaperMark.primary_id) == place.primary_id,
                col(PaperMark.polling_place) == place.code,
            )
        )
        return session.exec(chosen).one()
    fixed = session.get(PaperList, (place.primary_id, place.code), populate_existing=True)
    return fixed.people if fixed is not None else 0


def settle(
    session: Session,
    primary_id: str,
    polling_place: str,
    *,
    voters: int,
    closes: datetime,
    now: datetime,
) -> None:
    """Take in how many people voted at a place, from its sealed protocol; no mark is undone after.

    ``closes`` is the end of the vote. Marks are counted already, the people of a list are not.
    """
    place = locked_place(session, primary_id, polling_place)
    place.settled_at = place.settled_at or now
    session.add(place)
    if place.kind == PollingPlaceKind.UNCONNECTED.value:
        fixed = session.get(PaperList, (primary_id, polling_place), populate_existing=True)
        if fixed is None or fixed.fixed_at is None:
            raise Refused(PaperRefusal.LIST_NOT_FIXED)
        more = voters - (fixed.came or 0)
        fixed.came = voters
        session.add(fixed)
        if more:
            last = min(hours_of(place).end(settings().zone), closes) - timedelta(seconds=1)
            tally = Tally(primary_id)
            tally.vote(place.place_code, last, Channel.PAPER_LIST, votes=more)
            tally.write(session.connection())
    session.flush()


def entitled_by_place(session: Session, primary_id: str) -> dict[str, int]:
    """The polling places (codes) where somebody was marked or is listed, each with how many."""
    marked = session.exec(
        select(PaperMark.polling_place, func.count())
        .where(col(PaperMark.primary_id) == primary_id)
        .group_by(col(PaperMark.polling_place))
    )
    listed = session.exec(
        select(PaperList.polling_place, PaperList.people).where(
            col(PaperList.primary_id) == primary_id, col(PaperList.people) > 0
        )
    )
    return {**dict(marked.all()), **dict(listed.all())}
