from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlmodel import Session, select

from core import clock
from core.audit.models import AuditEntry
from core.database import engine, reading, unit_of_work
from core.errors import Refused
from core.primary.digests import iin_digest
from core.primary.models import ReadinessAct
from core.primary.queries import readiness
from core.primary.rules import ReadinessKey
from core.staff.rules import Actor, Role, StaffRefusal
from core.voting import address_policy
from core.voting.address_policy import AddressCost, PolicyTerms, mode_in_force
from core.voting.address_rules import Expectation
from core.voting.election import load
from core.voting.models import AddressClashCounter, AddressPolicyAct, Claim, Registration
from core.voting.rules import AddressMode, RejectionReason, RejectionStage, VotingRefusal
from core.voting.tally import Tally, TurnedAway
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY, iin

pytestmark = pytest.mark.usefixtures("database")

BEFORE = OPENS - timedelta(days=1)
EXPECTED = Expectation(voters=580_000, addresses=200_000)
STRICT = PolicyTerms(mode=AddressMode.STRICT, expectation=EXPECTED)


@pytest.fixture(autouse=True)
def _poll(database: str) -> Iterator[None]:
    del database
    with clock.fixed(NOON):
        polls.open_poll()
        yield


@pytest.fixture
def two(make_actor: MakeActor) -> tuple[Actor, Actor]:
    return make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)


def refusal(act: Callable[[Session], object]) -> object:
    with pytest.raises(Refused) as refused, unit_of_work() as session:
        act(session)
    return refused.value.code


def propose(
    actor: Actor, terms: PolicyTerms = STRICT, *, now: datetime = BEFORE, reason: str = "протокол 4"
) -> int:
    with unit_of_work() as session:
        return address_policy.propose_policy(session, terms, actor=actor, reason=reason, now=now).id


def sign(two: tuple[Actor, Actor], terms: PolicyTerms = STRICT, *, now: datetime = BEFORE) -> None:
    proposal = propose(two[0], terms, now=now)
    with unit_of_work() as session:
        address_policy.sign_policy(session, proposal, actor=two[1], now=now)


def change(two: tuple[Actor, Actor], mode: AddressMode, *, now: datetime = NOON) -> None:
    with unit_of_work() as session:
        proposal = address_policy.propose_mode(
            session, mode, actor=two[0], reason="много отказов", now=now
        )
    with unit_of_work() as session:
        address_policy.change_mode(session, proposal.id, actor=two[1], now=now)


def mode_now() -> AddressMode:
    with reading() as session:
        election = load(session)
    assert election is not None
    return election.address_mode


def is_ready() -> bool:
    with reading() as session:
        items = {item.key: item for item in readiness(session, PRIMARY)}
    return items[ReadinessKey.ADDRESS_POLICY_SIGNED].is_done


def test_without_a_signed_act_the_rule_is_strict_and_the_checklist_lacks_an_item() -> None:
    with reading() as session:
        assert mode_in_force(session, PRIMARY) is AddressMode.STRICT
    assert not is_ready()


def test_two_people_sign_the_mode_with_its_estimate_as_an_item_of_readiness(
    two: tuple[Actor, Actor],
) -> None:
    proposal = propose(two[0])
    assert mode_now() is AddressMode.STRICT
    assert not is_ready()
    with unit_of_work() as session:
        address_policy.sign_policy(session, proposal, actor=two[1], now=BEFORE)
    assert is_ready()
    with reading() as session:
        (act,) = address_policy.policy_acts(session, PRIMARY)
        logged = session.exec(
            select(AuditEntry).where(AuditEntry.act == "sign_address_policy")
        ).one()
    assert (act.mode, act.before, act.expectation) == (AddressMode.STRICT, None, EXPECTED)
    assert round(act.refused_share, 2) == 0.67
    assert (act.reason, act.at) == ("протокол 4", BEFORE)
    assert '"refused_per_mille":674' in logged.details


