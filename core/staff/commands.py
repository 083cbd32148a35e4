"""Commands of accounts."""

import argparse
from typing import Any

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.settings import settings
from core.staff import second_factor, service
from core.staff.bootstrap import LOGINS
from core.staff.queries import account_id_of
from core.staff.rules import StaffRefusal, fold_login


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``create-admins`` and ``otp``."""
    admins = subparsers.add_parser(
        "create-admins", help="make the first two administrators and print their passwords, once"
    )
    admins.set_defaults(run=_create_admins)
    otp = subparsers.add_parser(
        "otp", help="show the one-time code of a rehearsal account (never in production)"
    )
    otp.add_argument("login")
    otp.set_defaults(run=_otp)


def _create_admins(_arguments: argparse.Namespace) -> dict[str, Any]:
    with unit_of_work() as session:
        made = service.create_first_administrators(session, now=clock.now(), logins=LOGINS)
    return {new.login: new.password for new in made}


def _otp(arguments: argparse.Namespace) -> dict[str, Any]:
    if settings().is_production:
        raise Refused(StaffRefusal.NOT_IN_PRODUCTION)
    with reading() as session:
        account_id = account_id_of(session, fold_login(arguments.login))
        if account_id is None:
            raise Refused(StaffRefusal.UNKNOWN_ACCOUNT)
        return {"code": second_factor.code_now(session, account_id, now=clock.now())}
