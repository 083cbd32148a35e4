"""The own account: who I am here, password, second factor, open sessions."""

import secrets
from collections.abc import Sequence

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, refusal_text, term
from core.staff import profile, second_factor, sign_in
from core.staff.queries import ProfileView, SessionView
from core.staff.queries import profile as profile_of
from core.staff.rules import PASSWORD_SHORTEST, Actor
from pages.browser import post_and_reload
from pages.people import grant_text
from pages.session import client_address, door_key, require_role, staff_callback
from pages.sign_in import draw_secret, show_recovery_codes
from pages.wording import plain, show_refusal

actor = require_role()
CODES = "own_recovery_codes"
SECRET = "own_new_secret"


def identity(actor: Actor, view: ProfileView) -> None:
    """Name, login, roles."""
    with st.container(border=True):
        st.subheader(plain(view.name))
        st.caption(_("Login: {login}", login=plain(view.login)))
        for grant in sorted(actor.grants, key=lambda grant: grant.role.value):
            st.badge(plain(grant_text(grant)), color="blue")


def confirmed(actor: Actor, password: str) -> bool:
    """Whether the present password is right; says so if not."""
    try:
        with unit_of_work() as session:
            right = profile.confirm_password(
                session, password, actor=actor, address=client_address(), now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return False
    if not right:
        st.error(_("The present password is wrong."))
    return right


def change_password(actor: Actor) -> None:
    """A form for another password."""
    with st.form("change_password", clear_on_submit=True):
        st.subheader(_("Password"))
        st.caption(
            _("At least {shortest} characters. All sessions end.", shortest=PASSWORD_SHORTEST)
        )
        present = st.text_input(
            _("Present password"), type="password", autocomplete="current-password"
        )
        new = st.text_input(_("New password"), type="password", autocomplete="new-password")
        again = st.text_input(_("Once more"), type="password", autocomplete="new-password")
        given = st.form_submit_button(_("Change password"))
    if not given:
        return
    if new != again:
        st.error(_("The two passwords differ."))
        return
    if not confirmed(actor, present):
        return
    try:
        with unit_of_work() as session:
            profile.change_password(session, new, actor=actor, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def second_factor_card(actor: Actor, view: ProfileView) -> None:
    """What there is, another authenticator, fresh recovery codes."""
    with st.container(border=True):
        st.subheader(_("Second factor"))
        codes: Sequence[str] | None = st.session_state.get(CODES)
        if codes:
            show_recovery_codes(codes, state_key=CODES)
            return
        if view.has_second_factor:
            st.write(
                _(
                    "Set up. Unused recovery codes: {count}.",
                    count=format_number(view.recovery_codes_left),
                )
            )
        else:
            st.warning(_("Not set up. Acts of weight will ask for it."))
        if SECRET in st.session_state:
            replace(actor, st.session_state[SECRET])
            return
        with st.form("second_factor_password", clear_on_submit=True, border=False):
            password = st.text_input(
                _("Present password"), type="password", autocomplete="current-password"
            )
            wants_codes = st.form_submit_button(_("New recovery codes"), width="stretch")
            wants_new = st.form_submit_button(_("Another authenticator"), width="stretch")
    if wants_new and confirmed(actor, password):
        st.session_state[SECRET] = second_factor.new_secret()
        st.rerun()
    if wants_codes and confirmed(actor, password):
        with unit_of_work() as session:
            fresh = profile.renew_recovery_codes(session, actor=actor)
        st.session_state[CODES] = fresh
        st.rerun()


def replace(actor: Actor, secret: str) -> None:
    """Show a new secret and wait for a code made with it."""
    draw_secret(secret, actor.login)
    with st.form("new_authenticator", border=False):
        code = st.text_input(_("Code from the authenticator"), max_chars=10)
        given = st.form_submit_button(_("Confirm"), type="primary")
    if st.button(_("Cancel")):
        st.session_state.pop(SECRET, None)
        st.rerun()
    if not given:
        return
    try:
        with unit_of_work() as session:
            fresh = profile.replace_second_factor(
                session, secret, code, actor=actor, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state.pop(SECRET, None)
    st.session_state[CODES] = fresh
    st.rerun()


def end_session(actor: Actor, session_id: int) -> None:
    """End one of the own sessions."""
    try:
        with unit_of_work() as session:
            profile.end_session(session, session_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.toast(plain(refusal_text(refused)))


def sessions_card(actor: Actor, sessions: Sequence[SessionView]) -> None:
    """Where this account is signed in."""
    with st.container(border=True):
        st.subheader(_("Open sessions"))
        for view in sessions:
            left, right = st.columns([3, 1], vertical_alignment="center")
            kind = _("for looking only") if view.read_only else _("full")
            here = view.id == actor.session_id
            left.markdown(
                _(
                    "**{opened}** · {kind} · last active {active}",
                    opened=format_datetime(view.opened_at),
                    kind=kind,
                    active=format_datetime(view.last_active_at),
                )
            )
            if here:
                right.badge(_("this browser"), color="green")
            else:
                right.button(
                    _("End"),
                    key=f"end-{view.id}",
                    on_click=staff_callback(end_session),
                    args=(view.id,),
                )


def wall_card(actor: Actor) -> None:
    """Turn this browser into a screen for the wall."""
    with st.container(border=True):
        st.subheader(_("Wall screen"))
        st.caption(
            _(
                "This browser will show the overview and turnout only, without a time limit for "
                "idling, and can change nothing. Your own session ends here."
            )
        )
        if not st.button(_("Make this browser a wall screen"), icon=":material/tv:"):
            return
        try:
            with unit_of_work() as session:
                ticket = sign_in.issue_wall_ticket(
                    session, actor.account_id, browser=door_key() or "", now=clock.now()
                )
        except Refused as refused:
            show_refusal(refused)
            return
        post_and_reload("/session", {"ticket": ticket}, once=secrets.token_hex(8), then="/?wall=1")


def history_card(view: ProfileView) -> None:
    """What others did to this account."""
    if not view.makings:
        return
    with st.container(border=True):
        st.subheader(_("What others did to your account"))
        for making in view.makings:
            st.markdown(
                f"{format_datetime(making.at)} · {term(making.kind)} · {plain(making.maker)}"
            )


st.title(_("Profile"))
with reading() as session:
    own = profile_of(session, actor.account_id, now=clock.now())
first, second = st.columns(2, gap="medium")
with first:
    identity(actor, own)
    change_password(actor)
    wall_card(actor)
with second:
    second_factor_card(actor, own)
    sessions_card(actor, own.sessions)
    history_card(own)
