"""The clock of a case in words, colour and shape, so that no one of them is needed alone."""

from datetime import datetime

import streamlit as st

from core.cases.clocks import is_due_soon, is_overdue
from core.i18n import _, format_datetime, format_duration


def clock_words(due: datetime | None, now: datetime) -> str:
    """``overdue by 2 h``, ``40 min left``, or a dash when nothing presses."""
    if due is None:
        return "–"
    span = format_duration(due - now)
    if is_overdue(due, now):
        return "⚠ " + _("overdue by {span}", span=span)
    return _("{span} left", span=span)


def draw_clock(due: datetime | None, now: datetime) -> None:
    """A badge with the time that is left, and the instant."""
    if due is None:
        st.badge(_("no deadline runs"), icon=":material/pause_circle:", color="gray")
        return
    color, icon = "green", ":material/schedule:"
    if is_overdue(due, now):
        color, icon = "red", ":material/alarm:"
    elif is_due_soon(due, now):
        color, icon = "orange", ":material/hourglass_bottom:"
    words = clock_words(due, now).removeprefix("⚠ ")
    st.badge(words, icon=icon, color=color, help=format_datetime(due))  # type: ignore[arg-type]
