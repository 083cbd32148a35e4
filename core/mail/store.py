"""The bytes of mails: stored before anything is asked of them, under a key of their own."""

from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from core.cases.ciphers import cipher_of, digest, new_text_key
from core.cases.models import TextKey
from core.errors import Refused
from core.mail.models import IncomingMail, MailPiece
from core.mail.rules import Fate, MailRefusal

_PIECE: Final = 512 * 1024


def store_mail(session: Session, raw: bytes, *, now: datetime, size: int | None = None) -> int:
    """Store the bytes of a mail; gives its id. The same bytes brought again are the first's.

    ``size``: of a mail of which ``raw`` is only a part.
    """
    fingerprint = digest("mail", sha256(raw).hexdigest())
    known = _stored(session, fingerprint)
    if known is not None:
        return known
    try:
        # Two fetchers at once: the unique key decides, the loser gets the winner's mail.
        with session.begin_nested():
            return _put(session, raw, fingerprint, size or len(raw), now)
    except IntegrityError:
        known = _stored(session, fingerprint)
        if known is None:
            raise
        return known


def locked(session: Session, mail_id: int) -> IncomingMail:
    """The mail, locked until the unit of work ends; refused as ``no_such_mail``."""
    row = session.exec(
        select(IncomingMail)
        .where(col(IncomingMail.id) == mail_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise Refused(MailRefusal.NO_SUCH_MAIL)
    return row


def raw_of(session: Session, row: IncomingMail) -> bytes:
    """The bytes again; refused as ``text_erased`` once they are erased.

    Empty once they stand in a case as evidence.
    """
    assert row.id is not None
    cipher = cipher_of(session, row.text_key_id)
    pieces = session.exec(
        select(MailPiece.ordinal, MailPiece.content)
        .where(col(MailPiece.mail_id) == row.id)
        .order_by(col(MailPiece.ordinal))
    ).all()
    return b"".join(
        cipher.open_bytes(sealed, bound_to=_place(row.id, ordinal)) for ordinal, sealed in pieces
    )


def drop_pieces(session: Session, row: IncomingMail) -> None:
    """Let go of the bytes, which stand in a case now."""
    session.execute(delete(MailPiece).where(col(MailPiece.mail_id) == row.id))


def forget_erased(session: Session) -> int:
    """Remove the bytes of mails whose key was destroyed with their contact; gives how many rows."""
    erased = (
        select(IncomingMail.id)
        .join(TextKey, col(TextKey.id) == col(IncomingMail.text_key_id))
        .where(col(TextKey.wrapped).is_(None))
    )
    done = session.connection().execute(delete(MailPiece).where(col(MailPiece.mail_id).in_(erased)))
    return int(done.rowcount)


def _put(session: Session, raw: bytes, fingerprint: bytes, size: int, now: datetime) -> int:
    key_id, cipher = new_text_key(session)
    row = IncomingMail(
        fingerprint=fingerprint,
        text_key_id=key_id,
        size=size,
        arrived_at=now,
        fate=Fate.WAITING.value,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    for ordinal, start in enumerate(range(0, len(raw), _PIECE)):
        piece = raw[start : start + _PIECE]
        sealed = cipher.seal_bytes(piece, bound_to=_place(row.id, ordinal))
        session.add(MailPiece(mail_id=row.id, ordinal=ordinal, content=sealed))
    session.flush()
    return row.id


def _stored(session: Session, fingerprint: bytes) -> int | None:
    return session.exec(
        select(IncomingMail.id).where(col(IncomingMail.fingerprint) == fingerprint)
    ).first()


def _place(mail_id: int, ordinal: int) -> bytes:
    return f"mail {mail_id}/{ordinal}".encode()
