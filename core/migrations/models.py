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
    "cases",
    "results",
)


def import_all() -> None:
    """Import the models of every subject."""
    for subject in SUBJECTS:
        importlib.import_module(f"core.{subject}.models")
