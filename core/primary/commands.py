"""Commands of the primary: files in, the roll sealed, the keys backed up and the backup tested."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.primary import service
from core.primary.files import ImportReport
from core.primary.queries import require_primary
from core.primary.rules import PrimaryRefusal
from core.settings import settings
from core.staff.rules import Actor

_ACTOR = Actor.system("command line")


def register(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    imports: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``import contests``, ``import candidates``, ``seal-roll`` and the two of key backups."""
    for what, run in (("contests", _import_contests), ("candidates", _import_candidates)):
        parser = imports.add_parser(what, help=f"import {what} from CSV or XLSX")
        parser.add_argument("file", type=Path)
        parser.add_argument("--report", type=Path, help="write refused rows to this CSV file")
        parser.set_defaults(run=run)
    seal = subparsers.add_parser("seal-roll", help="take and seal the voter roll, once")
    seal.set_defaults(run=_seal_roll)
    digest = subparsers.add_parser("roll-digest", help="compute the digest of the roll as it is")
    digest.set_defaults(run=_roll_digest)
    backup = subparsers.add_parser("backup-keys", help="copy the key files to an empty folder")
    backup.add_argument("folder", type=Path)
    backup.set_defaults(run=_backup_keys)
    test = subparsers.add_parser(
        "test-key-backup", help="check that a file is the digest key, and mark its backup as tested"
    )
    test.add_argument("file", type=Path)
    test.set_defaults(run=_test_key_backup)


def _import_contests(arguments: argparse.Namespace) -> dict[str, Any]:
    content = _content(arguments.file)
    with unit_of_work() as session:
        primary = require_primary(session)
        report = service.import_contests(
            session, primary.id, content, actor=_ACTOR, now=clock.now()
        )
    return _answer(report, arguments.report)


def _import_candidates(arguments: argparse.Namespace) -> dict[str, Any]:
    content = _content(arguments.file)
    with unit_of_work() as session:
        primary = require_primary(session)
        report = service.import_candidates(
            session, primary.id, content, actor=_ACTOR, now=clock.now()
        )
    return _answer(report, arguments.report)


def _answer(report: ImportReport, path: Path | None) -> dict[str, Any]:
    if path is not None:
        path.write_text(report.csv(), encoding="utf-8")
    return report.counts()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Refused(PrimaryRefusal.FILE_UNREADABLE) from None


def _seal_roll(_arguments: argparse.Namespace) -> dict[str, Any]:
    def progress(done: int, total: int) -> None:
        print(f"{done} / {total}", file=sys.stderr)  # noqa: T201 - how far a long command is

    with unit_of_work() as session:
        primary = require_primary(session)
        sealed = service.seal_roll(
            session, primary.id, actor=_ACTOR, now=clock.now(), progress=progress
        )
    return {
        "voters": sealed.voters,
        "digest": sealed.digest,
        **{reason.value: count for reason, count in sealed.excluded.items()},
        "members_on_shared_numbers": sealed.members_on_shared_numbers,
    }


def _roll_digest(_arguments: argparse.Namespace) -> dict[str, Any]:
    with reading() as session:
        primary = require_primary(session)
        return {"digest": service.roll_digest(session, primary.id)}


def _backup_keys(arguments: argparse.Namespace) -> dict[str, Any]:
    folder: Path = arguments.folder
    if folder.exists() and any(folder.iterdir()):
        raise Refused(PrimaryRefusal.BACKUP_FOLDER_NOT_EMPTY)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    copied = 0
    for key in sorted(settings().key_dir.iterdir()):
        if key.is_file() and not key.name.startswith("."):
            target = folder / key.name
            target.touch(mode=0o600)
            shutil.copyfile(key, target)
            copied += 1
    return {"copied": copied, "folder": str(folder)}


def _test_key_backup(arguments: argparse.Namespace) -> dict[str, Any]:
    backup = _content(arguments.file)
    with unit_of_work() as session:
        primary = require_primary(session)
        service.test_key_backup(session, primary.id, backup, actor=_ACTOR, now=clock.now())
    return {"matches": True, "fingerprint": primary.digest_fingerprint}
