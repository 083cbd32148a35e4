"""The desk for a reference that a caller reads out: advice, call back, reasons, and a case at once."""

from typing import Final

import streamlit as st

from core import clock, places
from core.cases import service as cases
from core.cases.receipts import spelled_number
from core.cases.rules import Category
from core.cases.service import ContactEntry, SourcedCase
from core.cases.sources import case_numbers
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, format_datetime, refusal_text, term
from core.staff.rules import Actor, Role
from core.voting import service
from core.voting.rules import RejectionReason
from core.voting.service import ReferenceFound, ReferenceRevealed
from pages.receipt import show_receipt
from pages.session import staff_callback
from pages.wording import plain

FOUND: Final = "reference_found"
NUMBER: Final = "reference_number"
REVEALED: Final = "reference_revealed"
OPENED: Final = "reference_case"
NOTICE: Final = "reference_notice"
CALLERS: Final = (Role.OPERATOR, Role.ORGANIZER)

# What a caller complains of, as far as the reasons tell; the operator corrects it in the case.
CATEGORIES: Final = {
    RejectionReason.MOBILE_MISMATCH: Category.FALSIFIED_MOBILES,
    RejectionReason.MOBILE_USED: Category.FALSIFIED_MOBILES,
    RejectionReason.IIN_USED: Category.FALSIFIED_VOTES,
}


