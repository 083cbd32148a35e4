"""Who is looking: the actor of a page, a fragment or a callback, read from the session row.

A page's guard does not guard its fragments and callbacks: Streamlit runs them without the script.
So each of the three resolves the actor anew, and none remembers one.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.i18n import _, set_locale
from core.settings import settings
from core.staff import sessions
from core.staff.rules import Actor, Role

P = ParamSpec("P")
R = TypeVar("R")


def cookie_name() -> str:
    """The cookie of a staff session: host-bound wherever the listener is reached by https."""
    return "__Host-staff" if settings().staff_url.startswith("https://") else "staff"


def session_token() -> str | None:
    """The token this browser brought at its websocket handshake."""
    return st.context.cookies.get(cookie_name())


def current_actor(*, automatic: bool = False) -> Actor | None:
    """The actor of this run, or None for a stranger; an automatic rerun is no activity."""
    now = clock.now()
    with reading() as session:
        actor = sessions.resolve(session, session_token(), now=now)
    if actor is None:
        return None
    set_locale(st.session_state.get("locale", actor.locale))
    if not automatic and actor.session_id is not None:
        with unit_of_work() as session:
            sessions.touch(session, actor.session_id, now=now)
    return actor


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
    """A fragment whose body starts by resolving the actor; the body gets it as first argument."""

    def decorate(body: Callable[Concatenate[Actor, P], None]) -> Callable[P, None]:
        @wraps(body)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            actor = current_actor(automatic=run_every is not None)
            if actor is None or (roles and not actor.has(*roles)):
                st.warning(_("You are signed out. Reload the page to sign in again."))
                return
            body(actor, *args, **kwargs)

        return st.fragment(guarded, run_every=run_every)

    return decorate


def staff_callback(
    act: Callable[Concatenate[Actor, ...], Any], *roles: Role
) -> Callable[..., None]:
    """A callback for ``on_click`` and ``on_change`` that acts only for an actor with a role."""

    @wraps(act)
    def guarded(*args: Any, **kwargs: Any) -> None:
        actor = current_actor()
        if actor is None or (roles and not actor.has(*roles)):
            return
        act(actor, *args, **kwargs)

    return guarded
