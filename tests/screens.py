"""Opening a staff screen as an actor, without a browser."""

from typing import Any
from unittest.mock import patch

from streamlit.testing.v1 import AppTest

from core import clock
from core.database import unit_of_work
from core.settings import ROOT
from core.staff import sessions
from core.staff.rules import Actor


def open_page(
    name: str,
    actor: Actor | None,
    *,
    query: dict[str, str] | None = None,
    timeout: float = 20,
    **state: Any,
) -> AppTest:
    """Run ``pages/{name}.py`` as ``actor`` (None: a stranger); gives the screen after its run.

    Further runs (``.click().run()``) need the same session: use `signed_in` around them.
    """
    screen = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=timeout)
    for key, value in (query or {}).items():
        screen.query_params[key] = value
    for key, value in state.items():
        screen.session_state[key] = value
    with signed_in(actor):
        return screen.run()


def signed_in(actor: Actor | None) -> Any:
    """A context in which every run belongs to ``actor``."""
    token = None
    if actor is not None:
        with unit_of_work() as session:
            token = sessions.open_session(session, actor.account_id, now=clock.now())
    return patch("pages.session.session_token", lambda: token)
