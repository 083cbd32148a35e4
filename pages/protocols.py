"""Protocols of polling places: each is typed twice by two people, and sealed at once."""

from typing import Any, Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, n_, refusal_text, term
from core.paper.desk_queries import desk_of
from core.paper.queries import PollingPlaceView
from core.primary.queries import PrimaryView, active_primary
from core.results import protocols
from core.results.protocol_queries import (
    EntryView,
    ProtocolDesk,
    ProtocolLine,
    protocol_desk,
    protocol_lines,
)
from core.results.rules import ProtocolState
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Role
from pages.lists import offer_csv
from pages.polling_place_words import area_text
from pages.protocol_form import CODE, DONE, forget_figures, show_code, show_form
from pages.second_person import offer_decision, show_proposer
from pages.session import require_role, staff_callback, staff_dialog
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.CLERK)

NOTICE: Final = "protocols_notice"
_ICONS: Final = {
    ProtocolState.NOT_NEEDED: "–",
    ProtocolState.MISSING: "○",
    ProtocolState.ENTERED_ONCE: "◐",
    ProtocolState.SEALED: "●",
    ProtocolState.WAIVED: "×",
}


def own_place(acting: Actor, primary: PrimaryView) -> PollingPlaceView | None:
    """Where a clerk enters a protocol."""
    with reading() as session:
        desk = desk_of(session, primary, acting, clock.now())
    return desk.place if desk else None


