"""Polling places: where they are, who works there, their paper lists, what waits for a second person."""

from datetime import date, time
from typing import Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import LOCALES, _, format_datetime, format_number, n_, refusal_text, term
from core.paper import desk_queries, list_queries, queries, service
from core.paper.queries import PollingPlaceLine, Totals
from core.paper.rules import Hours, PollingPlaceKind
from core.primary.queries import PrimaryView, active_primary
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.import_report import show_report
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.polling_place_acts import NOTICE, list_releases, list_waiting
from pages.polling_place_words import area_text, hours_text, list_text
from pages.session import require_role, staff_callback, staff_dialog
from pages.sign_in import LANGUAGES
from pages.wording import place_choices, plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)

REPORT: Final = "polling_places_report"


def leads(acting: Actor) -> bool:
    """Whether this is an organizer of the centre, who makes polling places."""
    return acting.has(Role.ORGANIZER, place=None) and not acting.read_only


def show_totals(whole: Totals) -> None:
    """All polling places in figures, and what is still missing."""
    figures = (
        (_("With a connection"), whole.connected),
        (_("Without a connection"), whole.unconnected),
        (_("Marked voters"), whole.marked),
        (_("People on paper lists"), whole.on_lists),
    )
    for box, (label, count) in zip(st.columns(len(figures)), figures, strict=True):
        box.metric(label, format_number(count), border=True)
    if whole.without_list:
        st.warning(
            n_(
                "{count} place without a connection has no fixed list: nobody could vote there. "
                "Lists are fixed before voting opens.",
                "{count} places without a connection have no fixed list: nobody could vote there. "
                "Lists are fixed before voting opens.",
                whole.without_list,
            ),
            icon=":material/list_alt:",
        )
    if whole.without_clerks:
        st.caption(
            n_(
                "{count} polling place has no clerk yet.",
                "{count} polling places have no clerk yet.",
                whole.without_clerks,
            )
        )


def draft_fields(primary: PrimaryView, known: PollingPlaceLine | None) -> service.PollingPlaceDraft:
    """The fields of a polling place; gives what stands in them."""
    timeline = primary.timeline
    zone = settings().zone
    opens = (timeline.voting_opens if timeline else clock.now()).astimezone(zone).date()
    closes = (timeline.voting_closes if timeline else clock.now()).astimezone(zone).date()
    hours = known.hours if known else Hours(opens, closes, time(8), time(20))
    left, right = st.columns(2)
    code = left.text_input(
        _("Code"),
        known.code if known else "",
        key="place_code",
        max_chars=20,
        disabled=known is not None,
        help=_("Latin letters, digits and hyphens."),
    )
    kind = right.selectbox(
        _("Kind"),
        list(PollingPlaceKind),
        index=list(PollingPlaceKind).index(known.kind) if known else 0,
        format_func=term,
        key="place_kind",
    )
    names = {}
    for box, locale in zip(st.columns(3), LOCALES, strict=True):
        names[locale] = box.text_input(
            _("Name ({language})", language=LANGUAGES[locale]),
            known.names[locale] if known else "",
            key=f"place_name_{locale}",
            max_chars=200,
        )
    choices = place_choices()
    left, right = st.columns(2)
    codes = [one for one in choices if one]
    area = left.selectbox(
        _("Area"),
        codes,
        index=codes.index(known.place_code) if known else None,
        format_func=lambda one: choices.get(one, ""),
        placeholder=_("type a few letters"),
        key="place_area",
        help=_("A district, a town or a town's district: voters of this area vote here."),
    )
    address = right.text_input(
        _("Address"), known.address if known else "", key="place_address", max_chars=300
    )
    first, last, begin, end = st.columns(4)
    return service.PollingPlaceDraft(
        code=code,
        names=names,
        place_code=area or "",
        address=address,
        kind=kind,
        hours=Hours(
            day(first.date_input(_("First day"), hours.first_day, format="DD.MM.YYYY")),
            day(last.date_input(_("Last day"), hours.last_day, format="DD.MM.YYYY")),
            begin.time_input(_("Opens daily at"), hours.opens),
            end.time_input(_("Closes daily at"), hours.closes),
        ),
    )


def day(chosen: object) -> date:
    """The day of a date field, which can't be emptied."""
    assert isinstance(chosen, date)
    return chosen


@staff_dialog(_("New polling place"), Role.ORGANIZER, width="large")
def new_place(acting: Actor, primary: PrimaryView) -> None:
    """A polling place by hand."""
    draft = draft_fields(primary, None)
    if st.button(_("Add"), type="primary"):
        try:
            with unit_of_work() as session:
                service.add_polling_place(session, primary.id, draft, actor=acting, now=clock.now())
        except Refused as refused:
            show_refusal(refused)
            return
        st.rerun()


