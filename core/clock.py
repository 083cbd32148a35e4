"""The one source of time. Rules get ``now`` as an argument; edges ask here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


def _system_time() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_time


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return _source()


@contextmanager
def _replaced(source: Callable[[], datetime]) -> Iterator[None]:
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before


@contextmanager
def fixed(instant: datetime) -> Iterator[None]:
    """Hold the whole process at ``instant`` (aware) until the block ends: for tests and stories."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    held = instant.astimezone(UTC)
    with _replaced(lambda: held):
        yield


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Move the process's clock by ``by``: how a rehearsal writes a history that looks lived."""
    outer = _source
    with _replaced(lambda: outer() + by):
        yield
