"""What two windows do at the same moment: one of them wins, on both engines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pyotp
from sqlmodel import Session, select

from core.database import reading, unit_of_work
from core.errors import Refused
from core.staff import approvals, lockouts, second_factor, sign_in
from core.staff.models import Lockout, StaffSession
from core.staff.rules import ActKind, Role
from tests.conftest import MakeActor
from tests.staff.conftest import NOW

AT_ONCE = 4


def _at_once(act: Callable[[Session, int], object]) -> list[object]:
    """What ``act`` gave in four units of work that begin together; None for a refusal."""
    start = Barrier(AT_ONCE)

    def run(number: int) -> object:
        start.wait()
        try:
            with unit_of_work() as session:
                return act(session, number)
        except Refused:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def test_a_ticket_opens_one_session(database: str, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK)
    with unit_of_work() as session:
        ticket = sign_in.issue_wall_ticket(session, actor.account_id, browser="door", now=NOW)
    tokens = _at_once(
        lambda session, _number: sign_in.redeem_ticket(
            session, ticket, browser="door", old_token=None, now=NOW
        )
    )
    assert sum(token is not None for token in tokens) == 1
    with reading() as session:
        assert len(session.exec(select(StaffSession)).all()) == 1


def test_a_code_lets_one_window_in(database: str, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK)
    secret = second_factor.new_secret()
    with unit_of_work() as session:
        second_factor.install_secret(session, actor.account_id, secret)
    code = pyotp.TOTP(secret).at(NOW)
    accepted = _at_once(
        lambda session, _number: second_factor.accept_code(session, actor.account_id, code, NOW)
    )
    assert accepted.count(True) == 1


def test_a_proposal_is_confirmed_by_one_of_many(database: str, make_actor: MakeActor) -> None:
    proposer, *others = (make_actor(Role.ORGANIZER) for _ in range(AT_ONCE + 1))
    kind = ActKind.ADD_EXEMPTION
    with unit_of_work() as session:
        waiting = approvals.propose(
            session, kind, actor=proposer, payload={}, reason="участок", now=NOW
        )
    confirmed = _at_once(
        lambda session, number: approvals.confirm(
            session, waiting.id, kind=kind, actor=others[number], now=NOW
        )
    )
    assert sum(answer is not None for answer in confirmed) == 1


def test_failures_sent_side_by_side_are_all_counted(database: str) -> None:
    _at_once(
        lambda session, _number: lockouts.note_failure(
            session, login="nobody", address="203.0.113.7", now=NOW
        )
    )
    with reading() as session:
        assert [row.failures for row in session.exec(select(Lockout)).all()] == [AT_ONCE] * 2
