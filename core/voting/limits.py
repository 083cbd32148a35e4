"""Limits that slow a hurried sign-in down and never lock anybody out. Pure, in memory.

A stranger with a list of IINs must not be able to keep their owners from voting. So a wait follows
the pair of what was tried and from where: whoever comes from an address that has not tried this IIN
or number of late passes at once, however often strangers tried it elsewhere. A wait is at most a
minute, and tries that were told to wait don't lengthen it. Each process counts for itself.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 600.0
"""Seconds after which tries are forgotten."""

PAIR_FREE: Final = 5
PAIR_WAIT: Final = 30.0
SUBJECT_FREE: Final = 15
SUBJECT_WAIT: Final = 60.0
ADDRESS_FREE: Final = 30
ADDRESS_WAIT: Final = 3.0
_REMEMBERED: Final = 300_000


@dataclass(slots=True)
class _Tries:
    since: float
    count: int
    last: float


class Pace:
    """How often each IIN, number and address tried to sign in of late."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._tries: OrderedDict[bytes, _Tries] = OrderedDict()
        self._remembered = remembered

    def wait(self, *, subjects: Iterable[bytes], address: bytes, exempt: bool, now: float) -> float:
        """Seconds to wait before this try may be made; 0 lets it pass and counts it.

        ``subjects`` are the digests of IIN and number, ``now`` is monotonic. Inside an exemption
        (``exempt``) many voters share an address, whose own limit then does not apply.
        """
        asked: list[bytes] = []
        waits = [0.0]
        if not exempt:
            asked.append(address)
            waits.append(self._left(address, ADDRESS_FREE, ADDRESS_WAIT, now))
        for subject in subjects:
            pair = subject + address
            asked += (pair, subject)
            waits.append(self._left(pair, PAIR_FREE, PAIR_WAIT, now))
            if self._recent(pair, now) is not None:
                tried = self._recent(subject, now)
                if tried is not None and tried.count >= SUBJECT_FREE:
                    own = self._tries[pair]
                    waits.append(max(0.0, own.last + SUBJECT_WAIT - now))
        longest = max(waits)
        if longest == 0:
            for key in asked:
                self._count(key, now)
        return longest

    def _recent(self, key: bytes, now: float) -> _Tries | None:
        tries = self._tries.get(key)
        return tries if tries is not None and now - tries.since < WINDOW else None

    def _left(self, key: bytes, free: int, wait: float, now: float) -> float:
        tries = self._recent(key, now)
        if tries is None or tries.count < free:
            return 0.0
        return max(0.0, tries.last + wait - now)

    def _count(self, key: bytes, now: float) -> None:
        tries = self._recent(key, now)
        if tries is None:
            self._tries[key] = _Tries(now, 1, now)
        else:
            tries.count += 1
            tries.last = now
        self._tries.move_to_end(key)
        while len(self._tries) > self._remembered:
            self._tries.popitem(last=False)
