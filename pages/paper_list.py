"""One paper list: drawn up, looked through, fixed by two people, printed, released from."""

from typing import Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, n_, refusal_text, term
from core.paper import list_queries, queries, service
from core.paper.list_queries import ListedVoter, PaperListView
from core.paper.queries import PollingPlaceView
from core.paper.rules import GROUNDS, PollingPlaceKind, ReleaseKind
from core.primary.queries import PrimaryView, active_primary
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.import_report import show_report
from pages.lists import PAGE_SIZE, draw_pages, page_offset
from pages.paper_printing import offer_sheets
from pages.polling_place_acts import NOTICE, list_waiting
from pages.polling_place_words import area_text, hours_text
from pages.session import require_role, staff_callback, staff_dialog
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER)

REPORT: Final = "paper_list_report"


def tell(words: str) -> None:
    """A sentence for the next run of the page."""
    st.session_state[NOTICE] = words


def add_all(acting: Actor, primary_id: str, code: str) -> None:
    """Put the whole area on the draft, or the chosen branches of it."""
    branches = st.session_state.get("branches") or None
    try:
        with unit_of_work() as session:
            done = service.add_from_roll(
                session, primary_id, code, actor=acting, now=clock.now(), branches=branches
            )
    except Refused as refused:
        tell(refusal_text(refused))
        return
    tell(
        _(
            "{added} were put on the draft; {there} stood on a list already.",
            added=format_number(done.added),
            there=format_number(done.listed_already),
        )
    )


def take_off(acting: Actor, primary_id: str, code: str, members: list[int] | None) -> None:
    """Take people off the draft."""
    try:
        with unit_of_work() as session:
            gone = service.take_off_draft(
                session, primary_id, code, members, actor=acting, now=clock.now()
            )
    except Refused as refused:
        tell(refusal_text(refused))
        return
    tell(n_("{count} was taken off the draft.", "{count} were taken off the draft.", gone))


def draw_up(acting: Actor, primary: PrimaryView, place: PollingPlaceView) -> None:
    """The two ways to put people on a draft: from the roll, from a file."""
    with reading() as session:
        branches = list_queries.branches_of(session, primary.id, place.place_code)
    st.subheader(_("Draw up the draft"))
    roll, file = st.columns(2, gap="large")
    with roll:
        st.multiselect(
            _(
                "Branches of {area} (none: all voters of the area)",
                area=area_text(place.place_code),
            ),
            list(branches),
            format_func=lambda branch: (
                f"{branch or '–'} · {format_number(branches.get(branch, 0))}"
            ),
            key="branches",
            placeholder=_("all"),
        )
        st.button(
            _("Put on the draft"),
            icon=":material/playlist_add:",
            on_click=staff_callback(add_all, Role.ORGANIZER),
            args=(primary.id, place.code),
        )
    with file:
        given = st.file_uploader(
            _("File with a column “iin” (CSV or XLSX)"), type=["csv", "xlsx"], key="people_file"
        )
        if given is not None and st.button(
            _("Import"), icon=":material/upload_file:", key="import_people"
        ):
            take_in(acting, primary, place, given.getvalue())
    report = st.session_state.get(REPORT)
    if report is not None and report[0] == place.code:
        with st.expander(_("Last import"), expanded=True):
            show_report(report[1], f"paper-list-{place.code}")


