"""Who was turned away and why: live figures, the list, and a reference that a caller reads out."""

from datetime import timedelta
from typing import Final

import streamlit as st

from core import clock, places
from core.database import reading
from core.i18n import _, format_datetime, format_number, format_percent, n_, term
from core.primary.queries import active_primary
from core.settings import settings
from core.staff.rules import Actor, Role
from core.voting import queries
from core.voting.queries import RejectionFilter, RejectionView
from core.voting.rules import RejectionReason, RejectionStage
from pages.lists import PAGE_SIZE, choose, draw_pages, offer_csv, page_offset
from pages.reference_desk import CALLERS, draw_desk
from pages.session import require_role, staff_fragment
from pages.wording import place_choices

actor = require_role(Role.ORGANIZER, Role.OPERATOR, Role.OBSERVER)
PERIODS: Final = {"1h": 1, "6h": 6, "24h": 24}


@st.cache_data(ttl=3, show_spinner=False)
def figures(database_url: str, primary_id: str) -> tuple[int, dict[RejectionReason, int], int]:
    """Rejections in all, by reason, and votes: one reading for everybody who looks."""
    del database_url  # part of the cache's key
    with reading() as session:
        return (
            queries.rejections_total(session, primary_id),
            queries.rejections_by_reason(session, primary_id),
            queries.turnout(session, primary_id).votes,
        )


def counted(primary_id: str) -> None:
    """The figures of the moment: in all, against votes, and by reason."""
    total, by_reason, votes = figures(settings().database_url, primary_id)
    left, middle, right = st.columns(3)
    left.metric(_("Rejections"), format_number(total), border=True)
    middle.metric(_("Votes"), format_number(votes), border=True)
    turned = f"{format_number(100 * total / votes, 1)}" if votes else "–"
    right.metric(_("Rejections per 100 votes"), turned, border=True)
    rows = sorted(by_reason.items(), key=lambda pair: -pair[1])
    most = max((count for _reason, count in rows), default=0)
    st.dataframe(
        [
            {
                _("Reason"): term(reason),
                _("Rejections"): count,
                _("Share"): format_percent(count / total) if total else "–",
            }
            for reason, count in rows
        ],
        hide_index=True,
        width="stretch",
        column_config={
            _("Rejections"): st.column_config.ProgressColumn(
                min_value=0, max_value=max(most, 1), format="%d"
            )
        },
    )
    st.caption(
        _(
            "One rejection can have several reasons. Last updated {at}.",
            at=format_datetime(clock.now(), seconds=True),
        )
    )


@staff_fragment(Role.ORGANIZER, Role.OBSERVER, run_every=5)
def live_figures(actor: Actor, primary_id: str) -> None:
    """The figures, redrawn every five seconds."""
    del actor
    counted(primary_id)


def table(found: tuple[RejectionView, ...]) -> list[dict[str, str]]:
    """Rejections as they are drawn and exported."""
    return [
        {
            _("When"): format_datetime(view.at, seconds=True),
            _("Reasons"): ", ".join(term(reason) for reason in view.reasons),
            _("Step"): term(view.stage),
            _("Place"): places.name(view.place_code) if view.place_code else "–",
            _("IIN"): view.iin_masked,
            _("Number"): view.mobile_masked,
            _("Address"): view.address_short,
            _("Reference"): view.reference,
        }
        for view in found
    ]


@staff_fragment(Role.ORGANIZER, run_every=5)
def live_list(actor: Actor, primary_id: str, chosen: RejectionFilter, hours: int | None) -> None:
    """The list under the filters of the address, newest first."""
    del actor
    now = clock.now()
    since = None if hours is None else now - timedelta(hours=hours)
    with reading() as session:
        found, total = queries.latest_rejections(
            session,
            primary_id,
            chosen=chosen,
            since=since,
            offset=page_offset(),
            limit=PAGE_SIZE,
        )
    if not found:
        st.info(_("Nobody was turned away under these filters."))
        return
    rows = table(found)
    st.dataframe(rows, hide_index=True, width="stretch")
    draw_pages(total)
    offer_csv("rejections", list(rows[0]), [list(row.values()) for row in rows])


def filters() -> tuple[RejectionFilter, int | None]:
    """What narrows the list, and how many hours back it goes; both stand in the address."""
    st.subheader(_("Latest rejections"))
    reason_box, place_box, stage_box, period_box, address_box = st.columns(
        [3, 3, 2, 2, 2], vertical_alignment="bottom"
    )
    reason = choose(
        reason_box, _("Reason"), {each.value: term(each) for each in RejectionReason}, name="reason"
    )
    place = choose(
        place_box,
        _("Place"),
        {code: name for code, name in place_choices().items() if code},
        name="place",
    )
    stage = choose(
        stage_box, _("Step"), {each.value: term(each) for each in RejectionStage}, name="stage"
    )
    period = choose(
        period_box,
        _("Period"),
        {code: n_("last hour", "last {count} hours", hours) for code, hours in PERIODS.items()},
        name="since",
    )
    address = address_box.text_input(
        _("Shortened address"), key="address", placeholder="203.0.113.0/24", bind="query-params"
    )
    chosen = RejectionFilter(
        reason=RejectionReason(reason) if reason else None,
        place_code=place,
        stage=RejectionStage(stage) if stage else None,
        address_short=(address or "").strip() or None,
    )
    return chosen, PERIODS.get(period or "")


st.title(_("Rejections"))
if actor.has(*CALLERS) and not actor.read_only:
    draw_desk(actor)
with reading() as session:
    primary = active_primary(session)
if primary is None:
    st.info(_("There is no primary yet: set its timeline first."))
elif actor.has(Role.ORGANIZER, Role.OBSERVER):
    live_figures(primary.id)
    if actor.has(Role.ORGANIZER):
        live_list(primary.id, *filters())
