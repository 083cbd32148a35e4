"""Whole lives of cases at random, on both engines side by side.

Operators, commissioners, complainants and the clock do what comes to them; what they may not do is
refused, and everything else must hold whatever the order. In the suite only for some seconds:
``LONG_LIVES=1`` runs thousands of steps (``make lives``).
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import Session, col, select

from core.audit.queries import verify_chain
from core.cases import dossier, service
from core.cases.access import able_members
from core.cases.challenges import challenges_of
from core.cases.conflicts import cases_in_conflict
from core.cases.models import Case, CaseMove, Deadline, Remedy
from core.cases.rules import (
    CaseState,
    Category,
    Channel,
    Move,
    PanelVote,
    Part,
    RemedyKind,
    Urgency,
    row_for,
    targets,
)
from core.cases.service import Receipt, RemedyOrder, RespondentEntry
from core.database import _engine
from core.errors import Refused
from core.staff.rules import Actor, Office, Role
from tests.cases.conftest import DISTRICT, NAMES, build_desk
from tests.cases.test_conflicts import view_of
from tests.conftest import MakeActor

LONG = bool(os.environ.get("LONG_LIVES"))
LEVELS = tuple(NAMES)
PEOPLE = ("operator", "watcher", *(f"{level} {i}" for level in LEVELS for i in range(3)))
STRAIGHT = {
    *(Move.ACKNOWLEDGE, Move.SUBMIT, Move.ASSIGN, Move.BEGIN, Move.DELIBERATE, Move.DECIDE),
    *(Move.ORDER_REMEDY, Move.CLOSE, Move.ANSWER, Move.ADMIT_APPEAL),
}
person = st.sampled_from(PEOPLE)
case = st.integers(0, 5)


class World:
    """The desk in one database, and what has become of its cases."""

    def __init__(self, url: str, make_actor: MakeActor) -> None:
        self.session = Session(_engine(url))
        self.desk = build_desk(self.session, make_actor)
        # Sits in the district, reads the audit log: whatever somebody in conflict could see.
        self.watcher = make_actor(
            *(Role.OPERATOR, Role.COMMISSIONER, Role.AUDITOR),
            place=DISTRICT,
            name="Ержанов Марат",
            session=self.session,
        )
        service.seat_member(
            self.session,
            self.desk.ids["district"],
            actor=self.desk.organizer,
            account_id=self.watcher.account_id,
            office=Office.MEMBER,
            now=self.desk.now,
        )
        self.receipts: list[Receipt] = []

    def actor(self, name: str) -> Actor:
        if name in {"operator", "watcher"}:
            return self.desk.operator if name == "operator" else self.watcher
        level, _space, place = name.partition(" ")
        return self.desk.people[level][int(place)]

    def name(self, account_id: int | None) -> str | None:
        known = {self.actor(name).account_id: name for name in PEOPLE}
        known[self.desk.people["district"][3].account_id] = "district 3"
        return known[account_id] if account_id is not None else None

    def level(self, commission_id: int | None) -> str | None:
        levels = {number: level for level, number in self.desk.ids.items()}
        return levels[commission_id] if commission_id is not None else None

    def receipt(self, which: int) -> Receipt:
        return self.receipts[which % len(self.receipts)]

    def case(self, which: int) -> Case:
        return self.desk.case(self.receipt(which).number)

    def given(self, move: Move, which: int) -> dict[str, Any]:
        """Everything a move requires, from people who may sit over the case now."""
        found = self.case(which)
        above = found.next_commission_id if move is Move.REOPEN else None
        able = list(able_members(self.session, found, above or found.commission_id))
        given = self.desk.given_for(move, self.receipt(which))
        if "lead" in given and able:
            given["lead"] = able[-1]
        if "votes" in given:
            given["votes"] = dict.fromkeys(able, PanelVote.FOR)
            if which % 2:
                order = RemedyOrder(
                    kind=RemedyKind.CANDIDATE_WARNED, owner="Кто", due_on=self.desk.now.date()
                )
                given["remedies"] = (order,)
        if move is Move.MERGE:
            given["target"] = self.receipt(which + 1).number
        return given

    def snapshot(self) -> list[tuple[Any, ...]]:
        """Where every case stands, in words that both databases share."""
        found = []
        for receipt in self.receipts:
            row = self.desk.case(receipt.number)
            found.append(
                (
                    *(row.state, row.finding, row.version, row.pauses, row.came_from),
                    *(row.due_at, row.clock_at, row.appeal_until, row.time_left),
                    *(self.level(row.commission_id), self.level(row.next_commission_id)),
                    self.name(row.lead_id),
                )
            )
        return found


class Lives(RuleBasedStateMachine):
    """Each rule is one act of one person (or of the clock), done in both worlds."""

    urls: ClassVar[tuple[str, str]]
    make_actor: ClassVar[MakeActor]
    steps: ClassVar[int] = 0
    made: ClassVar[set[CaseState]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.worlds = [World(url, type(self).make_actor) for url in type(self).urls]

    def teardown(self) -> None:
        for world in self.worlds:
            assert verify_chain(world.session).fault is None
            world.session.rollback()
            world.session.close()

    def do(self, act: Callable[[World], object], which: int | None = None) -> None:
        """The act in both worlds, with one outcome; and nothing of it shows to the watcher when the
        case does not exist for the watcher before and after it.
        """
        said = []
        for world in self.worlds:
            hidden = which is not None and self._is_hidden(world, which)
            before = view_of(world.session, world.watcher, world.desk) if hidden else None
            try:
                with world.session.begin_nested():
                    said.append(act(world))
            except Refused as refused:
                said.append(refused.code)
                # A refused act leaves nothing, nor may the session remember it.
                world.session.expire_all()
            if hidden and which is not None and self._is_hidden(world, which):
                assert view_of(world.session, world.watcher, world.desk) == before
        assert said[0] == said[1]
        type(self).steps += 1

    @staticmethod
    def _is_hidden(world: World, which: int) -> bool:
        number = world.receipt(which).number
        barred = cases_in_conflict(world.session, world.watcher)
        return any(known == number for _case_id, known in barred)

    @initialize()
    def calls_come_in(self) -> None:
        for steps in (7, 2, 0):
            self.call(Channel.PHONE, anonymous=False, urgency=Urgency.NORMAL)
            if steps:
                self.the_case_goes_on(len(self.worlds[0].receipts) - 1, steps)

    @precondition(lambda self: len(self.worlds[0].receipts) < 5)
    @rule(
        channel=st.sampled_from([Channel.PHONE, Channel.MAIL, Channel.VISIT]),
        anonymous=st.booleans(),
        urgency=st.sampled_from(list(Urgency)),
    )
    def call(self, channel: Channel, anonymous: bool, urgency: Urgency) -> None:  # noqa: FBT001
        for world in self.worlds:
            caller = None if anonymous else "+77015550142"
            receipt = world.desk.log(
                channel=channel, caller=caller, urgency=urgency, category=Category.VOTE_BUYING
            )
            world.receipts.append(receipt)

    @rule(hours=st.sampled_from([1, 3, 10, 24, 80]))
    def wait(self, hours: int) -> None:
        for world in self.worlds:
            world.desk.wait(hours=hours)

    @rule()
    def the_schedule_runs(self) -> None:
        self.do(lambda world: service.run_clock(world.session, world.desk.now))

    @rule(which=case, move=st.sampled_from(list(Move)), who=person)
    def try_a_move(self, which: int, move: Move, who: str) -> None:
        def act(world: World) -> object:
            moved = world.desk.move(
                world.receipt(which).number, move, world.actor(who), **world.given(move, which)
            )
            return moved.state, moved.awaits_second

        self.do(act, which)

    @rule(which=case, choice=st.integers(0, 20))
    def somebody_does_what_is_offered(self, which: int, choice: int) -> None:
        offered = self._offered(which)
        if offered:
            who, move = offered[choice % len(offered)]
            self.try_a_move(which, move, who)

    @rule(which=case, aside=st.sampled_from([move for move in Move if move not in STRAIGHT]))
    def a_case_leaves_the_straight_way(self, which: int, aside: Move) -> None:
        for who, move in self._offered(which):
            if move is aside:
                self.try_a_move(which, move, who)
                return

    @rule(which=case, steps=st.integers(1, 5))
    def the_case_goes_on(self, which: int, steps: int) -> None:
        """The straight way, so that cases come far."""
        for _ in range(steps):
            self.the_panel_declares(which)
            straight = [(who, move) for who, move in self._offered(which) if move in STRAIGHT]
            if straight:
                who, move = straight[0]
                self.try_a_move(which, move, who)

    def _offered(self, which: int) -> list[tuple[str, Move]]:
        world = self.worlds[0]
        number = world.receipt(which).number or ""
        offered = []
        for who in PEOPLE:
            try:
                page = dossier.case_page(
                    world.session, world.actor(who), number, now=world.desk.now
                )
            except Refused:
                continue
            offered += [(who, offer.move) for offer in page.offers if not offer.unmet]
        return offered

    @rule(which=case)
    def the_panel_declares(self, which: int) -> None:
        def act(world: World) -> object:
            found = world.case(which)
            for account_id in able_members(world.session, found, found.commission_id):
                actor = next(
                    member
                    for members in (*world.desk.people.values(), [world.watcher])
                    for member in members
                    if member.account_id == account_id
                )
                service.declare_conflict(
                    world.session, found.number, actor=actor, in_conflict=False, now=world.desk.now
                )
            return found.state

        self.do(act, which)

    @rule(which=case, who=person)
    def somebody_declares_an_interest(self, which: int, who: str) -> None:
        self.do(
            lambda world: service.declare_conflict(
                world.session,
                world.receipt(which).number or "",
                actor=world.actor(who),
                in_conflict=True,
                now=world.desk.now,
            ),
            which,
        )

    @rule(which=case, who=person, named=st.sampled_from([*PEOPLE, "nobody"]))
    def a_respondent_is_added(self, which: int, who: str, named: str) -> None:
        def act(world: World) -> object:
            name = "Неизвестный Ясир" if named == "nobody" else world.actor(named).name
            service.add_respondent(
                world.session,
                world.receipt(which).number or "",
                RespondentEntry(name=name),
                actor=world.actor(who),
                now=world.desk.now,
            )
            return None

        self.do(act, which)

    @rule(which=case, who=person, against=person)
    def a_party_challenges(self, which: int, who: str, against: str) -> None:
        self.do(
            lambda world: service.raise_challenge(
                world.session,
                world.receipt(which).number or "",
                actor=world.actor(who),
                account_id=world.actor(against).account_id,
                party=Part.COMPLAINANT,
                grounds="Родня",
                now=world.desk.now,
            ),
            which,
        )

    @rule(which=case, who=person, accepts=st.booleans())
    def the_rest_votes(self, which: int, who: str, accepts: bool) -> None:  # noqa: FBT001
        def act(world: World) -> object:
            number = world.receipt(which).number or ""
            raised = challenges_of(world.session, world.actor(who), number).raised
            return [
                service.vote_on_challenge(
                    world.session,
                    view.id,
                    actor=world.actor(who),
                    accepts=accepts,
                    now=world.desk.now,
                )
                for view in raised
                if view.may_vote
            ][:1]

        self.do(act, which)

    @rule(which=case, who=person)
    def a_second_person_confirms(self, which: int, who: str) -> None:
        self.do(
            lambda world: (
                service.confirm_move(
                    world.session,
                    world.receipt(which).number or "",
                    actor=world.actor(who),
                    now=world.desk.now,
                ).state
            ),
            which,
        )

    @rule(which=case)
    def the_complainant_asks_to_withdraw(self, which: int) -> None:
        self.do(
            lambda world: service.ask_withdrawal(
                world.session,
                world.receipt(which).number or "",
                actor=world.desk.operator,
                channel=Channel.PHONE,
                now=world.desk.now,
            ),
            which,
        )

    @rule(which=case, who=person)
    def remedies_are_done(self, which: int, who: str) -> None:
        def act(world: World) -> object:
            found = world.case(which)
            for remedy in world.session.exec(
                select(Remedy).where(col(Remedy.case_id) == found.id)
            ).all():
                service.finish_remedy(
                    world.session,
                    remedy.id or 0,
                    actor=world.actor(who),
                    outcome="Сделано",
                    now=world.desk.now,
                )
            return None

        self.do(act, which)

    @invariant()
    def both_databases_agree(self) -> None:
        assert self.worlds[0].snapshot() == self.worlds[1].snapshot()

    @invariant()
    def the_history_explains_the_state_and_no_clock_runs_backwards(self) -> None:
        for world in self.worlds:
            for receipt in world.receipts:
                self._check_history(world, world.desk.case(receipt.number))

    def _check_history(self, world: World, found: Case) -> None:
        moves = world.session.exec(
            select(CaseMove).where(col(CaseMove.case_id) == found.id).order_by(col(CaseMove.id))
        ).all()
        state: str | None = None
        last: datetime | None = None
        for made in moves:
            row = row_for(Move(made.move), CaseState(made.source) if made.source else None)
            assert row is not None
            assert made.source == state
            assert CaseState(made.target) in targets(row)
            assert last is None or made.at >= last
            state, last = made.target, made.at
            type(self).made.add(CaseState(made.target))
        assert state == found.state
        assert found.version == len(moves)
        assert last == found.state_since
        spans = world.session.exec(
            select(Deadline).where(col(Deadline.case_id) == found.id).order_by(col(Deadline.id))
        ).all()
        assert [span.state for span in spans] == [made.target for made in moves]
        assert [span.started_at for span in spans] == [made.at for made in moves]
        assert all(span.ended_at is not None for span in spans[:-1])
        assert spans[-1].ended_at is None
        assert all(span.due_at is None or span.due_at >= span.started_at for span in spans)

    @invariant()
    def who_leads_may_sit(self) -> None:
        led = {CaseState.ASSIGNED, CaseState.INVESTIGATION, CaseState.DELIBERATION}
        for world in self.worlds:
            for receipt in world.receipts:
                found = world.desk.case(receipt.number)
                if CaseState(found.state) in led and found.lead_id is not None:
                    assert found.lead_id in able_members(world.session, found, found.commission_id)


def test_cases_live_alike_on_both_engines_whatever_happens(
    sqlite_database: str, postgres_database: str, make_actor: MakeActor
) -> None:
    Lives.urls, Lives.make_actor = (sqlite_database, postgres_database), make_actor
    Lives.steps, Lives.made = 0, set()
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=60 if LONG else 2,
            stateful_step_count=80 if LONG else 12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # A run in which nothing comes far would show nothing.
    assert len(Lives.made) >= (len(CaseState) - 2 if LONG else 6), (Lives.steps, Lives.made)
