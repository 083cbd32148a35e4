"""Ballots are sealed alike by the browser's script and by core, and open only where they belong."""

import json
import re
import shutil
import subprocess
from base64 import b32decode, b32encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from core.settings import ROOT
from core.voting import sealing
from core.voting.sealing import BallotFault, BallotInvalid

SCRIPT = ROOT / "portal" / "static" / "sealing.js"
VECTOR: dict[str, str] = json.loads(
    (Path(__file__).parent / "data" / "rfc9180_a3_base.json").read_text()
)
CONTEST = "kazakhstan-2020/17-Алматы"
SIZE = 160
SCALAR = bytes.fromhex(VECTOR["skRm"])
POINT = bytes.fromhex(VECTOR["pkRm"])

names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)


class BrowserScript:
    """The sealing script, running under Node; `ask` sends it one task."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, task: str, **details: Any) -> bytes:
        """The answer as bytes; `RuntimeError` with the name of the script's error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"task": task, **details}) + "\n")
        self.process.stdin.flush()
        answered = json.loads(self.process.stdout.readline())
        if "error" in answered:
            raise RuntimeError(answered["error"])
        return bytes.fromhex(answered["answer"])


@pytest.fixture(scope="module")
def script() -> Iterator[BrowserScript]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed; tests/browser runs the same script in Chromium")
    runner = Path(__file__).parent / "sealing_in_node.mjs"
    # Node takes a .js file for CommonJS unless told; browsers are told by type="module".
    command = [node, "--experimental-default-type=module", str(runner), str(SCRIPT)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield BrowserScript(process)
        process.kill()


def _fault(sealed: bytes, *, contest: str = CONTEST, primary: str = "p") -> BallotFault:
    with pytest.raises(BallotInvalid) as caught:
        sealing.open_ballot(SCALAR, primary, contest, sealed)
    return caught.value.reason


def _sealed_as_written(written: str | bytes, contest: str = CONTEST) -> bytes:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), POINT)
    content = written if isinstance(written, bytes) else written.encode()
    return sealing.SUITE.encrypt(content, key, info=sealing.info("p", contest))


def test_the_browser_script_gives_the_vector_of_the_rfc(script: BrowserScript) -> None:
    given = {name: VECTOR[name] for name in ("pkRm", "skEm", "pkEm", "info", "pt", "aad")}
    assert script.ask("vector", **given).hex() == VECTOR["enc"] + VECTOR["ct"]


def test_core_opens_the_vector_of_the_rfc() -> None:
    opened = openssl.hpke._decrypt_with_aad(
        sealing.SUITE,
        bytes.fromhex(VECTOR["enc"] + VECTOR["ct"]),
        ec.derive_private_key(int(VECTOR["skRm"], 16), ec.SECP256R1()),
        info=bytes.fromhex(VECTOR["info"]),
        aad=bytes.fromhex(VECTOR["aad"]),
    )
    assert opened.hex() == VECTOR["pt"]
    assert sealing.public_key_of(SCALAR) == POINT


@pytest.mark.parametrize("choices", [[], ["K7Q2M9XA"], ["ZZZZZZZZ", "AAAAAAAA", "MMMMMMMM"]])
def test_what_the_browser_seals_core_opens(script: BrowserScript, choices: list[str]) -> None:
    sealed = script.ask(
        "seal", publicKey=POINT.hex(), primary="p", contest=CONTEST, choices=choices, size=SIZE
    )
    assert sealing.open_ballot(SCALAR, "p", CONTEST, sealed) == sorted(choices)
    assert len(sealed) == sealing.sealed_length(SIZE)


@pytest.mark.parametrize("choices", [[], ["K7Q2M9XA", "A7Q2M9XA"]])
def test_what_core_seals_the_browsers_cryptography_opens(
    script: BrowserScript, choices: list[str]
) -> None:
    sealed = sealing.seal(POINT, "p", CONTEST, choices, SIZE)
    opened = script.ask(
        "open",
        privateKey=SCALAR.hex(),
        publicKey=POINT.hex(),
        primary="p",
        contest=CONTEST,
        sealed=sealed.hex(),
    )
    assert opened == sealing.plaintext(CONTEST, choices, SIZE)


def test_the_browser_refuses_a_key_that_is_no_point(script: BrowserScript) -> None:
    bent = POINT[:-1] + bytes([POINT[-1] ^ 1])
    with pytest.raises(RuntimeError, match=r"DataError|OperationError"):
        script.ask("seal", publicKey=bent.hex(), primary="p", contest="c", choices=[], size=99)
    assert not sealing.is_public_key(bent)
    assert sealing.is_public_key(POINT)


@settings(max_examples=60, deadline=None)
@given(contest=names, choices=st.lists(st.from_regex(r"[0-9A-Z]{8}", fullmatch=True), max_size=4))
def test_a_ballot_opens_to_its_choices_and_its_length_tells_nothing(
    contest: str, choices: list[str]
) -> None:
    sealed = sealing.seal(POINT, "p", contest, choices, SIZE)
    assert len(sealed) == sealing.sealed_length(SIZE)
    assert sealing.open_ballot(SCALAR, "p", contest, sealed) == sorted(choices)


