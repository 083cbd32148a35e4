"""The file that carries sealed ballots to the offline machine: written and read line by line.

Line 1 is a header; then each contest has a line ``{"ballots", "contest"}`` and its sealed ballots,
one base64 text a line; the last line holds the SHA-256 of all bytes before it. Ballots stand in
the order of their trackers, which are hashes of random bytes: an order that has nothing to do
with the order of casting, that is the same at every export, and in which no ballot can repeat.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import Refused
from core.results.bundle import canonical
from core.results.rules import EXPORT_FORMAT, ContestRules, ResultsRefusal
from core.results.shares import PublicPart, read_public_part


@dataclass(frozen=True, kw_only=True)
class ExportHeader:
    """What a count has to know. ``transport_key``: the X25519 key to which the result is sealed.

    The result returns sealed to the installation, because between count and publication only
    canvassers may read totals, and not whoever carries the file.
    """

    primary: str
    public: PublicPart
    transport_key: bytes
    contests: tuple[ContestRules, ...]

    def as_line(self) -> bytes:
        """The first line of the file, with its end."""
        return (
            canonical(
                {
                    "format": EXPORT_FORMAT,
                    "primary": self.primary,
                    "ceremony": json.loads(self.public.as_json()),
                    "transport_key": self.transport_key.hex(),
                    "contests": [
                        {
                            "id": contest.id,
                            "max_choices": contest.max_choices,
                            "size": contest.size,
                            "candidates": sorted(contest.candidates),
                        }
                        for contest in self.contests
                    ],
                }
            )
            + b"\n"
        )


@dataclass(frozen=True)
class CheckedExport:
    """An export whose digest holds: its header, digest (hex) and ballots by contest."""

    path: Path
    header: ExportHeader
    digest: str
    ballots: dict[str, int]


def write_export(
    file: BinaryIO,
    header: ExportHeader,
    *,
    how_many: dict[str, int],
    sealed: Callable[[str], Iterable[bytes]],
) -> str:
    """Write an export; gives its digest. ``sealed(contest)`` yields ballots in tracker order."""
    hashed = sha256()

    def write(line: bytes) -> None:
        hashed.update(line)
        file.write(line)

    write(header.as_line())
    for contest in header.contests:
        write(canonical({"ballots": how_many[contest.id], "contest": contest.id}) + b"\n")
        for ballot in sealed(contest.id):
            write(b64encode(ballot) + b"\n")
    file.write(canonical({"ballots": sum(how_many.values()), "digest": hashed.hexdigest()}) + b"\n")
    return hashed.hexdigest()


def check_export(path: Path) -> CheckedExport:
    """Read the file once from end to end, in flat memory; refused as ``export_damaged``."""
    damaged = Refused(ResultsRefusal.EXPORT_DAMAGED)
    hashed = sha256()
    found: dict[str, int] = {}
    stated: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            first = file.readline()
            hashed.update(first)
            header = _read_header(first)
            contest = ""
            ending: dict[str, Any] = {}
            for line in file:
                if not line.startswith(b"{"):
                    found[contest] += 1
                else:
                    ending = json.loads(line)
                    if "digest" in ending:
                        break
                    contest = ending["contest"]
                    if contest in found:
                        raise damaged
                    found[contest], stated[contest] = 0, ending["ballots"]
                hashed.update(line)
            whole = not file.read(1) and ending.get("digest") == hashed.hexdigest()
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    listed = [each.id for each in header.contests]
    if not whole or found != stated or list(found) != listed:
        raise damaged
    return CheckedExport(path, header, hashed.hexdigest(), found)


def _read_header(line: bytes) -> ExportHeader:
    given = json.loads(line)
    if given["format"] != EXPORT_FORMAT:
        raise ValueError
    return ExportHeader(
        primary=str(given["primary"]),
        public=read_public_part(json.dumps(given["ceremony"])),
        transport_key=bytes.fromhex(given["transport_key"]),
        contests=tuple(
            ContestRules(
                id=str(each["id"]),
                max_choices=int(each["max_choices"]),
                size=int(each["size"]),
                candidates=frozenset(str(one) for one in each["candidates"]),
            )
            for each in given["contests"]
        ),
    )


def ballot_lines(export: CheckedExport, at_once: int) -> Iterator[tuple[str, list[bytes]]]:
    """The contest and up to ``at_once`` of its ballots (base64 lines), again and again."""
    with export.path.open("rb") as file:
        file.readline()
        contest, waiting = "", list[bytes]()
        for line in file:
            if line.startswith(b"{"):
                if waiting:
                    yield contest, waiting
                contest, waiting = json.loads(line).get("contest", ""), []
                continue
            waiting.append(line)
            if len(waiting) == at_once:
                yield contest, waiting
                waiting = []


def unwrap(line: bytes) -> bytes:
    """The sealed ballot of a line; refused as ``export_damaged``."""
    try:
        return b64decode(line.strip(), validate=True)
    except binascii.Error:
        raise Refused(ResultsRefusal.EXPORT_DAMAGED) from None
