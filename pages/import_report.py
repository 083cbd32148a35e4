"""What an import of a small file did: its figures, and the rows it left out."""

import streamlit as st

from core.i18n import _, format_number, n_, refusal_text
from core.primary.files import ImportReport
from pages.lists import csv_bytes

SHOWN = 100


def show_report(report: ImportReport, name: str, *, others: str | None = None) -> None:
    """Read = new + changed + same + refused, and the refused rows with the reason of each.

    ``others`` says what became of the rows that were not refused; unless given, they are in.
    """
    figures = (
        (_("Rows read"), report.read),
        (_("New"), report.new),
        (_("Changed"), report.changed),
        (_("Unchanged"), report.same),
        (_("Refused"), report.refused),
    )
    for box, (label, count) in zip(st.columns(len(figures)), figures, strict=True):
        box.metric(label, format_number(count))
    if report.ignored_columns:
        st.caption(_("Columns that were kept out:"))
        st.text(", ".join(report.ignored_columns))
    if not report.rows_refused:
        return
    header = (_("Row"), _("Column"), _("Code"), _("Reason"))
    rows = [
        (str(each.row), each.column, each.code.value, refusal_text(each.refusal))
        for each in report.rows_refused
    ]
    left_out = n_("{count} row was left out.", "{count} rows were left out.", report.refused)
    st.warning(f"{left_out} {others or _('The others are in.')}", icon=":material/warning:")
    shown = [dict(zip(header, row, strict=True)) for row in rows[:SHOWN]]
    st.dataframe(shown, hide_index=True, width="stretch")
    st.download_button(
        _("Download the refused rows"),
        csv_bytes(("row", "column", "code", "message"), rows),
        file_name=f"{name}-refused.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
