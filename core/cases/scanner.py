"""Looking evidence through for malware with ClamAV, outside of every transaction."""

import logging
import socket
import struct
from datetime import datetime
from typing import Final

from core.cases.evidence import content_to_scan, note_scan, waiting_for_scan
from core.cases.evidence_rules import ScanState
from core.database import reading, unit_of_work
from core.settings import ClamdSettings, settings

_PIECE: Final = 256 * 1024
_PATIENCE: Final = 60.0
_AT_ONCE: Final = 20

log = logging.getLogger(__name__)


class ScannerFault(Exception):
    """The scanner can't be reached: everything waits, and the health page tells why."""


def scan_due(now: datetime) -> int:
    """Look through what waits, a few files at a time; gives how many. Raises `ScannerFault`."""
    clamd = settings().clamd
    if clamd is None:
        return 0
    for done in range(_AT_ONCE):
        with reading() as session:
            waiting = waiting_for_scan(session, now=now)
            content = content_to_scan(session, waiting) if waiting is not None else None
        if waiting is None:
            return done
        state = ScanState.ERASED if content is None else verdict(clamd, content)
        with unit_of_work() as session:
            note_scan(session, waiting, state, now=now)
    return _AT_ONCE


def verdict(clamd: ClamdSettings, content: bytes) -> ScanState:
    """What clamd says of ``content``, by its INSTREAM command: ``unreadable`` where it gives no
    verdict, so that one file stops no other. Raises `ScannerFault` when it can't be reached.
    """
    try:
        with _connected(clamd) as scanner:
            scanner.sendall(b"zINSTREAM\0")
            for start in range(0, len(content), _PIECE):
                piece = content[start : start + _PIECE]
                scanner.sendall(struct.pack("!L", len(piece)) + piece)
            scanner.sendall(struct.pack("!L", 0))
            told = b""
            while not told.endswith(b"\0"):
                part = scanner.recv(4096)
                if not part:
                    break
                told += part
    except OSError as fault:
        raise ScannerFault(f"clamd: {type(fault).__name__}") from None
    if told.startswith(b"stream: OK"):
        return ScanState.CLEAN
    if told.rstrip(b"\0").endswith(b" FOUND"):
        return ScanState.INFECTED
    log.warning("clamd gave no verdict on a file")
    return ScanState.UNREADABLE


def _connected(clamd: ClamdSettings) -> socket.socket:
    if clamd.path is None:
        return socket.create_connection((clamd.host, clamd.port), timeout=_PATIENCE)
    scanner = socket.socket(socket.AF_UNIX)
    scanner.settimeout(_PATIENCE)
    scanner.connect(clamd.path)
    return scanner
