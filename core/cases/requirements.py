"""What a person gives with a move, and whether it is what the table requires."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypedDict, cast

from sqlmodel import Session, col, select

from core import places
from core.cases.access import able_members, former_panel
from core.cases.clocks import ANONYMOUS_WITHDRAWAL
from core.cases.following import code_fits
from core.cases.models import (
    Case,
    CaseMove,
    Commission,
    Complainant,
    ConflictDeclaration,
    Decision,
    Remedy,
)
from core.cases.recusal import challenged_in
from core.cases.respondents import RespondentEntry
from core.cases.rules import (
    MAX_PAUSES,
    MAX_TEXT,
    SANCTIONS,
    UNMERGE_DAYS,
    CasesRefusal,
    Category,
    Channel,
    Direction,
    Finding,
    Move,
    Need,
    PanelVote,
    Part,
    PassReason,
    ReferBasis,
    RemedyKind,
    ReopenGround,
    Row,
    Urgency,
    Verification,
)
from core.errors import Refused
from core.staff.rules import Actor

ACTING_REMEDIES: Final = frozenset(
    {
        RemedyKind.MEMBERSHIP_ANNULLED,
        RemedyKind.MEMBER_RESTORED,
        RemedyKind.REGISTRATION_CANCELLED,
    }
)
"""Remedies that are carried out with the decision itself; they name whom they act on."""


@dataclass(frozen=True, kw_only=True)
class RemedyOrder:
    """A remedy as it is ordered. ``subject``: the member's or candidate's id for one that acts;
    ``due_on``: until when the owner of any other has time.
    """

    kind: RemedyKind
    subject: str | None = None
    description: str | None = None
    owner: str | None = None
    due_on: date | None = None


class Given(TypedDict, total=False):
    """Everything a move can be given; which of it, the table says."""

    acknowledgement: str
    question: str
    safe_way: str
    target: str
    body: str
    basis: ReferBasis
    category: Category
    place: str
    respondents: Sequence[RespondentEntry]
    urgency: Urgency
    risk: int
    grounds: str
    lead: int
    reason: str
    pass_reason: PassReason
    direction: Direction
    heard: str
    evidence: str
    finding: Finding
    votes: Mapping[int, PanelVote]
    remedies: Sequence[RemedyOrder]
    told: str
    appellant: Part
    verification: Verification
    code: str
    reopen_ground: ReopenGround
    channel: Channel
    answer: str


_WORDS: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {
        "basis": ReferBasis,
        "category": Category,
        "urgency": Urgency,
        "pass_reason": PassReason,
        "direction": Direction,
        "finding": Finding,
        "appellant": Part,
        "verification": Verification,
        "reopen_ground": ReopenGround,
        "channel": Channel,
    }
)


def in_our_words(given: Given) -> Given:
    """``given`` with every code as a member of its enum; a code that is none of ours is not given."""
    kept: dict[str, Any] = dict(given)
    for name, words in _WORDS.items():
        if name in kept:
            try:
                kept[name] = words(kept[name])
            except ValueError:
                del kept[name]
    return cast(Given, kept)


@dataclass(frozen=True, kw_only=True)
class Attempted:
    """A move somebody is about to make."""

    session: Session
    case: Case
    row: Row
    actor: Actor
    now: datetime
    given: Given = field(default_factory=Given)
    by_complainant: bool = False
    """Whether the holder of the receipt makes it, without an account."""

    @property
    def by_clock(self) -> bool:
        """Whether no person makes it."""
        return self.actor.is_system and not self.by_complainant


def check_requirements(attempted: Attempted) -> None:
    """Refuse the move with the first requirement that isn't met (``need`` names it).

    What stands in a text of more than 20,000 characters is refused as ``text_too_long``.
    """
    for value in attempted.given.values():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    for need in attempted.row.needs:
        refusal = unmet(attempted, need)
        if refusal is not None:
            raise Refused(refusal, need=need)


def unmet(attempted: Attempted, need: Need) -> CasesRefusal | None:
    """Why a requirement isn't met, or None when it is. A second person is asked for elsewhere."""
    if attempted.by_clock:
        # The clock moves a case because its time is over: that is its whole requirement.
        return None
    if need in _CHECKS:
        return _CHECKS[need](attempted)
    name = FIELDS.get(need)
    if need is Need.REASON and attempted.row.move is Move.PASS_ON:
        name = "pass_reason"
    return None if name is None or _stands(attempted.given.get(name)) else _MISSING


