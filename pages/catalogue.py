"""Every screen: its file, its address, its place in the navigation, and who may see it.

The roles stand here and in each page's own guard, which decides; a test compares the two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.i18n import _
from core.staff.rules import Actor, Role


@dataclass(frozen=True)
class Screen:
    """One page. ``name`` is its file (without ``.py``), ``address`` its path in the browser.

    No roles means every signed-in account. A hidden screen is reached from another one only.
    """

    name: str
    title: Callable[[], str]
    icon: str
    roles: frozenset[Role] = frozenset()
    hidden: bool = False
    on_wall: bool = False
    path: str | None = None

    @property
    def address(self) -> str:
        """The one segment of the address."""
        return self.path or self.name

    def is_for(self, actor: Actor) -> bool:
        """Whether this actor may open the screen; a wall shows only what is made for it."""
        if actor.read_only and not self.on_wall:
            return False
        return not self.roles or bool(self.roles & actor.roles)


@dataclass(frozen=True)
class Group:
    """Screens under one heading of the navigation."""

    title: Callable[[], str]
    screens: tuple[Screen, ...]


def _of(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


GROUPS: Final = (
    Group(
        lambda: _("Now"),
        (Screen("overview", lambda: _("Overview"), ":material/monitoring:", on_wall=True),),
    ),
    Group(
        lambda: _("Admission"),
        (
            Screen(
                "freeze",
                lambda: _("Admission freeze"),
                ":material/lock_clock:",
                _of(Role.ORGANIZER, Role.REGISTRAR, Role.OBSERVER),
            ),
            Screen(
                "applications",
                lambda: _("Applications"),
                ":material/inbox:",
                _of(Role.ORGANIZER, Role.REGISTRAR),
            ),
            Screen(
                "members",
                lambda: _("Member register"),
                ":material/groups:",
                _of(Role.ORGANIZER, Role.REGISTRAR),
            ),
        ),
    ),
    Group(
        lambda: _("Primary"),
        (
            Screen(
                "timeline",
                lambda: _("Timeline"),
                ":material/calendar_month:",
                _of(Role.ORGANIZER, Role.OBSERVER),
            ),
            Screen(
                "constituencies",
                lambda: _("Constituencies"),
                ":material/map:",
                _of(Role.ORGANIZER, Role.OBSERVER),
            ),
            Screen(
                "candidates",
                lambda: _("Candidates"),
                ":material/person_pin:",
                _of(Role.ORGANIZER, Role.OBSERVER),
            ),
            Screen(
                "candidate_page",
                lambda: _("Candidate's page"),
                ":material/badge:",
                _of(Role.ORGANIZER, Role.OBSERVER),
                hidden=True,
            ),
            Screen(
                "readiness",
                lambda: _("Readiness"),
                ":material/checklist:",
                _of(Role.ORGANIZER, Role.OBSERVER),
            ),
        ),
    ),
    Group(
        lambda: _("Voting"),
        (
            Screen(
                "turnout",
                lambda: _("Turnout"),
                ":material/bar_chart:",
                _of(Role.ORGANIZER, Role.OBSERVER, Role.CLERK),
                on_wall=True,
            ),
            Screen(
                "rejections",
                lambda: _("Rejections"),
                ":material/block:",
                _of(Role.ORGANIZER, Role.OPERATOR, Role.OBSERVER),
            ),
            Screen(
                "clusters",
                lambda: _("Suspicious clusters"),
                ":material/hub:",
                _of(Role.ORGANIZER),
            ),
            Screen(
                "address_policy",
                lambda: _("Address rule"),
                ":material/lan:",
                _of(Role.ORGANIZER, Role.OBSERVER),
            ),
            Screen("marking", lambda: _("Mark voters"), ":material/how_to_vote:", _of(Role.CLERK)),
            Screen(
                "polling_places",
                lambda: _("Polling places"),
                ":material/location_on:",
                _of(Role.ORGANIZER, Role.OBSERVER),
            ),
            Screen(
                "paper_list",
                lambda: _("Paper list"),
                ":material/list_alt:",
                _of(Role.ORGANIZER),
                hidden=True,
            ),
        ),
    ),
    Group(
        lambda: _("Hotline"),
        (
            Screen("call", lambda: _("Log a call"), ":material/call:", _of(Role.OPERATOR)),
            Screen("contacts", lambda: _("My shift"), ":material/forum:", _of(Role.OPERATOR)),
            Screen("inbox", lambda: _("Incoming mail"), ":material/mail:", _of(Role.OPERATOR)),
        ),
    ),
    Group(
        lambda: _("Cases"),
        (
            Screen(
                "cases",
                lambda: _("Cases"),
                ":material/folder_open:",
                _of(Role.OPERATOR, Role.COMMISSIONER),
            ),
            Screen(
                "case",
                lambda: _("Case"),
                ":material/description:",
                _of(Role.OPERATOR, Role.COMMISSIONER),
                hidden=True,
            ),
            Screen(
                "commissions",
                lambda: _("Commissions"),
                ":material/gavel:",
                _of(Role.ORGANIZER, Role.COMMISSIONER),
            ),
            Screen(
                "case_statistics",
                lambda: _("Statistics"),
                ":material/insights:",
                _of(Role.ORGANIZER, Role.OBSERVER, Role.COMMISSIONER),
            ),
            Screen(
                "working_calendar",
                lambda: _("Time limits"),
                ":material/calendar_month:",
                _of(Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER),
            ),
            Screen(
                "case_manual",
                lambda: _("Who does what"),
                ":material/menu_book:",
                _of(Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER),
            ),
        ),
    ),
    Group(
        lambda: _("Results"),
        (
            Screen(
                "ceremony",
                lambda: _("Key ceremony"),
                ":material/key:",
                _of(Role.ORGANIZER, Role.TRUSTEE),
            ),
            Screen(
                "protocols",
                lambda: _("Protocols"),
                ":material/fact_check:",
                _of(Role.ORGANIZER, Role.CLERK),
            ),
            Screen(
                "count",
                lambda: _("Count"),
                ":material/calculate:",
                _of(Role.ORGANIZER, Role.TRUSTEE, Role.CANVASSER),
            ),
            Screen(
                "publication",
                lambda: _("Publication"),
                ":material/campaign:",
                _of(Role.ORGANIZER, Role.CANVASSER, Role.OBSERVER),
            ),
        ),
    ),
    Group(
        lambda: _("Control"),
        (
            Screen(
                "staff",
                lambda: _("Staff"),
                ":material/badge:",
                _of(Role.ADMINISTRATOR, Role.ORGANIZER),
            ),
            Screen(
                "audit",
                lambda: _("Audit log"),
                ":material/history:",
                _of(Role.ORGANIZER, Role.ADMINISTRATOR, Role.OBSERVER, Role.AUDITOR),
            ),
            Screen(
                "health",
                lambda: _("System health"),
                ":material/monitor_heart:",
                _of(Role.ADMINISTRATOR),
            ),
        ),
    ),
    Group(
        lambda: _("My account"),
        (
            # The file is not called as its address: `profile` is a module of Python itself.
            Screen(
                "own_profile", lambda: _("Profile"), ":material/account_circle:", path="profile"
            ),
        ),
    ),
)

FRONT_PAGE: Final = "overview"
SCREENS: Final = tuple(screen for group in GROUPS for screen in group.screens)


def page_names() -> tuple[str, ...]:
    """The addresses of all screens."""
    return tuple(screen.address for screen in SCREENS)
