"""The line of a rush: who comes in, what people are told, and what a ticket can't be used for."""

import heapq
import os
import random
import re
import secrets
import shlex
import subprocess
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from unittest.mock import PropertyMock, patch

import pytest
from httpx import Response
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from starlette.testclient import TestClient

from benchmarks.door import free_port
from core import clock, keyring
from core.settings import ROOT, settings
from core.voting import queries
from portal import tickets
from portal.admission import AT_ONCE, HOLD, LONGEST, TRIES, Admission, Turn
from portal.app import app
from portal.load import REFUSAL, TICK, Load, processor_times
from portal.tickets import KEPT_FOR, Ticket
from tests.portal.test_api import BASE, SIGN_IN, Voter
from tests.voting import polls
from tests.voting.polls import NOON

NOW = NOON.timestamp()
WAITING = "/api/v1/waiting"


@dataclass
class Measured:
    """A load that the test decides on: by default a process of 100 voters a second, at ease."""

    capacity: float = 400.0
    delay: float = 0.0
    expected_delay: float = 0.0


def a_line(seconds: float = 0.0) -> tuple[Admission, Measured]:
    """A line that was just formed, with people in it who will come in for ``seconds``."""
    load = Measured(expected_delay=0.25)
    line = Admission(load)
    line.look(NOW)
    come(line, at=0)
    load.expected_delay = 0.0
    while line.expected_wait(NOW) < seconds:
        come(line, at=0)
    return line, load


def come(
    line: Admission, ticket: Ticket | None = None, *, at: float, who: str = "192.0.2.1/32"
) -> Turn:
    return line.come_in(ticket, who, now=NOW + at)


def come_back(line: Admission, people: int, *, at: float) -> None:
    """People who were told to come at that time."""
    for _ in range(people):
        come(line, Ticket.new(NOW, NOW + at), at=at)


def look(line: Admission, *, until: float, since: float = 0.0) -> None:
    for tick in range(round(since / TICK), round(until / TICK) + 1):
        line.look(NOW + tick * TICK)


# Tickets


@pytest.fixture
def _keys(sqlite_database: str) -> None:
    """A keyring of the test's own."""


@pytest.mark.usefixtures("_keys")
def test_a_ticket_comes_back_as_it_was_given() -> None:
    given = Ticket.new(NOW, NOW + 12.345, counted=True)
    assert tickets.read(tickets.spell(given), now=NOW) == given


@pytest.mark.usefixtures("_keys")
def test_one_changed_letter_makes_a_ticket_worthless() -> None:
    spelled = tickets.spell(Ticket.new(NOW, NOW + 60))
    for place, letter in enumerate(spelled[:54]):
        other = "A" if letter != "A" else "B"
        assert tickets.read(spelled[:place] + other + spelled[place + 1 :], now=NOW) is None


@pytest.mark.usefixtures("_keys")
def test_nobody_can_count_their_own_ticket() -> None:
    whole = bytearray(urlsafe_b64decode(tickets.spell(Ticket.new(NOW, NOW + 60))))
    assert whole[0] == 0
    whole[0] = 1
    assert tickets.read(urlsafe_b64encode(whole).decode(), now=NOW) is None


@pytest.mark.usefixtures("_keys")
@pytest.mark.parametrize(
    "given",
    ["", "x", "é" * 56, "A" * 56, "=" * 56, "A" * 5000],
    ids=["nothing", "a letter", "no ascii", "zeros", "padding", "long"],
)
def test_rubbish_is_no_ticket(given: str) -> None:
    assert tickets.read(given, now=NOW) is None


@pytest.mark.usefixtures("_keys")
def test_a_ticket_holds_for_a_while_after_its_time_and_no_longer() -> None:
    spelled = tickets.spell(Ticket.new(NOW, NOW + 60))
    assert tickets.read(spelled, now=NOW + 60 + KEPT_FOR - 1)
    assert tickets.read(spelled, now=NOW + 60 + KEPT_FOR + 1) is None


@pytest.mark.usefixtures("_keys")
def test_a_ticket_is_read_by_every_process_and_after_a_restart() -> None:
    spelled = tickets.spell(Ticket.new(NOW, NOW + 60))
    keyring.forget_cached_keys()
    assert tickets.read(spelled, now=NOW)


