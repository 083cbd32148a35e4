"""The files of a case: what there is with its custody, and adding more."""

from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import clock
from core.cases import evidence, service
from core.cases.evidence import EvidenceView
from core.cases.evidence_rules import LARGEST, EvidenceKind, ScanState, read_upload
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, refusal_text, term
from core.staff.rules import Actor, Role
from pages.listener.evidence_routes import PATH
from pages.session import staff_fragment
from pages.wording import plain

_REFUSED: Final = "evidence_refused"
_ROUND: Final = "evidence_round"
_SCANS: Final = {
    ScanState.WAITING: (":material/hourglass_top:", "orange"),
    ScanState.CLEAN: (":material/verified_user:", "green"),
    ScanState.INFECTED: (":material/coronavirus:", "red"),
    ScanState.NOT_SCANNED: (":material/shield:", "gray"),
    ScanState.UNREADABLE: (":material/help:", "orange"),
    ScanState.ERASED: (":material/delete:", "gray"),
}


@staff_fragment(Role.OPERATOR, Role.COMMISSIONER)
def draw_evidence(acting: Actor, number: str, *, may_add: bool) -> None:
    """The files, and a field to drop more into."""
    st.subheader(_("Evidence"))
    with reading() as session:
        files = evidence.evidence_of(session, acting, number)
    if not files:
        st.caption(_("No file yet."))
    for each in files:
        draw_file(each)
    for words in st.session_state.pop(_REFUSED, []):
        st.error(plain(words))
    if may_add and not acting.read_only:
        offer_more(acting, number)


def draw_file(each: EvidenceView) -> None:
    """One file: name, size, who added it, its digest, and who had it in hand."""
    with st.container(border=True):
        st.text(each.name or _("erased"))
        who = _("the complainant") if each.by_complainant else each.added_by or "–"
        st.caption(
            plain(
                " · ".join(
                    (
                        term(each.kind),
                        _("{size} kB", size=format_number(-(-each.size // 1024))),
                        format_datetime(each.added_at),
                        who,
                    )
                )
            )
        )
        icon, color = _SCANS[each.scan]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(term(each.scan), icon=icon, color=color)  # type: ignore[arg-type]
            if each.frozen_at:
                st.badge(_("in the frozen list"), icon=":material/lock:", color="blue")
        if each.can_be_opened:
            st.link_button(
                _("Download"), f"{PATH}{each.id}", icon=":material/download:", type="tertiary"
            )
        with st.popover(_("Chain of custody"), type="tertiary", icon=":material/link:"):
            if each.sha256:
                st.caption("SHA-256")
                st.code(each.sha256, language=None, wrap_lines=True)
            for link in each.custody:
                someone = link.who or (who if link.act.value == "added" else _("the system"))
                st.text(f"{format_datetime(link.at)} · {term(link.act)} · {someone}")


def offer_more(acting: Actor, number: str) -> None:
    """Drop files in: each is taken or refused with its own sentence."""
    turn = st.session_state.setdefault(_ROUND, 0)
    given = st.file_uploader(
        _("Add files"),
        type=[kind.value for kind in EvidenceKind] + ["jpeg"],
        accept_multiple_files=True,
        max_upload_size=LARGEST // 1024 // 1024,
        key=f"evidence_files_{turn}",
        help=_(
            "Documents, pictures, sound and film, up to 25 MB each. What a file is, is seen by its content."
        ),
    )
    if given and st.button(_("Add to the case"), type="primary", icon=":material/attach_file:"):
        st.session_state[_REFUSED] = [
            words for file in given if (words := add(acting, number, file)) is not None
        ]
        st.session_state[_ROUND] = turn + 1
        st.rerun()


def add(acting: Actor, number: str, file: UploadedFile) -> str | None:
    """Add one file; gives the sentence of its refusal."""
    try:
        upload = read_upload(file, file.name)
        with unit_of_work() as session:
            service.add_evidence(session, number, upload, actor=acting, now=clock.now())
    except Refused as refused:
        return f"{file.name}: {refusal_text(refused)}"
    return None
