"""Making a move: asked of the table, checked against its requirements, carried out, written down."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Unpack

from sqlmodel import Session, col, select

from core import clock as process_clock
from core.cases.access import (
    default_lead,
    exists_for,
    find_case,
    former_panel,
    parts_of,
)
from core.cases.ciphers import TextCipher, cipher_of
from core.cases.commissions import level_of, route, sittings
from core.cases.conflicts import in_conflict, not_in_conflict
from core.cases.election import calendar_of
from core.cases.evidence import freeze_evidence
from core.cases.following import code_fits
from core.cases.history import enter_state
from core.cases.merging import MERGED_INTO, let_go, lock_together, merged_in
from core.cases.models import Case, CaseMove, Contact, Decision, DecisionVote, Note, PendingMove
from core.cases.receipts import parse_number
from core.cases.remedies import order_remedies
from core.cases.reminders import is_reminder_due, send_reminders
from core.cases.requirements import Attempted, Given, check_requirements, in_our_words
from core.cases.respondents import put_respondent
from core.cases.retention import erase_due_cases, is_erasure_due
from core.cases.rules import (
    CasesRefusal,
    CaseState,
    Direction,
    Level,
    Move,
    Need,
    NoteKind,
    Part,
    PassReason,
    may_move,
    row_for,
)
from core.cases.search import index_text
from core.cases.substitutes import end_due_substitutions, is_substitution_over
from core.database import reading, unit_of_work
from core.errors import Refused
from core.staff import queries as staff_queries
from core.staff.approvals import are_independent
from core.staff.rules import Actor, Role, require_writer

CLOCK: Final = Actor.system("clock")
_COMPLAINANT: Final = Actor.system("complainant")


@dataclass(frozen=True)
class Moved:
    """What became of a move: the case's state, and whether a second person must confirm first."""

    case_id: int
    number: str
    state: CaseState
    awaits_second: bool = False


def move(
    session: Session,
    subject: int | str,
    move: Move,
    *,
    actor: Actor,
    now: datetime,
    expected: CaseState | None = None,
    **given: Unpack[Given],
) -> Moved:
    """Make a move with a case (its id or number).

    Refused as ``no_such_case`` when it does not exist for the actor, ``changed_meanwhile`` when it
    is no longer in the ``expected`` state, ``move_not_allowed`` when the table knows no such move,
    ``not_yours_to_move`` when it is somebody else's part, and by the first requirement that isn't
    met. A move that needs a second person waits (`Moved.awaits_second`) for `confirm_move`.
    """
    _check_person(actor)
    if move in _BIND_OTHERS:
        lock_together(session, _numbers(session, subject, given))
    case = _case_for_move(session, subject, move, actor, given)
    catch_up(session, case, now)
    if expected is not None and case.state != expected.value:
        raise Refused(CasesRefusal.CHANGED_MEANWHILE, state=CaseState(case.state))
    attempted = _attempt(session, case, move, actor=actor, now=now, given=in_our_words(given))
    check_requirements(attempted)
    if Need.SECOND_PERSON in attempted.row.needs:
        return _await_second(attempted)
    return _carry_out(attempted)


