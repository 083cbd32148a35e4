"""A desk to play on: commissions of a district, its region and the centre, and their people."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, col, select

from core.cases import service
from core.cases.access import able_members
from core.cases.commissions import create_commission, seat_member
from core.cases.identity import identity_desk
from core.cases.models import Case
from core.cases.receipts import ReceiptCode
from core.cases.routing import CommissionKind
from core.cases.rules import (
    CaseState,
    Category,
    Channel,
    Finding,
    Move,
    PanelVote,
    Part,
    ReopenGround,
    Urgency,
    Verification,
)
from core.cases.service import ContactEntry, Opening, Receipt
from core.staff.rules import Actor, Office, Role
from tests.conftest import MakeActor

ALMATY = ZoneInfo("Asia/Almaty")
REGION, DISTRICT = "630000000", "103200000"
MONDAY = datetime(2020, 9, 14, 10, tzinfo=ALMATY)
STORY = "Начальник цеха требует вступить в партию до пятницы, иначе уволят."

NAMES = {
    "district": ("Сапарова Динара", "Ким Олег Сергеевич", "Абишев Нурлан", "Петренко Галина"),
    "region": ("Мусин Талгат", "Жакупова Алма", "Орлов Виктор"),
    "centre": ("Касенов Бауыржан", "Литвинова Ирина", "Дюсенов Арман"),
    "panel": ("Тлеуберди Сания", "Швец Андрей", "Оспан Ерлан"),
}
OFFICES = (Office.CHAIR, Office.SECRETARY, Office.MEMBER, Office.MEMBER)


@dataclass
class Desk:
    """Everybody by name, and the commissions' ids. The first of each is chair, then secretary."""

    session: Session
    operator: Actor
    organizer: Actor
    people: dict[str, list[Actor]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    now: datetime = MONDAY

    def chair(self, level: str = "district") -> Actor:
        return self.people[level][0]

    def secretary(self, level: str = "district") -> Actor:
        return self.people[level][1]

    def lead(self, level: str = "district") -> Actor:
        return self.people[level][2]

    def log(self, **more: Any) -> Receipt:
        given = {
            "story": STORY,
            "category": Category.COERCION_TO_JOIN,
            "place": DISTRICT,
            "caller": "+77015550142",
            **more,
        }
        return service.log_contact(
            self.session,
            ContactEntry(**given),
            actor=self.operator,
            key=secrets.token_hex(8),
            now=self.now,
        )

    def changed_code(self, receipt: Receipt) -> ReceiptCode:
        """The code after its holder has changed the one that was read out."""
        assert receipt.code is not None
        opening, new = Opening(receipt.number or "", receipt.code.spelled), service.new_code()
        assert service.change_code(self.session, opening, new, now=self.now) is None
        return new

    def case(self, number: str | None) -> Case:
        found = self.session.exec(select(Case).where(col(Case.number) == (number or ""))).one()
        self.session.refresh(found)
        return found

    def move(self, number: str | None, move: Move, actor: Actor, **given: Any) -> service.Moved:
        return service.move(self.session, number or "", move, actor=actor, now=self.now, **given)

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def given_for(self, move: Move, receipt: Receipt, level: str = "district") -> dict[str, Any]:
        """Everything the move requires, right."""
        assert receipt.code is not None
        code = {"verification": Verification.RECEIPT_CODE, "code": receipt.code.spelled}
        return {
            Move.ACKNOWLEDGE: {"acknowledgement": "письмом"},
            Move.ASK: {"question": "Когда это было?", "safe_way": "после 19 часов"},
            Move.ANSWER: {"answer": "Во вторник, при свидетелях.", **code},
            Move.REFER: {"body": "Прокуратура района", "basis": "consent"},
            Move.SUBMIT: {
                "category": Category.COERCION_TO_JOIN,
                "place": DISTRICT,
                "respondents": (),
                "urgency": Urgency.NORMAL,
                "risk": 2,
            },
            Move.ASSIGN: {"grounds": "Есть признаки.", "lead": self.lead(level).account_id},
            Move.ADMIT_APPEAL: {"grounds": "В срок.", "lead": self.lead(level).account_id},
            Move.REFUSE: {"grounds": "Не о праймериз."},
            Move.REFUSE_APPEAL: {"grounds": "Нового нет."},
            Move.PASS_ON: {"pass_reason": "linked_cases", "direction": "up"},
            Move.DELIBERATE: {"heard": "Объяснение получено.", "evidence": "Рассказ, табель."},
            Move.DECIDE: {
                "finding": Finding.UPHELD,
                "grounds": "Три свидетеля подтвердили.",
                "votes": {person.account_id: PanelVote.FOR for person in self.people[level][:3]},
                "remedies": (),
            },
            Move.ORDER_REMEDY: {"told": "По телефону"},
            Move.CLOSE: {"told": "По телефону"},
            Move.APPEAL: {
                "appellant": Part.COMPLAINANT,
                "grounds": "Не опросили свидетеля.",
                **code,
            },
            Move.REOPEN: {
                "reopen_ground": ReopenGround.NEW_EVIDENCE,
                "reason": "Запись разговора",
                "lead": self.lead("region").account_id,
            },
            Move.WITHDRAW: {"channel": Channel.MAIL, **code},
            Move.UNMERGE: {"reason": "Разные люди"},
            Move.RESUME: {"reason": "Отзыв был под давлением"},
        }.get(move, {})

    def declare_all(self, number: str | None, level: str = "district") -> None:
        able = able_members(self.session, self.case(number), self.ids[level])
        for person in self.people[level]:
            if person.account_id not in able:
                continue
            service.declare_conflict(
                self.session, number or "", actor=person, in_conflict=False, now=self.now
            )

    def walk(self, until: CaseState, **more: Any) -> Receipt:
        """A new case taken along the straight way to ``until`` (district commission)."""
        receipt = self.log(**more)
        self.walk_on(receipt.number, until)
        return receipt

    def walk_on(self, number: str | None, until: CaseState) -> None:
        """Take a case that was just logged along the straight way to ``until``."""
        receipt = Receipt(0, number, ReceiptCode("0" * 16))
        steps: list[tuple[CaseState, Callable[[], object]]] = [
            (CaseState.TRIAGE, lambda: None),
            (CaseState.ADMISSIBILITY, lambda: self._step(Move.SUBMIT, self.operator, receipt)),
            (CaseState.ASSIGNED, lambda: self._step(Move.ASSIGN, self.secretary(), receipt)),
            (CaseState.INVESTIGATION, lambda: self._begin(receipt)),
            (CaseState.DELIBERATION, lambda: self._step(Move.DELIBERATE, self.lead(), receipt)),
            (CaseState.DECIDED, lambda: self._step(Move.DECIDE, self.chair(), receipt)),
            (CaseState.CLOSED, lambda: self._step(Move.CLOSE, self.secretary(), receipt)),
        ]
        for state, step in steps:
            step()
            if state is until:
                break
        assert self.case(receipt.number).state == until.value

    def agree_to_identity(self, number: str, *, reason: str) -> None:
        """The lead asks to see who complains, and the chair agrees."""
        service.ask_identity(self.session, number, actor=self.lead(), reason=reason, now=self.now)
        waiting = identity_desk(self.session, self.chair(), number, now=self.now).waiting
        service.decide_identity(
            self.session, number, waiting[-1].id, actor=self.chair(), allow=True, now=self.now
        )

    def _step(self, move: Move, actor: Actor, receipt: Receipt) -> None:
        self.move(receipt.number, move, actor, **self.given_for(move, receipt))

    def _begin(self, receipt: Receipt) -> None:
        self.declare_all(receipt.number)
        self._step(Move.BEGIN, self.lead(), receipt)


def build_desk(session: Session, make_actor: MakeActor) -> Desk:
    """Set the desk up on an empty installation."""
    desk = Desk(
        session,
        make_actor(Role.OPERATOR, name="Оператор Первый", session=session),
        make_actor(Role.ORGANIZER, name="Организатор Главный", session=session),
    )
    for level, place in (
        ("district", DISTRICT),
        ("region", REGION),
        ("centre", None),
        ("panel", None),
    ):
        people = [
            make_actor(Role.COMMISSIONER, place=place, name=name, session=session)
            for name in NAMES[level]
        ]
        desk.people[level] = people
        desk.ids[level] = create_commission(
            session,
            actor=desk.organizer,
            place=place,
            quorum=3 if level == "district" else 2,
            kind=CommissionKind.AD_HOC if level == "panel" else CommissionKind.STANDING,
            title="Панель" if level == "panel" else None,
            now=desk.now,
        )
        for person, office in zip(people, OFFICES, strict=False):
            seat_member(
                session,
                desk.ids[level],
                actor=desk.organizer,
                account_id=person.account_id,
                office=office,
                now=desk.now,
            )
    session.flush()
    return desk


@pytest.fixture
def desk(session: Session, make_actor: MakeActor) -> Desk:
    """The desk on an empty installation, on each engine."""
    return build_desk(session, make_actor)
