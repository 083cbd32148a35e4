"""What waits for a second person among the accounts, and who had a hand in whom."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, refusal_text, term
from core.staff import approvals, queries, service
from core.staff.accounts import grants_from_payload
from core.staff.rules import ActKind, Actor, Role
from pages.people import grants_text
from pages.second_person import offer_decision
from pages.wording import plain

NOTICE: Final = "staff_notice"
NEW_PASSWORD: Final = "staff_new_password"
"""Where the staff page finds what the last act gave."""


def proposal_text(proposal: approvals.ProposalView) -> str:
    """What a proposal would do."""
    wanted: Any = proposal.payload
    who = f"{wanted.get('name', '')} ({wanted['login']})"
    if "grants" in wanted:
        who += f": {grants_text(grants_from_payload(wanted['grants']))}"
    return who


def list_proposals(actor: Actor, waiting: Sequence[approvals.ProposalView]) -> None:
    """What waits for a second person."""
    if not waiting:
        st.info(_("Nothing waits for a second person."))
        return
    for proposal in waiting:
        with st.container(border=True):
            st.markdown(f"**{term(proposal.kind)}** · {plain(proposal_text(proposal))}")
            st.caption(
                plain(
                    _(
                        "Proposed by {name} on {at}. Reason: {reason}",
                        name=proposal.proposer,
                        at=format_datetime(proposal.proposed_at),
                        reason=proposal.reason,
                    )
                )
            )
            offer_decision(
                actor,
                proposal,
                Role.ADMINISTRATOR,
                Role.ORGANIZER,
                confirm=confirm,
                notice=NOTICE,
                details=(proposal.kind,),
            )


def confirm(actor: Actor, proposal_id: int, kind: ActKind) -> None:
    """Be the second person."""
    now, new = clock.now(), None
    try:
        with unit_of_work() as session:
            if kind is ActKind.CREATE_ACCOUNT:
                new = service.confirm_account(session, proposal_id, actor=actor, now=now)
            elif kind is ActKind.RESET_ACCOUNT:
                new = service.confirm_reset(session, proposal_id, actor=actor, now=now)
            else:
                service.confirm_grants(session, proposal_id, actor=actor, now=now)
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    if new:
        st.session_state[NEW_PASSWORD] = new
    else:
        st.session_state[NOTICE] = _("The roles are changed.")


def list_makings() -> None:
    """Who made, reset or empowered whom: what organizers keep an eye on."""
    with reading() as session:
        made = queries.makings(session, limit=200)
    if not made:
        st.info(_("No account was made or reset by a person yet."))
        return
    st.dataframe(
        [
            {
                _("When"): format_datetime(making.at),
                _("Act"): term(making.kind),
                _("Account"): f"{making.name} ({making.login})",
                _("By"): making.maker,
            }
            for making in made
        ],
        hide_index=True,
        width="stretch",
    )
