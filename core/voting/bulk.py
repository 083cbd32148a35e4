"""Many rows in one statement, spelled for the driver.

What a rush does thousands of times a second is written once as text: building a statement anew
costs more than carrying it out. SQLite gets ``executemany`` and lists of marks, PostgreSQL gets
columns as arrays. Names come from the models and are never anybody's input.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
Row = Mapping[str, Any]
Convert = Callable[[Any], Any] | None

_SIZES: Final = (8, 64, 256, 1024)
"""Lists are padded to these numbers of values, so that few texts are ever compiled."""


@dataclass(frozen=True)
class _Column:
    """A column of a table as one engine wants it: its type there, and how values go in and out."""

    kind: str
    bind: Convert
    result: Convert


@cache
def _columns(model: Any, dialect_name: str) -> dict[str, _Column]:
    dialect: Any = sqlite.dialect() if dialect_name == "sqlite" else postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it bare
    found = {}
    for column in model.__table__.c:
        kind = column.type.dialect_impl(dialect)
        found[column.name] = _Column(
            column.type.compile(dialect),
            kind.bind_processor(dialect),
            kind.result_processor(dialect, None),
        )
    return found


def insert_rows(connection: Connection, model: Any, rows: Sequence[Row]) -> None:
    """Insert ``rows``, all with the same columns."""
    if not rows:
        return
    names = tuple(rows[0])
    text = _insert_text(model, names, connection.dialect.name)
    arrays = _arrays(connection, model, names, rows)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(text, list(zip(*arrays, strict=True)))
    else:
        connection.exec_driver_sql(text, tuple(arrays))


def insert_new_rows(
    connection: Connection, model: Any, rows: Sequence[Row], *, key: str
) -> set[bytes]:
    """Insert those ``rows`` whose ``key``, a digest, is not there yet; gives the keys of these.

    All are rows of one primary, in order of ``key``: together the two are the primary key.
    """
    if not rows:
        return set()
    if connection.dialect.name == "sqlite":
        # Its writer is alone: what is not there now is not there at the insert.
        among, primary_id = [row[key] for row in rows], rows[0]["primary_id"]
        found = find_rows(connection, model, (key,), by=key, among=among, primary_id=primary_id)
        there = {row[key] for row in found}
        new = [row for row in rows if row[key] not in there]
        insert_rows(connection, model, new)
        return {row[key] for row in new}
    names = tuple(rows[0])
    tail = f" ON CONFLICT DO NOTHING RETURNING {key}"
    text = _insert_text(model, names, connection.dialect.name) + tail
    given = connection.exec_driver_sql(text, tuple(_arrays(connection, model, names, rows)))
    return {bytes(stored) for (stored,) in given}


@cache
def _insert_text(model: Any, names: tuple[str, ...], dialect_name: str) -> str:
    source = _source(model, names, dialect_name)
    return f"INSERT INTO {model.__tablename__} ({', '.join(names)}) {source}"


def _source(model: Any, names: tuple[str, ...], dialect_name: str) -> str:
    """Where the rows of an INSERT come from: marks, or arrays read in their own order."""
    if dialect_name == "sqlite":
        return f"VALUES ({', '.join('?' * len(names))})"
    return f"SELECT {', '.join(names)} FROM {_unnested(model, names)} ORDER BY place"  # noqa: S608 - our own names


def _unnested(model: Any, names: Iterable[str]) -> str:
    columns = _columns(model, "postgresql")
    # %b sends arrays in binary: spelled as text, escaping the bytes costs more than the insert.
    arrays = ", ".join(f"%b::{columns[name].kind}[]" for name in names)
    return f"unnest({arrays}) WITH ORDINALITY AS given ({', '.join(names)}, place)"


def _arrays(
    connection: Connection, model: Any, names: Iterable[str], rows: Sequence[Row]
) -> list[list[Any]]:
    columns = _columns(model, connection.dialect.name)
    return [_bound(columns[name].bind, [row[name] for row in rows]) for name in names]


def _bound(bind: Convert, values: list[Any]) -> list[Any]:
    if bind is None:
        return values
    # A batch has one or two instants in many rows: each is converted once.
    known = {value: bind(value) for value in set(values)}
    return [known[value] for value in values]


def find_rows(
    connection: Connection,
    model: Any,
    names: Sequence[str],
    *,
    by: str,
    among: Iterable[Any],
    lock: bool = False,
    **where: Any,
) -> list[dict[str, Any]]:
    """The columns ``names`` of the rows whose ``by`` is one of ``among`` and whose ``where`` holds.

    With ``lock`` they are held until the commit, in order of ``by``, so that batches of several
    processes wait for each other and never crosswise; SQLite's writer is alone anyway.
    """
    wanted = list(set(among))
    if not wanted:
        return []
    is_sqlite = connection.dialect.name == "sqlite"
    columns = _columns(model, connection.dialect.name)
    results = [columns[name].result for name in names]
    chosen, fixed = (model, tuple(names), by, tuple(where)), tuple(where.values())
    found = []
    for part in padded(wanted) if is_sqlite else [wanted]:
        text = _find_text(*chosen, marks=len(part) if is_sqlite else 0, lock=lock)
        for row in connection.exec_driver_sql(text, (*fixed, *(part if is_sqlite else [part]))):
            read = [
                value if result is None or value is None else result(value)
                for value, result in zip(row, results, strict=True)
            ]
            found.append(dict(zip(names, read, strict=True)))
    return found


@cache
def _find_text(
    model: Any,
    names: tuple[str, ...],
    by: str,
    where: tuple[str, ...],
    *,
    marks: int,
    lock: bool,
) -> str:
    """The text for SQLite with so many ``marks``, or for PostgreSQL when there are none."""
    if marks:
        fixed = "".join(f"{name} = ? AND " for name in where)
        among, tail = f"{by} IN ({', '.join('?' * marks)})", ""
    else:
        kind = _columns(model, "postgresql")[by].kind
        fixed = "".join(f"{name} = %s AND " for name in where)
        among = f"{by} = ANY(%b::{kind}[])"
        tail = f" ORDER BY {by} FOR UPDATE" if lock else ""
    return f"SELECT {', '.join(names)} FROM {model.__tablename__} WHERE {fixed}{among}{tail}"  # noqa: S608 - our own names


def change_rows(
    connection: Connection, model: Any, rows: Sequence[Row], *, key: str, **where: Any
) -> None:
    """Give the rows found by ``key`` and ``where`` their other values in ``rows``."""
    if not rows:
        return
    names = tuple(rows[0])
    text = _change_text(model, names, key, tuple(where), connection.dialect.name)
    arrays = _arrays(connection, model, names, rows)
    fixed = tuple(where.values())
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(text, (*arrays, *fixed))
        return
    at = names.index(key)
    ordered = [*arrays[:at], *arrays[at + 1 :], arrays[at]]
    connection.exec_driver_sql(text, [(*row, *fixed) for row in zip(*ordered, strict=True)])


@cache
def _change_text(
    model: Any, names: tuple[str, ...], key: str, where: tuple[str, ...], dialect_name: str
) -> str:
    table = model.__tablename__
    others = [name for name in names if name != key]
    if dialect_name == "sqlite":
        changes = ", ".join(f"{name} = ?" for name in others)
        also = "".join(f" AND {name} = ?" for name in where)
        return f"UPDATE {table} SET {changes} WHERE {key} = ?{also}"  # noqa: S608 - our own names
    changes = ", ".join(f"{name} = given.{name}" for name in others)
    also = "".join(f" AND {table}.{name} = %s" for name in where)
    return (
        f"UPDATE {table} SET {changes} FROM {_unnested(model, names)}"  # noqa: S608 - our own names
        f" WHERE {table}.{key} = given.{key}{also}"
    )


def add_rows(connection: Connection, model: Any, counted: str, rows: Iterable[Row]) -> None:
    """Add each row's ``counted`` to the stored row of the same key, or store it; in order of key."""
    keys = [column.name for column in model.__table__.primary_key]
    listed = sorted(rows, key=lambda row: [row[key] for key in keys])
    if not listed:
        return
    text = _add_text(model, counted, connection.dialect.name)
    arrays = _arrays(connection, model, [*keys, counted], listed)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(text, list(zip(*arrays, strict=True)))
    else:
        connection.exec_driver_sql(text, tuple(arrays))


@cache
def _add_text(model: Any, counted: str, dialect_name: str) -> str:
    table = model.__tablename__
    keys = [column.name for column in model.__table__.primary_key]
    names = (*keys, counted)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) {_source(model, names, dialect_name)}"
        f" ON CONFLICT ({', '.join(keys)})"
        f" DO UPDATE SET {counted} = {table}.{counted} + excluded.{counted}"
    )


def padded(values: list[T]) -> list[list[T]]:
    """``values`` in parts of a few fixed sizes, the last value repeated to fill a part."""
    parts = []
    for start in range(0, len(values), _SIZES[-1]):
        part = values[start : start + _SIZES[-1]]
        size = next(size for size in _SIZES if size >= len(part))
        parts.append(part + part[-1:] * (size - len(part)))
    return parts
