"""Mails that could not be filed: their headers as they came, and what a person makes of them."""

from typing import Final

import streamlit as st

from core import clock
from core.cases.receipts import spelled_number
from core.cases.rules import MAX_TEXT, Category
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, refusal_text, term
from core.mail import queries, service
from core.mail.queries import QuarantinedMail
from core.mail.rules import Fault
from core.staff.rules import Actor, Role
from pages.session import staff_callback, staff_dialog
from pages.wording import place_choices, plain, show_refusal

_DONE: Final = "inbox_done"
_REFUSAL: Final = "inbox_refusal"


def draw_quarantine(actor: Actor) -> None:
    """Every mail in quarantine, the oldest first."""
    with reading() as session:
        waiting = queries.quarantine(session, actor)
    if not waiting:
        st.info(_("Nothing is in quarantine: every mail could be read."))
        return
    st.caption(
        _(
            "These mails are stored whole and stop no other. Nothing of them is lost until somebody decides."
        )
    )
    for mail in waiting:
        _draw(mail)


def _draw(mail: QuarantinedMail) -> None:
    with st.container(border=True):
        size = _("{size} kB", size=format_number(-(-mail.size // 1024)))
        st.markdown(
            f"**{plain(format_datetime(mail.at))}** · {plain(size)}  \n{plain(term(mail.fault))}"
        )
        with st.container(horizontal=True):
            if st.button(
                _("Show the headers"), key=f"mail_headers_{mail.id}", icon=":material/code:"
            ):
                headers(mail.id)
            if mail.fault is not Fault.TOO_LARGE:
                st.button(
                    _("Try again"),
                    key=f"mail_retry_{mail.id}",
                    icon=":material/refresh:",
                    on_click=staff_callback(_retry, Role.OPERATOR),
                    args=(mail.id,),
                )
            if st.button(
                _("Open a case by hand"), key=f"mail_hand_{mail.id}", icon=":material/edit:"
            ):
                by_hand(mail.id)
            if st.button(_("Discard…"), key=f"mail_discard_{mail.id}", icon=":material/delete:"):
                discard(mail.id)


@staff_dialog(_("Headers as they came"), Role.OPERATOR, width="large")
def headers(acting: Actor, mail_id: int) -> None:
    """The head of a mail as text; who looked is in the audit log."""
    try:
        with unit_of_work() as session:
            text = service.open_quarantined(session, mail_id, actor=acting)
    except Refused as refused:
        show_refusal(refused)
        return
    st.code(text, language=None, wrap_lines=True)


@staff_dialog(_("Open a case by hand"), Role.OPERATOR, width="medium")
def by_hand(acting: Actor, mail_id: int) -> None:
    """A case in the operator's words; the mail stays beside it."""
    names = place_choices()
    category = st.selectbox(
        _("Category"), list(Category), index=None, format_func=term, key="hand_category"
    )
    place = st.selectbox(
        _("Place"),
        [code for code in names if code],
        index=None,
        format_func=lambda code: names.get(code, ""),
        key="hand_place",
    )
    story = st.text_area(_("What happened"), max_chars=MAX_TEXT, key="hand_story", height=160)
    if not st.button(_("Open the case"), type="primary", key="hand_confirm"):
        return
    try:
        with unit_of_work() as session:
            receipt = service.file_by_hand(
                session,
                mail_id,
                actor=acting,
                story=story,
                category=category or Category.OTHER,
                place=place,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[_DONE] = _(
        "Case {number} is open.", number=spelled_number(receipt.number or "")
    )
    st.rerun()


@staff_dialog(_("Discard the mail"), Role.OPERATOR)
def discard(acting: Actor, mail_id: int) -> None:
    """Away with it, for a reason that stays."""
    reason = st.text_area(_("Reason"), max_chars=500, key="discard_reason")
    if not st.button(_("Discard"), type="primary", key="discard_confirm"):
        return
    try:
        with unit_of_work() as session:
            service.discard_mail(session, mail_id, actor=acting, reason=reason, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[_DONE] = _("Discarded. The reason stays with the contact.")
    st.rerun()


def _retry(acting: Actor, mail_id: int) -> None:
    try:
        with unit_of_work() as session:
            service.retry_mail(session, mail_id, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[_REFUSAL] = refusal_text(refused)
        return
    st.session_state[_DONE] = _("It could be read now, and waits to be sorted.")
