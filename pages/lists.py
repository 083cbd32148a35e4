"""Lists as every screen shows them: pages of fifty from SQL, and a file to take away."""

import csv
from collections.abc import Container, Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from xlsxwriter import Workbook

from core.i18n import _, n_

PAGE_SIZE: Final = 50
# A cell that begins with one of these is a formula to a spreadsheet program.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet program computes."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file in UTF-8 (with the mark that Excel wants), separated by semicolons."""
    text = StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def choose(
    box: DeltaGenerator,
    label: str,
    words: Mapping[str, str],
    *,
    name: str,
    default: str | None = None,
) -> str | None:
    """One of ``words`` (a code with its word), remembered in the address; without a ``default``
    None stands for all of them.

    The address holds the code, not the word, so that a link works for a colleague who reads
    another language. Another choice begins again at the first page.
    """
    # A member of an enum would make Streamlit look for its class among the codes, and fail.
    default = None if default is None else str(default)
    key = _seeded(words, name, default)
    picked: str | None = box.selectbox(
        label,
        list(words),
        index=None if default is None else 0,
        format_func=lambda code: words.get(code, code),
        placeholder=_("all"),
        key=key,
    )
    _remember(picked, name, default)
    return picked


def choose_pill(label: str, words: Mapping[str, str], *, name: str) -> str | None:
    """As `choose`, as a row of pills without a heading; none of them stands for all."""
    picked: str | None = st.pills(
        label,
        list(words),
        format_func=lambda code: words.get(code, code),
        key=_seeded(words, name, None),
        label_visibility="collapsed",
        wrap=True,
    )
    _remember(picked, name, None)
    return picked


def chosen(name: str, codes: Container[str]) -> str | None:
    """What `choose` and `choose_pill` are about to give, for whoever must know it before they are
    drawn: the widget's value, or what the address asks for before there is a widget.
    """
    key = f"choice_{name}"
    asked = st.session_state[key] if key in st.session_state else st.query_params.get(name)
    return asked if asked in codes else None


def _seeded(words: Mapping[str, str], name: str, default: str | None) -> str:
    """The key of a choice's widget, which begins with what the address asks for."""
    asked = st.query_params.get(name, default)
    key = f"choice_{name}"
    if key not in st.session_state and (asked in words or default is not None):
        st.session_state[key] = asked if asked in words else default
    return key


def _remember(picked: str | None, name: str, default: str | None) -> None:
    # Streamlit's own binding would write the word into the address, in one language, and a reader
    # of the address would not know it again.
    if picked != st.query_params.get(name, default):
        for stale in ("page", name):
            st.query_params.pop(stale, None)
        st.session_state.pop("page", None)
        if picked is not None:
            st.query_params[name] = picked


def page_offset(key: str = "page") -> int:
    """Where the page in the address begins; `draw_pages` offers the others."""
    raw = st.query_params.get(key, "1")
    return (max(int(raw), 1) - 1) * PAGE_SIZE if raw.isascii() and raw.isdigit() else 0


def draw_pages(total: int, key: str = "page") -> None:
    """How many rows there are, and the other pages when one does not hold them."""
    pages = max(1, -(-total // PAGE_SIZE))
    left, right = st.columns([1, 2], vertical_alignment="center")
    left.caption(n_("{count} row", "{count} rows", total))
    if pages > 1:
        with right:
            st.pagination(pages, key=key, bind="query-params", width="stretch")


def offer_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A button that downloads what the list shows."""
    st.download_button(
        _("Download CSV"),
        csv_bytes(header, rows),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def xlsx_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The same as a workbook: every cell is text, none is a formula or a link."""
    content = BytesIO()
    plain_text = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with Workbook(content, plain_text) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for place, cell in enumerate(header):
            sheet.write_string(0, place, str(cell), bold)
        for number, row in enumerate(rows, start=1):
            for place, cell in enumerate(row):
                sheet.write_string(number, place, "" if cell is None else str(cell))
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    return content.getvalue()
