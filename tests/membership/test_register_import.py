"""A register file is taken in whole, whatever it looks like; what is wrong in it is reported."""

import csv
import json
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import Session, col, select

from core import clock
from core.__main__ import main
from core.database import reading, unit_of_work
from core.errors import Refused
from core.membership import imports, register_import
from core.membership.models import ImportRun, Member
from core.membership.queries import import_notes, import_runs
from core.membership.register_import import ImportOutcome, import_members
from core.membership.rules import COLUMNS, ImportPhase, MembershipRefusal, MemberStatus
from core.membership.service import freeze_admission
from core.staff.rules import Actor, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.membership.registers import person, register_text, write_register

COMMAND = Actor.system("import members")
NOW = datetime(2020, 9, 12, 6, tzinfo=UTC)


def taken_in(session: Session, path: Path, actor: Actor = COMMAND) -> ImportOutcome:
    with clock.fixed(NOW):
        return import_members(session, path, actor=actor, now=NOW)


def counts(outcome: ImportOutcome) -> tuple[int, int, int, int, int]:
    return outcome.read, outcome.new, outcome.changed, outcome.same, outcome.refused


def notes_of(session: Session, outcome: ImportOutcome, **kinds: bool) -> list[tuple[int, str, str]]:
    found = import_notes(session, outcome.run_id, actor=COMMAND, **kinds)
    return [(note.row, note.column, note.code) for note in found]


def test_a_register_is_taken_in_and_then_found_the_same(session: Session, tmp_path: Path) -> None:
    path = write_register(tmp_path / "r.csv", [person(n) for n in range(50)])
    assert counts(taken_in(session, path)) == (50, 50, 0, 0, 0)
    assert counts(taken_in(session, path)) == (50, 0, 0, 50, 0)
    kept = session.exec(select(Member).where(Member.iin == person(1)["iin"])).one()
    assert kept.mobile == "+77010000001"
    assert kept.last_name == "Сәтбаев"
    assert kept.admitted_on == date(2019, 3, 1)
    assert kept.birth_date.isoformat() == person(1)["birth_date"]
    assert kept.search == "сатбаев иван"
    assert kept.updated_at == NOW


def test_a_changed_row_changes_its_member_and_dates_a_new_number(
    session: Session, tmp_path: Path
) -> None:
    taken_in(session, write_register(tmp_path / "r.csv", [person(n) for n in range(4)]))
    changed = [person(0), person(1, branch="ППО № 7"), person(2, mobile="8 705 555 01 42")]
    outcome = taken_in(session, write_register(tmp_path / "s.csv", changed))
    assert counts(outcome) == (3, 0, 2, 1, 0)
    session.expire_all()
    moved = session.exec(select(Member).where(Member.iin == person(2)["iin"])).one()
    assert (moved.mobile, moved.mobile_changed_at) == ("+77055550142", NOW)
    other = session.exec(select(Member).where(Member.iin == person(1)["iin"])).one()
    assert (other.branch, other.mobile_changed_at) == ("ППО № 7", None)


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"iin": ""}, "iin", "iin_empty"),
    ({"iin": "85010131204"}, "iin", "iin_length"),
    ({"iin": "850101-312049"}, "iin", "iin_not_digits"),
    ({"iin": "850101312044"}, "iin", "iin_check_digit"),
    ({"mobile": ""}, "mobile", "mobile_empty"),
    ({"mobile": "телефон"}, "mobile", "mobile_unreadable"),
    ({"mobile": "8 727 355 01 42"}, "mobile", "mobile_not_mobile"),
    ({"mobile": "+79161234567"}, "mobile", "mobile_not_kz"),
    ({"mobile": "8 701 555 01 42 доб. 12"}, "mobile", "mobile_extension"),
    ({"last_name": " "}, "last_name", "name_missing"),
    ({"first_name": "Ив\x07ан"}, "first_name", "text_malformed"),
    ({"birth_date": "31.02.1990"}, "birth_date", "date_malformed"),
    ({"birth_date": "1850-01-01"}, "birth_date", "birth_date_implausible"),
    ({"admitted_on": "2020-9-1"}, "admitted_on", "date_malformed"),
    ({"admitted_on": "2020-09-13"}, "admitted_on", "admitted_in_future"),
    ({"admitted_on": "01.01.1940"}, "admitted_on", "admitted_before_birth"),
    ({"place_code": "999"}, "place_code", "place_unknown"),
    ({"status": "исключён"}, "status", "status_unknown"),
]


def test_each_wrong_row_is_refused_with_its_column_and_code(
    session: Session, tmp_path: Path
) -> None:
    rows = [person(n, **change) for n, (change, _column, _code) in enumerate(WRONG)]
    path = write_register(tmp_path / "r.csv", [*rows, person(100)])
    outcome = taken_in(session, path)
    assert counts(outcome) == (len(WRONG) + 1, 1, 0, 0, len(WRONG))
    assert notes_of(session, outcome) == [
        (number, column, code) for number, (_change, column, code) in enumerate(WRONG, start=2)
    ]


