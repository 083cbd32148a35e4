"""Calling back on screens: what is promised at the end of a call, and the list of what is due."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

import streamlit as st

from core import clock, places
from core.cases import service
from core.cases.call_backs import (
    FURTHEST,
    LISTED,
    CallBackView,
    call_back_in_hand,
    call_backs_due,
)
from core.cases.receipts import spelled_number
from core.cases.rules import CallBackState, WrapUp
from core.cases.safe_times import SafeTimes
from core.cases.service import Promise
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, n_, refusal_text, term
from core.membership.rules import start_of
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.session import staff_callback
from pages.wording import plain

KEY: Final = "call_key"
KEPT: Final = "call_kept"
KNOWN: Final = "call_known"
PROMISE_FIELDS: Final = ("back", "back_day", "back_at", "back_from", "back_until", "back_why")

_DONE: Final = "call_backs_done"
_REFUSED: Final = "call_backs_refused"
_STARTED: Final = "call_backs_started"
_QUARTER: Final = timedelta(minutes=15)


def forget() -> None:
    """Let the next run of the page “Log a call” take up the draft anew."""
    for name in (KEY, KEPT, KNOWN):
        st.session_state.pop(name, None)


def widget_value(name: str, kept: str) -> object:
    """What was kept of a field, as its widget wants it."""
    if name == "back":
        return True
    if name == "back_day":
        return date.fromisoformat(kept)
    if name in {"back_at", "back_from", "back_until"}:
        return time.fromisoformat(kept)
    return kept


def draw_promise(key: Callable[[str], str], fields: Mapping[str, str], now: datetime) -> None:
    """Day, time, safe hours and reason of a promised call, where one is promised."""
    if fields.get("wrap_up") != WrapUp.CALL_BACK_PROMISED.value and not st.toggle(
        _("Promise a call back"), key=key("back")
    ):
        return
    local = now.astimezone(settings().zone)
    soon = local + timedelta(hours=1)
    if st.session_state.get(key("back_day")) is None:
        st.session_state[key("back_day")] = soon.date()
    if st.session_state.get(key("back_at")) is None:
        st.session_state[key("back_at")] = time(soon.hour, soon.minute // 15 * 15)
    with st.container(border=True):
        day, at, since, until = st.columns([3, 2, 2, 2])
        day.date_input(_("Call back on"), key=key("back_day"), format="DD.MM.YYYY")
        at.time_input(_("At what time"), key=key("back_at"), step=_QUARTER)
        since.time_input(_("Safe from"), value=None, key=key("back_from"), step=_QUARTER)
        until.time_input(_("Safe until"), value=None, key=key("back_until"), step=_QUARTER)
        st.text_input(
            _("Whom to ask for, and why"),
            key=key("back_why"),
            max_chars=500,
            placeholder=_("ask for Aigul, bring the answer about the polling place"),
        )
        st.caption(
            _(
                "Within {days} days. Outside the safe hours nobody can start the call; leave them "
                "empty when any time is safe.",
                days=FURTHEST.days,
            )
        )


def promise_of(fields: Mapping[str, str]) -> Promise | None:
    """The promise that stands in the fields of a call; None when none was made."""
    if fields.get("wrap_up") != WrapUp.CALL_BACK_PROMISED.value and "back" not in fields:
        return None
    if "back_day" not in fields or "back_at" not in fields:
        return None
    day, at = date.fromisoformat(fields["back_day"]), time.fromisoformat(fields["back_at"])
    safe = None
    if "back_from" in fields or "back_until" in fields:
        safe = SafeTimes(
            time.fromisoformat(fields.get("back_from", "00:00")),
            time.fromisoformat(fields.get("back_until", "00:00")),
        )
    return Promise(
        due_at=datetime.combine(day, at, settings().zone),
        why=fields.get("back_why", ""),
        safe=safe,
    )


def safe_words(safe: SafeTimes) -> str:
    """The safe hours in words."""
    return _("only {since}–{until}", since=f"{safe.since:%H:%M}", until=f"{safe.until:%H:%M}")


def draw_in_hand(actor: Actor, which: int) -> None:
    """Above the form of a call that was promised: why, and what to press when nobody answers."""
    with reading() as session:
        view = call_back_in_hand(session, actor, which, now=clock.now())
    if view is None:
        return
    with st.container(border=True):
        words, button = st.columns([3, 2], vertical_alignment="center")
        with words:
            st.markdown(f"**{plain(_('You are calling back'))}** · {plain(_facts(view))}")
            if view.why:
                st.text(view.why)
        button.button(
            _("Nobody answers"),
            key=f"no_answer_{which}",
            icon=":material/phone_missed:",
            on_click=staff_callback(_no_answer, Role.OPERATOR),
            args=(which,),
            width="stretch",
        )


def _no_answer(actor: Actor, which: int) -> None:
    try:
        with unit_of_work() as session:
            state = service.note_no_answer(session, which, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[_REFUSED] = refusal_text(refused)
        return
    forget()
    st.session_state[_DONE] = (
        _("Nobody answered three times: noted as not reached.")
        if state is CallBackState.UNANSWERED
        else _("Nobody answered: the call is due again later.")
    )


def _start(actor: Actor, which: int) -> None:
    try:
        with unit_of_work() as session:
            service.start_call_back(session, which, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[_REFUSED] = refusal_text(refused)
        return
    forget()
    st.session_state[_STARTED] = True


def draw_outcome() -> None:
    """What the last press on a promised call did."""
    done, refused = st.session_state.pop(_DONE, None), st.session_state.pop(_REFUSED, None)
    if done:
        st.success(plain(done))
    if refused:
        st.warning(plain(refused))


def draw_call_backs(actor: Actor, now: datetime) -> None:
    """The promised calls, what is due longest first; one press starts a call."""
    if st.session_state.pop(_STARTED, False):
        st.switch_page("call.py")
    draw_outcome()
    with reading() as session:
        found, total = call_backs_due(session, actor, now=now)
    st.subheader(_("Call-backs"))
    if not found:
        st.caption(_("Nobody waits for a call."))
        return
    late = sum(view.is_overdue for view in found)
    if late:
        st.warning(
            n_("{count} call-back is due now.", "{count} call-backs are due now.", late),
            icon=":material/alarm:",
        )
    for view in found:
        _draw_row(actor, view)
    if total > LISTED:
        st.caption(_("The first {count} are shown.", count=LISTED))


def _draw_row(actor: Actor, view: CallBackView) -> None:
    with st.container(border=True):
        words, button = st.columns([4, 1], vertical_alignment="center")
        with words:
            late = f":red[:material/alarm: {plain(_('due'))}] · " if view.is_overdue else ""
            st.markdown(f"{late}**{plain(format_datetime(view.due_at))}** · {plain(_facts(view))}")
            if view.why:
                st.text(view.why)
        button.button(
            _("Another is calling") if view.is_taken else _("Call"),
            key=f"call_back_{view.id}",
            icon=":material/call:",
            type="primary" if view.is_overdue and view.is_safe_now else "secondary",
            disabled=view.is_taken or not view.is_safe_now or actor.read_only,
            on_click=staff_callback(_start, Role.OPERATOR),
            args=(view.id,),
            width="stretch",
        )


def _facts(view: CallBackView) -> str:
    facts = [
        _("case {number}", number=spelled_number(view.number)) if view.number else None,
        places.name(view.place) if view.place else None,
        term(view.category) if view.category else None,
        safe_words(view.safe) if view.safe else None,
        n_("{count} try", "{count} tries", view.tries) if view.tries else None,
    ]
    return " · ".join(fact for fact in facts if fact)


def day_begins(now: datetime) -> datetime:
    """Midnight of today on the country's clock."""
    return start_of(now.astimezone(settings().zone).date(), settings().zone)
