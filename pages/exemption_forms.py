"""The dialogs about exemptions: propose one, propose another in its place, many from a file, end one."""

from datetime import datetime, time, timedelta
from typing import Final

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, n_, refusal_text, term
from core.primary.queries import PrimaryView
from core.settings import settings
from core.staff.rules import Actor, Role
from core.voting import exemption_queries, exemptions
from core.voting.exemption_file import COLUMNS, ReadExemptions, read_exemptions
from core.voting.exemption_queries import ExemptionView
from core.voting.exemptions import ExemptionTerms
from core.voting.rules import ExemptionKind
from pages.import_report import show_report
from pages.lists import csv_bytes
from pages.session import staff_callback, staff_dialog
from pages.wording import place_choices, plain, show_refusal

NOTICE: Final = "address_policy_notice"
MODEL_ROW: Final = (
    "terminal",
    "203.0.113.16/28",
    "111000000",
    "Участок № 17, школа № 3",
    "Компьютеры участка",
    "Решение оргкомитета № 12",
    "01.10.2020 00:00",
    "04.10.2020 14:00",
    "460",
    "60",
)


def period_text(terms: ExemptionTerms) -> str:
    """From when to when."""
    return f"{format_datetime(terms.valid_from)} – {format_datetime(terms.valid_until)}"


def caps_text(terms: ExemptionTerms) -> str:
    """Both caps in a sentence."""
    return _(
        "At most {total} voters in all and {hourly} an hour.",
        total=format_number(terms.cap_total),
        hourly=format_number(terms.cap_hourly),
    )


def where_text(terms: ExemptionTerms) -> str:
    """The polling place or carrier with its place."""
    place = places.name(terms.place_code) if terms.place_code else ""
    return ", ".join(filter(None, (terms.holder, place)))


def warn_of_overlaps(terms: tuple[ExemptionTerms, ...]) -> None:
    """Which exemptions share addresses with proposed ones: there the narrowest counts."""
    with reading() as session:
        found = exemption_queries.overlapping_with(session, terms, now=clock.now())
    if found:
        st.warning(
            plain(
                _(
                    "It shares addresses with other exemptions: {networks}. A voter counts under "
                    "the narrowest.",
                    networks=", ".join(found[:5]) + ("…" if len(found) > 5 else ""),
                )
            ),
            icon=":material/join_inner:",
        )


