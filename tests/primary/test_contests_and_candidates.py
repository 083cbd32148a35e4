"""Constituencies, contests and candidates: by hand, from files, cancelled by a decision."""

import csv
import io
from datetime import date

import pytest
from openpyxl import Workbook
from sqlmodel import Session, col, select

from core.errors import Refused
from core.places import PlaceRefusal
from core.primary import files, queries, service
from core.primary.models import Candidate
from core.primary.rules import CandidateStatus, PrimaryRefusal, Sex, ballot_size
from core.staff.rules import Role
from tests.conftest import MakeActor
from tests.primary.conftest import (
    CANDIDATES,
    CONTESTS,
    NOW,
    PLACE,
    SEALING,
    People,
    get_ready,
)


def _contests(session: Session, primary: str, people: People) -> None:
    service.import_contests(session, primary, CONTESTS, actor=people.one, now=NOW)


def _candidates(session: Session, primary: str, people: People, content: bytes = CANDIDATES):  # type: ignore[no-untyped-def]
    return service.import_candidates(session, primary, content, actor=people.one, now=NOW)


def test_contests_come_from_a_file_and_their_places_become_constituencies(
    session: Session, primary: str, people: People
) -> None:
    report = service.import_contests(session, primary, CONTESTS, actor=people.one, now=NOW)
    assert report.counts() == {"read": 2, "new": 2, "changed": 0, "same": 0, "refused": 0}
    national, local = queries.contests(session, primary)
    assert (national.id, national.place_code, national.max_choices) == ("list", None, 3)
    assert national.size == ballot_size("list", 3)
    assert queries.constituencies(session, primary) == {PLACE: 1}
    assert local.titles["kk"] == "Алматы мәслихаты"


def test_the_same_file_again_changes_nothing(
    session: Session, primary: str, people: People
) -> None:
    _contests(session, primary, people)
    again = service.import_contests(session, primary, CONTESTS, actor=people.one, now=NOW)
    changed = CONTESTS.replace(b",98,3", b",98,5")
    report = service.import_contests(session, primary, changed, actor=people.one, now=NOW)
    assert (again.same, again.new) == (2, 0)
    assert (report.changed, report.same) == (1, 1)
    assert queries.contests(session, primary)[0].size == ballot_size("list", 5)


def test_rows_that_can_not_be_contests_are_reported_and_the_others_taken(
    session: Session, primary: str, people: People
) -> None:
    content = (
        "code;title_ru;title_kk;title_en;place_code;seats;max_choices;note\n"
        "ok;Да;Иә;Yes;;1;1;x\n"
        "a/b;Да;Иә;Yes;;1;1;x\n"
        "c;Да;;Yes;;1;1;x\n"
        "d;Да;Иә;Yes;nowhere;1;1;x\n"
        "e;Да;Иә;Yes;;много;1;x\n"
        "f;Да;Иә;Yes;;1;101;x\n"
        "ok;Да;Иә;Yes;;1;1;x\n"
    ).encode("utf-8-sig")
    report = service.import_contests(session, primary, content, actor=people.one, now=NOW)
    assert report.counts() == {"read": 7, "new": 1, "changed": 0, "same": 0, "refused": 6}
    assert report.ignored_columns == ("note",)
    lines = list(csv.DictReader(io.StringIO(report.csv())))
    assert [(line["row"], line["column"], line["code"]) for line in lines] == [
        ("3", "code", "code_malformed"),
        ("4", "title_kk", "title_missing"),
        ("5", "place_code", PlaceRefusal.UNKNOWN_PLACE.value),
        ("6", "seats", "seats_out_of_range"),
        ("7", "max_choices", "choices_out_of_range"),
        ("8", "code", "code_repeated"),
    ]
    assert all(line["message"] for line in lines)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", PrimaryRefusal.COLUMN_MISSING),
        (b"code,title_ru\nx,y\n", PrimaryRefusal.COLUMN_MISSING),
        (CONTESTS.splitlines()[0] + b"\n\n", PrimaryRefusal.FILE_WITHOUT_ROWS),
        (b"code," + CONTESTS, PrimaryRefusal.COLUMN_REPEATED),
        (b"PK\x03\x04 and nothing more", PrimaryRefusal.FILE_UNREADABLE),
        (b"\x00\x01", PrimaryRefusal.FILE_UNREADABLE),
    ],
)
def test_a_file_that_is_no_table_is_refused_whole(
    session: Session, primary: str, people: People, content: bytes, code: PrimaryRefusal
) -> None:
    with pytest.raises(Refused) as refused:
        service.import_contests(session, primary, content, actor=people.one, now=NOW)
    assert refused.value.code is code


