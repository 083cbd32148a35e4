"""The results on the public listener: closed to the last second, the same for all from the instant."""

import csv
import json
import re
from datetime import timedelta
from io import StringIO

import pytest
from httpx import Response
from sqlmodel import Session
from starlette.testclient import TestClient

from core import clock
from core.database import unit_of_work
from core.i18n import LOCALES
from core.keyring import signing_public_key
from core.primary.models import Candidate, Primary
from core.results.bundle import is_signed_by
from portal import results
from portal.app import app
from tests.conftest import MakeActor
from tests.results.election import (
    COUNTING,
    INSTANT,
    LAST_SECOND,
    PRIMARY,
    VOTES,
    Election,
    bring_to_counted,
    bring_to_signed,
)

pytestmark = pytest.mark.usefixtures("sqlite_database")
PAGES = [f"/{locale}/results{rest}" for locale in LOCALES for rest in ("", "/national", "/small")]
CALLS = ["/api/v1/results", "/api/v1/results.csv"]


@pytest.fixture
def signed(sqlite_database: str, make_actor: MakeActor, tmp_path) -> Election:
    results._ready.clear()
    return bring_to_signed(make_actor, tmp_path)


def _get(path: str, **headers: str) -> Response:
    client = TestClient(app, base_url="http://localhost:8502", follow_redirects=False)
    return client.get(path, headers=headers)


def test_at_the_last_second_every_call_answers_not_published(signed: Election) -> None:
    with clock.fixed(LAST_SECOND):
        for path in CALLS:
            got = _get(path)
            assert got.status_code == 403
            assert got.headers["content-type"] == "application/problem+json"
            assert got.json()["code"] == "not_published"
            assert got.json()["available_at"] == "2020-10-04T18:00:00+00:00"
            assert got.headers["cache-control"] == "no-store"
            assert "etag" not in got.headers


@pytest.mark.parametrize("path", PAGES)
def test_at_the_last_second_every_page_shows_the_instant_and_nothing_else(
    signed: Election, path: str
) -> None:
    with clock.fixed(LAST_SECOND):
        got = _get(path)
    assert got.status_code == 200
    assert "05.10.2020\u00a000:00" in got.text
    assert got.headers["cache-control"] == "no-store"
    assert "etag" not in got.headers
    for told in ("Серікова", "Ахметов", *(str(votes) for votes in VOTES.values())):
        assert not re.search(rf"(?<!\d){told}(?!\d)", got.text)


