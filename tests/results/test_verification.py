"""`python -m core verify`: what a stranger finds right, and every way in which a file can be wrong."""

import gzip
import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.database import reading, unit_of_work
from core.keyring import fingerprint, signing_key, signing_public_key
from core.primary.models import ReadinessAct
from core.results.bundle import canonical
from core.results.findings import Check, Outcome, Trust
from core.results.publication import Published, published_bundle
from core.results.result_checks import adds_up
from core.results.verification import verify
from core.settings import ROOT
from core.voting import board
from core.voting.board_download import board_file
from core.voting.board_file import BoardHeader, ContestBoard, board_chunks
from core.voting.heads import TreeHead, read_leaf, sign
from core.voting.merkle import Frontier, leaf_hash
from core.voting.publishing import Publisher
from core.voting.sealing import tracker_of
from tests.results import election as steps
from tests.results.election import CLOSES, INSTANT, OPENS, PRIMARY, bring_to_signed, cast_all

Lines = list[str]


@dataclass
class Files:
    """What strangers have: the board in the middle of the vote and after it, a proof, the results."""

    early: Path
    board: Path
    proof: Path
    results: Path
    export: Path
    folder: Path

    @property
    def lines(self) -> Lines:
        return self.board.read_text().splitlines()

    @property
    def trackers(self) -> list[str]:
        return [tracker_of(read_leaf(line)) for line in self.lines if not line.startswith("{")]

    def written(self, lines: Lines, name: str = "board.jsonl") -> Path:
        """A board of these lines, with the ending that belongs to them."""
        body = "".join(f"{line}\n" for line in lines[:-1])
        leaves = sum(not line.startswith("{") for line in lines[:-1])
        ending = {"digest": sha256(body.encode()).hexdigest(), "leaves": leaves}
        path = self.folder / f"changed-{name}"
        path.write_text(body + json.dumps(ending, separators=(",", ":")) + "\n")
        return path


@pytest.fixture
def files(sqlite_database, make_actor, tmp_path, monkeypatch) -> Files:
    """An election from the vote to its publication, and everything that was published of it."""

    def unpacked(name: str) -> Path:
        packed = board_file()
        assert packed is not None
        (tmp_path / name).write_bytes(gzip.decompress(packed.read_bytes()))
        return tmp_path / name

    kept: dict[str, Path] = {}

    def cast_and_publish(election: steps.Election) -> None:
        with unit_of_work() as session:
            session.add(ReadinessAct(primary_id=PRIMARY, signed_at=OPENS, signed_by=1))
        cast_all(election)
        publisher = Publisher()
        while publisher.step(OPENS) == 0:
            pass
        kept["early"] = unpacked("early.jsonl")

    monkeypatch.setattr(steps, "cast_all", cast_and_publish)
    bring_to_signed(make_actor, tmp_path)
    final = unpacked("board.jsonl")
    with reading() as session:
        leaf = board.leaves(session, PRIMARY, "national", start=7, end=8)[0]
        traced = board.trace(session, PRIMARY, tracker_of(leaf))
        found = published_bundle(session, INSTANT)
    assert traced.proof is not None
    assert isinstance(found, Published)
    (tmp_path / "proof.json").write_text(json.dumps(traced.proof.document()))
    (tmp_path / "results.json").write_bytes(found.bundle)
    return Files(
        early=kept["early"],
        board=final,
        proof=tmp_path / "proof.json",
        results=tmp_path / "results.json",
        export=tmp_path / "ballots.jsonl",
        folder=tmp_path,
    )


def outcomes(*paths: Path, **options: Any) -> dict[Check, Outcome]:
    return {each.check: each.outcome for each in verify(paths, **options).verdicts}


def failing(*paths: Path, **options: Any) -> set[Check]:
    found = outcomes(*paths, **options)
    return {check for check, outcome in found.items() if outcome is Outcome.FAILS}


def test_everything_that_is_published_is_checked_and_holds(files: Files) -> None:
    found = verify(
        [files.board, files.proof, files.results],
        trackers=[files.trackers[3]],
        earlier=[files.early, files.proof],
        export=files.export,
        key=fingerprint(signing_public_key()),
    )
    assert {each.check for each in found.verdicts} == set(Check)
    assert {each.outcome for each in found.verdicts} == {Outcome.HOLDS}
    assert found.hold


