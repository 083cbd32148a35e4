"""Acts that take two people: one proposes, another, independent one confirms.

Whoever calls `confirm` performs the act with the proposal's payload in the same unit of work.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.staff.models import Account, AccountMaking, ProposalRow
from core.staff.rules import ActKind, Actor, StaffRefusal

__all__ = [
    "ActKind",
    "Proposal",
    "ProposalView",
    "confirm",
    "pending",
    "proposal",
    "propose",
    "withdraw",
]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An act proposed by one person; ``payload`` is what the act will be done with."""

    id: int
    kind: ActKind
    payload: Mapping[str, Any]
    reason: str
    proposed_by: int
    proposed_at: datetime
    confirmed_by: int | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ProposalView(Proposal):
    """A proposal with the name of its author, for a screen."""

    proposer: str


def propose(
    session: Session,
    kind: ActKind,
    *,
    actor: Actor,
    payload: Mapping[str, Any],
    reason: str,
    now: datetime,
) -> Proposal:
    """Store an act that waits for a second person. Who may propose it, its own subject decides.

    ``payload`` must survive JSON. Refused as ``reason_missing`` without a reason.
    """
    if not reason.strip():
        raise Refused(StaffRefusal.REASON_MISSING)
    _check_person(actor)
    row = ProposalRow(
        kind=kind.value,
        payload=json.dumps(dict(payload), ensure_ascii=False, sort_keys=True),
        reason=reason.strip(),
        proposed_by=actor.account_id,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    made = _proposal(row)
    audit.record(
        session,
        "propose",
        author=actor.author,
        subject=f"proposal:{made.id}",
        details={"kind": kind.value},
    )
    return made


def confirm(
    session: Session, proposal_id: int, *, kind: ActKind, actor: Actor, now: datetime
) -> Proposal:
    """Mark a proposal as confirmed by a second person and give it, to be performed now.

    Refused for the proposer, for an account that either of the two made or reset, for one that
    does not count yet (`Account.effective_at`), and when somebody was faster.
    """
    _check_person(actor)
    row = _waiting(session, proposal_id, kind)
    if row.proposed_by == actor.account_id:
        raise Refused(StaffRefusal.SAME_PERSON)
    _check_independent(session, row.proposed_by, actor.account_id)
    _check_old_enough(session, (row.proposed_by, actor.account_id), now)
    # The condition stands in the statement: of two who confirm at once, one does.
    marked = session.execute(
        update(ProposalRow)
        .where(
            col(ProposalRow.id) == proposal_id,
            col(ProposalRow.confirmed_at).is_(None),
            col(ProposalRow.withdrawn_at).is_(None),
        )
        .values(confirmed_by=actor.account_id, confirmed_at=now)
        .returning(col(ProposalRow.id))
    ).scalar_one_or_none()
    if marked is None:
        raise Refused(StaffRefusal.PROPOSAL_DECIDED)
    session.refresh(row)
    audit.record(
        session,
        "confirm",
        author=actor.author,
        subject=f"proposal:{proposal_id}",
        details={"kind": kind.value, "proposed_by": row.proposed_by},
    )
    return _proposal(row)


def withdraw(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a waiting proposal back: its author, or anybody who might have confirmed it."""
    _check_person(actor)
    row = _waiting(session, proposal_id, None)
    row.withdrawn_by, row.withdrawn_at = actor.account_id, now
    session.add(row)
    session.flush()
    audit.record(
        session,
        "withdraw",
        author=actor.author,
        subject=f"proposal:{proposal_id}",
        details={"kind": row.kind},
    )


def pending(session: Session, kind: ActKind) -> tuple[ProposalView, ...]:
    """The proposals of a kind that wait, oldest first."""
    proposer = aliased(Account)
    rows = session.exec(
        select(ProposalRow, proposer.name)
        .join(proposer, col(proposer.id) == col(ProposalRow.proposed_by))
        .where(
            col(ProposalRow.kind) == kind.value,
            col(ProposalRow.confirmed_at).is_(None),
            col(ProposalRow.withdrawn_at).is_(None),
        )
        .order_by(col(ProposalRow.id))
    ).all()
    return tuple(ProposalView(proposer=name, **vars(_proposal(row))) for row, name in rows)


def proposal(session: Session, proposal_id: int) -> Proposal:
    """One proposal, decided or not; refused as ``unknown_proposal``."""
    row = session.get(ProposalRow, proposal_id)
    if row is None:
        raise Refused(StaffRefusal.UNKNOWN_PROPOSAL)
    return _proposal(row)


def are_independent(session: Session, one: int, other: int) -> bool:
    """Whether neither account had a hand in making, resetting or empowering the other."""
    making = select(AccountMaking.id).where(
        or_(
            and_(col(AccountMaking.account_id) == one, col(AccountMaking.maker_id) == other),
            and_(col(AccountMaking.account_id) == other, col(AccountMaking.maker_id) == one),
        )
    )
    return one != other and session.exec(making).first() is None


def _check_person(actor: Actor) -> None:
    if actor.is_system:
        raise Refused(StaffRefusal.FORBIDDEN)
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)


def _check_independent(session: Session, proposer: int, confirmer: int) -> None:
    if not are_independent(session, proposer, confirmer):
        raise Refused(StaffRefusal.NOT_INDEPENDENT)


def _check_old_enough(session: Session, account_ids: tuple[int, int], now: datetime) -> None:
    for account_id in account_ids:
        account = session.get(Account, account_id)
        if account is None or account.disabled_at:
            raise Refused(StaffRefusal.UNKNOWN_ACCOUNT)
        if account.effective_at > now:
            raise Refused(StaffRefusal.ACCOUNT_TOO_YOUNG, until=account.effective_at)


def _waiting(session: Session, proposal_id: int, kind: ActKind | None) -> ProposalRow:
    row = session.get(ProposalRow, proposal_id)
    # A proposal of another kind is unknown: else an act could be confirmed by the wrong screen.
    if row is None or (kind is not None and row.kind != kind.value):
        raise Refused(StaffRefusal.UNKNOWN_PROPOSAL)
    if row.confirmed_at or row.withdrawn_at:
        raise Refused(StaffRefusal.PROPOSAL_DECIDED)
    return row


def _proposal(row: ProposalRow) -> Proposal:
    return Proposal(
        id=cast(int, row.id),
        kind=ActKind(row.kind),
        payload=json.loads(row.payload),
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
    )
