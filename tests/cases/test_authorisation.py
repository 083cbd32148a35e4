"""Every verb of the desk refuses whoever holds another role, and every session for looking only."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from core.cases import dossier, evidence, queries, service
from core.cases.evidence_rules import read_upload
from core.cases.rules import CasesRefusal, CaseState, Category, Channel, Move, Part
from core.cases.service import ContactEntry, RespondentEntry
from core.cases.sources import case_numbers
from core.cases.working_time import DayKind
from core.errors import Refused
from core.staff.rules import Actor, Office, Role, StaffRefusal
from tests.cases.conftest import DISTRICT, Desk
from tests.conftest import MakeActor

Verb = Callable[[Desk, Actor, str], Any]
FILE = read_upload(BytesIO(b"%PDF-1.7"), "x.pdf")

OPERATORS: dict[str, Verb] = {
    "log_contact": lambda d, a, n: service.log_contact(
        d.session, ContactEntry(story="x"), actor=a, key="k", now=d.now
    ),
    "open_draft": lambda d, a, n: service.open_draft(d.session, actor=a, now=d.now),
    "keep_draft": lambda d, a, n: service.keep_draft(d.session, {}, actor=a, now=d.now),
    "discard_draft": lambda d, a, n: service.discard_draft(d.session, actor=a),
    "promise_call_back": lambda d, a, n: service.promise_call_back(
        d.session, 1, service.Promise(due_at=d.now), actor=a, now=d.now
    ),
    "start_call_back": lambda d, a, n: service.start_call_back(d.session, 1, actor=a, now=d.now),
    "note_no_answer": lambda d, a, n: service.note_no_answer(d.session, 1, actor=a, now=d.now),
    "finish_call_back": lambda d, a, n: service.finish_call_back(
        d.session, 1, 1, actor=a, now=d.now
    ),
    "give_code": lambda d, a, n: service.give_code(d.session, n, actor=a, reason="x", now=d.now),
    "note_look_up": lambda d, a, n: service.note_look_up(d.session, "+7", actor=a, now=d.now),
}
ORGANIZERS: dict[str, Verb] = {
    "seat_substitute": lambda d, a, n: service.seat_substitute(
        d.session,
        d.ids["district"],
        actor=a,
        account_id=d.chair("centre").account_id,
        absent_id=d.lead().account_id,
        until=d.now + timedelta(days=1),
        now=d.now,
    ),
    "end_substitution": lambda d, a, n: service.end_substitution(
        d.session, d.ids["district"], actor=a, account_id=d.lead().account_id, now=d.now
    ),
    "set_calendar_day": lambda d, a, n: service.set_calendar_day(
        d.session, d.now.date(), DayKind.OFF, actor=a, reason="x", now=d.now
    ),
    "set_time_limit": lambda d, a, n: service.set_time_limit(
        d.session, CaseState.TRIAGE, actor=a, span=timedelta(hours=1), now=d.now
    ),
    "open_from_source": lambda d, a, n: service.open_from_source(
        d.session,
        "cluster",
        ContactEntry(story="x", channel=Channel.OWN_FINDING),
        actor=a,
        now=d.now,
    ),
    "create_commission": lambda d, a, n: service.create_commission(
        d.session, actor=a, place="190000000", quorum=3, now=d.now
    ),
    "set_quorum": lambda d, a, n: service.set_quorum(
        d.session, d.ids["district"], actor=a, quorum=1
    ),
    "seat_member": lambda d, a, n: service.seat_member(
        d.session,
        d.ids["district"],
        actor=a,
        account_id=d.chair("region").account_id,
        office=Office.MEMBER,
        now=d.now,
    ),
    "end_seat": lambda d, a, n: service.end_seat(
        d.session, d.ids["district"], actor=a, account_id=d.chair().account_id, now=d.now
    ),
    "note_identity": lambda d, a, n: service.note_identity(
        d.session, d.chair().account_id, actor=a, iin=None, mobile=None
    ),
}
DESK: dict[str, Verb] = {
    "move": lambda d, a, n: service.move(
        d.session, n, Move.PASS_ON, actor=a, now=d.now, pass_reason="conflict", direction="up"
    ),
    "confirm_move": lambda d, a, n: service.confirm_move(d.session, n, actor=a, now=d.now),
    "take_back_pending": lambda d, a, n: service.take_back_pending(
        d.session, n, actor=a, now=d.now
    ),
    "add_note": lambda d, a, n: service.add_note(d.session, n, "x", actor=a, now=d.now),
    "add_respondent": lambda d, a, n: service.add_respondent(
        d.session, n, RespondentEntry(name="Некто"), actor=a, now=d.now
    ),
    "declare_conflict": lambda d, a, n: service.declare_conflict(
        d.session, n, actor=a, in_conflict=True, now=d.now
    ),
    "raise_challenge": lambda d, a, n: service.raise_challenge(
        d.session,
        n,
        actor=a,
        account_id=d.lead().account_id,
        party=Part.COMPLAINANT,
        grounds="Родственник",
        now=d.now,
    ),
    "vote_on_challenge": lambda d, a, n: service.vote_on_challenge(
        d.session, 1, actor=a, accepts=True, now=d.now
    ),
    "note_asked_after": lambda d, a, n: service.note_asked_after(
        d.session, n, actor=a, answer="Спокойно", now=d.now
    ),
    "follow_on": lambda d, a, n: service.follow_on(
        d.session, n, actor=a, earlier="K7Q2-0000", now=d.now
    ),
    "ask_withdrawal": lambda d, a, n: service.ask_withdrawal(
        d.session, n, actor=a, channel=Channel.PHONE, now=d.now
    ),
    "add_evidence": lambda d, a, n: service.add_evidence(d.session, n, FILE, actor=a, now=d.now),
    "hold_case": lambda d, a, n: service.hold_case(
        d.session, n, actor=a, reason="Идёт суд", until=d.now + timedelta(days=9), now=d.now
    ),
    "lift_hold": lambda d, a, n: service.lift_hold(d.session, n, actor=a, now=d.now),
    "open_evidence": lambda d, a, n: service.open_evidence(d.session, 1, actor=a, now=d.now),
    "ask_identity": lambda d, a, n: service.ask_identity(
        d.session, n, actor=a, reason="очень нужно", now=d.now
    ),
    "decide_identity": lambda d, a, n: service.decide_identity(
        d.session, n, 1, actor=a, allow=True, now=d.now
    ),
    "open_identity": lambda d, a, n: service.open_identity(d.session, n, actor=a, now=d.now),
    "record_reading": lambda d, a, n: service.record_reading(d.session, n, actor=a, now=d.now),
    "finish_remedy": lambda d, a, n: service.finish_remedy(
        d.session, 1, actor=a, outcome="x", now=d.now
    ),
}
WITHOUT_ACTOR = {
    "accept_complaint",
    *("act_on_complaint", "add_file", "change_code", "complaint_status", "new_code"),
    *("run_clock", "run_due"),
}


def test_every_verb_is_asked() -> None:
    verbs = {name for name in service.__all__ if inspect.isfunction(getattr(service, name))}
    assert verbs == {*OPERATORS, *ORGANIZERS, *DESK, *WITHOUT_ACTOR}


@pytest.mark.parametrize("role", list(Role))
def test_other_roles_are_refused(desk: Desk, make_actor: MakeActor, role: Role) -> None:
    number = desk.walk(CaseState.INVESTIGATION).number or ""
    stranger = make_actor(role, session=desk.session, name="Посторонний Ясир")
    for allowed, verbs in (
        ({Role.OPERATOR}, OPERATORS),
        ({Role.ORGANIZER}, ORGANIZERS),
        (set(), DESK),
    ):
        if role in allowed:
            continue
        for name, verb in verbs.items():
            with pytest.raises(Refused) as refused:
                verb(desk, stranger, number)
            # Operators and commissioners of other desks learn nothing but "no such case".
            assert refused.value.code in {
                StaffRefusal.FORBIDDEN,
                CasesRefusal.NO_SUCH_CASE,
                CasesRefusal.NO_SUCH_FILE,
            }, name


def test_a_session_for_looking_writes_nothing(desk: Desk) -> None:
    number = desk.walk(CaseState.INVESTIGATION).number or ""
    for verbs, person in (
        (OPERATORS, desk.operator),
        (ORGANIZERS, desk.organizer),
        (DESK, desk.lead()),
    ):
        looking = replace(person, read_only=True)
        for name, verb in verbs.items():
            with pytest.raises(Refused) as refused:
                verb(desk, looking, number)
            assert refused.value.code is StaffRefusal.READ_ONLY_SESSION, name


@pytest.mark.parametrize("role", list(Role))
def test_reads_are_refused_too(desk: Desk, make_actor: MakeActor, role: Role) -> None:
    number = desk.walk(CaseState.INVESTIGATION).number or ""
    person = make_actor(role, session=desk.session, name="Посторонний Ясир")
    on_desk = role in {Role.OPERATOR, Role.COMMISSIONER}
    reads: dict[str, tuple[bool, Callable[[], Any]]] = {
        "case_list": (on_desk, lambda: queries.case_list(desk.session, person, now=desk.now)),
        "state_counts": (on_desk, lambda: queries.state_counts(desk.session, person, now=desk.now)),
        "overdue": (on_desk, lambda: queries.overdue_count(desk.session, person, now=desk.now)),
        "similar": (
            on_desk,
            lambda: queries.similar_cases(
                desk.session, person, category=Category.OTHER, place=DISTRICT, now=desk.now
            ),
        ),
        "own": (role is Role.OPERATOR, lambda: queries.own_contacts(desk.session, person)),
        "earlier": (
            role is Role.OPERATOR,
            lambda: queries.earlier_contacts(desk.session, person, "+77015550142"),
        ),
        "sources": (
            role in {Role.OPERATOR, Role.ORGANIZER},
            lambda: case_numbers(desk.session, ["cluster"], actor=person),
        ),
        "commissions": (
            role in {Role.ORGANIZER, Role.COMMISSIONER},
            lambda: queries.commission_list(desk.session, person),
        ),
        "possible": (
            role is Role.ORGANIZER,
            lambda: queries.possible_members(desk.session, person, desk.ids["district"]),
        ),
    }
    for name, (allowed, read) in reads.items():
        if allowed:
            read()
            continue
        with pytest.raises(Refused) as refused:
            read()
        assert refused.value.code is StaffRefusal.FORBIDDEN, name
    for inside in (
        lambda: dossier.case_page(desk.session, person, number, now=desk.now),
        lambda: evidence.evidence_of(desk.session, person, number),
    ):
        with pytest.raises(Refused):
            inside()


def test_an_operator_of_another_place_has_another_queue(desk: Desk, make_actor: MakeActor) -> None:
    number = desk.log().number or ""
    elsewhere = make_actor(Role.OPERATOR, place="190000000", session=desk.session)
    here = make_actor(Role.OPERATOR, place=DISTRICT, session=desk.session)
    assert queries.case_list(desk.session, elsewhere, now=desk.now)[1] == 0
    rows, _total = queries.case_list(desk.session, here, now=desk.now)
    assert [row.number for row in rows] == [number]


def test_who_loses_the_seat_loses_the_cases(desk: Desk) -> None:
    desk.walk(CaseState.INVESTIGATION)
    assert queries.case_list(desk.session, desk.lead(), now=desk.now)[1] == 1
    service.end_seat(
        desk.session,
        desk.ids["district"],
        actor=desk.organizer,
        account_id=desk.lead().account_id,
        now=desk.now,
    )
    assert queries.case_list(desk.session, desk.lead(), now=desk.now)[1] == 0


def test_a_seat_needs_the_role_and_nobody_seats_themselves(
    desk: Desk, make_actor: MakeActor
) -> None:
    both = make_actor(Role.ORGANIZER, Role.COMMISSIONER, session=desk.session)
    for actor, account in ((desk.organizer, desk.operator), (both, both)):
        with pytest.raises(Refused) as refused:
            service.seat_member(
                desk.session,
                desk.ids["district"],
                actor=actor,
                account_id=account.account_id,
                office=Office.CHAIR,
                now=desk.now,
            )
        assert refused.value.code is CasesRefusal.NOT_A_MEMBER
