"""The chart of a timeline: periods as bars, instants as points, the present as a line."""

from datetime import datetime, tzinfo

import altair as alt

from core.i18n import _, format_datetime, term
from core.primary.rules import Instant, Timeline
from pages.charts import QUIET, REJECTIONS, VOTES

POINTS = (Instant.CUTOFF, Instant.ROLL_SEALED_AT, Instant.PUBLICATION)


def _shown(at: datetime, zone: tzinfo) -> str:
    """Wall time of the zone dressed as UTC, so that every browser draws it alike."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def timeline_chart(timeline: Timeline, *, now: datetime, zone: tzinfo) -> alt.LayerChart:
    """Freeze and vote as bars, the other instants as points, today as a broken line."""
    periods = [
        (_("Freeze"), timeline.freeze_start, timeline.freeze_end),
        (_("Voting"), timeline.voting_opens, timeline.voting_closes),
    ]
    order = [name for name, _start, _end in periods] + [
        term(instant).capitalize() for instant in POINTS
    ]
    row = alt.Y("what:N", sort=order, title=None, axis=alt.Axis(labelLimit=240))
    scale = alt.Scale(type="utc")
    bars = (
        alt.Chart(
            alt.InlineData(
                values=[
                    {
                        "what": name,
                        "start": _shown(start, zone),
                        "end": _shown(end, zone),
                        "text": f"{format_datetime(start, zone)} – {format_datetime(end, zone)}",
                    }
                    for name, start, end in periods
                ]
            )
        )
        .mark_bar(color=VOTES, cornerRadius=3, height=16)
        .encode(
            y=row,
            x=alt.X(
                "start:T",
                scale=scale,
                title=None,
                axis=alt.Axis(format="%d.%m", grid=True, labelOverlap=True),
            ),
            x2="end:T",
            tooltip=[alt.Tooltip("what:N", title=" "), alt.Tooltip("text:N", title=" ")],
        )
    )
    points = (
        alt.Chart(
            alt.InlineData(
                values=[
                    {
                        "what": term(instant).capitalize(),
                        "start": _shown(timeline.at(instant), zone),
                        "text": format_datetime(timeline.at(instant), zone),
                    }
                    for instant in POINTS
                ]
            )
        )
        .mark_point(color=REJECTIONS, filled=True, size=110, shape="diamond")
        .encode(
            y=row,
            x=alt.X("start:T", scale=scale),
            tooltip=[alt.Tooltip("what:N", title=" "), alt.Tooltip("text:N", title=" ")],
        )
    )
    layers: list[alt.Chart] = [bars, points]
    if timeline.freeze_start <= now <= timeline.publication:
        present = alt.InlineData(values=[{"start": _shown(now, zone)}])
        layers.append(
            alt.Chart(present)
            .mark_rule(color=QUIET, strokeDash=[4, 4], strokeWidth=2)
            .encode(x=alt.X("start:T", scale=scale))
        )
    return alt.layer(*layers).properties(height=190)
