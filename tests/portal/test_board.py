"""The public board from outside: calls, proofs, the page, and what a stranger may keep."""

import gzip
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from core import clock
from core.keyring import fingerprint, signing_public_key
from core.settings import settings
from core.voting import board_download
from core.voting.board_file import read_head, read_proof
from core.voting.closing import LAST_CASTS, complete_board
from core.voting.election import CurrentElection
from core.voting.heads import is_signed_by, read_leaf
from core.voting.merkle import is_consistent, is_included, leaf_hash
from core.voting.publishing import KEPT_BACK, Publisher
from core.voting.sealing import group_tracker, tracker_of
from portal.app import app
from tests.voting import polls
from tests.voting.polls import CLOSES, NOON, PRIMARY
from tests.voting.test_board import on_board, publish_all, store

pytestmark = pytest.mark.usefixtures("database")
BASE = "http://localhost:8502"
API = "/api/v1/board"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def cast(database: str) -> list[bytes]:
    """A vote in which 130 ballots are cast in the first contest; gives their SHA-256."""
    del database
    polls.open_poll()
    return store("contest-0", 130)


@pytest.fixture
def stranger(cast: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    del cast
    monkeypatch.setattr("portal.runtime.CurrentElection", partial(CurrentElection, max_age=0))
    with clock.fixed(NOON), TestClient(app, base_url=BASE) as client:
        yield client


def get(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{API}{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_before_the_first_batch_the_board_is_empty(stranger: TestClient) -> None:
    board = get(stranger, "")
    assert board["primary"] == PRIMARY
    assert b64decode(board["public_key"]) == signing_public_key()
    assert board["key_fingerprint"] == fingerprint(signing_public_key())
    assert board["contests"] == [
        {"contest": "contest-0", "head": None},
        {"contest": "contest-1", "head": None},
    ]
    assert get(stranger, "/contest-0") == {
        "contest": "contest-0",
        "head": None,
        "start": 0,
        "leaves": [],
        "next": None,
    }
    assert get(stranger, "/contest-0/heads") == {"contest": "contest-0", "heads": []}


def test_a_stranger_recomputes_the_root_from_pages_of_leaves(
    stranger: TestClient, cast: list[bytes]
) -> None:
    publish_all(Publisher())
    (shown,) = (each for each in get(stranger, "")["contests"] if each["head"])
    head = read_head(shown["head"], primary_id=PRIMARY, contest_id=shown["contest"])
    assert is_signed_by(head, signing_public_key())
    leaves, start = [], 0
    while start is not None:
        page = get(stranger, "/contest-0", start=start, limit=30)
        assert page["head"] == shown["head"]
        assert len(page["leaves"]) <= 30
        leaves += [read_leaf(text) for text in page["leaves"]]
        start = page["next"]
    assert len(leaves) == head.head.size == 130 - KEPT_BACK
    assert set(leaves) <= set(cast)
    from core.voting.merkle import Frontier

    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    assert frontier.root() == head.head.root


def test_a_voter_gets_a_proof_that_holds_without_us(
    stranger: TestClient, cast: list[bytes]
) -> None:
    publish_all(Publisher())
    published = set(on_board("contest-0"))
    for leaf in cast:
        answer = stranger.get(f"{API}/trackers/{group_tracker(tracker_of(leaf)).lower()}")
        assert answer.headers["cache-control"] == "no-store"
        if leaf not in published:
            assert answer.status_code == 202
            assert answer.json() == {"tracker": tracker_of(leaf)}
            continue
        assert answer.status_code == 200
        proof = read_proof(answer.content)
        head = proof.signed.head
        assert (proof.leaf, proof.tracker) == (leaf, tracker_of(leaf))
        assert is_signed_by(proof.signed, proof.public_key)
        assert is_included(leaf_hash(leaf), proof.position, head.size, proof.path, head.root)
    for unknown in ("A" * 26, "ABC", "%20", "1" * 300):
        answer = stranger.get(f"{API}/trackers/{unknown}")
        assert (answer.status_code, answer.json()["code"]) == (404, "tracker_unknown")


def test_old_heads_stay_listed_and_are_proved_to_be_beginnings(stranger: TestClient) -> None:
    publisher = Publisher()
    for batch in range(4):
        publish_all(publisher, NOON + batch * timedelta(minutes=5))
        store("contest-0", 60 + batch)
    listed = get(stranger, "/contest-0/heads")["heads"]
    assert [head["number"] for head in listed] == [1, 2, 3, 4]
    assert get(stranger, "/contest-0/heads", after=3)["heads"] == listed[3:]
    for earlier in listed:
        for later in listed[earlier["number"] - 1 :]:
            proof = get(
                stranger, "/contest-0/consistency", earlier=earlier["size"], size=later["size"]
            )
            assert (proof["earlier"], proof["head"]) == (earlier, later)
            assert is_consistent(
                earlier["size"],
                bytes.fromhex(earlier["root"]),
                later["size"],
                bytes.fromhex(later["root"]),
                [bytes.fromhex(each) for each in proof["path"]],
            )
    for sizes in ({"earlier": 1, "size": 80}, {"earlier": 80, "size": 81}, {"earlier": 9**8}):
        given = {"earlier": 80, "size": 80} | sizes
        assert stranger.get(f"{API}/contest-0/consistency", params=given).status_code == 404


def test_answers_may_be_kept_and_are_asked_about_by_their_version(stranger: TestClient) -> None:
    publish_all(Publisher())
    for path in ("", "/contest-0", "/contest-0?start=40&limit=7", "/contest-0/heads", ".jsonl.gz"):
        first = stranger.get(f"{API}{path}")
        assert first.headers["cache-control"] == "public, max-age=30"
        known = {"If-None-Match": first.headers["etag"]}
        assert stranger.get(f"{API}{path}", headers=known).status_code == 304
    tags = {
        stranger.get(f"{API}/contest-0?start={start}").headers["etag"] for start in range(0, 80, 10)
    }
    assert len(tags) == 8
    before = stranger.get(f"{API}/contest-0").headers["etag"]
    store("contest-0", 70)
    publish_all(Publisher(), NOON + timedelta(minutes=5))
    assert stranger.get(f"{API}/contest-0", headers={"If-None-Match": before}).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "query",
    ["start=-1", "start=x", "start=", "limit=1.5", "start=9999999999", "start=%D9%A1", "limit=+1"],
)
def test_numbers_that_are_none_are_refused(stranger: TestClient, query: str) -> None:
    answer = stranger.get(f"{API}/contest-0?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed")


@on_sqlite
def test_more_leaves_than_there_are_and_contests_that_are_none(stranger: TestClient) -> None:
    publish_all(Publisher())
    assert get(stranger, "/contest-0", start=10**6)["leaves"] == []
    assert len(get(stranger, "/contest-0", limit=10**6)["leaves"]) == 80
    assert get(stranger, "/contest-0", limit=0)["next"] is None
    for path in ("/contest-9", "/contest-9/heads", "/contest-9/consistency?earlier=1&size=1"):
        assert stranger.get(f"{API}{path}").status_code == 404


def test_whoever_asks_first_after_the_close_completes_the_board(stranger: TestClient) -> None:
    publish_all(Publisher())
    with clock.fixed(CLOSES + LAST_CASTS - timedelta(seconds=1)):
        assert get(stranger, "/contest-0")["head"]["final"] is False
    with clock.fixed(CLOSES + LAST_CASTS):
        board = get(stranger, "")
    assert [(each["head"]["size"], each["head"]["final"]) for each in board["contests"]] == [
        (130, True),
        (0, True),
    ]
    assert not complete_board(CLOSES + timedelta(days=1))


def test_the_whole_board_is_made_once_and_kept_until_it_grows(
    stranger: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_all(Publisher())
    made = []
    write = board_download._write
    monkeypatch.setattr(
        board_download, "_write", lambda *given: (made.append(given[0]), write(*given))
    )
    answers = [stranger.get(f"{API}.jsonl.gz") for _ in range(3)]
    assert len(made) == 1
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].headers["content-type"] == "application/gzip"
    assert 'filename="board.jsonl.gz"' in answers[0].headers["content-disposition"]
    lines = gzip.decompress(answers[0].content).decode().splitlines()
    assert json.loads(lines[0])["format"] == "primaries/board/1"
    assert len([line for line in lines if not line.startswith("{")]) == 80
    for later in (5, 10, 15):
        store("contest-0", 70)
        publish_all(Publisher(), NOON + timedelta(minutes=later))
        assert stranger.get(f"{API}.jsonl.gz").content != answers[0].content
    assert len(made) == 4
    assert len(list((settings().data_dir / "board").iterdir())) == 2, "older files are removed"


# The page


def check(client: TestClient, typed: str, locale: str = "en") -> Any:
    return client.post(f"/{locale}/tracker", data={"tracker": typed})


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_page_tells_waiting_from_published_and_gives_the_proof(
    stranger: TestClient, cast: list[bytes]
) -> None:
    publish_all(Publisher())
    published = set(on_board("contest-0"))
    there = next(leaf for leaf in cast if leaf in published)
    waits = next(leaf for leaf in cast if leaf not in published)
    shown = words(check(stranger, group_tracker(tracker_of(there)).lower()).text)
    assert "This ballot is on the public board" in shown
    assert "List 0" in shown
    assert "80, in random order" in shown
    assert fingerprint(signing_public_key()) in shown
    assert f"verify board.jsonl.gz --tracker {tracker_of(there)}" in shown
    shown = words(check(stranger, tracker_of(waits)).text)
    assert "This ballot is stored" in shown
    assert "not on the public board yet" in shown
    assert "No such ballot is stored" in words(check(stranger, "A" * 26).text)

    taken = stranger.post("/en/tracker/proof", data={"tracker": tracker_of(there)})
    assert taken.headers["content-disposition"] == 'attachment; filename="ballot-proof.json"'
    assert taken.headers["cache-control"] == "no-store"
    assert read_proof(taken.content).leaf == there
    for nothing in (tracker_of(waits), "A" * 26, "?", ""):
        answer = stranger.post("/en/tracker/proof", data={"tracker": nothing})
        assert answer.status_code == 404


@on_sqlite
def test_nothing_on_the_page_tells_a_position_or_a_time_of_casting(
    stranger: TestClient, cast: list[bytes]
) -> None:
    publish_all(Publisher(), NOON)
    seen = set()
    for leaf in on_board("contest-0"):
        html = check(stranger, tracker_of(leaf)).text
        for own in (tracker_of(leaf), group_tracker(tracker_of(leaf))):
            html = html.replace(own, "T")
        seen.add(html)
    assert len(seen) == 1, "two pages differ in nothing but the tracker"
    assert len(cast) == 130


@on_sqlite
@pytest.mark.parametrize("locale", ["ru", "kk", "en"])
def test_after_the_close_the_page_completes_the_board_and_says_so(
    stranger: TestClient, cast: list[bytes], locale: str
) -> None:
    with clock.fixed(CLOSES + LAST_CASTS):
        html = check(stranger, tracker_of(cast[0]), locale).text
    said = {
        "ru": "завершён после закрытия",
        "kk": "жабылғаннан кейін аяқталған",
        "en": "complete since the close",
    }
    assert said[locale] in html
    assert datetime.fromisoformat(re.findall(r'<time datetime="([^"]+)"', html)[0]) == (
        CLOSES + LAST_CASTS
    )


@on_sqlite
def test_without_a_primary_there_is_no_board(sqlite_database: str) -> None:
    del sqlite_database
    with TestClient(app, base_url=BASE) as client:
        for path in ("", "/contest-0", "/trackers/" + "A" * 26, ".jsonl.gz"):
            answer = client.get(f"{API}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "no_primary")
        assert "No such ballot is stored" in words(check(client, "A" * 26).text)
