"""What a gateway reports of a message it took: delivered, or not.

A report comes to an address that was made for its message and that nobody can guess or make:
strangers are refused without a look into the database. It is believed in what it can know: a
delivery settles every doubt, and a failure never undoes a delivery.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, case, null, select, update
from sqlmodel import Session

from core.keyring import hmac_digest
from core.messaging.ledger import table
from core.messaging.rules import MessageState, Purpose, SendFault, after_report, keeps_text

PATH: Final = "/gateway/sms/"
_ID_LENGTH: Final = 32
_MARK_LENGTH: Final = 32

# As Kannel numbers them; 4 (buffered) and 8 (accepted by the network) say nothing final.
_MEANINGS: Final[Mapping[str, bool | None]] = {
    "1": True,
    "2": False,
    "16": False,
    "4": None,
    "8": None,
}


def path_for(message_id: str) -> str:
    """Where reports of a message arrive: its id with a mark that only this installation can make."""
    return f"{PATH}{message_id}{_mark(message_id)}"


def message_of(token: str) -> str | None:
    """The id in the last part of such a path; None for anything that was not made here."""
    message_id, mark = token[:_ID_LENGTH], token[_ID_LENGTH:]
    if len(token) != _ID_LENGTH + _MARK_LENGTH or not token.isascii():
        return None
    return message_id if hmac.compare_digest(mark, _mark(message_id)) else None


def _mark(message_id: str) -> str:
    return hmac_digest("messaging.report", message_id.encode()).hex()[:_MARK_LENGTH]


def meaning(status: str) -> bool | None:
    """Whether a reported status says that the phone has the message; None when it is not final.

    ``KeyError`` for what Kannel never says.
    """
    return _MEANINGS[status]


def note_reports(session: Session, delivered: Mapping[str, bool], *, now: datetime) -> int:
    """Write down reports by message id; gives how many changed anything."""
    found = session.connection().execute(
        select(table.c.id, table.c.purpose, table.c.state)
        .where(table.c.id.in_(delivered))
        .order_by(table.c.id)
        .with_for_update()
    )
    changes = []
    for row in found:
        state = after_report(MessageState(row.state), delivered=delivered[row.id])
        if state is not None:
            changes.append(
                {
                    "row_id": row.id,
                    "next_state": state.value,
                    "next_fault": None if delivered[row.id] else SendFault.UNDELIVERED.value,
                    "keeps_text": keeps_text(Purpose(row.purpose), state),
                }
            )
    if changes:
        session.connection().execute(
            update(table)
            .where(table.c.id == bindparam("row_id"))
            .values(
                state=bindparam("next_state"),
                fault=bindparam("next_fault"),
                changed_at=now,
                body=case((bindparam("keeps_text"), table.c.body), else_=null()),
            ),
            changes,
        )
    return len(changes)
