"""Who may write at the desk at all; which case and which move, `access` and the table say."""

from core.errors import Refused
from core.staff.rules import ANYWHERE, Actor, Role, StaffRefusal, _Anywhere, require


def require_writer(actor: Actor, *roles: Role, place: str | None | _Anywhere = ANYWHERE) -> None:
    """Refuse a session for looking only, and whoever holds none of ``roles`` for ``place``.

    The clock and the portal hold no roles; what they do, they do without asking here.
    """
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    require(actor, *roles, place=place)
