"""11 September 2020: admission is suspended until voting ends."""

from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from core.audit.queries import verify_chain
from core.database import reading, unit_of_work
from core.errors import Refused
from core.membership import queries, service
from core.membership.rules import ApplicationStatus, MembershipRefusal, MemberStatus
from core.membership.service import import_members
from core.primary import service as primary
from tests.conftest import MakeActor
from tests.stories.autumn import (
    EXTENDED,
    FREEZE_END,
    PRIMARY,
    Autumn,
    announce,
    at,
    day,
    gather,
)

NEWCOMER, OTHER = 30, 31


@pytest.fixture
def autumn(database: str, make_actor: MakeActor) -> Autumn:
    told = gather(make_actor, members=3)
    announce(told)
    return told


def is_refused_as_frozen(autumn: Autumn, who: int) -> bool:
    try:
        autumn.admit(who)
    except Refused as refused:
        return refused.code is MembershipRefusal.ADMISSION_FROZEN
    return False


def test_an_admission_on_the_12th_is_refused_and_on_the_day_after_the_end_accepted(
    autumn: Autumn,
) -> None:
    with at(day(10, hour=23, minute=59, second=59)):
        autumn.admit(OTHER)
    with at(day(11, hour=0)):
        assert is_refused_as_frozen(autumn, NEWCOMER)
    with at(day(12)):
        assert is_refused_as_frozen(autumn, NEWCOMER)
    with at(FREEZE_END - timedelta(seconds=1)):
        assert is_refused_as_frozen(autumn, NEWCOMER)
    with at(FREEZE_END):
        autumn.admit(NEWCOMER)
        with reading() as session:
            found = queries.member_by_iin(session, autumn.person(NEWCOMER).iin)
            assert found is not None
            assert found.admitted_on.isoformat() == "2020-10-04"
            assert verify_chain(session).fault is None


def test_a_file_that_says_it_was_long_ago_admits_nobody(autumn: Autumn, tmp_path: Path) -> None:
    person = autumn.person(NEWCOMER)
    register = tmp_path / "register.csv"
    register.write_text(
        "iin,last_name,first_name,middle_name,birth_date,mobile,place_code,branch,admitted_on,status\n"
        f"{person.iin.digits},{person.last_name},{person.first_name},,{person.birth_date},"
        f"{person.mobile.e164},{person.place_code},ППО № 7,2019-03-01,active\n",
        encoding="utf-8",
    )
    with at(day(12)), unit_of_work() as session:
        outcome = import_members(
            session, register, actor=autumn.committee.organizer, now=clock.now()
        )
        assert (outcome.new, outcome.refused) == (0, 1)
        assert queries.member_by_iin(session, person.iin) is None


def test_an_application_waits_for_a_person_and_not_for_the_clock(autumn: Autumn) -> None:
    with at(day(12)), unit_of_work() as session:
        receipt = service.submit_application(
            session,
            autumn.person(NEWCOMER),
            actor=autumn.committee.registrar,
            now=clock.now(),
        )
        assert receipt.waits_until == FREEZE_END
    with at(FREEZE_END + timedelta(days=1)):
        with reading() as session:
            assert queries.waiting_applications(session) == 1
            assert queries.member_by_iin(session, autumn.person(NEWCOMER).iin) is None
        with unit_of_work() as session:
            service.decide_application(
                session,
                receipt.application_id,
                actor=autumn.committee.registrar,
                decision=ApplicationStatus.ADMITTED,
                reason="Собрание первичной организации",
                now=clock.now(),
            )
        with reading() as session:
            member = queries.member_by_iin(session, autumn.person(NEWCOMER).iin)
    assert member is not None
    assert member.status is MemberStatus.ACTIVE


def test_only_a_commissions_decision_brings_somebody_back_meanwhile(autumn: Autumn) -> None:
    commissioner = autumn.committee.commissioner
    with at(day(9)), unit_of_work() as session:
        service.annul_membership(
            session, autumn.member_id(0), actor=commissioner, decision="Решение 1", now=clock.now()
        )
    with at(day(12)):
        assert is_refused_as_frozen(autumn, 0)
        with unit_of_work() as session:
            service.restore_member(
                session,
                autumn.member_id(0),
                actor=commissioner,
                decision="Решение 2",
                now=clock.now(),
            )
        with reading() as session:
            member = queries.member_by_iin(session, autumn.person(0).iin)
            listed = queries.restorations(session, actor=autumn.committee.organizer)
    assert member is not None
    assert member.status is MemberStatus.ACTIVE
    assert [restored.during_freeze for restored in listed] == [True]


def test_the_extension_of_the_vote_takes_the_freeze_along(autumn: Autumn) -> None:
    with at(day(2, 10, hour=20)), unit_of_work() as session:
        primary.extend_voting(
            session,
            PRIMARY,
            actor=autumn.committee.organizer,
            until=EXTENDED,
            reason="Перегрузка системы",
            now=clock.now(),
        )
    with at(FREEZE_END):
        assert is_refused_as_frozen(autumn, NEWCOMER)
    with at(FREEZE_END + timedelta(days=1)):
        autumn.admit(NEWCOMER)
