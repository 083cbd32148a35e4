"""The public board: a log of sealed ballots for each contest, and heads that sign its growth.

`publish` is the only verb that writes; the rest is what everybody may ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func
from sqlalchemy import select as table_select
from sqlmodel import Session, col, select

from core.keyring import signing_key, signing_public_key
from core.voting.board_file import BoardProof
from core.voting.board_log import ContestLog
from core.voting.board_models import BoardHead, BoardLeaf, VoteClosing
from core.voting.heads import SignedHead, TreeHead, sign
from core.voting.queries import is_ballot_stored
from core.voting.sealing import TRACKER_BYTES, digest_start

_HEAD: Final[Any] = BoardHead.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_LATEST: Final = (  # asked for with every proof: putting it together each time would cost as much
    table_select(_HEAD)
    .where(_HEAD.c.primary_id == bindparam("primary"), _HEAD.c.contest_id == bindparam("contest"))
    .order_by(_HEAD.c.number.desc())
    .limit(1)
)
_LAST_BYTES: Final = b"\xff" * (32 - TRACKER_BYTES)


@dataclass(frozen=True, slots=True)
class Published:
    """A leaf of the board: which contest's log it is in, and where."""

    contest_id: str
    position: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Traced:
    """What became of the ballot of a tracker: is it stored, and what proves that it is published."""

    is_stored: bool
    proof: BoardProof | None = None


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of ``earlier`` leaves is the beginning of the one that ``signed`` speaks of."""

    earlier: SignedHead
    signed: SignedHead
    path: tuple[bytes, ...]


def publish(
    session: Session,
    primary_id: str,
    contest_id: str,
    leaves: Sequence[bytes],
    *,
    now: datetime,
    is_final: bool = False,
) -> SignedHead | None:
    """Append leaves to the log of a contest, in this order, and sign its new head.

    None when the log is complete already. If somebody else publishes in the same contest, or one of
    these leaves, at the same time, a unique key refuses it: `IntegrityError`, and nothing is kept.
    """
    before = latest_head(session, primary_id, contest_id)
    if before is not None and before.head.is_final:
        return None
    log = ContestLog(
        session.connection(), primary_id, contest_id, before.head.size if before else 0
    )
    signed = sign(
        TreeHead(
            primary_id=primary_id,
            contest_id=contest_id,
            number=before.head.number + 1 if before else 1,
            root=log.append(leaves),
            size=log.size,
            at=now,
            is_final=is_final,
        ),
        signing_key(),
    )
    head = signed.head
    session.add(
        BoardHead(
            primary_id=primary_id,
            contest_id=contest_id,
            number=head.number,
            size=head.size,
            root=head.root,
            at=head.at,
            is_final=head.is_final,
            signature=signed.signature,
        )
    )
    session.flush()
    return signed


def latest_head(session: Session, primary_id: str, contest_id: str) -> SignedHead | None:
    """The newest head of a contest; None before its first batch."""
    row = session.execute(_LATEST, {"primary": primary_id, "contest": contest_id}).first()
    return None if row is None else _signed(row)


def latest_heads(session: Session, primary_id: str) -> tuple[SignedHead, ...]:
    """The newest head of every contest that has one, in order of contest."""
    newest = (
        select(BoardHead.contest_id, func.max(BoardHead.number).label("number"))
        .where(col(BoardHead.primary_id) == primary_id)
        .group_by(col(BoardHead.contest_id))
        .subquery()
    )
    rows = session.exec(
        select(BoardHead)
        .join(
            newest,
            (newest.c.contest_id == col(BoardHead.contest_id))
            & (newest.c.number == col(BoardHead.number)),
        )
        .where(col(BoardHead.primary_id) == primary_id)
    )
    return tuple(sorted(map(_signed, rows), key=lambda signed: signed.head.contest_id))


def heads(
    session: Session, primary_id: str, contest_id: str, *, after: int = 0, limit: int = 1000
) -> tuple[SignedHead, ...]:
    """The heads of a contest whose number is more than ``after``, in their order."""
    rows = session.exec(
        select(BoardHead)
        .where(
            col(BoardHead.primary_id) == primary_id,
            col(BoardHead.contest_id) == contest_id,
            col(BoardHead.number) > after,
        )
        .order_by(col(BoardHead.number))
        .limit(limit)
    )
    return tuple(map(_signed, rows))


def head_of_size(
    session: Session, primary_id: str, contest_id: str, size: int
) -> SignedHead | None:
    """The first head over so many leaves, or None."""
    row = session.exec(
        select(BoardHead)
        .where(
            col(BoardHead.primary_id) == primary_id,
            col(BoardHead.contest_id) == contest_id,
            col(BoardHead.size) == size,
        )
        .order_by(col(BoardHead.number))
        .limit(1)
    ).first()
    return None if row is None else _signed(row)


def _signed(row: Any) -> SignedHead:
    """The head of a row of its table."""
    return SignedHead(
        TreeHead(
            primary_id=row.primary_id,
            contest_id=row.contest_id,
            number=row.number,
            size=row.size,
            root=bytes(row.root),
            at=row.at,
            is_final=row.is_final,
        ),
        bytes(row.signature),
    )


def leaves(
    session: Session, primary_id: str, contest_id: str, *, start: int, end: int
) -> list[bytes]:
    """The leaves ``[start, end)`` of a contest's log, in their order."""
    rows = session.exec(
        select(BoardLeaf.sha256)
        .where(
            col(BoardLeaf.primary_id) == primary_id,
            col(BoardLeaf.contest_id) == contest_id,
            col(BoardLeaf.position) >= start,
            col(BoardLeaf.position) < end,
        )
        .order_by(col(BoardLeaf.position))
    )
    return [bytes(leaf) for leaf in rows]


