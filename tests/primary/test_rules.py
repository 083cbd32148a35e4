"""Rules of time, roll and ballot, without a database."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.primary.rules import (
    Instant,
    Phase,
    PrimaryRefusal,
    ballot_size,
    candidate_id,
    changes,
    check_change,
    check_contest_code,
    check_first_timeline,
    check_timeline,
    extended,
    is_voting_open,
    last_admission_day,
    latest_birth,
    local_instant,
    parse_sex,
    published_earlier,
    published_later,
)
from core.voting.sealing import plaintext
from tests.conftest import ALMATY
from tests.primary.conftest import CLOSE, DAY, NOW, OPEN, PUBLICATION, SEALING, TIMELINE


def _code(refused: pytest.ExceptionInfo[Refused]) -> PrimaryRefusal:
    assert isinstance(refused.value.code, PrimaryRefusal)
    return refused.value.code


@pytest.mark.parametrize(
    ("moved", "code"),
    [
        ({"voting_closes": OPEN}, PrimaryRefusal.VOTING_ENDS_BEFORE_START),
        ({"freeze_end": TIMELINE.freeze_start}, PrimaryRefusal.FREEZE_ENDS_BEFORE_START),
        ({"freeze_end": CLOSE - DAY}, PrimaryRefusal.FREEZE_ENDS_BEFORE_VOTING),
        ({"publication": CLOSE - DAY}, PrimaryRefusal.PUBLICATION_BEFORE_VOTING_ENDS),
        ({"cutoff": SEALING + DAY}, PrimaryRefusal.CUTOFF_AFTER_ROLL),
        ({"roll_sealed_at": OPEN}, PrimaryRefusal.ROLL_AFTER_OPENING),
    ],
)
def test_instants_that_contradict_each_other_are_refused(
    moved: dict[str, datetime], code: PrimaryRefusal
) -> None:
    with pytest.raises(Refused) as refused:
        check_timeline(TIMELINE.moved(**moved))
    assert _code(refused) is code


def test_the_freeze_may_end_and_the_results_appear_at_the_very_end_of_voting() -> None:
    check_timeline(TIMELINE.moved(freeze_end=CLOSE, publication=CLOSE))


def test_a_first_timeline_may_begin_in_a_freeze_that_runs_but_not_with_a_past_vote() -> None:
    check_first_timeline(TIMELINE, now=TIMELINE.freeze_start + DAY)
    with pytest.raises(Refused) as refused:
        check_first_timeline(TIMELINE, now=OPEN)
    assert refused.value.facts["instant"] is Instant.ROLL_SEALED_AT


def test_an_instant_that_is_past_stays() -> None:
    with pytest.raises(Refused) as refused:
        check_change(
            TIMELINE,
            TIMELINE.moved(freeze_start=TIMELINE.freeze_start + DAY),
            now=TIMELINE.freeze_start,
            opened=False,
            sealed=False,
        )
    assert _code(refused) is PrimaryRefusal.TIME_IS_PAST


def test_an_instant_does_not_move_into_the_past() -> None:
    with pytest.raises(Refused) as refused:
        check_change(
            TIMELINE, TIMELINE.moved(cutoff=NOW - DAY), now=NOW, opened=False, sealed=False
        )
    assert _code(refused) is PrimaryRefusal.TIME_NOT_AHEAD


def test_an_opening_that_was_missed_can_be_set_anew_and_one_that_happened_can_not() -> None:
    later = TIMELINE.moved(voting_opens=OPEN + DAY)
    check_change(TIMELINE, later, now=OPEN + DAY / 2, opened=False, sealed=True)
    with pytest.raises(Refused) as refused:
        check_change(TIMELINE, later, now=OPEN + DAY / 2, opened=True, sealed=True)
    assert _code(refused) is PrimaryRefusal.TIME_IS_PAST


def test_the_end_of_a_running_vote_is_moved_by_an_extension_only() -> None:
    longer = TIMELINE.moved(voting_closes=CLOSE + DAY / 4, freeze_end=CLOSE + DAY)
    with pytest.raises(Refused) as refused:
        check_change(TIMELINE, longer, now=OPEN, opened=True, sealed=True)
    assert _code(refused) is PrimaryRefusal.EXTEND_INSTEAD


def test_the_cut_off_stays_once_the_roll_is_made_by_it() -> None:
    moved = TIMELINE.moved(cutoff=TIMELINE.cutoff - DAY)
    check_change(TIMELINE, moved, now=NOW, opened=False, sealed=False)
    with pytest.raises(Refused) as refused:
        check_change(TIMELINE, moved, now=NOW, opened=False, sealed=True)
    assert _code(refused) is PrimaryRefusal.CUTOFF_FIXED


def test_publication_is_not_brought_forward_as_a_mere_change() -> None:
    with pytest.raises(Refused) as refused:
        check_change(
            TIMELINE,
            TIMELINE.moved(publication=PUBLICATION - DAY / 4),
            now=NOW,
            opened=False,
            sealed=False,
        )
    assert _code(refused) is PrimaryRefusal.PUBLICATION_TAKES_TWO


def test_a_change_of_nothing_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        check_change(TIMELINE, TIMELINE, now=NOW, opened=False, sealed=False)
    assert _code(refused) is PrimaryRefusal.NOTHING_CHANGED


def test_an_extension_shifts_the_freeze_by_as_much_and_nothing_else() -> None:
    longer = extended(TIMELINE, CLOSE + DAY, now=OPEN + DAY)
    assert [change.instant for change in changes(TIMELINE, longer)] == [
        Instant.VOTING_CLOSES,
        Instant.FREEZE_END,
    ]
    assert longer.freeze_end - TIMELINE.freeze_end == DAY


@pytest.mark.parametrize(
    ("until", "now", "code"),
    [
        (CLOSE, OPEN, PrimaryRefusal.EXTENSION_NOT_LATER),
        (PUBLICATION + timedelta(seconds=1), OPEN, PrimaryRefusal.EXTENSION_PAST_PUBLICATION),
        (CLOSE + DAY, CLOSE, PrimaryRefusal.VOTING_ENDED),
    ],
)
def test_an_extension_is_refused(until: datetime, now: datetime, code: PrimaryRefusal) -> None:
    with pytest.raises(Refused) as refused:
        extended(TIMELINE, until, now=now)
    assert _code(refused) is code


def test_an_extension_up_to_publication_is_allowed() -> None:
    assert extended(TIMELINE, PUBLICATION, now=OPEN).voting_closes == PUBLICATION


@given(st.timedeltas(timedelta(seconds=1), PUBLICATION - CLOSE))
def test_every_extension_keeps_the_freeze_over_the_vote(by: timedelta) -> None:
    check_timeline(extended(TIMELINE, CLOSE + by, now=OPEN))


def test_publication_never_comes_before_the_vote_ends_or_in_the_past() -> None:
    with pytest.raises(Refused) as refused:
        published_earlier(TIMELINE, CLOSE - DAY, now=OPEN)
    assert _code(refused) is PrimaryRefusal.PUBLICATION_BEFORE_VOTING_ENDS
    with pytest.raises(Refused) as refused:
        published_earlier(TIMELINE, CLOSE, now=CLOSE + DAY / 2)
    assert _code(refused) is PrimaryRefusal.TIME_NOT_AHEAD
    with pytest.raises(Refused) as refused:
        published_later(TIMELINE, PUBLICATION + DAY, now=PUBLICATION)
    assert _code(refused) is PrimaryRefusal.TIME_IS_PAST


def test_voting_is_open_in_its_hours_and_only_after_the_signature() -> None:
    hours = [OPEN - timedelta(microseconds=1), OPEN, CLOSE - timedelta(microseconds=1), CLOSE]
    assert [is_voting_open(TIMELINE, signed_at=NOW, now=at) for at in hours] == [
        False,
        True,
        True,
        False,
    ]
    assert not is_voting_open(TIMELINE, signed_at=None, now=OPEN)
    assert not is_voting_open(TIMELINE, signed_at=OPEN + DAY, now=OPEN)
    assert not is_voting_open(None, signed_at=NOW, now=OPEN)


def test_phases_follow_each_other_at_the_very_instants() -> None:
    assert [TIMELINE.phase(at) for at in (NOW, OPEN, CLOSE, PUBLICATION)] == list(Phase)


def test_the_offset_change_of_almaty_on_1_march_2024() -> None:
    # Clocks went back from 24:00 to 23:00: the hour before that midnight came twice.
    twice = (date(2024, 2, 29), time(23, 30), ALMATY)
    assert local_instant(*twice) == datetime(2024, 2, 29, 17, 30, tzinfo=UTC)
    assert local_instant(*twice, is_end=True) == datetime(2024, 2, 29, 18, 30, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        local_instant(date(2021, 3, 28), time(2, 30), ZoneInfo("Europe/Berlin"))
    assert _code(refused) is PrimaryRefusal.NO_SUCH_LOCAL_TIME


def test_who_was_admitted_on_the_eve_of_the_cut_off_is_taken_and_on_its_day_is_not() -> None:
    assert last_admission_day(TIMELINE.cutoff, ALMATY) == date(2020, 9, 10)
    assert last_admission_day(TIMELINE.cutoff + DAY / 2, ALMATY) == date(2020, 9, 11)


def test_the_eighteenth_birthday_counts_and_29_february_comes_of_age_on_1_march() -> None:
    assert latest_birth(date(2020, 10, 1)) == date(2002, 10, 1)
    assert latest_birth(date(2022, 2, 28)) < date(2004, 2, 29)
    assert latest_birth(date(2022, 3, 1)) >= date(2004, 2, 29)


@given(
    st.dates(date(1950, 1, 1), date(2020, 1, 1)),
    st.dates(date(2018, 1, 1), date(2040, 1, 1)),
)
def test_the_latest_birth_date_says_the_same_as_the_age(born: date, on: date) -> None:
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    assert (born <= latest_birth(on)) == (years >= 18)


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", fullmatch=True),
    st.integers(1, 100),
)
def test_every_ballot_of_a_contest_fits_its_size(contest: str, most: int) -> None:
    check_contest_code(contest)
    size = ballot_size(contest, most)
    assert size % 32 == 0
    full = [candidate_id("p", contest, str(number)) for number in range(most)]
    assert len(plaintext(contest, full, size)) == len(plaintext(contest, [], size)) == size


def test_candidate_identifiers_are_eight_characters_and_the_same_for_the_same() -> None:
    made = candidate_id("p", "c", "кто-то")
    assert len(made) == 8
    assert made == candidate_id("p", "c", "кто-то")
    assert made != candidate_id("p", "c", "кто-то", 1) != candidate_id("p", "d", "кто-то")


def test_a_sex_is_read_in_three_languages() -> None:
    assert [parse_sex(raw).value for raw in ("Ж", "әйел", "F")] == ["female"] * 3
    assert [parse_sex(raw).value for raw in ("муж.", "ер", "male")] == ["male"] * 3
    with pytest.raises(Refused):
        parse_sex("?")
