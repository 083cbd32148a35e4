"""Candidates for everybody: lists without a first place, pages of one shape, photos by digest."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from unittest.mock import patch

import pytest
from httpx import Response
from sqlalchemy import insert
from starlette.testclient import TestClient

from core import clock
from core.database import unit_of_work
from core.i18n import LOCALES
from core.primary.models import Candidate, CandidatePage, CandidatePhoto, Contest
from core.primary.photos import read_photo
from portal import candidates
from portal.app import app
from tests.portal.test_site import _Page
from tests.primary.test_photos import picture
from tests.voting import polls
from tests.voting.polls import DISTRICT, NOON, PRIMARY, REGION, Poll

PHOTO = read_photo(picture())
LINK = "https://example.kz/me"


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


@pytest.fixture
def poll(sqlite_database: str) -> Poll:
    """Four candidates each in two contests; the first of them has a page."""
    del sqlite_database
    return _opened()


def _opened() -> Poll:
    opened = polls.open_poll()
    with unit_of_work() as session:
        session.add(CandidatePhoto(digest=PHOTO.digest, content=PHOTO.content, small=PHOTO.small))
        session.flush()
        session.add(
            CandidatePage(
                candidate_id="cand0000",
                programme_ru="Первое <b>слово</b>.\nВторое слово.",
                links=[LINK],
                photo=PHOTO.digest,
                changed_at=NOON,
                changed_by=1,
            )
        )
    return opened


def _get(path: str, **headers: str) -> Response:
    client = TestClient(app, base_url="http://localhost:8502", follow_redirects=False)
    return client.get(path, headers=headers)


def _order(html: str) -> list[str]:
    return re.findall(r'data-id="(\w+)"', html)


def _cancel(candidate: str) -> None:
    with unit_of_work() as session:
        session.get_one(Candidate, candidate).status = "cancelled"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_way_leads_from_the_contests_to_everybodys_page(database: str, locale: str) -> None:
    _opened()
    index = _get(f"/{locale}/candidates")
    assert f'href="/{locale}/candidates/contest-0"' in index.text
    contest = _get(f"/{locale}/candidates/contest-0")
    assert sorted(_order(contest.text)) == ["cand0000", "cand0001", "cand0002", "cand0003"]
    for candidate in _order(contest.text):
        address = f"/{locale}/candidates/contest-0/{candidate}"
        assert f'href="{address}"' in contest.text
        assert _get(address).status_code == 200
    for got in (index, contest):
        page = _Page(got.text)
        assert page.named("html") == [{"lang": locale}]
        assert len(page.named("h1")) == 1
        assert page.code == ""


def test_a_page_shows_plain_text_with_its_language_and_links_with_their_host(poll: Poll) -> None:
    html = _get("/kk/candidates/contest-0/cand0000").text
    assert '<p lang="ru">Первое &lt;b&gt;слово&lt;/b&gt;.</p>' in html
    assert '<p lang="ru">Второе слово.</p>' in html
    (link,) = [each for each in _Page(html).named("a") if each.get("href") == LINK]
    assert link["rel"] == "noopener noreferrer nofollow"
    assert "<strong>example.kz</strong>/me" in html
    assert f"/photos/{PHOTO.digest}.jpg" in html


def test_who_gave_nothing_has_a_page_of_the_same_shape(poll: Poll) -> None:
    full = _Page(_get("/ru/candidates/contest-0/cand0000").text)
    empty = _Page(_get("/ru/candidates/contest-0/cand0001").text)
    assert [tag for tag, _given in full.elements if tag == "h2"] == [
        tag for tag, _given in empty.elements if tag == "h2"
    ]

    def boxes(page: _Page) -> list[tuple[str | None, str | None]]:
        return [
            (given.get("width"), given.get("height"))
            for tag, given in page.elements
            if tag in {"img", "svg"} and given.get("class") == "photo"
        ]

    assert boxes(full) == boxes(empty) == [("400", "500")]
    listed = _Page(_get("/ru/candidates/contest-0").text)
    assert boxes(listed) == [("112", "140")] * 4


def test_a_list_keeps_its_order_for_two_seconds_and_favours_nobody_over_time(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_random", Random(2020))
    orders = []
    for drawing in range(200):
        with clock.fixed(NOON + timedelta(seconds=3 * drawing)):
            html = _get("/ru/candidates/contest-0").text
            assert _get("/ru/candidates/contest-0").text == html
            orders.append(_order(html))
    first = Counter(order[0] for order in orders)
    assert set(first) == set(orders[0])
    assert all(30 <= times <= 75 for times in first.values())


def test_a_rush_on_one_contest_reads_the_database_once(poll: Poll) -> None:
    with patch.object(candidates.queries, "standing", wraps=candidates.queries.standing) as read:
        answers = [_get("/ru/candidates/contest-1") for _visitor in range(20)]
        assert read.call_count == 1
    assert {got.headers["cache-control"] for got in answers} == {"public, max-age=60"}
    assert not [got for got in answers if "set-cookie" in got.headers]


def test_a_search_finds_candidates_contests_and_places(poll: Poll) -> None:
    assert _order(_get("/ru/candidates?q=кандидат3").text) == ["cand0003"]
    assert set(_order(_get("/ru/candidates?q=имя").text)) == {f"cand{n:04d}" for n in range(8)}
    assert "Список 1" in _get("/ru/candidates?q=список+1").text
    assert "candidates/contest-1" in _get("/ru/candidates?q=акмолинская").text
    nobody = _get("/en/candidates?q=<script>alert(1)</script>").text
    assert "No candidate is called so." in nobody
    assert "<script>alert" not in nobody


def test_a_name_that_too_many_bear_shows_nobody_rather_than_the_first(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "FOUND_MOST", 7)
    html = _get("/en/candidates?q=имя").text
    assert _order(html) == []
    assert "8 candidates are called so" in html


def test_where_contests_are_many_the_page_lists_regions_and_stays_light(
    poll: Poll,
) -> None:
    with unit_of_work() as session:
        session.execute(
            insert(Contest),
            [
                {
                    "id": f"seat-{number}",
                    "primary_id": PRIMARY,
                    "title_ru": f"Округ № {number}",
                    "title_kk": f"№ {number} округ",
                    "title_en": f"Seat {number}",
                    "place_code": DISTRICT,
                    "seats": 1,
                    "max_choices": 1,
                    "size": 128,
                }
                for number in range(150)
            ],
        )
    whole = _get("/ru/candidates").text
    assert "candidates/contest-0" in whole  # the national ones stand there at once
    assert "candidates/seat-7" not in whole
    assert f'href="/ru/candidates?region={REGION}"' in whole
    region = _get(f"/ru/candidates?region={REGION}").text
    assert "candidates/seat-7" in region
    assert "candidates/contest-0" not in region
    assert "Подходят ещё 50 голосований" in _get("/ru/candidates?q=округ").text
    for got in (whole, region):
        assert len(got.encode()) < 70_000
    assert _get("/ru/candidates?region=nowhere").status_code == 404


def test_a_cancelled_candidate_leaves_the_lists_and_keeps_a_page_that_says_so(poll: Poll) -> None:
    _cancel("cand0000")
    assert "cand0000" not in _get("/ru/candidates/contest-0").text
    assert "cand0000" not in _order(_get("/ru/candidates?q=кандидат0").text)
    page = _get("/en/candidates/contest-0/cand0000").text
    assert "registration of this candidate has been cancelled" in page
    assert "слово" not in page
    assert PHOTO.digest not in page


@pytest.mark.parametrize(
    "path",
    [
        "/ru/candidates/nothing",
        "/ru/candidates/contest-0/NOBODY00",
        "/ru/candidates/contest-1/cand0000",
        "/ru/candidates/contest-0/cand0000/more",
    ],
)
def test_what_does_not_exist_is_a_page_that_says_so(poll: Poll, path: str) -> None:
    got = _get(path)
    assert got.status_code == 404
    assert got.headers["cache-control"] == "no-store"


def test_without_a_primary_nobody_stands(sqlite_database: str) -> None:
    del sqlite_database
    for path in ("", "/contest-0", "/contest-0/cand0000"):
        assert "No primary is being held now" in _get(f"/en/candidates{path}").text


def test_a_photo_is_served_by_its_digest_and_kept_for_ever(poll: Poll) -> None:
    for name, content in (("", PHOTO.content), ("-small", PHOTO.small)):
        got = _get(f"/photos/{PHOTO.digest}{name}.jpg")
        assert got.content == content
        assert got.headers["content-type"] == "image/jpeg"
        assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name", [f"{'0' * 64}.jpg", "x.jpg", f"{'0' * 64}.png", f"{PHOTO.digest}.jpg.jpg"]
)
def test_no_other_name_is_a_photo(poll: Poll, name: str) -> None:
    got = _get(f"/photos/{name}")
    assert got.status_code == 404
    assert "immutable" not in got.headers.get("cache-control", "")


def test_the_pages_of_candidates_are_light(poll: Poll) -> None:
    for path in ("", "/contest-0", "/contest-0/cand0000"):
        html = _get(f"/kk/candidates{path}").text
        shown = re.findall(r'src="(/photos/[^"]+)"', html)
        weight = len(html.encode()) + sum(len(_get(address).content) for address in shown)
        assert weight < 60_000  # the stylesheet and the script take under 20,000 more
