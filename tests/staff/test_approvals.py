"""Acts that take two people."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from core.audit import queries as audit
from core.errors import Refused
from core.staff import approvals, service
from core.staff.models import Account
from core.staff.rules import ActKind, Actor, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.staff.conftest import NOW

KIND = ActKind.LIFT_FREEZE_EARLY


def _propose(session: Session, actor: Actor) -> approvals.Proposal:
    return approvals.propose(
        session, KIND, actor=actor, payload={"freeze": 7}, reason="Ошибка в датах", now=NOW
    )


def _refusal(session: Session, proposal_id: int, actor: Actor, kind: ActKind = KIND) -> str:
    with pytest.raises(Refused) as refused:
        approvals.confirm(session, proposal_id, kind=kind, actor=actor, now=NOW)
    return str(refused.value.code)


def test_a_second_person_confirms_and_gets_the_payload(
    session: Session, make_actor: MakeActor
) -> None:
    first, second = (make_actor(Role.ORGANIZER, session=session) for _ in range(2))
    proposed = _propose(session, first)
    confirmed = approvals.confirm(session, proposed.id, kind=KIND, actor=second, now=NOW)
    assert confirmed.payload == {"freeze": 7}
    assert (confirmed.proposed_by, confirmed.confirmed_by) == (
        first.account_id,
        second.account_id,
    )
    assert approvals.pending(session, KIND) == ()
    rows, _total = audit.entries(session)
    assert [row.act for row in rows] == ["confirm", "propose"]


def test_the_proposer_is_no_second_person(session: Session, make_actor: MakeActor) -> None:
    first = make_actor(Role.ORGANIZER, session=session)
    assert _refusal(session, _propose(session, first).id, first) == StaffRefusal.SAME_PERSON


def test_a_proposal_is_confirmed_once(session: Session, make_actor: MakeActor) -> None:
    first, second, third = (make_actor(Role.ORGANIZER, session=session) for _ in range(3))
    proposed = _propose(session, first)
    approvals.confirm(session, proposed.id, kind=KIND, actor=second, now=NOW)
    assert _refusal(session, proposed.id, third) == StaffRefusal.PROPOSAL_DECIDED


def test_a_withdrawn_proposal_is_dead(session: Session, make_actor: MakeActor) -> None:
    first, second = (make_actor(Role.ORGANIZER, session=session) for _ in range(2))
    proposed = _propose(session, first)
    approvals.withdraw(session, proposed.id, actor=first, now=NOW)
    assert _refusal(session, proposed.id, second) == StaffRefusal.PROPOSAL_DECIDED
    assert approvals.pending(session, KIND) == ()


def test_a_proposal_of_another_kind_does_not_exist(session: Session, make_actor: MakeActor) -> None:
    first, second = (make_actor(Role.ORGANIZER, session=session) for _ in range(2))
    proposed = _propose(session, first)
    refusal = _refusal(session, proposed.id, second, ActKind.ADD_EXEMPTION)
    assert refusal == StaffRefusal.UNKNOWN_PROPOSAL


def test_a_proposal_needs_a_reason(session: Session, make_actor: MakeActor) -> None:
    first = make_actor(Role.ORGANIZER, session=session)
    with pytest.raises(Refused) as refused:
        approvals.propose(session, KIND, actor=first, payload={}, reason="  ", now=NOW)
    assert refused.value.code == StaffRefusal.REASON_MISSING


def test_the_system_and_a_wall_screen_approve_nothing(
    session: Session, make_actor: MakeActor
) -> None:
    from dataclasses import replace

    first, second = (make_actor(Role.ORGANIZER, session=session) for _ in range(2))
    proposed = _propose(session, first)
    assert _refusal(session, proposed.id, Actor.system("clock")) == StaffRefusal.FORBIDDEN
    wall = replace(second, read_only=True)
    assert _refusal(session, proposed.id, wall) == StaffRefusal.READ_ONLY_SESSION


@pytest.mark.parametrize("second_person", ["maker", "made"])
def test_nobody_approves_with_an_account_the_other_made(
    session: Session, make_actor: MakeActor, second_person: str
) -> None:
    """The rule holds in both directions, and for both who had a hand in the account."""
    admin, other = (make_actor(Role.ADMINISTRATOR, session=session) for _ in range(2))
    draft = service.AccountDraft(
        login="organizer", name="Организатор", grants=frozenset({_grant(Role.ORGANIZER)})
    )
    proposal = service.propose_account(session, draft, actor=admin, reason="нужен", now=NOW)
    new = service.confirm_account(session, proposal.id, actor=other, now=NOW)
    made = service.actor_by_id(session, new.account_id)
    for maker in (admin, other):
        first, second = (made, maker) if second_person == "maker" else (maker, made)
        refusal = _refusal(session, _propose(session, first).id, second)
        assert refusal == StaffRefusal.NOT_INDEPENDENT


def test_an_account_that_does_not_count_yet_approves_nothing(
    session: Session, make_actor: MakeActor
) -> None:
    first, second = (make_actor(Role.ORGANIZER, session=session) for _ in range(2))
    proposed = _propose(session, first)
    account = session.get(Account, second.account_id)
    assert account
    account.effective_at = NOW + timedelta(minutes=1)
    session.add(account)
    session.flush()
    assert _refusal(session, proposed.id, second) == StaffRefusal.ACCOUNT_TOO_YOUNG


def test_the_proposal_of_a_disabled_account_is_confirmed_by_nobody(
    session: Session, make_actor: MakeActor
) -> None:
    first, second = (make_actor(Role.ORGANIZER, session=session) for _ in range(2))
    admin = make_actor(Role.ADMINISTRATOR, session=session)
    proposed = _propose(session, first)
    service.disable_account(session, first.account_id, actor=admin, reason="уволен", now=NOW)
    assert _refusal(session, proposed.id, second) == StaffRefusal.UNKNOWN_ACCOUNT


def _grant(role: Role):  # type: ignore[no-untyped-def]
    from core.staff.rules import Grant

    return Grant(role)
