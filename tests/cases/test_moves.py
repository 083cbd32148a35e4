"""Every move through the service: who may, what is missing, what it does."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from core.cases import dossier, queries, service
from core.cases.models import CaseMove, Deadline, Remedy
from core.cases.receipts import ReceiptCode
from core.cases.requirements import FIELDS
from core.cases.rules import (
    TABLE,
    CasesRefusal,
    CaseState,
    Channel,
    Direction,
    Move,
    Need,
    NoteKind,
    PanelVote,
    Part,
    RemedyKind,
    Row,
    Told,
    Verification,
)
from core.cases.service import Receipt, RemedyOrder, RespondentEntry
from core.errors import Refused
from core.staff.rules import Actor, StaffRefusal
from tests.cases.conftest import Desk


def prepared(desk: Desk, row: Row) -> tuple[Receipt, Actor, dict[str, Any]]:
    """A case in the row's state, somebody who may make the move, and all it requires."""
    actors = {
        Part.OPERATOR: desk.operator,
        Part.COMPLAINANT: desk.operator,
        Part.OFFICER: desk.secretary(),
        Part.LEAD: desk.lead(),
        Part.CHAIR: desk.chair(),
        Part.NEXT_OFFICER: desk.secretary("region"),
        Part.NEXT_CHAIR: desk.chair("region"),
    }
    part = next(part for part in actors if part in row.who)
    actor = actors[part]
    state = row.source
    assert state is not None
    straight = {
        *(CaseState.TRIAGE, CaseState.ADMISSIBILITY, CaseState.ASSIGNED),
        *(CaseState.INVESTIGATION, CaseState.DELIBERATION, CaseState.DECIDED, CaseState.CLOSED),
    }
    level = "district"
    if state in straight:
        receipt = desk.walk(state)
    elif state is CaseState.RECEIVED:
        receipt = desk.log(channel=Channel.MAIL)
    elif state is CaseState.NEEDS_INFO:
        receipt = desk.walk(CaseState.TRIAGE)
        _make(desk, Move.ASK, desk.operator, receipt)
    elif state is CaseState.REMEDY:
        receipt = desk.walk(CaseState.DELIBERATION)
        _decide_with_a_warning(desk, receipt)
        _make(desk, Move.ORDER_REMEDY, desk.secretary(), receipt)
    elif state is CaseState.APPEAL:
        receipt = desk.walk(CaseState.CLOSED)
        _make(desk, Move.APPEAL, desk.operator, receipt)
        level = "region"
    elif state is CaseState.INADMISSIBLE:
        receipt = desk.walk(CaseState.ADMISSIBILITY)
        _make(desk, Move.REFUSE, desk.secretary(), receipt)
        service.confirm_move(desk.session, receipt.number or "", actor=desk.chair(), now=desk.now)
    elif state is CaseState.WITHDRAWN:
        receipt = desk.walk(CaseState.TRIAGE)
        _ask_withdrawal(desk, receipt)
        _make(desk, Move.WITHDRAW, desk.operator, receipt)
    elif state is CaseState.REFERRED:
        receipt = desk.walk(CaseState.TRIAGE)
        _make(desk, Move.REFER, desk.secretary(), receipt)
    else:
        assert state is CaseState.MERGED
        receipt, other = desk.walk(CaseState.TRIAGE), desk.log()
        desk.move(receipt.number, Move.MERGE, desk.secretary(), target=other.number)
    given = desk.given_for(row.move, receipt, level)
    if row.move is Move.MERGE:
        given = {"target": desk.log().number}
    if row.move is Move.BEGIN:
        desk.declare_all(receipt.number)
    if row.move is Move.WITHDRAW:
        _ask_withdrawal(desk, receipt)
    if row.move is Move.CLOSE and row.source is CaseState.REMEDY:
        _finish_remedies(desk, receipt)
    if row.move is Move.ORDER_REMEDY:
        receipt = desk.walk(CaseState.DELIBERATION)
        _decide_with_a_warning(desk, receipt)
    assert desk.case(receipt.number).state == state.value
    return receipt, actor, given


