"""What a text costs."""

import pytest

from core.messaging.sms_parts import is_seven_bit, parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a" * 160, 1, id="a * 160"),
        pytest.param("a" * 161, 2, id="a * 161"),
        pytest.param("[" * 80, 1, id="[ * 80"),
        pytest.param("[" * 80 + "a", 2, id="[ * 80 + a"),
        pytest.param("a" * 307, 3, id="a * 307"),
        pytest.param("я" * 70, 1, id="я * 70"),
        pytest.param("я" * 71, 2, id="я * 71"),
        pytest.param("я" * 134, 2, id="я * 134"),
        pytest.param("я" * 135, 3, id="я * 135"),
        pytest.param("a" * 70 + "ә", 2, id="a * 70 + ә"),
        pytest.param("😀" * 35, 1, id="😀 * 35"),
        pytest.param("😀" * 36, 2, id="😀 * 36"),
        pytest.param("", 1, id=""),
    ],
)
def test_parts_are_counted_as_the_networks_do(text: str, expected: int) -> None:
    assert parts(text) == expected


def test_the_seven_bit_alphabet_has_neither_cyrillic_nor_typographic_characters() -> None:
    assert is_seven_bit("Code 123456: [never] tell it, €5 @ ñ")
    for text in ("код", "ә", "–", "“", "`", "ç"):
        assert not is_seven_bit(text)
