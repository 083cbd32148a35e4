from datetime import timedelta
from ipaddress import ip_network
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.voting.address_rules import Expectation, capacity, names_address, nested
from tests.voting.polls import CLOSES, OPENS


def test_the_estimate_of_2020_is_two_thirds_refused() -> None:
    assert round(Expectation(voters=580_000, addresses=200_000).refused_share, 2) == 0.67


def test_whoever_votes_inside_an_exemption_is_not_refused() -> None:
    half = Expectation(voters=580_000, addresses=200_000, exempt=290_000)
    assert round(half.refused_share, 2) == 0.24
    assert Expectation(voters=580_000, addresses=200_000, exempt=580_000).refused_share == 0


@pytest.mark.parametrize(
    ("voters", "addresses", "refused"),
    [(10, 1, 9), (1, 1, 0), (1, 10, 0), (2, 2, 0.5), (1000, 10**8, 0)],
)
def test_the_estimate_at_its_ends(voters: int, addresses: int, refused: float) -> None:
    share = Expectation(voters=voters, addresses=addresses).refused_share
    assert share * voters == pytest.approx(refused, abs=0.01)


@pytest.mark.parametrize(("voters", "addresses"), [(60, 200), (500, 200), (3000, 100)])
def test_the_model_is_what_happens_when_people_take_addresses_by_chance(
    voters: int, addresses: int
) -> None:
    draw = Random(2020)
    shares = []
    for _vote in range(60):
        used = {draw.randrange(addresses) for _voter in range(voters)}
        shares.append(1 - len(used) / voters)
    said = Expectation(voters=voters, addresses=addresses).refused_share
    assert sum(shares) / len(shares) == pytest.approx(said, abs=0.02)


@given(
    voters=st.integers(1, 10**7),
    addresses=st.integers(1, 10**7),
    exempt=st.integers(0, 10**7),
    more=st.integers(0, 10**6),
)
def test_more_addresses_and_more_exemptions_never_cost_more(
    voters: int, addresses: int, exempt: int, more: int
) -> None:
    exempt = min(exempt, voters)
    share = Expectation(voters=voters, addresses=addresses, exempt=exempt).refused_share
    assert 0 <= share <= 1
    roomier = Expectation(voters=voters, addresses=addresses + more, exempt=exempt)
    assert roomier.refused_share <= share + 1e-9
    kinder = Expectation(voters=voters, addresses=addresses, exempt=min(voters, exempt + more))
    assert kinder.refused_share <= share + 1e-9


@pytest.mark.parametrize(("hours", "admitted"), [(0, 0), (1, 60), (2.5, 180), (1000, 460)])
def test_an_exemption_admits_no_more_than_its_hours_inside_the_vote_allow(
    hours: float, admitted: int
) -> None:
    found = capacity(
        cap_total=460,
        cap_hourly=60,
        valid_from=OPENS - timedelta(days=9),
        valid_until=OPENS + timedelta(hours=hours),
        opens=OPENS,
        closes=CLOSES,
    )
    assert found == admitted


def test_networks_that_share_addresses_are_found_in_pairs() -> None:
    networks = [
        ip_network(text)
        for text in (
            "10.0.0.0/8",
            "10.1.0.0/16",
            "11.0.0.0/8",
            "10.1.2.0/24",
            "2001:db8::/32",
            "10.1.0.0/16",
        )
    ]
    assert sorted(nested(networks)) == [(0, 1), (0, 3), (0, 5), (1, 3), (1, 5), (5, 3)]


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=12))
def test_the_walk_finds_what_comparing_every_pair_finds(drawn: list[tuple[int, int]]) -> None:
    networks = [ip_network((f"192.0.2.{last}", length), strict=False) for last, length in drawn]
    compared = {
        frozenset((one, other))
        for one in range(len(networks))
        for other in range(one)
        if networks[one].overlaps(networks[other])
    }
    pairs = nested(networks)
    assert {frozenset(pair) for pair in pairs} == compared
    assert len(pairs) == len(compared)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Участок № 17, 01.10.2020, 10:30, п. 1.2.3", False),
        ("решение 12/2020, add. 3", False),
        ("компьютеры 203.0.113.7, 203.0.113.8", True),
        ("сеть 203.0.113.0/28.", True),
        ("(2001:db8::/32)", True),
        ("адрес ::ffff:203.0.113.7:", True),
        ("", False),
    ],
)
def test_texts_that_name_an_address_are_known(text: str, *, named: bool) -> None:
    assert names_address(text) is named