def test_at_the_instant_everybody_gets_the_signed_bundle(signed: Election) -> None:
    with clock.fixed(INSTANT):
        got = _get("/api/v1/results")
        assert got.status_code == 200
        assert is_signed_by(got.content, signing_public_key())
        assert got.headers["cache-control"] == "public, no-cache"
        again = _get("/api/v1/results", **{"If-None-Match": got.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = _get("/api/v1/results", **{"Accept-Encoding": "identity"})
        assert plain.content == got.content


def test_an_etag_of_later_opens_nothing_earlier(signed: Election) -> None:
    with clock.fixed(INSTANT):
        etags = {path: _get(path).headers["etag"] for path in (*CALLS, "/ru/results")}
    with clock.fixed(LAST_SECOND):
        for path, etag in etags.items():
            got = _get(path, **{"If-None-Match": etag})
            assert got.status_code == (403 if path in CALLS else 200)
            assert "Ахметов" not in got.text


@pytest.mark.parametrize("locale", LOCALES)
def test_a_contest_s_page_shows_three_ratings_with_bars(signed: Election, locale: str) -> None:
    with clock.fixed(INSTANT):
        got = _get(f"/{locale}/results/national")
    assert got.status_code == 200
    assert re.findall(r'<h2 id="(\w+)">', got.text) == [
        "general",
        "women",
        "youth",
    ]
    assert "151" in got.text
    assert '<rect width="100.0" height="9"' in got.text
    assert "style=" not in got.text
    assert "<script>" not in got.text


def test_a_contest_of_fewer_than_ten_ballots_is_withheld(signed: Election) -> None:
    with clock.fixed(INSTANT):
        page = _get("/ru/results/small")
        listed = _get("/ru/results")
        bundle = _get("/api/v1/results").text
    assert "Числа скрыты" in page.text
    assert "Оспан" not in page.text
    assert "SML00001" not in bundle
    assert "скрыто: слишком мало бюллетеней" in listed.text


def test_results_are_searched_by_contest_and_candidate(signed: Election) -> None:
    with clock.fixed(INSTANT):
        assert "/ru/results/national" in _get("/ru/results?q=ахметов").text
        assert "/ru/results/small" not in _get("/ru/results?q=ахметов").text
        assert "/ru/results/small" in _get("/ru/results?q=SMALL").text
        nothing = _get("/ru/results?q=%3Cscript%3Ealert(1)")
    assert "По запросу ничего нет" in nothing.text
    assert "<script>alert" not in nothing.text


def test_an_unknown_contest_is_a_page_of_its_own(signed: Election) -> None:
    with clock.fixed(INSTANT):
        assert _get("/ru/results/none").status_code == 404


def _formula(session: Session) -> None:
    candidate = session.get(Candidate, "NAT00002")
    assert candidate is not None
    candidate.last_name = "=HYPERLINK(1)"
    session.add(candidate)


def test_the_table_holds_every_candidate_and_no_formula(
    sqlite_database: str, make_actor: MakeActor, tmp_path
) -> None:
    from tests.results.election import sign_by_both

    election = bring_to_counted(make_actor, tmp_path)
    with unit_of_work() as session:
        _formula(session)
    sign_by_both(election)
    with clock.fixed(INSTANT):
        got = _get("/api/v1/results.csv?locale=ru")
    assert got.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(StringIO(got.text.removeprefix("\ufeff")), delimiter=";"))
    names = {row[3] for row in rows[1:]}
    assert {"'=HYPERLINK(1) Имя", "Иванова Имя", "Ли Имя", "Серікова Имя"} <= names
    assert {str(votes) for votes in VOTES.values()} <= {row[7] for row in rows[1:]}
    assert not [cell for row in rows for cell in row if cell.startswith("=")]


@pytest.mark.parametrize("asked", ["%0d%0aSet-Cookie:%20a=b", "%D0%B8", "de"])
def test_a_strange_language_of_the_table_reaches_no_header(
    sqlite_database: str, make_actor: MakeActor, tmp_path, asked: str
) -> None:
    from tests.results.election import sign_by_both

    sign_by_both(bring_to_counted(make_actor, tmp_path))
    with clock.fixed(INSTANT):
        got = _get(f"/api/v1/results.csv?locale={asked}")
    assert got.status_code == 200
    assert got.headers["etag"].endswith('-ru"')


def test_late_results_say_so_and_show_nothing(
    sqlite_database: str, make_actor: MakeActor, tmp_path
) -> None:
    bring_to_counted(make_actor, tmp_path)
    with clock.fixed(INSTANT + timedelta(hours=1)):
        got = _get("/ru/results")
        assert "Итоги задерживаются" in got.text
        assert _get("/api/v1/results").status_code == 403


def test_without_a_primary_nothing_is_promised(sqlite_database: str) -> None:
    with clock.fixed(COUNTING):
        assert "День публикации ещё не назначен" in _get("/ru/results").text
        assert _get("/api/v1/results").json()["available_at"] is None


def test_a_postponed_publication_closes_every_road_again(signed: Election) -> None:
    with clock.fixed(INSTANT):
        assert _get("/api/v1/results").status_code == 200
    with unit_of_work() as session:
        primary = session.get(Primary, PRIMARY)
        assert primary is not None
        primary.publication = INSTANT + timedelta(days=1)
        session.add(primary)
    with clock.fixed(INSTANT):
        assert _get("/api/v1/results").status_code == 403
        assert "Ахметов" not in _get("/ru/results").text


def test_the_description_of_the_api_names_the_results() -> None:
    paths = json.loads(_get("/api/v1/openapi.json").content)["paths"]
    assert "/api/v1/results" in paths
