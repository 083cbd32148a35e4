"""Numbers that name a person, how names are found, and when nobody may be admitted. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers

from core.errors import Refused

COLUMNS: Final = (
    "iin",
    "last_name",
    "first_name",
    "middle_name",
    "birth_date",
    "mobile",
    "place_code",
    "branch",
    "admitted_on",
    "status",
)
"""The columns of a register file, in the order in which members are kept."""

EARLIEST_BIRTH: Final = date(1900, 1, 1)
LONGEST_TEXT: Final = 200


class MembershipRefusal(StrEnum):
    """Why an act on the register was refused, or a row of a file."""

    IIN_EMPTY = "iin_empty"
    IIN_LENGTH = "iin_length"
    IIN_NOT_DIGITS = "iin_not_digits"
    IIN_CHECK_DIGIT = "iin_check_digit"
    IIN_TWICE_IN_FILE = "iin_twice_in_file"
    MOBILE_EMPTY = "mobile_empty"
    MOBILE_UNREADABLE = "mobile_unreadable"
    MOBILE_EXTENSION = "mobile_extension"
    MOBILE_NOT_KZ = "mobile_not_kz"
    MOBILE_NOT_MOBILE = "mobile_not_mobile"
    NAME_MISSING = "name_missing"
    TEXT_MALFORMED = "text_malformed"
    DATE_MALFORMED = "date_malformed"
    BIRTH_DATE_IMPLAUSIBLE = "birth_date_implausible"
    ADMITTED_BEFORE_BIRTH = "admitted_before_birth"
    ADMITTED_IN_FUTURE = "admitted_in_future"
    STATUS_UNKNOWN = "status_unknown"
    PLACE_UNKNOWN = "place_unknown"
    PLACE_NOT_YOURS = "place_not_yours"
    CELLS_TOO_MANY = "cells_too_many"
    FILE_EMPTY = "file_empty"
    FILE_UNREADABLE = "file_unreadable"
    COLUMNS_MISSING = "columns_missing"
    COLUMN_TWICE = "column_twice"
    IMPORT_RUNNING = "import_running"
    ADMISSION_FROZEN = "admission_frozen"
    MEMBER_UNKNOWN = "member_unknown"
    MEMBER_ACTIVE = "member_active"
    MEMBER_NOT_ACTIVE = "member_not_active"
    DECISION_MISSING = "decision_missing"
    REASON_MISSING = "reason_missing"
    APPLICATION_UNKNOWN = "application_unknown"
    APPLICATION_DECIDED = "application_decided"
    APPLICATION_WAITING = "application_waiting"
    FREEZE_IN_PAST = "freeze_in_past"
    FREEZE_EMPTY = "freeze_empty"
    FREEZE_OVERLAPS = "freeze_overlaps"
    FREEZE_UNKNOWN = "freeze_unknown"
    FREEZE_OVER = "freeze_over"
    FREEZE_END_BEFORE_FLOOR = "freeze_end_before_floor"
    FREEZE_END_NOT_LATER = "freeze_end_not_later"
    FREEZE_NEEDS_TWO = "freeze_needs_two"


class RegisterWarning(StrEnum):
    """What a row of a file deserves a look for; such a row is taken in all the same."""

    IIN_BIRTH_DATE = "iin_birth_date"
    MOBILE_SHARED = "mobile_shared"


class MemberStatus(StrEnum):
    """Whether somebody belongs to the party now."""

    ACTIVE = "active"
    EXCLUDED = "excluded"
    WITHDRAWN = "withdrawn"


class MembershipActKind(StrEnum):
    """A single decision about one membership; imports are listed as runs instead."""

    ADMITTED = "admitted"
    RESTORED = "restored"
    ANNULLED = "annulled"


class ApplicationStatus(StrEnum):
    """What became of somebody's wish to become a member."""

    WAITING = "waiting"
    ADMITTED = "admitted"
    DECLINED = "declined"


class FreezeActKind(StrEnum):
    """An act on an admission freeze."""

    FROZEN = "frozen"
    EXTENDED = "extended"
    SHIFTED = "shifted"
    LIFTED = "lifted"


class FreezeState(StrEnum):
    """Where a freeze stands at an instant."""

    PLANNED = "planned"
    IN_FORCE = "in_force"
    OVER = "over"


class ImportPhase(StrEnum):
    """What an import is doing."""

    READING = "reading"
    CHECKING = "checking"
    MERGING = "merging"


