"""Texts are erased on a day known beforehand, for good; what was decided stays."""

from datetime import timedelta
from io import BytesIO

import pytest
from sqlmodel import col, select

from core.audit import queries as audit
from core.cases import calendar, dossier, evidence, queries, service
from core.cases.clocks import Window
from core.cases.evidence_rules import read_upload
from core.cases.models import (
    CaseWord,
    Complainant,
    Contact,
    EvidencePiece,
    TextKey,
)
from core.cases.queries import CaseFilters
from core.cases.retention import (
    erase_due_cases,
    erase_due_contacts,
    erased_soon,
    is_erasure_due,
    retention_of,
)
from core.cases.rules import CasesRefusal, CaseState, Move, ReopenGround, Told, WrapUp
from core.database import reading, unit_of_work
from core.errors import Refused
from tests.cases.conftest import Desk, build_desk
from tests.conftest import MakeActor

KEPT = timedelta(days=120)
NAME = "Тайная Жалобщица"
FILE = read_upload(BytesIO(b"%PDF-1.7 proof"), "табель.pdf")
OTHER = read_upload(BytesIO(b"%PDF-1.7 more"), "приказ.pdf")


def ended(desk: Desk) -> tuple[str, str]:
    """A closed case with a file and a name; its number and its code."""
    receipt = desk.walk(CaseState.INVESTIGATION, name=NAME, email="a@example.kz")
    number = receipt.number or ""
    code = desk.changed_code(receipt).signs
    service.add_evidence(desk.session, number, FILE, actor=desk.lead(), now=desk.now)
    for move, actor in (
        (Move.DELIBERATE, desk.lead()),
        (Move.DECIDE, desk.chair()),
        (Move.CLOSE, desk.secretary()),
    ):
        desk.move(number, move, actor, **desk.given_for(move, receipt))
    return number, code


def test_nothing_is_erased_a_second_before_its_time(desk: Desk) -> None:
    number, _code = ended(desk)
    assert retention_of(desk.session, desk.chair(), number, now=desk.now).erase_at == (
        desk.now + KEPT
    )
    desk.now += KEPT - timedelta(seconds=1)
    assert not is_erasure_due(desk.session, desk.now)
    assert erase_due_cases(desk.session, desk.now) == 0
    desk.now += timedelta(seconds=1)
    assert is_erasure_due(desk.session, desk.now)
    assert erase_due_cases(desk.session, desk.now) == 1
    assert not is_erasure_due(desk.session, desk.now)


def test_what_was_told_is_gone_and_what_was_decided_stays(desk: Desk) -> None:
    number, code = ended(desk)
    other, _ = ended(desk)
    service.hold_case(
        desk.session,
        other,
        actor=desk.chair(),
        reason="Идёт суд",
        until=desk.now + 2 * KEPT,
        now=desk.now,
    )
    desk.now += KEPT
    erase_due_cases(desk.session, desk.now)
    case = desk.case(number)
    session = desk.session
    assert case.finding
    assert case.state == CaseState.CLOSED.value
    assert session.get_one(TextKey, case.text_key_id).wrapped is None
    assert not session.exec(select(CaseWord).where(col(CaseWord.case_id) == case.id)).all()
    assert session.get(Complainant, case.id) is None
    contact = session.exec(select(Contact).where(col(Contact.case_id) == case.id)).one()
    assert (contact.caller, contact.caller_digest, contact.body_digest) == (None, None, None)
    assert len(session.exec(select(EvidencePiece)).all()) == 1, "of the case on hold"
    page = dossier.case_page(session, desk.chair(), number, now=desk.now)
    assert [story.text for story in page.stories] == [""]
    assert not page.has_identity
    assert all(entry.text is None for entry in page.timeline)
    files = evidence.evidence_of(session, desk.chair(), number)
    assert all("табель" not in str(file) for file in files)
    status = service.complaint_status(session, service.Opening(number, code), now=desk.now)
    assert isinstance(status, service.ComplaintStatus)
    assert (status.told, status.since, status.acts) == (Told.ERASED, desk.now, frozenset())
    found, total = queries.case_list(
        session, desk.chair(), CaseFilters(text="увольнение"), page=1, now=desk.now
    )
    assert total <= 1
    assert all(row.number != number for row in found)
    acts = [entry.act for entry in audit.entries(session)[0] if entry.act == "erase_case"]
    assert acts == ["erase_case"]


