"""The member register: finding members, how it grows, and taking in a register file."""

from datetime import timedelta
from uuid import uuid4

import streamlit as st

from core import clock, places
from core.audit.service import record
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import (
    _,
    format_date,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    n_,
    refusal_text,
    term,
)
from core.membership.imports import Job, current_job, start_import
from core.membership.queries import (
    ImportRunView,
    MemberFilter,
    MemberOrder,
    MemberView,
    growth,
    import_notes,
    import_runs,
    register_counts,
    search_members,
)
from core.membership.reach import reach
from core.membership.reports import report_text
from core.membership.rules import COLUMNS, MemberStatus
from core.settings import settings
from core.staff.rules import Actor, Role
from pages import charts
from pages.freeze_chart import growth_bars
from pages.lists import PAGE_SIZE, csv_bytes, draw_pages, page_offset, xlsx_bytes
from pages.session import require_role, staff_callback, staff_fragment
from pages.wording import place_choices, plain, show_refusal

KEEPERS = (Role.ORGANIZER, Role.REGISTRAR)
actor = require_role(Role.ORGANIZER, Role.REGISTRAR)
EXPORTED = 20_000
UPLOAD_MB = 25
GROWTH_DAYS = 60


def cells(view: MemberView) -> dict[str, str]:
    """A member as a row: IIN and number masked."""
    return {
        _("Name"): view.name,
        _("IIN"): str(view.iin),
        _("Birth date"): format_date(view.birth_date),
        _("Mobile number"): str(view.mobile),
        _("Place"): places.name(view.place_code),
        _("Branch"): view.branch,
        _("Admitted"): format_date(view.admitted_on),
        _("Status"): term(view.status),
    }


def draw_filters(actor: Actor) -> MemberFilter:
    """What the list is narrowed to; it stands in the address."""
    own = reach(actor)
    choices = {
        code: name
        for code, name in place_choices().items()
        if code and (own is None or code in own)
    }
    text = st.text_input(
        _("Name, whole IIN or whole mobile number"),
        key="q",
        bind="query-params",
        max_chars=100,
        icon=":material/search:",
        placeholder=_("Surname first, in Russian, Kazakh or Latin letters"),
    )
    left, middle, right = st.columns(3)
    place = left.selectbox(
        _("Place"),
        list(choices),
        index=None,
        placeholder=_("all"),
        format_func=lambda code: choices.get(code, code),
        key="place",
        bind="query-params",
    )
    status = middle.selectbox(
        _("Status"),
        [status.value for status in MemberStatus],
        index=None,
        placeholder=_("all"),
        format_func=lambda value: term(MemberStatus(value)),
        key="status",
        bind="query-params",
    )
    order = right.selectbox(
        _("Order"),
        [order.value for order in MemberOrder],
        format_func=lambda value: term(MemberOrder(value)),
        key="order",
        bind="query-params",
    )
    return MemberFilter(
        text=text or "",
        place_code=place,
        status=MemberStatus(status) if status else None,
        order=MemberOrder(order),
    )


def draw_members(actor: Actor) -> None:
    """A page of fifty members and the files to take away."""
    wanted = draw_filters(actor)
    with reading() as session:
        found, total = search_members(
            session, wanted, actor=actor, offset=page_offset(), limit=PAGE_SIZE
        )
    if not found:
        if wanted == MemberFilter(order=wanted.order):
            st.info(_("The register is empty. Begin by importing a register file."))
        else:
            st.info(_("Nobody is found. Check the spelling, or remove a filter."))
        return
    st.dataframe([cells(view) for view in found], hide_index=True, width="stretch")
    draw_pages(total)
    if st.button(_("Prepare files"), icon=":material/table_view:", key="prepare"):
        offer_files(actor, wanted)