def move_by_complainant(
    session: Session, number: str, kind: Move, *, now: datetime, **given: Unpack[Given]
) -> Moved:
    """Make the move of a complainant whose receipt code was found right, without an account.

    Refused as ``move_not_allowed`` unless the table gives the move to complainants now, and by the
    first requirement that isn't met.
    """
    lock_together(session, [number])
    case = session.exec(
        select(Case)
        .where(col(Case.number) == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    catch_up(session, case, now)
    state = CaseState(case.state)
    row = row_for(kind, state)
    if row is None or Part.COMPLAINANT not in row.who:
        raise Refused(CasesRefusal.MOVE_NOT_ALLOWED, move=kind, state=state)
    attempted = Attempted(
        session=session,
        case=case,
        row=row,
        actor=_COMPLAINANT,
        now=now,
        given=in_our_words(given),
        by_complainant=True,
    )
    check_requirements(attempted)
    return _carry_out(attempted)


def confirm_move(session: Session, subject: int | str, *, actor: Actor, now: datetime) -> Moved:
    """Confirm, as a second person of the same commission, the move that waits.

    Refused as ``same_person_twice``, ``second_not_independent`` (one account made or reset the
    other, or counts only later), ``nothing_to_confirm`` when the case has moved on.
    """
    _check_person(actor)
    case = find_case(session, actor, subject, lock=True)
    catch_up(session, case, now)
    waiting = session.get(PendingMove, case.id)
    if waiting is None:
        raise Refused(CasesRefusal.NOTHING_TO_CONFIRM)
    if waiting.account_id == actor.account_id:
        raise Refused(CasesRefusal.SAME_PERSON_TWICE)
    members = {member.account_id for member in sittings(session, case.commission_id)}
    account = staff_queries.account(session, actor.account_id)
    if actor.account_id not in members or actor.account_id in former_panel(session, case):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if (
        not are_independent(session, waiting.account_id, actor.account_id)
        or account is None
        or account.effective_at > now
    ):
        raise Refused(CasesRefusal.SECOND_NOT_INDEPENDENT)
    kind = Move(waiting.move)
    row = row_for(kind, CaseState(case.state))
    if row is None:
        raise Refused(CasesRefusal.NOTHING_TO_CONFIRM)
    first = staff_queries.account(session, waiting.account_id)
    assert first is not None
    fields = cipher_of(session, case.text_key_id).open_fields(waiting.particulars)
    session.delete(waiting)
    return _carry_out(
        Attempted(
            session=session,
            case=case,
            row=row,
            actor=Actor(first.id, first.login, first.name, first.grants),
            now=now,
            given=Given(grounds=str(fields.get("grounds", ""))),
        ),
        second_id=actor.account_id,
    )


def take_back_pending(session: Session, subject: int | str, *, actor: Actor, now: datetime) -> None:
    """Take back the own move that waits for a second person."""
    _check_person(actor)
    case = find_case(session, actor, subject, lock=True)
    catch_up(session, case, now)
    waiting = session.get(PendingMove, case.id)
    if waiting is None or waiting.account_id != actor.account_id:
        raise Refused(CasesRefusal.NOTHING_TO_CONFIRM)
    session.delete(waiting)
    session.flush()


_BIND_OTHERS: Final = frozenset({Move.MERGE, Move.UNMERGE, Move.WITHDRAW})
"""Moves of one case that move or read another."""


def _numbers(session: Session, subject: int | str, given: Given) -> list[str]:
    if isinstance(subject, int):
        found = session.exec(select(Case.number).where(col(Case.id) == subject)).first()
        own = found or ""
    else:
        own = parse_number(subject) or ""
    return [own, parse_number(given.get("target") or "") or own]


def _check_person(actor: Actor) -> None:
    if not actor.is_system:
        require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)


def _case_for_move(
    session: Session, subject: int | str, kind: Move, actor: Actor, given: Given
) -> Case:
    try:
        return find_case(session, actor, subject, lock=True)
    except Refused:
        # A complainant may ring any operator: number and code open the case for what they ask.
        recorded = {Move.APPEAL, Move.WITHDRAW, Move.ANSWER}
        code = given.get("code")
        if kind not in recorded or not code or not actor.has(Role.OPERATOR):
            raise
        key = (
            col(Case.id) == subject
            if isinstance(subject, int)
            else col(Case.number) == (parse_number(subject) or "")
        )
        case = session.exec(
            select(Case).where(key, not_in_conflict(session, actor)).with_for_update()
        ).one_or_none()
        if case is None or not code_fits(case, code):
            raise
        return case


def _attempt(
    session: Session, case: Case, kind: Move, *, actor: Actor, now: datetime, given: Given
) -> Attempted:
    state = CaseState(case.state)
    row = row_for(kind, state)
    if row is None:
        raise Refused(CasesRefusal.MOVE_NOT_ALLOWED, move=kind, state=state)
    if not may_move(kind, state, parts_of(session, case, actor)):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE, move=kind)
    return Attempted(session=session, case=case, row=row, actor=actor, now=now, given=given)


