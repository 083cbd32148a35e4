"""Reading the primary: what screens, the site and the other subjects ask of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from core import places
from core.errors import Refused
from core.i18n import current_locale
from core.keyring import digest_key, fingerprint
from core.membership.rules import normalise_name
from core.primary.models import (
    Candidate,
    Constituency,
    Contest,
    Primary,
    ReadinessAct,
    ReadinessMark,
    RollChange,
    RollCount,
    RollSeal,
    TimelineAct,
)
from core.primary.rules import (
    INSTANTS,
    CandidateStatus,
    Change,
    Phase,
    PrimaryRefusal,
    ReadinessKey,
    RollChangeKind,
    Sex,
    Timeline,
    TimelineActKind,
    changes,
    is_voting_open,
)
from core.staff.models import Account


@dataclass(frozen=True, kw_only=True)
class PrimaryView:
    """The primary as everybody asks about it."""

    id: str
    names: Mapping[str, str]
    created_at: datetime
    timeline: Timeline | None
    public_key: bytes | None
    key_fingerprints: tuple[str, ...]
    key_installed_at: datetime | None
    key_threshold: int | None
    key_trustees: int | None
    digest_fingerprint: str
    roll_count: int | None
    roll_sealed_at: datetime | None
    readiness_signed_at: datetime | None
    rehearsal: bool
    hotline: str
    email: str

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.names[current_locale()]

    def phase(self, now: datetime) -> Phase:
        """What the primary is at ``now``; without a timeline it is being prepared."""
        return self.timeline.phase(now) if self.timeline else Phase.PREPARING

    def voting_open(self, now: datetime) -> bool:
        """Whether a vote that arrives at ``now`` is in time and the readiness act was signed."""
        return is_voting_open(self.timeline, signed_at=self.readiness_signed_at, now=now)


@dataclass(frozen=True, kw_only=True)
class CandidateView:
    """A candidate; number and address are for the committee alone and not here."""

    id: str
    contest_id: str
    last_name: str
    first_name: str
    middle_name: str
    birth_date: date
    sex: Sex
    nominated_by: str
    status: CandidateStatus
    decision: str | None

    @property
    def name(self) -> str:
        """Last, first and middle name."""
        return " ".join(filter(None, (self.last_name, self.first_name, self.middle_name)))


@dataclass(frozen=True, kw_only=True)
class ContestView:
    """A contest with everybody who was ever registered in it, in order of name."""

    id: str
    titles: Mapping[str, str]
    place_code: str | None
    seats: int
    max_choices: int
    size: int
    candidates: tuple[CandidateView, ...]

    @property
    def title(self) -> str:
        """The title in the reader's language."""
        return self.titles[current_locale()]

    def is_for(self, place_code: str) -> bool:
        """Whether voters of ``place_code`` vote in it: national, or of a unit around them."""
        around = {unit.code for unit in places.ancestors(place_code)}
        return self.place_code is None or self.place_code in around

    @property
    def standing(self) -> tuple[CandidateView, ...]:
        """The candidates who can be chosen."""
        return tuple(c for c in self.candidates if c.status is CandidateStatus.REGISTERED)


@dataclass(frozen=True, kw_only=True)
class TimelineActView:
    """An act on the timeline with the instants as it left them."""

    kind: TimelineActKind
    at: datetime
    author: str
    second: str | None
    reason: str
    timeline: Timeline
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class RollView:
    """The sealed roll: how many may vote, its digest (hex), what was noticed, what changed since.

    ``voters`` is the number at the sealing, ``voters_now`` the one after the changes.
    """

    sealed_at: datetime
    author: str
    voters: int
    voters_now: int
    digest: str
    admitted_after_cutoff: int
    under_age: int
    shared_numbers: int
    members_on_shared_numbers: int
    last_admitted: date
    age_day: date
    changes: int


