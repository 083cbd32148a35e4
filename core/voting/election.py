"""The primary that is being voted in, as the public listener needs it: kept for a second."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core.database import reading
from core.errors import Refused
from core.keyring import digest_key, fingerprint
from core.primary import queries as primary_queries
from core.primary.queries import ContestView, PrimaryView
from core.voting.address_policy import mode_in_force
from core.voting.addresses import Address
from core.voting.rooms import ExemptNetwork, exempt_networks
from core.voting.rules import AddressMode, VotingRefusal
from core.voting.sealing import sealed_length


@dataclass(frozen=True)
class Election:
    """The active primary with its contests; nothing in it is about a voter."""

    primary: PrimaryView
    contests: tuple[ContestView, ...]
    exempted: tuple[ExemptNetwork, ...] = ()
    address_mode: AddressMode = AddressMode.STRICT

    def is_exempt(self, address: Address, at: datetime) -> bool:
        """Whether several voters may use this address; the caps are asked at the cast."""
        return any(network.covers(address, at) for network in self.exempted)

    def is_open(self, at: datetime) -> bool:
        """Whether a sign-in or cast that arrives at ``at`` is in time: ``[opens, closes)``."""
        return self.primary.voting_open(at)

    def is_checking(self, at: datetime) -> bool:
        """Whether voters may try their sign-in: between the sealing of the roll and the opening."""
        sealed_at, timeline = self.primary.roll_sealed_at, self.primary.timeline
        return (
            sealed_at is not None
            and timeline is not None
            and sealed_at <= at < timeline.voting_opens
        )

    @cached_property
    def sealed_sizes(self) -> Mapping[str, int]:
        """The one length in bytes that a sealed ballot of each contest has."""
        return {contest.id: sealed_length(contest.size) for contest in self.contests}

    @cached_property
    def _by_place(self) -> dict[str, tuple[ContestView, ...]]:
        return {}

    def contests_of(self, place_code: str) -> tuple[ContestView, ...]:
        """The contests a voter of this place has: the national ones and those of its units."""
        known = self._by_place.get(place_code)
        if known is None:
            known = tuple(contest for contest in self.contests if contest.is_for(place_code))
            self._by_place[place_code] = known
        return known


def check_digest_key(primary: PrimaryView) -> None:
    """Refuse as ``digest_key_differs`` unless this process holds the key the primary was made with.

    Two hosts with two keys would let one IIN vote twice. A missing key is refused by the keyring.
    """
    if fingerprint(digest_key(primary.id)) != primary.digest_fingerprint:
        raise Refused(VotingRefusal.DIGEST_KEY_DIFFERS, primary=primary.id)


def load(session: Session, known: Election | None = None) -> Election | None:
    """The active primary as it is now, None without one; contests are those of ``known``, if given."""
    primary = primary_queries.active_primary(session)
    if primary is None:
        return None
    check_digest_key(primary)
    if known is not None and known.primary.id == primary.id:
        contests = known.contests
    else:
        contests = primary_queries.contests(session, primary.id)
    return Election(
        primary,
        contests,
        exempt_networks(session, primary.id),
        mode_in_force(session, primary.id),
    )


class CurrentElection:
    """The active primary, read again when it is older than ``max_age`` seconds.

    An extension of the vote is thus known to every process within a second. Contests, which are
    thousands of rows and fixed before voting opens, are read ten times less often: a candidate who
    is cancelled may be shown so long. Safe for threads.
    """

    def __init__(self, max_age: float = 1.0) -> None:
        self._max_age = max_age
        self._good_for = max_age
        self._lock = threading.Lock()
        self._read_at = self._contests_read_at = float("-inf")
        self._election: Election | None = None
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="election", daemon=True)

    def get(self) -> Election | None:
        """The primary, or None when the installation has none; refused if the key differs."""
        if time.monotonic() - self._read_at < self._good_for:
            return self._election
        with self._lock:
            if time.monotonic() - self._read_at >= self._good_for:
                self._read()
            return self._election

    def require(self) -> Election:
        """The primary; refused as ``no_active_primary``."""
        election = self.get()
        if election is None:
            raise Refused(VotingRefusal.NO_ACTIVE_PRIMARY)
        return election

    def start(self) -> None:
        """Read it in a thread of its own from now on, so that no voter waits for the reading."""
        if self._max_age:
            self._good_for = 5 * self._max_age
            self._keeper.start()

    def stop(self) -> None:
        """End that thread."""
        self._over.set()
        if self._keeper.is_alive():
            self._keeper.join()

    def forget(self) -> None:
        """Read anew at the next question."""
        self._read_at = self._contests_read_at = float("-inf")

    def _keep(self) -> None:
        while not self._over.wait(self._max_age):
            # What goes wrong here is told to whoever asks once the last reading is too old.
            with suppress(Refused, DBAPIError), self._lock:
                self._read()

    def _read(self) -> None:
        now = time.monotonic()
        old = now - self._contests_read_at >= 10 * self._max_age
        known = None if old or self._election is None else self._election
        with reading() as session:
            self._election = load(session, known)
        if known is None:
            self._contests_read_at = now
        self._read_at = now
