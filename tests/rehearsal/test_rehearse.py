"""A rehearsal is a primary like any other: its counters agree, its chain holds, its rules held."""

import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from core import clock
from core.__main__ import main
from core.audit.queries import verify_chain
from core.cases.models import Case, Contact
from core.cases.rules import CaseState
from core.database import reading
from core.errors import Refused
from core.membership import queries as membership
from core.primary import queries as primaries
from core.rehearsal import desk
from core.rehearsal.rules import PRIMARY_ID, RehearsalRefusal, Stage, script
from core.rehearsal.service import Rehearsed, rehearse
from core.results import carrying
from core.results.protocol_queries import protocol_lines
from core.results.publication import NotPublished, published_bundle
from core.results.rules import ProtocolState
from core.settings import settings
from core.staff.models import Account
from core.staff.queries import accounts
from core.staff.rules import Actor, Role
from core.voting import exemption_queries, queries
from core.voting.models import Ballot, Claim, Registration
from tests.conftest import MakeActor

NOW = datetime(2026, 11, 23, 6, 20, tzinfo=UTC)
MEMBERS = 500


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rehearsed(stage: Stage = Stage.VOTING, **more: bool) -> Rehearsed:
    with clock.fixed(NOW):
        return rehearse(MEMBERS, seed=3, stage=stage, **more)


def test_a_vote_that_is_going_on_agrees_with_itself(database: str) -> None:
    done = rehearsed()
    with reading() as session:
        claims = dict(
            session.execute(select(col(Claim.kind), func.count()).group_by(col(Claim.kind))).all()
        )
        ballots = session.execute(select(func.count()).select_from(Ballot)).scalar_one()
        registered = session.execute(select(func.count()).select_from(Registration)).scalar_one()
        turnout = queries.turnout(session, PRIMARY_ID)
        rejections = queries.rejections_total(session, PRIMARY_ID)
        primary = primaries.active_primary(session)
        assert primary is not None
        assert primary.rehearsal
        assert primary.voting_open(NOW)
        states = {CaseState(state) for state in session.execute(select(col(Case.state))).scalars()}
        contacts = session.execute(select(func.count()).select_from(Contact)).scalar_one()
        assert verify_chain(session).fault is None
        roles = {role for view in accounts(session, limit=500)[0] for role in _roles(view)}
        in_force = [
            view.terms.network
            for view in exemption_queries.exemptions(session, PRIMARY_ID, now=NOW)[0]
            if view.in_force(NOW)
        ]
        assert membership.freeze_now(session, NOW) is not None
        assert membership.waiting_applications(session) == 41
    on_paper = done.marked + done.listed
    assert claims == {"address": done.votes, "iin": done.votes + on_paper, "mobile": done.votes}
    assert done.votes == turnout.votes_online > MEMBERS * 0.15
    assert turnout.votes_paper == done.marked > 0
    assert done.listed > 0
    assert turnout.registered == registered >= done.votes
    assert turnout.on_roll == done.on_roll > MEMBERS * 0.8
    assert ballots >= 2 * done.votes
    assert rejections == done.rejections > 0
    assert states == set(CaseState)
    assert contacts == done.contacts
    assert roles == set(Role)
    assert in_force == ["127.0.0.0/8", "::1/128"] or in_force == ["::1/128", "127.0.0.0/8"]


def _roles(view: object) -> set[Role]:
    return {grant.role for grant in view.grants}  # type: ignore[attr-defined]  # an AccountView


def test_the_files_hold_what_a_trainer_needs_and_strictly_no_address_is_exempt(
    sqlite_database: str,
) -> None:
    done = rehearsed(strict_address=True)
    voters, staff = lines(done.folder / "voters.csv"), lines(done.folder / "staff.csv")
    assert len(voters) == done.on_roll - done.votes - done.marked - done.listed
    desks = lines(done.folder / "desks.csv")
    assert list(desks[0]) == ["polling_place", "clerk", "iin"]
    assert {row["clerk"] for row in desks} == {"clerk1"}
    assert list(voters[0]) == ["iin", "mobile", "constituency"]
    assert list(staff[0]) == ["login", "password", "totp_secret", "roles", "place"]
    assert len((done.folder / "shares.txt").read_text().splitlines()) == 5
    with reading() as session:
        wanting = session.execute(
            select(col(Account.login)).where(col(Account.second_factor_required))
        ).scalars()
        assert list(wanting) == ["auditor"]
        without = session.execute(select(func.count()).where(col(Account.totp_secret).is_(None)))
        assert without.scalar_one() == 0
        assert exemption_queries.exemptions(session, PRIMARY_ID, now=NOW) == ((), 0)