FIELDS: Final[Mapping[Need, str]] = MappingProxyType(
    {
        Need.ACKNOWLEDGEMENT: "acknowledgement",
        Need.QUESTION: "question",
        Need.SAFE_WAY: "safe_way",
        Need.TARGET: "target",
        Need.BODY: "body",
        Need.BASIS: "basis",
        Need.CATEGORY: "category",
        Need.PLACE: "place",
        Need.RESPONDENTS: "respondents",
        Need.URGENCY: "urgency",
        Need.RISK: "risk",
        Need.GROUNDS: "grounds",
        Need.LEAD: "lead",
        Need.REASON: "reason",
        Need.DIRECTION: "direction",
        Need.HEARD: "heard",
        Need.EVIDENCE_FROZEN: "evidence",
        Need.FINDING: "finding",
        Need.VOTES: "votes",
        Need.REMEDIES: "remedies",
        Need.TOLD: "told",
        Need.APPELLANT: "appellant",
        Need.VERIFICATION: "verification",
        Need.REOPEN_GROUND: "reopen_ground",
        Need.CHANNEL: "channel",
        Need.ANSWER: "answer",
    }
)
"""Under which name each requirement is given; the others are facts of the case itself."""

_MISSING: Final = CasesRefusal.REQUIREMENT_MISSING


