"""The public pages: three languages, strict headers, no cookie, and what they say when."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from unittest.mock import patch

import pytest
from httpx import Response
from starlette.testclient import TestClient

from core import clock
from core.database import unit_of_work
from core.i18n import LOCALES
from core.membership.service import freeze_admission
from core.primary.models import Primary, TimelineAct
from core.primary.rules import Instant
from core.settings import ROOT
from core.staff.rules import Role
from core.voting import sealing
from core.voting.models import Ballot, TurnoutCounter
from core.voting.rules import RejectionReason
from portal import site
from portal.app import app
from portal.kept import KEPT_FOR
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY, Poll

pytestmark = pytest.mark.usefixtures("sqlite_database")
PATHS = ("", "vote", "tracker", "rules", "help", "addresses", "complaint-figures")
PUBLICATION = CLOSES + timedelta(hours=10)
STATIC = ROOT / "portal" / "static"


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.fixed(NOON):
        yield


@pytest.fixture
def poll(sqlite_database: str) -> Poll:
    return polls.open_poll()


def _get(path: str, **headers: str) -> Response:
    client = TestClient(app, base_url="http://localhost:8502", follow_redirects=False)
    return client.get(path, headers=headers)


def _post(path: str, form: dict[str, str]) -> Response:
    client = TestClient(app, base_url="http://localhost:8502", follow_redirects=False)
    return client.post(path, data=form)


class _Page(HTMLParser):
    """What a page holds: its elements with attributes, and the text of its scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.code = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in {"script", "style"}:
            self.code += data.strip()

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("path", [*PATHS, "nothing-here"])
def test_a_page_is_whole_in_every_language(poll: Poll, locale: str, path: str) -> None:
    got = _get(f"/{locale}/{path}")
    assert got.status_code == (404 if path == "nothing-here" else 200)
    page = _Page(got.text)
    assert page.named("html") == [{"lang": locale}]
    assert len(page.named("h1")) == 1
    assert [link["href"] for link in page.named("link") if link.get("rel") == "alternate"] == [
        f"/{language}/{path}" for language in ("ru", "kk", "en")
    ]
    labelled = {label["for"] for label in page.named("label")}
    assert {field["id"] for field in page.named("input")} == labelled


@pytest.mark.parametrize("path", [*(f"/ru/{path}" for path in PATHS), "/", "/nothing-here"])
def test_a_page_runs_nothing_inline_and_sets_no_cookie(poll: Poll, path: str) -> None:
    got = _get(path, cookie="voter=somebody")
    page = _Page(got.text)
    assert page.code == ""
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href", "action"):
            value = attributes.get(name) or "/"
            assert value.startswith(("/", "#", "mailto:")), value
            assert not value.startswith("//")
    assert "set-cookie" not in got.headers
    policy = got.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert got.headers.get_list("content-security-policy") == [policy]
    assert got.headers["x-content-type-options"] == "nosniff"


def _files_of(html: str) -> set[str]:
    """The names of the static files that a page loads, scripts imported by scripts included."""
    elements = _Page(html).elements
    addresses = [given.get("src") or given.get("href") or "" for _tag, given in elements]
    found = {
        address.rpartition("/")[2]
        for (tag, _given), address in zip(elements, addresses, strict=True)
        if tag in {"link", "script"} and address.startswith("/static/")
    }
    while True:
        code = "".join((STATIC / name).read_text() for name in found if name.endswith(".js"))
        imported = set(re.findall(r'from "\./([\w.]+)"', code)) - found
        if not imported:
            return found
        found |= imported


def _vote_scripts() -> dict[str, str]:
    names = _files_of(_get("/ru/vote").text)
    return {name: (STATIC / name).read_text() for name in names if name.endswith(".js")}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_with_its_files_stays_under_100_kb(poll: Poll, path: str) -> None:
    html = _get(f"/kk/{path}")
    files = sum(len((STATIC / name).read_bytes()) for name in _files_of(html.text))
    assert len(html.content) + files < 100_000


