"""The vectors, and the laws behind them; a column of values is judged as each value alone."""

import csv
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refused
from core.membership.register_checks import fold_names, iin_checks, mobile_e164
from core.membership.rules import (
    MOBILE_BLANKS,
    FreezePeriod,
    FreezeState,
    Iin,
    MembershipRefusal,
    Mobile,
    check_digit,
    check_freeze,
    end_of,
    full_name,
    iin_contradicts,
    iin_refusal,
    last_day_of,
    normalise_name,
    parse_mobile,
    start_of,
)

DATA = Path(__file__).parent / "data"
ALMATY = ZoneInfo("Asia/Almaty")
NOW = datetime(2020, 9, 10, tzinfo=UTC)


def _vectors(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


IINS = _vectors("iin_vectors.csv")
PHONES = _vectors("phone_vectors.csv")


@pytest.mark.parametrize("vector", IINS, ids=lambda vector: vector["note"][:40])
def test_an_iin_is_one_by_the_hard_rule_alone(vector: dict[str, str]) -> None:
    assert (iin_refusal(vector["iin"]) is None) == (vector["valid"] == "true")


@pytest.mark.parametrize("vector", IINS, ids=lambda vector: vector["note"][:40])
def test_a_column_of_iins_is_judged_the_same(vector: dict[str, str]) -> None:
    column = pl.DataFrame({"iin": [vector["iin"]]})
    twelve = pl.col("iin").str.contains(r"^[0-9]{12}$")
    judged = column.select(twelve & iin_checks("iin")).item()
    assert judged == (vector["valid"] == "true")


def test_twelve_zeros_are_nobodys_iin() -> None:
    assert iin_refusal("0" * 12) is MembershipRefusal.IIN_CHECK_DIGIT
    assert not pl.DataFrame({"iin": ["0" * 12]}).select(iin_checks("iin")).item()


@given(st.lists(st.from_regex(r"[0-9]{12}", fullmatch=True), min_size=1, max_size=200))
def test_check_digits_of_a_column_follow_the_same_law(iins: list[str]) -> None:
    judged = pl.DataFrame({"iin": iins}).select(iin_checks("iin"))["iin"].to_list()
    assert judged == [iin_refusal(iin) is None for iin in iins]


@given(st.from_regex(r"[0-9]{11}", fullmatch=True))
def test_at_most_one_twelfth_digit_makes_an_iin(first: str) -> None:
    fitting = [digit for digit in range(10) if iin_refusal(f"{first}{digit}") is None]
    expected = check_digit(first)
    zeros = first == "0" * 11
    assert fitting == ([] if expected is None or zeros else [expected])


def test_birthday_and_century_in_the_iin_only_warn() -> None:
    assert not iin_contradicts("850101312049", date(1985, 1, 1))
    assert iin_contradicts("850101312049", date(1985, 1, 2))
    assert iin_contradicts("020515579378", date(1902, 5, 15))
    assert not iin_contradicts("850101001004", date(1985, 1, 1))


def test_dangerous_values_mask_themselves() -> None:
    assert str(Iin.parse(" 850101312049\t")) == "850101******"
    assert "312049" not in repr(Iin.parse("850101312049"))
    assert "5014" not in f"{Mobile.parse('8 701 555 01 42')!r}"


@pytest.mark.parametrize("vector", PHONES, ids=lambda vector: vector["note"][:40])
def test_a_mobile_number_is_what_a_kazakh_subscriber_has(vector: dict[str, str]) -> None:
    if vector["accepted_as_voter_mobile"] == "true":
        assert Mobile.parse(vector["raw"]).e164 == vector["e164"]
    else:
        with pytest.raises(Refused):
            Mobile.parse(vector["raw"])


@pytest.mark.parametrize("vector", PHONES, ids=lambda vector: vector["note"][:40])
def test_the_pattern_for_columns_accepts_nothing_else(vector: dict[str, str]) -> None:
    found = pl.DataFrame({"raw": [vector["raw"]]}).select(mobile_e164("raw")).item()
    assert found in {None, parse_mobile(vector["raw"])[0]}


def test_the_pattern_for_columns_equals_the_metadata_it_was_made_from() -> None:
    """All three-digit codes, in four spellings, and a digit too many or too few."""
    digits = random.Random(1)
    written = [
        f"{head}{code:03}{digits.randrange(10**length):0{length}}"
        for code in range(1000)
        for length in (6, 7, 8)
        for head in ("+7", "8", "7", "")
    ]
    found = pl.DataFrame({"raw": written}).select(mobile_e164("raw"))["raw"].to_list()
    asked = [parse_mobile(raw)[0] for raw in written]
    assert all(number in {None, known} for number, known in zip(found, asked, strict=True))
    # Whatever has the usual ten digits is found: only odder spellings have to be asked for.
    missed = [
        raw
        for raw, number, known in zip(written, found, asked, strict=True)
        if known and number is None and len(raw.removeprefix("+7").removeprefix("8")) == 10
    ]
    assert not missed
    assert sum(map(bool, found)) > 50


_BLANKS = [" ", "-", "(", ")", "\u00a0", ""]


@settings(max_examples=300)
@given(
    st.sampled_from(["+7", "8", "7", ""]),
    st.sampled_from(["701", "747", "785", "709", "727", "800"]),
    st.lists(st.sampled_from(_BLANKS), min_size=11, max_size=11),
    st.from_regex(r"[0-9]{7}", fullmatch=True),
)
def test_blanks_between_the_digits_change_nothing(
    head: str, code: str, blanks: list[str], rest: str
) -> None:
    body = "".join(map("".join, zip(f"{code}{rest}", blanks, strict=False)))
    raw = head + blanks[10] + body
    found = pl.DataFrame({"raw": [raw]}).select(mobile_e164("raw")).item()
    assert found is None or found == parse_mobile(raw)[0]
    assert MOBILE_BLANKS.startswith("[")


@pytest.mark.parametrize(
    ("kazakh", "other"),
    [
        ("Нұрсұлтан Әбішұлы", "Нурсултан Абишулы"),
        ("Қайрат Сәтбаев", "Kairat Satbaev"),
        ("Жұмабек Қожахметов", "Zhumabek Kozhakhmetov"),
        ("Щербаков-Семёнов", "shcherbakov semenov"),
        ("ӨМІРБЕК", "омирбек"),
    ],
)
def test_a_name_is_one_however_it_is_typed(kazakh: str, other: str) -> None:
    assert normalise_name(kazakh) == normalise_name(other)


_NAMES = st.text(
    st.sampled_from("аәбвгғеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя АӘҒИ abcdehksxyzq-'’.,ŞİğI\u0306"),
    max_size=12,
)


@settings(max_examples=300)
@given(_NAMES, _NAMES, _NAMES)
def test_a_column_of_names_is_folded_as_each_name(last: str, first: str, middle: str) -> None:
    table = pl.DataFrame({"last_name": [last], "first_name": [first], "middle_name": [middle]})
    alone = normalise_name(f"{last} {first} {middle}")
    assert table.select(fold_names()).item() == alone
    assert normalise_name(full_name(last, first, middle)) == alone


def test_a_freeze_is_in_force_from_its_first_instant_to_before_its_last() -> None:
    period = FreezePeriod(NOW, NOW + timedelta(days=1))
    tick = timedelta(microseconds=1)
    assert period.state(NOW - tick) is FreezeState.PLANNED
    assert period.state(NOW) is FreezeState.IN_FORCE
    assert period.state(period.end - tick) is FreezeState.IN_FORCE
    assert period.state(period.end) is FreezeState.OVER


def test_a_bare_date_as_an_end_means_the_end_of_that_day_in_the_zone() -> None:
    end = end_of(date(2020, 10, 4), ALMATY)
    assert end == datetime(2020, 10, 4, 18, tzinfo=UTC)
    assert start_of(date(2020, 9, 11), ALMATY) == datetime(2020, 9, 10, 18, tzinfo=UTC)
    assert last_day_of(end, ALMATY) == date(2020, 10, 4)


@pytest.mark.parametrize(
    ("start", "end", "floor", "code"),
    [
        (-1, 10, None, MembershipRefusal.FREEZE_IN_PAST),
        (1, 1, None, MembershipRefusal.FREEZE_EMPTY),
        (1, 10, 11, MembershipRefusal.FREEZE_END_BEFORE_FLOOR),
        (40, 60, 11, MembershipRefusal.FREEZE_OVERLAPS),
    ],
)
def test_a_freeze_that_breaks_a_rule_is_refused(
    start: int, end: int, floor: int | None, code: MembershipRefusal
) -> None:
    hours = timedelta(hours=1)
    with pytest.raises(Refused) as refused:
        check_freeze(
            FreezePeriod(NOW + start * hours, NOW + end * hours),
            now=NOW,
            floor=NOW + floor * hours if floor else None,
            others=[FreezePeriod(NOW + 50 * hours, NOW + 51 * hours)],
        )
    assert refused.value.code is code
