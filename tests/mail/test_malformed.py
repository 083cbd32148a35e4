"""Whatever is sent, something that a person can read comes out, and soon."""

import random
import time

import pytest

from core.mail.parsing import parse

HEAD = b"From: a@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
NESTED = b"Content-Type: message/rfc822\r\n\r\n"
MALFORMED = {
    "nothing": b"",
    "nul bytes": HEAD + b"\r\n\0\0help\0",
    "unknown charset": HEAD + b"Content-Type: text/plain; charset=x-no\r\n\r\nhelp",
    "charset of binary things": HEAD + b"Content-Type: text/plain; charset=zlib\r\n\r\nhelp",
    "unknown encoding": HEAD + b"Content-Transfer-Encoding: rot\r\n\r\nhelp",
    "broken base64": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\naGVscA=",
    "no boundary": HEAD + b"Content-Type: multipart/mixed\r\n\r\nhelp",
    "boundary never comes": MIXED + b"help",
    "boundary never ends": MIXED + b"--b\r\n\r\nhelp",
    "ten thousand parts": MIXED + b"--b\r\n\r\nx\r\n" * 10_000,
    "nested without end": HEAD + NESTED * 5_000,
    "multiparts without end": HEAD
    + b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(2_000)
    ),
    "huge header": b"Subject: " + b"x" * 5_000_000 + b"\r\n\r\nhelp",
    "many headers": b"X-A: b\r\n" * 100_000 + b"\r\nhelp",
    "bad date": HEAD + b"Date: 99 Foo 99999 99:99\r\n\r\nhelp",
    "broken encoded word": b"Subject: =?utf-8?B?///?= =?x?Q?=ZZ?=\r\n\r\nhelp",
    "empty message id": HEAD + b"Message-ID: <>\r\n\r\nhelp",
    "two senders": b"From: a@b.kz\r\nFrom: c@d.kz\r\n\r\nhelp",
    "sender without address": b'From: "Name\r\n\r\nhelp',
    "carriage returns only": b"From: a@b.kz\rSubject: s\r\rhelp",
    "deep page": HTML + b"<div>" * 100_000 + b"help",
    "page of brackets": HTML + b"<" * 100_000 + b"help",
    "open comment": HTML + b"<!-- help",
    "broken winmail.dat": MIXED + b"--b\r\nContent-Type: application/ms-tnef\r\n\r\nxx\r\n--b--",
    "spaces in header": b"Subject:" + b" " * 400_000 + b"x\r\n\r\nhelp",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_mail_is_read_within_seconds(name: str) -> None:
    begun = time.process_time()
    mail = parse(MALFORMED[name])
    assert time.process_time() - begun < 5
    f"{mail.subject}{mail.text}{mail.quoted}{mail.sender_name}".encode()
    if b"help" in MALFORMED[name] and name != "open comment":
        assert "help" in mail.text


def test_bytes_in_any_order_raise_nothing() -> None:
    chosen = random.Random(5)
    for raw in (*MALFORMED.values(), HTML + "<p>Привет".encode()):
        for _ in range(3):
            broken = bytearray(raw[:3_000])
            for _ in range(len(broken) // 10):
                broken[chosen.randrange(len(broken))] = chosen.randrange(256)
            assert parse(bytes(broken)).text is not None
