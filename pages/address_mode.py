"""The mode of the address rule: what was signed, what it costs in fact, and proposing another."""

from collections.abc import Callable

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, format_percent, term
from core.primary.queries import PrimaryView, roll_counts_by_place
from core.staff.rules import Actor, Role
from core.voting import address_policy, exemption_queries
from core.voting.address_policy import AddressCost, PolicyAct, PolicyTerms
from core.voting.address_rules import Expectation
from core.voting.exemption_queries import (
    ExemptionTotals,
)
from core.voting.rules import AddressMode
from pages.exemption_forms import (
    NOTICE,
)
from pages.live import address_rule
from pages.session import staff_dialog, staff_fragment
from pages.wording import capital, plain, show_refusal


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
        totals = exemption_queries.exemption_totals(session, primary_id, now=now)
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