def test_an_iin_a_second_time_in_the_file_is_refused(session: Session, tmp_path: Path) -> None:
    rows = [person(1), person(2), person(1, branch="другая"), person(1)]
    outcome = taken_in(session, write_register(tmp_path / "r.csv", rows))
    assert counts(outcome) == (4, 2, 0, 0, 2)
    assert notes_of(session, outcome) == [
        (4, "iin", "iin_twice_in_file"),
        (5, "iin", "iin_twice_in_file"),
    ]


def test_two_faults_of_a_row_are_two_lines_and_one_refused_row(
    session: Session, tmp_path: Path
) -> None:
    rows = [person(1, iin="1", mobile="2"), person(2)]
    outcome = taken_in(session, write_register(tmp_path / "r.csv", rows))
    assert counts(outcome) == (2, 1, 0, 0, 1)
    assert {note[1] for note in notes_of(session, outcome)} == {"iin", "mobile"}


def test_a_birthday_that_contradicts_the_iin_and_a_shared_number_only_warn(
    session: Session, tmp_path: Path
) -> None:
    rows = [
        person(1, birth_date="1944-04-04"),
        person(2, mobile="8 705 555 01 42"),
        person(3, mobile="+77055550142"),
    ]
    outcome = taken_in(session, write_register(tmp_path / "r.csv", rows))
    assert counts(outcome) == (3, 3, 0, 0, 0)
    assert outcome.warned == 3
    assert notes_of(session, outcome, warnings=True) == [
        (2, "iin", "iin_birth_date"),
        (3, "mobile", "mobile_shared"),
        (4, "mobile", "mobile_shared"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_any_delimiter_and_either_encoding_are_read(
    sqlite_database: str, tmp_path: Path, delimiter: str, encoding: str
) -> None:
    # Kazakh letters are not in windows-1251: such a file holds Russian spellings.
    rows = [person(n, last_name="Щербаков", first_name='Иван "Ваня"') for n in range(5)]
    columns = [*reversed(COLUMNS), "note"]
    path = tmp_path / "r.csv"
    path.write_bytes(register_text(rows, columns, delimiter).encode(encoding))
    with unit_of_work() as session:
        outcome = taken_in(session, path)
        assert counts(outcome) == (5, 5, 0, 0, 0)
        assert outcome.unknown_columns == ("note",)
        kept = session.exec(select(Member).limit(1)).one()
        assert (kept.last_name, kept.first_name) == ("Щербаков", 'Иван "Ваня"')


def test_a_workbook_is_read_like_a_text_file(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "r.xlsx"
    book = xlsxwriter.Workbook(path, {"default_date_format": "dd.mm.yyyy"})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*COLUMNS, "note"])
    for number in range(5):
        row = person(number)
        sheet.write_row(number + 1, 0, row.values())
        sheet.write_datetime(number + 1, 4, datetime.fromisoformat(row["birth_date"]))
    sheet.write_number(2, 0, int(person(1)["iin"]))
    sheet.write_row(8, 0, person(9, iin="x").values())
    book.close()
    outcome = taken_in(session, path)
    assert counts(outcome) == (6, 5, 0, 0, 1)
    assert notes_of(session, outcome) == [(9, "iin", "iin_not_digits")]


def test_blank_lines_count_as_no_rows_but_keep_their_numbers(
    session: Session, tmp_path: Path
) -> None:
    head, first, second, third = register_text([person(1), person(2), person(3, iin="1")]).split(
        "\r\n"
    )[:4]
    path = tmp_path / "r.csv"
    path.write_text("\n".join([head, first, "", ",,,,,,,,,", second, third, ""]), encoding="utf-8")
    outcome = taken_in(session, path)
    assert counts(outcome) == (3, 2, 0, 0, 1)
    assert notes_of(session, outcome) == [(6, "iin", "iin_length")]


def test_a_row_with_too_many_cells_is_refused_alone(session: Session, tmp_path: Path) -> None:
    lines = register_text([person(1), person(2)]).splitlines()
    lines[1] += ",more,and more"
    path = tmp_path / "r.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    outcome = taken_in(session, path)
    assert counts(outcome) == (2, 1, 0, 0, 1)
    assert notes_of(session, outcome) == [(2, "extra", "cells_too_many")]


def test_a_stray_quotation_mark_costs_nobody_the_file(session: Session, tmp_path: Path) -> None:
    body = register_text([person(n) for n in range(6)]).replace("ППО № 3", 'ППО "№ 3')
    path = tmp_path / "r.csv"
    path.write_text(body, encoding="utf-8")
    assert counts(taken_in(session, path)) == (6, 6, 0, 0, 0)


def _file(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.csv"
    good = register_text([person(1), person(2)])
    contents = {
        "empty": b"",
        "header only": good.partition("\r\n")[0].encode(),
        "missing": register_text([person(1)], COLUMNS[:-1]).encode(),
        "twice": register_text([person(1)], [*COLUMNS, "iin"]).encode(),
        "unterminated": good.replace("ППО", '"ППО', 1).encode(),
        "utf-16": good.encode("utf-16"),
        "no table": "Просто письмо".encode(),
        "broken workbook": b"PK\x03\x04 and nothing more",
    }
    path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("empty", MembershipRefusal.FILE_EMPTY),
        ("header only", MembershipRefusal.FILE_EMPTY),
        ("missing", MembershipRefusal.COLUMNS_MISSING),
        ("twice", MembershipRefusal.COLUMN_TWICE),
        ("unterminated", MembershipRefusal.FILE_UNREADABLE),
        ("utf-16", MembershipRefusal.FILE_UNREADABLE),
        ("no table", MembershipRefusal.COLUMNS_MISSING),
        ("broken workbook", MembershipRefusal.FILE_UNREADABLE),
    ],
)
def test_a_file_that_is_no_register_is_refused_with_a_sentence_and_listed(
    sqlite_database: str, tmp_path: Path, kind: str, code: MembershipRefusal
) -> None:
    with pytest.raises(Refused) as refused:
        imports.run_import(_file(tmp_path, kind), actor=COMMAND)
    assert refused.value.code is code
    with reading() as session:
        assert session.exec(select(Member)).all() == []
        (run,) = import_runs(session, actor=COMMAND)
    assert run.failure is code


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from([{}, {"iin": "1"}, {"branch": "новая"}, {"status": "withdrawn"}]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_the_counts_always_reconcile(
    sqlite_database: str, tmp_path: Path, rows: list[tuple[int, dict[str, str]]]
) -> None:
    path = write_register(tmp_path / "r.csv", [person(n, **change) for n, change in rows])
    with unit_of_work() as session:
        before = len(session.exec(select(Member.id)).all())
        outcome = taken_in(session, path)
        after = len(session.exec(select(Member.id)).all())
        refused = {note[0] for note in notes_of(session, outcome)}
    assert outcome.read == len(rows)
    assert outcome.read == outcome.new + outcome.changed + outcome.same + outcome.refused
    assert (after - before, len(refused)) == (outcome.new, outcome.refused)


def test_a_failure_in_the_middle_leaves_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_register(tmp_path / "r.csv", [person(n) for n in range(30)])
    monkeypatch.setattr(register_import, "_MERGED_AT_ONCE", 10)

    def fail_late(progress: register_import.ImportProgress) -> None:
        if progress.phase is ImportPhase.MERGING and progress.done >= 20:
            raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError):
        imports.run_import(path, actor=COMMAND, progress=fail_late)
    with reading() as session:
        assert session.exec(select(Member)).all() == []
        assert session.exec(select(ImportRun)).all() == []
    assert counts(imports.run_import(path, actor=COMMAND)) == (30, 30, 0, 0, 0)


