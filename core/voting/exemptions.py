"""Addresses that several voters may use: terminals of polling places, networks of carriers.

Inside an exemption its caps replace the rule of one vote an address. One person proposes it,
another confirms it; it is shown with its live use, and one person can remove it at once. It is
never edited: a new one is proposed in its place, and the old one ends in the act that begins it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from ipaddress import ip_network
from typing import Any, Final

from sqlmodel import Session, col, select

from core import places
from core.audit.service import record
from core.errors import Refused
from core.i18n import _
from core.primary.election import check_organizer
from core.settings import settings
from core.staff import approvals
from core.staff.rules import ActKind, Actor, StaffRefusal
from core.voting.address_rules import names_address
from core.voting.addresses import Network, fold_network
from core.voting.models import AddressExemption
from core.voting.rules import ExemptionKind, VotingRefusal

WIDEST: Final = {4: 8, 6: 32}
"""The widest network an exemption may hold, as a prefix length: none covers a whole country."""

MOST_VOTERS: Final = 1_000_000
MOST_AT_ONCE: Final = 2_000


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
class ExemptionProposal:
    """What one proposal would add, and the exemption that would end with it."""

    terms: tuple[ExemptionTerms, ...]
    replaces: int | None = None


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
