import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from core import __main__ as command_line
from core import clock
from core.database import engine, reading, unit_of_work
from core.primary.models import RollCount
from core.voting import queries
from core.voting.models import Ballot
from core.voting.queries import PlaceTurnout, RejectionFilter, SeriesPoint
from core.voting.rules import Channel, RejectionReason, RejectionStage
from core.voting.tally import Tally, TurnedAway
from tests.voting import polls
from tests.voting.polls import DISTRICT, NOON, PRIMARY, REGION

TOWN = "111000000"
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _poll(database: str) -> Iterator[None]:
    del database
    with clock.fixed(NOON):
        polls.open_poll(voters=4)
        with unit_of_work() as session:
            session.add(RollCount(primary_id=PRIMARY, place_code=TOWN, voters=6))
        yield


def write(tally: Tally) -> None:
    with engine().begin() as connection:
        tally.write(connection)


def away(*reasons: RejectionReason, place: str = DISTRICT, minutes: int = 0) -> TurnedAway:
    return TurnedAway(
        stage=RejectionStage.SIGN_IN,
        reasons=reasons,
        at=NOON + timedelta(minutes=minutes),
        iin_masked="850101******",
        mobile_masked="+7701*****01",
        address_short="203.0.113.0/24",
        place_code=place,
    )


def test_turnout_names_both_denominators_by_place_and_region() -> None:
    for minutes in (0, 11):
        tally = Tally(PRIMARY)
        tally.vote(DISTRICT, NOON + timedelta(minutes=minutes))
        tally.vote(TOWN, NOON, Channel.PAPER)
        tally.registered[DISTRICT] += 1
        write(tally)
    with reading() as session:
        found = queries.turnout(session, PRIMARY)
        series = queries.turnout_series(session, PRIMARY)
        in_town = queries.turnout_series(session, PRIMARY, place_code=TOWN)
        in_region = queries.turnout_series(session, PRIMARY, place_code=REGION)
    assert (found.votes, found.votes_online, found.registered, found.on_roll) == (4, 2, 2, 10)
    assert found.districts == (PlaceTurnout(TOWN, 2, 0, 6, 0), PlaceTurnout(DISTRICT, 2, 2, 4, 2))
    assert found.regions == (PlaceTurnout(REGION, 4, 2, 10, 2),)
    assert series == (
        SeriesPoint(NOON, 3),
        SeriesPoint(NOON + timedelta(minutes=10), 1),
    )
    assert in_town == (SeriesPoint(NOON, 2),)
    assert in_region == series


def test_rejections_are_counted_once_in_all_and_under_each_reason() -> None:
    tally = Tally(PRIMARY)
    tally.reject(away(RejectionReason.IIN_USED, RejectionReason.ADDRESS_USED))
    tally.reject(away(RejectionReason.NOT_ON_ROLL, place="", minutes=10))
    write(tally)
    with reading() as session:
        assert queries.rejections_total(session, PRIMARY) == 2
        by_reason = queries.rejections_by_reason(session, PRIMARY)
        later = queries.rejections_by_reason(session, PRIMARY, since=NOON + timedelta(minutes=10))
        by_place = queries.rejections_by_place(session, PRIMARY)
        series = queries.rejections_series(session, PRIMARY)
        one = queries.rejections_series(session, PRIMARY, reason=RejectionReason.NOT_ON_ROLL)
    assert set(by_reason) == set(RejectionReason)
    assert {reason.value for reason, count in by_reason.items() if count} == {
        "iin_used",
        "address_used",
        "not_on_roll",
    }
    assert [reason.value for reason, count in later.items() if count] == ["not_on_roll"]
    assert by_place == {"": 1, DISTRICT: 1}
    assert [point.count for point in series] == [1, 1]
    assert one == (SeriesPoint(NOON + timedelta(minutes=10), 1),)


def test_the_list_of_rejections_is_filtered_and_paged_in_the_database() -> None:
    tally = Tally(PRIMARY)
    references = [tally.reject(away(RejectionReason.IIN_USED)) for _ in range(3)]
    other = tally.reject(away(RejectionReason.MOBILE_USED, place=TOWN))
    write(tally)
    with reading() as session:
        page, total = queries.latest_rejections(session, PRIMARY, limit=2)
        used, _ = queries.latest_rejections(
            session, PRIMARY, chosen=RejectionFilter(reason=RejectionReason.MOBILE_USED)
        )
        counts = [
            queries.latest_rejections(session, PRIMARY, chosen=chosen)[1]
            for chosen in (
                RejectionFilter(place_code=REGION),
                RejectionFilter(place_code=TOWN),
                RejectionFilter(address_short="203.0.113.0/24"),
                RejectionFilter(address_short="10.0.0.0/24"),
                RejectionFilter(stage=RejectionStage.SIGN_IN),
                RejectionFilter(stage=RejectionStage.CAST),
            )
        ]
        since = [
            queries.latest_rejections(session, PRIMARY, since=NOON + timedelta(minutes=minutes))[1]
            for minutes in (0, 1)
        ]
    assert ([view.reference for view in page], total) == ([other, references[2]], 4)
    assert [view.reference for view in used] == [other]
    assert counts == [4, 1, 4, 0, 4, 0]
    assert since == [4, 0]


def test_a_tracker_is_stored_or_not() -> None:
    with unit_of_work() as session:
        session.add(
            Ballot(tracker="A" * 26, primary_id=PRIMARY, contest_id="c", sealed=b"s", sha256=b"h")
        )
    with reading() as session:
        assert queries.is_ballot_stored(session, "A" * 26)
        assert not queries.is_ballot_stored(session, "B" * 26)


def test_the_command_prints_turnout(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["turnout", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "primary": PRIMARY,
        "votes": 0,
        "votes_online": 0,
        "votes_paper": 0,
        "registered": 0,
        "on_roll": 10,
        "rejections": 0,
    }
