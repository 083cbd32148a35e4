"""The admission freeze: its state in one sentence, its acts as a timeline, and who is waiting."""

from datetime import datetime, timedelta

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import (
    _,
    format_datetime,
    format_duration,
    format_number,
    n_,
    refusal_text,
    term,
)
from core.membership import service
from core.membership.queries import (
    FreezeActView,
    FreezeView,
    RestorationView,
    freeze_acts,
    freeze_floor,
    freeze_now,
    next_freeze,
    register_counts,
    restorations,
    waiting_applications,
)
from core.membership.rules import end_of, last_day_of, start_of
from core.settings import settings
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Role
from pages import charts
from pages.freeze_chart import periods
from pages.lists import offer_csv
from pages.second_person import offer_decision, show_proposer
from pages.session import require_role, staff_dialog, staff_fragment
from pages.wording import plain, show_refusal

READERS = (Role.ORGANIZER, Role.REGISTRAR, Role.OBSERVER)
actor = require_role(Role.ORGANIZER, Role.REGISTRAR, Role.OBSERVER)
NOTICE = "freeze_notice"


def zone_name() -> str:
    """The zone in which instants are shown, by its name in the tz database."""
    return settings().time_zone


def waiting_text(waiting: int) -> str:
    """How many people wait, as a sentence."""
    return n_("{count} application is waiting.", "{count} applications are waiting.", waiting)


@staff_fragment(*READERS, run_every=5)
def draw_state(actor: Actor) -> None:
    """The state in one sentence with its end and a countdown, and the counts behind it."""
    now = clock.now()
    with reading() as session:
        present, planned = freeze_now(session, now), next_freeze(session, now)
        counts = register_counts(session, actor=actor)
    if present is not None:
        st.warning(
            _(
                "Admission of new members is suspended until {end} ({zone}): {left} left. "
                "Nobody becomes a member by a page, an import or a script.",
                end=format_datetime(present.ends_at),
                zone=zone_name(),
                left=format_duration(present.ends_at - now),
            ),
            icon=":material/lock_clock:",
        )
        st.progress((now - present.starts_at) / (present.ends_at - present.starts_at))
    elif planned is not None:
        st.info(
            _(
                "Admission is open. It will be suspended from {start} to {end} ({zone}): "
                "{left} until then.",
                start=format_datetime(planned.starts_at),
                end=format_datetime(planned.ends_at),
                zone=zone_name(),
                left=format_duration(planned.starts_at - now),
            ),
            icon=":material/schedule:",
        )
    else:
        st.success(
            _("Admission is open: no freeze is in force or planned."), icon=":material/lock_open:"
        )
    members, waiting = st.columns(2, border=True)
    members.metric(_("Members of the party"), format_number(counts.active))
    waiting.metric(_("Applications waiting"), format_number(counts.waiting))


# --- Acts ----------------------------------------------------------------------------------------


def done(words: str) -> None:
    """Close the dialog and say what was done."""
    st.session_state[NOTICE] = words
    st.rerun()


@staff_dialog(_("Suspend admission"), Role.ORGANIZER, width="medium")
def suspend(actor: Actor, waiting: int, floor: datetime | None) -> None:
    """Period and reason, with the consequence repeated."""
    zone = settings().zone
    now = clock.now()
    today = now.astimezone(zone).date()
    at_once = st.toggle(_("From this moment on"), value=True, key="freeze_at_once")
    first = today
    if not at_once:
        first = st.date_input(
            _("From the beginning of"), today + timedelta(days=1), format="DD.MM.YYYY", key="first"
        )
    last = st.date_input(
        _("To the end of"),
        last_day_of(floor, zone) if floor and floor > now else first + timedelta(days=30),
        format="DD.MM.YYYY",
        key="last",
    )
    reason = st.text_area(_("Reason"), key="freeze_reason", max_chars=500)
    ends_at = end_of(last, zone)
    st.warning(
        consequence(None if at_once else start_of(first, zone), ends_at)
        + " "
        + waiting_text(waiting)
    )
    if st.button(_("Suspend admission"), type="primary", key="freeze_confirm"):
        moment = clock.now()
        starts_at = moment if at_once else start_of(first, zone)
        try:
            with unit_of_work() as session:
                service.freeze_admission(
                    session,
                    actor=actor,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    reason=reason,
                    now=moment,
                )
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("Admission is suspended for this period."))


def consequence(starts_at: datetime | None, ends_at: datetime) -> str:
    """What the period means, in words."""
    start = _("now") if starts_at is None else format_datetime(starts_at)
    return _(
        "From {start} to {end} ({zone}) nobody becomes a member. Applications are accepted and "
        "wait for a person's decision.",
        start=start,
        end=format_datetime(ends_at),
        zone=zone_name(),
    )


@staff_dialog(_("Extend the freeze"), Role.ORGANIZER)
def extend(actor: Actor, freeze: FreezeView) -> None:
    """A later end, with a reason."""
    zone = settings().zone
    day = last_day_of(freeze.ends_at, zone) + timedelta(days=1)
    last = st.date_input(_("To the end of"), day, format="DD.MM.YYYY", key="extend_last")
    reason = st.text_area(_("Reason"), key="extend_reason", max_chars=500)
    st.warning(consequence(freeze.starts_at, end_of(last, zone)))
    if st.button(_("Extend"), type="primary", key="extend_confirm"):
        try:
            with unit_of_work() as session:
                service.extend_freeze(
                    session,
                    freeze.id,
                    actor=actor,
                    ends_at=end_of(last, zone),
                    reason=reason,
                    now=clock.now(),
                )
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("The freeze is extended."))


