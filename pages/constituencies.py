"""Constituencies picked from the list of places, and the contests held in them."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_number, n_, refusal_text
from core.primary import service
from core.primary.queries import ContestView, PrimaryView, active_primary, constituencies, contests
from core.staff.rules import Actor, Role
from pages.import_report import show_report
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.session import require_role, staff_callback, staff_dialog
from pages.wording import place_choices, plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)
NOTICE = "constituencies_notice"
REPORT = "contests_report"


def attempt(act: Callable[[Any], object], done: str) -> None:
    """Do an act in a unit of work of its own; a refusal is said where the person looks."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = done
    st.rerun()


@staff_dialog(_("Add constituencies"), Role.ORGANIZER)
def constituency_dialog(actor: Actor, primary: PrimaryView, taken: frozenset[str]) -> None:
    """Places of the list; several at once."""
    choices = {code: name for code, name in place_choices().items() if code and code not in taken}
    chosen = st.multiselect(
        _("Places"),
        list(choices),
        format_func=lambda code: choices[code],
        placeholder=_("type a few letters"),
    )

    def add(session: Any) -> None:
        for code in chosen:
            service.add_constituency(session, primary.id, code, actor=actor, now=clock.now())

    if st.button(_("Add"), type="primary", disabled=not chosen):
        attempt(
            add, n_("{count} constituency added.", "{count} constituencies added.", len(chosen))
        )


@staff_dialog(_("Add a contest"), Role.ORGANIZER)
def contest_dialog(actor: Actor, primary: PrimaryView) -> None:
    """A contest in one place, or for everybody."""
    choices = place_choices()
    code = st.text_input(_("Code"), max_chars=40, placeholder="almaty-1")
    titles = {
        "ru": st.text_input(_("Title in Russian"), max_chars=200),
        "kk": st.text_input(_("Title in Kazakh"), max_chars=200),
        "en": st.text_input(_("Title in English"), max_chars=200),
    }
    place = st.selectbox(
        _("Constituency"),
        [None, *choices],
        format_func=lambda chosen: choices[chosen] if chosen else _("all members vote"),
    )
    left, right = st.columns(2)
    seats = left.number_input(_("Seats"), min_value=1, max_value=500, value=1, step=1)
    most = right.number_input(
        _("Candidates a voter may choose"), min_value=1, max_value=100, value=1, step=1
    )
    if st.button(_("Add"), type="primary"):
        draft = service.ContestDraft(
            code=code.strip(),
            titles=titles,
            place_code=place,
            seats=int(seats),
            max_choices=int(most),
        )
        attempt(
            lambda session: service.add_contest(
                session, primary.id, draft, actor=actor, now=clock.now()
            ),
            _("The contest is added."),
        )


