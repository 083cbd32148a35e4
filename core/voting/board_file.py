"""The board as files that anybody may keep: the whole of it, and the proof of one ballot. Pure.

The whole board is a text of lines. The first says what it is and with which key heads are signed;
then each contest has a line with all its heads and after it its leaves, one a line, in their
positions; the last line holds the SHA-256 of all bytes before it. Written and read line by line.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, BinaryIO, Final

from core.keyring import fingerprint
from core.voting.heads import SignedHead, TreeHead, instant_text, leaf_text, read_leaf
from core.voting.sealing import tracker_of

BOARD_FORMAT: Final = "primaries/board/1"
PROOF_FORMAT: Final = "primaries/board-proof/1"
_HASH_BYTES: Final = 32
_LEAVES_A_CHUNK: Final = 1000


class BoardFileDamaged(Exception):
    """A file that is no board or no proof, or not as it was written."""


def head_document(signed: SignedHead) -> dict[str, Any]:
    """A signed head as plain data; its primary and contest stand around it."""
    head = signed.head
    return {
        "number": head.number,
        "size": head.size,
        "root": head.root.hex(),
        "at": instant_text(head.at),
        "final": head.is_final,
        "signature": b64encode(signed.signature).decode(),
    }


def read_head(given: Any, *, primary_id: str, contest_id: str) -> SignedHead:
    """The head of a document; `BoardFileDamaged` if it is none."""
    match given:
        case {
            "number": int(number),
            "size": int(size),
            "root": str(root),
            "at": str(at),
            "final": bool(is_final),
            "signature": str(signature),
        }:
            pass
        case _:
            raise BoardFileDamaged
    try:
        head = TreeHead(
            primary_id=primary_id,
            contest_id=contest_id,
            number=number,
            size=size,
            root=_hash(root),
            at=datetime.fromisoformat(at),
            is_final=is_final,
        )
        return SignedHead(head, b64decode(signature, validate=True))
    except ValueError:
        raise BoardFileDamaged from None


def _hash(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != _HASH_BYTES:
        raise ValueError("no hash")
    return found


@dataclass(frozen=True)
class BoardProof:
    """That a leaf stands at ``position`` in the log that ``signed`` speaks of."""

    public_key: bytes
    signed: SignedHead
    leaf: bytes
    position: int
    path: tuple[bytes, ...]

    @property
    def tracker(self) -> str:
        """The tracker of the ballot."""
        return tracker_of(self.leaf)

    def document(self) -> dict[str, Any]:
        """The proof as plain data: what a voter may keep."""
        head = self.signed.head
        return {
            "format": PROOF_FORMAT,
            "primary": head.primary_id,
            "contest": head.contest_id,
            "tracker": self.tracker,
            "leaf": leaf_text(self.leaf),
            "position": self.position,
            "head": head_document(self.signed),
            "path": [each.hex() for each in self.path],
            "public_key": b64encode(self.public_key).decode(),
        }


def read_proof(data: bytes) -> BoardProof:
    """The proof in a file; `BoardFileDamaged` if it is none, or says two things of its ballot."""
    match _parsed(data):
        case {
            "primary": str(primary_id),
            "contest": str(contest_id),
            "tracker": str(tracker),
            "leaf": str(leaf),
            "position": int(position),
            "head": head,
            "path": [*path],
            "public_key": str(public_key),
        }:
            pass
        case _:
            raise BoardFileDamaged
    try:
        proof = BoardProof(
            public_key=b64decode(public_key, validate=True),
            signed=read_head(head, primary_id=primary_id, contest_id=contest_id),
            leaf=read_leaf(leaf),
            position=position,
            path=tuple(_hash(str(each)) for each in path),
        )
    except ValueError:
        raise BoardFileDamaged from None
    if proof.tracker != tracker:
        raise BoardFileDamaged
    return proof


@dataclass(frozen=True)
class BoardHeader:
    """What the first line says: whose board it is, and the key (32 bytes) of its signatures."""

    primary_id: str
    public_key: bytes

    @property
    def key_fingerprint(self) -> str:
        """16 hexadecimal digits by which people compare the key."""
        return fingerprint(self.public_key)


@dataclass(frozen=True)
class ContestBoard:
    """The log of one contest: all its heads, and a way to its leaves ``[start, end)``."""

    contest_id: str
    heads: Sequence[SignedHead]
    leaves: Callable[[int, int], Iterable[bytes]]

    @property
    def size(self) -> int:
        """How many leaves the newest head speaks of."""
        return self.heads[-1].head.size if self.heads else 0


def board_chunks(header: BoardHeader, contests: Iterable[ContestBoard]) -> Iterator[bytes]:
    """The file, in chunks of some fifty kilobytes."""
    hashed, total = sha256(), 0

    def hash_of(chunk: bytes) -> bytes:
        hashed.update(chunk)
        return chunk

    first = {
        "format": BOARD_FORMAT,
        "primary": header.primary_id,
        "public_key": b64encode(header.public_key).decode(),
        "key_fingerprint": header.key_fingerprint,
    }
    yield hash_of(_line(first))
    for contest in contests:
        heads = [head_document(signed) for signed in contest.heads]
        about = {"contest": contest.contest_id, "heads": heads, "leaves": contest.size}
        yield hash_of(_line(about))
        for start in range(0, contest.size, _LEAVES_A_CHUNK):
            end = min(start + _LEAVES_A_CHUNK, contest.size)
            texts = [f"{leaf_text(leaf)}\n" for leaf in contest.leaves(start, end)]
            total += len(texts)
            yield hash_of("".join(texts).encode())
    yield _line({"digest": hashed.hexdigest(), "leaves": total})


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class BoardReader:
    """Reads a board file once, in flat memory: first `header`, then `contests`, then `is_whole`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hashed = sha256()
        self._total = 0
        match self._read():
            case {
                "format": str(named),
                "primary": str(primary_id),
                "public_key": str(public_key),
            } if named == BOARD_FORMAT:
                try:
                    self.header = BoardHeader(primary_id, b64decode(public_key, validate=True))
                except ValueError:
                    raise BoardFileDamaged from None
            case _:
                raise BoardFileDamaged
        self.is_whole = False
        """Whether the ending is there and its digest holds: known after the last contest."""

    def contests(self) -> Iterator[tuple[str, tuple[SignedHead, ...], Iterator[bytes]]]:
        """Each contest, its heads, and its leaves, which have to be read before the next contest."""
        about = self._read()
        while "contest" in about:
            contest_id, heads = str(about["contest"]), about.get("heads")
            if not isinstance(heads, list):
                raise BoardFileDamaged
            read = tuple(
                read_head(each, primary_id=self.header.primary_id, contest_id=contest_id)
                for each in heads
            )
            following: list[dict[str, Any]] = []
            yield contest_id, read, self._leaves(following)
            about = following[0]
        self.is_whole = about == {
            "digest": self._before_last,
            "leaves": self._total,
        } and not self._file.read(1)

    def _leaves(self, following: list[dict[str, Any]]) -> Iterator[bytes]:
        while (line := self._line()) and not line.startswith(b"{"):
            self._total += 1
            try:
                yield read_leaf(line.decode().removesuffix("\n"))
            except ValueError:
                raise BoardFileDamaged from None
        following.append(_parsed(line))

    def _read(self) -> dict[str, Any]:
        return _parsed(self._line())

    def _line(self) -> bytes:
        self._before_last = self._hashed.hexdigest()
        line = self._file.readline()
        self._hashed.update(line)
        return line


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except ValueError:
        raise BoardFileDamaged from None
    if not isinstance(given, dict):
        raise BoardFileDamaged
    return given
