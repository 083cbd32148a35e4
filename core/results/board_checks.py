"""What a published board shows by itself, and beside what was kept of it or is counted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.errors import Refused
from core.keyring import fingerprint
from core.results.exportfile import ballot_lines, check_export, unwrap
from core.results.findings import Check, Contest, Findings, Outcome, Verdict, verdict
from core.results.rules import ResultsRefusal
from core.voting.board_file import BoardFileDamaged, BoardReader, read_proof
from core.voting.heads import LEAF_BYTES, SignedHead, TreeHead, is_signed_by
from core.voting.merkle import Frontier, is_included, leaf_hash
from core.voting.sealing import tracker_of


def check_board(file: BinaryIO, path: Path, found: Findings, sizes: Mapping[str, set[int]]) -> None:
    """Check a whole board; ``sizes`` are those of logs whose roots will be asked for besides."""
    try:
        reader = BoardReader(file)
        board: dict[str, Contest] = {}
        wrong_roots: list[str] = []
        for contest_id, heads, leaves in reader.contests():
            if contest_id in board:
                raise BoardFileDamaged
            contest = Contest(heads, bytearray())
            wanted = {signed.head.size for signed in heads} | sizes.get(contest_id, set())
            roots = found.roots[contest_id] = _roots(leaves, contest.leaves, wanted)
            wrong_roots += [
                _named(signed)
                for signed in heads
                if roots.get(signed.head.size) != signed.head.root
            ]
            if heads and heads[-1].head.size != contest.size:
                wrong_roots.append(contest_id)
            board[contest_id] = contest
    except BoardFileDamaged:
        found.verdicts.append(verdict(Check.FILE_WHOLE, [path.name], file=path.name))
        return
    found.board, found.primary_id = board, reader.header.primary_id
    found.keys[reader.header.public_key] = None
    key = reader.header.public_key
    signed_heads = [signed for contest in board.values() for signed in contest.heads]
    unsigned = [_named(signed) for signed in signed_heads if not is_signed_by(signed, key)]
    leaves_there = sum(contest.size for contest in board.values())
    found.verdicts += [
        verdict(Check.FILE_WHOLE, [] if reader.is_whole else [path.name], file=path.name),
        verdict(
            Check.HEADS_SIGNED, unsigned, heads=len(signed_heads), fingerprint=fingerprint(key)
        ),
        verdict(Check.HEADS_IN_LINE, _out_of_line(board)),
        verdict(Check.ROOTS_RECOMPUTED, wrong_roots, leaves=leaves_there),
        verdict(Check.LEAVES_DISTINCT, _repeated(board), leaves=leaves_there),
        _completeness(board),
    ]


def _roots(leaves: Iterable[bytes], kept: bytearray, wanted: set[int]) -> dict[int, bytes]:
    """The roots over the first so many leaves, for each wanted number; the leaves go to ``kept``."""
    frontier = Frontier()
    roots = {0: frontier.root()}
    for leaf in leaves:
        kept += leaf
        frontier.append(leaf_hash(leaf))
        if frontier.size in wanted:
            roots[frontier.size] = frontier.root()
    return roots


def _named(signed: SignedHead) -> str:
    return f"{signed.head.contest_id} #{signed.head.number}"


def _out_of_line(board: Mapping[str, Contest]) -> list[str]:
    """Heads that are not the next after the one before them, or after a last one."""
    wrong = []
    for contest in board.values():
        number, size, at, is_final = 0, -1, None, False
        for signed in contest.heads:
            head = signed.head
            in_line = head.number == number + 1 and not is_final
            grows = head.size > size or (head.is_final and head.size == size)
            if not (in_line and grows and (at is None or head.at >= at)):
                wrong.append(_named(signed))
            number, size, at, is_final = head.number, head.size, head.at, head.is_final
    return wrong


def _repeated(board: Mapping[str, Contest]) -> list[str]:
    """Trackers of leaves that stand on the board twice, in whichever contest."""
    rows = _rows(b"".join(bytes(contest.leaves) for contest in board.values()))
    ordered = np.sort(rows)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return [tracker_of(bytes(leaf)) for leaf in again]


def _rows(leaves: bytes | bytearray) -> "np.ndarray[Any, Any]":
    return np.frombuffer(bytes(leaves), dtype=np.dtype((np.void, LEAF_BYTES)))


def _completeness(board: Mapping[str, Contest]) -> Verdict:
    """Whether each log has its last head; before the close none has, and that is no fault."""
    unfinished = [
        contest_id
        for contest_id, contest in board.items()
        if not (contest.heads and contest.heads[-1].head.is_final)
    ]
    if len(unfinished) == len(board):
        return Verdict(Check.LOGS_COMPLETE, Outcome.OPEN)
    return verdict(Check.LOGS_COMPLETE, unfinished, contests=len(board))


def check_rewriting(found: Findings, claims: Sequence[TreeHead]) -> Verdict:
    """Whether the board still begins as these heads told of it before."""
    if found.board is None:
        return Verdict(Check.NOTHING_REWRITTEN, Outcome.OPEN, {"heads": 0})
    changed = [
        f"{head.contest_id} #{head.number}"
        for head in claims
        if head.primary_id != found.primary_id
        or found.roots.get(head.contest_id, {}).get(head.size) != head.root
    ]
    return verdict(Check.NOTHING_REWRITTEN, dict.fromkeys(changed), heads=len(claims))


def check_tracker(found: Findings, tracker: str) -> Verdict:
    """Whether the ballot of a tracker is on the board, or proved to be."""
    for contest_id, contest in (found.board or {}).items():
        if any(tracker_of(leaf) == tracker for leaf in contest.each_leaf()):
            return verdict(Check.TRACKER_ON_BOARD, tracker=tracker, contest=contest_id)
    proved = (each for each in found.verdicts if each.check is Check.PROOF_HOLDS)
    for each in proved:
        if each.outcome is Outcome.HOLDS and each.facts["tracker"] == tracker:
            contest_id = str(each.facts["contest"])
            return verdict(Check.TRACKER_ON_BOARD, tracker=tracker, contest=contest_id)
    return verdict(Check.TRACKER_ON_BOARD, [tracker], tracker=tracker)


def check_exported(found: Findings, export: Path) -> list[Verdict]:
    """Whether the sealed ballots that are counted are those of the board, each once."""
    if not export.is_file():
        raise Refused(ResultsRefusal.FILE_UNREADABLE, file=export.name)
    checked = check_export(export)
    exported = {contest_id: bytearray() for contest_id in checked.ballots}
    for contest_id, lines in ballot_lines(checked, 1000):
        for line in lines:
            exported[contest_id] += sha256(unwrap(line)).digest()
    board = found.board or {}
    differing = [
        contest_id
        for contest_id in sorted(board.keys() | exported.keys())
        if contest_id not in board
        or contest_id not in exported
        or not np.array_equal(
            np.sort(_rows(board[contest_id].leaves)), np.sort(_rows(exported[contest_id]))
        )
    ]
    ballots = sum(checked.ballots.values())
    verdicts = [verdict(Check.BALLOTS_OF_EXPORT, differing, ballots=ballots)]
    if found.results is not None:
        counted = found.results["count"]["export_digest"]
        other = [] if counted == checked.digest else [str(counted)]
        verdicts.append(verdict(Check.EXPORT_COUNTED, other, digest=checked.digest))
    return verdicts


def check_proof(
    file: BinaryIO, path: Path, found: Findings, _sizes: Mapping[str, set[int]]
) -> None:
    """Check the proof of one ballot."""
    try:
        proof = read_proof(file.read())
    except BoardFileDamaged:
        found.verdicts.append(verdict(Check.FILE_WHOLE, [path.name], file=path.name))
        return
    head, key = proof.signed.head, proof.public_key
    found.keys[key] = None
    unsigned = [] if is_signed_by(proof.signed, key) else [_named(proof.signed)]
    leaf = leaf_hash(proof.leaf)
    is_there = is_included(leaf, proof.position, head.size, proof.path, head.root)
    found.verdicts += [
        verdict(Check.HEADS_SIGNED, unsigned, heads=1, fingerprint=fingerprint(key)),
        verdict(
            Check.PROOF_HOLDS,
            [] if is_there else [path.name],
            tracker=proof.tracker,
            contest=head.contest_id,
            leaves=head.size,
            at=head.at,
        ),
    ]
