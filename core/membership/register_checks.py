"""The rules for a row of a register file, for all rows at once. A test proves each the same as in
`core.membership.rules`, which asks row by row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from core import places
from core.membership.register_file import EXTRA, ROW
from core.membership.rules import (
    CENTURY_OF_DIGIT,
    COLUMNS,
    EARLIEST_BIRTH,
    IIN_WEIGHTS,
    LONGEST_TEXT,
    MOBILE_BLANKS,
    NAME_FOLDING,
    NO_ONES_IIN,
    MembershipRefusal,
    MemberStatus,
    RegisterWarning,
    mobile_pattern,
    parse_mobile,
)

_DATES: Final = (
    (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T]00:00:00(?:\.0+)?)?$", "%Y-%m-%d", 10),
    (r"^[0-9]{2}\.[0-9]{2}\.[0-9]{4}$", "%d.%m.%Y", 10),
)
_TEXTS: Final = ("last_name", "first_name", "middle_name", "branch")
NOTES_SCHEMA: Final = {"row": pl.UInt32, "column": pl.String, "code": pl.String}


SLICE: Final = 100_000
"""How many rows are checked at once: what bounds the memory beside the file's own."""


@dataclass(frozen=True)
class CheckedRows:
    """``valid``: rows with typed columns and ``search``; ``faults`` and ``warnings``: row, column,
    code. A row with a fault is not among the valid ones.
    """

    valid: pl.DataFrame
    faults: pl.DataFrame
    warnings: pl.DataFrame


def check_rows(rows: pl.DataFrame, *, today: date) -> Iterator[CheckedRows]:
    """Check the rows of a file against every rule that needs no database, a slice at a time."""
    marked = rows.with_columns(iin_again=~pl.col("iin").is_first_distinct())
    for part in marked.iter_slices(SLICE):
        yield _check_slice(part, today)


def _check_slice(rows: pl.DataFrame, today: date) -> CheckedRows:
    table = _with_mobile(
        rows.with_columns(
            _date("birth_date"),
            _date("admitted_on"),
            *(pl.col(name).str.replace_all(r"\s+", " ").alias(name) for name in _TEXTS),
            status=pl.col("status").str.to_lowercase(),
        )
    )
    faults = pl.concat(
        [
            table.filter(condition).select(
                ROW, column=pl.lit(column), code=pl.lit(code.value, dtype=pl.String)
            )
            for column, code, condition in _rules(today)
        ]
        + [_mobile_faults(table)]
    )
    faults = faults.cast(pl.Schema(NOTES_SCHEMA)).sort(ROW, maintain_order=True)
    valid = (
        table.join(faults.select(ROW).unique(), on=ROW, how="anti", maintain_order="left")
        if faults.height
        else table
    )
    valid = valid.with_columns(fold_names().alias("search"))
    return CheckedRows(valid.select(ROW, *COLUMNS, "search"), faults, _contradicted(valid))


def _rules(today: date) -> Iterable[tuple[str, MembershipRefusal, pl.Expr]]:
    """Column, code, and which rows break the rule. Of one column at most one applies to a row."""
    refusal = MembershipRefusal
    iin = pl.col("iin")
    digits = iin.str.contains(r"^[0-9]+$")
    whole = digits & (iin.str.len_bytes() == 12)
    yield EXTRA, refusal.CELLS_TOO_MANY, pl.col(EXTRA) != ""
    yield "iin", refusal.IIN_EMPTY, iin == ""
    yield "iin", refusal.IIN_NOT_DIGITS, (iin != "") & ~digits
    yield "iin", refusal.IIN_LENGTH, digits & ~whole
    yield "iin", refusal.IIN_CHECK_DIGIT, whole & ~iin_checks("iin")
    yield "iin", refusal.IIN_TWICE_IN_FILE, whole & iin_checks("iin") & pl.col("iin_again")
    for name in ("last_name", "first_name"):
        yield name, refusal.NAME_MISSING, pl.col(name) == ""
    for name in _TEXTS:
        text = pl.col(name)
        malformed = text.str.contains(r"[\x00-\x1f\x7f]") | (text.str.len_chars() > LONGEST_TEXT)
        yield name, refusal.TEXT_MALFORMED, malformed
    for name in ("birth_date", "admitted_on"):
        yield name, refusal.DATE_MALFORMED, pl.col(name).is_null()
    born, admitted = pl.col("birth_date"), pl.col("admitted_on")
    implausible = (born < EARLIEST_BIRTH) | (born > today)
    yield "birth_date", refusal.BIRTH_DATE_IMPLAUSIBLE, implausible
    yield "admitted_on", refusal.ADMITTED_IN_FUTURE, admitted > today
    yield "admitted_on", refusal.ADMITTED_BEFORE_BIRTH, (admitted <= born) & ~implausible
    codes = [unit.code for unit in places.all_places()]
    yield "place_code", refusal.PLACE_UNKNOWN, ~pl.col("place_code").is_in(codes)
    yield "status", refusal.STATUS_UNKNOWN, ~pl.col("status").is_in(list(MemberStatus))


