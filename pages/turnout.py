"""The monitor: turnout and rejections as they happen, for a desk and for the committee's wall."""

from datetime import datetime, timedelta

import streamlit as st

from core import clock, places
from core.i18n import (
    NO_BREAK_SPACE,
    _,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    format_time,
    term,
)
from core.primary.rules import Phase
from core.settings import settings
from core.staff.rules import Actor, Role
from core.voting.queries import PlaceTurnout
from pages import charts
from pages.live import (
    REFRESH,
    REPEATS,
    Live,
    address_rule,
    by_hours,
    in_last_hour,
    live,
    regrouped,
    span_width,
    top_addresses,
)
from pages.session import require_role, staff_fragment
from pages.wording import capital, plain

MONITOR_ROLES = (Role.ORGANIZER, Role.OBSERVER, Role.CLERK)
actor = require_role(Role.ORGANIZER, Role.OBSERVER, Role.CLERK)

WALL_STYLE = """<style>
[data-testid="stMetricValue"] { font-size: 3.1rem; line-height: 1.15; }
[data-testid="stMetricLabel"] p { font-size: 1.25rem; }
[data-testid="stMetricDelta"] { font-size: 1.15rem; }
[data-testid="stMainBlockContainer"] { padding: 1.2rem 2rem; max-width: none; }
[data-testid="stCaptionContainer"] p { font-size: 1.1rem; }
</style>"""


def places_for(actor: Actor) -> tuple[str | None, ...]:
    """The places whose figures this person may see: the whole and each region, or their own."""
    if actor.read_only or actor.has(Role.ORGANIZER, Role.OBSERVER, place=None):
        return (None, *(unit.code for unit in places.children(None)))
    held = {grant.place for grant in actor.grants if grant.role in MONITOR_ROLES}
    if None in held:
        return (None, *(unit.code for unit in places.children(None)))
    return tuple(sorted(code for code in held if code))


def chosen_place(actor: Actor) -> str | None:
    """The place in the address if this person may see it, else the first that they may."""
    allowed = places_for(actor)
    asked = st.query_params.get("place") or None
    return asked if asked in allowed else allowed[0]


def remember_place() -> None:
    """Put the chosen place into the address, so that the view can be linked to."""
    code = st.session_state.get("monitor_place")
    if code:
        st.query_params["place"] = code
    else:
        st.query_params.pop("place", None)


