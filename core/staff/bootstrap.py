"""The first start: two administrators, whom nobody made."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from core import clock
from core.errors import Refused
from core.staff import service
from core.staff.rules import StaffRefusal

LOGINS: Final = ("admin1", "admin2")


def make_first_administrators(session: Session) -> Sequence[tuple[str, str]]:
    """Login and one-time password of each, known only here; nothing if there are accounts."""
    try:
        made = service.create_first_administrators(session, now=clock.now(), logins=LOGINS)
    except Refused as refused:
        if refused.code is not StaffRefusal.ADMINISTRATORS_EXIST:
            raise
        return ()
    return tuple((new.login, new.password) for new in made)
