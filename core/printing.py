"""Documents on paper: a title, lines and tables as PDF, in a typeface with Russian and Kazakh letters.

The same content at the same instant gives the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pymupdf_fonts
from fpdf import FPDF
from fpdf.fonts import FontFace

_FAMILY: Final = "NotoSans"
_FACES: Final = {"": "notos", "B": "notosbo"}
_MARGIN: Final = 18.0  # millimetres
_LINE: Final = 5.5


@dataclass(frozen=True)
class PrintedTable:
    """A table with its title. The first column is of words, the others of figures."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class _Paper(FPDF):
    def __init__(self, title: str, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.set_title(title)
        self.set_margin(_MARGIN)
        self.set_auto_page_break(True, _MARGIN + _LINE)
        with TemporaryDirectory() as folder:
            for style, face in _FACES.items():
                path = Path(folder, f"{face}.ttf")
                path.write_bytes(_face(face))
                self.add_font(_FAMILY, style, path)

    def footer(self) -> None:
        """What stands below each page."""
        self.set_y(-_MARGIN)
        self.set_font(_FAMILY, size=8)
        self.cell(0, _LINE, self._foot)
        self.set_x(_MARGIN)
        self.cell(0, _LINE, f"{self.page_no()} / {{nb}}", align="R")


@lru_cache(maxsize=len(_FACES))
def _face(name: str) -> bytes:
    face: bytes = pymupdf_fonts.myfont(name)
    return face


def printed(
    title: str, lines: Sequence[str], tables: Sequence[PrintedTable], *, foot: str, at: datetime
) -> bytes:
    """A PDF on A4. ``foot`` stands below each page beside its number; ``at`` is its date."""
    paper = _Paper(title, foot)
    paper.set_creation_date(at)
    paper.add_page()
    paper.set_font(_FAMILY, "B", 16)
    paper.multi_cell(0, 8, title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font(_FAMILY, size=10)
    for line in lines:
        paper.multi_cell(0, _LINE, line, new_x="LMARGIN", new_y="NEXT")
    for table in tables:
        _draw(paper, table)
    return bytes(paper.output())


def _draw(paper: FPDF, shown: PrintedTable) -> None:
    paper.ln(_LINE)
    # A title never stands alone at the end of a page.
    if paper.will_page_break(5 * _LINE):
        paper.add_page()
    paper.set_font(_FAMILY, "B", 12)
    paper.multi_cell(0, 7, shown.title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font(_FAMILY, size=10)
    figures = len(shown.header) - 1
    with paper.table(
        headings_style=FontFace(emphasis="BOLD"),
        borders_layout="HORIZONTAL_LINES",
        line_height=_LINE,
        text_align=("LEFT", *(["RIGHT"] * figures)),
        col_widths=(3, *([1] * figures)),
    ) as table:
        for cells in (shown.header, *shown.rows):
            row = table.row()
            for cell in cells:
                row.cell(cell)