def take_in(acting: Actor, primary: PrimaryView, place: PollingPlaceView, content: bytes) -> None:
    """Put the people of a file on the draft, and keep the report."""
    try:
        with unit_of_work() as session:
            report = service.import_list(
                session, primary.id, place.code, content, actor=acting, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[REPORT] = (place.code, report)
    st.rerun()


def show_voters(
    acting: Actor, primary: PrimaryView, place: PollingPlaceView, *, draft: bool
) -> None:
    """The people of the list, fifty a page; in a draft chosen ones are taken off."""
    text = st.text_input(_("Name"), key="q", bind="query-params", icon=":material/search:")
    with reading() as session:
        found, total = list_queries.listed_voters(
            session, primary.id, place.code, search=text, offset=page_offset(), limit=PAGE_SIZE
        )
    if not found:
        st.info(_("Nobody on this list is like that."))
        return
    chosen = st.dataframe(
        [row_of(voter) for voter in found],
        hide_index=True,
        width="stretch",
        on_select="rerun" if draft else "ignore",
        selection_mode="multi-row",
        key=f"voters_{page_offset()}",
    )
    draw_pages(total)
    if not draft:
        return
    rows = chosen.selection.rows if chosen else []
    members = [found[row].member_id for row in rows if row < len(found)]
    one, everybody, _space = st.columns([1.3, 1.3, 2])
    one.button(
        _("Take off the chosen ({count})", count=len(members)),
        disabled=not members,
        width="stretch",
        on_click=staff_callback(take_off, Role.ORGANIZER),
        args=(primary.id, place.code, members),
    )
    everybody.button(
        _("Empty the draft"),
        width="stretch",
        on_click=staff_callback(take_off, Role.ORGANIZER),
        args=(primary.id, place.code, None),
    )


def row_of(voter: ListedVoter) -> dict[str, str]:
    """A line of the list."""
    state = "–"
    if voter.released_at is not None:
        state = _("released {at}", at=format_datetime(voter.released_at))
    elif voter.is_barred:
        state = _("suspended")
    return {
        _("Row"): str(voter.number or "–"),
        _("Name"): voter.name,
        _("IIN"): str(voter.iin),
        _("Branch"): voter.branch or "–",
        _("State"): state,
    }


@staff_dialog(_("Fix the list"), Role.ORGANIZER)
def fix(acting: Actor, primary: PrimaryView, place: PollingPlaceView, people: int) -> None:
    """Propose the draft as it stands to a second organizer."""
    st.subheader(plain(f"{place.code} · {place.name}"))
    st.write(
        n_(
            "When a second organizer confirms, {count} person votes here only and not online. The "
            "list can't be changed after that; single people are released by two organizers.",
            "When a second organizer confirms, {count} people vote here only and not online. The "
            "list can't be changed after that; single people are released by two organizers.",
            people,
        )
    )
    reason = st.text_area(_("Reason"), key="fix_reason", max_chars=500)
    if not st.button(_("Propose"), type="primary"):
        return
    try:
        with unit_of_work() as session:
            service.propose_fixing(
                session, primary.id, [place.code], actor=acting, reason=reason, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    tell(_("Proposed. It waits for a second person."))
    st.rerun()


@staff_dialog(_("Release somebody from the list"), Role.ORGANIZER)
def release(acting: Actor, primary: PrimaryView, place: PollingPlaceView) -> None:
    """One row; the place strikes it out before, once it has opened."""
    st.write(
        _(
            "The person can then vote online. A second organizer has to confirm it; it is listed "
            "for everybody, without the person."
        )
    )
    number = st.number_input(_("Row on the sheets"), min_value=1, step=1, key="release_row")
    ground = st.selectbox(
        _("Ground"), GROUNDS[ReleaseKind.RELEASED_FROM_LIST], format_func=term, key="release_ground"
    )
    note = st.text_area(
        _("What happened (no names, no numbers)"), key="release_note", max_chars=300
    )
    has_opened = clock.now() >= place.hours.begin(settings().zone)
    struck = False
    if has_opened:
        st.warning(
            _(
                "The place has opened. Call it first: the row must bear no signature and be struck "
                "out on the sheet."
            )
        )
        struck = st.checkbox(_("The place has struck the row out"), key="release_struck")
    if not st.button(_("Propose"), type="primary"):
        return
    try:
        with unit_of_work() as session:
            service.propose_release(
                session,
                primary.id,
                place.code,
                int(number),
                actor=acting,
                ground=ground,
                note=note,
                row_is_struck=struck,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    tell(_("Proposed. It waits for a second person."))
    st.rerun()


def show_fixed(
    acting: Actor, primary: PrimaryView, place: PollingPlaceView, view: PaperListView
) -> None:
    """A fixed list: who fixed it, its digest, its sheets."""
    assert view.fixed_at is not None
    st.success(
        plain(
            _(
                "Fixed on {at} by {one} and {other}",
                at=format_datetime(view.fixed_at),
                one=view.proposed_by or "–",
                other=view.confirmed_by or "–",
            )
        ),
        icon=":material/lock:",
    )
    st.caption(_("Digest (SHA-256), printed on every sheet"))
    st.code(view.digest, language=None)
    sheet, out = st.columns(2)
    with sheet:
        offer_sheets(acting, primary, place, view)
    if out.button(_("Release somebody"), icon=":material/person_remove:"):
        release(primary, place)


def show_list(acting: Actor, primary: PrimaryView, place: PollingPlaceView) -> None:
    """The list in whichever state it is."""
    with reading() as session:
        view = list_queries.paper_list(session, primary.id, place.code)
    fixed = view is not None and view.fixed_at is not None
    figures = st.columns(3)
    figures[0].metric(_("On the list"), format_number(view.people if view else 0))
    figures[1].metric(_("Released"), format_number(view.released if view else 0))
    figures[2].metric(_("Suspended since"), format_number(view.barred if view else 0))
    if view is not None and view.barred:
        st.warning(
            _(
                "Suspended people get no ballot: they are struck out on the sheets, so print them "
                "again. A draft with suspended people can't be fixed."
            )
        )
    list_waiting(acting, primary)
    opens = primary.timeline.voting_opens if primary.timeline else None
    before_vote = opens is None or clock.now() < opens
    if fixed and view is not None:
        show_fixed(acting, primary, place, view)
    elif not before_vote:
        st.error(_("Voting has opened without this list being fixed: nobody votes by it."))
    elif not acting.has(Role.ORGANIZER, place=None):
        st.info(_("Lists are drawn up by organizers of the centre."))
    else:
        draw_up(acting, primary, place)
        if (
            view is not None
            and view.people
            and st.button(_("Fix the list"), type="primary", icon=":material/lock:")
        ):
            fix(primary, place, view.people)
    if view is not None and view.people:
        st.subheader(_("People on the list"))
        leads = acting.has(Role.ORGANIZER, place=None)
        show_voters(acting, primary, place, draft=before_vote and leads and not fixed)


st.page_link("polling_places.py", label=_("All polling places"), icon=":material/arrow_back:")
st.title(_("Paper list"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    active = active_primary(session)
    asked = st.query_params.get("place", "")
    chosen = queries.polling_place(session, active.id, asked) if active else None
if active is None or chosen is None or chosen.kind is not PollingPlaceKind.UNCONNECTED:
    st.info(_("Choose a place without a connection on “Polling places”."))
    st.stop()
st.markdown(f"**{plain(f'{chosen.code} · {chosen.name}')}**")
st.caption(plain(f"{area_text(chosen.place_code)} · {chosen.address} · {hours_text(chosen.hours)}"))
if not actor.has(Role.ORGANIZER, place=chosen.place_code):
    st.info(_("This list belongs to another region."))
    st.stop()
show_list(actor, active, chosen)
