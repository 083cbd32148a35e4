"""The overview: where the primary stands, and what the person who looks should do next."""

from datetime import datetime

import streamlit as st

from core import clock
from core.database import reading
from core.i18n import _, format_datetime, format_duration, format_number, format_percent
from core.membership import queries as membership
from core.membership.queries import FreezeView
from core.messaging.allowance import spending
from core.primary import queries as primaries
from core.primary.queries import PrimaryView
from core.primary.rules import Timeline
from core.staff.rules import Actor, Role
from pages.catalogue import SCREENS
from pages.duties import Duty, Figure, Looking, duties, figures
from pages.live import REFRESH, live
from pages.session import require_role, staff_fragment
from pages.wording import plain

actor = require_role()


def next_instant(timeline: Timeline, now: datetime) -> tuple[str, datetime] | None:
    """What the clock brings next, and when."""
    coming = (
        (_("the admission freeze begins"), timeline.freeze_start),
        (_("voting opens"), timeline.voting_opens),
        (_("voting closes"), timeline.voting_closes),
        (_("the admission freeze ends"), timeline.freeze_end),
        (_("the results become public"), timeline.publication),
    )
    ahead = [(words, at) for words, at in coming if at > now]
    return min(ahead, key=lambda item: item[1], default=None)


def draw_state(primary: PrimaryView | None, freeze: FreezeView | None, now: datetime) -> None:
    """The primary in two sentences."""
    if primary is None:
        st.info(_("There is no primary yet. An organizer creates one on the page “Timeline”."))
        return
    st.subheader(plain(primary.name))
    if primary.rehearsal:
        st.caption(_("This is a rehearsal: every person and number in it is invented."))
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        if primary.timeline is None:
            st.markdown(_("The timeline is not set yet."))
        elif (coming := next_instant(primary.timeline, now)) is None:
            st.markdown(_("Everything on the timeline is behind us."))
        else:
            words, at = coming
            st.markdown(
                _(
                    "Next: **{what}** on {at}, in {left}.",
                    what=words,
                    at=format_datetime(at),
                    left=format_duration(at - now),
                )
            )
    with right.container(border=True, height="stretch"):
        if freeze is None:
            st.markdown(_("Members are being admitted: no freeze is in force."))
        else:
            st.markdown(
                _(
                    "The admission of members is **suspended** until {until}, {left} more.",
                    until=format_datetime(freeze.ends_at),
                    left=format_duration(freeze.ends_at - now),
                )
            )


def link_to(name: str) -> None:
    """A way to another screen, under its own title."""
    screen = next(screen for screen in SCREENS if screen.name == name)
    page = st.Page(f"{name}.py", title=screen.title(), icon=screen.icon, url_path=screen.address)
    st.page_link(page)


def draw_duties(todo: tuple[Duty, ...]) -> None:
    """One line a duty: a word for what can't wait, the sentence, the way there."""
    st.subheader(_("What to do next"))
    if not todo:
        st.success(_("Nothing waits for you at the moment."), icon=":material/task_alt:")
        return
    for duty in todo:
        with st.container(border=True):
            mark, text, way = st.columns([1.2, 6, 2.2], vertical_alignment="center")
            if duty.is_urgent:
                mark.badge(_("now"), icon=":material/priority_high:", color="orange")
            else:
                mark.badge(_("then"), icon=":material/schedule:", color="gray")
            text.markdown(plain(duty.text))
            with way:
                link_to(duty.page)


def draw_figures(own: tuple[Figure, ...]) -> None:
    """The viewer's own counts."""
    if not own:
        return
    for cell, figure in zip(st.columns(max(len(own), 4)), own, strict=False):
        cell.metric(figure.label, format_number(figure.count), border=True)


@staff_fragment(run_every=REFRESH)
def draw_vote(actor: Actor) -> None:
    """Turnout in one line, live, with the way to the monitor."""
    shown = live()
    if shown is None or not shown.on_roll:
        return
    st.subheader(_("Turnout"))
    cells = st.columns(4)
    cells[0].metric(_("Voted"), format_number(shown.votes), border=True)
    cells[1].metric(_("Turnout of the roll"), format_percent(shown.share_of_roll), border=True)
    cells[2].metric(
        _("Online, of the registered"), format_percent(shown.share_of_registered), border=True
    )
    if actor.has(Role.ORGANIZER, Role.OBSERVER):
        cells[3].metric(_("Rejections"), format_number(shown.rejections), border=True)


now = clock.now()
with reading() as session:
    primary = primaries.active_primary(session)
    freeze = membership.freeze_now(session, now)
    codes = spending(session, now=now)
    looking = Looking(session, actor, primary, now)
    todo = () if actor.read_only else duties(looking)
    own = () if actor.read_only else figures(looking)

st.title(_("Overview"))
if codes.is_exhausted and actor.has(Role.ORGANIZER, Role.ADMINISTRATOR):
    st.error(
        _("No more codes are sent: voters can't sign in. An administrator decides on it."),
        icon=":material/error:",
    )
draw_state(primary, freeze, now)
draw_vote()
if not actor.read_only:
    draw_duties(todo)
    draw_figures(own)
