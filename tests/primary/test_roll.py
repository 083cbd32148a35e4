"""The roll: who is on it, sealed once, changed by decisions only."""

import json
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.membership.models import Member
from core.messaging.service import deliver_due
from core.primary import queries, service
from core.primary.digests import iin_digest
from core.primary.models import Voter
from core.primary.rules import PrimaryRefusal, RollChangeKind, RollExclusion
from core.settings import settings
from core.staff.rules import Office, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.primary.conftest import (
    DAY,
    OPEN,
    PLACE,
    PRIMARY,
    SEALING,
    TIMELINE,
    People,
    Race,
    add_member,
    iin,
    make_primary,
)


def _seal(session: Session, people: People) -> service.SealedRoll:
    return service.seal_roll(session, PRIMARY, actor=people.one, now=SEALING)


def test_the_roll_takes_active_adults_admitted_before_the_cut_off(
    session: Session, primary: str, people: People
) -> None:
    add_member(session, 1)
    add_member(session, 2, admitted_on=date(2020, 9, 10), birth_date=date(2002, 10, 1))
    add_member(session, 3, admitted_on=date(2020, 9, 11))
    add_member(session, 4, birth_date=date(2002, 10, 2))
    add_member(session, 5, status="excluded")
    add_member(session, 6, status="withdrawn")
    sealed = _seal(session, people)
    assert sealed.voters == 2
    rows = {
        bytes(voter.iin_digest): voter.reason_excluded
        for voter in session.exec(select(Voter)).all()
    }
    assert rows == {
        iin_digest(primary, iin(1)): None,
        iin_digest(primary, iin(2)): None,
        iin_digest(primary, iin(3)): RollExclusion.ADMITTED_AFTER_CUTOFF.value,
        iin_digest(primary, iin(4)): RollExclusion.UNDER_AGE.value,
    }
    assert queries.roll_counts_by_place(session, primary) == {PLACE: 2}
    view = queries.require_primary(session)
    assert (view.roll_count, view.roll_sealed_at) == (2, SEALING)


def test_the_register_after_the_seal_does_not_move_the_roll(
    session: Session, primary: str, people: People
) -> None:
    member = session.get(Member, add_member(session, 1))
    sealed = _seal(session, people)
    assert member is not None
    member.mobile, member.status = "+77019999999", "excluded"
    session.add(member)
    session.flush()
    assert service.roll_digest(session, primary) == sealed.digest


def test_the_digest_is_made_anew_from_the_rows_and_tells_a_tampered_one(
    session: Session, primary: str, people: People
) -> None:
    for number in range(5):
        add_member(session, number)
    sealed = _seal(session, people)
    roll = queries.roll(session, primary)
    assert roll is not None
    assert roll.digest == sealed.digest == service.roll_digest(session, primary)
    voter = session.exec(select(Voter)).first()
    assert voter is not None
    voter.mobile = "+77770000000"
    session.add(voter)
    session.flush()
    assert service.roll_digest(session, primary) != sealed.digest


def test_the_digest_does_not_depend_on_the_order_of_the_register(
    session: Session, primary: str, people: People
) -> None:
    for number in range(3):
        add_member(session, number)
    first = _seal(session, people).digest
    for table in ("voter", "roll_count", "roll_seal", "member"):
        session.connection().exec_driver_sql(f"DELETE FROM {table}")
    session.expire_all()
    for number in (2, 0, 1):
        add_member(session, number)
    assert _seal(session, people).digest == first


def test_a_number_of_several_members_is_allowed_and_counted(
    session: Session, primary: str, people: People
) -> None:
    for number in range(3):
        add_member(session, number, mobile="+77010000000")
    add_member(session, 3)
    sealed = _seal(session, people)
    assert (sealed.shared_numbers, sealed.members_on_shared_numbers) == (1, 3)


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (TIMELINE.cutoff - DAY, PrimaryRefusal.CUTOFF_AHEAD),
        (OPEN, PrimaryRefusal.ROLL_TOO_LATE),
        (SEALING, PrimaryRefusal.ROLL_EMPTY),
    ],
)
def test_the_roll_is_sealed_between_cut_off_and_opening_and_not_empty(
    session: Session, primary: str, people: People, now: object, code: PrimaryRefusal
) -> None:
    with pytest.raises(Refused) as refused:
        service.seal_roll(session, primary, actor=people.one, now=now)
    assert refused.value.code is code


