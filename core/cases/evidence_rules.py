"""What may be evidence: kinds judged by the content, never by the name. Pure."""

import re
import unicodedata
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Final
from zipfile import BadZipFile, ZipFile

from core.cases.rules import CasesRefusal, CaseState
from core.errors import Refused

LARGEST: Final = 25 * 1024 * 1024
"""Bytes of one file."""

MOST_FILES: Final = 30
MOST_BYTES: Final = 200 * 1024 * 1024
"""Files of one case, and their bytes together."""

LONGEST_NAME: Final = 120
_PARTS_OF_A_DOCUMENT: Final = 5_000
_UNPACKED: Final = 300 * 1024 * 1024
_TIMES_SMALLER: Final = 200
_LOOKED_AT: Final = 1024


class EvidenceKind(StrEnum):
    """What a file is, by its content; the value is the ending it is given out with."""

    PDF = "pdf"
    JPEG = "jpg"
    PNG = "png"
    WEBP = "webp"
    HEIC = "heic"
    DOCX = "docx"
    XLSX = "xlsx"
    ODT = "odt"
    TEXT = "txt"
    MAIL = "eml"
    MP3 = "mp3"
    M4A = "m4a"
    OGG = "ogg"
    WAV = "wav"
    MP4 = "mp4"


class ScanState(StrEnum):
    """Whether a file was looked through for malware. Where there is a scanner nobody is given one
    that waits for it, that it could not read, or that it found infected.
    """

    NOT_SCANNED = "not_scanned"
    WAITING = "waiting"
    CLEAN = "clean"
    INFECTED = "infected"
    UNREADABLE = "unreadable"
    ERASED = "erased"


def bar_to_opening(scan: ScanState, *, has_scanner: bool) -> CasesRefusal | None:
    """Why nobody is given a file in this state, or None. Where there is no scanner any more nothing
    waits for one.
    """
    if scan is ScanState.INFECTED:
        return CasesRefusal.FILE_INFECTED
    if has_scanner and scan in {ScanState.WAITING, ScanState.UNREADABLE}:
        return CasesRefusal.FILE_NOT_SCANNED
    return None


def bar_to_adding(state: CaseState) -> CasesRefusal | None:
    """Why a case in this state takes no file, or None."""
    if state is CaseState.DELIBERATION:
        return CasesRefusal.FILES_ARE_FROZEN
    ended = {CaseState.MERGED, CaseState.WITHDRAWN, CaseState.REFERRED, CaseState.INADMISSIBLE}
    return CasesRefusal.CHANGED_MEANWHILE if state in ended else None


class CustodyAct(StrEnum):
    """What happened to a piece of evidence."""

    ADDED = "added"
    SCANNED = "scanned"
    READ = "read"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Upload:
    """A file that may be evidence: its name made harmless, its kind by content, SHA-256 in hex."""

    name: str
    kind: EvidenceKind
    content: bytes = field(repr=False)
    sha256: str


