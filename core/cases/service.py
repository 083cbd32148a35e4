"""The verbs of the case desk, from the rooms they live in."""

from core.cases.calendar import set_calendar_day, set_time_limit
from core.cases.call_backs import (
    Promise,
    finish_call_back,
    note_no_answer,
    promise_call_back,
    start_call_back,
)
from core.cases.challenges import raise_challenge, vote_on_challenge
from core.cases.commissions import (
    create_commission,
    end_seat,
    note_identity,
    seat_member,
    set_quorum,
)
from core.cases.complainant import act_on_complaint, add_file, change_code, give_code, new_code
from core.cases.contacts import (
    ContactEntry,
    DraftView,
    Receipt,
    accept_complaint,
    discard_draft,
    keep_draft,
    log_contact,
    note_look_up,
    open_draft,
)
from core.cases.evidence import EvidenceFile, EvidenceView, add_evidence, open_evidence
from core.cases.following import ComplaintStatus, Opening, complaint_status
from core.cases.following_on import follow_on
from core.cases.identity import Identity, ask_identity, decide_identity, open_identity
from core.cases.moves import (
    Moved,
    confirm_move,
    move,
    run_clock,
    run_due,
    take_back_pending,
)
from core.cases.readings import (
    add_note,
    ask_withdrawal,
    declare_conflict,
    record_reading,
)
from core.cases.remedies import finish_remedy
from core.cases.reminders import note_asked_after
from core.cases.requirements import Given, RemedyOrder
from core.cases.respondents import RespondentEntry, add_respondent
from core.cases.retention import hold_case, lift_hold
from core.cases.sources import SourcedCase, open_from_source
from core.cases.substitutes import end_substitution, seat_substitute

__all__ = [
    "ComplaintStatus",
    "ContactEntry",
    "DraftView",
    "EvidenceFile",
    "EvidenceView",
    "Given",
    "Identity",
    "Moved",
    "Opening",
    "Promise",
    "Receipt",
    "RemedyOrder",
    "RespondentEntry",
    "SourcedCase",
    "accept_complaint",
    "act_on_complaint",
    "add_evidence",
    "add_file",
    "add_note",
    "add_respondent",
    "ask_identity",
    "ask_withdrawal",
    "change_code",
    "complaint_status",
    "confirm_move",
    "create_commission",
    "decide_identity",
    "declare_conflict",
    "discard_draft",
    "end_seat",
    "end_substitution",
    "finish_call_back",
    "finish_remedy",
    "follow_on",
    "give_code",
    "hold_case",
    "keep_draft",
    "lift_hold",
    "log_contact",
    "move",
    "new_code",
    "note_asked_after",
    "note_identity",
    "note_look_up",
    "note_no_answer",
    "open_draft",
    "open_evidence",
    "open_from_source",
    "open_identity",
    "promise_call_back",
    "raise_challenge",
    "record_reading",
    "run_clock",
    "run_due",
    "seat_member",
    "seat_substitute",
    "set_calendar_day",
    "set_quorum",
    "set_time_limit",
    "start_call_back",
    "take_back_pending",
    "vote_on_challenge",
]
