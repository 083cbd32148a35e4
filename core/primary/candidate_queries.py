"""Candidates as the public meets them: contests, who stands in one, a candidate's page, a photo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from core.i18n import LOCALES, current_locale
from core.primary.models import Candidate, CandidatePage, CandidatePhoto, Contest
from core.primary.page_rules import paragraphs
from core.primary.queries import CandidateView, candidate_view
from core.primary.rules import CandidateStatus

# In which language a programme is read when the reader's own has none.
_NEXT_BEST = {"ru": ("ru", "kk", "en"), "kk": ("kk", "ru", "en"), "en": ("en", "ru", "kk")}


@dataclass(frozen=True, kw_only=True)
class ContestLine:
    """A contest in a list; ``standing`` is how many can be chosen."""

    id: str
    titles: Mapping[str, str]
    place_code: str | None
    max_choices: int
    standing: int

    @property
    def title(self) -> str:
        """The title in the reader's language."""
        return self.titles[current_locale()]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A candidate on the list of a contest; ``photo`` is a digest, None without one."""

    candidate: CandidateView
    photo: str | None


@dataclass(frozen=True, kw_only=True)
class CandidatePageView:
    """The page of a candidate. ``programmes`` are by language, '' where there is none."""

    candidate: CandidateView
    contest: ContestLine
    programmes: Mapping[str, str]
    links: tuple[str, ...]
    photo: str | None
    changed_at: datetime | None

    @property
    def programme_language(self) -> str | None:
        """The reader's language, or the next best in which there is a programme; None without."""
        best = _NEXT_BEST[current_locale()]
        return next((language for language in best if self.programmes[language]), None)

    @property
    def programme(self) -> tuple[str, ...]:
        """The paragraphs of the programme in `programme_language`."""
        language = self.programme_language
        return paragraphs(self.programmes[language]) if language else ()


_CONTEST_COLUMNS = (
    col(Contest.id),
    col(Contest.title_ru),
    col(Contest.title_kk),
    col(Contest.title_en),
    col(Contest.place_code),
    col(Contest.max_choices),
)


def contest_lines(session: Session, primary_id: str) -> tuple[ContestLine, ...]:
    """Every contest of the primary, the national ones first, then by place and code."""
    counted = (
        select(Candidate.contest_id, func.count().label("standing"))
        .where(col(Candidate.primary_id) == primary_id)
        .where(col(Candidate.status) == CandidateStatus.REGISTERED.value)
        .group_by(col(Candidate.contest_id))
        .subquery()
    )
    # Columns and not objects: a country may have thousands of contests, and all are listed.
    rows = session.execute(
        select_columns(*_CONTEST_COLUMNS, counted.c.standing)
        .join(counted, counted.c.contest_id == col(Contest.id), isouter=True)
        .where(col(Contest.primary_id) == primary_id)
    )
    lines = (_line(row, row.standing or 0) for row in rows)
    return tuple(sorted(lines, key=lambda line: (line.place_code or "", line.id)))


def contest_line(session: Session, primary_id: str, contest_id: str) -> ContestLine | None:
    """One contest, or None."""
    contest = session.get(Contest, (primary_id, contest_id))
    if contest is None:
        return None
    standing = session.exec(
        select(func.count())
        .select_from(Candidate)
        .where(col(Candidate.primary_id) == primary_id, col(Candidate.contest_id) == contest_id)
        .where(col(Candidate.status) == CandidateStatus.REGISTERED.value)
    ).one()
    return _line(contest, standing)


def _line(contest: Any, standing: int) -> ContestLine:
    # A row of the table, or one of `_CONTEST_COLUMNS`.
    return ContestLine(
        id=contest.id,
        titles={"ru": contest.title_ru, "kk": contest.title_kk, "en": contest.title_en},
        place_code=contest.place_code,
        max_choices=contest.max_choices,
        standing=standing,
    )


def standing(session: Session, primary_id: str, contest_id: str) -> tuple[Standing, ...]:
    """Who can be chosen in a contest, in the order of their identifiers: a random one."""
    rows = session.exec(
        select(Candidate, CandidatePage.photo)
        .join(CandidatePage, col(CandidatePage.candidate_id) == col(Candidate.id), isouter=True)
        .where(col(Candidate.primary_id) == primary_id, col(Candidate.contest_id) == contest_id)
        .where(col(Candidate.status) == CandidateStatus.REGISTERED.value)
        .order_by(col(Candidate.id))
    ).all()
    return tuple(Standing(candidate=candidate_view(row), photo=photo) for row, photo in rows)


def candidate_page(
    session: Session, primary_id: str, candidate_id: str
) -> CandidatePageView | None:
    """The page of a candidate of this primary, or None; whoever gave nothing has an empty one."""
    found = session.exec(
        select(Candidate, CandidatePage)
        .join(CandidatePage, col(CandidatePage.candidate_id) == col(Candidate.id), isouter=True)
        .where(col(Candidate.primary_id) == primary_id, col(Candidate.id) == candidate_id)
    ).one_or_none()
    if found is None:
        return None
    candidate, page = found
    contest = contest_line(session, primary_id, candidate.contest_id)
    assert contest is not None  # a foreign key says so
    return CandidatePageView(
        candidate=candidate_view(candidate),
        contest=contest,
        programmes={
            "ru": page.programme_ru if page else "",
            "kk": page.programme_kk if page else "",
            "en": page.programme_en if page else "",
        },
        links=tuple(page.links) if page else (),
        photo=page.photo if page else None,
        changed_at=page.changed_at if page else None,
    )


def photo_bytes(session: Session, digest: str, *, small: bool = False) -> bytes | None:
    """The JPEG of a digest, or None."""
    column = CandidatePhoto.small if small else CandidatePhoto.content
    return session.exec(select(column).where(col(CandidatePhoto.digest) == digest)).one_or_none()


@dataclass(frozen=True, kw_only=True)
class PageState:
    """How far a candidate's page is: the languages of its programme, links, whether it has a photo."""

    languages: tuple[str, ...]
    links: int
    has_photo: bool


def page_states(
    session: Session, primary_id: str, candidate_ids: Sequence[str] | None = None
) -> Mapping[str, PageState]:
    """What stands on the pages of these candidates (None: of all), by candidate; empty pages lack."""
    chosen = (
        select(CandidatePage)
        .join(Candidate, col(Candidate.id) == col(CandidatePage.candidate_id))
        .where(col(Candidate.primary_id) == primary_id)
    )
    if candidate_ids is not None:
        chosen = chosen.where(col(CandidatePage.candidate_id).in_(candidate_ids))
    return {
        page.candidate_id: PageState(
            languages=tuple(locale for locale in LOCALES if getattr(page, f"programme_{locale}")),
            links=len(page.links),
            has_photo=page.photo is not None,
        )
        for page in session.exec(chosen)
    }
