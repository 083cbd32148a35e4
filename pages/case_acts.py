"""Doing one act on a case's page."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.database import unit_of_work
from core.errors import Refused
from pages.wording import show_refusal


def attempt(act: Callable[[Any], None]) -> None:
    """Do one act, which gets the session, and draw the page anew; a refusal is said in its place."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()
