"""Who becomes a member, when nobody does, and who decides: each act refused to everybody else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from core import clock
from core.audit.rules import Author
from core.database import unit_of_work
from core.errors import Refused
from core.membership import service
from core.membership.models import Application, Member, MembershipAct
from core.membership.queries import (
    MemberFilter,
    MemberOrder,
    applications,
    freeze_acts,
    freeze_now,
    growth,
    member_by_iin,
    next_freeze,
    register_counts,
    restorations,
    search_members,
    waiting_applications,
)
from core.membership.rules import (
    ApplicationStatus,
    FreezeActKind,
    Iin,
    MembershipRefusal,
    MemberStatus,
    Mobile,
)
from core.membership.service import Person
from core.messaging.models import OutboxMessage
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Office, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.membership.registers import person as row_of

NOW = datetime(2020, 9, 11, 6, tzinfo=UTC)
VOTING_ENDS = datetime(2020, 10, 4, 8, tzinfo=UTC)
FREEZE_ENDS = datetime(2020, 10, 4, 18, tzinfo=UTC)
DURING = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _hold_the_clock() -> Any:
    with clock.fixed(NOW):
        yield


@pytest.fixture
def organizer(session: Session, make_actor: MakeActor) -> Actor:
    return make_actor(Role.ORGANIZER, session=session)


def someone(number: int, place: str = "710000000") -> Person:
    row = row_of(number)
    return Person(
        iin=Iin.parse(row["iin"]),
        last_name=f"  {row['last_name']} ",
        first_name=row["first_name"],
        middle_name="",
        birth_date=date.fromisoformat(row["birth_date"]),
        mobile=Mobile.parse(row["mobile"]),
        place_code=place,
    )


def freeze(session: Session, actor: Actor, ends_at: datetime = FREEZE_ENDS) -> int:
    return service.freeze_admission(
        session, actor=actor, starts_at=NOW, ends_at=ends_at, reason="Жалобы", now=NOW
    )


def refused(code: object, act: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.code is code
    return caught.value


def test_nobody_is_admitted_in_a_freeze_and_everybody_again_at_its_end(
    session: Session, organizer: Actor
) -> None:
    freeze(session, organizer)
    last = FREEZE_ENDS - timedelta(microseconds=1)
    for moment in (NOW, DURING, last):
        fault = refused(
            MembershipRefusal.ADMISSION_FROZEN,
            lambda moment=moment: service.admit_member(
                session, someone(1), actor=organizer, now=moment
            ),
        )
        assert fault.facts["until"] == FREEZE_ENDS
    with clock.fixed(FREEZE_ENDS):
        service.admit_member(session, someone(1), actor=organizer, now=FREEZE_ENDS)
    member = session.exec(select(Member)).one()
    # 18:00 UTC is midnight in Almaty: the day of admission is the next one.
    assert member.admitted_on == date(2020, 10, 5)
    assert (member.status, member.last_name) == ("active", "Сәтбаев")


def test_an_act_that_began_before_the_freeze_and_ends_in_it_is_refused(
    session: Session, organizer: Actor
) -> None:
    freeze(session, organizer)
    before = NOW - timedelta(seconds=5)
    refused(
        MembershipRefusal.ADMISSION_FROZEN,
        lambda: service.admit_member(session, someone(1), actor=organizer, now=before),
    )


def test_coming_back_after_an_exclusion_is_an_admission_too(
    session: Session, organizer: Actor
) -> None:
    member_id = service.admit_member(session, someone(1), actor=organizer, now=NOW)
    refused(
        MembershipRefusal.MEMBER_ACTIVE,
        lambda: service.admit_member(session, someone(1), actor=organizer, now=NOW),
    )
    session.exec(select(Member)).one().status = MemberStatus.EXCLUDED.value
    freeze(session, organizer)
    refused(
        MembershipRefusal.ADMISSION_FROZEN,
        lambda: service.admit_member(session, someone(1), actor=organizer, now=DURING),
    )
    with clock.fixed(FREEZE_ENDS):
        again = service.admit_member(session, someone(1), actor=organizer, now=FREEZE_ENDS)
    assert again == member_id


def test_an_application_in_a_freeze_waits_until_a_person_decides(
    session: Session, organizer: Actor
) -> None:
    freeze(session, organizer)
    receipt = service.submit_application(session, someone(1), actor=organizer, now=DURING)
    assert receipt.waits_until == FREEZE_ENDS
    assert len(session.exec(select(OutboxMessage)).all()) == 1
    decide = {"actor": organizer, "decision": ApplicationStatus.ADMITTED, "reason": "Решение № 4"}
    number = receipt.application_id
    refused(
        MembershipRefusal.ADMISSION_FROZEN,
        lambda: service.decide_application(session, number, now=DURING, **decide),
    )
    with clock.fixed(FREEZE_ENDS + timedelta(days=9)):
        assert waiting_applications(session) == 1
        service.decide_application(session, number, now=clock.now(), **decide)
    assert waiting_applications(session) == 0
    assert session.exec(select(Member.status)).one() == "active"
    refused(
        MembershipRefusal.APPLICATION_DECIDED,
        lambda: service.decide_application(session, number, now=DURING, **decide),
    )


def test_an_application_can_be_declined_in_a_freeze_with_a_reason(
    session: Session, organizer: Actor
) -> None:
    freeze(session, organizer)
    receipt = service.submit_application(session, someone(1), actor=organizer, now=DURING)

    def decline(reason: str) -> None:
        service.decide_application(
            session,
            receipt.application_id,
            actor=organizer,
            decision=ApplicationStatus.DECLINED,
            reason=reason,
            now=DURING,
        )

    refused(MembershipRefusal.REASON_MISSING, lambda: decline(" "))
    decline("Не состоит на учёте")
    ((view,), total) = applications(session, actor=organizer)
    assert (total, view.status, view.decided_by) == (1, ApplicationStatus.DECLINED, organizer.name)
    assert session.exec(select(Member)).all() == []


def test_whoever_applies_twice_waits_once(session: Session, organizer: Actor) -> None:
    service.submit_application(session, someone(1), actor=organizer, now=NOW)
    refused(
        MembershipRefusal.APPLICATION_WAITING,
        lambda: service.submit_application(session, someone(1), actor=organizer, now=NOW),
    )


def test_the_database_itself_lets_nobody_wait_twice(database: str, make_actor: MakeActor) -> None:
    organizer = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        service.submit_application(session, someone(1), actor=organizer, now=NOW)
    with pytest.raises(IntegrityError), unit_of_work() as session:
        twin = session.exec(select(Application)).one().model_dump(exclude={"id"})
        session.add(Application(**twin))


def test_a_commission_restores_in_a_freeze_and_the_act_is_listed(
    session: Session, organizer: Actor, make_actor: MakeActor
) -> None:
    member_id = service.admit_member(session, someone(1), actor=organizer, now=NOW)
    chair = make_actor(Role.COMMISSIONER, office=Office.CHAIR, session=session)
    service.annul_membership(session, member_id, actor=chair, decision="№ 3", now=NOW)
    freeze(session, organizer)
    refused(
        MembershipRefusal.DECISION_MISSING,
        lambda: service.restore_member(session, member_id, actor=chair, decision="", now=DURING),
    )
    service.restore_member(session, member_id, actor=chair, decision="№ 12", now=DURING)
    (listed,) = restorations(session, actor=organizer)
    assert (listed.decision, listed.during_freeze, listed.author) == ("№ 12", True, chair.name)
    assert session.exec(select(Member.status)).one() == "active"
    refused(
        MembershipRefusal.MEMBER_ACTIVE,
        lambda: service.restore_member(session, member_id, actor=chair, decision="1", now=DURING),
    )
    kinds = session.exec(select(MembershipAct.kind)).all()
    assert kinds == ["admitted", "annulled", "restored"]


def test_a_freeze_ends_no_earlier_than_voting(session: Session, organizer: Actor) -> None:
    service.set_freeze_floor(session, VOTING_ENDS, author=Author.system(), now=NOW)
    early = VOTING_ENDS - timedelta(seconds=1)
    fault = refused(
        MembershipRefusal.FREEZE_END_BEFORE_FLOOR, lambda: freeze(session, organizer, early)
    )
    assert fault.facts["floor"] == VOTING_ENDS
    freeze(session, organizer, VOTING_ENDS)
    assert freeze_now(session, VOTING_ENDS) is None


def test_extending_voting_shifts_the_end_of_the_freeze_by_as_much(
    session: Session, organizer: Actor
) -> None:
    service.set_freeze_floor(session, VOTING_ENDS, author=Author.system(), now=NOW)
    freeze(session, organizer)
    later = VOTING_ENDS + timedelta(days=2)
    refused(
        MembershipRefusal.FREEZE_END_BEFORE_FLOOR,
        lambda: service.set_freeze_floor(session, later, author=Author.system(), now=DURING),
    )
    day = timedelta(days=1)
    end = service.shift_freeze_end(
        session, day, author=organizer.author, reason="Перегрузка", now=DURING
    )
    assert end == FREEZE_ENDS + day
    service.set_freeze_floor(session, VOTING_ENDS + day, author=Author.system(), now=DURING)
    assert [act.kind for act in freeze_acts(session)] == [
        FreezeActKind.SHIFTED,
        FreezeActKind.FROZEN,
    ]


def test_without_a_freeze_there_is_no_end_to_shift(session: Session) -> None:
    day = timedelta(days=1)
    assert (
        service.shift_freeze_end(session, day, author=Author.system(), reason="", now=NOW) is None
    )


def test_a_freeze_can_be_extended_and_never_shortened(session: Session, organizer: Actor) -> None:
    number = freeze(session, organizer)
    refused(
        MembershipRefusal.FREEZE_END_NOT_LATER,
        lambda: service.extend_freeze(
            session, number, actor=organizer, ends_at=DURING, reason="Короче", now=DURING
        ),
    )
    later = FREEZE_ENDS + timedelta(days=3)
    service.extend_freeze(
        session, number, actor=organizer, ends_at=later, reason="Дольше", now=DURING
    )
    present = freeze_now(session, FREEZE_ENDS)
    assert present is not None
    assert (present.ends_at, present.reason) == (later, "Жалобы")
    refused(
        MembershipRefusal.FREEZE_OVER,
        lambda: service.end_freeze_early(session, number, actor=organizer, reason="x", now=later),
    )


def test_lifting_before_voting_ends_takes_two_independent_people(
    session: Session, organizer: Actor, make_actor: MakeActor
) -> None:
    service.set_freeze_floor(session, VOTING_ENDS, author=Author.system(), now=NOW)
    number = freeze(session, organizer)
    refused(
        MembershipRefusal.FREEZE_NEEDS_TWO,
        lambda: service.end_freeze_early(
            session, number, actor=organizer, reason="Отмена", now=DURING
        ),
    )
    proposal = service.propose_lifting(
        session, number, actor=organizer, reason="Отмена", now=DURING
    )
    refused(
        StaffRefusal.SAME_PERSON,
        lambda: service.confirm_lifting(session, proposal.id, actor=organizer, now=DURING),
    )
    assert freeze_now(session, DURING) is not None
    second = make_actor(Role.ORGANIZER, session=session)
    service.confirm_lifting(session, proposal.id, actor=second, now=DURING)
    assert freeze_now(session, DURING) is None
    assert approvals.pending(session, ActKind.LIFT_FREEZE_EARLY) == ()
    lifted = freeze_acts(session)[0]
    assert (lifted.kind, lifted.author, lifted.second, lifted.reason) == (
        FreezeActKind.LIFTED,
        organizer.name,
        second.name,
        "Отмена",
    )


def test_after_voting_one_organizer_may_end_the_freeze(session: Session, organizer: Actor) -> None:
    service.set_freeze_floor(session, VOTING_ENDS, author=Author.system(), now=NOW)
    number = freeze(session, organizer)
    service.end_freeze_early(
        session, number, actor=organizer, reason="Голосование окончено", now=VOTING_ENDS
    )
    assert freeze_now(session, VOTING_ENDS) is None


def test_a_planned_freeze_begins_by_the_clock_alone(session: Session, organizer: Actor) -> None:
    start = NOW + timedelta(days=2)
    service.freeze_admission(
        session, actor=organizer, starts_at=start, ends_at=FREEZE_ENDS, reason="План", now=NOW
    )
    planned = next_freeze(session, NOW)
    assert planned is not None
    assert freeze_now(session, start - timedelta(microseconds=1)) is None
    assert freeze_now(session, start) is not None
    refused(MembershipRefusal.FREEZE_OVERLAPS, lambda: freeze(session, organizer))


def _acts(
    session: Session, actor: Actor, member_id: int, application_id: int, freeze_id: int
) -> dict[str, tuple[Callable[[], object], frozenset[Role]]]:
    keepers = frozenset({Role.ORGANIZER, Role.REGISTRAR})
    organizers, commissioners = frozenset({Role.ORGANIZER}), frozenset({Role.COMMISSIONER})
    now, end = DURING, FREEZE_ENDS + timedelta(days=1)
    say: dict[str, Any] = {"actor": actor, "reason": "Причина", "now": now}
    order: dict[str, Any] = {"actor": actor, "decision": "№ 1", "now": now}
    return {
        "freeze": (
            lambda: service.freeze_admission(session, starts_at=now, ends_at=end, **say),
            organizers,
        ),
        "extend": (
            lambda: service.extend_freeze(session, freeze_id, ends_at=end, **say),
            organizers,
        ),
        "end": (lambda: service.end_freeze_early(session, freeze_id, **say), organizers),
        "propose": (lambda: service.propose_lifting(session, freeze_id, **say), organizers),
        "confirm": (lambda: service.confirm_lifting(session, 1, actor=actor, now=now), organizers),
        "admit": (lambda: service.admit_member(session, someone(5), actor=actor, now=now), keepers),
        "apply": (
            lambda: service.submit_application(session, someone(6), actor=actor, now=now),
            keepers,
        ),
        "decide": (
            lambda: service.decide_application(
                session, application_id, decision=ApplicationStatus.DECLINED, **say
            ),
            keepers,
        ),
        "annul": (lambda: service.annul_membership(session, member_id, **order), commissioners),
        "restore": (lambda: service.restore_member(session, member_id, **order), commissioners),
        "search": (lambda: search_members(session, MemberFilter(), actor=actor), keepers),
        "applications": (lambda: applications(session, actor=actor), keepers),
        "restorations": (lambda: restorations(session, actor=actor), keepers),
        "counts": (
            lambda: register_counts(session, actor=actor),
            keepers | {Role.OBSERVER},
        ),
        "growth": (
            lambda: growth(session, actor=actor, until=NOW.date()),
            keepers | {Role.OBSERVER},
        ),
    }


@pytest.mark.parametrize("role", list(Role))
def test_every_act_and_every_list_is_for_its_roles_alone(
    sqlite_database: str, make_actor: MakeActor, role: Role
) -> None:
    with unit_of_work() as session:
        organizer = make_actor(Role.ORGANIZER, session=session)
        member_id = service.admit_member(session, someone(1), actor=organizer, now=NOW)
        receipt = service.submit_application(session, someone(2), actor=organizer, now=NOW)
        freeze_id = freeze(session, organizer)
        actor = make_actor(role, session=session)
        acts = _acts(session, actor, member_id, receipt.application_id, freeze_id)
        for name, (act, roles) in acts.items():
            if role in roles:
                continue
            with pytest.raises(Refused) as caught:
                act()
            assert caught.value.code is StaffRefusal.FORBIDDEN, name


def test_an_organizer_of_a_region_freezes_nothing(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    regional = make_actor(Role.ORGANIZER, place="710000000")
    with unit_of_work() as session:
        refused(StaffRefusal.FORBIDDEN, lambda: freeze(session, regional))


def test_a_registrar_sees_and_admits_in_the_own_place_only(
    session: Session, organizer: Actor, make_actor: MakeActor
) -> None:
    here, there = "113200000", "710000000"
    inside = service.admit_member(session, someone(1, here), actor=organizer, now=NOW)
    service.admit_member(session, someone(2, there), actor=organizer, now=NOW)
    away = service.submit_application(session, someone(3, there), actor=organizer, now=NOW)
    registrar = make_actor(Role.REGISTRAR, place="110000000", session=session)
    refused(
        MembershipRefusal.PLACE_NOT_YOURS,
        lambda: service.admit_member(session, someone(4, there), actor=registrar, now=NOW),
    )
    refused(
        MembershipRefusal.APPLICATION_UNKNOWN,
        lambda: service.decide_application(
            session,
            away.application_id,
            actor=registrar,
            decision=ApplicationStatus.DECLINED,
            reason="x",
            now=NOW,
        ),
    )
    (found,), total = search_members(session, MemberFilter(), actor=registrar)
    assert (total, found.id) == (1, inside)
    (nobody, none) = search_members(session, MemberFilter(place_code=there), actor=registrar)
    assert (nobody, none) == ((), 0)
    assert applications(session, actor=registrar) == ((), 0)
    assert register_counts(session, actor=registrar).active == 1
    assert sum(count for _day, count in growth(session, actor=registrar, until=NOW.date())) == 1
    assert register_counts(session, actor=organizer).active == 2


def test_members_are_found_by_name_iin_and_number(session: Session, organizer: Actor) -> None:
    for number in range(8):
        service.admit_member(session, someone(number), actor=organizer, now=NOW)

    def found(text: str) -> int:
        return search_members(session, MemberFilter(text=text), actor=organizer)[1]

    assert found("касымов") == 1
    assert found("Қасымов Ерлан") == 0
    assert found("kasymov") == 1
    assert found("айгул") == 2
    assert found("Мария Иванов") == 1
    assert found(row_of(3)["iin"]) == 1
    assert found("+7 (701) 000-00-03") == 1
    assert found(row_of(3)["iin"][:6]) == 0
    assert found("100%") == 0
    view, total = search_members(
        session, MemberFilter(order=MemberOrder.NEWEST), actor=organizer, offset=5, limit=5
    )
    assert (len(view), total) == (3, 8)
    assert "******" in str(view[0].iin)


def test_other_subjects_find_a_member_by_iin(session: Session, organizer: Actor) -> None:
    service.admit_member(session, someone(1), actor=organizer, now=NOW)
    known = member_by_iin(session, someone(1).iin)
    assert known is not None
    assert known.status is MemberStatus.ACTIVE
    assert member_by_iin(session, someone(2).iin) is None


def test_growth_counts_each_day_of_the_window(session: Session, organizer: Actor) -> None:
    service.admit_member(session, someone(1), actor=organizer, now=NOW)
    service.admit_member(session, someone(2), actor=organizer, now=NOW)
    days = growth(session, actor=organizer, until=NOW.date(), days=3)
    assert days == ((date(2020, 9, 9), 0), (date(2020, 9, 10), 0), (date(2020, 9, 11), 2))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"last_name": " "}, MembershipRefusal.NAME_MISSING),
        ({"first_name": "Ив\x00ан"}, MembershipRefusal.TEXT_MALFORMED),
        ({"birth_date": date(2030, 1, 1)}, MembershipRefusal.BIRTH_DATE_IMPLAUSIBLE),
    ],
)
def test_an_application_that_cant_be_right_is_refused(
    sqlite_database: str, make_actor: MakeActor, changes: dict[str, Any], code: MembershipRefusal
) -> None:
    with unit_of_work() as session:
        organizer = make_actor(Role.ORGANIZER, session=session)
        person = replace(someone(1), **changes)
        refused(code, lambda: service.submit_application(session, person, actor=organizer, now=NOW))
