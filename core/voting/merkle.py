"""The Merkle tree of RFC 9162, section 2.1: append, prove, verify. Pure.

A hash is SHA-256, 32 bytes. ``(level, index)`` names a complete subtree: the one over the leaves
``[index << level, (index + 1) << level)``. A proof is first a list of spans of leaves and then their
roots, so that whoever stores a log decides which hashes it keeps.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256().digest()
Span = tuple[int, int]
"""Leaves ``[start, end)``; in a proof always a subtree of the log, complete or its right edge."""

Subtree = Callable[[int, int], bytes]
"""Gives the root of the complete subtree ``(level, index)``."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node. Its prefix differs from a leaf's: none can pass for the other."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """All that appending needs: the roots of the complete subtrees of a log, the largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)

    def append(self, leaf: bytes) -> list[bytes]:
        """Append the hash of a leaf; gives the roots of the subtrees it completes, by level."""
        completed, index = [leaf], self.size
        while index & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            completed.append(leaf)
            index >>= 1
        self._peaks.append(leaf)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The root of the log."""
        return _joined(self._peaks)


def _joined(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))


def complete_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees ``(level, index)`` that a span consists of, the largest first."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def span_root(span: Span, subtree: Subtree) -> bytes:
    """The root over the leaves of a span."""
    return _joined([subtree(level, index) for level, index in complete_subtrees(*span)])


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What proves that leaf ``index`` is in the log of ``size`` leaves (PATH of section 2.1.3)."""
    start, end, spans = 0, size, list[Span]()
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(earlier: int, size: int) -> list[Span]:
    """What proves that the log of ``earlier`` leaves is the beginning of this one (section 2.1.4)."""
    start, end, spans, is_whole = 0, size, list[Span](), True
    if earlier == 0:
        return []  # everything begins with nothing
    while earlier < end:
        middle = _split(start, end)
        if earlier <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start, is_whole = middle, False
    return ([] if is_whole else [(start, end)]) + spans[::-1]


def _split(start: int, end: int) -> int:
    """Where the RFC divides a span: after the largest power of two that is less than its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that the leaf of this hash stands at ``index`` (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    spans = inclusion_spans(index, size)
    if len(spans) != len(path):
        return False
    for (start, _end), sibling in zip(spans, path, strict=True):
        leaf = node_hash(leaf, sibling) if start > index else node_hash(sibling, leaf)
    return leaf == root


def is_consistent(
    earlier: int, earlier_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether ``path`` proves that the log of ``earlier`` leaves only grew (section 2.1.4.2)."""
    if not 0 <= earlier <= size:
        return False
    if earlier == 0:
        return not path and earlier_root == EMPTY_ROOT
    spans = consistency_spans(earlier, size)
    if len(spans) != len(path):
        return False
    known = list(zip(spans, path, strict=True))
    if spans and spans[0][1] == earlier:
        before = after = known.pop(0)[1]
    else:
        before = after = earlier_root  # the earlier log is a complete subtree: its root is known
    for (start, _end), sibling in known:
        if start < earlier:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    return before == earlier_root and after == root
