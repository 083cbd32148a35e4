"""Who was turned away and why: live figures, the list, and a reference that a caller reads out."""

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, format_percent, refusal_text, term
from core.primary.queries import active_primary
from core.settings import settings
from core.staff.rules import Actor, Role
from core.voting import queries, service
from core.voting.queries import RejectionView
from core.voting.rules import RejectionReason
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.session import require_role, staff_callback, staff_fragment
from pages.wording import place_choices, plain

actor = require_role(Role.ORGANIZER, Role.OPERATOR, Role.OBSERVER)
FOUND = "rejection_found"
NUMBER = "rejection_number"
REASONS = "rejection_reasons"
NOTICE = "rejection_notice"
CALLERS = (Role.OPERATOR, Role.ORGANIZER)


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


def look_up(actor: Actor) -> None:
    """Find what a caller reads out; the act is logged."""
    for kept in (FOUND, NUMBER, REASONS):
        st.session_state.pop(kept, None)
    heard = st.session_state.get("reference", "")
    try:
        with unit_of_work() as session:
            found = service.look_up_reference(session, heard, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[FOUND] = found


def show_number(actor: Actor, reference: str) -> None:
    """Read the roll's number, so that it can be called; logged."""
    try:
        with unit_of_work() as session:
            number = service.number_to_call_back(session, reference, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NUMBER] = (reference, number)


def show_reasons(actor: Actor, reference: str) -> None:
    """Read the reasons after the call; logged. Without the call the service refuses."""
    called = bool(st.session_state.get("called_back"))
    try:
        with unit_of_work() as session:
            found = service.reveal_reasons(
                session, reference, actor=actor, called_back=called, now=clock.now()
            )
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[REASONS] = found


def reference_desk() -> None:
    """Advice first; the reasons only after a call to the number on the roll."""
    with st.container(border=True):
        st.subheader(_("A voter reads a reference"))
        field, button = st.columns([3, 1], vertical_alignment="bottom")
        field.text_input(
            _("Reference"),
            key="reference",
            placeholder="7KQ4M-2XJ9P",
            max_chars=20,
            on_change=staff_callback(look_up, *CALLERS),
        )
        button.button(
            _("Look up"),
            icon=":material/search:",
            width="stretch",
            on_click=staff_callback(look_up, *CALLERS),
        )
        notice = st.session_state.pop(NOTICE, None)
        if notice:
            st.warning(plain(notice))
        found: service.ReferenceFound | None = st.session_state.get(FOUND)
        if found is None:
            st.caption(_("You see what to advise. Every look-up is logged."))
            return
        st.markdown(f"**{found.reference}** · {term(found.stage)} · {format_datetime(found.at)}")
        for each in found.advice:
            st.info(term(each))
        call_back(found.reference)


def call_back(reference: str) -> None:
    """The number to call, and the reasons once it was called."""
    revealed: RejectionView | None = st.session_state.get(REASONS)
    if revealed is not None and revealed.reference == reference:
        for reason in revealed.reasons:
            st.error(term(reason))
        st.caption(
            plain(" · ".join((revealed.iin_masked, revealed.mobile_masked, revealed.address_short)))
        )
        return
    known, number = st.session_state.get(NUMBER, (None, None))
    if known != reference:
        st.button(
            _("Show the roll's number to call back"),
            icon=":material/call:",
            on_click=staff_callback(show_number, *CALLERS),
            args=(reference,),
        )
        return
    if number is None:
        st.warning(
            _(
                "There is no number to call back, so the reasons can't be told by telephone. "
                "Ask the caller to come to the branch with an identity card."
            )
        )
        return
    st.code(number, language=None)
    st.checkbox(_("I have called this number back, and the voter answered"), key="called_back")
    st.button(
        _("Show the reasons"),
        type="primary",
        on_click=staff_callback(show_reasons, *CALLERS),
        args=(reference,),
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
def live_list(actor: Actor, primary_id: str) -> None:
    """The list under the filters of the address, newest first."""
    del actor
    reason = st.session_state.get("reason")
    with reading() as session:
        found, total = queries.latest_rejections(
            session,
            primary_id,
            reason=reason,
            place_code=st.session_state.get("place"),
            address_short=(st.session_state.get("address") or "").strip() or None,
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


def filters() -> None:
    """What narrows the list; it stands in the address, so a view can be sent to a colleague."""
    st.subheader(_("Latest rejections"))
    choices = place_choices()
    left, middle, right = st.columns(3)
    left.selectbox(
        _("Reason"),
        list(RejectionReason),
        index=None,
        format_func=term,
        placeholder=_("all"),
        key="reason",
        bind="query-params",
    )
    middle.selectbox(
        _("Place"),
        list(choices),
        index=None,
        format_func=lambda code: choices[code],
        placeholder=_("all"),
        key="place",
        bind="query-params",
    )
    right.text_input(
        _("Shortened address"), key="address", placeholder="203.0.113.0/24", bind="query-params"
    )


st.title(_("Rejections"))
if actor.has(*CALLERS) and not actor.read_only:
    reference_desk()
with reading() as session:
    primary = active_primary(session)
if primary is None:
    st.info(_("There is no primary yet: set its timeline first."))
elif actor.has(Role.ORGANIZER, Role.OBSERVER):
    live_figures(primary.id)
    if actor.has(Role.ORGANIZER):
        filters()
        live_list(primary.id)
