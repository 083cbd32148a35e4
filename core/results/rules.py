"""What the results of a primary are, and when which of their steps may be taken. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MOST_TRUSTEES: Final = 16  # SLIP-39 numbers the members of a group with four bits
FEWEST_NEEDED: Final = 2  # one trustee alone must never be able to open the ballots
FEWEST_CANVASSERS: Final = 2
SMALLEST_CELL: Final = 10  # a published group of ballots under this size could tell who chose what
YOUTH_UNDER: Final = 35  # years, on the first voting day

CEREMONY_FORMAT: Final = "primaries/ceremony/1"
EXPORT_FORMAT: Final = "primaries/sealed-export/1"
COUNT_FORMAT: Final = "primaries/count/1"
BUNDLE_FORMAT: Final = "primaries/results/1"


class CeremonyKind(StrEnum):
    """Whether a ceremony makes test keys or the key of the election."""

    REHEARSAL = "rehearsal"
    ELECTION = "election"


class RatingKind(StrEnum):
    """Whom a rating ranks."""

    GENERAL = "general"
    WOMEN = "women"
    YOUTH = "youth"


class InvalidReason(StrEnum):
    """Why an opened ballot can't be counted."""

    UNDECRYPTABLE = "undecryptable"
    MALFORMED = "malformed"
    WRONG_CONTEST = "wrong_contest"
    TOO_MANY_CHOICES = "too_many_choices"
    UNKNOWN_CANDIDATE = "unknown_candidate"
    REPEATED_CHOICE = "repeated_choice"


class Step(StrEnum):
    """The steps to a publication, in their order."""

    VOTING_CLOSED = "voting_closed"
    PROTOCOLS_IN = "protocols_in"
    EXPORTED = "exported"
    COUNTED = "counted"
    SECOND_COUNT = "second_count"
    CANVASSED = "canvassed"
    BUNDLE_SIGNED = "bundle_signed"
    PUBLISHED = "published"


class ProtocolState(StrEnum):
    """Where the protocol of a polling place stands."""

    NOT_NEEDED = "not_needed"
    MISSING = "missing"
    ENTERED_ONCE = "entered_once"
    SEALED = "sealed"
    WAIVED = "waived"


class ImportOutcome(StrEnum):
    """What bringing in a counted result did."""

    RECORDED = "recorded"
    CONFIRMED = "confirmed"


class ResultsRefusal(StrEnum):
    """Why an act on keys, count or results was refused."""

    CEREMONY_SIZE = "ceremony_size"
    CANVASSERS_TOO_FEW = "canvassers_too_few"
    CEREMONY_FILE_UNREADABLE = "ceremony_file_unreadable"
    REHEARSAL_CEREMONY_FIRST = "rehearsal_ceremony_first"
    REHEARSED_KEY = "rehearsed_key"
    CEREMONY_INCOMPLETE = "ceremony_incomplete"
    CEREMONY_TOO_LATE = "ceremony_too_late"
    UNKNOWN_CEREMONY = "unknown_ceremony"
    SHARE_UNKNOWN = "share_unknown"
    SHARE_CONFIRMED_ALREADY = "share_confirmed_already"
    TRUSTEE_HAS_SHARE = "trustee_has_share"
    TOO_FEW_SHARES = "too_few_shares"
    SHARE_REPEATED = "share_repeated"
    SHARE_OF_ANOTHER_CEREMONY = "share_of_another_ceremony"
    SHARE_INCOMPLETE = "share_incomplete"
    SHARE_WORD_UNKNOWN = "share_word_unknown"
    SHARE_MISTYPED = "share_mistyped"
    KEY_DIFFERS = "key_differs"
    NO_ACTIVE_PRIMARY = "no_active_primary"
    NO_ELECTION_KEY = "no_election_key"
    VOTING_NOT_CLOSED = "voting_not_closed"
    BALLOTS_CHANGED = "ballots_changed"
    BALLOTS_DIFFER_FROM_BOARD = "ballots_differ_from_board"
    PROTOCOLS_MISSING = "protocols_missing"
    PROTOCOLS_CHANGED = "protocols_changed"
    PROTOCOL_TOO_EARLY = "protocol_too_early"
    PROTOCOL_INCOMPLETE = "protocol_incomplete"
    PROTOCOL_CONTRADICTORY = "protocol_contradictory"
    PROTOCOL_NOT_NEEDED = "protocol_not_needed"
    PROTOCOL_SEALED = "protocol_sealed"
    ENTRY_WAITS = "entry_waits"
    NO_ENTRY = "no_entry"
    ENTRY_CODE_WRONG = "entry_code_wrong"
    ENTRY_TRIED_OUT = "entry_tried_out"
    COUNT_HAS_BEGUN = "count_has_begun"
    NOT_EXPORTED = "not_exported"
    EXPORT_DAMAGED = "export_damaged"
    RESULT_DAMAGED = "result_damaged"
    RESULT_OF_ANOTHER_PRIMARY = "result_of_another_primary"
    RESULT_OF_ANOTHER_EXPORT = "result_of_another_export"
    RESULT_FOR_ANOTHER_INSTALLATION = "result_for_another_installation"
    RESULT_NOT_SIGNED_BY_KEY = "result_not_signed_by_key"
    RESULT_DOES_NOT_ADD_UP = "result_does_not_add_up"
    SECOND_COUNT_DIFFERS = "second_count_differs"
    NOT_COUNTED = "not_counted"
    CANVASS_SIGNED_ALREADY = "canvass_signed_already"
    CANVASS_COMPLETE = "canvass_complete"
    NOT_PUBLISHED = "not_published"
    FILE_UNREADABLE = "file_unreadable"
    NOT_VERIFIABLE = "not_verifiable"
    REHEARSAL_ONLY = "rehearsal_only"


@dataclass(frozen=True)
class ContestRules:
    """What a valid ballot of one contest may hold. ``size``: bytes of the padded plaintext."""

    id: str
    max_choices: int
    size: int
    candidates: frozenset[str]


def invalid_reason(contest: ContestRules, choices: list[str]) -> InvalidReason | None:
    """Why ``choices`` can't be counted in ``contest``, or None; no choice at all is a choice."""
    if len(choices) > contest.max_choices:
        return InvalidReason.TOO_MANY_CHOICES
    if not contest.candidates.issuperset(choices):
        return InvalidReason.UNKNOWN_CANDIDATE
    if len(set(choices)) != len(choices):
        return InvalidReason.REPEATED_CHOICE
    return None


def is_withheld(ballots: int) -> bool:
    """Whether a group of ballots is too small to be published apart."""
    return ballots < SMALLEST_CELL
