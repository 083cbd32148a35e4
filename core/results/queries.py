"""What the screens of keys, count and publication show. Nothing here knows a total."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.keyring import fingerprint
from core.paper.turnout import entitled_by_place
from core.primary import queries as primaries
from core.primary.queries import PrimaryView
from core.results.counting import recorded_import
from core.results.models import (
    CanvassSignature,
    Ceremony,
    CountImport,
    ProtocolWaiver,
    ResultsBundle,
    SealedExport,
    SealedProtocol,
    TrusteeShare,
)
from core.results.publication import NotPublished, Published, published_bundle
from core.results.rules import CeremonyKind, ImportOutcome, Step
from core.staff.models import Account
from core.voting.closing import closed_from

__all__ = [
    "CeremonyView",
    "CountState",
    "NotPublished",
    "Published",
    "ShareView",
    "StepView",
    "ceremonies",
    "checklist",
    "count_state",
    "published_bundle",
]


@dataclass(frozen=True, kw_only=True)
class ShareView:
    """A share of a ceremony and who confirmed it."""

    number: int
    trustee_id: int | None
    trustee: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CeremonyView:
    """A current ceremony. Fingerprints of shares are not shown: a trustee has to find one."""

    id: int
    kind: CeremonyKind
    key_fingerprint: str
    threshold: int
    trustees: int
    canvassers: int
    registered_at: datetime
    completed_at: datetime | None
    installed_at: datetime | None
    shares: tuple[ShareView, ...]

    @property
    def confirmed(self) -> int:
        """How many trustees confirmed."""
        return sum(share.confirmed_at is not None for share in self.shares)


@dataclass(frozen=True, kw_only=True)
class SignerView:
    """Somebody who signed the canvass."""

    account_id: int
    name: str
    signed_at: datetime


@dataclass(frozen=True, kw_only=True)
class ImportView:
    """A result that was brought in."""

    outcome: ImportOutcome
    imported_at: datetime
    by: str | None


@dataclass(frozen=True, kw_only=True)
class CountState:
    """How far close, export and count have come; instants are None for what has not happened."""

    closes: datetime | None
    exportable_from: datetime | None
    exported_at: datetime | None
    export_digest: str | None
    ballots: int | None
    contests: int | None
    imports: tuple[ImportView, ...]
    signers: tuple[SignerView, ...]
    signatures_needed: int
    bundle_built_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One line of the checklist: ``at`` and ``by`` once done, ``due`` when it is for the clock."""

    step: Step
    at: datetime | None = None
    by: tuple[str, ...] = ()
    due: datetime | None = None
    is_optional: bool = False
    part: tuple[int, int] | None = None
    """How many of how many are done, where a step is done by many."""

    @property
    def is_done(self) -> bool:
        """Whether the step is behind us."""
        return self.at is not None


def ceremonies(session: Session, primary_id: str) -> tuple[CeremonyView, ...]:
    """The current ceremonies of a primary: the rehearsal first, then the election's."""
    found = session.exec(
        select(Ceremony)
        .where(col(Ceremony.primary_id) == primary_id, col(Ceremony.replaced_at).is_(None))
        .order_by(col(Ceremony.kind).desc(), col(Ceremony.id))
    ).all()
    return tuple(_ceremony(session, ceremony) for ceremony in found)


def _ceremony(session: Session, ceremony: Ceremony) -> CeremonyView:
    shares = session.exec(
        select(TrusteeShare, Account.name)
        .join(Account, col(Account.id) == col(TrusteeShare.account_id), isouter=True)
        .where(col(TrusteeShare.ceremony_id) == ceremony.id)
        .order_by(col(TrusteeShare.number))
    ).all()
    assert ceremony.id is not None
    return CeremonyView(
        id=ceremony.id,
        kind=CeremonyKind(ceremony.kind),
        key_fingerprint=fingerprint(ceremony.public_key),
        threshold=ceremony.threshold,
        trustees=ceremony.trustees,
        canvassers=ceremony.canvassers,
        registered_at=ceremony.registered_at,
        completed_at=ceremony.completed_at,
        installed_at=ceremony.installed_at,
        shares=tuple(
            ShareView(
                number=share.number,
                trustee_id=share.account_id,
                trustee=name,
                confirmed_at=share.confirmed_at,
            )
            for share, name in shares
        ),
    )


