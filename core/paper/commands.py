"""Commands of voting on paper: polling places and paper lists from files."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.paper.lists import import_list
from core.paper.polling_places import import_polling_places
from core.paper.rules import parse_code
from core.primary.files import ImportReport
from core.primary.queries import require_primary
from core.primary.rules import PrimaryRefusal
from core.staff.rules import Actor

_ACTOR = Actor.system("command line")


def register(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    imports: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``import polling-places`` and ``import paper-list``."""
    del subparsers  # every subject that imports is given both
    places = imports.add_parser("polling-places", help="import polling places from CSV or XLSX")
    places.add_argument("file", type=Path)
    places.add_argument("--report", type=Path, help="write refused rows to this CSV file")
    places.set_defaults(run=_polling_places)
    people = imports.add_parser(
        "paper-list", help="put the people of a file (column iin) on a polling place's draft list"
    )
    people.add_argument("polling_place", metavar="CODE")
    people.add_argument("file", type=Path)
    people.add_argument("--report", type=Path, help="write refused rows to this CSV file")
    people.set_defaults(run=_paper_list)


def _polling_places(arguments: argparse.Namespace) -> dict[str, Any]:
    return _import(
        arguments,
        lambda session, primary_id, content: import_polling_places(
            session, primary_id, content, actor=_ACTOR, now=clock.now()
        ),
    )


def _paper_list(arguments: argparse.Namespace) -> dict[str, Any]:
    code = parse_code(arguments.polling_place)
    return _import(
        arguments,
        lambda session, primary_id, content: import_list(
            session, primary_id, code, content, actor=_ACTOR, now=clock.now()
        ),
    )


def _import(
    arguments: argparse.Namespace, take_in: Callable[[Any, str, bytes], ImportReport]
) -> dict[str, Any]:
    try:
        content = arguments.file.read_bytes()
    except OSError:
        raise Refused(PrimaryRefusal.FILE_UNREADABLE) from None
    with unit_of_work() as session:
        report = take_in(session, require_primary(session).id, content)
    if arguments.report is not None:
        arguments.report.write_text(report.csv(), encoding="utf-8")
    return report.counts()
