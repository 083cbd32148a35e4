"""The instants of a primary, what it is at each of them, and what readiness asks for. Pure."""

import json
import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from core.errors import Refused

ADULT_AGE: Final = 18
CANDIDATE_ID_LENGTH: Final = 8
_CANDIDATE_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_SIZE_STEP: Final = 32


class PrimaryRefusal(StrEnum):
    """Why an act on the primary was refused."""

    PRIMARY_EXISTS = "primary_exists"
    NO_PRIMARY = "no_primary"
    NAME_MISSING = "name_missing"
    REASON_MISSING = "reason_missing"
    TIMELINE_MISSING = "timeline_missing"
    TIMELINE_EXISTS = "timeline_exists"
    CUTOFF_MISSING = "cutoff_missing"
    CUTOFF_AFTER_OPENING = "cutoff_after_opening"
    OPENING_IN_PAST = "opening_in_past"
    CLOSING_BEFORE_OPENING = "closing_before_opening"
    PUBLICATION_BEFORE_CLOSING = "publication_before_closing"
    EXTENSION_NOT_LATER = "extension_not_later"
    EXTENSION_PAST_PUBLICATION = "extension_past_publication"
    VOTING_OPENED = "voting_opened"
    VOTING_ENDED = "voting_ended"
    PUBLICATION_NOT_LATER = "publication_not_later"
    PUBLICATION_NOT_EARLIER = "publication_not_earlier"
    PUBLISHED_ALREADY = "published_already"
    ROLL_SEALED = "roll_sealed"
    ROLL_NOT_SEALED = "roll_not_sealed"
    ROLL_EMPTY = "roll_empty"
    DIGEST_KEY_DIFFERS = "digest_key_differs"
    BACKUP_DIFFERS = "backup_differs"
    CONTEST_UNKNOWN = "contest_unknown"
    CONTEST_EXISTS = "contest_exists"
    CONTESTS_FIXED = "contests_fixed"
    CONTEST_MALFORMED = "contest_malformed"
    CONSTITUENCY_IN_USE = "constituency_in_use"
    CANDIDATE_UNKNOWN = "candidate_unknown"
    CANDIDATE_CANCELLED = "candidate_cancelled"
    CANDIDATE_MALFORMED = "candidate_malformed"
    CANDIDATE_TWICE = "candidate_twice"
    NOT_READY = "not_ready"
    READINESS_SIGNED = "readiness_signed"
    ELECTION_KEY_INSTALLED = "election_key_installed"
    ELECTION_KEY_MALFORMED = "election_key_malformed"
    VOTER_UNKNOWN = "voter_unknown"
    VOTER_ON_ROLL = "voter_on_roll"
    MEMBER_NOT_ELIGIBLE = "member_not_eligible"
    MOBILE_UNCHANGED = "mobile_unchanged"
    DECISION_MISSING = "decision_missing"
    FILE_UNREADABLE = "file_unreadable"
    COLUMNS_MISSING = "columns_missing"
    KEY_BACKUP_UNREADABLE = "key_backup_unreadable"


class Phase(StrEnum):
    """What a primary is at an instant."""

    PREPARING = "preparing"
    VOTING = "voting"
    CLOSED = "closed"
    PUBLISHED = "published"


class Sex(StrEnum):
    """The sex a candidate is registered with: quotas count it."""

    FEMALE = "f"
    MALE = "m"


class CandidateStatus(StrEnum):
    """Whether a candidate still stands."""

    REGISTERED = "registered"
    CANCELLED = "cancelled"


class VoterStatus(StrEnum):
    """Whether a person on the roll may vote; the others are kept so that a refusal names its reason."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXCLUDED = "excluded"


class TimelineActKind(StrEnum):
    """An act that set or moved an instant: all of them stand on the public page."""

    SET = "set"
    EXTENDED = "extended"
    PUBLICATION_POSTPONED = "publication_postponed"
    PUBLICATION_BROUGHT_FORWARD = "publication_brought_forward"


class RollChangeKind(StrEnum):
    """A single act on the sealed roll, by a commission's decision."""

    ADDED = "added"
    SUSPENDED = "suspended"
    RESTORED = "restored"
    MOBILE_CHANGED = "mobile_changed"


