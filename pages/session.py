"""Who is looking: the actor of a page, a fragment or a callback, read from the session row.

A page's guard does not guard its fragments and callbacks: Streamlit runs them without the script.
So each of the three resolves the actor anew, and none remembers one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, Final, Literal, ParamSpec

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.i18n import DEFAULT, _, set_locale
from core.staff import sessions
from core.staff.rules import Actor, Role
from pages.listener.cookies import door_cookie, session_cookie

P = ParamSpec("P")

_OWNER: Final = "_owner"
_NOTED_AT: Final = "_activity_noted_at"
_AUTOMATIC: Final = "_automatic_run"
_NOTE_EVERY: Final = timedelta(minutes=1)


def session_token() -> str | None:
    """The token this browser brought at its websocket handshake."""
    return st.context.cookies.get(session_cookie())


def door_key() -> str | None:
    """What this browser was given before sign-in: a ticket is bound to it."""
    return st.context.cookies.get(door_cookie())


def client_address() -> str | None:
    """The address of the browser, behind the trusted proxies."""
    return st.context.ip_address


def current_actor(*, automatic: bool = False) -> Actor | None:
    """The actor of this run, or None for a stranger; an automatic rerun is no activity."""
    now = clock.now()
    with reading() as session:
        actor = sessions.resolve(session, session_token(), now=now)
    _empty_state_of_another(actor)
    if actor is None:
        set_locale(st.session_state.get("locale", DEFAULT))
        return None
    set_locale(actor.locale)
    # A whole run that an automatic fragment asked for is as automatic as the fragment.
    asked_by_fragment = st.session_state.pop(_AUTOMATIC, False)
    if not automatic and not asked_by_fragment:
        _note_activity(actor, now)
    return actor


def _empty_state_of_another(actor: Actor | None) -> None:
    """Whoever signs in, is changed or signed out must find nothing of the one before."""
    owner = (actor.account_id, actor.read_only) if actor else None
    if st.session_state.get(_OWNER, owner) != owner:
        st.session_state.clear()
    st.session_state[_OWNER] = owner


def _note_activity(actor: Actor, now: datetime) -> None:
    noted: datetime | None = st.session_state.get(_NOTED_AT)
    if actor.session_id is None or (noted and abs(now - noted) < _NOTE_EVERY):
        return
    with unit_of_work() as session:
        sessions.touch(session, actor.session_id, now=now)
    st.session_state[_NOTED_AT] = now


def require_role(*roles: Role) -> Actor:
    """The actor of a page that holds one of ``roles`` (any signed-in account if none is named).

    Ends the run with a sentence for everybody else: first statement of every page.
    """
    actor = current_actor()
    if actor is None or (roles and not actor.has(*roles)):
        st.error(_("This page is not for your account, or you are signed out."))
        st.stop()
    return actor


def staff_fragment(
    *roles: Role, run_every: float | None = None
) -> Callable[[Callable[Concatenate[Actor, P], None]], Callable[P, None]]:
    """A fragment whose body starts by resolving the actor; the body gets it as first argument.

    With ``run_every`` (seconds) its reruns are automatic, and none of them counts as activity.
    """

    def decorate(body: Callable[Concatenate[Actor, P], None]) -> Callable[P, None]:
        @wraps(body)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            actor = current_actor(automatic=run_every is not None)
            if actor is None or (roles and not actor.has(*roles)):
                st.warning(_("You are signed out. Reload the page to sign in again."))
                return
            if run_every is None:
                body(actor, *args, **kwargs)
                return
            # Stays set only when the body leaves by asking for a whole run.
            st.session_state[_AUTOMATIC] = True
            body(actor, *args, **kwargs)
            st.session_state.pop(_AUTOMATIC, None)

        return st.fragment(guarded, run_every=run_every)

    return decorate


def staff_callback(
    act: Callable[Concatenate[Actor, ...], Any], *roles: Role
) -> Callable[..., None]:
    """A callback for ``on_click`` and ``on_change`` that acts only for an actor with a role.

    A session for looking only acts on nothing.
    """

    @wraps(act)
    def guarded(*args: Any, **kwargs: Any) -> None:
        actor = current_actor()
        if actor is None or actor.read_only or (roles and not actor.has(*roles)):
            return
        act(actor, *args, **kwargs)

    return guarded


def staff_dialog(
    title: str, *roles: Role, width: Literal["small", "medium", "large"] = "medium"
) -> Callable[[Callable[Concatenate[Actor, P], None]], Callable[P, None]]:
    """A dialog whose body starts by resolving the actor: Streamlit runs it as a fragment.

    The body gets the actor as first argument. A session for looking only opens none.
    """

    def decorate(body: Callable[Concatenate[Actor, P], None]) -> Callable[P, None]:
        @wraps(body)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            actor = current_actor()
            if actor is None or actor.read_only or (roles and not actor.has(*roles)):
                st.warning(_("You are signed out. Reload the page to sign in again."))
                return
            body(actor, *args, **kwargs)

        return st.dialog(title, width=width)(guarded)

    return decorate
