"""Applications for membership: who waits, since when, and a person's decision on each."""

from datetime import date

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, format_datetime, term
from core.membership import service
from core.membership.queries import ApplicationView, applications, freeze_now
from core.membership.reach import reach
from core.membership.rules import EARLIEST_BIRTH, ApplicationStatus, Iin, Mobile
from core.membership.service import Person
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.session import require_role, staff_dialog
from pages.wording import place_choices, plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.REGISTRAR)
NOTICE = "application_notice"


def own_choices(actor: Actor) -> dict[str, str]:
    """The places of the actor by code."""
    own = reach(actor)
    return {
        code: name
        for code, name in place_choices().items()
        if code and (own is None or code in own)
    }


@staff_dialog(_("New application"), Role.ORGANIZER, Role.REGISTRAR, width="large")
def new_application(actor: Actor) -> None:
    """What an applicant brings; the words to tell come back."""
    choices = own_choices(actor)
    left, right = st.columns(2)
    last_name = left.text_input(_("Last name"), key="new_last", max_chars=200)
    first_name = right.text_input(_("First name"), key="new_first", max_chars=200)
    middle_name = left.text_input(_("Middle name"), key="new_middle", max_chars=200)
    born = right.date_input(
        _("Birth date"),
        None,
        min_value=EARLIEST_BIRTH,
        max_value=today(),
        format="DD.MM.YYYY",
        key="new_born",
    )
    iin = left.text_input(_("IIN"), key="new_iin", max_chars=20)
    mobile = right.text_input(
        _("Mobile number"), key="new_mobile", max_chars=30, placeholder="+7 701 555 01 42"
    )
    place = left.selectbox(
        _("Place"), list(choices), index=None, format_func=choices.__getitem__, key="new_place"
    )
    branch = right.text_input(_("Branch"), key="new_branch", max_chars=200)
    if not st.button(_("Accept the application"), type="primary", key="new_accept"):
        return
    if born is None or place is None:
        st.error(_("Birth date and place are needed."))
        return
    try:
        with unit_of_work() as session:
            receipt = service.submit_application(
                session,
                Person(
                    iin=Iin.parse(iin),
                    last_name=last_name,
                    first_name=first_name,
                    middle_name=middle_name,
                    birth_date=born,
                    mobile=Mobile.parse(mobile),
                    place_code=place,
                    branch=branch,
                ),
                actor=actor,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    words = _("Application № {number} is accepted.", number=receipt.application_id)
    if receipt.waits_until is not None:
        words += " " + _(
            "Tell the applicant: admission is suspended until {until}, the application waits.",
            until=format_datetime(receipt.waits_until),
        )
    st.session_state[NOTICE] = words
    st.rerun()


def today() -> date:
    """The day of the installation's zone."""
    return clock.now().astimezone(settings().zone).date()


@staff_dialog(_("Decide the application"), Role.ORGANIZER, Role.REGISTRAR)
def decide(actor: Actor, view: ApplicationView) -> None:
    """Admit or decline, with a reason."""
    with reading() as session:
        freeze = freeze_now(session, clock.now())
    st.subheader(plain(view.name))
    st.text(f"{view.iin} · {view.mobile} · {format_date(view.birth_date)}")
    st.text(f"{places.name(view.place_code)} · {view.branch or '–'}")
    options = [ApplicationStatus.ADMITTED, ApplicationStatus.DECLINED]
    if freeze is not None:
        st.warning(
            _(
                "Admission is suspended until {until}: the application can wait or be declined.",
                until=format_datetime(freeze.ends_at),
            )
        )
        options = [ApplicationStatus.DECLINED]
    decision = st.radio(
        _("Decision"), options, format_func=term, key="decision", horizontal=True, index=None
    )
    reason = st.text_area(_("Reason"), key="decision_reason", max_chars=500)
    if not st.button(_("Decide"), type="primary", key="decide_confirm"):
        return
    if decision is None:
        st.error(_("Choose a decision."))
        return
    try:
        with unit_of_work() as session:
            service.decide_application(
                session, view.id, actor=actor, decision=decision, reason=reason, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Decided. The applicant is told by SMS.")
    st.rerun()


def cells(view: ApplicationView) -> dict[str, str]:
    """An application as a row of the table."""
    return {
        _("№"): str(view.id),
        _("Received"): format_datetime(view.submitted_at),
        _("Name"): view.name,
        _("IIN"): str(view.iin),
        _("Mobile number"): str(view.mobile),
        _("Place"): places.name(view.place_code),
        _("Status"): term(view.status),
        _("Told to wait until"): format_datetime(view.told_until) if view.told_until else "–",
        _("Decided"): format_datetime(view.decided_at) if view.decided_at else "–",
        _("Author"): view.decided_by or "–",
        _("Reason"): view.reason or "–",
    }


def draw_list(actor: Actor) -> None:
    """Filters in the address, a page of fifty, a decision on a chosen one."""
    choices = own_choices(actor)
    left, right = st.columns(2)
    status = left.selectbox(
        _("Status"),
        [status.value for status in ApplicationStatus],
        index=None,
        placeholder=_("all"),
        format_func=lambda value: term(ApplicationStatus(value)),
        key="status",
        bind="query-params",
    )
    place = right.selectbox(
        _("Place"),
        list(choices),
        index=None,
        placeholder=_("all"),
        format_func=lambda code: choices.get(code, code),
        key="place",
        bind="query-params",
    )
    with reading() as session:
        found, total = applications(
            session,
            actor=actor,
            status=ApplicationStatus(status) if status else None,
            place_code=place,
            offset=page_offset(),
            limit=PAGE_SIZE,
        )
    if not found:
        st.info(
            _(
                "No applications under these filters. An application that arrives during a freeze "
                "is kept and waits here until a person decides it."
            )
        )
        return
    rows = [cells(view) for view in found]
    st.dataframe(rows, hide_index=True, width="stretch")
    draw_pages(total)
    offer_csv("applications", list(rows[0]), [list(row.values()) for row in rows])
    waiting = {view.id: view for view in found if view.status is ApplicationStatus.WAITING}
    if not waiting:
        return
    with st.container(border=True):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        chosen = left.selectbox(
            _("Waiting for a decision"),
            list(waiting),
            format_func=lambda number: f"№ {number} · {waiting[number].name}",
            key="chosen",
        )
        if right.button(_("Decide"), type="primary", width="stretch", key="open_decision"):
            decide(waiting[chosen])


st.title(_("Applications"))
if notice := st.session_state.pop(NOTICE, None):
    st.success(plain(notice))
if st.button(_("New application"), icon=":material/person_add:"):
    new_application()
draw_list(actor)
