"""Time limits of cases and the working calendar they run by; the organizer changes both."""

from datetime import timedelta

import streamlit as st

from core import clock
from core.cases import calendar, service
from core.cases.calendar import LimitView, bounds
from core.cases.clocks import CLOCKS, Window
from core.cases.rules import CaseState
from core.cases.working_time import CLOSES, OPENS, WORKING_DAY, DayKind
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, format_duration, format_number, format_weekday, term
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.session import require_role, staff_dialog
from pages.wording import capital, plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER)
may_edit = actor.has(Role.ORGANIZER, place=None) and not actor.read_only
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST_YEAR = 2020


def span_words(span: timedelta, *, is_wall: bool) -> str:
    """A limit in the unit it is counted in: working hours and days, or hours by the clock."""
    if is_wall:
        return format_duration(span)
    if span % WORKING_DAY == timedelta():
        return _("{count} working d", count=format_number(span // WORKING_DAY))
    hours = span / HOUR
    return _("{count} working h", count=format_number(hours, 0 if hours == int(hours) else 2))


def limit_name(limit: LimitView) -> str:
    """What is limited, in words."""
    return capital(term(limit.name))


@staff_dialog(_("Change a time limit"), Role.ORGANIZER, width="small")
def edit_limit(acting: Actor, limit: LimitView) -> None:
    """New hours for one limit."""
    st.markdown(f"**{plain(limit_name(limit))}**")
    st.caption(_("Holds for deadlines that are set from now on; one that runs is not moved."))
    unit, label = HOUR, _("Hours by the clock") if limit.is_wall else _("Working hours")
    if limit.name is Window.RETENTION:
        unit, label = DAY, _("Days")
    shortest, longest = bounds(limit.name)
    given = st.number_input(
        label,
        shortest / unit,
        longest / unit,
        limit.span / unit,
        step=1.0,
        key=f"span_{limit.name}",
    )
    urgent = None
    if limit.urgent is not None:
        urgent = st.number_input(
            _("Hours by the clock for what can't wait"),
            shortest / HOUR,
            longest / HOUR,
            limit.urgent / HOUR,
            step=1.0,
            key=f"urgent_{limit.name}",
        )
    if not st.button(_("Change"), type="primary", width="stretch", key="save_limit"):
        return
    try:
        with unit_of_work() as session:
            service.set_time_limit(
                session,
                limit.name,
                actor=acting,
                span=given * unit,
                urgent=urgent * HOUR if urgent is not None else None,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


@staff_dialog(_("Change a day"), Role.ORGANIZER, width="small")
def edit_day(acting: Actor) -> None:
    """A day off, a worked day, or what its weekday says."""
    day = st.date_input(_("Day"), value=None, format="DD.MM.YYYY", key="calendar_day")
    kind = st.radio(_("What it is"), list(DayKind), format_func=term, key="calendar_kind")
    reason = st.text_input(_("Reason"), max_chars=500, key="calendar_reason")
    if not st.button(_("Change"), type="primary", width="stretch", key="save_day"):
        return
    if day is None:
        st.error(_("Choose a day."))
        return
    try:
        with unit_of_work() as session:
            service.set_calendar_day(
                session, day, kind, actor=acting, reason=reason, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def draw_limits() -> None:
    """Every limit with its unit, what can't wait, and what the clock does at its end."""
    with reading() as session:
        limits = calendar.time_limits(session, actor)
    if may_edit:
        st.caption(_("Choose a row to change it."))
    picked = st.dataframe(
        [
            {
                _("What is limited"): limit_name(limit),
                _("Limit"): span_words(limit.span, is_wall=limit.is_wall),
                _("If it can't wait"): format_duration(limit.urgent) if limit.urgent else "–",
                _("When it is over"): at_the_end(limit),
                _("Set by"): _("the organizer") if limit.is_own else _("the rules"),
            }
            for limit in limits
        ],
        hide_index=True,
        on_select="rerun" if may_edit else "ignore",
        selection_mode="single-row",
        key="limits",
        alt=_("Time limits of cases"),
        height="content",
    )
    if may_edit and picked["selection"]["rows"]:
        edit_limit(limits[picked["selection"]["rows"][0]])
    st.caption(
        _(
            "A working day is from {opens} to {closes}. From five days before voting opens until"
            " publication every hour of every day counts, and an investigation has one day in the"
            " last five days before voting ends.",
            opens=OPENS.strftime("%H:%M"),
            closes=CLOSES.strftime("%H:%M"),
        )
    )


def at_the_end(limit: LimitView) -> str:
    """What happens when the time is over."""
    if limit.name is Window.RETENTION:
        return _("its texts are erased")
    if limit.name in {Window.APPEAL, Window.APPEAL_IN_VOTE}:
        return _("it is out of time")
    state = limit.name if isinstance(limit.name, CaseState) else CaseState.INVESTIGATION
    acts = CLOCKS[state].acts
    return _("the clock: {move}", move=term(acts)) if acts else _("shown as overdue")


def draw_days() -> None:
    """The days of a year that differ from their weekday."""
    this_year = clock.now().astimezone(settings().zone).year
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    years = list(range(FIRST_YEAR, this_year + 2))
    year = left.selectbox(_("Year"), years, index=years.index(this_year), key="calendar_year")
    if may_edit and right.button(
        _("Change a day"), icon=":material/edit_calendar:", width="stretch"
    ):
        edit_day()
    with reading() as session:
        days = calendar.calendar_days(session, actor, year)
    if not days:
        st.info(_("No day of this year differs from its weekday yet."))
        return
    st.dataframe(
        [
            {
                _("Day"): format_date(day.day),
                _("Weekday"): format_weekday(day.day),
                _("What it is"): term(day.kind),
                _("Reason"): day.reason or _("the country's calendar"),
            }
            for day in days
        ],
        hide_index=True,
        alt=_("Days off and worked days of the year"),
        height="content",
    )


st.title(_("Time limits"))
limits_tab, days_tab = st.tabs([_("Limits"), _("Working calendar")])
with limits_tab:
    draw_limits()
with days_tab:
    draw_days()
