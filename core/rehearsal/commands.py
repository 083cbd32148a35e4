"""Commands of the rehearsal."""

import argparse
from typing import Any, Final

from core.rehearsal.rules import Stage
from core.settings import settings

_SHOWN: Final = ("admin1", "organizer1", "operator1", "commission-centre-chair", "observer1")


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``rehearse`` and ``simulate``."""
    rehearse = subparsers.add_parser(
        "rehearse", help="fill an empty installation with an invented primary (never in production)"
    )
    rehearse.add_argument("--members", type=int, default=20_000, metavar="N")
    rehearse.add_argument("--seed", type=int, default=1, metavar="S")
    rehearse.add_argument(
        "--stage", choices=[stage.value for stage in Stage], default=Stage.VOTING.value
    )
    rehearse.add_argument(
        "--strict-address",
        action="store_true",
        help="without the exemption by which many voters can be tried from one desk",
    )
    rehearse.set_defaults(run=_rehearse)

    simulate = subparsers.add_parser(
        "simulate", help="let invented people vote, mistype and complain through the public API"
    )
    simulate.add_argument("--rate", type=float, default=2.0, metavar="R", help="voters a second")
    simulate.add_argument("--minutes", type=float, default=10.0, metavar="M")
    simulate.add_argument("--seed", type=int, default=1, metavar="S")
    simulate.set_defaults(run=_simulate)


def _rehearse(arguments: argparse.Namespace) -> dict[str, Any]:
    # Inventing people takes numpy; only these two commands pay for it.
    from core.rehearsal import service

    service.check_invented_numbers_are_safe()
    folder = service.demo_folder()
    if service.is_set_up():
        answer: dict[str, Any] = {"already_set_up": True}
    else:
        done = service.rehearse(
            arguments.members,
            seed=arguments.seed,
            stage=Stage(arguments.stage),
            strict_address=arguments.strict_address,
        )
        answer = {name: value for name, value in vars(done).items() if name != "folder"}
    return answer | {
        "files": str(folder),
        "staff_url": settings().staff_url,
        "public_url": settings().public_url,
        "logins": service.some_logins(folder / "staff.csv", _SHOWN),
    }


def _simulate(arguments: argparse.Namespace) -> dict[str, Any]:
    from core.rehearsal.simulation import simulate

    return vars(simulate(arguments.rate, arguments.minutes, seed=arguments.seed))
