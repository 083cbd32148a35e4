"""Every table there is: imported for its effect on ``SQLModel.metadata``."""

import importlib
from typing import Final

SUBJECTS: Final = (
    "audit",
    "messaging",
    "staff",
    "membership",
    "primary",
    "voting",
    "paper",
    "cases",
    "mail",
    "results",
)
ROOMS: Final = ("core.voting.board_models",)
"""Tables that stand apart from the other models of their subject."""


def import_all() -> None:
    """Import the models of every subject."""
    for subject in SUBJECTS:
        importlib.import_module(f"core.{subject}.models")
    for room in ROOMS:
        importlib.import_module(room)
