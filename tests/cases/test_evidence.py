"""Evidence: what is taken, how it is kept, who is given it, and what is written down of that."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from cryptography.exceptions import InvalidTag
from sqlmodel import select

from core.audit.models import AuditEntry
from core.cases import dossier, evidence, scanner, service
from core.cases.ciphers import destroy_text_key
from core.cases.evidence_rules import (
    LARGEST,
    CustodyAct,
    EvidenceKind,
    ScanState,
    clean_name,
    kind_of,
    read_upload,
)
from core.cases.models import Case, Evidence, EvidencePiece
from core.cases.rules import CasePart, CasesRefusal, CaseState, Level, Move
from core.cases.service import RespondentEntry
from core.database import reading, unit_of_work
from core.errors import Refused
from core.settings import ClamdSettings, settings
from core.staff.rules import Actor, Role
from tests.cases.conftest import Desk, build_desk
from tests.conftest import MakeActor

PDF = b"%PDF-1.7\n" + b"photo of an order" * 50
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 3000


def archive(**parts: bytes) -> bytes:
    """A zip with these parts; ``__`` in a name stands for a slash."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def document(**more: bytes) -> bytes:
    return archive(**{"[Content_Types].xml": b"<x/>", "word__document.xml": b"<w/>", **more})


def damaged() -> bytes:
    """An archive whose directory is whole and whose content is not."""
    packed = archive(mimetype=b"application/vnd.oasis.opendocument.text" * 20)
    start = packed.index(b"mimetype") + len("mimetype")
    return packed[:start] + b"\xff" * 8 + packed[start + 8 :]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(PDF, EvidenceKind.PDF, id="pdf"),
        pytest.param(JPEG, EvidenceKind.JPEG, id="jpeg"),
        pytest.param(b"\x89PNG\r\n\x1a\n....", EvidenceKind.PNG, id="png"),
        pytest.param(b"RIFF\x10\0\0\0WEBPVP8 ", EvidenceKind.WEBP, id="webp"),
        pytest.param(b"RIFF\x10\0\0\0WAVEfmt ", EvidenceKind.WAV, id="wav"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0", EvidenceKind.HEIC, id="heic"),
        pytest.param(b"\0\0\0\x18ftypM4A \0\0", EvidenceKind.M4A, id="m4a"),
        pytest.param(b"\0\0\0\x18ftypisom\0\0", EvidenceKind.MP4, id="mp4"),
        pytest.param(b"OggS\0\x02", EvidenceKind.OGG, id="ogg"),
        pytest.param(b"ID3\x04\0", EvidenceKind.MP3, id="mp3"),
        pytest.param(b"\xff\xfb\x90\x44\0", EvidenceKind.MP3, id="mp3-bare"),
        pytest.param(document(), EvidenceKind.DOCX, id="docx"),
        pytest.param(
            archive(**{"[Content_Types].xml": b"<x/>", "xl__workbook.xml": b"<w/>"}),
            EvidenceKind.XLSX,
            id="xlsx",
        ),
        pytest.param(
            archive(mimetype=b"application/vnd.oasis.opendocument.text"), EvidenceKind.ODT, id="odt"
        ),
        pytest.param("Мне угрожали увольнением.\r\n".encode(), EvidenceKind.TEXT, id="utf-8"),
        pytest.param("Мне угрожали".encode("cp1251"), EvidenceKind.TEXT, id="cp1251"),
        pytest.param(b"From: a@b.kz\r\nSubject: x\r\n\r\nx", EvidenceKind.MAIL, id="mail"),
        pytest.param(b"MZ\x90\0\x03", None, id="programme"),
        pytest.param(b"\x7fELF\x02\x01", None, id="elf"),
        pytest.param(b"<svg onload=alert(1)>", None, id="svg"),
        pytest.param(b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", None, id="svg-with-a-mark"),
        pytest.param(b"\n<!DOCTYPE html><script>", None, id="html"),
        pytest.param(b"<!-- x --><svg onload=alert(1)>", None, id="svg-behind-a-remark"),
        pytest.param(b"words first\n<img src=x onerror=alert(1)>", None, id="markup-later"),
        pytest.param(b"5 < 7 and a<b, <nobody@example.kz>", EvidenceKind.TEXT, id="less-than"),
        pytest.param(document(**{"word__vbaProject.bin": b"x"}), None, id="macros"),
        pytest.param(archive(readme=b"x"), None, id="zip"),
        pytest.param(b"PK\x03\x04 broken", None, id="half-a-zip"),
        pytest.param(damaged(), None, id="zip-that-does-not-unpack"),
        pytest.param(b"\0\0\0\x18ftypqt  ", None, id="unknown-film"),
        pytest.param(b"text\0with a zero", None, id="zero"),
        pytest.param(b"\x1b[31mtext", None, id="terminal"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, kind: EvidenceKind | None) -> None:
    assert kind_of(content) is kind


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("Приказ № 4.pdf", "Приказ № 4.jpg"),
        ("photo.jpg.exe", "photo.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\temp\\фото.jpeg", "фото.jpg"),
        ("\u202egpj.exe", "gpj.jpg"),
        ("a\u200bb\r\nSet-Cookie: x.jpg", "abSet-Cookie_ x.jpg"),
        ('=cmd|"/c calc".jpg', "c calc_.jpg"),
        ("...", "file.jpg"),
        ("=1+1.jpg", "1+1.jpg"),
        ("@-+sum.jpg", "sum.jpg"),
        ("", "file.jpg"),
        ("ә" * 500 + ".jpg", "ә" * 120 + ".jpg"),
        ("Решение от 01.10.2020 года.jpg", "Решение от 01.10.2020 года.jpg"),
    ],
)
def test_a_name_is_made_harmless(stated: str, kept: str) -> None:
    assert clean_name(stated, EvidenceKind.JPEG) == kept


