"""Commands of incoming mail."""

import argparse
from pathlib import Path
from typing import Any

from core.errors import Refused
from core.mail.parsing import parse
from core.mail.rules import MailRefusal


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``mail-read``."""
    parser = subparsers.add_parser(
        "mail-read", help="show how mails in files are read; nothing is stored"
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.set_defaults(run=_read)


def _read(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"mails": [_described(path) for path in arguments.files]}


def _described(path: Path) -> dict[str, Any]:
    try:
        mail = parse(path.read_bytes())
    except OSError:
        raise Refused(MailRefusal.MAIL_FILE_UNREADABLE, file=str(path)) from None
    return {
        "file": str(path),
        "subject": mail.subject,
        "text": mail.text,
        "quoted": mail.quoted,
        "language": mail.language,
        "attachments": [
            {"name": file.name, "kind": file.kind, "bytes": len(file.content)}
            for file in mail.attachments
        ],
        "automatic": sorted(mail.signs),
        "marks": sorted(mail.marks),
    }