@pytest.mark.parametrize("path", PATHS)
def test_a_path_without_a_language_leads_to_the_russian_page(poll: Poll, path: str) -> None:
    got = _get(f"/{path}")
    if path:
        assert (got.status_code, got.headers["location"]) == (307, f"/ru/{path}")
    else:
        assert '<html lang="ru">' in got.text


def test_an_installation_without_a_primary_says_so() -> None:
    assert "Сейчас праймериз не проводится" in _get("/ru/").text
    assert "Қазір праймериз өткізіліп жатқан жоқ" in _get("/kk/vote").text
    assert "data-form" not in _get("/ru/vote").text


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (OPENS - timedelta(seconds=1), "Voting opens on"),
        (OPENS, "Voting is open."),
        (CLOSES - timedelta(seconds=1), "Voting is open."),
        (CLOSES, "until then nobody sees them"),
        (PUBLICATION - timedelta(seconds=1), "until then nobody sees them"),
        (PUBLICATION, "the results are public"),
    ],
)
def test_the_front_page_follows_the_clock(poll: Poll, at: datetime, says: str) -> None:
    with clock.fixed(at):
        front, vote = _get("/en/").text, _get("/en/vote").text
    assert says in front
    assert ("data-vote" in vote) is (OPENS <= at < CLOSES)


def test_a_vote_that_was_not_released_is_announced_as_waiting() -> None:
    polls.open_poll(signed=False)
    assert "has not been released yet" in _get("/en/").text
    assert "data-vote" not in _get("/en/vote").text


def test_a_primary_without_dates_is_being_prepared() -> None:
    polls.open_poll(signed=False)
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY)
        for name in ("cutoff", "freeze_start", "freeze_end", "roll_sealed_at"):
            setattr(primary, name, None)
        primary.voting_opens = primary.voting_closes = primary.publication = None
    for path in PATHS:
        assert _get(f"/en/{path}").status_code == 200
    assert "its dates are not set yet" in _get("/en/").text


def test_times_name_their_zone_and_offset(poll: Poll) -> None:
    assert "Алматы, UTC+6" in _get("/ru/").text
    assert "01.10.2020\u00a000:00" in _get("/ru/").text
    assert 'datetime="2020-10-01T00:00:00+06:00"' in _get("/ru/").text


def test_regions_with_another_clock_read_their_own_hours(poll: Poll) -> None:
    text = _get("/ru/").text
    local = text[text.index("По местному времени (UTC+5)") :]
    local = local[: local.index("</p>")]
    assert "30.09.2020\u00a023:00" in local
    assert "04.10.2020\u00a013:00" in local
    regions = local.rsplit("</strong>", 1)[1].split(",")
    assert len(regions) == 5
    assert " Актюбинская область" in regions
    polls_of_today = datetime(2026, 11, 1, tzinfo=UTC)  # since March 2024 all clocks agree
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY)
        primary.voting_opens = polls_of_today
        primary.voting_closes = polls_of_today + timedelta(hours=9)
        primary.freeze_end = primary.publication = polls_of_today + timedelta(days=2)
    with clock.fixed(polls_of_today):
        assert "По местному времени" not in _get("/ru/").text


def test_turnout_names_what_it_is_a_share_of() -> None:
    polls.open_poll(voters=4000)
    with clock.fixed(OPENS - timedelta(hours=1)):
        assert "turnout" not in _get("/en/").text
    with unit_of_work() as session:
        session.add(
            TurnoutCounter(
                primary_id=PRIMARY,
                place_code=DISTRICT,
                channel="online",
                bucket_start=OPENS,
                votes=1236,
            )
        )
    text = _get("/ru/").text
    assert "1\u00a0236" in text
    assert "30,9\u00a0%" in text
    assert "в списке: 4\u00a0000" in text
    assert "Акмолинская область" in text


