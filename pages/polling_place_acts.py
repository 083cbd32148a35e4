"""What about polling places waits for a second person, and what two people have done already."""

from typing import Any, Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, n_, refusal_text, term
from core.paper import queries, service
from core.paper.rules import ReleaseKind
from core.primary.queries import PrimaryView
from core.staff import approvals
from core.staff.approvals import ProposalView
from core.staff.rules import ActKind, Actor, Role
from pages.second_person import offer_decision, show_proposer
from pages.wording import plain

NOTICE: Final = "polling_places_notice"
_KINDS: Final = {
    ActKind.FIX_PAPER_LISTS: service.confirm_fixing,
    ActKind.RELEASE_FROM_PAPER_LIST: service.confirm_release,
    ActKind.UNDO_PAPER_MARK: service.confirm_undo,
}


def confirm(acting: Actor, proposal_id: int, kind: ActKind) -> None:
    """Be the second person."""
    act: Any = _KINDS[kind]
    try:
        with unit_of_work() as session:
            act(session, proposal_id, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("Confirmed and done.")


def list_waiting(acting: Actor, primary: PrimaryView) -> None:
    """Proposals about lists and marks, each with what it would do."""
    with reading() as session:
        waiting = [each for kind in _KINDS for each in approvals.pending(session, kind)]
    mine = [each for each in waiting if each.payload["primary_id"] == primary.id]
    if not mine:
        return
    st.subheader(_("Waiting for a second person ({count})", count=len(mine)))
    for proposal in mine:
        with st.container(border=True):
            st.markdown(f"**{plain(headline(proposal))}**")
            st.text(proposal.reason)
            show_proposer(proposal)
            offer_decision(
                acting,
                proposal,
                Role.ORGANIZER,
                confirm=confirm,
                notice=NOTICE,
                details=(proposal.kind,),
            )


def headline(proposal: ProposalView) -> str:
    """What the second person agrees to."""
    payload = proposal.payload
    if proposal.kind is ActKind.FIX_PAPER_LISTS:
        codes = sorted(payload["lists"])
        words = n_("Fix {count} paper list", "Fix {count} paper lists", len(codes))
        return f"{words}: {', '.join(codes)}"
    terms = service.ReleaseTerms.of(payload)
    ground = term(terms.ground)
    if proposal.kind is ActKind.RELEASE_FROM_PAPER_LIST:
        return _(
            "{place}: release row {number} of the paper list. {ground}",
            place=terms.polling_place,
            number=format_number(terms.number),
            ground=ground,
        )
    return _(
        "{place}: undo mark {number}. {ground}",
        place=terms.polling_place,
        number=format_number(terms.number),
        ground=ground,
    )


def list_releases(primary: PrimaryView) -> None:
    """Released rows and undone marks: what the public page lists too."""
    with reading() as session:
        found = queries.releases(session, primary.id)
    if not found:
        return
    st.subheader(_("Released and undone by two people"))
    released = sum(each.kind is ReleaseKind.RELEASED_FROM_LIST for each in found)
    st.caption(
        _(
            "{released} released from lists, {undone} marks undone. The public sees this list too.",
            released=format_number(released),
            undone=format_number(len(found) - released),
        )
    )
    st.dataframe(
        [
            {
                _("When"): format_datetime(each.at),
                _("Polling place"): f"{each.polling_place} · {each.place_name}",
                _("Act"): term(each.kind),
                _("Ground"): term(each.ground),
            }
            for each in found
        ],
        hide_index=True,
        width="stretch",
    )
