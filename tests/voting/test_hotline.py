"""What the hotline finds of a reference, and what it must not tell."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from core import clock, schedule
from core.audit.models import AuditEntry
from core.database import engine, reading, unit_of_work
from core.errors import Refused
from core.primary.digests import address_digest, iin_digest, mobile_digest
from core.primary.models import Primary
from core.staff.rules import Actor, Role, StaffRefusal
from core.voting import expiry, hotline
from core.voting.addresses import Address, address_key, parse
from core.voting.commits import Answer, Operation, perform
from core.voting.election import load
from core.voting.hotline import ReferenceFound
from core.voting.models import AddressHold, Claim, SignInChallenge, UnusedCode, UsedCode
from core.voting.rules import Advice, CodeFate, RejectionReason, VotingRefusal
from core.voting.signin import ChallengeIssued, SignIn, code_hmac
from core.voting.solving import CodeFailed, SessionOpened, SolveCode
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, NOON, PRIMARY, iin, mobile

pytestmark = pytest.mark.usefixtures("database")

HERE = parse("203.0.113.7")
assert HERE is not None


@pytest.fixture(autouse=True)
def _poll(database: str) -> Iterator[None]:
    del database
    with clock.fixed(NOON):
        polls.open_poll()
        yield


@pytest.fixture
def operator(make_actor: MakeActor) -> Actor:
    return make_actor(Role.OPERATOR)


def ask(operation: Operation, *, now: datetime = NOON) -> Answer:
    with unit_of_work() as session:
        election = load(session)
        assert election is not None
        (answer,) = perform(session.connection(), election, [operation], now=now)
    return answer


def sign_in(
    number: int, *, phone: int | None = None, address: Address = HERE, now: datetime = NOON
) -> ChallengeIssued:
    to = mobile(number if phone is None else phone)
    answer = ask(
        SignIn(
            iin_digest=iin_digest(PRIMARY, iin(number)),
            mobile_digest=mobile_digest(PRIMARY, to),
            mobile=to,
            address_digest=address_digest(PRIMARY, address_key(address)),
            address=address,
            iin_masked="850101******",
            mobile_masked="+7701*****01",
            locale="ru",
            in_time=True,
        ),
        now=now,
    )
    assert isinstance(answer, ChallengeIssued)
    return answer


def solve(challenge: ChallengeIssued, *, code: str = "123456", now: datetime = NOON) -> Answer:
    """Bring a code; the right one is 123456."""
    with unit_of_work() as session:
        row = session.get_one(SignInChallenge, challenge.challenge)
        row.code_hmac = code_hmac(row.id, "123456")
    assert HERE is not None
    return ask(
        SolveCode(
            challenge=challenge.challenge,
            code=code,
            address_digest=address_digest(PRIMARY, address_key(HERE)),
            address=HERE,
        ),
        now=now,
    )


def look_up(actor: Actor, reference: str, *, now: datetime = NOON) -> ReferenceFound:
    with unit_of_work() as session:
        return hotline.look_up_reference(session, reference, actor=actor, now=now)


def reveal(
    actor: Actor, reference: str, *, called_back: bool = True, now: datetime = NOON
) -> hotline.ReferenceRevealed:
    with unit_of_work() as session:
        return hotline.reveal_reasons(
            session, reference, actor=actor, called_back=called_back, now=now
        )


def number_of(actor: Actor, reference: str) -> str | None:
    with unit_of_work() as session:
        return hotline.number_to_call_back(session, reference, actor=actor, now=NOON)


def refusal(act: Callable[[], object]) -> object:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def every_sign_in() -> dict[str, str]:
    """The reference of each kind of sign-in that a stranger could make."""
    with unit_of_work() as session:
        for kind, digest in (
            ("iin", iin_digest(PRIMARY, iin(3))),
            ("mobile", mobile_digest(PRIMARY, mobile(3))),
        ):
            session.add(Claim(primary_id=PRIMARY, kind=kind, digest=digest, channel="online"))
    sent = sign_in(0)
    used = sign_in(1)
    assert isinstance(solve(used), SessionOpened)
    return {
        "sent": sent.reference,
        "used": used.reference,
        "wrong number": sign_in(2, phone=77).reference,
        "voted": sign_in(3).reference,
        "not on the roll": sign_in(99).reference,
    }


@pytest.mark.parametrize("later", [0, 7, 24 * 60], ids=["at once", "after the code", "a day later"])
def test_a_right_pair_cannot_be_told_from_a_wrong_one(operator: Actor, later: int) -> None:
    references = every_sign_in()
    now = NOON + timedelta(minutes=later)
    schedule.forget_sign_ins(now)
    answers = {
        kind: replace(look_up(operator, reference, now=now), reference="")
        for kind, reference in references.items()
    }
    assert len(set(answers.values())) == 1, answers
    assert answers["sent"].advice == (Advice.CALL_BACK,)
    with reading() as session:
        logged = session.exec(select(AuditEntry).order_by(AuditEntry.number)).all()
    assert {(entry.act, entry.subject.split(":")[0], entry.details) for entry in logged} == {
        ("look_up_reference", "reference", "{}")
    }


def test_neither_can_it_by_what_the_database_is_asked(operator: Actor) -> None:
    references = every_sign_in()
    schedule.forget_sign_ins(NOON + timedelta(minutes=2))
    asked: dict[str, list[str]] = {}
    statements: list[str] = []
    event.listen(
        engine(), "before_cursor_execute", lambda _c, _cur, text, *_rest: statements.append(text)
    )
    for kind, reference in references.items():
        statements.clear()
        look_up(operator, reference)
        asked[kind] = [text for text in statements if "audit" not in text]
    assert len({tuple(texts) for texts in asked.values()}) == 1


def test_on_a_used_address_a_right_pair_sounds_like_a_wrong_one(operator: Actor) -> None:
    digest = address_digest(PRIMARY, "203.0.113.7/32")
    with unit_of_work() as session:
        session.add(Claim(primary_id=PRIMARY, kind="address", digest=digest, channel="online"))
    right, wrong = sign_in(0), sign_in(1, phone=77)
    assert look_up(operator, right.reference).advice == look_up(operator, wrong.reference).advice


def test_the_call_back_goes_to_the_number_of_the_roll(operator: Actor) -> None:
    references = every_sign_in()
    numbers = {kind: number_of(operator, reference) for kind, reference in references.items()}
    assert numbers == {
        "sent": mobile(0),
        "used": mobile(1),
        "wrong number": mobile(2),
        "voted": mobile(3),
        "not on the roll": None,
    }


def test_after_the_call_back_the_operator_sees_what_happened(operator: Actor) -> None:
    references = every_sign_in()
    soon = {kind: reveal(operator, reference) for kind, reference in references.items()}
    assert soon["sent"].code is CodeFate.OPEN
    assert (soon["used"].code, soon["used"].at) == (CodeFate.USED, NOON)
    assert soon["wrong number"].reasons == (RejectionReason.MOBILE_MISMATCH,)
    assert soon["voted"].reasons == (RejectionReason.IIN_USED, RejectionReason.MOBILE_USED)
    assert soon["sent"].address_short == "203.0.113.0/24"
    later = NOON + timedelta(hours=2)
    schedule.forget_sign_ins(later)
    sent = reveal(operator, references["sent"], now=later)
    assert (sent.code, sent.at, sent.iin_masked) == (CodeFate.UNUSED, NOON, "850101******")
    used = reveal(operator, references["used"], now=later)
    assert (used.code, used.at, used.iin_masked) == (CodeFate.USED, None, "")


def test_without_the_call_nothing_is_revealed(operator: Actor) -> None:
    reference = sign_in(0).reference
    assert refusal(lambda: reveal(operator, reference, called_back=False)) is (
        VotingRefusal.CALL_NOT_CONFIRMED
    )


@pytest.mark.parametrize("heard", ["AAAAA-AAAA1", "nothing like it", ""])
def test_what_nobody_was_given_is_unknown(operator: Actor, heard: str) -> None:
    assert refusal(lambda: look_up(operator, heard)) is VotingRefusal.REFERENCE_UNKNOWN


def test_a_failed_code_has_a_reference_of_its_own(operator: Actor) -> None:
    challenge = sign_in(0)
    answer: Answer = ChallengeIssued("", NOON, "")
    for _try in range(5):
        answer = solve(challenge, code="000000")
    assert isinstance(answer, CodeFailed)
    assert look_up(operator, answer.reference).advice == (Advice.SIGN_IN_AGAIN,)
    assert look_up(operator, challenge.reference).advice == (Advice.CALL_BACK,)


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.CLERK, Role.ADMINISTRATOR])
def test_strangers_look_nothing_up(make_actor: MakeActor, role: Role) -> None:
    reference = sign_in(0).reference
    stranger = make_actor(role)
    for act in (look_up, number_of, reveal):
        assert refusal(lambda act=act: act(stranger, reference)) is StaffRefusal.FORBIDDEN


def test_a_session_for_looking_reads_no_number(operator: Actor) -> None:
    reference = sign_in(0).reference
    wall = replace(operator, read_only=True)
    for act in (number_of, reveal):
        assert refusal(lambda act=act: act(wall, reference)) is StaffRefusal.READ_ONLY_SESSION


def test_long_after_publication_no_reference_is_answered_and_none_is_kept(
    operator: Actor,
) -> None:
    references = every_sign_in()
    schedule.forget_sign_ins(NOON + timedelta(hours=1))
    with reading() as session:
        assert session.exec(select(UsedCode)).all()
        assert session.exec(select(UnusedCode)).all()
    over = CLOSES + timedelta(hours=10) + hotline.ANSWERED_AFTER_PUBLICATION
    codes = {
        refusal(lambda reference=reference: look_up(operator, reference, now=over))
        for reference in references.values()
    }
    assert codes == {VotingRefusal.REFERENCE_OVER}
    schedule.forget_sign_ins(over)
    with reading() as session:
        assert not session.exec(select(UsedCode)).all()
        assert not session.exec(select(UnusedCode)).all()


def test_what_is_over_goes_in_small_units_and_leaves_one_row_for_each_code_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expiry, "AT_ONCE", 2)
    every_sign_in()
    live = sign_in(4, now=NOON + timedelta(hours=2))
    with unit_of_work() as session:
        assert expiry.purge_expired(session, now=NOON) == 0
    gone = expiry.forget_ended(NOON + timedelta(hours=2))
    assert gone == 5 + 1 + 1  # challenges, the session, the hold of its address
    with reading() as session:
        left = [row.id for row in session.exec(select(SignInChallenge))]
        used = session.exec(select(UsedCode)).all()
        unused = session.exec(select(UnusedCode)).all()
        assert not session.exec(select(AddressHold)).all()
    assert left == [live.challenge]
    assert [row.iin_digest for row in used] == [iin_digest(PRIMARY, iin(1))]
    assert [row.iin_digest for row in unused] == [iin_digest(PRIMARY, iin(0))]
    assert used[0].day == NOON.date()


def test_a_primary_without_a_timeline_keeps_no_references(operator: Actor) -> None:
    reference = sign_in(0).reference
    with unit_of_work() as session:
        _without_timeline(session)
    assert refusal(lambda: look_up(operator, reference)) is VotingRefusal.REFERENCE_OVER


def _without_timeline(session: Session) -> None:
    primary = session.get_one(Primary, PRIMARY)
    for name in ("cutoff", "freeze_start", "freeze_end", "roll_sealed_at"):
        setattr(primary, name, None)
    primary.voting_opens = primary.voting_closes = primary.publication = None
