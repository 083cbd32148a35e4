"""Polling places of a rehearsal: clerks who mark voters, paper lists, and protocols after the close.

Everything goes through the services, at the time at which it is said to have been done.
"""

import csv
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from typing import Final

from core import clock, places
from core.database import reading, unit_of_work
from core.paper import service as paper
from core.paper.polling_places import COLUMNS
from core.paper.rules import PollingPlaceKind
from core.places import PlaceLevel
from core.rehearsal.crew import Crew
from core.rehearsal.rules import PRIMARY_ID, Script
from core.rehearsal.votes import Electorate
from core.results.export import rules_at
from core.results.protocol import Protocol, Sheet
from core.results.protocols import enter_first, enter_second
from core.results.rules import ContestRules
from core.settings import settings
from core.staff.rules import Actor

At = Callable[[datetime], AbstractContextManager[None]]
DESK_COLUMNS: Final = ("polling_place", "clerk", "iin")

_PLACES: Final = 12
_STAFFED: Final = ("clerk1 clerk3", "clerk2 clerk4")
_LISTED_MOST, _LISTED_SHARE = 40, 0.5
_MARKED_MOST, _MARKED_SHARE = 24, 0.2
_CAME, _BLANK, _SPOILED, _TAKEN_AWAY = 0.83, 0.02, 0.015, 0.005
_BUILDINGS: Final = (
    ("Школа № {n}", "№ {n} мектеп", "School No. {n}"),
    ("Дом культуры", "Мәдениет үйі", "House of culture"),
    ("Сельский клуб", "Ауыл клубы", "Village club"),
    ("Библиотека", "Кітапхана", "Library"),
)


@dataclass
class Booth:
    """A polling place; people are positions in the electorate, ``left`` can still be tried."""

    code: str
    area: str
    kind: PollingPlaceKind
    people: tuple[int, ...]
    clerks: tuple[Actor, ...] = ()
    marked: list[int] = field(default_factory=list)
    left: tuple[int, ...] = ()

    @property
    def is_connected(self) -> bool:
        """Whether its voters are marked at once."""
        return self.kind is PollingPlaceKind.CONNECTED


