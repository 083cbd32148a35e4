"""The count of paper: opened protocols, checked again, added by contest and polling place. Pure.

Part of the count on the offline machine; a protocol that is not what it should be is reported by its
polling place with the reason and stops nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.results.exportfile import CheckedExport, ExportedProtocol
from core.results.protocol import (
    Protocol,
    ProtocolReason,
    Sheet,
    contradictions,
    is_whole,
    open_protocol,
)
from core.results.rules import ContestRules


@dataclass
class PaperCount:
    """Opened protocols by polling place, and why others can't be counted. No ``repr`` of a figure."""

    protocols: dict[str, Protocol] = field(default_factory=dict, repr=False)
    refused: dict[str, ProtocolReason] = field(default_factory=dict)
    contests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The contests that each polling place votes on."""

    def as_entry(self, contest: str) -> dict[str, Any]:
        """What a result file says of one contest, places in order of code."""
        return {
            "places": [
                {
                    "polling_place": code,
                    "issued": protocol.issued,
                    **vars(protocol.sheets[contest]),
                }
                for code, protocol in sorted(self.protocols.items())
                if contest in protocol.sheets
            ],
            "refused": [
                {"polling_place": code, "reason": reason.value}
                for code, reason in sorted(self.refused.items())
                if contest in self.contests[code]
            ],
        }


def count_protocols(export: CheckedExport, secret: bytes) -> PaperCount:
    """Open every protocol of a checked export with the private scalar, and check it."""
    rules = {contest.id: contest for contest in export.header.contests}
    counted = PaperCount()
    for exported in export.protocols:
        counted.contests[exported.polling_place] = exported.contests
        opened = open_protocol(
            secret,
            export.header.primary,
            exported.polling_place,
            exported.version,
            exported.sealed,
        )
        reason = opened if isinstance(opened, ProtocolReason) else _fault(opened, exported, rules)
        if reason is not None:
            counted.refused[exported.polling_place] = reason
        elif isinstance(opened, Protocol):
            counted.protocols[exported.polling_place] = opened
    return counted


def _fault(
    protocol: Protocol, exported: ExportedProtocol, rules: Mapping[str, ContestRules]
) -> ProtocolReason | None:
    if not is_whole(protocol, rules, exported.contests):
        return ProtocolReason.MALFORMED
    if protocol.issued != exported.issued:
        return ProtocolReason.ISSUED_DIFFERS
    wrong = any(contradictions(protocol, rules, entitled=exported.issued, absent=None))
    return ProtocolReason.DOES_NOT_ADD_UP if wrong else None


def adds_up(
    entry: Mapping[str, Any],
    contest: ContestRules,
    outlines: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Whether the paper of one contest, as a result file has it, is that of the exported protocols.

    ``outlines`` are what the server remembers of them, by polling place.
    """
    places = {each["polling_place"]: each for each in entry["places"]}
    refused = {each["polling_place"]: each["reason"] for each in entry["refused"]}
    expected = {code for code, each in outlines.items() if contest.id in each["contests"]}
    listed = [*places, *refused]
    if len(listed) != len(entry["places"]) + len(entry["refused"]) or set(listed) != expected:
        return False
    if len(listed) != len(expected) or any(r not in set(ProtocolReason) for r in refused.values()):
        return False
    for code, each in places.items():
        sheet = Sheet(**{name: each[name] for name in ("valid", "blank", "spoiled", "votes")})
        protocol = Protocol(polling_place=code, issued=each["issued"], sheets={contest.id: sheet})
        whole = is_whole(protocol, {contest.id: contest}, [contest.id])
        issued = outlines[code]["issued"]
        if not whole or any(
            contradictions(protocol, {contest.id: contest}, entitled=issued, absent=None)
        ):
            return False
    return True


def summed(entry: Mapping[str, Any], candidates: Iterable[str]) -> dict[str, Any]:
    """The paper of one contest over all places, in the shape of the ballots cast online."""
    votes = dict.fromkeys(sorted(candidates), 0)
    total = {"ballots": 0, "valid": 0, "blank": 0, "invalid": 0}
    for place in entry["places"]:
        total["ballots"] += place["valid"] + place["spoiled"]
        total["valid"] += place["valid"]
        total["blank"] += place["blank"]
        total["invalid"] += place["spoiled"]
        for candidate, count in place["votes"].items():
            votes[candidate] += count
    return {**total, "votes": votes}