def offer_files(actor: Actor, wanted: MemberFilter) -> None:
    """The list as CSV and XLSX, as masked as on the screen; taking it away is logged."""
    with unit_of_work() as session:
        found, total = search_members(session, wanted, actor=actor, limit=EXPORTED)
        record(
            session,
            "export_members",
            author=actor.author,
            subject="member",
            details={"rows": len(found), "of": total},
        )
    rows = [cells(view) for view in found]
    header, lines = list(rows[0]), [list(row.values()) for row in rows]
    if total > EXPORTED:
        st.caption(
            _(
                "The first {count} of {total}.",
                count=format_number(EXPORTED),
                total=format_number(total),
            )
        )
    left, right, _space = st.columns([1, 1, 2])
    left.download_button(
        _("Download CSV"),
        csv_bytes(header, lines),
        file_name="members.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )
    right.download_button(
        _("Download XLSX"),
        xlsx_bytes(header, lines),
        file_name="members.xlsx",
        mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )


def draw_growth(actor: Actor) -> None:
    """Admissions a day, with the counts behind them."""
    today = clock.now().astimezone(settings().zone).date()
    with reading() as session:
        days = growth(session, actor=actor, until=today, days=GROWTH_DAYS)
        counts = register_counts(session, actor=actor)
    first, second, third = st.columns(3, border=True)
    first.metric(_("Members of the party"), format_number(counts.active))
    second.metric(_("Excluded"), format_number(counts.excluded))
    third.metric(
        _("Admitted in {count} days", count=GROWTH_DAYS), format_number(sum(n for _day, n in days))
    )
    charts.draw(
        growth_bars(days),
        text=_("Members by the day of their admission, over the last {count} days.", count=60),
        header=[_("Day"), _("Admitted")],
        rows=[(format_date(day), count) for day, count in days],
        key="growth_chart",
    )


# --- Import --------------------------------------------------------------------------------------


def begin(actor: Actor) -> None:
    """Put the uploaded file aside and import it in the background."""
    upload = st.session_state.get("register_file")
    if upload is None:
        return
    folder = settings().data_dir / "incoming"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / uuid4().hex
    path.touch(mode=0o600)
    path.write_bytes(upload.getbuffer())
    try:
        start_import(path, actor=actor, file_name=upload.name)
    except Refused as refused:
        path.unlink()
        st.session_state["import_refused"] = refusal_text(refused)


def draw_import(actor: Actor) -> None:
    """Choose a file, see it taken in, read what was refused."""
    st.write(
        _(
            "CSV (UTF-8 or windows-1251; comma, semicolon or tab) or XLSX, columns in any order. "
            "Rows are matched by IIN; all or nothing is taken in. Refused rows are reported."
        )
    )
    st.code(",".join(COLUMNS), language=None, wrap_lines=True)
    st.file_uploader(
        _("Register file"), type=["csv", "txt", "xlsx"], key="register_file", max_upload_size=25
    )
    st.caption(
        _(
            "Up to {size} MB here. A larger register is imported on the server: {command}",
            size=UPLOAD_MB,
            command="python -m core import members FILE --report REPORT.csv",
        )
    )
    st.button(
        _("Import"),
        type="primary",
        icon=":material/upload_file:",
        disabled=st.session_state.get("register_file") is None,
        on_click=staff_callback(begin, *KEEPERS),
        key="begin_import",
    )
    if words := st.session_state.pop("import_refused", None):
        st.error(plain(words))
    draw_job()
    draw_runs(actor)


@staff_fragment(*KEEPERS, run_every=2)
def draw_job(actor: Actor) -> None:
    """How far the import is; it goes on when this page is left."""
    job = current_job(actor.account_id)
    if job is None:
        return
    with st.container(border=True):
        st.markdown(f"**{plain(job.file_name)}**")
        if job.is_running:
            draw_progress(job)
        elif job.refusal is not None:
            show_refusal(job.refusal)
        elif job.outcome is None:
            st.error(
                _("The import failed and left nothing behind. Try again, or ask an administrator.")
            )
        else:
            outcome = job.outcome
            figures = (
                (_("Read"), outcome.read),
                (_("New"), outcome.new),
                (_("Changed"), outcome.changed),
                (_("Same"), outcome.same),
                (_("Refused"), outcome.refused),
            )
            for column, (label, count) in zip(st.columns(5), figures, strict=True):
                column.metric(label, format_number(count))
            if outcome.frozen_until is not None:
                st.warning(
                    _(
                        "Admission is suspended until {until}: rows that would make somebody a "
                        "member are refused.",
                        until=format_datetime(outcome.frozen_until),
                    )
                )


def draw_progress(job: Job) -> None:
    """Phase, rate and time left."""
    told = job.progress
    if told is None:
        st.progress(0.0, _("Beginning…"))
        return
    left = told.seconds_left
    words = f"{term(told.phase)} · {format_percent(told.share, 0)}"
    if told.rate:
        words += " · " + _("{rate} rows/s", rate=format_number(told.rate))
    if left is not None:
        words += " · " + _("{time} left", time=time_text(left))
    st.progress(min(told.share, 1.0), words)


def time_text(seconds: float) -> str:
    """A span as people wait for it."""
    if seconds < 100:
        return _("{seconds} s", seconds=format_number(max(seconds, 1)))
    return format_duration(timedelta(seconds=seconds))


def run_cells(run: ImportRunView) -> dict[str, str]:
    """An import as a row of the table."""
    return {
        _("№"): str(run.id),
        _("When"): format_datetime(run.started_at),
        _("File"): run.file_name,
        _("Outcome"): _("file refused") if run.failure else _("taken in"),
        _("Author"): run.author or _("system"),
        _("Read"): format_number(run.read),
        _("New"): format_number(run.new),
        _("Changed"): format_number(run.changed),
        _("Same"): format_number(run.same),
        _("Refused"): format_number(run.refused),
        _("To look at"): format_number(run.warned),
        _("Columns kept out"): ", ".join(run.unknown_columns) or "–",
    }


def draw_runs(actor: Actor) -> None:
    """Past imports and their reports."""
    with reading() as session:
        runs = import_runs(session, actor=actor)
    if not runs:
        return
    st.subheader(_("Imports"))
    st.dataframe([run_cells(run) for run in runs], hide_index=True, width="stretch")
    reported = {run.id: run for run in runs if run.refused or run.warned}
    if not reported:
        return
    chosen = st.selectbox(
        _("Report of the import"),
        list(reported),
        format_func=lambda number: f"№ {number} · {reported[number].file_name}",
        key="report_of",
    )
    offer_reports(actor, reported[chosen])


def offer_reports(actor: Actor, run: ImportRunView) -> None:
    """What was refused and why, and what deserves a look."""
    left, right, _space = st.columns([1, 1, 2])
    kinds = (
        (left, False, run.refused, n_("{count} refused row", "{count} refused rows", run.refused)),
        (
            right,
            True,
            run.warned,
            n_("{count} row to look at", "{count} rows to look at", run.warned),
        ),
    )
    for column, warnings, count, label in kinds:
        if not count:
            continue
        with reading() as session:
            notes = import_notes(session, run.id, actor=actor, warnings=warnings)
        column.download_button(
            label,
            report_text(notes, until=run.frozen_until),
            file_name=f"import-{run.id}-{'warnings' if warnings else 'report'}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


st.title(_("Member register"))
people, grown, taken_in = st.tabs([_("Members of the party"), _("Growth"), _("Import")])
with people:
    draw_members(actor)
with grown:
    draw_growth(actor)
with taken_in:
    draw_import(actor)
