"""Receipt codes and case numbers."""

from hypothesis import given
from hypothesis import strategies as st

from core.cases.receipts import (
    ALPHABET,
    ReceiptCode,
    new_number,
    parse_number,
    spelled_number,
)

CODES = st.binary(min_size=10, max_size=32).map(ReceiptCode.from_random)


@given(CODES)
def test_a_code_is_read_back_however_it_is_typed(code: ReceiptCode) -> None:
    for typed in (code.spelled, code.signs.lower(), f"  {code.spelled.replace('-', ' ')}\n"):
        assert ReceiptCode.parse(typed) == code


@given(CODES)
def test_cyrillic_look_alikes_and_o_for_zero_are_read_as_meant(code: ReceiptCode) -> None:
    typed = code.spelled.translate(str.maketrans("ABEKMHPCTXY01", "АВЕКМНРСТХУOI"))
    assert ReceiptCode.parse(typed) == code


@given(CODES, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_one_wrong_sign_is_always_noticed(code: ReceiptCode, place: int, sign: str) -> None:
    wrong = code.signs[:place] + sign + code.signs[place + 1 :]
    assert wrong == code.signs or ReceiptCode.parse(wrong) is None


@given(CODES, st.integers(0, 14))
def test_two_neighbours_changed_about_are_always_noticed(code: ReceiptCode, place: int) -> None:
    signs = code.signs
    wrong = signs[:place] + signs[place + 1] + signs[place] + signs[place + 2 :]
    assert wrong == signs or ReceiptCode.parse(wrong) is None


def test_a_code_holds_seventy_five_bits() -> None:
    lowest = ReceiptCode.from_random(bytes(10))
    highest = ReceiptCode.from_random(b"\xff" * 10)
    assert lowest.signs[:15] == "0" * 15
    assert highest.signs[:15] == "Z" * 15
    # The five bits beyond the 75 don't change it, the lowest of the 75 does.
    assert ReceiptCode.from_random(bytes(9) + b"\x1f") == lowest
    assert ReceiptCode.from_random(bytes(9) + b"\x20") != lowest


@given(CODES)
def test_a_code_never_shows_itself_by_accident(code: ReceiptCode) -> None:
    assert code.signs not in f"{code} {code!r} {[code]}"
    assert code.spelled not in f"{code} {code!r}"


@given(st.text(max_size=80))
def test_whatever_is_typed_is_a_code_or_nothing(typed: str) -> None:
    parsed = ReceiptCode.parse(typed)
    assert parsed is None or len(parsed.signs) == 16


def test_numbers_are_random_and_read_back() -> None:
    numbers = {new_number() for _ in range(500)}
    assert len(numbers) == 500
    for number in numbers:
        assert parse_number(spelled_number(number).lower()) == number
    assert parse_number("0000-0001") is None
