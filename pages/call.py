"""Log a call: from ring to saved without the mouse. One fragment, so that typing redraws no more."""

from typing import Final

import streamlit as st

from core import clock
from core.cases import queries, service
from core.cases.callers import number_key
from core.cases.queries import EarlierContact
from core.cases.receipts import spelled_number
from core.cases.rules import MAX_TEXT, SPOKEN, Category, Channel, Urgency, WrapUp
from core.cases.service import ContactEntry, Receipt
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, refusal_text, term
from core.places import find
from core.staff.rules import Actor, Role
from pages.call_backs import (
    KEPT,
    KEY,
    KNOWN,
    PROMISE_FIELDS,
    draw_in_hand,
    draw_outcome,
    draw_promise,
    forget,
    promise_of,
    widget_value,
)
from pages.focus import focus_field
from pages.receipt import show_receipt
from pages.session import require_role, staff_callback, staff_fragment
from pages.wording import place_choices, plain

actor = require_role(Role.OPERATOR)

RECEIPT: Final = "call_receipt"
REFUSAL: Final = "call_refusal"
FIELDS: Final = (
    *("caller", "name", "place", "category", "story", "urgency", "wrap_up", "reach"),
    *("call_back", *PROMISE_FIELDS),
)


def field_key(key: str, name: str) -> str:
    """The widget of a field in one call: the next call has widgets of its own, so that a press
    that comes late can't bring the old words into the new call.
    """
    return f"call_{name}_{key[:12]}"


def typed(key: str) -> dict[str, str]:
    """What stands in the fields of a call."""
    found = {}
    for name in FIELDS:
        value = st.session_state.get(field_key(key, name))
        if value:
            found[name] = str(value)
    return found


def begin(acting: Actor) -> str:
    """The key of the call that is being taken; its draft comes back after a reload or a restart."""
    if KEY not in st.session_state:
        with unit_of_work() as session:
            draft = service.open_draft(session, actor=acting, now=clock.now())
        st.session_state[KEY] = draft.key
        st.session_state[KEPT] = dict(draft.fields)
        for name, value in draft.fields.items():
            if name in FIELDS and not (name == "place" and find(value) is None):
                st.session_state[field_key(draft.key, name)] = widget_value(name, value)
    key: str = st.session_state[KEY]
    return key


def keep(acting: Actor, key: str) -> None:
    """Keep what is typed so far in the database."""
    fields = typed(key)
    if fields != st.session_state.get(KEPT):
        with unit_of_work() as session:
            service.keep_draft(session, fields, actor=acting, now=clock.now())
        st.session_state[KEPT] = fields


def save(acting: Actor, key: str) -> None:
    """Save the call and clear the form. Pressed twice it is one contact: the key says which."""
    fields = typed(key)
    if not any(fields.get(name) for name in ("caller", "name", "story", "reach")):
        if key == st.session_state.get(KEY):
            st.session_state[REFUSAL] = _("Write what happened, then save.")
        return
    entry = ContactEntry(
        story=fields.get("story", ""),
        channel=Channel.PHONE,
        wrap_up=WrapUp(fields.get("wrap_up", WrapUp.COMPLAINT)),
        category=Category(fields.get("category", Category.OTHER)),
        place=fields.get("place"),
        urgency=Urgency(fields.get("urgency", Urgency.NORMAL)),
        caller=fields.get("caller", "")[:40] or None,
        name=fields.get("name"),
        reach=fields.get("reach"),
    )
    try:
        with unit_of_work() as session:
            now = clock.now()
            receipt = service.log_contact(session, entry, actor=acting, key=key, now=now)
            promise = promise_of(fields)
            if promise is not None:
                service.promise_call_back(
                    session, receipt.contact_id, promise, actor=acting, now=now
                )
            if fields.get("call_back", "").isdecimal():
                service.finish_call_back(
                    session, int(fields["call_back"]), receipt.contact_id, actor=acting, now=now
                )
            service.discard_draft(session, actor=acting, key=key)
    except Refused as refused:
        st.session_state[REFUSAL] = refusal_text(refused)
        return
    st.session_state[RECEIPT] = receipt
    st.session_state.pop(REFUSAL, None)
    if st.session_state.get(KEY) == key:
        forget()


def clear(acting: Actor, key: str) -> None:
    """Throw the unfinished call away."""
    with unit_of_work() as session:
        service.discard_draft(session, actor=acting, key=key)
    st.session_state.pop(REFUSAL, None)
    forget()


def known_contacts(acting: Actor, caller: str) -> tuple[EarlierContact, ...] | str | None:
    """Earlier contacts from the number being typed; None while it is no number yet."""
    known_as = number_key(caller) if len(caller.strip()) > 6 else None
    if known_as is None:
        return None
    remembered: tuple[str, tuple[EarlierContact, ...]] | None = st.session_state.get(KNOWN)
    if remembered is None or remembered[0] != known_as:
        try:
            with unit_of_work() as session:
                service.note_look_up(session, known_as, actor=acting, now=clock.now())
            with reading() as session:
                found = queries.earlier_contacts(session, acting, known_as)
        except Refused as refused:
            return refusal_text(refused)
        remembered = (known_as, found)
        st.session_state[KNOWN] = remembered
    return remembered[1]


