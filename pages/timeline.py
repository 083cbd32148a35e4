"""The instants of the primary: what each means, how they moved, and the acts that move them."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import (
    _,
    current_locale,
    format_datetime,
    format_duration,
    n_,
    refusal_text,
    term,
)
from core.membership.queries import FreezeView, freeze_now, next_freeze
from core.primary import service
from core.primary.queries import PrimaryView, TimelineActView, active_primary, timeline_acts
from core.primary.rules import Change, Instant, Phase, Timeline, local_instant
from core.settings import settings
from core.staff import approvals
from core.staff.approvals import ProposalView
from core.staff.rules import ActKind, Actor, Role
from pages.charts import draw
from pages.second_person import offer_decision, show_proposer
from pages.session import require_role, staff_dialog
from pages.timeline_chart import timeline_chart
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)
NOTICE = "timeline_notice"
ENDS = frozenset({Instant.FREEZE_END, Instant.VOTING_CLOSES})


def rule_of(instant: Instant) -> str:
    """What an instant decides, in one sentence."""
    rules = {
        Instant.CUTOFF: _("Who was admitted earlier may vote. It never moves with an extension."),
        Instant.FREEZE_START: _("From now on nobody becomes a member."),
        Instant.ROLL_SEALED_AT: _("By now the list of voters is taken and sealed."),
        Instant.VOTING_OPENS: _("Opens if readiness is signed. Voters are 18 on this day."),
        Instant.VOTING_CLOSES: _("The first instant at which no vote is taken any more."),
        Instant.FREEZE_END: _("Never before voting closes; an extension shifts it as much."),
        Instant.PUBLICATION: _("Nobody sees results earlier. Bringing it forward takes two."),
    }
    return rules[instant]


def elsewhere(at: datetime) -> str:
    """The wall times of zones that show another hour at this instant."""
    own = at.astimezone(settings().zone)
    times = {
        at.astimezone(unit.zone).strftime("%d.%m.%Y %H:%M")
        for unit in places.children(None)
        if at.astimezone(unit.zone).utcoffset() != own.utcoffset()
    }
    return ", ".join(sorted(times))


def other_zones(at: datetime) -> dict[str, list[str]]:
    """The upper units whose clocks differ at an instant, by what they show."""
    found: dict[str, list[str]] = defaultdict(list)
    own = at.astimezone(settings().zone).utcoffset()
    for unit in places.children(None):
        local = at.astimezone(unit.zone)
        if local.utcoffset() != own:
            found[local.strftime("%d.%m.%Y %H:%M")].append(unit.names[current_locale()])
    return dict(found)


def attempt(act: Callable[[Any], object], done: str) -> None:
    """Do an act in a unit of work of its own; a refusal is said where the person looks."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = done
    st.rerun()


def moment(label: str, preset: datetime, name: str) -> tuple[date, time]:
    """A day and a time as the clocks of the primary's zone show them."""
    local = preset.astimezone(settings().zone)
    day_box, time_box = st.columns([3, 2])
    day = day_box.date_input(label, local.date(), format="DD.MM.YYYY", key=f"{name}_day")
    hour = time_box.time_input(
        _("{label}, time", label=label), time(local.hour, local.minute), key=f"{name}_time"
    )
    return day, hour


def read_moments(given: dict[Instant, tuple[date, time]]) -> dict[str, datetime]:
    """Wall times as instants; refused where the clocks skip one."""
    return {
        instant.value: local_instant(day, at, settings().zone, is_end=instant in ENDS)
        for instant, (day, at) in given.items()
    }


def reason_field(name: str) -> str:
    """Why: it will stand on the public page."""
    text: str = st.text_area(_("Reason (it is published)"), key=f"{name}_reason", max_chars=500)
    return text


