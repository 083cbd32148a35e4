from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.results.rating import Runner, age_on, rating
from core.results.rules import RatingKind, is_withheld

FIRST_DAY = date(2020, 10, 1)


def runner(name, *, woman=False, born=date(1970, 1, 1), cancelled=False):
    return Runner(id=name, is_woman=woman, birth_date=born, is_cancelled=cancelled)


def lines(runners, votes, kind=RatingKind.GENERAL):
    found = rating(runners, votes, kind=kind, first_day=FIRST_DAY)
    return [(line.place, line.candidate, line.votes) for line in found]


def test_equal_votes_share_a_place_and_leave_the_next_one_free():
    runners = [runner(name) for name in "abcd"]
    votes = {"a": 5, "b": 9, "c": 5, "d": 1}
    assert lines(runners, votes) == [(1, "b", 9), (2, "a", 5), (2, "c", 5), (4, "d", 1)]


def test_a_cancelled_candidate_is_shown_without_a_place():
    runners = [runner("a", cancelled=True), runner("b"), runner("c")]
    assert lines(runners, {"a": 9, "b": 1}) == [(1, "b", 1), (2, "c", 0), (None, "a", 9)]


def test_the_womens_rating_ranks_women_among_themselves():
    runners = [runner("a"), runner("b", woman=True), runner("c", woman=True)]
    ranked = lines(runners, {"a": 9, "b": 2, "c": 3}, RatingKind.WOMEN)
    assert ranked == [(1, "c", 3), (2, "b", 2)]


def test_youth_is_under_35_on_the_first_voting_day():
    runners = [
        runner("eve", born=date(1985, 10, 2)),
        runner("birthday", born=date(1985, 10, 1)),
        runner("older", born=date(1985, 9, 30)),
    ]
    assert [line[1] for line in lines(runners, {}, RatingKind.YOUTH)] == ["eve"]


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(2000, 2, 29), date(2018, 2, 28), 17),
        (date(2000, 2, 29), date(2018, 3, 1), 18),
        (date(1985, 10, 1), date(2020, 10, 1), 35),
    ],
)
def test_age_counts_whole_years(born, day, years):
    assert age_on(born, day) == years


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 6), min_size=1))
def test_a_place_is_one_more_than_those_who_have_more_votes(votes):
    for place, candidate, own in lines([runner(name) for name in votes], votes):
        assert place == 1 + sum(other > own for other in votes.values())
        assert own == votes[candidate]


def test_nine_ballots_are_too_few_to_be_published_apart_and_ten_are_not():
    assert is_withheld(9)
    assert is_withheld(0)
    assert not is_withheld(10)
