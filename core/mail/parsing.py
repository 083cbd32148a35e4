"""A mail from its bytes. Never raises: what cannot be read as a mail is read as a text.

The standard library takes the mail apart; it is given headers as they stand, because its own
reading of them fails at what a mailbox really receives (unknown charsets, raw letters, names with
broken quotes). Headers, charsets, HTML and quotations are read by the rooms beside this one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import EmailPolicy
from typing import Any, Final

from tnefparse import TNEF  # type: ignore[import-untyped]

from core.mail import headers, markup, quotes
from core.mail.charsets import charset_named, tidy, to_text
from core.mail.rules import (
    DEEPEST,
    LONGEST_TEXT,
    MOST_PARTS,
    Attachment,
    AutoSign,
    Language,
    Mail,
    Mark,
    language_of,
)

_MOST_BOUNDARIES: Final = 5_000
_MOST_NESTED: Final = 100
_MOST_FILES: Final = 100


class _AsTheyStand(EmailPolicy):
    """Headers as unfolded lines, without the reading that raises."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        del name
        return re.sub(r"\r?\n", "", value)[: headers.LONGEST]


_PARSER: Final = BytesParser(EmailMessage, policy=_AsTheyStand())


def parse(raw: bytes) -> Mail:
    """Read a mail. Everything that is wrong with it is in `Mail.marks`, never an exception."""
    marks: set[Mark] = set()
    try:
        if not _can_be_taken_apart(raw):
            raise ValueError("too many parts")
        message: Any = _PARSER.parsebytes(raw)
        found = _Found()
        _walk(message, found, depth=0)
    except Exception:  # noqa: BLE001  # a mail is written by anybody; its words must reach a person
        marks.add(Mark.DAMAGED)
        message = _PARSER.parsebytes(_head(raw), headersonly=True)
        found = _Found()
        found.texts.append(to_text(_body(raw)[:LONGEST_TEXT]))
    return _assembled(message, found, marks)


def _can_be_taken_apart(raw: bytes) -> bool:
    low = raw.lower()
    return (
        raw.count(b"\n--") <= _MOST_BOUNDARIES
        and low.count(b"message/rfc822") + low.count(b"multipart/") <= _MOST_NESTED
        and len(_head(raw)) <= 1_000_000
    )


def _head(raw: bytes) -> bytes:
    found = re.search(rb"\r?\n\r?\n", raw[:1_000_001])
    return raw[: found.start()] if found else raw[:1_000_001]


def _body(raw: bytes) -> bytes:
    found = re.search(rb"\r?\n\r?\n", raw)
    return raw[found.end() :] if found else raw


@dataclass
class _Found:
    """What the walk through a mail has come upon."""

    texts: list[str] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    charset: str | None = None
    parts: int = 0
    marks: set[Mark] = field(default_factory=set)
    is_report: bool = False


def _walk(part: EmailMessage, found: _Found, depth: int) -> None:
    found.parts += 1
    if found.parts > MOST_PARTS or len(found.files) >= _MOST_FILES or depth > DEEPEST:
        found.marks.add(Mark.CUT)
        return
    kind = _kind(part)
    if kind == "multipart/report":
        found.is_report = True
    if kind == "multipart/encrypted":
        found.marks.add(Mark.ENCRYPTED)
    if kind == "multipart/signed":
        found.marks.add(Mark.SIGNED)
    if part.is_multipart() and kind.startswith("message/"):
        _nested(part, found, depth)
    elif part.is_multipart() and kind == "multipart/alternative":
        _alternative(part, found, depth)
    elif part.is_multipart():
        for inner in _children(part):
            _walk(inner, found, depth + 1)
    else:
        _leaf(part, kind, found)


def _children(part: EmailMessage) -> Iterator[EmailMessage]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (inner for inner in payload if isinstance(inner, EmailMessage))


def _alternative(part: EmailMessage, found: _Found, depth: int) -> None:
    """Of several forms of a text the plain one, unless it is empty; other files all."""
    choices = []
    for inner in _children(part):
        form = _Found(parts=found.parts, charset=found.charset)
        _walk(inner, form, depth + 1)
        found.parts = form.parts
        found.marks |= form.marks
        found.charset = found.charset or form.charset
        found.files += form.files
        choices.append("\n\n".join(form.texts))
    best = max(choices[:1] or [""], key=len)
    if len(best.split()) < 1:
        best = max(choices, key=len, default="")
    if best:
        found.texts.append(best)


def _nested(part: EmailMessage, found: _Found, depth: int) -> None:
    """A mail within a mail: a file, and its text below."""
    for inner in _children(part):
        subject = headers.to_line(str(inner.get("subject", "")), found.charset)
        try:
            content = inner.as_bytes()
        except Exception:  # noqa: BLE001  # it cannot be written as it was read
            found.marks.add(Mark.DAMAGED)
            content = b""
        if content:
            found.files.append(
                Attachment(f"{subject[:80] or 'mail'}.eml", "message/rfc822", content)
            )
        below = _Found(parts=found.parts, charset=found.charset)
        _walk(inner, below, depth + 1)
        found.parts = below.parts
        found.marks |= below.marks
        sender = headers.to_line(str(inner.get("from", "")), found.charset)
        text = "\n\n".join(below.texts)
        found.texts.append(f"---- Forwarded message ----\n{sender}\n{subject}\n\n{text}")