@dataclass(frozen=True, kw_only=True)
class RollChangeView:
    """A single act on the sealed roll."""

    kind: RollChangeKind
    member_id: int
    place_code: str
    decision: str
    author: str
    second: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ReadinessItem:
    """One line of the checklist; ``count`` is how much is there, ``missing`` how much is not."""

    key: ReadinessKey
    is_done: bool
    count: int = 0
    missing: int = 0
    at: datetime | None = None
    author: str | None = None
    evidence: str | None = None


def active_primary(session: Session) -> PrimaryView | None:
    """The installation's active primary, or None."""
    found = session.exec(
        select(Primary, RollSeal, ReadinessAct)
        .join(RollSeal, col(RollSeal.primary_id) == col(Primary.id), isouter=True)
        .join(ReadinessAct, col(ReadinessAct.primary_id) == col(Primary.id), isouter=True)
        .where(col(Primary.slot) == 1)
    ).one_or_none()
    if found is None:
        return None
    row, seal, signature = found
    return PrimaryView(
        id=row.id,
        names={"ru": row.name_ru, "kk": row.name_kk, "en": row.name_en},
        created_at=row.created_at,
        timeline=timeline_of(row),
        public_key=row.public_key,
        key_fingerprints=tuple(row.key_fingerprints or ()),
        key_installed_at=row.key_installed_at,
        key_threshold=row.key_threshold,
        key_trustees=row.key_trustees,
        digest_fingerprint=row.digest_fingerprint,
        roll_count=seal.voters if seal else None,
        roll_sealed_at=seal.sealed_at if seal else None,
        readiness_signed_at=signature.signed_at if signature else None,
        rehearsal=row.rehearsal,
        hotline=row.hotline,
        email=row.email,
    )


def require_primary(session: Session) -> PrimaryView:
    """The active primary; refused as ``no_primary``."""
    found = active_primary(session)
    if found is None:
        raise Refused(PrimaryRefusal.NO_PRIMARY)
    return found


def timeline_of(row: Primary | TimelineAct) -> Timeline | None:
    """The instants of a row, once they are set."""
    instants = {name: getattr(row, name) for name in INSTANTS}
    if any(instant is None for instant in instants.values()):
        return None
    return Timeline(**instants)


def candidate_view(row: Candidate) -> CandidateView:
    """A row as everybody may see it."""
    return CandidateView(
        id=row.id,
        contest_id=row.contest_id,
        last_name=row.last_name,
        first_name=row.first_name,
        middle_name=row.middle_name,
        birth_date=row.birth_date,
        sex=Sex(row.sex),
        nominated_by=row.nominated_by,
        status=CandidateStatus(row.status),
        decision=row.decision,
    )


def contests(session: Session, primary_id: str) -> tuple[ContestView, ...]:
    """Every contest with its candidates, national ones first, then by identifier."""
    standing: dict[str, list[CandidateView]] = {}
    for row in session.exec(
        select(Candidate)
        .where(col(Candidate.primary_id) == primary_id)
        .order_by(Candidate.last_name, Candidate.first_name, Candidate.id)
    ):
        standing.setdefault(row.contest_id, []).append(candidate_view(row))
    rows = session.exec(
        select(Contest).where(col(Contest.primary_id) == primary_id).order_by(Contest.id)
    ).all()
    views = (
        ContestView(
            id=row.id,
            titles={"ru": row.title_ru, "kk": row.title_kk, "en": row.title_en},
            place_code=row.place_code,
            seats=row.seats,
            max_choices=row.max_choices,
            size=row.size,
            candidates=tuple(standing.get(row.id, ())),
        )
        for row in rows
    )
    return tuple(sorted(views, key=lambda contest: (contest.place_code is not None, contest.id)))


