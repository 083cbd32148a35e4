"""Reading a register file, whatever its encoding, delimiter or order of columns, into a table."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile

import fastexcel
import polars as pl

from core.errors import Refused
from core.membership.rules import COLUMNS, MembershipRefusal

ROW: Final = "row"
EXTRA: Final = "extra"
"""A column beyond the header: holds something only where a row has too many cells."""

_DELIMITERS: Final = ",;\t"
_BLOCK: Final = 1 << 20
_HEADER_LONGEST: Final = 1 << 16
_UNPACKED_MOST: Final = 2 << 30


@dataclass(frozen=True)
class RegisterTable:
    """The rows of a file as text: `ROW` (1 is the header), the columns of the register, `EXTRA`.

    ``unknown`` are the columns that were kept out.
    """

    rows: pl.DataFrame
    unknown: tuple[str, ...]


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        digest = sha256()
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def read_table(path: Path, columns: Sequence[str] = COLUMNS) -> RegisterTable:
    """The table in ``path``; refused when the file as a whole can't be one.

    Every cell is text without blanks around it; rows without any text are left out.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise Refused(MembershipRefusal.FILE_EMPTY)
    raw = _workbook(path) if start[:4] == b"PK\x03\x04" else _text(path, columns)
    header = [_heading(name) for name in raw.columns[1:-1]]
    _check_header(header, columns)
    chosen = {name: raw.columns[1 + header.index(name)] for name in columns}
    unknown = tuple(name or "?" for name in header if name not in columns)
    rows = raw.select(
        pl.col(ROW),
        *(
            pl.col(source).fill_null("").str.strip_chars(" \t\u00a0").alias(name)
            for name, source in chosen.items()
        ),
        pl.col(EXTRA).fill_null(""),
    ).filter(~pl.all_horizontal(pl.exclude(ROW) == ""))
    if rows.is_empty():
        raise Refused(MembershipRefusal.FILE_EMPTY)
    return RegisterTable(rows, unknown)


def _heading(cell: str) -> str:
    # Headings of one spelling twice come from `_distinct` with a number behind a NUL.
    return cell.partition("\0")[0].strip("\ufeff" + " \t\u00a0").lower()


def _distinct(header: Sequence[str]) -> list[str]:
    return [f"{name}\0{number}" for number, name in enumerate(header)]


