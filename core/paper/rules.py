"""What a polling place is, when it is open, what a clerk is told, and how fast one may ask. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from hashlib import sha256
from typing import Final

from core import places
from core.errors import Refused


class PaperRefusal(StrEnum):
    """Why an act at or about a polling place was refused."""

    NO_PRIMARY = "no_primary"
    UNKNOWN_POLLING_PLACE = "unknown_polling_place"
    CODE_MALFORMED = "code_malformed"
    CODE_EXISTS = "code_exists"
    CODE_REPEATED = "code_repeated"
    NAME_MISSING = "name_missing"
    ADDRESS_MISSING = "address_missing"
    PLACE_HAS_PARTS = "place_has_parts"
    KIND_UNKNOWN = "kind_unknown"
    KIND_FIXED = "kind_fixed"
    AREA_FIXED = "area_fixed"
    DAY_MALFORMED = "day_malformed"
    TIME_MALFORMED = "time_malformed"
    DAYS_REVERSED = "days_reversed"
    HOURS_REVERSED = "hours_reversed"
    HOURS_OUTSIDE_VOTE = "hours_outside_vote"
    IN_USE = "in_use"
    NOT_A_CLERK_THERE = "not_a_clerk_there"
    CLERK_ELSEWHERE = "clerk_elsewhere"
    NO_POST = "no_post"
    NO_CONNECTION_HERE = "no_connection_here"
    HAS_CONNECTION = "has_connection"
    VOTING_NOT_OPEN = "voting_not_open"
    CLOSED_AT_THIS_HOUR = "closed_at_this_hour"
    TOO_FAST = "too_fast"
    TOO_MANY_MISSES = "too_many_misses"
    UNKNOWN_LOOK_UP = "unknown_look_up"
    LOOK_UP_EXPIRED = "look_up_expired"
    NOT_FOR_THIS_PLACE = "not_for_this_place"
    ROLL_NOT_SEALED = "roll_not_sealed"
    TOO_LATE_FOR_LISTS = "too_late_for_lists"
    LIST_FIXED = "list_fixed"
    LIST_NOT_FIXED = "list_not_fixed"
    LIST_EMPTY = "list_empty"
    LIST_CHANGED = "list_changed"
    LIST_HAS_BARRED = "list_has_barred"
    LIST_HAS_VOTED = "list_has_voted"
    NOBODY_CHOSEN = "nobody_chosen"
    NOT_ON_ROLL = "not_on_roll"
    ROLL_ELSEWHERE = "roll_elsewhere"
    ON_ANOTHER_LIST = "on_another_list"
    UNKNOWN_ROW = "unknown_row"
    RELEASED_ALREADY = "released_already"
    ROW_NOT_STRUCK = "row_not_struck"
    VOTING_ENDED = "voting_ended"
    UNKNOWN_MARK = "unknown_mark"
    MARK_UNDONE = "mark_undone"
    SETTLED = "settled"
    GROUND_UNFIT = "ground_unfit"


class PollingPlaceKind(StrEnum):
    """How a polling place knows who has voted already."""

    CONNECTED = "connected"
    UNCONNECTED = "unconnected"


class Answer(StrEnum):
    """What a clerk is told about somebody.

    The first four answer a look-up, and none of them says whether the person has voted. That comes
    out only when a ballot is about to be handed out: a press either marks the person, which is
    listed and told to the voter by SMS, or is lost to the vote that is there already. So whoever
    fishes for who has voted marks people on the way, and is found.
    """

    BELONGS_HERE = "belongs_here"
    NOT_ON_ROLL = "not_on_roll"
    BELONGS_ELSEWHERE = "belongs_elsewhere"
    ON_PAPER_LIST = "on_paper_list"
    MARKED = "marked"
    MARKED_HERE_BEFORE = "marked_here_before"
    MARKED_ELSEWHERE = "marked_elsewhere"
    VOTED_ONLINE = "voted_online"


class ReleaseKind(StrEnum):
    """How an IIN that paper had used up was set free again."""

    RELEASED_FROM_LIST = "released_from_list"
    MARK_UNDONE = "mark_undone"


class ReleaseGround(StrEnum):
    """Why: what the public reads of it, since free words could name a person."""

    WILL_VOTE_ONLINE = "will_vote_online"
    MOVED_AWAY = "moved_away"
    LISTED_BY_MISTAKE = "listed_by_mistake"
    WRONG_PERSON = "wrong_person"
    NOTHING_HANDED_OUT = "nothing_handed_out"
    BALLOTS_GIVEN_BACK = "ballots_given_back"


GROUNDS: Final = {
    ReleaseKind.RELEASED_FROM_LIST: (
        ReleaseGround.WILL_VOTE_ONLINE,
        ReleaseGround.MOVED_AWAY,
        ReleaseGround.LISTED_BY_MISTAKE,
    ),
    ReleaseKind.MARK_UNDONE: (
        ReleaseGround.WRONG_PERSON,
        ReleaseGround.NOTHING_HANDED_OUT,
        ReleaseGround.BALLOTS_GIVEN_BACK,
    ),
}
"""Which grounds fit which kind."""

LOOK_UP_HOLDS: Final = timedelta(minutes=10)
"""How long after a look-up the person can still be marked by it."""

MINUTE: Final = timedelta(minutes=1)
MOST_IN_A_MINUTE: Final = 15
"""Look-ups of one clerk: a quick one with a scanner needs some ten seconds for a voter."""

MISS_SPAN: Final = timedelta(minutes=15)
MOST_MISSES: Final = 20
"""Look-ups that marked nobody: a clerk with real people at the desk has a few in an hour."""

_CODE: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,18}[A-Z0-9])?")
NAME_LONGEST, ADDRESS_LONGEST = 200, 300


@dataclass(frozen=True, slots=True)
class Hours:
    """When a polling place is open: each day from the first to the last, ``[opens, closes)``.

    Days and times are those of the primary's zone, like every time of a primary.
    """

    first_day: date
    last_day: date
    opens: time
    closes: time

    def check(self) -> None:
        """Refuse days or times that run backwards."""
        if self.last_day < self.first_day:
            raise Refused(PaperRefusal.DAYS_REVERSED)
        if self.closes <= self.opens:
            raise Refused(PaperRefusal.HOURS_REVERSED)

    def are_open(self, now: datetime, zone: tzinfo) -> bool:
        """Whether the place is open at ``now``."""
        local = now.astimezone(zone)
        is_day = self.first_day <= local.date() <= self.last_day
        return is_day and self.opens <= local.time() < self.closes

    def begin(self, zone: tzinfo) -> datetime:
        """The instant at which the place opens for the first time."""
        return datetime.combine(self.first_day, self.opens, zone)

    def end(self, zone: tzinfo) -> datetime:
        """The instant at which the place closes for good."""
        return datetime.combine(self.last_day, self.closes, zone)


def parse_code(text: str) -> str:
    """The code of a polling place in capitals: letters, digits and hyphens, at most 20."""
    code = text.strip().upper()
    if not _CODE.fullmatch(code):
        raise Refused(PaperRefusal.CODE_MALFORMED)
    return code


def parse_time(text: str) -> time:
    """A time such as ``08:00``; a bare ``8`` is not one."""
    found = re.fullmatch(r"([0-9]{1,2})[:.]([0-9]{2})(?:[:.]00)?", text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise Refused(PaperRefusal.TIME_MALFORMED)
    return time(int(found[1]), int(found[2]))


def check_area(place_code: str) -> None:
    """Refuse a unit that has parts: everybody at one polling place has the same contests.

    So one number of people is the number of ballots of each contest, and a protocol's arithmetic
    can be checked to the last ballot.
    """
    places.place(place_code)
    if places.children(place_code):
        raise Refused(PaperRefusal.PLACE_HAS_PARTS)


def check_pace(look_ups: Iterable[datetime], misses: Sequence[datetime], *, now: datetime) -> None:
    """Slow a clerk down who asks faster than people can stand in line, or mostly in vain.

    ``look_ups`` are the instants of this clerk's questions, ``misses`` of those that marked nobody.
    Refused as ``too_fast`` or ``too_many_misses`` (facts: until); the pause ends by itself.
    """
    lately = sorted(at for at in look_ups if at > now - MINUTE)
    if len(lately) >= MOST_IN_A_MINUTE:
        raise Refused(PaperRefusal.TOO_FAST, until=lately[-MOST_IN_A_MINUTE] + MINUTE)
    vain = sorted(at for at in misses if at > now - MISS_SPAN)
    if len(vain) >= MOST_MISSES:
        raise Refused(PaperRefusal.TOO_MANY_MISSES, until=vain[-MOST_MISSES] + MISS_SPAN)


def list_digest(primary_id: str, polling_place: str, iin_digests: Iterable[bytes]) -> str:
    """SHA-256 (hex) of who is on a paper list: what two people agree on and every sheet carries.

    In order of the keyed digests of the IINs, so that it says nothing about anybody.
    """
    whole = sha256(f"primaries paper list\n{primary_id}\n{polling_place}\n".encode())
    for digest in sorted(iin_digests):
        whole.update(digest.hex().encode() + b"\n")
    return whole.hexdigest()


def check_ground(kind: ReleaseKind, ground: ReleaseGround) -> None:
    """Refuse a ground that does not fit the kind."""
    if ground not in GROUNDS[kind]:
        raise Refused(PaperRefusal.GROUND_UNFIT)
