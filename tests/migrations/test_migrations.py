"""The revisions build the schema that the models describe, on both engines, and can be undone."""

import re
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
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


def test_messages_on_their_way_survive_the_change_of_their_table(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    rows = text("SELECT purpose, idempotency_key, state, attempts FROM outbox_message ORDER BY id")
    command.downgrade(config, "0001")
    connection.execute(
        text(
            "INSERT INTO outbox_message (purpose, idempotency_key, state, attempts, queued_at, due_at)"
            " VALUES ('staff', 'one', 'queued', 2, :now, :now), ('one_time_code', 'two', 'sent', 1, :now, :now)"
        ),
        {"now": "2020-10-01 06:00:00"},
    )
    connection.commit()
    before = connection.execute(rows).all()
    connection.commit()
    command.upgrade(config, "0002")
    assert connection.execute(rows).all() == before
    connection.commit()
    command.downgrade(config, "0001")
    assert connection.execute(rows).all() == before
