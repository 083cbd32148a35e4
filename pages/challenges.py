"""Challenges on the page of a case: what a party objects to, and what the rest of the panel says."""

from collections.abc import Callable

import streamlit as st

from core import clock
from core.cases import service
from core.cases.challenges import Challenges, ChallengeView, challenges_of
from core.cases.rules import MAX_TEXT, Part
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, term
from core.staff.rules import Actor
from pages.wording import plain, show_refusal

Done = Callable[[str], None]


def draw_challenges(acting: Actor, number: str, done: Done) -> None:
    """What stands, a vote for whoever has one, and the form. ``done`` says it on the whole page."""
    with reading() as session:
        found = challenges_of(session, acting, number)
    for challenge in found.raised:
        draw_one(acting, challenge, done)
    if found.may_record and found.names:
        draw_form(acting, number, found, done)


def draw_one(acting: Actor, challenge: ChallengeView, done: Done) -> None:
    """One challenge: of whom, by whom, why, and how it stands."""
    with st.container(border=True):
        st.markdown(
            f":material/front_hand: **{plain(_('Challenge: {name}', name=challenge.name))}**"
        )
        st.caption(plain(f"{format_datetime(challenge.at)} · {term(challenge.party)}"))
        if challenge.grounds:
            st.text(challenge.grounds)
        if challenge.accepted is not None:
            words = _("accepted: stands down") if challenge.accepted else _("refused")
            st.badge(words, icon=":material/gavel:", color="gray")
            return
        st.caption(
            _(
                "The rest of the panel decides; half of it is enough to stand down."
                " Votes given: {votes} of {panel}.",
                votes=challenge.votes,
                panel=challenge.panel,
            )
        )
        if not challenge.may_vote:
            return
        accept, refuse = st.columns(2)
        accepts = accept.button(
            _("Should stand down"), key=f"challenge_yes_{challenge.id}", width="stretch"
        )
        refuses = refuse.button(_("May sit"), key=f"challenge_no_{challenge.id}", width="stretch")
        if not accepts and not refuses:
            return
        try:
            with unit_of_work() as session:
                service.vote_on_challenge(
                    session, challenge.id, actor=acting, accepts=accepts, now=clock.now()
                )
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("Your vote is noted."))


def draw_form(acting: Actor, number: str, found: Challenges, done: Done) -> None:
    """Enter what a party objects to."""
    with st.expander(_("A party challenges a member"), icon=":material/front_hand:"):
        st.caption(
            _(
                "The rest of the panel decides it. A challenge of more than half of the commission"
                " sends the case up at once."
            )
        )
        account_id = st.selectbox(
            _("Who is challenged"),
            list(found.names),
            index=None,
            format_func=lambda key: found.names.get(key, ""),
            placeholder=_("choose"),
            key="move_challenged",
        )
        party = st.radio(
            _("By whom"),
            (Part.COMPLAINANT, Part.RESPONDENT),
            format_func=term,
            horizontal=True,
            key="move_challenge_party",
        )
        grounds = st.text_area(_("Grounds"), key="move_challenge_grounds", max_chars=MAX_TEXT)
        if not st.button(_("Enter the challenge"), key="save_challenge", width="stretch"):
            return
        if account_id is None:
            st.error(_("Choose who is challenged."))
            return
        try:
            with unit_of_work() as session:
                service.raise_challenge(
                    session,
                    number,
                    actor=acting,
                    account_id=account_id,
                    party=party,
                    grounds=grounds,
                    now=clock.now(),
                )
        except Refused as refused:
            show_refusal(refused)
            return
        done(_("The challenge is noted."))
