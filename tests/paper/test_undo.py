"""A mistaken mark is undone by two people, one of them an organizer, until the protocol is sealed."""

from datetime import timedelta

import pytest
from sqlmodel import select

from core.database import reading, unit_of_work
from core.paper import queries
from core.paper import service as paper
from core.paper.models import PaperMark
from core.paper.rules import Answer, PaperRefusal, ReleaseGround, ReleaseKind
from core.primary.queries import active_primary
from core.staff.rules import ActKind, Role, StaffRefusal
from core.voting import queries as voting
from tests.paper.desks import (
    AFTER,
    SCHOOL,
    Desks,
    acts,
    claims,
    look_up,
    pending,
    press,
    refused,
    vote_online,
    votes,
)
from tests.voting.polls import CLOSES, NOON, PRIMARY, iin


def propose(desks: Desks, mark_id: int, **more: object) -> int:
    with unit_of_work() as session:
        given = {
            "actor": desks.clerk,
            "ground": ReleaseGround.WRONG_PERSON,
            "note": "Удостоверение соседа",
            "now": NOON,
            **more,
        }
        return paper.propose_undo(session, mark_id, **given).id


def test_an_undone_mark_leaves_no_claim_no_vote_and_one_line_for_everybody(desks: Desks) -> None:
    done = press(desks, look_up(desks, 3))
    number = propose(desks, done.id)
    (waiting,) = pending(ActKind.UNDO_PAPER_MARK)
    assert set(waiting.payload) == {"primary_id", "polling_place", "number", "ground"}
    assert iin(3) not in str(waiting)
    for actor, code in (
        (desks.clerk, StaffRefusal.FORBIDDEN),
        (desks.colleague, StaffRefusal.FORBIDDEN),
    ):
        found = refused(lambda s, actor=actor: paper.confirm_undo(s, number, actor=actor, now=NOON))
        assert found is code
    later = NOON + timedelta(minutes=30)
    with unit_of_work() as session:
        paper.confirm_undo(session, number, actor=desks.regional, now=later)
    assert claims() == {}
    assert votes().votes == 0
    with reading() as session:
        assert {point.count for point in voting.turnout_series(session, PRIMARY)} == {0}
        (shown,) = queries.releases(session, PRIMARY)
        assert session.exec(select(PaperMark)).all() == []
    assert (shown.kind, shown.ground) == (ReleaseKind.MARK_UNDONE, ReleaseGround.WRONG_PERSON)
    assert vote_online(3)
    assert not [entry for entry in acts() if "соседа" in str(entry)]


def test_whoever_was_unmarked_can_be_marked_again(desks: Desks) -> None:
    done = press(desks, look_up(desks, 3))
    number = propose(desks, done.id)
    with unit_of_work() as session:
        paper.confirm_undo(session, number, actor=desks.second, now=NOON)
    again = refused(lambda s: paper.confirm_undo(s, number, actor=desks.second, now=NOON))
    assert again in {PaperRefusal.MARK_UNDONE, StaffRefusal.PROPOSAL_DECIDED}
    # A press that comes late tells what it told: it was undone, not made again.
    late = press(desks, done)
    assert (late.answer, late.is_undone) == (Answer.MARKED, True)
    assert claims() == {}
    assert press(desks, look_up(desks, 3)).answer is Answer.MARKED
    assert votes().votes == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OBSERVER, Role.TRUSTEE, Role.COMMISSIONER])
def test_nobody_else_proposes_to_undo_a_mark(sqlite_desks: Desks, make_actor, role: Role) -> None:
    desks = sqlite_desks
    done = press(desks, look_up(desks, 3))
    for actor in (make_actor(role), desks.villager):
        code = refused(
            lambda s, actor=actor: paper.propose_undo(
                s, done.id, actor=actor, ground=ReleaseGround.WRONG_PERSON, note="Нет", now=NOON
            )
        )
        assert code is StaffRefusal.FORBIDDEN


def test_no_mark_is_undone_once_the_protocol_is_sealed(desks: Desks) -> None:
    done = press(desks, look_up(desks, 3))
    number = propose(desks, done.id)
    with unit_of_work() as session:
        assert active_primary(session) is not None
        paper.settle(session, PRIMARY, SCHOOL, voters=1, closes=CLOSES, now=AFTER)
    assert refused(lambda s: paper.confirm_undo(s, number, actor=desks.second, now=AFTER)) is (
        PaperRefusal.SETTLED
    )
    assert votes().votes == 1
    unknown = refused(
        lambda s: paper.propose_undo(
            s, 999, actor=desks.clerk, ground=ReleaseGround.WRONG_PERSON, note="Нет", now=NOON
        )
    )
    assert unknown is PaperRefusal.UNKNOWN_MARK
