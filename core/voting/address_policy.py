"""What one vote an address means in this primary: its mode and its cost, signed by two people.

Before voting opens the mode is signed with its estimate, as an item of readiness; while voting is
open two people can change the mode alone, and the estimate stays what the real cost is held against.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from core.audit.service import record
from core.errors import Refused
from core.primary import queries as primary_queries
from core.primary.election import check_organizer
from core.primary.queries import PrimaryView
from core.primary.readiness import mark_readiness
from core.primary.rules import ReadinessKey
from core.staff import approvals
from core.staff.models import Account
from core.staff.rules import ActKind, Actor
from core.voting.address_rules import Expectation, capacity
from core.voting.models import (
    AddressClashCounter,
    AddressExemption,
    AddressPolicyAct,
    Claim,
    RegisteredCounter,
    Registration,
    Rejection,
    TurnoutCounter,
)
from core.voting.rules import AddressMode, Channel, ClaimKind, RejectionReason, VotingRefusal

MOST_EXPECTED: Final = 100_000_000


@dataclass(frozen=True, kw_only=True)
class PolicyTerms:
    """What is proposed before the vote: the mode, and what it is expected to cost."""

    mode: AddressMode
    expectation: Expectation


@dataclass(frozen=True, kw_only=True)
class PolicyAct:
    """One signed act with the names of the two; ``before`` is the mode it replaced, if any."""

    mode: AddressMode
    before: AddressMode | None
    expectation: Expectation
    refused_share: float
    reason: str
    proposed_by: str
    confirmed_by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AddressCost:
    """What the address rule has cost so far. People are counted once, by the IIN they gave.

    ``turned_away`` had the roll's number, no vote yet, and a used address as the only reason;
    ``voted_since`` of them found another one. ``verified`` are those, and everybody who brought a
    code. ``clashes`` are votes that the advisory mode accepted from a used address.
    """

    turned_away: int
    voted_since: int
    verified: int
    clashes: int
    votes_online: int

    @property
    def share(self) -> float:
        """The real cost beside the estimate: the turned away, or the clashes, of the verified."""
        return (self.turned_away + self.clashes) / self.verified if self.verified else 0.0


def mode_in_force(session: Session, primary_id: str) -> AddressMode:
    """The mode of the newest signed act; strict as long as nobody signed another."""
    newest = _newest(session, primary_id)
    return AddressMode(newest.mode) if newest else AddressMode.STRICT


def propose_policy(
    session: Session, terms: PolicyTerms, *, actor: Actor, reason: str, now: datetime
) -> approvals.Proposal:
    """Propose mode and estimate before voting opens; they are signed when a second person agrees.

    Refused as ``policy_fixed`` while voting is open and a policy is signed: then only the mode can
    be changed (`propose_mode`).
    """
    check_organizer(actor)
    primary = primary_queries.require_primary(session)
    _check_before_opening(session, primary, now)
    _check_expectation(session, primary, terms.expectation)
    return approvals.propose(
        session,
        ActKind.SIGN_ADDRESS_POLICY,
        actor=actor,
        payload={
            "mode": terms.mode.value,
            "voters": terms.expectation.voters,
            "addresses": terms.expectation.addresses,
            "exempt": terms.expectation.exempt,
        },
        reason=reason,
        now=now,
    )


def terms_of(payload: Mapping[str, Any]) -> PolicyTerms:
    """The terms inside a proposal of `propose_policy`."""
    return PolicyTerms(
        mode=AddressMode(payload["mode"]),
        expectation=Expectation(
            voters=payload["voters"], addresses=payload["addresses"], exempt=payload["exempt"]
        ),
    )


def sign_policy(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Put the proposed policy into force as the second person, and mark the item of readiness."""
    check_organizer(actor)
    proposal = approvals.confirm(
        session, proposal_id, kind=ActKind.SIGN_ADDRESS_POLICY, actor=actor, now=now
    )
    primary = primary_queries.require_primary(session)
    terms = terms_of(proposal.payload)
    _check_before_opening(session, primary, now)
    _check_expectation(session, primary, terms.expectation)
    number = _sign(session, primary.id, terms, proposal, actor=actor, now=now)
    mark_readiness(
        session,
        primary.id,
        ReadinessKey.ADDRESS_POLICY_SIGNED,
        actor=actor,
        evidence=f"address_policy_act:{number}",
        now=now,
    )


