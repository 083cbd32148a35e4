"""The list of cases: filters in the address, counts by state, what is overdue first."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

import streamlit as st

from core import clock, places
from core.cases import queries, service
from core.cases.identity import waiting_for_second
from core.cases.queries import EXPORT_LIMIT, FOUND_LIMIT, MAX_SEARCHED, CaseFilters, CaseRow
from core.cases.receipts import spelled_number
from core.cases.rules import CaseState, Category, Urgency
from core.database import reading
from core.i18n import _, format_datetime, n_, term
from core.staff.rules import Role
from pages.clock_badge import clock_words
from pages.lists import (
    PAGE_SIZE,
    choose,
    choose_pill,
    chosen,
    csv_bytes,
    draw_pages,
    page_offset,
    xlsx_bytes,
)
from pages.session import require_role
from pages.wording import place_choices

actor = require_role(Role.OPERATOR, Role.COMMISSIONER)

E = TypeVar("E", bound=StrEnum)
# What is searched for can be a name: it stays out of addresses, which are logged and passed on.
# Streamlit forgets a field that is not drawn, and whoever comes back from a case wants the list.
WORDS: Final = "cases_words"
FIELD: Final = "cases_search"
LAST: Final = "cases_filters"
OVERDUE: Final = "overdue"
MINE: Final = "mine"


def member(kind: type[E], name: str) -> E | None:
    """A filter that is one of our words."""
    asked = chosen(name, {each.value for each in kind})
    return kind(asked) if asked else None


def filters_now() -> CaseFilters:
    """The filters that are set, or that the address asks for: a list can be sent as a link."""
    only = chosen("only", {OVERDUE, MINE})
    filters = CaseFilters(
        state=member(CaseState, "state"),
        category=member(Category, "category"),
        urgency=member(Urgency, "urgency"),
        place=chosen("place", {unit.code for unit in places.all_places()}),
        overdue=only == OVERDUE,
        mine=only == MINE,
        text=searched(),
    )
    # Other filters begin again at the first page, before it is asked for.
    if st.session_state.get(LAST, filters) != filters:
        st.query_params.pop("page", None)
        st.session_state.pop("page", None)
    st.session_state[LAST] = filters
    return filters


def searched() -> str:
    """What is searched for; other words begin again at the first page."""
    before: str = st.session_state.get(WORDS, "")
    words: str = st.session_state.setdefault(FIELD, before)
    if words != before:
        st.query_params.pop("page", None)
        st.session_state.pop("page", None)
        st.session_state[WORDS] = words
    return words


def draw_filters() -> None:
    """Search, place, category, urgency, and whose."""
    search, place, category, urgency = st.columns([3, 3, 3, 2])
    search.text_input(
        _("Search"),
        key=FIELD,
        placeholder=_("number, words, category or place"),
        icon=":material/search:",
        max_chars=MAX_SEARCHED,
    )
    names = {code: name for code, name in place_choices().items() if code}
    choose(place, _("Place"), names, name="place")
    choose(category, _("Category"), {item.value: term(item) for item in Category}, name="category")
    choose(urgency, _("Urgency"), {item.value: term(item) for item in Urgency}, name="urgency")
    choose_pill(_("Show"), {OVERDUE: _("Overdue only"), MINE: _("My cases")}, name="only")
    standing = {
        state.value: f"{term(state)} · {count}"
        for state, count in counts.items()
        if count or state is filters.state
    }
    choose_pill(_("State"), standing, name="state")


def header() -> tuple[str, ...]:
    """The columns of the list."""
    return (
        _("Number"),
        _("Deadline"),
        _("State"),
        _("Category"),
        _("Place"),
        _("Urgency"),
        _("Received"),
        _("Lead member"),
    )


def cells(row: CaseRow, now: datetime) -> tuple[str, ...]:
    """One case in words."""
    return (
        spelled_number(row.number),
        clock_words(row.due_at, now),
        term(row.state),
        term(row.category),
        places.name(row.place) if row.place else "–",
        term(row.urgency),
        format_datetime(row.received_at),
        row.lead or "–",
    )


def draw_list(rows: Sequence[CaseRow], now: datetime) -> None:
    """The page of rows; choosing one opens it."""
    names = header()
    picked = st.dataframe(
        [dict(zip(names, cells(row, now), strict=True)) for row in rows],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"cases_{st.query_params.get('page', '1')}",
        alt=_("Cases, the newest first") if filters.text.strip() else _("Cases, the overdue first"),
        height="content",
    )
    index = next(iter(picked["selection"]["rows"]), None)
    if index is not None and index < len(rows):
        st.switch_page("case.py", query_params={"number": rows[index].number})


def offer_download(now: datetime) -> None:
    """The list under these filters as a file, up to 5,000 rows."""
    if not st.toggle(_("Prepare a file of this list"), key="wants_file"):
        return
    with reading() as session:
        rows, _total = queries.case_list(session, actor, filters, limit=EXPORT_LIMIT, now=now)
    names, lines = header(), [cells(row, now) for row in rows]
    left, right = st.columns(2)
    left.download_button(
        _("Download CSV"),
        csv_bytes(names, lines),
        file_name="cases.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    right.download_button(
        _("Download XLSX"),
        xlsx_bytes(names, lines),
        file_name="cases.xlsx",
        mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        icon=":material/table:",
        on_click="ignore",
    )


now = clock.now()
service.run_due(now)
filters = filters_now()
with reading() as session:
    counts = queries.state_counts(session, actor, filters, now=now)
    overdue = queries.overdue_count(session, actor, now=now)
    second = waiting_for_second(session, actor, now=now)
    found, total = queries.case_list(
        session, actor, filters, page=page_offset() // PAGE_SIZE + 1, now=now
    )

st.title(_("Cases"))
if overdue:
    st.warning(
        n_("{count} case is overdue.", "{count} cases are overdue.", overdue),
        icon=":material/alarm:",
    )
if second:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/group: {_('Something waits for a second person in:')}")
        for number in second:
            st.page_link("case.py", label=spelled_number(number), query_params={"number": number})
draw_filters()
if found:
    st.caption(_("Choose a row to open the case."))
    if filters.text.strip() and total == FOUND_LIMIT:
        st.caption(_("The newest {count} are shown. More words find fewer.", count=FOUND_LIMIT))
    draw_list(found, now)
    draw_pages(total)
    offer_download(now)
elif filters == CaseFilters():
    st.info(
        _(
            "No case is on your desk. New ones appear here when a call is logged or a case is passed on."
        )
    )
else:
    st.info(_("No case is like that. Take a filter away."))