def test_nobody_signs_alone_nor_without_being_an_organizer_of_the_centre(
    two: tuple[Actor, Actor], make_actor: MakeActor
) -> None:
    proposal = propose(two[0])
    strangers = {
        make_actor(Role.OPERATOR): StaffRefusal.FORBIDDEN,
        make_actor(Role.OBSERVER): StaffRefusal.FORBIDDEN,
        make_actor(Role.ORGANIZER, place=DISTRICT): StaffRefusal.FORBIDDEN,
        replace(two[1], read_only=True): StaffRefusal.READ_ONLY_SESSION,
        two[0]: StaffRefusal.SAME_PERSON,
    }
    for actor, code in strangers.items():
        found = refusal(
            lambda session, actor=actor: address_policy.sign_policy(
                session, proposal, actor=actor, now=BEFORE
            )
        )
        assert found is code
    assert not is_ready()
    for actor in list(strangers)[:4]:
        for act in (
            lambda session, actor=actor: address_policy.propose_policy(
                session, STRICT, actor=actor, reason="x", now=BEFORE
            ),
            lambda session, actor=actor: address_policy.propose_mode(
                session, AddressMode.ADVISORY, actor=actor, reason="x", now=NOON
            ),
        ):
            assert refusal(act) is strangers[actor]


@pytest.mark.parametrize(
    ("expectation", "code"),
    [
        (Expectation(voters=0, addresses=1), VotingRefusal.EXPECTATION_OUT_OF_RANGE),
        (Expectation(voters=1, addresses=0), VotingRefusal.EXPECTATION_OUT_OF_RANGE),
        (Expectation(voters=1, addresses=1, exempt=2), VotingRefusal.EXPECTATION_OUT_OF_RANGE),
        (Expectation(voters=9, addresses=1, exempt=1), VotingRefusal.EXEMPT_ABOVE_CAPS),
    ],
)
def test_an_estimate_must_be_possible(
    two: tuple[Actor, Actor], expectation: Expectation, code: VotingRefusal
) -> None:
    terms = replace(STRICT, expectation=expectation)
    assert (
        refusal(
            lambda session: address_policy.propose_policy(
                session, terms, actor=two[0], reason="x", now=BEFORE
            )
        )
        is code
    )


def test_an_act_wants_a_reason(two: tuple[Actor, Actor]) -> None:
    assert (
        refusal(
            lambda session: address_policy.propose_policy(
                session, STRICT, actor=two[0], reason=" ", now=BEFORE
            )
        )
        is StaffRefusal.REASON_MISSING
    )


def test_the_mode_changes_during_the_vote_and_the_estimate_stays(
    two: tuple[Actor, Actor],
) -> None:
    sign(two)
    change(two, AddressMode.ADVISORY)
    assert mode_now() is AddressMode.ADVISORY
    change(two, AddressMode.STRICT, now=NOON + timedelta(hours=1))
    assert mode_now() is AddressMode.STRICT
    with reading() as session:
        acts = address_policy.policy_acts(session, PRIMARY)
        logged = [entry.act for entry in session.exec(select(AuditEntry))]
    assert [(act.before, act.mode) for act in acts] == [
        (AddressMode.ADVISORY, AddressMode.STRICT),
        (AddressMode.STRICT, AddressMode.ADVISORY),
        (None, AddressMode.STRICT),
    ]
    assert {act.refused_share for act in acts} == {EXPECTED.refused_share}
    assert logged.count("change_address_mode") == 2


def test_what_is_signed_does_not_change_while_voting_is_open(two: tuple[Actor, Actor]) -> None:
    late = propose(two[0])
    sign(two)
    sign(two, replace(STRICT, mode=AddressMode.ADVISORY))  # before opening a newer one is signed
    assert mode_now() is AddressMode.ADVISORY
    for act, code in (
        (
            lambda session: address_policy.propose_policy(
                session, STRICT, actor=two[0], reason="x", now=NOON
            ),
            VotingRefusal.POLICY_FIXED,
        ),
        (
            lambda session: address_policy.sign_policy(session, late, actor=two[1], now=NOON),
            VotingRefusal.POLICY_FIXED,
        ),
        (
            lambda session: address_policy.propose_mode(
                session, AddressMode.ADVISORY, actor=two[0], reason="x", now=NOON
            ),
            VotingRefusal.MODE_UNCHANGED,
        ),
    ):
        assert refusal(act) is code


