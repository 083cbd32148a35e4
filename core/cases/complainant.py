"""What complainants do with their own complaint, by number and code, without an account.

Every verb opens the case anew: the code is the only key, and nobody is signed in. A wrong code is a
value, so that the guess is remembered; what can't be done is refused and leaves no trace.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.audit.rules import Author
from core.cases.access import find_case
from core.cases.ciphers import cipher_of
from core.cases.contacts import Receipt
from core.cases.evidence import put_evidence
from core.cases.evidence_rules import Upload
from core.cases.following import (
    Opening,
    attempts,
    note_attempt,
    open_complaint,
    receipt_digest,
    status_of,
)
from core.cases.merging import goes_on_as, lock_together
from core.cases.models import Case, Note
from core.cases.moves import catch_up, move_by_complainant
from core.cases.receipts import ReceiptCode
from core.cases.requirements import Given
from core.cases.rules import (
    MAX_TEXT,
    CasesRefusal,
    CaseState,
    Channel,
    ComplainantAct,
    Move,
    NoteKind,
    Part,
    Verification,
)
from core.cases.search import index_text
from core.errors import Refused
from core.staff.rules import Actor, Role, require_writer

WORDS_AN_HOUR: Final = 20
_MOVES: Final[Mapping[ComplainantAct, Move]] = {
    ComplainantAct.ANSWER: Move.ANSWER,
    ComplainantAct.APPEAL: Move.APPEAL,
    ComplainantAct.CONFIRM_WITHDRAWAL: Move.WITHDRAW,
}


def act_on_complaint(
    session: Session, opening: Opening, act: ComplainantAct, *, words: str = "", now: datetime
) -> CasesRefusal | None:
    """Answer, add, appeal, withdraw or keep, as the holder of the receipt; None when it is done.

    The same words sent twice are taken once. Refused as ``code_must_change`` while the code is one
    that was read out, ``act_not_open`` when the case has moved on, ``text_missing``,
    ``text_too_long``, ``too_many_words`` above 20 an hour, and as the move itself is refused.
    """
    case = _open_to_act(session, opening, now=now)
    if isinstance(case, CasesRefusal):
        return case
    if act in _WITH_WORDS:
        if not words.strip():
            raise Refused(CasesRefusal.TEXT_MISSING)
        if len(words) > MAX_TEXT:
            raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    acts = status_of(session, case, now=now).acts
    is_repeat = act in _WITH_WORDS and (act is ComplainantAct.ADD or act not in acts)
    if is_repeat and _was_said(session, case, words):
        return None
    if act not in acts:
        raise Refused(CasesRefusal.ACT_NOT_OPEN)
    if act in _MOVES:
        given = _given(act, words, opening.code)
        number = goes_on_as(session, case).number if act is ComplainantAct.APPEAL else case.number
        move_by_complainant(session, number, _MOVES[act], now=now, **given)
    elif act is ComplainantAct.ADD:
        _add(session, case, words, now=now)
    else:
        _note_withdrawal(session, case, asked=act is ComplainantAct.ASK_WITHDRAWAL, now=now)
    return None


def add_file(
    session: Session, opening: Opening, upload: Upload, *, now: datetime
) -> CasesRefusal | None:
    """Add a file to the own complaint; None when it is there, sent once or twice.

    Refused as `act_on_complaint` refuses an addition, and as `put_evidence` does.
    """
    case = _open_to_act(session, opening, now=now)
    if isinstance(case, CasesRefusal):
        return case
    if ComplainantAct.ADD not in status_of(session, case, now=now).acts:
        raise Refused(CasesRefusal.ACT_NOT_OPEN)
    put_evidence(
        session,
        case,
        upload,
        account_id=None,
        author=Author.public(),
        now=now,
        state=CaseState(goes_on_as(session, case).state),
    )
    return None


def _open_to_act(session: Session, opening: Opening, *, now: datetime) -> Case | CasesRefusal:
    """The case, locked and moved on by its clock, for whoever holds a code that nobody overheard."""
    case = open_complaint(session, opening, now=now)
    if isinstance(case, CasesRefusal):
        return case
    if case.receipt_spoken:
        raise Refused(CasesRefusal.CODE_MUST_CHANGE)
    lock_together(session, [case.number])
    locked = session.exec(
        select(Case)
        .where(col(Case.id) == case.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    catch_up(session, locked, now)
    return locked


_WITH_WORDS: Final = frozenset({ComplainantAct.ANSWER, ComplainantAct.ADD, ComplainantAct.APPEAL})


def _given(act: ComplainantAct, words: str, code: str) -> Given:
    given = Given(verification=Verification.RECEIPT_CODE, code=code)
    if act is ComplainantAct.ANSWER:
        given["answer"] = words
    elif act is ComplainantAct.APPEAL:
        given["appellant"] = Part.COMPLAINANT
        given["grounds"] = words
    else:
        given["channel"] = Channel.PORTAL
    return given


def _was_said(session: Session, case: Case, words: str) -> bool:
    last = session.exec(
        select(Note.text)
        .where(
            col(Note.case_id) == case.id,
            col(Note.kind) == NoteKind.ANSWER.value,
            col(Note.account_id).is_(None),
        )
        .order_by(col(Note.id).desc())
        .limit(1)
    ).first()
    return cipher_of(session, case.text_key_id).open(last) == words.strip()


def _add(session: Session, case: Case, words: str, *, now: datetime) -> None:
    assert case.id is not None
    if attempts(session, "words", case.number, now=now) >= WORDS_AN_HOUR:
        raise Refused(CasesRefusal.TOO_MANY_WORDS, limit=WORDS_AN_HOUR)
    note_attempt(session, "words", case.number, now=now)
    session.add(
        Note(
            case_id=case.id,
            kind=NoteKind.ANSWER.value,
            text=cipher_of(session, case.text_key_id).seal(words.strip()),
            at=now,
        )
    )
    session.flush()
    index_text(session, case.id, words)
    _audit(session, "add_note", case, kind=NoteKind.ANSWER.value)


def _note_withdrawal(session: Session, case: Case, *, asked: bool, now: datetime) -> None:
    case.withdrawal_asked_at = now if asked else None
    case.withdrawal_channel = Channel.PORTAL.value if asked else None
    session.add(case)
    session.flush()
    _audit(session, "ask_withdrawal" if asked else "keep_complaint", case)


def new_code() -> ReceiptCode:
    """A code to offer in place of one that was read out; it counts once `change_code` is told so.

    Offered first and set afterwards: an answer lost on the way locks nobody out.
    """
    return ReceiptCode.from_random(secrets.token_bytes(10))


def give_code(
    session: Session, subject: int | str, *, actor: Actor, reason: str, now: datetime
) -> Receipt:
    """Give a complainant who has none a code to be read out: one who wrote a mail, or lost the code
    that was read out. The one before opens nothing any more.

    ``reason`` says how the operator knows who calls; it stands in the case's notes. Refused as
    ``no_such_case`` when the case is not on the operator's desk, ``reason_missing``,
    ``text_too_long``, ``text_erased``, and as ``code_is_theirs`` once the complainant has a code
    that no operator knows: nobody takes a complaint over.
    """
    require_writer(actor, Role.OPERATOR)
    case = find_case(session, actor, subject, lock=True)
    assert case.id is not None
    if not reason.strip():
        raise Refused(CasesRefusal.REASON_MISSING)
    if len(reason) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    if not case.receipt_spoken:
        raise Refused(CasesRefusal.CODE_IS_THEIRS)
    session.add(
        Note(
            case_id=case.id,
            kind=NoteKind.INTERNAL.value,
            text=cipher_of(session, case.text_key_id).seal(reason.strip()),
            account_id=actor.account_id,
            at=now,
        )
    )
    code = new_code()
    case.receipt = receipt_digest(case.number, code)
    session.add(case)
    session.flush()
    audit.record(session, "give_receipt_code", author=actor.author, subject=f"case:{case.id}")
    return Receipt(0, case.number, code, case.id)


def change_code(
    session: Session, opening: Opening, new: ReceiptCode, *, now: datetime
) -> CasesRefusal | None:
    """Let ``new`` open the case from now on, and the code that was read out no more.

    Done twice it is done once. Refused as ``act_not_open`` unless the code must be changed.
    """
    case = open_complaint(session, opening, now=now)
    if isinstance(case, CasesRefusal):
        changed = open_complaint(session, replace(opening, code=new.signs), now=now)
        return None if isinstance(changed, Case) else case
    if not case.receipt_spoken:
        raise Refused(CasesRefusal.ACT_NOT_OPEN)
    case.receipt, case.receipt_spoken = receipt_digest(case.number, new), False
    session.add(case)
    session.flush()
    _audit(session, "change_receipt_code", case)
    return None


def _audit(session: Session, action: str, case: Case, **details: str) -> None:
    audit.record(
        session, action, author=Author.public(), subject=f"case:{case.id}", details=details
    )
