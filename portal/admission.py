"""Who may begin to sign in now, and when the others may come: a line of people, not of connections.

While the process keeps up, everybody comes in. When its delay stands above `TARGET`, or what waits
for the writer will take longer than `AT_ONCE`, a line is formed: people come in at the pace that the
process is measured to keep, until the line is empty. Voters who have begun are never asked.

A newcomer is told the expected wait and gets a ticket to bring back when half of it is over (all of
it, if it is short; after `LONGEST`, if it is long). Until then the ticket counts for nothing: people
who have left hold nobody up. Whoever comes back gets the next slot of those who did. A slot that is
near is waited for on the spot; another one is kept, and its ticket comes in when it is brought
again, whatever happens. So nobody who keeps to the times is turned away more than twice. The wait
that newcomers are told follows the share of people who come back.

What tickets can't be used for. They are signed; an old one is worth nothing. A ticket brings one
address in, for `TRIES` sign-ins in case the IIN was mistyped; each process remembers this for as
long as the ticket lives. A ticket that was copied is thus worth at most one address for every
process of the installation, and one more for each restart. Tickets cost nothing and can be taken in
heaps, but a heap moves nobody up: each of them is due in its turn.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from portal.load import REQUESTS_OF_A_VOTER, Load
from portal.tickets import KEPT_FOR, Ticket

TARGET: Final = 0.1
"""Seconds of delay that are no overload, however long they last; twice as many stop the line."""

PATIENCE: Final = 0.1
"""Seconds for which the delay must stand above `TARGET` before a line is formed."""

AT_ONCE: Final = 0.1
"""Seconds of work waiting for the writer that form the line without patience."""

CALM: Final = 1.0
"""Seconds of small delay, nobody being due, after which the line is dissolved."""

HOLD: Final = 1.0
"""Seconds for which a sign-in is held rather than turned away: that is cheaper, and people who were
all told "three seconds" come in one after the other."""

SHORT: Final = 3.0
"""Seconds of expected wait up to which a ticket is brought back once only."""

LONGEST: Final = 120.0
"""Seconds after which everybody is asked to come back at the latest: what a line is thought to be
is a guess, and whoever leaves for an hour because of it has lost the hour."""

UNDER_WAY: Final = 60.0
"""Seconds at most that a new line leaves to those who came before it."""

BUNCH: Final = 0.1
"""Seconds of unused slots that may be taken at once: people don't arrive evenly."""

SETTLING: Final = 2.0
"""Seconds of a new line in which delay says nothing of its pace: the bunch before it is served."""

RESPONSE: Final = 0.2
"""Seconds over which the brake follows the delay, so that one slow commit does not stop anybody."""

ADJUSTMENT: Final = 20.0
"""Seconds over which the pace follows the brake: a voter's work comes long after the sign-in."""

LATECOMERS: Final = 4.0
"""Seconds after its time in which a ticket is still waited for before it counts as left."""

TRIES: Final = 3
_LEAST_PACE: Final = 1.0
_USUAL_GAIN: Final = 0.95
_LEAST_GAIN: Final = 0.1
_USUAL_BRAKE: Final = 0.15
_LEAST_SHARE: Final = 0.1
_A_FEW: Final = 100

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Turn:
    """When it is somebody's turn: the ticket to show then, and how many seconds it will be.

    If it ``has_come``, the sign-in can begin, held for ``seconds``.
    """

    ticket: Ticket
    seconds: float
    has_come: bool

    @classmethod
    def at(cls, slot: float, ticket: Ticket, *, now: float) -> "Turn":
        """The turn at a slot that is kept for the ticket."""
        seconds = max(0.0, slot - now)
        return cls(replace(ticket, due=slot, counted=True), seconds, seconds <= HOLD)

    def retry_after(self, now: float) -> int:
        """Whole seconds after which to come back: rather early than late, and held till then."""
        return max(1, int(self.ticket.due - now))


