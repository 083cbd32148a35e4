"""The audit log: who did what, when; whether its chain holds; the signed ends of past days."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core import clock
from core.audit import queries as audit
from core.audit.queries import AuditRow
from core.audit.rules import AuthorKind
from core.audit.service import record
from core.cases.access import shown_subjects, subject_of_number, unseen_acts
from core.database import reading, unit_of_work
from core.i18n import _, format_datetime, term
from core.staff.queries import names
from core.staff.rules import Actor, Role
from pages.acts import act_text
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.session import require_role

actor = require_role(Role.ORGANIZER, Role.ADMINISTRATOR, Role.OBSERVER, Role.AUDITOR)
unmasked = actor.has(Role.AUDITOR)
names_shown = actor.has(Role.AUDITOR, Role.ORGANIZER, Role.ADMINISTRATOR)
MASK = "•••"
READ = "audit_read"
# What happens to a case is no business of whoever it may be about: a masked view has none of it.
HIDDEN = ("case", "contact", "draft", "complaint", "commission", "evidence")
EXPORTED = 5_000
CODE = re.compile(r"[a-z_,]+")


def author_text(row: AuditRow, known: Mapping[int, str]) -> str:
    """Who did it: an observer learns the kind of author, the others the name."""
    if row.author_kind is not AuthorKind.STAFF or row.account_id is None or not names_shown:
        return term(row.author_kind)
    return known.get(row.account_id, f"#{row.account_id}")


def subject_text(row: AuditRow, shown: Mapping[str, str]) -> str:
    """What it was done to; a masked view names the kind of thing, not which one."""
    kind, _colon, which = row.subject.partition(":")
    if unmasked or not which:
        return shown.get(row.subject, row.subject)
    return f"{kind}:{MASK}"


def details_text(row: AuditRow) -> str:
    """Codes, numbers and counts of the act; masked, only codes and yes or no are left."""
    shown = {
        key: value if unmasked or isinstance(value, bool) or CODE.fullmatch(str(value)) else MASK
        for key, value in json.loads(row.details).items()
    }
    return ", ".join(f"{key}={value}" for key, value in shown.items())


def unseen(session: Any, actor: Actor) -> audit.Unseen:
    """What this reader does not get: cases that name the reader, and unless an auditor all others."""
    return unseen_acts(session, actor, () if unmasked else HIDDEN)


def table(
    rows: Sequence[AuditRow], known: Mapping[int, str], shown: Mapping[str, str]
) -> list[dict[str, str]]:
    """The rows as they are drawn and exported. Nobody is shown running numbers: a gap in them would
    tell that something happened in a case that does not exist for the reader. Whoever may look
    into single acts names one by its hash.
    """
    drawn = []
    for row in rows:
        line = {
            _("When"): format_datetime(row.at, seconds=True),
            _("Act"): act_text(row.act),
            _("Author"): author_text(row, known),
            _("Subject"): subject_text(row, shown),
            _("Details"): details_text(row),
        }
        if unmasked:
            line[_("Hash")] = row.hash[:16]
        drawn.append(line)
    return drawn


def note_reading(actor: Actor, what: str) -> None:
    """An unmasked reading is itself an act, once for each choice of filters."""
    if not unmasked or st.session_state.get(READ) == what:
        return
    with unit_of_work() as session:
        record(
            session,
            "read_audit_log",
            author=actor.author,
            subject="audit:log",
            details={"filters": what},
        )
    st.session_state[READ] = what


def draw_log(actor: Actor) -> None:
    """Filters and a page of acts."""
    with reading() as session:
        verbs = list(audit.acts(session, unseen=unseen(session, actor)))
    left, right = st.columns(2)
    act = left.selectbox(
        _("Act"), verbs, index=None, format_func=act_text, placeholder=_("all"), key="act"
    )
    subject = None
    if unmasked:
        subject = right.text_input(_("Subject begins with"), key="subject", bind="query-params")
    offset = page_offset()
    note_reading(actor, f"act={act or ''} subject={subject or ''} offset={offset}")
    with reading() as session:
        rows, total = audit.entries(
            session,
            act=act,
            subject=subject_of_number(session, actor, subject) if subject else None,
            unseen=unseen(session, actor),
            offset=offset,
            limit=PAGE_SIZE,
        )
        known = names(session, [row.account_id for row in rows if row.account_id])
        shown = shown_subjects(session, [row.subject for row in rows])
    if not rows:
        st.info(_("Nothing has been logged under these filters."))
        return
    st.dataframe(table(rows, known, shown), hide_index=True, width="stretch")
    draw_pages(total)
    if st.button(_("Prepare a file"), icon=":material/table_view:"):
        export(actor, act, subject)


def export(actor: Actor, act: str | None, subject: str | None) -> None:
    """The newest acts under the filters as CSV."""
    note_reading(actor, f"export act={act or ''} subject={subject or ''}")
    with reading() as session:
        rows, _total = audit.entries(
            session,
            act=act,
            subject=subject_of_number(session, actor, subject) if subject else None,
            unseen=unseen(session, actor),
            limit=EXPORTED,
        )
        known = names(session, list({row.account_id for row in rows if row.account_id}))
        shown = shown_subjects(session, [row.subject for row in rows])
    lines = table(rows, known, shown)
    offer_csv("audit", list(lines[0]), [list(line.values()) for line in lines])


def draw_chain() -> None:
    """Whether the chain holds, on demand; the signed ends."""
    st.write(
        _(
            "Each entry carries the hash of the one before, and the end is signed every day. "
            "A changed, missing or inserted entry is found."
        )
    )
    if st.button(_("Verify the chain"), type="primary", icon=":material/verified:"):
        with st.spinner(_("Verifying…")), reading() as session:
            found = audit.verify_chain(session)
        if found.fault:
            st.error(
                _(
                    "The chain does not hold at entry {number}: {kind}.",
                    number=found.fault.number,
                    kind=term(found.fault.kind),
                )
            )
        else:
            st.success(_("Intact."))
        st.caption(_("Verified {at}", at=format_datetime(clock.now(), seconds=True)))
    with reading() as session:
        heads = [
            {
                _("Day"): head.day,
                _("Signed"): format_datetime(head.signed_at),
                _("Hash"): head.hash,
                _("Signature (Ed25519)"): head.signature.hex(),
            }
            for head in audit.signed_heads(session)
        ]
    if not heads:
        st.info(_("No end has been signed yet: the first is signed within the day."))
        return
    st.subheader(_("Signed ends"))
    st.dataframe(heads, hide_index=True, width="stretch")


st.title(_("Audit log"))
if unmasked:
    st.caption(_("You see the log unmasked. Your readings are logged."))
else:
    st.caption(_("Numbers of persons and cases are masked; acts on cases are not shown."))
log, chain = st.tabs([_("Acts"), _("Chain and signatures")])
with log:
    draw_log(actor)
with chain:
    draw_chain()
