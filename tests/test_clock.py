from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core import clock


def test_the_present_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_a_fixed_clock_stands_still_and_is_given_back() -> None:
    instant = datetime(2020, 10, 5, tzinfo=ZoneInfo("Asia/Almaty"))
    with clock.fixed(instant):
        assert clock.now() == clock.now() == instant
        assert clock.now().tzinfo is UTC
    assert clock.now() > instant


def test_a_clock_is_given_back_after_a_failure() -> None:
    with pytest.raises(RuntimeError), clock.fixed(datetime(2020, 1, 1, tzinfo=UTC)):
        raise RuntimeError
    assert clock.now().year >= 2026


def test_shifts_add_up() -> None:
    instant = datetime(2020, 10, 5, tzinfo=UTC)
    with clock.fixed(instant), clock.shifted(timedelta(days=-2)), clock.shifted(timedelta(hours=1)):
        assert clock.now() == instant - timedelta(days=2) + timedelta(hours=1)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"), clock.fixed(datetime(2020, 1, 1)):
        pass
