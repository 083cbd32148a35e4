"""Every mail becomes exactly one contact, or waits in quarantine; nothing blocks the next."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import Session, col, func, select

from core import clock
from core.audit import queries as audit
from core.cases import access, dossier, evidence, queries
from core.cases import service as cases
from core.cases.models import Case, Contact, Evidence
from core.cases.respondents import RespondentEntry
from core.cases.rules import CasesRefusal, CaseState, Category, Channel, Urgency, WrapUp
from core.database import reading, unit_of_work
from core.errors import Refused
from core.mail import filing, intake, service
from core.mail import queries as mail
from core.mail.models import IncomingMail, MailPiece
from core.mail.rules import LARGEST, Fate, Fault, Mark, Tie
from core.mail.store import locked, store_mail
from core.mail.threads import note_answer
from core.staff.rules import Actor, Role
from tests.conftest import MakeActor
from tests.mail.letters import STORY, letter
from tests.mail.test_malformed import MALFORMED

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def operator(database: str, make_actor: MakeActor) -> Actor:
    """An operator of the centre."""
    return make_actor(Role.OPERATOR)


def counted(table: Any) -> int:
    with reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def taken(raw: bytes) -> int:
    return service.take_in(raw, now=clock.now()).mail_id


def opened(mail_id: int, operator: Actor, **given: Any) -> str:
    """Open a case for a mail; gives its number."""
    entry = {"category": Category.COERCION_TO_VOTE, "place": None, "urgency": Urgency.NORMAL}
    with unit_of_work() as session:
        receipt = service.open_case(
            session, mail_id, actor=operator, now=clock.now(), **(entry | given)
        )
    assert receipt.number
    return receipt.number


def answered(mail_id: int, message_id: str, to: str) -> None:
    """We wrote to somebody about a mail."""
    with unit_of_work() as session:
        note_answer(session, locked(session, mail_id), message_id, to=to, now=clock.now())


def row_of(mail_id: int) -> IncomingMail:
    with reading() as session:
        return session.get_one(IncomingMail, mail_id)


def test_a_mail_waits_to_be_sorted_and_the_same_bytes_are_one_contact(operator: Actor) -> None:
    raw = letter(files=(("снимок.png", PNG),))
    first, second = taken(raw), taken(raw)
    assert first == second
    assert counted(Contact) == 1
    assert counted(Case) == 0
    with reading() as session:
        (row,), total = mail.inbox(session, operator)
    assert total == 1
    assert row.first_words.startswith("Принуждение на работе")
    assert not row.is_read
    assert row.suggestion.category is Category.COERCION_TO_JOIN
    assert {"вступить", "партию", "заставляет"} <= set(row.suggestion.category_words)
    assert row.suggestion.place_words == ["аягозском"]


def test_two_fetchers_bring_the_same_mail_at_once(database: str) -> None:
    raw = letter()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _n: taken(raw), range(4)))
    assert len(set(found)) == 1
    assert counted(Contact) == 1


def test_a_case_holds_the_mail_and_its_files(operator: Actor) -> None:
    mail_id = taken(letter(files=(("снимок.png", PNG), ("вирус.exe", b"MZ\x90\x00"))))
    number = opened(mail_id, operator)
    with reading() as session:
        case = dossier.case_page(session, operator, number, now=clock.now())
        files = evidence.evidence_of(session, operator, number)
    assert case.state is CaseState.RECEIVED, "nobody has told the sender that it came"
    assert case.channel is Channel.MAIL
    assert case.received_at == row_of(mail_id).arrived_at
    assert STORY in case.stories[0].text
    assert [file.kind.value for file in files] == ["eml", "png"]
    assert Mark.FILES_LEFT_OUT.value in row_of(mail_id).marks
    assert counted(MailPiece) == 0, "the bytes stand in the case now"


def test_two_operators_sort_one_mail_and_the_second_is_told(
    operator: Actor, make_actor: MakeActor
) -> None:
    mail_id = taken(letter())
    other = make_actor(Role.OPERATOR)

    def sort(actor: Actor) -> str:
        try:
            return opened(mail_id, actor)
        except Refused as refused:
            return str(refused.code)

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(sort, (operator, other)))
    assert sorted(end == CasesRefusal.LETTER_IS_SORTED for end in ends) == [False, True]
    assert counted(Case) == 1


def test_only_the_one_we_wrote_to_writes_into_a_case_unasked(operator: Actor) -> None:
    first = taken(letter())
    number = opened(first, operator)
    answered(first, "<secret@ours.kz>", "aigul@example.kz")
    proved = taken(letter("Ещё свидетель: охранник.", In_Reply_To="<secret@ours.kz>"))
    forged = {
        Tie.ANSWER_OF_ANOTHER: letter(
            "Всё неправда", sender="stranger@example.com", References="<a@b> <secret@ours.kz>"
        ),
        Tie.NUMBER_IN_SUBJECT: letter(
            "Добавьте", subject=f"Re: {number[:4]}-{number[4:]}", sender="x@example.com"
        ),
        Tie.SENDER: letter("Я отказываюсь от жалобы", In_Reply_To="<guess@ours.kz>"),
    }
    assert row_of(proved).fate == Fate.ADDED_TO_CASE
    for tie, raw in forged.items():
        row = row_of(taken(raw))
        assert (row.fate, row.tie) == (Fate.TO_SORT, tie)
    with reading() as session:
        page = dossier.case_page(session, operator, number, now=clock.now())
        rows, _total = mail.inbox(session, operator)
        files = evidence.evidence_of(session, operator, number)
    assert ["охранник" in story.text for story in page.stories] == [False, True]
    assert {row.tied_to for row in rows} == {number}
    assert len(files) == 2


def test_a_mail_with_two_senders_proves_nothing(operator: Actor) -> None:
    first = taken(letter())
    opened(first, operator)
    answered(first, "<secret@ours.kz>", "aigul@example.kz")
    raw = letter(In_Reply_To="<secret@ours.kz>").replace(
        b"To: komissiya", b"From: other@example.com\nTo: komissiya"
    )
    assert row_of(taken(raw)).fate == Fate.TO_SORT


def test_an_operator_adds_a_mail_to_a_case(operator: Actor) -> None:
    number = opened(taken(letter()), operator)
    second = taken(letter("Нашёлся свидетель", sender="b@example.kz"))
    with unit_of_work() as session:
        service.add_to_case(session, second, number, actor=operator, now=clock.now())
    with reading() as session:
        found, _total = queries.case_list(
            session,
            operator,
            queries.CaseFilters(text="свидетели"),
            now=clock.now(),
        )
        page = dossier.case_page(session, operator, number, now=clock.now())
    assert [row.number for row in found] == [number]
    assert "свидетель" in page.stories[1].text


def test_a_case_that_takes_nothing_more_leaves_the_mail_where_it_is(operator: Actor) -> None:
    number = opened(taken(letter()), operator)
    with unit_of_work() as session:
        case = session.exec(select(Case)).one()
        case.state = CaseState.WITHDRAWN.value
        session.add(case)
    second = taken(letter("Ещё"))
    with pytest.raises(Refused), unit_of_work() as session:
        service.add_to_case(session, second, number, actor=operator, now=clock.now())
    assert row_of(second).fate == Fate.TO_SORT


@pytest.mark.parametrize("end", [Fate.NOT_FOR_US, Fate.SPAM])
def test_what_was_put_aside_can_be_taken_back(operator: Actor, end: Fate) -> None:
    mail_id = taken(letter())
    for fate in (end, Fate.TO_SORT):
        with unit_of_work() as session:
            service.set_aside(session, mail_id, fate, actor=operator, now=clock.now())
            assert session.get_one(IncomingMail, mail_id).fate == fate
    opened(mail_id, operator)
    with pytest.raises(Refused), unit_of_work() as session:
        service.set_aside(session, mail_id, end, actor=operator, now=clock.now())


def test_what_a_machine_wrote_is_kept_and_waits_for_nobody(operator: Actor) -> None:
    row = row_of(taken(letter(Auto_Submitted="auto-replied")))
    assert row.fate == Fate.AUTOMATIC
    with reading() as session:
        assert mail.unsorted_count(session, operator) == (0, 0)
        assert session.exec(select(Contact.wrap_up)).one() == WrapUp.AUTOMATIC


def test_the_same_message_id_with_other_bytes_is_a_contact_of_its_own(operator: Actor) -> None:
    taken(letter("Раз", Message_ID="<same@example.kz>"))
    copy = row_of(taken(letter("Два", Message_ID="<same@example.kz>")))
    assert Mark.POSSIBLE_COPY.value in copy.marks
    assert counted(Contact) == 2


def test_what_cannot_be_filed_waits_for_a_person_and_the_next_one_goes_on(
    operator: Actor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_given: object, **_more: object) -> None:
        raise LookupError("unknown encoding: Айгуль")

    with monkeypatch.context() as patched:
        patched.setattr(filing, "parse", fails)
        bad = taken(letter())
    good = taken(letter("Другое", sender="b@example.kz"))
    assert row_of(bad).fate == Fate.QUARANTINED
    assert row_of(good).fate == Fate.TO_SORT
    assert "Айгуль" not in caplog.text
    with reading() as session:
        (waits,) = mail.quarantine(session, operator)
    assert waits.fault is Fault.NOT_FILED
    with unit_of_work() as session:
        assert "aigul@example.kz" in service.open_quarantined(session, bad, actor=operator)
        filed = service.retry_mail(session, bad, actor=operator, now=clock.now())
    assert filed.fate is Fate.TO_SORT


def test_every_malformed_mail_is_a_contact_or_waits_in_quarantine(operator: Actor) -> None:
    for raw in MALFORMED.values():
        assert row_of(taken(raw)).fate != Fate.WAITING
    kept = len(set(MALFORMED.values()))
    assert counted(IncomingMail) == kept
    with reading() as session:
        _waiting, in_quarantine = mail.unsorted_count(session, operator)
    assert counted(Contact) + in_quarantine == kept
    assert in_quarantine == 0


def test_a_mail_that_kills_the_process_is_tried_three_times(database: str) -> None:
    with unit_of_work() as session:
        mail_id = store_mail(session, letter(), now=clock.now())
    for _time in range(filing.MOST_TRIES):
        with unit_of_work() as session:
            assert filing.begin_filing(session, mail_id)
    assert intake.file_waiting(clock.now()) == 1
    assert (row_of(mail_id).fate, row_of(mail_id).fault) == (Fate.QUARANTINED, Fault.BROKE_OFF)


def test_what_was_stored_and_not_filed_is_filed_later(database: str) -> None:
    with unit_of_work() as session:
        mail_id = store_mail(session, letter(), now=clock.now())
    assert intake.file_waiting(clock.now()) == 1
    assert intake.file_waiting(clock.now()) == 0
    assert row_of(mail_id).fate == Fate.TO_SORT
    assert counted(Contact) == 1


def test_a_mail_too_large_to_be_read_is_settled_by_hand(
    operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LARGEST == 25 * 1024 * 1024
    monkeypatch.setattr(filing, "LARGEST", 100)
    first, second = taken(letter()), taken(letter("Другое"))
    assert row_of(first).fault == Fault.TOO_LARGE
    with pytest.raises(Refused), unit_of_work() as session:
        service.discard_mail(session, second, actor=operator, reason=" ", now=clock.now())
    with unit_of_work() as session:
        receipt = service.file_by_hand(
            session,
            first,
            actor=operator,
            story="Фильм с собрания, 40 МБ",
            category=Category.OTHER,
            place=None,
            now=clock.now(),
        )
        service.discard_mail(session, second, actor=operator, reason="реклама", now=clock.now())
    assert receipt.number
    assert [row_of(each).fate for each in (first, second)] == [Fate.NEW_CASE, Fate.DISCARDED]
    assert counted(Contact) == 2


def test_a_mail_of_a_case_that_names_an_operator_does_not_exist_for_them(
    operator: Actor, make_actor: MakeActor
) -> None:
    named = make_actor(Role.OPERATOR, name="Сериков Болат Ержанович")

    def seen() -> list[object]:
        with reading() as session:
            lists = [mail.inbox(session, named, fate=fate) for fate in Fate]
            unseen = access.unseen_acts(session, named)
            rows, _total = audit.entries(session, unseen=unseen, limit=100)
            return [lists, [(row.act, row.details) for row in rows if row.act != "log_contact"]]

    first = taken(letter())
    number = opened(first, operator)
    with unit_of_work() as session:
        cases.add_respondent(
            session,
            number,
            RespondentEntry(name="Болат Сериков"),
            actor=operator,
            now=clock.now(),
        )
    second = taken(letter("Ещё", subject=f"{number[:4]}-{number[4:]}"))
    with reading() as session:
        row = mail.one_mail(session, named, second)
        assert (row.tie, row.tied_to) == (None, None)
        assert not mail.earlier_of_sender(session, named, second)
        with pytest.raises(Refused):
            mail.one_mail(session, named, first)
    before = seen()
    with unit_of_work() as session:
        service.read_mail(session, second, actor=operator, now=clock.now())
    with unit_of_work() as session:
        service.add_to_case(session, second, number, actor=operator, now=clock.now())
    lists, acts = seen()
    assert all(not rows for rows, _total in lists)  # type: ignore[attr-defined]
    assert acts == before[1], "what is done with it is not in the log either"


def test_the_words_of_a_mail_go_with_its_case(operator: Actor, make_actor: MakeActor) -> None:
    other = make_actor(Role.OPERATOR, place="103200000")
    mail_id = taken(letter())
    opened(mail_id, operator, place="110000000")
    for actor, count in ((operator, 1), (other, 0)):
        with reading() as session:
            rows, total = mail.inbox(session, actor, fate=Fate.NEW_CASE)
        assert (len(rows), total) == (count, count)


def test_strangers_and_observers_sort_nothing(database: str, make_actor: MakeActor) -> None:
    mail_id = taken(letter())
    for role in (Role.OBSERVER, Role.COMMISSIONER, Role.REGISTRAR):
        actor = make_actor(role)
        with reading() as session, pytest.raises(Refused):
            mail.inbox(session, actor)
        with pytest.raises(Refused):
            opened(mail_id, actor)
    assert row_of(mail_id).fate == Fate.TO_SORT


def test_no_byte_of_a_mail_stands_open_in_the_database(session: Session) -> None:
    store_mail(session, letter(), now=clock.now())
    pieces = session.exec(select(MailPiece.content).where(col(MailPiece.ordinal) == 0)).all()
    assert pieces
    assert not any(b"aigul" in piece for piece in pieces)
    assert session.exec(select(func.count()).select_from(Evidence)).one() == 0