def test_a_moved_date_stands_on_the_front_page_with_its_reason(poll: Poll) -> None:
    assert "No date has been changed" in _get("/en/").text
    until = CLOSES + timedelta(hours=9)
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY)
        dates = {instant.value: getattr(primary, instant.value) for instant in Instant}
        for kind, reason, closes in (
            ("set", "Решение № 4", CLOSES),
            ("voting_extended", "Перегрузка <b>первых</b> часов", until),
        ):
            session.add(
                TimelineAct(
                    primary_id=PRIMARY,
                    kind=kind,
                    reason=reason,
                    at=NOON,
                    author_id=1,
                    **{**dates, "voting_closes": closes},
                )
            )
            session.flush()
    with clock.fixed(NOON + timedelta(minutes=1)):
        text = _get("/ru/").text
    assert "04.10.2020 14:00 → 04.10.2020 23:00" in text
    assert "Перегрузка &lt;b&gt;первых&lt;/b&gt; часов" in text
    assert text.index("Перегрузка") < text.index("Решение № 4")


def test_the_hotline_is_shown_where_the_primary_names_one(poll: Poll) -> None:
    assert "mailto:" not in _get("/ru/").text
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY)
        primary.hotline, primary.email = "8 (800) 080 4441", "hotline@example.kz"
    with clock.fixed(NOON + timedelta(minutes=1)):
        for path in PATHS:
            text = _get(f"/ru/{path}").text
            assert "8 (800) 080 4441" in text
            assert "mailto:hotline@example.kz" in text


def test_a_rush_on_the_front_page_reads_the_database_once(poll: Poll) -> None:
    with patch.object(site, "read_overview", wraps=site.read_overview) as read:
        for _visitor in range(20):
            assert _get("/ru/").status_code == 200
        assert read.call_count == 1
        with clock.fixed(NOON + timedelta(seconds=3)):
            assert _get("/ru/").status_code == 200
        assert read.call_count == 2


def test_a_tracker_is_found_however_it_is_typed_and_never_stands_in_an_address(poll: Poll) -> None:
    sealed = poll.seal("contest-0", 128)
    tracker = sealing.tracker(sealed)
    with unit_of_work() as session:
        session.add(
            Ballot(
                tracker=tracker,
                primary_id=PRIMARY,
                contest_id="contest-0",
                sealed=sealed,
                sha256=sha256(sealed).digest(),
            )
        )
    typed = sealing.group_tracker(tracker).lower()
    got = _post("/ru/tracker", {"tracker": typed})
    assert "Этот бюллетень хранится" in got.text
    assert got.headers["cache-control"] == "no-store"
    absent = _post("/ru/tracker", {"tracker": sealing.tracker(b"another")})
    assert "Такого бюллетеня нет" in absent.text
    asked = _get(f"/ru/tracker?tracker={tracker}")
    assert "Этот бюллетень хранится" not in asked.text
    (form,) = _Page(asked.text).named("form")
    assert (form["method"], form["action"]) == ("post", "/ru/tracker")


@pytest.mark.parametrize("typed", ["", "ABCD", "<script>alert(1)</script>", "Ж" * 26])
def test_what_is_no_tracker_gets_a_sentence(poll: Poll, typed: str) -> None:
    got = _post("/en/tracker", {"tracker": typed})
    assert got.status_code == 422
    assert "A tracker has 26 letters and digits" in got.text
    assert "<script>alert" not in got.text


def test_a_form_that_is_none_of_ours_is_answered_like_an_empty_one(poll: Poll) -> None:
    assert _post("/en/tracker", {"tracker": "A" * 5000}).status_code == 422
    assert _post("/en/tracker", {f"field{n}": "x" for n in range(50)}).status_code == 422


