"""The words of incoming mail, and what a mail is once it has been read. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

DEEPEST: Final = 5
MOST_PARTS: Final = 200
LONGEST_TEXT: Final = 200_000
"""Characters of text that are taken from a mail; its bytes are kept whole."""


class Mark(StrEnum):
    """What somebody who reads a mail should know about it."""

    DAMAGED = "damaged"
    CUT = "cut"
    ENCRYPTED = "encrypted"
    SIGNED = "signed"
    TWO_SENDERS = "two_senders"
    NO_SENDER = "no_sender"


class AutoSign(StrEnum):
    """By what a mail is known to come from a machine: it is kept, and never answered."""

    AUTO_SUBMITTED = "auto_submitted"
    PRECEDENCE = "precedence"
    MAILING_LIST = "mailing_list"
    EMPTY_RETURN_PATH = "empty_return_path"
    REPORT = "report"
    MAILER = "mailer"


class Language(StrEnum):
    """The language of a mail, by its letters."""

    RUSSIAN = "ru"
    KAZAKH = "kk"
    ENGLISH = "en"


@dataclass(frozen=True)
class Attachment:
    """A file that came with a mail; the name is as the sender gave it."""

    name: str
    kind: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail that was read. ``text`` are the sender's own words, ``quoted`` what they answer."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    quoted: str = field(repr=False)
    sender: str | None = field(repr=False)
    sender_name: str = field(repr=False)
    sent_at: datetime | None
    message_id: str | None
    answers: Sequence[str]
    """The message ids it refers to, the nearest first."""
    language: Language
    attachments: Sequence[Attachment]
    signs: frozenset[AutoSign]
    marks: frozenset[Mark]
    headers: Mapping[str, str] = field(repr=False)

    @property
    def is_automatic(self) -> bool:
        """Whether a machine wrote it."""
        return bool(self.signs)


def language_of(text: str) -> Language:
    """Kazakh by its own letters, Russian by Cyrillic ones, English otherwise; Russian for none."""
    low = text[:20_000].lower()
    cyrillic = sum("а" <= sign <= "я" or sign == "ё" for sign in low)
    own = sum(sign in "әғқңөұүһі" for sign in low)
    latin = sum("a" <= sign <= "z" for sign in low)
    if own * 30 > cyrillic + own:
        return Language.KAZAKH
    return Language.ENGLISH if latin > 2 * (cyrillic + own) else Language.RUSSIAN
