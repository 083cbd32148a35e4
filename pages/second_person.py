"""What waits for a second person: who proposed it and when, and the two buttons below it."""

from collections.abc import Callable
from typing import Any, Concatenate

import streamlit as st

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, refusal_text
from core.staff import approvals
from core.staff.approvals import ProposalView
from core.staff.rules import Actor, Role
from pages.session import staff_callback
from pages.wording import plain


def show_proposer(proposal: ProposalView) -> None:
    """Who proposed it, and when."""
    st.caption(
        plain(
            _(
                "Proposed by {name} on {at}.",
                name=proposal.proposer,
                at=format_datetime(proposal.proposed_at),
            )
        )
    )


def offer_decision(
    actor: Actor,
    proposal: ProposalView,
    *roles: Role,
    confirm: Callable[Concatenate[Actor, ...], Any],
    notice: str,
    details: tuple[object, ...] = (),
) -> None:
    """The buttons that confirm a proposal or take it back, for actors with one of ``roles``.

    ``confirm`` is called with the actor, the proposal's number and ``details``; ``notice`` is the
    key of the session state in which the page looks for the sentence of a refused withdrawal.
    """
    left, right, _space = st.columns([1, 1, 2])
    if proposal.proposed_by == actor.account_id:
        left.caption(_("Another person confirms it."))
    else:
        left.button(
            _("Confirm"),
            key=f"confirm-{proposal.id}",
            type="primary",
            width="stretch",
            on_click=staff_callback(confirm, *roles),
            args=(proposal.id, *details),
        )
    right.button(
        _("Withdraw"),
        key=f"withdraw-{proposal.id}",
        width="stretch",
        on_click=staff_callback(withdraw, *roles),
        args=(proposal.id, notice),
    )


def withdraw(actor: Actor, proposal_id: int, notice: str) -> None:
    """Take a proposal back."""
    try:
        with unit_of_work() as session:
            approvals.withdraw(session, proposal_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[notice] = refusal_text(refused)