@staff_dialog(_("Change a polling place"), Role.ORGANIZER, width="large")
def change_place(acting: Actor, primary: PrimaryView, known: PollingPlaceLine) -> None:
    """Name, address and hours; kind and area while nobody has used the place."""
    draft = draft_fields(primary, known)
    if st.button(_("Save"), type="primary"):
        try:
            with unit_of_work() as session:
                service.change_polling_place(
                    session, primary.id, draft, actor=acting, now=clock.now()
                )
        except Refused as refused:
            show_refusal(refused)
            return
        st.rerun()


@staff_dialog(_("Import polling places"), Role.ORGANIZER, width="large")
def import_places(acting: Actor, primary: PrimaryView) -> None:
    """A file; good rows are added or changed, the others come back with their reasons."""
    st.write(
        _("A CSV or XLSX file. Codes known already are changed to what the file says. Columns:")
    )
    st.code(
        "code, name_ru, name_kk, name_en, place_code, address, kind (connected | unconnected), "
        "first_day, last_day, opens, closes",
        language=None,
        wrap_lines=True,
    )
    given = st.file_uploader(_("File"), type=["csv", "xlsx"], key="places_file")
    if given is None or not st.button(_("Import"), type="primary"):
        return
    try:
        with unit_of_work() as session:
            report = service.import_polling_places(
                session, primary.id, given.getvalue(), actor=acting, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[REPORT] = report
    st.rerun()


@staff_dialog(_("Fix the drafts of paper lists"), Role.ORGANIZER)
def fix_drafts(acting: Actor, primary: PrimaryView, codes: tuple[str, ...]) -> None:
    """Propose every draft at once: a country has hundreds of them."""
    st.write(
        n_(
            "{count} draft goes before a second organizer as it is at this moment. When it is "
            "confirmed, its people vote at their place only and not online.",
            "{count} drafts go before a second organizer as they are at this moment. When they are "
            "confirmed, their people vote at their places only and not online.",
            len(codes),
        )
    )
    st.text(", ".join(codes))
    reason = st.text_area(_("Reason"), key="fix_reason", max_chars=500)
    if not st.button(_("Propose"), type="primary"):
        return
    try:
        with unit_of_work() as session:
            service.propose_fixing(
                session, primary.id, codes, actor=acting, reason=reason, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for a second person.")
    st.rerun()


def assign(acting: Actor, primary_id: str, code: str) -> None:
    """Give the chosen clerk a post here."""
    chosen = st.session_state.get("clerk_to_assign")
    if chosen is None:
        return
    try:
        with unit_of_work() as session:
            service.assign_clerk(session, primary_id, chosen, code, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)


def take_away(acting: Actor, primary_id: str, account_id: int) -> None:
    """End a clerk's post."""
    try:
        with unit_of_work() as session:
            service.end_post(session, primary_id, account_id, actor=acting)
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)


def remove(acting: Actor, primary_id: str, code: str) -> None:
    """Take back a place that nobody used."""
    try:
        with unit_of_work() as session:
            service.remove_polling_place(session, primary_id, code, actor=acting)
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)


def show_place(acting: Actor, primary: PrimaryView, line: PollingPlaceLine) -> None:
    """One polling place: what it is, its clerks, and what can be done."""
    with st.container(border=True):
        st.subheader(plain(f"{line.code} · {line.name}"))
        st.caption(
            plain(f"{area_text(line.place_code)} · {line.address} · {hours_text(line.hours)}")
        )
        buttons = st.columns(3)
        if line.kind is PollingPlaceKind.UNCONNECTED and buttons[0].button(
            _("Paper list"), icon=":material/list_alt:", width="stretch", type="primary"
        ):
            st.switch_page("paper_list.py", query_params={"place": line.code})
        if leads(acting):
            if buttons[1].button(_("Change"), icon=":material/edit:", width="stretch"):
                change_place(primary, line)
            buttons[2].button(
                _("Remove"),
                icon=":material/delete:",
                width="stretch",
                on_click=staff_callback(remove, Role.ORGANIZER),
                args=(primary.id, line.code),
            )
        show_clerks(primary, line)


