"""Which case a mail belongs to. A stranger can never write into a case: only an answer to what we
wrote, from whom we wrote it to, is proof; everything else is a proposal to an operator.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from core.cases.ciphers import digest
from core.cases.models import Case, Contact
from core.cases.receipts import parse_number
from core.mail.models import AnsweredMail, IncomingMail
from core.mail.rules import Mail, Mark, Tie

_NUMBER: Final = re.compile(r"(?<![\w-])[0-9A-Za-z]{4}-[0-9A-Za-z]{4}(?![\w-])")
_MOST_LOOKED_AT: Final = 50


@dataclass(frozen=True)
class Tied:
    """What ties a mail to a case."""

    kind: Tie
    case_id: int


def note_answer(
    session: Session, row: IncomingMail, message_id: str, *, to: str, now: datetime
) -> None:
    """Remember that we wrote to the sender of a mail: who answers with this id, from that address,
    is the one we wrote to. Only whoever reads that mailbox knows the id.
    """
    assert row.contact_id is not None
    session.add(
        AnsweredMail(
            message_digest=digest("mail-message", message_id.strip("<> ")),
            contact_id=row.contact_id,
            recipient_digest=digest("mail-sender", to),
            at=now,
        )
    )
    session.flush()


def answers_us(session: Session, mail: Mail) -> bool:
    """Whether a mail refers to one that we wrote; such a one is never acknowledged again."""
    return bool(_ours(session, mail))


def tie_of(session: Session, row: IncomingMail, mail: Mail) -> Tied | None:
    """The case that a mail seems to belong to, by the strongest of what ties it; None without one."""
    another: Tied | None = None
    for contact_id, recipient in _ours(session, mail):
        case_id = _case_of(session, contact_id)
        if case_id is None:
            continue
        if recipient == row.sender_digest and Mark.TWO_SENDERS not in mail.marks:
            return Tied(Tie.PROVED, case_id)
        another = another or Tied(Tie.ANSWER_OF_ANOTHER, case_id)
    return another or _by_number(session, mail) or _by_sender(session, row)


def _ours(session: Session, mail: Mail) -> list[tuple[int, bytes]]:
    """Of the messages that a mail answers those that we wrote, the nearest first: whose they were."""
    digests = [digest("mail-message", each) for each in mail.answers[:_MOST_LOOKED_AT]]
    rows = session.exec(
        select(AnsweredMail).where(col(AnsweredMail.message_digest).in_(digests))
    ).all()
    found = {row.message_digest: (row.contact_id, row.recipient_digest) for row in rows}
    return [found[each] for each in digests if each in found]


def _case_of(session: Session, contact_id: int) -> int | None:
    contact = session.get(Contact, contact_id)
    return contact.case_id if contact else None


def _by_number(session: Session, mail: Mail) -> Tied | None:
    for written in _NUMBER.findall(mail.subject)[:5]:
        number = parse_number(written)
        case_id = number and session.exec(select(Case.id).where(col(Case.number) == number)).first()
        if case_id:
            return Tied(Tie.NUMBER_IN_SUBJECT, case_id)
    return None


def _by_sender(session: Session, row: IncomingMail) -> Tied | None:
    """The latest case that the same address wrote to. An address can be forged: never proof."""
    if row.sender_digest is None:
        return None
    case_id = session.exec(
        select(Contact.case_id)
        .join(IncomingMail, col(IncomingMail.contact_id) == col(Contact.id))
        .where(
            col(IncomingMail.sender_digest) == row.sender_digest,
            col(IncomingMail.id) != row.id,
            col(Contact.case_id).is_not(None),
        )
        .order_by(col(IncomingMail.id).desc())
        .limit(1)
    ).first()
    return Tied(Tie.SENDER, case_id) if case_id is not None else None
