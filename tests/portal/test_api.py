import secrets
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import update
from sqlmodel import col
from starlette.testclient import TestClient

from core import clock
from core.database import unit_of_work
from core.messaging.allowance import set_allowance
from core.primary.models import Candidate
from core.settings import settings
from core.voting import sealing
from core.voting.election import CurrentElection
from portal.app import app
from portal.runtime import EVEN
from tests.voting import polls
from tests.voting.polls import CLOSES, NOON, OPENS, Poll, iin, mobile

pytestmark = pytest.mark.usefixtures("database")
BASE = "http://localhost:8502"
# What does not depend on the engine is tried on one of them.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SIGN_IN, BALLOT = "/api/v1/sign-in", "/api/v1/ballot"


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


@pytest.fixture
def poll() -> Poll:
    return polls.open_poll()


class Voter:
    """A client at an address of its own."""

    def __init__(self, number: int, address: str | None = None) -> None:
        self.number = number
        self.client = TestClient(
            app,
            base_url=BASE,
            client=(address or f"203.0.113.{number + 1}", 50000),
            raise_server_exceptions=False,
        )
        self.headers: dict[str, str] = {}

    def ask(self, **changes: Any) -> Response:
        body = {"iin": iin(self.number), "mobile": mobile(self.number), **changes}
        self.read = len(self.messages())
        return self.client.post(SIGN_IN, json=body)

    def messages(self) -> list[str]:
        return [sms["text"] for sms in polls.outbox() if sms["to"] == mobile(self.number)]

    def code(self) -> str:
        for _ in range(500):
            new = self.messages()[self.read :]
            if new:
                return new[-1][:6]
            threading.Event().wait(0.01)
        raise AssertionError("no code came")

    def sign_in(self) -> "Voter":
        challenge = self.ask().json()["challenge"]
        answer = self.client.post(f"{SIGN_IN}/{challenge}", json={"code": self.code()})
        assert answer.status_code == 200, answer.text
        self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        return self

    def seal(self, paper: dict[str, Any]) -> dict[str, Any]:
        return {
            "ballots": [
                {
                    "contest": contest["id"],
                    "sealed": b64encode(
                        sealing.seal(
                            b64decode(paper["public_key"]),
                            paper["primary"],
                            contest["id"],
                            [contest["candidates"][0]["id"]],
                            contest["size"],
                        )
                    ).decode(),
                }
                for contest in paper["contests"]
            ]
        }

    def paper(self) -> dict[str, Any]:
        answer = self.client.get(BALLOT, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def cast(self, body: dict[str, Any], key: str | None = None, **headers: str) -> Response:
        named = {"Idempotency-Key": key or secrets.token_hex(16)}
        return self.client.post(BALLOT, json=body, headers=self.headers | named | headers)


@pytest.fixture
def listener(poll: Poll, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    del poll
    # Every request reads what the test just changed.
    monkeypatch.setattr("portal.runtime.CurrentElection", partial(CurrentElection, max_age=0))
    with TestClient(app, base_url=BASE, client=("203.0.113.250", 50000)) as client:
        yield client


def test_a_voter_votes_through_the_api(listener: TestClient, poll: Poll) -> None:
    voter = Voter(0).sign_in()
    paper = voter.paper()
    body = voter.seal(paper)
    answer = voter.cast(body)
    assert answer.status_code == 201
    trackers = answer.json()["trackers"]
    assert [each["contest"] for each in trackers] == ["contest-0", "contest-1"]
    for each, ballot in zip(trackers, body["ballots"], strict=True):
        assert each["tracker"] == sealing.tracker(b64decode(ballot["sealed"]))
    turnout = listener.get("/api/v1/turnout").json()
    assert (turnout["votes"], turnout["registered"], turnout["on_roll"]) == (1, 1, 5)
    assert turnout["districts"] == [
        {
            "place": polls.DISTRICT,
            "votes": 1,
            "registered": 1,
            "on_roll": 5,
            "votes_online": 1,
        }
    ]
    assert turnout["regions"][0]["place"] == polls.REGION
    opened = sealing.open_ballot(
        poll.private, paper["primary"], "contest-0", b64decode(body["ballots"][0]["sealed"])
    )
    assert opened == [paper["contests"][0]["candidates"][0]["id"]]


def test_beyond_the_allowance_of_codes_everybody_gets_the_same_answer(
    listener: TestClient,
) -> None:
    with unit_of_work() as session:
        now = clock.now()
        set_allowance(session, per_hour=1, per_day=9, reason="проба", account_id=1, now=now)
    assert Voter(0).ask().status_code == 202
    known, unknown = Voter(1).ask(), Voter(77).ask()
    wrong = Voter(2).ask(mobile=mobile(3))
    assert known.status_code == 503
    assert known.headers["Retry-After"] == "900"
    assert known.json()["code"] == "codes_exhausted"
    assert known.content == unknown.content == wrong.content


def test_the_primary_tells_its_dates_and_its_key(listener: TestClient, poll: Poll) -> None:
    told = listener.get("/api/v1/primary", headers={"Accept-Language": "en"}).json()
    assert told["id"] == polls.PRIMARY
    assert told["name"] == "Primary"
    assert told["voting_open"] is True
    assert b64decode(told["public_key"]) == poll.public
    assert told["timeline"]["voting_closes"].startswith("2020-10-04T08:00:00")
    assert told["freeze"] is None


@on_sqlite
def test_candidates_come_in_random_order_and_cancelled_ones_not_at_all(
    listener: TestClient,
) -> None:
    voter = Voter(0).sign_in()
    with unit_of_work() as session:
        session.execute(
            update(Candidate).where(col(Candidate.id) == "cand0003").values(status="cancelled")
        )
    orders = {
        tuple(candidate["id"] for candidate in voter.paper()["contests"][0]["candidates"])
        for _ in range(30)
    }
    assert len(orders) > 2
    assert {frozenset(order) for order in orders} == {
        frozenset(f"cand{number:04d}" for number in range(3))
    }


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", BALLOT, None),
        ("POST", BALLOT, {"ballots": []}),
    ],
)
@pytest.mark.parametrize("token", [None, "wrong", "Basic abc", "x" * 5000])
def test_a_stranger_gets_no_ballot_and_casts_none(
    listener: TestClient, method: str, path: str, body: Any, token: str | None
) -> None:
    headers = {"Idempotency-Key": "k" * 20}
    if token:
        headers["Authorization"] = token if " " in token else f"Bearer {token}"
    answer = listener.request(method, path, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] in {"sign_in_required", "sign_in_again"}
    assert answer.headers["content-type"] == "application/problem+json"