@pytest.mark.usefixtures("_keys")
def test_an_installation_with_another_secret_reads_no_ticket_of_ours() -> None:
    spelled = tickets.spell(Ticket.new(NOW, NOW + 60))
    (settings().key_dir / "secret").write_bytes(secrets.token_bytes(32))
    keyring.forget_cached_keys()
    assert tickets.read(spelled, now=NOW) is None


@pytest.mark.usefixtures("_keys")
def test_a_ticket_holds_two_instants_and_a_number_and_nothing_else() -> None:
    given = Ticket.new(NOW, NOW + 60)
    whole = urlsafe_b64decode(tickets.spell(given))
    assert whole[:-16] == (
        b"\0"
        + round(NOW * 1000).to_bytes(8, "big")
        + round((NOW + 60) * 1000).to_bytes(8, "big")
        + given.id
    )


# The line of one process


def test_while_the_process_keeps_up_everybody_comes_in_at_once() -> None:
    line = Admission(Measured(delay=0.09, expected_delay=0.09))
    for tick in range(400):
        line.look(NOW + tick * TICK)
        turn = come(line, at=tick * TICK)
        assert turn.has_come
        assert turn.seconds == 0
    assert not line.has_line


def test_one_slow_commit_forms_no_line() -> None:
    load = Measured()
    line = Admission(load)
    look(line, until=1)
    load.delay = 0.4
    line.look(NOW + 1.025)
    load.delay = 0.02
    line.look(NOW + 1.05)
    assert not line.has_line


def test_a_delay_that_stays_forms_a_line() -> None:
    line = Admission(Measured(delay=0.11))
    look(line, until=0.2)
    assert line.has_line


def test_a_heap_of_work_forms_a_line_before_anybody_feels_it() -> None:
    line = Admission(Measured(expected_delay=0.11))
    come(line, at=0)
    assert line.has_line


def test_who_comes_first_is_held_for_a_moment_and_who_comes_later_gets_a_ticket() -> None:
    line, _load = a_line()
    turns = [come(line, at=0) for _ in range(300)]
    held = [turn for turn in turns if turn.has_come]
    told = [turn for turn in turns if not turn.has_come]
    assert turns == held + told
    assert all(turn.seconds <= HOLD for turn in held)
    waits = [turn.seconds for turn in told]
    assert waits == sorted(waits)
    assert waits[-1] - waits[0] == pytest.approx(len(told) / line.pace, rel=0.05)


def test_a_short_wait_is_told_once_and_a_long_one_at_half_its_time() -> None:
    line, _load = a_line(seconds=2)
    short = come(line, at=0)
    assert short.ticket.due == pytest.approx(NOW + short.seconds)
    line, _load = a_line(seconds=20)
    long = come(line, at=0)
    assert long.ticket.due == pytest.approx(NOW + long.seconds / 2)
    assert long.retry_after(NOW) == int(long.seconds / 2)


def test_a_ticket_that_comes_too_early_is_told_the_same_again_and_gains_nothing() -> None:
    line, _load = a_line(seconds=20)
    first = come(line, at=0)
    come_back(line, 300, at=1)
    again = [come(line, first.ticket, at=1 + place / 100) for place in range(50)]
    assert {turn.ticket for turn in again} == {first.ticket}
    assert not any(turn.has_come for turn in again)


def test_a_slot_that_nobody_takes_goes_to_whoever_asks() -> None:
    line, _load = a_line(seconds=20)
    first = come(line, at=0)
    look(line, until=4)
    assert come(line, first.ticket, at=4).has_come


def test_a_ticket_that_was_brought_back_comes_in_the_second_time_whatever_happens() -> None:
    line, load = a_line(seconds=20)
    first = come(line, at=0)
    come_back(line, 1000, at=5)
    second = come(line, first.ticket, at=first.seconds / 2)
    assert second.ticket.counted
    assert not second.has_come
    load.delay = 5.0
    look(line, until=first.seconds / 2 + second.seconds)
    third = come(line, second.ticket, at=first.seconds / 2 + second.retry_after(NOW + 10))
    assert third.has_come


def test_a_ticket_in_two_tabs_keeps_one_slot() -> None:
    line, _load = a_line(seconds=20)
    first = come(line, at=0)
    come_back(line, 1000, at=5)
    slots = {come(line, first.ticket, at=10 + place).ticket.due for place in range(5)}
    assert len(slots) == 1