# --- IIN -----------------------------------------------------------------------------------------

IIN_WEIGHTS: Final = (
    (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2),
)
NO_ONES_IIN: Final = "0" * 12
SPACES: Final = " \t\u00a0"
"""What is forgiven around a value: people paste numbers with it."""

_IIN: Final = re.compile(r"[0-9]{12}")


def check_digit(first_eleven: str) -> int | None:
    """The twelfth digit of an IIN, or None when such a number is never issued.

    The state's rule: weights 1…11 modulo 11; when that gives 10, weights 3…11, 1, 2; when that
    gives 10 again, there is none.
    """
    digits = [ord(digit) - ord("0") for digit in first_eleven]
    for weights in IIN_WEIGHTS:
        remainder = sum(map(int.__mul__, digits, weights)) % 11
        if remainder < 10:
            return remainder
    return None


def iin_refusal(text: str) -> MembershipRefusal | None:
    """Why ``text`` is no IIN, or None if it is one: 12 ASCII digits, the check digit, not zeros."""
    if not text:
        return MembershipRefusal.IIN_EMPTY
    if not _IIN.fullmatch(text):
        plain = text.isascii() and text.isdigit()
        return MembershipRefusal.IIN_LENGTH if plain else MembershipRefusal.IIN_NOT_DIGITS
    if text == NO_ONES_IIN or check_digit(text[:11]) != int(text[11]):
        return MembershipRefusal.IIN_CHECK_DIGIT
    return None


@dataclass(frozen=True, slots=True)
class Iin:
    """A person's 12-digit number. ``str`` and ``repr`` show it masked; ``digits`` is the number."""

    digits: str

    @classmethod
    def parse(cls, text: str) -> "Iin":
        """The IIN in ``text`` (spaces around it are forgiven); refused with the rule it breaks."""
        stripped = text.strip(SPACES)
        refusal = iin_refusal(stripped)
        if refusal is not None:
            raise Refused(refusal)
        return cls(stripped)

    def __str__(self) -> str:
        return f"{self.digits[:6]}******"

    __repr__ = __str__


# The seventh digit names a century; 0 leaves it open. The binding to birthdays was abolished in
# 2013, so a mismatch is worth a look and nothing more.
CENTURY_OF_DIGIT: Final = {"1": 18, "2": 18, "3": 19, "4": 19, "5": 20, "6": 20}


