"""Signing in: password, second factor, a password of one's own, then the browser's cookie.

Only this page reads what the login widget leaves in the session state, and takes it away at once:
the widget calls a person authenticated after the password alone.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import segno
import streamlit as st
from streamlit_authenticator import Authenticate
from streamlit_authenticator.controllers import AuthenticationController
from streamlit_authenticator.models import AuthenticationModel

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import DEFAULT, LOCALES, _
from core.staff import second_factor, sign_in
from core.staff.rules import (
    PASSWORD_SHORTEST,
    SignInStep,
    StaffRefusal,
    fold_login,
    password_is_too_long,
)
from pages.browser import post_and_reload
from pages.session import client_address, door_key
from pages.wording import show_refusal

LANGUAGES: Final = {"ru": "Русский", "kk": "Қазақша", "en": "English"}
_PROGRESS: Final = "sign_in_progress"
_TICKET: Final = "sign_in_ticket"
_SECRET: Final = "sign_in_secret"
_CODES: Final = "sign_in_codes"
_WIDGET_KEYS: Final = ("authentication_status", "name", "username", "email", "roles", "logout")


class NoCookie:
    """In the place of the widget's cookie, which scripts can read and nobody can revoke."""

    def get_cookie(self) -> None:
        """No cookie signs anybody in."""

    def set_cookie(self) -> None:
        """The listener sets its own, after the second factor."""

    def delete_cookie(self) -> None:
        """There is none."""


class AccountsOfOurs(AuthenticationModel):
    """The widget's bcrypt check over our accounts, behind our lockout."""

    def __init__(self) -> None:
        super().__init__({"usernames": {}}, auto_hash=False)
        self.problem: Refused | None = None

    def check_credentials(self, username: str, password: str) -> bool:
        """Whether login and password belong together; counts it when they do not."""
        now, address = clock.now(), client_address()
        if password_is_too_long(password):
            self.problem = Refused(StaffRefusal.PASSWORD_LONG, bytes=72)
            return False
        with reading() as session:
            door = sign_in.door(session, username, address=address, now=now)
        if door.locked_until:
            self.problem = Refused(StaffRefusal.LOCKED_OUT, until=door.locked_until)
            return False
        # One account at a time: the widget never holds anybody else's hash.
        self.credentials["usernames"] = {username: {"password": door.password_hash, "name": ""}}
        if super().check_credentials(username, password) and door.account_id is not None:
            return True
        with unit_of_work() as session:
            until = sign_in.note_password_wrong(session, username, address=address, now=now)
        self.problem = Refused(StaffRefusal.LOCKED_OUT, until=until) if until else None
        return False


class LoginWidget(Authenticate):
    """streamlit-authenticator's form without its cookie, its pause and its server."""

    def __init__(self) -> None:
        self.path = None
        self.attrs: dict[str, Any] = {"login_sleep_time": 0}
        self.cookie_controller = NoCookie()
        self.accounts = AccountsOfOurs()
        self.authentication_controller = AuthenticationController(
            {"usernames": {}}, auto_hash=False, secret_key=secrets.token_hex(16)
        )
        self.authentication_controller.authentication_model = self.accounts


def show() -> None:
    """The sign-in, at whatever address a stranger asked for."""
    _space, middle, _rest = st.columns([1, 1.4, 1])
    with middle:
        st.segmented_control(
            _("Language"),
            LOCALES,
            default=DEFAULT,
            format_func=LANGUAGES.__getitem__,
            key="locale",
            label_visibility="collapsed",
        )
        st.title(_("Primaries"))
        st.caption(_("For the staff of the organising committee"))
        progress = st.session_state.get(_PROGRESS)
        if progress is None:
            ask_password()
        else:
            go_on(progress)


def ask_password() -> None:
    """The login widget, and what it said."""
    widget = LoginWidget()
    widget.login(
        fields={
            "Form name": _("Signing in"),
            "Username": _("Login"),
            "Password": _("Password"),
            "Login": _("Next"),
        },
        key="login",
    )
    status = st.session_state.get("authentication_status")
    login = st.session_state.get("username")
    for key in _WIDGET_KEYS:
        st.session_state.pop(key, None)
    if status and login:
        begin(login)
    elif status is False:
        if widget.accounts.problem:
            show_refusal(widget.accounts.problem)
        else:
            st.error(_("Login or password is wrong."))


