"""What we write to whoever wrote to us: that the mail came, once a day at most, and never to a machine.

The mailbox may be watched: an acknowledgement carries neither story nor category nor receipt code.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from core.i18n import _, use_locale
from core.mail.models import IncomingMail
from core.mail.rules import Mail, Mark
from core.mail.threads import answers_us, note_answer
from core.messaging.mails import post_mail
from core.messaging.rules import Purpose

ONCE_IN: Final = timedelta(days=1)


def acknowledge(
    session: Session, row: IncomingMail, mail: Mail, marks: set[Mark], *, now: datetime
) -> bool:
    """Tell the sender of a mail that it came; whether that was done.

    Not to machines, nor who was told within the day (two systems that don't know each other for
    machines fall silent after the first), nor who answers us, nor where senders are many or none.
    """
    if (
        mail.is_automatic
        or mail.sender is None
        or marks & {Mark.MANY_FROM_SENDER, Mark.TWO_SENDERS}
    ):
        return False
    if answers_us(session, mail) or _was_told(session, row, now):
        return False
    with use_locale(mail.language.value):
        subject = _("Your mail has come")
        text = _(
            "Your mail has come and will be read by a person of the committee.\n\n"
            "To follow what becomes of it, call the hotline: you will be given a number and a code "
            "there. Nothing of what you wrote is repeated here.\n\n"
            "This is an automatic answer. If you add something, answer this mail."
        )
    message_id = post_mail(
        session,
        to=mail.sender,
        subject=subject,
        text=text,
        purpose=Purpose.COMPLAINT,
        idempotency_key=f"mail acknowledged {row.fingerprint.hex()}",
        now=now,
        in_reply_to=mail.message_id,
        references=tuple(reversed(mail.answers)),
        language=mail.language.value,
    )
    if message_id is None:
        return False
    note_answer(session, row, message_id, to=mail.sender, now=now)
    row.acknowledged_at = now
    return True


def _was_told(session: Session, row: IncomingMail, now: datetime) -> bool:
    told = select(IncomingMail.id).where(
        col(IncomingMail.sender_digest) == row.sender_digest,
        col(IncomingMail.acknowledged_at) > now - ONCE_IN,
        col(IncomingMail.id) != row.id,
    )
    return session.exec(told.limit(1)).first() is not None