def propose_mode(
    session: Session, mode: AddressMode, *, actor: Actor, reason: str, now: datetime
) -> approvals.Proposal:
    """Propose another mode while voting is open. Votes that are cast stay as they are.

    Refused as ``voting_not_open``, ``mode_unchanged``, and without a signed policy as
    ``policy_not_signed``.
    """
    check_organizer(actor)
    _policy_to_change(session, mode, now)
    return approvals.propose(
        session,
        ActKind.CHANGE_ADDRESS_MODE,
        actor=actor,
        payload={"mode": mode.value},
        reason=reason,
        now=now,
    )


def change_mode(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Change the mode as the second person; every process votes by it within a second."""
    check_organizer(actor)
    proposal = approvals.confirm(
        session, proposal_id, kind=ActKind.CHANGE_ADDRESS_MODE, actor=actor, now=now
    )
    mode = AddressMode(proposal.payload["mode"])
    newest = _policy_to_change(session, mode, now)
    terms = PolicyTerms(mode=mode, expectation=_expectation(newest))
    _sign(session, newest.primary_id, terms, proposal, actor=actor, now=now)


def _policy_to_change(session: Session, mode: AddressMode, now: datetime) -> AddressPolicyAct:
    primary = primary_queries.require_primary(session)
    if not primary.voting_open(now):
        raise Refused(VotingRefusal.VOTING_NOT_OPEN)
    newest = _newest(session, primary.id)
    if newest is None:
        raise Refused(VotingRefusal.POLICY_NOT_SIGNED)
    if newest.mode == mode.value:
        raise Refused(VotingRefusal.MODE_UNCHANGED, mode=mode)
    return newest


def _check_before_opening(session: Session, primary: PrimaryView, now: datetime) -> None:
    if primary.timeline is None:
        raise Refused(VotingRefusal.NO_TIMELINE)
    if now >= primary.timeline.voting_closes:
        raise Refused(VotingRefusal.VOTING_NOT_OPEN)
    if primary.voting_open(now) and _newest(session, primary.id) is not None:
        raise Refused(VotingRefusal.POLICY_FIXED)


def _check_expectation(session: Session, primary: PrimaryView, expectation: Expectation) -> None:
    if not (
        0 < expectation.voters <= MOST_EXPECTED
        and 0 < expectation.addresses <= MOST_EXPECTED
        and 0 <= expectation.exempt <= expectation.voters
    ):
        raise Refused(VotingRefusal.EXPECTATION_OUT_OF_RANGE)
    room = exempt_capacity(session, primary)
    if expectation.exempt > room:
        raise Refused(VotingRefusal.EXEMPT_ABOVE_CAPS, capacity=room)


def exempt_capacity(session: Session, primary: PrimaryView) -> int:
    """How many voters the exemptions can admit at most by their caps and the hours of the vote."""
    if primary.timeline is None:
        return 0
    rows = session.exec(
        select(AddressExemption).where(
            col(AddressExemption.primary_id) == primary.id,
            col(AddressExemption.removed_at).is_(None),
        )
    )
    return sum(
        capacity(
            cap_total=row.cap_total,
            cap_hourly=row.cap_hourly,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            opens=primary.timeline.voting_opens,
            closes=primary.timeline.voting_closes,
        )
        for row in rows
    )


def _sign(
    session: Session,
    primary_id: str,
    terms: PolicyTerms,
    proposal: approvals.Proposal,
    *,
    actor: Actor,
    now: datetime,
) -> int:
    expected = terms.expectation
    row = AddressPolicyAct(
        primary_id=primary_id,
        mode=terms.mode.value,
        voters_expected=expected.voters,
        addresses_expected=expected.addresses,
        voters_exempt=expected.exempt,
        refused_share=expected.refused_share,
        reason=proposal.reason,
        proposed_by=proposal.proposed_by,
        confirmed_by=actor.account_id,
        at=now,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    record(
        session,
        "change_address_mode"
        if proposal.kind is ActKind.CHANGE_ADDRESS_MODE
        else "sign_address_policy",
        author=actor.author,
        subject=f"address_policy_act:{row.id}",
        details={
            "mode": terms.mode.value,
            "voters": expected.voters,
            "addresses": expected.addresses,
            "exempt": expected.exempt,
            "refused_per_mille": round(1000 * expected.refused_share),
            "proposed_by": proposal.proposed_by,
        },
    )
    return row.id


def _newest(session: Session, primary_id: str) -> AddressPolicyAct | None:
    return session.exec(
        select(AddressPolicyAct)
        .where(col(AddressPolicyAct.primary_id) == primary_id)
        .order_by(col(AddressPolicyAct.id).desc())
        .limit(1)
    ).one_or_none()


def _expectation(row: AddressPolicyAct) -> Expectation:
    return Expectation(
        voters=row.voters_expected, addresses=row.addresses_expected, exempt=row.voters_exempt
    )


def policy_acts(session: Session, primary_id: str) -> tuple[PolicyAct, ...]:
    """Every signed act, the newest, which is in force, first."""
    proposer, confirmer = aliased(Account), aliased(Account)
    rows = session.exec(
        select(AddressPolicyAct, proposer.name, confirmer.name)
        .outerjoin(proposer, col(proposer.id) == col(AddressPolicyAct.proposed_by))
        .outerjoin(confirmer, col(confirmer.id) == col(AddressPolicyAct.confirmed_by))
        .where(col(AddressPolicyAct.primary_id) == primary_id)
        .order_by(col(AddressPolicyAct.id))
    )
    acts: list[PolicyAct] = []
    for row, proposed_by, confirmed_by in rows:
        acts.append(
            PolicyAct(
                mode=AddressMode(row.mode),
                before=acts[-1].mode if acts else None,
                expectation=_expectation(row),
                refused_share=row.refused_share,
                reason=row.reason,
                proposed_by=proposed_by or "",
                confirmed_by=confirmed_by or "",
                at=row.at,
            )
        )
    return tuple(reversed(acts))


def address_cost(session: Session, primary_id: str) -> AddressCost:
    """The real cost of the rule so far: rows are counted, for a screen that asks once a minute."""
    away = (
        select(col(Rejection.iin_digest))
        .where(
            col(Rejection.primary_id) == primary_id,
            col(Rejection.reasons) == RejectionReason.ADDRESS_USED.value,
        )
        .distinct()
        .subquery()
    )
    turned_away, voted_since, with_code = session.execute(
        select(
            func.count(), func.count(col(Claim.digest)), func.count(col(Registration.iin_digest))
        )
        .select_from(away)
        .outerjoin(
            Claim,
            (col(Claim.primary_id) == primary_id)
            & (col(Claim.kind) == ClaimKind.IIN.value)
            & (col(Claim.digest) == away.c.iin_digest),
        )
        .outerjoin(
            Registration,
            (col(Registration.primary_id) == primary_id)
            & (col(Registration.iin_digest) == away.c.iin_digest),
        )
    ).one()
    registered = _sum(session, RegisteredCounter.voters, RegisteredCounter.primary_id == primary_id)
    return AddressCost(
        turned_away=turned_away,
        voted_since=voted_since,
        verified=registered + turned_away - with_code,
        clashes=_sum(
            session, AddressClashCounter.count, AddressClashCounter.primary_id == primary_id
        ),
        votes_online=_sum(
            session,
            TurnoutCounter.votes,
            TurnoutCounter.primary_id == primary_id,
            TurnoutCounter.channel == Channel.ONLINE.value,
        ),
    )


def _sum(session: Session, column: Any, *conditions: Any) -> int:
    return int(session.exec(select(func.sum(column)).where(*conditions)).one() or 0)