@on_sqlite
def test_every_call_in_the_document_answers_and_nothing_else_does(listener: TestClient) -> None:
    document = listener.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method in operations:
            answer = listener.request(method, path.replace("{", "").replace("}", ""))
            assert (answer.status_code, path) != (404, path) or "json" in answer.headers[
                "content-type"
            ]
            assert answer.status_code != 405, path
    described = {
        (method.upper(), path) for path, ops in document["paths"].items() for method in ops
    }
    routed = {
        (method, route.path)
        for route in app.routes
        for method in (getattr(route, "methods", None) or ())
        if getattr(route, "path", "").startswith("/api/v1/") and method != "HEAD"
    } - {("GET", "/api/v1/openapi.json")}
    assert described == routed


@on_sqlite
def test_what_is_no_call_is_not_found(listener: TestClient) -> None:
    answer = listener.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def _told(answer: Response) -> tuple[int, list[tuple[str, str]], list[str], int]:
    """What an answer shows to a stranger; what is random in it by its length."""
    passing = {"date", "waiting-ticket"}
    headers = [pair for pair in answer.headers.multi_items() if pair[0] not in passing]
    return answer.status_code, headers, list(answer.json()), len(answer.content)


def test_a_stranger_can_t_tell_a_pair_that_votes_from_one_that_does_not(
    listener: TestClient,
) -> None:
    used = Voter(4).sign_in()
    assert used.cast(used.seal(used.paper())).status_code == 201
    excluded = {"reason_excluded": "admitted_after_cutoff"}
    with unit_of_work() as session:
        polls.add_voter(session, 20, status="suspended")
        polls.add_voter(session, 21, **excluded)
    pairs: dict[str, tuple[int, dict[str, str]]] = {
        "good": (0, {}),
        "unknown": (77, {}),
        "wrong number": (1, {"mobile": mobile(3)}),
        "suspended": (20, {}),
        "excluded": (21, {}),
        "used": (4, {}),
    }
    heard: dict[str, Any] = {}
    for place, (kind, (number, changes)) in enumerate(pairs.items()):
        voter = Voter(number, address=f"198.51.100.{place}")
        # More often than a new code is sent, and more often than without a wait.
        asked = [voter.ask(**changes) for _ in range(7)]
        challenge = f"{SIGN_IN}/{asked[0].json()['challenge']}"
        wrong = [voter.client.post(challenge, json={"code": "x"}) for _ in range(7)]
        heard[kind] = [_told(answer) for answer in asked + wrong]
        statuses = [answer.status_code for answer in asked + wrong]
        assert statuses == [202] * 5 + [429] * 2 + [403] * 5 + [410] * 2
        assert set(asked[0].json()) == {"challenge", "expires_at", "reference"}
        texts = {answer.text for answer in wrong[:4]}
        assert len(texts) == 4, "each try tells how many are left"
        heard[kind] += sorted(texts)
    for kind, told in heard.items():
        assert told == heard["good"], kind


