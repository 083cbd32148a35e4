"""Bringing a key ceremony to the server: its public part, the trustees' confirmations, the key."""

from datetime import datetime
from typing import cast

from sqlmodel import Session, col, func, select, update

from core.audit import service as audit
from core.errors import Refused
from core.primary import queries as primaries
from core.primary import service as primary_service
from core.primary.queries import PrimaryView
from core.primary.rules import ReadinessKey
from core.results.models import Ceremony, TrusteeShare
from core.results.rules import FEWEST_CANVASSERS, CeremonyKind, ResultsRefusal
from core.results.shares import PublicPart
from core.staff.rules import Actor, Role, require_writer


def active_primary(session: Session) -> PrimaryView:
    """The primary of this installation; refused as ``no_active_primary``."""
    primary = primaries.active_primary(session)
    if primary is None:
        raise Refused(ResultsRefusal.NO_ACTIVE_PRIMARY)
    return primary


def require_organizer(actor: Actor) -> None:
    """Refuse everybody but organizers of the centre and the command line."""
    if not actor.is_system:
        require_writer(actor, Role.ORGANIZER, place=None)


def register_ceremony(
    session: Session,
    public: PublicPart,
    *,
    kind: CeremonyKind,
    actor: Actor,
    now: datetime,
    canvassers: int = FEWEST_CANVASSERS,
) -> int:
    """Take in the public part of a ceremony; gives its number. An earlier one of its kind gives way.

    ``canvassers`` is how many will have to sign the results. A ceremony for the election follows
    one with test keys that every trustee confirmed. Refused as ``ceremony_too_late`` once voting
    is open, ``rehearsal_ceremony_first``, ``rehearsed_key`` (the key was in another ceremony),
    ``canvassers_too_few``.
    """
    require_organizer(actor)
    primary = active_primary(session)
    _check_before_voting(primary, now)
    if canvassers < FEWEST_CANVASSERS:
        raise Refused(ResultsRefusal.CANVASSERS_TOO_FEW, fewest=FEWEST_CANVASSERS)
    if kind is CeremonyKind.ELECTION and not _is_rehearsed(session, primary.id):
        raise Refused(ResultsRefusal.REHEARSAL_CEREMONY_FIRST)
    known = select(Ceremony.id).where(col(Ceremony.public_key) == public.public_key)
    if session.exec(known).first() is not None:
        raise Refused(ResultsRefusal.REHEARSED_KEY)
    session.execute(
        update(Ceremony)
        .where(
            col(Ceremony.primary_id) == primary.id,
            col(Ceremony.kind) == kind.value,
            col(Ceremony.replaced_at).is_(None),
        )
        .values(replaced_at=now)
    )
    ceremony = Ceremony(
        primary_id=primary.id,
        kind=kind.value,
        public_key=public.public_key,
        result_key=public.result_key,
        threshold=public.threshold,
        trustees=public.trustees,
        canvassers=canvassers,
        registered_at=now,
        registered_by=actor.account_id,
    )
    session.add(ceremony)
    session.flush()
    ceremony_id = cast(int, ceremony.id)
    for number, fingerprint in enumerate(public.fingerprints, start=1):
        session.add(TrusteeShare(ceremony_id=ceremony_id, number=number, fingerprint=fingerprint))
    session.flush()
    audit.record(
        session,
        "register_ceremony",
        author=actor.author,
        subject=f"ceremony:{ceremony_id}",
        details={
            "kind": kind.value,
            "key_fingerprint": public.key_fingerprint,
            "threshold": public.threshold,
            "trustees": public.trustees,
            "canvassers": canvassers,
        },
    )
    return ceremony_id


def _check_before_voting(primary: PrimaryView, now: datetime) -> None:
    if primary.timeline is not None and now >= primary.timeline.voting_opens:
        raise Refused(ResultsRefusal.CEREMONY_TOO_LATE, opened=primary.timeline.voting_opens)


def _is_rehearsed(session: Session, primary_id: str) -> bool:
    complete = select(Ceremony.id).where(
        col(Ceremony.primary_id) == primary_id,
        col(Ceremony.kind) == CeremonyKind.REHEARSAL.value,
        col(Ceremony.completed_at).is_not(None),
    )
    return session.exec(complete).first() is not None