def test_static_files_are_kept_for_ever_under_the_name_of_their_content() -> None:
    page = _Page(_get("/ru/").text)
    (sheet,) = [link["href"] or "" for link in page.named("link") if link["rel"] == "stylesheet"]
    got = _get(sheet, **{"accept-encoding": "gzip"})
    assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert got.headers["content-encoding"] == "gzip"
    assert got.text == (STATIC / "site.css").read_text()
    plain = _get(sheet, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    other = re.sub(r"/static/\w+/", "/static/0123456789ab/", sheet)
    assert _get(other).headers["cache-control"] == "no-store"
    assert _get("/static/x/../site.py").status_code == 404
    assert _get("/static/x/none.css").status_code == 404


def test_the_help_page_publishes_the_digest_of_every_script_of_the_vote(poll: Poll) -> None:
    text = _get("/en/help").text
    assert {"sealing.js", "vote.js"} < set(_vote_scripts())
    for name in _vote_scripts():
        assert sha256((STATIC / name).read_bytes()).hexdigest() in text, name
    (address,) = re.findall(r'href="(/static/\w+/sealing\.js)"', text)
    assert _get(address).content == (STATIC / "sealing.js").read_bytes()


@pytest.mark.parametrize("at", [NOON, OPENS - timedelta(hours=1)])
def test_the_scripts_find_every_word_they_ask_for_in_the_page(poll: Poll, at: datetime) -> None:
    polls.seal_roll()
    with clock.fixed(at):
        page = _get("/ru/vote").text
        scripts = "".join(_vote_scripts().values())
    there = set(re.findall(r'data-word="([\w.]+)"', page))
    asked = set(re.findall(r'words\("([\w.]+)"', scripts))
    assert asked
    assert asked <= there
    reasons = {word.removeprefix("reason.") for word in there if word.startswith("reason.")}
    assert there == asked | {f"reason.{reason}" for reason in reasons}
    # What would tell a stranger who is on the roll has no sentence: the hotline tells it.
    told = reasons & set(RejectionReason)
    assert not told & {"not_on_roll", "admitted_after_cutoff", "mobile_mismatch"}


def test_the_scripts_keep_no_secret_and_build_no_markup(poll: Poll) -> None:
    scripts = "".join(_vote_scripts().values())
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacent", "eval(", "localStorage"):
        assert forbidden not in scripts
    assert "document.cookie" not in scripts
    assert scripts.count("sessionStorage.setItem") == 2
    assert "sessionStorage.setItem(TICKET, ticket)" in scripts
    assert re.findall(r"\bkeep\((\w+),", scripts) == ["CHALLENGE", "SIGNED_IN", "PENDING"]
    assert "[PENDING, SIGNED_IN, CHALLENGE]) sessionStorage.removeItem" in scripts


def test_between_the_sealing_of_the_roll_and_the_opening_a_sign_in_can_be_tried(
    poll: Poll,
) -> None:
    before = OPENS - timedelta(hours=1)
    with clock.fixed(before):
        assert "data-checking" not in _get("/en/vote").text
        assert "you can check here" in _get("/en/vote").text
    polls.seal_roll()
    with clock.fixed(before + timedelta(seconds=10)):
        assert "data-checking" in _get("/en/vote").text
        assert "Check that you can vote" in _get("/en/").text
    with clock.fixed(OPENS):
        vote = _get("/en/vote").text
    assert "data-vote" in vote
    assert "data-checking" not in vote


def test_a_freeze_is_announced_while_it_lasts(poll: Poll, make_actor: MakeActor) -> None:
    assert "Admission of new members is suspended" not in _get("/en/").text
    start, end = NOON + timedelta(hours=1), CLOSES + timedelta(days=2)
    actor = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        freeze_admission(
            session, actor=actor, starts_at=start, ends_at=end, reason="Принуждение", now=NOON
        )
    announced = "Приём новых членов приостановлен"
    for at, is_announced in (
        (start - KEPT_FOR, False),
        (start, True),
        (end - KEPT_FOR, True),
        (end, False),
    ):
        with clock.fixed(at):
            assert (announced in _get("/ru/").text) is is_announced
