"""What screens show of polling places, and what everybody may read of releases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from core import places
from core.i18n import current_locale
from core.paper.list_queries import people_on_lists
from core.paper.models import (
    ClerkPost,
    PaperList,
    PaperListRow,
    PaperMark,
    PaperRelease,
    PollingPlace,
)
from core.paper.polling_places import hours_of
from core.paper.rules import Hours, PollingPlaceKind, ReleaseGround, ReleaseKind
from core.settings import settings
from core.voting.models import Claim, Rejection
from core.voting.rules import Channel, ClaimKind


@dataclass(frozen=True, kw_only=True)
class PollingPlaceView:
    """A polling place with its hours; ``names`` are by locale."""

    code: str
    names: Mapping[str, str]
    place_code: str
    address: str
    kind: PollingPlaceKind
    hours: Hours
    settled_at: datetime | None

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.names[current_locale()]

    @property
    def is_connected(self) -> bool:
        """Whether voters are marked at once."""
        return self.kind is PollingPlaceKind.CONNECTED

    def is_open(self, now: datetime) -> bool:
        """Whether its hours run; whether the vote does is asked of the primary."""
        return self.hours.are_open(now, settings().zone)


@dataclass(frozen=True, kw_only=True)
class PollingPlaceLine(PollingPlaceView):
    """A line of the list: ``listed`` are people on its paper list, released ones left out."""

    clerks: int
    marked: int
    listed: int
    list_fixed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All polling places together. ``drafts`` are lists that nobody has fixed yet."""

    connected: int
    unconnected: int
    without_clerks: int
    marked: int
    lists: int
    drafts: int
    on_lists: int
    without_list: int


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """A release as the public may read it: nothing about the person, and not the staff's own words."""

    at: datetime
    polling_place: str
    place_name: str
    kind: ReleaseKind
    ground: ReleaseGround


def _view_facts(row: PollingPlace) -> dict[str, Any]:
    return {
        "code": row.code,
        "names": {"ru": row.name_ru, "kk": row.name_kk, "en": row.name_en},
        "place_code": row.place_code,
        "address": row.address,
        "kind": PollingPlaceKind(row.kind),
        "hours": hours_of(row),
        "settled_at": row.settled_at,
    }


def view_of(row: PollingPlace) -> PollingPlaceView:
    """A polling place as screens show it."""
    return PollingPlaceView(**_view_facts(row))


def polling_place(session: Session, primary_id: str, code: str) -> PollingPlaceView | None:
    """One polling place."""
    row = session.get(PollingPlace, (primary_id, code))
    return None if row is None else view_of(row)


def every_polling_place(session: Session, primary_id: str) -> tuple[PollingPlaceView, ...]:
    """All of them by area and code: what the public may know of each."""
    rows = session.exec(
        select(PollingPlace)
        .where(col(PollingPlace.primary_id) == primary_id)
        .order_by(col(PollingPlace.place_code), col(PollingPlace.code))
    )
    return tuple(view_of(row) for row in rows)


def polling_places(
    session: Session,
    primary_id: str,
    *,
    search: str = "",
    kind: PollingPlaceKind | None = None,
    area: str | None = None,
    offset: int = 0,
    limit: int | None = 50,
) -> tuple[Sequence[PollingPlaceLine], int]:
    """A page of polling places by area and code, and how many the filters leave in all."""
    chosen: list[ColumnElement[bool]] = [col(PollingPlace.primary_id) == primary_id]
    if kind:
        chosen.append(col(PollingPlace.kind) == kind.value)
    if area:
        chosen.append(col(PollingPlace.place_code).in_(within(area)))
    if search.strip():
        text = search.strip()
        columns = (PollingPlace.name_ru, PollingPlace.name_kk, PollingPlace.address)
        # Lower case is not asked of SQLite, which knows Latin letters only: names match as typed.
        chosen.append(
            or_(
                col(PollingPlace.code).contains(text.upper(), autoescape=True),
                *(col(column).contains(text, autoescape=True) for column in columns),
                *(col(column).contains(text.capitalize(), autoescape=True) for column in columns),
            )
        )
    total = session.exec(select(func.count()).select_from(PollingPlace).where(*chosen)).one()
    rows = session.exec(
        select(PollingPlace, PaperList.fixed_at)
        .join(
            PaperList,
            (col(PaperList.primary_id) == col(PollingPlace.primary_id))
            & (col(PaperList.polling_place) == col(PollingPlace.code)),
            isouter=True,
        )
        .where(*chosen)
        .order_by(col(PollingPlace.place_code), col(PollingPlace.code))
        .offset(offset)
        .limit(limit)
    ).all()
    codes = [row.code for row, _fixed_at in rows]
    clerks = counted(session, ClerkPost, primary_id, codes)
    marked = counted(session, PaperMark, primary_id, codes)
    listed = counted(
        session, PaperListRow, primary_id, codes, col(PaperListRow.released_at).is_(None)
    )
    return tuple(
        PollingPlaceLine(
            **_view_facts(row),
            clerks=clerks.get(row.code, 0),
            marked=marked.get(row.code, 0),
            listed=listed.get(row.code, 0),
            list_fixed_at=fixed_at,
        )
        for row, fixed_at in rows
    ), total