def test_candidates_come_from_a_file_in_windows_1251_with_tabs(
    session: Session, primary: str, people: People
) -> None:
    _contests(session, primary, people)
    text = CANDIDATES.decode().replace(",", "\t").replace("Сәрсенов", "Серсенов")
    report = _candidates(session, primary, people, text.replace("Айгүл", "Айгуль").encode("cp1251"))
    assert report.counts() == {"read": 3, "new": 3, "changed": 0, "same": 0, "refused": 0}
    page, total = queries.candidates(session, primary, name="ким")
    assert total == 1
    assert page[0].name == "Ким Виктор Петрович"
    assert (page[0].birth_date, page[0].sex) == (date(1991, 3, 2), Sex.MALE)
    assert len(page[0].id) == 8


def test_candidates_come_from_a_spreadsheet(session: Session, primary: str, people: People) -> None:
    _contests(session, primary, people)
    book = Workbook()
    rows = list(csv.reader(io.StringIO(CANDIDATES.decode())))
    for row in rows:
        book.active.append(row)
    book.active["E2"] = date(1980, 5, 1)
    book.active["H2"] = 77011234567.0
    written = io.BytesIO()
    book.save(written)
    report = _candidates(session, primary, people, written.getvalue())
    assert report.counts()["new"] == 3
    known = session.exec(select(Candidate).where(col(Candidate.last_name) == "Ахметова")).one()
    assert (known.birth_date, known.mobile) == (date(1980, 5, 1), "+77011234567")


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused_unread(
    session: Session, primary: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    Workbook().save(packed)
    monkeypatch.setattr(files, "_UNPACKED_MOST", 1000)
    with pytest.raises(Refused) as refused:
        _candidates(session, primary, people, packed.getvalue())
    assert refused.value.code is PrimaryRefusal.FILE_UNREADABLE


def test_candidates_who_can_not_be_taken_are_reported_with_column_and_reason(
    session: Session, primary: str, people: People
) -> None:
    _contests(session, primary, people)
    header = CANDIDATES.splitlines()[0].decode()
    rows = [
        "nowhere,А,Б,,1980-01-01,f,,,",
        "list,,Б,,1980-01-01,f,,,",
        "list,А,,,1980-01-01,f,,,",
        "list,А,Б,,1980-13-01,f,,,",
        "list,А,Б,,1880-01-01,f,,,",
        "list,А,Б,,1980-01-01,x,,,",
        "list,А,Б,,1980-01-01,f,,88000804441,",
        "list,А,Б,,1980-01-01,f,,,not an address",
        "list,А,Б,,1980-01-01,f,,,",
        "list,а,б,,01.01.1980,f,,,",
    ]
    report = _candidates(session, primary, people, "\n".join([header, *rows]).encode())
    assert [(each.row, each.column) for each in report.rows_refused] == [
        (2, "contest_code"),
        (3, "last_name"),
        (4, "first_name"),
        (5, "birth_date"),
        (6, "birth_date"),
        (7, "sex"),
        (8, "mobile"),
        (9, "email"),
        (11, "last_name"),
    ]
    assert report.new == 1
    assert report.read == report.new + report.changed + report.same + report.refused


def test_a_candidate_is_the_same_after_a_second_import(
    session: Session, primary: str, people: People
) -> None:
    _contests(session, primary, people)
    _candidates(session, primary, people)
    before = {c.name: c.id for c in queries.candidates(session, primary)[0]}
    content = CANDIDATES.replace("ППО 2".encode(), "ППО 22".encode())
    report = _candidates(session, primary, people, content)
    assert (report.same, report.changed, report.new) == (2, 1, 0)
    assert {c.name: c.id for c in queries.candidates(session, primary)[0]} == before


def test_a_candidate_stands_once_in_a_contest(
    session: Session, primary: str, people: People
) -> None:
    _contests(session, primary, people)
    draft = service.CandidateDraft(
        contest_id="list",
        last_name="Серикова",
        first_name="Асель",
        birth_date=date(1990, 2, 2),
        sex=Sex.FEMALE,
    )
    made = service.add_candidate(session, primary, draft, actor=people.one, now=NOW)
    assert made in {c.id for c in queries.contests(session, primary)[0].standing}
    with pytest.raises(Refused) as refused:
        service.add_candidate(session, primary, draft, actor=people.one, now=NOW)
    assert refused.value.code is PrimaryRefusal.CANDIDATE_EXISTS


def test_a_registration_is_cancelled_by_a_decision_and_stays_so(
    session: Session, primary: str, people: People, make_actor: MakeActor
) -> None:
    _contests(session, primary, people)
    _candidates(session, primary, people)
    chosen = queries.candidates(session, primary, name="ким")[0][0]
    commissioner = make_actor(Role.COMMISSIONER, session=session)
    with pytest.raises(Refused) as refused:
        service.cancel_registration(
            session, chosen.id, actor=commissioner, decision=" ", now=SEALING
        )
    assert refused.value.code is PrimaryRefusal.DECISION_MISSING
    service.cancel_registration(
        session, chosen.id.lower(), actor=commissioner, decision="7/2020", now=SEALING
    )
    left = queries.candidates(session, primary, status=CandidateStatus.CANCELLED)[0]
    assert [(c.id, c.decision) for c in left] == [(chosen.id, "7/2020")]
    (national, _local) = queries.contests(session, primary)
    assert chosen.id not in {c.id for c in national.standing}
    assert chosen.id in {c.id for c in national.candidates}
    with pytest.raises(Refused) as refused:
        service.cancel_registration(
            session, chosen.id, actor=commissioner, decision="8/2020", now=SEALING
        )
    assert refused.value.code is PrimaryRefusal.CANDIDATE_CANCELLED
    again = _candidates(session, primary, people)
    assert [each.code for each in again.rows_refused] == [PrimaryRefusal.CANDIDATE_CANCELLED]


def test_a_voter_sees_the_contests_of_every_unit_around_them(
    session: Session, primary: str, people: People
) -> None:
    _contests(session, primary, people)
    contests = queries.contests(session, primary)
    assert [each.id for each in contests if each.is_for(PLACE)] == ["list", "almaty-1"]
    assert [each.id for each in contests if each.is_for("110000000")] == ["list"]


def test_what_is_in_use_is_not_removed(session: Session, primary: str, people: People) -> None:
    _contests(session, primary, people)
    _candidates(session, primary, people)
    with pytest.raises(Refused) as refused:
        service.remove_constituency(session, primary, PLACE, actor=people.one)
    assert refused.value.code is PrimaryRefusal.CONSTITUENCY_IN_USE
    with pytest.raises(Refused) as refused:
        service.remove_contest(session, primary, "almaty-1", actor=people.one)
    assert refused.value.code is PrimaryRefusal.CONTEST_HAS_CANDIDATES


def test_a_constituency_is_added_once_and_removed(
    session: Session, primary: str, people: People
) -> None:
    service.add_constituency(session, primary, PLACE, actor=people.one, now=NOW)
    with pytest.raises(Refused) as refused:
        service.add_constituency(session, primary, PLACE, actor=people.one, now=NOW)
    assert refused.value.code is PrimaryRefusal.CONSTITUENCY_EXISTS
    service.remove_constituency(session, primary, PLACE, actor=people.one)
    assert queries.constituencies(session, primary) == {}


def test_the_ballot_is_fixed_once_readiness_is_signed(
    session: Session, primary: str, people: People
) -> None:
    get_ready(session, people.one)
    service.sign_readiness(session, primary, actor=people.one, now=SEALING)
    with pytest.raises(Refused) as refused:
        service.import_contests(session, primary, CONTESTS, actor=people.one, now=SEALING)
    assert refused.value.code is PrimaryRefusal.BALLOT_FIXED
    with pytest.raises(Refused) as refused:
        _candidates(session, primary, people)
    assert refused.value.code is PrimaryRefusal.BALLOT_FIXED
