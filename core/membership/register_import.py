"""Taking a register file in: checked as columns, loaded into a temporary table, merged in sets.

All or nothing: everything happens in the caller's unit of work.
"""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

import polars as pl
from sqlalchemy import bindparam, text
from sqlmodel import Session

from core import clock
from core.audit.service import record
from core.database import UtcDateTime, is_sqlite
from core.membership.models import ImportRun
from core.membership.queries import freeze_now
from core.membership.reach import writing_reach
from core.membership.register_checks import (
    NOTES_SCHEMA,
    SLICE,
    CheckedRows,
    check_rows,
    shared_mobiles,
)
from core.membership.register_file import ROW, digest_of, read_table
from core.membership.rules import COLUMNS, ImportPhase, MembershipRefusal
from core.settings import settings
from core.staff.rules import Actor

_MERGED_AT_ONCE: Final = 200_000
_LOADED: Final = ("line", *COLUMNS, "search")
_KEPT: Final = (*COLUMNS[1:], "search")

# How the time of an import is divided, measured at 835,000 rows: for the time left only.
_SHARES: Final = {
    ImportPhase.READING: 0.08,
    ImportPhase.CHECKING: 0.37,
    ImportPhase.MERGING: 0.55,
}


@dataclass(frozen=True, kw_only=True)
class ImportProgress:
    """How far an import is: rows ``done`` of ``total`` in this phase, the share of all its work
    (0 to 1), seconds since its start.
    """

    phase: ImportPhase
    done: int
    total: int
    share: float
    seconds: float

    @property
    def rate(self) -> float:
        """Rows of the whole file a second, so far; 0 while their number is unknown."""
        return self.total * self.share / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, by the pace so far; None at the beginning."""
        return self.seconds * (1 - self.share) / self.share if self.share else None


@dataclass(frozen=True, kw_only=True)
class ImportOutcome:
    """What an import did: ``read`` = ``new`` + ``changed`` + ``same`` + ``refused``."""

    run_id: int
    read: int
    new: int
    changed: int
    same: int
    refused: int
    warned: int
    unknown_columns: tuple[str, ...]
    frozen_until: datetime | None


ProgressCallback = Callable[[ImportProgress], None]


class _Meter:
    """Tells the caller how far it is; its phases are in the order of `ImportPhase`."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._begun = monotonic()

    def tell(self, phase: ImportPhase, done: int, total: int) -> None:
        if self._callback is None:
            return
        phases = list(ImportPhase)
        before = sum(_SHARES[earlier] for earlier in phases[: phases.index(phase)])
        share = before + _SHARES[phase] * (done / total if total else 0)
        seconds = monotonic() - self._begun
        self._callback(
            ImportProgress(phase=phase, done=done, total=total, share=share, seconds=seconds)
        )


def import_members(
    session: Session,
    path: Path,
    *,
    actor: Actor,
    now: datetime,
    file_name: str | None = None,
    progress: ProgressCallback | None = None,
) -> ImportOutcome:
    """Take a register file in: upsert by IIN, refused rows left out and reported.

    A registrar's rows must lie in the own place. While admission is frozen no row makes anybody a
    member, whatever ``admitted_on`` it claims. Refused as a whole when the file can't be read.
    """
    own = writing_reach(actor)
    meter = _Meter(progress)
    meter.tell(ImportPhase.READING, 0, 0)
    table = read_table(path)
    read, rows, unknown = table.rows.height, table.rows, table.unknown
    del table
    meter.tell(ImportPhase.CHECKING, 0, read)
    faults: list[pl.DataFrame] = []
    warnings: list[pl.DataFrame] = []
    mobiles: list[pl.DataFrame] = []
    _make_temporary_table(session)
    with _loader(session) as load:
        for part in check_rows(rows, today=now.astimezone(settings().zone).date()):
            checked = part if own is None else _without_foreign_places(part, own)
            load(checked.valid)
            faults.append(checked.faults)
            warnings.append(checked.warnings)
            mobiles.append(checked.valid.select(ROW, "mobile"))
            last_row = cast(int, rows[ROW][min(len(mobiles) * SLICE, read) - 1])
            meter.tell(ImportPhase.CHECKING, min(len(mobiles) * SLICE, read), read)
    del rows, part, checked  # hundreds of megabytes, before the database needs some
    warnings.append(shared_mobiles(pl.concat(mobiles)))
    given = _Import(
        actor=actor,
        now=now,
        own=own,
        read=read,
        last_row=last_row,
        unknown=unknown,
        file_name=file_name or path.name,
        sha256=digest_of(path),
    )
    return _merge(session, given, pl.concat(faults), pl.concat(warnings).sort(ROW), meter)


