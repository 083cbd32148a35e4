"""What ended is removed; of a code that was sent stays what the hotline must still find."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Delete, delete, insert
from sqlmodel import Session, col, select

from core.database import unit_of_work
from core.settings import settings
from core.voting.hotline import are_answered
from core.voting.models import (
    AddressHold,
    SignInChallenge,
    UnusedCode,
    UsedCode,
    VotingSession,
)

KEPT_AFTER_EXPIRY: Final = timedelta(hours=1)
"""How long a session stays after its end, so that a lost answer can be repeated."""

AT_ONCE: Final = 2_000
"""Rows of a kind in one unit of work: voters must not wait for a large one to commit."""


_SETTLED: Final = timedelta(minutes=1)
"""After this no answer to a challenge is under way any more."""


def forget_ended(now: datetime) -> int:
    """Remove everything that is over, some of it in each unit of work; gives how many rows."""
    gone = 0
    while True:
        with unit_of_work() as session:
            some = purge_expired(session, now=now)
        if not some:
            return gone
        gone += some


def purge_expired(session: Session, *, now: datetime) -> int:
    """Remove sessions and holds that ended an hour ago, and challenges that are over.

    Gives how many, of each kind at most `AT_ONCE`. A challenge whose code was sent leaves a
    `UsedCode` or an `UnusedCode`; one whose code went to nobody left its rejection, and the hotline
    finds all three alike.
    """
    answered = are_answered(session, now)
    long_ago = now - KEPT_AFTER_EXPIRY
    gone = _end_challenges(session, now - _SETTLED, answered=answered)
    for table, key in (
        (VotingSession, col(VotingSession.token_hash)),
        (AddressHold, col(AddressHold.digest)),
    ):
        is_over = col(table.expires_at) < long_ago
        over = session.exec(select(key).where(is_over).limit(AT_ONCE)).all()
        gone += _gone(session, delete(table).where(key.in_(over), is_over))
    if not answered:
        gone += sum(_gone(session, delete(table)) for table in (UsedCode, UnusedCode))
    return gone


def _gone(session: Session, statement: Delete) -> int:
    done: Any = session.execute(statement)
    return int(done.rowcount)


def _end_challenges(session: Session, before: datetime, *, answered: bool) -> int:
    over = session.exec(
        select(SignInChallenge)
        .where(col(SignInChallenge.expires_at) < before)
        .order_by(col(SignInChallenge.expires_at))
        .limit(AT_ONCE)
    ).all()
    if not over:
        return 0
    if answered:
        _keep_references(session, over)
    ended = [row.id for row in over]
    return _gone(session, delete(SignInChallenge).where(col(SignInChallenge.id).in_(ended)))


def _keep_references(session: Session, over: Sequence[SignInChallenge]) -> None:
    # A code that moved a session was asked for by a cast, which has a reference of its own.
    own = [row for row in over if row.code_sent and row.moves_session is None]
    zone = settings().zone
    used = [
        {
            "reference": row.reference,
            "primary_id": row.primary_id,
            "iin_digest": row.iin_digest,
            "day": row.created_at.astimezone(zone).date(),
        }
        for row in own
        if row.solved
    ]
    unused = [
        {
            "reference": row.reference,
            "primary_id": row.primary_id,
            "iin_digest": row.iin_digest,
            "mobile_digest": row.mobile_digest,
            "place_code": row.place_code,
            "iin_masked": row.iin_masked,
            "mobile_masked": row.mobile_masked,
            "address_short": row.address_short,
            "at": row.created_at,
        }
        for row in own
        if not row.solved
    ]
    for table, rows in ((UsedCode, used), (UnusedCode, unused)):
        if rows:
            # By reference, so that the order of rows tells nothing of the order of sign-ins.
            session.execute(insert(table), sorted(rows, key=lambda row: str(row["reference"])))