def test_progress_is_told_by_chunks(
    session: Session, primary: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.primary.roll.CHUNK", 2)
    for number in range(5):
        add_member(session, number)
    told: list[tuple[int, int]] = []
    sealed = service.seal_roll(
        session,
        primary,
        actor=people.one,
        now=SEALING,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert sealed.voters == 5
    assert sealed.digest == service.roll_digest(session, primary)


def test_two_who_seal_at_once_seal_once(database: str, make_actor: MakeActor, race: Race) -> None:
    one, two = make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        make_primary(session, one)
        for number in range(20):
            add_member(session, number)
    outcomes = race(
        lambda session: service.seal_roll(session, PRIMARY, actor=one, now=SEALING),
        lambda session: service.seal_roll(session, PRIMARY, actor=two, now=SEALING),
    )
    assert {getattr(outcome, "code", None) for outcome in outcomes} == {
        None,
        PrimaryRefusal.ROLL_SEALED,
    }
    with unit_of_work() as session:
        assert queries.roll_counts_by_place(session, PRIMARY) == {PLACE: 20}


def test_a_failure_in_the_middle_of_sealing_leaves_nothing(
    database: str, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        make_primary(session, actor)
        add_member(session, 1)

    def fail(_done: int, _total: int) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError), unit_of_work() as session:
        service.seal_roll(session, PRIMARY, actor=actor, now=SEALING, progress=fail)
    with unit_of_work() as session:
        assert session.exec(select(Voter)).first() is None
        service.seal_roll(session, PRIMARY, actor=actor, now=SEALING)


def test_a_commission_changes_the_roll_for_its_own_place_only(
    session: Session, primary: str, people: People, make_actor: MakeActor
) -> None:
    member = add_member(session, 1)
    _seal(session, people)
    chair = make_actor(Role.COMMISSIONER, place=PLACE, office=Office.CHAIR, session=session)
    plain = make_actor(Role.COMMISSIONER, place=PLACE, office=Office.MEMBER, session=session)
    other = make_actor(Role.COMMISSIONER, place="110000000", office=Office.CHAIR, session=session)
    for actor in (plain, other, people.one):
        with pytest.raises(Refused) as refused:
            service.change_roll(
                session,
                primary,
                RollChangeKind.SUSPENDED,
                member,
                actor=actor,
                decision="3/2020",
                now=SEALING,
            )
        assert refused.value.code is StaffRefusal.FORBIDDEN
    service.change_roll(
        session,
        primary,
        RollChangeKind.SUSPENDED,
        member,
        actor=chair,
        decision="3/2020",
        now=SEALING,
    )
    assert queries.roll_counts_by_place(session, primary) == {PLACE: 0}
    service.change_roll(
        session,
        primary,
        RollChangeKind.RESTORED,
        member,
        actor=chair,
        decision="4/2020",
        now=SEALING,
    )
    assert queries.roll_counts_by_place(session, primary) == {PLACE: 1}
    listed = queries.roll_changes(session, primary)
    assert [(change.kind, change.decision) for change in listed] == [
        (RollChangeKind.RESTORED, "4/2020"),
        (RollChangeKind.SUSPENDED, "3/2020"),
    ]


def test_the_centre_changes_the_roll_by_two_people(
    session: Session, primary: str, people: People
) -> None:
    add_member(session, 1)
    _seal(session, people)
    added = add_member(session, 2, admitted_on=date(2018, 5, 5))
    proposal = service.propose_roll_change(
        session,
        primary,
        RollChangeKind.ADDED,
        added,
        actor=people.one,
        decision="5/2020",
        now=SEALING,
    )
    assert queries.roll_counts_by_place(session, primary) == {PLACE: 1}
    with pytest.raises(Refused):
        service.approve_roll_change(session, proposal.id, actor=people.one, now=SEALING)
    service.approve_roll_change(session, proposal.id, actor=people.two, now=SEALING)
    assert queries.roll_counts_by_place(session, primary) == {PLACE: 2}
    (change,) = queries.roll_changes(session, primary)
    assert (change.author, change.second) == (people.one.name, people.two.name)


def test_nobody_is_added_who_could_not_have_been_on_the_roll(
    session: Session, primary: str, people: People, make_actor: MakeActor
) -> None:
    late = add_member(session, 1, admitted_on=date(2020, 9, 12))
    there = add_member(session, 2)
    _seal(session, people)
    chair = make_actor(Role.COMMISSIONER, office=Office.CHAIR, session=session)
    for member, code in (
        (late, PrimaryRefusal.MEMBER_NOT_ELIGIBLE),
        (there, PrimaryRefusal.ON_ROLL_ALREADY),
        (999_999, PrimaryRefusal.UNKNOWN_MEMBER),
    ):
        with pytest.raises(Refused) as refused:
            service.change_roll(
                session,
                primary,
                RollChangeKind.ADDED,
                member,
                actor=chair,
                decision="1",
                now=SEALING,
            )
        assert refused.value.code is code


def test_a_change_of_number_is_told_to_the_old_and_the_new_one(
    database: str, make_actor: MakeActor
) -> None:
    organizer = make_actor(Role.ORGANIZER)
    chair = make_actor(Role.COMMISSIONER, office=Office.CHAIR)
    with unit_of_work() as session:
        make_primary(session, organizer)
        member_id = add_member(session, 1, mobile="+77010000001")
        service.seal_roll(session, PRIMARY, actor=organizer, now=SEALING)
    with unit_of_work() as session:
        member = session.get(Member, member_id)
        assert member is not None
        member.mobile = "+77010000002"
        session.add(member)
    with unit_of_work() as session:
        service.change_roll(
            session,
            PRIMARY,
            RollChangeKind.NUMBER_CHANGED,
            member_id,
            actor=chair,
            decision="9/2020",
            now=SEALING,
        )
        voter = session.exec(select(Voter).where(col(Voter.member_id) == member_id)).one()
        assert voter.mobile == "+77010000002"
    deliver_due(max(SEALING, clock.now()))
    sent = Path(settings().sms_url.removeprefix("file:")).read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["to"] for line in sent} == {"+77010000001", "+77010000002"}
    assert all("+7701" not in json.loads(line)["text"] for line in sent)


def test_the_roll_is_not_changed_before_it_is_sealed(
    session: Session, primary: str, people: People
) -> None:
    member = add_member(session, 1)
    with pytest.raises(Refused) as refused:
        service.propose_roll_change(
            session,
            primary,
            RollChangeKind.SUSPENDED,
            member,
            actor=people.one,
            decision="1",
            now=SEALING,
        )
    assert refused.value.code is PrimaryRefusal.ROLL_NOT_SEALED
