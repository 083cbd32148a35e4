"""The life of the staff listener: what is done before the first request and after the last."""

import gc
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from core import database
from core.database import unit_of_work
from core.mail.mailboxes import watch_all
from core.schedule import Schedule
from core.settings import settings
from core.staff import passwords
from core.staff.bootstrap import make_first_administrators

# Loaded before the collector is frozen: what is frozen is never looked through again.
_HEAVY: Final = ("altair", "numpy", "pandas", "pyarrow", "segno", "streamlit_authenticator")


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Schema, first administrators, schedule, mailboxes; then the collector is frozen.

    Streamlit collects garbage after every run of a script: with everything imported so far out of
    its sight a run takes a third of the time.
    """
    await run_in_threadpool(prepare)
    schedule = Schedule()
    schedule.start()
    watches = watch_all(settings().mailboxes)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        for part in (schedule, *watches):
            await run_in_threadpool(part.stop)
        database.dispose()


def prepare() -> None:
    """Everything that must be there before the first page."""
    database.upgrade()
    _make_first_administrators()
    passwords.nobodys_hash()
    for name in _HEAVY:
        importlib.import_module(name)


def _make_first_administrators() -> None:
    with unit_of_work() as session:
        made = make_first_administrators(session)
    for login, password in made:
        # The one moment at which these are known: they go to the terminal, never to a log file.
        sys.stdout.write(f"{login}: {password}\n")
    sys.stdout.flush()
