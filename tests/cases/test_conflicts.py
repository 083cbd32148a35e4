"""Conflict of interest: adding a case that names somebody changes nothing that they can see."""

import inspect
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from core.audit import queries as audit
from core.cases import access, dossier, evidence, queries, service, sources
from core.cases.call_backs import call_backs_due
from core.cases.challenges import challenges_of
from core.cases.ciphers import cipher_of
from core.cases.identity import identity_desk, waiting_for_second
from core.cases.queries import CaseFilters
from core.cases.reminders import send_reminders
from core.cases.respondents import put_respondent
from core.cases.retention import erased_soon, retention_of
from core.cases.rules import CasesRefusal, CaseState, Category, Level, Move, Need, Part, Urgency
from core.cases.service import ContactEntry, RespondentEntry
from core.cases.spelling import same_person
from core.cases.workload import overdue_below, workload
from core.database import engine, unit_of_work
from core.errors import Refused
from core.messaging.models import OutboxMessage
from core.messaging.post import opened
from core.staff.models import Account
from core.staff.rules import Actor, Grant, Office, Role
from pages import duties
from tests.cases.conftest import DISTRICT, STORY, Desk, build_desk
from tests.conftest import MakeActor

IIN = "850101312049"
MOBILE = "+77015550142"

ASKED: dict[str, Callable[[Session, Actor, Any], Any]] = {
    "case_list": lambda s, a, now: [
        queries.case_list(s, a, filters, now=now)
        for filters in (
            CaseFilters(),
            CaseFilters(text="принужд"),
            CaseFilters(text="начальники цехов"),
            CaseFilters(text="неизвестного"),
            CaseFilters(place=DISTRICT),
            CaseFilters(overdue=True),
            CaseFilters(mine=True),
        )
    ],
    "state_counts": lambda s, a, now: queries.state_counts(s, a, now=now),
    "overdue_count": lambda s, a, now: queries.overdue_count(s, a, now=now),
    "earlier_contacts": lambda s, a, now: queries.earlier_contacts(s, a, "+77770000001"),
    "similar_cases": lambda s, a, now: [
        queries.similar_cases(s, a, category=category, place=DISTRICT, now=now)
        for category in Category
    ],
    "own_contacts": lambda s, a, now: queries.own_contacts(s, a),
    "commission_list": lambda s, a, now: queries.commission_list(s, a),
    "possible_members": lambda s, a, now: queries.possible_members(s, a, 1),
}


def _masked_log(session: Session, actor: Actor) -> list[tuple[object, ...]]:
    """The audit log as its page draws it: neither running number nor hash, which differ always."""
    unseen = access.unseen_acts(session, actor)
    rows, total = audit.entries(session, unseen=unseen, limit=10_000)
    shown = access.shown_subjects(session, [row.subject for row in rows])
    return [
        (total, audit.acts(session, unseen=unseen)),
        *(
            (row.at, row.act, row.account_id, shown.get(row.subject, row.subject), row.details)
            for row in rows
        ),
    ]


def _messages_to(session: Session, actor: Actor, now: datetime) -> int:
    """How many messages wait for the number of an account, after everything that was due."""
    with session.begin_nested() as point:
        service.run_clock(session, now + timedelta(days=200))
        send_reminders(session, now + timedelta(days=200))
        rows = session.exec(select(OutboxMessage)).all()
        mine = sum(opened(row).to == MOBILE for row in rows)
        point.rollback()
    session.expire_all()
    return mine


ELSEWHERE: dict[str, Callable[[Session, Actor, Any], Any]] = {
    "audit log": lambda s, a, now: _masked_log(s, a),
    "sources": lambda s, a, now: sources.case_numbers(s, ["cluster:1"], actor=a),
    "waiting for a second person": lambda s, a, now: waiting_for_second(s, a, now=now),
    "call-backs": lambda s, a, now: call_backs_due(s, a, now=now),
    "erased soon": lambda s, a, now: erased_soon(s, a, now=now + timedelta(days=110)),
    "workload": lambda s, a, now: workload(s, a, now=now),
    "overdue below": lambda s, a, now: overdue_below(s, a, now=now),
    "messages": _messages_to,
    "duties": lambda s, a, now: duties.duties(duties.Looking(s, a, None, now)),
    "figures": lambda s, a, now: duties.figures(duties.Looking(s, a, None, now)),
}
"""Reads of cases outside the desk's lists."""


def view_of(session: Session, actor: Actor, desk: Desk) -> dict[str, Any]:
    """Everything an account can read of the desk; a refusal is an answer too."""
    found: dict[str, Any] = {}
    for name, ask in (ASKED | ELSEWHERE).items():
        try:
            found[name] = ask(session, actor, desk.now)
        except Refused as refused:
            found[name] = refused.code
    return found


