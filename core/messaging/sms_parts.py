"""How a text becomes short messages: which alphabet it needs, and how many parts it costs. Pure.

3GPP TS 23.038 and 23.040: 160 characters of the seven-bit alphabet fit into one part, 70 of UCS-2
(which Russian and Kazakh need); a longer text is cut into parts of 153 or 67.
"""

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
"""These take two places of the seven-bit alphabet."""


def is_seven_bit(text: str) -> bool:
    """Whether the seven-bit alphabet has every character of ``text``."""
    return set(text) <= _BASIC | _EXTENDED


def parts(text: str) -> int:
    """How many messages are paid for ``text``."""
    if is_seven_bit(text):
        length, single, several = len(text) + sum(text.count(c) for c in _EXTENDED), 160, 153
    else:
        length, single, several = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= single else -(-length // several)
