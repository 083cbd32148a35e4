"""A paper list as sheets to be printed and signed: A4, in Kazakh and Russian, without a script.

One file that every browser prints as it stands. Pages are cut here, twenty rows each, so that every
sheet says by itself which one of how many it is, and of which list: a sheet that was taken away or
put in is seen. IINs are masked as on every screen: the card shows the whole one.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from core import places
from core.i18n import _, format_datetime, format_number, use_locale
from core.paper.list_queries import ListedVoter, PaperListView
from core.paper.queries import PollingPlaceView
from core.primary.queries import PrimaryView
from pages.polling_place_words import hours_text

ROWS_A_SHEET: Final = 20
_LANGUAGES: Final = ("kk", "ru")
_GROUP: Final = 8

_STYLE: Final = """
@page { size: A4 portrait; margin: 0 }
* { box-sizing: border-box }
body { margin: 0; font: 10pt/1.3 "DejaVu Sans", "Noto Sans", Arial, sans-serif; color: #000;
  background: #fff }
.sheet { width: 210mm; height: 296mm; padding: 12mm 12mm 9mm 16mm; display: flex;
  flex-direction: column; break-after: page; overflow: hidden }
.sheet:last-child { break-after: auto }
header { display: flex; justify-content: space-between; gap: 8mm }
header p, footer p { margin: 0 }
h1 { font-size: 13pt; margin: 0 0 1mm }
.place { font-weight: bold }
.code { font-size: 18pt; font-weight: bold; white-space: nowrap }
table { width: 100%; border-collapse: collapse; margin: 3mm 0 2mm; table-layout: fixed }
th, td { border: .3mm solid #000; padding: 0 1.5mm; text-align: left; vertical-align: middle }
th { font-size: 7.5pt; height: 9mm; background: #eee }
td { height: 9.4mm; overflow-wrap: anywhere }
.number { width: 10mm; text-align: right } .iin { width: 31mm; white-space: nowrap }
.signature { width: 42mm } .note { width: 29mm; font-size: 7.5pt }
.struck { text-decoration: line-through; color: #555 }
footer { margin-top: auto; font-size: 7.5pt; border-top: .3mm solid #000; padding-top: 1mm;
  display: flex; justify-content: space-between; gap: 6mm }
footer .digest { font-family: "DejaVu Sans Mono", monospace; font-size: 6.5pt }
.page { font-weight: bold; white-space: nowrap; font-size: 9pt }
.end { border: .3mm solid #000; padding: 2mm 3mm; margin-top: 2mm }
.end p { margin: 1.6mm 0 }
.blank { display: inline-block; border-bottom: .3mm solid #000; width: 24mm; height: 4mm }
.wide { width: 62mm }
"""


def both(say: Callable[[], str]) -> str:
    """A sentence in both languages of the country, ready for a page."""
    spelled = []
    for locale in _LANGUAGES:
        with use_locale(locale):
            spelled.append(escape(say()))
    return " / ".join(dict.fromkeys(spelled))


def sheets(
    primary: PrimaryView,
    place: PollingPlaceView,
    paper_list: PaperListView,
    voters: Sequence[ListedVoter],
    *,
    printed_at: datetime,
) -> bytes:
    """The whole list as one HTML file; ``voters`` are all its rows in order of number."""
    parts = [voters[first : first + ROWS_A_SHEET] for first in range(0, len(voters), ROWS_A_SHEET)]
    body = "".join(
        _sheet(primary, place, paper_list, part, number, len(parts), printed_at)
        for number, part in enumerate(parts, start=1)
    )
    title = escape(f"{place.code} {place.names['ru']}")
    return (
        '<!doctype html><html lang="kk"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    ).encode()


def _sheet(  # noqa: PLR0917 - a private hand-over
    primary: PrimaryView,
    place: PollingPlaceView,
    paper_list: PaperListView,
    voters: Sequence[ListedVoter],
    number: int,
    of: int,
    printed_at: datetime,
) -> str:
    last = number == of
    return (
        '<section class="sheet">'
        + _head(primary, place)
        + _table(voters)
        + (_end(paper_list) if last else "")
        + _foot(paper_list, number, of, printed_at)
        + "</section>"
    )


def _head(primary: PrimaryView, place: PollingPlaceView) -> str:
    names = " / ".join(dict.fromkeys(escape(primary.names[locale]) for locale in _LANGUAGES))
    own = " / ".join(dict.fromkeys(escape(place.names[locale]) for locale in _LANGUAGES))
    area = " / ".join(
        dict.fromkeys(escape(places.name(place.place_code, locale)) for locale in _LANGUAGES)
    )
    return (
        "<header><div>"
        f"<p>{names}</p><h1>{both(lambda: _('Voters who vote on paper'))}</h1>"
        f'<p class="place">{own}</p>'
        f"<p>{area}. {escape(place.address)}. {escape(hours_text(place.hours))}</p>"
        f'</div><p class="code">{escape(place.code)}</p></header>'
    )


def _table(voters: Sequence[ListedVoter]) -> str:
    heads = (
        ("number", "№"),
        ("name", both(lambda: _("Surname, name, patronymic"))),
        ("iin", both(lambda: _("IIN"))),
        ("signature", both(lambda: _("Signature for the ballots"))),
        ("note", both(lambda: _("Note"))),
    )
    head = "".join(f'<th class="{name}">{words}</th>' for name, words in heads)
    rows = "".join(_row(voter) for voter in voters)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(voter: ListedVoter) -> str:
    note, struck = "", ""
    if voter.released_at is not None:
        note, struck = both(lambda: _("released: no ballot here")), ' class="struck"'
    elif voter.is_barred:
        note, struck = both(lambda: _("suspended: no ballot")), ' class="struck"'
    return (
        f'<tr><td class="number">{voter.number}</td><td{struck}>{escape(voter.name)}</td>'
        f'<td class="iin">{escape(str(voter.iin))}</td>'
        f'<td class="signature"></td><td class="note">{note}</td></tr>'
    )


def _end(paper_list: PaperListView) -> str:
    """What is filled in by hand when the place has closed."""
    blank, wide = '<span class="blank"></span>', '<span class="blank wide"></span>'
    on_it = format_number(paper_list.people - paper_list.released)
    return (
        '<div class="end">'
        f"<p>{both(lambda: _('On the list, without those released'))}: <b>{on_it}</b></p>"
        f"<p>{both(lambda: _('Came and signed'))}: {blank} "
        f"{both(lambda: _('Did not come'))}: {blank}</p>"
        f"<p>1. {wide} &nbsp; {both(lambda: _('signature'))}: {blank}</p>"
        f"<p>2. {wide} &nbsp; {both(lambda: _('signature'))}: {blank}</p></div>"
    )


def _foot(paper_list: PaperListView, number: int, of: int, printed_at: datetime) -> str:
    digest = paper_list.digest or ""
    groups = " ".join(digest[i : i + _GROUP] for i in range(0, len(digest), _GROUP))
    fixed = both(
        lambda: _(
            "Fixed on {at} by {one} and {other}",
            at=format_datetime(paper_list.fixed_at) if paper_list.fixed_at else "–",
            one=paper_list.proposed_by or "–",
            other=paper_list.confirmed_by or "–",
        )
    )
    sheet = both(lambda: _("sheet {number} of {of}", number=number, of=of))
    printed = both(lambda: _("printed {at}", at=format_datetime(printed_at)))
    return (
        f'<footer><div><p>{fixed}</p><p>SHA-256 <span class="digest">{groups}</span></p>'
        f'</div><div><p class="page">{sheet}</p><p>{printed}</p></div></footer>'
    )
