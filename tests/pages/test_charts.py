"""Charts are read in light and dark, in three alphabets, and each figure stands in a table too."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from core import places
from core.i18n import LOCALES, use_locale
from core.settings import settings
from core.voting.queries import SeriesPoint
from pages import charts


def _brightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_on_the_map_are_read_on_every_shade(theme: str) -> None:
    with patch.object(charts, "theme", lambda: theme):
        for step in range(101):
            fill, ink = charts._mixed(step / 100)
            low, high = sorted((_brightness(fill), _brightness(ink)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (theme, step)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_square_of_the_map_has_three_letters_of_its_own(locale: str) -> None:
    with use_locale(locale):
        letters = [charts.short_name(tile) for tile in places.tile_grid()]
    assert len(set(letters)) == len(letters) == 17
    assert all(len(each) == 3 for each in letters)


def test_time_is_shown_by_the_clock_of_the_primary_in_every_browser() -> None:
    start = datetime(2020, 9, 30, 18, 0, tzinfo=UTC)
    points = [SeriesPoint(start + timedelta(minutes=10 * n), n) for n in range(3)]
    with patch.object(charts, "theme", lambda: "light"):
        chart = charts.over_time(
            points,
            points,
            [(start, "Открыто")],
            zone=settings().zone,
            width=timedelta(minutes=10),
        )
    rows = chart["datasets"][chart["layer"][0]["data"]["name"]]
    assert rows[0]["at"] == "2020-10-01T00:00:00Z"
    assert [row["rejections"] for row in rows] == [0, -1, -2]
    assert [row["votes"] for row in rows] == [0, 1, 2]


def test_a_chart_speaks_the_language_and_wears_the_colours_of_whoever_looks() -> None:
    """Shapes are kept between looks: none may be another person's."""
    bars = [charts.Bar("A", 3.0, "3"), charts.Bar("B", 1.0, "1")]
    seen = {}
    for locale in LOCALES:
        for look in ("light", "dark"):
            with use_locale(locale), patch.object(charts, "theme", lambda look=look: look):
                seen[locale, look] = (charts.ranked_bars(bars), charts.tile_map([]))
    inks = {look: seen["ru", look][0]["layer"][1]["mark"]["color"] for look in ("light", "dark")}
    assert inks["light"] != inks["dark"]
    titles = {
        locale: seen[locale, "light"][1]["layer"][0]["encoding"]["tooltip"][0]["title"]
        for locale in LOCALES
    }
    assert len(set(titles.values())) == len(LOCALES)


def test_what_is_done_to_a_drawn_chart_does_not_reach_the_next() -> None:
    bars = [charts.Bar("A", 3.0, "3")]
    with patch.object(charts, "theme", lambda: "light"):
        first = charts.ranked_bars(bars)
        first["layer"][0]["mark"]["color"] = "#000000"
        assert charts.ranked_bars(bars)["layer"][0]["mark"]["color"] == charts.VOTES
