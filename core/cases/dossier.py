"""One case as its page shows it: the story, one timeline, and the moves this person may make."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from core.cases.access import able_members, exists_for, find_case, is_inside, parts_of
from core.cases.ciphers import TextCipher, cipher_of
from core.cases.clocks import is_due_soon, is_overdue
from core.cases.conflicts import not_in_conflict
from core.cases.merging import merged_in
from core.cases.models import (
    Case,
    CaseAccess,
    CaseMove,
    Commission,
    Complainant,
    ConflictDeclaration,
    Contact,
    Decision,
    DecisionVote,
    Note,
    PendingMove,
    Remedy,
    Respondent,
)
from core.cases.queries import MemberView
from core.cases.requirements import Attempted, unmet
from core.cases.rules import (
    MAX_PAUSES,
    CasePart,
    CaseState,
    Category,
    Channel,
    Finding,
    Level,
    Move,
    Need,
    NoteKind,
    PanelVote,
    Part,
    RemedyKind,
    Urgency,
    may_move,
    rows_from,
    targets,
)
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Office, Role, require

_OF_THE_CASE = frozenset(
    {
        Need.DECLARATIONS,
        Need.CHALLENGES_DECIDED,
        Need.REMEDY_OPEN,
        Need.NO_REMEDY_OPEN,
        Need.WINDOW,
        Need.WITHIN_30_DAYS,
        Need.PAUSES_LEFT,
    }
)
"""Requirements that no form can fill in: they are facts of the case."""


class EntryKind(StrEnum):
    """What an entry of the timeline tells of."""

    CONTACT = "contact"
    MOVE = "move"
    NOTE = "note"
    READING = "reading"


@dataclass(frozen=True)
class Story:
    """What was told in one contact; ``quoted`` is what a mail quotes of earlier ones, or empty."""

    at: datetime
    channel: Channel
    text: str = field(repr=False)
    quoted: str = field(repr=False, default="")


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One entry of the timeline; ``who`` None is the clock or the public."""

    at: datetime
    kind: EntryKind
    who: str | None
    second: str | None = None
    move: Move | None = None
    target: CaseState | None = None
    note: NoteKind | None = None
    channel: Channel | None = None
    part: CasePart | None = None
    text: str | None = None
    particulars: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RespondentView:
    """A respondent as the panel sees it."""

    name: str | None
    position: str | None
    branch: str | None
    level: Level


@dataclass(frozen=True, kw_only=True)
class RemedyView:
    """A remedy and whether it is done."""

    id: int
    kind: RemedyKind
    description: str | None
    owner: str | None
    due_on: date | None
    done_at: datetime | None
    given_up_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, kw_only=True)
class DecisionView:
    """A decision with its votes by name."""

    id: int
    finding: Finding
    grounds: str | None
    at: datetime
    chair: str
    votes: Sequence[tuple[str, PanelVote]]


@dataclass(frozen=True, kw_only=True)
class MoveOffer:
    """A move that this person may make now. ``unmet`` are facts of the case that still bar it;
    ``recorded`` says that it is entered for a complainant or a respondent.
    """

    move: Move
    targets: frozenset[CaseState]
    needs: tuple[Need, ...]
    unmet: tuple[Need, ...]
    recorded: bool


@dataclass(frozen=True, kw_only=True)
class PendingView:
    """A move that waits for a second person."""

    move: Move
    who: str
    at: datetime
    grounds: str
    is_own: bool


@dataclass(frozen=True, kw_only=True)
class CasePage:
    """Everything a case's page shows."""

    number: str
    state: CaseState
    finding: Finding | None
    category: Category
    place: str | None
    urgency: Urgency
    risk: int | None
    channel: Channel
    received_at: datetime
    state_since: datetime
    due_at: datetime | None
    is_overdue: bool
    is_due_soon: bool
    appeal_until: datetime | None
    pauses_left: int
    merged_into: str | None
    merged: Sequence[str]
    """Numbers of the cases that go on as this one, those that exist for whoever looks."""
    commission_id: int | None
    commission_level: Level | None
    commission_place: str | None
    commission_title: str | None
    quorum: int | None
    lead: str | None
    stories: Sequence[Story]
    has_identity: bool
    may_open_identity: bool
    withdrawal_asked_at: datetime | None
    withdrawal_channel: Channel | None
    respondents: Sequence[RespondentView]
    timeline: Sequence[TimelineEntry]
    decisions: Sequence[DecisionView]
    remedies: Sequence[RemedyView]
    members: Sequence[MemberView]
    """Who of the commission may sit over the case."""
    next_members: Sequence[MemberView]
    """Who of the next commission may, for reopening."""
    undeclared: Sequence[str]
    own_declaration: bool | None
    may_declare: bool
    may_write: bool
    may_give_code: bool
    """Whether an operator may read a code out: the complainant has none of their own."""
    may_add_respondent: bool
    offers: Sequence[MoveOffer]
    pending: PendingView | None