def iin_contradicts(iin: str, birth_date: date) -> bool:
    """Whether the digits of an IIN speak of another birthday than the register does."""
    century = CENTURY_OF_DIGIT.get(iin[6], birth_date.year // 100)
    return iin[:6] != birth_date.strftime("%y%m%d") or century != birth_date.year // 100


# --- Mobile number -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mobile:
    """A Kazakh mobile number. ``str`` and ``repr`` show it masked; ``e164`` is the number."""

    e164: str

    @classmethod
    def parse(cls, text: str) -> "Mobile":
        """The mobile number in ``text``, as people write it; refused with the rule it breaks."""
        usual = (
            _usual_mobile().fullmatch(re.sub(MOBILE_BLANKS, "", text)) if text.isascii() else None
        )
        if usual is not None:
            return cls(f"+7{usual[1]}")
        e164, refusal = parse_mobile(text)
        if refusal is not None:
            raise Refused(refusal)
        return cls(e164)

    def __str__(self) -> str:
        return f"{self.e164[:5]}*****{self.e164[-2:]}"

    __repr__ = __str__


@lru_cache(maxsize=4096)
def parse_mobile(text: str) -> tuple[str, MembershipRefusal | None]:
    """E.164 and None, or an empty text and why it is no Kazakh mobile number."""
    if not text.strip():
        return "", MembershipRefusal.MOBILE_EMPTY
    try:
        number = phonenumbers.parse(text, "KZ")
    except phonenumbers.NumberParseException:
        return "", MembershipRefusal.MOBILE_UNREADABLE
    if number.extension:
        return "", MembershipRefusal.MOBILE_EXTENSION
    if not phonenumbers.is_valid_number_for_region(number, "KZ"):
        return "", MembershipRefusal.MOBILE_NOT_KZ
    if phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.MOBILE:
        return "", MembershipRefusal.MOBILE_NOT_MOBILE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def mobile_pattern() -> str:
    """A pattern of the usual spellings; its group 1 is the national number, blanks apart.

    Made from the same metadata that `parse_mobile` asks, for files of 835,000 rows: what it finds
    is a mobile number, what it doesn't find must be asked of `parse_mobile`.
    """
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("KZ")
    assert metadata is not None
    assert metadata.mobile is not None
    return rf"^(?:\+7|7|8)?({metadata.mobile.national_number_pattern})$".replace(r"\d", "[0-9]")


@cache
def _usual_mobile() -> re.Pattern[str]:
    return re.compile(mobile_pattern())


MOBILE_BLANKS: Final = r"[ \u00a0()-]"
"""What stands between the digits of a number in its usual spellings."""


# --- Names ---------------------------------------------------------------------------------------

# One name is written in Russian, Kazakh and Latin letters and typed on whichever keyboard is at
# hand. Kazakh letters fold to what a Russian keyboard has, Latin ones to what they are read as.
NAME_FOLDING: Final[Mapping[str, str]] = {
    **dict(zip("әіңғүұқөһёйыэ", "аингуукохеиие", strict=True)),
    **{"shch": "щ", "sch": "щ", "zh": "ж", "kh": "х", "ts": "ц", "ch": "ч", "sh": "ш"},
    **{"yu": "ю", "ya": "я", "yo": "е", "ye": "е", "x": "кс"},
    **dict(zip("abcdefghijklmnopqrstuvwyz", "абкдефгхижклмнопкрстуввиз", strict=True)),
    **dict(zip("äğıñöşūüáǵíńóúý", "агиношууагиноуи", strict=True)),
    **dict.fromkeys("ьъ'’ʼ`", ""),
    **dict.fromkeys("-‐–.,", " "),
}
"""What is folded to what: where several fit, the first stands for all."""

_FOLDED: Final = re.compile("|".join(map(re.escape, NAME_FOLDING)))


def normalise_name(name: str) -> str:
    """One spelling for a name in Russian, Kazakh or Latin letters: for finding, not for showing."""
    lower = unicodedata.normalize("NFC", name).lower()
    folded = _FOLDED.sub(lambda found: NAME_FOLDING[found[0]], lower)
    return " ".join(folded.split())


def full_name(last: str, first: str, middle: str) -> str:
    """Last, first and middle name, as a document has them."""
    return " ".join(filter(None, (last, first, middle)))


def clean_text(text: str) -> str:
    """``text`` without blanks around it and with single ones inside."""
    return " ".join(text.split())


# --- Freeze --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FreezePeriod:
    """While ``start <= now < end`` nobody becomes a member."""

    start: datetime
    end: datetime

    def state(self, now: datetime) -> FreezeState:
        """Where the freeze stands at ``now``."""
        if now >= self.end:
            return FreezeState.OVER
        return FreezeState.IN_FORCE if now >= self.start else FreezeState.PLANNED

    def overlaps(self, other: "FreezePeriod") -> bool:
        """Whether some instant lies in both."""
        return self.start < other.end and other.start < self.end


def check_freeze(
    period: FreezePeriod,
    *,
    now: datetime,
    floor: datetime | None,
    others: Iterable[FreezePeriod] = (),
) -> None:
    """Refuse a freeze that begins in the past, is empty, ends before ``floor`` or meets another.

    ``floor`` is the end of voting, if the primary has told one: whoever was admitted before it
    could still vote for somebody's own candidate.
    """
    if period.start < now:
        raise Refused(MembershipRefusal.FREEZE_IN_PAST, now=now)
    if period.end <= period.start:
        raise Refused(MembershipRefusal.FREEZE_EMPTY)
    if floor is not None and period.end < floor:
        raise Refused(MembershipRefusal.FREEZE_END_BEFORE_FLOOR, floor=floor)
    if any(period.overlaps(other) for other in others):
        raise Refused(MembershipRefusal.FREEZE_OVERLAPS)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """A bare date as a beginning: 00:00 of that day in ``zone``."""
    return datetime.combine(day, time(), zone)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """A bare date as an end means the end of that day: 00:00 of the next in ``zone``."""
    return datetime.combine(day + timedelta(days=1), time(), zone)


def last_day_of(end: datetime, zone: ZoneInfo) -> date:
    """The date that, given as an end, means ``end`` or the day in which ``end`` lies."""
    return (end.astimezone(zone) - timedelta(microseconds=1)).date()
