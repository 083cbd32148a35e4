"""The Merkle tree against RFC 9162: its example, and a plain recursive reading on every size."""

import secrets
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.voting import merkle
from core.voting.merkle import (
    EMPTY_ROOT,
    Frontier,
    complete_subtrees,
    consistency_spans,
    inclusion_spans,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    span_root,
)

LARGEST = 300
ENTRIES = [b"entry %d" % number for number in range(LARGEST)]


# Section 2.1 as it is written: definitions by recursion, with lists of entries.


def mth(entries: tuple[bytes, ...]) -> bytes:
    return _mth(entries)


@cache
def _mth(entries: tuple[bytes, ...]) -> bytes:
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = largest_power_below(len(entries))
    return sha256(b"\x01" + _mth(entries[:k]) + _mth(entries[k:])).digest()


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, entries: tuple[bytes, ...]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = largest_power_below(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: tuple[bytes, ...], *, whole: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if whole else [mth(entries)]
    k = largest_power_below(n)
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), mth(entries[:k])]


# Ours


def tree(entries: list[bytes]) -> merkle.Subtree:
    """Every complete subtree of a log, remembered as it is appended."""
    kept: dict[tuple[int, int], bytes] = {}
    frontier = Frontier()
    for position, entry in enumerate(entries):
        for level, found in enumerate(frontier.append(leaf_hash(entry))):
            kept[level, position >> level] = found
    return lambda level, index: kept[level, index]


SUBTREE = tree(ENTRIES)


@pytest.mark.parametrize("hundred", range(3))
def test_roots_and_proofs_are_those_of_the_rfc_on_every_size_to_300(hundred: int) -> None:
    frontier = Frontier()
    for entry in ENTRIES[: hundred * 100]:
        frontier.append(leaf_hash(entry))
    for size in range(hundred * 100 + 1, hundred * 100 + 101):
        entries = tuple(ENTRIES[:size])
        frontier.append(leaf_hash(entries[-1]))
        root = mth(entries)
        assert frontier.root() == root
        assert span_root((0, size), SUBTREE) == root
        for index in range(size):
            proof = [span_root(span, SUBTREE) for span in inclusion_spans(index, size)]
            assert proof == path(index, entries)
            assert is_included(leaf_hash(entries[index]), index, size, proof, root)
        for earlier in range(1, size + 1):
            proof = [span_root(span, SUBTREE) for span in consistency_spans(earlier, size)]
            assert proof == subproof(earlier, entries, whole=True)
            assert is_consistent(earlier, mth(entries[:earlier]), size, root, proof)


def test_the_example_of_section_2_1_5() -> None:
    """Seven leaves; the letters are those of the RFC's drawings."""
    d = [b"d%d" % number for number in range(7)]
    a, b, c, dd, e, f = (leaf_hash(entry) for entry in d[:6])
    g, h, i, j = node_hash(a, b), node_hash(c, dd), node_hash(e, f), leaf_hash(d[6])
    k, l = node_hash(g, h), node_hash(i, j)  # noqa: E741
    root = node_hash(k, l)
    subtree = tree(d)

    def proof(spans: list[merkle.Span]) -> list[bytes]:
        return [span_root(span, subtree) for span in spans]

    assert span_root((0, 7), subtree) == root
    assert proof(inclusion_spans(0, 7)) == [b, h, l]
    assert proof(inclusion_spans(3, 7)) == [c, g, l]
    assert proof(inclusion_spans(4, 7)) == [f, j, k]
    assert proof(inclusion_spans(6, 7)) == [i, k]
    assert proof(consistency_spans(3, 7)) == [c, dd, g, l]
    assert proof(consistency_spans(4, 7)) == [l]
    assert proof(consistency_spans(6, 7)) == [i, j, k]


def test_an_empty_log_has_the_digest_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256().digest()
    assert span_root((0, 0), SUBTREE) == EMPTY_ROOT
    assert is_consistent(0, EMPTY_ROOT, 7, span_root((0, 7), SUBTREE), [])
    assert not is_included(leaf_hash(b""), 0, 0, [], EMPTY_ROOT)


@given(st.integers(1, LARGEST), st.data())
def test_a_proof_of_anything_else_proves_nothing(size: int, data: st.DataObject) -> None:
    root = span_root((0, size), SUBTREE)
    index = data.draw(st.integers(0, size - 1))
    proof = [span_root(span, SUBTREE) for span in inclusion_spans(index, size)]
    leaf = leaf_hash(ENTRIES[index])
    assert not is_included(leaf_hash(b"another"), index, size, proof, root)
    assert not is_included(leaf, index, size, [*proof, root], root)
    assert not is_included(leaf, index, size, proof, EMPTY_ROOT)
    assert not is_included(leaf, -1, size, proof, root)
    assert not is_included(leaf, size, size, proof, root)
    if size > 1:
        other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index))
        assert not is_included(leaf, other, size, proof, root)
        place = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:place], secrets.token_bytes(32), *proof[place + 1 :]]
        assert not is_included(leaf, index, size, forged, root)


@given(st.integers(1, LARGEST), st.data())
def test_a_rewritten_history_has_no_consistency_proof(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    root, before = span_root((0, size), SUBTREE), span_root((0, earlier), SUBTREE)
    proof = [span_root(span, SUBTREE) for span in consistency_spans(earlier, size)]
    rewritten = list(ENTRIES[:earlier])
    rewritten[data.draw(st.integers(0, earlier - 1))] = b"another"
    forged_root = mth(tuple(rewritten))
    assert not is_consistent(earlier, forged_root, size, root, proof)
    assert not is_consistent(earlier, before, size, forged_root, proof)
    assert not is_consistent(earlier, before, size, root, [*proof, root])
    assert not is_consistent(size + 1, before, size, root, proof)
    for place in range(len(proof)):
        forged = [*proof[:place], secrets.token_bytes(32), *proof[place + 1 :]]
        assert not is_consistent(earlier, before, size, root, forged)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_span_of_a_proof_falls_into_subtrees_that_stand_where_they_say(a: int, b: int) -> None:
    size, index = max(a, b) + 1, min(a, b)
    for start, end in inclusion_spans(index, size):
        covered = start
        for level, place in complete_subtrees(start, end):
            assert place << level == covered
            covered += 1 << level
        assert covered == end


def test_appending_goes_on_from_the_roots_of_the_complete_subtrees_alone() -> None:
    for size in (0, 1, 6, 31, 64, 199):
        peaks = [SUBTREE(level, index) for level, index in complete_subtrees(0, size)]
        frontier = Frontier(size, peaks)
        for entry in ENTRIES[size : size + 100]:
            frontier.append(leaf_hash(entry))
        assert frontier.root() == span_root((0, size + 100), SUBTREE)
