"""What a primary's times, contests, roll and readiness must be. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from hashlib import sha256
from typing import Final

from core.errors import Refused


class PrimaryRefusal(StrEnum):
    """Why an act on the primary was refused."""

    PRIMARY_EXISTS = "primary_exists"
    NO_PRIMARY = "no_primary"
    ID_MALFORMED = "id_malformed"
    NAME_MISSING = "name_missing"
    REASON_MISSING = "reason_missing"
    DECISION_MISSING = "decision_missing"
    NO_TIMELINE = "no_timeline"
    FREEZE_ENDS_BEFORE_START = "freeze_ends_before_start"
    FREEZE_ENDS_BEFORE_VOTING = "freeze_ends_before_voting"
    VOTING_ENDS_BEFORE_START = "voting_ends_before_start"
    PUBLICATION_BEFORE_VOTING_ENDS = "publication_before_voting_ends"
    CUTOFF_AFTER_ROLL = "cutoff_after_roll"
    ROLL_AFTER_OPENING = "roll_after_opening"
    NO_SUCH_LOCAL_TIME = "no_such_local_time"
    TIME_IS_PAST = "time_is_past"
    TIME_NOT_AHEAD = "time_not_ahead"
    CUTOFF_FIXED = "cutoff_fixed"
    EXTEND_INSTEAD = "extend_instead"
    NOTHING_CHANGED = "nothing_changed"
    EXTENSION_NOT_LATER = "extension_not_later"
    EXTENSION_PAST_PUBLICATION = "extension_past_publication"
    VOTING_ENDED = "voting_ended"
    PUBLICATION_TAKES_TWO = "publication_takes_two"
    PUBLICATION_NOT_EARLIER = "publication_not_earlier"
    PUBLICATION_NOT_LATER = "publication_not_later"
    UNKNOWN_CONSTITUENCY = "unknown_constituency"
    CONSTITUENCY_EXISTS = "constituency_exists"
    CONSTITUENCY_IN_USE = "constituency_in_use"
    UNKNOWN_CONTEST = "unknown_contest"
    CONTEST_EXISTS = "contest_exists"
    CONTEST_HAS_CANDIDATES = "contest_has_candidates"
    CODE_MALFORMED = "code_malformed"
    CODE_REPEATED = "code_repeated"
    TITLE_MISSING = "title_missing"
    SEATS_OUT_OF_RANGE = "seats_out_of_range"
    CHOICES_OUT_OF_RANGE = "choices_out_of_range"
    UNKNOWN_CANDIDATE = "unknown_candidate"
    CANDIDATE_EXISTS = "candidate_exists"
    CANDIDATE_REPEATED = "candidate_repeated"
    CANDIDATE_CANCELLED = "candidate_cancelled"
    CANDIDATE_NAME_MISSING = "candidate_name_missing"
    SEX_UNKNOWN = "sex_unknown"
    BIRTH_DATE_INVALID = "birth_date_invalid"
    EMAIL_INVALID = "email_invalid"
    BALLOT_FIXED = "ballot_fixed"
    FILE_UNREADABLE = "file_unreadable"
    FILE_WITHOUT_ROWS = "file_without_rows"
    COLUMN_MISSING = "column_missing"
    COLUMN_REPEATED = "column_repeated"
    ROLL_SEALED = "roll_sealed"
    ROLL_NOT_SEALED = "roll_not_sealed"
    ROLL_EMPTY = "roll_empty"
    ROLL_TOO_LATE = "roll_too_late"
    CUTOFF_AHEAD = "cutoff_ahead"
    UNKNOWN_MEMBER = "unknown_member"
    NOT_ON_ROLL = "not_on_roll"
    ON_ROLL_ALREADY = "on_roll_already"
    SUSPENDED_ALREADY = "suspended_already"
    NOT_SUSPENDED = "not_suspended"
    NUMBER_UNCHANGED = "number_unchanged"
    MEMBER_NOT_ELIGIBLE = "member_not_eligible"
    ITEM_IS_COMPUTED = "item_is_computed"
    READINESS_INCOMPLETE = "readiness_incomplete"
    READINESS_SIGNED = "readiness_signed"
    READINESS_NOT_SIGNED = "readiness_not_signed"
    PUBLIC_KEY_MALFORMED = "public_key_malformed"
    KEY_FIXED = "key_fixed"
    KEY_BACKUP_DIFFERS = "key_backup_differs"
    BACKUP_FOLDER_NOT_EMPTY = "backup_folder_not_empty"
    DIGEST_KEY_DIFFERS = "digest_key_differs"


class Instant(StrEnum):
    """The instants of a timeline, in the order in which they are shown."""

    CUTOFF = "cutoff"
    FREEZE_START = "freeze_start"
    ROLL_SEALED_AT = "roll_sealed_at"
    VOTING_OPENS = "voting_opens"
    VOTING_CLOSES = "voting_closes"
    FREEZE_END = "freeze_end"
    PUBLICATION = "publication"


class TimelineActKind(StrEnum):
    """What was done to a timeline."""

    SET = "set"
    CHANGED = "changed"
    VOTING_EXTENDED = "voting_extended"
    PUBLICATION_POSTPONED = "publication_postponed"
    PUBLICATION_BROUGHT_FORWARD = "publication_brought_forward"


class Phase(StrEnum):
    """Where a primary is by the clock."""

    PREPARING = "preparing"
    VOTING = "voting"
    CLOSED = "closed"
    PUBLISHED = "published"


class CandidateStatus(StrEnum):
    """Whether a candidate can be chosen."""

    REGISTERED = "registered"
    CANCELLED = "cancelled"


class Sex(StrEnum):
    """A candidate's sex, which a quota counts."""

    FEMALE = "female"
    MALE = "male"


