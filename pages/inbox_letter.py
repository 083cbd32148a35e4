"""One mail of the inbox: what it says, what it seems to be about, and what becomes of it."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from core import clock, places
from core.cases.receipts import spelled_number
from core.cases.rules import Category, Urgency
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, refusal_text, term
from core.mail import queries, service
from core.mail.queries import MailRow
from core.mail.rules import Fate
from core.mail.service import OpenedMail
from core.staff.rules import Actor, Role
from pages.session import staff_callback
from pages.wording import place_choices, plain

OPENED: Final = "inbox_opened"
_DONE: Final = "inbox_done"
_REFUSAL: Final = "inbox_refusal"


def draw_letter(actor: Actor, chosen: int | None, listed: Sequence[int]) -> None:
    """The chosen mail, or the one that is open; with none of both a button that opens the next."""
    opened: OpenedMail | None = st.session_state.get(OPENED)
    if chosen is not None and (opened is None or opened.id != chosen):
        opened = _open(actor, chosen)
    if opened is None:
        st.button(
            _("Read the next one"),
            icon=":material/mark_email_unread:",
            type="primary",
            shortcut="Ctrl+Enter",
            key="inbox_next",
            on_click=staff_callback(_read_next, Role.OPERATOR),
            args=(tuple(listed),),
        )
        return
    try:
        with reading() as session:
            row = queries.one_mail(session, actor, opened.id)
            earlier = queries.earlier_of_sender(session, actor, opened.id)
    except Refused as refused:
        st.session_state.pop(OPENED, None)
        st.error(plain(refusal_text(refused)))
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_words(opened, row)
    with right:
        _draw_ends(opened, row)
        _draw_earlier(earlier)


def _open(actor: Actor, mail_id: int) -> OpenedMail | None:
    try:
        with unit_of_work() as session:
            opened = service.read_mail(session, mail_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.error(plain(refusal_text(refused)))
        return None
    st.session_state[OPENED] = opened
    return opened


def _read_next(acting: Actor, listed: Sequence[int]) -> None:
    _open(acting, listed[0])


def _draw_words(opened: OpenedMail, row: MailRow) -> None:
    """The text as it was written, never as a page: nothing of it is fetched or shown as markup."""
    with st.container(border=True):
        st.text(opened.subject or _("(no subject)"))
        sender = " · ".join(part for part in (opened.sender_name, opened.sender) if part)
        sent = format_datetime(opened.sent_at) if opened.sent_at else None
        came = _("came {at}", at=format_datetime(row.at))
        # As plain text: an address that can be clicked would begin a mail outside the system.
        st.text(" · ".join(part for part in (sender, sent, came) if part))
        with st.container(horizontal=True):
            if row.language:
                st.badge(term(row.language), color="gray")
            for mark in row.marks:
                st.badge(term(mark), color="orange")
        st.text(opened.text or _("(no words of one's own)"))
        if opened.quoted:
            with st.expander(_("Quoted from earlier mails")):
                st.text(opened.quoted)
        for name, size in opened.files:
            st.caption(
                plain(f"{name or '–'} · " + _("{size} kB", size=format_number(-(-size // 1024)))),
            )


def _draw_ends(opened: OpenedMail, row: MailRow) -> None:
    """What can become of the mail; what it seems to be about is filled in."""
    suggestion = row.suggestion
    if suggestion.category:
        words = ", ".join(suggestion.category_words[:6])
        st.caption(
            plain(_("Seems to be: {what} ({words})", what=term(suggestion.category), words=words))
        )
    names = place_choices()
    codes = [code for code in names if code]
    category = st.selectbox(
        _("Category"),
        list(Category),
        index=list(Category).index(suggestion.category) if suggestion.category else None,
        format_func=term,
        placeholder=_("type a few letters"),
        key=f"inbox_category_{opened.id}",
    )
    place = st.selectbox(
        _("Place"),
        codes,
        index=codes.index(suggestion.place) if suggestion.place in codes else None,
        format_func=lambda code: names.get(code, ""),
        placeholder=_("type a few letters"),
        key=f"inbox_place_{opened.id}",
    )
    urgency = st.segmented_control(
        _("Urgency"),
        list(Urgency),
        default=Urgency.NORMAL,
        format_func=term,
        required=True,
        key=f"inbox_urgency_{opened.id}",
        width="stretch",
    )
    st.button(
        _("New case"),
        type="primary",
        icon=":material/create_new_folder:",
        shortcut="Ctrl+Enter",
        key=f"inbox_case_{opened.id}",
        on_click=staff_callback(_new_case, Role.OPERATOR),
        args=(opened.id, category, place, urgency),
        width="stretch",
    )
    if row.tie and row.tied_to:
        st.info(plain(term(row.tie)), icon=":material/link:")
    number = st.text_input(
        _("Number of the case it belongs to"),
        value=spelled_number(row.tied_to) if row.tied_to else "",
        key=f"inbox_number_{opened.id}",
        max_chars=20,
    )
    st.button(
        _("Add to case"),
        icon=":material/drive_file_move:",
        key=f"inbox_add_{opened.id}",
        disabled=not number.strip(),
        on_click=staff_callback(_add, Role.OPERATOR),
        args=(opened.id, number),
        width="stretch",
    )
    with st.container(horizontal=True):
        for fate, shortcut in ((Fate.NOT_FOR_US, "Alt+N"), (Fate.SPAM, "Alt+S")):
            if fate is not row.fate:
                st.button(
                    term(fate),
                    key=f"inbox_{fate.value}_{opened.id}",
                    shortcut=shortcut,
                    on_click=staff_callback(_aside, Role.OPERATOR),
                    args=(opened.id, fate),
                )
        if row.fate is not Fate.TO_SORT:
            st.button(
                _("Back to sort"),
                key=f"inbox_back_{opened.id}",
                on_click=staff_callback(_aside, Role.OPERATOR),
                args=(opened.id, Fate.TO_SORT),
            )


def _draw_earlier(earlier: Sequence[queries.EarlierMail]) -> None:
    if not earlier:
        return
    st.subheader(_("Earlier mails from this address"))
    st.caption(_("An address can be forged: it proves nothing."))
    for item in earlier:
        number = spelled_number(item.number) if item.number else term(item.fate)
        st.text(f"{format_datetime(item.at)} · {number}")


def _new_case(
    acting: Actor, mail_id: int, category: Category | None, place: str | None, urgency: Urgency
) -> None:
    try:
        with unit_of_work() as session:
            receipt = service.open_case(
                session,
                mail_id,
                actor=acting,
                category=category or Category.OTHER,
                place=place,
                urgency=urgency,
                now=clock.now(),
            )
    except Refused as refused:
        st.session_state[_REFUSAL] = refusal_text(refused)
    else:
        number = spelled_number(receipt.number) if receipt.number else ""
        where = places.name(place) if place else _("place not known")
        st.session_state[_DONE] = _("Case {number} is open: {place}.", number=number, place=where)
    st.session_state.pop(OPENED, None)


def _add(acting: Actor, mail_id: int, number: str) -> None:
    try:
        with unit_of_work() as session:
            added = service.add_to_case(session, mail_id, number, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[_REFUSAL] = refusal_text(refused)
        return
    st.session_state[_DONE] = _("Added to case {number}.", number=spelled_number(added))
    st.session_state.pop(OPENED, None)


def _aside(acting: Actor, mail_id: int, fate: Fate) -> None:
    try:
        with unit_of_work() as session:
            service.set_aside(session, mail_id, fate, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[_REFUSAL] = refusal_text(refused)
    st.session_state.pop(OPENED, None)