class Endless:
    """A stream that has two gigabytes to give, and remembers how much was asked of it."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "everything at once was asked for"
        self.given += size
        return b"%PDF-" + bytes(size - 5)


def test_a_file_of_two_gigabytes_is_refused_after_its_first_megabytes() -> None:
    stream = Endless()
    with pytest.raises(Refused) as refused:
        read_upload(stream, "film.mp4")  # type: ignore[arg-type]
    assert refused.value.code is CasesRefusal.FILE_TOO_LARGE
    assert stream.given <= LARGEST + 1


def test_a_document_that_is_a_bomb_is_refused_unopened() -> None:
    bomb = document(**{"word__media.xml": bytes(320 * 1024 * 1024)})
    assert len(bomb) < 1024 * 1024
    with pytest.raises(Refused) as refused:
        kind_of(bomb)
    assert refused.value.code is CasesRefusal.FILE_UNPACKS_TOO_LARGE
    many = archive(**{f"part{number}": b"" for number in range(6_000)})
    with pytest.raises(Refused):
        kind_of(many)


@pytest.fixture
def opened(desk: Desk) -> str:
    """The number of a case that is investigated."""
    return desk.walk(CaseState.INVESTIGATION).number or ""


def add(desk: Desk, number: str, content: bytes = JPEG, name: str = "снимок.jpg") -> int:
    upload = read_upload(BytesIO(content), name)
    return service.add_evidence(desk.session, number, upload, actor=desk.lead(), now=desk.now)


def refusal(act: object) -> object:
    with pytest.raises(Refused) as refused:
        act()  # type: ignore[operator]
    return refused.value.code


def test_a_file_comes_back_as_it_was_and_its_custody_is_complete(desk: Desk, opened: str) -> None:
    number = add(desk, opened)
    found = service.open_evidence(desk.session, number, actor=desk.lead(), now=desk.now)
    assert (found.name, found.kind, found.content) == ("снимок.jpg", EvidenceKind.JPEG, JPEG)
    (view,) = evidence.evidence_of(desk.session, desk.lead(), opened)
    assert view.sha256 == sha256(JPEG).hexdigest()
    assert [link.act for link in view.custody] == [CustodyAct.ADDED, CustodyAct.READ]
    assert {link.who for link in view.custody} == {desk.lead().name}
    acts = desk.session.exec(select(AuditEntry)).all()
    told = [entry for entry in acts if entry.act in {"add_evidence", "read_evidence"}]
    assert len(told) == 2
    assert not any("снимок" in str(entry.details) for entry in told)


def test_the_same_file_is_taken_once(desk: Desk, opened: str) -> None:
    assert add(desk, opened) == add(desk, opened, name="ещё раз.jpg")
    assert add(desk, opened, PDF) != add(desk, opened)
    assert len(evidence.evidence_of(desk.session, desk.lead(), opened)) == 2


def test_nothing_of_a_file_lies_open_in_the_database(desk: Desk, opened: str) -> None:
    add(desk, opened, b"From: boss@example.kz\r\nSubject: list\r\n\r\nsecret words", "письмо.eml")
    rows = [*desk.session.exec(select(Evidence)), *desk.session.exec(select(EvidencePiece))]
    kept = repr([row.model_dump() for row in rows]).encode()
    for open_word in (b"secret words", "письмо".encode(), sha256(PDF).hexdigest().encode()):
        assert open_word not in kept


def test_a_piece_put_elsewhere_does_not_open(desk: Desk, opened: str) -> None:
    number = add(desk, opened)
    one, other = desk.session.exec(select(EvidencePiece).order_by(EvidencePiece.ordinal)).all()[:2]
    one.content, other.content = other.content, one.content
    desk.session.flush()
    with pytest.raises(InvalidTag):
        service.open_evidence(desk.session, number, actor=desk.lead(), now=desk.now)


def test_who_is_named_later_loses_the_files_at_once(desk: Desk, opened: str) -> None:
    number = add(desk, opened)
    named = desk.people["district"][1]
    service.open_evidence(desk.session, number, actor=named, now=desk.now)
    service.add_respondent(
        desk.session,
        opened,
        RespondentEntry(name=named.name, level=Level.NONE),
        actor=desk.lead(),
        now=desk.now,
    )
    for act in (
        lambda: service.open_evidence(desk.session, number, actor=named, now=desk.now),
        lambda: service.open_evidence(desk.session, 10**6, actor=named, now=desk.now),
    ):
        assert refusal(act) is CasesRefusal.NO_SUCH_FILE
    assert refusal(lambda: evidence.evidence_of(desk.session, named, opened)) is (
        CasesRefusal.NO_SUCH_CASE
    )


def test_who_sits_over_a_case_sees_its_files_and_who_took_the_call_sees_the_own(
    desk: Desk, opened: str
) -> None:
    number = add(desk, opened)
    member = desk.people["district"][3]
    (seen,) = evidence.evidence_of(desk.session, member, opened)
    assert seen.id == number
    service.open_evidence(desk.session, number, actor=member, now=desk.now)
    page = dossier.case_page(desk.session, member, opened, now=desk.now)
    assert [each.part for each in page.timeline if each.part] == [CasePart.EVIDENCE]
    assert evidence.evidence_of(desk.session, desk.operator, opened) == ()
    assert (
        refusal(
            lambda: service.open_evidence(desk.session, number, actor=desk.operator, now=desk.now)
        )
        is CasesRefusal.NO_SUCH_FILE
    )


def test_strangers_to_the_case_add_and_read_nothing(
    desk: Desk, opened: str, make_actor: MakeActor
) -> None:
    number = add(desk, opened)
    upload = read_upload(BytesIO(PDF), "x.pdf")
    for actor in (
        make_actor(Role.COMMISSIONER, place="711010000", session=desk.session),
        make_actor(Role.OPERATOR, session=desk.session),
    ):
        assert (
            refusal(
                lambda actor=actor: service.open_evidence(
                    desk.session, number, actor=actor, now=desk.now
                )
            )
            is CasesRefusal.NO_SUCH_FILE
        )
        assert (
            refusal(
                lambda actor=actor: service.add_evidence(
                    desk.session, opened, upload, actor=actor, now=desk.now
                )
            )
            is CasesRefusal.NO_SUCH_CASE
        )


def test_the_list_is_frozen_for_the_decision(desk: Desk) -> None:
    digests = set()
    for content in (JPEG, PDF):
        receipt = desk.walk(CaseState.INVESTIGATION)
        number = receipt.number or ""
        add(desk, number, content)
        given = desk.given_for(Move.DELIBERATE, receipt)
        desk.move(number, Move.DELIBERATE, desk.lead(), **given)
        (view,) = evidence.evidence_of(desk.session, desk.lead(), number)
        assert view.frozen_at is not None
        assert view.custody[-1].act is CustodyAct.FROZEN
        assert refusal(lambda number=number: add(desk, number, b"one more")) is (
            CasesRefusal.FILES_ARE_FROZEN
        )
        digests.add(desk.case(number).evidence_digest)
    assert len(digests) == 2


def test_a_case_holds_so_many_files_and_no_more(
    desk: Desk, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MOST_FILES", 2)
    for content in (JPEG, PDF):
        add(desk, opened, content)
    assert refusal(lambda: add(desk, opened, b"a third")) is CasesRefusal.TOO_MANY_FILES


def test_erasing_a_case_erases_its_files(desk: Desk, opened: str) -> None:
    number = add(desk, opened)
    destroy_text_key(desk.session, desk.case(opened).text_key_id, now=desk.now)
    (view,) = evidence.evidence_of(desk.session, desk.lead(), opened)
    assert (view.name, view.sha256) == (None, None)
    assert (
        refusal(
            lambda: service.open_evidence(desk.session, number, actor=desk.lead(), now=desk.now)
        )
        is CasesRefusal.TEXT_ERASED
    )


@contextmanager
def clamd(answer: bytes) -> Iterator[tuple[ClamdSettings, list[bytes]]]:
    """A daemon that speaks INSTREAM and gives one answer; and what it was sent."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _address = server.accept()
                except OSError:
                    return
                with peer, peer.makefile("rb") as stream:
                    assert stream.read(10) == b"zINSTREAM\0"
                    content = b""
                    while size := struct.unpack("!L", stream.read(4))[0]:
                        content += stream.read(size)
                    seen.append(content)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield ClamdSettings(None, "127.0.0.1", server.getsockname()[1]), seen
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def scanned(
    database: str, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Actor, int]]:
    """A file that waits for a scanner which does not answer, and its lead."""
    del database
    monkeypatch.setenv("PRIMARIES_CLAMD_URL", "tcp://127.0.0.1:9")
    settings.cache_clear()
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        number = add(desk, desk.walk(CaseState.INVESTIGATION).number or "")
        lead = desk.lead()
    yield lead, number
    monkeypatch.undo()
    settings.cache_clear()


