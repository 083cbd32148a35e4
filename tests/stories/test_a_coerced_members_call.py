"""A member was made to join. The call becomes a case, the case a decision, the membership ends."""

from datetime import date, timedelta

import pytest
from sqlmodel import Session, col, select

from core.audit.models import AuditEntry
from core.audit.queries import verify_chain
from core.cases import dossier, queries, service
from core.cases.clocks import is_overdue
from core.cases.rules import (
    CasesRefusal,
    CaseState,
    Category,
    Finding,
    Move,
    PanelVote,
    Part,
    RemedyKind,
    Told,
    Urgency,
)
from core.cases.service import ComplaintStatus, ContactEntry, RemedyOrder, RespondentEntry
from core.errors import Refused
from core.membership.queries import member_by_iin
from core.membership.rules import Iin, MemberStatus, Mobile
from core.membership.service import Person, admit_member
from core.staff.rules import Role
from tests.cases.conftest import DISTRICT, build_desk
from tests.conftest import MakeActor

IIN = "850101466311"


def test_a_coerced_members_call_ends_with_the_membership_annulled(
    session: Session, make_actor: MakeActor
) -> None:
    desk = build_desk(session, make_actor)
    registrar = make_actor(Role.REGISTRAR, session=session)
    foreman = make_actor(Role.COMMISSIONER, place=DISTRICT, name="Дуйсенов Марат", session=session)
    # In August her foreman enrols her, as everybody of the shop.
    member_id = admit_member(
        session,
        Person(
            iin=Iin.parse(IIN),
            last_name="Ахметова",
            first_name="Гульнара",
            middle_name="",
            birth_date=date(1985, 1, 1),
            mobile=Mobile.parse("+77015550142"),
            place_code=DISTRICT,
            branch="ППО № 14",
        ),
        actor=registrar,
        now=desk.now - timedelta(days=30),
    )

    # On Monday she rings the hotline. She may stay anonymous; she leaves a safe hour.
    receipt = service.log_contact(
        session,
        ContactEntry(
            story="Мастер записал весь цех в партию и велел голосовать за директора.",
            category=Category.COERCION_TO_JOIN,
            place=DISTRICT,
            caller="8 701 555 01 42",
            reach="после 19:00, не на работе",
        ),
        actor=desk.operator,
        key="monday",
        now=desk.now,
    )
    number, code = receipt.number, receipt.code
    assert number is not None
    assert code is not None

    # The operator names the foreman: from this moment the case does not exist for him.
    desk.wait(minutes=20)
    service.move(
        session,
        number,
        Move.SUBMIT,
        actor=desk.operator,
        now=desk.now,
        category=Category.COERCION_TO_JOIN,
        place=DISTRICT,
        respondents=(RespondentEntry(name="Марат Дуйсенов", position="мастер цеха"),),
        urgency=Urgency.HIGH,
        risk=2,
    )
    with pytest.raises(Refused) as refused:
        dossier.case_page(session, foreman, number, now=desk.now)
    assert refused.value.code is CasesRefusal.NO_SUCH_CASE

    # The district's commission takes it up, every member declares, the lead examines.
    desk.wait(hours=2)
    service.move(
        session,
        number,
        Move.ASSIGN,
        actor=desk.secretary(),
        now=desk.now,
        grounds="Есть признаки принуждения.",
        lead=desk.lead().account_id,
    )
    desk.declare_all(number)
    service.move(session, number, Move.BEGIN, actor=desk.lead(), now=desk.now)
    desk.wait(days=1)
    service.move(
        session,
        number,
        Move.DELIBERATE,
        actor=desk.lead(),
        now=desk.now,
        heard="Мастер отрицает; заявления написаны одной рукой.",
        evidence="Рассказ; двенадцать заявлений; показания двух рабочих.",
    )

    # It decides in time, and the remedy acts in the register in the same moment.
    desk.wait(hours=3)
    page = dossier.case_page(session, desk.chair(), number, now=desk.now)
    assert not is_overdue(page.due_at, desk.now)
    service.move(
        session,
        number,
        Move.DECIDE,
        actor=desk.chair(),
        now=desk.now,
        finding=Finding.UPHELD,
        grounds="Заявление не подписано ею, вступление было вынужденным.",
        votes={person.account_id: PanelVote.FOR for person in desk.people["district"][:3]},
        remedies=(RemedyOrder(kind=RemedyKind.MEMBERSHIP_ANNULLED, subject=str(member_id)),),
    )
    member = member_by_iin(session, Iin.parse(IIN))
    assert member is not None
    assert member.status is MemberStatus.EXCLUDED

    # She is told, the case is closed, and with number and code she reads how it ended.
    service.move(
        session,
        number,
        Move.CLOSE,
        actor=desk.secretary(),
        now=desk.now,
        told="По телефону после 19:00.",
    )
    code = desk.changed_code(receipt)
    opening = service.Opening(number, code.spelled)
    status = service.complaint_status(session, opening, now=desk.now)
    assert isinstance(status, ComplaintStatus)
    assert (status.told, status.finding) == (Told.CLOSED, Finding.UPHELD)
    assert dossier.case_page(session, desk.chair(), number, now=desk.now).state is CaseState.CLOSED

    # The foreman may appeal against the sanction, and people of the region will look at it.
    service.move(
        session,
        number,
        Move.APPEAL,
        actor=desk.operator,
        now=desk.now,
        appellant=Part.RESPONDENT,
        grounds="Не согласен.",
        verification="in_person",  # type: ignore[typeddict-item]  # as a form sends it
    )
    rows, _total = queries.case_list(session, desk.secretary("region"), now=desk.now)
    assert [row.number for row in rows] == [number]

    # All of it stands in the log, and none of it says who complained or of whom.
    entries = session.exec(
        select(AuditEntry).where(col(AuditEntry.act).in_(("move_case", "log_contact")))
    ).all()
    assert len(entries) >= 8
    spelled = "\n".join(f"{entry.subject} {entry.details}" for entry in entries)
    for secret in ("Гульнара", "Дуйсенов", "5550142", IIN, "цех"):
        assert secret not in spelled
    assert verify_chain(session).fault is None


def test_a_decision_that_the_register_refuses_is_no_decision(
    session: Session, make_actor: MakeActor
) -> None:
    """Annulling a membership that nobody holds takes the whole decision back."""
    desk = build_desk(session, make_actor)
    receipt = desk.walk(CaseState.DELIBERATION)
    given = desk.given_for(Move.DECIDE, receipt)
    given["remedies"] = (RemedyOrder(kind=RemedyKind.MEMBERSHIP_ANNULLED, subject="4711"),)
    with pytest.raises(Refused), session.begin_nested():
        desk.move(receipt.number, Move.DECIDE, desk.chair(), **given)
    session.expire_all()
    page = dossier.case_page(session, desk.chair(), receipt.number or "", now=desk.now)
    assert page.state is CaseState.DELIBERATION
    assert page.decisions == ()