def test_asking_before_the_sign_in_keeps_the_slot_for_it() -> None:
    line, _load = a_line(seconds=2)
    ticket = come(line, at=0).ticket
    asked = line.ask(ticket, now=NOW + 2.2)
    assert asked.has_come
    for _ in range(500):  # while the IIN is typed, others come
        come(line, at=2.3)
    assert come(line, asked.ticket, at=60).has_come


def test_nobody_passes_those_who_wait_by_coming_without_a_ticket() -> None:
    line, _load = a_line(seconds=20)
    waits = [come(line, at=place / 10).seconds for place in range(50)]
    assert min(waits) > 14


def test_people_who_left_hold_nobody_up() -> None:
    """All but every tenth have gone: the others are in long before the time they were told."""
    line, _load = a_line(seconds=20)
    stayed = come(line, at=0)
    look(line, until=stayed.seconds / 2)
    second = come(line, stayed.ticket, at=stayed.seconds / 2)
    assert second.has_come


def test_however_long_the_line_seems_nobody_is_sent_away_for_longer_than_two_minutes() -> None:
    line, load = a_line(seconds=3600)
    turn = come(line, at=0)
    assert turn.retry_after(NOW) <= LONGEST
    back = come(line, turn.ticket, at=LONGEST)
    assert back.has_come
    assert load.delay == 0.0


def test_a_line_formed_on_an_absurd_measurement_lets_people_in_soon() -> None:
    load = Measured(expected_delay=1e15)
    line = Admission(load)
    line.look(NOW)
    first = come(line, at=0)
    assert not first.has_come
    load.expected_delay = 0.0
    look(line, until=65)
    assert come(line, first.ticket, at=65).has_come


def test_what_newcomers_are_told_follows_how_many_come_back() -> None:
    line, _load = a_line(seconds=30)
    before = _spacing(line, at=0)
    given = [come(line, at=0).ticket for _ in range(400)]
    for ticket in given[::4]:
        come(line, ticket, at=ticket.due - NOW)
    look(line, until=60)
    line.has_line = True
    assert _spacing(line, at=60) < before * 0.6


def _spacing(line: Admission, *, at: float) -> float:
    while line.expected_wait(NOW + at) < 2:
        come(line, at=at)
    first, second = come(line, at=at), come(line, at=at)
    return second.seconds - first.seconds


def test_the_line_stands_still_while_the_process_is_late() -> None:
    line, load = a_line()
    load.delay = 0.3
    look(line, until=5)
    turn = come(line, at=5)
    assert turn.seconds > 0.5
    load.delay = 0.0
    look(line, since=5, until=20)
    assert not line.has_line
    assert come(line, at=20).seconds == 0


def test_a_pace_that_is_too_much_in_the_long_run_is_lowered_and_recovers() -> None:
    line, load = a_line(seconds=200)
    before = line.pace
    load.delay = 0.3
    look(line, until=20)
    assert line.pace < before * 0.6
    load.delay = 0.0
    look(line, since=20, until=190)
    assert line.pace == before


def test_a_copied_ticket_brings_one_address_in_and_only_for_a_few_tries() -> None:
    line, _load = a_line(seconds=2)
    ticket = line.ask(come(line, at=0).ticket, now=NOW + 2.2).ticket
    for _ in range(3000):  # a line that nobody enters without a ticket
        come(line, at=2.2)
    friends = [come(line, ticket, at=3, who=f"198.51.100.{n}/32") for n in range(20)]
    assert [turn.has_come for turn in friends] == [True] + [False] * 19
    own = [come(line, ticket, at=4, who="198.51.100.0/32") for _ in range(5)]
    assert sum(turn.has_come for turn in own) == TRIES - 1


def test_each_further_process_lets_a_copied_ticket_in_once_more_and_none_a_second_time() -> None:
    lines = [a_line(seconds=20)[0] for _ in range(3)]
    ticket = Ticket.new(NOW, NOW + 1, counted=True)
    came = [
        come(line, ticket, at=2, who=f"198.51.100.{n}/32").has_come
        for n, line in enumerate(lines * 4)
    ]
    assert sum(came) == len(lines)


def test_who_has_come_in_may_try_again_without_a_wait() -> None:
    load = Measured()
    line = Admission(load)
    inside = come(line, at=0)
    load.expected_delay = 5.0
    assert not come(line, at=1).has_come
    assert come(line, inside.ticket, at=1).has_come


