"""Commissions: where they stand, who sits in them, and which of them takes a case."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, not_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from core import places
from core.audit import service as audit
from core.cases.ciphers import digest
from core.cases.conflicts import in_conflict
from core.cases.models import AccountIdentity, Case, Commission, CommissionMember, Respondent
from core.cases.routing import CommissionKind, Seat, choose, level_for, level_of_place
from core.cases.rules import CasesRefusal, Level
from core.errors import Refused
from core.membership.rules import Iin, Mobile
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Office, Role, require_writer


@dataclass(frozen=True)
class Sitting:
    """A member who sits in a commission now."""

    account_id: int
    office: Office
    stands_in_for: int | None = None
    ends_at: datetime | None = None


def create_commission(
    session: Session,
    *,
    actor: Actor,
    place: str | None,
    quorum: int,
    kind: CommissionKind = CommissionKind.STANDING,
    title: str | None = None,
    now: datetime,
) -> int:
    """Set up a commission of a place (None: the centre), or an ad-hoc panel; gives its id.

    Organizers only. Refused as ``commission_exists`` where a standing one stands already.
    """
    require_writer(actor, Role.ORGANIZER, place=place)
    if quorum < 1:
        raise Refused(CasesRefusal.QUORUM_WRONG)
    depth = len(places.ancestors(place)) if place else None
    standing = (place or "centre") if kind is CommissionKind.STANDING else None
    known = select(Commission.id).where(col(Commission.standing_key) == standing)
    if standing and session.exec(known).first() is not None:
        raise Refused(CasesRefusal.COMMISSION_EXISTS)
    row = Commission(
        kind=kind.value,
        level=level_of_place(depth).value,
        place_code=place,
        title=title.strip() if title and title.strip() else None,
        quorum=quorum,
        standing_key=standing,
        created_at=now,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    audit.record(
        session,
        "create_commission",
        author=actor.author,
        subject=f"commission:{row.id}",
        details={"place": place, "kind": kind.value, "quorum": quorum},
    )
    return row.id


def set_quorum(session: Session, commission_id: int, *, actor: Actor, quorum: int) -> None:
    """Change how many members must vote; at least one."""
    commission = commission_of(session, commission_id)
    require_writer(actor, Role.ORGANIZER, place=commission.place_code)
    if quorum < 1:
        raise Refused(CasesRefusal.QUORUM_WRONG)
    commission.quorum = quorum
    session.add(commission)
    audit.record(
        session,
        "set_quorum",
        author=actor.author,
        subject=f"commission:{commission_id}",
        details={"quorum": quorum},
    )


def seat_member(
    session: Session,
    commission_id: int,
    *,
    actor: Actor,
    account_id: int,
    office: Office,
    now: datetime,
) -> None:
    """Give an account a seat. Organizers only, never to themselves.

    The account must hold the role of commissioner for the commission's place, else refused as
    ``not_a_member``: the role is given by two people, the seat alone opens nothing.
    """
    commission = commission_of(session, commission_id)
    require_writer(actor, Role.ORGANIZER, place=commission.place_code)
    check_may_sit(session, commission, account_id, actor=actor)
    seats = session.exec(
        select(CommissionMember).where(
            col(CommissionMember.commission_id) == commission_id,
            col(CommissionMember.account_id) == account_id,
        )
    ).one_or_none()
    if seats is not None and seats.until is None and seats.office == office.value:
        raise Refused(CasesRefusal.ALREADY_A_MEMBER)
    row = seats or CommissionMember(
        commission_id=commission_id, account_id=account_id, office=office.value, since=now
    )
    row.office, row.until = office.value, None
    row.stands_in_for = row.ends_at = None
    session.add(row)
    session.flush()
    audit.record(
        session,
        "seat_commission_member",
        author=actor.author,
        subject=f"commission:{commission_id}",
        details={"account": account_id, "office": office.value},
    )


def end_seat(
    session: Session, commission_id: int, *, actor: Actor, account_id: int, now: datetime
) -> None:
    """End somebody's seat; their access to the commission's cases ends at once."""
    commission = commission_of(session, commission_id)
    require_writer(actor, Role.ORGANIZER, place=commission.place_code)
    row = session.exec(
        select(CommissionMember).where(
            col(CommissionMember.commission_id) == commission_id,
            col(CommissionMember.account_id) == account_id,
            col(CommissionMember.until).is_(None),
        )
    ).one_or_none()
    if row is None:
        raise Refused(CasesRefusal.NOT_A_MEMBER)
    # Whoever stands in for a member that leaves has no place to sit in any more.
    for held in seated(session, commission_id):
        if held is row or held.stands_in_for == account_id:
            held.until, held.stands_in_for, held.ends_at = now, None, None
            session.add(held)
    session.flush()
    audit.record(
        session,
        "end_commission_seat",
        author=actor.author,
        subject=f"commission:{commission_id}",
        details={"account": account_id},
    )


def note_identity(
    session: Session, account_id: int, *, actor: Actor, iin: str | None, mobile: str | None
) -> None:
    """Keep keyed digests of an account holder's IIN and number, for the conflict rule alone."""
    require_writer(actor, Role.ORGANIZER, place=None)
    row = session.get(AccountIdentity, account_id) or AccountIdentity(account_id=account_id)
    if iin and iin.strip():
        row.iin_digest = digest("iin", Iin.parse(iin).digits)
    if mobile and mobile.strip():
        row.mobile_digest = digest("mobile", Mobile.parse(mobile).e164)
    session.add(row)
    session.flush()
    audit.record(
        session, "note_account_identity", author=actor.author, subject=f"account:{account_id}"
    )


