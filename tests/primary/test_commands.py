"""The commands of the primary, through the command line."""

import json
from pathlib import Path

import pytest

from core import clock, keyring
from core.__main__ import main
from core.database import unit_of_work
from core.primary import queries
from core.settings import settings
from core.staff.rules import Role
from tests.conftest import MakeActor
from tests.primary.conftest import CANDIDATES, CONTESTS, PRIMARY, SEALING, add_member, make_primary


@pytest.fixture
def _primary(sqlite_database: str, make_actor: MakeActor) -> None:
    with unit_of_work() as session:
        make_primary(session, make_actor(Role.ORGANIZER, session=session))


@pytest.mark.usefixtures("_primary")
def test_files_come_in_and_the_report_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contests, candidates = tmp_path / "contests.csv", tmp_path / "candidates.csv"
    contests.write_bytes(CONTESTS)
    candidates.write_bytes(CANDIDATES + "nowhere,А,Б,,1980-01-01,f,,,\n".encode())
    assert main(["import", "contests", str(contests), "--json"]) == 0
    capsys.readouterr()
    report = tmp_path / "report.csv"
    assert main(["import", "candidates", str(candidates), "--report", str(report), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts == {"read": 4, "new": 3, "changed": 0, "same": 0, "refused": 1}
    lines = report.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "row,column,code,message"
    assert lines[1].startswith("5,contest_code,unknown_contest,")


@pytest.mark.usefixtures("_primary")
def test_the_roll_is_sealed_and_its_digest_found_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with unit_of_work() as session:
        add_member(session, 1)
    with clock.fixed(SEALING):
        assert main(["seal-roll", "--json"]) == 0
        sealed = json.loads(capsys.readouterr().out)
        assert sealed["voters"] == 1
        assert main(["roll-digest", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["digest"] == sealed["digest"]
        assert main(["seal-roll", "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"] == "roll_sealed"


@pytest.mark.usefixtures("_primary")
def test_keys_are_backed_up_and_the_backup_is_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "backup"
    assert main(["backup-keys", str(folder), "--json"]) == 0
    capsys.readouterr()
    copy = folder / f"digest-{PRIMARY}"
    assert copy.read_bytes() == keyring.digest_key(PRIMARY)
    assert copy.stat().st_mode & 0o077 == 0
    assert main(["test-key-backup", str(copy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matches"] is True
    with unit_of_work() as session:
        done = {item.key.value for item in queries.readiness(session, PRIMARY) if item.is_done}
    assert "key_backup_tested" in done
    assert main(["backup-keys", str(settings().key_dir), "--json"]) == 2
