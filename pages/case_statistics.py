"""Statistics of complaints: how many, of what, where from, how long they take."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import streamlit as st

from core import clock, places
from core.cases.statistics import AGES, Statistics, case_statistics, is_outside, month_of
from core.cases.suppression import Shown
from core.database import reading
from core.i18n import (
    _,
    format_date,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    term,
)
from core.printing import PrintedTable, printed
from core.settings import settings
from core.staff.rules import Role
from pages import charts
from pages.lists import choose, csv_bytes, xlsx_bytes
from pages.session import require_role
from pages.wording import capital

actor = require_role(Role.ORGANIZER, Role.OBSERVER, Role.COMMISSIONER)
FIRST_SPAN = timedelta(weeks=8)
MONTHS = 12
HIDDEN = "·"


def day_of_address(name: str, usual: date) -> date:
    """A day from the address; what is no day is the usual one."""
    try:
        return date.fromisoformat(st.query_params.get(name, ""))
    except ValueError:
        return usual


def last_month(today: date) -> tuple[date, date]:
    """The first and the last day of the month before."""
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def chosen_month(today: date) -> tuple[date, date]:
    """One of the last twelve months: whole ones can't be subtracted from each other."""
    months = [month_of(today)]
    while len(months) < MONTHS:
        months.append(last_month(months[-1][0]))
    names = {f"{since:%Y-%m}": f"{since:%m.%Y}" for since, _until in months}
    picked = choose(
        st.container(width=260), _("Month"), names, name="month", default=next(iter(names))
    )
    return next(month for month in months if f"{month[0]:%Y-%m}" == picked)


def chosen() -> tuple[date, date, str | None]:
    """The first and the last day and the region (None: all), remembered in the address."""
    today = clock.now().astimezone(settings().zone).date()
    if is_outside(actor):
        return *chosen_month(today), None
    since = day_of_address("since", today - FIRST_SPAN)
    until = max(since, day_of_address("until", today))
    if st.button(_("Last month"), icon=":material/calendar_month:"):
        since, until = last_month(today)
        st.session_state["stat_since"], st.session_state["stat_until"] = since, until
    st.session_state.setdefault("stat_since", since)
    st.session_state.setdefault("stat_until", until)
    first, last, where = st.columns([2, 2, 3])
    since = first.date_input(_("Received from"), format="DD.MM.YYYY", key="stat_since")
    until = last.date_input(_("until"), format="DD.MM.YYYY", key="stat_until")
    until = max(since, until)
    st.query_params["since"], st.query_params["until"] = since.isoformat(), until.isoformat()
    names = {unit.code: places.name(unit.code) for unit in places.children(None)}
    return since, until, choose(where, _("Region"), names, name="region")


def words(count: int | None) -> str:
    """A count, or that it is hidden: one that stands beside small ones may be large."""
    return _("hidden") if count is None else format_number(count)


def draw_figures(found: Statistics) -> None:
    """Five figures."""
    cells = st.columns(5)
    cells[0].metric(_("Received"), words(found.total), border=True)
    cells[1].metric(_("Open cases"), words(found.open), border=True)
    cells[2].metric(_("Decided"), words(found.decided), border=True)
    cells[3].metric(
        _("To a decision"),
        format_duration(found.median) if found.median is not None else "–",
        border=True,
        help=_("The median from receipt to decision."),
    )
    cells[4].metric(
        _("Within the time limit"),
        format_percent(found.in_time) if found.in_time is not None else "–",
        border=True,
        help=_("Of all time limits of these cases that are over."),
    )


def draw_table(
    title: str, table: Shown[Any], name: Callable[[Any], str], *, key: str, is_ranked: bool
) -> None:
    """One table as bars; what is hidden has no bar and says so. Weeks and ages keep their order."""
    st.subheader(title)
    if not any(count != 0 for count in table.cells.values()):
        st.caption(_("Nothing in this time."))
        return
    cells = {code: count for code, count in table.cells.items() if count != 0 or not is_ranked}
    bars = [
        charts.Bar(name(code), float(count or 0), HIDDEN if count is None else format_number(count))
        for code, count in cells.items()
    ]
    most = max(bars, key=lambda bar: bar.value)
    if is_ranked:
        bars.sort(key=lambda bar: -bar.value)
    charts.draw(
        charts.ranked_bars(bars),
        text=_("Bars: {title}. Most: {most}.", title=title, most=most.label),
        header=(title, _("Cases")),
        rows=[(bar.label, bar.text) for bar in bars],
        key=key,
    )


