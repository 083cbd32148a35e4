"""Which commission takes a case."""

import pytest

from core.cases.routing import CommissionKind, Seat, choose, level_for, level_of_place
from core.cases.rules import Level

DISTRICT, REGION, OTHER = "751210000", "750000000", "110000000"
SEATS = [
    Seat(1, CommissionKind.STANDING, Level.DISTRICT, DISTRICT, 5, 0),
    Seat(2, CommissionKind.STANDING, Level.REGION, REGION, 7, 0),
    Seat(3, CommissionKind.STANDING, Level.CENTRE, None, 9, 0),
    Seat(4, CommissionKind.AD_HOC, Level.CENTRE, None, 3, 0),
]
LINEAGE = [DISTRICT, REGION]


def test_nobody_named_goes_to_the_district_of_the_place() -> None:
    level = level_for(level_of_place(2), [])
    assert choose(SEATS, level=level, lineage=LINEAGE) == 1


@pytest.mark.parametrize(
    ("respondents", "commission"),
    [
        ([Level.NONE], 1),
        ([Level.DISTRICT], 2),
        ([Level.NONE, Level.REGION], 3),
        ([Level.CENTRE], 3),
    ],
)
def test_a_respondent_is_judged_one_level_up(respondents: list[Level], commission: int) -> None:
    level = level_for(Level.DISTRICT, respondents)
    assert choose(SEATS, level=level, lineage=LINEAGE) == commission


def test_a_respondent_of_the_centre_needs_a_panel() -> None:
    assert choose(SEATS, level=Level.CENTRE, lineage=LINEAGE, ad_hoc=True) == 4
    assert choose(SEATS[:3], level=Level.CENTRE, lineage=LINEAGE, ad_hoc=True) is None


def test_more_than_half_in_conflict_sends_the_case_up() -> None:
    half = [Seat(1, CommissionKind.STANDING, Level.DISTRICT, DISTRICT, 4, 2), *SEATS[1:]]
    most = [Seat(1, CommissionKind.STANDING, Level.DISTRICT, DISTRICT, 4, 3), *SEATS[1:]]
    assert choose(half, level=Level.DISTRICT, lineage=LINEAGE) == 1
    assert choose(most, level=Level.DISTRICT, lineage=LINEAGE) == 2


def test_a_commission_without_an_officer_or_members_takes_no_case() -> None:
    for seat in (
        Seat(1, CommissionKind.STANDING, Level.DISTRICT, DISTRICT, 4, 0, officer=False),
        Seat(1, CommissionKind.STANDING, Level.DISTRICT, DISTRICT, 0, 0),
    ):
        assert choose([seat, *SEATS[1:]], level=Level.DISTRICT, lineage=LINEAGE) == 2


def test_a_commission_elsewhere_never_takes_it() -> None:
    elsewhere = [Seat(9, CommissionKind.STANDING, Level.REGION, OTHER, 5, 0)]
    assert choose(elsewhere, level=Level.DISTRICT, lineage=LINEAGE) is None


def test_who_has_had_the_case_does_not_get_it_again() -> None:
    assert choose(SEATS, level=Level.CENTRE, lineage=LINEAGE, without=frozenset({3})) == 4


def test_a_place_nobody_knows_is_the_centres() -> None:
    assert level_of_place(None) is Level.CENTRE
    assert level_of_place(1) is Level.REGION
    assert level_of_place(3) is Level.DISTRICT
