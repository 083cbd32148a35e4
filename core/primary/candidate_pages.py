"""The public page of a candidate: programme, links and photo, changed by organizers until the
ballot is fixed, the same room for everybody.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.i18n import LOCALES
from core.primary.election import check_ballot_can_change, check_organizer
from core.primary.models import Candidate, CandidatePage, CandidatePhoto
from core.primary.page_rules import PageRefusal, clean_links, clean_programme
from core.primary.photos import Photo
from core.primary.rules import CandidateStatus, PrimaryRefusal
from core.staff.rules import Actor


@dataclass(frozen=True, kw_only=True)
class PageDraft:
    """A page as somebody gives it: a programme in each language (or none), links line by line."""

    programmes: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[str] = ()

    def checked(self) -> "PageDraft":
        """The same as it is kept; refused where it is no plain text, no link, or too long."""
        return PageDraft(
            programmes={
                locale: clean_programme(self.programmes.get(locale, "")) for locale in LOCALES
            },
            links=clean_links(self.links),
        )


def write_page(
    session: Session, candidate_id: str, draft: PageDraft, *, actor: Actor, now: datetime
) -> None:
    """Make ``draft`` what the candidate's page says.

    Refused as ``ballot_fixed`` once readiness is signed, and for a cancelled registration. The
    audit log gets the digest of the text, so that what stood there at any time can be proved.
    """
    candidate = _candidate_to_change(session, candidate_id, actor)
    text = draft.checked()
    page = _page(session, candidate, actor, now)
    columns: dict[str, str | list[str]] = {
        f"programme_{locale}": text.programmes[locale] for locale in LOCALES
    }
    columns["links"] = list(text.links)
    if all(getattr(page, name) == value for name, value in columns.items()):
        raise Refused(PageRefusal.PAGE_UNCHANGED)
    for name, value in columns.items():
        setattr(page, name, value)
    _save(session, page, actor, now)
    written = json.dumps(columns, sort_keys=True, ensure_ascii=False)
    _record(
        session,
        "write_candidate_page",
        candidate,
        actor,
        text=sha256(written.encode()).hexdigest(),
        links=len(text.links),
        **{f"length_{locale}": len(text.programmes[locale]) for locale in LOCALES},
    )


def set_photo(
    session: Session, candidate_id: str, photo: Photo, *, actor: Actor, now: datetime
) -> None:
    """Show ``photo`` on the candidate's page; the one before it goes unless another page has it."""
    candidate = _candidate_to_change(session, candidate_id, actor)
    page = _page(session, candidate, actor, now)
    digest = photo.digest
    if page.photo == digest:
        raise Refused(PageRefusal.PAGE_UNCHANGED)
    if session.get(CandidatePhoto, digest) is None:
        session.add(CandidatePhoto(digest=digest, content=photo.content, small=photo.small))
        session.flush()
    _replace_photo(session, page, digest, actor, now)
    _record(session, "set_candidate_photo", candidate, actor, photo=digest)


def remove_photo(session: Session, candidate_id: str, *, actor: Actor, now: datetime) -> None:
    """Take the photo off the candidate's page."""
    candidate = _candidate_to_change(session, candidate_id, actor)
    page = _page(session, candidate, actor, now)
    if page.photo is None:
        raise Refused(PageRefusal.NO_PHOTO)
    _replace_photo(session, page, None, actor, now)
    _record(session, "remove_candidate_photo", candidate, actor)


def _replace_photo(
    session: Session, page: CandidatePage, digest: str | None, actor: Actor, now: datetime
) -> None:
    before, page.photo = page.photo, digest
    _save(session, page, actor, now)
    # The primary's row is locked: no other act can begin to show the photo that goes.
    shown = select(CandidatePage.candidate_id).where(col(CandidatePage.photo) == before)
    if before is not None and session.exec(shown).first() is None:
        session.delete(session.get_one(CandidatePhoto, before))
        session.flush()


def _candidate_to_change(session: Session, candidate_id: str, actor: Actor) -> Candidate:
    check_organizer(actor)
    candidate = session.get(Candidate, candidate_id)
    if candidate is None:
        raise Refused(PrimaryRefusal.UNKNOWN_CANDIDATE)
    check_ballot_can_change(session, candidate.primary_id)
    session.refresh(candidate)
    if candidate.status == CandidateStatus.CANCELLED.value:
        raise Refused(PrimaryRefusal.CANDIDATE_CANCELLED)
    return candidate


def _page(session: Session, candidate: Candidate, actor: Actor, now: datetime) -> CandidatePage:
    found = session.get(CandidatePage, candidate.id, populate_existing=True)
    return found or CandidatePage(
        candidate_id=candidate.id, changed_at=now, changed_by=actor.account_id
    )


def _save(session: Session, page: CandidatePage, actor: Actor, now: datetime) -> None:
    page.changed_at, page.changed_by = now, actor.account_id
    session.add(page)
    session.flush()


def _record(
    session: Session, act: str, candidate: Candidate, actor: Actor, **details: str | int
) -> None:
    audit.record(
        session,
        act,
        author=actor.author,
        subject=f"primary:{candidate.primary_id}",
        details={"candidate": candidate.id, **details},
    )
