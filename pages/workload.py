"""What lies before an own commission: who leads how much, what is overdue, whom to ask after."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from core import clock, places
from core.cases import service
from core.cases.receipts import spelled_number
from core.cases.retention import SoonErased, erased_soon
from core.cases.rules import MAX_TEXT, Level
from core.cases.workload import AskAfter, CommissionLoad, OverdueView, overdue_below, workload
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, format_number, n_, term
from core.staff.rules import Actor, Role
from pages.clock_badge import clock_words
from pages.session import staff_dialog
from pages.wording import plain, show_refusal


def draw_workload(actor: Actor) -> None:
    """Everything of the commissions in which the actor sits."""
    now = clock.now()
    service.run_due(now)
    with reading() as session:
        loads = workload(session, actor, now=now)
        below = overdue_below(session, actor, now=now)
        soon = erased_soon(session, actor, now=now)
    for load in loads:
        draw_commission(load)
    draw_erased_soon(soon)
    own = {(load.title, load.place) for load in loads}
    if any((view.title, view.place) not in own for view in below):
        draw_overdue(below, now)


def name_of(title: str | None, place: str | None) -> str:
    """A commission by its title, else by its place."""
    return title or places.name(place)


def draw_commission(load: CommissionLoad) -> None:
    """One commission: a line for each member, and what has no lead."""
    st.subheader(plain(name_of(load.title, load.place)))
    st.table(
        [
            {
                _("Sits"): plain(member.name),
                _("Office"): term(member.office),
                _("Leads"): format_number(member.led),
                _("Overdue"): overdue_words(member.overdue),
            }
            for member in load.members
        ],
    )
    if load.without_lead:
        text = n_(
            "{count} open case has no lead yet.",
            "{count} open cases have no lead yet.",
            load.without_lead,
        )
        st.caption(text)
    draw_ask_after(load.ask_after)


def overdue_words(count: int) -> str:
    """A count that is seen without its colour."""
    return f"⚠ {format_number(count)}" if count else "0"


def draw_ask_after(waiting: Sequence[AskAfter]) -> None:
    """The closed cases whose complainants are to be asked whether anybody takes revenge."""
    if not waiting:
        return
    st.markdown(f":material/shield_person: **{_('Ask after the complainant')}**")
    st.caption(
        _("7, 30 and 90 days after a case is closed: does anybody take revenge for the complaint?")
    )
    for case in waiting:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.text(
            _(
                "{number}, due since {day}",
                number=spelled_number(case.number),
                day=format_date(case.since),
            )
        )
        if right.button(_("Asked"), key=f"asked_{case.number}", width="stretch"):
            asked_after(case.number)


@staff_dialog(_("Ask after the complainant"), Role.COMMISSIONER, width="small")
def asked_after(acting: Actor, number: str) -> None:
    """What the complainant said; it becomes a note in the case."""
    st.caption(_("Use the safe way that the complainant named. Retaliation is a new complaint."))
    answer = st.text_area(_("What the complainant said"), max_chars=MAX_TEXT, key="asked_answer")
    if not st.button(_("Save"), type="primary", width="stretch", key="save_asked"):
        return
    try:
        with unit_of_work() as session:
            service.note_asked_after(session, number, actor=acting, answer=answer, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def draw_erased_soon(soon: Sequence[SoonErased]) -> None:
    """What goes within two weeks, for whoever wants to put a case on hold."""
    if not soon:
        return
    st.subheader(_("Texts that are erased soon"))
    st.caption(_("Whoever needs a text longer puts the case on hold on its page."))
    for case in soon:
        st.page_link(
            "case.py",
            label=_(
                "{number}, on {day}",
                number=spelled_number(case.number),
                day=format_date(case.erase_at),
            ),
            query_params={"number": case.number},
        )


def draw_overdue(below: Sequence[OverdueView], now: datetime) -> None:
    """Counts of every commission below: where to look first."""
    st.subheader(_("Open and overdue below"))
    st.table(
        [
            {
                _("Commission"): plain(name_of(view.title, view.place)),
                _("Level"): term(Level(view.level)),
                _("Open cases"): format_number(view.open),
                _("Overdue"): overdue_words(view.overdue),
                _("Longest"): clock_words(view.oldest_due, now),
            }
            for view in sorted(below, key=lambda view: (-view.overdue, -view.open))
        ]
    )
