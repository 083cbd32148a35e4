"""Receipt codes and case numbers: unguessable, and readable aloud in any of our languages.

The alphabet of 32 signs leaves out I, L, O and U. A code holds 75 bits in fifteen signs and a check
sign over GF(32), which finds every wrong sign and every pair of neighbours changed about.
"""

import secrets
from dataclasses import dataclass
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_SIGNS: Final = 16
NUMBER_SIGNS: Final = 8
_GROUP: Final = 4
_VALUES: Final = {sign: value for value, sign in enumerate(ALPHABET)}
# What people type for a sign: look-alikes of both alphabets.
_READ_AS: Final = str.maketrans("OILАВЕКМНОРСТХУ", "011ABEKMH0PCTXY")


def _times_x(value: int) -> int:
    value <<= 1
    return value ^ 0b100101 if value & 32 else value


def _check_sign(signs: str) -> str:
    total = 0
    for sign in signs:
        total = _times_x(total ^ _VALUES[sign])
    return ALPHABET[total]


def _fold(raw: str) -> str:
    kept = "".join(sign for sign in raw.upper() if sign.isalnum())
    return kept.translate(_READ_AS)


def _valid(signs: str, length: int) -> bool:
    return (
        len(signs) == length
        and all(sign in _VALUES for sign in signs)
        and _check_sign(signs[:-1]) == signs[-1]
    )


def _encode(value: int, length: int) -> str:
    return "".join(ALPHABET[value >> 5 * place & 31] for place in reversed(range(length)))


@dataclass(frozen=True)
class ReceiptCode:
    """The secret with which a complainant follows a case. ``str()`` is masked; ``.signs`` is it."""

    signs: str

    def __str__(self) -> str:
        return "****-****-****-****"

    __repr__ = __str__

    @property
    def spelled(self) -> str:
        """In four groups, to be read out."""
        return "-".join(self.signs[i : i + _GROUP] for i in range(0, CODE_SIGNS, _GROUP))

    @classmethod
    def from_random(cls, random: bytes) -> "ReceiptCode":
        """The code of at least ten random bytes (75 bits are used)."""
        body = _encode(int.from_bytes(random[:10], "big") >> 5, CODE_SIGNS - 1)
        return cls(body + _check_sign(body))

    @classmethod
    def parse(cls, raw: str) -> "ReceiptCode | None":
        """The code somebody typed, or None when its length, a sign or the check sign is wrong.

        Case, spaces, dashes and look-alikes (O and 0, Cyrillic and Latin А) don't matter.
        """
        signs = _fold(raw[:64])
        return cls(signs) if _valid(signs, CODE_SIGNS) else None


def new_number() -> str:
    """A random case number of eight signs, the last a check sign: nobody learns from it how many
    cases there are.
    """
    body = _encode(secrets.randbits(5 * (NUMBER_SIGNS - 1)), NUMBER_SIGNS - 1)
    return body + _check_sign(body)


def parse_number(raw: str) -> str | None:
    """The case number somebody typed, or None when it can't be one."""
    signs = _fold(raw[:64])
    return signs if _valid(signs, NUMBER_SIGNS) else None


def read_signs(raw: str) -> str | None:
    """The signs that somebody typed of a number or code, or None when one is no sign of ours."""
    signs = _fold(raw[:64])
    return signs if signs and all(sign in _VALUES for sign in signs) else None


def spelled_number(number: str) -> str:
    """A case number in two groups."""
    return f"{number[:_GROUP]}-{number[_GROUP:]}"
