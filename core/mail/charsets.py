"""Bytes of a mail to text: by what the mail says of them, by what stands near, and by the letters.

A declared charset is believed when it can be true. Unknown names, wrong names and bytes without any
are judged by how often letters and pairs of letters stand in Russian and Kazakh: general detectors
take short Russian texts for Greek or Hebrew. Nothing here raises. Pure.
"""

import codecs
import math
import re
from collections.abc import Iterable
from functools import cache
from types import MappingProxyType
from typing import Final

_CYRILLIC: Final = ("windows-1251", "koi8-r", "iso8859-5", "kz1048", "cp866", "mac-cyrillic")
"""In the order in which mail uses them; earlier ones win where the letters decide nothing."""

_WESTERN: Final = frozenset({"ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-8"})
"""What programs write that never asked which charset they have; the bytes may be anything."""

_NO_CHARSETS: Final = frozenset({"idna", "punycode", "undefined", "unicode_escape", "utf-7"})
_OTHER_NAMES: Final = MappingProxyType(
    {
        **dict.fromkeys(("win1251", "win-1251", "windows1251", "cp-1251", "x-cp1251"), "cp1251"),
        **dict.fromkeys(("ansi", "ansi-1251", "1251", "cyrillic-windows"), "cp1251"),
        **dict.fromkeys(("koi8", "koi8r", "koi-8", "koi-8-r", "koi8_r", "x-koi8-r"), "koi8-r"),
        **dict.fromkeys(("x-mac-cyrillic", "mac-cyrillic"), "mac-cyrillic"),
        **dict.fromkeys(("strk1048-2002", "rk1048", "kz-1048"), "kz1048"),
        **dict.fromkeys(("unicode", "utf", "utf8mb4", "unicode-utf-8"), "utf-8"),
        **dict.fromkeys(("dos-866", "ibm-866", "alt"), "cp866"),
    }
)
_OFTEN: Final = (
    "о110 е85 а80 и74 н67 т63 с55 р47 в45 л44 к35 м32 д30 п28 у26 я20 ы19 ь17 г17 з16 б16 ч14 й12"
    " х10 ж9 ш7 ю6 ц5 щ4 э3 ф3 ъ0.5 ё3 ә12 ғ8 қ16 ң8 ө6 ұ6 ү6 һ0.5 і25"
)
"""Of a thousand letters; the Kazakh ones as if a fifth of all mail were Kazakh."""

_LETTERS: Final = MappingProxyType(
    {entry[0]: math.log(float(entry[1:]) / 1000) for entry in _OFTEN.split()}
)
_PAIRS: Final = frozenset(
    [
        "ст",
        "но",
        "то",
        "на",
        "ен",
        "ов",
        "ни",
        "ра",
        "во",
        "ко",
        "по",
        "пр",
        "ро",
        "ли",
        "ре",
        "ер",
        "ет",
        "от",
        "ан",
        "ри",
        "не",
        "ка",
        "ть",
        "ос",
        "го",
        "ол",
        "ал",
        "ав",
        "ел",
        "ом",
        "ва",
        "да",
        "де",
        "ди",
        "до",
        "ес",
        "за",
        "ег",
        "ис",
        "ит",
        "ия",
        "ла",
        "ле",
        "ло",
        "ма",
        "ме",
        "ми",
        "мо",
        "му",
        "об",
        "од",
        "ог",
        "ор",
        "ою",
        "ру",
        "са",
        "се",
        "си",
        "ск",
        "та",
        "те",
        "ти",
        "тр",
        "уж",
        "ую",
        "чт",
        "че",
        "ше",
        "ый",
        "ын",
        "ің",
        "ар",
        "лы",
        "қа",
        "ған",
        "гу",
        "ду",
        "ед",
        "ив",
        "ил",
        "им",
        "ин",
        "ир",
        "их",
        "ча",
        "эт",
        "бы",
        "вы",
        "же",
    ]
)
_STRANGE: Final = math.log(0.00002)
_RARE: Final = math.log(0.0002)
_SHOUTED: Final = 0.7
_AGAINST_ORDER: Final = 0.01
_SURE: Final = 2.0
_ENOUGH: Final = 12
_JUDGED: Final = 4_000
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")