class ReadinessKey(StrEnum):
    """What must be in place before voting can open."""

    TIMELINE_COMPLETE = "timeline_complete"
    CONTESTS_EXIST = "contests_exist"
    CONTESTS_HAVE_CANDIDATES = "contests_have_candidates"
    ROLL_SEALED = "roll_sealed"
    DIGEST_KEY_MATCHES = "digest_key_matches"
    ELECTION_KEY_INSTALLED = "election_key_installed"
    CEREMONY_REHEARSED = "ceremony_rehearsed"
    KEY_BACKUP_TESTED = "key_backup_tested"


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The instants of a primary, aware. Intervals are half-open: voting is ``[opens, closes)``.

    ``cutoff``: who was admitted before it may vote. The freeze's own instants stand with the
    membership, which is told to keep the freeze until ``voting_closes``.
    """

    cutoff: datetime
    voting_opens: datetime
    voting_closes: datetime
    publication: datetime

    def phase(self, now: datetime) -> Phase:
        """What the primary is at ``now``."""
        if now < self.voting_opens:
            return Phase.PREPARING
        if now < self.voting_closes:
            return Phase.VOTING
        return Phase.CLOSED if now < self.publication else Phase.PUBLISHED


def check_timeline(timeline: Timeline, *, now: datetime) -> None:
    """Refuse instants that contradict each other, or an opening that is past."""
    if timeline.voting_opens <= now:
        raise Refused(PrimaryRefusal.OPENING_IN_PAST, now=now)
    if timeline.cutoff > timeline.voting_opens:
        raise Refused(PrimaryRefusal.CUTOFF_AFTER_OPENING, opens=timeline.voting_opens)
    if timeline.voting_closes <= timeline.voting_opens:
        raise Refused(PrimaryRefusal.CLOSING_BEFORE_OPENING, opens=timeline.voting_opens)
    if timeline.publication < timeline.voting_closes:
        raise Refused(PrimaryRefusal.PUBLICATION_BEFORE_CLOSING, closes=timeline.voting_closes)


def extended(timeline: Timeline, *, until: datetime, now: datetime) -> Timeline:
    """The timeline with voting extended ``until``; cut-off and age day stay where they are.

    Refused once voting has ended, for an end that isn't later, and past the publication, which
    must be moved first.
    """
    if now >= timeline.voting_closes:
        raise Refused(PrimaryRefusal.VOTING_ENDED, closes=timeline.voting_closes)
    if until <= timeline.voting_closes:
        raise Refused(PrimaryRefusal.EXTENSION_NOT_LATER, closes=timeline.voting_closes)
    if until > timeline.publication:
        raise Refused(PrimaryRefusal.EXTENSION_PAST_PUBLICATION, publication=timeline.publication)
    return _moved(timeline, voting_closes=until)


def with_publication(timeline: Timeline, *, at: datetime, now: datetime) -> Timeline:
    """The timeline with another publication instant, which may be neither past nor before the end."""
    if now >= timeline.publication:
        raise Refused(PrimaryRefusal.PUBLISHED_ALREADY, publication=timeline.publication)
    if at < timeline.voting_closes:
        raise Refused(PrimaryRefusal.PUBLICATION_BEFORE_CLOSING, closes=timeline.voting_closes)
    return _moved(timeline, publication=max(at, now))


def _moved(
    timeline: Timeline,
    *,
    voting_closes: datetime | None = None,
    publication: datetime | None = None,
) -> Timeline:
    return Timeline(
        cutoff=timeline.cutoff,
        voting_opens=timeline.voting_opens,
        voting_closes=voting_closes or timeline.voting_closes,
        publication=publication or timeline.publication,
    )


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """A bare date as an end: 00:00 of the next day in ``zone``."""
    return datetime.combine(day + timedelta(days=1), time(), zone)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """A bare date as a beginning: 00:00 of that day in ``zone``."""
    return datetime.combine(day, time(), zone)


def born_by(first_voting_day: date) -> date:
    """The latest birth date of somebody who is 18 on the first voting day.

    Who was born on 29 February comes of age on 1 March of a year without one.
    """
    year = first_voting_day.year - ADULT_AGE
    try:
        return first_voting_day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def new_candidate_id() -> str:
    """An opaque identifier of constant length, so that a ballot's length says nothing."""
    return "".join(secrets.choice(_CANDIDATE_ALPHABET) for _ in range(CANDIDATE_ID_LENGTH))


def ballot_size(contest_id: str, max_choices: int) -> int:
    """Bytes to which every ballot of a contest is filled up before it is sealed.

    The longest canonical JSON there can be (``max_choices`` candidates), rounded up to 32.
    """
    longest = {"choices": ["x" * CANDIDATE_ID_LENGTH] * max_choices, "contest": contest_id}
    spelled = json.dumps(longest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return -(-len(spelled.encode()) // _SIZE_STEP) * _SIZE_STEP
