"""Acts on the register: admissions, applications, decisions of commissions."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from core import clock, places
from core.audit.service import record
from core.database import is_sqlite
from core.errors import Refused
from core.i18n import _, format_datetime
from core.membership.freezes import (
    confirm_lifting,
    end_freeze_early,
    extend_freeze,
    freeze_admission,
    propose_lifting,
    set_freeze_floor,
    shift_freeze_end,
)
from core.membership.models import Application, Member, MembershipAct
from core.membership.queries import freeze_now
from core.membership.reach import check_reach, writing_reach
from core.membership.register_import import ImportOutcome, ImportProgress, import_members
from core.membership.rules import (
    EARLIEST_BIRTH,
    LONGEST_TEXT,
    ApplicationStatus,
    Iin,
    MembershipActKind,
    MembershipRefusal,
    MemberStatus,
    Mobile,
    clean_text,
    full_name,
    normalise_name,
)
from core.messaging.rules import Purpose
from core.messaging.service import queue_sms
from core.settings import settings
from core.staff.rules import Actor, Role, require_writer

__all__ = [
    "ImportOutcome",
    "ImportProgress",
    "Person",
    "Receipt",
    "admit_member",
    "annul_membership",
    "confirm_lifting",
    "decide_application",
    "end_freeze_early",
    "extend_freeze",
    "freeze_admission",
    "import_members",
    "propose_lifting",
    "restore_member",
    "set_freeze_floor",
    "shift_freeze_end",
    "submit_application",
]


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is to become a member."""

    iin: Iin
    last_name: str
    first_name: str
    middle_name: str
    birth_date: date
    mobile: Mobile
    place_code: str
    branch: str = ""


@dataclass(frozen=True)
class Receipt:
    """What an applicant is told: the number, and until when admission is suspended, if it is."""

    application_id: int
    waits_until: datetime | None


def admit_member(session: Session, person: Person, *, actor: Actor, now: datetime) -> int:
    """Make somebody a member from today on; gives the member's id.

    Whoever was excluded or has left becomes a member again under the same row. Refused while a
    freeze is in force, and for whoever is a member already.
    """
    check_reach(actor, person.place_code)
    known = _checked(person, now=now)
    _lock_register(session)
    _check_not_frozen(session, now)
    return _admit(session, known, actor=actor, now=now, decision="")