def scan(monkeypatch: pytest.MonkeyPatch, answer: bytes, desk_now: object) -> list[bytes]:
    with clamd(answer) as (where, seen):
        monkeypatch.setenv("PRIMARIES_CLAMD_URL", f"tcp://{where.host}:{where.port}")
        settings.cache_clear()
        scanner.scan_due(desk_now)  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        pytest.param(b"stream: OK\0", ScanState.CLEAN, None, id="clean"),
        pytest.param(
            b"stream: Eicar-Test FOUND\0",
            ScanState.INFECTED,
            CasesRefusal.FILE_INFECTED,
            id="infected",
        ),
    ],
)
def test_nobody_is_given_a_file_before_the_scanner_has_spoken(
    scanned: tuple[Actor, int],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    state: ScanState,
    code: CasesRefusal | None,
) -> None:
    lead, number = scanned
    with reading() as session:
        now = session.get_one(Evidence, number).added_at
    with pytest.raises(Refused) as refused, unit_of_work() as session:
        service.open_evidence(session, number, actor=lead, now=now)
    assert refused.value.code is CasesRefusal.FILE_NOT_SCANNED
    with pytest.raises(scanner.ScannerFault):
        scanner.scan_due(now)  # nobody listens at port 9
    assert scan(monkeypatch, answer, now) == [JPEG]
    with reading() as session:
        assert session.get_one(Evidence, number).scan == state.value
    with unit_of_work() as session:
        if code is None:
            assert service.open_evidence(session, number, actor=lead, now=now).content == JPEG
        else:
            with pytest.raises(Refused) as refused:
                service.open_evidence(session, number, actor=lead, now=now)
            assert refused.value.code is code


