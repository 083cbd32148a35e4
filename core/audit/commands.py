"""Commands of the audit log."""

import argparse
from typing import Any

from core.audit.queries import verify_chain
from core.database import reading


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``verify-audit``."""
    parser = subparsers.add_parser("verify-audit", help="check the chain of the audit log")
    parser.set_defaults(run=_verify)


def _verify(_arguments: argparse.Namespace) -> dict[str, Any]:
    with reading() as session:
        found = verify_chain(session)
    answer: dict[str, Any] = {
        "intact": found.fault is None,
        "entries": found.entries,
        "signed_heads": found.signed_heads,
    }
    if found.fault:
        answer |= {"first_fault": found.fault.number, "kind": found.fault.kind.value}
        answer["exit_code"] = 1
    return answer
