"""From the close to a recorded count, and everything on that way that is refused."""

import json
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import delete, update
from sqlmodel import select

from core.audit.models import AuditEntry
from core.database import reading, unit_of_work
from core.errors import Refused
from core.primary.models import Contest, Primary
from core.results import carrying
from core.results.bundle import canonical
from core.results.canvass import read_totals
from core.results.counting import import_count
from core.results.export import record_export, write_sealed_export
from core.results.exportfile import check_export
from core.results.models import ContestTotal, CountImport, RecordedCount, SealedExport
from core.results.opening import as_document, count_export
from core.results.resultfile import seal_result
from core.results.rules import ImportOutcome, ResultsRefusal
from core.results.shares import rebuild_key
from core.staff.rules import Role, StaffRefusal
from core.voting.closing import LAST_CASTS, close_vote
from core.voting.models import Ballot
from core.voting.rules import VotingRefusal
from tests.results.election import (
    BLANK,
    CLOSES,
    COUNTING,
    PRIMARY,
    VOTES,
    bring_to_counted,
    cast,
    cast_all,
    count,
    prepare,
    take_out,
)


def refused(act):
    with pytest.raises(Refused) as caught:
        act()
    return caught.value


def test_every_cast_ballot_is_exported_counted_and_recorded(database, make_actor, tmp_path):
    election = bring_to_counted(make_actor, tmp_path)
    with unit_of_work() as session:
        totals = read_totals(session, actor=election.canvassers[0], now=COUNTING).totals
    assert totals["national"]["votes"] == VOTES
    assert totals["national"]["blank"] == BLANK
    assert totals["national"]["ballots"] == sum(VOTES.values()) - 40 + BLANK
    assert totals["small"]["votes"] == {"SML00001": 6, "SML00002": 3}


def test_the_export_is_the_same_again_and_holds_no_order_or_voter(database, make_actor, tmp_path):
    election = prepare(make_actor)
    cast_all(election)
    one, again = tmp_path / "one", tmp_path / "again"
    take_out(election, one)
    take_out(election, again)
    assert one.read_bytes() == again.read_bytes()
    lines = one.read_bytes().splitlines()
    assert set(json.loads(lines[0])) == {
        "format",
        "primary",
        "ceremony",
        "transport_key",
        "contests",
    }
    assert {len(line) for line in lines if not line.startswith(b"{")} == {324}


def test_ballots_come_out_only_after_the_close(sqlite_database, make_actor):
    election = prepare(make_actor)
    for early in (CLOSES - timedelta(seconds=1), CLOSES + LAST_CASTS - timedelta(seconds=1)):
        found = refused(
            lambda early=early: carrying.take_out(BytesIO(), actor=election.organizer, now=early)
        )
        assert found.code is ResultsRefusal.VOTING_NOT_CLOSED
        assert found.facts == {"available_at": CLOSES + LAST_CASTS}
    carrying.take_out(BytesIO(), actor=election.organizer, now=CLOSES + LAST_CASTS)


@pytest.mark.parametrize("change", ["more", "fewer", "another", "altered"])
def test_ballots_that_are_not_those_of_the_board_are_not_counted(
    database, make_actor, tmp_path, change
):
    election = prepare(make_actor)
    cast_all(election)
    take_out(election, tmp_path / "ballots")
    with unit_of_work() as session:
        ballot = session.exec(select(Ballot).limit(1)).one()
        if change == "altered":
            ballot.sealed = ballot.sealed[::-1]
            session.add(ballot)
        elif change != "more":
            session.delete(ballot)
    if change in {"more", "another"}:
        cast(election, [("small", ["SML00001"])])
    found = refused(lambda: take_out(election, tmp_path / "again"))
    assert found.code is ResultsRefusal.BALLOTS_DIFFER_FROM_BOARD


def test_an_export_that_differs_from_the_recorded_one_is_refused(
    sqlite_database, make_actor, tmp_path
):
    election = prepare(make_actor)
    cast_all(election)
    take_out(election, tmp_path / "ballots")
    with unit_of_work() as session:
        session.execute(update(Contest).values(max_choices=3))
    found = refused(lambda: take_out(election, tmp_path / "again"))
    assert found.code is ResultsRefusal.BALLOTS_CHANGED


def test_ballots_leave_only_after_they_were_rewritten(sqlite_database, make_actor):
    election = prepare(make_actor)
    cast_all(election)
    with reading() as session:
        found = refused(
            lambda: write_sealed_export(session, BytesIO(), actor=election.organizer, now=COUNTING)
        )
    assert found.code is VotingRefusal.BALLOTS_NOT_REWRITTEN


def test_a_second_count_confirms_when_it_is_the_same_and_is_refused_when_it_differs(
    database, make_actor, tmp_path
):
    election = bring_to_counted(make_actor, tmp_path)
    data = (tmp_path / "result.json").read_bytes()
    again = count(election, tmp_path / "ballots.jsonl")
    assert again == data
    imported = carrying.bring_in(again, actor=election.organizer, now=COUNTING)
    assert imported.outcome is ImportOutcome.CONFIRMED
    assert imported.first_at == COUNTING

    exported = check_export(tmp_path / "ballots.jsonl")
    secret = rebuild_key(election.held.shares[1:], public=exported.header.public)
    rules = {contest.id: contest for contest in exported.header.contests}
    other = as_document(count_export(exported, secret), rules)
    moved = next(entry for entry in other if entry["contest"] == "small")
    moved["opened"] = [[["SML00001"], 5], [["SML00002"], 4]]
    moved["votes"] = {"SML00001": 5, "SML00002": 4}
    found = refused(
        lambda: carrying.bring_in(
            seal_result(other, exported, secret), actor=election.organizer, now=COUNTING
        )
    )
    assert found.code is ResultsRefusal.SECOND_COUNT_DIFFERS
    with unit_of_work() as session:
        outcomes = [row.outcome for row in session.exec(select(CountImport)).all()]
        acts = [row.act for row in session.exec(select(AuditEntry)).all()]
        totals = read_totals(session, actor=election.canvassers[0], now=COUNTING).totals
    assert outcomes == ["recorded", "confirmed"]
    assert "refuse_differing_count" in acts
    assert totals["small"]["votes"] == {"SML00001": 6, "SML00002": 3}