def candidates(
    session: Session,
    primary_id: str,
    *,
    contest_id: str | None = None,
    status: CandidateStatus | None = None,
    name: str = "",
    offset: int = 0,
    limit: int | None = 50,
) -> tuple[Sequence[CandidateView], int]:
    """A page of candidates by contest and name, and how many the filters leave in all."""
    chosen = [col(Candidate.primary_id) == primary_id]
    if contest_id:
        chosen.append(col(Candidate.contest_id) == contest_id)
    if status:
        chosen.append(col(Candidate.status) == status.value)
    if name.strip():
        chosen.append(col(Candidate.search).contains(normalise_name(name), autoescape=True))
    total = session.exec(select(func.count()).select_from(Candidate).where(*chosen)).one()
    rows = session.exec(
        select(Candidate)
        .where(*chosen)
        .order_by(Candidate.contest_id, Candidate.last_name, Candidate.first_name, Candidate.id)
        .offset(offset)
        .limit(limit)
    ).all()
    return tuple(candidate_view(row) for row in rows), total


def constituencies(session: Session, primary_id: str) -> Mapping[str, int]:
    """The places in which contests are held, each with how many contests it has."""
    counted = dict(
        session.exec(
            select(Contest.place_code, func.count())
            .where(col(Contest.primary_id) == primary_id, col(Contest.place_code).is_not(None))
            .group_by(col(Contest.place_code))
        ).all()
    )
    codes = session.exec(
        select(Constituency.place_code)
        .where(col(Constituency.primary_id) == primary_id)
        .order_by(Constituency.place_code)
    ).all()
    return {code: counted.get(code, 0) for code in codes}


def roll_counts_by_place(session: Session, primary_id: str) -> Mapping[str, int]:
    """How many people of each place may vote; empty before the roll is sealed."""
    return dict(
        session.exec(
            select(RollCount.place_code, RollCount.voters).where(
                col(RollCount.primary_id) == primary_id
            )
        ).all()
    )


def roll(session: Session, primary_id: str) -> RollView | None:
    """The sealed roll, or None before it is sealed."""
    found = session.exec(
        select(RollSeal, Account.name)
        .join(Account, col(Account.id) == col(RollSeal.sealed_by), isouter=True)
        .where(col(RollSeal.primary_id) == primary_id)
    ).one_or_none()
    if found is None:
        return None
    seal, author = found
    changed = session.exec(
        select(func.count()).select_from(RollChange).where(col(RollChange.primary_id) == primary_id)
    ).one()
    return RollView(
        sealed_at=seal.sealed_at,
        author=author or "",
        voters=seal.voters,
        voters_now=sum(roll_counts_by_place(session, primary_id).values()),
        digest=seal.digest,
        admitted_after_cutoff=seal.admitted_after_cutoff,
        under_age=seal.under_age,
        shared_numbers=seal.shared_numbers,
        members_on_shared_numbers=seal.members_on_shared_numbers,
        last_admitted=seal.last_admitted,
        age_day=seal.age_day,
        changes=changed,
    )


def roll_changes(session: Session, primary_id: str, limit: int = 100) -> Sequence[RollChangeView]:
    """Single acts on the sealed roll, newest first."""
    rows = session.exec(
        select(RollChange)
        .where(col(RollChange.primary_id) == primary_id)
        .order_by(col(RollChange.id).desc())
        .limit(limit)
    ).all()
    names = _names(session, (row.author_id for row in rows), (row.confirmed_by for row in rows))
    return tuple(
        RollChangeView(
            kind=RollChangeKind(row.kind),
            member_id=row.member_id,
            place_code=row.place_code,
            decision=row.decision,
            author=names.get(row.author_id, ""),
            second=names.get(row.confirmed_by, "") if row.confirmed_by else None,
            at=row.at,
        )
        for row in rows
    )


def _names(session: Session, *ids: Iterable[int | None]) -> Mapping[int | None, str]:
    wanted = {one for some in ids for one in some if one is not None}
    found = session.exec(select(Account.id, Account.name).where(col(Account.id).in_(wanted)))
    return dict(found.all())