def case_page(session: Session, actor: Actor, number: str, *, now: datetime) -> CasePage:
    """One case; refused as ``no_such_case`` when it does not exist for the actor."""
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, number)
    assert case.id is not None
    cipher = cipher_of(session, case.text_key_id)
    parts = parts_of(session, case, actor)
    commission = session.get(Commission, case.commission_id) if case.commission_id else None
    members = _members(session, case, case.commission_id)
    declared = _declarations(session, case)
    # The case it goes on as may name whom this one does not.
    target = session.exec(
        select(Case.number).where(col(Case.id) == case.merged_into, not_in_conflict(session, actor))
    ).first()
    lead = staff_queries.names(session, [case.lead_id]) if case.lead_id else {}
    contacts = session.exec(
        select(Contact).where(col(Contact.case_id) == case.id).order_by(col(Contact.id))
    ).all()
    sits = any(member.account_id == actor.account_id for member in members)
    inside = is_inside(session, case, actor)
    return CasePage(
        number=case.number,
        state=CaseState(case.state),
        finding=Finding(case.finding) if case.finding else None,
        category=Category(case.category),
        place=case.place_code,
        urgency=Urgency(case.urgency),
        risk=case.risk,
        channel=Channel(case.channel),
        received_at=case.received_at,
        state_since=case.state_since,
        due_at=case.due_at,
        is_overdue=is_overdue(case.due_at, now),
        is_due_soon=is_due_soon(case.due_at, now),
        appeal_until=case.appeal_until,
        pauses_left=MAX_PAUSES - case.pauses,
        merged_into=target,
        merged=_merged(session, case, actor),
        commission_id=case.commission_id,
        commission_level=Level(commission.level) if commission else None,
        commission_place=commission.place_code if commission else None,
        commission_title=commission.title if commission else None,
        quorum=commission.quorum if commission else None,
        lead=lead.get(case.lead_id) if case.lead_id else None,
        stories=tuple(
            Story(
                row.at,
                Channel(row.channel),
                cipher.open(row.story) or "",
                cipher.open(row.quoted) or "",
            )
            for row in contacts
        ),
        has_identity=session.get(Complainant, case.id) is not None,
        may_open_identity=bool(parts),
        withdrawal_asked_at=case.withdrawal_asked_at,
        withdrawal_channel=Channel(case.withdrawal_channel) if case.withdrawal_channel else None,
        respondents=_respondents(session, case, cipher) if inside else (),
        timeline=_timeline(session, case, cipher, contacts, inside=inside),
        decisions=_decisions(session, case, cipher) if inside else (),
        remedies=_remedies(session, case, cipher) if inside else (),
        members=members,
        next_members=_members(session, case, case.next_commission_id),
        undeclared=tuple(
            member.name for member in members if declared.get(member.account_id) is None
        ),
        own_declaration=declared.get(actor.account_id),
        may_declare=sits,
        may_write=bool(parts),
        may_give_code=case.receipt_spoken
        and case.erased_at is None
        and actor.has(Role.OPERATOR)
        and not actor.read_only,
        may_add_respondent=bool(parts & {Part.OPERATOR, Part.OFFICER, Part.LEAD, Part.CHAIR}),
        offers=_offers(session, case, actor, parts, now),
        pending=_pending(session, case, actor, cipher),
    )


def _offers(
    session: Session, case: Case, actor: Actor, parts: frozenset[Part], now: datetime
) -> tuple[MoveOffer, ...]:
    state = CaseState(case.state)
    found = []
    for row in rows_from(state):
        if not may_move(row.move, state, parts):
            continue
        attempted = Attempted(session=session, case=case, row=row, actor=actor, now=now)
        found.append(
            MoveOffer(
                move=row.move,
                targets=targets(row),
                needs=row.needs,
                unmet=tuple(
                    need
                    for need in row.needs
                    if need in _OF_THE_CASE and unmet(attempted, need) is not None
                ),
                recorded=not row.who & parts,
            )
        )
    return tuple(found)


def _members(session: Session, case: Case, commission_id: int | None) -> tuple[MemberView, ...]:
    able = able_members(session, case, commission_id)
    names = staff_queries.names(session, list(able))
    order = (Office.CHAIR, Office.SECRETARY, Office.MEMBER)
    return tuple(
        MemberView(account_id=key, name=names.get(key, ""), office=office)
        for key, office in sorted(able.items(), key=lambda item: (order.index(item[1]), item[0]))
    )


def _declarations(session: Session, case: Case) -> dict[int, bool]:
    rows = session.exec(
        select(ConflictDeclaration).where(col(ConflictDeclaration.case_id) == case.id)
    ).all()
    return {row.account_id: row.in_conflict for row in rows}


