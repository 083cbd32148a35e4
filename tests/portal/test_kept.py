"""What is kept for everybody: made once, bounded, and nothing that could not be made."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from core import clock
from portal.kept import KEPT_FOR, Kept
from tests.voting.polls import NOON

pytestmark = pytest.mark.usefixtures("sqlite_database")


def test_many_who_ask_at_once_cost_one() -> None:
    kept: Kept[int] = Kept()
    made: list[int] = []
    gate = Barrier(8)

    def make() -> int:
        made.append(1)
        return len(made)

    def ask(_visitor: int) -> int:
        gate.wait()
        return kept.get("front", make)

    with clock.fixed(NOON), ThreadPoolExecutor(8) as visitors:
        assert list(visitors.map(ask, range(8))) == [1] * 8


def test_a_value_is_made_anew_when_it_is_old_or_the_clock_went_back() -> None:
    kept: Kept[int] = Kept()
    numbers = iter(range(9))
    for at, value in (
        (NOON, 0),
        (NOON + KEPT_FOR / 2, 0),
        (NOON + KEPT_FOR, 1),
        (NOON - timedelta(days=1), 2),
    ):
        with clock.fixed(at):
            assert kept.get("front", lambda: next(numbers)) == value


def test_a_flood_of_names_pushes_out_the_oldest_alone() -> None:
    kept: Kept[str] = Kept(2)
    made: list[str] = []

    def ask(name: str) -> None:
        kept.get(name, lambda: made.append(name) or name)

    with clock.fixed(NOON):
        for name in ("a", "b", "c", "b", "c", "a"):
            ask(name)
    assert made == ["a", "b", "c", "a"]


def test_what_could_not_be_made_is_not_kept() -> None:
    kept: Kept[str] = Kept()

    def fail() -> str:
        raise LookupError

    with clock.fixed(NOON):
        with pytest.raises(LookupError):
            kept.get("page", fail)
        assert kept.get("page", lambda: "there") == "there"