def submit_application(session: Session, person: Person, *, actor: Actor, now: datetime) -> Receipt:
    """Take an application in; it waits until a person decides it, and the applicant is told so.

    Accepted while a freeze is in force too: then the applicant is told until when.
    """
    check_reach(actor, person.place_code)
    known = _checked(person, now=now)
    _lock_register(session)
    member = _member_of(session, known.iin)
    if member is not None and member.status == MemberStatus.ACTIVE.value:
        raise Refused(MembershipRefusal.MEMBER_ACTIVE)
    waiting = select(Application.id).where(
        Application.iin == known.iin.digits,
        Application.status == ApplicationStatus.WAITING.value,
    )
    if session.exec(waiting).first() is not None:
        raise Refused(MembershipRefusal.APPLICATION_WAITING)
    freeze = freeze_now(session, now)
    row = Application(
        **_columns(known), submitted_at=now, told_until=freeze.ends_at if freeze else None
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    _tell(session, row, _received(freeze.ends_at if freeze else None), now=now, event="received")
    record(
        session,
        "submit_application",
        author=actor.author,
        subject=f"application:{row.id}",
        details={"place": known.place_code, "frozen": freeze is not None},
    )
    return Receipt(row.id, row.told_until)


def decide_application(
    session: Session,
    application_id: int,
    *,
    actor: Actor,
    decision: ApplicationStatus,
    reason: str,
    now: datetime,
) -> None:
    """Admit or decline an applicant. Nobody is admitted while a freeze is in force."""
    own = writing_reach(actor)
    _lock_register(session)
    row = session.get(Application, application_id, with_for_update=True)
    if row is None or (own is not None and row.place_code not in own):
        raise Refused(MembershipRefusal.APPLICATION_UNKNOWN)
    if row.status != ApplicationStatus.WAITING.value or decision is ApplicationStatus.WAITING:
        raise Refused(MembershipRefusal.APPLICATION_DECIDED)
    if not reason.strip():
        raise Refused(MembershipRefusal.REASON_MISSING)
    if decision is ApplicationStatus.ADMITTED:
        _check_not_frozen(session, now)
        row.member_id = _admit(
            session, _person_of(row), actor=actor, now=now, decision=reason.strip()
        )
    row.status = decision.value
    row.reason = reason.strip()
    row.decided_at, row.decided_by = now, actor.account_id
    session.add(row)
    session.flush()
    told = (
        _("You are admitted to the party.")
        if decision is ApplicationStatus.ADMITTED
        else _("Your application for membership was declined. The branch can tell you why.")
    )
    _tell(session, row, told, now=now, event=decision.value)
    record(
        session,
        "decide_application",
        author=actor.author,
        subject=f"application:{row.id}",
        details={"decision": decision.value},
    )


def restore_member(
    session: Session, member_id: int, *, actor: Actor, decision: str, now: datetime
) -> None:
    """Make an excluded person a member again by a commission's decision, even during a freeze.

    The date of admission stays: what was undone never happened. Each restoration is listed.
    """
    require_writer(actor, Role.COMMISSIONER)
    member = _member_to_decide(session, member_id, decision)
    if member.status == MemberStatus.ACTIVE.value:
        raise Refused(MembershipRefusal.MEMBER_ACTIVE)
    member.status, member.updated_at = MemberStatus.ACTIVE.value, now
    session.add(member)
    _note(session, member_id, MembershipActKind.RESTORED, actor=actor, decision=decision, now=now)


def annul_membership(
    session: Session, member_id: int, *, actor: Actor, decision: str, now: datetime
) -> None:
    """End a membership that a commission found to be forced or fictitious."""
    require_writer(actor, Role.COMMISSIONER)
    member = _member_to_decide(session, member_id, decision)
    if member.status != MemberStatus.ACTIVE.value:
        raise Refused(MembershipRefusal.MEMBER_NOT_ACTIVE)
    member.status, member.updated_at = MemberStatus.EXCLUDED.value, now
    session.add(member)
    _note(session, member_id, MembershipActKind.ANNULLED, actor=actor, decision=decision, now=now)


# --- What the acts share -------------------------------------------------------------------------


def _checked(person: Person, *, now: datetime) -> Person:
    """The person with names as they are kept; refused where something can't be right."""
    places.place(person.place_code)
    known = Person(
        iin=person.iin,
        last_name=clean_text(person.last_name),
        first_name=clean_text(person.first_name),
        middle_name=clean_text(person.middle_name),
        birth_date=person.birth_date,
        mobile=person.mobile,
        place_code=person.place_code,
        branch=clean_text(person.branch),
    )
    if not known.last_name or not known.first_name:
        raise Refused(MembershipRefusal.NAME_MISSING)
    texts = (known.last_name, known.first_name, known.middle_name, known.branch)
    if any(len(text) > LONGEST_TEXT or not text.isprintable() for text in texts):
        raise Refused(MembershipRefusal.TEXT_MALFORMED)
    if not EARLIEST_BIRTH <= known.birth_date <= _today(now):
        raise Refused(MembershipRefusal.BIRTH_DATE_IMPLAUSIBLE)
    return known


def _today(now: datetime) -> date:
    return now.astimezone(settings().zone).date()


def _lock_register(session: Session) -> None:
    # The check of the freeze, of a waiting application and of the IIN must see what an import that
    # runs meanwhile leaves; SQLite's writers take turns anyway.
    if not is_sqlite(session):
        session.execute(text("LOCK TABLE member IN SHARE ROW EXCLUSIVE MODE"))


def _check_not_frozen(session: Session, now: datetime) -> None:
    # An act that waited for a lock may have begun before the freeze did.
    freeze = freeze_now(session, max(now, clock.now()))
    if freeze is not None:
        raise Refused(MembershipRefusal.ADMISSION_FROZEN, until=freeze.ends_at)


def _member_of(session: Session, iin: Iin) -> Member | None:
    return session.exec(select(Member).where(col(Member.iin) == iin.digits)).one_or_none()


def _columns(person: Person) -> dict[str, Any]:
    name = full_name(person.last_name, person.first_name, person.middle_name)
    return {
        "iin": person.iin.digits,
        "last_name": person.last_name,
        "first_name": person.first_name,
        "middle_name": person.middle_name,
        "birth_date": person.birth_date,
        "mobile": person.mobile.e164,
        "place_code": person.place_code,
        "branch": person.branch,
        "search": normalise_name(name),
    }


def _person_of(row: Application) -> Person:
    return Person(
        iin=Iin(row.iin),
        last_name=row.last_name,
        first_name=row.first_name,
        middle_name=row.middle_name,
        birth_date=row.birth_date,
        mobile=Mobile(row.mobile),
        place_code=row.place_code,
        branch=row.branch,
    )


def _admit(session: Session, person: Person, *, actor: Actor, now: datetime, decision: str) -> int:
    member = _member_of(session, person.iin)
    values = _columns(person) | {
        "admitted_on": _today(now),
        "status": MemberStatus.ACTIVE.value,
        "updated_at": now,
    }
    if member is None:
        member = Member(**values)
    elif member.status == MemberStatus.ACTIVE.value:
        raise Refused(MembershipRefusal.MEMBER_ACTIVE)
    else:
        if member.mobile != person.mobile.e164:
            member.mobile_changed_at = now
        for name, value in values.items():
            setattr(member, name, value)
    session.add(member)
    session.flush()
    assert member.id is not None
    _note(session, member.id, MembershipActKind.ADMITTED, actor=actor, decision=decision, now=now)
    return member.id


def _member_to_decide(session: Session, member_id: int, decision: str) -> Member:
    if not decision.strip():
        raise Refused(MembershipRefusal.DECISION_MISSING)
    member = session.get(Member, member_id, with_for_update=True)
    if member is None:
        raise Refused(MembershipRefusal.MEMBER_UNKNOWN)
    return member


_VERBS = {
    MembershipActKind.ADMITTED: "admit_member",
    MembershipActKind.RESTORED: "restore_member",
    MembershipActKind.ANNULLED: "annul_membership",
}


def _note(
    session: Session,
    member_id: int,
    kind: MembershipActKind,
    *,
    actor: Actor,
    decision: str,
    now: datetime,
) -> None:
    frozen = freeze_now(session, now) is not None
    session.add(
        MembershipAct(
            member_id=member_id,
            kind=kind.value,
            decision=decision.strip(),
            at=now,
            author_id=actor.account_id,
            during_freeze=frozen,
        )
    )
    session.flush()
    record(
        session,
        _VERBS[kind],
        author=actor.author,
        subject=f"member:{member_id}",
        details={"during_freeze": frozen},
    )


def _received(until: datetime | None) -> str:
    if until is None:
        return _("Your application for membership is received. People decide it; you will be told.")
    return _(
        "Your application for membership is received. Admission is suspended until {until}: "
        "it waits, and people decide it after that.",
        until=format_datetime(until),
    )


def _tell(session: Session, row: Application, words: str, *, now: datetime, event: str) -> None:
    queue_sms(
        session,
        to=row.mobile,
        text=words,
        purpose=Purpose.APPLICATION,
        idempotency_key=f"application:{row.id}:{event}",
        now=now,
    )