def find(session: Session, primary_id: str, tracker: str) -> Published | None:
    """Where on the board the ballot of a tracker (26 characters) is, or None."""
    start = digest_start(tracker)
    if start is None:
        return None
    row = session.exec(
        select(BoardLeaf.contest_id, BoardLeaf.position, BoardLeaf.sha256).where(
            col(BoardLeaf.primary_id) == primary_id,
            col(BoardLeaf.sha256) >= start.ljust(32, b"\0"),
            col(BoardLeaf.sha256) <= start + _LAST_BYTES,
        )
    ).first()
    return None if row is None else Published(row[0], row[1], bytes(row[2]))


def prove_inclusion(session: Session, primary_id: str, leaf: Published) -> BoardProof:
    """That a leaf is in the newest head of its contest."""
    signed = latest_head(session, primary_id, leaf.contest_id)
    assert signed is not None, "a leaf is published with a head"
    log = ContestLog(session.connection(), primary_id, leaf.contest_id, signed.head.size)
    return BoardProof(
        public_key=signing_public_key(),
        signed=signed,
        leaf=leaf.sha256,
        position=leaf.position,
        path=tuple(log.inclusion(leaf.position)),
    )


def trace(session: Session, primary_id: str, tracker: str) -> Traced:
    """Whether the ballot of a tracker (26 characters, ungrouped) is stored and on the board."""
    leaf = find(session, primary_id, tracker)
    if leaf is not None:
        return Traced(True, prove_inclusion(session, primary_id, leaf))
    return Traced(is_ballot_stored(session, tracker))


def prove_consistency(
    session: Session, primary_id: str, contest_id: str, *, earlier: int, size: int
) -> ConsistencyProof | None:
    """That the head over ``earlier`` leaves tells the beginning of the one over ``size``.

    None unless both sizes are those of heads, the earlier not the larger.
    """
    first = head_of_size(session, primary_id, contest_id, earlier)
    second = head_of_size(session, primary_id, contest_id, size)
    if first is None or second is None or earlier > size:
        return None
    log = ContestLog(session.connection(), primary_id, contest_id, size)
    return ConsistencyProof(first, second, tuple(log.consistency(earlier)))


def closing(session: Session, primary_id: str) -> VoteClosing | None:
    """What the close of a primary's vote did so far; None before."""
    return session.get(VoteClosing, primary_id)
