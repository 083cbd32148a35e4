"""How polling places are put into words: hours, kinds, states."""

from core import places
from core.i18n import _, format_date
from core.paper.queries import PollingPlaceLine
from core.paper.rules import Hours, PollingPlaceKind


def hours_text(hours: Hours) -> str:
    """``01.10.2020 – 04.10.2020, 08:00–20:00``; one day is said once."""
    first, last = format_date(hours.first_day), format_date(hours.last_day)
    days = first if first == last else f"{first} – {last}"
    return f"{days}, {hours.opens:%H:%M}–{hours.closes:%H:%M}"


def area_text(place_code: str) -> str:
    """The area of a polling place with the region around it."""
    region = places.region_of(place_code)
    own = places.name(place_code)
    return own if region == place_code else f"{own}, {places.name(region)}"


def list_text(line: PollingPlaceLine) -> str:
    """Where the paper list of a place stands; a dash where it has none to have."""
    if line.kind is PollingPlaceKind.CONNECTED:
        return "–"
    if line.list_fixed_at is not None:
        return _("fixed, {count} people", count=line.listed)
    return _("draft, {count} people", count=line.listed) if line.listed else _("no list yet")
