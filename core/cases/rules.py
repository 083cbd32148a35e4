"""The words of the case desk and the one table of moves that everything else obeys.

Pages show only what the table allows, services ask it again, the state diagram and the role manual
are drawn from it. Words follow ISO 37002 (receive, assess, address, conclude).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class Channel(StrEnum):
    """How a contact reached us."""

    PHONE = "phone"
    PORTAL = "portal"
    MAIL = "mail"
    VISIT = "visit"
    OWN_FINDING = "own_finding"


class WrapUp(StrEnum):
    """How a contact ended; only `COMPLAINT` opens a case."""

    COMPLAINT = "complaint"
    REPEATED = "repeated"
    QUESTION_ANSWERED = "question_answered"
    CALL_BACK_PROMISED = "call_back_promised"
    HUNG_UP = "hung_up"
    WRONG_NUMBER = "wrong_number"
    TO_SORT = "to_sort"
    ADDED_TO_CASE = "added_to_case"
    AUTOMATIC = "automatic"
    NOT_FOR_US = "not_for_us"
    SPAM = "spam"


SPOKEN: Final = (
    WrapUp.COMPLAINT,
    WrapUp.REPEATED,
    WrapUp.QUESTION_ANSWERED,
    WrapUp.CALL_BACK_PROMISED,
    WrapUp.HUNG_UP,
    WrapUp.WRONG_NUMBER,
)
"""How a call can end; the others are ends of mails."""

SET_ASIDE: Final = (WrapUp.NOT_FOR_US, WrapUp.SPAM)
"""How an operator puts a mail aside that belongs to no case."""


class CallBackState(StrEnum):
    """Whether somebody who was promised a call has been called."""

    DUE = "due"
    DONE = "done"
    UNANSWERED = "unanswered"


class Category(StrEnum):
    """What is complained of."""

    COERCION_TO_JOIN = "coercion_to_join"
    ENROLLED_WITHOUT_CONSENT = "enrolled_without_consent"
    COERCION_TO_VOTE = "coercion_to_vote"
    RETALIATION = "retaliation"
    VOTE_BUYING = "vote_buying"
    FICTITIOUS_ADMISSION = "fictitious_admission"
    FALSIFIED_MOBILES = "falsified_mobiles"
    SMS_CODE_FRAUD = "sms_code_fraud"
    FALSIFIED_VOTES = "falsified_votes"
    UNFAIR_COUNTING = "unfair_counting"
    CANDIDATE_CONDUCT = "candidate_conduct"
    ACCESS_AND_TECHNICAL = "access_and_technical"
    DATA_LEAK = "data_leak"
    OTHER = "other"


class Urgency(StrEnum):
    """How soon it must be looked at; `IMMEDIATE` never waits for working hours."""

    NORMAL = "normal"
    HIGH = "high"
    IMMEDIATE = "immediate"


class CaseState(StrEnum):
    """Where a case stands; what was found stands in `Finding`, apart."""

    RECEIVED = "received"
    TRIAGE = "triage"
    NEEDS_INFO = "needs_info"
    ADMISSIBILITY = "admissibility"
    ASSIGNED = "assigned"
    INVESTIGATION = "investigation"
    DELIBERATION = "deliberation"
    DECIDED = "decided"
    REMEDY = "remedy"
    CLOSED = "closed"
    APPEAL = "appeal"
    INADMISSIBLE = "inadmissible"
    WITHDRAWN = "withdrawn"
    REFERRED = "referred"
    MERGED = "merged"


class Finding(StrEnum):
    """What the commission found."""

    UPHELD = "upheld"
    PARTLY_UPHELD = "partly_upheld"
    NOT_UPHELD = "not_upheld"
    UNSUBSTANTIATED = "unsubstantiated"


class RemedyKind(StrEnum):
    """What a decision orders."""

    MEMBERSHIP_ANNULLED = "membership_annulled"
    MEMBER_RESTORED = "member_restored"
    CANDIDATE_WARNED = "candidate_warned"
    REGISTRATION_CANCELLED = "registration_cancelled"
    PROTOCOL_SET_ASIDE = "protocol_set_aside"
    CONTEST_ANNULLED = "contest_annulled"
    NUMBER_CORRECTED = "number_corrected"
    REFERRED_TO_AUTHORITIES = "referred_to_authorities"
    OTHER = "other"


class PanelVote(StrEnum):
    """How a commission member voted on a decision."""

    FOR = "for"
    AGAINST = "against"
    ABSTAINED = "abstained"


class NoteKind(StrEnum):
    """Who a note is for."""

    INTERNAL = "internal"
    QUESTION = "question"
    ANSWER = "answer"
    TO_COMPLAINANT = "to_complainant"


class Told(StrEnum):
    """Where a case stands, in the words for its complainant."""

    RECEIVED = "received"
    QUESTION = "question"
    WITH_COMMISSION = "with_commission"
    EXAMINED = "examined"
    DECIDED = "decided"
    CLOSED = "closed"
    APPEALED = "appealed"
    NOT_TAKEN_UP = "not_taken_up"
    WITHDRAWN = "withdrawn"
    REFERRED = "referred"
    ERASED = "erased"


class CasePart(StrEnum):
    """What of a case was opened by somebody."""

    TEXT = "text"
    IDENTITY = "identity"
    EVIDENCE = "evidence"


class ComplainantAct(StrEnum):
    """What the holder of a receipt may do with the own complaint."""

    ANSWER = "answer"
    ADD = "add"
    APPEAL = "appeal"
    ASK_WITHDRAWAL = "ask_withdrawal"
    CONFIRM_WITHDRAWAL = "confirm_withdrawal"
    KEEP = "keep"


class PassReason(StrEnum):
    """Why a case is passed up or sideways."""

    CONFLICT = "conflict"
    NO_QUORUM = "no_quorum"
    OVERDUE = "overdue"
    LINKED_CASES = "linked_cases"
    RESPONDENT_ABOVE = "respondent_above"


class Direction(StrEnum):
    """Where a case is passed to."""

    UP = "up"
    SIDEWAYS = "sideways"


class ReferBasis(StrEnum):
    """What allows a case to leave the house."""

    CONSENT = "consent"
    DANGER = "danger"
    CRIME = "crime"


class ReopenGround(StrEnum):
    """What reopens a closed case."""

    NEW_EVIDENCE = "new_evidence"
    RETALIATION = "retaliation"


class Verification(StrEnum):
    """How we know that it is the complainant who speaks."""

    RECEIPT_CODE = "receipt_code"
    CALL_BACK = "call_back"
    IN_PERSON = "in_person"
    REPLY_FROM_KNOWN_ADDRESS = "reply_from_known_address"


class Level(IntEnum):
    """The level of a commission, or of the office a respondent holds."""

    NONE = 0
    DISTRICT = 1
    REGION = 2
    CENTRE = 3


class Part(StrEnum):
    """The part somebody plays in a case. The officer is the secretary of the commission in charge,
    the lead its member named at assignment.
    """

    OPERATOR = "operator"
    OFFICER = "officer"
    LEAD = "lead"
    CHAIR = "chair"
    NEXT_OFFICER = "next_officer"
    NEXT_CHAIR = "next_chair"
    COMPLAINANT = "complainant"
    RESPONDENT = "respondent"
    MAIL = "mail"
    PORTAL = "portal"
    CLOCK = "clock"


class Need(StrEnum):
    """What a move requires before it is made."""

    CHANNEL = "channel"
    TEXT = "text"
    ACKNOWLEDGEMENT = "acknowledgement"
    QUESTION = "question"
    SAFE_WAY = "safe_way"
    PAUSES_LEFT = "pauses_left"
    TARGET = "target"
    BODY = "body"
    BASIS = "basis"
    CATEGORY = "category"
    PLACE = "place"
    RESPONDENTS = "respondents"
    URGENCY = "urgency"
    RISK = "risk"
    GROUNDS = "grounds"
    SECOND_PERSON = "second_person"
    LEAD = "lead"
    DECLARATIONS = "declarations"
    CHALLENGES_DECIDED = "challenges_decided"
    REASON = "reason"
    DIRECTION = "direction"
    HEARD = "heard"
    EVIDENCE_FROZEN = "evidence_frozen"
    FINDING = "finding"
    QUORUM = "quorum"
    VOTES = "votes"
    REMEDIES = "remedies"
    TOLD = "told"
    REMEDY_OPEN = "remedy_open"
    NO_REMEDY_OPEN = "no_remedy_open"
    WINDOW = "window"
    APPELLANT = "appellant"
    VERIFICATION = "verification"
    FRESH_PANEL = "fresh_panel"
    REOPEN_GROUND = "reopen_ground"
    SECOND_CHANNEL = "second_channel"
    ANSWER = "answer"
    WITHIN_30_DAYS = "within_30_days"


class Move(StrEnum):
    """What can be done to a case."""

    RECEIVE = "receive"
    ACKNOWLEDGE = "acknowledge"
    ASK = "ask"
    ANSWER = "answer"
    MERGE = "merge"
    UNMERGE = "unmerge"
    REFER = "refer"
    SUBMIT = "submit"
    ASSIGN = "assign"
    REFUSE = "refuse"
    BEGIN = "begin"
    PASS_ON = "pass_on"
    DELIBERATE = "deliberate"
    DECIDE = "decide"
    ORDER_REMEDY = "order_remedy"
    CLOSE = "close"
    APPEAL = "appeal"
    ADMIT_APPEAL = "admit_appeal"
    REFUSE_APPEAL = "refuse_appeal"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    RESUME = "resume"


class CasesRefusal(StrEnum):
    """Why the case desk refused an act."""

    NO_SUCH_CASE = "no_such_case"
    CHALLENGE_WAITS = "challenge_waits"
    MOVE_NOT_ALLOWED = "move_not_allowed"
    NOT_YOURS_TO_MOVE = "not_yours_to_move"
    REQUIREMENT_MISSING = "requirement_missing"
    CHANGED_MEANWHILE = "changed_meanwhile"
    SAME_PERSON_TWICE = "same_person_twice"
    SECOND_NOT_INDEPENDENT = "second_not_independent"
    NOTHING_TO_CONFIRM = "nothing_to_confirm"
    NO_COMMISSION = "no_commission"
    NOT_A_MEMBER = "not_a_member"
    NO_QUORUM = "no_quorum"
    NO_MAJORITY = "no_majority"
    REMEDY_NEEDS_SUBJECT = "remedy_needs_subject"
    OUT_OF_TIME = "out_of_time"
    BAD_RECEIPT_CODE = "bad_receipt_code"
    TOO_MANY_GUESSES = "too_many_guesses"
    CODE_MUST_CHANGE = "code_must_change"
    ACT_NOT_OPEN = "act_not_open"
    TOO_MANY_WORDS = "too_many_words"
    TEXT_MISSING = "text_missing"
    TEXT_TOO_LONG = "text_too_long"
    TOO_MANY_COMPLAINTS = "too_many_complaints"
    KEY_REUSED = "key_reused"
    TOO_MANY_LOOK_UPS = "too_many_look_ups"
    REASON_MISSING = "reason_missing"
    COMMISSION_EXISTS = "commission_exists"
    ALREADY_A_MEMBER = "already_a_member"
    QUORUM_WRONG = "quorum_wrong"
    TEXT_ERASED = "text_erased"
    FILE_TOO_LARGE = "file_too_large"
    FILE_EMPTY = "file_empty"
    FILE_KIND_REFUSED = "file_kind_refused"
    FILE_UNPACKS_TOO_LARGE = "file_unpacks_too_large"
    TOO_MANY_FILES = "too_many_files"
    FILES_ARE_FROZEN = "files_are_frozen"
    NO_SUCH_FILE = "no_such_file"
    FILE_NOT_SCANNED = "file_not_scanned"
    FILE_INFECTED = "file_infected"
    LIMIT_OUT_OF_RANGE = "limit_out_of_range"
    HOLD_OUT_OF_RANGE = "hold_out_of_range"
    HELD_ALREADY = "held_already"
    IDENTITY_ASKED = "identity_asked"
    IDENTITY_NOT_ALLOWED = "identity_not_allowed"
    NO_SUCH_CALL_BACK = "no_such_call_back"
    CALL_BACK_NEEDS_NUMBER = "call_back_needs_number"
    CALL_BACK_OUT_OF_RANGE = "call_back_out_of_range"
    CALL_BACK_TAKEN = "call_back_taken"
    NOT_A_SAFE_TIME = "not_a_safe_time"
    CALL_UNFINISHED = "call_unfinished"
    LETTER_IS_SORTED = "letter_is_sorted"
    CODE_IS_THEIRS = "code_is_theirs"
    ONLY_WHOLE_MONTHS = "only_whole_months"
    TARGET_GONE_TOO_FAR = "target_gone_too_far"


S, P, N = CaseState, Part, Need

OPEN_STATES: Final = frozenset(
    {
        S.RECEIVED,
        S.TRIAGE,
        S.NEEDS_INFO,
        S.ADMISSIBILITY,
        S.ASSIGNED,
        S.INVESTIGATION,
        S.DELIBERATION,
        S.APPEAL,
    }
)
"""States in which nothing is decided yet, so that the complainant can still withdraw."""

END_STATES: Final = frozenset({S.CLOSED, S.INADMISSIBLE, S.WITHDRAWN, S.REFERRED, S.MERGED})

SANCTIONS: Final = frozenset(
    {
        RemedyKind.MEMBERSHIP_ANNULLED,
        RemedyKind.CANDIDATE_WARNED,
        RemedyKind.REGISTRATION_CANCELLED,
        RemedyKind.PROTOCOL_SET_ASIDE,
        RemedyKind.CONTEST_ANNULLED,
    }
)
"""Remedies against which a respondent may appeal."""

MAX_PAUSES: Final = 2
MAX_TEXT: Final = 20_000
UNMERGE_DAYS: Final = 30


@dataclass(frozen=True)
class Row:
    """One row of the table: who may take a case from ``source`` to ``target``, and what for.

    ``target`` None means "the state it came from". ``source`` None means that the case begins.
    """

    move: Move
    source: CaseState | None
    target: CaseState | None
    who: frozenset[Part]
    needs: tuple[Need, ...]


def _rows(
    move: Move,
    sources: tuple[CaseState | None, ...],
    target: CaseState | None,
    who: tuple[Part, ...],
    *needs: Need,
) -> tuple[Row, ...]:
    return tuple(Row(move, source, target, frozenset(who), needs) for source in sources)


_HEARINGS = (S.ASSIGNED, S.INVESTIGATION, S.DELIBERATION)

TABLE: Final[tuple[Row, ...]] = (
    *_rows(Move.RECEIVE, (None,), S.RECEIVED, (P.OPERATOR, P.MAIL, P.PORTAL), N.CHANNEL, N.TEXT),
    *_rows(Move.ACKNOWLEDGE, (S.RECEIVED,), S.TRIAGE, (P.OPERATOR, P.CLOCK), N.ACKNOWLEDGEMENT),
    *_rows(
        Move.ASK,
        (S.TRIAGE,),
        S.NEEDS_INFO,
        (P.OPERATOR, P.OFFICER),
        *(N.QUESTION, N.SAFE_WAY, N.PAUSES_LEFT),
    ),
    *_rows(Move.MERGE, (S.TRIAGE,), S.MERGED, (P.OFFICER,), N.TARGET),
    *_rows(Move.REFER, (S.TRIAGE,), S.REFERRED, (P.OFFICER,), N.BODY, N.BASIS),
    *_rows(
        Move.SUBMIT,
        (S.TRIAGE,),
        S.ADMISSIBILITY,
        (P.OPERATOR,),
        *(N.CATEGORY, N.PLACE, N.RESPONDENTS, N.URGENCY, N.RISK),
    ),
    *_rows(Move.ASSIGN, (S.ADMISSIBILITY,), S.ASSIGNED, (P.OFFICER,), N.GROUNDS, N.LEAD),
    *_rows(
        Move.REFUSE,
        (S.ADMISSIBILITY,),
        S.INADMISSIBLE,
        (P.OFFICER,),
        *(N.GROUNDS, N.SECOND_PERSON),
    ),
    *_rows(Move.BEGIN, (S.ASSIGNED,), S.INVESTIGATION, (P.LEAD,), N.DECLARATIONS),
    *_rows(
        Move.PASS_ON,
        _HEARINGS,
        S.ASSIGNED,
        (P.LEAD, P.CHAIR, P.CLOCK),
        *(N.REASON, N.DIRECTION),
    ),
    *_rows(
        Move.ASK,
        (S.INVESTIGATION,),
        S.NEEDS_INFO,
        (P.LEAD,),
        *(N.QUESTION, N.SAFE_WAY, N.PAUSES_LEFT),
    ),
    *_rows(
        Move.DELIBERATE,
        (S.INVESTIGATION,),
        S.DELIBERATION,
        (P.LEAD,),
        *(N.HEARD, N.EVIDENCE_FROZEN),
    ),
    *_rows(
        Move.DECIDE,
        (S.DELIBERATION,),
        S.DECIDED,
        (P.CHAIR,),
        *(N.CHALLENGES_DECIDED, N.FINDING, N.GROUNDS, N.VOTES, N.QUORUM, N.REMEDIES),
    ),
    *_rows(Move.ORDER_REMEDY, (S.DECIDED,), S.REMEDY, (P.OFFICER,), N.TOLD, N.REMEDY_OPEN),
    *_rows(Move.CLOSE, (S.DECIDED,), S.CLOSED, (P.OFFICER,), N.TOLD, N.NO_REMEDY_OPEN),
    *_rows(Move.CLOSE, (S.REMEDY,), S.CLOSED, (P.OFFICER,), N.NO_REMEDY_OPEN),
    *_rows(
        Move.APPEAL,
        (S.REMEDY, S.CLOSED, S.INADMISSIBLE),
        S.APPEAL,
        (P.COMPLAINANT, P.RESPONDENT),
        *(N.APPELLANT, N.VERIFICATION, N.GROUNDS, N.WINDOW),
    ),
    *_rows(
        Move.ADMIT_APPEAL,
        (S.APPEAL,),
        S.ASSIGNED,
        (P.NEXT_OFFICER,),
        *(N.GROUNDS, N.LEAD, N.FRESH_PANEL),
    ),
    *_rows(
        Move.REFUSE_APPEAL,
        (S.APPEAL,),
        S.INADMISSIBLE,
        (P.NEXT_OFFICER,),
        *(N.GROUNDS, N.SECOND_PERSON),
    ),
    *_rows(
        Move.REOPEN,
        (S.CLOSED,),
        S.INVESTIGATION,
        (P.NEXT_CHAIR,),
        *(N.REOPEN_GROUND, N.REASON, N.LEAD),
    ),
    *_rows(
        Move.WITHDRAW,
        tuple(state for state in CaseState if state in OPEN_STATES),
        S.WITHDRAWN,
        (P.COMPLAINANT,),
        *(N.CHANNEL, N.VERIFICATION, N.SECOND_CHANNEL),
    ),
    *_rows(Move.ANSWER, (S.NEEDS_INFO,), None, (P.COMPLAINANT, P.CLOCK), N.ANSWER, N.VERIFICATION),
    *_rows(Move.UNMERGE, (S.MERGED,), None, (P.OFFICER,), N.REASON, N.WITHIN_30_DAYS),
    *_rows(Move.RESUME, (S.WITHDRAWN, S.REFERRED), S.TRIAGE, (P.CHAIR,), N.REASON),
)

_BY_KEY: Final[Mapping[tuple[Move, CaseState | None], Row]] = MappingProxyType(
    {(row.move, row.source): row for row in TABLE}
)

RECORDED_FOR: Final = frozenset({Part.COMPLAINANT, Part.RESPONDENT})
"""Parts that hold no account: an operator or the officer enters what they did."""


def row_for(move: Move, source: CaseState | None) -> Row | None:
    """The row that takes a case by ``move`` out of ``source``, or None when there is none."""
    return _BY_KEY.get((move, source))


def rows_from(source: CaseState | None) -> tuple[Row, ...]:
    """Every way out of a state."""
    return tuple(row for row in TABLE if row.source == source)


def may_move(move: Move, source: CaseState | None, parts: frozenset[Part]) -> bool:
    """Whether somebody who plays ``parts`` may make the move, its requirements apart.

    What a complainant or a respondent does is entered by an operator or the officer.
    """
    row = row_for(move, source)
    if row is None:
        return False
    if row.who & parts:
        return True
    recorders = {Part.OPERATOR, Part.OFFICER, Part.NEXT_OFFICER}
    return bool(row.who & RECORDED_FOR and recorders & parts)


def targets(row: Row) -> frozenset[CaseState]:
    """Where a row can lead: for "the state it came from", every state that leads to its source."""
    if row.target is not None:
        return frozenset({row.target})
    return frozenset(
        other.source for other in TABLE if other.target == row.source and other.source is not None
    )
