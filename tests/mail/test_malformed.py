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
    "no header at all": b"\r\nhelp",
    "only headers": HEAD,
    "headers after a text": b"help\r\nFrom: a@b.kz\r\n\r\nmore",
    "a header without a colon": b"From a@b.kz\r\nSubject\r\n\r\nhelp",
    "a blank before the first header": b" From: a@b.kz\r\nSubject: s\r\n\r\nhelp",
    "a line of a mailbox file": b"From a@b.kz Mon Oct  5 10:00:00 2020\r\n" + HEAD + b"\r\nhelp",
    "bytes above 127 in every header": b"From: \xcf\xd0 <a@b.kz>\r\nTo: \xff\r\n\r\nhelp",
    "a broken line in a word": b"Subject: =?utf-8?Q?a=D0?=\r\n =?utf-8?Q?=9F?=\r\n\r\nhelp",
    "a word in a word": b"Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?=\r\n\r\nhelp",
    "a word of an unknown kind": b"Subject: =?utf-8?X?abc?=\r\n\r\nhelp",
    "two dates": HEAD + b"Date: Mon, 5 Oct 2020 10:00:00 +0600\r\nDate: x\r\n\r\nhelp",
    "a zone that no clock has": HEAD + b"Date: Mon, 5 Oct 2020 10:00:00 +9999\r\n\r\nhelp",
    "the year zero": HEAD + b"Date: Mon, 5 Oct 0000 10:00:00 +0000\r\n\r\nhelp",
    "an id with blanks": HEAD + b"Message-ID: < a b @ c >\r\n\r\nhelp",
    "an id without an end": HEAD + b"Message-ID: <abc@d\r\n\r\nhelp",
    "references without end": HEAD + b"References: " + b"<a@b> " * 20_000 + b"\r\n\r\nhelp",
    "an address without end": b"From: " + b"a" * 50_000 + b"@b.kz\r\n\r\nhelp",
    "a group of addresses": b"From: Friends: a@b.kz, c@d.kz;\r\n\r\nhelp",
    "a comment in an address": b"From: a(x(y)z)@b.kz (Name)\r\n\r\nhelp",
    "quoted-printable broken off": HEAD
    + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nhelp=D",
    "quoted-printable of nothing": HEAD
    + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nhelp=ZZ=\r\n",
    "uuencoded halves": HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 help\r\nx",
    "utf-16 named utf-8": HEAD
    + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    + "help".encode("utf-16"),
    "utf-8 cut in a letter": HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nhelp \xd0",
    "the same boundary inside": MIXED
    + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhelp\r\n--b--",
    "an empty boundary": HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nhelp',
    "a boundary of regular signs": HEAD
    + b'Content-Type: multipart/mixed; boundary="(.*)+["\r\n\r\n--(.*)+[\r\n\r\nhelp',
    "a type that is none": HEAD + b"Content-Type: ;;;=\r\n\r\nhelp",
    "a text that says it is a mail": HEAD + NESTED + b"help",
    "a mail in base64": HEAD
    + b"Content-Transfer-Encoding: base64\r\n"
    + NESTED
    + b"U3ViamVjdDogaGVscA0KDQpoZWxw",
    "a report without parts": HEAD + b"Content-Type: multipart/report; boundary=b\r\n\r\nhelp",
    "a file without a name": MIXED
    + b"--b\r\nContent-Disposition: attachment; filename=\r\n\r\nhelp\r\n--b--",
    "a file named by a path": MIXED
    + b'--b\r\nContent-Disposition: attachment; filename="../../etc/passwd"\r\n\r\nx\r\n--b--',
    "an endless style": HTML + b"<style>" + b"a{" * 50_000 + b"</style>help",
    "entities without end": HTML + b"&amp" * 50_000 + b"&#99999999999;help",
    "an unclosed attribute": HTML + b'<a href="' + b"x" * 50_000 + b">help",
    "a page in a page": HTML + b"<html><body><html><body>help",
    "a script that writes": HTML + b"<script>document.write('x')</script>help",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_mail_is_read_within_seconds(name: str) -> None:
    begun = time.process_time()
    mail = parse(MALFORMED[name])
    assert time.process_time() - begun < 5
    f"{mail.subject}{mail.text}{mail.quoted}{mail.sender_name}".encode()
    if b"help" in MALFORMED[name]:
        files = b"".join(file.content for file in mail.attachments)
        assert "help" in f"{mail.text}{mail.quoted}" or b"help" in files


def test_bytes_in_any_order_raise_nothing() -> None:
    chosen = random.Random(5)
    for raw in (*MALFORMED.values(), HTML + "<p>Привет".encode()):
        for _ in range(3):
            broken = bytearray(raw[:3_000])
            for _ in range(len(broken) // 10):
                broken[chosen.randrange(len(broken))] = chosen.randrange(256)
            assert parse(bytes(broken)).text is not None
