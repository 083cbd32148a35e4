"""Incoming mail: what waits to be sorted, with what it seems to be about, and one press for each end."""

from typing import Final

import streamlit as st

from core import clock, places
from core.cases.receipts import spelled_number
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, n_, refusal_text, term
from core.mail import queries, service
from core.mail.queries import MailRow
from core.mail.rules import Fate
from core.staff.rules import Actor, Role
from pages.inbox_letter import OPENED, draw_letter
from pages.lists import PAGE_SIZE, choose_pill, chosen, draw_pages, page_offset
from pages.quarantine import draw_quarantine
from pages.session import require_role, staff_callback
from pages.wording import plain

actor = require_role(Role.OPERATOR)

DONE: Final = "inbox_done"
REFUSAL: Final = "inbox_refusal"
SHOWN: Final = (
    Fate.TO_SORT,
    Fate.QUARANTINED,
    Fate.NEW_CASE,
    Fate.ADDED_TO_CASE,
    Fate.NOT_FOR_US,
    Fate.SPAM,
    Fate.AUTOMATIC,
)


def chosen_fate() -> Fate:
    """What is looked at, from the address; mails to sort at first."""
    return Fate(chosen("show", {fate.value for fate in SHOWN}) or Fate.TO_SORT)


def table(rows: list[MailRow]) -> list[dict[str, str]]:
    """The mails as rows; columns that say nothing of any of them are left out."""
    columns = {
        "●": ["" if row.is_read else "●" for row in rows],
        _("When"): [format_datetime(row.at) for row in rows],
        _("First words"): [row.first_words for row in rows],
        _("Seems to be about"): [
            term(row.suggestion.category) if row.suggestion.category else "" for row in rows
        ],
        _("Place"): [
            places.name(row.suggestion.place) if row.suggestion.place else "" for row in rows
        ],
        _("Case number"): [
            spelled_number(row.number or row.tied_to or "") if row.number or row.tied_to else ""
            for row in rows
        ],
        _("Notes"): [", ".join(term(mark) for mark in row.marks) for row in rows],
    }
    told = {name: cells for name, cells in columns.items() if any(cells)}
    return [{name: cells[index] for name, cells in told.items()} for index in range(len(rows))]


def put_aside(acting: Actor, chosen: list[int], fate: Fate) -> None:
    """Put several mails aside at once; one that somebody else has sorted stops no other."""
    done = 0
    for mail_id in chosen:
        try:
            with unit_of_work() as session:
                service.set_aside(session, mail_id, fate, actor=acting, now=clock.now())
            done += 1
        except Refused as refused:
            st.session_state[REFUSAL] = refusal_text(refused)
    st.session_state[DONE] = n_("{count} mail is put aside.", "{count} mails are put aside.", done)
    st.session_state.pop(OPENED, None)


def draw_list(rows: list[MailRow], fate: Fate) -> list[int]:
    """The page of mails; gives the chosen ones."""
    picked = st.dataframe(
        table(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"inbox_{fate.value}_{st.query_params.get('page', '1')}_{rows[0].id}",
        alt=_("Mails, unread first") if fate is Fate.TO_SORT else _("Mails, the newest first"),
        height="content",
        column_config={
            "●": st.column_config.TextColumn(width=30),
            _("First words"): st.column_config.TextColumn(width=430),
            _("Seems to be about"): st.column_config.TextColumn(width=210),
        },
    )
    return [rows[index].id for index in picked["selection"]["rows"] if index < len(rows)]


def draw_bulk(chosen: list[int], fate: Fate) -> None:
    """What can be done with several mails at once."""
    ends = [each for each in (Fate.NOT_FOR_US, Fate.SPAM, Fate.TO_SORT) if each is not fate]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(n_("{count} mail is chosen", "{count} mails are chosen", len(chosen)))
        for each in ends:
            st.button(
                _("Back to sort") if each is Fate.TO_SORT else term(each),
                key=f"inbox_bulk_{each.value}",
                on_click=staff_callback(put_aside, Role.OPERATOR),
                args=(chosen, each),
            )


fate = chosen_fate()
with reading() as session:
    to_sort, quarantined = queries.unsorted_count(session, actor)
    mails, total = (
        queries.inbox(session, actor, fate=fate, page=page_offset() // PAGE_SIZE + 1)
        if fate is not Fate.QUARANTINED
        else ((), 0)
    )
st.title(_("Incoming mail"))
for key, show in ((DONE, st.success), (REFUSAL, st.error)):
    words = st.session_state.pop(key, None)
    if words:
        show(plain(words))
counts = {Fate.TO_SORT: to_sort, Fate.QUARANTINED: quarantined}
choose_pill(
    _("Show"),
    {each.value: term(each) + (f" · {counts[each]}" if each in counts else "") for each in SHOWN},
    name="show",
)
if fate is Fate.QUARANTINED:
    draw_quarantine(actor)
elif not mails:
    st.info(
        _("Nothing waits to be sorted. What comes to the committee's mailboxes appears here.")
        if fate is Fate.TO_SORT
        else _("No mail is like that.")
    )
else:
    letter = st.container()
    picked = draw_list(list(mails), fate)
    draw_pages(total)
    if len(picked) > 1 and fate in {Fate.TO_SORT, Fate.NOT_FOR_US, Fate.SPAM}:
        draw_bulk(picked, fate)
    elif fate in {Fate.TO_SORT, Fate.NOT_FOR_US, Fate.SPAM}:
        with letter:
            draw_letter(actor, picked[0] if picked else None, [row.id for row in mails])
    elif picked:
        number = next(row.number for row in mails if row.id == picked[0])
        if number:
            st.page_link(
                "case.py",
                label=_("Open case {number}", number=spelled_number(number)),
                query_params={"number": number},
                icon=":material/folder_open:",
            )