def test_a_result_that_belongs_elsewhere_or_was_altered_is_refused(
    sqlite_database, make_actor, tmp_path
):
    election = bring_to_counted(make_actor, tmp_path)
    data = (tmp_path / "result.json").read_bytes()
    given = json.loads(data)
    alterations = {
        ResultsRefusal.RESULT_OF_ANOTHER_PRIMARY: {"primary": "spring-2021"},
        ResultsRefusal.RESULT_OF_ANOTHER_EXPORT: {"export_digest": "0" * 64},
        ResultsRefusal.RESULT_NOT_SIGNED_BY_KEY: {"sealed": given["sealed"][:-8] + "AAAAAAA="},
    }
    for code, alteration in alterations.items():
        altered = canonical(given | alteration) + b"\n"
        found = refused(
            lambda altered=altered: carrying.bring_in(
                altered, actor=election.organizer, now=COUNTING
            )
        )
        assert found.code is code
    found = refused(lambda: carrying.bring_in(b"no result", actor=election.organizer, now=COUNTING))
    assert found.code is ResultsRefusal.RESULT_DAMAGED


def test_a_result_for_the_same_export_by_another_key_is_refused(
    sqlite_database, make_actor, tmp_path
):
    election = bring_to_counted(make_actor, tmp_path)
    exported = check_export(tmp_path / "ballots.jsonl")
    forger = rebuild_key(election.rehearsal.shares, public=election.rehearsal.public)
    forged = seal_result([], exported, forger)
    found = refused(lambda: carrying.bring_in(forged, actor=election.organizer, now=COUNTING))
    assert found.code is ResultsRefusal.RESULT_NOT_SIGNED_BY_KEY


def test_a_count_that_leaves_a_contest_out_is_refused(sqlite_database, make_actor, tmp_path):
    election = prepare(make_actor)
    cast_all(election)
    take_out(election, tmp_path / "ballots")
    exported = check_export(tmp_path / "ballots")
    secret = rebuild_key(election.held.shares, public=exported.header.public)
    rules = {contest.id: contest for contest in exported.header.contests}
    short = as_document(count_export(exported, secret), rules)[:1]
    found = refused(
        lambda: carrying.bring_in(
            seal_result(short, exported, secret), actor=election.organizer, now=COUNTING
        )
    )
    assert found.code is ResultsRefusal.RESULT_DOES_NOT_ADD_UP
    assert found.facts == {"contest": "small"}


def test_nothing_is_brought_in_before_an_export(sqlite_database, make_actor, tmp_path):
    election = bring_to_counted(make_actor, tmp_path)
    data = (tmp_path / "result.json").read_bytes()
    with unit_of_work() as session:
        for table in (RecordedCount, CountImport, ContestTotal, SealedExport):
            session.execute(delete(table))
    found = refused(lambda: carrying.bring_in(data, actor=election.organizer, now=COUNTING))
    assert found.code is ResultsRefusal.NOT_EXPORTED


def test_stored_totals_have_one_length_and_are_bound_to_their_contest(
    sqlite_database, make_actor, tmp_path
):
    election = bring_to_counted(make_actor, tmp_path)
    with unit_of_work() as session:
        stored = session.exec(select(ContestTotal)).all()
        assert len({len(row.blob) for row in stored}) == 1
        stored[0].blob, stored[1].blob = stored[1].blob, stored[0].blob
        session.add_all(stored)
    with pytest.raises(Refused), unit_of_work() as session:
        read_totals(session, actor=election.canvassers[0], now=COUNTING)


def test_without_a_ceremony_there_is_nothing_to_export(sqlite_database, make_actor):
    election = prepare(make_actor)
    with unit_of_work() as session:
        row = session.get(Primary, PRIMARY)
        row.public_key = None
        session.add(row)
    found = refused(lambda: carrying.take_out(BytesIO(), actor=election.organizer, now=COUNTING))
    assert found.code is ResultsRefusal.NO_ELECTION_KEY


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ORGANIZER])
def test_other_roles_neither_export_nor_bring_in(sqlite_database, make_actor, tmp_path, role):
    election = prepare(make_actor)
    stranger = make_actor(role)
    close_vote(COUNTING)
    with reading() as session:
        summary = write_sealed_export(session, BytesIO(), actor=election.organizer, now=COUNTING)

    def export():
        with reading() as session:
            write_sealed_export(session, BytesIO(), actor=stranger, now=COUNTING)

    def record():
        with unit_of_work() as session:
            record_export(session, summary, actor=stranger, now=COUNTING)

    def bring_in():
        with unit_of_work() as session:
            import_count(session, b"{}", actor=stranger, now=COUNTING)

    for act in (export, record):
        assert refused(act).code is StaffRefusal.FORBIDDEN
    expected = ResultsRefusal.RESULT_DAMAGED if role is Role.CANVASSER else StaffRefusal.FORBIDDEN
    assert refused(bring_in).code is expected