def test_a_board_of_a_vote_that_goes_on_is_no_fault(files: Files) -> None:
    found = outcomes(files.early)
    assert found.pop(Check.LOGS_COMPLETE) is Outcome.OPEN
    assert set(found.values()) == {Outcome.HOLDS}


def test_a_compressed_board_is_read_like_an_unpacked_one(files: Files) -> None:
    packed = files.folder / "packed.gz"
    packed.write_bytes(gzip.compress(files.board.read_bytes()))
    assert outcomes(packed) == outcomes(files.board)


def _heads(lines: Lines, contest: str, change: Callable[[list[dict[str, Any]]], object]) -> Lines:
    """The lines with the heads of a contest changed."""

    def changed(line: str) -> str:
        about = json.loads(line) if line.startswith("{") else {}
        if about.get("contest") != contest:
            return line
        change(about["heads"])
        return json.dumps(about, ensure_ascii=False, separators=(",", ":"))

    return [changed(line) for line in lines]


def _with_leaf(lines: Lines, place: int, *, instead: str | None) -> Lines:
    """The lines without the leaf at a place of the first contest, or with another one there."""
    first = next(at for at, line in enumerate(lines) if not line.startswith("{"))
    return [*lines[: first + place], *([instead] if instead else []), *lines[first + place + 1 :]]


def test_a_changed_missing_or_repeated_leaf_is_found(files: Files) -> None:
    lines = files.lines
    leaves = [line for line in lines if not line.startswith("{")]
    other = leaves[0][:-5] + ("AAAAA" if leaves[0][-5:] != "AAAAA" else "BBBBA")
    assert failing(files.written(_with_leaf(lines, 5, instead=other))) == {Check.ROOTS_RECOMPUTED}
    assert failing(files.written(_with_leaf(lines, 5, instead=None))) == {Check.ROOTS_RECOMPUTED}
    assert failing(files.written(_with_leaf(lines, 5, instead=leaves[6]))) == {
        Check.ROOTS_RECOMPUTED,
        Check.LEAVES_DISTINCT,
    }
    swapped = _with_leaf(_with_leaf(lines, 5, instead=leaves[6]), 6, instead=leaves[5])
    assert failing(files.written(swapped)) == {Check.ROOTS_RECOMPUTED}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda heads: heads[0].update(root="00" * 32), {Check.HEADS_SIGNED, Check.ROOTS_RECOMPUTED}),
        (lambda heads: heads[0].update(at="2020-10-01T00:00:01+00:00"), {Check.HEADS_SIGNED}),
        (lambda heads: heads[-1].update(final=False), {Check.HEADS_SIGNED, Check.LOGS_COMPLETE}),
        (
            lambda heads: heads[0].update(signature=b64encode(b"x" * 64).decode()),
            {Check.HEADS_SIGNED},
        ),
        (lambda heads: heads.pop(0), {Check.HEADS_IN_LINE}),
        (lambda heads: heads.reverse(), {Check.HEADS_IN_LINE, Check.ROOTS_RECOMPUTED, Check.LOGS_COMPLETE}),
        (lambda heads: heads.pop(), {Check.ROOTS_RECOMPUTED, Check.LOGS_COMPLETE}),
        (lambda heads: heads.append(dict(heads[-1])), {Check.HEADS_IN_LINE}),
    ],
    ids=["root", "instant", "not final", "signature", "first gone", "reversed", "last gone", "twice"],
)  # fmt: skip
def test_a_head_that_was_tampered_with_is_found(
    files: Files, change: Callable[[list[dict[str, Any]]], object], found: set[Check]
) -> None:
    assert failing(files.written(_heads(files.lines, "national", change))) == found


def test_a_file_that_was_altered_on_its_way_is_found(files: Files) -> None:
    lines = files.lines
    damaged = {
        "no ending": lines[:-1],
        "more": [*lines, "{}"],
        "another ending": [*lines[:-1], lines[-1].replace('"leaves":', '"leaves":1')],
        "no leaf": _with_leaf(lines, 3, instead="not a leaf"),
        "a contest twice": [lines[0], *lines[1:-1], *lines[1:]],
    }
    for name, changed in damaged.items():
        path = files.folder / "damaged.jsonl"
        path.write_text("".join(f"{line}\n" for line in changed))
        assert Check.FILE_WHOLE in failing(path), name