def test_nobody_writes_into_an_erased_case(desk: Desk) -> None:
    number, _code = ended(desk)
    desk.now += KEPT
    erase_due_cases(desk.session, desk.now)
    for act in (
        lambda: service.add_note(desk.session, number, "x", actor=desk.chair(), now=desk.now),
        lambda: service.add_evidence(desk.session, number, OTHER, actor=desk.chair(), now=desk.now),
        lambda: service.hold_case(
            desk.session,
            number,
            actor=desk.chair(),
            reason="Поздно",
            until=desk.now + KEPT,
            now=desk.now,
        ),
        lambda: desk.move(
            number,
            Move.REOPEN,
            desk.chair("region"),
            reopen_ground=ReopenGround.NEW_EVIDENCE,
            reason="Запись разговора",
            lead=desk.lead("region").account_id,
        ),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code is CasesRefusal.TEXT_ERASED


def test_a_hold_keeps_the_texts_until_it_ends_or_is_lifted(desk: Desk) -> None:
    number, _code = ended(desk)
    until = desk.now + KEPT + timedelta(days=30)

    def hold(**more: object) -> None:
        given = {"reason": "Идёт суд", "until": until, "actor": desk.secretary(), **more}
        service.hold_case(desk.session, number, now=desk.now, **given)  # type: ignore[arg-type]

    for wrong, code in (
        ({"reason": " "}, CasesRefusal.REASON_MISSING),
        ({"until": desk.now}, CasesRefusal.HOLD_OUT_OF_RANGE),
        ({"until": desk.now + timedelta(days=4 * 365)}, CasesRefusal.HOLD_OUT_OF_RANGE),
        ({"actor": desk.people["district"][3]}, CasesRefusal.NOT_YOURS_TO_MOVE),
    ):
        with pytest.raises(Refused) as refused:
            hold(**wrong)
        assert refused.value.code is code
    hold()
    with pytest.raises(Refused) as refused:
        hold()
    assert refused.value.code is CasesRefusal.HELD_ALREADY
    view = retention_of(desk.session, desk.chair(), number, now=desk.now)
    assert view.erase_at == until
    assert view.hold
    assert view.hold.reason == "Идёт суд"
    desk.now += KEPT
    assert erase_due_cases(desk.session, desk.now) == 0
    service.lift_hold(desk.session, number, actor=desk.chair(), now=desk.now)
    with pytest.raises(Refused):
        service.lift_hold(desk.session, number, actor=desk.chair(), now=desk.now)
    hold()
    desk.now = until
    assert erase_due_cases(desk.session, desk.now) == 1


def test_a_merged_case_goes_with_the_one_it_went_into(desk: Desk) -> None:
    target, _code = ended(desk)
    merged = desk.walk(CaseState.TRIAGE, name=NAME)
    desk.case(merged.number).merged_into = desk.case(target).id
    row = desk.case(merged.number)
    row.merged_into, row.state = desk.case(target).id, CaseState.MERGED.value
    row.state_since = desk.now
    desk.session.add(row)
    desk.session.flush()
    desk.now += KEPT
    erase_due_cases(desk.session, desk.now)
    assert desk.case(merged.number).erased_at == desk.case(target).erased_at == desk.now


def test_open_cases_are_kept_however_old(desk: Desk) -> None:
    for state in (CaseState.TRIAGE, CaseState.INVESTIGATION, CaseState.DECIDED):
        desk.walk(state)
    assert not is_erasure_due(desk.session, desk.now + 10 * KEPT)


def test_the_organizer_changes_the_time_within_bounds(desk: Desk) -> None:
    number, _code = ended(desk)

    def change(days: int) -> None:
        service.set_time_limit(
            desk.session,
            Window.RETENTION,
            actor=desk.organizer,
            span=timedelta(days=days),
            now=desk.now,
        )

    for days in (89, 3 * 365 + 1):
        with pytest.raises(Refused) as refused:
            change(days)
        assert refused.value.code is CasesRefusal.LIMIT_OUT_OF_RANGE
    change(200)
    limits = {limit.name: limit for limit in calendar.time_limits(desk.session, desk.organizer)}
    assert limits[Window.RETENTION].is_own
    at = retention_of(desk.session, desk.chair(), number, now=desk.now).erase_at
    assert at == desk.now + timedelta(days=200)


def test_chair_and_secretary_see_what_goes_soon_and_members_do_not(desk: Desk) -> None:
    number, _code = ended(desk)
    desk.now += KEPT - timedelta(days=13)
    seen = erased_soon(desk.session, desk.secretary(), now=desk.now)
    assert [(case.number, case.erase_at) for case in seen] == [
        (number, desk.now + timedelta(days=13))
    ]
    assert erased_soon(desk.session, desk.people["district"][3], now=desk.now) == ()
    assert erased_soon(desk.session, desk.chair("region"), now=desk.now) == ()


def test_calls_without_a_case_are_erased_too(desk: Desk) -> None:
    desk.log(wrap_up=WrapUp.QUESTION_ANSWERED)
    desk.log()
    assert erase_due_contacts(desk.session, desk.now + KEPT - timedelta(seconds=1)) == 0
    assert erase_due_contacts(desk.session, desk.now + KEPT) == 1
    assert erase_due_contacts(desk.session, desk.now + KEPT) == 0
    rows = desk.session.exec(select(Contact).order_by(col(Contact.id))).all()
    assert [row.caller_digest is None for row in rows] == [True, False]


@pytest.mark.usefixtures("database")
def test_reading_and_schedule_erase_alike(make_actor: MakeActor) -> None:
    """Whoever opens a screen first does what the schedule would have done, and nobody does it twice."""
    with unit_of_work() as session:
        desk = build_desk(session, make_actor)
        number, _code = ended(desk)
    over = desk.now + KEPT
    assert service.run_due(over) >= 1
    assert service.run_due(over + timedelta(seconds=1)) == 0
    with reading() as session:
        assert retention_of(session, desk.chair(), number, now=over).erased_at == over
