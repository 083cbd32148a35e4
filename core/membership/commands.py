"""Commands of the register."""

import argparse
import sys
from pathlib import Path
from typing import Any

from core.database import reading
from core.errors import Refused
from core.i18n import _, format_number, term
from core.membership.imports import run_import
from core.membership.queries import import_notes
from core.membership.register_import import ImportOutcome, ImportProgress
from core.membership.reports import write_report
from core.membership.rules import MembershipRefusal
from core.staff.rules import Actor


def register(
    _subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    import_subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``import members``."""
    members = import_subparsers.add_parser("members", help="import the member register")
    members.add_argument("file", type=Path, metavar="FILE", help="CSV or XLSX")
    members.add_argument(
        "--report", type=Path, metavar="CSV", help="write what was refused and why"
    )
    members.add_argument("--warnings", type=Path, metavar="CSV", help="write what deserves a look")
    members.set_defaults(run=_import_members)


def _import_members(arguments: argparse.Namespace) -> dict[str, Any]:
    path: Path = arguments.file
    if not path.is_file():
        raise Refused(MembershipRefusal.FILE_UNREADABLE)
    actor = Actor.system("import members")
    outcome = run_import(path, actor=actor, progress=None if arguments.json else _show)
    for target, warnings in ((arguments.report, False), (arguments.warnings, True)):
        if target is not None:
            _write(target, outcome, actor, warnings=warnings)
    if outcome.unknown_columns:
        kept_out = ", ".join(outcome.unknown_columns)
        print(_("Columns kept out: {columns}", columns=kept_out), file=sys.stderr)  # noqa: T201
    return {
        "read": outcome.read,
        "new": outcome.new,
        "changed": outcome.changed,
        "same": outcome.same,
        "refused": outcome.refused,
    }


def _write(target: Path, outcome: ImportOutcome, actor: Actor, *, warnings: bool) -> None:
    with reading() as session:
        notes = import_notes(session, outcome.run_id, actor=actor, warnings=warnings)
    with target.open("w", encoding="utf-8", newline="") as file:
        write_report(file, notes, until=outcome.frozen_until)


def _show(progress: ImportProgress) -> None:
    left = progress.seconds_left
    print(  # noqa: T201
        f"{term(progress.phase)}: {format_number(progress.share * 100)} % · "
        + _("{rate} rows/s", rate=format_number(progress.rate))
        + ("" if left is None else " · " + _("{seconds} s left", seconds=format_number(left))),
        file=sys.stderr,
    )
