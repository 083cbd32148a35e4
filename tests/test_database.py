import os
import stat
import subprocess
import sys
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlmodel import select

from core import clock
from core.database import dispose, engine, reading, unit_of_work, upgrade
from core.settings import ROOT, settings
from core.staff.models import Account


def _account(login: str, *, at: datetime) -> Account:
    return Account(login=login, name="x", password_hash="!", created_at=at, effective_at=at)


def test_instants_come_back_aware_in_utc_whatever_zone_they_went_in(database: str) -> None:
    at = datetime(2020, 10, 5, 0, 0, 0, 123456, tzinfo=ZoneInfo("Asia/Almaty"))
    with unit_of_work() as session:
        session.add(_account("a", at=at))
    with reading() as session:
        stored = session.exec(select(Account.created_at)).one()
    assert stored == at
    assert stored.utcoffset() == timedelta(0)


def test_a_naive_instant_is_refused(database: str) -> None:
    with pytest.raises(StatementError, match="zone"), unit_of_work() as session:
        session.add(_account("a", at=datetime(2020, 10, 5)))


def test_a_unit_of_work_that_raises_keeps_nothing(database: str) -> None:
    with pytest.raises(RuntimeError), unit_of_work() as session:
        session.add(_account("a", at=clock.now()))
        session.flush()
        raise RuntimeError
    with reading() as session:
        assert session.exec(select(Account)).all() == []


def test_a_reading_keeps_nothing(database: str) -> None:
    with reading() as session:
        session.add(_account("a", at=datetime.now(UTC)))
        try:
            session.flush()
        except DBAPIError:
            session.rollback()
    with reading() as session:
        assert session.exec(select(Account)).all() == []


def test_what_was_read_can_be_used_after_the_reading(database: str) -> None:
    with unit_of_work() as session:
        session.add(_account("a", at=clock.now()))
    with reading() as session:
        account = session.exec(select(Account)).one()
    assert account.login == "a"


def test_a_reading_sees_one_state_while_others_write(database: str) -> None:
    with reading() as session:
        before = len(session.exec(select(Account)).all())
        with unit_of_work() as other:
            other.add(_account("late", at=clock.now()))
        assert len(session.exec(select(Account.id)).all()) == before


def test_errors_of_the_database_show_no_values(database: str) -> None:
    at = clock.now()
    with pytest.raises(DBAPIError) as told, unit_of_work() as session:
        session.add(_account("850101312049", at=at))
        session.add(_account("850101312049", at=at))
        session.flush()
    assert "850101312049" not in "".join(traceback.format_exception(told.value))
    assert "unique" in str(told.value).lower()


def test_sqlite_keeps_what_it_acknowledged(sqlite_database: str) -> None:
    with engine().connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_new_sqlite_file_is_its_owner_s_alone(sqlite_database: str, tmp_path: Path) -> None:
    os.environ["PRIMARIES_DATABASE_URL"] = f"sqlite:///{tmp_path / 'new' / 'primaries.sqlite'}"
    settings.cache_clear()
    with unit_of_work() as session:
        session.execute(text("CREATE TABLE x (y)"))
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    assert modes == {0o600}


def test_writers_on_sqlite_wait_for_each_other_instead_of_failing(sqlite_database: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(turn: int) -> None:
        with unit_of_work() as session:
            session.exec(select(Account)).all()
            session.add(_account(f"a{turn}", at=clock.now()))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with reading() as session:
        assert len(session.exec(select(Account)).all()) == 40


def test_the_first_upgrade_makes_the_folder_it_needs(sqlite_database: str, tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "primaries.sqlite"
    os.environ["PRIMARIES_DATABASE_URL"] = f"sqlite:///{path}"
    settings.cache_clear()
    upgrade()
    with reading() as session:
        assert session.exec(select(Account)).all() == []


def test_processes_that_start_together_upgrade_once(database: str) -> None:
    with engine().connect() as connection:
        connection.execute(text("DROP TABLE audit_signed_head"))
        connection.execute(text("DELETE FROM alembic_version"))
        for name in inspect(connection).get_table_names():
            if name not in {"alembic_version", "audit_signed_head"}:
                suffix = "" if connection.dialect.name == "sqlite" else " CASCADE"
                connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"{suffix}')
        connection.commit()
    command = [sys.executable, "-m", "core", "upgrade"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    with engine().connect() as connection:
        assert "audit_signed_head" in inspect(connection).get_table_names()


def test_a_writer_without_pause_lets_everybody_else_in_after_what_it_is_doing(
    database: str,
) -> None:
    ending = threading.Event()
    groups = 0

    def write_without_pause() -> None:
        nonlocal groups
        with engine().connect() as connection:
            while not ending.is_set():
                with connection.begin():
                    connection.execute(text("UPDATE account SET name = 'y'"))
                    time.sleep(0.01)
                    groups += 1

    writer = threading.Thread(target=write_without_pause)
    writer.start()
    passed_by = []
    try:
        while not groups:
            time.sleep(0.001)
        for _ in range(20):
            asked_at = groups
            with unit_of_work() as session:
                session.execute(text("UPDATE account SET name = 'x'"))
                passed_by.append(groups - asked_at)
    finally:
        ending.set()
        writer.join()
    assert max(passed_by) <= 2


def test_connections_that_are_closed_give_their_turnstiles_back(sqlite_database: str) -> None:
    turnstile = Path(f"{engine().url.database}.turn")

    def turnstiles() -> int:
        return sum(link.resolve() == turnstile for link in Path("/proc/self/fd").iterdir())

    for _ in range(3):
        with unit_of_work() as session:
            session.execute(text("SELECT 1"))
        assert turnstiles() == 1
        dispose()
        assert turnstiles() == 0
    assert stat.S_IMODE(turnstile.stat().st_mode) == 0o600
