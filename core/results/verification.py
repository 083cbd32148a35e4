"""What a stranger can check of published files, with this programme and no connection.

A file is a whole board, the proof of one ballot, or the signed results: each is checked by itself,
and then the results against the board. Nothing is taken on trust that the files can show.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from core.errors import Refused
from core.keyring import fingerprint
from core.results.board_checks import (
    check_board,
    check_exported,
    check_proof,
    check_rewriting,
    check_tracker,
)
from core.results.findings import Check, Findings, Trust, verdict
from core.results.result_checks import check_numbers, check_results
from core.results.rules import BUNDLE_FORMAT, ResultsRefusal
from core.voting.board_file import (
    BOARD_FORMAT,
    PROOF_FORMAT,
    BoardFileDamaged,
    BoardReader,
    read_proof,
)
from core.voting.heads import TreeHead

_GZIP: Final = b"\x1f\x8b"
_Checking = Callable[[BinaryIO, Path, Findings, Mapping[str, set[int]]], None]
_CHECKS: Final[Mapping[str, _Checking]] = {
    BOARD_FORMAT: check_board,
    PROOF_FORMAT: check_proof,
    BUNDLE_FORMAT: check_results,
}


def verify(
    files: Sequence[Path],
    *,
    trackers: Sequence[str] = (),
    earlier: Sequence[Path] = (),
    export: Path | None = None,
    key: str | None = None,
) -> Findings:
    """Check ``files`` and how they agree; refused as ``not_verifiable`` (facts: file).

    ``earlier`` are boards or proofs kept from before: nothing they tell may have changed.
    ``export`` holds the sealed ballots that are counted; ``key`` is the fingerprint that the
    committee published on another way.
    """
    found = Findings()
    claims = [head for path in earlier for head in _heads_of(path)]
    sizes: dict[str, set[int]] = {}
    for claimed in claims:
        sizes.setdefault(claimed.contest_id, set()).add(claimed.size)
    for path in files:
        with _opened(path) as file, _damage_refused(path):
            _CHECKS[_format_of(file, path)](file, path, found, sizes)
    if key is not None:
        wrong = [fingerprint(each) for each in found.keys if fingerprint(each) != key]
        found.verdicts.append(verdict(Check.KEY_EXPECTED, wrong, fingerprint=key))
    if claims:
        found.verdicts.append(check_rewriting(found, claims))
    for tracker in trackers:
        found.verdicts.append(check_tracker(found, tracker))
    if export is not None:
        found.verdicts += check_exported(found, export)
    if found.board is not None and found.results is not None:
        found.verdicts.append(check_numbers(found.board, found.results))
    return found


def trusted(found: Findings, *, is_key_known: bool) -> list[Trust]:
    """What still rests on trust after these checks."""
    held = [] if is_key_known else [Trust.WHOSE_KEY]
    held += [Trust.SAME_FOR_ALL, Trust.WHO_VOTED]
    return [*held, Trust.HONEST_OPENING] if found.results is not None else held


def _opened(path: Path) -> BinaryIO:
    """A file to be read, unpacked where it is compressed."""
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(_GZIP)) == _GZIP
        return cast(BinaryIO, gzip.open(path)) if is_packed else path.open("rb")
    except OSError:
        raise Refused(ResultsRefusal.FILE_UNREADABLE, file=path.name) from None


def _format_of(file: BinaryIO, path: Path) -> str:
    """What a file says it is; only a board is too large to be one JSON object on one line."""
    try:
        given = json.loads(file.readline())
        named = given.get("format") or given["results"]["format"]
    except (ValueError, KeyError, TypeError, AttributeError):
        named = None
    file.seek(0)
    if named not in _CHECKS:
        raise Refused(ResultsRefusal.NOT_VERIFIABLE, file=path.name)
    return str(named)


def _heads_of(path: Path) -> list[TreeHead]:
    """Every head that a kept board or proof tells of."""
    with _opened(path) as file, _damage_refused(path):
        if _format_of(file, path) == PROOF_FORMAT:
            return [read_proof(file.read()).signed.head]
        kept = []
        for _contest, heads, leaves in BoardReader(file).contests():
            kept += [signed.head for signed in heads]
            for _leaf in leaves:
                pass
        return kept


@contextmanager
def _damage_refused(path: Path) -> Iterator[None]:
    """Refuse what can't be read at all, such as half of a compressed file."""
    try:
        yield
    except (BoardFileDamaged, EOFError, OSError, zlib.error):
        raise Refused(ResultsRefusal.NOT_VERIFIABLE, file=path.name) from None