def test_a_heap_of_tickets_taken_while_it_was_quiet_passes_no_line() -> None:
    load = Measured()
    line = Admission(load)
    heap = [line.ask(None, now=NOW) for _ in range(1000)]
    assert all(turn.has_come for turn in heap)
    load.expected_delay = 1.0
    come(line, at=1)
    load.expected_delay = 0.0
    inside = [come(line, turn.ticket, at=1) for turn in heap]
    assert sum(turn.has_come for turn in inside) <= line.pace * (HOLD + 4)


def test_what_is_remembered_of_tickets_is_forgotten_when_they_are_worth_nothing() -> None:
    line, _load = a_line(seconds=20)
    for minute in range(60):
        at = 60.0 * minute
        for _ in range(10):
            come(line, Ticket.new(NOW + at, NOW + at, counted=True), at=at)
    remembered = line._tries._younger | line._tries._older
    assert 0 < len(remembered) <= 10 * 3 * (KEPT_FOR / 60 + 1)


# What a rush looks like


class Rush:
    """Voters of four requests each against a process that does one after the other.

    ``estimate`` is how wrong the process takes its own capacity, ``leave`` the share of those who
    are turned away and never come back.
    """

    def __init__(self, *, worth: float, leave: float = 0.0, estimate: float = 1.0) -> None:
        self.per_second = 100
        self.crowd = int(self.per_second * worth)
        self.refusals: Counter[int] = Counter()
        self.inside_at: dict[int, float] = {}
        self.cast_after: list[float] = []
        self.told: dict[int, float] = {}
        self.gone: set[int] = set()
        self.seconds = 0.0
        self._leave = leave
        self._load = Measured(capacity=4 * self.per_second * estimate)
        self._line = Admission(self._load)
        self._lot = random.Random(4)

    def run(self) -> "Rush":
        events = [(n / self.crowd, n, n, -1, None) for n in range(self.crowd)]
        number = count(self.crowd)
        queue: deque[tuple[float, int, int]] = deque()
        now, work, refused = 0.0, 0.0, 0.0
        while len(self.cast_after) + len(self.gone) < self.crowd and now < 120:
            while events and events[0][0] <= now:
                at, _number, who, step, ticket = heapq.heappop(events)
                if step >= 0:
                    queue.append((at, who, step))
                    continue
                turn = self._line.come_in(ticket, str(who), now=NOW + now)
                if turn.has_come:
                    self.inside_at[who] = now
                    heapq.heappush(events, (now + turn.seconds, next(number), who, 0, None))
                    continue
                self.refusals[who] += 1
                self.told.setdefault(who, now + turn.seconds)
                refused += REFUSAL
                if self.refusals[who] == 1 and self._lot.random() < self._leave:
                    self.gone.add(who)
                    continue
                back = now + turn.retry_after(NOW + now)
                heapq.heappush(events, (back, next(number), who, -1, turn.ticket))
            work = min(work + 4 * self.per_second * TICK, 20 + len(queue))
            spent = min(refused, work)
            work, refused = work - spent, refused - spent
            while queue and work >= 1:
                at, who, step = queue.popleft()
                work -= 1
                if step == 3:
                    self.cast_after.append(now - at)
                else:
                    heapq.heappush(events, (now, next(number), who, step + 1, None))
            self._load.delay = now - queue[0][0] if queue else 0.0
            self._load.expected_delay = len(queue) / self._load.capacity
            now += TICK
            self._line.look(NOW + now)
        self.seconds = now
        return self

    @property
    def goodput(self) -> float:
        return len(self.cast_after) / self.seconds / self.per_second