@cache
def charset_named(name: str) -> str | None:
    """The codec for a charset as a mail names it; None for names that nobody knows."""
    name = re.sub(r"[\s\"'<>;,]+", "", name.lower())[:40]
    try:
        found = codecs.lookup(_OTHER_NAMES.get(name, name)).name
        b"a".decode(found, "replace")  # compressions and ciphers are codecs too
    except (LookupError, ValueError, UnicodeError):
        return None
    except Exception:  # noqa: BLE001  # a codec of binary things fails in ways of its own
        return None
    return None if found in _NO_CHARSETS or "escape" in found else found


def to_text(content: bytes, *hints: str | None) -> str:
    """``content`` as text without control characters.

    ``hints`` are charset names in the order in which they are believed: the part's own, then what
    stands near it. None and names that nobody knows are passed over.
    """
    return tidy(_decoded(content, [hint for hint in map(_named, hints) if hint]))


def tidy(text: str) -> str:
    """``text`` with plain line ends and without signs that cannot be stored or shown."""
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _named(hint: str | None) -> str | None:
    return charset_named(hint) if hint else None


def _decoded(content: bytes, hints: list[str]) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if content.isascii() and not any(_is_shifted(hint) for hint in hints):
        return content.decode("ascii")
    for hint in hints:
        text = _strictly(content, hint)
        if text is not None and _may_be(content, text, hint):
            return text
    text = _strictly(content, "utf-8")
    if text is not None:
        return text
    judged = _judged(content, hints)
    return content.decode(judged, "replace")


def _is_shifted(charset: str) -> bool:
    """Whether ASCII bytes may mean other letters in it."""
    return charset.startswith(("iso2022", "hz", "utf-16", "utf-32"))


def _strictly(content: bytes, charset: str) -> str | None:
    if charset.startswith(("utf-16", "utf-32")) and b"\0" not in content:
        return None
    try:
        return content.decode(charset)
    except (UnicodeError, LookupError, ValueError):
        return None


def _may_be(content: bytes, text: str, charset: str) -> bool:
    """Whether a text that decodes is what was meant."""
    if charset == "utf-8" or not _has_one_byte_letters(charset):
        return True
    if charset in _WESTERN:
        # Western texts hold few letters beyond ASCII; Russian ones hold little else.
        high = sum(byte >= 0xC0 for byte in content)
        low = sum(65 <= byte & 0xDF <= 90 for byte in content)
        return high <= low // 2
    own = _likelihood(text)
    others = [_strictly(content, "utf-8"), content.decode(_judged(content, []), "replace")]
    # A utf-8 text read as another charset looks wild at once; one Cyrillic charset read as
    # another takes more letters to be sure about.
    return not any(
        other is not None
        and sum(map(str.isalpha, other)) >= enough
        and _likelihood(other) > own + _SURE
        for other, enough in zip(others, (2, _ENOUGH), strict=True)
    )


def _has_one_byte_letters(charset: str) -> bool:
    return charset.startswith(("cp125", "cp866", "koi8", "iso8859", "mac", "kz1048", "ascii"))


def _judged(content: bytes, hints: Iterable[str]) -> str:
    sample = content[:_JUDGED]
    ranked = []
    candidates = [hint for hint in hints if hint not in _WESTERN and _has_one_byte_letters(hint)]
    for place, charset in enumerate([*candidates, *_CYRILLIC]):
        text = sample.decode(charset, "replace")
        ranked.append((_likelihood(text) - place * _AGAINST_ORDER, -place, charset))
    best = max(ranked)
    western = sum(65 <= byte & 0xDF <= 90 for byte in sample)
    high = sum(byte >= 0x80 for byte in sample)
    # A Cyrillic reading of « café » or of noise is worse than none.
    return "cp1252" if best[0] < _RARE and western > high else best[2]


def _likelihood(text: str) -> float:
    """The mean over its signs beyond ASCII of how likely they are in Russian or Kazakh."""
    total, count, before = 0.0, 0, " "
    for sign in text[:_JUDGED]:
        if sign < "\x80":
            before = sign
            continue
        low = sign.lower()
        count += 1
        if low in _LETTERS:
            total += _LETTERS[low]
            if sign != low:
                total -= _SHOUTED
                if before.islower():
                    total -= 3
            if before.lower() + low in _PAIRS:
                total += 1
        else:
            total += _RARE if sign in "«»—–…№“”„‘’\u00a0•" else _STRANGE
        before = sign
    return total / count if count else 0.0
