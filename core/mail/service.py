"""The verbs of incoming mail, from the rooms they live in."""

from core.mail.intake import file_waiting, forget_erased_mail, take_in
from core.mail.sorting import (
    OpenedMail,
    add_to_case,
    discard_mail,
    file_by_hand,
    open_case,
    open_quarantined,
    read_mail,
    retry_mail,
    set_aside,
)

__all__ = [
    "OpenedMail",
    "add_to_case",
    "discard_mail",
    "file_by_hand",
    "file_waiting",
    "forget_erased_mail",
    "open_case",
    "open_quarantined",
    "read_mail",
    "retry_mail",
    "set_aside",
    "take_in",
]
