"""Things of the vote and the roll that stand together as they should not.

What was proved in 2020 looked like this from inside: one number under many IINs, numbers changed in
the register shortly before the vote, codes asked for and never brought, one network turned away
again and again. Each kind is found in SQL, largest first; what is told of a cluster is counted, and
every person in it is masked.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Integer, Numeric, Row, cast, func, select, tuple_
from sqlmodel import Session, col

from core.database import is_sqlite
from core.membership.models import Member
from core.membership.rules import Iin, MemberStatus, Mobile
from core.primary.digests import iin_digests, mobile_digest
from core.primary.models import Voter
from core.primary.queries import PrimaryView
from core.staff.rules import Actor, Role, require
from core.voting.models import Claim, Rejection, UnusedCode
from core.voting.rules import ClaimKind, RejectionReason

SPANS: Final = 24
"""Points of a trend."""

SUBJECTS: Final = 5
"""People of a cluster who are shown, masked."""

_ASKED_AT_ONCE: Final = 500


class ClusterKind(StrEnum):
    """What stands together."""

    SHARED_NUMBER = "shared_number"
    CHANGED_NUMBERS = "changed_numbers"
    REFUSED_ADDRESS = "refused_address"
    UNUSED_CODES_NUMBER = "unused_codes_number"
    UNUSED_CODES_ADDRESS = "unused_codes_address"
    UNUSED_CODES_PLACE = "unused_codes_place"


LEAST: Final[Mapping[ClusterKind, int]] = {
    ClusterKind.SHARED_NUMBER: 3,
    ClusterKind.CHANGED_NUMBERS: 5,
    ClusterKind.REFUSED_ADDRESS: 10,
    ClusterKind.UNUSED_CODES_NUMBER: 3,
    ClusterKind.UNUSED_CODES_ADDRESS: 5,
    ClusterKind.UNUSED_CODES_PLACE: 20,
}
"""From how many on a cluster is worth a look, unless the organizer says otherwise."""

DAYS: Final = 60
"""How many days before the opening a change of a number counts, unless the organizer says otherwise."""


@dataclass(frozen=True, kw_only=True)
class ClusterSearch:
    """What is looked for: clusters of at least ``least``; ``days`` is for changed numbers."""

    kind: ClusterKind
    least: int
    days: int = DAYS


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One cluster. ``key`` names it for good and tells nothing that is not shown.

    ``subject`` is what it stands around: a masked number, a shortened address, a place code, or the
    branch ('' where members have none). ``count`` made it a cluster: voters of a number, changed
    numbers, rejections, codes. Of its ``people`` ``voted`` hold a vote; ``turned_away`` counts the
    rejections of these people, with their ``reasons``. ``first`` and ``last`` are of the rejections,
    codes or changes, ``trend`` is their number in equal spans of the vote so far, or of the days
    before it.
    """

    kind: ClusterKind
    key: str
    subject: str
    count: int
    people: int
    voted: int
    turned_away: int
    places: tuple[str, ...]
    reasons: tuple[tuple[RejectionReason, int], ...]
    first: datetime | None
    last: datetime | None
    subjects: tuple[str, ...]
    trend: tuple[int, ...]

    @property
    def source(self) -> str:
        """What a case is linked by, so that there is one for each cluster."""
        return f"cluster:{self.kind.value}:{self.key}"