@staff_dialog(_("Import contests"), Role.ORGANIZER)
def import_dialog(actor: Actor, primary: PrimaryView) -> None:
    """A file; good rows go in, the others are reported."""
    st.write(_("CSV or XLSX with these columns:"))
    st.code(",".join(service.CONTEST_COLUMNS), language=None)
    uploaded = st.file_uploader(_("File with contests"), type=["csv", "txt", "xlsx"])
    if not st.button(_("Import"), type="primary", disabled=uploaded is None):
        return
    assert uploaded is not None
    try:
        with unit_of_work() as session:
            report = service.import_contests(
                session, primary.id, uploaded.getvalue(), actor=actor, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[REPORT] = report
    st.rerun()


def remove_constituency(actor: Actor, primary_id: str, place_code: str) -> None:
    """Take a place out again."""
    remove(
        lambda session: service.remove_constituency(session, primary_id, place_code, actor=actor)
    )


def remove_contest(actor: Actor, primary_id: str, contest_id: str) -> None:
    """Remove a contest without candidates."""
    remove(lambda session: service.remove_contest(session, primary_id, contest_id, actor=actor))


def remove(act: Callable[[Any], object]) -> None:
    """Do it, and say how it went at the next run."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("Removed.")


def matches(contest: ContestView, asked: str) -> bool:
    """Whether a contest's code, title or place holds what was typed."""
    where = places.name(contest.place_code) if contest.place_code else ""
    said = " ".join((contest.id, *contest.titles.values(), where)).casefold()
    return all(word in said for word in asked.casefold().split())


def list_contests(primary: PrimaryView, found: tuple[ContestView, ...], *, may_act: bool) -> None:
    """The contests, fifty a page, narrowed by what is typed."""
    asked = st.text_input(
        _("Code, title or place"), key="q", bind="query-params", icon=":material/search:"
    )
    chosen = [contest for contest in found if matches(contest, asked)]
    offset = page_offset()
    if not chosen:
        st.info(_("No contest is like that."))
        return
    rows = [
        {
            _("Code"): contest.id,
            _("Title"): contest.title,
            _("Constituency"): (
                places.name(contest.place_code) if contest.place_code else _("all members vote")
            ),
            _("Seats"): contest.seats,
            _("Choices"): contest.max_choices,
            _("Candidates"): len(contest.standing),
        }
        for contest in chosen
    ]
    picked = st.dataframe(
        rows[offset : offset + PAGE_SIZE],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="contests",
    )
    draw_pages(len(chosen))
    selected = picked.selection.rows if picked else []
    if selected and may_act and offset + selected[0] < len(chosen):
        contest = chosen[offset + selected[0]]
        st.button(
            _("Remove this contest"),
            icon=":material/delete:",
            disabled=bool(contest.candidates),
            help=_("Only a contest without candidates can be removed."),
            on_click=staff_callback(remove_contest, Role.ORGANIZER),
            args=(primary.id, contest.id),
        )
    offer_csv("contests", list(rows[0]), [list(row.values()) for row in rows])


def list_constituencies(primary: PrimaryView, found: dict[str, int], *, may_act: bool) -> None:
    """The places with how many contests each has."""
    rows = [
        {_("Place"): places.name(code), _("Code"): code, _("Contests"): count}
        for code, count in found.items()
    ]
    picked = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=min(36 * len(rows) + 40, 420),
        on_select="rerun",
        selection_mode="single-row",
        key="places",
    )
    selected = picked.selection.rows if picked else []
    if selected and may_act and selected[0] < len(rows):
        code = list(found)[selected[0]]
        st.button(
            _("Remove this constituency"),
            icon=":material/delete:",
            disabled=bool(found[code]),
            help=_("Only a constituency without contests can be removed."),
            on_click=staff_callback(remove_constituency, Role.ORGANIZER),
            args=(primary.id, code),
        )


def offer_acts(primary: PrimaryView, taken: frozenset[str]) -> None:
    """Ways to add."""
    boxes = st.columns(3)
    if boxes[0].button(
        _("Import contests"), type="primary", icon=":material/upload_file:", width="stretch"
    ):
        import_dialog(primary)
    if boxes[1].button(_("Add a contest"), icon=":material/add:", width="stretch"):
        contest_dialog(primary)
    if boxes[2].button(_("Add constituencies"), icon=":material/add_location:", width="stretch"):
        constituency_dialog(primary, taken)


def show_primary(actor: Actor, primary: PrimaryView) -> None:
    """The whole page of an existing primary."""
    with reading() as session:
        held = contests(session, primary.id)
        where = dict(constituencies(session, primary.id))
    signed = primary.readiness_signed_at is not None
    may_act = actor.has(Role.ORGANIZER, place=None) and not actor.read_only and not signed
    if signed:
        st.info(_("Readiness is signed: contests and candidates don't change any more."))
    if may_act:
        offer_acts(primary, frozenset(where))
    report = st.session_state.get(REPORT)
    if report is not None:
        with st.expander(_("Last import"), expanded=True):
            show_report(report, "contests")
    figures = (
        (_("Constituencies"), len(where)),
        (_("Contests"), len(held)),
        (_("Without candidates"), sum(not contest.standing for contest in held)),
    )
    for box, (label, count) in zip(st.columns(3), figures, strict=True):
        box.metric(label, format_number(count))
    if not held:
        st.info(
            _(
                "No contest yet. Import a file of contests, or add one by hand: its place becomes "
                "a constituency."
            )
        )
    else:
        st.subheader(_("Contests"))
        list_contests(primary, held, may_act=may_act)
    if where:
        st.subheader(_("Constituencies"))
        list_constituencies(primary, where, may_act=may_act)


st.title(_("Constituencies"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    found = active_primary(session)
if found is None:
    st.info(_("No primary has been created yet."))
else:
    show_primary(actor, found)
