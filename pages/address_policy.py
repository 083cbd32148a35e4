"""The address rule of the vote: its mode and signed cost, the real cost, and the exemptions."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, format_percent, n_, refusal_text, term
from core.primary.queries import PrimaryView, active_primary, roll_counts_by_place
from core.staff import approvals
from core.staff.approvals import ProposalView
from core.staff.rules import ActKind, Actor, Role
from core.voting import address_policy, exemptions
from core.voting.address_policy import AddressCost, PolicyAct, PolicyTerms
from core.voting.address_rules import Expectation
from core.voting.exemptions import ExemptionFilter, ExemptionTotals, ExemptionView
from core.voting.rules import AddressMode, ExemptionKind
from pages.exemption_forms import (
    NOTICE,
    caps_text,
    import_dialog,
    new_exemption,
    other_exemption,
    period_text,
    removal,
    show_terms,
    warn_of_overlaps,
    where_text,
)
from pages.lists import PAGE_SIZE, choose, draw_pages, offer_csv, page_offset
from pages.live import address_rule
from pages.second_person import offer_decision, show_proposer
from pages.session import require_role, staff_dialog, staff_fragment
from pages.wording import capital, place_choices, plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)
IN_FORCE: Final = "in_force"


# --- The mode and its cost -----------------------------------------------------------------------


def expectation_text(expected: Expectation) -> str:
    """What an estimate was made from."""
    said = _(
        "{voters} voters behind {addresses} public addresses",
        voters=format_number(expected.voters),
        addresses=format_number(expected.addresses),
    )
    if not expected.exempt:
        return said
    return _(
        "{said}, {exempt} of them inside exemptions",
        said=said,
        exempt=format_number(expected.exempt),
    )


def refused_text(terms: PolicyTerms) -> str:
    """The consequence of a mode in one sentence, with the estimate."""
    share = format_percent(terms.expectation.refused_share, 0)
    if terms.mode is AddressMode.STRICT:
        return _("By the estimate {share} of the voters will be turned away.", share=share)
    return _(
        "Nobody is turned away for the address alone; by the estimate {share} of the votes will "
        "come from an address that was used before, and each is counted.",
        share=share,
    )


def show_mode(acts: tuple[PolicyAct, ...]) -> None:
    """Which mode is in force and who signed it."""
    if not acts:
        st.warning(
            _(
                "The mode and its estimated cost are not signed yet: without them readiness can't "
                "be signed and voting does not open."
            ),
            icon=":material/draw:",
        )
        return
    newest = acts[0]
    st.markdown(f"**{plain(capital(term(newest.mode)))}**")
    st.caption(
        plain(
            _(
                "Signed {at} by {first} and {second}: {reason}",
                at=format_datetime(newest.at),
                first=newest.proposed_by,
                second=newest.confirmed_by,
                reason=newest.reason,
            )
        )
    )


@staff_fragment(Role.ORGANIZER, Role.OBSERVER, run_every=15)
def live_cost(actor: Actor, primary_id: str, newest: PolicyAct | None) -> None:
    """The estimate beside what it really costs, and what the exemptions admitted."""
    del actor
    now = clock.now()
    counted = address_rule()
    if counted is None:
        return
    with reading() as session:
        totals = exemptions.exemption_totals(session, primary_id, now=now)
    draw_cost(counted[0], totals, newest)
    st.caption(
        _(
            "Turned away are people with the right number and no vote, whose only obstacle was "
            "the address, each counted once; a minute old at most. Last updated {at}.",
            at=format_datetime(now, seconds=True),
        )
    )


def draw_cost(cost: AddressCost, totals: ExemptionTotals, newest: PolicyAct | None) -> None:
    """Four figures."""
    cells = st.columns(4)
    cells[0].metric(
        _("Estimated and signed"),
        format_percent(newest.refused_share, 0) if newest else "–",
        border=True,
        help=expectation_text(newest.expectation) if newest else None,
        height="stretch",
    )
    above = (cost.share - newest.refused_share) * 100 if newest and cost.verified else None
    cells[1].metric(
        _("Really, of those verified"),
        format_percent(cost.share) if cost.verified else "–",
        delta=None if above is None else _("{points} pp to the estimate", points=signed(above)),
        delta_color="inverse",
        border=True,
        height="stretch",
        help=_(
            "Verified are those who brought a code, and those turned away with the right number."
        ),
    )
    cells[2].metric(
        _("Turned away"),
        format_number(cost.turned_away),
        delta=_("{count} voted since", count=format_number(cost.voted_since)),
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    if (newest is not None and newest.mode is AddressMode.ADVISORY) or cost.clashes:
        cells[3].metric(
            _("Accepted from a used address"),
            format_number(cost.clashes),
            delta=_("of {count} votes online", count=format_number(cost.votes_online)),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
        return
    cells[3].metric(
        _("Voted inside exemptions"),
        format_number(totals.used),
        delta=_("{count} this hour", count=format_number(totals.used_this_hour)),
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )


def signed(points: float) -> str:
    """A difference with its sign: ``+3.4``, ``-12.0``; by the hyphen Streamlit draws the arrow."""
    return f"{'+' if points >= 0 else '-'}{format_number(abs(points), 1)}"


@staff_dialog(_("Propose the mode with its estimate"), Role.ORGANIZER, width="large")
def policy_dialog(actor: Actor, primary: PrimaryView) -> None:
    """What the committee expects, and at once what that costs."""
    with reading() as session:
        on_roll = sum(roll_counts_by_place(session, primary.id).values())
        room = address_policy.exempt_capacity(session, primary)
    mode = st.radio(_("Mode"), list(AddressMode), format_func=lambda each: capital(term(each)))
    left, middle, right = st.columns(3)
    most = address_policy.MOST_EXPECTED
    voters = left.number_input(
        _("Voters expected online"),
        min_value=1,
        max_value=most,
        value=max(on_roll, 1),
        step=1000,
        help=_("On the roll: {count}", count=format_number(on_roll)),
    )
    addresses = middle.number_input(
        _("Public addresses they come from"),
        min_value=1,
        max_value=most,
        value=max(on_roll, 1),
        step=1000,
        help=_("Outside exemptions. Ask the carriers: many people share one address."),
    )
    exempt = right.number_input(
        _("Of them inside exemptions"),
        min_value=0,
        max_value=min(int(voters), room),
        value=0,
        step=100,
        help=_("By their caps the exemptions admit at most {count}.", count=format_number(room)),
    )
    terms = PolicyTerms(
        mode=mode,
        expectation=Expectation(voters=int(voters), addresses=int(addresses), exempt=int(exempt)),
    )
    st.info(plain(refused_text(terms)), icon=":material/calculate:")
    st.caption(
        _(
            "The model: every voter comes from one of these addresses, each equally likely, and "
            "each address votes once. Real carriers are less even, so this is the least to expect."
        )
    )
    reason = st.text_input(_("Reason or decision"), max_chars=300)
    if st.button(_("Propose"), type="primary"):
        attempt(
            lambda session: address_policy.propose_policy(
                session, terms, actor=actor, reason=reason, now=clock.now()
            ),
        )


@staff_dialog(_("Change the mode during the vote"), Role.ORGANIZER)
def mode_dialog(actor: Actor, newest: PolicyAct) -> None:
    """The other mode, with its consequence; the estimate stays."""
    other = next(mode for mode in AddressMode if mode is not newest.mode)
    st.markdown(f"**{plain(capital(term(other)))}**")
    if other is AddressMode.ADVISORY:
        st.write(
            _(
                "From the moment a second organizer confirms it, a vote from a used address is "
                "accepted and counted as a clash. The change is published with its reason."
            )
        )
    else:
        st.write(
            _(
                "From the moment a second organizer confirms it, every address votes once; votes "
                "that were accepted stay. The change is published with its reason."
            )
        )
    reason = st.text_input(_("Reason or decision"), max_chars=300)
    if st.button(_("Propose"), type="primary"):
        attempt(
            lambda session: address_policy.propose_mode(
                session, other, actor=actor, reason=reason, now=clock.now()
            ),
        )


def attempt(act: Callable[..., object]) -> None:
    """Put an act before a second person; a refusal is said in the dialog."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for a second person.")
    st.rerun()