def _make(desk: Desk, move: Move, actor: Actor, receipt: Receipt) -> None:
    desk.move(receipt.number, move, actor, **desk.given_for(move, receipt))


def _ask_withdrawal(desk: Desk, receipt: Receipt) -> None:
    case = desk.case(receipt.number)
    case.withdrawal_asked_at, case.withdrawal_channel = desk.now, Channel.PHONE.value
    desk.session.add(case)
    desk.session.flush()


def _decide_with_a_warning(desk: Desk, receipt: Receipt) -> None:
    given = desk.given_for(Move.DECIDE, receipt)
    warning = RemedyOrder(
        kind=RemedyKind.CANDIDATE_WARNED, owner="Секретарь", due_on=desk.now.date()
    )
    desk.move(receipt.number, Move.DECIDE, desk.chair(), **{**given, "remedies": (warning,)})


def _finish_remedies(desk: Desk, receipt: Receipt) -> None:
    for remedy in desk.session.exec(select(Remedy)).all():
        if remedy.case_id == desk.case(receipt.number).id and remedy.done_at is None:
            service.finish_remedy(
                desk.session,
                remedy.id or 0,
                actor=desk.secretary(),
                outcome="Вручено",
                now=desk.now,
            )


def everybody(desk: Desk) -> list[Actor]:
    return [desk.operator, desk.organizer, *(p for group in desk.people.values() for p in group)]


MOVABLE = [row for row in TABLE if row.source is not None]


@pytest.mark.parametrize("row", MOVABLE, ids=lambda row: f"{row.move}-from-{row.source}")
def test_every_move_of_the_table(desk: Desk, row: Row) -> None:
    """Everybody else is refused, each missing requirement is named, and then the move is made."""
    receipt, actor, given = prepared(desk, row)
    number = receipt.number or ""
    before = desk.case(number).version
    for person in everybody(desk):
        parts = _parts(desk, number, person)
        if person == actor or row.who & parts:
            continue
        recorder = parts & {Part.OPERATOR, Part.OFFICER, Part.NEXT_OFFICER}
        if recorder and row.who & {Part.COMPLAINANT, Part.RESPONDENT}:
            continue
        without_code = {key: value for key, value in given.items() if key != "code"}
        with pytest.raises(Refused) as refused:
            desk.move(number, row.move, person, **without_code)
        assert refused.value.code in {
            CasesRefusal.NOT_YOURS_TO_MOVE,
            CasesRefusal.NO_SUCH_CASE,
            StaffRefusal.FORBIDDEN,
        }
    for need in row.needs:
        name = "pass_reason" if row.move is Move.PASS_ON and need is Need.REASON else None
        name = name or FIELDS.get(need)
        if name is None or name not in given:
            continue
        for nothing in ({}, {name: "  "}) if isinstance(given[name], str) else ({},):
            lacking = {key: value for key, value in given.items() if key != name} | nothing
            with pytest.raises(Refused) as refused:
                desk.move(number, row.move, actor, **lacking)
            assert refused.value.facts.get("need") in {need, Need.QUORUM, Need.FRESH_PANEL}
    assert desk.case(number).version == before
    moved = desk.move(number, row.move, actor, **given)
    if Need.SECOND_PERSON in row.needs:
        assert moved.awaits_second
        assert desk.case(number).version == before
        panel = desk.people["region" if row.source is CaseState.APPEAL else "district"]
        moved = service.confirm_move(desk.session, number, actor=panel[2], now=desk.now)
    case = desk.case(number)
    assert case.state == moved.state.value
    assert case.version == before + 1
    assert row.target is None or moved.state is row.target
    last = desk.session.exec(
        select(CaseMove).where(col(CaseMove.case_id) == case.id).order_by(col(CaseMove.id).desc())
    ).first()
    assert last is not None
    assert (last.move, last.target) == (row.move.value, case.state)


def _parts(desk: Desk, number: str, person: Actor) -> frozenset[Part]:
    from core.cases.access import find_case, parts_of

    try:
        return parts_of(desk.session, find_case(desk.session, person, number), person)
    except Refused:
        return frozenset()