def iin_checks(column: str) -> pl.Expr:
    """Whether twelve digits carry their check digit; for other texts the answer means nothing."""
    number = pl.col(column).cast(pl.Int64, strict=False)
    digits = [number // 10 ** (11 - place) % 10 for place in range(12)]

    def remainder(weights: tuple[int, ...]) -> pl.Expr:
        terms = [digit * weight for digit, weight in zip(digits, weights, strict=False)]
        return pl.sum_horizontal(terms) % 11

    first, second = (remainder(weights) for weights in IIN_WEIGHTS)
    expected = pl.when(first < 10).then(first).otherwise(second)
    # A second remainder of 10 equals no digit: such a number is never issued.
    right: pl.Expr = (expected == digits[11]) & (pl.col(column) != NO_ONES_IIN)
    return right.fill_null(value=False)


def _date(column: str) -> pl.Expr:
    """A date in one of the two spellings, or null."""
    text = pl.col(column)
    return pl.coalesce(
        pl.when(text.str.contains(pattern))
        .then(text.str.head(length))
        .str.to_date(spelling, strict=False)
        for pattern, spelling, length in _DATES
    ).alias(column)


def mobile_e164(column: str) -> pl.Expr:
    """E.164 of a number in one of the usual spellings; null for what must be asked one by one."""
    digits = pl.col(column).str.replace_all(MOBILE_BLANKS, "")
    return pl.concat_str(pl.lit("+7"), digits.str.extract(mobile_pattern(), 1)).alias(column)


def _with_mobile(table: pl.DataFrame) -> pl.DataFrame:
    """The table with ``mobile`` in E.164, or null with ``mobile_code`` saying why."""
    table = table.with_columns(written=pl.col("mobile"), mobile=mobile_e164("mobile"))
    unusual = table.filter(pl.col("mobile").is_null())["written"].unique().to_list()
    asked = {text: parse_mobile(text) for text in unusual}
    answers = pl.DataFrame(
        {
            "written": unusual,
            "answer": [e164 or None for e164, _refusal in asked.values()],
            "mobile_code": [refusal and refusal.value for _e164, refusal in asked.values()],
        },
        schema={"written": pl.String, "answer": pl.String, "mobile_code": pl.String},
    )
    return (
        table.join(answers, on="written", how="left", maintain_order="left")
        .with_columns(mobile=pl.coalesce("mobile", "answer"))
        .drop("written", "answer")
    )


def _mobile_faults(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("mobile").is_null()).select(
        ROW, column=pl.lit("mobile"), code=pl.col("mobile_code")
    )


def fold_names() -> pl.Expr:
    """The full name as `normalise_name` folds it."""
    name = pl.concat_str(["last_name", "first_name", "middle_name"], separator=" ")
    folded = (
        name.str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_many(list(NAME_FOLDING), list(NAME_FOLDING.values()), leftmost=True)
    )
    return folded.str.replace_all(r"\s+", " ").str.strip_chars()


def _contradicted(valid: pl.DataFrame) -> pl.DataFrame:
    """Rows whose IIN speaks of another birthday, as `iin_contradicts` says."""
    born, iin = pl.col("birth_date"), pl.col("iin")
    year = born.dt.year()
    century = (
        iin.str.slice(6, 1).replace_strict(CENTURY_OF_DIGIT, default=None, return_dtype=pl.Int32)
    ).fill_null(year // 100)
    contradicts = (iin.str.head(6) != born.dt.strftime("%y%m%d")) | (century != year // 100)
    return _noted(valid.filter(contradicts), "iin", RegisterWarning.IIN_BIRTH_DATE)


def shared_mobiles(mobiles: pl.DataFrame) -> pl.DataFrame:
    """A warning for each row (``row``, ``mobile``) whose number another row has too."""
    shared = mobiles.filter(pl.col("mobile").is_duplicated())
    return _noted(shared, "mobile", RegisterWarning.MOBILE_SHARED)


def _noted(rows: pl.DataFrame, column: str, warning: RegisterWarning) -> pl.DataFrame:
    noted = rows.select(ROW, column=pl.lit(column), code=pl.lit(warning.value))
    return noted.cast(pl.Schema(NOTES_SCHEMA))
