"""What published results show by themselves, and beside the board. Pure."""

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from core.keyring import fingerprint
from core.results.bundle import is_signed_by
from core.results.findings import Check, Contest, Findings, Verdict, verdict
from core.results.rules import SMALLEST_CELL


def check_results(
    file: BinaryIO, path: Path, found: Findings, _sizes: Mapping[str, set[int]]
) -> None:
    """Check the signed results by themselves."""
    bundle = file.read()
    try:
        document = json.loads(bundle)
        key = b64decode(document["signature"]["public_key"], validate=True)
        results = document["results"]
        wrong = [each["id"] for each in results["contests"] if not adds_up(each)]
    except (ValueError, KeyError, TypeError):
        found.verdicts.append(verdict(Check.FILE_WHOLE, [path.name], file=path.name))
        return
    found.keys[key] = None
    found.results = results
    unsigned = [] if is_signed_by(bundle, key) else [path.name]
    found.verdicts += [
        verdict(Check.RESULTS_SIGNED, unsigned, fingerprint=fingerprint(key)),
        verdict(Check.RESULTS_ADD_UP, wrong, contests=len(results["contests"])),
    ]


def adds_up(contest: Mapping[str, Any]) -> bool:
    """Whether the figures of one published contest agree with each other."""
    if contest["withheld"]:
        return True
    votes = {each["id"]: each["votes"] for each in contest["candidates"]}
    with_a_choice = contest["valid"] - contest["blank"]
    return (
        contest["ballots"] == contest["valid"] + contest["invalid"]
        and all(0 <= count <= with_a_choice for count in votes.values())
        and with_a_choice <= sum(votes.values()) <= with_a_choice * contest["max_choices"]
        and _channels_add_up(contest, votes)
        and all(_is_rated(rating, votes) for rating in contest["ratings"].values())
    )


def _channels_add_up(contest: Mapping[str, Any], votes: Mapping[str, int]) -> bool:
    """Whether online and paper together are the whole, where they are published apart."""
    channels = contest["channels"]
    if channels is None:
        return True
    parts = list(channels.values())
    return all(
        sum(part[name] for part in parts) == contest[name]
        for name in ("ballots", "valid", "blank", "invalid")
    ) and all(sum(part["votes"][who] for part in parts) == count for who, count in votes.items())


def _is_rated(rating: Sequence[Mapping[str, Any]], votes: Mapping[str, int]) -> bool:
    """Whether a rating shows the votes and ranks by them; a cancelled candidate has no place."""
    ranked = [line for line in rating if line["place"] is not None]
    return all(line["votes"] == votes[line["candidate"]] for line in rating) and all(
        line["place"] == 1 + sum(other["votes"] > line["votes"] for other in ranked)
        for line in ranked
    )


def check_numbers(board: Mapping[str, Contest], results: Mapping[str, Any]) -> Verdict:
    """Whether as many ballots were counted online as stand on the board."""
    counted = {each["id"]: each for each in results["contests"]}
    wrong = [
        contest_id
        for contest_id in sorted(board.keys() | counted.keys())
        if contest_id not in board
        or contest_id not in counted
        or not _is_number_of(counted[contest_id], board[contest_id].size)
    ]
    ballots = sum(contest.size for contest in board.values())
    return verdict(Check.NUMBERS_EQUAL, wrong, ballots=ballots)


def _is_number_of(contest: Mapping[str, Any], leaves: int) -> bool:
    if contest["withheld"]:
        return leaves < SMALLEST_CELL
    if contest["channels"] is not None:
        return bool(contest["channels"]["online"]["ballots"] == leaves)
    if contest["merged"]:  # so few came on one of the two ways that only the sum is published
        return bool(leaves <= contest["ballots"])
    return bool(contest["ballots"] == leaves)
