"""Names as keys: one key for the Russian, Kazakh and Latin spelling of the same name.

Used for conflicts of interest, where a missed name is worse than a needless one: the keys are
coarse on purpose.
"""

import unicodedata
from itertools import combinations
from typing import Final

MAX_WORDS: Final = 5

_CYRILLIC: Final = str.maketrans(
    {
        **dict(zip("абвгдезийклмнопрстуфхыэ", "abvgdeziiklmnoprstufhie", strict=True)),
        **dict(zip("әғқңөұүһіё", "agknouuhie", strict=True)),
        **{"ж": "j", "ц": "c", "ч": "ch", "ш": "sh", "щ": "sh", "ю": "iu", "я": "ia"},
        **{"ь": "", "ъ": ""},
    }
)
# Latin habits folded onto one: the longer ones first.
_LATIN: Final = (
    *(("shch", "sh"), ("sch", "sh"), ("zh", "j"), ("kh", "h"), ("gh", "g"), ("ph", "f")),
    *(("ts", "c"), ("tz", "c"), ("dj", "j"), ("dzh", "j"), ("x", "ks"), ("q", "k"), ("w", "v")),
    *(("y", "i"), ("ie", "e"), ("io", "e"), ("ae", "a")),
)


def words_of(name: str) -> tuple[str, ...]:
    """The folded words of a name, sorted, at most five: ``Жұмабаев Әли`` = ``Ali Zhumabayev``."""
    text = unicodedata.normalize("NFKC", name[:400]).casefold().translate(_CYRILLIC)
    plain = unicodedata.normalize("NFD", text)
    letters = "".join(c if c.isalpha() else " " for c in plain if not unicodedata.combining(c))
    return tuple(sorted({_fold(word) for word in letters.split()} - {""}))[:MAX_WORDS]


def _fold(word: str) -> str:
    for long, short in _LATIN:
        word = word.replace(long, short)
    return "".join(
        letter for place, letter in enumerate(word) if not place or word[place - 1] != letter
    )


def whole_key(name: str) -> str:
    """One key of everything that stands in the name."""
    return " ".join(words_of(name))


def part_keys(name: str) -> frozenset[str]:
    """Every key under which somebody of this name can be meant.

    Each choice of one or more of the words, and each word as a surname with the others as
    initials. A person is named when the whole key of one side is a part key of the other.
    """
    words = words_of(name)
    keys = {
        " ".join(choice)
        for size in range(1, len(words) + 1)
        for choice in combinations(words, size)
    }
    for surname in words:
        initials = [word[0] for word in words if word != surname]
        for size in range(1, len(initials) + 1):
            keys |= {
                " ".join(sorted({surname, *choice})) for choice in combinations(initials, size)
            }
    return frozenset(key for key in keys if len(key) > 1)


def same_person(one: str, other: str) -> bool:
    """Whether two written names can mean one person."""
    first, second = whole_key(one), whole_key(other)
    return bool(first and second) and (first in part_keys(other) or second in part_keys(one))
