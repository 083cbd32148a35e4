"""The charts of the staff screens: one look for light and dark, each with a text and its table.

Colours stand here and nowhere else. What a colour says, position or a word says too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import altair as alt
import streamlit as st

from core import places
from core.i18n import NO_BREAK_SPACE, _, current_locale, format_number
from core.voting.queries import SeriesPoint
from pages.lists import safe_cell

VOTES: Final = "#3b8fd0"
REJECTIONS: Final = "#d9762b"
QUIET: Final = "#8795a3"
_MARGINS: Final = 16
_RAMPS: Final = {"light": ("#d3e5f4", "#10497c"), "dark": ("#1d3a54", "#8fcbf7")}
_INKS: Final = {"light": ("#1b2530", "#ffffff"), "dark": ("#e8edf2", "#0b1622")}

# The three letters of an upper unit where the file has the Russian ones.
_SHORT: Final = {
    "kk": {
        "110000000": "АҚМ", "150000000": "АҚТ", "190000000": "АЛО", "230000000": "АТЫ",
        "270000000": "БҚО", "310000000": "ЖАМ", "350000000": "ҚАР", "390000000": "ҚОС",
        "430000000": "ҚЗО", "470000000": "МАҢ", "550000000": "ПАВ", "590000000": "СҚО",
        "610000000": "ТҮР", "630000000": "ШҚО", "710000000": "НҰР", "750000000": "АЛМ",
        "790000000": "ШЫМ",
    },
    "en": {
        "110000000": "AKM", "150000000": "AKT", "190000000": "ALR", "230000000": "ATY",
        "270000000": "WKR", "310000000": "ZHA", "350000000": "KAR", "390000000": "KOS",
        "430000000": "KYZ", "470000000": "MAN", "550000000": "PAV", "590000000": "NKR",
        "610000000": "TUR", "630000000": "EKR", "710000000": "NUR", "750000000": "ALA",
        "790000000": "SHY",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One row of ranked bars: its label, its length, and the words beside it."""

    label: str
    value: float
    text: str
    detail: str = ""


@dataclass(frozen=True)
class TileValue:
    """One square of the map: the unit, a share from 0 to 1, and the words of its tooltip."""

    code: str
    share: float
    text: str
    detail: str


def theme() -> str:
    """``light`` or ``dark``, as the browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def short_name(tile: places.Tile) -> str:
    """Three letters for a square of the map, in the reader's alphabet."""
    return _SHORT.get(current_locale(), {}).get(tile.code, tile.short)


def draw(
    chart: alt.TopLevelMixin,
    *,
    text: str,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    key: str,
    with_table: bool = True,
) -> None:
    """A chart with the sentence that says what it shows, and the same figures as a table."""
    st.altair_chart(_dressed(chart), width="stretch", key=key, alt=text)
    if not with_table:
        return
    with st.expander(_("The same as a table"), icon=":material/table_rows:"):
        cells = [[safe_cell(cell) for cell in row] for row in rows]
        columns: dict[str, list[str]] = {
            name: [row[place] for row in cells] for place, name in enumerate(header)
        }
        st.dataframe(
            columns, hide_index=True, width="stretch", height=min(36 * len(rows) + 38, 300)
        )


def _dressed(chart: Any) -> Any:
    decimal = "." if current_locale() == "en" else ","
    thousands = "," if current_locale() == "en" else NO_BREAK_SPACE
    number = {"decimal": decimal, "thousands": thousands, "grouping": [3], "currency": ["", ""]}
    return chart.configure(
        locale=alt.Locale(number=alt.NumberLocale(**number)),
        view=alt.ViewConfig(strokeWidth=0),
        axis=alt.AxisConfig(labelFontSize=12, titleFontSize=12, tickSize=0, labelPadding=6),
    )


def _utc(values: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=values)


