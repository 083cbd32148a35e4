"""Reminders: of a time limit that runs out, and of asking after a complainant whose case is closed.

They are set when a case enters a state and fall due by the clock, on read or by the schedule alike.
What goes out names nobody and nothing: a telephone lies on a table.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import able_members, find_case, officers_of, parts_of
from core.cases.ciphers import cipher_of
from core.cases.models import Case, CaseReminder, Note
from core.cases.rules import MAX_TEXT, CasesRefusal, CaseState, NoteKind, Part
from core.errors import Refused
from core.i18n import _
from core.staff.notices import tell_staff
from core.staff.rules import Actor, Office, Role, require_writer

WARNED_BEFORE: Final = timedelta(hours=1)


class ReminderKind(StrEnum):
    """What is called to mind."""

    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    RETALIATION = "retaliation"


ASKED_AFTER: Final = (timedelta(days=7), timedelta(days=30), timedelta(days=90))
"""When after closing the complainant is asked whether anybody takes revenge."""

_OF_LEAD: Final = frozenset({CaseState.ASSIGNED, CaseState.INVESTIGATION})
_OF_OFFICERS: Final = frozenset(
    {
        CaseState.ADMISSIBILITY,
        CaseState.DECIDED,
        CaseState.REMEDY,
        CaseState.CLOSED,
        CaseState.APPEAL,
    }
)


def set_reminders(session: Session, case: Case, *, at: datetime) -> None:
    """Set what a case that entered its state at ``at`` has to be reminded of; forget the rest."""
    assert case.id is not None
    session.execute(
        delete(CaseReminder).where(
            col(CaseReminder.case_id) == case.id, col(CaseReminder.sent_at).is_(None)
        )
    )
    for kind, due_at in _reminders(case, at):
        session.add(CaseReminder(case_id=case.id, kind=kind.value, due_at=due_at))


def _reminders(case: Case, at: datetime) -> list[tuple[ReminderKind, datetime]]:
    state = CaseState(case.state)
    if state is CaseState.CLOSED:
        return [(ReminderKind.RETALIATION, at + span) for span in ASKED_AFTER]
    if (
        case.due_at is None
        or case.due_at <= at
        or state not in _OF_LEAD | _OF_OFFICERS | {CaseState.DELIBERATION}
    ):
        return []
    found = [(ReminderKind.OVERDUE, case.due_at)]
    if case.due_at - WARNED_BEFORE > at:
        found.append((ReminderKind.DUE_SOON, case.due_at - WARNED_BEFORE))
    return found


def send_reminders(session: Session, now: datetime) -> int:
    """Tell whoever should move what has fallen due; gives how many reminders that were.

    The clock's own moves come first: where it has acted, nobody is reminded of what is over.
    """
    due = session.exec(
        select(CaseReminder)
        .where(col(CaseReminder.sent_at).is_(None), col(CaseReminder.due_at) <= now)
        .order_by(col(CaseReminder.due_at), col(CaseReminder.id))
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        case = session.get_one(Case, row.case_id)
        tell_staff(
            session,
            _who_is_told(session, case, ReminderKind(row.kind)),
            lambda: _("Primaries: something on the case desk waits for you."),
            key=f"case-reminder:{row.id}",
            now=now,
        )
        row.sent_at = now
        session.add(row)
    session.flush()
    return len(due)


def is_reminder_due(session: Session, now: datetime) -> bool:
    """Whether `send_reminders` would find anything."""
    waiting = select(CaseReminder.id).where(
        col(CaseReminder.sent_at).is_(None), col(CaseReminder.due_at) <= now
    )
    return session.exec(waiting.limit(1)).first() is not None


def _who_is_told(session: Session, case: Case, kind: ReminderKind) -> frozenset[int]:
    """Whose move it is, only of those who may sit; of what is overdue the chair hears too."""
    state = CaseState(case.state)
    able: Mapping[int, Office] = able_members(session, case, case.commission_id)
    chairs = {key for key, office in able.items() if office is Office.CHAIR}
    told: set[int] = set()
    if state in _OF_OFFICERS:
        told |= officers_of(session, case, case.commission_id)
    elif state in _OF_LEAD and case.lead_id in able:
        told.add(case.lead_id or 0)
    else:
        told |= chairs
    if kind is ReminderKind.OVERDUE:
        told |= chairs
    return frozenset(told)


def note_asked_after(
    session: Session, subject: int | str, *, actor: Actor, answer: str, now: datetime
) -> None:
    """Write down what a complainant said when asked after, for every reminder that is due.

    Officer or chair of the commission that closed the case.
    """
    require_writer(actor, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    assert case.id is not None
    if not parts_of(session, case, actor) & {Part.OFFICER, Part.CHAIR}:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if not answer.strip():
        raise Refused(CasesRefusal.TEXT_MISSING)
    if len(answer) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    rows = session.exec(
        select(CaseReminder).where(
            col(CaseReminder.case_id) == case.id,
            col(CaseReminder.kind) == ReminderKind.RETALIATION.value,
            col(CaseReminder.due_at) <= now,
            col(CaseReminder.answered_at).is_(None),
        )
    ).all()
    if not rows:
        raise Refused(CasesRefusal.NOTHING_TO_CONFIRM)
    for row in rows:
        row.sent_at, row.answered_at = row.sent_at or now, now
        session.add(row)
    session.add(
        Note(
            case_id=case.id,
            kind=NoteKind.INTERNAL.value,
            text=cipher_of(session, case.text_key_id).seal(answer.strip()),
            account_id=actor.account_id,
            at=now,
        )
    )
    session.flush()
    audit.record(session, "ask_after", author=actor.author, subject=f"case:{case.id}")