@dataclass(frozen=True)
class _Window:
    """The time a trend is drawn over, in `SPANS` equal parts."""

    start: datetime
    end: datetime

    @property
    def width(self) -> int:
        """Seconds of a span."""
        return max(1, -(-int((self.end - self.start).total_seconds()) // SPANS))

    def span(self, at: datetime) -> int:
        """The span an instant falls into, from 0; outside the window another number."""
        return int((at - self.start).total_seconds() // self.width)

    def span_in_sql(self, session: Session, at: Any) -> Any:
        """The same, as an expression of the engine at hand."""
        seconds = (
            func.unixepoch(at)
            if is_sqlite(session)
            else func.trunc(func.extract("epoch", at), type_=Numeric)
        )
        return (cast(seconds, Integer) - int(self.start.timestamp())) // self.width


@dataclass(frozen=True)
class _Asked:
    """A page of one kind of clusters of a primary."""

    primary_id: str
    search: ClusterSearch
    window: _Window
    offset: int
    limit: int


def clusters(
    session: Session,
    primary: PrimaryView,
    search: ClusterSearch,
    *,
    actor: Actor,
    now: datetime,
    offset: int = 0,
    limit: int = 50,
) -> tuple[tuple[Cluster, ...], int]:
    """A page of clusters, the largest first, and how many there are; before a timeline none."""
    require(actor, Role.ORGANIZER)
    if primary.timeline is None:
        return (), 0
    opens = primary.timeline.voting_opens
    if search.kind is ClusterKind.CHANGED_NUMBERS:
        before = _Window(opens - timedelta(days=search.days), opens)
        return _changed_numbers(session, _Asked(primary.id, search, before, offset, limit))
    window = _Window(opens, max(min(now, primary.timeline.voting_closes), opens))
    asked = _Asked(primary.id, search, window, offset, limit)
    if search.kind is ClusterKind.SHARED_NUMBER:
        return _shared_numbers(session, asked)
    return _traces(session, asked)


def _shared_numbers(session: Session, asked: _Asked) -> tuple[tuple[Cluster, ...], int]:
    """Voters of the roll by number; members who are only kept beside it are left out."""
    on_roll = (col(Voter.primary_id) == asked.primary_id, col(Voter.reason_excluded).is_(None))
    rows = session.execute(
        select(col(Voter.mobile), func.count().label("size"), func.count().over().label("total"))
        .where(*on_roll)
        .group_by(col(Voter.mobile))
        .having(func.count() >= asked.search.least)
        .order_by(func.count().desc(), col(Voter.mobile))
        .offset(asked.offset)
        .limit(asked.limit)
    ).all()
    voters: dict[str, list[Row[Any]]] = defaultdict(list)
    for voter in session.execute(
        select(col(Voter.mobile), col(Voter.place_code), col(Voter.iin_digest), col(Member.iin))
        .outerjoin(Member, col(Member.id) == col(Voter.member_id))
        .where(*on_roll, col(Voter.mobile).in_([row.mobile for row in rows]))
        .order_by(col(Voter.iin_digest))
    ):
        voters[voter.mobile].append(voter)
    digests = [bytes(voter.iin_digest) for own in voters.values() for voter in own]
    voted = _voted(session, asked.primary_id, digests)
    refused = _refused(session, asked.primary_id, digests)
    found = []
    for row in rows:
        own = voters[row.mobile]
        away = [each for voter in own for each in refused[bytes(voter.iin_digest)]]
        found.append(
            Cluster(
                kind=asked.search.kind,
                key=mobile_digest(asked.primary_id, row.mobile).hex()[:32],
                subject=str(Mobile(row.mobile)),
                count=row.size,
                people=row.size,
                voted=sum(bytes(voter.iin_digest) in voted for voter in own),
                turned_away=len(away),
                places=_distinct(voter.place_code for voter in own),
                reasons=_reasons(Counter(reasons for _at, reasons in away)),
                first=min((at for at, _reasons in away), default=None),
                last=max((at for at, _reasons in away), default=None),
                subjects=_masked(voter.iin for voter in own),
                trend=_trend(Counter(asked.window.span(at) for at, _reasons in away)),
            )
        )
    return tuple(found), _total(rows)


def _changed_numbers(session: Session, asked: _Asked) -> tuple[tuple[Cluster, ...], int]:
    """Members whose number changed last within the window, by place and branch."""
    changed = (
        col(Member.mobile_changed_at) >= asked.window.start,
        col(Member.mobile_changed_at) < asked.window.end,
        col(Member.status) == MemberStatus.ACTIVE.value,
    )
    rows = session.execute(
        select(
            col(Member.place_code),
            col(Member.branch),
            func.count().label("size"),
            func.count().over().label("total"),
        )
        .where(*changed)
        .group_by(col(Member.place_code), col(Member.branch))
        .having(func.count() >= asked.search.least)
        .order_by(func.count().desc(), col(Member.place_code), col(Member.branch))
        .offset(asked.offset)
        .limit(asked.limit)
    ).all()
    members: dict[tuple[str, str], list[tuple[bytes, Row[Any]]]] = defaultdict(list)
    read = session.execute(
        select(
            col(Member.place_code),
            col(Member.branch),
            col(Member.iin),
            col(Member.mobile_changed_at),
        )
        .where(
            *changed,
            tuple_(col(Member.place_code), col(Member.branch)).in_(
                [(row.place_code, row.branch) for row in rows]
            ),
        )
        .order_by(col(Member.id))
    ).all()
    digests = list(iin_digests(asked.primary_id, (member.iin for member in read)))
    for digest, member in zip(digests, read, strict=True):
        members[member.place_code, member.branch].append((digest, member))
    voted = _voted(session, asked.primary_id, digests)
    refused = _refused(session, asked.primary_id, digests)
    found = []
    for row in rows:
        own = members[row.place_code, row.branch]
        instants = [member.mobile_changed_at for _digest, member in own]
        away = [reasons for digest, _member in own for _at, reasons in refused[digest]]
        found.append(
            Cluster(
                kind=asked.search.kind,
                key=f"{row.place_code}:{sha256(row.branch.encode()).hexdigest()[:16]}",
                subject=row.branch,
                count=row.size,
                people=row.size,
                voted=sum(digest in voted for digest, _member in own),
                turned_away=len(away),
                places=(row.place_code,),
                reasons=_reasons(Counter(away)),
                first=min(instants),
                last=max(instants),
                subjects=_masked(member.iin for _digest, member in own),
                trend=_trend(Counter(asked.window.span(at) for at in instants)),
            )
        )
    return tuple(found), _total(rows)


_TRACES: Final[Mapping[ClusterKind, tuple[Any, Any]]] = {
    ClusterKind.REFUSED_ADDRESS: (Rejection, col(Rejection.address_short)),
    ClusterKind.UNUSED_CODES_NUMBER: (UnusedCode, col(UnusedCode.mobile_digest)),
    ClusterKind.UNUSED_CODES_ADDRESS: (UnusedCode, col(UnusedCode.address_short)),
    ClusterKind.UNUSED_CODES_PLACE: (UnusedCode, col(UnusedCode.place_code)),
}
"""Which rows stand together by which column."""


def _traces(session: Session, asked: _Asked) -> tuple[tuple[Cluster, ...], int]:
    """Rejections, or codes that were never brought, by what they have in common.

    Everything is counted by the database: one address may have a hundred thousand rejections.
    """
    table, key = _TRACES[asked.search.kind]
    own = col(table.primary_id) == asked.primary_id
    rows = session.execute(
        select(
            key.label("key"),
            func.count().label("size"),
            func.count(col(table.iin_digest).distinct()).label("people"),
            func.min(col(table.at)).label("first"),
            func.max(col(table.at)).label("last"),
            func.count().over().label("total"),
        )
        .where(own)
        .group_by(key)
        .having(func.count() >= asked.search.least)
        .order_by(func.count().desc(), key)
        .offset(asked.offset)
        .limit(asked.limit)
    ).all()
    shown = (own, key.in_([row.key for row in rows]))

    def counted(value: Any, *conditions: Any) -> dict[Any, Counter[Any]]:
        groups: dict[Any, Counter[Any]] = defaultdict(Counter)
        for group, each, count in session.execute(
            select(key, value, func.count()).where(*shown, *conditions).group_by(key, value)
        ):
            groups[group][each] = count
        return groups

    since = col(table.at) >= asked.window.start  # who checked before the opening is in no trend
    trends = counted(asked.window.span_in_sql(session, col(table.at)), since)
    places = counted(col(table.place_code))
    reasons = counted(col(Rejection.reasons)) if table is Rejection else {}
    subjects = _latest_subjects(session, table, key, shown)
    voted = dict(
        session.execute(
            select(key, func.count(col(Claim.digest).distinct()))
            .join(
                Claim,
                (col(Claim.primary_id) == asked.primary_id)
                & (col(Claim.kind) == ClaimKind.IIN.value)
                & (col(Claim.digest) == col(table.iin_digest)),
            )
            .where(*shown)
            .group_by(key)
        ).all()
    )
    by_number = asked.search.kind is ClusterKind.UNUSED_CODES_NUMBER
    return tuple(
        Cluster(
            kind=asked.search.kind,
            key=bytes(row.key).hex()[:32] if by_number else row.key,
            subject=subjects[row.key][0].mobile_masked if by_number else row.key,
            count=row.size,
            people=row.people,
            voted=voted.get(row.key, 0),
            turned_away=row.size if table is Rejection else 0,
            places=_distinct(places[row.key].elements()),
            reasons=_reasons(reasons.get(row.key, Counter())),
            first=row.first,
            last=row.last,
            subjects=_distinct(each.iin_masked for each in subjects[row.key]),
            trend=_trend(trends[row.key]),
        )
        for row in rows
    ), _total(rows)


def _latest_subjects(
    session: Session, table: Any, key: Any, shown: tuple[Any, ...]
) -> dict[Any, list[Row[Any]]]:
    """The latest few rows of each shown cluster."""
    place = func.row_number().over(partition_by=key, order_by=col(table.at).desc())
    numbered = (
        select(
            key.label("key"),
            col(table.iin_masked),
            col(table.mobile_masked),
            place.label("place"),
        )
        .where(*shown)
        .subquery()
    )
    found: dict[Any, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(
        select(numbered).where(numbered.c.place <= SUBJECTS).order_by(numbered.c.place)
    ):
        found[row.key].append(row)
    return found


def _voted(session: Session, primary_id: str, digests: Sequence[bytes]) -> set[bytes]:
    """Those of these people (by IIN) who hold a vote."""
    found: set[bytes] = set()
    for part in _parts(digests):
        found.update(
            bytes(digest)
            for digest in session.execute(
                select(col(Claim.digest)).where(
                    col(Claim.primary_id) == primary_id,
                    col(Claim.kind) == ClaimKind.IIN.value,
                    col(Claim.digest).in_(part),
                )
            ).scalars()
        )
    return found


def _refused(
    session: Session, primary_id: str, digests: Sequence[bytes]
) -> dict[bytes, list[tuple[datetime, str]]]:
    """When these people were turned away, and with which reasons."""
    found: dict[bytes, list[tuple[datetime, str]]] = defaultdict(list)
    for part in _parts(digests):
        for digest, at, reasons in session.execute(
            select(col(Rejection.iin_digest), col(Rejection.at), col(Rejection.reasons)).where(
                col(Rejection.primary_id) == primary_id, col(Rejection.iin_digest).in_(part)
            )
        ):
            found[bytes(digest)].append((at, reasons))
    return found


def _parts(digests: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    return (
        digests[start : start + _ASKED_AT_ONCE] for start in range(0, len(digests), _ASKED_AT_ONCE)
    )


def _total(rows: Sequence[Row[Any]]) -> int:
    return rows[0].total if rows else 0


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, the most frequent first; none for what is not known."""
    return tuple(value for value, _count in Counter(filter(None, values)).most_common())


def _masked(iins: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(str(Iin(iin)) for iin in iins if iin)[:SUBJECTS]


def _reasons(counted: Mapping[str, int]) -> tuple[tuple[RejectionReason, int], ...]:
    """How many rejections have each reason, the most frequent first."""
    single: Counter[RejectionReason] = Counter()
    for reasons, count in counted.items():
        for reason in reasons.split(","):
            single[RejectionReason(reason)] += count
    return tuple(single.most_common())


def _trend(counted: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(counted.get(span, 0) for span in range(SPANS))
