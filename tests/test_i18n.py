from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest

from core.errors import Refused
from core.i18n import (
    _,
    format_date,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    known_locale,
    refusal_text,
    term,
    use_locale,
)
from core.messaging.rules import MessageState
from core.places import PlaceRefusal


def test_thousands_stand_apart_by_a_no_break_space() -> None:
    assert format_number(662687) == "662\u00a0687"
    with use_locale("kk"):
        assert format_number(1234.5, 1) == "1\u00a0234,5"
    with use_locale("en"):
        assert format_number(662687) == "662,687"


def test_shares_are_percentages_with_the_locale_s_comma() -> None:
    assert format_percent(0.842) == "84,2\u00a0%"
    with use_locale("en"):
        assert format_percent(0.842) == "84.2%"


def test_instants_are_shown_in_the_zone_of_the_primary() -> None:
    instant = datetime(2020, 10, 4, 18, 0, tzinfo=UTC)
    assert format_datetime(instant) == "05.10.2020 00:00"
    assert format_datetime(instant, ZoneInfo("Asia/Aqtau")) == "04.10.2020 23:00"
    assert format_date(instant) == "05.10.2020"
    assert format_date(date(2020, 10, 5)) == "05.10.2020"


def test_the_offset_of_almaty_changed_on_the_first_of_march_2024() -> None:
    before = datetime(2024, 2, 29, 17, 59, tzinfo=UTC)
    assert format_datetime(before) == "29.02.2024 23:59"
    assert format_datetime(before + timedelta(minutes=1)) == "29.02.2024 23:00"


def test_spans_name_their_two_largest_units() -> None:
    assert format_duration(timedelta(days=2, hours=4, minutes=59)) == "2 дн. 4 ч"
    assert format_duration(timedelta(hours=3, minutes=5)) == "3 ч 5 мин"
    assert format_duration(timedelta(seconds=-90)) == "1 мин"


def test_a_refusal_is_a_sentence_with_its_facts() -> None:
    refused = Refused(PlaceRefusal.UNKNOWN_PLACE, code="000")
    assert "000" in refusal_text(refused)
    assert str(refused) == "unknown_place"
    with use_locale("en"):
        assert refusal_text(refused).startswith("There is no place")


def test_a_member_without_a_word_is_an_error_and_not_a_key_on_a_screen() -> None:
    class Unheard(StrEnum):
        OF = "of"

    with pytest.raises(KeyError):
        term(Unheard.OF)
    assert term(MessageState.SENT) == "отправлено"


def test_a_locale_that_is_not_ours_falls_back_to_russian() -> None:
    assert known_locale("de") == known_locale(None) == known_locale("../../etc") == "ru"
    with use_locale("de"):
        assert _("Centre") == "Центр"
