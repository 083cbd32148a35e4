"""The canvass: totals read by canvassers alone, each reading logged, and their signatures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.results import publication
from core.results.ceremony import active_primary, election_ceremony
from core.results.counting import opened_totals
from core.results.models import CanvassSignature, RecordedCount
from core.results.rules import ResultsRefusal
from core.staff.approvals import are_independent
from core.staff.models import Account
from core.staff.rules import Actor, Role, StaffRefusal, require
from core.staff.service import check_second_factor


@dataclass(frozen=True, kw_only=True)
class CanvassView:
    """The recorded count in clear, by contest, with the document as it would be published now."""

    totals: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]


def read_totals(session: Session, *, actor: Actor, now: datetime) -> CanvassView:
    """The totals, for a canvasser; each reading is an entry in the audit log, so no wall may read.

    Refused as ``forbidden`` for everybody else, whatever else they may do, and ``not_counted``.
    """
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    require(actor, Role.CANVASSER)
    primary = active_primary(session)
    totals = opened_totals(session, primary.id)
    audit.record(
        session,
        "read_totals",
        author=actor.author,
        subject=f"primary:{primary.id}",
        details={"contests": len(totals)},
    )
    return CanvassView(totals=totals, document=publication.draft_document(session, primary, totals))


def sign_canvass(session: Session, *, actor: Actor, code: str, now: datetime) -> bool:
    """Approve the count with the second factor; gives whether it was the last signature needed.

    With the last one the bundle is built and signed, and kept encrypted until the publication.
    Refused as ``not_counted``, ``canvass_signed_already``, ``canvass_complete``,
    ``not_independent`` (one of the signers had a hand in the other's account),
    ``account_too_young`` or ``second_factor_wrong``.
    """
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    require(actor, Role.CANVASSER)
    primary = active_primary(session)
    # Locked: of two last signatures at once, one sees the other.
    recorded = session.exec(
        select(RecordedCount).where(col(RecordedCount.primary_id) == primary.id).with_for_update()
    ).one_or_none()
    if recorded is None:
        raise Refused(ResultsRefusal.NOT_COUNTED)
    signers = session.exec(
        select(CanvassSignature.account_id).where(col(CanvassSignature.primary_id) == primary.id)
    ).all()
    needed = election_ceremony(session, primary).canvassers
    if actor.account_id in signers:
        raise Refused(ResultsRefusal.CANVASS_SIGNED_ALREADY)
    if len(signers) >= needed:
        raise Refused(ResultsRefusal.CANVASS_COMPLETE)
    if not all(are_independent(session, actor.account_id, signer) for signer in signers):
        raise Refused(StaffRefusal.NOT_INDEPENDENT)
    account = session.get(Account, actor.account_id)
    if account is not None and account.effective_at > now:
        raise Refused(StaffRefusal.ACCOUNT_TOO_YOUNG, until=account.effective_at)
    check_second_factor(session, actor, code, now)
    position = len(signers) + 1
    session.add(
        CanvassSignature(
            primary_id=primary.id, account_id=actor.account_id, position=position, signed_at=now
        )
    )
    session.flush()
    audit.record(
        session,
        "sign_canvass",
        author=actor.author,
        subject=f"primary:{primary.id}",
        details={"signature": position, "needed": needed},
    )
    complete = position == needed
    if complete:
        publication.build_bundle(session, primary, actor=actor, now=now)
    return complete
