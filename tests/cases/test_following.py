"""The complainant's side: plain words, no oracle, a limit on guesses."""

import time
from datetime import timedelta

import pytest

from core.cases import service
from core.cases.following import GUESSES_BY_SOURCE, TOLD
from core.cases.receipts import ReceiptCode, new_number
from core.cases.rules import CasesRefusal, CaseState, Channel, Finding, Move, NoteKind, Told
from core.cases.service import ComplaintStatus, ContactEntry, Opening
from core.errors import Refused
from tests.cases.conftest import STORY, Desk

WRONG = ReceiptCode.from_random(b"0123456789").spelled


def follow(desk: Desk, number: str | None, code: str, source: str = "192.0.2.1") -> object:
    opening = Opening(number or "", code, source)
    return service.complaint_status(desk.session, opening, now=desk.now)


def test_number_and_code_open_what_the_complainant_may_know(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION)
    assert receipt.code is not None
    desk.move(receipt.number, Move.ASK, desk.lead(), **desk.given_for(Move.ASK, receipt))
    service.add_note(
        desk.session, receipt.number or "", "Только для дома", actor=desk.lead(), now=desk.now
    )
    status = follow(desk, receipt.number, desk.changed_code(receipt).spelled.lower())
    assert isinstance(status, ComplaintStatus)
    assert status.told is Told.QUESTION
    assert [(kind, text) for _at, kind, text in status.messages] == [
        (NoteKind.QUESTION, "Когда это было?")
    ]


def test_whoever_complains_sees_when_and_why_their_name_was_opened(desk: Desk) -> None:
    receipt = desk.walk(CaseState.INVESTIGATION, name="Тайная Жалобщица")
    code = desk.changed_code(receipt).signs
    service.record_reading(desk.session, receipt.number or "", actor=desk.lead(), now=desk.now)
    desk.agree_to_identity(receipt.number or "", reason="Договориться о встрече")
    service.open_identity(desk.session, receipt.number or "", actor=desk.lead(), now=desk.now)
    status = follow(desk, receipt.number, code)
    assert isinstance(status, ComplaintStatus)
    assert status.openings == ((desk.now, "Договориться о встрече"),)
    assert desk.lead().name not in str(status)


def test_the_finding_is_shown_only_after_a_person_has_told_it(desk: Desk) -> None:
    receipt = desk.walk(CaseState.DECIDED)
    assert receipt.code is not None
    code = desk.changed_code(receipt).signs
    status = follow(desk, receipt.number, code)
    assert isinstance(status, ComplaintStatus)
    assert status.finding is None
    desk.move(receipt.number, Move.CLOSE, desk.secretary(), **desk.given_for(Move.CLOSE, receipt))
    status = follow(desk, receipt.number, code)
    assert isinstance(status, ComplaintStatus)
    assert (status.told, status.finding) == (Told.CLOSED, Finding.UPHELD)
    assert status.appeal_until == desk.now + timedelta(days=3)


def test_every_state_has_words_for_the_complainant() -> None:
    assert set(TOLD) == set(CaseState)


@pytest.mark.parametrize(
    "number",
    ["", "no number", new_number(), "\x00" * 500],
    ids=["empty", "words", "unknown", "zeros"],
)
def test_a_wrong_number_and_a_wrong_code_get_one_answer(desk: Desk, number: str) -> None:
    receipt = desk.log()
    assert follow(desk, number, WRONG) is CasesRefusal.BAD_RECEIPT_CODE
    assert follow(desk, receipt.number, WRONG) is CasesRefusal.BAD_RECEIPT_CODE
    assert follow(desk, receipt.number, "nonsense") is CasesRefusal.BAD_RECEIPT_CODE


