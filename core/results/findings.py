"""What a verification finds: checks, their verdicts, and what was read on the way. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from core.voting.heads import LEAF_BYTES, SignedHead

_MOST_NAMED: Final = 5


class Check(StrEnum):
    """What is checked."""

    FILE_WHOLE = "file_whole"
    KEY_EXPECTED = "key_expected"
    HEADS_SIGNED = "heads_signed"
    HEADS_IN_LINE = "heads_in_line"
    ROOTS_RECOMPUTED = "roots_recomputed"
    LEAVES_DISTINCT = "leaves_distinct"
    LOGS_COMPLETE = "logs_complete"
    NOTHING_REWRITTEN = "nothing_rewritten"
    TRACKER_ON_BOARD = "tracker_on_board"
    PROOF_HOLDS = "proof_holds"
    BALLOTS_OF_EXPORT = "ballots_of_export"
    RESULTS_SIGNED = "results_signed"
    RESULTS_ADD_UP = "results_add_up"
    EXPORT_COUNTED = "export_counted"
    NUMBERS_EQUAL = "numbers_equal"


class Outcome(StrEnum):
    """How a check ended; ``open`` where it can't be told yet."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"


class Trust(StrEnum):
    """What no file can show."""

    WHOSE_KEY = "whose_key"
    SAME_FOR_ALL = "same_for_all"
    WHO_VOTED = "who_voted"
    HONEST_OPENING = "honest_opening"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check: ``facts`` fill its sentence, ``where`` names what fails, if it does."""

    check: Check
    outcome: Outcome
    facts: Mapping[str, object] = field(default_factory=dict)
    where: tuple[str, ...] = ()


def verdict(check: Check, faults: Iterable[str] = (), **facts: object) -> Verdict:
    """The verdict of a check that holds unless there are ``faults``: names of what is wrong."""
    where = tuple(faults)
    return Verdict(check, Outcome.FAILS if where else Outcome.HOLDS, facts, where[:_MOST_NAMED])


@dataclass(frozen=True)
class Contest:
    """A log as it was read: all its heads, and its leaves, 32 bytes each."""

    heads: tuple[SignedHead, ...]
    leaves: bytearray

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self.leaves) // LEAF_BYTES

    def each_leaf(self) -> Iterable[bytes]:
        """The leaves in their positions."""
        return (
            bytes(self.leaves[at : at + LEAF_BYTES])
            for at in range(0, len(self.leaves), LEAF_BYTES)
        )


@dataclass
class Findings:
    """Everything that was read and found; ``keys`` are the public keys that signed, 32 bytes each."""

    verdicts: list[Verdict] = field(default_factory=list)
    primary_id: str | None = None
    board: dict[str, Contest] | None = None
    roots: dict[str, dict[int, bytes]] = field(default_factory=dict)
    results: Mapping[str, Any] | None = None
    keys: dict[bytes, None] = field(default_factory=dict)

    @property
    def hold(self) -> bool:
        """Whether nothing failed."""
        return all(verdict.outcome is not Outcome.FAILS for verdict in self.verdicts)