def test_a_move_that_the_table_does_not_know_is_refused(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ADMISSIBILITY)
    for move in Move:
        if any(row.move is move and row.source is CaseState.ADMISSIBILITY for row in TABLE):
            continue
        with pytest.raises(Refused) as refused:
            desk.move(receipt.number, move, desk.secretary())
        assert refused.value.code is CasesRefusal.MOVE_NOT_ALLOWED


def test_the_same_person_cannot_be_the_second(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ADMISSIBILITY)
    _make(desk, Move.REFUSE, desk.secretary(), receipt)
    with pytest.raises(Refused) as refused:
        service.confirm_move(
            desk.session, receipt.number or "", actor=desk.secretary(), now=desk.now
        )
    assert refused.value.code is CasesRefusal.SAME_PERSON_TWICE


def test_a_second_who_was_made_by_the_first_does_not_count(desk: Desk) -> None:
    from core.staff.models import AccountMaking

    receipt = desk.walk(CaseState.ADMISSIBILITY)
    _make(desk, Move.REFUSE, desk.secretary(), receipt)
    desk.session.add(
        AccountMaking(
            account_id=desk.chair().account_id,
            maker_id=desk.secretary().account_id,
            kind="reset",
            at=desk.now,
        )
    )
    desk.session.flush()
    with pytest.raises(Refused) as refused:
        service.confirm_move(desk.session, receipt.number or "", actor=desk.chair(), now=desk.now)
    assert refused.value.code is CasesRefusal.SECOND_NOT_INDEPENDENT


def test_a_refusal_that_waits_is_void_when_the_case_is_assigned(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ADMISSIBILITY)
    _make(desk, Move.REFUSE, desk.secretary(), receipt)
    _make(desk, Move.ASSIGN, desk.secretary(), receipt)
    with pytest.raises(Refused) as refused:
        service.confirm_move(desk.session, receipt.number or "", actor=desk.chair(), now=desk.now)
    assert refused.value.code is CasesRefusal.NOTHING_TO_CONFIRM


def test_the_second_of_two_who_assign_is_told_what_happened(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ADMISSIBILITY)
    given = desk.given_for(Move.ASSIGN, receipt)
    desk.move(receipt.number, Move.ASSIGN, desk.secretary(), **given)
    with pytest.raises(Refused) as refused:
        desk.move(
            receipt.number,
            Move.ASSIGN,
            desk.secretary(),
            expected=CaseState.ADMISSIBILITY,
            **given,
        )
    assert refused.value.code is CasesRefusal.CHANGED_MEANWHILE
    assert refused.value.facts["state"] is CaseState.ASSIGNED


def test_an_investigation_begins_only_when_everybody_has_declared(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ASSIGNED)
    for person in desk.people["district"][:-1]:
        service.declare_conflict(
            desk.session, receipt.number or "", actor=person, in_conflict=False, now=desk.now
        )
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.BEGIN, desk.lead())
    assert refused.value.facts["need"] is Need.DECLARATIONS
    service.declare_conflict(
        desk.session,
        receipt.number or "",
        actor=desk.people["district"][-1],
        in_conflict=True,
        now=desk.now,
    )
    # Who declares a conflict is out of the case, and is waited for no longer.
    assert desk.move(receipt.number, Move.BEGIN, desk.lead()).state is CaseState.INVESTIGATION


def test_a_decision_needs_its_quorum_and_a_majority(desk: Desk) -> None:
    receipt = desk.walk(CaseState.DELIBERATION)
    given = desk.given_for(Move.DECIDE, receipt)
    ids = [person.account_id for person in desk.people["district"]]
    for votes, code in (
        (dict.fromkeys(ids[:2], PanelVote.FOR), CasesRefusal.NO_QUORUM),
        (
            {**dict.fromkeys(ids[:2], PanelVote.FOR), **dict.fromkeys(ids[2:], PanelVote.AGAINST)},
            CasesRefusal.NO_MAJORITY,
        ),
        (
            dict.fromkeys([*ids[:3], desk.operator.account_id], PanelVote.FOR),
            CasesRefusal.NOT_A_MEMBER,
        ),
    ):
        with pytest.raises(Refused) as refused:
            desk.move(receipt.number, Move.DECIDE, desk.chair(), **{**given, "votes": votes})
        assert refused.value.code is code


