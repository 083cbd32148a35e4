"""The primary itself: made with its digest key, reached under a lock, given the election key."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from sqlmodel import Session, col, select

from core import keyring
from core.audit import service as audit
from core.errors import Refused
from core.primary.models import Primary, ReadinessAct
from core.primary.queries import PrimaryView, digest_key_matches
from core.primary.rules import (
    PrimaryRefusal,
    check_names,
    check_primary_id,
    check_public_key,
)
from core.staff.rules import Actor, Role, require_writer


def check_organizer(actor: Actor, *, or_system: bool = False) -> None:
    """Refuse everybody but an organizer of the centre (and the command line, where it may act)."""
    if or_system and actor.is_system:
        return
    require_writer(actor, Role.ORGANIZER, place=None)


def locked_primary(session: Session, primary_id: str) -> Primary:
    """The row of the active primary, held until the unit of work ends: acts on it take turns."""
    found = session.exec(
        select(Primary)
        .where(col(Primary.id) == primary_id, col(Primary.slot) == 1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise Refused(PrimaryRefusal.NO_PRIMARY)
    return found


def is_signed(session: Session, primary_id: str) -> bool:
    """Whether readiness is signed: from then on ballots and their key stay as they are."""
    return session.get(ReadinessAct, primary_id, populate_existing=True) is not None


def check_ballot_can_change(session: Session, primary_id: str) -> Primary:
    """The locked primary; refused as ``ballot_fixed`` once readiness is signed."""
    primary = locked_primary(session, primary_id)
    if is_signed(session, primary_id):
        raise Refused(PrimaryRefusal.BALLOT_FIXED)
    return primary


def create_primary(
    session: Session,
    primary_id: str,
    *,
    actor: Actor,
    names: Mapping[str, str],
    now: datetime,
    hotline: str = "",
    email: str = "",
    rehearsal: bool = False,
) -> None:
    """Make the installation's primary and, in the same act, the key of its digests.

    ``names`` are by locale. Refused as ``primary_exists``: one installation has one active primary.
    The key is never made again; its fingerprint is stored, and a process with another one refuses.
    """
    check_organizer(actor, or_system=True)
    check_primary_id(primary_id)
    check_names(names)
    known = select(Primary.id).where((col(Primary.slot) == 1) | (col(Primary.id) == primary_id))
    if session.exec(known).first() is not None:
        raise Refused(PrimaryRefusal.PRIMARY_EXISTS)
    primary = Primary(
        id=primary_id,
        slot=1,
        name_ru=names["ru"].strip(),
        name_kk=names["kk"].strip(),
        name_en=names["en"].strip(),
        rehearsal=rehearsal,
        hotline=hotline.strip(),
        email=email.strip(),
        created_at=now,
        created_by=actor.account_id,
        digest_fingerprint="",
    )
    session.add(primary)
    # Constraints speak before the key is written: a file can't be rolled back.
    session.flush()
    primary.digest_fingerprint = keyring.create_digest_key(primary_id)
    session.add(primary)
    session.flush()
    audit.record(
        session,
        "create_primary",
        author=actor.author,
        subject=f"primary:{primary_id}",
        details={"digest_key": primary.digest_fingerprint, "rehearsal": rehearsal},
    )


def set_contacts(
    session: Session, primary_id: str, *, actor: Actor, hotline: str, email: str
) -> None:
    """Change the hotline's number and the address of mail that the public page names."""
    check_organizer(actor)
    primary = locked_primary(session, primary_id)
    primary.hotline, primary.email = hotline.strip(), email.strip()
    session.add(primary)
    session.flush()
    audit.record(session, "set_contacts", author=actor.author, subject=f"primary:{primary_id}")


def require_matching_digest_key(session: Session, primary: PrimaryView) -> None:
    """Refuse as ``digest_key_differs`` in a process whose key is not the one of this primary.

    Two hosts with two keys would let one IIN vote twice. A missing key is refused likewise.
    """
    del session  # the fingerprint stands in the view; the parameter keeps the order of all verbs
    if not digest_key_matches(primary):
        raise Refused(PrimaryRefusal.DIGEST_KEY_DIFFERS, fingerprint=primary.digest_fingerprint)


def install_election_key(  # noqa: PLR0917 - what a ceremony made belongs together
    session: Session,
    primary_id: str,
    public_key: bytes,
    fingerprints: Sequence[str],
    threshold: int,
    total: int,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Make ``public_key`` (an uncompressed point of P-256, 65 bytes) the one ballots are sealed to.

    ``threshold`` of ``total`` trustees, whose shares have these fingerprints, can open them.
    Refused as ``key_fixed`` once readiness is signed, as ``public_key_malformed`` off the curve.
    """
    check_organizer(actor)
    check_public_key(public_key)
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public_key)
    except ValueError:
        raise Refused(PrimaryRefusal.PUBLIC_KEY_MALFORMED) from None
    primary = locked_primary(session, primary_id)
    if is_signed(session, primary_id):
        raise Refused(PrimaryRefusal.KEY_FIXED)
    primary.public_key = public_key
    primary.key_fingerprints = list(fingerprints)
    primary.key_threshold, primary.key_trustees = threshold, total
    primary.key_installed_at, primary.key_installed_by = now, actor.account_id
    session.add(primary)
    session.flush()
    audit.record(
        session,
        "install_public_key",
        author=actor.author,
        subject=f"primary:{primary_id}",
        details={
            "key": keyring.fingerprint(public_key),
            "threshold": threshold,
            "trustees": total,
        },
    )