def offer_policy(primary: PrimaryView, acts: tuple[PolicyAct, ...]) -> None:
    """The one button that fits the hour."""
    now = clock.now()
    if primary.timeline is None:
        st.info(_("The timeline is not set yet."))
        return
    if now >= primary.timeline.voting_closes:
        return
    if acts and primary.voting_open(now):
        if st.button(_("Change the mode during the vote"), icon=":material/swap_horiz:"):
            mode_dialog(acts[0])
    elif st.button(
        _("Propose the mode with its estimate"),
        type="secondary" if acts else "primary",
        icon=":material/draw:",
    ):
        policy_dialog(primary)


def list_acts(acts: tuple[PolicyAct, ...]) -> None:
    """Everything that was signed, newest first."""
    st.subheader(_("What was signed"))
    rows = [
        {
            _("When"): format_datetime(act.at),
            _("Mode"): term(act.mode),
            _("Estimate"): format_percent(act.refused_share, 0),
            _("Expected"): expectation_text(act.expectation),
            _("Reason"): act.reason,
            _("Entered by"): ", ".join(filter(None, (act.proposed_by, act.confirmed_by))),
        }
        for act in acts
    ]
    st.dataframe(rows, hide_index=True, width="stretch")


# --- What waits for a second person --------------------------------------------------------------


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


# --- The exemptions ------------------------------------------------------------------------------


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
        found, total = exemptions.exemptions(
            session, primary_id, now=now, chosen=chosen, offset=page_offset(), limit=PAGE_SIZE
        )
    if not found:
        st.info(
            _("No exemption is like this.")
            if chosen != exemptions.EVERY
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
        found = exemptions.public_exemptions(session, primary_id)
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
                _("Voters admitted"): _("fewer than {count}", count=exemptions.FEWEST_SHOWN)
                if line.voters is None
                else format_number(line.voters),
            }
            for line in found
        ],
        hide_index=True,
        width="stretch",
    )


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
