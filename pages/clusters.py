"""What stands together as it should not: numbers, addresses and codes, and a case of each at once."""

import streamlit as st

from core import clock
from core.cases.receipts import spelled_number
from core.cases.sources import case_numbers
from core.database import reading
from core.i18n import _, format_datetime, term
from core.primary.queries import active_primary, require_primary
from core.settings import settings
from core.staff.rules import Actor, Role
from core.voting import clusters
from core.voting.clusters import DAYS, LEAST, Cluster, ClusterKind, ClusterSearch
from pages.cluster_case import NOTICE, places_of, show_chosen, subject_of
from pages.lists import PAGE_SIZE, choose, draw_pages, offer_csv, page_offset
from pages.session import require_role
from pages.wording import plain

actor = require_role(Role.ORGANIZER)


@st.cache_data(ttl=60, show_spinner=False)
def found_clusters(
    database_url: str, search: ClusterSearch, offset: int, _actor: Actor
) -> tuple[tuple[Cluster, ...], int]:
    """A page of clusters, a minute old at most: one search for every organizer."""
    del database_url  # part of the cache's key
    with reading() as session:
        return clusters.clusters(
            session,
            require_primary(session),
            search,
            actor=_actor,
            now=clock.now(),
            offset=offset,
            limit=PAGE_SIZE,
        )


def draw_search() -> ClusterSearch:
    """What is looked for; it stands in the address."""
    kind_box, least_box, days_box = st.columns([3, 1, 1])
    asked = choose(
        kind_box,
        _("What stands together"),
        {kind.value: term(kind) for kind in ClusterKind},
        name="kind",
        default=ClusterKind.SHARED_NUMBER,
    )
    kind = ClusterKind(asked)
    least = least_box.number_input(
        _("At least"),
        min_value=2,
        max_value=100_000,
        value=LEAST[kind],
        step=1,
        key=f"least_{kind.value}",
        bind="query-params",
    )
    days = DAYS
    if kind is ClusterKind.CHANGED_NUMBERS:
        days = days_box.number_input(
            _("Days before the opening"),
            min_value=1,
            max_value=366,
            value=DAYS,
            step=1,
            key="days",
            bind="query-params",
        )
    return ClusterSearch(kind=kind, least=int(least), days=int(days))


def table(found: tuple[Cluster, ...], numbers: dict[str, str]) -> list[dict[str, object]]:
    """Clusters as they are drawn."""
    return [
        {
            _("Around"): subject_of(cluster),
            _("How many"): cluster.count,
            _("People"): cluster.people,
            _("Voted"): cluster.voted,
            _("Rejections"): cluster.turned_away,
            _("Over time"): list(cluster.trend),
            _("First"): format_datetime(cluster.first) if cluster.first else "–",
            _("Last"): format_datetime(cluster.last) if cluster.last else "–",
            _("Place"): places_of(cluster),
            _("Case"): numbers.get(cluster.source, ""),
        }
        for cluster in found
    ]


def show_clusters(actor: Actor) -> None:
    """The search, the list and the chosen cluster."""
    search = draw_search()
    found, total = found_clusters(settings().database_url, search, page_offset(), actor)
    if not found:
        st.info(_("Nothing stands together like this."))
        return
    with reading() as session:
        known = case_numbers(session, [cluster.source for cluster in found], actor=actor)
    numbers = {source: spelled_number(number) for source, number in known.items()}
    rows = table(found, numbers)
    picked = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=f"clusters_{search.kind.value}",
        column_config={
            _("Over time"): st.column_config.BarChartColumn(width=120, y_min=0),
        },
    )
    selected = picked.selection.rows if picked else []
    if selected and selected[0] < len(found):
        chosen = found[selected[0]]
        show_chosen(chosen, numbers.get(chosen.source), may_act=not actor.read_only)
    else:
        st.caption(_("Choose a line to see its facts and to open a case."))
    draw_pages(total)
    flat = [
        [" ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in row.values()]
        for row in rows
    ]
    offer_csv("clusters", list(rows[0]), flat)


st.title(_("Suspicious clusters"))
st.caption(
    _(
        "None of this proves anything: a family may share a number, a town an address. It says "
        "where to look. People are masked; figures are a minute old at most."
    )
)
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    primary = active_primary(session)
if primary is None:
    st.info(_("There is no primary yet: set its timeline first."))
else:
    show_clusters(actor)
