"""4 October 23:59:59: no road reveals the result. 5 October 00:00:00: everybody sees it."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.primary import service as primary
from core.results.canvass import read_totals
from core.results.publication import NotPublished, Published, published_bundle
from core.staff.rules import Actor
from core.voting import queries as voting
from core.voting.casting import Accepted
from portal.app import app
from tests.conftest import MakeActor
from tests.stories.autumn import (
    EXTENDED,
    PRIMARY,
    PUBLICATION,
    Autumn,
    Voter,
    announce,
    at,
    candidate_ids,
    count_and_canvass,
    day,
    gather,
    make_ready,
    shuffled,
)

LAST_SECOND = day(4, 10, hour=23, minute=59, second=59)
SERIKOVA, AKHMETOV = 19, 6


@pytest.fixture
def autumn(database: str, make_actor: MakeActor, tmp_path: Path) -> Autumn:
    """The vote is over, counted and canvassed by two; nothing waits but the instant."""
    told = gather(make_actor, members=25)
    announce(told)
    make_ready(told)
    by_name = candidate_ids()
    choices = shuffled(
        [{"list": [by_name["Серікова"]], "akkol": [by_name["Ким"]]}] * SERIKOVA
        + [{"list": [by_name["Ахметов"]], "akkol": [by_name["Оспанов"]]}] * AKHMETOV
    )
    with at(day(2, 10, hour=20)), unit_of_work() as session:
        primary.extend_voting(
            session,
            PRIMARY,
            actor=told.committee.organizer,
            until=EXTENDED,
            reason="Перегрузка системы",
            now=clock.now(),
        )
    for who, choice in enumerate(choices):
        with at(day(4, 10, hour=9, minute=who)):
            assert isinstance(Voter(told, who, f"198.51.100.{who + 1}").vote(choice), Accepted)
    count_and_canvass(told, tmp_path)
    return told


def asked(path: str) -> tuple[int, str]:
    with TestClient(app, base_url="http://localhost:8502") as client:
        app.state.runtime.election.forget()
        answer = client.get(path)
    return answer.status_code, answer.text


def may_read_totals(actor: Actor) -> bool:
    try:
        with unit_of_work() as session:
            read_totals(session, actor=actor, now=clock.now())
    except Refused:
        return False
    return True


ROADS = (
    "/api/v1/results",
    "/api/v1/results.csv",
    "/api/v1/turnout",
    "/api/v1/primary",
    "/ru/results",
    "/kk/results",
    "/en/results",
    "/ru/",
)


def test_at_the_last_second_no_road_reveals_a_total(autumn: Autumn) -> None:
    ids = candidate_ids()
    with at(LAST_SECOND):
        with reading() as session:
            assert published_bundle(session, clock.now()) == NotPublished(PUBLICATION)
            assert voting.turnout(session, PRIMARY).votes == SERIKOVA + AKHMETOV
        for road in ROADS:
            _status, text = asked(road)
            assert not [name for name in (*ids, *ids.values()) if name in text], road
        status, text = asked("/api/v1/results")
        problem = json.loads(text)
        assert status == 403
        assert problem["code"] == "not_published"
        assert problem["available_at"] == "2020-10-04T18:00:00+00:00"
        committee = autumn.committee
        for actor in (committee.organizer, committee.operator, *committee.trustees):
            assert not may_read_totals(actor)
        assert may_read_totals(committee.canvassers[0])


def test_at_the_instant_everybody_sees_the_same(autumn: Autumn) -> None:
    ids = candidate_ids()
    with at(PUBLICATION):
        with reading() as session:
            assert isinstance(published_bundle(session, clock.now()), Published)
        status, text = asked("/api/v1/results")
        assert status == 200
        contests = {each["id"]: each for each in json.loads(text)["results"]["contests"]}
        votes = {line["id"]: line["votes"] for line in contests["list"]["candidates"]}
        assert votes[ids["Серікова"]] == SERIKOVA
        assert contests["list"]["ballots"] == SERIKOVA + AKHMETOV
        status, text = asked("/ru/results/list")
        assert status == 200
        assert "Серікова" in text


def test_a_vote_at_the_new_closing_instant_is_too_late(autumn: Autumn) -> None:
    del autumn
    with at(EXTENDED):
        status, text = asked("/api/v1/primary")
    assert status == 200
    assert json.loads(text)["voting_open"] is False