def test_every_query_is_asked() -> None:
    """A new query has to stand in the list above, or this test says so."""
    public = {
        name
        for name, function in inspect.getmembers(queries, inspect.isfunction)
        if function.__module__ == queries.__name__ and not name.startswith("_")
    }
    assert public == set(ASKED)


NAMED = {
    "iin": lambda person: RespondentEntry(name="Неизвестный", iin=IIN),
    "mobile": lambda person: RespondentEntry(name="Неизвестный", mobile=MOBILE),
    "name": lambda person: RespondentEntry(name=person.name),
    "surname": lambda person: RespondentEntry(name=person.name.split()[0]),
    "branch": lambda person: RespondentEntry(name="Неизвестный", branch="ППО № 7"),
}
WAYS = (*NAMED, "declaration", "challenge")


def bar(desk: Desk, number: str, person: Actor, way: str) -> None:
    """Take a case away from somebody who sits in the district's commission."""
    if way in NAMED:
        service.add_respondent(
            desk.session, number, NAMED[way](person), actor=desk.operator, now=desk.now
        )
    elif way == "declaration":
        service.declare_conflict(desk.session, number, actor=person, in_conflict=True, now=desk.now)
    else:
        service.raise_challenge(
            desk.session,
            number,
            actor=desk.operator,
            account_id=person.account_id,
            party=Part.COMPLAINANT,
            grounds="Свояк начальника цеха",
            now=desk.now,
        )
        (challenge,) = challenges_of(desk.session, desk.secretary(), number).raised
        decided = [
            service.vote_on_challenge(
                desk.session, challenge.id, actor=member, accepts=True, now=desk.now
            )
            for member in desk.people["district"][:2]
        ]
        assert decided == [None, True]


def everywhere(desk: Desk, make_actor: MakeActor) -> Actor:
    """Somebody who may read everything there is: also in the district's commission, and auditor."""
    person = make_actor(
        *(Role.OPERATOR, Role.COMMISSIONER, Role.ORGANIZER, Role.AUDITOR),
        grants=(Grant(Role.COMMISSIONER, DISTRICT, None, "ППО № 7"),),
        name="Ержанов Марат",
        session=desk.session,
    )
    desk.session.get_one(Account, person.account_id).mobile = MOBILE
    service.seat_member(
        desk.session,
        desk.ids["district"],
        actor=desk.organizer,
        account_id=person.account_id,
        office=Office.SECRETARY,
        now=desk.now,
    )
    desk.people["district"].append(person)
    service.note_identity(
        desk.session, person.account_id, actor=desk.organizer, iin=IIN, mobile=MOBILE
    )
    return person