def _check_header(header: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        raise Refused(MembershipRefusal.COLUMNS_MISSING, columns=", ".join(missing))
    twice = sorted({name for name in header if name in columns and header.count(name) > 1})
    if twice:
        raise Refused(MembershipRefusal.COLUMN_TWICE, columns=", ".join(twice))


# --- Text ----------------------------------------------------------------------------------------


def _text(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    encoding = "utf-8" if _is_utf8(path) else "cp1251"
    with path.open("rb") as file:
        delimiter, header = _header(file, encoding, columns)
        _check_header([_heading(cell) for cell in header], columns)
        # The rows go under a heading of ours: so a heading that stands there twice is no trouble,
        # and one more column catches rows with too many cells.
        names = [*_distinct(header), EXTRA]
        head = delimiter.join(f"c{number}" for number in range(len(names))).encode() + b"\n"
        content = _utf8(file, encoding, head)
    if content.tell() == len(head):
        raise Refused(MembershipRefusal.FILE_EMPTY)
    content.seek(0)
    try:
        return _parsed(content, delimiter, names)
    except pl.exceptions.ComputeError:
        # A stray quotation mark inside a cell: the slower reader takes it for what it is.
        content.seek(len(head))
        return _parsed_by_the_letter(content, delimiter, header)


def _utf8(file: IO[bytes], encoding: str, head: bytes) -> io.BytesIO:
    """``head`` and the rest of ``file`` in UTF-8, held once: a register is a hundred megabytes.

    What is not UTF-8 is read as windows-1251, which spreadsheet programs still write.
    """
    content = io.BytesIO()
    content.write(head)
    for block in iter(lambda: file.read(_BLOCK), b""):
        if b"\0" in block:  # UTF-16 or no text at all
            raise Refused(MembershipRefusal.FILE_UNREADABLE)
        if encoding == "utf-8":
            content.write(block)
            continue
        try:
            content.write(block.decode(encoding).encode())
        except UnicodeDecodeError:
            raise Refused(MembershipRefusal.FILE_UNREADABLE) from None
    return content


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            for block in iter(lambda: file.read(_BLOCK), b""):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _header(file: IO[bytes], encoding: str, columns: Sequence[str]) -> tuple[str, list[str]]:
    """The delimiter with which most columns are known, and the headings."""
    line = file.readline(_HEADER_LONGEST)
    if b"\0" in line:
        raise Refused(MembershipRefusal.FILE_UNREADABLE)
    text = line.decode(encoding, errors="replace").lstrip("\ufeff").rstrip("\r\n")
    if not text.strip():
        raise Refused(MembershipRefusal.FILE_EMPTY)

    def known(delimiter: str) -> int:
        return sum(_heading(cell) in columns for cell in _cells(text, delimiter))

    # Without any known heading the delimiter that cuts most is likeliest: the refusal then names
    # what is missing either way.
    delimiter = max(_DELIMITERS, key=lambda one: (known(one), text.count(one)))
    return delimiter, _cells(text, delimiter)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        raise Refused(MembershipRefusal.FILE_UNREADABLE) from None


def _parsed(content: io.BytesIO, delimiter: str, names: Sequence[str]) -> pl.DataFrame:
    table = pl.read_csv(
        content,
        separator=delimiter,
        infer_schema=False,
        truncate_ragged_lines=True,
        row_index_name=ROW,
        row_index_offset=2,
        empty_string_is_null=False,
    )
    table.columns = [ROW, *names]
    return table


def _parsed_by_the_letter(
    content: IO[bytes], delimiter: str, header: Sequence[str]
) -> pl.DataFrame:
    width = len(header)
    lines = io.TextIOWrapper(content, encoding="utf-8", newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns: list[list[str]] = [[] for _column in range(width + 1)]
    numbers: list[int] = []
    try:
        for number, cells in enumerate(reader, start=2):
            if not cells:
                continue
            numbers.append(number)
            for column, cell in zip(columns, _of_width(cells, width), strict=True):
                column.append(cell)
    except csv.Error:
        raise Refused(MembershipRefusal.FILE_UNREADABLE) from None
    return pl.DataFrame(
        {
            ROW: pl.Series(numbers, dtype=pl.UInt32),
            **{
                name: pl.Series(column, dtype=pl.String)
                for name, column in zip([*_distinct(header), EXTRA], columns, strict=True)
            },
        }
    )


def _of_width(cells: Sequence[str], width: int) -> Iterator[str]:
    yield from cells[:width]
    yield from [""] * (width - len(cells))
    yield " ".join(cells[width:])


# --- Workbook ------------------------------------------------------------------------------------


def _workbook(path: Path) -> pl.DataFrame:
    """The first sheet of an XLSX workbook, every cell as text."""
    try:
        with ZipFile(path) as packed:
            # A small archive can unpack to more than the machine has.
            if sum(entry.file_size for entry in packed.infolist()) > _UNPACKED_MOST:
                raise Refused(MembershipRefusal.FILE_UNREADABLE)
        sheet: Any = fastexcel.read_excel(path).load_sheet(0, header_row=None, dtypes="string")
        table: pl.DataFrame = sheet.to_polars()
    except (fastexcel.FastExcelError, BadZipFile):
        raise Refused(MembershipRefusal.FILE_UNREADABLE) from None
    if table.height < 2:
        raise Refused(MembershipRefusal.FILE_EMPTY)
    header = [cell or "" for cell in table.row(0)]
    while header and not header[-1].strip():
        header.pop()  # formatted but empty columns at the right
    beyond = table.columns[len(header) :]
    body = table.slice(1).with_row_index(ROW, offset=2)
    extra = (
        pl.concat_str([pl.col(name).fill_null("") for name in beyond])
        if beyond
        else pl.lit("", dtype=pl.String)
    )
    named = body.select(ROW, *table.columns[: len(header)], extra.alias(EXTRA))
    named.columns = [ROW, *_distinct(header), EXTRA]
    return named