def test_two_imports_at_once_take_turns_and_agree(database: str, tmp_path: Path) -> None:
    path = write_register(tmp_path / "r.csv", [person(n) for n in range(200)])
    outcomes: list[ImportOutcome] = []
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        outcomes.append(imports.run_import(path, actor=COMMAND))

    threads = [threading.Thread(target=work) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((done.new, done.same) for done in outcomes) == [(0, 200), (200, 0)]


def test_while_admission_is_frozen_no_row_makes_a_member(
    session: Session, tmp_path: Path, make_actor: MakeActor
) -> None:
    first = [person(1), person(2, status="excluded"), person(3), person(4)]
    taken_in(session, write_register(tmp_path / "r.csv", first))
    organizer = make_actor(Role.ORGANIZER, session=session)
    freeze_admission(
        session,
        actor=organizer,
        starts_at=NOW,
        ends_at=datetime(2020, 10, 4, 18, tzinfo=UTC),
        reason="Решение комитета",
        now=NOW,
    )
    rows = [
        person(1, branch="сменил организацию"),
        person(2, status="active"),
        person(3, admitted_on="2018-01-01"),
        person(4, status="excluded"),
        person(5, admitted_on="2015-05-05"),
        person(6, status="withdrawn"),
    ]
    outcome = taken_in(session, write_register(tmp_path / "s.csv", rows))
    assert counts(outcome) == (6, 0, 2, 0, 4)
    assert outcome.frozen_until == datetime(2020, 10, 4, 18, tzinfo=UTC)
    assert [note[::2] for note in notes_of(session, outcome)] == [
        (row, "admission_frozen") for row in (3, 4, 6, 7)
    ]
    session.expire_all()
    statuses = session.exec(select(Member.status).order_by(col(Member.id))).all()
    assert statuses == ["active", "excluded", "active", "excluded"]


def test_a_registrar_changes_the_own_place_only(
    session: Session, tmp_path: Path, make_actor: MakeActor
) -> None:
    taken_in(session, write_register(tmp_path / "r.csv", [person(0), person(2)]))
    registrar = make_actor(Role.REGISTRAR, place="110000000", session=session)
    rows = [
        person(2, branch="своя", place_code="111000000"),
        person(3, place_code="113200000"),
        person(4, place_code="710000000"),
        person(0, place_code="111000000", branch="чужой"),
    ]
    outcome = taken_in(session, write_register(tmp_path / "s.csv", rows), registrar)
    assert counts(outcome) == (4, 1, 1, 0, 2)
    assert notes_of(session, outcome) == [
        (4, "place_code", "place_not_yours"),
        (5, "place_code", "place_not_yours"),
    ]
    assert [run.id for run in import_runs(session, actor=registrar)] == [outcome.run_id]


@pytest.mark.parametrize("role", [r for r in Role if r not in {Role.ORGANIZER, Role.REGISTRAR}])
def test_nobody_else_imports(
    sqlite_database: str, tmp_path: Path, make_actor: MakeActor, role: Role
) -> None:
    path = write_register(tmp_path / "r.csv", [person(1)])
    with pytest.raises(Refused) as refused:
        imports.run_import(path, actor=make_actor(role))
    assert refused.value.code is StaffRefusal.FORBIDDEN


def test_ten_percent_of_bad_iins_are_reported_by_the_command(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [person(n) for n in range(200)]
    for row in rows[3::10]:
        row["iin"] = row["iin"][:11] + str((int(row["iin"][11]) + 1) % 10)
    path = write_register(tmp_path / "r.csv", rows)
    report = tmp_path / "report.csv"
    arguments = ["import", "members", str(path), "--report", str(report), "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["read", "new", "changed", "same", "refused"]
    assert printed == {"read": 200, "new": 180, "changed": 0, "same": 0, "refused": 20}
    with report.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["row"] for line in lines] == [str(n + 2) for n in range(3, 200, 10)]
    assert {(line["column"], line["code"]) for line in lines} == {("iin", "iin_check_digit")}
    assert all("ИИН" in line["message"] for line in lines)


def test_the_command_answers_a_bad_file_with_a_sentence(
    sqlite_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path, "missing")
    assert main(["import", "members", str(path), "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert printed["error"] == "columns_missing"
    assert "status" in printed["message"]
    assert main(["import", "members", str(tmp_path / "nowhere.csv")]) == 2
    assert capsys.readouterr().err.strip()


def test_progress_tells_phase_rate_and_time_left(sqlite_database: str, tmp_path: Path) -> None:
    seen: list[register_import.ImportProgress] = []
    path = write_register(tmp_path / "r.csv", [person(n) for n in range(20)])
    imports.run_import(path, actor=COMMAND, progress=seen.append)
    assert [told.phase for told in seen] == sorted(
        (told.phase for told in seen), key=list(ImportPhase).index
    )
    shares = [told.share for told in seen]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert seen[-1].seconds_left == pytest.approx(0, abs=1e-6)
    assert seen[-1].rate > 0


def test_an_import_in_the_background_can_be_come_back_to(
    sqlite_database: str, tmp_path: Path, make_actor: MakeActor
) -> None:
    organizer = make_actor(Role.ORGANIZER)
    path = write_register(tmp_path / "upload", [person(n) for n in range(20)])
    imports.start_import(path, actor=organizer, file_name="register.csv")
    for thread in threading.enumerate():
        if thread.name == "register import":
            thread.join()
    job = imports.current_job(organizer.account_id)
    assert job is not None
    assert job.outcome is not None
    assert counts(job.outcome) == (20, 20, 0, 0, 0)
    assert not path.exists()
    assert imports.current_job(organizer.account_id + 1) is None


def test_the_audit_log_holds_counts_and_no_person(session: Session, tmp_path: Path) -> None:
    taken_in(session, write_register(tmp_path / "r.csv", [person(1)]))
    details = session.execute(
        text("SELECT details FROM audit_entry WHERE act = 'import_members'")
    ).scalar_one()
    assert json.loads(details)["new"] == 1
    assert person(1)["iin"] not in details


def test_statuses_are_written_in_any_case(session: Session, tmp_path: Path) -> None:
    taken_in(session, write_register(tmp_path / "r.csv", [person(1, status="Excluded")]))
    assert session.exec(select(Member.status)).one() == MemberStatus.EXCLUDED.value