def test_a_history_that_was_rewritten_contradicts_what_somebody_kept(files: Files) -> None:
    """Whoever holds the signing key can sign another board, but not one that agrees with this."""
    leaves = [read_leaf(line) for line in files.lines if not line.startswith("{")]
    leaves[3] = sha256(b"another ballot").digest()
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    head = TreeHead(
        primary_id=PRIMARY,
        contest_id="national",
        number=1,
        size=len(leaves),
        root=frontier.root(),
        at=CLOSES,
        is_final=True,
    )
    contest = ContestBoard(
        "national", [sign(head, signing_key())], lambda start, end: leaves[start:end]
    )
    forged = files.folder / "forged.jsonl"
    forged.write_bytes(
        b"".join(board_chunks(BoardHeader(PRIMARY, signing_public_key()), [contest]))
    )
    assert failing(forged) == set(), "by itself it holds"
    assert failing(forged, earlier=[files.early]) == {Check.NOTHING_REWRITTEN}
    assert failing(forged, earlier=[files.proof]) == {Check.NOTHING_REWRITTEN}
    assert Check.BALLOTS_OF_EXPORT in failing(forged, export=files.export)
    assert outcomes(files.proof, earlier=[files.early])[Check.NOTHING_REWRITTEN] is Outcome.OPEN


def test_a_tracker_is_found_on_the_board_or_in_a_proof_and_nowhere_else(files: Files) -> None:
    mine = json.loads(files.proof.read_text())["tracker"]
    assert failing(files.board, trackers=[mine]) == set()
    assert failing(files.proof, trackers=[mine]) == set()
    assert failing(files.board, trackers=["A" * 26]) == {Check.TRACKER_ON_BOARD}
    assert failing(files.proof, trackers=[files.trackers[0]]) == {Check.TRACKER_ON_BOARD}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"position": 8}, {Check.PROOF_HOLDS}),
        ({"path": []}, {Check.PROOF_HOLDS}),
        ({"contest": "small"}, {Check.HEADS_SIGNED}),
        ({"tracker": "A" * 26}, {Check.FILE_WHOLE}),
        ({"leaf": "A"}, {Check.FILE_WHOLE}),
        ({"head": {}}, {Check.FILE_WHOLE}),
        ({"position": "7"}, {Check.FILE_WHOLE}),
        ({"public_key": b64encode(b"k" * 32).decode()}, {Check.HEADS_SIGNED}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_forged_proof_proves_nothing(
    files: Files, change: dict[str, Any], found: set[Check]
) -> None:
    path = files.folder / "forged.json"
    path.write_text(json.dumps(json.loads(files.proof.read_text()) | change))
    assert failing(path) == found


def test_a_key_that_is_not_the_expected_one_is_found(files: Files) -> None:
    assert failing(files.board, key="0" * 16) == {Check.KEY_EXPECTED}


def test_results_that_were_changed_or_do_not_add_up_are_found(files: Files) -> None:
    document = json.loads(files.results.read_bytes())
    document["results"]["turnout"]["voted"] += 1
    path = files.folder / "changed.json"
    path.write_bytes(canonical(document))
    assert failing(path) == {Check.RESULTS_SIGNED}
    (national,) = (each for each in document["results"]["contests"] if each["id"] == "national")
    national["candidates"][0]["votes"] += 1
    path.write_bytes(canonical(document))
    assert failing(path) == {Check.RESULTS_SIGNED, Check.RESULTS_ADD_UP}
    path.write_bytes(b'{"results":{"format":"primaries/results/1"}}')
    assert failing(path) == {Check.FILE_WHOLE}


def test_a_ballot_more_or_less_than_the_board_has_is_found(files: Files) -> None:
    lines = _with_leaf(files.lines, 5, instead=None)
    found = failing(files.written(lines), files.results)
    assert found == {Check.ROOTS_RECOMPUTED, Check.NUMBERS_EQUAL}
    without = [lines[0], *lines[lines.index(next(x for x in lines if '"small"' in x)) :]]
    assert Check.NUMBERS_EQUAL in failing(files.written(without), files.results)


CONTEST: dict[str, Any] = {
    "id": "c",
    "withheld": False,
    "merged": False,
    "channels": None,
    "max_choices": 2,
    "ballots": 20,
    "valid": 18,
    "blank": 3,
    "invalid": 2,
    "candidates": [{"id": "a", "votes": 12}, {"id": "b", "votes": 9}, {"id": "x", "votes": 1}],
    "ratings": {
        "general": [
            {"place": 1, "candidate": "a", "votes": 12},
            {"place": 2, "candidate": "b", "votes": 9},
            {"place": None, "candidate": "x", "votes": 1},
        ]
    },
}
PART = {"ballots": 10, "valid": 9, "blank": 1, "invalid": 1}


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"withheld": True}, True),
        ({"ballots": 21}, False),
        ({"blank": 7}, False),
        ({"valid": 17, "ballots": 19, "blank": 0, "max_choices": 1}, False),
        ({"candidates": [{"id": "a", "votes": 12}, {"id": "b", "votes": -1}]}, False),
        ({"ratings": {"general": [{"place": 2, "candidate": "a", "votes": 12}]}}, False),
        ({"ratings": {"general": [{"place": 1, "candidate": "a", "votes": 11}]}}, False),
        (
            {
                "channels": {
                    "online": {**PART, "blank": 2, "votes": {"a": 6, "b": 4, "x": 0}},
                    "paper": {**PART, "votes": {"a": 6, "b": 5, "x": 1}},
                }
            },
            True,
        ),
        (
            {
                "channels": {
                    "online": {**PART, "blank": 2, "votes": {"a": 7, "b": 4, "x": 0}},
                    "paper": {**PART, "votes": {"a": 6, "b": 5, "x": 1}},
                }
            },
            False,
        ),
    ],
    ids=["right", "withheld", "sum", "blank", "choices", "negative", "place", "votes", "channels",
         "channels differ"],
)  # fmt: skip
def test_sums_and_places_are_recomputed(change: dict[str, Any], right: object) -> None:
    assert adds_up(CONTEST | change) is right


