"""One vote, one IIN, one mobile number, one address; and the counters that say so."""

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from core.database import reading, unit_of_work
from core.voting import queries
from core.voting.casting import Accepted, Rejected
from core.voting.models import Ballot, Claim
from core.voting.rules import RejectionReason
from core.voting.signin import ChallengeIssued, TurnedBack
from tests.conftest import MakeActor
from tests.stories.autumn import (
    CLOSES,
    OPENS,
    PRIMARY,
    Autumn,
    Voter,
    announce,
    at,
    day,
    gather,
    make_ready,
)

FIRST_DAY = day(1, 10, hour=10)
HOME, NEIGHBOUR = "203.0.113.7", "203.0.113.8"
SAME_NUMBER = 4


@pytest.fixture
def autumn(database: str, make_actor: MakeActor) -> Autumn:
    told = gather(make_actor, members=6)
    # A falsified number: somebody's own, standing with another member too.
    told.people.mobile[SAME_NUMBER + 1] = told.people.mobile[SAME_NUMBER]
    _correct_number(told, SAME_NUMBER + 1)
    announce(told)
    make_ready(told)
    return told


def _correct_number(autumn: Autumn, who: int) -> None:
    from core.membership.models import Member

    with at(day(21, 8)), unit_of_work() as session:
        member = session.get_one(Member, autumn.member_id(who))
        member.mobile = str(autumn.people.mobile[who])
        session.add(member)


def reasons(answer: object) -> set[RejectionReason]:
    assert isinstance(answer, Rejected)
    return set(answer.reasons)


def last_rejection() -> set[RejectionReason]:
    with reading() as session:
        (newest, *_older), _total = queries.latest_rejections(session, PRIMARY)
    return set(newest.reasons)


def test_the_second_vote_of_an_iin_is_turned_away_with_every_reason(autumn: Autumn) -> None:
    voter = Voter(autumn, 0, HOME)
    with at(FIRST_DAY):
        first, second = voter.session(), voter.session()
        assert isinstance(voter.cast(first), Accepted)
        assert reasons(voter.cast(second)) == {
            RejectionReason.IIN_USED,
            RejectionReason.MOBILE_USED,
            RejectionReason.ADDRESS_USED,
        }


def test_who_has_voted_gets_the_answer_of_a_stranger_and_no_code(autumn: Autumn) -> None:
    voter = Voter(autumn, 0, HOME)
    with at(FIRST_DAY):
        voter.vote()
        before = voter.code()
        assert isinstance(voter.sign_in(), ChallengeIssued)
        assert voter.code() == before
    assert RejectionReason.IIN_USED in last_rejection()


def test_one_number_votes_once_whoever_it_stands_with(autumn: Autumn) -> None:
    owner, other = Voter(autumn, SAME_NUMBER, HOME), Voter(autumn, SAME_NUMBER + 1, NEIGHBOUR)
    with at(FIRST_DAY):
        late = other.session()
        assert isinstance(owner.vote(), Accepted)
        assert reasons(other.cast(late)) == {RejectionReason.MOBILE_USED}


def test_another_number_than_the_rolls_gets_no_code(autumn: Autumn) -> None:
    stranger = Voter(autumn, 0, HOME, mobile="+77015550142")
    with at(FIRST_DAY):
        assert isinstance(stranger.sign_in(), ChallengeIssued)
        assert stranger.code() is None
    assert last_rejection() == {RejectionReason.MOBILE_MISMATCH}


def test_one_address_votes_once_and_its_neighbour_may(autumn: Autumn) -> None:
    with at(FIRST_DAY):
        first, second = Voter(autumn, 0, HOME), Voter(autumn, 1, HOME)
        assert isinstance(first.vote(), Accepted)
        told = second.sign_in()
        assert isinstance(told, ChallengeIssued)
        assert told.address_used
        assert last_rejection() == {RejectionReason.ADDRESS_USED}
        moved = Voter(autumn, 1, NEIGHBOUR)
        assert isinstance(moved.vote(), Accepted)


def test_nobody_votes_before_the_opening_or_from_the_close_on(autumn: Autumn) -> None:
    voter = Voter(autumn, 0, HOME)
    with at(OPENS.replace(year=2020, month=9, day=30, hour=23, minute=59, second=59)):
        assert isinstance(voter.sign_in(), TurnedBack)
    with at(OPENS):
        token = voter.session()
        assert isinstance(voter.cast(token), Accepted)
    with at(CLOSES):
        assert isinstance(Voter(autumn, 1, NEIGHBOUR).sign_in(), TurnedBack)
    assert last_rejection() == {RejectionReason.NOT_OPEN}


def test_claims_ballots_and_turnout_agree(autumn: Autumn) -> None:
    with at(FIRST_DAY):
        answers = [Voter(autumn, who, f"203.0.113.{who + 1}").vote() for who in range(4)]
        again = Voter(autumn, 0, "203.0.113.99")
        again.sign_in()
    assert all(isinstance(answer, Accepted) for answer in answers)
    with reading() as session:
        turnout = queries.turnout(session, PRIMARY)
        claims = dict(
            session.execute(select(col(Claim.kind), func.count()).group_by(col(Claim.kind))).all()
        )
        ballots = session.execute(select(func.count()).select_from(Ballot)).scalar_one()
        rejected = queries.rejections_total(session, PRIMARY)
    assert claims == {"address": 4, "iin": 4, "mobile": 4}
    assert (turnout.votes, turnout.votes_online, turnout.registered) == (4, 4, 4)
    assert turnout.on_roll == 6
    assert ballots == 8
    assert rejected == 1