def _await_second(attempted: Attempted) -> Moved:
    session, case = attempted.session, attempted.case
    assert case.id is not None
    waiting = session.get(PendingMove, case.id)
    if waiting is not None:
        session.delete(waiting)
        session.flush()
    cipher = cipher_of(session, case.text_key_id)
    session.add(
        PendingMove(
            case_id=case.id,
            move=attempted.row.move.value,
            account_id=attempted.actor.account_id,
            at=attempted.now,
            particulars=cipher.seal_fields(_plain(attempted.given)),
        )
    )
    session.flush()
    return Moved(case.id, case.number, CaseState(case.state), awaits_second=True)


def _plain(given: Given) -> dict[str, Any]:
    """What was given, as the timeline shows it: no code, and remedies and respondents by name."""
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name == "code":
            continue
        if name == "remedies":
            fields[name] = [asdict(order) for order in given["remedies"]]
        elif name == "respondents":
            fields[name] = [entry.name for entry in given["respondents"]]
        elif name == "votes":
            fields[name] = {str(key): ballot.value for key, ballot in given["votes"].items()}
        else:
            fields[name] = value
    return fields


def _carry_out(attempted: Attempted, *, second_id: int | None = None) -> Moved:
    session, case, row = attempted.session, attempted.case, attempted.row
    assert case.id is not None
    cipher = cipher_of(session, case.text_key_id)
    effect = _EFFECTS.get(row.move)
    if effect is not None:
        effect(attempted, cipher)
    target = row.target or CaseState(case.came_from or CaseState.TRIAGE.value)
    waiting = session.get(PendingMove, case.id)
    if waiting is not None:
        session.delete(waiting)
    enter_state(
        session,
        case,
        target,
        move=row.move,
        actor=attempted.actor,
        at=attempted.now,
        calendar=calendar_of(session),
        cipher=cipher,
        particulars=_plain(attempted.given),
        second_id=second_id,
        public=attempted.by_complainant,
    )
    return Moved(case.id, case.number, target)


def _note(attempted: Attempted, cipher: TextCipher, kind: NoteKind, text: str) -> None:
    assert attempted.case.id is not None
    attempted.session.add(
        Note(
            case_id=attempted.case.id,
            kind=kind.value,
            text=cipher.seal(text),
            account_id=None if attempted.actor.is_system else attempted.actor.account_id,
            at=attempted.now,
        )
    )
    index_text(attempted.session, attempted.case.id, text)


def _acknowledge(attempted: Attempted, _cipher: TextCipher) -> None:
    attempted.case.acknowledged_at = attempted.case.acknowledged_at or attempted.now


def _ask(attempted: Attempted, cipher: TextCipher) -> None:
    _note(attempted, cipher, NoteKind.QUESTION, attempted.given["question"])


def _answer(attempted: Attempted, cipher: TextCipher) -> None:
    if not attempted.by_clock:
        _note(attempted, cipher, NoteKind.ANSWER, attempted.given["answer"])


def _merge(attempted: Attempted, _cipher: TextCipher) -> None:
    session, case = attempted.session, attempted.case
    target = session.exec(
        select(Case).where(
            col(Case.number) == (parse_number(attempted.given["target"]) or ""),
            exists_for(session, attempted.actor),
        )
    ).one_or_none()
    if target is None or target.id == case.id or target.state == CaseState.MERGED.value:
        raise Refused(CasesRefusal.NO_SUCH_CASE)
    if CaseState(target.state) not in MERGED_INTO:
        raise Refused(CasesRefusal.TARGET_GONE_TOO_FAR, state=CaseState(target.state))
    case.merged_into = target.id


def _unmerge(attempted: Attempted, _cipher: TextCipher) -> None:
    attempted.case.merged_into = None


def _submit(attempted: Attempted, cipher: TextCipher) -> None:
    session, case, given = attempted.session, attempted.case, attempted.given
    case.category, case.place_code = given["category"].value, given["place"]
    case.urgency, case.risk = given["urgency"].value, given["risk"]
    for entry in given["respondents"]:
        put_respondent(session, case, entry, cipher=cipher, now=attempted.now)
    commission = route(session, case)
    if commission is None:
        raise Refused(CasesRefusal.NO_COMMISSION)
    case.commission_id = commission