# The command


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main(["verify", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_the_command_says_what_it_checked_and_what_rests_on_trust(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, files.board, files.results, "--language", "en")
    assert code == 0
    assert said.count("✓") == 9
    assert fingerprint(signing_public_key()) in said
    assert "rests on trust" in said
    assert "trustees together" in said
    assert said.rstrip().endswith("Everything that was checked holds.")
    code, said = run(capsys, files.board, "--tracker", "A" * 26, "--language", "en")
    assert code == 1
    assert f"✗ The ballot {'A' * 26} is on the board — {'A' * 26}" in said
    assert said.rstrip().endswith("NOT everything holds.")


@pytest.mark.parametrize("language", ["ru", "kk", "en"])
def test_the_command_speaks_three_languages(
    files: Files, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    everything = (files.board, files.proof, files.results)
    options = ("--export", files.export, "--earlier", files.early, "--key", "0" * 16)
    code, said = run(capsys, *everything, *options, "--language", language)
    assert code == 1
    assert "…" not in said.replace("--tracker …", ""), "a fact is missing"
    assert "{" not in said


def test_for_machines_the_command_prints_one_object(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, files.proof, "--json")
    given = json.loads(said)
    assert code == 0
    assert given["holds"] is True
    assert given["keys"] == [fingerprint(signing_public_key())]
    assert {each["check"] for each in given["checks"]} == {"heads_signed", "proof_holds"}
    assert given["rests_on_trust"] == [
        Trust.WHOSE_KEY.value,
        Trust.SAME_FOR_ALL.value,
        Trust.WHO_VOTED.value,
    ]


def test_what_is_no_such_file_is_refused(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    strange = files.folder / "strange"
    halved = files.folder / "halved.gz"
    halved.write_bytes(gzip.compress(files.board.read_bytes())[:-2000])
    for content in (b"", b"[]", b"null", b'{"format": "other"}', b"\xff\xfe", b"\x1f\x8bnothing"):
        strange.write_bytes(content)
        assert run(capsys, strange)[0] == 2
    for arguments in ((halved,), (files.folder / "absent",), (files.folder,)):
        assert run(capsys, *arguments)[0] == 2
    assert run(capsys, files.board, "--earlier", strange)[0] == 2
    assert run(capsys, files.board, "--export", files.folder / "absent")[0] == 2


def test_a_stranger_needs_neither_database_nor_keys(files: Files, tmp_path: Path) -> None:
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    environment = {name: os.environ[name] for name in os.environ if "PRIMARIES" not in name}
    environment |= {"PRIMARIES_DATA_DIR": str(empty / "data"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "core", "verify", str(files.board), "--json"],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["holds"] is True
    assert list(empty.iterdir()) == [], "nothing was made"
