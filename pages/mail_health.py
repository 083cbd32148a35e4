"""Incoming mail on the health page: mailboxes, and what waits for people."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import streamlit as st

from core.i18n import _, format_datetime, format_number
from core.mail.queries import IntakeHealth
from pages.wording import plain

SILENT_FOR: Final = timedelta(minutes=15)


def wrong_with_mail(found: IntakeHealth, now: datetime) -> Iterator[str]:
    """What is wrong with the intake, as sentences."""
    for box in found.mailboxes:
        if box.fault:
            yield _(
                "The mailbox {name} can't be read ({fault}). Check server, user and password.",
                name=plain(box.name),
                fault=box.fault,
            )
        elif box.fetched_at is None or now - box.fetched_at > SILENT_FOR:
            yield _("Nobody has looked into the mailbox {name} for a while.", name=plain(box.name))
    if found.quarantined:
        yield _(
            "Mails in quarantine: {count}. An operator must settle them.", count=found.quarantined
        )


def draw_intake(found: IntakeHealth) -> None:
    """A line of figures, then the mailboxes; nothing where no mail was ever taken in."""
    if not found.mailboxes and found.oldest is None:
        return
    st.subheader(_("Incoming mail"))
    waiting, held, oldest = st.columns(3, border=True)
    waiting.metric(_("Mails to sort"), format_number(found.to_sort))
    held.metric(_("In quarantine"), format_number(found.quarantined))
    oldest.metric(_("Oldest waits since"), format_datetime(found.oldest) if found.oldest else "–")
    for box in found.mailboxes:
        seen = format_datetime(box.fetched_at, seconds=True) if box.fetched_at else "–"
        words = _("looked through {at}, mails so far: {count}", at=seen, count=box.fetched)
        st.caption(plain(f"{box.name} · {words}"))
