"""On the page of a case: which closed case it follows, so that it goes one level higher."""

from collections.abc import Callable

import streamlit as st

from core import clock
from core.cases import service
from core.cases.following_on import followed_case, may_follow_on
from core.cases.receipts import spelled_number
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _
from core.staff.rules import Actor
from pages.wording import plain, show_refusal


def draw_followed_case(acting: Actor, number: str, done: Callable[[str], None]) -> None:
    """The earlier case, or a form to name it."""
    with reading() as session:
        earlier = followed_case(session, acting, number)
        may_say = may_follow_on(session, acting, number)
    if earlier:
        st.caption(
            ":material/history: "
            + plain(_("Follows case {number}: one level higher.", number=spelled_number(earlier)))
        )
    if not may_say:
        return
    with st.expander(_("It follows a closed case"), icon=":material/history:"):
        st.caption(_("Retaliation for an earlier complaint, above all: it goes one level higher."))
        typed = st.text_input(
            _("Number of the earlier case"), max_chars=20, key="move_earlier_case"
        )
        if not st.button(_("Save"), key="save_earlier_case", width="stretch"):
            return
        try:
            with unit_of_work() as session:
                service.follow_on(session, number, actor=acting, earlier=typed, now=clock.now())
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("Noted: the case goes one level higher."))
