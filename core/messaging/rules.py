"""Outgoing messages: their states, how long things last, and on which side a doubt errs. Pure.

**Taken or not?** When a connection breaks after a message was written to it, or the answer comes
too late or makes no sense, nobody knows whether the gateway took the message. Then

- a *one-time code* is not sent again. The voter asks for another one with a press, whereas two
  messages with one code look like fraud, cost twice and teach people to ignore them;
- a *notice* (a number was changed, a vote was cast) is sent again. It may come twice, which harms
  nobody; one that never came would.

A refusal that surely took nothing (no connection, "come back later") leaves no doubt: both kinds
are tried again, a code only until it expires. The same rule holds for the messages that a sender
had on the wire when it died. A later report of delivery settles every doubt.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

HELD: Final = timedelta(seconds=20)
"""How long a queued message is left to the process that made it and has it in memory."""

LEASE: Final = timedelta(seconds=60)
"""How long a message may be on the wire; longer than any gateway is waited for."""

MAX_ATTEMPTS: Final = 20
"""Tries of a notice, some seven hours of them, before it is left to an administrator."""

_LONGEST_DELAY: Final = timedelta(minutes=30)
_LONGEST_DELAY_OF_A_CODE: Final = timedelta(seconds=15)


class GatewayKind(StrEnum):
    """Which kind of gateway carries a message."""

    SMS = "sms"
    MAIL = "mail"


class MessageState(StrEnum):
    """Where an outgoing message is on its way."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    DISCARDED = "discarded"


class Purpose(StrEnum):
    """What a message is for."""

    ONE_TIME_CODE = "one_time_code"
    VOTE_CAST = "vote_cast"
    ROLL_CHANGE = "roll_change"
    APPLICATION = "application"
    PAPER_BALLOT = "paper_ballot"
    STAFF = "staff"
    COMPLAINT = "complaint"

    @property
    def is_code(self) -> bool:
        """Whether a voter waits for it at this moment, and it is worthless afterwards."""
        return self is Purpose.ONE_TIME_CODE

    @property
    def priority(self) -> int:
        """0 goes before 1: codes before notices."""
        return 0 if self.is_code else 1


class GivenUpAct(StrEnum):
    """What an administrator decides about messages that were given up."""

    TRY_AGAIN = "try_again"
    DISCARD = "discard"


class MessagingRefusal(StrEnum):
    """Why an act on outgoing messages was refused."""

    ALLOWANCE_OUT_OF_RANGE = "allowance_out_of_range"
    NOTHING_GIVEN_UP = "nothing_given_up"


class SendFault(StrEnum):
    """What last went wrong with a message; the type only, never what a gateway said."""

    NOT_REACHED = "not_reached"
    NOT_TAKEN = "not_taken"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    SENDER_DIED = "sender_died"
    UNDELIVERED = "undelivered"


_NOTHING_TAKEN: Final = frozenset({SendFault.NOT_REACHED, SendFault.NOT_TAKEN})


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a message after a try; ``due_at`` for one that is queued again."""

    state: MessageState
    due_at: datetime | None = None


def after_fault(
    purpose: Purpose,
    fault: SendFault,
    *,
    attempts: int,
    expires_at: datetime | None,
    now: datetime,
    jitter: float,
) -> Next:
    """What becomes of a message whose ``attempts``-th try ended with ``fault``.

    ``jitter`` from 0 to 1 spreads the next tries, so that what failed together does not come
    back together.
    """
    if purpose.is_code and fault not in _NOTHING_TAKEN:
        return Next(MessageState.FAILED)
    if fault is SendFault.REFUSED:
        # Refused for good: the address is none, or takes nothing from us.
        return Next(MessageState.FAILED)
    if not purpose.is_code and attempts >= MAX_ATTEMPTS:
        return Next(MessageState.FAILED)
    due_at = now + retry_delay(purpose, attempts, jitter)
    if expires_at is not None and due_at >= expires_at:
        return Next(MessageState.EXPIRED)
    return Next(MessageState.QUEUED, due_at)


def retry_delay(purpose: Purpose, attempts: int, jitter: float) -> timedelta:
    """How long to wait after the ``attempts``-th try: 2, 4, 8 … seconds, half of it by chance."""
    longest = _LONGEST_DELAY_OF_A_CODE if purpose.is_code else _LONGEST_DELAY
    whole = min(longest, timedelta(seconds=2 ** min(attempts, 20)))
    return whole * (0.5 + jitter / 2)


_GIVEN_AWAY: Final = frozenset({MessageState.SENDING, MessageState.SENT})


def after_report(state: MessageState, *, delivered: bool) -> MessageState | None:
    """What a gateway's report makes of a message in ``state``; None when it changes nothing.

    A delivery is believed in every state: the phone has the message, whatever we thought of it,
    and one that waits to be sent again need not be. A failure is believed of what was given away
    and not heard of since.
    """
    if delivered:
        return MessageState.DELIVERED if state is not MessageState.DELIVERED else None
    return MessageState.FAILED if state in _GIVEN_AWAY else None


def keeps_text(purpose: Purpose, state: MessageState) -> bool:
    """Whether number and text are still needed: while a message waits, and when a notice was given
    up, because an administrator may let it be tried again.
    """
    waits = state in {MessageState.QUEUED, MessageState.SENDING}
    return waits or (state is MessageState.FAILED and not purpose.is_code)
