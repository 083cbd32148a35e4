"""The entry script of the staff listener: who is here, what they may open, and the page itself."""

from pathlib import Path
from uuid import uuid4

import streamlit as st

from core import clock
from core.database import unit_of_work
from core.i18n import LOCALES, _, current_locale
from core.staff import profile
from core.staff import sign_in as core_sign_in
from core.staff.rules import Actor
from pages import sign_in
from pages.browser import post_and_reload
from pages.catalogue import FRONT_PAGE, GROUPS, SCREENS, Screen
from pages.session import current_actor, session_token, staff_callback
from pages.sign_in import LANGUAGES
from pages.wording import plain

FOLDER = Path(__file__).parent
# Drawn here: an icon by name would be fetched from a stranger's server.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#1c6ba8"/>
<path d="M9 17l5 5 10-12" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"
stroke-linejoin="round"/></svg>"""


def listed(actor: Actor) -> dict[str, list[st.Page]]:
    """The pages of this actor under their headings; what it may not open says so."""
    pages: dict[str, list[st.Page]] = {}
    denied = []
    for group in GROUPS:
        for screen in group.screens:
            if screen.is_for(actor):
                pages.setdefault(group.title(), []).append(page_of(screen))
            else:
                denied.append(
                    st.Page(
                        not_for_you,
                        title=screen.title(),
                        url_path=screen.address,
                        visibility="hidden",
                    )
                )
    first = next(iter(pages))
    pages[first] += denied
    return pages


def page_of(screen: Screen) -> st.Page:
    """A screen as Streamlit's navigation takes it."""
    return st.Page(
        FOLDER / f"{screen.name}.py",
        title=screen.title(),
        icon=screen.icon,
        url_path=screen.address,
        default=screen.name == FRONT_PAGE,
        visibility="hidden" if screen.hidden else "visible",
    )


def not_for_you() -> None:
    """What a signed-in person sees on a page of other roles."""
    st.title(_("Not for your roles"))
    st.info(
        _(
            "Your account does not hold a role that opens this page, or this is a wall screen. "
            "An administrator can help."
        )
    )


def remember_language(actor: Actor) -> None:
    """Keep the language for this person, on every device."""
    chosen = st.session_state["language"]
    with unit_of_work() as session:
        profile.choose_locale(session, chosen, actor=actor)


def leave() -> None:
    """End the session in the database first: then it is over even if the browser does nothing."""
    with unit_of_work() as session:
        core_sign_in.sign_out(session, session_token(), now=clock.now())
    post_and_reload("/session/end", {}, once=uuid4().hex, then="/")
    st.stop()


def sidebar(actor: Actor) -> None:
    """Name, language and the way out."""
    with st.sidebar:
        st.caption(plain(actor.name))
        st.selectbox(
            _("Language"),
            LOCALES,
            index=LOCALES.index(current_locale()),
            format_func=LANGUAGES.__getitem__,
            key="language",
            on_change=staff_callback(remember_language),
        )
        if st.button(_("Sign out"), icon=":material/logout:", width="stretch"):
            leave()


def way_out(actor: Actor) -> None:
    """A wall has no sidebar: under the page stands how to end it."""
    if actor.read_only:
        if st.button(_("End the wall screen"), type="tertiary", icon=":material/logout:"):
            leave()
    elif st.button(_("Back to the usual view"), type="tertiary", icon=":material/arrow_back:"):
        st.query_params.pop("wall", None)
        st.rerun()


def for_stranger() -> None:
    """Every address shows the sign-in: a deep link leads where it should after it."""
    page = st.navigation(
        [
            st.Page(
                sign_in.show,
                title=_("Sign in"),
                url_path=screen.address,
                default=screen.name == FRONT_PAGE,
            )
            for screen in SCREENS
        ],
        position="hidden",
    )
    page.run()


def for_staff(actor: Actor) -> None:
    """The pages of a signed-in person; on a wall nothing but the page."""
    on_wall = actor.read_only or st.query_params.get("wall") == "1"
    page = st.navigation(listed(actor), position="hidden" if on_wall else "sidebar", expanded=True)
    if not on_wall:
        sidebar(actor)
    page.run()
    if on_wall:
        way_out(actor)


present = current_actor()
st.set_page_config(page_title=_("Primaries"), page_icon=ICON, layout="wide")
if present is None:
    for_stranger()
else:
    for_staff(present)
