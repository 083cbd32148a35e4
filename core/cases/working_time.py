"""Working time: hours, holidays, and the days around a vote when every hour is worked.

Pure: instants are aware datetimes, spans timedeltas of *working* time.
"""

import csv
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from core.settings import ROOT

HOLIDAYS_FILE: Final = ROOT / "data" / "holidays.csv"
OPENS: Final = time(9)
CLOSES: Final = time(18)
WORKING_DAY: Final = timedelta(hours=9)
ELECTION_LEAD: Final = timedelta(days=5)
_SATURDAY: Final = 5


class DayKind(StrEnum):
    """What a day is, whatever day of the week it falls on."""

    OFF = "off"
    WORKED = "worked"
    ORDINARY = "ordinary"


@dataclass(frozen=True)
class ListedDay:
    """A day of ``data/holidays.csv``, where its name and the act that says so stand beside it."""

    day: date
    kind: DayKind


@cache
def listed_days() -> tuple[ListedDay, ...]:
    """The days off and the worked weekend days of Kazakhstan, 2020 and from 2026 on."""
    with HOLIDAYS_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            ListedDay(date.fromisoformat(row["date"]), DayKind(row["kind"]))
            for row in csv.DictReader(file)
        )


@cache
def holidays() -> tuple[frozenset[date], frozenset[date]]:
    """Days off and worked weekend days of Kazakhstan, from ``data/holidays.csv``."""
    off = {listed.day for listed in listed_days() if listed.kind is DayKind.OFF}
    worked = {listed.day for listed in listed_days() if listed.kind is DayKind.WORKED}
    return frozenset(off), frozenset(worked)


@dataclass(frozen=True)
class WorkingTime:
    """The calendar that a case's clocks run on.

    ``always`` is the half-open interval in which every day is worked from 00 to 24: from five
    days before voting opens until publication.
    """

    zone: ZoneInfo
    days_off: frozenset[date] = field(default_factory=lambda: holidays()[0])
    worked: frozenset[date] = field(default_factory=lambda: holidays()[1])
    always: tuple[datetime, datetime] | None = None

    def is_working_day(self, day: date) -> bool:
        """Whether the offices are open on ``day``, the days around a vote apart."""
        return day in self.worked or (day.weekday() < _SATURDAY and day not in self.days_off)

    def add(self, start: datetime, span: timedelta) -> datetime:
        """The instant by which ``span`` of working time has passed since ``start`` (UTC)."""
        left = span
        moment = start.astimezone(UTC)
        while True:
            begins, ends = self._stretch(moment)
            if left <= ends - begins:
                return begins + left
            left -= ends - begins
            moment = ends

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much working time lies in ``[start, end)``; negative when ``end`` is earlier."""
        if end < start:
            return -self.between(end, start)
        total = timedelta()
        moment = start.astimezone(UTC)
        while moment < end:
            begins, ends = self._stretch(moment)
            if begins >= end:
                break
            total += min(ends, end) - begins
            moment = ends
        return total

    def _stretch(self, moment: datetime) -> tuple[datetime, datetime]:
        """The first unbroken stretch of working time that ends after ``moment``."""
        if self.always and self.always[0] <= moment < self.always[1]:
            return moment, self.always[1]
        day = moment.astimezone(self.zone).date()
        while True:
            begins = datetime.combine(day, OPENS, self.zone).astimezone(UTC)
            ends = datetime.combine(day, CLOSES, self.zone).astimezone(UTC)
            begins = max(begins, moment)
            if self.always and moment < self.always[0]:
                if not self.is_working_day(day) or begins >= self.always[0]:
                    midnight = datetime.combine(day + timedelta(1), time(), self.zone)
                    if self.always[0] <= midnight.astimezone(UTC):
                        return self.always
                else:
                    ends = min(ends, self.always[0])
            if self.is_working_day(day) and begins < ends:
                return begins, ends
            day += timedelta(1)


def election_time(voting_opens: datetime, publication: datetime) -> tuple[datetime, datetime]:
    """The interval in which every hour is working time."""
    return voting_opens - ELECTION_LEAD, publication
