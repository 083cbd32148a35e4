"""How accounts and their roles are put into words."""

from collections.abc import Iterable

from core import places
from core.i18n import _, term
from core.staff.rules import Grant, Role


def grant_text(grant: Grant) -> str:
    """A role with its office, place and branch, as one line."""
    parts = [term(grant.role)]
    if grant.office:
        parts.append(term(grant.office))
    parts.append(places.name(grant.place) if grant.place else _("Centre"))
    if grant.branch:
        parts.append(grant.branch)
    return " · ".join(parts)


def grants_text(grants: Iterable[Grant]) -> str:
    """All roles, in the order of the list of roles."""
    order = list(Role)
    ranked = sorted(grants, key=lambda grant: (order.index(grant.role), grant.place or ""))
    return "; ".join(grant_text(grant) for grant in ranked)