def read_upload(stream: BinaryIO, stated_name: str) -> Upload:
    """Read and judge a file. Never more than `LARGEST` bytes and one are read.

    Refused as ``file_too_large`` (facts: limit, in MB), ``file_empty``, ``file_kind_refused`` for
    anything that is none of `EvidenceKind` (programmes, pages, drawings with script, archives), and
    ``file_unpacks_too_large`` for documents that would fill a memory.
    """
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Refused(CasesRefusal.FILE_TOO_LARGE, limit=LARGEST // 1024 // 1024)
    if not content:
        raise Refused(CasesRefusal.FILE_EMPTY)
    kind = kind_of(content)
    if kind is None:
        raise Refused(CasesRefusal.FILE_KIND_REFUSED)
    return Upload(clean_name(stated_name, kind), kind, content, sha256(content).hexdigest())


def clean_name(stated: str, kind: EvidenceKind) -> str:
    """The name a file is kept and given out under: no path, no sign that can't be seen or that a
    file system minds, no second ending, and the ending of its content.
    """
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", stated))[-1]
    name = "".join(
        sign for sign in name if unicodedata.category(sign)[0] not in "CZ" or sign == " "
    )
    name = re.sub(r'[<>:"|?*%]', "_", name)
    while re.search(r"\.[A-Za-z0-9]{1,5}\s*$", name):
        name = name.rsplit(".", 1)[0]
    # A sheet takes a cell that begins like this for a formula.
    name = " ".join(name.split()).strip(" .").lstrip("=+-@ .")[:LONGEST_NAME].rstrip(" .")
    return f"{name or 'file'}.{kind.value}"


def kind_of(content: bytes) -> EvidenceKind | None:
    """What ``content`` is, or None when it is nothing that may be evidence.

    Refused as ``file_unpacks_too_large`` for a document that is a bomb.
    """
    head = content[:_LOOKED_AT]
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": EvidenceKind.WEBP, b"WAVE": EvidenceKind.WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head.startswith(b"PK\x03\x04"):
        return _document(content)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 == 0x02:
        return EvidenceKind.MP3
    return _text(content)


_STARTS: Final = (
    (b"%PDF-", EvidenceKind.PDF),
    (b"\xff\xd8\xff", EvidenceKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", EvidenceKind.PNG),
    (b"OggS", EvidenceKind.OGG),
    (b"ID3", EvidenceKind.MP3),
)
_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1", b"hevc"), EvidenceKind.HEIC),
    **dict.fromkeys((b"M4A ", b"M4B "), EvidenceKind.M4A),
    **dict.fromkeys(
        (b"isom", b"iso2", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"3gp4", b"3gp5"),
        EvidenceKind.MP4,
    ),
}


def _document(content: bytes) -> EvidenceKind | None:
    """A document by the parts of its archive: nothing is unpacked but one name."""
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            too_much = unpacked > min(_UNPACKED, max(len(content), 100_000) * _TIMES_SMALLER)
            if len(parts) > _PARTS_OF_A_DOCUMENT or too_much:
                raise Refused(CasesRefusal.FILE_UNPACKS_TOO_LARGE)
            names = {part.filename for part in parts}
            first = parts[0] if parts else None
            if any(name.lower().endswith((".bin", ".exe", ".js", ".vbs")) for name in names):
                return None  # macros and embedded programmes
            if first and first.filename == "mimetype" and first.file_size < _LOOKED_AT:
                is_text = archive.read(first) == b"application/vnd.oasis.opendocument.text"
                return EvidenceKind.ODT if is_text else None
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return None  # no archive, a broken one, one with a password or a packing nobody knows
    if "[Content_Types].xml" not in names:
        return None
    if "word/document.xml" in names:
        return EvidenceKind.DOCX
    return EvidenceKind.XLSX if "xl/workbook.xml" in names else None


_MARKUP: Final = re.compile(
    rb"<(?:!--|!doctype|\?xml|(?:html|head|body|svg|script|style|img|iframe|object|embed|form"
    rb"|link|meta|base|video|audio|div|span|table|input|a)[\s/>])",
    re.IGNORECASE,
)
"""What makes a page of a text wherever it stands; a mail may hold it, and is never shown as one."""

_HEADER: Final = re.compile(
    r"(?:received|return-path|from|to|date|subject|message-id|mime-version|delivered-to"
    r"|x-[\w-]+|dkim-signature|authentication-results): ",
    re.IGNORECASE,
)


def _text(content: bytes) -> EvidenceKind | None:
    """Plain text or a mail; None for markup and for anything with signs that no text has."""
    body = content.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in content:
        return None
    for encoding in ("utf-8", "cp1251"):
        try:
            text = body.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        return None
    if any(sign < " " and sign not in "\t\n\r\f" for sign in text):
        return None
    lines = text[:_LOOKED_AT].splitlines()
    if len(lines) > 1 and _HEADER.match(lines[0]):
        return EvidenceKind.MAIL
    return None if _MARKUP.search(body) else EvidenceKind.TEXT