class Booths:
    """The polling places of a rehearsal and whoever votes there."""

    def __init__(self, crew: Crew, voters: Electorate, plan: Script, *, seed: int, at: At) -> None:
        self._crew = crew
        self._voters = voters
        self._plan = plan
        self._at = at
        self._draw = Random(f"{seed} booths")  # noqa: S311 - invented people
        self.booths = self._choose()

    @property
    def reserved(self) -> frozenset[int]:
        """Those who vote on paper, so that nobody lets them vote online too."""
        return frozenset(who for booth in self.booths for who in booth.people)

    @property
    def marked(self) -> int:
        """How many were marked."""
        return sum(len(booth.marked) for booth in self.booths)

    @property
    def listed(self) -> int:
        """How many stand on paper lists."""
        return sum(len(booth.people) for booth in self.booths if not booth.is_connected)

    def _choose(self) -> list[Booth]:
        """The areas with most voters: towns get places with a connection, districts without."""
        by_area: dict[str, list[int]] = {}
        for who in self._voters.eligible.tolist():
            by_area.setdefault(str(self._voters.people.place_code[who]), []).append(who)
        ranked = sorted(by_area, key=lambda code: (-len(by_area[code]), code))
        towns = [code for code in ranked if places.place(code).level is not PlaceLevel.DISTRICT]
        districts = [code for code in ranked if code not in towns]
        regions = [unit.code for unit in places.children(None)][1 : 1 + len(_STAFFED)]
        booths: list[Booth] = []
        for first, (kind, areas) in enumerate(
            ((PollingPlaceKind.CONNECTED, towns), (PollingPlaceKind.UNCONNECTED, districts))
        ):
            # The clerks hold their role in one region: theirs is the largest area there.
            own = next(code for code in areas if places.region_of(code) == regions[first])
            others = [code for code in areas if code != own][: _PLACES // 2 - 1]
            for area in (own, *others):
                booths.append(self._booth(len(booths) + 1, area, kind, by_area[area]))
            booths[-len(others) - 1].clerks = tuple(
                self._crew[login] for login in _STAFFED[first].split()
            )
        return booths

    def _booth(self, number: int, area: str, kind: PollingPlaceKind, there: Sequence[int]) -> Booth:
        on_list = kind is PollingPlaceKind.UNCONNECTED
        most, share = (_LISTED_MOST, _LISTED_SHARE) if on_list else (_MARKED_MOST, _MARKED_SHARE)
        wanted = min(most, max(1, int(len(there) * share)))
        people = tuple(self._draw.sample(list(there), wanted))
        left = tuple(who for who in there if who not in people)
        return Booth(f"R{area[:2]}-{number:02}", area, kind, people, left=left)

    def set_up(self) -> None:
        """Import the places, give the clerks their posts, fix the lists: all before the vote."""
        opens = self._plan.timeline.voting_opens
        organizer = self._crew["organizer1"]
        with self._at(opens - timedelta(hours=16)), unit_of_work() as session:
            paper.import_polling_places(
                session, PRIMARY_ID, self._places_csv(), actor=organizer, now=clock.now()
            )
            for booth in self.booths:
                for clerk in booth.clerks:
                    paper.assign_clerk(
                        session,
                        PRIMARY_ID,
                        clerk.account_id,
                        booth.code,
                        actor=organizer,
                        now=clock.now(),
                    )
        lists = [booth for booth in self.booths if not booth.is_connected]
        with self._at(opens - timedelta(hours=12)), unit_of_work() as session:
            for booth in lists:
                rows = ["iin", *(str(self._voters.people.iin[who]) for who in booth.people)]
                paper.import_list(
                    session,
                    PRIMARY_ID,
                    booth.code,
                    "\n".join(rows).encode(),
                    actor=organizer,
                    now=clock.now(),
                )
            proposed = paper.propose_fixing(
                session,
                PRIMARY_ID,
                [booth.code for booth in lists],
                actor=organizer,
                reason="Населённые пункты без связи",
                now=clock.now(),
            )
        with self._at(opens - timedelta(hours=11)), unit_of_work() as session:
            paper.confirm_fixing(
                session, proposed.id, actor=self._crew["organizer2"], now=clock.now()
            )

    def _places_csv(self) -> bytes:
        zone = settings().zone
        first = self._plan.timeline.voting_opens.astimezone(zone).date()
        last = self._plan.closes.astimezone(zone).date()
        text = StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for number, booth in enumerate(self.booths):
            words = _BUILDINGS[number % len(_BUILDINGS)]
            names = [words[index].format(n=number + 1) for index in range(3)]
            # A trainer tries the desk at any hour of the day.
            hours = ("00:00", "23:59") if booth.clerks else ("08:00", "20:00")
            street = f"ул. Абая, {self._draw.randint(1, 90)}"
            writer.writerow(
                (booth.code, *names, booth.area, street, booth.kind.value, first, last, *hours)
            )
        return text.getvalue().encode()

    def mark(self, start: datetime, until: datetime) -> None:
        """Let the clerks mark whoever comes between two instants; each place spreads its voters."""
        opens, end = self._plan.timeline.voting_opens, min(self._plan.now, self._plan.closes)
        for booth in self.booths:
            if not (booth.is_connected and booth.clerks):
                continue
            due = int(len(booth.people) * ((until - opens) / (end - opens)))
            coming = booth.people[len(booth.marked) : due]
            for order, who in enumerate(coming):
                when = start + (until - start) * ((order + 0.5) / len(coming))
                if _is_shut(when):
                    continue
                clerk = booth.clerks[order % len(booth.clerks)]
                with self._at(when), unit_of_work() as session:
                    found = paper.look_up(
                        session,
                        str(self._voters.people.iin[who]),
                        actor=clerk,
                        now=clock.now(),
                    )
                    paper.mark(session, found.id, actor=clerk, now=clock.now())
                booth.marked.append(who)

    def send_protocols(self) -> None:
        """Every place where somebody voted enters its protocol twice, an hour after the close."""
        for number, booth in enumerate(self.booths):
            entitled = len(booth.marked) if booth.is_connected else len(booth.people)
            if not entitled:
                continue
            when = self._plan.closes + timedelta(hours=1, minutes=number)
            one, other = booth.clerks or (self._crew["organizer1"], self._crew["organizer2"])
            with reading() as session:
                rules = rules_at(session, PRIMARY_ID, booth.area)
            issued = entitled if booth.is_connected else round(entitled * _CAME)
            absent = None if booth.is_connected else entitled - issued
            protocol = Protocol(
                polling_place=booth.code,
                issued=issued,
                sheets={contest: self._sheet(each, issued) for contest, each in rules.items()},
            )
            with self._at(when), unit_of_work() as session:
                code = enter_first(session, protocol, absent=absent, actor=one, now=clock.now())
            with self._at(when + timedelta(minutes=20)), unit_of_work() as session:
                enter_second(
                    session,
                    protocol,
                    absent=absent,
                    code=code.spelled,
                    actor=other,
                    now=clock.now(),
                )

    def _sheet(self, contest: ContestRules, issued: int) -> Sheet:
        """One contest's ballots, drawn one by one."""
        votes = dict.fromkeys(sorted(contest.candidates), 0)
        counts = {"valid": 0, "blank": 0, "spoiled": 0}
        for _ballot in range(issued):
            thrown = self._draw.random()
            if thrown < _TAKEN_AWAY:
                continue
            if thrown < _TAKEN_AWAY + _SPOILED:
                counts["spoiled"] += 1
                continue
            counts["valid"] += 1
            if thrown < _TAKEN_AWAY + _SPOILED + _BLANK or not votes:
                counts["blank"] += 1
                continue
            wanted = self._draw.randint(1, min(contest.max_choices, len(votes)))
            for who in self._draw.sample(list(votes), wanted):
                votes[who] += 1
        return Sheet(**counts, votes=votes)

    def write_csv(self, path: Path) -> None:
        """People whom a trainer can try at the clerks' desks, in random order."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(DESK_COLUMNS)
            for booth in self.booths:
                if not (booth.is_connected and booth.clerks):
                    continue
                waiting = [who for who in booth.people if who not in booth.marked]
                for who in (*waiting, *booth.left)[:30]:
                    iin = self._voters.people.iin[who]
                    writer.writerow((booth.code, booth.clerks[0].login, iin))
        path.chmod(0o600)


def _is_shut(when: datetime) -> bool:
    """The one minute of the day at which even a trainer's desk is closed."""
    return when.astimezone(settings().zone).time() >= time(23, 59)
