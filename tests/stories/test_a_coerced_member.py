"""A member who was forced to join calls the hotline; the commission annuls the membership."""

import secrets

import pytest

from core import clock
from core.audit.queries import verify_chain
from core.cases import queries, service
from core.cases.rules import (
    CasesRefusal,
    CaseState,
    Category,
    Finding,
    Move,
    PanelVote,
    RemedyKind,
    Urgency,
)
from core.cases.service import ComplaintStatus, ContactEntry, Receipt, RemedyOrder, RespondentEntry
from core.database import reading, unit_of_work
from core.errors import Refused
from core.membership import queries as membership
from core.membership.rules import MemberStatus
from core.staff.rules import Actor
from tests.conftest import MakeActor
from tests.stories.autumn import DISTRICT, Autumn, announce, at, day, gather

COERCED = 0
CHIEF = "Жумабаев Серик Болатович"


@pytest.fixture
def autumn(database: str, make_actor: MakeActor) -> Autumn:
    told = gather(make_actor, members=3)
    announce(told)
    return told


def call(autumn: Autumn) -> Receipt:
    entry = ContactEntry(
        story="Начальник смены сказал: вступай в партию, или уволим. Записали двенадцать человек.",
        category=Category.COERCION_TO_JOIN,
        place=DISTRICT,
        caller=str(autumn.people.mobile[COERCED]),
        name="не называть",
        reach="после 19 часов",
    )
    with unit_of_work() as session:
        return service.log_contact(
            session,
            entry,
            actor=autumn.committee.operator,
            key=secrets.token_hex(16),
            now=clock.now(),
        )


def move(receipt: Receipt, kind: Move, actor: Actor, **given: object) -> CaseState:
    with unit_of_work() as session:
        done = service.move(
            session,
            receipt.number or "",
            kind,
            actor=actor,
            now=clock.now(),
            **given,  # type: ignore[arg-type]  # what the move requires
        )
    return done.state


def status(receipt: Receipt) -> ComplaintStatus | CasesRefusal:
    assert receipt.code is not None
    with unit_of_work() as session:
        return service.complaint_status(
            session,
            receipt.number or "",
            receipt.code.spelled,
            source="192.0.2.9",
            now=clock.now(),
        )


def test_a_call_becomes_a_case_and_ends_with_a_membership_annulled(autumn: Autumn) -> None:
    committee = autumn.committee
    chair, secretary, lead = committee.panel
    with at(day(14, hour=10)):
        receipt = call(autumn)
        assert receipt.number
        assert receipt.code
        state = move(
            receipt,
            Move.SUBMIT,
            committee.operator,
            category=Category.COERCION_TO_JOIN,
            place=DISTRICT,
            respondents=(RespondentEntry(name=CHIEF, position="начальник смены"),),
            urgency=Urgency.HIGH,
            risk=2,
        )
        assert state is CaseState.ADMISSIBILITY
    with at(day(14, hour=11)):
        grounds = "Есть признаки принуждения."
        move(receipt, Move.ASSIGN, secretary, grounds=grounds, lead=lead.account_id)
        for person in committee.panel:
            with unit_of_work() as session:
                service.declare_conflict(
                    session,
                    receipt.number,
                    actor=person,
                    in_conflict=False,
                    now=clock.now(),
                )
        assert move(receipt, Move.BEGIN, lead) is CaseState.INVESTIGATION
    with at(day(15, hour=16)):
        move(
            receipt,
            Move.DELIBERATE,
            lead,
            heard="Начальник опрошен, отрицает.",
            evidence="Объяснения двух свидетелей, переписка.",
        )
        order = RemedyOrder(
            kind=RemedyKind.MEMBERSHIP_ANNULLED, subject=str(autumn.member_id(COERCED))
        )
        state = move(
            receipt,
            Move.DECIDE,
            chair,
            finding=Finding.UPHELD,
            grounds="Показания совпадают.",
            votes={person.account_id: PanelVote.FOR for person in committee.panel},
            remedies=(order,),
        )
        assert state is CaseState.DECIDED
        move(receipt, Move.CLOSE, secretary, told="По телефону, после 19 часов")
    with at(day(15, hour=18)):
        told = status(receipt)
        assert isinstance(told, ComplaintStatus)
        assert told.finding is Finding.UPHELD
    with reading() as session:
        member = membership.member_by_iin(session, autumn.person(COERCED).iin)
        assert member is not None
        assert member.status is MemberStatus.EXCLUDED
        assert verify_chain(session).fault is None


def test_the_chief_who_sits_on_the_commission_never_learns_of_it(
    autumn: Autumn, make_actor: MakeActor
) -> None:
    chair, *_others = autumn.committee.panel
    with at(day(14, hour=10)):
        receipt = call(autumn)
        with unit_of_work() as session:
            service.add_respondent(
                session,
                receipt.number or "",
                RespondentEntry(name=chair.name),
                actor=autumn.committee.operator,
                now=clock.now(),
            )
        with reading() as session:
            rows, total = queries.case_list(session, chair, now=clock.now())
        assert (tuple(rows), total) == ((), 0)
        with pytest.raises(Refused) as refused:
            move(receipt, Move.ACKNOWLEDGE, chair)
        assert refused.value.code is CasesRefusal.NO_SUCH_CASE


def test_a_wrong_code_opens_nothing(autumn: Autumn) -> None:
    with at(day(14, hour=10)):
        receipt, other = call(autumn), call(autumn)
        mixed = Receipt(receipt.contact_id, receipt.number, other.code)
        assert status(mixed) is CasesRefusal.BAD_RECEIPT_CODE
