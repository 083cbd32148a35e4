"""What administrators decide about messages: with a reason, in the log, and nobody else does."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session

from core import clock
from core.audit import queries as audit
from core.database import reading, unit_of_work
from core.errors import Refused
from core.messaging import queries
from core.messaging.allowance import spending
from core.messaging.rules import GatewayKind, GivenUpAct, MessagingRefusal, Purpose
from core.messaging.service import deliver_due
from core.staff import messages, sessions
from core.staff.rules import Actor, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.messaging.gateways import Memory, Refusing
from tests.messaging.test_outbox import queue_code, queue_notice, rows

pytestmark = pytest.mark.usefixtures("database")


def give_up(notices: int = 2) -> None:
    """Notices, and a code, that no gateway took."""
    now = clock.now() - timedelta(days=1)
    for number in range(notices):
        queue_notice(f"given-up-{number}", now)
    queue_code(now)
    for _ in range(30):
        deliver_due(now, gateway=Refusing())
        now += timedelta(minutes=31)


def act(do: Callable[[Session], object]) -> None:
    with unit_of_work() as session:
        do(session)


def settle(actor: Actor, what: GivenUpAct, reason: str = "шлюз снова работает") -> None:
    act(
        lambda session: messages.settle_given_up(
            session, Purpose.ROLL_CHANGE, what, actor=actor, reason=reason, now=clock.now()
        )
    )


def allow(actor: Actor, per_hour: int = 10, per_day: int = 20, reason: str = "атака") -> None:
    act(
        lambda session: messages.set_code_allowance(
            session,
            actor=actor,
            per_hour=per_hour,
            per_day=per_day,
            reason=reason,
            now=clock.now(),
        )
    )


def given_up() -> list[tuple[Purpose, int]]:
    with reading() as session:
        found = queries.given_up(session, GatewayKind.SMS)
    return [(group.purpose, group.messages) for group in found]


def test_messages_that_were_given_up_are_tried_again(make_actor: MakeActor) -> None:
    give_up()
    assert given_up() == [(Purpose.ROLL_CHANGE, 2)], "codes are worth nothing any more"
    settle(make_actor(Role.ADMINISTRATOR), GivenUpAct.TRY_AGAIN)
    gateway = Memory()
    assert deliver_due(clock.now(), gateway=gateway) == 2
    assert given_up() == []
    with reading() as session:
        (entry,), _total = audit.entries(session, act="try_messages_again")
    assert json.loads(entry.details) == {"purpose": "roll_change", "messages": 2}


def test_discarded_messages_are_erased_and_never_sent(make_actor: MakeActor) -> None:
    give_up()
    settle(make_actor(Role.ADMINISTRATOR), GivenUpAct.DISCARD)
    assert given_up() == []
    notices = [row for row in rows() if row.purpose == Purpose.ROLL_CHANGE]
    assert {(row.state, row.body) for row in notices} == {("discarded", None)}
    later = clock.now() + timedelta(days=9)
    assert deliver_due(later, gateway=Memory()) == 0


def test_what_another_has_settled_is_settled(make_actor: MakeActor) -> None:
    give_up()
    admin = make_actor(Role.ADMINISTRATOR)
    settle(admin, GivenUpAct.DISCARD)
    with pytest.raises(Refused) as refusal:
        settle(admin, GivenUpAct.TRY_AGAIN)
    assert refusal.value.code is MessagingRefusal.NOTHING_GIVEN_UP


def test_an_allowance_holds_from_the_act_on_and_is_in_the_log(make_actor: MakeActor) -> None:
    allow(make_actor(Role.ADMINISTRATOR), per_hour=7, per_day=9)
    with reading() as session:
        found = spending(session, now=clock.now())
        (entry,), _total = audit.entries(session, act="set_code_allowance")
    assert (found.per_hour, found.per_day) == (7, 9)
    assert json.loads(entry.details) == {"per_hour": 7, "per_day": 9}


@pytest.mark.parametrize(("per_hour", "per_day"), [(0, 5), (-1, 5), (6, 5), (1, 50_000_001)])
def test_an_allowance_that_nobody_can_mean_is_refused(
    make_actor: MakeActor, per_hour: int, per_day: int
) -> None:
    admin = make_actor(Role.ADMINISTRATOR)
    with pytest.raises(Refused) as refusal:
        allow(admin, per_hour, per_day)
    assert refusal.value.code is MessagingRefusal.ALLOWANCE_OUT_OF_RANGE


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_administrators_decide(make_actor: MakeActor, role: Role) -> None:
    give_up(1)
    other = make_actor(role)
    for decide in (lambda: allow(other), lambda: settle(other, GivenUpAct.DISCARD)):
        with pytest.raises(Refused) as refusal:
            decide()
        assert refusal.value.code is StaffRefusal.FORBIDDEN
    assert given_up() == [(Purpose.ROLL_CHANGE, 1)]


def test_a_session_for_looking_decides_nothing_and_everything_needs_a_reason(
    make_actor: MakeActor,
) -> None:
    give_up(1)
    admin = make_actor(Role.ADMINISTRATOR)
    with unit_of_work() as session:
        token = sessions.open_session(session, admin.account_id, now=clock.now(), read_only=True)
    with reading() as session:
        looking = sessions.resolve(session, token, now=clock.now())
    assert looking is not None
    for actor, reason, code in (
        (looking, "можно?", StaffRefusal.READ_ONLY_SESSION),
        (admin, "  ", StaffRefusal.REASON_MISSING),
    ):
        with pytest.raises(Refused) as refusal:
            allow(actor, reason=reason)
        assert refusal.value.code is code
        with pytest.raises(Refused) as refusal:
            settle(actor, GivenUpAct.DISCARD, reason=reason)
        assert refusal.value.code is code
