"""The command line: ``python -m core --help``. With ``--json`` a command prints one object."""

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Refused
from core.i18n import refusal_text
from core.settings import SettingsError, settings

SUBJECTS = (
    "audit",
    "staff",
    "membership",
    "primary",
    "voting",
    "paper",
    "cases",
    "mail",
    "results",
    "rehearsal",
)


def build_parser() -> argparse.ArgumentParser:
    """The parser with the commands of every subject."""
    parser = argparse.ArgumentParser(prog="python -m core", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    upgrade = subparsers.add_parser("upgrade", help="bring the database to the newest revision")
    upgrade.set_defaults(run=_upgrade)
    imports = subparsers.add_parser("import", help="import a register, contests or candidates")
    import_subparsers = imports.add_subparsers(required=True, metavar="WHAT")
    for subject in SUBJECTS:
        if not importlib.util.find_spec(f"core.{subject}") or not importlib.util.find_spec(
            f"core.{subject}.commands"
        ):
            continue
        commands = importlib.import_module(f"core.{subject}.commands")
        if subject in {"membership", "primary", "paper"}:
            commands.register(subparsers, import_subparsers)
        else:
            commands.register(subparsers)
    for command in (*subparsers.choices.values(), *import_subparsers.choices.values()):
        command.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    return parser


def _upgrade(_arguments: argparse.Namespace) -> dict[str, Any]:
    from core.database import upgrade

    upgrade()
    return {"upgraded": True}


def show(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a command gave: one JSON object, or a line a field."""
    if as_json:
        print(json.dumps(dict(answer), ensure_ascii=False, default=str))  # noqa: T201
        return
    for name, value in answer.items():
        print(f"{name}: {value}")  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 something was found wrong, 2 refused."""
    given = build_parser().parse_args(arguments)
    try:
        settings()
        answer: dict[str, Any] = dict(given.run(given))
    except Refused as refused:
        text = refusal_text(refused)
        if given.json:
            show({"error": str(refused.code), "message": text}, as_json=True)
        else:
            print(text, file=sys.stderr)  # noqa: T201
        return 2
    except SettingsError as fault:
        print(fault, file=sys.stderr)  # noqa: T201
        return 2
    code = int(answer.pop("exit_code", 0))
    show(answer, as_json=given.json)
    return code


if __name__ == "__main__":
    sys.exit(main())
