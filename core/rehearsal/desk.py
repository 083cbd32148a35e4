"""Calls and cases of a rehearsal: taken, moved and decided by the staff whose part it is.

Every move goes through the case desk itself, at the time at which it is said to have been made, so
that histories, clocks and the audit log are those of real work.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlmodel import Session

from core import clock
from core.cases import service
from core.cases.rules import (
    CaseState,
    Category,
    Channel,
    Finding,
    Move,
    PanelVote,
    Part,
    RemedyKind,
    Urgency,
    Verification,
    WrapUp,
)
from core.cases.service import ContactEntry, Receipt, RemedyOrder, RespondentEntry
from core.database import unit_of_work
from core.membership import queries as membership
from core.membership.rules import Iin
from core.rehearsal import texts
from core.rehearsal.crew import Crew, demo_districts
from core.rehearsal.people import ACTIVE, People
from core.staff.rules import Actor

At = Callable[[datetime], AbstractContextManager[None]]

_S = CaseState
_STRAIGHT: Final = (
    _S.TRIAGE,
    _S.ADMISSIBILITY,
    _S.ASSIGNED,
    _S.INVESTIGATION,
    _S.DELIBERATION,
    _S.DECIDED,
    _S.CLOSED,
)
# How many cases a rehearsal leaves in each state.
_WANTED: Final = {
    _S.RECEIVED: 2,
    _S.TRIAGE: 6,
    _S.NEEDS_INFO: 3,
    _S.ADMISSIBILITY: 4,
    _S.ASSIGNED: 4,
    _S.INVESTIGATION: 6,
    _S.DELIBERATION: 3,
    _S.DECIDED: 3,
    _S.REMEDY: 3,
    _S.CLOSED: 8,
    _S.APPEAL: 2,
    _S.INADMISSIBLE: 3,
    _S.WITHDRAWN: 2,
    _S.REFERRED: 2,
    _S.MERGED: 2,
}
_QUESTIONS: Final = 24
_WEIGHTS: Final = {
    Category.COERCION_TO_JOIN: 5,
    Category.COERCION_TO_VOTE: 5,
    Category.ENROLLED_WITHOUT_CONSENT: 4,
    Category.FALSIFIED_MOBILES: 3,
    Category.ACCESS_AND_TECHNICAL: 4,
    Category.SMS_CODE_FRAUD: 2,
}


@dataclass
class _Journey:
    """One case on its way: its receipt, its place and panel, and the time of its next move."""

    receipt: Receipt
    place: str
    at: datetime
    category: Category
    language: str

    @property
    def number(self) -> str:
        """The case's number."""
        assert self.receipt.number is not None
        return self.receipt.number