def week_name(monday: date) -> str:
    """``07.09 – 13.09.2020``."""
    return f"{monday:%d.%m} – {format_date(monday + timedelta(days=6))}"


def age_name(place: int) -> str:
    """How old a group of open cases is."""
    if place == len(AGES):
        return _("older than {days} d", days=AGES[-1].days)
    return _("up to {days} d", days=AGES[place].days)


def region_name(code: str) -> str:
    """A region, or that nobody knows it yet."""
    return places.name(code) if code else _("place unknown")


def tables(found: Statistics) -> Sequence[tuple[str, Shown[Any], Callable[[Any], str]]]:
    """Every table with its title and the words for its rows."""
    return (
        (_("By week"), found.weeks, week_name),
        (_("By region"), found.regions, region_name),
        (_("By category"), found.categories, lambda code: capital(term(code))),
        (_("By channel"), found.channels, lambda code: capital(term(code))),
        (_("By finding"), found.findings, lambda code: capital(term(code))),
        (_("Open cases by age"), found.ages, age_name),
    )


def report_pdf(found: Statistics, since: date, until: date, region: str | None) -> bytes:
    """The report for the committee, on paper: figures and tables, and nobody's data."""
    now = clock.now()
    span = _("From {since} to {until}", since=format_date(since), until=format_date(until))
    lines = [
        f"{span}. {region_name(region) if region else _('All regions')}.",
        f"{_('Received')}: {words(found.total)}. {_('Open cases')}: {words(found.open)}."
        f" {_('Decided')}: {words(found.decided)}.",
    ]
    if found.median is not None:
        lines.append(f"{_('To a decision')}: {format_duration(found.median)}.")
    if found.in_time is not None:
        lines.append(f"{_('Within the time limit')}: {format_percent(found.in_time)}.")
    if found.is_suppressed:
        lines.append(_("Counts from one to four, and what would give them away, are not told."))
    return printed(
        _("Statistics of complaints"),
        lines,
        [
            PrintedTable(
                title,
                ("", _("Cases")),
                [(name(code), words(count)) for code, count in table.cells.items()],
            )
            for title, table, name in tables(found)
            if table.cells
        ],
        foot=format_datetime(now),
        at=now,
    )


def offer_files(found: Statistics, since: date, until: date, region: str | None) -> None:
    """All tables as one file, and as a report on paper."""
    header = (_("Table"), _("Row"), _("Cases"))
    rows = [
        (title, name(code), words(count))
        for title, table, name in tables(found)
        for code, count in table.cells.items()
    ]
    left, right, report, _space = st.columns([1, 1, 1, 3])
    report.download_button(
        _("Report (PDF)"),
        lambda: report_pdf(found, since, until, region),
        file_name=f"cases-{since}-{until}.pdf",
        mime="application/pdf",
        on_click="ignore",
        width="stretch",
    )
    left.download_button(
        _("Download CSV"),
        csv_bytes(header, rows),
        file_name="cases-statistics.csv",
        mime="text/csv",
        on_click="ignore",
        width="stretch",
    )
    right.download_button(
        _("Download XLSX"),
        xlsx_bytes(header, rows),
        file_name="cases-statistics.xlsx",
        on_click="ignore",
        width="stretch",
    )


st.title(_("Statistics of complaints"))
since, until, region = chosen()
with reading() as session:
    statistics = case_statistics(
        session, actor, since=since, until=until, region=region, now=clock.now()
    )
draw_figures(statistics)
if statistics.is_suppressed:
    st.caption(
        _(
            "Counts from one to four are hidden (“{mark}”), and others with them where they could "
            "be computed. Cases that name you are not counted.",
            mark=HIDDEN,
        )
    )
left, right = st.columns(2, gap="medium")
for place, (title, table, name) in enumerate(tables(statistics)):
    with left if place % 2 == 0 else right:
        draw_table(
            title, table, name, key=f"table_{place}", is_ranked=name not in {week_name, age_name}
        )
offer_files(statistics, since, until, region)
