"""One case: the story left, one timeline in the middle, right what this person may do now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import streamlit as st

from core import clock, places
from core.cases import dossier, service
from core.cases.dossier import CasePage, EntryKind, TimelineEntry
from core.cases.receipts import spelled_number
from core.cases.rules import Level
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, format_datetime, term
from core.staff.rules import Actor, Role
from pages.case_evidence import draw_evidence
from pages.case_identity import draw_identity
from pages.case_panel import DONE, panel
from pages.case_retention import draw_retention
from pages.clock_badge import draw_clock
from pages.session import require_role, staff_dialog
from pages.wording import plain, show_refusal

actor = require_role(Role.OPERATOR, Role.COMMISSIONER)

ICONS: Final = {
    EntryKind.CONTACT: ":material/call:",
    EntryKind.MOVE: ":material/arrow_forward:",
    EntryKind.NOTE: ":material/edit_note:",
    EntryKind.READING: ":material/visibility:",
}


def show_case(number: str) -> None:
    """The case of the address, or the one sentence that every other number gets."""
    now = clock.now()
    service.run_due(now)
    try:
        with unit_of_work() as session:
            service.record_reading(session, number, actor=actor, now=now)
        with reading() as session:
            page = dossier.case_page(session, actor, number, now=now)
    except Refused as refused:
        st.title(_("Case"))
        show_refusal(refused)
        st.page_link("cases.py", label=_("To the list of cases"), icon=":material/arrow_back:")
        return
    draw_head(page, now)
    done = st.session_state.pop(DONE, None)
    if done:
        st.success(plain(done), icon=":material/check_circle:")
    story, timeline, acts = st.columns([4, 4, 4], gap="medium")
    with story:
        draw_story(page)
    with timeline:
        draw_timeline(page)
    with acts:
        panel(page.number)


def draw_head(page: CasePage, now: datetime) -> None:
    """Number, state, finding, urgency and the clock; below, where it lies."""
    st.page_link("cases.py", label=_("All cases"), icon=":material/arrow_back:")
    st.title(_("Case {number}", number=plain(spelled_number(page.number))))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(term(page.state), icon=":material/flag:", color="blue")
        if page.finding:
            st.badge(term(page.finding), icon=":material/balance:", color="violet")
        if page.urgency.value != "normal":
            st.badge(
                _("urgency: {word}", word=term(page.urgency).lower()),
                icon=":material/priority_high:",
                color="orange",
            )
        if page.risk:
            st.badge(_("risk {risk} of 3", risk=page.risk), icon=":material/shield:", color="red")
        draw_clock(page.due_at, now)
    facts = [
        term(page.category),
        places.name(page.place) if page.place else _("place unknown"),
        _("received {at}", at=format_datetime(page.received_at)),
        term(page.channel),
        commission_name(page),
    ]
    if page.lead:
        facts.append(_("lead: {name}", name=page.lead))
    if page.appeal_until and page.appeal_until > now:
        facts.append(_("appeal until {at}", at=format_datetime(page.appeal_until)))
    st.caption(plain(" · ".join(facts)))
    draw_others(page)


def draw_others(page: CasePage) -> None:
    """The case that this one goes on as, and those that go on as this one."""
    links = [(_("goes on as {number}"), page.merged_into)] if page.merged_into else []
    links += [(_("merged with {number}"), number) for number in page.merged]
    if not links:
        return
    with st.container(horizontal=True):
        for words, number in links:
            st.page_link(
                "case.py",
                label=words.format(number=spelled_number(number)),
                query_params={"number": number},
                icon=":material/merge:",
            )


def commission_name(page: CasePage) -> str:
    """The commission in charge, by title or place."""
    if page.commission_id is None:
        return _("no commission yet")
    place = page.commission_title or places.name(page.commission_place)
    return _("commission: {place}", place=place)


def draw_story(page: CasePage) -> None:
    """What was told, who is complained of, who complains, what was decided."""
    st.subheader(_("Story"))
    for story in page.stories:
        with st.container(border=True):
            st.caption(plain(f"{format_datetime(story.at)} · {term(story.channel)}"))
            st.text(story.text)
            if story.quoted:
                with st.expander(_("Quoted from earlier mails")):
                    st.text(story.quoted)
    st.subheader(_("Respondents"))
    if not page.respondents:
        st.caption(_("Nobody is named."))
    for respondent in page.respondents:
        with st.container(border=True):
            st.text(respondent.name or _("erased"))
            more = [respondent.position, respondent.branch]
            if respondent.level is not Level.NONE:
                more.append(term(respondent.level))
            words = " · ".join(word for word in more if word)
            if words:
                st.caption(plain(words))
    draw_evidence(page.number, may_add=page.may_write)
    draw_identity(actor, page)
    for decision in page.decisions:
        st.subheader(_("Decision of {at}", at=format_datetime(decision.at)))
        with st.container(border=True):
            st.badge(term(decision.finding), icon=":material/balance:", color="violet")
            st.text(decision.grounds or _("erased"))
            votes = ", ".join(f"{name}: {term(ballot)}" for name, ballot in decision.votes)
            st.caption(plain(_("Votes: {votes}", votes=votes)))
    draw_remedies(page)
    draw_retention(actor, page)


def draw_remedies(page: CasePage) -> None:
    """What was ordered, and whether it is done."""
    if page.remedies:
        st.subheader(_("Remedies"))
    for remedy in page.remedies:
        with st.container(border=True):
            st.markdown(f"**{plain(term(remedy.kind))}**")
            if remedy.description:
                st.text(remedy.description)
            if remedy.done_at:
                st.badge(
                    _("done {at}", at=format_datetime(remedy.done_at)),
                    icon=":material/check:",
                    color="green",
                )
            elif remedy.given_up_at:
                st.badge(_("given up"), icon=":material/block:", color="gray")
            elif remedy.due_on:
                owner = remedy.owner or "–"
                st.caption(
                    plain(_("{owner}, until {day}", owner=owner, day=format_date(remedy.due_on)))
                )
            if remedy.outcome:
                st.text(remedy.outcome)
            if (
                not remedy.done_at
                and not remedy.given_up_at
                and page.may_write
                and st.button(_("Done or given up"), key=f"remedy_{remedy.id}")
            ):
                finish_remedy(remedy.id)


@staff_dialog(_("Done or given up"), Role.COMMISSIONER, width="small")
def finish_remedy(acting: Actor, remedy_id: int) -> None:
    """How a remedy ended."""
    outcome = st.text_area(_("What was done, or why it is given up"), key="remedy_outcome")
    given_up = st.checkbox(_("It is given up"), key="remedy_given_up")
    if st.button(_("Save"), type="primary"):
        try:
            with unit_of_work() as session:
                service.finish_remedy(
                    session,
                    remedy_id,
                    actor=acting,
                    outcome=outcome,
                    given_up=given_up,
                    now=clock.now(),
                )
        except Refused as refused:
            show_refusal(refused)
            return
        st.rerun()


def draw_timeline(page: CasePage) -> None:
    """Contacts, moves, notes and readings in one line, the newest first."""
    st.subheader(_("Course of the case"))
    if not st.toggle(_("With readings"), value=False, key="with_readings"):
        entries = [entry for entry in page.timeline if entry.kind is not EntryKind.READING]
    else:
        entries = list(page.timeline)
    with st.container(height=720, border=False):
        for entry in reversed(entries):
            draw_entry(entry)


def headline(entry: TimelineEntry) -> str:
    """What happened, in a few words."""
    if entry.kind is EntryKind.MOVE and entry.move and entry.target:
        return f"{term(entry.move)} → {term(entry.target)}"
    if entry.kind is EntryKind.NOTE and entry.note:
        return term(entry.note)
    if entry.kind is EntryKind.READING and entry.part:
        return _("read: {part}", part=term(entry.part))
    return _("contact by {channel}", channel=term(entry.channel)) if entry.channel else ""


def draw_entry(entry: TimelineEntry) -> None:
    """One entry: when, what, who, and its words."""
    with st.container(border=True):
        st.markdown(f"{ICONS[entry.kind]} **{plain(headline(entry))}**")
        who = entry.who or (
            _("the clock") if entry.kind is EntryKind.MOVE else _("the complainant")
        )
        if entry.second:
            who = _("{first}, confirmed by {second}", first=who, second=entry.second)
        st.caption(plain(f"{format_datetime(entry.at)} · {who}"))
        if entry.text:
            st.text(entry.text)
        for label, words in particulars(entry.particulars or {}):
            st.caption(plain(label))
            st.text(words)


def particulars(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a move was given, as far as a reader of the timeline wants it."""
    labels = {
        "acknowledgement": _("Acknowledged"),
        "question": _("Question"),
        "safe_way": _("A safe way to reach"),
        "answer": _("Answer"),
        "grounds": _("Grounds"),
        "reason": _("Reason"),
        "body": _("Passed to"),
        "heard": _("Respondent heard"),
        "evidence": _("List of evidence"),
        "told": _("Told"),
    }
    words = [(labels[name], str(given[name])) for name in labels if given.get(name)]
    if given.get("pass_reason"):
        # Stored as the code of the word.
        from core.cases.rules import PassReason

        words.append((_("Reason"), term(PassReason(given["pass_reason"]))))
    return words


asked = st.query_params.get("number", "")
if asked:
    show_case(asked)
else:
    st.title(_("Case"))
    st.info(_("Choose a case from the list, or type its number."))
    typed = st.text_input(_("Case number"), max_chars=20)
    if typed:
        st.query_params["number"] = typed
        st.rerun()
    st.page_link("cases.py", label=_("To the list of cases"), icon=":material/arrow_back:")