def _stands(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _when(met: bool, refusal: CasesRefusal = _MISSING) -> CasesRefusal | None:  # noqa: FBT001
    return None if met else refusal


def _place(attempted: Attempted) -> CasesRefusal | None:
    return _when(places.find(attempted.given.get("place")) is not None)


def _risk(attempted: Attempted) -> CasesRefusal | None:
    return _when(attempted.given.get("risk") in {0, 1, 2, 3})


def _lead(attempted: Attempted) -> CasesRefusal | None:
    lead = attempted.given.get("lead")
    if lead is None:
        return _MISSING
    case = attempted.case
    commission = case.next_commission_id if attempted.row.move is Move.REOPEN else None
    able = able_members(attempted.session, case, commission or case.commission_id)
    return _when(lead in able, CasesRefusal.NOT_A_MEMBER)


def _declarations(attempted: Attempted) -> CasesRefusal | None:
    case = attempted.case
    able = able_members(attempted.session, case, case.commission_id)
    declared = attempted.session.exec(
        select(ConflictDeclaration.account_id).where(
            col(ConflictDeclaration.case_id) == case.id,
            col(ConflictDeclaration.in_conflict).is_(False),
        )
    ).all()
    return _when(bool(able) and set(able) <= set(declared))


def _challenges_decided(attempted: Attempted) -> CasesRefusal | None:
    case = attempted.case
    assert case.id is not None
    sitting = able_members(attempted.session, case, case.commission_id).keys()
    return _when(not sitting & challenged_in(attempted.session, case.id))


def _votes(attempted: Attempted) -> CasesRefusal | None:
    votes = attempted.given.get("votes")
    if not votes:
        return _MISSING
    case = attempted.case
    able = able_members(attempted.session, case, case.commission_id)
    if not set(votes) <= set(able):
        return CasesRefusal.NOT_A_MEMBER
    in_favour = sum(ballot is PanelVote.FOR for ballot in votes.values())
    return _when(2 * in_favour > len(votes), CasesRefusal.NO_MAJORITY)


def _quorum(attempted: Attempted) -> CasesRefusal | None:
    commission = attempted.session.get(Commission, attempted.case.commission_id)
    needed = commission.quorum if commission else 1
    return _when(len(attempted.given.get("votes") or {}) >= needed, CasesRefusal.NO_QUORUM)


def _remedies(attempted: Attempted) -> CasesRefusal | None:
    orders = attempted.given.get("remedies")
    if orders is None:
        return _MISSING
    for order in orders:
        if order.kind in ACTING_REMEDIES and not _stands(order.subject):
            return CasesRefusal.REMEDY_NEEDS_SUBJECT
        if order.kind not in ACTING_REMEDIES and order.due_on is None:
            return _MISSING
    return None


def open_remedies(session: Session, case: Case) -> Sequence[Remedy]:
    """The remedies of a case that are neither done nor given up."""
    return session.exec(
        select(Remedy).where(
            col(Remedy.case_id) == case.id,
            col(Remedy.done_at).is_(None),
            col(Remedy.given_up_at).is_(None),
        )
    ).all()


def _remedy_open(attempted: Attempted) -> CasesRefusal | None:
    return _when(bool(open_remedies(attempted.session, attempted.case)))


def _no_remedy_open(attempted: Attempted) -> CasesRefusal | None:
    return _when(not open_remedies(attempted.session, attempted.case))


def _window(attempted: Attempted) -> CasesRefusal | None:
    until = attempted.case.appeal_until
    return _when(until is not None and attempted.now < until, CasesRefusal.OUT_OF_TIME)


def _appellant(attempted: Attempted) -> CasesRefusal | None:
    appellant = attempted.given.get("appellant")
    if appellant is Part.COMPLAINANT:
        return None
    if appellant is not Part.RESPONDENT:
        return _MISSING
    # A respondent appeals against a sanction of the last decision, and against nothing else.
    kinds = attempted.session.exec(
        select(Remedy.kind)
        .join(Decision, col(Decision.id) == col(Remedy.decision_id))
        .where(col(Decision.case_id) == attempted.case.id)
    ).all()
    return _when(bool({RemedyKind(kind) for kind in kinds} & SANCTIONS))


def _verification(attempted: Attempted) -> CasesRefusal | None:
    way = attempted.given.get("verification")
    if way is None:
        return _MISSING
    if attempted.by_complainant:
        return None  # the code opened the way here: it may be that of a case merged into this one
    if way is Verification.RECEIPT_CODE:
        code = attempted.given.get("code") or ""
        return _when(code_fits(attempted.case, code), CasesRefusal.BAD_RECEIPT_CODE)
    return None


def _second_channel(attempted: Attempted) -> CasesRefusal | None:
    case, given = attempted.case, attempted.given
    if case.withdrawal_asked_at is None:
        return _MISSING
    complainant = attempted.session.get(Complainant, case.id)
    anonymous = complainant is None or not (complainant.phone or complainant.email)
    if anonymous:
        waited = attempted.now - case.withdrawal_asked_at >= ANONYMOUS_WITHDRAWAL
        return _when(waited and given.get("verification") is Verification.RECEIPT_CODE)
    channel = given.get("channel")
    return _when(channel is not None and channel.value != case.withdrawal_channel)


def _fresh_panel(attempted: Attempted) -> CasesRefusal | None:
    people = {attempted.actor.account_id, attempted.given.get("lead")}
    return _when(not people & former_panel(attempted.session, attempted.case))


def _within_30_days(attempted: Attempted) -> CasesRefusal | None:
    merged = attempted.session.exec(
        select(CaseMove.at)
        .where(
            col(CaseMove.case_id) == attempted.case.id,
            col(CaseMove.move) == Move.MERGE.value,
        )
        .order_by(col(CaseMove.id).desc())
    ).first()
    until = (merged or attempted.now) + timedelta(days=UNMERGE_DAYS)
    return _when(attempted.now < until, CasesRefusal.OUT_OF_TIME)


def _pauses_left(attempted: Attempted) -> CasesRefusal | None:
    return _when(attempted.case.pauses < MAX_PAUSES, CasesRefusal.OUT_OF_TIME)


def _asked_elsewhere(_attempted: Attempted) -> CasesRefusal | None:
    return None


_CHECKS: Final[Mapping[Need, Callable[[Attempted], CasesRefusal | None]]] = MappingProxyType(
    {
        Need.PLACE: _place,
        Need.RISK: _risk,
        Need.LEAD: _lead,
        Need.DECLARATIONS: _declarations,
        Need.CHALLENGES_DECIDED: _challenges_decided,
        Need.VOTES: _votes,
        Need.QUORUM: _quorum,
        Need.REMEDIES: _remedies,
        Need.REMEDY_OPEN: _remedy_open,
        Need.NO_REMEDY_OPEN: _no_remedy_open,
        Need.WINDOW: _window,
        Need.APPELLANT: _appellant,
        Need.VERIFICATION: _verification,
        Need.SECOND_CHANNEL: _second_channel,
        Need.FRESH_PANEL: _fresh_panel,
        Need.WITHIN_30_DAYS: _within_30_days,
        Need.PAUSES_LEFT: _pauses_left,
        Need.SECOND_PERSON: _asked_elsewhere,
    }
)