def _current(session: Session, ceremony_id: int) -> Ceremony:
    # Locked, so that two trustees who confirm at once are both seen by whoever comes second.
    ceremony = session.exec(
        select(Ceremony)
        .where(col(Ceremony.id) == ceremony_id, col(Ceremony.replaced_at).is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if ceremony is None:
        raise Refused(ResultsRefusal.UNKNOWN_CEREMONY)
    return ceremony


def confirm_share(
    session: Session, ceremony_id: int, *, fingerprint: str, actor: Actor, now: datetime
) -> int:
    """A trustee states the fingerprint on their own sheet; gives the number of the share.

    Refused as ``share_unknown``, ``share_confirmed_already`` (by somebody else) or
    ``trustee_has_share``. With the last confirmation the ceremony is complete.
    """
    require_writer(actor, Role.TRUSTEE)
    ceremony = _current(session, ceremony_id)
    shares = session.exec(
        select(TrusteeShare).where(col(TrusteeShare.ceremony_id) == ceremony_id)
    ).all()
    typed = "".join(fingerprint.split()).lower()
    share = next((each for each in shares if each.fingerprint == typed), None)
    if share is None:
        raise Refused(ResultsRefusal.SHARE_UNKNOWN)
    if share.account_id == actor.account_id:
        return share.number
    if share.account_id is not None:
        raise Refused(ResultsRefusal.SHARE_CONFIRMED_ALREADY)
    if any(each.account_id == actor.account_id for each in shares):
        raise Refused(ResultsRefusal.TRUSTEE_HAS_SHARE)
    share.account_id, share.confirmed_at = actor.account_id, now
    session.add(share)
    confirmed = sum(each.confirmed_at is not None for each in shares)
    if confirmed == ceremony.trustees:
        ceremony.completed_at = now
        session.add(ceremony)
    session.flush()
    audit.record(
        session,
        "confirm_share",
        author=actor.author,
        subject=f"ceremony:{ceremony_id}",
        details={"share": share.number, "confirmed": confirmed, "trustees": ceremony.trustees},
    )
    return share.number


def install_key(session: Session, ceremony_id: int, *, actor: Actor, now: datetime) -> None:
    """Make the ceremony's key the one to which ballots are sealed; marks the readiness item.

    Refused as ``ceremony_incomplete`` (facts: confirmed, trustees) until every trustee confirmed,
    as ``rehearsed_key`` for a ceremony with test keys, as ``ceremony_too_late`` once voting is open.
    """
    require_organizer(actor)
    ceremony = _current(session, ceremony_id)
    primary = active_primary(session)
    _check_before_voting(primary, now)
    if ceremony.primary_id != primary.id:
        raise Refused(ResultsRefusal.UNKNOWN_CEREMONY)
    if ceremony.kind != CeremonyKind.ELECTION.value:
        raise Refused(ResultsRefusal.REHEARSED_KEY)
    if ceremony.completed_at is None:
        confirmed = session.exec(
            select(func.count())
            .select_from(TrusteeShare)
            .where(
                col(TrusteeShare.ceremony_id) == ceremony_id,
                col(TrusteeShare.confirmed_at).is_not(None),
            )
        ).one()
        raise Refused(
            ResultsRefusal.CEREMONY_INCOMPLETE, confirmed=confirmed, trustees=ceremony.trustees
        )
    public = public_part(session, ceremony)
    primary_service.install_election_key(
        session,
        primary.id,
        public.public_key,
        public.fingerprints,
        public.threshold,
        public.trustees,
        actor=actor,
        now=now,
    )
    primary_service.mark_readiness(
        session,
        primary.id,
        ReadinessKey.CEREMONY_REHEARSED,
        actor=actor,
        evidence=public.key_fingerprint,
        now=now,
    )
    ceremony.installed_at = now
    session.add(ceremony)
    session.flush()
    audit.record(
        session,
        "install_election_key",
        author=actor.author,
        subject=f"ceremony:{ceremony_id}",
        details={"key_fingerprint": public.key_fingerprint},
    )


def public_part(session: Session, ceremony: Ceremony) -> PublicPart:
    """What the public file of a registered ceremony held."""
    shares = session.exec(
        select(TrusteeShare.fingerprint)
        .where(col(TrusteeShare.ceremony_id) == ceremony.id)
        .order_by(col(TrusteeShare.number))
    ).all()
    return PublicPart(
        public_key=ceremony.public_key,
        result_key=ceremony.result_key,
        fingerprints=tuple(shares),
        threshold=ceremony.threshold,
    )


def election_ceremony(session: Session, primary: PrimaryView) -> Ceremony:
    """The ceremony whose key the ballots are sealed to; refused as ``no_election_key``."""
    ceremony = session.exec(
        select(Ceremony).where(
            col(Ceremony.primary_id) == primary.id,
            col(Ceremony.installed_at).is_not(None),
            col(Ceremony.public_key) == primary.public_key,
        )
    ).one_or_none()
    if primary.public_key is None or ceremony is None:
        raise Refused(ResultsRefusal.NO_ELECTION_KEY)
    return ceremony