def test_guesses_are_limited_by_source_and_forgotten_after_an_hour(desk: Desk) -> None:
    receipt = desk.log()
    assert receipt.code is not None
    for _ in range(GUESSES_BY_SOURCE):
        assert follow(desk, receipt.number, WRONG) is CasesRefusal.BAD_RECEIPT_CODE
    assert follow(desk, receipt.number, receipt.code.signs) is CasesRefusal.TOO_MANY_GUESSES
    # A guesser elsewhere does not lock the complainant out.
    assert isinstance(
        follow(desk, receipt.number, receipt.code.signs, "198.51.100.7"), ComplaintStatus
    )
    desk.wait(hours=1, seconds=1)
    assert isinstance(follow(desk, receipt.number, receipt.code.signs), ComplaintStatus)


def test_guesses_at_one_number_are_limited_over_all_sources(desk: Desk) -> None:
    receipt = desk.log()
    answers = {follow(desk, receipt.number, WRONG, f"192.0.2.{source}") for source in range(60)}
    assert answers == {CasesRefusal.BAD_RECEIPT_CODE, CasesRefusal.TOO_MANY_GUESSES}
    # However many strangers guess, whoever has the code gets in.
    assert receipt.code is not None
    assert isinstance(
        follow(desk, receipt.number, receipt.code.signs, "198.51.100.7"), ComplaintStatus
    )


def test_a_known_number_takes_no_longer_to_refuse_than_an_unknown_one(desk: Desk) -> None:
    receipt = desk.log()

    def seconds(number: str, source: int) -> float:
        begun = time.perf_counter()
        follow(desk, number, WRONG, f"{number}{source}")
        return time.perf_counter() - begun

    # The quickest of many, in turns: a busy machine only ever adds to the work itself.
    spans = [(seconds(receipt.number or "", n), seconds(new_number(), n)) for n in range(15)]
    known, unknown = (min(each) for each in zip(*spans, strict=True))
    assert 0.4 < known / unknown < 2.5


def test_the_public_is_refused_only_by_size_and_rate(desk: Desk) -> None:
    def complain(story: str, key: str | None = None) -> object:
        return service.accept_complaint(
            desk.session,
            ContactEntry(story=story),
            source="192.0.2.1",
            key=key,
            now=desk.now,
        )

    assert complain(" ") is CasesRefusal.TEXT_MISSING
    assert complain("я" * 20_001) is CasesRefusal.TEXT_TOO_LONG
    first, again = complain(STORY, "k"), complain(STORY, "k")
    assert isinstance(first, service.Receipt)
    assert first == again
    assert complain("Другое", "k") is CasesRefusal.KEY_REUSED
    answers = [complain(f"{STORY} {number}") for number in range(25)]
    assert CasesRefusal.TOO_MANY_COMPLAINTS in answers
    desk.wait(hours=1, seconds=1)
    assert isinstance(complain("Через час"), service.Receipt)


def test_who_wrote_a_mail_is_given_a_code_on_the_phone_and_makes_it_the_own(desk: Desk) -> None:
    number = desk.log(channel=Channel.MAIL).number or ""
    with pytest.raises(Refused) as refused:
        service.give_code(desk.session, number, actor=desk.operator, reason=" ", now=desk.now)
    assert refused.value.code is CasesRefusal.REASON_MISSING
    given = [
        service.give_code(
            desk.session, number, actor=desk.operator, reason="Назвала тему письма", now=desk.now
        ).code
        for _call in range(2)
    ]
    first, second = (code.signs for code in given if code is not None)
    assert service.complaint_status(desk.session, Opening(number, first), now=desk.now) is (
        CasesRefusal.BAD_RECEIPT_CODE
    )
    own = service.new_code()
    service.change_code(desk.session, Opening(number, second), own, now=desk.now)
    status = service.complaint_status(desk.session, Opening(number, own.signs), now=desk.now)
    assert isinstance(status, service.ComplaintStatus)
    assert not status.messages, "how the operator knew is not for the portal"
    with pytest.raises(Refused) as refused:
        service.give_code(desk.session, number, actor=desk.operator, reason="Ещё раз", now=desk.now)
    assert refused.value.code is CasesRefusal.CODE_IS_THEIRS