class Admission:
    """The line of one process. All times are seconds of the epoch."""

    def __init__(self, load: Load) -> None:
        self.has_line = False
        self._load = load
        self._formed_at = 0.0
        self._late_since: float | None = None
        self._calm_since: float | None = None
        self._looked_at: float | None = None
        self._gain = _USUAL_GAIN
        self._brake = 0.0
        self._slot = 0.0  # the next free slot
        self._tail = 0.0  # when the next newcomer can expect one
        self._returns = _Returns()
        self._slots: _Remembered[float] = _Remembered()
        self._tries: _Remembered[int] = _Remembered()

    @property
    def pace(self) -> float:
        """Voters a second who come in while there is a line."""
        return max(_LEAST_PACE, self._gain * self._load.capacity / REQUESTS_OF_A_VOTER)

    def expected_wait(self, now: float) -> float:
        """Seconds that a newcomer would be told; 0 while there is nothing to tell."""
        wait = max(self._tail, self._slot) - now
        return wait if self.has_line and wait > HOLD else 0.0

    def come_in(self, ticket: Ticket | None, who: str, *, now: float) -> Turn:
        """Whether this address may begin a sign-in; a turn that has come uses the ticket."""
        if not self.has_line and self._load.expected_delay > AT_ONCE:
            self._form(now)
        if not self.has_line:
            return Turn.at(now, Ticket.new(now, now), now=now)
        if ticket is not None and not self._is_for(ticket, who):
            ticket = None
        turn = self.ask(ticket, now=now)
        if ticket is not None and turn.has_come:
            self._use(ticket, who, now)
        return turn

    def ask(self, ticket: Ticket | None, *, now: float) -> Turn:
        """The same question before the sign-in: keeps the slot and uses nothing."""
        if not self.has_line:
            # Its arrival, and no slot: else a heap of tickets taken now would pass the next line.
            return Turn(ticket or Ticket.new(now, now), 0.0, has_come=True)
        if ticket is None:
            return self._newcomer(now)
        if ticket.counted:
            return Turn.at(ticket.due, ticket, now=now)
        slot = self._slots.get(ticket.id)
        if slot is None:
            has_room = self._slot <= now - BUNCH
            if ticket.due - now > HOLD and not has_room:
                return Turn(ticket, max(ticket.due, self._slot) - now, has_come=False)
            self._returns.came(ticket.due)
            slot = self._next_slot(now)
            self._slots.put(ticket.id, slot, until=slot + KEPT_FOR, now=now)
        return Turn.at(slot, ticket, now=now)

    def _newcomer(self, now: float) -> Turn:
        turn = max(self._tail, self._slot, now)
        self._tail = turn + self._returns.share / self.pace
        wait = turn - now
        if wait <= HOLD:
            return Turn.at(self._next_slot(now), Ticket.new(now, now), now=now)
        due = turn if wait <= SHORT else now + min(wait / 2, LONGEST)
        self._returns.expected(due)
        return Turn(Ticket.new(now, due), wait, has_come=False)

    def _next_slot(self, now: float) -> float:
        slot = max(self._slot, now - BUNCH)
        self._slot = slot + 1 / self.pace
        return slot

    def _is_for(self, ticket: Ticket, who: str) -> bool:
        first, tries = divmod(self._tries.get(ticket.id) or 0, TRIES + 1)
        return tries == 0 or (tries < TRIES and first == hash(who))

    def _use(self, ticket: Ticket, who: str, now: float) -> None:
        # Address and tries as one number: an hour of a line leaves hundreds of thousands of them.
        tries = (self._tries.get(ticket.id) or 0) % (TRIES + 1) + 1
        until = max(now, ticket.due) + KEPT_FOR
        self._tries.put(ticket.id, hash(who) * (TRIES + 1) + tries, until=until, now=now)

    def _form(self, now: float) -> None:
        self.has_line = True
        self._formed_at = now
        self._calm_since = None
        # What is under way comes first, and each sign-in in it brings three requests more.
        under_way = self._load.expected_delay * REQUESTS_OF_A_VOTER
        self._slot = self._tail = now + min(under_way, UNDER_WAY)

    def look(self, now: float) -> None:
        """Once a tick: form the line, keep its pace, dissolve it."""
        passed = 0.0 if self._looked_at is None else max(0.0, now - self._looked_at)
        self._looked_at = now
        is_late = self._load.delay > TARGET
        self._late_since = (self._late_since or now) if is_late else None
        if not self.has_line:
            if self._late_since is not None and now - self._late_since >= PATIENCE:
                self._form(now)
            return
        wanted = min(1.0, max(0.0, self._load.delay / TARGET - 0.5) / 1.5)
        self._brake += (wanted - self._brake) * min(1.0, passed / RESPONSE)
        self._slot = max(self._slot, now - BUNCH) + passed * self._brake
        if now > self._formed_at + SETTLING:
            self._gain *= 1 + passed * (_USUAL_BRAKE - self._brake) / ADJUSTMENT
            self._gain = min(_USUAL_GAIN, max(_LEAST_GAIN, self._gain))
        self._returns.look(now)
        is_calm = not is_late and max(self._tail, self._slot) <= now
        self._calm_since = (self._calm_since or now) if is_calm else None
        if self._calm_since is not None and now - self._calm_since >= CALM:
            self.has_line = False


class _Returns:
    """What share of those who were told a time come back at it."""

    def __init__(self) -> None:
        self.share = 1.0
        self._expected: Counter[int] = Counter()
        self._came: Counter[int] = Counter()
        self._learnt_at = 0

    def expected(self, due: float) -> None:
        """Somebody was told to come then."""
        self._expected[int(due)] += 1

    def came(self, due: float) -> None:
        """Somebody who was told that time came."""
        self._came[int(due)] += 1

    def look(self, now: float) -> None:
        """Learn from the seconds whose people can no longer be under way."""
        over = int(now - LATECOMERS)
        if over == self._learnt_at:
            return
        self._learnt_at = over
        for second in [due for due in self._expected if due < over]:
            expected = self._expected.pop(second)
            share = min(1.0, self._came[second] / expected)
            weight = expected / (expected + _A_FEW)
            self.share = max(_LEAST_SHARE, self.share + (share - self.share) * weight)
        for second in [due for due in self._came if due < over]:
            del self._came[second]


class _Remembered(Generic[Value]):
    """Something about tickets, for as long as they can be used: two generations of them."""

    def __init__(self) -> None:
        self._younger: dict[bytes, Value] = {}
        self._older: dict[bytes, Value] = {}
        self._younger_until = self._older_until = 0.0
        self._began = 0.0

    def get(self, ticket_id: bytes) -> Value | None:
        """What was put for a ticket."""
        found = self._younger.get(ticket_id)
        return self._older.get(ticket_id) if found is None else found

    def put(self, ticket_id: bytes, value: Value, *, until: float, now: float) -> None:
        """Remember ``value`` until then at least."""
        if now > max(self._began + KEPT_FOR, self._older_until):
            self._younger, self._older = {}, self._younger
            self._younger_until, self._older_until = 0.0, self._younger_until
            self._began = now
        self._younger_until = max(self._younger_until, until)
        self._younger[ticket_id] = value