def look_up(actor: Actor) -> None:
    """Find what a caller reads out; the act is logged."""
    for kept in (FOUND, NUMBER, REVEALED, OPENED, "called_back"):
        st.session_state.pop(kept, None)
    heard = st.session_state.get("reference", "")
    try:
        with unit_of_work() as session:
            found = service.look_up_reference(session, heard, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[FOUND] = found


def show_number(actor: Actor, reference: str) -> None:
    """Read the roll's number, so that it can be called; logged."""
    try:
        with unit_of_work() as session:
            number = service.number_to_call_back(session, reference, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NUMBER] = (reference, number)


def show_reasons(actor: Actor, reference: str) -> None:
    """Read the reasons after the call; logged. Without the call the service refuses."""
    called = bool(st.session_state.get("called_back"))
    try:
        with unit_of_work() as session:
            found = service.reveal_reasons(
                session, reference, actor=actor, called_back=called, now=clock.now()
            )
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[REVEALED] = found


def open_case(actor: Actor, reference: str) -> None:
    """Open the case of a reference with what is known of it; two presses open one."""
    found: ReferenceFound | None = st.session_state.get(FOUND)
    if found is None or found.reference != reference or OPENED in st.session_state:
        return
    try:
        with unit_of_work() as session:
            opened = cases.open_from_source(
                session,
                f"reference:{reference}",
                entry_of(found, revealed_of(reference)),
                actor=actor,
                now=clock.now(),
            )
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[OPENED] = opened


def revealed_of(reference: str) -> ReferenceRevealed | None:
    """What the call back showed of this reference, if there was one."""
    revealed: ReferenceRevealed | None = st.session_state.get(REVEALED)
    return revealed if revealed is not None and revealed.reference == reference else None


def entry_of(found: ReferenceFound, revealed: ReferenceRevealed | None) -> ContactEntry:
    """The contact of a caller with the facts of the reference, masked.

    Before the call back they are what the caller knows too: place and reasons would tell what the
    roll says.
    """
    lines = [
        _(
            "The caller read the reference {reference} ({stage}, {day}).",
            reference=found.reference,
            stage=term(found.stage),
            day=format_date(found.day),
        )
    ]
    if revealed is None:
        lines.append(_("The number of the roll was not called back, so the reasons are not known."))
        return ContactEntry(story="\n".join(lines), category=Category.ACCESS_AND_TECHNICAL)
    lines.append(_("The number of the roll was called back, and the voter answered."))
    lines += [*what_happened(revealed), *circumstances(revealed)]
    categories = (CATEGORIES[reason] for reason in revealed.reasons if reason in CATEGORIES)
    return ContactEntry(
        story="\n".join(lines),
        category=next(categories, Category.ACCESS_AND_TECHNICAL),
        place=revealed.place_code or None,
    )


def what_happened(revealed: ReferenceRevealed) -> list[str]:
    """The reasons, or what became of the code, a line each."""
    return [*map(term, revealed.reasons), *([term(revealed.code)] if revealed.code else [])]


def circumstances(revealed: ReferenceRevealed) -> list[str]:
    """When, where and who, masked, as far as it is kept."""
    facts = []
    if revealed.at is not None:
        facts.append(_("When: {at}", at=format_datetime(revealed.at, seconds=True)))
    if revealed.place_code:
        facts.append(_("Place: {place}", place=places.name(revealed.place_code)))
    masked = (revealed.iin_masked, revealed.mobile_masked, revealed.address_short)
    if any(masked):
        facts.append(" · ".join(filter(None, masked)))
    return facts


def draw_desk(actor: Actor) -> None:
    """Advice first; the reasons only after a call to the number on the roll."""
    with st.container(border=True):
        st.subheader(_("A voter reads a reference"))
        field, button = st.columns([3, 1], vertical_alignment="bottom")
        field.text_input(
            _("Reference"),
            key="reference",
            placeholder="7KQ4M-2XJ9P",
            max_chars=20,
            on_change=staff_callback(look_up, *CALLERS),
        )
        button.button(
            _("Look up"),
            icon=":material/search:",
            width="stretch",
            on_click=staff_callback(look_up, *CALLERS),
        )
        notice = st.session_state.pop(NOTICE, None)
        if notice:
            st.warning(plain(notice))
        found: ReferenceFound | None = st.session_state.get(FOUND)
        if found is None:
            st.caption(_("You see what to advise. Every look-up is logged."))
            return
        st.markdown(f"**{found.reference}** · {term(found.stage)} · {format_date(found.day)}")
        for each in found.advice:
            st.info(term(each))
        call_back(found.reference)
        if actor.has(Role.OPERATOR):
            offer_case(actor, found.reference)


def call_back(reference: str) -> None:
    """The number to call, and the reasons once it was called."""
    revealed = revealed_of(reference)
    if revealed is not None:
        for line in what_happened(revealed):
            (st.error if revealed.reasons else st.success)(plain(line))
        st.caption(plain(" · ".join(circumstances(revealed))))
        return
    known, number = st.session_state.get(NUMBER, (None, None))
    if known != reference:
        st.button(
            _("Show the roll's number to call back"),
            icon=":material/call:",
            on_click=staff_callback(show_number, *CALLERS),
            args=(reference,),
        )
        return
    if number is None:
        st.warning(
            _(
                "There is no number to call back. Say nothing more by telephone: the caller knows "
                "already to come to the branch if no call comes."
            )
        )
        return
    st.code(number, language=None)
    st.checkbox(_("I have called this number back, and the voter answered"), key="called_back")
    st.button(
        _("Show the reasons"),
        type="primary",
        on_click=staff_callback(show_reasons, *CALLERS),
        args=(reference,),
    )


def offer_case(actor: Actor, reference: str) -> None:
    """One press makes a case of the reference; afterwards its number stands here."""
    opened: SourcedCase | None = st.session_state.get(OPENED)
    if opened is None:
        with reading() as session:
            known = case_numbers(session, [f"reference:{reference}"], actor=actor)
        number = known.get(f"reference:{reference}")
    else:
        number = opened.number
    if opened is not None and opened.receipt is not None:
        show_receipt(opened.receipt)
    elif number is not None:
        st.info(
            plain(
                _("A case was opened for this reference: {number}.", number=spelled_number(number))
            ),
            icon=":material/folder_open:",
        )
    else:
        st.button(
            _("Open a case for this caller"),
            icon=":material/create_new_folder:",
            help=_("A complaint with these facts; the caller gets a number and a receipt code."),
            on_click=staff_callback(open_case, Role.OPERATOR),
            args=(reference,),
        )
