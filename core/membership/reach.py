"""Whose members an actor sees and changes: a registrar those of the own place, no others."""

from core import places
from core.errors import Refused
from core.membership.rules import MembershipRefusal
from core.staff.rules import Actor, Role, StaffRefusal, require

KEEPERS = (Role.ORGANIZER, Role.REGISTRAR)


def reach(actor: Actor) -> frozenset[str] | None:
    """The codes of the actor's places with all that lies in them; None: the whole register.

    Refused as ``forbidden`` for whoever keeps no register.
    """
    if actor.is_system:
        return None
    require(actor, *KEEPERS)
    own = {place for role in KEEPERS for place in actor.places(role)}
    if None in own:
        return None
    return frozenset(
        unit.code
        for unit in places.all_places()
        if any(above.code in own for above in places.ancestors(unit.code))
    )


def writing_reach(actor: Actor) -> frozenset[str] | None:
    """As `reach`, for whoever changes something: refused for a session for looking only."""
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    return reach(actor)


def check_reach(actor: Actor, place_code: str) -> None:
    """Refuse as ``place_not_yours`` a change outside the actor's places."""
    own = writing_reach(actor)
    if own is not None and place_code not in own:
        raise Refused(MembershipRefusal.PLACE_NOT_YOURS)