def _respondents(session: Session, case: Case, cipher: TextCipher) -> tuple[RespondentView, ...]:
    rows = session.exec(
        select(Respondent).where(col(Respondent.case_id) == case.id).order_by(col(Respondent.id))
    ).all()
    return tuple(
        RespondentView(
            name=cipher.open(row.name),
            position=cipher.open(row.position),
            branch=cipher.open(row.branch),
            level=Level(row.level),
        )
        for row in rows
    )


def _merged(session: Session, case: Case, actor: Actor) -> tuple[str, ...]:
    own = [one.id for one in merged_in(session, case)]
    if not own:
        return ()
    return tuple(
        session.exec(
            select(Case.number)
            .where(col(Case.id).in_(own), exists_for(session, actor))
            .order_by(col(Case.id))
        ).all()
    )


def _timeline(
    session: Session,
    case: Case,
    cipher: TextCipher,
    contacts: Sequence[Contact],
    *,
    inside: bool,
) -> tuple[TimelineEntry, ...]:
    """Everything that happened, oldest first. Outside the commission (an operator whose own call it
    was) notes for the house, what moves were given and who read what are left out.
    """
    moves = session.exec(
        select(CaseMove).where(col(CaseMove.case_id) == case.id).order_by(col(CaseMove.id))
    ).all()
    notes = session.exec(
        select(Note).where(col(Note.case_id) == case.id).order_by(col(Note.id))
    ).all()
    readings = session.exec(
        select(CaseAccess).where(col(CaseAccess.case_id) == case.id).order_by(col(CaseAccess.id))
    ).all()
    people: set[int | None] = {row.account_id for row in moves} | {row.second_id for row in moves}
    for rows in (notes, readings, contacts):
        people |= {row.account_id for row in rows}
    names = staff_queries.names(session, [person for person in people if person is not None])

    def name(account_id: int | None) -> str | None:
        return names.get(account_id) if account_id is not None else None

    entries = [
        TimelineEntry(
            at=row.at,
            kind=EntryKind.CONTACT,
            who=name(row.account_id),
            channel=Channel(row.channel),
        )
        for row in contacts
    ]
    entries += [
        TimelineEntry(
            at=row.at,
            kind=EntryKind.MOVE,
            who=name(row.account_id) if inside else None,
            second=name(row.second_id) if inside else None,
            move=Move(row.move),
            target=CaseState(row.target),
            particulars=cipher.open_fields(row.particulars) if inside else None,
        )
        for row in moves
    ]
    entries += [
        TimelineEntry(
            at=row.at,
            kind=EntryKind.NOTE,
            who=name(row.account_id),
            note=NoteKind(row.kind),
            text=cipher.open(row.text),
        )
        for row in notes
        if inside or row.kind != NoteKind.INTERNAL.value
    ]
    if inside:
        entries += [
            TimelineEntry(
                at=row.at,
                kind=EntryKind.READING,
                who=name(row.account_id),
                part=CasePart(row.part),
                text=cipher.open(row.reason),
            )
            for row in readings
        ]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _decisions(session: Session, case: Case, cipher: TextCipher) -> tuple[DecisionView, ...]:
    rows = session.exec(
        select(Decision).where(col(Decision.case_id) == case.id).order_by(col(Decision.id))
    ).all()
    found = []
    for row in rows:
        assert row.id is not None
        ballots = session.exec(
            select(DecisionVote).where(col(DecisionVote.decision_id) == row.id)
        ).all()
        names = staff_queries.names(session, [row.chair_id, *(vote.account_id for vote in ballots)])
        found.append(
            DecisionView(
                id=row.id,
                finding=Finding(row.finding),
                grounds=cipher.open(row.grounds),
                at=row.at,
                chair=names.get(row.chair_id, ""),
                votes=tuple(
                    (names.get(vote.account_id, ""), PanelVote(vote.ballot)) for vote in ballots
                ),
            )
        )
    return tuple(found)


def _remedies(session: Session, case: Case, cipher: TextCipher) -> tuple[RemedyView, ...]:
    rows = session.exec(
        select(Remedy).where(col(Remedy.case_id) == case.id).order_by(col(Remedy.id))
    ).all()
    return tuple(
        RemedyView(
            id=row.id or 0,
            kind=RemedyKind(row.kind),
            description=cipher.open(row.description),
            owner=cipher.open(row.owner),
            due_on=row.due_on,
            done_at=row.done_at,
            given_up_at=row.given_up_at,
            outcome=cipher.open(row.outcome),
        )
        for row in rows
    )


def _pending(session: Session, case: Case, actor: Actor, cipher: TextCipher) -> PendingView | None:
    row = session.get(PendingMove, case.id)
    if row is None:
        return None
    names = staff_queries.names(session, [row.account_id])
    return PendingView(
        move=Move(row.move),
        who=names.get(row.account_id, ""),
        at=row.at,
        grounds=str(cipher.open_fields(row.particulars).get("grounds", "")),
        is_own=row.account_id == actor.account_id,
    )