@staff_dialog(_("Create the primary"), Role.ORGANIZER)
def create_dialog(actor: Actor) -> None:
    """Names, identifier, how to reach the committee."""
    st.write(
        _(
            "One installation holds one primary. With it the key of its digests is made, once: "
            "back it up at once, a lost key stops the vote."
        )
    )
    primary_id = st.text_input(_("Identifier"), placeholder="primary-2020", max_chars=40)
    names = {
        "ru": st.text_input(_("Name in Russian"), max_chars=200),
        "kk": st.text_input(_("Name in Kazakh"), max_chars=200),
        "en": st.text_input(_("Name in English"), max_chars=200),
    }
    hotline = st.text_input(_("Hotline"), placeholder="8 800 080 4441", max_chars=40)
    email = st.text_input(_("E-mail for reports"), max_chars=120)
    if st.button(_("Create"), type="primary"):
        attempt(
            lambda session: service.create_primary(
                session,
                primary_id.strip(),
                actor=actor,
                names=names,
                hotline=hotline,
                email=email,
                now=clock.now(),
            ),
            _("The primary is created. Set its timeline next."),
        )


def draft(now: datetime) -> Timeline:
    """A first proposal to be edited: a freeze in a week, a vote of three days in a month."""
    zone = settings().zone
    today = now.astimezone(zone).date()

    def at(days: int, hour: int = 0) -> datetime:
        return local_instant(today + timedelta(days=days), time(hour), zone)

    return Timeline(
        cutoff=at(7),
        freeze_start=at(7),
        freeze_end=at(31),
        roll_sealed_at=at(25, 12),
        voting_opens=at(28),
        voting_closes=at(30, 14),
        publication=at(32),
    )


@staff_dialog(_("Set the timeline"), Role.ORGANIZER, width="large")
def set_dialog(actor: Actor, primary: PrimaryView) -> None:
    """All seven instants; those that are past stay as they are."""
    now = clock.now()
    start = primary.timeline or draft(now)
    st.caption(
        _(
            "Times of {zone}. An end is the first instant after: 00:00 of 4 October means that "
            "3 October is whole.",
            zone=settings().time_zone,
        )
    )
    given: dict[Instant, tuple[date, time]] = {}
    fixed: dict[str, datetime] = {}
    for instant in Instant:
        present = start.at(instant)
        if primary.timeline is not None and present <= now:
            fixed[instant.value] = present
            st.caption(
                plain(_("{what}: {at}, past", what=term(instant), at=format_datetime(present)))
            )
        else:
            given[instant] = moment(term(instant).capitalize(), present, f"set_{instant.value}")
    reason = reason_field("set")
    if st.button(_("Set"), type="primary"):
        attempt(
            lambda session: service.set_timeline(
                session,
                primary.id,
                Timeline(**fixed, **read_moments(given)),
                actor=actor,
                reason=reason,
                now=clock.now(),
            ),
            _("The timeline is set and stands on the public page."),
        )


@staff_dialog(_("Extend voting"), Role.ORGANIZER)
def extend_dialog(actor: Actor, primary: PrimaryView, timeline: Timeline) -> None:
    """The new end, and what moves with it."""
    st.write(
        plain(
            _(
                "Voting closes at {closes}. The freeze ends as much later as voting does; the "
                "cut-off and the day of age stay. Publication at {publication} is the limit.",
                closes=format_datetime(timeline.voting_closes),
                publication=format_datetime(timeline.publication),
            )
        )
    )
    preset = timeline.voting_closes + timedelta(days=1)
    until = moment(_("New end of voting"), preset, "extend")
    reason = reason_field("extend")
    if st.button(_("Extend"), type="primary"):
        attempt(
            lambda session: service.extend_voting(
                session,
                primary.id,
                actor=actor,
                until=read_moments({Instant.VOTING_CLOSES: until})["voting_closes"],
                reason=reason,
                now=clock.now(),
            ),
            _("Voting is extended, and the freeze with it."),
        )


@staff_dialog(_("Move the publication"), Role.ORGANIZER)
def publication_dialog(actor: Actor, primary: PrimaryView, timeline: Timeline) -> None:
    """Later at once; earlier as a proposal to a second person."""
    st.write(
        plain(
            _(
                "Results are published at {publication}. A later instant takes effect at once, an "
                "earlier one when a second organizer confirms it.",
                publication=format_datetime(timeline.publication),
            )
        )
    )
    chosen = moment(_("New instant"), timeline.publication, "publication")
    reason = reason_field("publication")
    if not st.button(_("Move"), type="primary"):
        return

    def move(session: Any) -> None:
        to = read_moments({Instant.PUBLICATION: chosen})["publication"]
        act = (
            service.propose_earlier_publication
            if to < timeline.publication
            else service.postpone_publication
        )
        act(session, primary.id, actor=actor, to=to, reason=reason, now=clock.now())

    attempt(move, _("Done. An earlier instant waits for a second person."))


