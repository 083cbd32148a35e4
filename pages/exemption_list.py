"""The exemptions of the address rule, live with their use, and the list as everybody reads it."""

from typing import Final

import streamlit as st

from core import clock, places
from core.database import reading
from core.i18n import _, format_datetime, format_number, term
from core.staff.rules import Actor, Role
from core.voting import exemption_queries
from core.voting.exemption_queries import FEWEST_SHOWN, ExemptionFilter, ExemptionView
from core.voting.rules import ExemptionKind
from pages.exemption_forms import (
    other_exemption,
    period_text,
    removal,
    where_text,
)
from pages.lists import PAGE_SIZE, choose, draw_pages, offer_csv, page_offset
from pages.session import staff_fragment
from pages.wording import place_choices

IN_FORCE: Final = "in_force"


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


def draw_filters() -> ExemptionFilter:
    """What narrows the list; it stands in the address."""
    left, middle, right = st.columns(3)
    kind = choose(left, _("Kind"), {each.value: term(each) for each in ExemptionKind}, name="kind")
    place = choose(
        middle,
        _("Place"),
        {code: name for code, name in place_choices().items() if code},
        name="place",
    )
    state = choose(right, _("State"), {IN_FORCE: _("in force")}, name="state")
    return ExemptionFilter(
        kind=ExemptionKind(kind) if kind else None,
        place_code=place,
        only_in_force=state == IN_FORCE,
    )


@staff_fragment(Role.ORGANIZER, run_every=5)
def live_list(actor: Actor, primary_id: str, chosen: ExemptionFilter) -> None:
    """Exemptions with their use, those in force first; a chosen one can be ended or replaced."""
    now = clock.now()
    with reading() as session:
        found, total = exemption_queries.exemptions(
            session, primary_id, now=now, chosen=chosen, offset=page_offset(), limit=PAGE_SIZE
        )
    if not found:
        st.info(
            _("No exemption is like this.")
            if chosen != exemption_queries.EVERY
            else _(
                "No address is exempt: one address, one vote. Propose an exemption for the "
                "computers of a polling place or for a carrier's shared addresses."
            )
        )
        return
    rows = [
        {
            _("No."): str(view.id),
            _("Network"): view.terms.network,
            _("Polling place or carrier"): where_text(view.terms),
            _("State"): state_text(view),
            _("Used in all"): cap_text(view.used, view.terms.cap_total),
            _("Used this hour"): cap_text(view.used_this_hour, view.terms.cap_hourly),
            _("Overlaps with no."): ", ".join(map(str, view.overlaps)),
            _("Kind"): term(view.terms.kind),
            _("Period"): period_text(view.terms),
            _("Reason"): view.terms.reason,
            _("Document"): view.terms.document,
            _("In place of no."): str(view.replaces or ""),
            _("Proposed by"): view.proposed_by,
            _("Confirmed by"): view.confirmed_by,
        }
        for view in found
    ]
    picked = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="exemptions",
    )
    st.caption(_("Last updated {at}.", at=format_datetime(now, seconds=True)))
    selected = picked.selection.rows if picked else []
    if selected and selected[0] < len(found) and not actor.read_only:
        offer_changes(found[selected[0]])
    draw_pages(total)
    offer_csv("exemptions", list(rows[0]), [list(row.values()) for row in rows])


def offer_changes(view: ExemptionView) -> None:
    """What can be done with a chosen exemption."""
    left, right, _space = st.columns([1, 1, 1])
    ended = view.removed_at is not None
    if left.button(
        _("Remove this exemption"), icon=":material/block:", disabled=ended, width="stretch"
    ):
        removal(view)
    if right.button(
        _("Propose another in its place"),
        icon=":material/edit_document:",
        disabled=ended,
        width="stretch",
    ):
        other_exemption(view)


def list_public(primary_id: str) -> None:
    """The public list, as everybody reads it: for observers."""
    with reading() as session:
        found = exemption_queries.public_exemptions(session, primary_id)
    if not found:
        st.caption(_("No address is exempt: one address, one vote."))
        return
    st.dataframe(
        [
            {
                _("Kind"): term(line.kind),
                _("Polling place or carrier"): line.holder,
                _("Place"): places.name(line.place_code) if line.place_code else "–",
                _("Reason"): line.reason,
                _("Document"): line.document,
                _("Valid from"): format_datetime(line.valid_from),
                _("Valid until"): format_datetime(line.ended_at or line.valid_until),
                _("Voters admitted"): _("fewer than {count}", count=FEWEST_SHOWN)
                if line.voters is None
                else format_number(line.voters),
            }
            for line in found
        ],
        hide_index=True,
        width="stretch",
    )
