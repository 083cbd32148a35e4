"""The file that carries sealed ballots to the offline machine: written and read line by line.

Line 1 is a header; then each contest has a line ``{"ballots", "contest"}`` and its sealed ballots,
one base64 text a line; then a line ``{"protocols"}`` and for each polling place, in order of code,
a line that says which and a sealed protocol; the last line holds the SHA-256 of all bytes before
it. Ballots stand in the order of their trackers, which are hashes of random bytes: an order that
has nothing to do with the order of casting, that is the same at every export, and in which no
ballot can repeat. Of a protocol nothing goes with it but its polling place: not who typed it, when.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, kw_only=True)
class ExportedProtocol:
    """A polling place's sealed protocol, and what is known of it without opening it."""

    polling_place: str
    version: int
    issued: int
    contests: tuple[str, ...]
    sealed: bytes = field(repr=False)

    @property
    def outline(self) -> dict[str, Any]:
        """Everything but the seal and the place, as the server remembers it."""
        return {"version": self.version, "issued": self.issued, "contests": list(self.contests)}


@dataclass(frozen=True)
class CheckedExport:
    """An export whose digest holds: its header, digest (hex), ballots by contest, protocols."""

    path: Path
    header: ExportHeader
    digest: str
    ballots: dict[str, int]
    protocols: tuple[ExportedProtocol, ...] = ()


def write_export(
    file: BinaryIO,
    header: ExportHeader,
    *,
    how_many: dict[str, int],
    sealed: Callable[[str], Iterable[bytes]],
    protocols: Sequence[ExportedProtocol] = (),
) -> str:
    """Write an export; gives its digest. ``sealed(contest)`` yields ballots in tracker order.

    ``protocols`` stand in order of their polling places' codes.
    """
    hashed = sha256()

    def write(line: bytes) -> None:
        hashed.update(line)
        file.write(line)

    write(header.as_line())
    for contest in header.contests:
        write(canonical({"ballots": how_many[contest.id], "contest": contest.id}) + b"\n")
        for ballot in sealed(contest.id):
            write(b64encode(ballot) + b"\n")
    write(canonical({"protocols": len(protocols)}) + b"\n")
    for protocol in protocols:
        write(canonical({"polling_place": protocol.polling_place, **protocol.outline}) + b"\n")
        write(b64encode(protocol.sealed) + b"\n")
    file.write(canonical({"ballots": sum(how_many.values()), "digest": hashed.hexdigest()}) + b"\n")
    return hashed.hexdigest()


def check_export(path: Path) -> CheckedExport:
    """Read the file once from end to end, in flat memory; refused as ``export_damaged``."""
    damaged = Refused(ResultsRefusal.EXPORT_DAMAGED)
    hashed = sha256()
    reader = _Reader()
    try:
        with path.open("rb") as file:
            first = file.readline()
            hashed.update(first)
            header = _read_header(first)
            ending: dict[str, Any] = {}
            for line in file:
                if line.startswith(b'{"ballots"') and b'"digest"' in line:
                    ending = json.loads(line)
                    break
                reader.take(line)
                hashed.update(line)
            whole = not file.read(1) and ending.get("digest") == hashed.hexdigest()
    except (ValueError, KeyError, TypeError, IndexError):
        raise damaged from None
    listed = [each.id for each in header.contests]
    places = [protocol.polling_place for protocol in reader.protocols]
    if (
        not whole
        or reader.found != reader.stated
        or list(reader.found) != listed
        or len(places) != reader.protocols_stated
        or places != sorted(set(places))
        or reader.outline is not None
    ):
        raise damaged
    return CheckedExport(path, header, hashed.hexdigest(), reader.found, tuple(reader.protocols))


class _Reader:
    """What stands between the header and the ending; a line in the wrong place is a `ValueError`."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.stated: dict[str, int] = {}
        self.protocols: list[ExportedProtocol] = []
        self.protocols_stated: int | None = None
        self.outline: dict[str, Any] | None = None
        self._contest = ""

    def take(self, line: bytes) -> None:
        if line.startswith(b"{"):
            self._begin(json.loads(line))
        elif self.protocols_stated is None:
            self.found[self._contest] += 1
        else:
            self._protocol(unwrap(line))

    def _begin(self, given: dict[str, Any]) -> None:
        if self.protocols_stated is not None:
            if self.outline is not None or "polling_place" not in given:
                raise ValueError
            self.outline = given
        elif "protocols" in given:
            self.protocols_stated = int(given["protocols"])
        else:
            self._contest = given["contest"]
            if self._contest in self.found:
                raise ValueError
            self.found[self._contest], self.stated[self._contest] = 0, given["ballots"]

    def _protocol(self, sealed: bytes) -> None:
        if self.outline is None:
            raise ValueError
        self.protocols.append(
            ExportedProtocol(
                polling_place=str(self.outline["polling_place"]),
                version=int(self.outline["version"]),
                issued=int(self.outline["issued"]),
                contests=tuple(str(contest) for contest in self.outline["contests"]),
                sealed=sealed,
            )
        )
        self.outline = None


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
                if not contest:
                    return  # the protocols, and the end
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
