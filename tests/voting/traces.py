"""What an intruder finds beside the rows: transactions, places in files, logs of commits."""

import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from sqlalchemy import Connection

Needles = Mapping[str, bytes]
"""Names of things, and bytes by which each is known in a file."""


def places(data: bytes, needles: Needles) -> dict[str, list[int]]:
    """Where in the bytes each thing stands."""
    return {
        name: [found.start() for found in re.finditer(re.escape(needle), data)]
        for name, needle in needles.items()
    }


def commits_of(wal: Path, needles: Needles) -> dict[str, int]:
    """For each thing, the commit of a SQLite write-ahead log in which it is first seen."""
    data = wal.read_bytes() if wal.exists() else b""
    if len(data) < 32:
        return {}
    (page_size,) = struct.unpack(">I", data[8:12])
    salt = data[16:24]
    first: dict[str, int] = {}
    commit = 0
    for at in range(32, len(data) - page_size - 23, page_size + 24):
        header, page = data[at : at + 24], data[at + 24 : at + 24 + page_size]
        if header[8:16] != salt:
            break  # what is left of an earlier round of the log
        for name, needle in needles.items():
            if name not in first and needle in page:
                first[name] = commit
        commit += struct.unpack(">I", header[4:8])[0] != 0
    return first


def joined(voters: Mapping[str, int], ballots: Mapping[str, int]) -> dict[str, list[str]]:
    """For each ballot, the voters of the same transaction or commit."""
    together: dict[int, list[str]] = defaultdict(list)
    for voter, mark in voters.items():
        together[mark].append(voter)
    return {ballot: together.get(mark, []) for ballot, mark in ballots.items()}


def named_alone(found: Mapping[str, Sequence[str]], truth: Mapping[str, str]) -> float:
    """The share of all ballots whose voter is found, and nobody else with them."""
    right = sum(list(found.get(ballot, ())) == [voter] for ballot, voter in truth.items())
    return right / len(truth)


def concordance(order: Sequence[str], place: Mapping[str, int]) -> float:
    """How much of an order is kept by places: 1 all of it, 0.5 none, 0 its reverse."""
    known = [place[name] for name in order if name in place]
    pairs = list(combinations(known, 2))
    return sum(a < b for a, b in pairs) / len(pairs)


def transactions(connection: Connection, table: str, key: str) -> dict[bytes | str, int]:
    """PostgreSQL: the transaction each row of a table came with, by a column of it."""
    rows = connection.exec_driver_sql(f"SELECT {key}, xmin::text::bigint FROM {table}")
    return {bytes(k) if isinstance(k, memoryview) else k: number for k, number in rows}


def marks_of_rows(connection: Connection) -> dict[str, set[int]]:
    """PostgreSQL: the transactions that the rows of every table came with."""
    tables = connection.exec_driver_sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    ).scalars()
    return {
        table: set(
            connection.exec_driver_sql(f"SELECT DISTINCT xmin::text::bigint FROM {table}").scalars()
        )
        for table in list(tables)
    }


def heap_order(connection: Connection, table: str, key: str) -> list[bytes | str]:
    """PostgreSQL: a column of a table in the order in which its rows lie in the file."""
    rows = connection.exec_driver_sql(f"SELECT {key} FROM {table} ORDER BY ctid").scalars()
    return [bytes(k) if isinstance(k, memoryview) else k for k in rows]


def files_with(folder: Path, needles: Iterable[bytes]) -> dict[str, int]:
    """Which files below a folder hold how many of these bytes."""
    wanted = re.compile(b"|".join(map(re.escape, needles)))
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            count = len(set(wanted.findall(path.read_bytes())))
            if count:
                found[str(path.relative_to(folder))] = count
    return found
