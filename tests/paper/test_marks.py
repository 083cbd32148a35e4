"""Marking voters: what a clerk is told before and after the press, and how often."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import select

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.membership.rules import MembershipRefusal
from core.messaging import service as messaging
from core.paper import service as paper
from core.paper.marks import last_look_up
from core.paper.models import PaperLookUp, PaperMark
from core.paper.rules import (
    LOOK_UP_HOLDS,
    MISS_SPAN,
    MOST_IN_A_MINUTE,
    MOST_MISSES,
    Answer,
    PaperRefusal,
    check_pace,
)
from core.primary.digests import iin_digest
from core.primary.models import Voter
from core.staff.rules import Role, StaffRefusal
from tests.paper.desks import (
    AFTER,
    BEFORE,
    SCHOOL,
    VILLAGE,
    Desks,
    acts,
    claims,
    fix_list,
    look_up,
    press,
    refused,
    vote_online,
    votes,
)
from tests.voting import polls
from tests.voting.polls import NOON, OPENS, PRIMARY, add_voter, iin


def test_a_marked_voter_uses_the_iin_up_counts_once_and_is_told(desks: Desks) -> None:
    found = look_up(desks, 3)
    assert (found.answer, found.pressed_at) == (Answer.BELONGS_HERE, None)
    assert found.can_press(NOON)
    assert claims() == {}
    done = press(desks, found)
    assert done.answer is Answer.MARKED
    assert (done.marked_at, done.marked_by, done.at_place) == (NOON, "Асель Участковая", SCHOOL)
    assert claims() == {iin_digest(PRIMARY, iin(3)): "paper"}
    counted = votes()
    assert (counted.votes, counted.votes_online, counted.votes_paper) == (1, 0, 1)
    messaging.deliver_due(clock.now())
    (told,) = polls.outbox()
    assert told["to"] == polls.mobile(3)
    assert f"Участок {SCHOOL}" in told["text"]
    assert f"{SCHOOL} учаскесі" in told["text"]


def test_a_second_press_changes_nothing_and_tells_the_same(desks: Desks) -> None:
    found = look_up(desks, 3)
    first = press(desks, found)
    again = press(desks, found, now=NOON + timedelta(seconds=40))
    assert again == first
    assert votes().votes == 1
    assert sum(act == "mark_voter" for act, _subject, _details in acts()) == 1


def test_after_a_reload_the_last_press_stands_there_again(desks: Desks) -> None:
    done = press(desks, look_up(desks, 3))
    with reading() as session:
        assert last_look_up(session, desks.clerk, now=NOON + timedelta(minutes=5)) == done
        assert last_look_up(session, desks.colleague, now=NOON) is None


def test_a_look_up_never_says_who_has_voted_and_the_press_does(desks: Desks) -> None:
    assert vote_online(3)
    press(desks, look_up(desks, 4))
    before = [look_up(desks, number).answer for number in (3, 4, 5)]
    assert before == [Answer.BELONGS_HERE] * 3
    online = press(desks, look_up(desks, 3))
    assert online.answer is Answer.VOTED_ONLINE
    marked = press(desks, look_up(desks, 4, by=desks.colleague), by=desks.colleague)
    assert (marked.answer, marked.marked_by) == (Answer.MARKED_HERE_BEFORE, "Асель Участковая")
    assert votes().votes == 2


def test_whoever_was_marked_can_not_vote_online(desks: Desks) -> None:
    press(desks, look_up(desks, 3))
    assert not vote_online(3)
    assert votes().votes == 1


def test_strangers_suspended_listed_and_people_of_elsewhere_are_told_apart(desks: Desks) -> None:
    fix_list(desks, range(5, 7))
    with unit_of_work() as session:
        add_voter(session, 30, place="113400000")
        add_voter(session, 31, reason_excluded="admitted_after_cutoff")
        session.execute(
            update(Voter)
            .where(Voter.iin_digest == iin_digest(PRIMARY, iin(4)))  # type: ignore[arg-type]  # a column
            .values(status="suspended")
        )
    found = {number: look_up(desks, number) for number in (4, 5, 30, 31, 77)}
    assert {number: view.answer for number, view in found.items()} == {
        4: Answer.NOT_ON_ROLL,
        5: Answer.ON_PAPER_LIST,
        30: Answer.BELONGS_ELSEWHERE,
        31: Answer.NOT_ON_ROLL,
        77: Answer.NOT_ON_ROLL,
    }
    assert (found[5].at_place, found[30].elsewhere) == (VILLAGE, "113400000")
    for view in found.values():
        assert not view.can_press(NOON)
        code = refused(
            lambda session, view=view: paper.mark(session, view.id, actor=desks.clerk, now=NOON)
        )
        assert code is PaperRefusal.NOT_FOR_THIS_PLACE
    assert votes().votes == 0


def test_a_suspension_between_look_up_and_press_is_obeyed(desks: Desks) -> None:
    found = look_up(desks, 3)
    with unit_of_work() as session:
        session.execute(
            update(Voter)
            .where(Voter.iin_digest == iin_digest(PRIMARY, iin(3)))  # type: ignore[arg-type]  # a column
            .values(status="suspended")
        )
    assert press(desks, found).answer is Answer.NOT_ON_ROLL
    assert claims() == {}


def test_nobody_is_marked_outside_the_hours_of_the_vote_and_of_the_place(desks: Desks) -> None:
    found = look_up(desks, 3)
    night, hour = NOON + timedelta(hours=9), timedelta(hours=1)
    for now, code in (
        (OPENS - hour, PaperRefusal.VOTING_NOT_OPEN),
        (OPENS + hour, PaperRefusal.CLOSED_AT_THIS_HOUR),
        (night, PaperRefusal.CLOSED_AT_THIS_HOUR),
        (polls.CLOSES, PaperRefusal.VOTING_NOT_OPEN),
        (AFTER, PaperRefusal.VOTING_NOT_OPEN),
    ):
        for act in (
            lambda session, now=now: paper.look_up(session, iin(4), actor=desks.clerk, now=now),
            lambda session, now=now: paper.mark(session, found.id, actor=desks.clerk, now=now),
        ):
            assert refused(act) is code, now
    assert votes().votes == 0


def test_a_look_up_goes_stale(sqlite_desks: Desks) -> None:
    found = look_up(sqlite_desks, 3)
    late = NOON + LOOK_UP_HOLDS
    assert not found.can_press(late)
    code = refused(lambda s: paper.mark(s, found.id, actor=sqlite_desks.clerk, now=late))
    assert code is PaperRefusal.LOOK_UP_EXPIRED


def test_another_clerk_can_not_press_what_somebody_looked_up(sqlite_desks: Desks) -> None:
    desks, found = sqlite_desks, look_up(sqlite_desks, 3)
    for actor in (desks.colleague, desks.villager):
        code = refused(lambda s, actor=actor: paper.mark(s, found.id, actor=actor, now=NOON))
        assert code in {PaperRefusal.UNKNOWN_LOOK_UP}
    assert claims() == {}


def test_only_a_clerk_with_a_post_and_the_role_for_its_area_looks_anybody_up(
    sqlite_desks: Desks, make_actor
) -> None:
    desks = sqlite_desks
    for actor, code in (
        (desks.organizer, StaffRefusal.FORBIDDEN),
        (make_actor(Role.CLERK, place="110000000"), PaperRefusal.NO_POST),
        (make_actor(Role.OPERATOR), StaffRefusal.FORBIDDEN),
        (desks.villager, PaperRefusal.NO_CONNECTION_HERE),
    ):
        found = refused(lambda s, actor=actor: paper.look_up(s, iin(3), actor=actor, now=NOON))
        assert found is code
    with reading() as session:
        assert session.exec(select(PaperLookUp)).all() == []


def test_a_mistyped_iin_is_refused_before_anything_is_looked_up(sqlite_desks: Desks) -> None:
    for typed, code in (
        ("", MembershipRefusal.IIN_EMPTY),
        ("850101", MembershipRefusal.IIN_LENGTH),
    ):
        found = refused(
            lambda s, typed=typed: paper.look_up(s, typed, actor=sqlite_desks.clerk, now=NOON)
        )
        assert found is code
    with reading() as session:
        assert session.exec(select(PaperLookUp)).all() == []


def test_every_look_up_and_press_is_logged_without_an_iin(desks: Desks) -> None:
    press(desks, look_up(desks, 3))
    look_up(desks, 77)
    logged = [entry for entry in acts() if entry[0] in {"look_up_voter", "mark_voter"}]
    assert [act for act, _subject, _details in logged] == [
        "look_up_voter",
        "mark_voter",
        "look_up_voter",
    ]
    assert {subject for _act, subject, _details in logged} == {f"polling_place:{SCHOOL}"}
    whole = str(acts())
    assert iin(3) not in whole
    assert iin(77) not in whole
    with reading() as session:
        assert len(session.exec(select(PaperLookUp)).all()) == 2
        assert len(session.exec(select(PaperMark)).all()) == 1


def test_a_clerk_who_asks_faster_than_a_queue_has_to_wait(desks: Desks) -> None:
    for number in range(MOST_IN_A_MINUTE):
        look_up(desks, number % 12, now=NOON + timedelta(seconds=number))
    soon = NOON + timedelta(seconds=MOST_IN_A_MINUTE)
    with pytest.raises(Refused) as found, unit_of_work() as session:
        paper.look_up(session, iin(1), actor=desks.clerk, now=soon)
    assert found.value.code is PaperRefusal.TOO_FAST
    assert found.value.facts["until"] == NOON + timedelta(minutes=1)
    look_up(desks, 1, by=desks.colleague, now=soon)
    look_up(desks, 1, now=NOON + timedelta(minutes=1))


def test_look_ups_in_vain_use_up_patience_and_marks_do_not() -> None:
    vain = [NOON + timedelta(seconds=20 * n) for n in range(MOST_MISSES)]
    now = vain[-1] + timedelta(seconds=20)
    with pytest.raises(Refused) as found:
        check_pace(vain, vain, now=now)
    assert found.value.code is PaperRefusal.TOO_MANY_MISSES
    assert found.value.facts["until"] == vain[0] + MISS_SPAN
    check_pace(vain, vain[1:], now=now)
    check_pace(vain, vain, now=vain[0] + MISS_SPAN)


def test_a_clerk_who_fishes_is_seen(desks: Desks) -> None:
    from core.paper.desk_queries import clerks

    press(desks, look_up(desks, 3))
    for number in (4, 5, 6):
        look_up(desks, number, by=desks.colleague)
    with reading() as session:
        seen = {
            view.name: (view.look_ups, view.misses) for view in clerks(session, PRIMARY, SCHOOL)
        }
    assert seen == {"Асель Участковая": (1, 0), "Марат Участковый": (3, 3)}


def test_a_draft_list_keeps_nobody_from_voting(sqlite_desks: Desks) -> None:
    with unit_of_work() as session:
        paper.add_from_roll(session, PRIMARY, VILLAGE, actor=sqlite_desks.organizer, now=BEFORE)
    assert press(sqlite_desks, look_up(sqlite_desks, 3)).answer is Answer.MARKED