def within(area: str) -> list[str]:
    """A unit and every unit inside it."""
    return [area, *(code for unit in places.children(area) for code in within(unit.code))]


def counted(
    session: Session,
    table: Any,
    primary_id: str,
    codes: Sequence[str],
    *more: ColumnElement[bool],
) -> dict[str, int]:
    """How many rows of ``table`` each polling place of ``codes`` has; without rows it is left out."""
    return dict(
        session.exec(
            select(table.polling_place, func.count())
            .where(table.primary_id == primary_id, table.polling_place.in_(codes), *more)
            .group_by(table.polling_place)
        ).all()
    )


def totals(session: Session, primary_id: str) -> Totals:
    """All polling places together."""
    kinds = dict(
        session.exec(
            select(PollingPlace.kind, func.count())
            .where(col(PollingPlace.primary_id) == primary_id)
            .group_by(col(PollingPlace.kind))
        ).all()
    )
    lists = dict(
        session.exec(
            select(PaperList.polling_place, PaperList.fixed_at).where(
                col(PaperList.primary_id) == primary_id
            )
        ).all()
    )
    served = session.exec(
        select(func.count(func.distinct(ClerkPost.polling_place))).where(
            col(ClerkPost.primary_id) == primary_id
        )
    ).one()
    marked = session.exec(
        select(func.count()).select_from(PaperMark).where(col(PaperMark.primary_id) == primary_id)
    ).one()
    unconnected = kinds.get(PollingPlaceKind.UNCONNECTED.value, 0)
    fixed = sum(at is not None for at in lists.values())
    return Totals(
        connected=kinds.get(PollingPlaceKind.CONNECTED.value, 0),
        unconnected=unconnected,
        without_clerks=sum(kinds.values()) - served,
        marked=marked,
        lists=fixed,
        drafts=len(lists) - fixed,
        on_lists=people_on_lists(session, primary_id),
        without_list=unconnected - fixed,
    )


def releases(session: Session, primary_id: str, *, limit: int = 200) -> tuple[ReleaseView, ...]:
    """IINs that were set free again, newest first: what everybody may read."""
    rows = session.exec(
        select(PaperRelease, PollingPlace)
        .join(
            PollingPlace,
            (col(PollingPlace.primary_id) == col(PaperRelease.primary_id))
            & (col(PollingPlace.code) == col(PaperRelease.polling_place)),
        )
        .where(col(PaperRelease.primary_id) == primary_id)
        .order_by(col(PaperRelease.id).desc())
        .limit(limit)
    ).all()
    return tuple(
        ReleaseView(
            at=row.at,
            polling_place=row.polling_place,
            place_name=view_of(place).name,
            kind=ReleaseKind(row.kind),
            ground=ReleaseGround(row.ground),
        )
        for row, place in rows
    )


def place_of_list(session: Session, reference: str) -> PollingPlaceView | None:
    """Where the IIN of a rejection votes by a paper list; None when it is on none.

    For an operator who has called the roll's number back: to anybody else it would tell that
    the IIN is on the roll.
    """
    row = session.exec(
        select(PollingPlace)
        .join(
            PaperListRow,
            (col(PaperListRow.primary_id) == col(PollingPlace.primary_id))
            & (col(PaperListRow.polling_place) == col(PollingPlace.code)),
        )
        .join(
            Claim,
            (col(Claim.primary_id) == col(PaperListRow.primary_id))
            & (col(Claim.digest) == col(PaperListRow.iin_digest)),
        )
        .join(
            Rejection,
            (col(Rejection.primary_id) == col(Claim.primary_id))
            & (col(Rejection.iin_digest) == col(Claim.digest)),
        )
        .where(
            col(Rejection.reference) == reference,
            col(Claim.kind) == ClaimKind.IIN.value,
            col(Claim.channel) == Channel.PAPER_LIST.value,
        )
    ).one_or_none()
    return None if row is None else view_of(row)