def _wall(at: datetime, zone: tzinfo) -> str:
    """The wall time of ``zone`` dressed as UTC: Vega then shows it alike in every browser."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def over_time(
    votes: Sequence[SeriesPoint],
    rejections: Sequence[SeriesPoint],
    marks: Sequence[tuple[datetime, str]],
    *,
    zone: tzinfo,
    width: timedelta,
    height: int = 300,
) -> alt.LayerChart:
    """Votes upwards and rejections downwards on one scale, with acts as marks on the time axis.

    ``votes`` and ``rejections`` are spans of ``width`` that begin at the same instants.
    """
    ink = _INKS[theme()][0]
    minutes = int(width.total_seconds() // 60)
    rows = [
        {
            "at": _wall(vote.start, zone),
            "until": _wall(vote.start + width, zone),
            "when": f"{vote.start.astimezone(zone):%d.%m %H:%M}",
            "votes": vote.count,
            "rejections": -rejection.count,
            "refused": format_number(rejection.count),
            "cast": format_number(vote.count),
        }
        for vote, rejection in zip(votes, rejections, strict=True)
    ]
    long = bool(votes) and votes[-1].start - votes[0].start > timedelta(hours=26)
    x_axis = alt.Axis(
        title=None, format="%d.%m %H:%M" if long else "%H:%M", grid=False, labelOverlap=True
    )
    y_axis = alt.Axis(
        title=_("In {minutes} minutes", minutes=minutes), labelExpr="format(abs(datum.value), ',d')"
    )
    base = alt.Chart(_utc(rows)).encode(
        x=alt.X("at:T", scale=alt.Scale(type="utc"), axis=x_axis),
        tooltip=[
            alt.Tooltip("when:N", title=_("Time")),
            alt.Tooltip("cast:N", title=_("Votes")),
            alt.Tooltip("refused:N", title=_("Rejections")),
        ],
    )
    area = base.mark_area(
        color=VOTES, opacity=0.28, line={"color": VOTES, "strokeWidth": 2}, interpolate="monotone"
    ).encode(y=alt.Y("votes:Q", axis=y_axis))
    bars = base.mark_bar(color=REJECTIONS).encode(
        x2="until:T", y=alt.Y("rejections:Q", axis=y_axis), y2=alt.datum(0)
    )
    acts = alt.Chart(_utc([{"at": _wall(at, zone), "label": label} for at, label in marks])).encode(
        x=alt.X("at:T"), tooltip=[alt.Tooltip("label:N", title=_("Act"))]
    )
    rules = acts.mark_rule(color=QUIET, strokeDash=[4, 3], strokeWidth=1.5)
    labels = acts.mark_text(
        color=ink, align="left", baseline="top", dx=5, dy=2, fontSize=11, limit=220
    ).encode(y=alt.value(0), text="label:N")
    zero = alt.Chart(_utc([{"y": 0}])).mark_rule(color=QUIET, strokeWidth=1).encode(y="y:Q")
    return alt.layer(area, bars, zero, rules, labels).properties(height=height)


def _mixed(share: float) -> tuple[str, str]:
    """The colour at ``share`` (0 to 1) of the ramp, and the ink that is read best on it."""
    low, high = _RAMPS[theme()]
    parts = [
        round(int(low[at : at + 2], 16) * (1 - share) + int(high[at : at + 2], 16) * share)
        for at in (1, 3, 5)
    ]
    linear = [
        (part / 255 / 12.92 if part < 11 else ((part / 255 + 0.055) / 1.055) ** 2.4)
        for part in parts
    ]
    brightness = sum(
        weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )
    # Where black and white are read equally well: both then have a contrast of 4.6 at least.
    ink = "#000000" if brightness > 0.179 else "#ffffff"
    return "#" + "".join(f"{part:02x}" for part in parts), ink


def tile_map(values: Sequence[TileValue], *, height: int = 300) -> alt.LayerChart:
    """The upper units as squares of one size, darker or brighter by share."""
    by_code = {value.code: value for value in values}
    shares = [value.share for value in values] or [0.0]
    low, high = min(shares), max(shares)
    rows = []
    for tile in places.tile_grid():
        value = by_code.get(tile.code)
        place = (value.share - low) / (high - low) if value and high > low else 0.5
        fill, ink = _mixed(place)
        rows.append(
            {
                "x": tile.x,
                "y": tile.y,
                "short": short_name(tile),
                "name": places.name(tile.code),
                "text": value.text if value else "–",
                "detail": value.detail if value else "",
                "fill": fill,
                "ink": ink,
            }
        )
    base = alt.Chart(_utc(rows)).encode(
        x=alt.X("x:O", axis=None, scale=alt.Scale(paddingInner=0.06, paddingOuter=0.02)),
        y=alt.Y("y:O", axis=None, scale=alt.Scale(paddingInner=0.06, paddingOuter=0.02)),
        tooltip=[
            alt.Tooltip("name:N", title=_("Place")),
            alt.Tooltip("text:N", title=_("Turnout")),
            alt.Tooltip("detail:N", title=_("Votes")),
        ],
    )
    squares = base.mark_rect(cornerRadius=4).encode(color=alt.Color("fill:N", scale=None))
    written = alt.Color("ink:N", scale=None)
    names = base.mark_text(fontSize=13, fontWeight="bold", dy=-7).encode(
        text="short:N", color=written
    )
    shown = base.mark_text(fontSize=11, dy=9).encode(text="text:N", color=written)
    layers = alt.layer(squares, names, shown)
    return layers.resolve_scale(color="independent").properties(height=height)


def ranked_bars(bars: Sequence[Bar], *, color: str = VOTES, step: int = 23) -> alt.LayerChart:
    """Horizontal bars in the order given, each with its label before and its words behind it."""
    rows = [
        {"label": bar.label, "value": bar.value, "text": bar.text, "detail": bar.detail}
        for bar in bars
    ]
    longest = max((bar.value for bar in bars), default=0.0) or 1.0
    base = alt.Chart(_utc(rows)).encode(
        y=alt.Y(
            "label:N",
            sort=[bar.label for bar in bars],
            axis=alt.Axis(
                title=None, labelLimit=230, ticks=False, domain=False, labelOverlap=False
            ),
        ),
        x=alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, longest * 1.5])),
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip("text:N", title=" "),
            alt.Tooltip("detail:N", title=" "),
        ],
    )
    lengths = base.mark_bar(color=color, cornerRadiusEnd=3, height={"band": 0.72})
    words = base.mark_text(align="left", dx=6, fontSize=12, color=_INKS[theme()][0]).encode(
        text="text:N"
    )
    # Streamlit fits a chart with its margins into this height: few bars would lie on each other.
    return alt.layer(lengths, words).properties(height=max(len(bars), 1) * step + _MARGINS)
