"""The whole board as one compressed file, made once for everybody who asks for it.

Two million leaves take some seconds to write. So a file is made when somebody asks and the board has
grown since the last one, in the data folder under a name made of its heads; while one is being made
the others get the one before.
"""

import os
import threading
from gzip import GzipFile
from hashlib import sha256
from pathlib import Path
from typing import Final

from core.database import reading
from core.keyring import signing_public_key
from core.primary import queries as primaries
from core.settings import settings
from core.voting import board
from core.voting.board_file import BoardHeader, ContestBoard, board_chunks
from core.voting.heads import SignedHead

ENDING: Final = ".jsonl.gz"
_KEPT: Final = 2  # the newest, and the one before it, which somebody may just be opening
_QUICKLY: Final = 1  # text of base32 shrinks to its five eighths at any level
_making = threading.Lock()


def board_file() -> Path | None:
    """A file with the board of the active primary as it is, or was a little while ago; None without one."""
    with reading() as session:
        primary = primaries.active_primary(session)
        if primary is None:
            return None
        newest = {each.head.contest_id: each for each in board.latest_heads(session, primary.id)}
        contests = sorted(contest.id for contest in primaries.contests(session, primary.id))
    folder = settings().data_dir / "board"
    name = sha256(
        b"".join(contest.encode() + _signature(newest.get(contest)) for contest in contests)
    ).hexdigest()[:16]
    path = folder / f"{primary.id}-{name}{ENDING}"
    if path.exists():
        return path
    older = _files(folder, primary.id)
    if not _making.acquire(blocking=not older):
        return older[0]
    try:
        if not path.exists():
            _write(path, primary.id, contests, newest)
            for old in _files(folder, primary.id)[_KEPT:]:
                old.unlink(missing_ok=True)
    finally:
        _making.release()
    return path


def _signature(signed: SignedHead | None) -> bytes:
    return signed.signature if signed else b""


def _files(folder: Path, primary_id: str) -> list[Path]:
    """The files of a primary's board, the newest first."""
    if not folder.exists():
        return []
    found = folder.glob(f"{primary_id}-{'[0-9a-f]' * 16}{ENDING}")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _write(path: Path, primary_id: str, contests: list[str], newest: dict[str, SignedHead]) -> None:
    """Write a file that is whole or absent. Leaves are read in many short looks: logs only grow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file, GzipFile("", "wb", _QUICKLY, file, mtime=0) as packed:
            header = BoardHeader(primary_id, signing_public_key())
            boards = (_contest(primary_id, each, newest.get(each)) for each in contests)
            for chunk in board_chunks(header, boards):
                packed.write(chunk)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _contest(primary_id: str, contest_id: str, newest: SignedHead | None) -> ContestBoard:
    with reading() as session:
        heads = board.heads(
            session, primary_id, contest_id, limit=newest.head.number if newest else 0
        )

    def leaves(start: int, end: int) -> list[bytes]:
        with reading() as session:
            return board.leaves(session, primary_id, contest_id, start=start, end=end)

    return ContestBoard(contest_id, heads, leaves)