class VoterStatus(StrEnum):
    """Whether somebody on the roll may vote."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class RollExclusion(StrEnum):
    """Why a member is kept beside the roll without being on it."""

    ADMITTED_AFTER_CUTOFF = "admitted_after_cutoff"
    UNDER_AGE = "under_age"


class RollChangeKind(StrEnum):
    """A change of the sealed roll by a commission's decision."""

    ADDED = "added"
    SUSPENDED = "suspended"
    RESTORED = "restored"
    NUMBER_CHANGED = "number_changed"


class ReadinessKey(StrEnum):
    """What must be there before voting can open, in the order in which it is done."""

    TIMELINE_COMPLETE = "timeline_complete"
    CONTESTS_EXIST = "contests_exist"
    CONTESTS_HAVE_CANDIDATES = "contests_have_candidates"
    ROLL_SEALED = "roll_sealed"
    DIGEST_KEY_MATCHES = "digest_key_matches"
    KEY_BACKUP_TESTED = "key_backup_tested"
    CEREMONY_REHEARSED = "ceremony_rehearsed"
    ELECTION_KEY_INSTALLED = "election_key_installed"
    ADDRESS_POLICY_SIGNED = "address_policy_signed"


MARKED_ITEMS: Final = frozenset(
    {
        ReadinessKey.KEY_BACKUP_TESTED,
        ReadinessKey.CEREMONY_REHEARSED,
        ReadinessKey.ADDRESS_POLICY_SIGNED,
    }
)
"""Items that somebody shows to be done; the others are seen in the data."""

