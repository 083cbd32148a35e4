"""What screens and the public list show of the addresses that several voters may use."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

from sqlalchemy.orm import aliased
from sqlmodel import Session, case, col, func, select

from core import places
from core.staff.models import Account
from core.voting.address_rules import nested
from core.voting.addresses import Network
from core.voting.exemptions import ExemptionTerms
from core.voting.models import AddressExemption, ExemptionUsage
from core.voting.rules import ExemptionKind, hour_start

FEWEST_SHOWN: Final = 5
"""Voters of a public line below which their number is withheld."""


@dataclass(frozen=True, kw_only=True)
class ExemptionView:
    """An exemption as the screen shows it, with its use so far and in the running hour.

    ``overlaps`` are the ids of other exemptions whose network shares addresses with this one in the
    same days: a voter counts under the narrowest of them.
    """

    id: int
    terms: ExemptionTerms
    used: int
    used_this_hour: int
    replaces: int | None
    proposed_by: str
    confirmed_by: str
    confirmed_at: datetime
    removed_at: datetime | None
    overlaps: tuple[int, ...] = ()

    def in_force(self, now: datetime) -> bool:
        """Whether addresses inside it are exempt at ``now``."""
        terms = self.terms
        return self.removed_at is None and terms.valid_from <= now < terms.valid_until


@dataclass(frozen=True, kw_only=True)
class ExemptionFilter:
    """What narrows the list of exemptions; a place stands for everything in it."""

    kind: ExemptionKind | None = None
    place_code: str | None = None
    only_in_force: bool = False


EVERY: Final = ExemptionFilter()


@dataclass(frozen=True, kw_only=True)
class ExemptionTotals:
    """All exemptions of a primary together; ``capped`` is the sum of the caps in force."""

    in_force: int
    used: int
    used_this_hour: int
    capped: int


@dataclass(frozen=True, kw_only=True)
class PublicExemption:
    """A line of the public list: exemptions alike in all it says stand in one line.

    ``voters`` is None where they are fewer than five. ``ended_at`` is set when it was removed.
    """

    kind: ExemptionKind
    place_code: str
    holder: str
    reason: str
    document: str
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None
    networks: int
    voters: int | None


def exemptions(
    session: Session,
    primary_id: str,
    *,
    now: datetime,
    chosen: ExemptionFilter = EVERY,
    offset: int = 0,
    limit: int = 50,
) -> tuple[tuple[ExemptionView, ...], int]:
    """A page of exemptions, those in force first, then the newest; and how many there are."""
    conditions = [col(AddressExemption.primary_id) == primary_id]
    holds = (
        col(AddressExemption.removed_at).is_(None)
        & (col(AddressExemption.valid_from) <= now)
        & (col(AddressExemption.valid_until) > now)
    )
    if chosen.kind is not None:
        conditions.append(col(AddressExemption.kind) == chosen.kind.value)
    if chosen.place_code is not None:
        conditions.append(col(AddressExemption.place_code).in_(places.within(chosen.place_code)))
    if chosen.only_in_force:
        conditions.append(holds)
    total = session.exec(
        select(func.count()).select_from(AddressExemption).where(*conditions)
    ).one()
    proposer, confirmer = aliased(Account), aliased(Account)
    rows = session.exec(
        select(AddressExemption, proposer.name, confirmer.name, ExemptionUsage.used)
        .outerjoin(proposer, col(proposer.id) == col(AddressExemption.proposed_by))
        .outerjoin(confirmer, col(confirmer.id) == col(AddressExemption.confirmed_by))
        .outerjoin(
            ExemptionUsage,
            (col(ExemptionUsage.exemption_id) == col(AddressExemption.id))
            & (col(ExemptionUsage.hour_start) == hour_start(now)),
        )
        .where(*conditions)
        .order_by(case((holds, 0), else_=1), col(AddressExemption.id).desc())
        .offset(offset)
        .limit(limit)
    ).all()
    overlapping = _overlaps(session, primary_id, now)
    views = (
        replace(
            _view(row, proposed, confirmed, used),
            overlaps=tuple(sorted(overlapping.get(row.id or 0, ()))),
        )
        for row, proposed, confirmed, used in rows
    )
    return tuple(views), total


def exemption_totals(session: Session, primary_id: str, *, now: datetime) -> ExemptionTotals:
    """What the exemptions of a primary come to at this moment."""
    used = session.exec(
        select(func.sum(AddressExemption.used)).where(
            col(AddressExemption.primary_id) == primary_id
        )
    ).one()
    in_force, capped = session.exec(
        select(func.count(), func.sum(AddressExemption.cap_total)).where(
            col(AddressExemption.primary_id) == primary_id,
            col(AddressExemption.removed_at).is_(None),
            col(AddressExemption.valid_from) <= now,
            col(AddressExemption.valid_until) > now,
        )
    ).one()
    this_hour = session.exec(
        select(func.sum(ExemptionUsage.used))
        .join(AddressExemption, col(AddressExemption.id) == col(ExemptionUsage.exemption_id))
        .where(
            col(AddressExemption.primary_id) == primary_id,
            col(ExemptionUsage.hour_start) == hour_start(now),
        )
    ).one()
    return ExemptionTotals(
        in_force=in_force,
        used=int(used or 0),
        used_this_hour=int(this_hour or 0),
        capped=int(capped or 0),
    )


@lru_cache(maxsize=4096)
def _network(text: str) -> Network:
    return ip_network(text)


def _overlaps(session: Session, primary_id: str, now: datetime) -> Mapping[int, set[int]]:
    """The ids of the exemptions that share addresses and days with another, by id."""
    rows = session.exec(
        select(
            AddressExemption.id,
            AddressExemption.network,
            AddressExemption.valid_from,
            AddressExemption.valid_until,
        ).where(
            col(AddressExemption.primary_id) == primary_id,
            col(AddressExemption.removed_at).is_(None),
            col(AddressExemption.valid_until) > now,
        )
    ).all()
    found: dict[int, set[int]] = defaultdict(set)
    for outer, inner in nested([_network(row[1]) for row in rows]):
        (one, _net, one_from, one_until), (other, _net2, from_, until) = rows[outer], rows[inner]
        if one_from < until and from_ < one_until:
            found[one or 0].add(other or 0)
            found[other or 0].add(one or 0)
    return found


def overlapping_with(
    session: Session, terms: Sequence[ExemptionTerms], *, now: datetime
) -> tuple[str, ...]:
    """The networks of existing exemptions that share addresses and days with proposed ones."""
    if not terms:
        return ()
    rows = session.exec(
        select(AddressExemption).where(
            col(AddressExemption.primary_id) == terms[0].primary_id,
            col(AddressExemption.removed_at).is_(None),
            col(AddressExemption.valid_until) > now,
        )
    ).all()
    standing = [_view(row, None, None, None).terms for row in rows]
    every = [*standing, *terms]
    found = {
        every[min(pair)].network
        for pair in nested([_network(each.network) for each in every])
        if min(pair) < len(standing) <= max(pair) and every[min(pair)].meets(every[max(pair)])
    }
    return tuple(sorted(found))


def _view(
    row: AddressExemption, proposed_by: str | None, confirmed_by: str | None, used: int | None
) -> ExemptionView:
    assert row.id is not None
    return ExemptionView(
        id=row.id,
        terms=ExemptionTerms(
            primary_id=row.primary_id,
            kind=ExemptionKind(row.kind),
            network=row.network,
            holder=row.holder,
            place_code=row.place_code,
            reason=row.reason,
            document=row.document,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            cap_total=row.cap_total,
            cap_hourly=row.cap_hourly,
        ),
        used=row.used,
        used_this_hour=used or 0,
        replaces=row.replaces,
        proposed_by=proposed_by or "",
        confirmed_by=confirmed_by or "",
        confirmed_at=row.confirmed_at,
        removed_at=row.removed_at,
    )


def public_exemptions(session: Session, primary_id: str) -> tuple[PublicExemption, ...]:
    """Every exemption there was, without its addresses, as everybody may read it.

    By place and holder. A number of voters below five is withheld: it could be one household.
    """
    rows = session.exec(
        select(AddressExemption)
        .where(col(AddressExemption.primary_id) == primary_id)
        .order_by(
            col(AddressExemption.place_code), col(AddressExemption.holder), col(AddressExemption.id)
        )
    )
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in rows:
        said = (row.kind, row.place_code, row.holder, row.reason, row.document)
        alike[*said, row.valid_from, row.valid_until, row.removed_at].append(row.used)
    return tuple(
        PublicExemption(
            kind=ExemptionKind(kind),
            place_code=place_code,
            holder=holder,
            reason=reason,
            document=document,
            valid_from=valid_from,
            valid_until=valid_until,
            ended_at=ended_at,
            networks=len(used),
            voters=sum(used) if sum(used) >= FEWEST_SHOWN else None,
        )
        for (
            kind,
            place_code,
            holder,
            reason,
            document,
            valid_from,
            valid_until,
            ended_at,
        ), used in alike.items()
    )
