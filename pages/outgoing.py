"""Outgoing messages on the health page: gateways, the allowance of codes, what was given up."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import streamlit as st

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import (
    _,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    format_time,
    n_,
    term,
)
from core.messaging.allowance import ALARMING_SHARE, Spending
from core.messaging.queries import RECENT, GatewayHealth, GivenUp, Waiting
from core.messaging.rules import GivenUpAct, MessageState
from core.staff import messages
from core.staff.health import Health
from core.staff.rules import Actor, Role
from pages.session import staff_dialog
from pages.wording import plain, show_refusal

NOTICE: Final = "messages_notice"
LATE_CODE: Final = timedelta(seconds=30)
"""A code that waits longer than this comes late: most voters ask again after a minute or two."""

FEW_DELIVERED: Final = 0.7
ENOUGH_TO_JUDGE: Final = 50


def age_text(span: timedelta) -> str:
    """How long something waits: in seconds while they matter."""
    seconds = int(span.total_seconds())
    return _("{seconds} s", seconds=seconds) if seconds < 120 else format_duration(span)


def wrong_with_messages(found: Health, now: datetime) -> Iterator[str]:
    """What is wrong with outgoing messages, as sentences."""
    if found.codes.is_exhausted:
        yield _(
            "No more codes are sent: the allowance is used up. Voters are told to come back. "
            "Look at the rejections for an attack, then decide on the allowance."
        )
    elif found.codes.share >= ALARMING_SHARE:
        used = format_percent(found.codes.share)
        yield _("{used} of the allowance of codes is used. Beyond it none are sent.", used=used)
    for gateway in found.gateways:
        late = gateway.queued_codes.oldest
        if late is not None and now - late > LATE_CODE:
            yield _(
                "Codes wait for {time}: the gateway is slow or away.",
                time=age_text(now - late),
            )
        share = gateway.share_delivered
        if share is not None and share < FEW_DELIVERED and gateway.taken >= ENOUGH_TO_JUDGE:
            yield _(
                "Of the messages of the last minutes only {share} are known to have arrived.",
                share=format_percent(share),
            )
        failed = sum(group.messages for group in gateway.given_up)
        if failed:
            yield _("Messages given up: {count}. Look at the gateway.", count=failed)


def draw_gateways(found: Health, now: datetime) -> None:
    """One line of figures a gateway, and what it last did wrong."""
    st.subheader(_("Outgoing messages"))
    for gateway in found.gateways:
        name = found.gateway_names[gateway.kind]
        st.caption(f"{term(gateway.kind)} · {plain(_('file') if name == 'file' else name)}")
        cells = st.columns(5, border=True)
        _draw_waiting(cells[0], _("In the queue"), gateway.queued, now)
        _draw_waiting(cells[1], _("At the gateway"), gateway.sending, now)
        minutes = int(RECENT.total_seconds() // 60)
        cells[2].metric(
            _("Taken, last {minutes} min", minutes=minutes), format_number(gateway.taken)
        )
        cells[2].caption(_("{count} a minute", count=format_number(gateway.taken / minutes, 1)))
        share = gateway.share_delivered
        cells[3].metric(_("Delivered"), "–" if share is None else format_percent(share))
        cells[3].caption(
            _("the gateway reports nothing")
            if share is None
            else _("not delivered: {count}", count=format_number(gateway.undelivered))
        )
        cells[4].metric(_("Not sent"), format_number(_not_sent(gateway)))
        expired = gateway.recent.get(MessageState.EXPIRED, 0)
        cells[4].caption(_("of these expired: {count}", count=format_number(expired)))
        if gateway.last_fault is not None:
            st.caption(
                _(
                    "Last fault: {fault}, {at}",
                    fault=term(gateway.last_fault.fault),
                    at=format_time(gateway.last_fault.at, seconds=True),
                )
            )


def _not_sent(gateway: GatewayHealth) -> int:
    ended = (MessageState.FAILED, MessageState.EXPIRED)
    return sum(gateway.recent.get(state, 0) for state in ended) - gateway.undelivered


def _draw_waiting(cell: Any, label: str, waiting: Waiting, now: datetime) -> None:
    cell.metric(label, format_number(waiting.messages))
    if waiting.oldest is None:
        cell.caption(_("nothing waits"))
    else:
        cell.caption(_("the oldest for {time}", time=age_text(now - waiting.oldest)))


def draw_codes(codes: Spending) -> None:
    """How much of the allowance is used."""
    st.subheader(_("Codes sent"))
    hour, day = st.columns(2, border=True)
    for cell, label, used, allowed in (
        (hour, _("This hour"), codes.hour, codes.per_hour),
        (day, _("In 24 hours"), codes.day, codes.per_day),
    ):
        cell.progress(
            min(1.0, used / allowed),
            text=_(
                "{label}: {used} of {allowed}",
                label=label,
                used=format_number(used),
                allowed=format_number(allowed),
            ),
        )


def offer_acts(found: Health) -> None:
    """What an administrator can decide: the allowance, and dead letters."""
    if st.session_state.get(NOTICE):
        st.success(plain(st.session_state.pop(NOTICE)), icon=":material/check_circle:")
    if st.button(_("Change the allowance of codes"), icon=":material/tune:"):
        allowance_dialog(found.codes)
    groups = [group for gateway in found.gateways for group in gateway.given_up]
    if groups:
        st.subheader(_("Messages that were given up"))
    for group in groups:
        with st.container(border=True):
            text, again, discard = st.columns([5, 2, 2], vertical_alignment="center")
            text.markdown(_group_text(group))
            key = group.purpose.value
            if again.button(term(GivenUpAct.TRY_AGAIN), key=f"again_{key}", width="stretch"):
                settle_dialog(group, GivenUpAct.TRY_AGAIN)
            if discard.button(term(GivenUpAct.DISCARD), key=f"discard_{key}", width="stretch"):
                settle_dialog(group, GivenUpAct.DISCARD)


def _group_text(group: GivenUp) -> str:
    counted = n_("{count} message", "{count} messages", group.messages)
    fault = term(group.fault) if group.fault else "–"
    return (
        f"**{plain(term(group.purpose))}** · {counted}  \n"
        f"{plain(fault)} · {_('the oldest of {at}', at=format_datetime(group.oldest))}"
    )


@staff_dialog(_("Allowance of codes"), Role.ADMINISTRATOR)
def allowance_dialog(actor: Actor, codes: Spending) -> None:
    """How many codes may be sent, and why."""
    st.write(
        _(
            "Every code costs money. Beyond the allowance nobody gets one, and so nobody can sign "
            "in to vote. The new figures hold at once, in every process."
        )
    )
    per_hour = st.number_input(_("In an hour"), 1, value=codes.per_hour, step=1000)
    per_day = st.number_input(_("In 24 hours"), 1, value=codes.per_day, step=10_000)
    reason = st.text_area(_("Reason"), max_chars=500)
    if st.button(_("Save"), type="primary"):
        _attempt(
            lambda session: messages.set_code_allowance(
                session,
                actor=actor,
                per_hour=per_hour,
                per_day=per_day,
                reason=reason,
                now=clock.now(),
            ),
            _("The allowance is set."),
        )


@staff_dialog(_("Messages that were given up"), Role.ADMINISTRATOR)
def settle_dialog(actor: Actor, group: GivenUp, act: GivenUpAct) -> None:
    """Try them again, or erase them: with the consequence and a reason."""
    st.markdown(_group_text(group))
    if act is GivenUpAct.TRY_AGAIN:
        st.write(
            _(
                "They go out as soon as the gateway takes them. Some of them may have arrived "
                "already: then people get them twice."
            )
        )
    else:
        st.write(_("Their text is erased at once, and nobody will get them."))
    reason = st.text_area(_("Reason"), max_chars=500)
    if st.button(term(act), type="primary"):
        _attempt(
            lambda session: messages.settle_given_up(
                session, group.purpose, act, actor=actor, reason=reason, now=clock.now()
            ),
            _("Done."),
        )


def _attempt(act: Callable[[Any], object], done: str) -> None:
    """Do an act in a unit of work of its own; a refusal is said in the dialog."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = done
    st.rerun()