def test_no_step_of_a_sign_in_is_answered_sooner_than_the_dearest(listener: TestClient) -> None:
    spent = []
    for number in (0, 77):
        began = time.perf_counter()
        challenge = Voter(number).ask().json()["challenge"]
        listener.post(f"{SIGN_IN}/{challenge}", json={"code": "x"})
        spent.append(time.perf_counter() - began)
    assert min(spent) >= 2 * EVEN[0]


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"iin": "123", "mobile": "+77010000001"}, 422, "iin_malformed"),
        ({"iin": "850101300000", "mobile": "12"}, 422, "iin_malformed"),
        ({"iin": iin(0), "mobile": "88000804441"}, 422, "mobile_malformed"),
        ({"iin": 850101300001, "mobile": "+77010000001"}, 400, "request_malformed"),
        ({"iin": iin(0)}, 400, "request_malformed"),
        ({"iin": iin(0), "mobile": mobile(0), "extra": 1}, 400, "request_malformed"),
    ],
)
def test_typing_errors_are_told_and_are_no_rejections(
    listener: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = listener.post(SIGN_IN, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert iin(0) not in answer.text


def test_a_second_vote_is_refused_with_reasons_and_a_reference(listener: TestClient) -> None:
    phone, laptop = Voter(0).sign_in(), Voter(0, address="198.51.100.9").sign_in()
    assert phone.cast(phone.seal(phone.paper())).status_code == 201
    answer = laptop.cast(laptop.seal(laptop.paper()))
    assert answer.status_code == 409
    assert answer.json()["reasons"] == ["iin_used", "mobile_used"]
    assert len(answer.json()["reference"]) == 11


def test_an_address_is_held_for_whoever_votes_there_and_used_up_afterwards(
    listener: TestClient,
) -> None:
    first, second = Voter(0).sign_in(), Voter(1, address="203.0.113.1")
    challenge = second.ask().json()["challenge"]
    answer = second.client.post(f"{SIGN_IN}/{challenge}", json={"code": second.code()})
    assert (answer.status_code, answer.json()["code"]) == (409, "address_used")
    assert answer.json()["reasons"] == ["address_used"]
    assert int(answer.headers["Retry-After"]) == 15 * 60 + 1
    assert first.cast(first.seal(first.paper())).status_code == 201
    for stranger in (Voter(1, address="203.0.113.1"), Voter(77, address="203.0.113.1")):
        told = stranger.ask()
        # Whoever asks from there hears it, on the roll or not: it follows from the address.
        assert (told.status_code, told.json()["reasons"]) == (202, ["address_used"])


def test_who_signs_out_leaves_the_address_to_others_and_can_cast_no_more(
    listener: TestClient,
) -> None:
    first = Voter(0).sign_in()
    body = first.seal(first.paper())
    gone = first.client.post("/api/v1/sign-out", headers=first.headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert first.cast(body).status_code == 401
    assert first.client.post("/api/v1/sign-out", headers=first.headers).status_code == 204
    assert first.client.post("/api/v1/sign-out").status_code == 401
    assert Voter(1, address="203.0.113.1").sign_in().headers


def test_a_cookie_signs_out_only_from_our_own_pages(listener: TestClient) -> None:
    voter = Voter(0)
    voter.client.cookies.set("voter", "x" * 40)
    out = "/api/v1/sign-out"
    assert voter.client.post(out).status_code == 403
    ours = voter.client.post(out, headers={"Origin": BASE})
    assert ours.status_code == 204
    assert "Max-Age=0" in ours.headers["Set-Cookie"]


def test_a_repeated_cast_gets_the_same_answer(listener: TestClient) -> None:
    voter = Voter(0).sign_in()
    body = voter.seal(voter.paper())
    answers = [voter.cast(body, key="the same key each time") for _ in range(3)]
    assert {(each.status_code, each.text) for each in answers} == {(201, answers[0].text)}
    other = voter.cast(voter.seal(voter.paper()), key="the same key each time")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


def test_a_copied_ballot_is_to_be_sealed_again(listener: TestClient) -> None:
    first, second = Voter(0).sign_in(), Voter(1).sign_in()
    body = first.seal(first.paper())
    first.cast(body)
    answer = second.cast(body)
    assert (answer.status_code, answer.json()["code"]) == (409, "sealed_ballot_repeated")
    assert second.cast(second.seal(second.paper())).status_code == 201


@on_sqlite
@pytest.mark.parametrize(
    ("break_it", "status", "code"),
    [
        (lambda body: body["ballots"].pop(), 422, "ballots_incomplete"),
        (lambda body: body["ballots"].append(body["ballots"][0]), 422, "ballots_incomplete"),
        (lambda body: body["ballots"][0].update(sealed="AAAA"), 422, "ballots_incomplete"),
        (lambda body: body["ballots"][0].update(sealed="no base64!"), 400, "request_malformed"),
        (lambda body: body["ballots"][0].update(choices=["a"]), 400, "request_malformed"),
    ],
)
def test_a_cast_of_another_shape_is_refused(
    listener: TestClient, break_it: Any, status: int, code: str
) -> None:
    voter = Voter(0).sign_in()
    body = voter.seal(voter.paper())
    break_it(body)
    answer = voter.cast(body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@on_sqlite
@pytest.mark.parametrize("key", ["", "short", "x" * 129, "ключ ключ ключ ключ".encode().hex() * 9])
def test_a_cast_needs_a_key_of_its_own(listener: TestClient, key: str) -> None:
    voter = Voter(0).sign_in()
    answer = voter.client.post(
        BALLOT,
        json=voter.seal(voter.paper()),
        headers=voter.headers | ({"Idempotency-Key": key} if key else {}),
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


def test_another_network_means_a_second_code_and_then_the_same_cast(listener: TestClient) -> None:
    voter = Voter(0).sign_in()
    body, key = voter.seal(voter.paper()), secrets.token_hex(16)
    moved = Voter(0, address="198.51.100.9")
    moved.headers = voter.headers
    assert moved.client.get(BALLOT, headers=moved.headers).status_code == 200
    moved.read = len(moved.messages())
    answer = moved.cast(body, key)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (409, "address_changed")
    assert told["reasons"] == ["address_changed"]
    where, code = f"{SIGN_IN}/{told['challenge']}", {"code": moved.code()}
    named = {"Idempotency-Key": key}
    stranger = Voter(1, address="198.51.100.10").client
    assert stranger.post(where, json=code, headers=named).status_code == 410
    assert moved.client.post(where, json=code, headers=moved.headers).status_code == 410
    again = moved.client.post(where, json=code, headers=moved.headers | named)
    assert (again.status_code, "token" in again.json()) == (200, False)
    assert moved.cast(body, key).status_code == 201


@on_sqlite
@pytest.mark.parametrize(
    ("instant", "status"),
    [
        (OPENS - timedelta(microseconds=1), 403),
        (OPENS, 202),
        (CLOSES - timedelta(microseconds=1), 202),
        (CLOSES, 403),
    ],
)
def test_sign_in_is_open_by_the_instant(listener: TestClient, instant: Any, status: int) -> None:
    with clock.fixed(instant):
        answer = Voter(0).ask()
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["reasons"] == ["not_open"]
        assert answer.json()["reference"]


def test_after_the_close_no_ballot_is_given_and_none_accepted(listener: TestClient) -> None:
    with clock.fixed(CLOSES - timedelta(seconds=5)):
        voter = Voter(0).sign_in()
        body = voter.seal(voter.paper())
    with clock.fixed(CLOSES):
        assert voter.client.get(BALLOT, headers=voter.headers).status_code == 403
        answer = voter.cast(body)
    assert (answer.status_code, answer.json()["reasons"]) == (403, ["not_open"])


@on_sqlite
def test_hurried_sign_ins_are_told_how_long_to_wait(listener: TestClient) -> None:
    voter = Voter(9)
    answers = [voter.ask() for _ in range(8)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [202] * 5 + [429] * 3
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["reasons"] == ["rate_limited"]
    assert Voter(9, address="198.51.100.44").ask().status_code == 202


@on_sqlite
class TestCookie:
    @pytest.fixture
    def voter(self, listener: TestClient) -> Voter:
        del listener
        voter = Voter(0)
        challenge = voter.ask().json()["challenge"]
        self.answer = voter.client.post(
            f"{SIGN_IN}/{challenge}",
            json={"code": voter.code(), "cookie": True},
            headers={"Origin": BASE},
        )
        assert self.answer.status_code == 200
        return voter

    def test_the_token_is_in_the_cookie_alone(self, voter: Voter) -> None:
        cookie = self.answer.headers["set-cookie"]
        assert "token" not in self.answer.json()
        for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=900"):
            assert part in cookie
        assert voter.client.get(BALLOT).status_code == 200

    @pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://localhost"])
    def test_a_cast_by_cookie_needs_our_own_origin(self, voter: Voter, origin: str | None) -> None:
        body = voter.seal(voter.paper())
        headers = {"Origin": origin} if origin else {}
        answer = voter.cast(body, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")

    def test_after_the_vote_the_cookie_is_taken_back(self, voter: Voter) -> None:
        answer = voter.cast(voter.seal(voter.paper()), Origin=BASE)
        assert answer.status_code == 201
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert voter.client.get(BALLOT).status_code == 401

    def test_a_form_of_another_site_can_post_nothing(self, voter: Voter) -> None:
        answer = voter.client.post(
            BALLOT,
            content='{"ballots": []}',
            headers={
                "Content-Type": "text/plain",
                "Origin": BASE,
                "Idempotency-Key": "k" * 20,
            },
        )
        assert answer.status_code == 415

    def test_a_cookie_is_given_to_our_own_pages_only(self, voter: Voter) -> None:
        other = Voter(1)
        challenge = other.ask().json()["challenge"]
        answer = other.client.post(
            f"{SIGN_IN}/{challenge}",
            json={"code": other.code(), "cookie": True},
            headers={"Origin": "http://evil.example"},
        )
        assert answer.status_code == 403


@on_sqlite
@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:8501", "127.0.0.1.evil"])
def test_strange_hosts_are_not_served(listener: TestClient, host: str) -> None:
    answer = listener.get("/api/v1/primary", headers={"Host": host})
    assert answer.status_code == 421


@on_sqlite
def test_large_bodies_are_refused_announced_or_not(listener: TestClient) -> None:
    assert listener.post(SIGN_IN, content=b"x" * 300_000).status_code == 413

    def parts() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    answer = listener.post(SIGN_IN, content=parts(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@on_sqlite
def test_every_answer_carries_the_security_headers(listener: TestClient) -> None:
    for path in ("/api/v1/primary", "/api/v1/nothing", "/healthz", BALLOT):
        headers = listener.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers


@on_sqlite
def test_the_probes_tell_that_it_works_and_nothing_else(listener: TestClient) -> None:
    for path, text in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
        answer = listener.get(path, headers={"Host": "10.0.0.7:8502"})
        assert (answer.status_code, answer.text) == (200, text)


def test_a_process_that_lost_its_key_is_not_ready(listener: TestClient) -> None:
    from core import keyring

    keyring.digest_key_path(polls.PRIMARY).unlink()
    keyring.forget_cached_keys()
    assert listener.get("/readyz").status_code == 503
    assert Voter(0).ask().status_code == 503


@on_sqlite
def test_forwarded_addresses_count_only_from_trusted_proxies(
    listener: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    del listener
    claimed = {"X-Forwarded-For": "198.51.100.5"}
    voter = Voter(0, address="127.0.0.1")
    voter.client.headers.update(claimed)
    voter.sign_in()
    plain = Voter(1, address="127.0.0.1")
    challenge = plain.ask().json()["challenge"]
    code = {"code": plain.code()}
    held = plain.client.post(f"{SIGN_IN}/{challenge}", json=code)
    assert held.json()["code"] == "address_used"  # what the first one claimed was believed nowhere
    monkeypatch.setenv("PRIMARIES_TRUSTED_PROXIES", "127.0.0.1")
    settings.cache_clear()
    told = voter.cast(voter.seal(voter.paper()))
    assert told.json()["code"] == "address_changed"


@on_sqlite
def test_between_sealing_and_opening_the_sign_in_can_be_tried_and_nothing_else(
    listener: TestClient,
) -> None:
    polls.seal_roll()
    with clock.fixed(OPENS - timedelta(days=2)):
        assert not listener.get("/api/v1/primary").json()["checking_open"]
        assert Voter(0).ask().status_code == 403
    with clock.fixed(OPENS - timedelta(hours=1)):
        assert listener.get("/api/v1/primary").json()["checking_open"]
        voter = Voter(0).sign_in()
        answer = voter.client.get(BALLOT, headers=voter.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_open")
    with clock.fixed(OPENS):
        assert not listener.get("/api/v1/primary").json()["checking_open"]
        registered = listener.get("/api/v1/turnout").json()
    assert (registered["registered"], registered["votes"]) == (1, 0)


def test_without_a_primary_there_is_nothing_to_vote_in(database: str) -> None:
    del database
    with TestClient(app, base_url=BASE, client=("203.0.113.250", 50000)) as client:
        assert client.get("/api/v1/primary").json()["code"] == "no_primary"
        assert client.get("/readyz").status_code == 200


@on_sqlite
def test_problem_titles_follow_the_language(listener: TestClient) -> None:
    titles = {
        locale: listener.get("/api/v1/nothing", headers={"Accept-Language": locale}).json()["title"]
        for locale in ("ru", "kk", "en", "kk-KZ,ru;q=0.8", "de")
    }
    assert titles["kk"] == titles["kk-KZ,ru;q=0.8"]
    assert titles["ru"] == titles["de"]
    assert len({titles["ru"], titles["kk"], titles["en"]}) == 3


@on_sqlite
def test_a_listener_with_another_digest_key_does_not_start(
    poll: Poll, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core import keyring
    from portal.__main__ import main

    del poll
    monkeypatch.setattr("uvicorn.run", lambda **_: pytest.fail("it started"))
    path = keyring.digest_key_path(polls.PRIMARY)
    path.chmod(0o600)
    path.write_bytes(b"another key of thirty-two bytes!")
    keyring.forget_cached_keys()
    assert main() == 2
    assert "один ИИН проголосовал бы дважды" in capsys.readouterr().err