def _leaf(part: EmailMessage, kind: str, found: _Found) -> None:
    content = _content(part)
    typed = headers.parameters(str(part.get("content-type", "")))
    placed = str(part.get("content-disposition", ""))
    hints = (typed.get("charset"), found.charset)
    name = headers.parameters(placed, *hints).get("filename") or typed.get("name") or ""
    is_file = bool(name) or placed.strip().lower().startswith("attachment")
    if kind in {"application/ms-tnef", "application/vnd.ms-tnef"} or name.lower() == "winmail.dat":
        _winmail(content, found)
    elif kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        signed = "signed" in typed.get("smime-type", "").lower()
        found.marks.add(Mark.SIGNED if signed else Mark.ENCRYPTED)
        found.files.append(Attachment(name or "smime.p7m", kind, content))
    elif kind.startswith(("text/", "multipart/")) and not is_file:
        _text(content, kind, typed.get("charset"), found)
    elif content:
        found.files.append(Attachment(name or "file", kind, content))


def _text(content: bytes, kind: str, charset: str | None, found: _Found) -> None:
    if charset and charset_named(charset) and found.charset is None:
        found.charset = charset
    if kind == "text/html":
        text = markup.to_plain(to_text(content, charset, markup.declared_charset(content)))
    else:
        text = to_text(content, charset, found.charset)
    if "-----BEGIN PGP MESSAGE-----" in text:
        found.marks.add(Mark.ENCRYPTED)
    if "-----BEGIN PGP SIGNED MESSAGE-----" in text:
        found.marks.add(Mark.SIGNED)
    if text.strip():
        found.texts.append(text.strip())


def _winmail(content: bytes, found: _Found) -> None:
    """What Outlook packs into one file; the file itself where it cannot be opened."""
    try:
        packed = TNEF(content, do_checksum=False)
        files = [
            Attachment(
                _as_text(one.long_filename() or one.name), "application/octet-stream", one.data
            )
            for one in packed.attachments[:_MOST_FILES]
            if one.data
        ]
        body = packed.body or ""
        page = packed.htmlbody or ""
    except Exception:  # noqa: BLE001  # a broken one is a file like any other
        found.files.append(Attachment("winmail.dat", "application/ms-tnef", content))
        return
    found.files += files
    text = _as_text(body).strip() or markup.to_plain(_as_text(page))
    if text and not found.texts:
        found.texts.append(text)
    if not files and not text:
        found.files.append(Attachment("winmail.dat", "application/ms-tnef", content))


def _as_text(value: str | bytes) -> str:
    text = to_text(value) if isinstance(value, bytes) else tidy(value)
    return text.replace("\0", "")


def _kind(part: EmailMessage) -> str:
    return part.get_content_type().strip().lower()


def _content(part: EmailMessage) -> bytes:
    """The bytes of a part, decoded as it says; as they stand where that fails."""
    payload = part.get_payload()
    if not isinstance(payload, str):
        return b""
    raw = payload.encode("utf-8", "surrogateescape")
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding.startswith("base64"):
        return headers.unbase64(raw)
    try:
        decoded = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001  # an encoding that is none
        return raw
    # What decodes to nothing was not what it said: it is shown as it stands.
    return decoded if isinstance(decoded, bytes) and decoded.strip(b"\0") else raw


def _assembled(message: EmailMessage, found: _Found, marks: set[Mark]) -> Mail:
    lines: dict[str, str] = {}
    senders = 0
    for name, value in message.raw_items():
        key = name.strip().lower()
        senders += key == "from"
        lines.setdefault(key, re.sub(r"\r?\n", "", str(value)))
    near = found.charset
    marks |= found.marks
    whole = tidy("\n\n".join(found.texts)).strip()
    if len(whole) > LONGEST_TEXT:
        whole = whole[:LONGEST_TEXT]
        marks.add(Mark.CUT)
    subject = headers.to_line(lines.get("subject", ""), near)[:500]
    text, quoted = quotes.parted(whole)
    from_line = headers.to_line(lines.get("from", ""), near)
    given = headers.addresses(from_line) or headers.addresses(lines.get("reply-to", ""))
    if senders > 1 or len(given) > 1:
        marks.add(Mark.TWO_SENDERS)
    if not given:
        marks.add(Mark.NO_SENDER)
    own = headers.message_ids(lines.get("message-id", ""))
    before = headers.message_ids(lines.get("in-reply-to", ""))
    earlier = headers.message_ids(lines.get("references", ""))
    return Mail(
        subject=subject,
        text=text,
        quoted=quoted,
        sender=given[0] if given else None,
        sender_name=headers.display_name(from_line),
        sent_at=headers.sent_at(lines.get("date", "")),
        message_id=own[0] if own else None,
        answers=tuple(dict.fromkeys((*before, *reversed(earlier)))),
        language=language_of(f"{subject}\n{text}") if subject or text else Language.RUSSIAN,
        attachments=tuple(found.files),
        signs=frozenset(_signs(lines, given, is_report=found.is_report)),
        marks=frozenset(marks),
        headers=lines,
    )


def _signs(
    lines: dict[str, str], senders: tuple[str, ...], *, is_report: bool
) -> Iterator[AutoSign]:
    submitted = lines.get("auto-submitted", "").split(";")[0].strip().lower()
    if (submitted and submitted != "no") or "x-autoreply" in lines or "x-autorespond" in lines:
        yield AutoSign.AUTO_SUBMITTED
    precedence = lines.get("precedence", "").strip().lower()
    if precedence in {"bulk", "junk", "list", "auto_reply"}:
        yield AutoSign.PRECEDENCE
    if "list-id" in lines:
        yield AutoSign.MAILING_LIST
    if lines.get("return-path", "-").strip() == "<>":
        yield AutoSign.EMPTY_RETURN_PATH
    if is_report:
        yield AutoSign.REPORT
    if any(one.startswith(("mailer-daemon@", "postmaster@")) for one in senders):
        yield AutoSign.MAILER
