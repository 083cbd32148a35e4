"""When the texts of a case are erased, on its page, and the hold that puts it off."""

from datetime import datetime, time, timedelta

import streamlit as st

from core import clock
from core.cases import service
from core.cases.dossier import CasePage
from core.cases.retention import LONGEST_HOLD, HoldView, RetentionView, retention_of
from core.database import reading
from core.i18n import _, format_date, format_datetime
from core.settings import settings
from core.staff.rules import Actor
from pages.case_acts import attempt
from pages.wording import plain

USUAL_HOLD = timedelta(days=90)


def draw_retention(actor: Actor, page: CasePage) -> None:
    """The day of the erasure, what keeps the texts, and the hold of an officer."""
    now = clock.now()
    with reading() as session:
        kept = retention_of(session, actor, page.number, now=now)
    if kept.erased_at is not None:
        st.info(
            _(
                "The texts of this case were erased on {day}. What was decided, and when, stays.",
                day=format_date(kept.erased_at),
            ),
            icon=":material/ink_eraser:",
        )
        return
    if kept.erase_at is None and kept.hold is None:
        return
    st.subheader(_("How long it is kept"))
    if kept.erase_at is not None:
        st.caption(_("The texts are erased for good on {day}.", day=format_date(kept.erase_at)))
    else:
        st.caption(_("The time counts from the day on which the case ends."))
    if kept.hold is not None:
        draw_hold(actor, page.number, kept, kept.hold)
    elif kept.may_hold:
        draw_form(actor, page.number, max(now, kept.erase_at or now))


def draw_hold(actor: Actor, number: str, kept: RetentionView, hold: HoldView) -> None:
    """Who keeps it and why, and the button that ends it."""
    with st.container(border=True):
        st.caption(
            plain(
                _(
                    "On hold until {until}, by {name} on {at}:",
                    until=format_date(hold.until - timedelta(seconds=1)),
                    name=hold.who,
                    at=format_datetime(hold.since),
                )
            )
        )
        st.text(hold.reason or "")
        if kept.may_hold and st.button(_("Lift the hold"), key="lift_hold"):
            attempt(
                lambda session: service.lift_hold(session, number, actor=actor, now=clock.now())
            )


def draw_form(actor: Actor, number: str, begins: datetime) -> None:
    """Reason and last day of a hold that matters from ``begins`` on."""
    zone = settings().zone
    first = begins.astimezone(zone).date()
    last = clock.now().astimezone(zone).date() + LONGEST_HOLD - timedelta(days=1)
    with st.expander(_("Keep the texts longer"), icon=":material/lock_clock:"):
        day = st.date_input(
            _("Keep until"),
            value=min(first + USUAL_HOLD, last),
            min_value=min(first, last),
            max_value=last,
            format="DD.MM.YYYY",
            key="hold_until",
        )
        reason = st.text_input(_("Reason"), key="hold_reason", max_chars=500)
        if st.button(_("Put on hold"), key="hold_case", width="stretch"):
            until = datetime.combine(day + timedelta(days=1), time(), zone)
            attempt(
                lambda session: service.hold_case(
                    session, number, actor=actor, reason=reason, until=until, now=clock.now()
                )
            )