def test_a_member_in_conflict_has_no_vote(desk: Desk) -> None:
    receipt = desk.walk(CaseState.DELIBERATION)
    fourth = desk.people["district"][3]
    service.declare_conflict(
        desk.session, receipt.number or "", actor=fourth, in_conflict=True, now=desk.now
    )
    given = desk.given_for(Move.DECIDE, receipt)
    votes = {person.account_id: PanelVote.FOR for person in desk.people["district"]}
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.DECIDE, desk.chair(), **{**given, "votes": votes})
    assert refused.value.code is CasesRefusal.NOT_A_MEMBER


def test_a_remedy_that_acts_names_whom_it_acts_on(desk: Desk) -> None:
    receipt = desk.walk(CaseState.DELIBERATION)
    given = desk.given_for(Move.DECIDE, receipt)
    order = RemedyOrder(kind=RemedyKind.MEMBERSHIP_ANNULLED)
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.DECIDE, desk.chair(), **{**given, "remedies": (order,)})
    assert refused.value.code is CasesRefusal.REMEDY_NEEDS_SUBJECT


def test_a_case_with_an_open_remedy_is_not_closed(desk: Desk) -> None:
    receipt = desk.walk(CaseState.DELIBERATION)
    _decide_with_a_warning(desk, receipt)
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.CLOSE, desk.secretary(), told="По телефону")
    assert refused.value.facts["need"] is Need.NO_REMEDY_OPEN
    desk.move(receipt.number, Move.ORDER_REMEDY, desk.secretary(), told="По телефону")
    _finish_remedies(desk, receipt)
    assert desk.move(receipt.number, Move.CLOSE, desk.secretary()).state is CaseState.CLOSED


