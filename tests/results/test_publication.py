"""Nothing about votes for candidates leaves before the instant; at the instant everything does."""

import json
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import inspect, text
from sqlmodel import select

from core import clock
from core.audit.models import AuditEntry
from core.database import engine, reading, unit_of_work
from core.errors import Refused
from core.keyring import signing_public_key
from core.primary import queries as primaries
from core.results import queries
from core.results.bundle import is_signed_by
from core.results.canvass import read_totals, sign_canvass
from core.results.publication import NotPublished, Published, preview_document, published_bundle
from core.results.rules import ResultsRefusal, Step
from core.settings import settings
from core.staff import second_factor
from core.staff.models import AccountMaking
from core.staff.rules import Role, StaffRefusal
from tests.results.election import (
    BLANK,
    COUNTING,
    INSTANT,
    LAST_SECOND,
    VOTES,
    bring_to_counted,
    bring_to_signed,
    cast_all,
    prepare,
    sign_by_both,
)


def gate(now):
    with reading() as session:
        return published_bundle(session, now)


def steps(now):
    with reading() as session:
        primary = primaries.active_primary(session)
        return {line.step: line for line in queries.checklist(session, primary, now)}


def test_at_the_last_second_nobody_and_at_the_instant_everybody_sees_the_results(
    database, make_actor, tmp_path
):
    bring_to_signed(make_actor, tmp_path)
    assert gate(LAST_SECOND) == NotPublished(INSTANT)
    found = gate(INSTANT)
    assert isinstance(found, Published)
    assert is_signed_by(found.bundle, signing_public_key())
    small, national = sorted(
        json.loads(found.bundle)["results"]["contests"], key=lambda each: each["id"], reverse=True
    )
    assert {each["id"]: each["votes"] for each in national["candidates"]} == VOTES
    assert national["blank"] == BLANK
    assert national["ratings"]["general"] == [
        {"place": 1, "candidate": "NAT00001", "votes": 151},
        {"place": 2, "candidate": "NAT00002", "votes": 137},
        {"place": 2, "candidate": "NAT00003", "votes": 137},
        {"place": None, "candidate": "NAT00004", "votes": 59},
    ]
    assert [line["candidate"] for line in national["ratings"]["women"]] == ["NAT00001", "NAT00004"]
    assert [line["candidate"] for line in national["ratings"]["youth"]] == ["NAT00001", "NAT00003"]
    assert small["withheld"]
    assert not {"ballots", "valid", "invalid", "candidates", "ratings"} & small.keys()


def _every_cell():
    names = inspect(engine()).get_table_names()
    with engine().connect() as connection:
        for name in names:
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                for value in row:
                    yield name, value


def test_before_the_instant_no_database_cell_and_no_file_holds_a_total(
    database, make_actor, tmp_path
):
    with clock.fixed(COUNTING):  # at 59 minutes past an hour the log would hold a total
        bring_to_signed(make_actor, tmp_path)
    totals = {str(votes) for votes in VOTES.values()} | {"SML00001", "NAT00001"}
    # The table of candidates holds their identifiers and no votes; a log counts from 0 to its end.
    allowed = {"candidate", "board_leaf", "board_node"}
    for table, value in _every_cell():
        told = bytes(value).decode("latin-1") if isinstance(value, bytes) else str(value)
        if isinstance(value, bytes):
            assert not [each for each in ("votes", "NAT00001", "SML00001") if each in told], table
        elif table not in allowed and value not in (None, ""):
            numbers = set(told.replace('"', " ").replace(":", " ").split())
            assert not totals & numbers, (table, told)
    for path in settings().data_dir.rglob("*"):
        if path.is_file() and "sqlite" not in path.name:
            assert b"NAT00001" not in path.read_bytes(), path
    assert b"NAT00001" not in (tmp_path / "result.json").read_bytes()


def test_the_instant_alone_publishes_nothing_without_the_canvass(
    sqlite_database, make_actor, tmp_path
):
    election = bring_to_counted(make_actor, tmp_path)
    assert gate(INSTANT) == NotPublished(INSTANT, is_late=True)
    with unit_of_work() as session:
        code = election.code(election.canvassers[0], COUNTING)
        assert not sign_canvass(session, actor=election.canvassers[0], code=code, now=COUNTING)
    assert gate(INSTANT) == NotPublished(INSTANT, is_late=True)


def test_the_clock_of_another_zone_does_not_open_the_gate(sqlite_database, make_actor, tmp_path):
    bring_to_signed(make_actor, tmp_path)
    for zone in ("Pacific/Kiritimati", "Asia/Aqtau", "America/Adak"):
        assert isinstance(gate(LAST_SECOND.astimezone(ZoneInfo(zone))), NotPublished)
        assert isinstance(gate(INSTANT.astimezone(ZoneInfo(zone))), Published)


def test_what_was_opened_after_the_instant_is_closed_to_a_clock_set_back(
    sqlite_database, make_actor, tmp_path
):
    bring_to_signed(make_actor, tmp_path)
    assert isinstance(gate(INSTANT), Published)
    assert isinstance(gate(LAST_SECOND), NotPublished)


def test_the_bundle_is_the_same_at_every_reading(database, make_actor, tmp_path):
    bring_to_signed(make_actor, tmp_path)
    assert gate(INSTANT) == gate(INSTANT + timedelta(days=1))


