"""The close: the board completed, no cast any more, and no order of casting left on the disk.

While votes come in, a database tells more than its tables do. PostgreSQL stores with every row the
transaction it came with; a heap, and the pages of a SQLite file, grow in the order of writing; a
log keeps every commit. All of it joins ballots to claims. After the close claims and ballots are
written anew in the order of their own digests, which is no order of anything else.

An edge: each step is a unit of work, may be tried again after a crash, and is done once.
"""

import sqlite3
import threading
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.audit.rules import Author
from core.database import engine, is_sqlite, reading, unit_of_work
from core.errors import Refused
from core.primary import queries as primaries
from core.primary.election import locked_primary
from core.primary.queries import PrimaryView, active_primary
from core.voting.board import closing, publish
from core.voting.board_models import VoteClosing
from core.voting.publishing import shuffled, unpublished
from core.voting.rules import Channel, VotingRefusal

LAST_CASTS: Final = timedelta(minutes=1)
"""A cast is in time by its arrival: so long the writer may still be storing what came in time."""

_SLICE: Final = 50_000  # ballots a statement
_PATIENCE: Final = 30.0  # seconds, with whoever reads or writes SQLite's file
_TRIES: Final = 3  # when somebody else publishes at the same moment
_ORDERS: Final = {
    "registration": "primary_id, iin_digest",
    "claim": "primary_id, kind, digest",
    "ballot": "tracker",
}
"""The tables that are written anew, and in what order; SQLite keeps them in it by their keys."""

_completing = threading.Lock()


def closed_from(primary: PrimaryView) -> datetime | None:
    """The instant from which the vote may be closed; None without a timeline."""
    return primary.timeline.voting_closes + LAST_CASTS if primary.timeline else None


def close_vote(now: datetime) -> bool:
    """Do what the close owes at ``now``; gives whether there was anything to do.

    Refused as ``ballots_not_rewritten`` while somebody reads the database for longer than half a
    minute: the next try finds the rest.
    """
    completed = complete_board(now)
    return rewrite_ballots(now) or completed


def complete_board(now: datetime) -> bool:
    """After the close, put every ballot that is not on the board there and sign the last heads.

    In the same transaction casts come to an end, so that no vote can be acknowledged that is on no
    board. Whoever reads the board asks here first: no job has to have run.
    """
    with reading() as session:
        if not _is_due(session, now):
            return False
    # Of many readers at once one does it; the others see what is published so far.
    if not _completing.acquire(blocking=False):
        return False
    try:
        for _try in range(_TRIES):
            try:
                with unit_of_work() as session:
                    return _complete(session, now)
            except IntegrityError:
                continue  # a batch was published meanwhile: what is left has to be found anew
        return False
    finally:
        _completing.release()


def _is_due(session: Session, now: datetime) -> bool:
    primary = active_primary(session)
    due = None if primary is None else closed_from(primary)
    return (
        primary is not None and due is not None and now >= due and not closing(session, primary.id)
    )


def _complete(session: Session, now: datetime) -> bool:
    primary = active_primary(session)
    assert primary is not None
    locked_primary(session, primary.id)  # several who close take turns
    if closing(session, primary.id):
        return False
    _end_casts(session, primary.id)
    waiting: dict[str, list[bytes]] = defaultdict(list)
    after: str | None = ""
    while after is not None:
        found, after = unpublished(session, primary.id, after=after, limit=_SLICE)
        for contest_id, leaf in found:
            waiting[contest_id].append(leaf)
    ballots = 0
    listed = {contest.id for contest in primaries.contests(session, primary.id)}
    for contest_id in sorted(listed | waiting.keys()):
        leaves = shuffled(waiting[contest_id])
        signed = publish(session, primary.id, contest_id, leaves, now=now, is_final=True)
        assert signed is not None, "no log is complete before the close"
        ballots += signed.head.size
    session.add(VoteClosing(primary_id=primary.id, ballots=ballots, completed_at=now))
    session.flush()
    audit.record(
        session,
        "complete_board",
        author=Author.system(),
        subject=f"primary:{primary.id}",
        details={"ballots": ballots},
    )
    return True


