"""Mails as they are made: plain text, with the headers by which mail programs thread them and
machines know not to answer.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from sqlalchemy import insert
from sqlmodel import Session, select

from core.messaging.models import OutboxMessage
from core.messaging.post import Outgoing, new_id, row_of
from core.messaging.rules import GatewayKind, Purpose
from core.settings import SmtpSettings, settings

_MOST_REFERENCES: Final = 20


def post_mail(
    session: Session,
    *,
    to: str,
    subject: str,
    text: str,
    purpose: Purpose,
    idempotency_key: str,
    now: datetime,
    in_reply_to: str | None = None,
    references: Sequence[str] = (),
    language: str = "ru",
) -> str | None:
    """Queue a mail to one address; gives its Message-ID, without brackets.

    None when the same key was queued before, or when no mail server is set. The id cannot be
    guessed: who answers with it has read the mail.
    """
    chosen = settings().smtp
    known = select(OutboxMessage.id).where(OutboxMessage.idempotency_key == idempotency_key)
    if chosen is None or session.exec(known).first() is not None:
        return None
    message_id = f"{secrets.token_hex(16)}@{chosen.sender.rpartition('@')[2]}"
    mail = _composed(
        chosen,
        to=to,
        subject=subject,
        text=text,
        message_id=message_id,
        in_reply_to=in_reply_to,
        references=references,
        language=language,
        now=now,
    )
    message = Outgoing(id=new_id(now), gateway=GatewayKind.MAIL, purpose=purpose, to=to, text=mail)
    row = row_of(message, now=now, idempotency_key=idempotency_key)
    session.execute(insert(OutboxMessage).values(row))
    return message_id


def _composed(
    chosen: SmtpSettings,
    *,
    to: str,
    subject: str,
    text: str,
    message_id: str,
    in_reply_to: str | None,
    references: Sequence[str],
    language: str,
    now: datetime,
) -> str:
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"] = chosen.sender
    mail["To"] = to
    # A subject comes from a stranger's mail: a line break in it would be a header of theirs.
    mail["Subject"] = " ".join(subject.split())[:200]
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message_id}>"
    if in_reply_to:
        mail["In-Reply-To"] = f"<{in_reply_to}>"
        cited = [*references[:_MOST_REFERENCES], in_reply_to]
        mail["References"] = " ".join(f"<{each}>" for each in dict.fromkeys(cited))
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Content-Language"] = language
    mail.set_content(text, cte="base64")
    return mail.as_bytes().decode("ascii")
