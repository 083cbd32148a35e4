"""Taking the sheets of a paper list out, for organizers and for the clerks of the place."""

import streamlit as st

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import _
from core.paper import service
from core.paper.list_queries import PaperListView
from core.paper.queries import PollingPlaceView
from core.primary.queries import PrimaryView
from core.staff.rules import Actor
from pages.paper_sheets import sheets
from pages.wording import show_refusal


def offer_sheets(
    acting: Actor, primary: PrimaryView, place: PollingPlaceView, view: PaperListView
) -> None:
    """A button that makes the sheets, then one that downloads them: making is what is logged."""
    if not st.button(_("Prepare the sheets"), icon=":material/print:", type="primary"):
        return
    try:
        with unit_of_work() as session:
            voters = service.take_sheets(session, primary.id, place.code, actor=acting)
    except Refused as refused:
        show_refusal(refused)
        return
    st.download_button(
        _("Download the sheets (open and print)"),
        sheets(primary, place, view, voters, printed_at=clock.now()),
        file_name=f"paper-list-{place.code}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
    )
