"""What the codes of one writer have in common: how many there may be, and when the last one serves.

A pair of IIN and number that asks again and again would cost an SMS each time, and a stranger who
knows the pair could fill its owner's phone. Nobody is locked out for that: after a few SMS within
ten minutes, another sign-in of the same pair gets the code that came last, and no new SMS. Whoever
has the phone has that code; whoever has not can guess at it as little as at a new one, because
each sign-in has five tries of its own.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from core.messaging.allowance import Meter
from core.messaging.post import Outgoing, Post

WINDOW: Final = timedelta(minutes=10)
"""How long the SMS of a pair are counted."""

FREE: Final = 5
PAUSE: Final = timedelta(minutes=2)
"""Between two SMS of a pair that had `FREE` of them; a code lives for more than twice as long."""

_REMEMBERED: Final = 100_000


@dataclass(slots=True)
class _Sent:
    since: datetime
    last: datetime
    code: str = field(repr=False)
    count: int = 1


class LastCodes:
    """The last code of each pair: in this process's memory, while it may serve again."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._sent: OrderedDict[bytes, _Sent] = OrderedDict()
        self._remembered = remembered

    def serving(self, pair: bytes, now: datetime) -> str | None:
        """The code that serves instead of a new SMS, if one does."""
        sent = self._recent(pair, now)
        if sent is None or sent.count < FREE or now - sent.last >= PAUSE:
            return None
        return sent.code or None

    def sent(self, pair: bytes, code: str, now: datetime) -> None:
        """A code went out by SMS."""
        known = self._recent(pair, now)
        if known is None:
            self._sent[pair] = _Sent(now, now, code)
        else:
            known.count, known.last, known.code = known.count + 1, now, code
        self._sent.move_to_end(pair)
        while len(self._sent) > self._remembered:
            self._sent.popitem(last=False)

    def used(self, pair: bytes) -> None:
        """The code has opened a session: it serves nobody any more."""
        if pair in self._sent:
            self._sent[pair].code = ""

    def _recent(self, pair: bytes, now: datetime) -> _Sent | None:
        sent = self._sent.get(pair)
        return sent if sent is not None and now - sent.since < WINDOW else None


class CodeDesk:
    """The codes of one writer, over all its transactions."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.last = LastCodes()

    def post(self, *, held: bool = False) -> "VotersPost":
        """The post of one transaction."""
        return VotersPost(held=held, desk=self)


@dataclass(slots=True)
class VotersPost(Post):
    """The messages of one transaction of a writer: counted with it, remembered after its commit."""

    desk: CodeDesk = field(default_factory=CodeDesk)
    _issued: list[tuple[bytes, str]] = field(default_factory=list, repr=False)
    _used: list[bytes] = field(default_factory=list)

    def is_exhausted(self, connection: Connection, now: datetime) -> bool:
        """Whether no more codes may be sent, to anybody."""
        return self.desk.meter.is_exhausted(connection, now=now)

    def serving(self, pair: bytes, now: datetime) -> str | None:
        """The code that came last to ``pair``, where it serves instead of a new SMS."""
        return self.desk.last.serving(pair, now)

    def issue(self, pair: bytes, code: str) -> None:
        """``code`` goes to ``pair`` by SMS with this transaction."""
        self._issued.append((pair, code))

    def use(self, pair: bytes) -> None:
        """With this transaction the code of ``pair`` opens a session."""
        self._used.append(pair)

    def count_codes(self, connection: Connection, now: datetime) -> None:
        """Count the codes in the transaction that queues them."""
        codes = sum(message.purpose.is_code for message in self.messages)
        self.desk.meter.count(connection, codes, now=now)

    def committed(self, now: datetime) -> list[Outgoing]:
        """What is to be handed over, now that the transaction has committed."""
        for pair, code in self._issued:
            self.desk.last.sent(pair, code, now)
        for pair in self._used:
            self.desk.last.used(pair)
        return self.messages
