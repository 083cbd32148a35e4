"""How the system is: is everything running, is there room, do messages leave the house."""

from datetime import date, datetime, timedelta

import streamlit as st

from core import clock, schedule
from core.database import reading
from core.i18n import (
    _,
    format_date,
    format_datetime,
    format_number,
    format_percent,
    format_time,
)
from core.mail.queries import intake_health
from core.staff.health import Health, health
from core.staff.rules import Actor, Role
from pages.mail_health import draw_intake, wrong_with_mail
from pages.outgoing import draw_codes, draw_gateways, offer_acts, wrong_with_messages
from pages.session import require_role, staff_fragment

actor = require_role(Role.ADMINISTRATOR)
LATE = timedelta(minutes=1)


def size_text(size: int) -> str:
    """A size in MB, from a thousand of them on in GB."""
    if size >= 1_000_000_000:
        return _("{size} GB", size=format_number(size / 1_000_000_000, 1))
    return _("{size} MB", size=format_number(size / 1_000_000, 1))


def verdict(found: Health, now: datetime) -> list[str]:
    """What is wrong, as sentences; empty when all is well."""
    wrong = []
    state = schedule.state()
    if state.ticked_at is None or now - state.ticked_at > LATE:
        wrong.append(_("The schedule of this process stands still: messages are not sent."))
    wrong += [
        _("The task {task} failed at its last run ({fault}).", task=task, fault=fault)
        for task, fault in sorted(state.faults.items())
    ]
    wrong += wrong_with_messages(found, now)
    if found.disk_free_bytes < found.disk_bytes // 10:
        wrong.append(_("Less than a tenth of the disk is free."))
    if not found.keys_are_private:
        wrong.append(_("Others than the owner may read the folder of keys."))
    return wrong


@staff_fragment(Role.ADMINISTRATOR, run_every=5)
def draw(_actor: Actor) -> None:
    """The state, looked up every five seconds."""
    now = clock.now()
    with reading() as session:
        found = health(session, now=now)
        mail = intake_health(session)
    wrong = [*verdict(found, now), *wrong_with_mail(mail, now)]
    if wrong:
        for sentence in wrong:
            st.error(sentence, icon=":material/error:")
    else:
        st.success(_("Everything runs."), icon=":material/check_circle:")
    draw_figures(found, now)
    draw_gateways(found, now)
    draw_intake(mail)
    draw_codes(found.codes)
    st.caption(
        _(
            "{environment} · schema {revision} · looked up {at}",
            environment=found.environment,
            revision=found.revision or "–",
            at=format_datetime(now, seconds=True),
        )
    )


def draw_figures(found: Health, now: datetime) -> None:
    """Four figures and what they are of."""
    database, disk, people, clockwork = st.columns(4, border=True)
    database.metric(_("Database"), size_text(found.database_bytes))
    database.caption(found.engine)
    disk.metric(_("Disk free"), size_text(found.disk_free_bytes))
    disk.caption(
        _("{share} of the disk", share=format_percent(found.disk_free_bytes / found.disk_bytes))
    )
    people.metric(_("Open staff sessions"), format_number(found.live_sessions))
    people.caption(_("in all processes"))
    ticked = schedule.state().ticked_at
    clockwork.metric(_("Schedule"), format_time(ticked, seconds=True) if ticked else "–")
    signed = format_date(date.fromisoformat(found.signed_day)) if found.signed_day else "–"
    clockwork.caption(_("Audit log signed for {day}", day=signed))


st.title(_("System health"))
draw()
if not actor.read_only:
    with reading() as session:
        shown = health(session, now=clock.now())
    offer_acts(shown)
