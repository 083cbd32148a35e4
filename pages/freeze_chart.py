"""The charts of admission: freezes with their acts, and how the register grows."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo

import altair as alt

from core.i18n import _, format_date, format_datetime, format_number, term
from core.membership.queries import FreezeActView
from pages.charts import QUIET, REJECTIONS, VOTES


def _wall(at: datetime, zone: tzinfo) -> str:
    # Dressed as UTC, so that every browser shows the wall time of the primary's zone.
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def _days() -> alt.X:
    axis = alt.Axis(title=None, format="%d.%m", grid=True, labelOverlap=True, tickCount=8)
    return alt.X("at:T", scale=alt.Scale(type="utc", nice="day"), axis=axis)


def periods(acts: Sequence[FreezeActView], *, now: datetime, zone: tzinfo) -> alt.LayerChart:
    """A bar for each freeze as its last act left it, a point for each act, a rule for now.

    ``acts`` come newest first.
    """
    latest = {act.freeze_id: act for act in reversed(acts)}
    numbers = {freeze_id: f"№ {place}" for place, freeze_id in enumerate(sorted(latest), start=1)}
    bars = [
        {
            "freeze": numbers[act.freeze_id],
            "at": _wall(act.starts_at, zone),
            "until": _wall(act.ends_at, zone),
            "from_text": format_datetime(act.starts_at),
            "until_text": format_datetime(act.ends_at),
        }
        for act in latest.values()
    ]
    points = [
        {
            "freeze": numbers[act.freeze_id],
            "at": _wall(act.at, zone),
            "kind": term(act.kind),
            "when": format_datetime(act.at),
        }
        for act in acts
    ]
    row = alt.Y("freeze:N", axis=alt.Axis(title=None, ticks=False, domain=False))
    spans = (
        alt.Chart(alt.InlineData(values=bars))
        .mark_bar(color=VOTES, opacity=0.45, height=14, cornerRadius=3)
        .encode(
            x=_days(),
            x2="until:T",
            y=row,
            tooltip=[
                alt.Tooltip("from_text:N", title=_("From")),
                alt.Tooltip("until_text:N", title=_("Until")),
            ],
        )
    )
    marks = (
        alt.Chart(alt.InlineData(values=points))
        .mark_point(color=REJECTIONS, filled=True, size=70)
        .encode(
            x=_days(),
            y=row,
            shape=alt.Shape(
                "kind:N", legend=alt.Legend(title=None, orient="bottom", symbolFillColor=REJECTIONS)
            ),
            tooltip=[
                alt.Tooltip("kind:N", title=_("Act")),
                alt.Tooltip("when:N", title=_("When")),
            ],
        )
    )
    present = alt.InlineData(values=[{"at": _wall(now, zone), "now": format_datetime(now)}])
    rule = (
        alt.Chart(present)
        .mark_rule(color=QUIET, strokeDash=[4, 3])
        .encode(x=_days(), tooltip=[alt.Tooltip("now:N", title=_("Now"))])
    )
    return alt.layer(spans, rule, marks).properties(height=44 * len(latest) + 110)


def growth_bars(days: Sequence[tuple[date, int]]) -> alt.Chart:
    """Members by the day of their admission."""
    rows = [
        {
            "at": f"{day.isoformat()}T00:00:00Z",
            "count": count,
            "day": format_date(day),
            "text": format_number(count),
        }
        for day, count in days
    ]
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=VOTES, cornerRadiusEnd=2)
        .encode(
            x=alt.X(
                "utcyearmonthdate(at):T",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(title=None, format="%d.%m", grid=False, tickCount=10),
            ),
            y=alt.Y("count:Q", axis=alt.Axis(title=_("Admitted"), tickMinStep=1, format=",d")),
            tooltip=[
                alt.Tooltip("day:N", title=_("Day")),
                alt.Tooltip("text:N", title=_("Admitted")),
            ],
        )
        .properties(height=260)
    )
