"""What one person may do in a case now: moves with their forms, notes, respondents, declarations."""

from typing import Final

import streamlit as st

from core import clock
from core.cases import dossier, service
from core.cases.dossier import CasePage, MoveOffer
from core.cases.rules import OPEN_STATES, TABLE, Channel, Level, Move, NoteKind
from core.cases.service import RespondentEntry
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, term
from core.staff.rules import Actor, Role
from pages.case_forms import draw_form, draw_needs
from pages.challenges import draw_challenges
from pages.followed_case import draw_followed_case
from pages.receipt import show_receipt
from pages.session import staff_fragment
from pages.state_diagram import state_diagram
from pages.wording import plain, show_refusal

DONE: Final = "case_done"
_SEEN: Final = "case_seen"
_STAYS: Final = ("move_note", "move_r_")
"""Fields that stand there in every state."""

_KEPT: Final = "case_kept_words"
FROM_OUTSIDE: Final = tuple(each for each in Channel if each is not Channel.OWN_FINDING)


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
    keep_words(page)
    st.subheader(_("What you can do now"))
    show_kept_words(page)
    draw_pending(acting, page)
    draw_declaration(acting, page)
    draw_challenges(acting, page.number, done)
    if not page.offers:
        st.info(_("No move is yours now. The manual below says whose it is."))
    else:
        draw_moves(acting, page)
    draw_note(acting, page)
    draw_code_form(acting, page)
    draw_respondent_form(acting, page)
    draw_followed_case(acting, page.number, done)
    draw_withdrawal_note(acting, page)
    draw_manual(page)


def keep_words(page: CasePage) -> None:
    """Whoever typed while somebody else moved the case loses the form, but not the words: they are
    taken before Streamlit forgets the fields that are not drawn any more.
    """
    seen = st.session_state.get(_SEEN)
    st.session_state[_SEEN] = (page.number, page.state)
    if seen is None or seen[0] != page.number or seen[1] == page.state:
        return
    typed = [
        value.strip()
        for name, value in st.session_state.items()
        if str(name).startswith("move_") and not str(name).startswith(_STAYS)
        if isinstance(value, str) and value.strip()
    ]
    if typed:
        st.session_state[_KEPT] = (page.number, [*kept_words(page), *typed])


def kept_words(page: CasePage) -> list[str]:
    """What was typed for a move of this case that could not be made any more."""
    number, words = st.session_state.get(_KEPT, ("", []))
    return words if number == page.number else []


def show_kept_words(page: CasePage) -> None:
    """Say that the case was moved meanwhile, with the words to be copied."""
    words = kept_words(page)
    if not words:
        return
    with st.container(border=True):
        st.warning(
            plain(
                _(
                    "Somebody else moved the case meanwhile; it is now: {state}. What you typed was "
                    "not sent. Copy what you still need:",
                    state=term(page.state),
                )
            ),
            icon=":material/sync_problem:",
        )
        for each in words:
            st.code(each, language=None, wrap_lines=True)
        if st.button(_("I don't need it any more"), key="drop_kept_words"):
            del st.session_state[_KEPT]
            st.rerun()


def done(words: str) -> None:
    """Say it on the whole page, drawn anew; what was typed for the move is used up."""
    for name in [str(key) for key in st.session_state if str(key).startswith("move_")]:
        del st.session_state[name]
    st.session_state.pop(_SEEN, None)
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


def draw_code_form(acting: Actor, page: CasePage) -> None:
    """Read a code out to a complainant who has none."""
    if not page.may_give_code:
        return
    with st.expander(_("Give a receipt code"), icon=":material/key:"):
        st.caption(
            _(
                "For a complainant on the phone who wrote a mail or lost the code. The one before opens"
                " nothing any more; the new one must be changed at its first use."
            )
        )
        reason = st.text_input(_("How you know who calls"), key="code_reason", max_chars=500)
        if st.button(_("Give the code"), key="give_code", width="stretch"):
            try:
                with unit_of_work() as session:
                    receipt = service.give_code(
                        session, page.number, actor=acting, reason=reason, now=clock.now()
                    )
            except Refused as refused:
                show_refusal(refused)
                return
            show_receipt(receipt)


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