@staff_dialog(_("Hotline and e-mail"), Role.ORGANIZER)
def contacts_dialog(actor: Actor, primary: PrimaryView) -> None:
    """How the public reaches the committee."""
    hotline = st.text_input(_("Hotline"), primary.hotline, max_chars=40)
    email = st.text_input(_("E-mail for reports"), primary.email, max_chars=120)
    if st.button(_("Save"), type="primary"):
        attempt(
            lambda session: service.set_contacts(
                session, primary.id, actor=actor, hotline=hotline, email=email
            ),
            _("Saved."),
        )


def confirm(actor: Actor, proposal_id: int) -> None:
    """Be the second person."""
    try:
        with unit_of_work() as session:
            service.bring_publication_forward(session, proposal_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("Publication is brought forward.")


def list_waiting(actor: Actor, waiting: tuple[ProposalView, ...]) -> None:
    """Proposals to publish earlier, each with its author and reason."""
    st.subheader(_("Waiting for a second person"))
    for proposal in waiting:
        with st.container(border=True):
            to = format_datetime(datetime.fromisoformat(proposal.payload["to"]))
            st.markdown(f"**{plain(_('Publish already at {at}', at=to))}**")
            st.text(proposal.reason)
            show_proposer(proposal)
            offer_decision(actor, proposal, Role.ORGANIZER, confirm=confirm, notice=NOTICE)


def show_state(primary: PrimaryView, timeline: Timeline, now: datetime) -> None:
    """Where the primary is, in one sentence, and what comes next."""
    phase = primary.phase(now)
    if phase is Phase.VOTING and not primary.voting_open(now):
        st.error(
            _("The hour of voting has come, but readiness is not signed: nobody can vote."),
            icon=":material/error:",
        )
    done = {Instant.ROLL_SEALED_AT} if primary.roll_sealed_at else set()
    ahead = [
        (timeline.at(instant), instant)
        for instant in Instant
        if timeline.at(instant) > now and instant not in done
    ]
    left, right = st.columns(2)
    left.metric(_("Now"), term(phase).capitalize())
    if ahead:
        at, instant = min(ahead, key=lambda pair: pair[0])
        right.metric(
            _("Next: {what}", what=term(instant)),
            _("in {span}", span=format_duration(at - now)),
        )


def show_freeze(timeline: Timeline, freeze: FreezeView | None) -> None:
    """Whether the freeze that the timeline names is ordered as well."""
    covers = (
        freeze is not None
        and freeze.starts_at <= timeline.freeze_start
        and freeze.ends_at >= timeline.freeze_end
    )
    if covers or timeline.freeze_end <= clock.now():
        return
    st.warning(
        _(
            "No freeze of admission is ordered for the whole of this period. Without it people "
            "can still be admitted before the vote ends."
        ),
        icon=":material/warning:",
    )


def show_instants(timeline: Timeline, now: datetime) -> None:
    """The chart, and the instants in order with rule and other clocks."""
    zone = settings().zone
    header = (_("What"), _("When"), _("State"), _("Local time elsewhere"), _("Rule"))
    ordered = sorted(Instant, key=timeline.at)
    rows = [
        (
            term(instant).capitalize(),
            format_datetime(timeline.at(instant)),
            _("past") if timeline.at(instant) <= now else _("ahead"),
            elsewhere(timeline.at(instant)),
            rule_of(instant),
        )
        for instant in ordered
    ]
    text = _(
        "Timeline: voting from {opens} to {closes}, results at {publication}.",
        opens=format_datetime(timeline.voting_opens),
        closes=format_datetime(timeline.voting_closes),
        publication=format_datetime(timeline.publication),
    )
    draw(
        timeline_chart(timeline, now=now, zone=zone),
        text=text,
        header=header,
        rows=rows,
        key="timeline_chart",
        with_table=False,
    )
    # Where all clocks agree, their column says nothing.
    shown = [place for place in range(len(header)) if any(row[place] for row in rows)]
    st.dataframe(
        [{header[place]: row[place] for place in shown} for row in rows],
        hide_index=True,
        width="stretch",
    )
    zones = other_zones(timeline.voting_closes)
    lines = [_("Times of {zone}.", zone=settings().time_zone)]
    lines += [
        _("Voting closes at {at} by the clocks of: {where}.", at=at, where=", ".join(where))
        for at, where in sorted(zones.items())
    ]
    st.caption(plain(" ".join(lines)))


def change_text(change: Change) -> str:
    """One moved instant: from where to where."""
    after = format_datetime(change.after)
    if change.before is None:
        return f"{term(change.instant)}: {after}"
    return f"{term(change.instant)}: {format_datetime(change.before)} → {after}"


def list_acts(acts: tuple[TimelineActView, ...]) -> None:
    """Every act, newest first, as the public reads it too."""
    st.subheader(_("Acts on the timeline"))
    st.caption(
        n_(
            "{count} act. The public page lists it with its reason.",
            "{count} acts. The public page lists them with their reasons.",
            len(acts),
        )
    )
    for act in acts:
        with st.container(border=True):
            names = act.author if act.second is None else f"{act.author}, {act.second}"
            st.markdown(f"**{term(act.kind).capitalize()}** · {format_datetime(act.at)}")
            st.text(act.reason)
            st.caption(plain("; ".join(change_text(change) for change in act.changes)))
            st.caption(plain(names))


def offer_acts(primary: PrimaryView, now: datetime) -> None:
    """The acts that are possible now."""
    timeline = primary.timeline
    boxes = st.columns(4)
    if timeline is None:
        if boxes[0].button(_("Set the timeline"), type="primary", width="stretch"):
            set_dialog(primary)
        return
    if boxes[0].button(
        _("Change the timeline"),
        icon=":material/edit_calendar:",
        width="stretch",
        disabled=now >= timeline.voting_closes,
    ):
        set_dialog(primary)
    if boxes[1].button(
        _("Extend voting"),
        icon=":material/more_time:",
        width="stretch",
        disabled=now >= timeline.voting_closes,
    ):
        extend_dialog(primary, timeline)
    if boxes[2].button(
        _("Move the publication"),
        icon=":material/event:",
        width="stretch",
        disabled=now >= timeline.publication,
    ):
        publication_dialog(primary, timeline)
    if boxes[3].button(_("Hotline and e-mail"), icon=":material/call:", width="stretch"):
        contacts_dialog(primary)


def show_primary(actor: Actor, primary: PrimaryView) -> None:
    """The whole page of an existing primary."""
    now = clock.now()
    with reading() as session:
        acts = tuple(timeline_acts(session, primary.id))
        freeze = freeze_now(session, now) or next_freeze(session, now)
        waiting = approvals.pending(session, ActKind.BRING_PUBLICATION_FORWARD)
    st.caption(plain(primary.name))
    may_act = actor.has(Role.ORGANIZER, place=None) and not actor.read_only
    if may_act:
        offer_acts(primary, now)
    if primary.timeline is None:
        st.info(_("The timeline is not set yet. Nothing can be frozen, sealed or opened by it."))
        return
    show_state(primary, primary.timeline, now)
    show_freeze(primary.timeline, freeze)
    if waiting and may_act:
        list_waiting(actor, waiting)
    show_instants(primary.timeline, now)
    list_acts(acts)


st.title(_("Timeline"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    found = active_primary(session)
if found is not None:
    show_primary(actor, found)
elif actor.has(Role.ORGANIZER, place=None) and not actor.read_only:
    st.info(_("No primary has been created yet. Create it: everything else follows from it."))
    if st.button(_("Create the primary"), type="primary", icon=":material/add:"):
        create_dialog()
else:
    st.info(_("No primary has been created yet."))
