"""Commands of the vote."""

import argparse
from typing import Any

from core import clock
from core.database import reading
from core.errors import Refused
from core.primary.queries import active_primary
from core.voting import queries
from core.voting.rules import VotingRefusal
from core.voting.service import forget_ended


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``turnout`` and ``purge-sessions``."""
    turnout = subparsers.add_parser("turnout", help="votes so far, with their denominators")
    turnout.set_defaults(run=_turnout)
    purge = subparsers.add_parser("purge-sessions", help="remove sign-ins that are over")
    purge.set_defaults(run=_purge)


def _turnout(_arguments: argparse.Namespace) -> dict[str, Any]:
    with reading() as session:
        primary = active_primary(session)
        if primary is None:
            raise Refused(VotingRefusal.NO_ACTIVE_PRIMARY)
        counted = queries.turnout(session, primary.id)
        rejections = queries.rejections_total(session, primary.id)
    return {
        "primary": primary.id,
        "votes": counted.votes,
        "votes_online": counted.votes_online,
        "votes_paper": counted.votes_paper,
        "registered": counted.registered,
        "on_roll": counted.on_roll,
        "rejections": rejections,
    }


def _purge(_arguments: argparse.Namespace) -> dict[str, Any]:
    return {"removed": forget_ended(clock.now())}
