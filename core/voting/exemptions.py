"""Addresses that several voters may use: terminals of polling places, networks of carriers.

Inside an exemption its caps replace the rule of one vote an address. One person proposes it,
another confirms it; it is shown with its live use, and one person can remove it at once. It is
never edited: a new one is proposed in its place, and the old one ends in the act that begins it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

from sqlalchemy.orm import aliased
from sqlmodel import Session, case, col, func, select

from core import places
from core.audit.service import record
from core.errors import Refused
from core.i18n import _
from core.primary.election import check_organizer
from core.settings import settings
from core.staff import approvals
from core.staff.models import Account
from core.staff.rules import ActKind, Actor, StaffRefusal
from core.voting.address_rules import names_address, nested
from core.voting.addresses import Network, fold_network
from core.voting.models import AddressExemption, ExemptionUsage
from core.voting.rules import ExemptionKind, VotingRefusal, hour_start

WIDEST: Final = {4: 8, 6: 32}
"""The widest network an exemption may hold, as a prefix length: none covers a whole country."""

MOST_VOTERS: Final = 1_000_000
MOST_AT_ONCE: Final = 2_000
FEWEST_SHOWN: Final = 5
"""Voters of a public line below which their number is withheld."""


@dataclass(frozen=True, kw_only=True)
class ExemptionTerms:
    """What is proposed: a network in CIDR form, whose, why, on what paper, how long, for how many.

    ``holder`` is the polling place or the carrier, ``place_code`` where it is ('' is everywhere);
    they are published with the reason and the document, the network is not.
    """

    primary_id: str
    kind: ExemptionKind
    network: str
    holder: str
    place_code: str = ""
    reason: str
    document: str
    valid_from: datetime
    valid_until: datetime
    cap_total: int
    cap_hourly: int

    def meets(self, other: "ExemptionTerms") -> bool:
        """Whether both hold at some instant."""
        return self.valid_from < other.valid_until and other.valid_from < self.valid_until


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
class ExemptionProposal:
    """What one proposal would add, and the exemption that would end with it."""

    terms: tuple[ExemptionTerms, ...]
    replaces: int | None = None


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


def parse_network(text: str) -> Network:
    """The network of an exemption; refused as ``network_malformed`` or ``network_too_wide``."""
    try:
        network = fold_network(ip_network(text.strip()))
    except ValueError:
        raise Refused(VotingRefusal.NETWORK_MALFORMED, network=text) from None
    if network.prefixlen < WIDEST[network.version]:
        raise Refused(
            VotingRefusal.NETWORK_TOO_WIDE, network=str(network), widest=WIDEST[network.version]
        )
    return network


def check_terms(terms: ExemptionTerms, *, now: datetime) -> ExemptionTerms:
    """The terms with the network as it will be kept; refused where something is wrong.

    What will be published must name no address (``address_in_text``): the list is without them so
    that nobody learns which computers let many people vote.
    """
    network = parse_network(terms.network)
    if not terms.holder.strip():
        raise Refused(VotingRefusal.HOLDER_MISSING)
    if terms.kind is ExemptionKind.TERMINAL and not terms.place_code:
        raise Refused(VotingRefusal.PLACE_MISSING)
    if terms.place_code:
        places.place(terms.place_code)
    if not terms.reason.strip():
        raise Refused(VotingRefusal.REASON_MISSING)
    if not terms.document.strip():
        raise Refused(VotingRefusal.DOCUMENT_MISSING)
    if any(map(names_address, (terms.holder, terms.reason, terms.document))):
        raise Refused(VotingRefusal.ADDRESS_IN_TEXT)
    if terms.valid_from >= terms.valid_until:
        raise Refused(VotingRefusal.PERIOD_EMPTY)
    if terms.valid_until <= now:
        raise Refused(VotingRefusal.PERIOD_OVER)
    if not 0 < terms.cap_hourly <= terms.cap_total <= MOST_VOTERS:
        raise Refused(VotingRefusal.CAP_OUT_OF_RANGE, most=MOST_VOTERS)
    return replace(
        terms,
        network=str(network),
        holder=terms.holder.strip(),
        reason=terms.reason.strip(),
        document=terms.document.strip(),
    )


def propose_exemption(
    session: Session,
    terms: ExemptionTerms,
    *,
    actor: Actor,
    now: datetime,
    replaces: int | None = None,
) -> approvals.Proposal:
    """Propose an exemption; it takes effect when a second organizer confirms it.

    With ``replaces`` the exemption of that id ends in the same act; until then it holds.
    """
    check_organizer(actor)
    if replaces is not None:
        _to_be_ended(session, replaces)
    return _propose(
        session,
        ExemptionProposal(terms=(check_terms(terms, now=now),), replaces=replaces),
        reason=terms.reason,
        actor=actor,
        now=now,
    )


def propose_exemptions(
    session: Session, terms: Sequence[ExemptionTerms], *, actor: Actor, reason: str, now: datetime
) -> approvals.Proposal:
    """Propose many exemptions as one act, such as those of a file (``reason`` names it)."""
    check_organizer(actor)
    if not 0 < len(terms) <= MOST_AT_ONCE:
        raise Refused(VotingRefusal.TOO_MANY_EXEMPTIONS, most=MOST_AT_ONCE)
    checked = tuple(check_terms(each, now=now) for each in terms)
    return _propose(session, ExemptionProposal(terms=checked), reason=reason, actor=actor, now=now)


def _propose(
    session: Session, proposed: ExemptionProposal, *, reason: str, actor: Actor, now: datetime
) -> approvals.Proposal:
    rows = [
        {
            **asdict(terms),
            "kind": terms.kind.value,
            "valid_from": terms.valid_from.isoformat(),
            "valid_until": terms.valid_until.isoformat(),
        }
        for terms in proposed.terms
    ]
    return approvals.propose(
        session,
        ActKind.ADD_EXEMPTION,
        actor=actor,
        payload={"exemptions": rows, "replaces": proposed.replaces},
        reason=reason,
        now=now,
    )


def proposal_of(payload: Mapping[str, Any]) -> ExemptionProposal:
    """What a proposal would do."""
    return ExemptionProposal(
        terms=tuple(
            ExemptionTerms(
                **{
                    **row,
                    "kind": ExemptionKind(row["kind"]),
                    "valid_from": datetime.fromisoformat(row["valid_from"]),
                    "valid_until": datetime.fromisoformat(row["valid_until"]),
                }
            )
            for row in payload["exemptions"]
        ),
        replaces=payload["replaces"],
    )


def confirm_exemption(
    session: Session, proposal_id: int, *, actor: Actor, now: datetime
) -> tuple[int, ...]:
    """Put what was proposed into force; gives the ids. Takes a second, independent organizer."""
    check_organizer(actor)
    proposal = approvals.confirm(
        session, proposal_id, kind=ActKind.ADD_EXEMPTION, actor=actor, now=now
    )
    proposed = proposal_of(proposal.payload)
    if proposed.replaces is not None:
        remove_exemption(session, proposed.replaces, actor=actor, now=now)
    return tuple(
        _add(
            session,
            check_terms(terms, now=now),
            proposed_by=proposal.proposed_by,
            confirmed_by=actor,
            replaces=proposed.replaces,
            now=now,
        )
        for terms in proposed.terms
    )


def exempt_loopback(
    session: Session, primary_id: str, *, actor: Actor, valid_until: datetime, now: datetime
) -> tuple[int, int]:
    """Let many invented voters vote from one desk, in a rehearsal; refused in production.

    Gives the ids of the exemptions of 127.0.0.0/8 and ::1, which are shown and removed like any.
    """
    check_organizer(actor)
    if settings().is_production:
        raise Refused(StaffRefusal.FORBIDDEN)
    added = [
        _add(
            session,
            ExemptionTerms(
                primary_id=primary_id,
                kind=ExemptionKind.TERMINAL,
                network=network,
                holder=_("The trainer's desk"),
                reason=_("Rehearsal: many voters at one desk"),
                document="–",
                valid_from=now,
                valid_until=valid_until,
                cap_total=MOST_VOTERS,
                cap_hourly=MOST_VOTERS,
            ),
            proposed_by=actor.account_id,
            confirmed_by=actor,
            now=now,
        )
        for network in ("127.0.0.0/8", "::1/128")
    ]
    return added[0], added[1]


def _add(
    session: Session,
    terms: ExemptionTerms,
    *,
    proposed_by: int,
    confirmed_by: Actor,
    now: datetime,
    replaces: int | None = None,
) -> int:
    row = AddressExemption(
        **{**asdict(terms), "kind": terms.kind.value},
        replaces=replaces,
        proposed_by=proposed_by,
        confirmed_by=confirmed_by.account_id,
        confirmed_at=now,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    record(
        session,
        "add_exemption",
        author=confirmed_by.author,
        subject=f"exemption:{row.id}",
        details={
            "kind": terms.kind.value,
            "network": terms.network,
            "cap_total": terms.cap_total,
            "cap_hourly": terms.cap_hourly,
            "replaces": replaces,
            "proposed_by": proposed_by,
        },
    )
    return row.id


def remove_exemption(session: Session, exemption_id: int, *, actor: Actor, now: datetime) -> None:
    """End an exemption at once. Votes it admitted stay; one person may, for it only tightens."""
    check_organizer(actor)
    row = _to_be_ended(session, exemption_id)
    row.removed_at, row.removed_by = now, actor.account_id
    session.add(row)
    session.flush()
    record(
        session,
        "remove_exemption",
        author=actor.author,
        subject=f"exemption:{exemption_id}",
        details={"used": row.used},
    )


def _to_be_ended(session: Session, exemption_id: int) -> AddressExemption:
    row = session.exec(
        select(AddressExemption).where(col(AddressExemption.id) == exemption_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise Refused(VotingRefusal.EXEMPTION_UNKNOWN)
    if row.removed_at is not None:
        raise Refused(VotingRefusal.EXEMPTION_OVER)
    return row


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
