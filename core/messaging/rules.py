"""States of an outgoing message. Pure."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

LEASE: Final = timedelta(seconds=60)
"""How long one sender may hold a message before another takes it over."""

MAX_ATTEMPTS: Final = 5


class MessageState(StrEnum):
    """Where an outgoing message is on its way."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Purpose(StrEnum):
    """What a message is for; decides nothing, tells the health page what is waiting."""

    ONE_TIME_CODE = "one_time_code"
    ROLL_CHANGE = "roll_change"
    APPLICATION = "application"
    STAFF = "staff"


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after the ``attempts``-th failed try: 2, 4, 8 … seconds."""
    return timedelta(seconds=2**attempts)