def check_may_sit(
    session: Session, commission: Commission, account_id: int, *, actor: Actor
) -> None:
    """Refuse as ``not_a_member`` whoever does not hold the role there, and the actor."""
    account = staff_queries.account(session, account_id)
    holds = account is not None and any(
        grant.role is Role.COMMISSIONER and grant.covers(commission.place_code)
        for grant in account.grants
    )
    if not holds or account_id == actor.account_id:
        raise Refused(CasesRefusal.NOT_A_MEMBER)


def commission_of(session: Session, commission_id: int) -> Commission:
    """A commission; refused as ``no_commission``."""
    row = session.get(Commission, commission_id)
    if row is None:
        raise Refused(CasesRefusal.NO_COMMISSION)
    return row


def sittings(session: Session, commission_id: int | None) -> tuple[Sitting, ...]:
    """Everybody who sits in a commission now, longest first."""
    if commission_id is None:
        return ()
    rows = session.exec(
        select(CommissionMember)
        .where(col(CommissionMember.commission_id) == commission_id, _sits_now())
        .order_by(col(CommissionMember.id))
    ).all()
    return tuple(
        Sitting(row.account_id, Office(row.office), row.stands_in_for, row.ends_at) for row in rows
    )


def seated(session: Session, commission_id: int) -> Sequence[CommissionMember]:
    """Everybody who has a seat in a commission, those whose seat rests too."""
    return session.exec(
        select(CommissionMember).where(
            col(CommissionMember.commission_id) == commission_id,
            col(CommissionMember.until).is_(None),
        )
    ).all()


def _sits_now() -> ColumnElement[bool]:
    """The condition on `CommissionMember` of a seat that is held and does not rest."""
    substitute = aliased(CommissionMember)
    rests = (
        select(substitute.id)
        .where(
            col(substitute.commission_id) == col(CommissionMember.commission_id),
            col(substitute.stands_in_for) == col(CommissionMember.account_id),
            col(substitute.until).is_(None),
        )
        .exists()
    )
    return and_(col(CommissionMember.until).is_(None), not_(rests))


def seats_of(session: Session, account_id: int) -> dict[int, Office]:
    """The commissions in which an account sits now, with its office."""
    rows = session.exec(
        select(CommissionMember).where(col(CommissionMember.account_id) == account_id, _sits_now())
    ).all()
    return {row.commission_id: Office(row.office) for row in rows}


def route(
    session: Session,
    case: Case,
    *,
    above: Level = Level.NONE,
    without: Iterable[int] = (),
    sideways: bool = False,
) -> int | None:
    """The commission that takes a case by the level rule, or None when no fit one stands.

    ``above``: only commissions of a higher level. ``sideways``: another panel of the centre too.
    A case that follows an earlier one goes above the commission that had that, if one can take it.
    """
    earlier = session.get(Case, case.follows) if case.follows is not None else None
    if earlier is not None and earlier.commission_id is not None:
        level = level_of(session, earlier.commission_id)
        higher = _route(
            session,
            case,
            above=Level(max(above, level)),
            without={*without, earlier.commission_id},
            sideways=sideways or level is Level.CENTRE,
        )
        if higher is not None:
            return higher
    return _route(session, case, above=above, without=without, sideways=sideways)


def _route(
    session: Session, case: Case, *, above: Level, without: Iterable[int], sideways: bool
) -> int | None:
    respondents = session.exec(select(Respondent).where(col(Respondent.case_id) == case.id)).all()
    lineage = [unit.code for unit in places.ancestors(case.place_code)] if case.place_code else []
    needed = level_for(
        level_of_place(len(lineage) or None), [Level(row.level) for row in respondents]
    )
    if above is not Level.NONE:
        needed = Level(max(needed, min(above + 1, Level.CENTRE)))
    excluded = frozenset(without)
    seats = [
        seat
        for seat in _seats(session, case, lineage)
        if above is Level.NONE
        or seat.level > above
        or (sideways and seat.kind is CommissionKind.AD_HOC)
    ]
    return choose(
        seats,
        level=needed,
        lineage=lineage,
        ad_hoc=any(row.central for row in respondents),
        without=excluded,
    )


def _seats(session: Session, case: Case, lineage: list[str]) -> list[Seat]:
    """The commissions that could have a case: those of its place and above, and the panels."""
    rows = session.exec(
        select(Commission).where(
            col(Commission.place_code).is_(None) | col(Commission.place_code).in_(lineage)
        )
    ).all()
    assert case.id is not None
    members: defaultdict[int, list[Sitting]] = defaultdict(list)
    sitting = session.exec(
        select(CommissionMember).where(
            col(CommissionMember.commission_id).in_([row.id for row in rows]), _sits_now()
        )
    ).all()
    for member in sitting:
        members[member.commission_id].append(Sitting(member.account_id, Office(member.office)))
    blocked = in_conflict(session, case.id, (member.account_id for member in sitting))
    found = []
    for row in rows:
        assert row.id is not None
        able = [member for member in members[row.id] if member.account_id not in blocked]
        found.append(
            Seat(
                id=row.id,
                kind=CommissionKind(row.kind),
                level=Level(row.level),
                place=row.place_code,
                members=len(members[row.id]),
                conflicted=len(members[row.id]) - len(able),
                officer=any(member.office is not Office.MEMBER for member in able),
            )
        )
    return found


def level_of(session: Session, commission_id: int | None) -> Level:
    """The level of a commission; `Level.NONE` for none."""
    row = session.get(Commission, commission_id) if commission_id is not None else None
    return Level(row.level) if row else Level.NONE