def _end_casts(session: Session, primary_id: str) -> None:
    """Refuse online claims from now on: a cast that was held up would be stored and never counted.

    PostgreSQL's trigger waits for the casts that are under way and is seen by all that come after;
    SQLite's writers stand in line anyway.
    """
    late = f"NEW.primary_id = {_quoted(primary_id)} AND NEW.channel = {_quoted(Channel.ONLINE)}"
    if is_sqlite(session):
        statements = [
            "DROP TRIGGER IF EXISTS claim_after_close",
            f"CREATE TRIGGER claim_after_close BEFORE INSERT ON claim WHEN {late}"
            " BEGIN SELECT RAISE(ABORT, 'the vote is closed'); END",
        ]
    else:
        statements = [
            "CREATE OR REPLACE FUNCTION refuse_claim_after_close() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'the vote is closed'; END $$",
            "DROP TRIGGER IF EXISTS claim_after_close ON claim",
            f"CREATE TRIGGER claim_after_close BEFORE INSERT ON claim FOR EACH ROW WHEN ({late})"
            " EXECUTE FUNCTION refuse_claim_after_close()",
        ]
    for statement in statements:
        session.connection().exec_driver_sql(statement)


def _quoted(value: str) -> str:
    # Definitions take no parameters; ids are ours and hold neither quotes nor percent signs.
    if not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("no identifier of ours")
    return f"'{value}'"


def require_rewritten(session: Session, primary_id: str) -> None:
    """Refused as ``ballots_not_rewritten`` unless this session sees what the close has done.

    A session whose view of PostgreSQL's tables is older sees those that were rewritten as empty.
    """
    done = closing(session, primary_id)
    if done is None or done.rewritten_at is None:
        raise Refused(VotingRefusal.BALLOTS_NOT_REWRITTEN)


def rewrite_ballots(now: datetime) -> bool:
    """Write claims and ballots anew, once the board is complete; gives whether it was done now."""
    with reading() as session:
        primary = active_primary(session)
        done = None if primary is None else closing(session, primary.id)
        if done is None or done.rewritten_at is not None:
            return False
        on_sqlite = is_sqlite(session)
    if on_sqlite:
        _rewrite_sqlite()
    with unit_of_work() as session:
        row = session.exec(
            select(VoteClosing)
            .where(col(VoteClosing.primary_id) == done.primary_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if row.rewritten_at is not None:
            return False
        if not on_sqlite:
            _rewrite_postgresql(session)
        row.rewritten_at = now
        session.add(row)
        session.flush()
        audit.record(
            session,
            "rewrite_ballots",
            author=Author.system(),
            subject=f"primary:{row.primary_id}",
            details={"ballots": row.ballots},
        )
    return True


def _rewrite_postgresql(session: Session) -> None:
    """Each table into a new file, by this one transaction, whose number all rows then bear.

    CLUSTER and VACUUM FULL would not do: both keep the old number of every row.
    """
    connection = session.connection()
    connection.execute(text("ALTER TABLE claim DISABLE TRIGGER claim_after_close"))
    for table, order in _ORDERS.items():
        statements = (
            f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
            f"CREATE TEMPORARY TABLE rewritten ON COMMIT DROP AS SELECT * FROM {table}",  # noqa: S608
            f"TRUNCATE {table}",
            f"INSERT INTO {table} SELECT * FROM rewritten ORDER BY {order}",  # noqa: S608
            "DROP TABLE rewritten",
        )
        counts = [connection.exec_driver_sql(statement).rowcount for statement in statements]
        assert counts[1] == counts[3], f"{table} lost rows"
    connection.execute(text("ALTER TABLE claim ENABLE TRIGGER claim_after_close"))


def _rewrite_sqlite() -> None:
    """The whole file anew, page by page in the order of the keys, and its log emptied.

    Refused as ``ballots_not_rewritten`` when somebody keeps file or log in use.
    """
    connection = sqlite3.connect(
        str(engine().url.database), timeout=_PATIENCE, isolation_level=None
    )
    try:
        connection.execute("VACUUM")
        (in_use, *_pages) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        in_use = True
    finally:
        connection.close()
    if in_use:
        raise Refused(VotingRefusal.BALLOTS_NOT_REWRITTEN)