def test_the_same_seed_gives_the_same_rehearsal(sqlite_database: str, tmp_path: Path) -> None:
    first = rehearsed().folder
    kept = {path.name: path.read_text() for path in first.glob("*.csv")}
    os.environ["PRIMARIES_DATA_DIR"] = str(tmp_path / "second")
    os.environ["PRIMARIES_DATABASE_URL"] = f"sqlite:///{tmp_path / 'second.sqlite'}"
    settings.cache_clear()
    second = rehearsed().folder
    assert second != first
    assert set(kept) == {"desks.csv", "register.csv", "staff.csv", "voters.csv"}
    for name, text in kept.items():
        assert (second / name).read_text() == text, name


def test_after_the_vote_the_ballots_wait_for_the_count(
    sqlite_database: str, make_actor: MakeActor, tmp_path: Path
) -> None:
    done = rehearsed(Stage.COUNTING)
    with reading() as session:
        primary = primaries.active_primary(session)
        assert primary is not None
        assert not primary.voting_open(NOW)
        assert isinstance(published_bundle(session, NOW), NotPublished)
        turnout = queries.turnout(session, PRIMARY_ID)
        states = {line.state for line in protocol_lines(session, PRIMARY_ID)}
    assert done.marked < turnout.votes_paper <= done.marked + done.listed
    assert states <= {ProtocolState.SEALED, ProtocolState.NOT_NEEDED}
    with (tmp_path / "ballots.jsonl").open("wb") as file:
        summary = carrying.take_out(file, actor=Actor.system("test"), now=NOW)
    assert summary.ballots >= 2 * done.votes > 0
    assert len(summary.protocols) > 2


@pytest.mark.parametrize("stage", list(Stage))
def test_every_script_puts_its_stage_at_the_present(stage: Stage) -> None:
    plan = script(stage, NOW)
    timeline = plan.timeline
    assert plan.closes <= timeline.publication
    assert {
        Stage.ADMISSION: timeline.freeze_start < NOW < timeline.voting_opens,
        Stage.VOTING: timeline.voting_opens < NOW < plan.closes,
        Stage.COUNTING: plan.closes < NOW < timeline.publication,
    }[stage]


class Shortest(Random):
    """Draws the shortest of every span: cases that ended have had as little time as may be."""

    def uniform(self, a: float, b: float) -> float:
        del b
        return a


def test_cases_that_ended_have_had_the_time_that_their_way_takes(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "Random", Shortest)
    rehearsed(Stage.ADMISSION)
    with reading() as session:
        states = session.execute(select(col(Case.state))).scalars().all()
    assert CaseState.WITHDRAWN in states


def is_refused_as(code: RehearsalRefusal, members: int = MEMBERS) -> bool:
    with pytest.raises(Refused) as refused:
        rehearse(members, seed=1)
    return refused.value.code is code


def test_it_is_refused_where_it_could_do_harm(
    sqlite_database: str, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_refused_as(RehearsalRefusal.MEMBERS_OUT_OF_RANGE, members=3)
    make_actor(Role.ORGANIZER)
    assert is_refused_as(RehearsalRefusal.INSTALLATION_IN_USE)
    monkeypatch.setenv("PRIMARIES_SMS_URL", "kannel://us:secret@gateway.example")
    settings.cache_clear()
    assert is_refused_as(RehearsalRefusal.REAL_GATEWAY)
    monkeypatch.setenv("PRIMARIES_ENVIRONMENT", "production")
    monkeypatch.setenv("PRIMARIES_STAFF_URL", "https://staff.example")
    monkeypatch.setenv("PRIMARIES_PUBLIC_URL", "https://vote.example")
    settings.cache_clear()
    assert is_refused_as(RehearsalRefusal.NOT_IN_PRODUCTION)


def test_the_command_tells_where_to_begin_and_a_second_start_finds_what_is_there(
    sqlite_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["rehearse", "--members", "500", "--seed", "3", "--stage", "admission", "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["members"] == 500
    staff = {row["login"]: row["password"] for row in lines(Path(told["files"]) / "staff.csv")}
    assert told["logins"]
    assert told["logins"].items() <= staff.items()
    with reading() as session:
        primary = primaries.active_primary(session)
        assert primary is not None
        assert primary.roll_sealed_at is None
        assert membership.freeze_now(session, clock.now()) is not None
        assert membership.waiting_applications(session) == 41
        assert queries.turnout(session, PRIMARY_ID).votes == 0
    assert main(command) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["already_set_up"] is True
    assert again["logins"] == told["logins"]


def test_the_command_says_in_a_sentence_why_it_refuses(
    sqlite_database: str, make_actor: MakeActor, capsys: pytest.CaptureFixture[str]
) -> None:
    make_actor(Role.ORGANIZER)
    assert main(["rehearse", "--members", "500"]) == 2
    assert "PRIMARIES_DATA_DIR" in capsys.readouterr().err
