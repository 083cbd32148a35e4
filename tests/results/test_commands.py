"""The whole way by the command line, as it is gone between server and offline machine."""

import json
import resource
from base64 import b64encode

import pytest

from core import clock
from core.__main__ import main
from core.database import unit_of_work
from core.errors import Refused
from core.results import onestep
from core.results.canvass import read_totals
from core.results.rules import ResultsRefusal
from core.results.shares import rebuild_key, share_fingerprint
from core.settings import settings
from core.staff.rules import Role
from tests.results.election import BEFORE, COUNTING, VOTES, cast_all, prepare


def run(capsys, *arguments):
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def election(sqlite_database, make_actor):
    found = prepare(make_actor)
    cast_all(found)
    return found


def test_a_ceremony_prints_a_sheet_a_trustee_and_writes_no_word_to_a_file(
    sqlite_database, capsys, tmp_path
):
    public = tmp_path / "ceremony.json"
    assert (
        main(["ceremony", "--trustees", "5", "--threshold", "3", "--public-file", str(public)]) == 0
    )
    sheets = capsys.readouterr().out.split("\f")[:5]
    document = json.loads(public.read_text())
    for sheet, fingerprint in zip(sheets, document["fingerprints"], strict=True):
        words = [part for part in sheet.split() if part.isascii() and part.isalpha()][-33:]
        assert share_fingerprint(" ".join(words)) == fingerprint
        assert not set(words) & set(public.read_text().split('"'))
    assert public.stat().st_mode & 0o777 == 0o600


def test_a_ceremony_of_an_impossible_size_is_refused_with_a_sentence(
    sqlite_database, capsys, tmp_path
):
    code, answer = run(
        capsys, "ceremony", "--trustees", 2, "--threshold", 3, "--public-file", tmp_path / "c"
    )
    assert (code, answer["error"]) == (2, "ceremony_size")
    assert "2" in answer["message"]
    assert not (tmp_path / "c").exists()


def test_export_count_import_by_command(election, capsys, tmp_path):
    ballots, result, shares = (tmp_path / name for name in ("b.jsonl", "r.json", "shares.txt"))
    shares.write_text("# three\n\n" + "\n".join(election.held.shares))
    with clock.fixed(COUNTING):
        code, answer = run(capsys, "export-sealed", ballots)
        assert (code, answer["contests"]) == (0, 2)
        code, answer = run(capsys, "count", ballots, "--out", result, "--shares", shares)
        assert code == 0
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
        code, answer = run(capsys, "import-count", result)
        assert (code, answer["outcome"]) == (0, "recorded")
        code, answer = run(capsys, "import-count", result)
        assert (code, answer["outcome"]) == (0, "confirmed")
        with unit_of_work() as session:
            view = read_totals(session, actor=election.canvassers[0], now=COUNTING)
    assert view.totals["national"]["votes"] == VOTES
    written = b"".join(
        path.read_bytes() for path in tmp_path.iterdir() if path.is_file() and path != shares
    )
    assert not [share for share in election.held.shares if share.encode() in written]
    secret = rebuild_key(election.held.shares, public=election.held.public)
    stored = b"".join(
        path.read_bytes() for path in settings().data_dir.rglob("*") if path.is_file()
    )
    for spelled in (
        secret,
        secret.hex().encode(),
        b64encode(secret),
        str(int.from_bytes(secret)).encode(),
    ):
        assert spelled not in written + stored


def test_trustees_type_their_words_and_a_mistake_is_asked_again(
    election, capsys, tmp_path, monkeypatch
):
    ballots, result = tmp_path / "b.jsonl", tmp_path / "r.json"
    one, other = election.held.shares[:2]
    typed = iter([one, one, election.rehearsal.shares[0], other + " extra", other.upper()])
    monkeypatch.setattr("builtins.input", lambda _prompt: next(typed))
    with clock.fixed(COUNTING):
        run(capsys, "export-sealed", ballots)
        assert main(["count", str(ballots), "--out", str(result)]) == 0
    told = capsys.readouterr().err
    assert "та же" in told
    assert "другой церемонии" in told
    assert not [word for word in other.split() if f" {word} " in told]
    assert next(typed, None) is None
    assert result.exists()


