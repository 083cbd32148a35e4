"""The report of an import as a file: what was refused, where, and why, in the reader's language."""

import csv
from collections.abc import Iterable
from functools import cache
from io import StringIO
from typing import TextIO

from core.errors import Refused
from core.i18n import current_locale, refusal_text, term, use_locale
from core.membership.queries import Note
from core.membership.rules import MembershipRefusal, RegisterWarning

HEADER = ("row", "column", "code", "message")


def write_report(file: TextIO, notes: Iterable[Note], **facts: object) -> None:
    """Write ``row,column,code,message``; ``facts`` are what the sentences name, such as ``until``."""
    locale = current_locale()
    frozen = Refused(MembershipRefusal.ADMISSION_FROZEN, **facts)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for note in notes:
        if note.code == MembershipRefusal.ADMISSION_FROZEN:
            message = refusal_text(frozen)
        else:
            message = _message(note.code, locale)
        writer.writerow((note.row, note.column, note.code, message))


def report_text(notes: Iterable[Note], **facts: object) -> str:
    """The report as `write_report` writes it."""
    file = StringIO()
    write_report(file, notes, **facts)
    return file.getvalue()


@cache
def _message(code: str, locale: str) -> str:
    with use_locale(locale):
        if code in set(RegisterWarning):
            return term(RegisterWarning(code))
        return refusal_text(Refused(MembershipRefusal(code)))
