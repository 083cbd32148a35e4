"""Words as search knows them: one stem for all the forms of a word, in Russian and in Kazakh.

Numbers and codes stay as they are. Letters are folded: case, ``ё`` = ``е``, compatibility forms.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import snowballstemmer

MAX_WORDS: Final = 5_000
_LONGEST: Final = 40
_SHORTEST: Final = 3
_WORD: Final = re.compile(r"\w+")
# Telephone numbers as people write them: +7 (701) 555-01-42.
_NUMBER: Final = re.compile(
    r"(?<!\d)(?:\+7|[78])[ ()\u00a0-]{0,2}(?:\d[ ()\u00a0-]{0,2}){9}\d(?!\d)"
)
_KAZAKH: Final = frozenset("әғқңөұүһі")
_CYRILLIC: Final = re.compile(r"[а-яәғқңөұүһі]+")

# Suffixes of Kazakh nouns and verbs.
_KINDS: Final = (
    # person of the predicate
    "мын мін пын пін бын бін сың сің сыз сіз мыз міз пыз піз быз біз",
    # case: of whom, whom, where, from where, with whom; after a possessive
    "ның нің дың дің тың тің ды ді ты ті ны ні ға ге қа ке на не да де та те нда нде"
    " дан ден тан тен нан нен мен бен пен ын ін сын сін",
    # whose
    "ымыз іміз ыңыз іңіз ңыз ңіз сы сі ым ім ың ің ы і м ң",
    # many
    "лар лер дар дер тар тер",
    # verbs: time, participle, infinitive
    "ады еді йды йді ған ген қан кен атын етін йтын йтін са се у ып іп а е й",
)
_SUFFIXES: Final = sorted({suffix for kind in _KINDS for suffix in kind.split()}, key=len)[::-1]
# A last sound as it is before a consonant: кітабы is of кітап.
_VOICELESS: Final = {"б": "п", "г": "к", "ғ": "қ"}


def fold(text: str) -> str:
    """``text`` with the letters that search takes for equal made equal."""
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")


def stems(text: str) -> frozenset[str]:
    """Every stem of a text, the first 5,000 words of it; numbers also without their spaces."""
    found: set[str] = set()
    for group in groups(text):
        found |= group
    return frozenset(found)


def groups(text: str) -> list[frozenset[str]]:
    """For each word the stems under which it may stand: a word without Kazakh letters can be of
    either language.
    """
    folded = fold(text)
    written = [_digits(number) for number in _NUMBER.findall(folded)]
    words = _WORD.findall(_NUMBER.sub(" ", folded))[:MAX_WORDS]
    return [*(_stems_of(word[:_LONGEST]) for word in words), *map(frozenset, zip(written))]


def _digits(number: str) -> str:
    """The digits of a number; a domestic eight in front of a mobile number is read as seven."""
    return "7" + "".join(sign for sign in number if sign.isdigit())[1:]


@lru_cache(maxsize=50_000)
def _stems_of(word: str) -> frozenset[str]:
    if not _CYRILLIC.fullmatch(word):
        return frozenset({word})
    kazakh = kazakh_stem(word)
    return frozenset({kazakh} if _KAZAKH & set(word) else {kazakh, russian_stem(word)})


def russian_stem(word: str) -> str:
    """The stem of a folded Russian word: ``увольнения`` → ``увольнен``."""
    # A stemmer keeps its place in the word: one for all threads would mix words up.
    stem: str = snowballstemmer.stemmer("russian").stemWord(word)
    return stem


def kazakh_stem(word: str) -> str:
    """The stem of a folded Kazakh word: ``бастықтарының`` → ``бастық``.

    Suffixes are taken off, the longest first, while three letters are left and until none fits:
    then the stem of a stem is itself, and a form meets the word that it is made of.
    """
    while (shorter := _without_suffix(word)) != word:
        word = shorter
    return word[:-1] + _VOICELESS.get(word[-1], word[-1])


def _without_suffix(word: str) -> str:
    for suffix in _SUFFIXES:
        rest = word.removesuffix(suffix)
        # In жұмысы and дауысы the с is the word's own.
        own = suffix[0] == "с" and rest[-1:] in {"ы", "і"}
        if rest != word and len(rest) >= _SHORTEST and not own:
            return rest
    return word
