"""One case: the story left, one timeline in the middle, right what this person may do now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import streamlit as st

from core import clock, places
from core.cases import dossier, service
from core.cases.dossier import CasePage, EntryKind, MoveOffer, TimelineEntry
from core.cases.receipts import spelled_number
from core.cases.rules import OPEN_STATES, TABLE, Channel, Level, Move, NoteKind
from core.cases.service import RespondentEntry
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, format_datetime, term
from core.staff.rules import Actor, Role
from pages.case_evidence import draw_evidence
from pages.case_forms import draw_form, draw_needs
from pages.challenges import draw_challenges
from pages.clock_badge import draw_clock
from pages.followed_case import draw_followed_case
from pages.session import require_role, staff_dialog, staff_fragment
from pages.state_diagram import state_diagram
from pages.wording import plain, show_refusal

actor = require_role(Role.OPERATOR, Role.COMMISSIONER)

DONE: Final = "case_done"
IDENTITY: Final = "case_identity"
FROM_OUTSIDE: Final = tuple(each for each in Channel if each is not Channel.OWN_FINDING)
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
    if page.merged_into:
        facts.append(_("goes on as {number}", number=spelled_number(page.merged_into)))
    st.caption(plain(" · ".join(facts)))


def commission_name(page: CasePage) -> str:
    """The commission in charge, by title or place."""
    if page.commission_id is None:
        return _("no commission yet")
    place = page.commission_title or places.name(page.commission_place)
    return _("commission: {place}", place=place)


def draw_story(page: CasePage) -> None:
    """What was told, who is complained of, who complains, what was decided."""
    st.subheader(_("Story"))
    for at, channel, story in page.stories:
        with st.container(border=True):
            st.caption(plain(f"{format_datetime(at)} · {term(channel)}"))
            st.text(story)
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
    draw_identity(page)
    for decision in page.decisions:
        st.subheader(_("Decision of {at}", at=format_datetime(decision.at)))
        with st.container(border=True):
            st.badge(term(decision.finding), icon=":material/balance:", color="violet")
            st.text(decision.grounds or _("erased"))
            votes = ", ".join(f"{name}: {term(ballot)}" for name, ballot in decision.votes)
            st.caption(plain(_("Votes: {votes}", votes=votes)))
    draw_remedies(page)


def draw_identity(page: CasePage) -> None:
    """Who complains: behind a reason, and only for this one look."""
    st.subheader(_("Complainant"))
    opened: tuple[str, service.Identity] | None = st.session_state.get(IDENTITY)
    if not page.has_identity:
        st.caption(_("Anonymous: there is no name, number or mail."))
    elif opened is not None and opened[0] == page.number:
        identity = opened[1]
        with st.container(border=True):
            for label, value in (
                (_("Name"), identity.name),
                (_("Number"), identity.phone),
                (_("Mail"), identity.email),
                (_("A safe way to reach"), identity.reach),
            ):
                if value:
                    st.caption(label)
                    st.text(value)
        if st.button(_("Hide"), icon=":material/visibility_off:"):
            st.session_state.pop(IDENTITY)
            st.rerun()
    elif page.may_open_identity:
        st.caption(
            _(
                "Hidden. Whoever opens it gives a reason."
                " The complainant sees the time and the reason."
            )
        )
        reason = st.text_input(_("Reason"), key="identity_reason", max_chars=500)
        if st.button(_("Show who complains"), icon=":material/visibility:"):
            open_identity(page.number, reason)
    else:
        st.caption(_("Hidden."))


def open_identity(number: str, reason: str) -> None:
    """Ask core for the person; the reading stands in the timeline with its reason."""
    try:
        with unit_of_work() as session:
            identity = service.open_identity(
                session, number, actor=actor, reason=reason, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[IDENTITY] = (number, identity)
    st.rerun()


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


@staff_fragment(Role.OPERATOR, Role.COMMISSIONER)
def panel(acting: Actor, number: str) -> None:
    """What this person may do now. Reads the case anew: somebody else may have moved it."""
    now = clock.now()
    try:
        with reading() as session:
            page = dossier.case_page(session, acting, number, now=now)
    except Refused as refused:
        show_refusal(refused)
        return
    st.subheader(_("What you can do now"))
    draw_pending(acting, page)
    draw_declaration(acting, page)
    draw_challenges(acting, page.number, done)
    if not page.offers:
        st.info(_("No move is yours now. The manual below says whose it is."))
    else:
        draw_moves(acting, page)
    draw_note(acting, page)
    draw_respondent_form(acting, page)
    draw_followed_case(acting, page.number, done)
    draw_withdrawal_note(acting, page)
    draw_manual(page)


def done(words: str) -> None:
    """Say it on the whole page, drawn anew; what was typed for the move is used up."""
    for name in [str(key) for key in st.session_state if str(key).startswith("move_")]:
        del st.session_state[name]
    st.session_state[DONE] = words
    st.rerun()


def way_forward(offer: MoveOffer) -> tuple[bool, int]:
    """The order of the choice: what takes the case on comes first, ways aside come last."""
    aside = {
        Move.ASK,
        Move.PASS_ON,
        Move.MERGE,
        Move.REFER,
        Move.REFUSE,
        Move.REFUSE_APPEAL,
        Move.WITHDRAW,
    }
    return offer.move in aside or offer.recorded, list(Move).index(offer.move)


def draw_moves(acting: Actor, page: CasePage) -> None:
    """The moves as a choice, and the form of the chosen one."""
    offers = {offer.move: offer for offer in sorted(page.offers, key=way_forward)}
    chosen = st.pills(
        _("Move"),
        list(offers),
        default=next(iter(offers)),
        format_func=term,
        key=f"chosen_{page.number}_{page.state}",
        label_visibility="collapsed",
    )
    if chosen is None:
        return
    offer = offers[chosen]
    with st.container(border=True):
        targets = ", ".join(sorted(term(target) for target in offer.targets))
        st.markdown(f"**{plain(term(chosen))}** → {plain(targets)}")
        draw_needs(offer)
        given = draw_form(offer, page)
        if not st.button(term(chosen), type="primary", key=f"make_{chosen}", width="stretch"):
            return
        try:
            with unit_of_work() as session:
                moved = service.move(
                    session,
                    page.number,
                    chosen,
                    actor=acting,
                    now=clock.now(),
                    expected=page.state,
                    **given,
                )
        except Refused as refused:
            show_refusal(refused)
            return
        if moved.awaits_second:
            done(_("Noted. It takes effect when a second person of the commission confirms."))
        done(_("Done: {state}", state=term(moved.state)))


def draw_pending(acting: Actor, page: CasePage) -> None:
    """What waits for a second person."""
    pending = page.pending
    if pending is None:
        return
    with st.container(border=True):
        st.markdown(f":material/group: **{plain(term(pending.move))}**")
        st.caption(
            plain(
                _(
                    "{name} made this move on {at}; a second person must confirm it.",
                    name=pending.who,
                    at=format_datetime(pending.at),
                )
            )
        )
        st.text(pending.grounds)
        label = _("Take it back") if pending.is_own else _("Confirm as the second person")
        if not st.button(label, key="second_person", type="primary", width="stretch"):
            return
        try:
            with unit_of_work() as session:
                if pending.is_own:
                    service.take_back_pending(session, page.number, actor=acting, now=clock.now())
                else:
                    service.confirm_move(session, page.number, actor=acting, now=clock.now())
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("Taken back.") if pending.is_own else _("Confirmed."))


def draw_declaration(acting: Actor, page: CasePage) -> None:
    """Whether this person has an interest in the case."""
    if not page.may_declare or page.state.value not in {state.value for state in OPEN_STATES}:
        return
    if page.own_declaration is False:
        st.caption(":material/verified_user: " + _("You declared no interest in this case."))
        return
    with st.container(border=True):
        st.markdown(f"**{_('Do you have an interest in this case?')}**")
        st.caption(_("Kinship, dependence, the same branch. With one, the case leaves your desk."))
        no, yes = st.columns(2)
        free = no.button(_("None"), key="declare_no", width="stretch")
        bound = yes.button(_("I have one"), key="declare_yes", width="stretch")
        if not free and not bound:
            return
        try:
            with unit_of_work() as session:
                service.declare_conflict(
                    session, page.number, actor=acting, in_conflict=bound, now=clock.now()
                )
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("Your declaration is noted."))


def draw_note(acting: Actor, page: CasePage) -> None:
    """A note for the house, or words to the complainant."""
    if not page.may_write:
        return
    with st.expander(_("Write a note"), icon=":material/edit_note:"):
        kinds = (NoteKind.INTERNAL, NoteKind.TO_COMPLAINANT)
        kind = st.radio(_("For whom"), kinds, format_func=term, key="note_kind", horizontal=True)
        text = st.text_area(_("Note"), key="move_note", max_chars=20_000)
        if st.button(_("Save the note"), key="save_note", width="stretch"):
            try:
                with unit_of_work() as session:
                    service.add_note(
                        session, page.number, text, actor=acting, kind=kind, now=clock.now()
                    )
            except Refused as refused:
                show_refusal(refused)
                return
            done(_("The note is saved."))


def draw_respondent_form(acting: Actor, page: CasePage) -> None:
    """Name a respondent; whoever is meant loses the case at once."""
    if not page.may_add_respondent:
        return
    with st.expander(_("Add a respondent"), icon=":material/person_add:"):
        st.caption(
            _(
                "Whoever is meant, and everybody of the same branch, will not see that the case exists."
            )
        )
        name = st.text_input(_("Name or body"), key="move_r_name", max_chars=300)
        position = st.text_input(_("Position"), key="move_r_position", max_chars=300)
        level = st.selectbox(
            _("Highest office in the party"), list(Level)[:4], format_func=term, key="move_r_level"
        )
        branch = st.text_input(_("Primary party organisation"), key="move_r_branch", max_chars=200)
        iin = st.text_input(_("IIN, if known"), key="move_r_iin", max_chars=12)
        mobile = st.text_input(_("Mobile number, if known"), key="move_r_mobile", max_chars=40)
        if st.button(_("Add"), key="save_respondent", width="stretch"):
            entry = RespondentEntry(
                name=name, position=position, iin=iin, mobile=mobile, branch=branch, level=level
            )
            try:
                with unit_of_work() as session:
                    service.add_respondent(
                        session, page.number, entry, actor=acting, now=clock.now()
                    )
            except Refused as refused:
                show_refusal(refused)
                return
            done(_("The respondent is added."))


def draw_withdrawal_note(acting: Actor, page: CasePage) -> None:
    """Note that the complainant wants to withdraw: the first half of a withdrawal."""
    if not any(offer.move is Move.WITHDRAW for offer in page.offers):
        return
    with st.expander(_("The complainant asks to withdraw"), icon=":material/undo:"):
        if page.withdrawal_asked_at and page.withdrawal_channel:
            st.caption(
                plain(
                    _(
                        "Asked on {at} by {channel}.",
                        at=format_datetime(page.withdrawal_asked_at),
                        channel=term(page.withdrawal_channel),
                    )
                )
            )
        channel = st.selectbox(
            _("Channel"), FROM_OUTSIDE, format_func=term, key="move_asked_channel"
        )
        if st.button(_("Note the request"), key="ask_withdrawal", width="stretch"):
            try:
                with unit_of_work() as session:
                    service.ask_withdrawal(
                        session, page.number, actor=acting, channel=channel, now=clock.now()
                    )
            except Refused as refused:
                show_refusal(refused)
                return
            done(_("The request is noted; it must be confirmed."))


def draw_manual(page: CasePage) -> None:
    """The table of moves as a diagram, this state marked, and whose each move is."""
    with st.expander(_("The way of a case"), icon=":material/account_tree:"):
        rows = [row for row in TABLE if row.source is page.state]
        st.dataframe(
            [
                {
                    _("Move"): term(row.move),
                    _("Whose"): ", ".join(sorted(term(part) for part in row.who)),
                    _("Requires"): ", ".join(term(need) for need in row.needs) or "–",
                }
                for row in rows
            ],
            hide_index=True,
            alt=_("Ways out of this state"),
        )
        st.graphviz_chart(state_diagram(page.state), alt=_("All states and moves"), width="stretch")


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
