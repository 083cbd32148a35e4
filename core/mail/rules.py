"""The words of incoming mail, and what a mail is once it has been read. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

LARGEST: Final = 25 * 1024 * 1024
"""Bytes of a mail that is read; a larger one waits for a person."""

DEEPEST: Final = 5
MOST_PARTS: Final = 200
LONGEST_TEXT: Final = 200_000
"""Characters of text that are taken from a mail; its bytes are kept whole."""


class Fate(StrEnum):
    """What became of a mail that was stored."""

    WAITING = "waiting"
    TO_SORT = "to_sort"
    NEW_CASE = "new_case"
    ADDED_TO_CASE = "added_to_case"
    AUTOMATIC = "automatic"
    NOT_FOR_US = "not_for_us"
    SPAM = "spam"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class Fault(StrEnum):
    """Why a mail could not be filed and waits for a person."""

    TOO_LARGE = "too_large"
    BROKE_OFF = "broke_off"
    NOT_FILED = "not_filed"


class Tie(StrEnum):
    """What ties a mail to a case there is; only `PROVED` files it there unasked."""

    PROVED = "proved"
    ANSWER_OF_ANOTHER = "answer_of_another"
    NUMBER_IN_SUBJECT = "number_in_subject"
    SENDER = "sender"


class MailRefusal(StrEnum):
    """Why something could not be done with a mail."""

    NO_SUCH_MAIL = "no_such_mail"
    NOT_IN_QUARANTINE = "not_in_quarantine"
    STILL_UNREADABLE = "still_unreadable"
    DISCARD_REASON_MISSING = "discard_reason_missing"
    MAIL_TEXT_MISSING = "mail_text_missing"
    MAIL_FILE_UNREADABLE = "mail_file_unreadable"


class Mark(StrEnum):
    """What somebody who reads a mail should know about it."""

    POSSIBLE_COPY = "possible_copy"
    MANY_FROM_SENDER = "many_from_sender"
    FILES_LEFT_OUT = "files_left_out"
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
