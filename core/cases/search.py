"""Searching the texts of cases, which are encrypted: an index of keyed stems.

A stem stands in the index as 63 bits of its HMAC, so that a copy of the database tells no story
(how often a word stands in how many cases it does tell). Rows go when the case's key is destroyed
(`ciphers.destroy_text_key`).
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, and_, exists
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from core.cases.ciphers import digest
from core.cases.models import Case, CaseWord
from core.cases.stems import groups, stems
from core.database import is_sqlite

RARE: Final = 1_000
MAX_WORDS_ASKED: Final = 12


def word_key(stem: str) -> int:
    """What the index holds of a stem: 63 bits, because both engines count in signed 64."""
    return int.from_bytes(digest("word", stem)[:8], "big") >> 1


def index_text(session: Session, case_id: int, text: str | None) -> None:
    """Make a case findable by the words of one of its texts; words that it has stay once."""
    rows = [{"word": word_key(stem), "case_id": case_id} for stem in sorted(stems(text or ""))]
    if rows:
        insert = sqlite.insert if is_sqlite(session) else postgresql.insert
        session.execute(insert(CaseWord).on_conflict_do_nothing(), rows)


def has_words(session: Session, text: str) -> ColumnElement[bool] | None:
    """The condition on `Case` that its texts hold every word of ``text``; None without a word.

    A word that stands in few cases is looked up first, and its cases are all that is asked about
    the others; where every word is common, the newest cases that have them are found soon.
    """
    asked = [[word_key(stem) for stem in sorted(group)] for group in groups(text)]
    if not asked:
        return None
    asked = asked[:MAX_WORDS_ASKED]
    rare = min((_cases_with(session, keys) for keys in asked), key=len)
    if len(rare) <= RARE:
        return and_(col(Case.id).in_(rare), *(_has(keys) for keys in asked if len(asked) > 1))
    return and_(*(_has(keys) for keys in asked))


def _cases_with(session: Session, keys: Sequence[int]) -> Sequence[int]:
    """Cases with one of the words: all of them, or one more than are rare."""
    return session.exec(
        select(CaseWord.case_id).where(col(CaseWord.word).in_(keys)).distinct().limit(RARE + 1)
    ).all()


def _has(keys: Sequence[int]) -> ColumnElement[bool]:
    return exists(
        select(CaseWord.case_id).where(
            col(CaseWord.case_id) == col(Case.id), col(CaseWord.word).in_(keys)
        )
    )