def test_an_appeal_goes_one_level_up_to_people_who_never_had_the_case(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    desk.wait(hours=1)
    _make(desk, Move.APPEAL, desk.operator, receipt)
    case = desk.case(receipt.number)
    assert case.commission_id == desk.ids["region"]
    for person in desk.people["district"]:
        with pytest.raises(Refused) as refused:
            dossier.case_page(desk.session, person, receipt.number or "", now=desk.now)
        assert refused.value.code is CasesRefusal.NO_SUCH_CASE
    given = desk.given_for(Move.ADMIT_APPEAL, receipt, "region")
    moved = desk.move(receipt.number, Move.ADMIT_APPEAL, desk.secretary("region"), **given)
    assert moved.state is CaseState.ASSIGNED


def test_nobody_of_the_first_panel_sits_over_the_appeal(desk: Desk) -> None:
    from core.cases.commissions import seat_member
    from core.staff.rules import Office

    receipt = desk.walk(CaseState.CLOSED)
    first = desk.lead()
    # The first lead is promoted to the region's commission before the appeal comes.
    desk.session.flush()
    from core.staff.models import RoleGrant

    desk.session.add(
        RoleGrant(
            account_id=first.account_id,
            role="commissioner",
            place_code="630000000",
            granted_at=desk.now,
        )
    )
    desk.session.flush()
    seat_member(
        desk.session,
        desk.ids["region"],
        actor=desk.organizer,
        account_id=first.account_id,
        office=Office.MEMBER,
        now=desk.now,
    )
    _make(desk, Move.APPEAL, desk.operator, receipt)
    with pytest.raises(Refused) as refused:
        desk.move(
            receipt.number,
            Move.ADMIT_APPEAL,
            desk.secretary("region"),
            grounds="В срок",
            lead=first.account_id,
        )
    assert refused.value.facts["need"] in {Need.LEAD, Need.FRESH_PANEL}


def test_an_appeal_after_the_window_is_out_of_time(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    desk.wait(days=3)
    with pytest.raises(Refused) as refused:
        _make(desk, Move.APPEAL, desk.operator, receipt)
    assert refused.value.code is CasesRefusal.OUT_OF_TIME


def test_a_respondent_appeals_only_against_a_sanction(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    given = {**desk.given_for(Move.APPEAL, receipt), "appellant": Part.RESPONDENT}
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.APPEAL, desk.operator, **given)
    assert refused.value.facts["need"] is Need.APPELLANT


def test_an_operator_records_an_appeal_with_number_and_code_alone(
    desk: Desk, make_actor: Any
) -> None:
    from core.staff.rules import Role

    receipt = desk.walk(CaseState.CLOSED)
    stranger = make_actor(Role.OPERATOR, name="Оператор Второй", session=desk.session)
    given = desk.given_for(Move.APPEAL, receipt)
    wrong = ReceiptCode.from_random(b"0123456789").spelled
    with pytest.raises(Refused) as refused:
        desk.move(receipt.number, Move.APPEAL, stranger, **{**given, "code": wrong})
    assert refused.value.code is CasesRefusal.NO_SUCH_CASE
    assert desk.move(receipt.number, Move.APPEAL, stranger, **given).state is CaseState.APPEAL


def test_a_withdrawal_needs_a_second_channel(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    number = receipt.number or ""
    code = desk.given_for(Move.WITHDRAW, receipt)
    with pytest.raises(Refused):
        desk.move(number, Move.WITHDRAW, desk.operator, **code)
    service.ask_withdrawal(
        desk.session, number, actor=desk.operator, channel=Channel.PHONE, now=desk.now
    )
    with pytest.raises(Refused) as refused:
        desk.move(number, Move.WITHDRAW, desk.operator, **{**code, "channel": Channel.PHONE})
    assert refused.value.facts["need"] is Need.SECOND_CHANNEL
    assert desk.move(number, Move.WITHDRAW, desk.operator, **code).state is CaseState.WITHDRAWN


def test_an_anonymous_withdrawal_needs_the_code_and_a_day(desk: Desk) -> None:
    receipt = desk.walk(CaseState.TRIAGE, caller=None)
    number = receipt.number or ""
    given = {**desk.given_for(Move.WITHDRAW, receipt), "channel": Channel.PHONE}
    service.ask_withdrawal(
        desk.session, number, actor=desk.operator, channel=Channel.PHONE, now=desk.now
    )
    desk.wait(hours=23)
    for lacking in (given, {**given, "verification": Verification.CALL_BACK}):
        with pytest.raises(Refused):
            desk.move(number, Move.WITHDRAW, desk.operator, **lacking)
    desk.wait(hours=1)
    assert desk.move(number, Move.WITHDRAW, desk.operator, **given).state is CaseState.WITHDRAWN


def test_a_case_that_goes_on_after_a_withdrawal_is_withdrawn_by_a_new_wish_alone(
    desk: Desk,
) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    number = receipt.number or ""
    code = desk.given_for(Move.WITHDRAW, receipt)
    service.ask_withdrawal(
        desk.session, number, actor=desk.operator, channel=Channel.PHONE, now=desk.now
    )
    desk.move(number, Move.WITHDRAW, desk.operator, **code)
    desk.move(number, Move.RESUME, desk.chair(), **desk.given_for(Move.RESUME, receipt))
    with pytest.raises(Refused) as refused:
        desk.move(number, Move.WITHDRAW, desk.operator, **code)
    assert refused.value.facts["need"] is Need.SECOND_CHANNEL


def test_only_two_questions_may_stop_the_clock(desk: Desk) -> None:
    receipt = desk.walk(CaseState.TRIAGE)
    for _ in range(2):
        _make(desk, Move.ASK, desk.operator, receipt)
        _make(desk, Move.ANSWER, desk.operator, receipt)
    with pytest.raises(Refused) as refused:
        _make(desk, Move.ASK, desk.operator, receipt)
    assert refused.value.facts["need"] is Need.PAUSES_LEFT


def test_a_question_pauses_the_clock_and_the_answer_brings_the_rest_back(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    desk.wait(hours=2)
    due = desk.case(receipt.number).due_at
    assert due is not None
    _make(desk, Move.ASK, desk.lead(), receipt)
    desk.wait(hours=24)
    moved = desk.move(
        receipt.number,
        Move.ANSWER,
        desk.operator,
        **desk.given_for(Move.ANSWER, receipt),
    )
    assert moved.state is CaseState.INVESTIGATION
    # A day of silence on a working Tuesday moves the deadline by that working day.
    assert desk.case(receipt.number).due_at == due + timedelta(days=1)


def test_the_clock_takes_a_case_nobody_accepted_to_the_next_level(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ASSIGNED)
    due = desk.case(receipt.number).due_at
    assert due is not None
    desk.now = due + timedelta(minutes=5)
    assert service.run_clock(desk.session, desk.now) == 1
    case = desk.case(receipt.number)
    assert case.commission_id == desk.ids["region"]
    assert case.lead_id == desk.chair("region").account_id
    last = desk.session.exec(select(CaseMove).order_by(col(CaseMove.id).desc())).first()
    assert last is not None
    assert (last.move, last.account_id, last.at) == ("pass_on", None, due)


def test_the_clock_stops_at_the_centre_and_the_case_stays_overdue(desk: Desk) -> None:
    receipt = desk.walk(CaseState.ASSIGNED)
    desk.wait(days=30)
    assert service.run_clock(desk.session, desk.now) == 2
    case = desk.case(receipt.number)
    assert case.commission_id == desk.ids["centre"]
    assert case.due_at is not None
    assert case.due_at < desk.now
    assert service.run_clock(desk.session, desk.now) == 0
    rows, _total = queries.case_list(desk.session, desk.chair("centre"), now=desk.now)
    assert [row.is_overdue for row in rows] == [True]


def test_late_or_in_time_the_clock_leaves_the_same_history(desk: Desk) -> None:
    """Two cases alike: the schedule looks at one every ten minutes, at the other nobody does."""
    watched, forgotten = desk.walk(CaseState.ASSIGNED), desk.walk(CaseState.ASSIGNED)
    end = desk.now + timedelta(days=4)
    from core.cases.moves import catch_up

    moment = desk.now
    while moment < end:
        moment += timedelta(minutes=10)
        catch_up(desk.session, desk.case(watched.number), moment)
    catch_up(desk.session, desk.case(forgotten.number), end)

    def history(receipt: Receipt) -> list[tuple[object, ...]]:
        case = desk.case(receipt.number)
        moves = desk.session.exec(
            select(CaseMove).where(col(CaseMove.case_id) == case.id).order_by(col(CaseMove.id))
        ).all()
        return [(row.move, row.source, row.target, row.commission_id, row.at) for row in moves] + [
            (case.state, case.due_at, case.clock_at, case.lead_id)
        ]

    assert history(watched) == history(forgotten)


def test_an_unanswered_question_goes_on_with_what_there_is(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    _make(desk, Move.ASK, desk.lead(), receipt)
    asked = desk.now
    desk.wait(days=3, minutes=1)
    with pytest.raises(Refused) as refused:
        desk.move(
            receipt.number,
            Move.ANSWER,
            desk.operator,
            expected=CaseState.NEEDS_INFO,
            **desk.given_for(Move.ANSWER, receipt),
        )
    assert refused.value.code is CasesRefusal.CHANGED_MEANWHILE
    assert desk.case(receipt.number).state_since == asked + timedelta(days=3)


def test_every_state_leaves_its_deadline_behind(desk: Desk) -> None:
    receipt = desk.walk(CaseState.CLOSED)
    case = desk.case(receipt.number)
    rows = desk.session.exec(
        select(Deadline).where(col(Deadline.case_id) == case.id).order_by(col(Deadline.id))
    ).all()
    assert [row.state for row in rows] == [
        *("received", "triage", "admissibility", "assigned", "investigation"),
        *("deliberation", "decided", "closed"),
    ]
    assert [row.ended_at is None for row in rows] == [False] * 7 + [True]


def test_passing_sideways_names_another_lead_of_the_same_commission(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    other = desk.people["district"][3]
    desk.move(
        receipt.number,
        Move.PASS_ON,
        desk.chair(),
        pass_reason="conflict",
        direction=Direction.SIDEWAYS,
        lead=other.account_id,
    )
    case = desk.case(receipt.number)
    assert (case.lead_id, case.commission_id) == (other.account_id, desk.ids["district"])


def test_a_merged_case_tells_its_complainant_about_the_one_that_goes_on(desk: Desk) -> None:
    receipt, other = desk.walk(CaseState.TRIAGE), desk.walk(CaseState.INVESTIGATION)
    desk.move(receipt.number, Move.MERGE, desk.secretary(), target=other.number)
    assert receipt.code is not None
    opening = service.Opening(receipt.number or "", desk.changed_code(receipt).signs)
    status = service.complaint_status(desk.session, opening, now=desk.now)
    assert isinstance(status, service.ComplaintStatus)
    assert (status.number, status.told) == (receipt.number, Told.EXAMINED)


def test_a_merge_can_be_undone_for_thirty_days(desk: Desk) -> None:
    for days, allowed in ((29, True), (30, False)):
        receipt, other = desk.walk(CaseState.TRIAGE), desk.log()
        desk.move(receipt.number, Move.MERGE, desk.secretary(), target=other.number)
        desk.wait(days=days)
        if allowed:
            moved = desk.move(receipt.number, Move.UNMERGE, desk.secretary(), reason="Разное")
            assert moved.state is CaseState.TRIAGE
        else:
            with pytest.raises(Refused) as refused:
                desk.move(receipt.number, Move.UNMERGE, desk.secretary(), reason="Разное")
            assert refused.value.code is CasesRefusal.OUT_OF_TIME


def test_a_respondent_of_the_district_office_is_judged_by_the_region(desk: Desk) -> None:
    from core.cases.rules import Level

    receipt = desk.log()
    given = desk.given_for(Move.SUBMIT, receipt)
    boss = RespondentEntry(name="Начальников Пётр", level=Level.DISTRICT)
    desk.move(receipt.number, Move.SUBMIT, desk.operator, **{**given, "respondents": (boss,)})
    assert desk.case(receipt.number).commission_id == desk.ids["region"]


def test_a_respondent_of_the_central_commission_is_judged_by_a_panel(desk: Desk) -> None:
    receipt = desk.log()
    given = desk.given_for(Move.SUBMIT, receipt)
    boss = RespondentEntry(name=desk.chair("centre").name)
    desk.move(receipt.number, Move.SUBMIT, desk.operator, **{**given, "respondents": (boss,)})
    assert desk.case(receipt.number).commission_id == desk.ids["panel"]


def test_naming_more_than_half_of_a_commission_sends_the_case_up(desk: Desk) -> None:
    receipt = desk.log()
    given = desk.given_for(Move.SUBMIT, receipt)
    named = tuple(RespondentEntry(name=person.name) for person in desk.people["district"][:3])
    desk.move(receipt.number, Move.SUBMIT, desk.operator, **{**given, "respondents": named})
    assert desk.case(receipt.number).commission_id == desk.ids["region"]


def test_notes_and_identity_ask_for_words_and_are_logged(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION, name="Тайная Жалобщица")
    number = receipt.number or ""
    desk.agree_to_identity(number, reason="Договориться о встрече")
    identity = service.open_identity(desk.session, number, actor=desk.lead(), now=desk.now)
    assert identity.name == "Тайная Жалобщица"
    service.add_note(
        desk.session,
        number,
        "Позвонить завтра",
        actor=desk.lead(),
        kind=NoteKind.INTERNAL,
        now=desk.now,
    )
    page = dossier.case_page(desk.session, desk.chair(), number, now=desk.now)
    texts = [entry.text for entry in page.timeline]
    assert {"Договориться о встрече", "Позвонить завтра"} <= set(texts)


def test_an_operator_sees_no_note_of_the_house_once_a_commission_has_the_case(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    number = receipt.number or ""
    service.add_note(desk.session, number, "Тайна комиссии", actor=desk.lead(), now=desk.now)
    page = dossier.case_page(desk.session, desk.operator, number, now=desk.now)
    assert "Тайна комиссии" not in str(page)
    assert page.stories


def test_a_state_that_is_none_of_ours_never_enters_the_table(desk: Desk) -> None:
    case = desk.case(desk.log().number)
    case.risk = 7
    desk.session.add(case)
    with pytest.raises(SQLAlchemyError), desk.session.begin_nested():
        desk.session.flush()
    desk.session.expire_all()
