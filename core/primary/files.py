"""Files that come in: contests and candidates from CSV or XLSX, and the report of refused rows."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final

from core.errors import Refused
from core.i18n import refusal_text
from core.primary.rules import PrimaryRefusal

MOST_ROWS: Final = 200_000
_UNPACKED_MOST: Final = 256 << 20  # bytes; some ten times a file of the most rows
_DELIMITERS: Final = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """One row of a file. ``number`` counts from the header, which is 1; cells are by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class RefusedRow:
    """Why a row was left out: the first cell found wrong."""

    row: int
    column: str
    refusal: Refused

    @property
    def code(self) -> StrEnum:
        """The code of the refusal."""
        return self.refusal.code


@dataclass(kw_only=True)
class ImportReport:
    """What an import did: read = new + changed + same + refused."""

    read: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    rows_refused: list[RefusedRow] = field(default_factory=list)
    ignored_columns: tuple[str, ...] = ()

    @property
    def refused(self) -> int:
        """How many rows were left out."""
        return len(self.rows_refused)

    def counts(self) -> dict[str, int]:
        """The five figures, as the command prints them."""
        return {
            "read": self.read,
            "new": self.new,
            "changed": self.changed,
            "same": self.same,
            "refused": self.refused,
        }

    def csv(self) -> str:
        """The refused rows as a file: ``row,column,code,message``."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(("row", "column", "code", "message"))
        for each in self.rows_refused:
            writer.writerow((each.row, each.column, each.code.value, refusal_text(each.refusal)))
        return written.getvalue()


class CellRefused(Exception):
    """A cell of the row at hand can't be taken; leads to a line of the report, never further."""

    def __init__(self, column: str, refusal: Refused) -> None:
        super().__init__(column)
        self.column = column
        self.refusal = refusal


@dataclass(frozen=True)
class Table:
    """A file's rows, and the columns that were kept out."""

    rows: Sequence[Row]
    ignored_columns: tuple[str, ...]


def read_table(content: bytes, columns: Sequence[str]) -> Table:
    """The rows of a CSV (UTF-8 or windows-1251; comma, semicolon or tab) or XLSX file.

    The header may come in any order and case. Refused as ``file_unreadable``, ``file_without_rows``,
    ``column_missing`` (facts: columns) or ``column_repeated`` (facts: column).
    """
    lines = _sheet(content) if content.startswith(b"PK\x03\x04") else _lines(_text(content))
    header = [cell.strip().casefold() for cell in next(lines, [])]
    missing = [column for column in columns if column not in header]
    if missing:
        raise Refused(PrimaryRefusal.COLUMN_MISSING, columns=", ".join(missing))
    for column in columns:
        if header.count(column) > 1:
            raise Refused(PrimaryRefusal.COLUMN_REPEATED, column=column)
    rows: list[Row] = []
    for number, line in enumerate(lines, start=2):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        if len(rows) >= MOST_ROWS:
            raise Refused(PrimaryRefusal.FILE_UNREADABLE)
        given = dict(zip(header, cells, strict=False))
        rows.append(Row(number, {column: given.get(column, "") for column in columns}))
    if not rows:
        raise Refused(PrimaryRefusal.FILE_WITHOUT_ROWS)
    return Table(rows, tuple(name for name in header if name and name not in columns))


def _text(content: bytes) -> str:
    if b"\0" in content:
        raise Refused(PrimaryRefusal.FILE_UNREADABLE)
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused(PrimaryRefusal.FILE_UNREADABLE)


def _lines(text: str) -> Iterator[list[str]]:
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error:
        raise Refused(PrimaryRefusal.FILE_UNREADABLE) from None


def _sheet(content: bytes) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # type: ignore[import-untyped]  # ships no types
    from openpyxl.utils.exceptions import (  # type: ignore[import-untyped]  # likewise
        InvalidFileException,
    )

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # A small archive can unpack to more than the machine has.
            if sum(entry.file_size for entry in packed.infolist()) > _UNPACKED_MOST:
                raise Refused(PrimaryRefusal.FILE_UNREADABLE)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield [_cell(value) for value in row]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError):
        raise Refused(PrimaryRefusal.FILE_UNREADABLE) from None


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        # To a spreadsheet a day is an instant at midnight.
        return value.isoformat(" ") if value.time() > time.min else value.date().isoformat()
    # A spreadsheet keeps numbers as floats: 77011234567.0 was typed as 77011234567.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def parse_date(text: str) -> date | None:
    """A date as ``2020-10-01`` or ``01.10.2020``; None for anything else."""
    for pattern in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def parse_count(text: str) -> int:
    """A whole number; 0, which every rule refuses, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