ADULT_AGE: Final = 18
CANDIDATE_ID_LENGTH: Final = 8
BALLOT_STEP: Final = 32  # bytes
SEATS_MOST: Final = 500
CHOICES_MOST: Final = 100
PUBLIC_KEY_BYTES: Final = 65

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])")
_CONTEST_CODE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,39})")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")
# Without I, L, O and U: no two letters that look alike, no words.
_ID_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SEXES: Final = {
    **dict.fromkeys(("f", "female", "ж", "жен", "женский", "ә", "әйел"), Sex.FEMALE),
    **dict.fromkeys(("m", "male", "м", "муж", "мужской", "е", "ер", "еркек"), Sex.MALE),
}


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The instants of a primary, aware. Intervals are half-open: an end is the first instant after.

    ``roll_sealed_at`` is when the sealing is planned; when it was done stands with the seal.
    """

    cutoff: datetime
    freeze_start: datetime
    freeze_end: datetime
    roll_sealed_at: datetime
    voting_opens: datetime
    voting_closes: datetime
    publication: datetime

    def at(self, instant: Instant) -> datetime:
        """One of the instants by its name."""
        found: datetime = getattr(self, instant.value)
        return found

    def phase(self, now: datetime) -> Phase:
        """Where the primary is at ``now`` by its instants; whether a vote counts asks for more."""
        if now < self.voting_opens:
            return Phase.PREPARING
        if now < self.voting_closes:
            return Phase.VOTING
        return Phase.CLOSED if now < self.publication else Phase.PUBLISHED

    def moved(self, **instants: datetime) -> "Timeline":
        """The same with some instants replaced; not checked."""
        return replace(self, **instants)


@dataclass(frozen=True)
class Change:
    """One instant that an act moved; ``before`` is None where it had not been set."""

    instant: Instant
    before: datetime | None
    after: datetime


def check_timeline(timeline: Timeline) -> None:
    """Refuse a timeline whose instants contradict each other.

    The freeze lasts at least until voting ends, nothing is published before it, the roll is made
    after the cut-off and before voting opens.
    """
    if timeline.voting_closes <= timeline.voting_opens:
        raise Refused(PrimaryRefusal.VOTING_ENDS_BEFORE_START)
    if timeline.freeze_end <= timeline.freeze_start:
        raise Refused(PrimaryRefusal.FREEZE_ENDS_BEFORE_START)
    if timeline.freeze_end < timeline.voting_closes:
        raise Refused(
            PrimaryRefusal.FREEZE_ENDS_BEFORE_VOTING, voting_closes=timeline.voting_closes
        )
    if timeline.publication < timeline.voting_closes:
        raise Refused(
            PrimaryRefusal.PUBLICATION_BEFORE_VOTING_ENDS, voting_closes=timeline.voting_closes
        )
    if timeline.roll_sealed_at < timeline.cutoff:
        raise Refused(PrimaryRefusal.CUTOFF_AFTER_ROLL)
    if timeline.roll_sealed_at >= timeline.voting_opens:
        raise Refused(PrimaryRefusal.ROLL_AFTER_OPENING)


_MAY_BEGIN_PAST: Final = frozenset({Instant.CUTOFF, Instant.FREEZE_START})


def check_first_timeline(timeline: Timeline, *, now: datetime) -> None:
    """Refuse a first timeline that is contradictory or begins behind the clock.

    Only the cut-off and the start of the freeze may lie in the past: the freeze may be in force.
    """
    check_timeline(timeline)
    for instant in Instant:
        if instant not in _MAY_BEGIN_PAST and timeline.at(instant) <= now:
            raise Refused(PrimaryRefusal.TIME_NOT_AHEAD, instant=instant)


def changes(before: Timeline | None, after: Timeline) -> tuple[Change, ...]:
    """What differs between two timelines, in the order of the instants."""
    return tuple(
        Change(instant, before.at(instant) if before else None, after.at(instant))
        for instant in Instant
        if before is None or before.at(instant) != after.at(instant)
    )


def check_change(
    before: Timeline, after: Timeline, *, now: datetime, opened: bool, sealed: bool
) -> None:
    """Refuse a change of the timeline that the clock or the sealed roll forbids.

    An instant that is past stays; one that moves, moves to the future. ``opened`` says whether
    voting did open: an opening that was missed for want of readiness can still be set anew.
    ``sealed``: the roll was made by the cut-off, which then stays. The end of a vote that runs is
    moved by an extension, and publication is brought forward by two people.
    """
    check_timeline(after)
    moved = changes(before, after)
    if not moved:
        raise Refused(PrimaryRefusal.NOTHING_CHANGED)
    for change in moved:
        missed = change.instant in {Instant.VOTING_OPENS, Instant.ROLL_SEALED_AT} and not opened
        if before.at(change.instant) <= now and not missed:
            raise Refused(PrimaryRefusal.TIME_IS_PAST, instant=change.instant)
        if change.instant is Instant.CUTOFF and sealed:
            raise Refused(PrimaryRefusal.CUTOFF_FIXED)
        if change.after <= now:
            raise Refused(PrimaryRefusal.TIME_NOT_AHEAD, instant=change.instant)
        if change.instant is Instant.VOTING_CLOSES and opened:
            raise Refused(PrimaryRefusal.EXTEND_INSTEAD)
    if after.publication < before.publication:
        raise Refused(PrimaryRefusal.PUBLICATION_TAKES_TWO)


def extended(timeline: Timeline, until: datetime, *, now: datetime) -> Timeline:
    """The timeline with voting extended to ``until`` and the end of the freeze shifted as much.

    The cut-off and the day that decides the age stay. Refused when the vote is over, when
    ``until`` is no extension, and past publication, which must be moved first.
    """
    if now >= timeline.voting_closes:
        raise Refused(PrimaryRefusal.VOTING_ENDED, closed=timeline.voting_closes)
    if until <= timeline.voting_closes:
        raise Refused(PrimaryRefusal.EXTENSION_NOT_LATER, closes=timeline.voting_closes)
    if until > timeline.publication:
        raise Refused(PrimaryRefusal.EXTENSION_PAST_PUBLICATION, publication=timeline.publication)
    by = until - timeline.voting_closes
    return timeline.moved(voting_closes=until, freeze_end=timeline.freeze_end + by)


def published_later(timeline: Timeline, to: datetime, *, now: datetime) -> Timeline:
    """The timeline with publication postponed; refused once it is past, or if it is not later."""
    if now >= timeline.publication:
        raise Refused(PrimaryRefusal.TIME_IS_PAST, instant=Instant.PUBLICATION)
    if to <= timeline.publication:
        raise Refused(PrimaryRefusal.PUBLICATION_NOT_LATER, publication=timeline.publication)
    return timeline.moved(publication=to)


def published_earlier(timeline: Timeline, to: datetime, *, now: datetime) -> Timeline:
    """The timeline with publication brought forward: never before the vote ends, nor to the past."""
    if now >= timeline.publication:
        raise Refused(PrimaryRefusal.TIME_IS_PAST, instant=Instant.PUBLICATION)
    if to >= timeline.publication:
        raise Refused(PrimaryRefusal.PUBLICATION_NOT_EARLIER, publication=timeline.publication)
    if to <= now:
        raise Refused(PrimaryRefusal.TIME_NOT_AHEAD, instant=Instant.PUBLICATION)
    moved = timeline.moved(publication=to)
    check_timeline(moved)
    return moved


def is_voting_open(timeline: Timeline | None, *, signed_at: datetime | None, now: datetime) -> bool:
    """Whether ``now`` lies in ``[opens, closes)`` and readiness was signed before."""
    if timeline is None or signed_at is None or signed_at > now:
        return False
    return timeline.voting_opens <= now < timeline.voting_closes


def local_instant(day: date, at: time, zone: tzinfo, *, is_end: bool = False) -> datetime:
    """The instant (UTC) of a wall time in ``zone``.

    A time that the clocks show twice is the first of the two as a beginning and the second as an
    end, so that nobody loses the hour. Refused as ``no_such_local_time`` if the clocks skip it.
    """
    wall = datetime.combine(day, at, tzinfo=zone).replace(fold=int(is_end))
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != wall.replace(tzinfo=None, fold=0):
        raise Refused(PrimaryRefusal.NO_SUCH_LOCAL_TIME, day=day)
    return instant


def first_voting_day(timeline: Timeline, zone: tzinfo) -> date:
    """The day on which a voter must be of age."""
    return timeline.voting_opens.astimezone(zone).date()


def last_admission_day(cutoff: datetime, zone: tzinfo) -> date:
    """The last day of admission that the roll takes: the day of the last instant before the cut-off.

    The register knows days only: who was admitted on the day of a cut-off at noon is taken.
    """
    return (cutoff.astimezone(UTC) - timedelta(microseconds=1)).astimezone(zone).date()


def latest_birth(age_day: date) -> date:
    """The last birth date of those who are of age on ``age_day``.

    Born on 29 February, one comes of age on 1 March in common years.
    """
    year = age_day.year - ADULT_AGE
    try:
        return age_day.replace(year=year)
    except ValueError:  # 29 February: who was born on 1 March is not of age yet
        return date(year, 2, 28)


def exclusion(
    *, birth_date: date, admitted_on: date, last_admitted: date, born_by: date
) -> RollExclusion | None:
    """Why an active member is not on the roll, or None for a voter."""
    if admitted_on > last_admitted:
        return RollExclusion.ADMITTED_AFTER_CUTOFF
    return RollExclusion.UNDER_AGE if birth_date > born_by else None


def ballot_size(contest_id: str, max_choices: int) -> int:
    """Bytes to which every plaintext ballot of a contest is padded, so that none stands out.

    The length of the fullest canonical ballot, rounded up to a multiple of 32.
    """
    choices = ["0" * CANDIDATE_ID_LENGTH] * max_choices
    fullest = json.dumps(
        {"choices": choices, "contest": contest_id},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return -(-len(fullest.encode()) // BALLOT_STEP) * BALLOT_STEP


def candidate_id(primary_id: str, contest_id: str, identity: str, attempt: int = 0) -> str:
    """The eight characters that name a candidate on a ballot.

    Derived from who stands where, so that the same file gives the same candidates; ``attempt``
    gives another one when a name is taken.
    """
    said = "\x1f".join((primary_id, contest_id, identity, str(attempt)))
    number = int.from_bytes(sha256(said.encode()).digest()[:5])
    return "".join(_ID_ALPHABET[number >> 5 * place & 31] for place in range(CANDIDATE_ID_LENGTH))


def check_primary_id(primary_id: str) -> None:
    """Refuse an identifier that is not 2–40 of a–z, 0–9 and inner hyphens."""
    if not _SLUG.fullmatch(primary_id):
        raise Refused(PrimaryRefusal.ID_MALFORMED)


def check_names(names: Mapping[str, str]) -> None:
    """Refuse a primary that lacks a name in one of the three languages."""
    if not all(names.get(locale, "").strip() for locale in ("ru", "kk", "en")):
        raise Refused(PrimaryRefusal.NAME_MISSING)


def check_contest_code(code: str) -> None:
    """Refuse a code that is not 1–40 Latin letters, digits, dots, hyphens or underscores.

    It stands in the text every ballot is bound to, whose parts a slash separates.
    """
    if not _CONTEST_CODE.fullmatch(code):
        raise Refused(PrimaryRefusal.CODE_MALFORMED)


def check_titles(titles: Mapping[str, str]) -> None:
    """Refuse a contest that lacks a title in one of the three languages."""
    if not all(titles.get(locale, "").strip() for locale in ("ru", "kk", "en")):
        raise Refused(PrimaryRefusal.TITLE_MISSING)


def check_seats(seats: int, max_choices: int) -> None:
    """Refuse a number of seats outside 1–500 or of choices outside 1–100."""
    if not 1 <= seats <= SEATS_MOST:
        raise Refused(PrimaryRefusal.SEATS_OUT_OF_RANGE, most=SEATS_MOST)
    if not 1 <= max_choices <= CHOICES_MOST:
        raise Refused(PrimaryRefusal.CHOICES_OUT_OF_RANGE, most=CHOICES_MOST)


def parse_sex(raw: str) -> Sex:
    """A sex as files write it in the three languages; refused as ``sex_unknown``."""
    found = _SEXES.get(raw.strip().casefold().rstrip("."))
    if found is None:
        raise Refused(PrimaryRefusal.SEX_UNKNOWN)
    return found


def check_candidate_birth_date(birth_date: date, today: date) -> None:
    """Refuse a birth date that no living candidate has."""
    if not date(today.year - 120, 1, 1) <= birth_date <= today:
        raise Refused(PrimaryRefusal.BIRTH_DATE_INVALID)


def check_email(email: str) -> None:
    """Refuse what can't be an address of a mailbox."""
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Refused(PrimaryRefusal.EMAIL_INVALID)


def check_public_key(public_key: bytes) -> None:
    """Refuse what has not the shape of an uncompressed point of P-256: 65 bytes, first is 4."""
    if len(public_key) != PUBLIC_KEY_BYTES or public_key[0] != 4:
        raise Refused(PrimaryRefusal.PUBLIC_KEY_MALFORMED)


def missing_items(done: Mapping[ReadinessKey, bool]) -> tuple[ReadinessKey, ...]:
    """The items that are not there yet, in their order."""
    return tuple(key for key in ReadinessKey if not done.get(key, False))


INSTANTS: Final = tuple(field.name for field in fields(Timeline))
