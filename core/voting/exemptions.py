"""Addresses that several voters may use: terminals of polling places, networks of carriers.

Inside an exemption its caps replace the rule of one vote an address. One person proposes it,
another confirms it; it is shown with its live use, and one person can remove it at once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any, Final

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from core.audit.service import record
from core.errors import Refused
from core.i18n import _
from core.primary.election import check_organizer
from core.settings import settings
from core.staff import approvals
from core.staff.models import Account
from core.staff.rules import ActKind, Actor, StaffRefusal
from core.voting.addresses import Network, fold_network
from core.voting.models import AddressExemption, ExemptionUsage
from core.voting.rules import ExemptionKind, VotingRefusal, hour_start

WIDEST: Final = {4: 8, 6: 32}
"""The widest network an exemption may hold, as a prefix length: none covers a whole country."""

MOST_VOTERS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ExemptionTerms:
    """What is proposed: a network in CIDR form, why, on what paper, how long, for how many."""

    primary_id: str
    kind: ExemptionKind
    network: str
    reason: str
    document: str
    valid_from: datetime
    valid_until: datetime
    cap_total: int
    cap_hourly: int


@dataclass(frozen=True, kw_only=True)
class ExemptionView:
    """An exemption as the screen shows it, with its use so far and in the running hour."""

    id: int
    terms: ExemptionTerms
    used: int
    used_this_hour: int
    proposed_by: str
    confirmed_by: str
    confirmed_at: datetime
    removed_at: datetime | None

    def in_force(self, now: datetime) -> bool:
        """Whether addresses inside it are exempt at ``now``."""
        terms = self.terms
        return self.removed_at is None and terms.valid_from <= now < terms.valid_until


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


def check_terms(terms: ExemptionTerms) -> ExemptionTerms:
    """The terms with the network as it will be kept; refused where something is wrong."""
    network = parse_network(terms.network)
    if not terms.reason.strip():
        raise Refused(VotingRefusal.REASON_MISSING)
    if not terms.document.strip():
        raise Refused(VotingRefusal.DOCUMENT_MISSING)
    if terms.valid_from >= terms.valid_until:
        raise Refused(VotingRefusal.PERIOD_EMPTY)
    if not 0 < terms.cap_hourly <= terms.cap_total <= MOST_VOTERS:
        raise Refused(VotingRefusal.CAP_OUT_OF_RANGE, most=MOST_VOTERS)
    return ExemptionTerms(**{**asdict(terms), "network": str(network)})


def propose_exemption(
    session: Session, terms: ExemptionTerms, *, actor: Actor, now: datetime
) -> approvals.Proposal:
    """Propose an exemption; it takes effect when a second organizer confirms it."""
    check_organizer(actor)
    checked = check_terms(terms)
    payload = {
        **asdict(checked),
        "kind": checked.kind.value,
        "valid_from": checked.valid_from.isoformat(),
        "valid_until": checked.valid_until.isoformat(),
    }
    return approvals.propose(
        session,
        ActKind.ADD_EXEMPTION,
        actor=actor,
        payload=payload,
        reason=checked.reason,
        now=now,
    )


def terms_of(payload: Mapping[str, Any]) -> ExemptionTerms:
    """The terms inside a proposal."""
    return ExemptionTerms(
        primary_id=payload["primary_id"],
        kind=ExemptionKind(payload["kind"]),
        network=payload["network"],
        reason=payload["reason"],
        document=payload["document"],
        valid_from=datetime.fromisoformat(payload["valid_from"]),
        valid_until=datetime.fromisoformat(payload["valid_until"]),
        cap_total=payload["cap_total"],
        cap_hourly=payload["cap_hourly"],
    )


def confirm_exemption(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> int:
    """Put a proposed exemption into force; gives its id. Takes a second, independent organizer."""
    check_organizer(actor)
    proposal = approvals.confirm(
        session, proposal_id, kind=ActKind.ADD_EXEMPTION, actor=actor, now=now
    )
    return _add(
        session,
        check_terms(terms_of(proposal.payload)),
        proposed_by=proposal.proposed_by,
        confirmed_by=actor,
        now=now,
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
) -> int:
    row = AddressExemption(
        **{**asdict(terms), "kind": terms.kind.value},
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
            "proposed_by": proposed_by,
        },
    )
    return row.id


def remove_exemption(session: Session, exemption_id: int, *, actor: Actor, now: datetime) -> None:
    """End an exemption at once. Votes it admitted stay; one person may, for it only tightens."""
    check_organizer(actor)
    row = session.exec(
        select(AddressExemption).where(col(AddressExemption.id) == exemption_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise Refused(VotingRefusal.EXEMPTION_UNKNOWN)
    if row.removed_at is not None:
        raise Refused(VotingRefusal.EXEMPTION_OVER)
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


def exemptions(session: Session, primary_id: str, *, now: datetime) -> tuple[ExemptionView, ...]:
    """Every exemption of a primary, those in force first, then the newest."""
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
        .where(col(AddressExemption.primary_id) == primary_id)
        .order_by(col(AddressExemption.id).desc())
    ).all()
    views = [_view(row, proposed, confirmed, used) for row, proposed, confirmed, used in rows]
    return tuple(sorted(views, key=lambda view: not view.in_force(now)))


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
            reason=row.reason,
            document=row.document,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            cap_total=row.cap_total,
            cap_hourly=row.cap_hourly,
        ),
        used=row.used,
        used_this_hour=used or 0,
        proposed_by=proposed_by or "",
        confirmed_by=confirmed_by or "",
        confirmed_at=row.confirmed_at,
        removed_at=row.removed_at,
    )
