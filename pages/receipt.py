"""What an operator reads out to a caller whose contact was saved."""

import streamlit as st

from core.cases.receipts import spelled_number
from core.cases.service import Receipt
from core.i18n import _


def show_receipt(receipt: Receipt) -> None:
    """The number and the code, large, in groups: to be read out, not to be read over a shoulder
    later, so it goes with the next call.
    """
    if receipt.number is None or receipt.code is None:
        st.success(_("The contact is saved. It opened no case."), icon=":material/check_circle:")
        return
    with st.container(border=True):
        st.markdown(f"**{_('Saved. Read this out to the caller:')}**")
        st.caption(_("Case number"))
        st.markdown("## " + " – ".join(spelled_number(receipt.number).split("-")))
        st.caption(_("Receipt code, four groups"))
        groups = receipt.code.spelled.split("-")
        st.markdown("## " + " – ".join(groups[:2]))
        st.markdown("## " + " – ".join(groups[2:]))
        st.caption(
            _("The code is shown only now and is kept nowhere. It contains no O, I, L or U.")
        )