def zone_name(now: datetime) -> str:
    """``Asia/Almaty (UTC+5)``."""
    zone = settings().zone
    offset = now.astimezone(zone).utcoffset() or timedelta()
    hours, minutes = divmod(int(offset.total_seconds() // 60), 60)
    return f"{zone.key} (UTC{hours:+d}{f':{minutes:02d}' if minutes else ''})"


def state_sentence(shown: Live, now: datetime) -> str:
    """Where the vote stands by the clock, with what comes next."""
    timeline = shown.primary.timeline
    if timeline is None:
        return _("The timeline is not set yet.")
    phase = shown.primary.phase(now)
    facts = {
        "opens": format_datetime(timeline.voting_opens),
        "closes": format_datetime(timeline.voting_closes),
        "left": format_duration(timeline.voting_closes - now),
        "until": format_duration(timeline.voting_opens - now),
        "publication": format_datetime(timeline.publication),
    }
    if now < timeline.voting_opens:
        return _("Voting opens {opens}, in {until}.", opens=facts["opens"], until=facts["until"])
    if shown.primary.voting_open(now):
        return _("Voting is open until {closes}: {left} left.", **_only(facts, "closes", "left"))
    if now < timeline.voting_closes:
        return _("Voting should be open and is not: the readiness act is missing.")
    if phase is Phase.PUBLISHED:
        return _("Voting closed {closes}; the results are public.", closes=facts["closes"])
    return _(
        "Voting closed {closes}. The results become public {publication}.",
        **_only(facts, "closes", "publication"),
    )


def _only(facts: dict[str, str], *names: str) -> dict[str, str]:
    return {name: facts[name] for name in names}


def draw_figures(shown: Live) -> None:
    """Five figures with their change in the last hour and twelve hours of history."""
    votes = by_hours(shown.votes_series, shown.at)
    rejections = by_hours(shown.rejections_series, shown.at)
    last_hour = in_last_hour(shown.votes_series, shown.at)
    points = last_hour / shown.on_roll * 100 if shown.on_roll else 0.0
    running, shares = shown.votes - sum(votes), []
    for count in votes:
        running += count
        shares.append(running / shown.on_roll * 100 if shown.on_roll else 0.0)
    repeats = by_hours(shown.repeats_series, shown.at)
    hour = _("an hour")
    cells = st.columns(5)
    cells[0].metric(
        _("Voted"),
        format_number(shown.votes),
        delta=f"+{format_number(last_hour)}",
        delta_description=hour,
        chart_data=votes,
        chart_type="area",
        border=True,
    )
    cells[1].metric(
        _("Turnout of the roll"),
        format_percent(shown.share_of_roll),
        delta=_("+{points} pp", points=format_number(points, 1)),
        delta_description=hour,
        chart_data=shares,
        border=True,
        help=_("Votes by people on the voter roll."),
    )
    cells[2].metric(
        _("Online, of the registered"),
        format_percent(shown.share_of_registered),
        border=True,
        delta=n_registered(shown),
        delta_color="off",
        delta_arrow="off",
        height="stretch",
        help=_("Registered are those who completed a sign-in with a code at least once."),
    )
    cells[3].metric(
        _("Rejections"),
        format_number(shown.rejections),
        delta=f"+{format_number(in_last_hour(shown.rejections_series, shown.at))}",
        delta_color="inverse",
        delta_description=hour,
        chart_data=rejections,
        chart_type="bar",
        border=True,
    )
    cells[4].metric(
        _("Repeats"),
        format_number(sum(shown.by_reason[reason] for reason in REPEATS)),
        delta=f"+{format_number(in_last_hour(shown.repeats_series, shown.at))}",
        delta_color="inverse",
        delta_description=hour,
        chart_data=repeats,
        chart_type="bar",
        border=True,
        help=_("Attempts with an IIN or a mobile number that a vote holds already."),
    )


def n_registered(shown: Live) -> str:
    """How many are registered, as a small line under the share."""
    return _("{count} registered", count=format_number(shown.registered))


def draw_over_time(shown: Live, *, on_wall: bool) -> None:
    """Votes and rejections over time with the acts of the timeline."""
    st.subheader(_("Votes and rejections over time"))
    timeline = shown.primary.timeline
    begun = [shown.votes_series, shown.rejections_series]
    starts = [series[0].start for series in begun if series]
    if timeline is None or not starts:
        st.info(_("Nothing yet: the chart begins with the first vote or rejection."))
        return
    start = min(*starts, max(timeline.voting_opens, min(starts)))
    end = min(shown.at, max(timeline.voting_closes, starts[0] + timedelta(hours=1)))
    width = span_width(end - start)
    votes = regrouped(shown.votes_series, width, start=start, end=end)
    rejections = regrouped(shown.rejections_series, width, start=start, end=end)
    if not votes:
        st.info(_("Nothing yet: the chart begins with the first vote or rejection."))
        return
    zone = settings().zone
    marks = [
        (mark.at, capital(term(mark.kind)) if mark.kind else _("Voting opened"))
        for mark in shown.marks
        if start <= mark.at <= end
    ]
    chart = charts.over_time(
        votes, rejections, marks, zone=zone, width=width, height=330 if on_wall else 300
    )
    peak = max(votes, key=lambda point: point.count)
    charts.draw(
        chart,
        text=_(
            "Votes upwards, rejections downwards, since {start}. Most votes: {count} from {peak}.",
            start=format_datetime(start),
            count=format_number(peak.count),
            peak=format_datetime(peak.start),
        ),
        header=(_("From"), _("Votes"), _("Rejections")),
        rows=[
            (format_datetime(vote.start), vote.count, rejection.count)
            for vote, rejection in zip(reversed(votes), reversed(rejections), strict=True)
        ],
        key="over_time",
        with_table=not on_wall,
    )


def turnout_share(unit: PlaceTurnout) -> float:
    """Votes by people on the roll of a unit, from 0 to 1."""
    return unit.votes / unit.on_roll if unit.on_roll else 0.0


def of_roll(unit: PlaceTurnout) -> str:
    """``1 204 of 5 310 on the roll``."""
    return _(
        "{votes} of {roll} on the roll",
        votes=format_number(unit.votes),
        roll=format_number(unit.on_roll),
    )


def draw_map(shown: Live, *, on_wall: bool) -> None:
    """Turnout of the upper units as squares."""
    st.subheader(_("Turnout by region"))
    values = [
        charts.TileValue(
            unit.place_code,
            turnout_share(unit),
            format_percent(turnout_share(unit)),
            of_roll(unit),
        )
        for unit in shown.units
    ]
    if not values:
        st.info(_("The voter roll is not sealed yet, so there is no turnout to compare."))
        return
    ranked = sorted(shown.units, key=turnout_share, reverse=True)
    charts.draw(
        charts.tile_map(values, height=330 if on_wall else 300),
        text=_(
            "Map of squares, one for each region. Highest turnout: {highest}, lowest: {lowest}.",
            highest=places.name(ranked[0].place_code),
            lowest=places.name(ranked[-1].place_code),
        ),
        header=(_("Place"), _("Turnout of the roll"), _("Votes"), _("On the roll")),
        rows=[
            (
                places.name(unit.place_code),
                format_percent(turnout_share(unit)),
                unit.votes,
                unit.on_roll,
            )
            for unit in ranked
        ],
        key="map",
        with_table=not on_wall,
    )


def draw_ranking(shown: Live) -> None:
    """Regions, or the districts of one, from the highest turnout down."""
    title = _("Turnout by region, ranked")
    if shown.place is not None:
        title = _("Turnout in {place}, ranked", place=plain(places.name(shown.place)))
    st.subheader(title)
    ranked = sorted(shown.units, key=turnout_share, reverse=True)
    if not ranked:
        st.info(_("The voter roll is not sealed yet, so there is no turnout to compare."))
        return
    bars = [
        charts.Bar(
            places.name(unit.place_code),
            turnout_share(unit),
            f"{format_percent(turnout_share(unit))} · {format_number(unit.votes)}",
            of_roll(unit),
        )
        for unit in ranked
    ]
    charts.draw(
        charts.ranked_bars(bars),
        text=_(
            "Bars by turnout from {highest} down to {lowest}.",
            highest=bars[0].label,
            lowest=bars[-1].label,
        ),
        header=(
            _("Place"),
            _("Turnout of the roll"),
            _("Votes"),
            _("On the roll"),
            _("Online, of the registered"),
        ),
        rows=[
            (
                places.name(unit.place_code),
                format_percent(turnout_share(unit)),
                unit.votes,
                unit.on_roll,
                format_percent(unit.votes_online / unit.registered) if unit.registered else "–",
            )
            for unit in ranked
        ],
        key="ranking",
    )


def draw_reasons(shown: Live) -> None:
    """Rejections under each of their reasons."""
    st.subheader(_("Rejections by reason"))
    ranked = sorted(shown.by_reason.items(), key=lambda item: item[1], reverse=True)
    counted = [(reason, count) for reason, count in ranked if count]
    if not counted:
        st.info(_("Nobody was rejected yet."))
        return
    bars = [
        charts.Bar(
            term(reason),
            count,
            f"{format_number(count)}{NO_BREAK_SPACE}(+{format_number(shown.by_reason_lately[reason])})",
            _("{count} in the last hour", count=format_number(shown.by_reason_lately[reason])),
        )
        for reason, count in counted
    ]
    charts.draw(
        charts.ranked_bars(bars, color=charts.REJECTIONS),
        text=_(
            "Bars of rejections by reason; the most frequent is: {reason}.", reason=bars[0].label
        ),
        header=(_("Reason"), _("Rejections"), _("In the last hour")),
        rows=[(term(reason), count, shown.by_reason_lately[reason]) for reason, count in counted],
        key="reasons",
    )
    st.caption(_("In brackets: in the last hour. One rejection may have several reasons."))


def draw_rejection_places(shown: Live) -> None:
    """Where rejections come from, and numbers of the roll that several members share."""
    st.subheader(_("Rejections by place"))
    known = {code: count for code, count in shown.rejections_by_unit.items() if code}
    ranked = sorted(known.items(), key=lambda item: item[1], reverse=True)[:10]
    if not ranked:
        st.info(_("No rejection is of a place on the roll yet."))
    else:
        bars = [
            charts.Bar(places.name(code), count, format_number(count)) for code, count in ranked
        ]
        charts.draw(
            charts.ranked_bars(bars, color=charts.REJECTIONS),
            text=_("Bars of rejections by place; the most are in: {place}.", place=bars[0].label),
            header=(_("Place"), _("Rejections")),
            rows=[(bar.label, int(bar.value)) for bar in bars],
            key="rejection_places",
        )
    nowhere = shown.rejections_by_unit.get("", 0)
    if nowhere:
        st.caption(
            _("Without a place, because the IIN is not on the roll: {count}.",
              count=format_number(nowhere))
        )  # fmt: skip
    if shown.shared_numbers:
        st.caption(
            _(
                "One number, several IINs: {numbers} numbers of the roll stand with {members} members.",
                numbers=format_number(shown.shared_numbers),
                members=format_number(shown.members_on_shared_numbers),
            )
        )


def draw_addresses(shown: Live) -> None:
    """Networks from which many were turned away: a carrier's shared address, or somebody at work."""
    found = () if shown.is_stale else top_addresses(shown.place)
    if not found:
        return
    st.subheader(_("Networks with most rejections"))
    bars = [charts.Bar(address, count, format_number(count)) for address, count in found]
    charts.draw(
        charts.ranked_bars(bars, color=charts.REJECTIONS),
        text=_(
            "Bars of rejections by shortened address; the most from: {place}.", place=bars[0].label
        ),
        header=(_("Shortened address"), _("Rejections")),
        rows=found,
        key="addresses",
    )


def draw_address_rule(shown: Live) -> None:
    """The real cost of the address rule beside the signed one: an alarm where it is above."""
    found = None if shown.is_stale or shown.place is not None else address_rule()
    if found is None or not found[0].verified or found[1] is None:
        return
    cost, signed = found
    words = _(
        "The address rule has hit {share} of those verified; signed was an estimate of {estimate}.",
        share=format_percent(cost.share),
        estimate=format_percent(signed.refused_share, 0),
    )
    if cost.share > signed.refused_share:
        st.warning(words, icon=":material/lan:")
    else:
        st.caption(words)


def draw_freshness(shown: Live, now: datetime) -> None:
    """When the figures are from, in which zone, and of whom the shares are."""
    if shown.is_stale:
        st.warning(
            _(
                "These figures are old: the database does not answer. They are from {time}.",
                time=format_time(shown.at, seconds=True),
            ),
            icon=":material/history_toggle_off:",
        )
    st.caption(
        _(
            "Updated {time}, every {seconds} seconds · time of {zone} · {roll} on the roll, "
            "{registered} registered",
            time=format_time(shown.at, seconds=True),
            seconds=int(REFRESH),
            zone=zone_name(now),
            roll=format_number(shown.on_roll),
            registered=format_number(shown.registered),
        )
    )


@staff_fragment(*MONITOR_ROLES, run_every=REFRESH)
def draw_live(actor: Actor, on_wall: bool) -> None:  # noqa: FBT001 - Streamlit passes it on by place
    """Everything that moves."""
    shown = live(chosen_place(actor))
    if shown is None:
        st.info(_("There is no primary yet. An organizer creates one on the page “Timeline”."))
        return
    now = clock.now()
    st.markdown(state_sentence(shown, now))
    draw_figures(shown)
    draw_address_rule(shown)
    draw_freshness(shown, now)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        draw_over_time(shown, on_wall=on_wall)
    with right:
        if shown.place is None:
            draw_map(shown, on_wall=on_wall)
        else:
            draw_reasons(shown)
    if on_wall:
        return
    left, right = st.columns(2, gap="medium")
    with left:
        draw_ranking(shown)
        draw_addresses(shown)
    with right:
        if shown.place is None:
            draw_reasons(shown)
        draw_rejection_places(shown)


def draw_choice(actor: Actor) -> None:
    """Title, the place to look at, and the way to the wall."""
    title, choice, wall = st.columns([5, 3, 1.4], vertical_alignment="bottom")
    title.title(_("Turnout"))
    allowed = places_for(actor)
    choice.selectbox(
        _("Place"),
        allowed,
        index=allowed.index(chosen_place(actor)),
        format_func=lambda code: places.name(code) if code else _("All regions"),
        key="monitor_place",
        label_visibility="collapsed",
    )
    remember_place()
    if actor.has(Role.ORGANIZER, Role.OBSERVER):
        wall.link_button(_("Wall"), "/turnout?wall=1", icon=":material/tv:", width="stretch")


wall_mode = actor.read_only or st.query_params.get("wall") == "1"
if wall_mode:
    st.html(WALL_STYLE)
    st.title(_("Turnout"))
else:
    draw_choice(actor)
draw_live(wall_mode)
