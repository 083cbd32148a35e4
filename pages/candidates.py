"""Candidates: found by contest, state and name, added, imported; each leads to their page."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, current_locale, format_date, format_number, format_percent, n_, term
from core.primary import service
from core.primary.candidate_queries import PageState, page_states
from core.primary.queries import (
    CandidateView,
    ContestView,
    PrimaryView,
    active_primary,
    candidates,
    contests,
)
from core.primary.rules import CandidateStatus, Sex
from core.staff.rules import Actor, Role
from pages.import_report import show_report
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.session import require_role, staff_dialog
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)
NOTICE = "candidates_notice"
REPORT = "candidates_report"


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


@staff_dialog(_("Add a candidate"), Role.ORGANIZER)
def candidate_dialog(actor: Actor, primary: PrimaryView, held: dict[str, str]) -> None:
    """Somebody who stands in a contest."""
    contest = st.selectbox(_("Contest"), list(held), format_func=lambda code: held[code])
    left, right = st.columns(2)
    last = left.text_input(_("Last name"), max_chars=100)
    first = right.text_input(_("First name"), max_chars=100)
    middle = left.text_input(_("Middle name"), max_chars=100)
    born = right.date_input(
        _("Birth date"),
        None,
        min_value=date(1900, 1, 1),
        max_value=clock.now().date(),
        format="DD.MM.YYYY",
    )
    sex = left.radio(_("Sex"), list(Sex), format_func=term, horizontal=True)
    nominated = right.text_input(_("Nominated by"), max_chars=200)
    mobile = left.text_input(_("Mobile number"), max_chars=30)
    email = right.text_input(_("E-mail"), max_chars=200)
    if st.button(_("Add"), type="primary", disabled=not (contest and born)):
        assert born is not None
        draft = service.CandidateDraft(
            contest_id=contest,
            last_name=last,
            first_name=first,
            middle_name=middle,
            birth_date=born,
            sex=sex,
            nominated_by=nominated,
            mobile=mobile,
            email=email,
        )
        attempt(
            lambda session: service.add_candidate(
                session, primary.id, draft, actor=actor, now=clock.now()
            ),
            _("The candidate is added."),
        )


@staff_dialog(_("Import candidates"), Role.ORGANIZER)
def import_dialog(actor: Actor, primary: PrimaryView) -> None:
    """A file; good rows go in, the others are reported."""
    st.write(_("CSV or XLSX with these columns:"))
    st.code(",".join(service.CANDIDATE_COLUMNS), language=None)
    uploaded = st.file_uploader(_("File with candidates"), type=["csv", "txt", "xlsx"])
    if not st.button(_("Import"), type="primary", disabled=uploaded is None):
        return
    assert uploaded is not None
    try:
        with unit_of_work() as session:
            report = service.import_candidates(
                session, primary.id, uploaded.getvalue(), actor=actor, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[REPORT] = report
    st.rerun()


def from_address(name: str, known: list[str]) -> int | None:
    """Where the value that the address names stands among the choices."""
    value = st.query_params.get(name)
    return known.index(value) if value in known else None


def into_address(name: str, value: str | None) -> None:
    """Keep a filter in the address, so that the list can be linked to."""
    if value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def page_words(state: PageState | None) -> str:
    """What the public page of a candidate has so far."""
    if state is None:
        return "–"
    words = [language.upper() for language in state.languages]
    if state.has_photo:
        words.append(_("photo"))
    if state.links:
        words.append(n_("{count} link", "{count} links", state.links))
    return ", ".join(words) or "–"


def shown_row(
    view: CandidateView, held: dict[str, str], states: Mapping[str, PageState]
) -> dict[str, str]:
    """One candidate as the list shows them."""
    return {
        _("Number"): view.id,
        _("Name"): view.name,
        _("Contest"): held.get(view.contest_id, view.contest_id),
        _("Public page"): page_words(states.get(view.id)),
        _("Birth date"): format_date(view.birth_date),
        _("Sex"): term(view.sex),
        _("Nominated by"): view.nominated_by,
        _("State"): term(view.status),
        _("Decision"): view.decision or "",
    }


def list_candidates(primary: PrimaryView, held: dict[str, str]) -> None:
    """Filters, the list, its pages, and the whole of it as a file."""
    name_box, contest_box, state_box = st.columns([3, 3, 2])
    asked = name_box.text_input(_("Name"), key="q", bind="query-params", icon=":material/search:")
    codes = list(held)
    contest = contest_box.selectbox(
        _("Contest"),
        codes,
        index=from_address("contest", codes),
        format_func=lambda code: held[code],
        placeholder=_("all"),
    )
    states = list(CandidateStatus)
    status = state_box.selectbox(
        _("State"),
        states,
        index=from_address("status", [state.value for state in states]),
        format_func=term,
        placeholder=_("all"),
    )
    into_address("contest", contest)
    into_address("status", status.value if status else None)
    with reading() as session:
        page, total = candidates(
            session,
            primary.id,
            name=asked,
            contest_id=contest,
            status=status,
            offset=page_offset(),
            limit=PAGE_SIZE,
        )
        states = page_states(session, primary.id, [view.id for view in page])
    if not page:
        st.info(_("No candidate is like that."))
        return
    st.caption(_("Choosing a candidate opens their page."))
    picked = st.dataframe(
        [shown_row(view, held, states) for view in page],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=f"candidates_{st.query_params.get('page', '1')}",
        alt=_("Candidates by contest and name"),
    )
    index = next(iter(picked["selection"]["rows"]), None)
    if index is not None and index < len(page):
        st.switch_page("candidate_page.py", query_params={"id": page[index].id})
    draw_pages(total)
    if st.button(_("Prepare the whole list as CSV"), icon=":material/table_view:"):
        with reading() as session:
            everybody, _total = candidates(
                session, primary.id, name=asked, contest_id=contest, status=status, limit=None
            )
            states = page_states(session, primary.id)
        rows = [shown_row(view, held, states) for view in everybody]
        offer_csv("candidates", list(rows[0]), [list(row.values()) for row in rows])


def show_figures(held: tuple[ContestView, ...]) -> None:
    """How many stand, how many women, how many registrations are cancelled."""
    everybody = [candidate for contest in held for candidate in contest.candidates]
    standing = [candidate for contest in held for candidate in contest.standing]
    women = sum(candidate.sex is Sex.FEMALE for candidate in standing)
    boxes = st.columns(3)
    boxes[0].metric(_("Registered candidates"), format_number(len(standing)))
    boxes[1].metric(
        _("Women among them"), format_percent(women / len(standing)) if standing else "–"
    )
    boxes[2].metric(_("Cancelled"), format_number(len(everybody) - len(standing)))


def show_primary(actor: Actor, primary: PrimaryView) -> None:
    """The whole page of an existing primary."""
    with reading() as session:
        found = contests(session, primary.id)
    locale = current_locale()
    held = {contest.id: f"{contest.titles[locale]} ({contest.id})" for contest in found}
    signed = primary.readiness_signed_at is not None
    if signed:
        st.info(
            _(
                "Readiness is signed: candidates don't change any more. A registration is "
                "cancelled by the decision of a commission, in its case."
            )
        )
    if not held:
        st.info(_("No contest yet. Candidates stand in contests: enter those first."))
        return
    if actor.has(Role.ORGANIZER, place=None) and not actor.read_only and not signed:
        boxes = st.columns(3)
        if boxes[0].button(
            _("Import candidates"), type="primary", icon=":material/upload_file:", width="stretch"
        ):
            import_dialog(primary)
        if boxes[1].button(_("Add a candidate"), icon=":material/person_add:", width="stretch"):
            candidate_dialog(primary, held)
    report = st.session_state.get(REPORT)
    if report is not None:
        with st.expander(_("Last import"), expanded=True):
            show_report(report, "candidates")
    show_figures(found)
    list_candidates(primary, held)


st.title(_("Candidates"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    active = active_primary(session)
if active is None:
    st.info(_("No primary has been created yet."))
else:
    show_primary(actor, active)