def test_the_mode_can_be_changed_only_while_voting_is_open(two: tuple[Actor, Actor]) -> None:
    assert (
        refusal(
            lambda session: address_policy.propose_mode(
                session, AddressMode.ADVISORY, actor=two[0], reason="x", now=NOON
            )
        )
        is VotingRefusal.POLICY_NOT_SIGNED
    )
    sign(two)
    with unit_of_work() as session:
        proposal = address_policy.propose_mode(
            session, AddressMode.ADVISORY, actor=two[0], reason="x", now=NOON
        )
    for now in (BEFORE, CLOSES):
        for act in (
            lambda session, now=now: address_policy.propose_mode(
                session, AddressMode.ADVISORY, actor=two[0], reason="x", now=now
            ),
            lambda session, now=now: address_policy.change_mode(
                session, proposal.id, actor=two[1], now=now
            ),
        ):
            assert refusal(act) is VotingRefusal.VOTING_NOT_OPEN


def test_an_opening_that_was_missed_can_still_be_signed_for(two: tuple[Actor, Actor]) -> None:
    with unit_of_work() as session:
        session.delete(session.get_one(ReadinessAct, PRIMARY))
    sign(two, now=NOON)
    assert is_ready()


def test_of_two_who_confirm_at_once_one_does(
    two: tuple[Actor, Actor], make_actor: MakeActor
) -> None:
    proposal = propose(two[0])
    gate, outcomes = Barrier(2), []

    def confirm(actor: Actor) -> None:
        gate.wait()
        try:
            with unit_of_work() as session:
                address_policy.sign_policy(session, proposal, actor=actor, now=BEFORE)
            outcomes.append(None)
        except Refused as refused:
            outcomes.append(refused.code)

    threads = [Thread(target=confirm, args=(who,)) for who in (two[1], make_actor(Role.ORGANIZER))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [None, StaffRefusal.PROPOSAL_DECIDED]
    with reading() as session:
        assert len(session.exec(select(AddressPolicyAct)).all()) == 1


def test_clashes_are_added_up_by_place_and_ten_minutes() -> None:
    for minutes in (1, 2, 11):
        tally = Tally(PRIMARY)
        tally.clash(DISTRICT, NOON + timedelta(minutes=minutes))
        with engine().begin() as connection:
            tally.write(connection)
    with reading() as session:
        rows = session.exec(
            select(AddressClashCounter).order_by(AddressClashCounter.bucket_start)
        ).all()
    assert [(row.bucket_start, row.count) for row in rows] == [
        (NOON, 2),
        (NOON + timedelta(minutes=10), 1),
    ]


def test_the_real_cost_counts_people_once_and_only_those_the_address_alone_stopped() -> None:
    tally = Tally(PRIMARY)
    used, alone = RejectionReason.ADDRESS_USED, (RejectionReason.ADDRESS_USED,)
    for number, reasons in (
        (0, alone),
        (0, alone),
        (1, alone),
        (2, (RejectionReason.MOBILE_MISMATCH, used)),
        (3, (RejectionReason.IIN_USED, used)),
    ):
        tally.reject(
            TurnedAway(
                stage=RejectionStage.SIGN_IN,
                reasons=reasons,
                at=NOON,
                iin_digest=iin_digest(PRIMARY, iin(number)),
                iin_masked="850101******",
                mobile_masked="+7701*****01",
                address_short="203.0.113.0/24",
                place_code=DISTRICT,
            )
        )
    tally.registered[DISTRICT] += 2
    tally.vote(DISTRICT, NOON, votes=2)
    tally.clash(DISTRICT, NOON)
    with engine().begin() as connection:
        tally.write(connection)
    with unit_of_work() as session:
        for number in (1, 4):
            digest = iin_digest(PRIMARY, iin(number))
            session.add(Registration(primary_id=PRIMARY, iin_digest=digest))
            session.add(Claim(primary_id=PRIMARY, kind="iin", digest=digest, channel="online"))
    with reading() as session:
        cost = address_policy.address_cost(session, PRIMARY)
    assert cost == AddressCost(turned_away=2, voted_since=1, verified=3, clashes=1, votes_online=2)
    assert cost.share == 1


def test_before_the_first_vote_the_rule_has_cost_nothing() -> None:
    with reading() as session:
        cost = address_policy.address_cost(session, PRIMARY)
    assert (cost.turned_away, cost.verified, cost.share) == (0, 0, 0.0)