@staff_dialog(_("Lift the freeze"), Role.ORGANIZER)
def lift(actor: Actor, freeze: FreezeView, floor: datetime | None, waiting: int) -> None:
    """At once after voting; before that a proposal for a second person."""
    two = floor is not None and clock.now() < floor
    if two and floor is not None:
        st.error(
            _(
                "Voting ends on {floor} ({zone}). Lifting the freeze before that voids the rule "
                "that nobody is admitted while people vote. It takes two organizers: you propose, "
                "another confirms.",
                floor=format_datetime(floor),
                zone=zone_name(),
            )
        )
    else:
        st.warning(_("Members can be admitted again from this moment on."))
    st.text(waiting_text(waiting))
    reason = st.text_area(_("Reason"), key="lift_reason", max_chars=500)
    if st.button(_("Propose") if two else _("Lift the freeze"), type="primary", key="lift_confirm"):
        act = service.propose_lifting if two else service.end_freeze_early
        try:
            with unit_of_work() as session:
                act(session, freeze.id, actor=actor, reason=reason, now=clock.now())
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("Proposed. It waits for a second person.") if two else _("The freeze is lifted."))


def confirm(actor: Actor, proposal_id: int) -> None:
    """Be the second person."""
    try:
        with unit_of_work() as session:
            service.confirm_lifting(session, proposal_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("The freeze is lifted.")


def draw_proposals(actor: Actor, waiting: tuple[approvals.ProposalView, ...]) -> None:
    """Liftings that wait for a second organizer."""
    for proposal in waiting:
        with st.container(border=True):
            st.subheader(_("Proposed: lift the freeze before voting ends"))
            st.text(proposal.reason)
            show_proposer(proposal)
            offer_decision(actor, proposal, Role.ORGANIZER, confirm=confirm, notice=NOTICE)


def draw_buttons(freeze: FreezeView | None, floor: datetime | None, waiting: int) -> None:
    """What an organizer of the centre may do now."""
    first, second, _space = st.columns([1, 1, 2])
    if freeze is None:
        if first.button(
            _("Suspend admission"), type="primary", icon=":material/lock:", width="stretch"
        ):
            suspend(waiting, floor)
        return
    if first.button(_("Extend"), icon=":material/more_time:", width="stretch"):
        extend(freeze)
    if second.button(_("Lift the freeze"), icon=":material/lock_open:", width="stretch"):
        lift(freeze, floor, waiting)


# --- History -------------------------------------------------------------------------------------


def act_cells(act: FreezeActView) -> dict[str, str]:
    """An act as a row of the table."""
    people = " + ".join(filter(None, (act.author, act.second))) or _("system")
    return {
        _("When"): format_datetime(act.at),
        _("Act"): term(act.kind),
        _("From"): format_datetime(act.starts_at),
        _("Until"): format_datetime(act.ends_at),
        _("Author"): people,
        _("Reason"): act.reason,
    }


def draw_history(acts: tuple[FreezeActView, ...], now: datetime) -> None:
    """The acts as a chart and as a table."""
    st.subheader(_("Acts"))
    if not acts:
        st.info(_("Admission has never been suspended."))
        return
    rows = [act_cells(act) for act in acts]
    header = list(rows[0])
    cells = [list(row.values()) for row in rows]
    charts.draw(
        periods(acts, now=now, zone=settings().zone),
        text=_("Periods in which admission was suspended, with the acts on them."),
        header=header,
        rows=cells,
        key="freeze_chart",
        with_table=False,
    )
    st.dataframe(rows, hide_index=True, width="stretch")
    offer_csv("freeze", header, cells)


def draw_restorations(found: tuple[RestorationView, ...]) -> None:
    """Memberships that a commission restored: the one road past a freeze."""
    st.subheader(_("Restored by a commission"))
    if not found:
        st.caption(
            _("Nobody has been restored. This is the only way into the party past a freeze.")
        )
        return
    st.dataframe(
        [
            {
                _("When"): format_datetime(row.at),
                _("Member"): row.name,
                _("Place"): places.name(row.place_code),
                _("Decision"): row.decision,
                _("Author"): row.author or _("system"),
                _("During a freeze"): _("yes") if row.during_freeze else _("no"),
            }
            for row in found
        ],
        hide_index=True,
        width="stretch",
    )


st.title(_("Admission freeze"))
if notice := st.session_state.pop(NOTICE, None):
    st.info(plain(notice))
draw_state()
at = clock.now()
keeps = actor.has(Role.ORGANIZER, Role.REGISTRAR)
with reading() as reader:
    current = freeze_now(reader, at) or next_freeze(reader, at)
    voting_ends = freeze_floor(reader)
    history = freeze_acts(reader)
    proposals = approvals.pending(reader, ActKind.LIFT_FREEZE_EARLY)
    people_waiting = waiting_applications(reader)
    restored = restorations(reader, actor=actor) if keeps else ()
if actor.has(Role.ORGANIZER, place=None):
    draw_proposals(actor, proposals)
    draw_buttons(current, voting_ends, people_waiting)
if voting_ends is not None:
    st.caption(
        _(
            "A freeze lasts at least until voting ends: {floor} ({zone}).",
            floor=format_datetime(voting_ends),
            zone=zone_name(),
        )
    )
draw_history(history, at)
if keeps:
    draw_restorations(restored)
