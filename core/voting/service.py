"""The verbs of staff about the vote, from the rooms they live in."""

from core.voting.expiry import forget_ended
from core.voting.hotline import (
    ReferenceFound,
    ReferenceRevealed,
    look_up_reference,
    number_to_call_back,
    reveal_reasons,
)

__all__ = [
    "ReferenceFound",
    "ReferenceRevealed",
    "forget_ended",
    "look_up_reference",
    "number_to_call_back",
    "reveal_reasons",
]
