"""Conflict of interest: adding a case that names somebody changes nothing that they can see."""

import inspect
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from core.cases import dossier, queries, service
from core.cases.queries import CaseFilters
from core.cases.respondents import put_respondent
from core.cases.rules import CasesRefusal, CaseState, Category, Level, Move, Urgency
from core.cases.service import ContactEntry, RespondentEntry
from core.database import engine, unit_of_work
from core.errors import Refused
from core.staff.rules import Actor, Role
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


def view_of(session: Session, actor: Actor, desk: Desk) -> dict[str, Any]:
    """Everything an account can read of the desk; a refusal is an answer too."""
    found: dict[str, Any] = {}
    for name, ask in ASKED.items():
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
    "declaration": lambda person: None,
}


@pytest.mark.parametrize("way", list(NAMED))
def test_a_case_that_names_somebody_does_not_exist_for_them(
    database: str, make_actor: MakeActor, way: str
) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        blocked = [
            make_actor(
                Role.OPERATOR,
                Role.COMMISSIONER,
                place=DISTRICT,
                branch="ППО № 7",
                name="Ержанов Марат",
                session=session,
            )
        ]
        from core.staff.rules import Office

        service.seat_member(
            session,
            desk.ids["district"],
            actor=desk.organizer,
            account_id=blocked[0].account_id,
            office=Office.MEMBER,
            now=desk.now,
        )
        desk.organizer = make_actor(Role.ORGANIZER, session=session)
        service.note_identity(
            session, blocked[0].account_id, actor=desk.organizer, iin=IIN, mobile=MOBILE
        )
        for _ in range(2):
            desk.walk(CaseState.ADMISSIBILITY)
        desk.log()
        before = view_of(session, blocked[0], desk)
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
            actor=blocked[0],
            key=secrets.token_hex(8),
            now=desk.now,
        )
        number = receipt.number or ""
        assert view_of(session, blocked[0], desk) != before
        entry = NAMED[way](blocked[0])
        if entry is None:
            service.declare_conflict(
                session, number, actor=blocked[0], in_conflict=True, now=desk.now
            )
        else:
            service.add_respondent(session, number, entry, actor=desk.operator, now=desk.now)
        after = view_of(session, blocked[0], desk)
        assert after == before
        for act in (
            lambda: dossier.case_page(session, blocked[0], number, now=desk.now),
            lambda: service.record_reading(session, number, actor=blocked[0], now=desk.now),
            lambda: service.open_identity(
                session, number, actor=blocked[0], reason="очень нужно", now=desk.now
            ),
            lambda: service.add_note(session, number, "x", actor=blocked[0], now=desk.now),
            lambda: service.move(session, number, Move.REFER, actor=blocked[0], now=desk.now),
            lambda: service.confirm_move(session, number, actor=blocked[0], now=desk.now),
        ):
            with pytest.raises(Refused) as refused:
                act()
            # The very answer that a number gets which nobody ever had.
            assert refused.value.code is CasesRefusal.NO_SUCH_CASE
            assert refused.value.facts == {}
        # The others see it, and the district's work goes on without the one it names.
        assert dossier.case_page(session, desk.operator, number, now=desk.now).number == number


def test_a_code_does_not_open_a_case_to_the_operator_it_names(
    desk: Desk, make_actor: MakeActor
) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    named = make_actor(Role.OPERATOR, name="Ержанов Марат", session=desk.session)
    case = desk.case(receipt.number)
    from core.cases.ciphers import cipher_of

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
    from core.cases.spelling import same_person

    with Session(engine()) as session:
        operator = make_actor(Role.OPERATOR, session=session, name="Чужой Оператор")
        watcher = make_actor(Role.OPERATOR, Role.COMMISSIONER, session=session, name=" ".join(own))
        desk = Desk(session, operator, operator)
        before = view_of(session, watcher, desk)
        conflicted = [name for name in names if same_person(" ".join(name), " ".join(own))]
        for name in conflicted:
            receipt = desk.log(category=category, caller="+77770000001")
            service.add_respondent(
                session,
                receipt.number or "",
                RespondentEntry(name=" ".join(reversed(name))),
                actor=operator,
                now=desk.now,
            )
        assert view_of(session, watcher, desk) == before
        session.rollback()