def test_too_few_shares_open_nothing(election, capsys, tmp_path):
    ballots, shares = tmp_path / "b.jsonl", tmp_path / "shares.txt"
    shares.write_text(election.held.shares[0])
    with clock.fixed(COUNTING):
        run(capsys, "export-sealed", ballots)
        code, answer = run(capsys, "count", ballots, "--out", tmp_path / "r", "--shares", shares)
    assert (code, answer["error"]) == (2, "too_few_shares")
    assert not (tmp_path / "r").exists()


def test_an_export_before_the_close_leaves_no_file(election, capsys, tmp_path):
    with clock.fixed(BEFORE):
        code, answer = run(capsys, "export-sealed", tmp_path / "b.jsonl")
    assert (code, answer["error"]) == (2, "voting_not_closed")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_missing_file_is_a_sentence(sqlite_database, capsys, tmp_path):
    for command in (
        ["install-key", tmp_path / "none"],
        ["import-count", tmp_path / "none"],
        ["count", tmp_path / "none", "--out", tmp_path / "out"],
    ):
        code, answer = run(capsys, *command)
        assert (code, answer["error"]) == (2, "file_unreadable")
        assert "none" in answer["message"]


def test_the_key_is_taken_in_by_command(election, capsys, tmp_path):
    public = tmp_path / "ceremony.json"
    run(capsys, "ceremony", "--trustees", 4, "--threshold", 2, "--public-file", public)
    with clock.fixed(BEFORE):
        code, answer = run(capsys, "install-key", public)
    assert (code, answer["shares_to_confirm"]) == (0, 4)


def test_one_step_is_for_a_rehearsal_only(election, make_actor, monkeypatch):
    trustee = election.trustees[0]
    with pytest.raises(Refused) as caught:
        onestep.count_in_one_step(election.held.shares, actor=trustee, now=COUNTING)
    assert caught.value.code is ResultsRefusal.REHEARSAL_ONLY


def test_in_a_rehearsal_trustees_count_on_the_server(sqlite_database, make_actor):
    election = prepare(make_actor, rehearsal=True)
    cast_all(election)
    told = []
    imported = onestep.count_in_one_step(
        election.held.shares[1:],
        actor=election.trustees[0],
        now=COUNTING,
        progress=lambda done, total: told.append((done, total)),
    )
    assert imported.contests == 2
    assert told[-1][0] == told[-1][1] == imported.ballots
    with pytest.raises(Refused) as caught:
        onestep.count_in_one_step(
            election.held.shares[1:], actor=make_actor(Role.OBSERVER), now=COUNTING
        )
    assert caught.value.code == "forbidden"


def test_production_refuses_shares_from_a_file_and_the_one_step(
    sqlite_database, make_actor, capsys, tmp_path, monkeypatch
):
    election = prepare(make_actor, rehearsal=True)
    shares = tmp_path / "shares.txt"
    shares.write_text("\n".join(election.held.shares))
    with clock.fixed(COUNTING):
        run(capsys, "export-sealed", tmp_path / "b.jsonl")
    monkeypatch.setattr(type(settings()), "is_production", True)
    code, answer = run(
        capsys, "count", tmp_path / "b.jsonl", "--out", tmp_path / "r", "--shares", shares
    )
    assert (code, answer["error"]) == (2, "rehearsal_only")
    with pytest.raises(Refused) as caught:
        onestep.count_in_one_step(election.held.shares, actor=election.trustees[0], now=COUNTING)
    assert caught.value.code is ResultsRefusal.REHEARSAL_ONLY