@settings(max_examples=60, deadline=None)
@given(contest=names)
def test_browser_and_core_write_the_same_plaintext(script: BrowserScript, contest: str) -> None:
    choices = ["B0000000", "A0000000"]
    written = script.ask("plaintext", contest=contest, choices=choices, size=SIZE)
    assert written == sealing.plaintext(contest, choices, SIZE)


def test_two_seals_of_one_choice_differ() -> None:
    first, second = (sealing.seal(POINT, "p", "c", ["A"], SIZE) for _ in range(2))
    assert first[: sealing.ENC_BYTES] != second[: sealing.ENC_BYTES]
    assert first[sealing.ENC_BYTES :] != second[sealing.ENC_BYTES :]


def test_choices_that_do_not_fit_are_never_cut() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        sealing.plaintext("c", ["A" * 8] * 9, 60)


def test_a_ballot_moved_to_another_contest_or_primary_does_not_open() -> None:
    sealed = sealing.seal(POINT, "p", CONTEST, ["A"], SIZE)
    assert _fault(sealed, contest="another") is BallotFault.UNDECRYPTABLE
    assert _fault(sealed, primary="q") is BallotFault.UNDECRYPTABLE


def test_every_changed_byte_is_noticed() -> None:
    sealed = sealing.seal(POINT, "p", CONTEST, ["A"], SIZE)
    for position in (0, 1, 40, 64, 65, 100, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1
        assert _fault(bytes(changed)) is BallotFault.UNDECRYPTABLE


@pytest.mark.parametrize("length", [0, 1, 64, 65, 80, 81, 120])
def test_a_ballot_cut_short_does_not_open(length: int) -> None:
    sealed = sealing.seal(POINT, "p", CONTEST, ["A"], SIZE)
    assert _fault(sealed[:length]) is BallotFault.UNDECRYPTABLE


def test_a_ballot_that_names_another_contest_inside_is_told_apart() -> None:
    assert _fault(_sealed_as_written('{"choices":[],"contest":"x"}')) is BallotFault.WRONG_CONTEST


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yes",
        "[" * 5000,
        b"\xff\xfe",
        '{"choices":[]}',
        '{"choices":{},"contest":"c"}',
        '{"choices":[1],"contest":"c"}',
        '{"choices":[],"contest":7}',
        '{"choices":[],"contest":"c","mark":"me"}',
        '{"contest":"c","choices":[]}',
        '{"choices": [],"contest":"c"}',
        '{"choices":["B","A"],"contest":"c"}',
        '{"choices":["\\u0041"],"contest":"c"}',
        '{"choices":["\\ud800"],"contest":"c"}',
        ' {"choices":[],"contest":"c"}',
        '{"choices":[],"contest":"c"}\n',
        '{"choices":["A"],"choices":[],"contest":"c"}',
    ],
)
def test_any_other_way_to_write_a_ballot_is_malformed(written: str | bytes) -> None:
    """Each could carry a mark of its voter's own into the published ballots."""
    assert _fault(_sealed_as_written(written, "c"), contest="c") is BallotFault.MALFORMED


def test_a_refusal_holds_nothing_of_the_ballot() -> None:
    with pytest.raises(BallotInvalid) as caught:
        sealing.open_ballot(SCALAR, "p", "c", _sealed_as_written("secret words", "c"))
    assert str(caught.value) == "malformed"
    assert caught.value.__suppress_context__


def test_a_new_key_belongs_to_its_point() -> None:
    scalar = sealing.new_private_scalar()
    assert len(scalar) == sealing.PRIVATE_KEY_BYTES
    point = sealing.public_key_of(scalar)
    assert sealing.is_public_key(point)
    assert sealing.open_ballot(scalar, "p", "c", sealing.seal(point, "p", "c", ["A"], 64)) == ["A"]


@pytest.mark.parametrize("point", [b"", POINT[:64], b"\x02" + POINT[1:33], bytes(65)])
def test_anything_but_an_uncompressed_point_is_no_public_key(point: bytes) -> None:
    assert not sealing.is_public_key(point)


def test_the_tracker_is_128_bits_of_the_digest_in_26_letters() -> None:
    tracker = sealing.tracker(b"sealed")
    assert re.fullmatch(r"[A-Z2-7]{26}", tracker)
    assert b32decode(tracker + "======") == sha256(b"sealed").digest()[:16]


@given(st.binary(max_size=300))
def test_trackers_are_what_rfc_4648_says(sealed: bytes) -> None:
    expected = b32encode(sha256(sealed).digest()[:16]).decode().rstrip("=")
    assert sealing.tracker(sealed) == expected


def test_the_browser_works_out_the_same_tracker(script: BrowserScript) -> None:
    for sealed in (b"", b"sealed", bytes(range(256))):
        assert script.ask("tracker", sealed=sealed.hex()).decode() == sealing.tracker(sealed)


def test_a_tracker_is_read_however_it_is_grouped_or_misread() -> None:
    tracker = sealing.tracker(b"sealed")
    assert sealing.group_tracker("ABCDEFGHIJ") == "ABCD EFGH IJ"
    assert sealing.parse_tracker(f" {sealing.group_tracker(tracker).lower()}\n") == tracker
    assert sealing.parse_tracker(tracker.replace("O", "0").replace("I", "1")) == tracker
    assert sealing.parse_tracker(tracker[:-1]) is None
    assert sealing.parse_tracker(tracker[:-1] + "9") is None
    assert sealing.parse_tracker("Ж" * 26) is None