def show_clerks(primary: PrimaryView, line: PollingPlaceLine) -> None:
    """Who works there, with look-ups and how many of them marked nobody."""
    with reading() as session:
        clerks = desk_queries.clerks(session, primary.id, line.code)
        free = desk_queries.free_clerks(session, primary.id, line.place_code)
    st.markdown(f"**{_('Clerks')}**")
    if not clerks:
        st.caption(_("Nobody yet: two are needed to enter the protocol."))
    for clerk in clerks:
        who, asked, button = st.columns([3, 3, 1.2], vertical_alignment="center")
        who.text(f"{clerk.name} ({clerk.login})")
        asked.text(
            _(
                "{look_ups} look-ups, {misses} marked nobody",
                look_ups=format_number(clerk.look_ups),
                misses=format_number(clerk.misses),
            )
        )
        button.button(
            _("Take away"),
            key=f"post-{clerk.account_id}",
            type="tertiary",
            on_click=staff_callback(take_away, Role.ORGANIZER),
            args=(primary.id, clerk.account_id),
        )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.selectbox(
        _("Clerk without a post"),
        list(free),
        index=None,
        format_func=lambda account: free.get(account, ""),
        placeholder=_("type a few letters") if free else _("make the account on “Staff” first"),
        key="clerk_to_assign",
        disabled=not free,
    )
    right.button(
        _("Assign"),
        width="stretch",
        disabled=not free,
        on_click=staff_callback(assign, Role.ORGANIZER),
        args=(primary.id, line.code),
    )


def list_places(acting: Actor, primary: PrimaryView) -> None:
    """The list with its filters; a chosen row is opened below."""
    search, kind_box, area_box = st.columns([2, 1.5, 2])
    text = search.text_input(
        _("Code, name or address"), key="q", bind="query-params", icon=":material/search:"
    )
    kind = kind_box.selectbox(
        _("Kind"),
        [each.value for each in PollingPlaceKind],
        index=None,
        format_func=lambda value: term(PollingPlaceKind(value)),
        placeholder=_("all"),
        key="kind",
        bind="query-params",
    )
    choices = place_choices()
    area = area_box.selectbox(
        _("Area"),
        [code for code in choices if code],
        index=None,
        format_func=lambda code: choices.get(code, ""),
        placeholder=_("all"),
        key="area",
        bind="query-params",
    )
    filters = {"search": text, "kind": PollingPlaceKind(kind) if kind else None, "area": area}
    with reading() as session:
        found, total = queries.polling_places(
            session, primary.id, offset=page_offset(), limit=PAGE_SIZE, **filters
        )
    if not found:
        st.info(_("No polling place is like that."))
        return
    rows = [row_of(line) for line in found]
    chosen = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="places",
    )
    draw_pages(total)
    offer_csv("polling-places", list(rows[0]), [list(row.values()) for row in rows])
    selected = chosen.selection.rows if chosen else []
    if selected and selected[0] < len(found):
        show_place(acting, primary, found[selected[0]])
    else:
        st.caption(_("Choose a row to open a polling place."))


def row_of(line: PollingPlaceLine) -> dict[str, str]:
    """A line of the list."""
    return {
        _("Code"): line.code,
        _("Polling place"): line.name,
        _("Area"): area_text(line.place_code),
        _("Kind"): term(line.kind),
        _("Hours"): hours_text(line.hours),
        _("Clerks"): format_number(line.clerks),
        _("Marked"): format_number(line.marked) if line.is_connected else "–",
        _("Paper list"): list_text(line),
        _("Protocol"): format_datetime(line.settled_at) if line.settled_at else "–",
    }


def show_organizer(acting: Actor, primary: PrimaryView) -> None:
    """Everything that organizers do here."""
    with reading() as session:
        drafts = list_queries.drafts(session, primary.id)
    if leads(acting):
        new, upload, fix = st.columns(3)
        if new.button(_("New polling place"), icon=":material/add:", width="stretch"):
            new_place(primary)
        if upload.button(_("Import"), icon=":material/upload_file:", width="stretch"):
            import_places(primary)
        if fix.button(
            _("Fix drafts ({count})", count=len(drafts)),
            icon=":material/lock:",
            width="stretch",
            disabled=not drafts,
        ):
            fix_drafts(primary, drafts)
    report = st.session_state.get(REPORT)
    if report is not None:
        with st.expander(_("Last import"), expanded=True):
            show_report(report, "polling-places")
    list_waiting(acting, primary)
    list_places(acting, primary)


st.title(_("Polling places"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    active = active_primary(session)
    figures = queries.totals(session, active.id) if active else None
if active is None or figures is None:
    st.info(_("There is no primary yet: set its timeline first."))
    st.stop()
show_totals(figures)
if actor.has(Role.ORGANIZER):
    if figures.connected + figures.unconnected == 0:
        st.info(
            _(
                "No polling place yet. Import them from a file, or add one by hand. Without any, "
                "everybody votes online."
            )
        )
    show_organizer(actor, active)
list_releases(active)
