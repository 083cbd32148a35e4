"""The clerk's desk: an IIN is scanned, one press marks the voter, the answer fills the screen.

Whatever stands here is read from the log of look-ups, so that a reload, a lost connection or another
computer shows the last press as it is.
"""

from typing import Final

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_number, format_time, n_, refusal_text, term
from core.paper import desk_queries, list_queries, service
from core.paper.desk_queries import ClerkDesk
from core.paper.marks import LookUpView
from core.paper.rules import GROUNDS, Answer, ReleaseKind
from core.primary.queries import active_primary
from core.staff.rules import Actor, Role
from pages.focus import focus_field
from pages.paper_printing import offer_sheets
from pages.polling_place_words import hours_text
from pages.session import require_role, staff_callback, staff_dialog, staff_fragment
from pages.wording import plain, show_refusal

actor = require_role(Role.CLERK)

REFUSAL: Final = "marking_refusal"
NOTICE: Final = "marking_notice"
ROUND: Final = "marking_round"
TITLES_SHOWN: Final = 8


def field_key() -> str:
    """The widget of the field: every look-up gets an empty one, so that no IIN stays on the screen."""
    return f"marking_iin_{st.session_state.get(ROUND, 0)}"


def ask(acting: Actor, key: str) -> None:
    """Look up whom the scanner or the clerk typed."""
    typed = str(st.session_state.get(key, ""))
    if not typed.strip():
        return
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.session_state.pop(NOTICE, None)
    try:
        with unit_of_work() as session:
            service.look_up(session, typed, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[REFUSAL] = refusal_text(refused)


def press(acting: Actor, look_up_id: int) -> None:
    """Mark the voter. A second press, or one that is repeated, finds that it was done."""
    try:
        with unit_of_work() as session:
            service.mark(session, look_up_id, actor=acting, now=clock.now())
    except Refused as refused:
        st.session_state[REFUSAL] = refusal_text(refused)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1


@staff_dialog(_("Undo a mistaken mark"), Role.CLERK)
def undoing(acting: Actor, mark_id: int) -> None:
    """Why; an organizer confirms it."""
    st.write(
        _(
            "Only if the voter keeps no ballot: the IIN becomes free, and the voter can vote again. "
            "An organizer has to confirm it; it is listed for everybody, without the person."
        )
    )
    ground = st.selectbox(
        _("Ground"), GROUNDS[ReleaseKind.MARK_UNDONE], format_func=term, key="undo_ground"
    )
    note = st.text_area(_("What happened (no names, no numbers)"), key="undo_note", max_chars=300)
    if not st.button(_("Propose"), type="primary"):
        return
    try:
        with unit_of_work() as session:
            service.propose_undo(
                session, mark_id, actor=acting, ground=ground, note=note, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = _("Proposed. It waits for an organizer.")
    st.rerun()


def show_answer(desk: ClerkDesk, found: LookUpView) -> None:
    """The last word about the last voter, as large as it can be."""
    now = clock.now()
    if found.answer is Answer.BELONGS_HERE:
        if found.can_press(now):
            st.info(
                f"# {_('Check the identity card')}\n"
                + _("{iin} votes at this polling place.", iin=f"**{plain(found.iin_masked)}**"),
                icon=":material/badge:",
            )
        else:
            st.warning(
                f"# {_('Look up again')}\n" + _("This look-up is older than ten minutes."),
                icon=":material/history:",
            )
    elif found.answer is Answer.MARKED and not found.is_undone:
        titles = "".join(f"\n- {plain(title)}" for title in desk.ballots[:TITLES_SHOWN])
        headline = n_("Hand out {count} ballot", "Hand out {count} ballots", len(desk.ballots))
        told = _("{iin} was marked at {time}.", iin=found.iin_masked, time=when(found))
        st.success(f"# {headline}\n{plain(told)}{titles}", icon=":material/how_to_vote:")
    else:
        headline, told = refusal_words(desk, found)
        st.error(f"# {plain(headline)}\n{plain(told)}", icon=":material/block:")
    if found.mark_id is not None and st.button(
        _("The mark is a mistake"), type="tertiary", icon=":material/undo:"
    ):
        undoing(found.mark_id)


def when(found: LookUpView) -> str:
    """The time of a mark, to the second: two clerks compare it."""
    at = found.marked_at or found.pressed_at or found.at
    return format_time(at, seconds=True)


def refusal_words(desk: ClerkDesk, found: LookUpView) -> tuple[str, str]:
    """Why nothing is handed out: the headline and what to do."""
    hotline = _("The voter can call {hotline}.", hotline=desk.hotline) if desk.hotline else ""
    if found.answer is Answer.MARKED:
        return _("Hand out nothing"), _("The mark of {iin} was undone.", iin=found.iin_masked)
    if found.answer is Answer.VOTED_ONLINE:
        return _("Has voted online"), f"{found.iin_masked}. {hotline}"
    if found.answer is Answer.MARKED_HERE_BEFORE:
        told = _("At {time} by {name}.", time=when(found), name=found.marked_by or "–")
        return _("Marked here before"), f"{found.iin_masked}. {told}"
    if found.answer is Answer.MARKED_ELSEWHERE:
        told = _(
            "At {time} at the polling place {code}.", time=when(found), code=found.at_place or "–"
        )
        return _("Marked at another polling place"), f"{found.iin_masked}. {told} {hotline}"
    if found.answer is Answer.ON_PAPER_LIST:
        told = _("Votes by the paper list of the polling place {code}.", code=found.at_place or "–")
        return _("Votes elsewhere"), f"{found.iin_masked}. {told}"
    if found.answer is Answer.BELONGS_ELSEWHERE:
        area = places.name(found.elsewhere) if found.elsewhere else "–"
        return _("Votes elsewhere"), _("{iin} votes in: {area}.", iin=found.iin_masked, area=area)
    return _("Not on the voter roll, or suspended"), f"{found.iin_masked}. {hotline}"


def show_desk(acting: Actor, desk: ClerkDesk) -> None:
    """The field, the answer, the press."""
    key = field_key()
    with st.container(key="marking_field"):
        st.text_input(
            _("IIN: scan the card, or type it and press Enter"),
            key=key,
            max_chars=24,
            autocomplete="off",
            disabled=not desk.is_open,
            on_change=staff_callback(ask, Role.CLERK),
            args=(key,),
        )
    focus_field("marking_field", once=key)
    refusal = st.session_state.pop(REFUSAL, None)
    if refusal:
        st.error(f"# {plain(refusal)}", icon=":material/error:")
    elif desk.last is not None and desk.last.polling_place == desk.place.code:
        found = desk.last
        if found.can_press(clock.now()):
            st.button(
                _("Mark: the voter gets ballots"),
                type="primary",
                icon=":material/how_to_vote:",
                shortcut="Ctrl+Enter",
                key=f"mark_{found.id}",
                on_click=staff_callback(press, Role.CLERK),
                args=(found.id,),
                width="stretch",
            )
        show_answer(desk, found)


@staff_fragment(Role.CLERK)
def whole(acting: Actor) -> None:
    """Everything that a press redraws: little, for the line may be weak."""
    now = clock.now()
    with reading() as session:
        primary = active_primary(session)
        desk = desk_queries.desk_of(session, primary, acting, now) if primary else None
        paper_list = (
            list_queries.paper_list(session, primary.id, desk.place.code)
            if primary and desk
            else None
        )
    if desk is None:
        st.info(_("You have no polling place yet. An organizer gives you one on “Polling places”."))
        return
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.markdown(f"**{plain(desk.place.name)}** · {plain(hours_text(desk.place.hours))}")
    if not desk.place.is_connected:
        st.info(
            _(
                "This place has no connection: its voters stand on the printed list. After the "
                "close, enter the protocol on “Protocols”."
            )
        )
        if paper_list is not None and paper_list.fixed_at and primary is not None:
            offer_sheets(acting, primary, desk.place, paper_list)
        return
    right.markdown(_("Marked here: {count}", count=f"**{format_number(desk.marked)}**"))
    notice = st.session_state.get(NOTICE)
    if notice:
        st.info(plain(notice))
    if not desk.is_open:
        st.warning(_("Closed at this hour. Nobody is marked now."), icon=":material/lock_clock:")
    show_desk(acting, desk)
    st.caption(
        _(
            "Ballots are handed out only under the green sign. Without a connection hand out "
            "nothing: after a reload the last answer stands here again."
        )
    )


st.title(_("Mark voters"))
whole()
