"""One source makes one case, whoever presses."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlmodel import Session, select

from core.cases import dossier, service
from core.cases.models import CaseSource, Contact
from core.cases.rules import CaseState, Category, Channel, WrapUp
from core.cases.service import ContactEntry, RespondentEntry, SourcedCase
from core.cases.sources import case_numbers
from core.database import unit_of_work
from core.errors import Refused
from core.staff.rules import Actor, Role, StaffRefusal
from tests.cases.conftest import DISTRICT, MONDAY, build_desk
from tests.conftest import MakeActor

SOURCE = "cluster:shared_number:0a1b2c"
CALLED = ContactEntry(story="Отказ 7KQ4M-2XJ9P", category=Category.ACCESS_AND_TECHNICAL)
FOUND = ContactEntry(
    story="Один номер у 14 избирателей: 850101******",
    channel=Channel.OWN_FINDING,
    category=Category.FALSIFIED_MOBILES,
    place=DISTRICT,
)


def opened(
    session: Session, actor: Actor, entry: ContactEntry = FOUND, source: str = SOURCE
) -> SourcedCase:
    return service.open_from_source(session, source, entry, actor=actor, now=MONDAY)


def refusal(act: Callable[[], object]) -> object:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def test_an_operator_opens_a_case_for_a_caller_and_gets_a_receipt(
    session: Session, make_actor: MakeActor
) -> None:
    desk = build_desk(session, make_actor)
    made = opened(session, desk.operator, CALLED, "reference:7KQ4M-2XJ9P")
    assert made.receipt is not None
    assert made.receipt.code is not None
    page = dossier.case_page(session, desk.operator, made.number, now=MONDAY)
    assert (page.state, page.channel) == (CaseState.TRIAGE, Channel.PHONE)
    assert page.stories[0].text == "Отказ 7KQ4M-2XJ9P"


def test_an_organizer_opens_the_committees_own_finding_and_reads_no_case(
    session: Session, make_actor: MakeActor
) -> None:
    desk = build_desk(session, make_actor)
    made = opened(session, desk.organizer)
    page = dossier.case_page(session, desk.operator, made.number, now=MONDAY)
    assert (page.channel, page.category, page.place, page.has_identity) == (
        Channel.OWN_FINDING,
        Category.FALSIFIED_MOBILES,
        DISTRICT,
        False,
    )
    assert (
        refusal(lambda: dossier.case_page(session, desk.organizer, made.number, now=MONDAY))
        is StaffRefusal.FORBIDDEN
    )


def test_a_second_press_gives_the_case_there_is(session: Session, make_actor: MakeActor) -> None:
    desk = build_desk(session, make_actor)
    other = make_actor(Role.ORGANIZER, session=session)
    first = opened(session, desk.organizer)
    for actor in (desk.organizer, other):
        assert opened(session, actor, replace(FOUND, story="больше")) == SourcedCase(
            first.number, None
        )
        assert case_numbers(session, [SOURCE, "other"], actor=actor) == {SOURCE: first.number}
    assert len(session.exec(select(Contact)).all()) == 1


def test_for_whom_the_case_names_it_does_not_exist(session: Session, make_actor: MakeActor) -> None:
    desk = build_desk(session, make_actor)
    named = make_actor(Role.ORGANIZER, name="Ержанов Марат", session=session)
    first = opened(session, desk.organizer)
    service.add_respondent(
        session,
        first.number,
        RespondentEntry(name="Ержанов Марат"),
        actor=desk.operator,
        now=MONDAY,
    )
    assert case_numbers(session, [SOURCE], actor=named) == {}
    own = opened(session, named)
    assert own.receipt is not None
    assert own.number != first.number
    assert case_numbers(session, [SOURCE], actor=named) == {SOURCE: own.number}
    assert case_numbers(session, [SOURCE], actor=desk.organizer) == {SOURCE: first.number}


@pytest.mark.parametrize(
    ("role", "entry"),
    [
        (Role.OPERATOR, FOUND),
        (Role.ORGANIZER, CALLED),
        (Role.OBSERVER, FOUND),
        (Role.COMMISSIONER, FOUND),
        (Role.OPERATOR, replace(CALLED, channel=Channel.PORTAL)),
        (Role.OPERATOR, replace(CALLED, wrap_up=WrapUp.HUNG_UP)),
    ],
    ids=["operator", "organizer", "observer", "commissioner", "portal", "no complaint"],
)
def test_nobody_opens_one_that_is_not_theirs_to_open(
    session: Session, make_actor: MakeActor, role: Role, entry: ContactEntry
) -> None:
    actor = make_actor(role, session=session)
    assert refusal(lambda: opened(session, actor, entry)) is StaffRefusal.FORBIDDEN
    wall = replace(make_actor(Role.ORGANIZER, session=session), read_only=True)
    assert refusal(lambda: opened(session, wall)) is StaffRefusal.READ_ONLY_SESSION


def test_of_many_who_press_at_once_one_opens_the_case(database: str, make_actor: MakeActor) -> None:
    actors = [make_actor(Role.ORGANIZER) for _each in range(6)]
    gate, made = threading.Barrier(len(actors)), []

    def press(actor: Actor) -> None:
        gate.wait()
        with unit_of_work() as session:
            made.append(opened(session, actor))

    threads = [threading.Thread(target=press, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.number for each in made}) == 1
    assert sum(each.receipt is not None for each in made) == 1
    with unit_of_work() as session:
        assert len(session.exec(select(Contact)).all()) == 1
        assert len(session.exec(select(CaseSource)).all()) == 1