def _assign(attempted: Attempted, _cipher: TextCipher) -> None:
    attempted.case.lead_id = attempted.given["lead"]


def _pass_on(attempted: Attempted, _cipher: TextCipher) -> None:
    session, case, given = attempted.session, attempted.case, attempted.given
    if given["direction"] is Direction.SIDEWAYS and given.get("lead") is not None:
        lead = given["lead"]
        assert case.id is not None
        members = {member.account_id for member in sittings(session, case.commission_id)}
        if lead not in members or in_conflict(session, case.id, (lead,)):
            raise Refused(CasesRefusal.NOT_A_MEMBER)
        case.lead_id = lead
        return
    level = level_of(session, case.commission_id)
    target = route(
        session,
        case,
        above=level,
        without=(case.commission_id,) if case.commission_id else (),
        sideways=given["direction"] is Direction.SIDEWAYS or level is Level.CENTRE,
    )
    if target is None:
        raise Refused(CasesRefusal.NO_COMMISSION)
    case.commission_id = target
    case.lead_id = default_lead(session, case, target)


def _deliberate(attempted: Attempted, cipher: TextCipher) -> None:
    """Freeze what the decision may rest on: a digest over contacts, notes and files of the case and
    of those that go on as it, and the lead's list.
    """
    session, case = attempted.session, attempted.case
    frozen = sha256(attempted.given["evidence"].encode())
    for part in _gathered(attempted, case, cipher):
        frozen.update(part)
    for one in merged_in(session, case):
        for part in _gathered(attempted, one, cipher_of(session, one.text_key_id)):
            frozen.update(part)
    case.evidence_digest = frozen.hexdigest()


def _gathered(attempted: Attempted, case: Case, cipher: TextCipher) -> Iterator[bytes]:
    """Digests of all that was told and brought in one case; its files are frozen with it."""
    session = attempted.session
    stories = session.exec(
        select(Contact.story, Contact.quoted)
        .where(col(Contact.case_id) == case.id)
        .order_by(col(Contact.id))
    ).all()
    notes = session.exec(
        select(Note.text).where(col(Note.case_id) == case.id).order_by(col(Note.id))
    ).all()
    told = (part for story in stories for part in story if part is not None)
    for text in (*told, *notes):
        yield sha256(text).digest()
    yield from freeze_evidence(
        session, case, cipher, account_id=attempted.actor.account_id, now=attempted.now
    )


def _decide(attempted: Attempted, cipher: TextCipher) -> None:
    session, case, given = attempted.session, attempted.case, attempted.given
    assert case.id is not None
    assert case.commission_id is not None
    decision = Decision(
        case_id=case.id,
        commission_id=case.commission_id,
        finding=given["finding"].value,
        grounds=cipher.seal(given["grounds"]),
        chair_id=attempted.actor.account_id,
        at=attempted.now,
    )
    session.add(decision)
    session.flush()
    assert decision.id is not None
    index_text(session, case.id, given["grounds"])
    for account_id, ballot in given["votes"].items():
        session.add(
            DecisionVote(decision_id=decision.id, account_id=account_id, ballot=ballot.value)
        )
    case.finding = given["finding"].value
    order_remedies(
        session,
        case,
        decision.id,
        given["remedies"],
        cipher=cipher,
        actor=attempted.actor,
        now=attempted.now,
    )


def _tell(attempted: Attempted, cipher: TextCipher) -> None:
    if "told" in attempted.given:
        _note(attempted, cipher, NoteKind.TO_COMPLAINANT, attempted.given["told"])


def _appeal(attempted: Attempted, _cipher: TextCipher) -> None:
    session, case = attempted.session, attempted.case
    had_it = session.exec(
        select(CaseMove.commission_id).where(
            col(CaseMove.case_id) == case.id, col(CaseMove.commission_id).is_not(None)
        )
    ).all()
    level = level_of(session, case.commission_id)
    target = route(
        session,
        case,
        above=level,
        without={number for number in (*had_it, case.commission_id) if number is not None},
        sideways=level is Level.CENTRE,
    )
    if target is None:
        raise Refused(CasesRefusal.NO_COMMISSION)
    case.commission_id, case.lead_id, case.appealed_at = target, None, attempted.now


