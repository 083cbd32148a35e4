"""Publication: a signed bundle that opens by the clock, for everybody at the same instant.

No job publishes. Every road asks `published_bundle` with the present instant, and until then there
is nothing in the clear to be found: not in a table, a file or a cache.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session, col, func, select

from core.audit import service as audit
from core.errors import Refused
from core.keyring import decrypt, encrypt, signing_key
from core.primary import queries as primaries
from core.primary.queries import PrimaryView
from core.results.bundle import sign_bundle
from core.results.ceremony import election_ceremony, public_part
from core.results.counting import opened_totals
from core.results.document import Frame, results_document
from core.results.models import (
    CanvassSignature,
    CountImport,
    ProtocolWaiver,
    ResultsBundle,
    SealedExport,
)
from core.results.rules import ResultsRefusal
from core.results.shares import PublicPart
from core.settings import settings
from core.staff.models import Account
from core.staff.rules import Actor
from core.voting import queries as voting

_BUNDLE: Final = "results: signed bundle"
_PADDED_TO: Final = 4096  # bytes


@dataclass(frozen=True)
class Published:
    """The signed bundle (canonical JSON) and its SHA-256 in hexadecimal, which names this version."""

    bundle: bytes
    digest: str
    published_at: datetime


@dataclass(frozen=True)
class NotPublished:
    """Nothing to see yet. ``available_at`` is None while no publication is set.

    ``is_late`` when the instant has passed and the canvass has not been signed.
    """

    available_at: datetime | None
    is_late: bool = False


def draft_document(
    session: Session, primary: PrimaryView, totals: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What would be published of ``totals`` now. For canvassers and for the bundle only."""
    if primary.timeline is None:
        raise Refused(ResultsRefusal.NOT_PUBLISHED, available_at=None)
    turnout = voting.turnout(session, primary.id)
    export = session.get(SealedExport, primary.id)
    if export is None:
        raise Refused(ResultsRefusal.NOT_EXPORTED)
    signed = session.exec(
        select(Account.name, CanvassSignature.signed_at)
        .join(Account, col(Account.id) == col(CanvassSignature.account_id))
        .where(col(CanvassSignature.primary_id) == primary.id)
        .order_by(col(CanvassSignature.position))
    ).all()
    waived = session.exec(
        select(ProtocolWaiver.polling_place).where(col(ProtocolWaiver.primary_id) == primary.id)
    ).all()
    openings = session.exec(
        select(func.count())
        .select_from(CountImport)
        .where(col(CountImport.primary_id) == primary.id)
    ).one()
    frame = Frame(
        primary_id=primary.id,
        names=primary.names,
        voting_opens=primary.timeline.voting_opens,
        voting_closes=primary.timeline.voting_closes,
        zone=settings().zone,
        zone_name=settings().time_zone,
        on_roll=turnout.on_roll,
        registered=turnout.registered,
        voted=turnout.votes,
        voted_online=turnout.votes_online,
        public=public_part(session, election_ceremony(session, primary)),
        export_digest=export.digest,
        openings=openings,
        canvass=[(name, signed_at) for name, signed_at in signed],
        polling_places=len(export.protocols),
        waived=[code for code in waived if code not in export.protocols],
    )
    return results_document(frame, primaries.contests(session, primary.id), totals)


def preview_document(session: Session, primary: PrimaryView, *, now: datetime) -> dict[str, Any]:
    """A document of invented figures: what the public page will look like, for whoever prepares it.

    The figures follow from the names of the candidates and from nothing else.
    """
    contests = primaries.contests(session, primary.id)
    totals = {}
    for contest in contests:
        votes = {each.id: _invented(each.id) for each in contest.candidates}
        valid = sum(votes.values()) + 20
        on_paper = {who: count // 7 for who, count in votes.items()}
        totals[contest.id] = {
            "ballots": valid + 2,
            "valid": valid,
            "blank": 20,
            "invalid": {"malformed": 2},
            "votes": votes,
            "paper": {
                "places": [
                    {
                        "polling_place": "…",
                        "issued": sum(on_paper.values()) + 6,
                        "valid": sum(on_paper.values()) + 3,
                        "blank": 3,
                        "spoiled": 2,
                        "votes": on_paper,
                    }
                ],
                "refused": [],
            },
        }
    opens = primary.timeline.voting_opens if primary.timeline else now
    closes = primary.timeline.voting_closes if primary.timeline else now
    frame = Frame(
        primary_id=primary.id,
        names=primary.names,
        voting_opens=opens,
        voting_closes=closes,
        zone=settings().zone,
        zone_name=settings().time_zone,
        on_roll=12345,
        registered=10000,
        voted=8420,
        voted_online=7310,
        public=PublicPart(public_key=bytes(65), result_key=bytes(32), fingerprints=(), threshold=0),
        export_digest="0" * 64,
        openings=0,
        canvass=[],
        polling_places=1,
    )
    return results_document(frame, contests, totals)


def _invented(candidate_id: str) -> int:
    return 100 + int(sha256(candidate_id.encode()).hexdigest()[:3], 16) // 4


def build_bundle(session: Session, primary: PrimaryView, *, actor: Actor, now: datetime) -> None:
    """Sign the results and keep them encrypted: the last canvasser's signature does this."""
    document = draft_document(session, primary, opened_totals(session, primary.id))
    bundle = sign_bundle(document, signing_key())
    # Padded: the length of a bundle must not tell the number of digits in its totals.
    padded = bundle.ljust(-(-len(bundle) // _PADDED_TO) * _PADDED_TO)
    blob = encrypt(_BUNDLE, padded, aad=primary.id.encode())
    session.add(ResultsBundle(primary_id=primary.id, blob=blob, built_at=now))
    session.flush()
    audit.record(session, "sign_bundle", author=actor.author, subject=f"primary:{primary.id}")


def published_bundle(session: Session, now: datetime) -> Published | NotPublished:
    """The signed bundle if ``now`` is at or after the publication and the canvass is signed.

    The one gate: every page, call, export and command that shows results asks here each time.
    """
    primary = primaries.active_primary(session)
    if primary is None or primary.timeline is None:
        return NotPublished(None)
    instant = primary.timeline.publication
    if now < instant:
        return NotPublished(instant)
    built_at = session.exec(
        select(ResultsBundle.built_at).where(col(ResultsBundle.primary_id) == primary.id)
    ).one_or_none()
    if built_at is None:
        return NotPublished(instant, is_late=True)
    return Published(*_opened(session, primary.id, built_at), instant)


_kept: dict[tuple[Path, str, datetime], tuple[bytes, str]] = {}


def _opened(session: Session, primary_id: str, built_at: datetime) -> tuple[bytes, str]:
    # Reached after the instant only, so that nothing is ever kept in the clear before it.
    key = (settings().key_dir, primary_id, built_at)
    if key not in _kept:
        blob = session.exec(
            select(ResultsBundle.blob).where(col(ResultsBundle.primary_id) == primary_id)
        ).one()
        bundle = decrypt(_BUNDLE, blob, aad=primary_id.encode()).rstrip(b" ")
        _kept.clear()
        _kept[key] = (bundle, sha256(bundle).hexdigest())
    return _kept[key]
