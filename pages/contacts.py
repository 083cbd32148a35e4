"""The operator's shift: calls promised, the unfinished one, the own contacts, newest first; and what
a caller with a receipt asks for.
"""

import streamlit as st

from core import clock, places
from core.cases import queries, service
from core.cases.contacts import unfinished_since
from core.cases.queries import OwnContact
from core.cases.receipts import spelled_number
from core.cases.rules import Channel, Move, Part, Verification
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, term
from core.staff.rules import Actor, Role
from pages.call_backs import day_begins, draw_call_backs
from pages.lists import PAGE_SIZE, choose_pill, chosen, draw_pages, offer_csv, page_offset
from pages.session import require_role, staff_dialog
from pages.wording import plain, show_refusal

actor = require_role(Role.OPERATOR)
DONE = "contacts_done"
SHOWN = ("today", "without_case")
RECORDED = (Move.ANSWER, Move.APPEAL, Move.WITHDRAW)


def cells(item: OwnContact) -> tuple[str, ...]:
    """One contact in words."""
    return (
        format_datetime(item.at),
        spelled_number(item.number) if item.number else "–",
        term(item.state) if item.state else "–",
        term(item.wrap_up),
        term(item.category) if item.category else "–",
        places.name(item.place) if item.place else "–",
        term(item.channel),
    )


def ask_for(acting: Actor, kind: Move, number: str, code: str, text: str) -> None:
    """Record an answer, an appeal or a withdrawal for the holder of number and code."""
    now = clock.now()
    known = {"verification": Verification.RECEIPT_CODE, "code": code}
    with unit_of_work() as session:
        if kind is Move.ANSWER:
            service.move(session, number, kind, actor=acting, now=now, answer=text, **known)
        elif kind is Move.APPEAL:
            service.move(
                session,
                number,
                kind,
                actor=acting,
                now=now,
                appellant=Part.COMPLAINANT,
                grounds=text,
                **known,
            )
        else:
            service.move(
                session, number, kind, actor=acting, now=now, channel=Channel.PHONE, **known
            )


@staff_dialog(_("A caller with a receipt"), Role.OPERATOR, width="medium")
def with_receipt(acting: Actor) -> None:
    """What a complainant may ask of any operator, with number and code alone."""
    number = st.text_input(_("Case number"), max_chars=20)
    code = st.text_input(_("Receipt code, four groups"), max_chars=40)
    kind = st.segmented_control(
        _("What the caller asks"), RECORDED, default=RECORDED[0], format_func=term, required=True
    )
    text = st.text_area(_("In the caller's words"), max_chars=20_000, height=160)
    if st.button(_("Record"), type="primary", icon=":material/check:"):
        try:
            ask_for(acting, kind or RECORDED[0], number, code, text)
        except Refused as refused:
            show_refusal(refused)
            return
        st.session_state[DONE] = _("Recorded. The case has moved on.")
        st.rerun()


now = clock.now()
service.run_due(now)
shown = chosen("show", SHOWN) or "all"
with reading() as session:
    unfinished = unfinished_since(session, actor)
    found, total = queries.own_contacts(
        session,
        actor,
        page=page_offset() // PAGE_SIZE + 1,
        since=day_begins(now) if shown == "today" else None,
        without_case=shown == "without_case",
    )

title, button = st.columns([3, 1], vertical_alignment="bottom")
title.title(_("My shift"))
if button.button(
    _("A caller with a receipt"), icon=":material/confirmation_number:", width="stretch"
):
    with_receipt()
done = st.session_state.pop(DONE, None)
if done:
    st.success(plain(done))
if unfinished is not None:
    words, link = st.columns([3, 1], vertical_alignment="center")
    words.info(
        _("A call is half typed, last at {at}.", at=format_datetime(unfinished)),
        icon=":material/edit_note:",
    )
    with link:
        st.page_link("call.py", label=_("Go on with it"), icon=":material/arrow_forward:")
draw_call_backs(actor, now)
st.subheader(_("My contacts"))
words_of = dict(zip(SHOWN, (_("Today"), _("Without a case")), strict=True))
choose_pill(_("Show"), words_of, name="show")
if found:
    names = (
        _("When"),
        _("Case number"),
        _("State"),
        _("How it ended"),
        _("Category"),
        _("Place"),
        _("Channel"),
    )
    rows = [cells(item) for item in found]
    picked = st.dataframe(
        [dict(zip(names, row, strict=True)) for row in rows],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"contacts_{st.query_params.get('page', '1')}",
        alt=_("Contacts that I took, newest first"),
        height="content",
    )
    index = next(iter(picked["selection"]["rows"]), None)
    chosen = found[index].number if index is not None and index < len(found) else None
    if chosen:
        st.switch_page("case.py", query_params={"number": chosen})
    draw_pages(total)
    offer_csv("contacts", names, rows)
elif shown in words_of:
    st.info(_("No contact is like that. Take a filter away."))
else:
    st.info(_("You have taken no call yet. Begin on the page “Log a call”."))
    st.page_link("call.py", label=_("Log a call"), icon=":material/call:")
