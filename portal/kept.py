"""Pages and facts that are the same for everybody: made once in two seconds, however many ask."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from core import clock
from core.settings import settings

KEPT_FOR: Final = timedelta(seconds=2)

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The values asked for last, each made anew when it is older than ``keep``.

    A value is made by one thread at a time; the others wait for it. Age follows the installation's
    clock, so a clock that was moved never shows the state of another day.
    """

    def __init__(self, most: int = 256, *, keep: timedelta = KEPT_FOR) -> None:
        self._most = most
        self._keep_for = keep
        self._values: OrderedDict[tuple[str, str], tuple[datetime, Value]] = OrderedDict()
        self._lock = threading.Lock()
        # Few locks for many names: one slow page does not hold up all the others.
        self._making = tuple(threading.Lock() for _each in range(16))

    def get(self, name: str, make: Callable[[], Value]) -> Value:
        """The value called ``name``, made by ``make`` if there is no fresh one."""
        key = (settings().database_url, name)
        found = self._fresh(key)
        if found is None:
            with self._making[hash(key) % len(self._making)]:
                found = self._fresh(key)
                if found is None:
                    found = (clock.now(), make())
                    self._keep(key, found)
        return found[1]

    def _fresh(self, key: tuple[str, str]) -> tuple[datetime, Value] | None:
        found = self._values.get(key)
        return found if found is not None and abs(clock.now() - found[0]) < self._keep_for else None

    def _keep(self, key: tuple[str, str], made: tuple[datetime, Value]) -> None:
        with self._lock:
            self._values[key] = made
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
