"""Headers of a mail: encoded words put together again, raw letters read, addresses found. Pure."""

import re
from base64 import b64decode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from core.mail.charsets import tidy, to_text

LONGEST: Final = 10_000
"""Characters of one header that are looked at; the bytes are kept whole."""

_WORD: Final = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?]{0,20})?\?([BbQq])\?([^?]*)\?=")
_ADDRESS: Final = re.compile(r"[^\s<>\"(),;:@\[\]]{1,120}@[^\s<>\"(),;:@]{1,200}")
_MESSAGE_ID: Final = re.compile(r"<([^<>\s]{1,500})>")
_PARAMETER: Final = re.compile(
    r";\s*([\w!#$&+.^`|~-]{1,40}?)(?:\*(\d{1,3}))?(\*)?\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;\s]*)"
)


def raw_bytes(value: str) -> bytes:
    """The bytes of a header as the standard library hands it out."""
    return value[:LONGEST].encode("utf-8", "surrogateescape")


def to_line(value: str, *hints: str | None) -> str:
    """A header as one line of text. Raw letters are read by the charset of the encoded words in it,
    then by ``hints`` (that of the body), then by the letters.
    """
    value = value[:LONGEST]
    pieces: list[tuple[str | None, bytes]] = []
    end = 0
    for found in _WORD.finditer(value):
        between = value[end : found.start()]
        # Blanks between two words belong to neither; a letter may be split across them.
        if between.strip() or not (pieces and pieces[-1][0]):
            pieces.append((None, raw_bytes(between)))
        charset, content = found[1].lower(), _word(found[2], found[3])
        if pieces and pieces[-1][0] == charset:
            content = pieces.pop()[1] + content
        pieces.append((charset, content))
        end = found.end()
    pieces.append((None, raw_bytes(value[end:])))
    words = [charset for charset, _ in pieces if charset]
    line = "".join(
        to_text(content, charset) if charset else to_text(content, *hints, *words)
        for charset, content in pieces
    )
    return " ".join(tidy(line).split())


def _word(encoding: str, text: str) -> bytes:
    content = text.encode("utf-8", "surrogateescape")
    if encoding in "Qq":
        return unquote_to_bytes(
            content.replace(b"%", b"%25").replace(b"_", b" ").replace(b"=", b"%")
        )
    return unbase64(content)


def unbase64(content: bytes) -> bytes:
    """As much as can be read of ``content``, whatever stands between and however it ends."""
    signs = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
    if len(signs) % 4 == 1:
        signs = signs[:-1]
    return b64decode(signs + b"=" * (-len(signs) % 4))


def addresses(value: str) -> tuple[str, ...]:
    """The addresses in a header, lower case, however it is put together."""
    bare = re.sub(r"\"[^\"]*\"\s*<", "<", value[:LONGEST])
    in_angles = re.findall(r"<([^<>]*)>", bare)
    for text in (" ".join(in_angles), bare):
        found = tuple(one.strip(".'").lower() for one in _ADDRESS.findall(text))
        if found:
            return found
    return ()


def display_name(value: str) -> str:
    """What stands before the address, or nothing."""
    name = value.split("<", 1)[0] if "<" in value else ""
    name = name.replace('"', "").strip()
    return "" if "@" in name else name[:200]


def message_ids(value: str) -> tuple[str, ...]:
    """The message ids in a header, at most a hundred."""
    return tuple(_MESSAGE_ID.findall(tidy(value[:LONGEST])))[:100]


def parameters(value: str, *hints: str | None) -> dict[str, str]:
    """The parameters of a header such as Content-Type: continued, encoded, raw, with or without
    quotes; the first of two that have one name counts.
    """
    whole: dict[str, str] = {}
    parts: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, number, is_encoded, given in _PARAMETER.findall(value[:LONGEST]):
        text = given
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        if number or is_encoded:
            parts.setdefault(name.lower(), {}).setdefault(
                int(number or 0), (bool(is_encoded), text)
            )
        else:
            whole.setdefault(name.lower(), to_line(text, *hints))
    for name, pieces in parts.items():
        charset = None
        content = b""
        for at in sorted(pieces):
            is_encoded, text = pieces[at]
            if is_encoded and text.count("'") >= 2 and not content:
                charset, _language, text = text.split("'", 2)
            content += unquote_to_bytes(raw_bytes(text)) if is_encoded else raw_bytes(text)
        whole[name] = " ".join(to_text(content, charset, *hints).split())
    return whole


def sent_at(value: str) -> datetime | None:
    """The instant a mail says it was sent, or None where no calendar has it."""
    try:
        found = parsedate_to_datetime(tidy(value[:200]))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def raw_headers(raw: bytes) -> str:
    r"""The headers of a mail as they came, for the eye: signs that are none are shown as ``\x07``,
    20,000 characters at most.
    """
    found = re.search(rb"\r?\n\r?\n", raw[:1_000_000])
    head = raw[: found.start()] if found else raw[:20_000]
    lines = to_text(head[:20_000]).replace("\r\n", "\n").split("\n")
    return "\n".join(
        "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)
        for line in lines
    )
