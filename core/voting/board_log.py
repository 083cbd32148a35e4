"""The log of one contest in the database: appended to, and proved from a few rows whatever its size.

Leaves are rows, and of the tree above them every fourth level of complete subtrees. What a proof
needs lies in blocks of sixteen hashes, two on each kept level at most, which one statement reads.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from core.voting.board_models import BoardLeaf, BoardNode
from core.voting.bulk import insert_rows
from core.voting.merkle import (
    Frontier,
    Span,
    complete_subtrees,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    node_hash,
    span_root,
)

KEPT_LEVELS: Final = 4
"""Every so many levels one is kept: a sixteenth of the leaves more to store."""

_BLOCK: Final = 1 << KEPT_LEVELS
_AT_ONCE: Final = 5000  # rows a statement


class ContestLog:
    """The first ``size`` leaves of the log of a contest, inside the caller's transaction."""

    def __init__(self, connection: Connection, primary_id: str, contest_id: str, size: int) -> None:
        self._connection = connection
        self._key = {"primary_id": primary_id, "contest_id": contest_id}
        self.size = size

    def append(self, leaves: Sequence[bytes]) -> bytes:
        """Store leaves after the present ones; gives the root over all of them."""
        frontier = self._frontier()
        for start in range(0, len(leaves), _AT_ONCE):
            rows, nodes = [], []
            for leaf in leaves[start : start + _AT_ONCE]:
                position = frontier.size
                rows.append({**self._key, "position": position, "sha256": leaf})
                completed = frontier.append(leaf_hash(leaf))
                nodes += [
                    {
                        **self._key,
                        "level": level,
                        "position": position >> level,
                        "hash": completed[level],
                    }
                    for level in range(KEPT_LEVELS, len(completed), KEPT_LEVELS)
                ]
            insert_rows(self._connection, BoardLeaf, rows)
            insert_rows(self._connection, BoardNode, nodes)
        self.size = frontier.size
        return frontier.root()

    def root(self) -> bytes:
        """The root over the leaves."""
        return self._frontier().root()

    def inclusion(self, index: int) -> list[bytes]:
        """The hashes that prove leaf ``index`` to be in this log."""
        return self._roots(inclusion_spans(index, self.size))

    def consistency(self, earlier: int) -> list[bytes]:
        """The hashes that prove the first ``earlier`` leaves to be what they were."""
        return self._roots(consistency_spans(earlier, self.size))

    def _frontier(self) -> Frontier:
        peaks = list(complete_subtrees(0, self.size))
        known = self._subtrees(peaks)
        return Frontier(self.size, [known[peak] for peak in peaks])

    def _roots(self, spans: Sequence[Span]) -> list[bytes]:
        known = self._subtrees(each for span in spans for each in complete_subtrees(*span))
        return [span_root(span, lambda level, index: known[level, index]) for span in spans]

    def _subtrees(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """The roots of complete subtrees ``(level, index)``, from the kept hashes below them."""
        below = {}
        for level, index in wanted:
            rise = level % KEPT_LEVELS
            below[level, index] = (level - rise, range(index << rise, (index + 1) << rise))
        kept = self._kept({(level, each.start // _BLOCK) for level, each in below.values()})
        return {
            subtree: _root_of([kept[level, index] for index in each])
            for subtree, (level, each) in below.items()
        }

    def _kept(self, blocks: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """The hashes of whole blocks, by level and position."""
        if not blocks:
            return {}
        mark = "?" if self._connection.dialect.name == "sqlite" else "%s"
        parts, values = [], list[Any]()
        for level, block in sorted(blocks):
            parts.append((_LEAVES if level == 0 else _NODES).replace("?", mark))
            within = (block * _BLOCK, (block + 1) * _BLOCK)
            values += [*self._key.values(), *(() if level == 0 else (level,)), *within]
        found = self._connection.exec_driver_sql(" UNION ALL ".join(parts), tuple(values))
        return {
            (level, position): leaf_hash(value) if level == 0 else bytes(value)
            for level, position, value in found.all()
        }


_LEAVES: Final = (
    "SELECT 0 AS level, position, sha256 FROM board_leaf"
    " WHERE primary_id = ? AND contest_id = ? AND position >= ? AND position < ?"
)
_NODES: Final = (
    "SELECT level, position, hash FROM board_node"
    " WHERE primary_id = ? AND contest_id = ? AND level = ? AND position >= ? AND position < ?"
)


def _root_of(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