def count_state(session: Session, primary: PrimaryView) -> CountState:
    """How far the count has come, without a single vote."""
    export = session.get(SealedExport, primary.id)
    imports = session.exec(
        select(CountImport, Account.name)
        .join(Account, col(Account.id) == col(CountImport.imported_by), isouter=True)
        .where(col(CountImport.primary_id) == primary.id)
        .order_by(col(CountImport.id))
    ).all()
    signers = session.exec(
        select(CanvassSignature, Account.name)
        .join(Account, col(Account.id) == col(CanvassSignature.account_id))
        .where(col(CanvassSignature.primary_id) == primary.id)
        .order_by(col(CanvassSignature.position))
    ).all()
    needed = session.exec(
        select(Ceremony.canvassers)
        .where(col(Ceremony.primary_id) == primary.id, col(Ceremony.installed_at).is_not(None))
        .order_by(col(Ceremony.id).desc())
    ).first()
    bundle = session.exec(
        select(ResultsBundle.built_at).where(col(ResultsBundle.primary_id) == primary.id)
    ).one_or_none()
    return CountState(
        closes=primary.timeline.voting_closes if primary.timeline else None,
        exportable_from=closed_from(primary),
        exported_at=export.exported_at if export else None,
        export_digest=export.digest if export else None,
        ballots=export.ballots if export else None,
        contests=export.contests if export else None,
        imports=tuple(
            ImportView(outcome=ImportOutcome(row.outcome), imported_at=row.imported_at, by=name)
            for row, name in imports
        ),
        signers=tuple(
            SignerView(account_id=row.account_id, name=name, signed_at=row.signed_at)
            for row, name in signers
        ),
        signatures_needed=needed or 2,
        bundle_built_at=bundle,
    )


def checklist(session: Session, primary: PrimaryView, now: datetime) -> Sequence[StepView]:
    """The steps to the publication in their order, each with when and by whom."""
    state = count_state(session, primary)
    closed = state.closes is not None and now >= state.closes
    recorded = recorded_import(session, primary.id)
    first = [each for each in state.imports if each.outcome is ImportOutcome.RECORDED]
    again = [each for each in state.imports if each.outcome is ImportOutcome.CONFIRMED]
    complete = len(state.signers) >= state.signatures_needed
    published = published_bundle(session, now)
    return (
        StepView(step=Step.VOTING_CLOSED, at=state.closes if closed else None, due=state.closes),
        _protocols_in(session, primary, closed=closed),
        StepView(step=Step.EXPORTED, at=state.exported_at, due=state.exportable_from),
        StepView(
            step=Step.COUNTED,
            at=recorded.imported_at if recorded else None,
            by=tuple(each.by for each in first if each.by),
        ),
        StepView(
            step=Step.SECOND_COUNT,
            at=again[0].imported_at if again else None,
            by=tuple(each.by for each in again[:1] if each.by),
            is_optional=True,
        ),
        StepView(
            step=Step.CANVASSED,
            at=state.signers[-1].signed_at if complete else None,
            by=tuple(signer.name for signer in state.signers),
        ),
        StepView(step=Step.BUNDLE_SIGNED, at=state.bundle_built_at),
        StepView(
            step=Step.PUBLISHED,
            at=published.published_at if isinstance(published, Published) else None,
            due=primary.timeline.publication if primary.timeline else None,
        ),
    )


def _protocols_in(session: Session, primary: PrimaryView, *, closed: bool) -> StepView:
    """Whether every polling place that voted has sent its protocol, or was waived."""
    needed = entitled_by_place(session, primary.id).keys()
    sealed = session.exec(
        select(SealedProtocol.polling_place, SealedProtocol.sealed_at).where(
            col(SealedProtocol.primary_id) == primary.id
        )
    ).all()
    waived = session.exec(
        select(ProtocolWaiver.polling_place, ProtocolWaiver.at).where(
            col(ProtocolWaiver.primary_id) == primary.id
        )
    ).all()
    came = {code for code, _at in (*sealed, *waived)}
    last = max((at for _code, at in (*sealed, *waived)), default=None)
    closes = primary.timeline.voting_closes if primary.timeline else None
    return StepView(
        step=Step.PROTOCOLS_IN,
        # Where nobody votes on paper there is nothing to wait for but the close.
        at=(last or closes) if closed and needed <= came else None,
        due=closes,
        part=(len(needed & came), len(needed)),
    )


def primary_now(session: Session) -> PrimaryView | None:
    """The installation's primary, or None before it is created."""
    return primaries.active_primary(session)