def acts_on(desk: Desk, person: Actor, number: str) -> list[Callable[[], object]]:
    """What somebody who has a case's number might try."""
    session = desk.session
    return [
        lambda: dossier.case_page(session, person, number, now=desk.now),
        lambda: evidence.evidence_of(session, person, number),
        lambda: challenges_of(session, person, number),
        lambda: service.record_reading(session, number, actor=person, now=desk.now),
        lambda: service.ask_identity(
            session, number, actor=person, reason="очень нужно", now=desk.now
        ),
        lambda: service.decide_identity(session, number, 1, actor=person, allow=True, now=desk.now),
        lambda: service.open_identity(session, number, actor=person, now=desk.now),
        lambda: identity_desk(session, person, number, now=desk.now),
        lambda: retention_of(session, person, number, now=desk.now),
        lambda: service.lift_hold(session, number, actor=person, now=desk.now),
        lambda: service.add_note(session, number, "x", actor=person, now=desk.now),
        lambda: service.move(session, number, Move.REFER, actor=person, now=desk.now),
        lambda: service.confirm_move(session, number, actor=person, now=desk.now),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_case_that_names_somebody_does_not_exist_for_them(
    database: str, make_actor: MakeActor, way: str
) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        blocked = everywhere(desk, make_actor)
        for _ in range(2):
            desk.walk(CaseState.ADMISSIBILITY)
        desk.log()
        before = view_of(session, blocked, desk)
        # Logged by the blocked person too: an own contact is no way around the rule.
        receipt = service.log_contact(
            session,
            ContactEntry(
                story=STORY,
                category=Category.COERCION_TO_JOIN,
                place=DISTRICT,
                caller="+77770000001",
                urgency=Urgency.IMMEDIATE,
            ),
            actor=blocked,
            key=secrets.token_hex(8),
            now=desk.now,
        )
        number = receipt.number or ""
        assert view_of(session, blocked, desk) != before
        bar(desk, number, blocked, way)
        assert view_of(session, blocked, desk) == before
        for act in acts_on(desk, blocked, number):
            with pytest.raises(Refused) as refused:
                act()
            # The very answer that a number gets which nobody ever had.
            assert refused.value.code is CasesRefusal.NO_SUCH_CASE
            assert refused.value.facts == {}
        # The others see it, and the district's work goes on without the one it names.
        assert dossier.case_page(session, desk.operator, number, now=desk.now).number == number


STATES = (
    *(CaseState.TRIAGE, CaseState.ADMISSIBILITY, CaseState.INVESTIGATION),
    *(CaseState.DELIBERATION, CaseState.CLOSED),
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    barred=st.lists(
        st.tuples(st.sampled_from(WAYS), st.sampled_from(STATES)), min_size=1, max_size=2
    ),
    category=st.sampled_from(list(Category)),
)
def test_whatever_happens_in_conflicted_cases_changes_no_output(
    database: str,
    make_actor: MakeActor,
    barred: list[tuple[str, CaseState]],
    category: Category,
) -> None:
    with Session(engine()) as session:
        desk = build_desk(session, make_actor)
        blocked = everywhere(desk, make_actor)
        desk.walk(CaseState.INVESTIGATION)
        before = view_of(session, blocked, desk)
        for way, state in barred:
            number = desk.log(category=category, caller="+77770000001").number or ""
            bar(desk, number, blocked, way)
            desk.walk_on(number, state)
            assert view_of(session, blocked, desk) == before
        session.rollback()


def test_more_than_half_named_sends_the_case_up(desk: Desk) -> None:
    number = desk.walk(CaseState.INVESTIGATION).number or ""
    chair, _secretary, lead, member = desk.people["district"]
    for person in (member, lead):
        entry = RespondentEntry(name=person.name)
        service.add_respondent(desk.session, number, entry, actor=chair, now=desk.now)
    case = desk.case(number)
    assert case.state == CaseState.INVESTIGATION.value, "half may be named"
    assert case.lead_id == chair.account_id, "and a lead who is named leads no more"
    # Whoever is left names even the secretary, and with that the case is gone.
    entry = RespondentEntry(name=desk.secretary().name)
    service.add_respondent(desk.session, number, entry, actor=chair, now=desk.now)
    case = desk.case(number)
    assert (case.state, case.commission_id) == (CaseState.ASSIGNED.value, desk.ids["region"])
    assert case.lead_id == desk.chair("region").account_id


@pytest.mark.parametrize(
    "state", [CaseState.ADMISSIBILITY, CaseState.NEEDS_INFO, CaseState.DECIDED, CaseState.APPEAL]
)
def test_a_commission_that_cannot_sit_keeps_no_case(desk: Desk, state: CaseState) -> None:
    if state is CaseState.NEEDS_INFO:
        receipt = desk.walk(CaseState.INVESTIGATION)
        desk.move(receipt.number, Move.ASK, desk.lead(), **desk.given_for(Move.ASK, receipt))
    elif state is CaseState.APPEAL:
        receipt = desk.walk(CaseState.CLOSED)
        given = desk.given_for(Move.APPEAL, receipt)
        desk.move(receipt.number, Move.APPEAL, desk.operator, **given)
    else:
        receipt = desk.walk(state)
    number = receipt.number or ""
    level, above = ("region", "centre") if state is CaseState.APPEAL else ("district", "region")
    for person in reversed(desk.people[level]):
        if desk.case(number).commission_id == desk.ids[level]:
            service.declare_conflict(
                desk.session, number, actor=person, in_conflict=True, now=desk.now
            )
    case = desk.case(number)
    assert (case.state, case.commission_id) == (state.value, desk.ids[above])
    if state is CaseState.NEEDS_INFO:
        moved = desk.move(
            number, Move.ANSWER, desk.operator, **desk.given_for(Move.ANSWER, receipt)
        )
        # The new people accept it and declare before they go on.
        assert moved.state is CaseState.ASSIGNED


def test_the_centre_in_conflict_gives_way_to_a_panel(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    number = receipt.number or ""
    for level in ("district", "region", "centre"):
        for person in desk.people[level][:3]:
            if desk.case(number).commission_id == desk.ids[level]:
                service.declare_conflict(
                    desk.session, number, actor=person, in_conflict=True, now=desk.now
                )
    assert desk.case(number).commission_id == desk.ids["panel"]


def challenge(desk: Desk, number: str, person: Actor, **more: Any) -> None:
    given = {"party": Part.RESPONDENT, "grounds": "Брат заявителя", "actor": desk.secretary()}
    service.raise_challenge(
        desk.session, number, account_id=person.account_id, now=desk.now, **{**given, **more}
    )


def test_a_challenge_is_decided_by_the_rest_before_the_case_is(desk: Desk) -> None:
    receipt = desk.walk(CaseState.DELIBERATION)
    number = receipt.number or ""
    challenged = desk.people["district"][3]
    challenge(desk, number, challenged)
    with pytest.raises(Refused) as refused:
        challenge(desk, number, challenged)
    assert refused.value.code is CasesRefusal.CHALLENGE_WAITS
    given = desk.given_for(Move.DECIDE, receipt)
    with pytest.raises(Refused) as refused:
        desk.move(number, Move.DECIDE, desk.chair(), **given)
    assert refused.value.facts["need"] is Need.CHALLENGES_DECIDED
    (own,) = challenges_of(desk.session, challenged, number).raised
    assert (own.grounds, own.may_vote) == (None, False), "who is challenged learns no grounds"
    with pytest.raises(Refused) as refused:
        service.vote_on_challenge(
            desk.session, own.id, actor=challenged, accepts=False, now=desk.now
        )
    assert refused.value.code is CasesRefusal.NOT_YOURS_TO_MOVE
    votes = [
        service.vote_on_challenge(desk.session, own.id, actor=person, accepts=False, now=desk.now)
        for person in desk.people["district"][:2]
    ]
    assert votes == [None, False]
    with pytest.raises(Refused) as refused:
        service.vote_on_challenge(
            desk.session, own.id, actor=desk.lead(), accepts=True, now=desk.now
        )
    assert refused.value.code is CasesRefusal.CHANGED_MEANWHILE
    assert desk.move(number, Move.DECIDE, desk.chair(), **given).state is CaseState.DECIDED


def test_a_challenge_of_more_than_half_is_decided_by_nobody(desk: Desk) -> None:
    number = desk.walk(CaseState.INVESTIGATION).number or ""
    for person in desk.people["district"][:3]:
        challenge(desk, number, person, actor=desk.chair())
    case = desk.case(number)
    assert (case.state, case.commission_id) == (CaseState.ASSIGNED.value, desk.ids["region"])
    # They are not condemned by it: nobody accepted the challenge.
    assert not any(
        view.accepted for view in challenges_of(desk.session, desk.chair("region"), number).raised
    )


def test_only_who_sits_can_be_challenged_and_only_with_grounds(desk: Desk) -> None:
    number = desk.walk(CaseState.INVESTIGATION).number or ""
    for person, grounds, code in (
        (desk.operator, "Знаком", CasesRefusal.NOT_A_MEMBER),
        (desk.chair("region"), "Знаком", CasesRefusal.NOT_A_MEMBER),
        (desk.chair(), "  ", CasesRefusal.REASON_MISSING),
    ):
        with pytest.raises(Refused) as refused:
            challenge(desk, number, person, grounds=grounds)
        assert refused.value.code is code


def test_a_code_does_not_open_a_case_to_the_operator_it_names(
    desk: Desk, make_actor: MakeActor
) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    named = make_actor(Role.OPERATOR, name="Ержанов Марат", session=desk.session)
    case = desk.case(receipt.number)
    put_respondent(
        desk.session,
        case,
        RespondentEntry(name="Марат Ержанов", level=Level.NONE),
        cipher=cipher_of(desk.session, case.text_key_id),
        now=desk.now,
    )
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.APPEAL, named, **desk.given_for(Move.APPEAL, receipt))
    assert refused.value.code is CasesRefusal.NO_SUCH_CASE


WORDS = st.sampled_from(["Ахметов", "Серік", "Болат", "Қасым", "Юлия", "Щукин", "Zhumabayev"])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    names=st.lists(st.lists(WORDS, min_size=1, max_size=3, unique=True), min_size=1, max_size=4),
    own=st.lists(WORDS, min_size=2, max_size=3, unique=True),
    category=st.sampled_from(list(Category)),
)
def test_adding_conflicted_cases_changes_no_output(
    sqlite_database: str,
    make_actor: MakeActor,
    names: list[list[str]],
    own: list[str],
    category: Category,
) -> None:
    with Session(engine()) as session:
        operator = make_actor(Role.OPERATOR, session=session, name="Чужой Оператор")
        watcher = make_actor(Role.OPERATOR, Role.COMMISSIONER, session=session, name=" ".join(own))
        desk = Desk(session, operator, operator)
        before = view_of(session, watcher, desk)
        conflicted = [name for name in names if same_person(" ".join(name), " ".join(own))]
        for name in conflicted:
            receipt = desk.log(category=category, caller="+77770000001")
            promise = service.Promise(due_at=desk.now)
            service.promise_call_back(
                session, receipt.contact_id, promise, actor=operator, now=desk.now
            )
            service.add_respondent(
                session,
                receipt.number or "",
                RespondentEntry(name=" ".join(reversed(name))),
                actor=operator,
                now=desk.now,
            )
        assert view_of(session, watcher, desk) == before
        session.rollback()