def _reopen(attempted: Attempted, _cipher: TextCipher) -> None:
    case = attempted.case
    case.commission_id, case.lead_id = case.next_commission_id, attempted.given["lead"]


def _withdraw(attempted: Attempted, _cipher: TextCipher) -> None:
    """The wish is fulfilled: should the case go on, a withdrawal has to be asked for anew. Nobody
    withdraws for another: cases that were merged into this one go on by themselves.
    """
    attempted.case.withdrawal_asked_at = attempted.case.withdrawal_channel = None
    let_go(attempted.session, attempted.case, now=attempted.now)


_EFFECTS: Final[Mapping[Move, Callable[[Attempted, TextCipher], None]]] = MappingProxyType(
    {
        Move.ACKNOWLEDGE: _acknowledge,
        Move.ASK: _ask,
        Move.ANSWER: _answer,
        Move.MERGE: _merge,
        Move.UNMERGE: _unmerge,
        Move.SUBMIT: _submit,
        Move.ASSIGN: _assign,
        Move.ADMIT_APPEAL: _assign,
        Move.PASS_ON: _pass_on,
        Move.DELIBERATE: _deliberate,
        Move.DECIDE: _decide,
        Move.ORDER_REMEDY: _tell,
        Move.CLOSE: _tell,
        Move.APPEAL: _appeal,
        Move.REOPEN: _reopen,
        Move.WITHDRAW: _withdraw,
    }
)


def catch_up(session: Session, case: Case, now: datetime) -> int:
    """Make the moves that the clock owes a case, each dated when it fell due; gives how many.

    So it does not matter whether the schedule or the next reader comes first.
    """
    made = 0
    while case.clock_at is not None and case.clock_at <= now:
        state = CaseState(case.state)
        kind = {
            CaseState.RECEIVED: Move.ACKNOWLEDGE,
            CaseState.NEEDS_INFO: Move.ANSWER,
        }.get(state, Move.PASS_ON)
        at = case.clock_at
        given = Given()
        if kind is Move.PASS_ON:
            given = Given(pass_reason=PassReason.OVERDUE, direction=Direction.UP)
            level = level_of(session, case.commission_id)
            without = (case.commission_id,) if case.commission_id else ()
            if level is Level.CENTRE or route(session, case, above=level, without=without) is None:
                # Nobody stands above: the case stays where it is, shown as overdue.
                case.clock_at = None
                session.add(case)
                session.flush()
                break
        _carry_out(_attempt(session, case, kind, actor=CLOCK, now=at, given=given))
        made += 1
    return made


def run_clock(session: Session, now: datetime) -> int:
    """Make every move the clock owes, over all cases; gives how many."""
    due = session.exec(
        select(Case)
        .where(col(Case.clock_at) <= now)
        .order_by(col(Case.clock_at), col(Case.id))
        .with_for_update(skip_locked=True)
    ).all()
    return sum(catch_up(session, case, now) for case in due)


def run_due(now: datetime | None = None) -> int:
    """Everything the clock owes, in a unit of work opened only when there is something to do: seats
    of substitutes end, cases move, reminders go out, texts are erased. Gives how many acts that were.

    An edge, like the writer of votes: screens and the schedule call it before they read.
    """
    moment = now or process_clock.now()
    with reading() as session:
        waiting = session.exec(select(Case.id).where(col(Case.clock_at) <= moment).limit(1)).first()
        is_idle = not (
            waiting
            or is_reminder_due(session, moment)
            or is_substitution_over(session, moment)
            or is_erasure_due(session, moment)
        )
    if is_idle:
        return 0
    with unit_of_work() as session:
        ended = end_due_substitutions(session, moment)
        moved = run_clock(session, moment) + send_reminders(session, moment)
        return ended + moved + erase_due_cases(session, moment)


__all__ = [
    "CLOCK",
    "Moved",
    "catch_up",
    "confirm_move",
    "move",
    "move_by_complainant",
    "run_clock",
    "run_due",
    "take_back_pending",
]
