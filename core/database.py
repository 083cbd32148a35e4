"""Engines, units of work and column types. Services take a session and never commit; edges do."""

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import DateTime, Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import Connection, ExceptionContext, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from core.settings import ROOT, settings

MIGRATIONS: Final = ROOT / "core" / "migrations"
_BUSY_SECONDS: Final = 30
_BUSY_PAUSE: Final = 0.0005
_TURN: Final = "turn"
_UPGRADE_LOCK: Final = 0x5052_494D  # "PRIM": the advisory lock of whoever upgrades

# Alembic's batch mode on SQLite drops constraints that have no name: every one has one.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes go in, aware UTC datetimes come out, on both engines."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; ``ValueError`` for a naive datetime, whose zone could only be guessed."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC, whatever the session's zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, values: Iterable[str]) -> str:
    """The condition of a CHECK constraint that lets only ``values``, such as an enum's, into a column."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def driver_url(url: str) -> str:
    """``url`` with the driver we use: ``postgresql://`` means psycopg 3."""
    parsed = make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def _no_rows(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


# At that level SQLAlchemy prints the rows it reads: sessions, digests and trackers, line after line.
logging.getLogger("sqlalchemy.engine.Engine").addFilter(_no_rows)


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an acknowledged vote survives a power cut
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when somebody else wrote
    # meanwhile, whatever the busy timeout: writers take their place in the queue at the start.
    turn = connection.info.get(_TURN)
    if connection.get_execution_options().get("reads_only", False):
        connection.exec_driver_sql("BEGIN")
    elif turn is None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # SQLite's lock knows no order, and a waiter looks for it less and less often: beside the
        # voters' writer, which takes it again at once, a clerk's click would wait for seconds.
        # So whoever wants to write passes a turnstile first and stands in it until it is free.
        fcntl.flock(turn, fcntl.LOCK_EX)
        try:
            _begin_in_turn(connection)
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)


def _begin_in_turn(connection: Connection) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA busy_timeout=0")
    try:
        last_try = time.monotonic() + _BUSY_SECONDS
        while time.monotonic() < last_try:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as fault:
                if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(_BUSY_PAUSE)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        raw.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")


def _open_turn(connection: Any, record: Any) -> None:
    _number, _name, path = connection.execute("PRAGMA database_list").fetchone()
    if path:
        # A descriptor for each connection: the lock is between descriptors, not processes.
        record.info[_TURN] = os.open(f"{path}.turn", os.O_RDWR | os.O_CREAT, 0o600)


def _close_turn(_connection: Any, record: Any) -> None:
    turn = record.info.pop(_TURN, None)
    if turn is not None:
        os.close(turn)


def _without_values(context: ExceptionContext) -> None:
    # PostgreSQL quotes the offending values in the DETAIL of an error: an IIN in a traceback.
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    whole, first_line = str(original), str(original).partition("\n")[0]
    original.args = (first_line,)
    if wrapped is not None:
        wrapped.args = tuple(str(part).replace(whole, first_line) for part in wrapped.args)


@cache
def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() == "sqlite":
        path = make_url(url).database
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            # The register is in it; SQLite gives its log and index files the same rights.
            Path(path).touch(mode=0o600)
        engine = create_engine(url, hide_parameters=True, pool_size=20, max_overflow=40)
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "connect", _open_turn)
        event.listen(engine, "close", _close_turn)
        return engine
    engine = create_engine(
        driver_url(url), hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20
    )
    event.listen(engine, "handle_error", _without_values)
    return engine


def engine() -> Engine:
    """The engine of this installation's database."""
    return _engine(settings().database_url)


def dispose() -> None:
    """Close every connection: before a fork, and between tests."""
    _engine(settings().database_url).dispose()
    _engine.cache_clear()


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """A session whose changes are all kept at the end of the block, or none if it raises."""
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """A session for queries: it sees one state of the database and writes nothing."""
    source = engine().execution_options(reads_only=True)
    with Session(source, expire_on_commit=False, autoflush=False) as session:
        if source.dialect.name == "postgresql":
            session.connection(
                execution_options={
                    "isolation_level": "REPEATABLE READ",
                    "postgresql_readonly": True,
                }
            )
        try:
            yield session
        finally:
            # A rollback would empty the rows that were read: whoever kept one keeps its values.
            session.expunge_all()
            session.rollback()


def is_unavailable(fault: BaseException) -> bool:
    """Whether the database was away, locked or out of connections: trying again may help."""
    return isinstance(fault, OperationalError | InterfaceError | NoConnectionLeft)


def is_sqlite(session: Session) -> bool:
    """Whether the session speaks to the embedded engine."""
    return session.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    """Bring the schema to the newest revision; processes that start together take turns."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _only_one_upgrades(), engine().connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _only_one_upgrades() -> Iterator[None]:
    url = make_url(settings().database_url)
    if url.get_backend_name() == "sqlite":
        lock = Path(f"{url.database}.upgrade-lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine().connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _UPGRADE_LOCK})
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _UPGRADE_LOCK})
