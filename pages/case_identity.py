"""Who complains, on a case's page: asked for with a reason, agreed to by a second person."""

from typing import Final

import streamlit as st

from core import clock
from core.cases import identity, service
from core.cases.dossier import CasePage
from core.cases.identity import RequestView
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_time
from core.staff.rules import Actor, Role
from pages.case_acts import attempt
from pages.session import staff_fragment
from pages.wording import plain, show_refusal

OPENED: Final = "case_identity"


def draw_identity(actor: Actor, page: CasePage) -> None:
    """The step that is this person's now: ask, agree, look."""
    st.subheader(_("Complainant"))
    if not page.has_identity:
        st.caption(_("Anonymous: there is no name, number or mail."))
        return
    if not page.may_open_identity:
        st.caption(_("Hidden."))
        return
    now = clock.now()
    with reading() as session:
        desk = identity.identity_desk(session, actor, page.number, now=now)
    opened: tuple[str, service.Identity] | None = st.session_state.get(OPENED)
    if opened is not None and (opened[0] != page.number or desk.open_until is None):
        del st.session_state[OPENED]
        opened = None
    for request in desk.waiting:
        draw_request(actor, page.number, request)
    if opened is not None:
        draw_opened(page.number)
    elif desk.open_until is not None:
        until = format_time(desk.open_until)
        st.caption(_("A second person agreed. Until {time} you can look.", time=until))
        if st.button(_("Show who complains"), icon=":material/visibility:"):
            show(actor, page.number)
    elif not any(request.is_own for request in desk.waiting):
        draw_question(actor, page.number)


def draw_question(actor: Actor, number: str) -> None:
    """The reason with which to ask."""
    st.caption(
        _(
            "Hidden. Whoever wants to see it gives a reason, and a second person agrees."
            " The complainant sees the time and the reason."
        )
    )
    reason = st.text_input(_("Reason"), key="identity_reason", max_chars=500)
    if st.button(_("Ask to see who complains"), icon=":material/lock_open:"):
        attempt(
            lambda session: service.ask_identity(
                session, number, actor=actor, reason=reason, now=clock.now()
            )
        )


def draw_request(actor: Actor, number: str, request: RequestView) -> None:
    """A request that waits, with what this person may do about it."""

    def decide(allow: bool) -> None:  # noqa: FBT001 - of a button
        attempt(
            lambda session: service.decide_identity(
                session, number, request.id, actor=actor, allow=allow, now=clock.now()
            )
        )

    with st.container(border=True):
        st.caption(
            plain(
                _(
                    "{name} asked on {at} to see who complains:",
                    name=request.who,
                    at=format_datetime(request.asked_at),
                )
            )
        )
        st.text(request.reason or _("erased"))
        if request.is_own:
            st.caption(_("It waits for a second person of those who work on this case."))
            if st.button(_("Take it back"), key=f"identity_back_{request.id}"):
                decide(allow=False)
            return
        yes, no = st.columns(2)
        if yes.button(_("Agree"), key=f"identity_yes_{request.id}", width="stretch"):
            decide(allow=True)
        if no.button(_("Refuse"), key=f"identity_no_{request.id}", width="stretch"):
            decide(allow=False)


@staff_fragment(Role.OPERATOR, Role.COMMISSIONER, run_every=30)
def draw_opened(actor: Actor, number: str) -> None:
    """What is known of the person, until it is hidden or the hour is over: then it leaves the screen
    though nobody presses anything.
    """
    opened: tuple[str, service.Identity] | None = st.session_state.get(OPENED)
    with reading() as session:
        desk = identity.identity_desk(session, actor, number, now=clock.now())
    if opened is None or desk.open_until is None:
        st.session_state.pop(OPENED, None)
        st.rerun()
        return
    found = opened[1]
    with st.container(border=True):
        for label, value in (
            (_("Name"), found.name),
            (_("Number"), found.phone),
            (_("Mail"), found.email),
            (_("A safe way to reach"), found.reach),
        ):
            if value:
                st.caption(label)
                st.text(value)
    if st.button(_("Hide"), icon=":material/visibility_off:"):
        del st.session_state[OPENED]
        st.rerun()


def show(actor: Actor, number: str) -> None:
    """Ask core for the person; the reading stands in the timeline with its reason."""
    try:
        with unit_of_work() as session:
            found = service.open_identity(session, number, actor=actor, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[OPENED] = (number, found)
    st.rerun()