def propose(actor: Actor, terms: ExemptionTerms, replaces: int | None) -> None:
    """Put an exemption before a second person; a refusal is said in the dialog."""
    try:
        with unit_of_work() as session:
            exemptions.propose_exemption(
                session, terms, actor=actor, replaces=replaces, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for a second person.")
    st.rerun()


@staff_dialog(_("Propose an exemption"), Role.ORGANIZER, width="large")
def new_exemption(actor: Actor, primary: PrimaryView) -> None:
    """A draft from nothing: for the whole vote, under caps that a polling place needs."""
    st.write(
        _(
            "Inside an exemption the rule of one vote an address does not hold: as many voters as "
            "the caps allow may use one address. A second organizer has to confirm it."
        )
    )
    now = clock.now()
    draft(
        actor,
        ExemptionTerms(
            primary_id=primary.id,
            kind=ExemptionKind.TERMINAL,
            network="",
            holder="",
            reason="",
            document="",
            valid_from=primary.timeline.voting_opens if primary.timeline else now,
            valid_until=primary.timeline.voting_closes
            if primary.timeline
            else now + timedelta(days=1),
            cap_total=100,
            cap_hourly=30,
        ),
        name="new",
    )


@staff_dialog(_("Propose another in its place"), Role.ORGANIZER, width="large")
def other_exemption(actor: Actor, view: ExemptionView) -> None:
    """A draft from an exemption in force, which ends when the other begins."""
    st.write(
        plain(
            _(
                "An exemption is not edited. When a second organizer confirms the other one, this "
                "one ends in the same act, and the count begins anew: {used} voters have used it.",
                used=format_number(view.used),
            )
        )
    )
    draft(actor, view.terms, name=f"other-{view.id}", replaces=view.id)


def draft(actor: Actor, given: ExemptionTerms, *, name: str, replaces: int | None = None) -> None:
    """The fields of a draft: network, whose, grounds, period, caps."""
    choices = place_choices()
    left, right = st.columns(2)
    kinds = list(ExemptionKind)
    kind = left.selectbox(
        _("Kind"), kinds, index=kinds.index(given.kind), format_func=term, key=f"{name}_kind"
    )
    network = right.text_input(
        _("Network"),
        given.network,
        key=f"{name}_network",
        placeholder="203.0.113.0/28",
        max_chars=64,
    )
    holder = left.text_input(
        _("Polling place or carrier"), given.holder, key=f"{name}_holder", max_chars=200
    )
    codes = [code for code in choices if code]
    place = right.selectbox(
        _("Place"),
        codes,
        index=codes.index(given.place_code) if given.place_code in codes else None,
        format_func=lambda code: choices.get(code, ""),
        placeholder=_("type a few letters"),
        key=f"{name}_place",
    )
    reason = left.text_input(_("Reason"), given.reason, key=f"{name}_reason", max_chars=300)
    document = right.text_input(
        _("Document"), given.document, key=f"{name}_document", max_chars=200
    )
    start = moment(_("Valid from"), given.valid_from, f"{name}_from")
    end = moment(_("Valid until"), given.valid_until, f"{name}_until")
    left, right = st.columns(2)
    total = left.number_input(
        _("Voters in all, at most"),
        min_value=1,
        max_value=exemptions.MOST_VOTERS,
        value=given.cap_total,
        step=1,
        key=f"{name}_total",
    )
    hourly = right.number_input(
        _("Voters per hour, at most"),
        min_value=1,
        max_value=exemptions.MOST_VOTERS,
        value=given.cap_hourly,
        step=1,
        key=f"{name}_hourly",
    )
    st.caption(
        _(
            "Everybody can read the kind, the place, the reason, the document and the period; "
            "nobody but organizers the network."
        )
    )
    if st.button(_("Propose"), type="primary"):
        terms = ExemptionTerms(
            primary_id=given.primary_id,
            kind=kind,
            network=network,
            holder=holder,
            place_code=place or "",
            reason=reason,
            document=document,
            valid_from=start,
            valid_until=end,
            cap_total=int(total),
            cap_hourly=int(hourly),
        )
        propose(actor, terms, replaces)


def moment(label: str, preset: datetime, name: str) -> datetime:
    """A day and a time in the installation's zone."""
    local = preset.astimezone(settings().zone)
    day_box, time_box = st.columns(2)
    day = day_box.date_input(label, local.date(), format="DD.MM.YYYY", key=f"{name}_day")
    hour = time_box.time_input(
        _("{label}, time", label=label), time(local.hour, local.minute), key=f"{name}_time"
    )
    return datetime.combine(day, hour, settings().zone)


@staff_dialog(_("Exemptions from a file"), Role.ORGANIZER, width="large")
def import_dialog(actor: Actor, primary: PrimaryView) -> None:
    """Read a file, say row by row what is wrong, propose the others as one act."""
    if primary.timeline is None:
        st.info(_("The timeline is not set yet."))
        return
    st.write(
        _(
            "CSV or XLSX with one row for each network. Rows with a fault are left out and "
            "reported; the others are proposed together, and a second organizer confirms them "
            "together."
        )
    )
    st.download_button(
        _("Download a file to fill in"),
        csv_bytes(COLUMNS, [MODEL_ROW]),
        file_name="exemptions.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    uploaded = st.file_uploader(_("File with exemptions"), type=["csv", "txt", "xlsx"])
    if uploaded is None:
        return
    try:
        found = read_exemptions(
            uploaded.getvalue(), primary.id, timeline=primary.timeline, now=clock.now()
        )
    except Refused as refused:
        show_refusal(refused)
        return
    show_report(found.report, "exemptions", others=_("The others can be proposed."))
    if not found.terms:
        return
    show_terms(found.terms)
    warn_of_overlaps(found.terms)
    if st.button(
        n_("Propose {count} exemption", "Propose {count} exemptions", len(found.terms)),
        type="primary",
    ):
        propose_all(actor, found, uploaded.name)


def propose_all(actor: Actor, found: ReadExemptions, file_name: str) -> None:
    """Put the rows of a file before a second person."""
    try:
        with unit_of_work() as session:
            exemptions.propose_exemptions(
                session, found.terms, actor=actor, reason=file_name, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for a second person.")
    st.rerun()


def show_terms(terms: tuple[ExemptionTerms, ...]) -> None:
    """Proposed exemptions as a table with the sum of their caps."""
    st.caption(
        _(
            "{networks} networks at {places} polling places or carriers, {total} voters at most.",
            networks=format_number(len(terms)),
            places=format_number(len({(each.place_code, each.holder) for each in terms})),
            total=format_number(sum(each.cap_total for each in terms)),
        )
    )
    st.dataframe(
        [
            {
                _("Network"): each.network,
                _("Kind"): term(each.kind),
                _("Polling place or carrier"): where_text(each),
                _("Voters in all, at most"): each.cap_total,
                _("Voters per hour, at most"): each.cap_hourly,
                _("Period"): period_text(each),
                _("Reason"): each.reason,
                _("Document"): each.document,
            }
            for each in terms
        ],
        hide_index=True,
        width="stretch",
        height=min(36 * len(terms) + 40, 320),
    )


def remove(actor: Actor, exemption_id: int) -> None:
    """End an exemption at once."""
    try:
        with unit_of_work() as session:
            exemptions.remove_exemption(session, exemption_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("The exemption has ended. Votes it admitted stay.")


@staff_dialog(_("Remove an exemption"), Role.ORGANIZER)
def removal(actor: Actor, view: ExemptionView) -> None:
    """Asks once more, with the consequence."""
    del actor
    st.subheader(plain(view.terms.network))
    st.write(
        _(
            "From now on each address inside it votes once. {used} voters have used it; "
            "their votes stay.",
            used=format_number(view.used),
        )
    )
    if st.button(
        _("Remove"),
        type="primary",
        on_click=staff_callback(remove, Role.ORGANIZER),
        args=(view.id,),
    ):
        st.rerun()
