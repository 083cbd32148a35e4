"""The address rule of the vote: its mode and signed cost, the real cost, and the exemptions."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, n_, refusal_text, term
from core.primary.queries import PrimaryView, active_primary
from core.staff import approvals
from core.staff.approvals import ProposalView
from core.staff.rules import ActKind, Actor, Role
from core.voting import address_policy, exemptions
from core.voting.rules import AddressMode
from pages.address_mode import (
    expectation_text,
    list_acts,
    live_cost,
    offer_policy,
    refused_text,
    show_mode,
)
from pages.exemption_forms import (
    NOTICE,
    caps_text,
    import_dialog,
    new_exemption,
    period_text,
    show_terms,
    warn_of_overlaps,
    where_text,
)
from pages.exemption_list import draw_filters, list_public, live_list
from pages.second_person import offer_decision, show_proposer
from pages.session import require_role
from pages.wording import capital, plain

actor = require_role(Role.ORGANIZER, Role.OBSERVER)


def sign(actor: Actor, proposal_id: int) -> None:
    """Be the second person of a policy."""
    decide(
        lambda session: address_policy.sign_policy(
            session, proposal_id, actor=actor, now=clock.now()
        ),
        _("Mode and estimate are signed."),
    )


def change(actor: Actor, proposal_id: int) -> None:
    """Be the second person of a change of the mode."""
    decide(
        lambda session: address_policy.change_mode(
            session, proposal_id, actor=actor, now=clock.now()
        ),
        _("The mode is changed."),
    )


def confirm(actor: Actor, proposal_id: int) -> None:
    """Be the second person of exemptions."""
    decide(
        lambda session: exemptions.confirm_exemption(
            session, proposal_id, actor=actor, now=clock.now()
        ),
        _("The exemption is in force for its period."),
    )


def decide(act: Callable[..., object], done: str) -> None:
    """Do what a callback asks; the page says how it ended."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = done


def waiting_policy(actor: Actor, proposal: ProposalView) -> None:
    """A proposed policy with its consequence."""
    terms = address_policy.terms_of(proposal.payload)
    st.markdown(f"**{plain(capital(term(terms.mode)))}**")
    st.text(f"{refused_text(terms)} {expectation_text(terms.expectation)}.\n{proposal.reason}")
    show_proposer(proposal)
    offer_decision(actor, proposal, Role.ORGANIZER, confirm=sign, notice=NOTICE)


def waiting_mode(actor: Actor, proposal: ProposalView) -> None:
    """A proposed change of the mode."""
    mode = AddressMode(proposal.payload["mode"])
    st.markdown(f"**{plain(_('Change the mode during the vote'))}: {plain(term(mode))}**")
    st.text(proposal.reason)
    show_proposer(proposal)
    offer_decision(actor, proposal, Role.ORGANIZER, confirm=change, notice=NOTICE)


def waiting_exemptions(actor: Actor, proposal: ProposalView) -> None:
    """Proposed exemptions with what they would do."""
    proposed = exemptions.proposal_of(proposal.payload)
    if len(proposed.terms) == 1:
        (terms,) = proposed.terms
        st.markdown(f"**{plain(terms.network)}** · {term(terms.kind)} · {plain(where_text(terms))}")
        st.text(f"{terms.reason} · {terms.document}")
        st.caption(plain(f"{period_text(terms)}. {caps_text(terms)}"))
    else:
        count = len(proposed.terms)
        st.markdown(f"**{n_('{count} exemption', '{count} exemptions', count)}**")
        st.text(proposal.reason)
        show_terms(proposed.terms)
    if proposed.replaces is not None:
        st.caption(_("Exemption no. {number} ends with it.", number=proposed.replaces))
    else:
        warn_of_overlaps(proposed.terms)
    show_proposer(proposal)
    offer_decision(actor, proposal, Role.ORGANIZER, confirm=confirm, notice=NOTICE)


_WAITING: Final = (
    (ActKind.SIGN_ADDRESS_POLICY, waiting_policy),
    (ActKind.CHANGE_ADDRESS_MODE, waiting_mode),
    (ActKind.ADD_EXEMPTION, waiting_exemptions),
)


def list_waiting(actor: Actor) -> None:
    """Every proposal about the address rule."""
    with reading() as session:
        waiting = [
            (draw, proposal)
            for kind, draw in _WAITING
            for proposal in approvals.pending(session, kind)
        ]
    if not waiting:
        return
    st.subheader(_("Waiting for a second person"))
    for draw, proposal in waiting:
        with st.container(border=True):
            draw(actor, proposal)


def show_primary(actor: Actor, primary: PrimaryView) -> None:
    """The whole page of an existing primary."""
    with reading() as session:
        acts = address_policy.policy_acts(session, primary.id)
    may_act = actor.has(Role.ORGANIZER, place=None) and not actor.read_only
    show_mode(acts)
    live_cost(primary.id, acts[0] if acts else None)
    if may_act:
        offer_policy(primary, acts)
        list_waiting(actor)
    st.subheader(_("Exemptions"))
    if not actor.has(Role.ORGANIZER):
        list_public(primary.id)
    else:
        if may_act:
            left, right, _space = st.columns([1, 1, 1])
            if left.button(
                _("Propose an exemption"), type="primary", icon=":material/add:", width="stretch"
            ):
                new_exemption(primary)
            if right.button(
                _("Exemptions from a file"), icon=":material/upload_file:", width="stretch"
            ):
                import_dialog(primary)
        live_list(primary.id, draw_filters())
    if acts:
        list_acts(acts)


st.title(_("Address rule"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    found = active_primary(session)
if found is None:
    st.info(_("There is no primary yet: set its timeline first."))
else:
    show_primary(actor, found)
