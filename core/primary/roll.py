"""The voter roll: a snapshot of the register, sealed with a count and a digest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import func, insert, text
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.database import is_sqlite
from core.errors import Refused
from core.membership.models import Member
from core.membership.rules import MemberStatus
from core.primary.digests import iin_digests
from core.primary.election import check_organizer, locked_primary, require_matching_digest_key
from core.primary.models import RollCount, RollSeal, Voter
from core.primary.queries import require_primary, timeline_of
from core.primary.rules import (
    PrimaryRefusal,
    RollExclusion,
    VoterStatus,
    exclusion,
    first_voting_day,
    last_admission_day,
    latest_birth,
)
from core.settings import settings
from core.staff.rules import Actor

CHUNK: Final = 20_000
_COLUMNS: Final = (
    "primary_id",
    "iin_digest",
    "member_id",
    "mobile",
    "place_code",
    "admitted_on",
    "status",
    "reason_excluded",
)

Progress = Callable[[int, int], None]
"""Told after each chunk: members looked at, members there are."""


@dataclass(frozen=True, kw_only=True)
class SealedRoll:
    """What the sealing found; ``digest`` is hexadecimal."""

    voters: int
    digest: str
    excluded: dict[RollExclusion, int]
    shared_numbers: int
    members_on_shared_numbers: int


def seal_roll(
    session: Session,
    primary_id: str,
    *,
    actor: Actor,
    now: datetime,
    progress: Progress | None = None,
) -> SealedRoll:
    """Take the snapshot of members who may vote and seal it, once, before voting opens.

    On the roll: active members, admitted before the cut-off, of age on the first voting day.
    Active members who are not are kept beside it with the reason, so that a refusal can name it.
    One number of several members is allowed and counted: uniqueness decides at the cast.
    Refused as ``roll_sealed``, ``cutoff_ahead``, ``roll_too_late``, ``roll_empty``.
    """
    check_organizer(actor, or_system=True)
    primary = locked_primary(session, primary_id)
    timeline = timeline_of(primary)
    if timeline is None:
        raise Refused(PrimaryRefusal.NO_TIMELINE)
    if session.get(RollSeal, primary_id) is not None:
        raise Refused(PrimaryRefusal.ROLL_SEALED)
    if now < timeline.cutoff:
        raise Refused(PrimaryRefusal.CUTOFF_AHEAD, cutoff=timeline.cutoff)
    if now >= timeline.voting_opens:
        raise Refused(PrimaryRefusal.ROLL_TOO_LATE, opens=timeline.voting_opens)
    require_matching_digest_key(session, require_primary(session))
    zone = settings().zone
    last_admitted = last_admission_day(timeline.cutoff, zone)
    age_day = first_voting_day(timeline, zone)
    excluded = _take_snapshot(session, primary_id, last_admitted, latest_birth(age_day), progress)
    voters = _count_by_place(session, primary_id)
    if not voters:
        raise Refused(PrimaryRefusal.ROLL_EMPTY)
    shared_numbers, sharing = _shared_numbers(session, primary_id)
    digest = roll_digest(session, primary_id)
    session.add(
        RollSeal(
            primary_id=primary_id,
            voters=voters,
            digest=digest,
            admitted_after_cutoff=excluded[RollExclusion.ADMITTED_AFTER_CUTOFF],
            under_age=excluded[RollExclusion.UNDER_AGE],
            shared_numbers=shared_numbers,
            members_on_shared_numbers=sharing,
            last_admitted=last_admitted,
            age_day=age_day,
            sealed_at=now,
            sealed_by=actor.account_id,
        )
    )
    session.flush()
    audit.record(
        session,
        "seal_roll",
        author=actor.author,
        subject=f"primary:{primary_id}",
        details={"voters": voters, "digest": digest},
    )
    return SealedRoll(
        voters=voters,
        digest=digest,
        excluded=excluded,
        shared_numbers=shared_numbers,
        members_on_shared_numbers=sharing,
    )


def roll_digest(session: Session, primary_id: str) -> str:
    """SHA-256 (hex) over the roll as it is now: who may vote, with number, place and admission.

    One line a voter in order of the IIN's digest, so that the same roll under the same key gives
    the same digest on any machine.
    """
    whole = sha256()
    for digest, mobile, place_code, admitted_on in _eligible_rows(session, primary_id):
        whole.update(
            f"{bytes(digest).hex()}|{mobile}|{place_code}|{admitted_on.isoformat()}\n".encode()
        )
    return whole.hexdigest()


def _eligible_rows(session: Session, primary_id: str) -> Iterator[tuple[bytes, str, str, date]]:
    last = b""
    while True:
        page = session.execute(
            select(
                col(Voter.iin_digest),
                col(Voter.mobile),
                col(Voter.place_code),
                col(Voter.admitted_on),
            )
            .where(
                col(Voter.primary_id) == primary_id,
                col(Voter.iin_digest) > last,
                col(Voter.reason_excluded).is_(None),
                col(Voter.status) == VoterStatus.ACTIVE.value,
            )
            .order_by(col(Voter.iin_digest))
            .limit(CHUNK)
        ).all()
        yield from page
        if len(page) < CHUNK:
            return
        last = bytes(page[-1][0])


def _take_snapshot(
    session: Session,
    primary_id: str,
    last_admitted: date,
    born_by: date,
    progress: Progress | None,
) -> dict[RollExclusion, int]:
    if not is_sqlite(session):
        # The register is read in chunks: it must not change between two of them. SQLite's unit of
        # work keeps other writers out anyway.
        session.execute(text("LOCK TABLE member IN SHARE MODE"))
    session.flush()
    is_member = col(Member.status) == MemberStatus.ACTIVE.value
    total = session.exec(select(func.count()).select_from(Member).where(is_member)).one()
    excluded = dict.fromkeys(RollExclusion, 0)
    last, done = 0, 0
    while True:
        members = session.execute(
            select(  # type: ignore[call-overload]  # six columns
                col(Member.id),
                col(Member.iin),
                col(Member.mobile),
                col(Member.place_code),
                col(Member.admitted_on),
                col(Member.birth_date),
            )
            .where(is_member, col(Member.id) > last)
            .order_by(col(Member.id))
            .limit(CHUNK)
        ).all()
        if not members:
            return excluded
        rows = []
        digests = iin_digests(primary_id, (member[1] for member in members))
        for (member_id, _iin, mobile, place, admitted, born), digest in zip(
            members, digests, strict=True
        ):
            reason = exclusion(
                birth_date=born,
                admitted_on=admitted,
                last_admitted=last_admitted,
                born_by=born_by,
            )
            if reason is not None:
                excluded[reason] += 1
            rows.append(
                (
                    primary_id,
                    digest,
                    member_id,
                    mobile,
                    place,
                    admitted,
                    VoterStatus.ACTIVE.value,
                    reason.value if reason else None,
                )
            )
        rows.sort(key=lambda row: row[1])
        _insert(session, rows)
        last, done = members[-1][0], done + len(members)
        if progress:
            progress(done, total)


def _insert(session: Session, rows: list[tuple[Any, ...]]) -> None:
    """Rows as the driver takes them fastest: 835,000 of them must not take minutes."""
    raw: Any = session.connection().connection.driver_connection
    named = ", ".join(_COLUMNS)
    if is_sqlite(session):
        blanks = ", ".join("?" * len(_COLUMNS))
        raw.executemany(
            f"INSERT INTO voter ({named}) VALUES ({blanks})",  # noqa: S608 - constants
            ((*row[:5], row[5].isoformat(), *row[6:]) for row in rows),
        )
        return
    with raw.cursor() as cursor, cursor.copy(f"COPY voter ({named}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _count_by_place(session: Session, primary_id: str) -> int:
    by_place = session.execute(
        select(col(Voter.place_code), func.count())
        .where(col(Voter.primary_id) == primary_id, col(Voter.reason_excluded).is_(None))
        .group_by(col(Voter.place_code))
    ).all()
    if by_place:
        rows = [
            {"primary_id": primary_id, "place_code": place, "voters": voters}
            for place, voters in by_place
        ]
        session.execute(insert(RollCount), rows)
    return sum(voters for _place, voters in by_place)


def _shared_numbers(session: Session, primary_id: str) -> tuple[int, int]:
    """How many numbers several voters share, and how many voters that are."""
    shared = (
        select(func.count().label("voters"))
        .where(col(Voter.primary_id) == primary_id, col(Voter.reason_excluded).is_(None))
        .group_by(col(Voter.mobile))
        .having(func.count() > 1)
        .subquery()
    )
    numbers, voters = session.execute(
        select(func.count(), func.coalesce(func.sum(shared.c.voters), 0)).select_from(shared)
    ).one()
    return int(numbers), int(voters)