@dataclass(frozen=True, kw_only=True)
class _Import:
    actor: Actor
    now: datetime
    own: frozenset[str] | None
    read: int
    last_row: int
    unknown: tuple[str, ...]
    file_name: str
    sha256: str


def _without_foreign_places(checked: CheckedRows, own: frozenset[str]) -> CheckedRows:
    foreign = ~pl.col("place_code").is_in(list(own))
    refused = checked.valid.filter(foreign).select(
        ROW,
        column=pl.lit("place_code"),
        code=pl.lit(MembershipRefusal.PLACE_NOT_YOURS.value),
    )
    return CheckedRows(
        checked.valid.filter(~foreign),
        pl.concat([checked.faults, refused.cast(pl.Schema(NOTES_SCHEMA))]),
        checked.warnings.filter(~pl.col(ROW).is_in(refused[ROW].implode())),
    )


def _merge(
    session: Session,
    given: _Import,
    faults: pl.DataFrame,
    warnings: pl.DataFrame,
    meter: _Meter,
) -> ImportOutcome:
    _lock_register(session)
    # Reading and loading took a while: the freeze that counts is the one of this moment.
    moment = max(given.now, clock.now())
    freeze = freeze_now(session, moment)
    if freeze is not None:
        _refuse_admissions(session)
    if given.own is not None:
        _refuse_members_elsewhere(session, given.own)
    changed = new = 0
    for first in range(0, given.last_row + 1, _MERGED_AT_ONCE):
        meter.tell(ImportPhase.MERGING, first, given.last_row)
        rows = {"first": first, "last": first + _MERGED_AT_ONCE - 1, "now": moment}
        changed += _affected(session, _UPDATE, rows)
        new += _affected(session, _INSERT, rows)
    late = _refused_in_database(session)
    session.execute(text("DROP TABLE register_load"))
    faults = pl.concat([faults, late]).sort(ROW, maintain_order=True)
    refused = faults[ROW].n_unique()
    outcome = {
        "read": given.read,
        "new": new,
        "changed": changed,
        "same": given.read - refused - new - changed,
        "refused": refused,
    }
    run = ImportRun(
        file_name=given.file_name,
        sha256=given.sha256,
        started_at=given.now,
        finished_at=clock.now(),
        author_id=given.actor.account_id,
        read_rows=given.read,
        new_rows=new,
        changed=changed,
        same=outcome["same"],
        refused=refused,
        warned=warnings[ROW].n_unique(),
        unknown_columns="\n".join(given.unknown),
        frozen_until=freeze.ends_at if freeze else None,
        report=_packed(faults),
        warnings=_packed(warnings),
    )
    session.add(run)
    session.flush()
    assert run.id is not None
    record(
        session,
        "import_members",
        author=given.actor.author,
        subject=f"import_run:{run.id}",
        details={**outcome, "sha256": given.sha256, "frozen": freeze is not None},
    )
    meter.tell(ImportPhase.MERGING, 1, 1)
    return ImportOutcome(
        run_id=run.id,
        **outcome,
        warned=run.warned,
        unknown_columns=given.unknown,
        frozen_until=run.frozen_until,
    )


def record_failure(
    session: Session,
    path: Path,
    *,
    actor: Actor,
    failure: MembershipRefusal,
    file_name: str | None = None,
    started_at: datetime,
) -> None:
    """List an import that was refused as a whole and left nothing behind."""
    writing_reach(actor)
    session.add(
        ImportRun(
            file_name=file_name or path.name,
            sha256=digest_of(path),
            started_at=started_at,
            finished_at=clock.now(),
            author_id=actor.account_id,
            failure=failure.value,
        )
    )
    session.flush()


def _packed(notes: pl.DataFrame) -> bytes:
    return gzip.compress(notes.write_csv(include_header=False).encode(), 3) if len(notes) else b""


# --- The temporary table -------------------------------------------------------------------------


def _make_temporary_table(session: Session) -> None:
    kinds = {"birth_date": "DATE", "admitted_on": "DATE", "line": "INTEGER PRIMARY KEY"}
    columns = ", ".join(f"{name} {kinds.get(name, 'TEXT')}" for name in _LOADED)
    session.execute(text(f"CREATE TEMPORARY TABLE register_load ({columns}, refusal TEXT)"))