def timeline_acts(session: Session, primary_id: str) -> Sequence[TimelineActView]:
    """Every act on the timeline, newest first: for the page of staff and the public one."""
    rows = session.exec(
        select(TimelineAct)
        .where(col(TimelineAct.primary_id) == primary_id)
        .order_by(col(TimelineAct.id))
    ).all()
    names = _names(session, (row.author_id for row in rows), (row.confirmed_by for row in rows))
    views, before = [], None
    for row in rows:
        left = timeline_of(row)
        assert left is not None  # an act always leaves all instants
        views.append(
            TimelineActView(
                kind=TimelineActKind(row.kind),
                at=row.at,
                author=names.get(row.author_id, ""),
                second=names.get(row.confirmed_by, "") if row.confirmed_by else None,
                reason=row.reason,
                timeline=left,
                changes=changes(before, left),
            )
        )
        before = left
    return tuple(reversed(views))


def digest_key_matches(primary: PrimaryView) -> bool:
    """Whether this process holds the digest key that the primary was made with."""
    try:
        return fingerprint(digest_key(primary.id)) == primary.digest_fingerprint
    except Refused:
        return False


def readiness(session: Session, primary_id: str) -> tuple[ReadinessItem, ...]:
    """The checklist, in the order of `ReadinessKey`: what is there, and who said so."""
    primary = require_primary(session)
    marks = {
        ReadinessKey(mark.item): (mark, author)
        for mark, author in session.exec(
            select(ReadinessMark, Account.name)
            .join(Account, col(Account.id) == col(ReadinessMark.marked_by), isouter=True)
            .where(col(ReadinessMark.primary_id) == primary_id)
        ).all()
    }
    all_contests = contests(session, primary_id)
    empty = [contest for contest in all_contests if not contest.standing]
    sealed = roll(session, primary_id)
    seen = {
        ReadinessKey.TIMELINE_COMPLETE: ReadinessItem(
            key=ReadinessKey.TIMELINE_COMPLETE, is_done=primary.timeline is not None
        ),
        ReadinessKey.CONTESTS_EXIST: ReadinessItem(
            key=ReadinessKey.CONTESTS_EXIST, is_done=bool(all_contests), count=len(all_contests)
        ),
        ReadinessKey.CONTESTS_HAVE_CANDIDATES: ReadinessItem(
            key=ReadinessKey.CONTESTS_HAVE_CANDIDATES,
            is_done=bool(all_contests) and not empty,
            count=sum(len(contest.standing) for contest in all_contests),
            missing=len(empty),
        ),
        ReadinessKey.ROLL_SEALED: ReadinessItem(
            key=ReadinessKey.ROLL_SEALED,
            is_done=sealed is not None,
            count=sealed.voters if sealed else 0,
            at=sealed.sealed_at if sealed else None,
            author=sealed.author if sealed else None,
            evidence=sealed.digest if sealed else None,
        ),
        ReadinessKey.DIGEST_KEY_MATCHES: ReadinessItem(
            key=ReadinessKey.DIGEST_KEY_MATCHES,
            is_done=digest_key_matches(primary),
            evidence=primary.digest_fingerprint,
        ),
        ReadinessKey.ELECTION_KEY_INSTALLED: ReadinessItem(
            key=ReadinessKey.ELECTION_KEY_INSTALLED,
            is_done=primary.public_key is not None,
            evidence=fingerprint(primary.public_key) if primary.public_key else None,
        ),
    }
    return tuple(seen.get(key) or _marked(key, marks) for key in ReadinessKey)


def _marked(
    key: ReadinessKey, marks: Mapping[ReadinessKey, tuple[ReadinessMark, str]]
) -> ReadinessItem:
    if key not in marks:
        return ReadinessItem(key=key, is_done=False)
    mark, author = marks[key]
    return ReadinessItem(
        key=key, is_done=True, at=mark.marked_at, author=author or "", evidence=mark.evidence
    )