def show_contact(item: EarlierContact) -> None:
    """One earlier contact: number, date and category, never the text."""
    with st.container(border=True):
        number = spelled_number(item.number) if item.number else _("without a case")
        what = item.category if item.number else item.wrap_up
        head = f"**{plain(number)}** · {plain(format_datetime(item.at))}"
        st.markdown(head if what is None else f"{head}  \n:gray[{plain(term(what))}]")


def form(acting: Actor, key: str) -> None:
    """The fields in the order in which a call goes."""
    if st.session_state.get(field_key(key, "urgency")) is None:
        st.session_state[field_key(key, "urgency")] = Urgency.NORMAL.value
    if st.session_state.get(field_key(key, "wrap_up")) is None:
        st.session_state[field_key(key, "wrap_up")] = WrapUp.COMPLAINT.value
    phone, name = st.columns(2)
    with phone, st.container(key="call_phone"):
        st.text_input(
            _("Caller's number"),
            key=field_key(key, "caller"),
            type="phone",
            icon=":material/call:",
            live="400ms",
            placeholder=_("empty: anonymous"),
        )
    name.text_input(
        _("How to address the caller (optional)"), key=field_key(key, "name"), max_chars=200
    )
    places = place_choices()
    place, category = st.columns(2)
    place.selectbox(
        _("Place"),
        [code for code in places if code],
        index=None,
        format_func=lambda code: places.get(code, ""),
        placeholder=_("type a few letters"),
        key=field_key(key, "place"),
    )
    category.selectbox(
        _("Category"),
        [item.value for item in Category],
        index=None,
        format_func=lambda value: term(Category(value)),
        placeholder=_("type a few letters"),
        key=field_key(key, "category"),
    )
    st.text_area(
        _("What happened"),
        key=field_key(key, "story"),
        height=200,
        max_chars=MAX_TEXT,
        placeholder=_("Who, where, when, what they demand, who saw it"),
    )
    urgency, wrap_up = st.columns([3, 2])
    urgency.segmented_control(
        _("Urgency"),
        [item.value for item in Urgency],
        format_func=lambda value: term(Urgency(value)),
        key=field_key(key, "urgency"),
        required=True,
        width="stretch",
    )
    wrap_up.selectbox(
        _("How the call ended"),
        [item.value for item in SPOKEN],
        format_func=lambda value: term(WrapUp(value)),
        key=field_key(key, "wrap_up"),
    )
    st.text_input(
        _("A safe way to reach the caller (optional)"),
        key=field_key(key, "reach"),
        max_chars=1000,
        placeholder=_("after 19:00, not at work, no mail"),
    )
    draw_promise(lambda name: field_key(key, name), typed(key), clock.now())
    main, second = st.columns([3, 2])
    main.button(
        _("Save and next call"),
        type="primary",
        icon=":material/save:",
        shortcut="Ctrl+Enter",
        key=f"call_save_{key[:12]}",
        on_click=staff_callback(save, Role.OPERATOR),
        args=(key,),
        width="stretch",
    )
    second.button(
        _("Clear"),
        icon=":material/backspace:",
        key=f"call_clear_{key[:12]}",
        on_click=staff_callback(clear, Role.OPERATOR),
        args=(key,),
        width="stretch",
    )


def beside(acting: Actor, key: str) -> None:
    """What an operator wants to know beside the form: the last receipt, who called, what is alike."""
    receipt: Receipt | None = st.session_state.get(RECEIPT)
    if receipt is not None:
        show_receipt(receipt)
    fields = typed(key)
    st.subheader(_("Earlier contacts from this number"))
    known = known_contacts(acting, fields.get("caller", ""))
    if isinstance(known, str):
        st.warning(plain(known))
    elif known is None:
        st.caption(_("They appear while you type the number."))
    elif not known:
        st.caption(_("None: this number calls for the first time."))
    else:
        for item in known:
            show_contact(item)
    if not fields.get("place") or not fields.get("category"):
        return
    with reading() as session:
        similar = queries.similar_cases(
            session,
            acting,
            category=Category(fields["category"]),
            place=fields["place"],
            now=clock.now(),
        )
    st.subheader(_("Similar open cases"))
    if not similar:
        st.caption(_("None at this place in the last 30 days."))
    for item in similar:
        show_contact(item)


@staff_fragment(Role.OPERATOR)
def call(acting: Actor) -> None:
    """The whole screen of one call."""
    key = begin(acting)
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_outcome()
        refusal = st.session_state.pop(REFUSAL, None)
        if refusal:
            st.error(plain(refusal))
        in_hand = typed(key).get("call_back", "")
        if in_hand.isdecimal():
            draw_in_hand(acting, int(in_hand))
        form(acting, key)
        focus_field("call_phone", once=key)
        st.caption(_("What you type is kept: a reload or a restart loses nothing."))
    keep(acting, key)
    with right:
        beside(acting, key)


st.title(_("Log a call"))
call()
