"""Every verb of voting on paper, from the rooms they live in. Each takes the session."""

from core.paper.clerks import assign_clerk, end_post
from core.paper.lists import (
    add_from_roll,
    confirm_fixing,
    import_list,
    propose_fixing,
    take_off_draft,
    take_sheets,
)
from core.paper.marks import look_up, mark
from core.paper.polling_places import (
    PollingPlaceDraft,
    add_polling_place,
    change_polling_place,
    import_polling_places,
    remove_polling_place,
)
from core.paper.releases import (
    ReleaseTerms,
    confirm_release,
    confirm_undo,
    propose_release,
    propose_undo,
)
from core.paper.turnout import settle

__all__ = [
    "PollingPlaceDraft",
    "ReleaseTerms",
    "add_from_roll",
    "add_polling_place",
    "assign_clerk",
    "change_polling_place",
    "confirm_fixing",
    "confirm_release",
    "confirm_undo",
    "end_post",
    "import_list",
    "import_polling_places",
    "look_up",
    "mark",
    "propose_fixing",
    "propose_release",
    "propose_undo",
    "remove_polling_place",
    "settle",
    "take_off_draft",
    "take_sheets",
]
