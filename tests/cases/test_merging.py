"""Merged cases: each complainant stays one, and what one of them does binds nobody else."""

from io import BytesIO

import pytest

from core.cases import dossier, evidence, service
from core.cases.evidence_rules import read_upload
from core.cases.models import Evidence
from core.cases.retention import erase_due_cases
from core.cases.rules import (
    CasesRefusal,
    CaseState,
    Channel,
    ComplainantAct,
    Move,
    Told,
    Verification,
)
from core.cases.service import ComplaintStatus, Opening, Receipt
from core.database import unit_of_work
from core.errors import Refused
from tests.cases.conftest import Desk, build_desk
from tests.cases.test_races import at_once
from tests.conftest import MakeActor

PDF = b"%PDF-1.7 order"


def merged(desk: Desk, state: CaseState = CaseState.INVESTIGATION) -> tuple[Receipt, Receipt]:
    """A case merged into another in ``state``."""
    own, other = desk.walk(CaseState.TRIAGE), desk.walk(state)
    desk.move(own.number, Move.MERGE, desk.secretary(), target=other.number)
    return own, other


def opening_of(desk: Desk, receipt: Receipt) -> Opening:
    return Opening(receipt.number or "", desk.changed_code(receipt).signs)


def status(desk: Desk, opening: Opening) -> ComplaintStatus:
    found = service.complaint_status(desk.session, opening, now=desk.now)
    assert isinstance(found, ComplaintStatus)
    return found


def test_who_withdraws_withdraws_for_nobody_else(desk: Desk) -> None:
    own, other = merged(desk)
    opening = opening_of(desk, own)
    code = desk.changed_code(other).signs
    service.ask_withdrawal(
        desk.session, other.number or "", actor=desk.operator, channel=Channel.PHONE, now=desk.now
    )
    desk.move(
        other.number,
        Move.WITHDRAW,
        desk.operator,
        channel=Channel.MAIL,
        verification=Verification.RECEIPT_CODE,
        code=code,
    )
    assert desk.case(other.number).state == CaseState.WITHDRAWN
    case = desk.case(own.number)
    assert (case.state, case.merged_into) == (CaseState.TRIAGE, None)
    assert case.clock_at is not None or case.due_at is not None, "its clock runs again"
    assert status(desk, opening).told is Told.RECEIVED


def test_the_holder_of_a_merged_case_adds_words_and_files_that_the_commission_sees(
    desk: Desk,
) -> None:
    own, other = merged(desk)
    opening = opening_of(desk, own)
    assert status(desk, opening).acts == {ComplainantAct.ADD}
    service.act_on_complaint(
        desk.session, opening, ComplainantAct.ADD, words="Был и второй свидетель", now=desk.now
    )
    service.add_file(desk.session, opening, read_upload(BytesIO(PDF), "приказ.pdf"), now=desk.now)
    lead = desk.lead()
    page = dossier.case_page(desk.session, lead, other.number or "", now=desk.now)
    assert page.merged == (own.number,)
    below = dossier.case_page(desk.session, lead, own.number or "", now=desk.now)
    assert "Был и второй свидетель" in str(below.timeline)
    assert [file.name for file in evidence.evidence_of(desk.session, lead, own.number or "")]
    theirs = status(desk, opening_of(desk, other))
    assert not theirs.messages, "what one complainant adds is not shown to the other"
    assert not theirs.files


def test_what_was_merged_is_frozen_with_the_rest(desk: Desk) -> None:
    own, other = merged(desk)
    opening = opening_of(desk, own)
    service.add_file(desk.session, opening, read_upload(BytesIO(PDF), "приказ.pdf"), now=desk.now)
    desk.move(other.number, Move.DELIBERATE, desk.lead(), heard="Да", evidence="Список")
    row = desk.session.get_one(Evidence, 1)
    assert row.frozen_at == desk.now
    with pytest.raises(Refused) as refused:
        service.add_file(
            desk.session, opening, read_upload(BytesIO(PDF + b"2"), "ещё.pdf"), now=desk.now
        )
    assert refused.value.code is CasesRefusal.FILES_ARE_FROZEN


def test_the_holder_of_a_merged_case_appeals_with_the_own_code(desk: Desk) -> None:
    own, other = merged(desk, CaseState.TRIAGE)
    opening = opening_of(desk, own)
    desk.walk_on(other.number, CaseState.CLOSED)
    assert status(desk, opening).acts == {ComplainantAct.APPEAL}
    service.act_on_complaint(
        desk.session, opening, ComplainantAct.APPEAL, words="Свидетеля не спросили", now=desk.now
    )
    assert desk.case(other.number).state == CaseState.APPEAL
    assert status(desk, opening).told is Told.APPEALED


@pytest.mark.parametrize("state", [CaseState.DELIBERATION, CaseState.DECIDED, CaseState.CLOSED])
def test_nothing_is_merged_into_a_case_that_has_gone_too_far(desk: Desk, state: CaseState) -> None:
    with pytest.raises(Refused) as refused:
        merged(desk, state)
    assert refused.value.code is CasesRefusal.TARGET_GONE_TOO_FAR


@pytest.mark.parametrize("race", ["merge/merge", "merge/answer"])
def test_two_people_merge_or_answer_at_once_and_one_is_told(
    database: str, make_actor: MakeActor, race: str
) -> None:
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        first, second = desk.walk(CaseState.TRIAGE), desk.walk(CaseState.TRIAGE)
        if race == "merge/answer":
            desk.move(first.number, Move.ASK, desk.operator, **desk.given_for(Move.ASK, first))

    def merge(one: Receipt, into: Receipt) -> object:
        def act(own: Desk) -> object:
            return own.move(one.number, Move.MERGE, own.secretary(), target=into.number)

        return act

    def answer(own: Desk) -> object:
        given = own.given_for(Move.ANSWER, first)
        return own.move(first.number, Move.ANSWER, own.operator, **given)

    acts = {
        "merge/merge": (merge(first, second), merge(second, first)),
        "merge/answer": (merge(second, first), answer),
    }[race]
    found = at_once(desk, *acts)  # type: ignore[arg-type]
    assert len(found) == 2, "both came back with a result or a sentence"
    refused = [item for item in found if isinstance(item, Refused)]
    with unit_of_work() as session:
        desk.session = session
        states = {desk.case(each.number).state for each in (first, second)}
    if race == "merge/merge":
        assert len(refused) == 1
        assert states == {CaseState.MERGED, CaseState.TRIAGE}
    else:
        assert not refused, "an answer and a merge into the case don't exclude each other"
        assert states == {CaseState.MERGED, CaseState.TRIAGE}


def test_a_merged_case_on_hold_keeps_its_texts(desk: Desk) -> None:
    own, other = merged(desk, CaseState.TRIAGE)
    desk.walk_on(other.number, CaseState.CLOSED)
    service.hold_case(
        desk.session,
        own.number or "",
        actor=desk.secretary(),
        reason="Суд",
        until=desk.now.replace(year=desk.now.year + 1),
        now=desk.now,
    )
    desk.wait(days=200)
    erase_due_cases(desk.session, desk.now)
    assert desk.case(other.number).erased_at is not None
    assert desk.case(own.number).erased_at is None
    desk.wait(days=200)
    erase_due_cases(desk.session, desk.now)
    assert desk.case(own.number).erased_at is not None
