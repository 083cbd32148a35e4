"""Key ceremony: what to do offline, the public file, each trustee's confirmation, the key."""

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, n_, term
from core.results import queries
from core.results.ceremony import confirm_share, install_key, register_ceremony
from core.results.queries import CeremonyView
from core.results.rules import FEWEST_CANVASSERS, MOST_TRUSTEES, CeremonyKind
from core.results.shares import read_public_part
from core.staff.rules import Actor, Role
from pages.session import require_role
from pages.wording import show_refusal

actor = require_role(Role.ORGANIZER, Role.TRUSTEE)


def guide() -> None:
    """What happens on the offline machine, in the order of doing."""
    with st.expander(_("How a ceremony goes"), expanded=not ceremonies):
        st.markdown(
            "\n".join(
                [
                    "1. "
                    + _("Take a machine that is connected to nothing, with this program on it."),
                    "2. "
                    + _(
                        "Run the command below. It prints one sheet of words for each trustee and"
                        " writes a public file without any secret."
                    ),
                    "3. " + _("Give each trustee one sheet. Nobody may see a second one."),
                    "4. " + _("Bring the public file here and load it."),
                    "5. "
                    + _("Each trustee signs in and confirms the fingerprint on the own sheet."),
                    "6. "
                    + _("First all of this with test keys, then again for the election itself."),
                ]
            )
        )
        st.code("python -m core ceremony --trustees 5 --threshold 3 --public-file ceremony.json")


def load_file(acting: Actor) -> None:
    """Take in the public file of a ceremony."""
    st.subheader(_("Load the public file of a ceremony"))
    rehearsed = any(
        each.kind is CeremonyKind.REHEARSAL and each.completed_at for each in ceremonies
    )
    with st.form("load", border=True):
        kind = st.radio(
            _("What the keys are for"),
            list(CeremonyKind),
            index=1 if rehearsed else 0,
            format_func=term,
            horizontal=True,
        )
        uploaded = st.file_uploader(_("Public file (ceremony.json)"), type=["json"])
        canvassers = st.number_input(
            _("How many canvassers have to sign the results"),
            min_value=FEWEST_CANVASSERS,
            max_value=MOST_TRUSTEES,
            value=FEWEST_CANVASSERS,
        )
        pressed = st.form_submit_button(_("Load"), type="primary")
    if not pressed:
        return
    if uploaded is None:
        st.warning(_("Choose the file first."))
        return
    try:
        public = read_public_part(uploaded.getvalue())
        with unit_of_work() as session:
            register_ceremony(
                session,
                public,
                kind=kind,
                canvassers=int(canvassers),
                actor=acting,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def show_ceremony(acting: Actor, ceremony: CeremonyView) -> None:
    """One ceremony: its key, who confirmed, and what this person may do about it."""
    st.subheader(term(ceremony.kind).capitalize())
    figures = st.columns(4)
    figures[0].metric(_("Trustees"), ceremony.trustees)
    figures[1].metric(_("Needed to open"), ceremony.threshold)
    figures[2].metric(_("Confirmed"), f"{ceremony.confirmed} / {ceremony.trustees}")
    figures[3].metric(_("Canvassers to sign"), ceremony.canvassers)
    st.caption(
        _("Fingerprint of the election key: {fingerprint}", fingerprint=ceremony.key_fingerprint)
    )
    st.dataframe(
        [
            {
                _("Share of the key"): share.number,
                _("Trustee"): share.trustee or "—",
                _("Confirmed"): format_datetime(share.confirmed_at) if share.confirmed_at else "—",
            }
            for share in ceremony.shares
        ],
        hide_index=True,
        width="stretch",
    )
    if ceremony.installed_at:
        st.success(
            _(
                "Installed on {at}: ballots are sealed to this key.",
                at=format_datetime(ceremony.installed_at),
            ),
            icon=":material/lock:",
        )
    elif ceremony.completed_at and ceremony.kind is CeremonyKind.REHEARSAL:
        st.success(
            _("Rehearsed on {at}.", at=format_datetime(ceremony.completed_at)),
            icon=":material/check_circle:",
        )
    elif not ceremony.completed_at:
        left = ceremony.trustees - ceremony.confirmed
        st.info(
            n_(
                "{count} trustee has still to confirm.",
                "{count} trustees have still to confirm.",
                left,
            ),
            icon=":material/hourglass_top:",
        )
    if acting.has(Role.TRUSTEE):
        confirm(acting, ceremony)
    installable = ceremony.kind is CeremonyKind.ELECTION and not ceremony.installed_at
    if acting.has(Role.ORGANIZER) and installable:
        install(acting, ceremony)


def confirm(acting: Actor, ceremony: CeremonyView) -> None:
    """A trustee types the fingerprint printed on the own sheet."""
    own = next((each for each in ceremony.shares if each.trustee_id == acting.account_id), None)
    if own is not None:
        st.success(
            _("You confirmed share {number}.", number=own.number), icon=":material/verified:"
        )
        return
    if ceremony.completed_at:
        return
    with st.form(f"confirm-{ceremony.id}"):
        typed = st.text_input(
            _("Fingerprint on your sheet"),
            placeholder="0123456789abcdef",
            help=_("16 letters and digits. Never type the words of the share here."),
        )
        pressed = st.form_submit_button(_("I hold this share"), type="primary")
    if not pressed:
        return
    try:
        with unit_of_work() as session:
            confirm_share(session, ceremony.id, fingerprint=typed, actor=acting, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def install(acting: Actor, ceremony: CeremonyView) -> None:
    """The organizer makes the key the election's."""
    pressed = st.button(
        _("Install the election key"),
        type="primary",
        disabled=ceremony.completed_at is None,
        help=_("Possible when every trustee has confirmed a share."),
        key=f"install-{ceremony.id}",
    )
    if not pressed:
        return
    try:
        with unit_of_work() as session:
            install_key(session, ceremony.id, actor=acting, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


with reading() as session:
    primary = queries.primary_now(session)
    ceremonies = queries.ceremonies(session, primary.id) if primary else ()

st.title(_("Key ceremony"))
if primary is None:
    st.info(_('There is no primary yet. Create it on the page "Timeline" first.'))
    st.stop()
st.caption(
    _(
        "Ballots can be opened only when enough trustees bring their shares together. The server"
        " knows the public key and the fingerprints, and never a word of a share."
    )
)
guide()
for each in ceremonies:
    show_ceremony(actor, each)
if actor.has(Role.ORGANIZER):
    load_file(actor)