def test_a_rush_gets_in_after_two_refusals_at_most_and_nearly_as_fast_as_can_be() -> None:
    rush = Rush(worth=10).run()
    assert len(rush.cast_after) == rush.crowd
    assert max(rush.refusals.values()) <= 2
    assert rush.goodput > 0.85
    assert sorted(rush.cast_after)[rush.crowd * 95 // 100] < 0.3


@pytest.mark.parametrize("estimate", [0.8, 1.3])
def test_a_process_that_is_wrong_about_itself_gets_through_a_rush_too(estimate: float) -> None:
    rush = Rush(worth=10, estimate=estimate).run()
    assert len(rush.cast_after) == rush.crowd
    assert max(rush.refusals.values()) <= 2
    assert rush.goodput > 0.7


def test_a_rush_that_half_of_the_people_leave_is_over_in_half_the_time() -> None:
    rush = Rush(worth=10, leave=0.5).run()
    assert len(rush.cast_after) + len(rush.gone) == rush.crowd
    assert rush.goodput > 0.7


def test_the_told_wait_is_about_the_wait() -> None:
    rush = Rush(worth=10).run()
    wrong = sorted(abs(rush.inside_at[who] - told) for who, told in rush.told.items())
    assert wrong[len(wrong) * 9 // 10] < 3


# The load that decides


def test_delay_is_what_the_luckiest_waited_for_the_writer() -> None:
    load = Load()
    clocked = patch("portal.load.time.monotonic", side_effect=[10.0, 10.0, 10.2, 10.3])
    with clocked, load.waiting(), load.waiting():
        pass
    load.look(0.01, 10.3)
    assert load.delay == pytest.approx(0.2)
    load.look(0.01, 10.325)
    assert load.delay == pytest.approx(0.01)


def test_a_writer_that_answers_nobody_is_late_by_the_age_of_the_oldest() -> None:
    load = Load()
    with patch("portal.load.time.monotonic", return_value=10.0):
        waiting = load.waiting()
        waiting.__enter__()
    load.look(0.0, 12.0)
    assert load.delay == pytest.approx(2.0)
    assert load.expected_delay > 0


def test_a_busy_loop_is_late_by_its_lag() -> None:
    load = Load()
    load.look(0.3, 10.0)
    assert load.delay == pytest.approx(0.3)


def processors(*shares: float, ticks: int = 2000) -> Iterator[tuple[float, ...]]:
    """Processor times of processes that each work for a share of every tick."""
    return iter([tuple(share * TICK * tick for share in shares) for tick in range(ticks + 1)])


def measure(load: Load, *, served: int, ticks: int = 2000) -> float:
    for _ in range(ticks):
        for _request in range(served):
            load.served()
        load.look(0.0, load._looked_at + TICK)
    return load.capacity


def test_capacity_is_what_was_served_for_the_processor_time_of_busy_ticks() -> None:
    load = Load(processors(0.9).__next__, cores=1)
    assert measure(load, served=18) == pytest.approx(18 / (TICK * 0.9), rel=0.02)


def test_a_writer_of_its_own_limits_a_process_when_it_works_more_or_shares_its_core() -> None:
    apart = Load(processors(0.5, 0.8).__next__, cores=2)
    assert measure(apart, served=18) == pytest.approx(18 / (TICK * 0.8), rel=0.02)
    together = Load(processors(0.4, 0.5).__next__, cores=1)
    assert measure(together, served=18) == pytest.approx(18 / (TICK * 0.9), rel=0.02)


def test_a_quiet_process_does_not_take_its_overhead_for_its_limit() -> None:
    load = Load(processors(0.1).__next__, cores=1)
    before = load.capacity
    assert measure(load, served=0) == before


def test_an_hour_of_work_for_readers_does_not_teach_that_no_voter_can_be_served() -> None:
    """Seen: it made a line that told newcomers to come back in a hundred million years."""
    load = Load(processors(1.0).__next__, cores=1)
    assert measure(load, served=0) > 100
    line = Admission(load)
    with load.waiting():
        assert line.come_in(None, "192.0.2.1/32", now=NOW).has_come


def test_no_measurement_is_believed_that_would_stop_the_vote() -> None:
    """Ticks as long as the memory, in which next to nothing was done: a process that was starved."""
    load = Load(iter([(second * 1.6,) for second in range(40)]).__next__, cores=1)
    for _ in range(30):
        load.refused()
        load.look(0.0, load._looked_at + 1.6)
    with load.waiting():
        assert load.expected_delay < AT_ONCE


def test_the_processor_time_of_another_process_can_be_read() -> None:
    command = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(command) as other:
        try:
            time.sleep(0.5)
            _own, theirs = processor_times(other.pid)
        finally:
            other.kill()
    assert 0.01 < theirs < 0.6
    assert len(processor_times(other.pid)) == 1


# What the listener answers


@pytest.fixture
def listener(sqlite_database: str) -> Iterator[TestClient]:
    with clock.fixed(NOON):
        polls.open_poll()
        with TestClient(app, base_url=BASE, client=("203.0.113.250", 50000)) as client:
            yield client


@pytest.fixture
def rush(listener: TestClient) -> Admission:
    """A line of some forty seconds before the listener."""
    line: Admission = app.state.runtime.admission
    with patch.object(Load, "expected_delay", new_callable=PropertyMock, return_value=10.0):
        line.come_in(None, "first", now=NOW)
    assert line.has_line
    return line


def sign_in(number: int = 0, ticket: str = "", **headers: str) -> Response:
    voter = Voter(number)
    voter.client.headers.update(headers | ({"Waiting-Ticket": ticket} if ticket else {}))
    return voter.ask()


def test_a_newcomer_in_a_rush_is_told_when_to_come_and_gets_a_ticket(rush: Admission) -> None:
    answer = sign_in()
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["code"] == "waiting"
    assert told["wait_seconds"] == pytest.approx(40, abs=2)
    assert int(answer.headers["retry-after"]) == pytest.approx(20, abs=2)
    assert answer.headers["waiting-ticket"] == told["ticket"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["connection"] == "close"
    assert "set-cookie" not in answer.headers


def test_a_ticket_brings_its_holder_in_when_its_time_has_come(rush: Admission) -> None:
    first = sign_in()
    with clock.fixed(NOON + timedelta(seconds=int(first.headers["retry-after"]))):
        second = sign_in(ticket=first.json()["ticket"])
        assert second.status_code == 503
        later = int(second.headers["retry-after"])
    with clock.fixed(NOON + timedelta(seconds=20 + later)):
        third = sign_in(ticket=second.json()["ticket"])
    assert third.status_code == 202
    assert third.headers["waiting-ticket"]


def test_a_refusal_is_worded_in_the_language_of_the_request(rush: Admission) -> None:
    titles = {
        sign_in(**{"Accept-Language": locale}).json()["title"] for locale in ("ru", "kk", "en")
    }
    assert len(titles) == 3


def test_voters_who_have_begun_are_never_kept_waiting(listener: TestClient) -> None:
    voter = Voter(0)
    challenge = voter.ask().json()["challenge"]
    code = voter.code()
    line: Admission = app.state.runtime.admission
    with patch.object(Load, "expected_delay", new_callable=PropertyMock, return_value=10.0):
        line.come_in(None, "first", now=NOW)
        assert sign_in(1).status_code == 503
        opened = voter.client.post(f"{SIGN_IN}/{challenge}", json={"code": code})
        assert opened.status_code == 200
        voter.headers = {"Authorization": f"Bearer {opened.json()['token']}"}
        assert voter.cast(voter.seal(voter.paper())).status_code == 201


def test_who_has_a_challenge_may_ask_for_another_code_in_the_rush(listener: TestClient) -> None:
    ticket = sign_in(0).headers["waiting-ticket"]
    line: Admission = app.state.runtime.admission
    with patch.object(Load, "expected_delay", new_callable=PropertyMock, return_value=10.0):
        line.come_in(None, "first", now=NOW)
    assert sign_in(1).status_code == 503
    assert sign_in(0, ticket).status_code == 202


def test_a_refused_sign_in_stores_nothing_and_sends_no_code(rush: Admission) -> None:
    answers = [sign_in(number) for number in range(5)]
    assert {answer.status_code for answer in answers} == {503}
    assert not polls.outbox()


def test_the_other_calls_and_pages_answer_as_ever(rush: Admission, listener: TestClient) -> None:
    for path in ("/ru/", "/api/v1/primary", "/api/v1/turnout", "/ru/rules", "/healthz", "/readyz"):
        assert listener.get(path).status_code == 200, path


def test_an_app_can_ask_for_its_turn_before_it_asks_for_the_iin(
    rush: Admission, listener: TestClient
) -> None:
    first = listener.get(WAITING)
    assert first.json()["due"] is False
    assert first.json()["wait_seconds"] == pytest.approx(40, abs=2)
    place = {"Waiting-Ticket": first.json()["ticket"]}
    again = listener.get(WAITING, headers=place)
    assert again.json()["ticket"] == first.json()["ticket"]
    with clock.fixed(NOON + timedelta(seconds=20)):
        kept = listener.get(WAITING, headers=place)
    place = {"Waiting-Ticket": kept.json()["ticket"]}
    with clock.fixed(NOON + timedelta(seconds=60)):
        due = listener.get(WAITING, headers=place)
        assert due.json()["due"] is True
        assert "retry-after" not in due.headers
        assert sign_in(ticket=due.json()["ticket"]).status_code == 202


def test_without_a_rush_it_is_everybodys_turn(listener: TestClient) -> None:
    assert listener.get(WAITING).json()["due"] is True


@pytest.mark.parametrize("locale", ["ru", "kk", "en"])
def test_the_page_that_begins_a_vote_becomes_a_waiting_page(
    rush: Admission, listener: TestClient, locale: str
) -> None:
    answer = listener.get(f"/{locale}/vote")
    assert answer.status_code == 503
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    page = answer.text
    assert f'<html lang="{locale}">' in page
    assert "/waiting.js" in page
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert {"turn.minutes", "turn.seconds", "turn.come", "offline"} == set(
        re.findall(r'data-word="([\w.]+)"', page)
    )
    reload = re.search(r'<noscript><meta http-equiv="refresh" content="(\d+)"></noscript>', page)
    assert reload
    assert reload[1] == answer.headers["retry-after"]


def test_browsers_without_scripts_come_back_at_different_times(
    rush: Admission, listener: TestClient
) -> None:
    told = {listener.get("/ru/vote").headers["retry-after"] for _ in range(60)}
    assert len(told) > 3


def test_loading_the_waiting_page_again_makes_the_line_no_longer(
    rush: Admission, listener: TestClient
) -> None:
    before = rush.expected_wait(NOW)
    for _ in range(50):
        listener.get("/ru/vote")
    assert rush.expected_wait(NOW) == before


def test_after_its_turn_and_for_a_session_the_page_is_the_voting_page(
    rush: Admission, listener: TestClient
) -> None:
    assert listener.get("/ru/vote?turn=").status_code == 200
    assert listener.get("/ru/vote?terminal=&turn=").status_code == 200
    assert listener.get("/ru/vote", headers={"Cookie": "voter=something"}).status_code == 200
    assert listener.get("/ru/vote?other=turn").status_code == 503


def test_the_documentation_tells_of_the_ticket(listener: TestClient) -> None:
    paths = listener.get("/api/v1/openapi.json").json()["paths"]
    for operation in (paths[SIGN_IN]["post"], paths[WAITING]["get"]):
        (ticket,) = [one for one in operation["parameters"] if one["name"] == "Waiting-Ticket"]
        assert not ticket["required"]
    assert "503" in paths[SIGN_IN]["post"]["responses"]


@pytest.mark.parametrize(
    "fault",
    [OperationalError("", {}, Exception("database is locked")), NoConnectionLeft()],
    ids=["locked", "no connection left"],
)
def test_a_database_that_is_too_busy_is_told_as_a_matter_of_time(
    listener: TestClient, fault: Exception
) -> None:
    client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
    with patch.object(queries, "turnout", side_effect=fault):
        call = client.get("/api/v1/turnout")
    assert call.status_code == 503
    assert call.headers["retry-after"] == "5"
    assert call.json()["code"] == "unavailable"
    with patch("portal.site.read_overview", side_effect=fault):
        page = client.get("/kk/rules")
    assert page.status_code == 503
    assert page.headers["retry-after"] == "5"
    assert '<html lang="kk">' in page.text
    assert "locked" not in page.text


def test_any_other_fault_is_no_matter_of_time(listener: TestClient) -> None:
    client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
    with patch.object(queries, "turnout", side_effect=ZeroDivisionError):
        call = client.get("/api/v1/turnout")
    assert call.status_code == 500
    assert "retry-after" not in call.headers


def test_a_portal_that_may_open_few_files_says_so_at_its_start(sqlite_database: str) -> None:
    os.environ["PRIMARIES_PUBLIC_PORT"] = str(free_port())
    settings.cache_clear()
    polls.open_poll()
    few = "ulimit -n 600 && exec " + shlex.join([sys.executable, "-m", "portal"])
    with subprocess.Popen(["sh", "-c", few], stderr=subprocess.PIPE, text=True, cwd=ROOT) as portal:
        try:
            assert portal.stderr
            told = portal.stderr.readline()
        finally:
            portal.kill()
    assert "600 files" in told
    assert "LimitNOFILE" in told