class Desk:
    """The hotline and the commissions at work in a rehearsal."""

    _session: Session

    def __init__(self, crew: Crew, people: People, *, seed: int, at: At) -> None:
        self._crew = crew
        self._people = people
        self._draw = Random(f"{seed} desk")  # noqa: S311 - invented calls
        self._at = at
        self._operators = [crew[f"operator{number}"] for number in (1, 2, 3)]
        self._members = [i for i, status in enumerate(people.status) if status == ACTIVE][:4000]
        self._annulled: set[int] = set()
        self._contacts = 0

    def work(self, *, now: datetime, days: int = 6) -> dict[str, int]:
        """Take calls and bring cases into every state; gives how many of each."""
        with self._unit():
            for number in range(_QUESTIONS):
                ago = timedelta(hours=self._draw.uniform(0.2, 24 * days))
                self._question(now - ago, number)
        for state, wanted in _WANTED.items():
            for number in range(wanted):
                late = state in _OPEN and number >= max(1, wanted - 1)
                with self._unit():
                    self._bring(state, now=now, days=days, is_late=late)
        return {"cases": self._contacts - _QUESTIONS, "contacts": self._contacts}

    @contextmanager
    def _unit(self) -> Iterator[None]:
        """One unit of work for a whole case: a thousand commits would cost a minute of fsync."""
        with unit_of_work() as self._session:
            yield

    # --- Calls ---------------------------------------------------------------------------------

    def _question(self, at: datetime, number: int) -> None:
        language = self._draw.choice(texts.LANGUAGES)
        wrap_up = (WrapUp.HUNG_UP, WrapUp.CALL_BACK_PROMISED, WrapUp.WRONG_NUMBER)[number % 3]
        answered = number % 4 != 0
        entry = ContactEntry(
            story=texts.question(self._draw, language) if answered else "",
            wrap_up=WrapUp.QUESTION_ANSWERED if answered else wrap_up,
            category=Category.ACCESS_AND_TECHNICAL,
            place=self._place(),
            caller=self._people.mobile[self._draw.choice(self._members)],
        )
        self._log(entry, at)

    def _log(self, entry: ContactEntry, at: datetime) -> Receipt:
        self._contacts += 1
        with self._at(at):
            return service.log_contact(
                self._session,
                entry,
                actor=self._draw.choice(self._operators),
                key=self._draw.randbytes(16).hex(),
                now=clock.now(),
            )

    def _place(self) -> str:
        return self._draw.choice(demo_districts())

    def _call(
        self, at: datetime, *, channel: Channel = Channel.PHONE, place: str | None = None
    ) -> _Journey:
        category = self._draw.choices(
            list(Category), [_WEIGHTS.get(category, 1) for category in Category]
        )[0]
        language = self._draw.choice(texts.LANGUAGES)
        place = place or self._place()
        caller = self._draw.choice(self._members)
        is_anonymous = self._draw.random() < 0.35
        name = f"{self._people.last_name[caller]} {self._people.first_name[caller]}"
        entry = ContactEntry(
            story=texts.story(self._draw, category.value, language),
            channel=channel,
            category=category,
            place=place,
            urgency=self._draw.choice((Urgency.NORMAL, Urgency.NORMAL, Urgency.HIGH)),
            caller=None if is_anonymous else str(self._people.mobile[caller]),
            name=None if is_anonymous else name,
            reach=None if is_anonymous else self._draw.choice(_REACH),
        )
        return _Journey(self._log(entry, at), place, at, category, language)

    # --- Cases ---------------------------------------------------------------------------------

    def _bring(self, state: CaseState, *, now: datetime, days: int, is_late: bool) -> None:
        """Take a new case to ``state``; a late one stands there longer than it should."""
        ended = state in {_S.CLOSED, _S.INADMISSIBLE, _S.WITHDRAWN, _S.REFERRED, _S.MERGED}
        # An anonymous withdrawal is confirmed a day after it was asked for: by now it must be over.
        least = 26 if state is _S.WITHDRAWN else 20
        ago = self._draw.uniform(least, 24 * days) if ended else self._draw.uniform(2.6, 3.4)
        if is_late:
            ago = self._draw.uniform(26, 40)
        channel = Channel.MAIL if state is _S.RECEIVED else Channel.PHONE
        if state is _S.RECEIVED:
            ago = self._draw.uniform(0.1, 0.4)
        journey = self._call(now - timedelta(hours=ago), channel=channel)
        way = _WAYS.get(state)
        if way is not None:
            way(self, journey)
        elif state in _STRAIGHT:
            self._straight(journey, state)

    def _move(self, journey: _Journey, kind: Move, actor: Actor, **given: Any) -> None:
        journey.at += timedelta(minutes=self._draw.uniform(4, 17))
        with self._at(journey.at):
            service.move(self._session, journey.number, kind, actor=actor, now=clock.now(), **given)

    def _panel(self, journey: _Journey) -> tuple[Actor, ...]:
        return self._crew.panels[journey.place]

    def _straight(
        self, journey: _Journey, until: CaseState, *, remedies: Sequence[RemedyOrder] | None = None
    ) -> None:
        """Along the straight way, from triage to the closing."""
        chair, secretary, lead, _other = self._panel(journey)
        steps: dict[CaseState, Callable[[], None]] = {
            _S.ADMISSIBILITY: lambda: self._submit(journey),
            _S.ASSIGNED: lambda: self._move(
                journey,
                Move.ASSIGN,
                secretary,
                grounds=texts.GROUNDS["assign"],
                lead=lead.account_id,
            ),
            _S.INVESTIGATION: lambda: self._begin(journey),
            _S.DELIBERATION: lambda: self._move(
                journey, Move.DELIBERATE, lead, heard=texts.HEARD, evidence=texts.EVIDENCE
            ),
            _S.DECIDED: lambda: self._decide(journey, chair, remedies),
            _S.CLOSED: lambda: self._move(journey, Move.CLOSE, secretary, told=texts.TOLD),
        }
        for state in _STRAIGHT[1 : _STRAIGHT.index(until) + 1]:
            steps[state]()
        if self._draw.random() < 0.5 and _STRAIGHT.index(until) >= 3:
            self._note(journey, lead)

    def _note(self, journey: _Journey, author: Actor) -> None:
        journey.at += timedelta(minutes=3)
        with self._at(journey.at):
            text = self._draw.choice(texts.INTERNAL_NOTES)
            service.add_note(self._session, journey.number, text, actor=author, now=clock.now())

    def _submit(self, journey: _Journey) -> None:
        who = self._draw.choice(self._members)
        title = self._draw.choice(texts.SUPERIORS)
        position = title.ru[0] if journey.language == "ru" else title.kk[0]
        name = f"{self._people.last_name[who]} {self._people.first_name[who]}"
        named = (RespondentEntry(name=name, position=position),)
        self._move(
            journey,
            Move.SUBMIT,
            self._operators[0],
            category=journey.category,
            place=journey.place,
            respondents=named if self._draw.random() < 0.7 else (),
            urgency=Urgency.NORMAL,
            risk=self._draw.randint(0, 3),
        )

    def _begin(self, journey: _Journey) -> None:
        panel = self._panel(journey)
        journey.at += timedelta(minutes=5)
        with self._at(journey.at):
            for person in panel:
                service.declare_conflict(
                    self._session, journey.number, actor=person, in_conflict=False, now=clock.now()
                )
        self._move(journey, Move.BEGIN, panel[2])

    def _decide(
        self, journey: _Journey, chair: Actor, remedies: Sequence[RemedyOrder] | None
    ) -> None:
        upheld = remedies is not None or self._draw.random() < 0.5
        orders = tuple(remedies or ())
        if upheld and remedies is None and journey.category is Category.COERCION_TO_JOIN:
            orders = (RemedyOrder(kind=RemedyKind.MEMBERSHIP_ANNULLED, subject=self._somebody()),)
        finding = Finding.UPHELD if upheld else self._draw.choice(_REJECTED)
        votes = {person.account_id: PanelVote.FOR for person in self._panel(journey)}
        if self._draw.random() < 0.3:
            votes[self._panel(journey)[3].account_id] = PanelVote.AGAINST
        self._move(
            journey,
            Move.DECIDE,
            chair,
            finding=finding,
            grounds=texts.GROUNDS["uphold" if upheld else "reject"],
            votes=votes,
            remedies=orders,
        )

    def _somebody(self) -> str:
        """The id of a member whose membership a decision ends."""
        for who in self._members:
            if who in self._annulled:
                continue
            self._annulled.add(who)
            iin = Iin(str(self._people.iin[who]))
            member = membership.member_by_iin(self._session, iin)
            if member is not None:
                return str(member.id)
        raise LookupError("no member is left")

    def _code(self, journey: _Journey) -> dict[str, Any]:
        assert journey.receipt.code is not None
        return {
            "verification": Verification.RECEIPT_CODE,
            "code": journey.receipt.code.spelled,
        }

    def _to_needs_info(self, journey: _Journey) -> None:
        question = self._draw.choice(texts.QUESTIONS_TO_COMPLAINANT)
        self._move(journey, Move.ASK, self._operators[1], question=question, safe_way=_REACH[0])

    def _to_remedy(self, journey: _Journey) -> None:
        order = RemedyOrder(
            kind=RemedyKind.CANDIDATE_WARNED,
            description="Вынести предупреждение и сообщить комиссии",
            owner="Районный филиал",
            due_on=(journey.at + timedelta(days=3)).date(),
        )
        self._straight(journey, _S.DECIDED, remedies=(order,))
        self._move(journey, Move.ORDER_REMEDY, self._panel(journey)[1], told=texts.TOLD)

    def _to_appeal(self, journey: _Journey) -> None:
        self._straight(journey, _S.CLOSED)
        self._move(
            journey,
            Move.APPEAL,
            self._operators[0],
            appellant=Part.COMPLAINANT,
            grounds=texts.GROUNDS["appeal"],
            **self._code(journey),
        )

    def _to_inadmissible(self, journey: _Journey) -> None:
        self._submit(journey)
        chair, secretary, *_others = self._panel(journey)
        self._move(journey, Move.REFUSE, secretary, grounds=texts.GROUNDS["refuse"])
        journey.at += timedelta(minutes=9)
        with self._at(journey.at):
            service.confirm_move(self._session, journey.number, actor=chair, now=clock.now())

    def _to_withdrawn(self, journey: _Journey) -> None:
        with self._at(journey.at):
            service.ask_withdrawal(
                self._session,
                journey.number,
                actor=self._operators[0],
                channel=Channel.PHONE,
                now=clock.now(),
            )
        # Whoever is anonymous confirms after a day; the others at once, by another channel.
        journey.at += timedelta(hours=24, minutes=5)
        self._move(
            journey, Move.WITHDRAW, self._operators[0], channel=Channel.MAIL, **self._code(journey)
        )

    def _to_referred(self, journey: _Journey) -> None:
        secretary = self._panel(journey)[1]
        self._move(journey, Move.REFER, secretary, body="Прокуратура района", basis="consent")

    def _to_merged(self, journey: _Journey) -> None:
        entry = self._call(journey.at - timedelta(minutes=30), place=journey.place)
        self._move(journey, Move.MERGE, self._panel(journey)[1], target=entry.number)


_OPEN: Final = frozenset({_S.ADMISSIBILITY, _S.ASSIGNED, _S.INVESTIGATION})
_REACH: Final = ("После 19 часов, не на работе", "Только SMS", "Кешкі 7-ден кейін")
_REJECTED: Final = (Finding.NOT_UPHELD, Finding.UNSUBSTANTIATED)
_WAYS: Final[dict[CaseState, Callable[[Desk, _Journey], None]]] = {
    _S.NEEDS_INFO: Desk._to_needs_info,
    _S.REMEDY: Desk._to_remedy,
    _S.APPEAL: Desk._to_appeal,
    _S.INADMISSIBLE: Desk._to_inadmissible,
    _S.WITHDRAWN: Desk._to_withdrawn,
    _S.REFERRED: Desk._to_referred,
    _S.MERGED: Desk._to_merged,
}
