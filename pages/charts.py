"""The charts of the staff screens: one look for light and dark, each with a text and its table.

Colours stand here and nowhere else. What a colour says, position or a word says too.

A live chart is a shape, built and checked by Altair once for each look, and rows that are new at
each look: building the shape again costs ten times what drawing the whole page does.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
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
_ROWS: Final = alt.NamedData(name="rows")
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


# Altair's own look has a size of its own, which Streamlit replaces.
alt.theme.enable("none")

Spec = dict[str, Any]
"""A chart as Vega-Lite reads it."""


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
    chart: Spec | alt.TopLevelMixin,
    *,
    text: str,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    key: str,
    with_table: bool = True,
) -> None:
    """A chart with the sentence that says what it shows, and the same figures as a table."""
    spec = chart if isinstance(chart, dict) else _finished(chart)
    st.vega_lite_chart(spec, width="stretch", key=key, alt=text)
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


def _finished(chart: Any) -> Spec:
    """A chart in the look of all, checked against the schema."""
    decimal = "." if current_locale() == "en" else ","
    thousands = "," if current_locale() == "en" else NO_BREAK_SPACE
    number = {"decimal": decimal, "thousands": thousands, "grouping": [3], "currency": ["", ""]}
    dressed = chart.configure(
        locale=alt.Locale(number=alt.NumberLocale(**number)),
        view=alt.ViewConfig(strokeWidth=0),
        axis=alt.AxisConfig(labelFontSize=12, titleFontSize=12, tickSize=0, labelPadding=6),
    )
    spec: Spec = dressed.to_dict()
    return spec


def _filled(shape: Spec, *, height: int, **rows: Sequence[dict[str, Any]]) -> Spec:
    """A shape with rows, of a height in pixels. Streamlit writes into what it is given: a copy."""
    return {**deepcopy(shape), "height": height, "datasets": rows}


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
) -> Spec:
    """Votes upwards and rejections downwards on one scale, with acts as marks on the time axis.

    ``votes`` and ``rejections`` are spans of ``width`` that begin at the same instants.
    """
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
    acts = [{"at": _wall(at, zone), "label": label} for at, label in marks]
    long = bool(votes) and votes[-1].start - votes[0].start > timedelta(hours=26)
    minutes = int(width.total_seconds() // 60)
    shape = _shape_of_time(current_locale(), theme(), minutes, "%d.%m %H:%M" if long else "%H:%M")
    return _filled(shape, height=height, rows=rows, acts=acts, zero=[{"y": 0}])


@lru_cache(maxsize=64)
def _shape_of_time(locale: str, look: str, minutes: int, clock_format: str) -> Spec:
    """`over_time` without its rows; the words are of the ``locale`` that is in use."""
    x_axis = alt.Axis(title=None, format=clock_format, grid=False, labelOverlap=True)
    y_axis = alt.Axis(
        title=_("In {minutes} minutes", minutes=minutes), labelExpr="format(abs(datum.value), ',d')"
    )
    base = alt.Chart(_ROWS).encode(
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
    acts = alt.Chart(alt.NamedData(name="acts")).encode(
        x=alt.X("at:T"), tooltip=[alt.Tooltip("label:N", title=_("Act"))]
    )
    rules = acts.mark_rule(color=QUIET, strokeDash=[4, 3], strokeWidth=1.5)
    labels = acts.mark_text(
        color=_INKS[look][0], align="left", baseline="top", dx=5, dy=2, fontSize=11, limit=220
    ).encode(y=alt.value(0), text="label:N")
    zero = (
        alt.Chart(alt.NamedData(name="zero")).mark_rule(color=QUIET, strokeWidth=1).encode(y="y:Q")
    )
    return _finished(alt.layer(area, bars, zero, rules, labels))


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


def tile_map(values: Sequence[TileValue], *, height: int = 300) -> Spec:
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
    return _filled(_shape_of_map(current_locale()), height=height, rows=rows)


@lru_cache(maxsize=8)
def _shape_of_map(locale: str) -> Spec:
    """`tile_map` without its rows, which bring their colours."""
    base = alt.Chart(_ROWS).encode(
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
    return _finished(alt.layer(squares, names, shown).resolve_scale(color="independent"))


def ranked_bars(bars: Sequence[Bar], *, color: str = VOTES, step: int = 23) -> Spec:
    """Horizontal bars in the order given, each with its label before and its words behind it."""
    longest = max((bar.value for bar in bars), default=0.0) or 1.0
    rows = [
        {"label": bar.label, "share": bar.value / longest, "text": bar.text, "detail": bar.detail}
        for bar in bars
    ]
    # Streamlit fits a chart with its margins into this height: few bars would lie on each other.
    height = max(len(bars), 1) * step + _MARGINS
    return _filled(_shape_of_bars(current_locale(), theme(), color), height=height, rows=rows)


@lru_cache(maxsize=32)
def _shape_of_bars(locale: str, look: str, color: str) -> Spec:
    """`ranked_bars` without its rows; a bar's length is its share of the longest."""
    base = alt.Chart(_ROWS).encode(
        y=alt.Y(
            "label:N",
            sort=None,
            axis=alt.Axis(
                title=None, labelLimit=230, ticks=False, domain=False, labelOverlap=False
            ),
        ),
        x=alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, 1.5])),
        tooltip=[
            alt.Tooltip("label:N", title=" "),
            alt.Tooltip("text:N", title=" "),
            alt.Tooltip("detail:N", title=" "),
        ],
    )
    lengths = base.mark_bar(color=color, cornerRadiusEnd=3, height={"band": 0.72})
    words = base.mark_text(align="left", dx=6, fontSize=12, color=_INKS[look][0]).encode(
        text="text:N"
    )
    return _finished(alt.layer(lengths, words))
