"""What a person sees when a page breaks: a sentence with a reference, never a traceback."""

import logging
import secrets

import streamlit as st

from core.i18n import _

log = logging.getLogger(__name__)


def tell_fault(fault: Exception) -> bool:
    """Log a fault under a reference and show the reference; True: Streamlit adds nothing."""
    reference = secrets.token_hex(4).upper()
    log.error("fault %s", reference, exc_info=fault)
    st.error(
        _(
            "Something went wrong here, and it has been noted. Try again; if it happens again, "
            "tell an administrator this reference: {reference}",
            reference=reference,
        )
    )
    return True
