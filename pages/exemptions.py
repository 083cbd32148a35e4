"""Addresses that several voters may use: who proposed and confirmed them, caps, live use."""

from datetime import datetime, time

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, refusal_text, term
from core.primary.queries import PrimaryView, active_primary
from core.settings import settings
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Role
from core.voting import exemptions
from core.voting.exemptions import ExemptionTerms, ExemptionView
from core.voting.rules import ExemptionKind
from pages.lists import offer_csv
from pages.second_person import offer_decision
from pages.session import require_role, staff_callback, staff_dialog, staff_fragment
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER)
NOTICE = "exemption_notice"


def period_text(terms: ExemptionTerms) -> str:
    """From when to when."""
    return f"{format_datetime(terms.valid_from)} – {format_datetime(terms.valid_until)}"


def state_text(view: ExemptionView) -> str:
    """In force, not yet, over or removed."""
    now = clock.now()
    if view.removed_at is not None:
        return _("removed {at}", at=format_datetime(view.removed_at))
    if view.in_force(now):
        return _("in force")
    return _("not yet in force") if now < view.terms.valid_from else _("over")


def cap_text(used: int, cap: int) -> str:
    """``17 of 460``."""
    return _("{used} of {cap}", used=format_number(used), cap=format_number(cap))


def propose(actor: Actor, terms: ExemptionTerms) -> None:
    """Put an exemption before a second person; a refusal is said in the dialog."""
    try:
        with unit_of_work() as session:
            exemptions.propose_exemption(session, terms, actor=actor, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for a second person.")
    st.rerun()


@staff_dialog(_("Propose an exemption"), Role.ORGANIZER, width="large")
def new_exemption(actor: Actor, primary: PrimaryView) -> None:
    """A draft: network, grounds, period, caps."""
    st.write(
        _(
            "Inside an exemption the rule of one vote an address does not hold: as many voters as "
            "the caps allow may use one address. A second organizer has to confirm it."
        )
    )
    now = clock.now().astimezone(settings().zone)
    opens = primary.timeline.voting_opens if primary.timeline else now
    closes = primary.timeline.voting_closes if primary.timeline else now
    left, right = st.columns(2)
    kind = left.selectbox(_("Kind"), list(ExemptionKind), format_func=term, key="draft_kind")
    network = right.text_input(
        _("Network"), key="draft_network", placeholder="203.0.113.0/28", max_chars=64
    )
    reason = left.text_input(_("Reason"), key="draft_reason", max_chars=300)
    document = right.text_input(_("Document"), key="draft_document", max_chars=200)
    start = moment(_("Valid from"), opens, "from")
    end = moment(_("Valid until"), closes, "until")
    left, right = st.columns(2)
    total = left.number_input(
        _("Voters in all, at most"), min_value=1, value=100, step=1, key="draft_total"
    )
    hourly = right.number_input(
        _("Voters per hour, at most"), min_value=1, value=30, step=1, key="draft_hourly"
    )
    if st.button(_("Propose"), type="primary"):
        terms = ExemptionTerms(
            primary_id=primary.id,
            kind=kind,
            network=network,
            reason=reason,
            document=document,
            valid_from=start,
            valid_until=end,
            cap_total=int(total),
            cap_hourly=int(hourly),
        )
        propose(actor, terms)


def moment(label: str, preset: datetime, name: str) -> datetime:
    """A day and a time in the installation's zone."""
    local = preset.astimezone(settings().zone)
    day_box, time_box = st.columns(2)
    day = day_box.date_input(label, local.date(), format="DD.MM.YYYY", key=f"draft_{name}_day")
    hour = time_box.time_input(
        _("{label}, time", label=label), time(local.hour, local.minute), key=f"draft_{name}_time"
    )
    return datetime.combine(day, hour, settings().zone)


def confirm(actor: Actor, proposal_id: int) -> None:
    """Be the second person."""
    try:
        with unit_of_work() as session:
            exemptions.confirm_exemption(session, proposal_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("The exemption is in force for its period.")


def remove(actor: Actor, exemption_id: int) -> None:
    """End an exemption at once."""
    try:
        with unit_of_work() as session:
            exemptions.remove_exemption(session, exemption_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("The exemption has ended. Votes it admitted stay.")


@staff_dialog(_("Remove an exemption"), Role.ORGANIZER)
def removal(actor: Actor, view: ExemptionView) -> None:
    """Asks once more, with the consequence."""
    del actor
    st.subheader(plain(view.terms.network))
    st.write(
        _(
            "From now on each address inside it votes once. {used} voters have used it; "
            "their votes stay.",
            used=format_number(view.used),
        )
    )
    if st.button(
        _("Remove"),
        type="primary",
        on_click=staff_callback(remove, Role.ORGANIZER),
        args=(view.id,),
    ):
        st.rerun()


def list_waiting(actor: Actor, waiting: tuple[approvals.ProposalView, ...]) -> None:
    """Proposals with what they would do."""
    st.subheader(_("Waiting for a second person"))
    for proposal in waiting:
        terms = exemptions.terms_of(proposal.payload)
        with st.container(border=True):
            st.markdown(f"**{plain(terms.network)}** · {term(terms.kind)}")
            st.text(f"{terms.reason} · {terms.document}")
            st.caption(
                plain(
                    _(
                        "{period}. At most {total} voters in all and {hourly} an hour. "
                        "Proposed by {name} on {at}.",
                        period=period_text(terms),
                        total=format_number(terms.cap_total),
                        hourly=format_number(terms.cap_hourly),
                        name=proposal.proposer,
                        at=format_datetime(proposal.proposed_at),
                    )
                )
            )
            offer_decision(actor, proposal, Role.ORGANIZER, confirm=confirm, notice=NOTICE)


@staff_fragment(Role.ORGANIZER, run_every=5)
def live_list(actor: Actor, primary_id: str) -> None:
    """Exemptions with their use, those in force first; a chosen one can be removed."""
    now = clock.now()
    with reading() as session:
        found = exemptions.exemptions(session, primary_id, now=now)
    if not found:
        st.info(
            _(
                "No address is exempt: one address, one vote. Propose an exemption for the "
                "computers of a polling place or for a carrier's shared addresses."
            )
        )
        return
    rows = [
        {
            _("Network"): view.terms.network,
            _("Kind"): term(view.terms.kind),
            _("State"): state_text(view),
            _("Used in all"): cap_text(view.used, view.terms.cap_total),
            _("Used this hour"): cap_text(view.used_this_hour, view.terms.cap_hourly),
            _("Period"): period_text(view.terms),
            _("Reason"): view.terms.reason,
            _("Document"): view.terms.document,
            _("Proposed by"): view.proposed_by,
            _("Confirmed by"): view.confirmed_by,
        }
        for view in found
    ]
    chosen = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="exemptions",
    )
    st.caption(_("Last updated {at}.", at=format_datetime(now, seconds=True)))
    selected = chosen.selection.rows if chosen else []
    if selected and selected[0] < len(found):
        view = found[selected[0]]
        ended = view.removed_at is not None or actor.read_only
        if st.button(_("Remove this exemption"), icon=":material/block:", disabled=ended):
            removal(view)
    offer_csv("exemptions", list(rows[0]), [list(row.values()) for row in rows])


st.title(_("Address exemptions"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    primary = active_primary(session)
    waiting = approvals.pending(session, ActKind.ADD_EXEMPTION)
if primary is None:
    st.info(_("There is no primary yet: set its timeline first."))
else:
    if not actor.read_only and st.button(
        _("Propose an exemption"), type="primary", icon=":material/add:"
    ):
        new_exemption(primary)
    if waiting:
        list_waiting(actor, waiting)
    live_list(primary.id)