def discard(acting: Actor, code: str) -> None:
    """Both people begin again."""
    try:
        with unit_of_work() as session:
            protocols.discard_entry(session, code, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    forget_figures()
    st.session_state[NOTICE] = _("The first entry is gone. Both people enter again.")


@staff_dialog(_("Begin again"), Role.ORGANIZER, Role.CLERK)
def begin_again(acting: Actor, code: str) -> None:
    """Ask once more before an entry is thrown away."""
    del acting
    st.write(_("The first entry is thrown away. Both people enter the whole protocol again."))
    if st.button(
        _("Throw away"),
        type="primary",
        on_click=staff_callback(discard, Role.ORGANIZER, Role.CLERK),
        args=(code,),
    ):
        st.rerun()


@staff_dialog(_("Count without this protocol"), Role.ORGANIZER)
def waive(acting: Actor, code: str) -> None:
    """Only when it can't come any more: two organizers, published with the results."""
    st.write(
        _(
            "Only if the protocol can't come any more. A second organizer has to confirm it, and "
            "the results will say that the ballots of this place were not counted."
        )
    )
    reason = st.text_area(_("Reason"), key="waiver_reason", max_chars=500)
    if not st.button(_("Propose"), type="primary"):
        return
    try:
        with unit_of_work() as session:
            protocols.propose_waiver(session, code, actor=acting, reason=reason, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for a second person.")
    st.rerun()


def confirm_waiver(acting: Actor, proposal_id: int) -> None:
    """Be the second person."""
    try:
        with unit_of_work() as session:
            protocols.confirm_waiver(session, proposal_id, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)


def list_waivers(acting: Actor) -> None:
    """Waivers that wait for a second person."""
    with reading() as session:
        waiting = approvals.pending(session, ActKind.WAIVE_PROTOCOL)
    for proposal in waiting:
        with st.container(border=True):
            code = proposal.payload["polling_place"]
            st.markdown(f"**{plain(_('Count without the protocol of {code}', code=code))}**")
            st.text(proposal.reason)
            show_proposer(proposal)
            offer_decision(acting, proposal, Role.ORGANIZER, confirm=confirm_waiver, notice=NOTICE)


def show_versions(desk: ProtocolDesk) -> None:
    """Every sealed version, the newest last: nothing of what was typed."""
    if not desk.versions:
        return
    st.subheader(_("Sealed versions"))
    st.dataframe(
        [
            {
                _("Version"): format_number(each.version),
                _("Ballots handed out to"): format_number(each.issued),
                _("Entered by"): each.entered_by,
                _("Checked by"): each.checked_by,
                _("Sealed"): format_datetime(each.sealed_at),
                _("Why corrected"): each.reason or "–",
                _("Digest of the seal"): each.digest,
            }
            for each in desk.versions
        ],
        hide_index=True,
        width="stretch",
    )


def show_waiting(acting: Actor, desk: ProtocolDesk, waiting: EntryView) -> bool:
    """That a first entry waits; gives whether this person may be the second."""
    st.info(
        plain(
            _(
                "{name} entered this protocol first at {at}. It is locked until a second person "
                "enters the same.",
                name=waiting.name,
                at=format_datetime(waiting.entered_at),
            )
        ),
        icon=":material/lock:",
    )
    if waiting.reason:
        st.text(_("Correction: {reason}", reason=waiting.reason))
    if st.button(_("Begin again"), icon=":material/restart_alt:", type="tertiary"):
        begin_again(desk.place.code)
    if waiting.account_id == acting.account_id:
        st.warning(_("You entered it first: another person enters it now."))
        return False
    if waiting.tries_left <= 0:
        st.error(_("The entries differed too often: begin again."))
        return False
    return True


def show_desk(acting: Actor, primary: PrimaryView, code: str) -> None:
    """The protocol of one place: what stands, and the form for whoever's turn it is."""
    with reading() as session:
        desk = protocol_desk(session, primary.id, code)
    if desk is None:
        st.info(_("There is no such polling place."))
        return
    st.subheader(plain(f"{desk.place.code} · {desk.place.name}"))
    words = _("Marked voters") if desk.place.is_connected else _("On the list")
    st.caption(
        plain(f"{area_text(desk.place.place_code)} · {words}: {format_number(desk.entitled)}")
    )
    done = st.session_state.pop(DONE, None)
    if done is not None:
        st.success(
            _("Both entries agree. The protocol is sealed as version {version}.", version=done),
            icon=":material/lock:",
        )
    show_code(desk.place.code)
    closes = primary.timeline.voting_closes if primary.timeline else None
    if closes is None or clock.now() < closes:
        st.info(
            _(
                "Boxes are opened and protocols entered after the close of the vote, from {at}.",
                at=format_datetime(closes) if closes else "–",
            ),
            icon=":material/schedule:",
        )
    elif desk.is_exported:
        st.info(_("The count has begun: protocols don't change any more."), icon=":material/lock:")
    elif CODE not in st.session_state:
        enter(acting, desk)
    show_versions(desk)


def enter(acting: Actor, desk: ProtocolDesk) -> None:
    """The form of the first or the second entry, or of a correction."""
    if desk.waiting is not None:
        if show_waiting(acting, desk, desk.waiting):
            show_form(acting, desk, is_second=True)
        return
    if desk.versions and not st.toggle(_("Correct the sealed protocol"), key="correct"):
        return
    if not desk.entitled and not desk.versions:
        st.info(_("Nobody voted here by the system: a protocol is not needed."))
        return
    show_form(acting, desk, is_second=False)


def show_all(acting: Actor, primary: PrimaryView) -> str | None:
    """Every place with the state of its protocol; gives the chosen one."""
    with reading() as session:
        lines = protocol_lines(session, primary.id)
    if not lines:
        st.info(_("No polling place: there is no paper to count."))
        return None
    counts = {state: sum(line.state is state for line in lines) for state in ProtocolState}
    needed = len(lines) - counts[ProtocolState.NOT_NEEDED]
    came = counts[ProtocolState.SEALED]
    st.progress(
        came / needed if needed else 1.0,
        text=n_("{came} of {count} protocol", "{came} of {count} protocols", needed, came=came),
    )
    state = st.segmented_control(
        _("State"),
        [each.value for each in ProtocolState],
        format_func=lambda value: (
            f"{term(ProtocolState(value))} · {format_number(counts[ProtocolState(value)])}"
        ),
        key="state",
        bind="query-params",
        label_visibility="collapsed",
    )
    shown = [line for line in lines if state is None or line.state.value == state]
    if not shown:
        st.info(_("No polling place is like that."))
        return None
    rows = [row_of(line) for line in shown]
    chosen = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=320 if len(rows) > 8 else "content",
        on_select="rerun",
        selection_mode="single-row",
        key=f"protocols_{state}",
    )
    offer_csv("protocols", list(rows[0]), [list(row.values()) for row in rows])
    list_waivers(acting)
    selected = chosen.selection.rows if chosen else []
    if not selected or selected[0] >= len(shown):
        st.caption(_("Choose a row to see or enter a protocol."))
        return None
    line = shown[selected[0]]
    waivable = line.state in {ProtocolState.MISSING, ProtocolState.ENTERED_ONCE}
    if (
        waivable
        and acting.has(Role.ORGANIZER, place=None)
        and st.button(_("Count without this protocol"), type="tertiary", icon=":material/report:")
    ):
        waive(line.place.code)
    return line.place.code


def row_of(line: ProtocolLine) -> dict[str, Any]:
    """A line of the list."""
    return {
        _("State"): f"{_ICONS[line.state]} {term(line.state)}",
        _("Code"): line.place.code,
        _("Polling place"): line.place.name,
        _("Area"): area_text(line.place.place_code),
        _("Marked or listed"): format_number(line.entitled),
        _("Versions"): format_number(line.versions),
        _("At"): format_datetime(line.at) if line.at else "–",
    }


st.title(_("Protocols"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    active = active_primary(session)
if active is None:
    st.info(_("There is no primary yet: set its timeline first."))
    st.stop()
if actor.has(Role.ORGANIZER):
    place_code = show_all(actor, active)
else:
    own = own_place(actor, active)
    place_code = own.code if own else None
    if own is None:
        st.info(_("You have no polling place yet. An organizer gives you one on “Polling places”."))
if place_code is not None:
    show_desk(actor, active, place_code)