def test_a_file_that_the_scanner_can_t_read_stops_no_other_and_is_tried_again(
    scanned: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, number = scanned
    with unit_of_work() as session:
        row = session.get_one(Evidence, number)
        now, case_id = row.added_at, row.case_id
        upload = read_upload(BytesIO(PDF), "приказ.pdf")
        service.add_evidence(session, case_id, upload, actor=lead, now=now)
    error = b"INSTREAM size limit exceeded. ERROR\0"
    assert scan(monkeypatch, error, now) == [JPEG, PDF]
    assert scan(monkeypatch, error, now + timedelta(minutes=59)) == []
    with pytest.raises(Refused) as refused, unit_of_work() as session:
        service.open_evidence(session, number, actor=lead, now=now)
    assert refused.value.code is CasesRefusal.FILE_NOT_SCANNED
    assert scan(monkeypatch, b"stream: OK\0", now + timedelta(hours=1)) == [JPEG, PDF]


def test_where_there_is_no_scanner_any_more_nothing_waits_for_one(
    scanned: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, number = scanned
    monkeypatch.delenv("PRIMARIES_CLAMD_URL")
    settings.cache_clear()
    with unit_of_work() as session:
        now = session.get_one(Evidence, number).added_at
        assert service.open_evidence(session, number, actor=lead, now=now).content == JPEG


def test_two_presses_at_once_add_one_file(database: str, make_actor: MakeActor) -> None:
    del database
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        number = desk.walk(CaseState.INVESTIGATION).number or ""
        lead, now = desk.lead(), desk.now
    upload, added, faults = read_upload(BytesIO(JPEG), "x.jpg"), [], []
    start = threading.Barrier(4)

    def press() -> None:
        try:
            start.wait(10)
            with unit_of_work() as session:
                added.append(service.add_evidence(session, number, upload, actor=lead, now=now))
        except Exception as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults
    assert len(set(added)) == 1
    with reading() as session:
        assert len(session.exec(select(Evidence)).all()) == 1
        assert session.exec(select(Case)).one().number == number