@contextmanager
def _loader(session: Session) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A function that brings checked rows into the temporary table by the driver's own road."""
    connection = session.connection().connection.driver_connection
    assert connection is not None
    columns = ", ".join(_LOADED)
    if is_sqlite(session):
        marks = ", ".join("?" * len(_LOADED))
        statement = f"INSERT INTO register_load ({columns}) VALUES ({marks})"  # noqa: S608 - constants
        yield lambda valid: connection.executemany(statement, _written(valid).iter_rows())
        return
    # No text holds a control character, so one of them can stand for NULL and none is meant.
    statement = f"COPY register_load ({columns}) FROM STDIN WITH (FORMAT csv, NULL E'\\x01')"
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            yield lambda valid: copy.write(_written(valid).write_csv(include_header=False))
        cursor.execute("ANALYZE register_load")


def _written(valid: pl.DataFrame) -> pl.DataFrame:
    return valid.with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d"))


def _lock_register(session: Session) -> None:
    """Two imports, or an import and an admission, take turns: SQLite's writers do so anyway."""
    if not is_sqlite(session):
        session.execute(text("LOCK TABLE member IN SHARE ROW EXCLUSIVE MODE"))


# --- The merge -----------------------------------------------------------------------------------

_SAME: Final = f"({', '.join(f'member.{name}' for name in _KEPT)}) = ({', '.join(f'r.{name}' for name in _KEPT)})"
_UPDATE: Final = (
    f"UPDATE member SET {', '.join(f'{name} = r.{name}' for name in _KEPT)}, updated_at = :now, "  # noqa: S608 - constants
    "mobile_changed_at = CASE WHEN member.mobile = r.mobile"
    " THEN member.mobile_changed_at ELSE :now END "
    "FROM register_load r "
    "WHERE r.line BETWEEN :first AND :last AND r.refusal IS NULL AND member.iin = r.iin "
    f"AND NOT {_SAME}"
)
_INSERT: Final = (
    f"INSERT INTO member (iin, {', '.join(_KEPT)}, updated_at) "  # noqa: S608 - constants
    f"SELECT r.iin, {', '.join(f'r.{name}' for name in _KEPT)}, :now FROM register_load r "
    "WHERE r.line BETWEEN :first AND :last AND r.refusal IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM member m WHERE m.iin = r.iin) ORDER BY r.line"
)
# Admission is: nobody's IIN so far, a membership that comes alive again, or an earlier date of
# admission, which would move somebody before the cut-off.
_FROZEN: Final = (
    "UPDATE register_load SET refusal = 'admission_frozen' WHERE "
    "NOT EXISTS (SELECT 1 FROM member m WHERE m.iin = register_load.iin) OR "
    "EXISTS (SELECT 1 FROM member m WHERE m.iin = register_load.iin AND ("
    "(m.status <> 'active' AND register_load.status = 'active') "
    "OR register_load.admitted_on < m.admitted_on))"
)
_ELSEWHERE: Final = (
    "UPDATE register_load SET refusal = 'place_not_yours' WHERE refusal IS NULL AND "
    "EXISTS (SELECT 1 FROM member m WHERE m.iin = register_load.iin AND m.place_code NOT IN :own)"
)


def _affected(session: Session, statement: str, values: dict[str, Any]) -> int:
    typed = text(statement).bindparams(bindparam("now", type_=UtcDateTime))
    return int(cast(Any, session.execute(typed, values)).rowcount)


def _refuse_admissions(session: Session) -> None:
    session.execute(text(_FROZEN))


def _refuse_members_elsewhere(session: Session, own: frozenset[str]) -> None:
    statement = text(_ELSEWHERE).bindparams(bindparam("own", expanding=True))
    session.execute(statement, {"own": sorted(own)})


def _refused_in_database(session: Session) -> pl.DataFrame:
    refused = session.execute(
        text("SELECT line, refusal FROM register_load WHERE refusal IS NOT NULL ORDER BY line")
    ).all()
    columns = {
        MembershipRefusal.ADMISSION_FROZEN.value: "admitted_on",
        MembershipRefusal.PLACE_NOT_YOURS.value: "place_code",
    }
    return pl.DataFrame(
        [(row, columns[code], code) for row, code in refused],
        schema=NOTES_SCHEMA,
        orient="row",
    )