def begin(login: str) -> None:
    """Go on after a right password."""
    try:
        with reading() as session:
            progress = sign_in.begin(session, fold_login(login), now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[_PROGRESS] = progress
    st.rerun()


def go_on(progress: sign_in.Progress) -> None:
    """The step that is missing."""
    if _CODES in st.session_state:
        show_recovery_codes(st.session_state[_CODES])
        return
    try:
        with reading() as session:
            step = sign_in.next_step(session, progress, now=clock.now())
    except Refused as refused:
        start_again(refused)
        return
    steps: dict[SignInStep, Callable[[sign_in.Progress], None]] = {
        SignInStep.SECOND_FACTOR: ask_code,
        SignInStep.NEW_PASSWORD: ask_new_password,
        SignInStep.ENROL: offer_second_factor,
        SignInStep.READY: hand_over,
    }
    steps[step](progress)


def start_again(refused: Refused) -> None:
    """Say what was refused, and offer the beginning."""
    forget_progress()
    show_refusal(refused)
    st.button(_("Start again"))


def forget_progress() -> None:
    """Nothing of an unfinished sign-in stays."""
    for key in (_PROGRESS, _TICKET, _SECRET, _CODES):
        st.session_state.pop(key, None)


def ask_code(progress: sign_in.Progress) -> None:
    """The second factor, or a recovery code."""
    with st.form("second_factor"):
        st.subheader(_("Confirm that it is you"))
        code = st.text_input(
            _("Code from the authenticator"),
            autocomplete="one-time-code",
            help=_("Six digits. If the telephone is lost, a recovery code."),
            max_chars=20,
        )
        given = st.form_submit_button(_("Confirm"), type="primary")
    if given:
        take_code(progress, code)
    st.button(_("Cancel"), on_click=forget_progress)


def take_code(progress: sign_in.Progress, code: str) -> None:
    """Check a code; a wrong one counts towards the lock."""
    try:
        with unit_of_work() as session:
            answer = sign_in.give_code(
                session, progress, code, address=client_address(), now=clock.now()
            )
    except Refused as refused:
        start_again(refused)
        return
    if isinstance(answer, sign_in.Progress):
        st.session_state[_PROGRESS] = answer
        st.rerun()
    if isinstance(answer, datetime):
        start_again(Refused(StaffRefusal.LOCKED_OUT, until=answer))
    else:
        show_refusal(Refused(StaffRefusal.SECOND_FACTOR_WRONG))


def ask_new_password(progress: sign_in.Progress) -> None:
    """A password of one's own in the place of the one given out."""
    with st.form("new_password"):
        st.subheader(_("Choose your password"))
        st.caption(
            _(
                "At least {shortest} characters. Nobody but you will know it.",
                shortest=PASSWORD_SHORTEST,
            )
        )
        first = st.text_input(_("New password"), type="password", autocomplete="new-password")
        again = st.text_input(_("Once more"), type="password", autocomplete="new-password")
        given = st.form_submit_button(_("Save"), type="primary")
    if not given:
        return
    if first != again:
        st.error(_("The two passwords differ."))
        return
    try:
        with unit_of_work() as session:
            sign_in.choose_password(session, progress, first, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def qr_picture(uri: str) -> str:
    """A QR code as SVG text, black on white in dark colours too."""
    picture = BytesIO()
    segno.make(uri, error="m").save(
        picture, kind="svg", scale=5, border=3, light="#fff", dark="#000", xmldecl=False
    )
    return picture.getvalue().decode()


def offer_second_factor(progress: sign_in.Progress) -> None:
    """A secret for the authenticator; it counts only after a code from it."""
    secret = st.session_state.setdefault(_SECRET, second_factor.new_secret())
    st.subheader(_("Set up the second factor"))
    draw_secret(secret, progress.login)
    with st.form("enrol"):
        code = st.text_input(
            _("Code from the authenticator"), autocomplete="one-time-code", max_chars=10
        )
        given = st.form_submit_button(_("Confirm"), type="primary")
    if not given:
        return
    try:
        with unit_of_work() as session:
            enrolled = sign_in.enrol(session, progress, secret, code, now=clock.now())
    except Refused as refused:
        start_again(refused)
        return
    if enrolled is None:
        show_refusal(Refused(StaffRefusal.SECOND_FACTOR_WRONG))
        return
    st.session_state[_PROGRESS], st.session_state[_CODES] = enrolled
    st.session_state.pop(_SECRET, None)
    st.rerun()


def draw_secret(secret: str, login: str) -> None:
    """The secret as a picture and, for a telephone without a camera, as text."""
    st.write(
        _(
            "Scan the picture with an authenticator on your telephone: "
            "FreeOTP, Aegis, Google Authenticator or another."
        )
    )
    uri = second_factor.provisioning_uri(secret, login=login, issuer=_("Primaries"))
    st.image(qr_picture(uri), width=230)
    st.caption(_("Or type this key into it:"))
    st.code(" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)), language=None)


def show_recovery_codes(codes: Sequence[str], *, state_key: str = _CODES) -> None:
    """The codes, this once; they leave the session state when they are kept."""
    st.subheader(_("Recovery codes"))
    st.write(
        _(
            "Each of these stands in once for a lost telephone. "
            "Print them or write them down: they are shown only now."
        )
    )
    st.code("\n".join(codes), language=None)
    if st.button(_("I have kept them"), type="primary"):
        st.session_state.pop(state_key, None)
        st.rerun()


def hand_over(progress: sign_in.Progress) -> None:
    """Give the browser its ticket; it comes back with the cookie."""
    if _TICKET not in st.session_state:
        try:
            with unit_of_work() as session:
                ticket = sign_in.issue_ticket(
                    session, progress, browser=door_key() or "", now=clock.now()
                )
        except Refused as refused:
            start_again(refused)
            return
        st.session_state[_TICKET] = ticket
    ticket = st.session_state[_TICKET]
    st.info(_("Opening your workplace…"))
    if post_and_reload("/session", {"ticket": ticket}, once=ticket):
        start_again(Refused(StaffRefusal.TICKET_REFUSED))
