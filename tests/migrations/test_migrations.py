"""The revisions build the schema that the models describe, on both engines, and can be undone."""

import re
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

from core.database import MIGRATIONS, engine
from core.migrations.models import import_all

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def connection() -> Iterator[Connection]:
    import_all()
    with engine().connect() as opened:
        yield opened


def test_the_migrated_schema_is_what_the_models_say(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, SQLModel.metadata) == []


def test_every_table_has_every_constraint_of_its_model(connection: Connection) -> None:
    found = inspect(connection)
    missing = []
    for table in SQLModel.metadata.tables.values():
        stored = {check["name"] for check in found.get_check_constraints(table.name)}
        wanted = {
            constraint.name
            for constraint in table.constraints
            if constraint.__visit_name__ == "check_constraint"
        }
        missing += [f"{table.name}: {name}" for name in wanted - stored]
    assert not missing


def test_every_constraint_has_a_name() -> None:
    import_all()
    nameless = [
        f"{table.name}: {constraint!r}"
        for table in SQLModel.metadata.tables.values()
        for constraint in table.constraints
        if not constraint.name
    ]
    assert not nameless


def test_votes_and_ballots_have_no_hidden_order_on_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    statements = dict(
        connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all()
    )
    for table in ("claim", "ballot", "voter"):
        assert re.search(r"WITHOUT ROWID", statements[table]), table


def test_the_first_revision_can_be_undone_and_done_again(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
    assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    command.upgrade(config, "head")
    assert "claim" in inspect(connection).get_table_names()
