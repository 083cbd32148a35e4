"""Paper lists: drawn up from the roll or a file, fixed by two people, released by two people."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import select

from core.database import reading, unit_of_work
from core.errors import Refused
from core.membership.rules import MembershipRefusal
from core.paper import list_queries, queries
from core.paper import service as paper
from core.paper.models import PaperList, PaperRelease
from core.paper.rules import (
    PaperRefusal,
    PollingPlaceKind,
    ReleaseGround,
    ReleaseKind,
    list_digest,
)
from core.primary.digests import iin_digest
from core.primary.models import Voter
from core.staff import approvals
from core.staff.models import AccountMaking
from core.staff.rules import ActKind, Role, StaffRefusal
from tests.paper.desks import (
    AFTER,
    BEFORE,
    ONE_DAY,
    SCHOOL,
    VILLAGE,
    Desks,
    acts,
    claims,
    draft,
    fix_list,
    refused,
    vote_online,
    votes,
)
from tests.voting.polls import DISTRICT, NOON, OPENS, PRIMARY, add_voter, iin

DAY_OF_THE_VILLAGE = datetime(2020, 10, 3, 4, tzinfo=UTC)


def draw_up(desks: Desks, branches: list[str] | None = None) -> object:
    with unit_of_work() as session:
        return paper.add_from_roll(
            session, PRIMARY, VILLAGE, actor=desks.organizer, now=BEFORE, branches=branches
        )


def propose(desks: Desks, **more: object) -> int:
    with unit_of_work() as session:
        given = {"actor": desks.organizer, "reason": "Нет связи", "now": BEFORE, **more}
        return paper.propose_fixing(session, PRIMARY, [VILLAGE], **given).id


def suspend(number: int) -> None:
    with unit_of_work() as session:
        session.execute(
            update(Voter)
            .where(Voter.iin_digest == iin_digest(PRIMARY, iin(number)))  # type: ignore[arg-type]  # a column
            .values(status="suspended")
        )


def listed(**how: object) -> list[list_queries.ListedVoter]:
    with reading() as session:
        found, _total = list_queries.listed_voters(session, PRIMARY, VILLAGE, limit=None, **how)
    return list(found)


def test_a_list_is_drawn_up_from_the_roll_by_area_or_branch(desks: Desks) -> None:
    suspend(0)
    with unit_of_work() as session:
        add_voter(session, 30, place="113400000")
    draw_up(desks, ["ППО № 1"])
    assert [view.branch for view in listed()] == ["ППО № 1"] * 4
    done = draw_up(desks)
    assert (done.added, done.listed_already) == (7, 4)
    assert len(listed()) == 11
    with reading() as session:
        assert list_queries.branches_of(session, PRIMARY, DISTRICT) == {
            "ППО № 0": 3,
            "ППО № 1": 4,
            "ППО № 2": 4,
        }
    assert claims() == {}


def test_a_file_of_iins_reports_whoever_can_not_be_listed_without_an_iin(desks: Desks) -> None:
    suspend(2)
    with unit_of_work() as session:
        add_voter(session, 30, place="113400000")
    rows = ["iin", iin(1), iin(1), iin(2), iin(30), iin(77), "850101", iin(3)]
    with unit_of_work() as session:
        report = paper.import_list(
            session, PRIMARY, VILLAGE, "\n".join(rows).encode(), actor=desks.organizer, now=BEFORE
        )
    assert report.counts() == {"read": 7, "new": 2, "changed": 0, "same": 0, "refused": 5}
    assert [(each.row, each.code) for each in report.rows_refused] == [
        (3, MembershipRefusal.IIN_TWICE_IN_FILE),
        (4, PaperRefusal.NOT_ON_ROLL),
        (5, PaperRefusal.ROLL_ELSEWHERE),
        (6, PaperRefusal.NOT_ON_ROLL),
        (7, MembershipRefusal.IIN_LENGTH),
    ]
    assert not [number for number in (1, 2, 30, 77) if iin(number) in report.csv()]
    assert len(listed()) == 2


def test_two_people_fix_a_list_and_its_iins_are_used_up(desks: Desks) -> None:
    draw_up(desks)
    number = propose(desks)
    assert claims() == {}
    for actor, code in (
        (desks.organizer, StaffRefusal.SAME_PERSON),
        (desks.regional, StaffRefusal.FORBIDDEN),
        (desks.clerk, StaffRefusal.FORBIDDEN),
    ):
        found = refused(
            lambda s, actor=actor: paper.confirm_fixing(s, number, actor=actor, now=BEFORE)
        )
        assert found is code
    with unit_of_work() as session:
        assert paper.confirm_fixing(session, number, actor=desks.second, now=BEFORE) == 12
    assert set(claims().values()) == {"paper_list"}
    assert len(claims()) == 12
    rows = listed()
    assert [row.number for row in rows] == list(range(1, 13))
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    with reading() as session:
        view = list_queries.paper_list(session, PRIMARY, VILLAGE)
    assert view is not None
    assert view.digest == list_digest(PRIMARY, VILLAGE, claims())
    assert (view.proposed_by, view.confirmed_by) == ("Айгуль Организатор", "Болат Организатор")
    assert (view.people, view.released, view.barred) == (12, 0, 0)


def test_being_listed_is_no_vote_and_keeps_from_voting_online(desks: Desks) -> None:
    fix_list(desks)
    assert votes().votes == 0
    assert not vote_online(3)
    assert votes().votes == 0
    with reading() as session:
        assert list_queries.people_waiting(session, PRIMARY) == 12


def test_a_list_that_changed_after_the_proposal_is_not_fixed(desks: Desks) -> None:
    draw_up(desks)
    number = propose(desks)
    with unit_of_work() as session:
        gone = paper.take_off_draft(
            session, PRIMARY, VILLAGE, [4, 5], actor=desks.organizer, now=BEFORE
        )
    assert gone == 2
    found = refused(lambda s: paper.confirm_fixing(s, number, actor=desks.second, now=BEFORE))
    assert found is PaperRefusal.LIST_CHANGED
    assert claims() == {}
    with reading() as session:
        assert approvals.pending(session, ActKind.FIX_PAPER_LISTS)[0].id == number


def test_lists_are_fixed_before_voting_opens_and_then_stay(desks: Desks) -> None:
    draw_up(desks)
    number = propose(desks)
    found = refused(lambda s: paper.confirm_fixing(s, number, actor=desks.second, now=OPENS))
    assert found is PaperRefusal.TOO_LATE_FOR_LISTS
    with unit_of_work() as session:
        paper.confirm_fixing(session, number, actor=desks.second, now=OPENS - timedelta(seconds=1))
    for act in (
        lambda s: paper.add_from_roll(s, PRIMARY, VILLAGE, actor=desks.organizer, now=BEFORE),
        lambda s: paper.take_off_draft(
            s, PRIMARY, VILLAGE, None, actor=desks.organizer, now=BEFORE
        ),
        lambda s: paper.import_list(
            s, PRIMARY, VILLAGE, b"iin\n1", actor=desks.organizer, now=BEFORE
        ),
    ):
        assert refused(act) is PaperRefusal.LIST_FIXED


def test_empty_lists_suspended_people_and_connected_places_are_refused(desks: Desks) -> None:
    with pytest.raises(Refused) as found:
        propose(desks)
    assert found.value.code is PaperRefusal.LIST_EMPTY
    draw_up(desks)
    suspend(4)
    with pytest.raises(Refused) as found:
        propose(desks)
    assert (found.value.code, found.value.facts["count"]) == (PaperRefusal.LIST_HAS_BARRED, 1)
    code = refused(
        lambda s: paper.add_from_roll(s, PRIMARY, SCHOOL, actor=desks.organizer, now=BEFORE)
    )
    assert code is PaperRefusal.HAS_CONNECTION


def test_nobody_stands_on_two_lists(desks: Desks) -> None:
    fix_list(desks, range(3))
    with unit_of_work() as session:
        other = draft("AKM-03", PollingPlaceKind.UNCONNECTED, hours=ONE_DAY)
        paper.add_polling_place(session, PRIMARY, other, actor=desks.organizer, now=BEFORE)
        content = "\n".join(["iin", iin(1), iin(5)]).encode()
        report = paper.import_list(
            session, PRIMARY, "AKM-03", content, actor=desks.organizer, now=BEFORE
        )
        done = paper.add_from_roll(session, PRIMARY, "AKM-03", actor=desks.organizer, now=BEFORE)
    assert [(each.row, each.code) for each in report.rows_refused] == [
        (2, PaperRefusal.ON_ANOTHER_LIST)
    ]
    assert (done.added, done.listed_already) == (8, 4)


def release(desks: Desks, number: int, *, now: datetime = NOON, **more: object) -> int:
    with unit_of_work() as session:
        given = {
            "actor": desks.organizer,
            "ground": ReleaseGround.WILL_VOTE_ONLINE,
            "note": "Просил по телефону",
            "row_is_struck": False,
            "now": now,
            **more,
        }
        return paper.propose_release(session, PRIMARY, VILLAGE, number, **given).id


def test_a_release_takes_two_people_frees_the_iin_and_is_listed_without_a_name(
    desks: Desks,
) -> None:
    fix_list(desks)
    chosen = listed()[4]
    number = release(desks, 5)
    found = refused(lambda s: paper.confirm_release(s, number, actor=desks.organizer, now=NOON))
    assert found is StaffRefusal.SAME_PERSON
    assert len(claims()) == 12
    with unit_of_work() as session:
        paper.confirm_release(session, number, actor=desks.second, now=NOON)
    assert iin_digest(PRIMARY, chosen.iin.digits) not in claims()
    assert vote_online(chosen.member_id - 1)
    assert listed()[4].released_at == NOON
    with reading() as session:
        (shown,) = queries.releases(session, PRIMARY)
        kept = session.exec(select(PaperRelease)).one()
        stored = session.get(PaperList, (PRIMARY, VILLAGE))
    assert stored is not None
    assert stored.people == 11
    assert (shown.kind, shown.ground, shown.polling_place) == (
        ReleaseKind.RELEASED_FROM_LIST,
        ReleaseGround.WILL_VOTE_ONLINE,
        VILLAGE,
    )
    assert set(vars(shown)) == {"at", "polling_place", "place_name", "kind", "ground"}
    assert (kept.proposed_by, kept.confirmed_by) == (
        desks.organizer.account_id,
        desks.second.account_id,
    )
    assert chosen.iin.digits not in str(acts())
    again = refused(
        lambda s: paper.propose_release(
            s,
            PRIMARY,
            VILLAGE,
            5,
            actor=desks.organizer,
            ground=ReleaseGround.MOVED_AWAY,
            note="Ещё раз",
            row_is_struck=True,
            now=NOON,
        )
    )
    assert again is PaperRefusal.RELEASED_ALREADY


def test_two_confirmations_of_one_release_free_it_once(desks: Desks, make_actor) -> None:
    fix_list(desks)
    number = release(desks, 5)
    third = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        paper.confirm_release(session, number, actor=desks.second, now=NOON)
    found = refused(lambda s: paper.confirm_release(s, number, actor=third, now=NOON))
    assert found in {PaperRefusal.RELEASED_ALREADY, StaffRefusal.PROPOSAL_DECIDED}
    with reading() as session:
        assert len(session.exec(select(PaperRelease)).all()) == 1


def test_a_second_person_made_by_the_first_does_not_count(desks: Desks) -> None:
    fix_list(desks)
    number = release(desks, 5)
    with unit_of_work() as session:
        session.add(
            AccountMaking(
                account_id=desks.second.account_id,
                maker_id=desks.organizer.account_id,
                kind="reset",
                at=BEFORE,
            )
        )
    found = refused(lambda s: paper.confirm_release(s, number, actor=desks.second, now=NOON))
    assert found is StaffRefusal.NOT_INDEPENDENT
    assert len(claims()) == 12


def test_once_the_place_has_opened_its_sheet_must_be_struck_first(desks: Desks) -> None:
    fix_list(desks)
    with pytest.raises(Refused) as found:
        release(desks, 5, now=DAY_OF_THE_VILLAGE)
    assert found.value.code is PaperRefusal.ROW_NOT_STRUCK
    number = release(desks, 5, now=DAY_OF_THE_VILLAGE, row_is_struck=True)
    late = refused(lambda s: paper.confirm_release(s, number, actor=desks.second, now=AFTER))
    assert late is PaperRefusal.VOTING_ENDED
    with pytest.raises(Refused) as unknown:
        release(desks, 99)
    assert unknown.value.code is PaperRefusal.UNKNOWN_ROW
    with pytest.raises(Refused) as unfit:
        release(desks, 6, ground=ReleaseGround.WRONG_PERSON)
    assert unfit.value.code is PaperRefusal.GROUND_UNFIT


def test_a_proposal_of_another_kind_releases_nobody(desks: Desks) -> None:
    draw_up(desks)
    number = propose(desks)
    for act in (paper.confirm_release, paper.confirm_undo):
        found = refused(lambda s, act=act: act(s, number, actor=desks.second, now=NOON))
        assert found is StaffRefusal.UNKNOWN_PROPOSAL


def test_the_digest_of_a_list_says_who_is_on_it_in_whatever_order() -> None:
    people = [bytes([n]) * 32 for n in range(5)]
    whole = list_digest(PRIMARY, VILLAGE, people)
    assert whole == list_digest(PRIMARY, VILLAGE, reversed(people))
    others = {
        list_digest(PRIMARY, VILLAGE, people[1:]),
        list_digest(PRIMARY, SCHOOL, people),
        list_digest("spring", VILLAGE, people),
    }
    assert whole not in others
    assert len(others) == 3