def test_totals_are_for_canvassers_alone_and_each_reading_is_logged(
    sqlite_database, make_actor, tmp_path
):
    election = bring_to_counted(make_actor, tmp_path)

    def readings():
        with reading() as session:
            entries = session.exec(select(AuditEntry).where(AuditEntry.act == "read_totals"))
            return [entry.account_id for entry in entries.all()]

    others = [make_actor(role) for role in Role if role is not Role.CANVASSER]
    for other in [*others, election.organizer, *election.trustees]:
        with pytest.raises(Refused) as caught, unit_of_work() as session:
            read_totals(session, actor=other, now=COUNTING)
        assert caught.value.code is StaffRefusal.FORBIDDEN
    wall = replace(election.canvassers[0], read_only=True)
    with pytest.raises(Refused) as caught, unit_of_work() as session:
        read_totals(session, actor=wall, now=COUNTING)
    assert caught.value.code is StaffRefusal.READ_ONLY_SESSION
    assert readings() == []
    for canvasser in [*election.canvassers, election.canvassers[0]]:
        with unit_of_work() as session:
            read_totals(session, actor=canvasser, now=COUNTING)
    first, second = (canvasser.account_id for canvasser in election.canvassers)
    assert readings() == [first, second, first]


def sign(actor, code, now=COUNTING):
    with unit_of_work() as session:
        return sign_canvass(session, actor=actor, code=code, now=now)


def refused_code(act):
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


def test_two_independent_canvassers_sign_with_their_second_factor(database, make_actor, tmp_path):
    election = bring_to_counted(make_actor, tmp_path)
    first, second = election.canvassers
    assert refused_code(lambda: sign(first, "000000")) is StaffRefusal.SECOND_FACTOR_WRONG
    assert not sign(first, election.code(first, COUNTING))
    later = COUNTING + timedelta(minutes=5)
    assert refused_code(lambda: sign(first, election.code(first, later), later)) is (
        ResultsRefusal.CANVASS_SIGNED_ALREADY
    )
    with unit_of_work() as session:
        session.add(
            AccountMaking(
                account_id=second.account_id, maker_id=first.account_id, kind="reset", at=COUNTING
            )
        )
    assert refused_code(lambda: sign(second, election.code(second, later), later)) is (
        StaffRefusal.NOT_INDEPENDENT
    )
    with clock.fixed(COUNTING):
        third = make_actor(Role.CANVASSER)
    with unit_of_work() as session:
        second_factor.install_secret(session, third.account_id, second_factor.new_secret())
    assert sign(third, election.code(third, later), later)
    assert refused_code(lambda: sign(second, election.code(second, later), later)) is (
        ResultsRefusal.CANVASS_COMPLETE
    )


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CANVASSER])
def test_nobody_else_signs_the_canvass(sqlite_database, make_actor, role):
    prepare(make_actor)
    other = make_actor(role)
    assert refused_code(lambda: sign(other, "123456")) is StaffRefusal.FORBIDDEN


def test_there_is_nothing_to_sign_before_the_count(sqlite_database, make_actor):
    election = prepare(make_actor)
    canvasser = election.canvassers[0]
    assert refused_code(lambda: sign(canvasser, "123456")) is ResultsRefusal.NOT_COUNTED


def test_the_checklist_tells_each_step_with_when_and_who(sqlite_database, make_actor, tmp_path):
    election = bring_to_counted(make_actor, tmp_path)
    found = steps(COUNTING)
    assert [step for step, line in found.items() if line.is_done] == [
        Step.VOTING_CLOSED,
        Step.PROTOCOLS_IN,
        Step.EXPORTED,
        Step.COUNTED,
    ]
    assert found[Step.COUNTED].by == ("Айгуль Организатор",)
    assert found[Step.PUBLISHED].due == INSTANT
    sign_by_both(election)
    found = steps(INSTANT)
    assert found[Step.CANVASSED].by == ("Канвассер 0", "Канвассер 1")
    assert [step for step, line in found.items() if not line.is_done] == [Step.SECOND_COUNT]


def test_before_the_close_no_step_is_done(sqlite_database, make_actor):
    election = prepare(make_actor)
    cast_all(election)
    with clock.fixed(COUNTING - timedelta(hours=2)):
        assert not [line for line in steps(clock.now()).values() if line.is_done]


def test_the_preview_is_invented_and_follows_no_vote(sqlite_database, make_actor, tmp_path):
    def preview():
        with reading() as session:
            primary = primaries.active_primary(session)
            return preview_document(session, primary, now=COUNTING)

    election = prepare(make_actor)
    before = preview()
    cast_all(election)
    assert preview() == before
    national = before["contests"][0]
    assert {each["votes"] for each in national["candidates"]}.isdisjoint(VOTES.values())


def test_the_results_name_turnout_with_its_denominators(sqlite_database, make_actor, tmp_path):
    bring_to_signed(make_actor, tmp_path)
    found = gate(INSTANT)
    assert isinstance(found, Published)
    results = json.loads(found.bundle)["results"]
    assert set(results["turnout"]) == {"on_roll", "registered", "voted", "voted_online"}
    assert [each["name"] for each in results["canvass"]] == ["Канвассер 0", "Канвассер 1"]
    assert results["count"]["openings"] == 1
