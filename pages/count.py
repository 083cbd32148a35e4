"""Close and count: sealed ballots out, the result in; in a rehearsal the trustees count here."""

from datetime import datetime
from io import BytesIO

import streamlit as st

from core import clock, places
from core.database import reading
from core.errors import Refused
from core.i18n import _, current_locale, format_datetime, format_number, n_, term
from core.results import queries
from core.results.carrying import bring_in, take_out
from core.results.counting import Imported
from core.results.onestep import count_in_one_step, is_allowed
from core.results.queries import CountState
from core.results.rules import ImportOutcome
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.session import require_role
from pages.wording import show_refusal

_DONE = "count_brought_in"
_LARGEST_HERE = 100_000  # ballots; more are written by the command, not through a browser

actor = require_role(Role.ORGANIZER, Role.TRUSTEE, Role.CANVASSER)


def show_state(counted: CountState) -> None:
    """Where close, export and count stand, in three figures."""
    now = clock.now()
    figures = st.columns(3)
    closes = format_datetime(counted.closes) if counted.closes else "—"
    is_closed = counted.closes is not None and now >= counted.closes
    figures[0].metric(_("Voting closed") if is_closed else _("Voting closes"), closes)
    figures[1].metric(
        _("Sealed ballots exported"),
        format_number(counted.ballots) if counted.ballots is not None else "—",
    )
    figures[2].metric(_("Counted"), _("yes") if counted.imports else _("no"))
    if counted.closes:
        show_other_clocks(counted.closes)
    if counted.exportable_from is None or now < counted.exportable_from:
        st.info(
            _(
                "Ballots stay sealed until the close. They can be exported from {at}.",
                at=format_datetime(counted.exportable_from) if counted.exportable_from else "—",
            ),
            icon=":material/lock:",
        )


def show_other_clocks(closes: datetime) -> None:
    """What clocks showed at the close where they differ from the primary's zone."""
    found: dict[str, list[str]] = {}
    own = closes.astimezone(settings().zone).utcoffset()
    for unit in places.children(None):
        if closes.astimezone(unit.zone).utcoffset() != own:
            local = format_datetime(closes, unit.zone)
            found.setdefault(local, []).append(unit.names[current_locale()])
    for local, units in sorted(found.items()):
        st.caption(_("By local time {local}: {places}.", local=local, places=", ".join(units)))


def export_step(acting: Actor, counted: CountState) -> None:
    """Prepare the export and give it to the browser."""
    st.subheader(_("1. Sealed ballots for the count machine"))
    if counted.exported_at:
        st.caption(
            _(
                "Exported on {at}. Digest: {digest}",
                at=format_datetime(counted.exported_at),
                digest=counted.export_digest,
            )
        )
    st.caption(_("The file holds no order, no time and no voter. Made again it is the same."))
    if (counted.ballots or 0) > _LARGEST_HERE:
        st.code("python -m core export-sealed ballots.jsonl")
        return
    is_early = counted.exportable_from is None or clock.now() < counted.exportable_from
    if st.button(_("Prepare the file"), disabled=is_early, type="primary"):
        kept = BytesIO()
        try:
            take_out(kept, actor=acting, now=clock.now())
        except Refused as refused:
            show_refusal(refused)
            return
        st.download_button(
            _("Download the sealed ballots"),
            kept.getvalue(),
            "ballots.jsonl",
            "application/jsonl",
            on_click="ignore",
        )


def count_step() -> None:
    """What is done offline between export and import."""
    st.subheader(_("2. Count on the offline machine"))
    st.caption(
        _(
            "The trustees type their words there. The result comes back sealed to this server:"
            " whoever carries it can't read a vote."
        )
    )
    st.code("python -m core count ballots.jsonl --out result.json")


def import_step(acting: Actor, counted: CountState) -> None:
    """Bring the result in, again for a second machine's."""
    st.subheader(_("3. Bring the result in"))
    for each in counted.imports:
        by = f" · {each.by}" if each.by else ""
        st.text(f"{term(each.outcome)} · {format_datetime(each.imported_at)}{by}")
    with st.form("import"):
        uploaded = st.file_uploader(_("Result file (result.json)"), type=["json"])
        pressed = st.form_submit_button(_("Bring in"), type="primary")
    if not pressed:
        return
    if uploaded is None:
        st.warning(_("Choose the file first."))
        return
    try:
        imported = bring_in(uploaded.getvalue(), actor=acting, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    show_anew(imported)


def show_anew(imported: Imported) -> None:
    """Run the page again: its figures were read before the count came in."""
    st.session_state[_DONE] = imported
    st.rerun()


def tell(imported: Imported) -> None:
    """What bringing in did, in a sentence."""
    ballots = n_("{count} ballot", "{count} ballots", imported.ballots)
    if imported.outcome is ImportOutcome.RECORDED:
        st.success(_("The count is recorded: {ballots}. The totals are locked.", ballots=ballots))
    else:
        st.success(
            _("A second count gave the same result, byte for byte: {ballots}.", ballots=ballots)
        )


def rehearsal_step(acting: Actor, counted: CountState, needed: int) -> None:
    """The trustees of a rehearsal type their shares here, and the server counts at once."""
    st.subheader(_("Count here, in one step (rehearsal only)"))
    if counted.imports:
        st.success(
            _("Counted on {at}.", at=format_datetime(counted.imports[0].imported_at)),
            icon=":material/check_circle:",
        )
    st.warning(
        _(
            "In an election this is impossible on purpose: the server must never hold the key."
            " Test keys only."
        ),
        icon=":material/science:",
    )
    with st.form("one-step", clear_on_submit=True):
        shares = [
            st.text_area(_("Words of share {number}", number=number), height=96)
            for number in range(1, needed + 1)
        ]
        pressed = st.form_submit_button(_("Open and count"), type="primary")
    if not pressed:
        return
    bar = st.progress(0.0, text=_("Opening the ballots…"))

    def progress(done: int, total: int) -> None:
        bar.progress(
            done / total if total else 1.0,
            text=_(
                "{done} of {total} ballots", done=format_number(done), total=format_number(total)
            ),
        )

    try:
        imported = count_in_one_step(
            [share for share in shares if share.strip()],
            actor=acting,
            now=clock.now(),
            progress=progress,
        )
    except Refused as refused:
        bar.empty()
        show_refusal(refused)
        return
    bar.empty()
    show_anew(imported)


with reading() as session:
    primary = queries.primary_now(session)
    state = queries.count_state(session, primary) if primary else None
    ceremonies = queries.ceremonies(session, primary.id) if primary else ()

st.title(_("Close and count"))
if primary is None or state is None:
    st.info(_('There is no primary yet. Create it on the page "Timeline" first.'))
    st.stop()
show_state(state)
if _DONE in st.session_state:
    tell(st.session_state.pop(_DONE))
if actor.has(Role.ORGANIZER):
    export_step(actor, state)
    count_step()
if actor.has(Role.ORGANIZER, Role.CANVASSER):
    import_step(actor, state)
installed = next((each for each in ceremonies if each.installed_at), None)
if installed is None:
    st.info(_("There is no election key yet: hold the key ceremony first."))
elif is_allowed(primary) and actor.has(Role.ORGANIZER, Role.TRUSTEE):
    rehearsal_step(actor, state, installed.threshold)
elif actor.has(Role.TRUSTEE):
    st.info(_("Bring your sheet to the count machine. Your words are never typed on this server."))
