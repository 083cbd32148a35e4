"""Making, empowering, resetting and closing accounts."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from core.audit import queries as audit
from core.errors import Refused
from core.staff import passwords, queries, second_factor, service, sessions
from core.staff.models import Account
from core.staff.rules import Actor, Grant, MakingKind, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.staff.conftest import NOW

Draft = service.AccountDraft
HOUR = timedelta(hours=1)


def draft(*roles: Role, login: str = "person", **more: str) -> Draft:
    grants = frozenset(Grant(role) for role in roles)
    return Draft(login=login, name="Новый Сотрудник", grants=grants, **more)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        act()
    return str(refused.value.code)


def admins(session: Session, make_actor: MakeActor) -> tuple[Actor, Actor]:
    return (
        make_actor(Role.ADMINISTRATOR, session=session),
        make_actor(Role.ADMINISTRATOR, session=session),
    )


def made_by_two(session: Session, pair: tuple[Actor, Actor], new: Draft) -> service.NewPassword:
    proposal = service.propose_account(session, new, actor=pair[0], reason="нужен", now=NOW)
    return service.confirm_account(session, proposal.id, actor=pair[1], now=NOW)


def test_the_first_start_makes_two_administrators_whom_nobody_made(session: Session) -> None:
    made = service.create_first_administrators(session, now=NOW, logins=("one", "two"))
    rows = session.exec(select(Account).order_by(Account.login)).all()
    assert [(row.login, row.created_by, row.password_is_temporary) for row in rows] == [
        ("one", None, True),
        ("two", None, True),
    ]
    assert passwords.is_password(made[0].password, rows[0].password_hash)
    assert made[0].password != made[1].password
    again = refusal(lambda: service.create_first_administrators(session, now=NOW, logins=("x",)))
    assert again == StaffRefusal.ADMINISTRATORS_EXIST
    logged, _total = audit.entries(session)
    assert not any(new.password in row.details for new in made for row in logged)


def test_an_observer_is_made_by_one_administrator(session: Session, make_actor: MakeActor) -> None:
    admin, _other = admins(session, make_actor)
    new = service.create_account(session, draft(Role.OBSERVER), actor=admin, now=NOW)
    assert new.effective_at == NOW
    assert service.actor_by_id(session, new.account_id).roles == {Role.OBSERVER}


@pytest.mark.parametrize(
    "role",
    [Role.ORGANIZER, Role.ADMINISTRATOR, Role.COMMISSIONER, Role.CANVASSER, Role.OPERATOR],
)
def test_an_account_of_weight_is_not_one_persons_work(
    session: Session, make_actor: MakeActor, role: Role
) -> None:
    admin, _other = admins(session, make_actor)
    alone = refusal(lambda: service.create_account(session, draft(role), actor=admin, now=NOW))
    assert alone == StaffRefusal.TWO_PEOPLE_NEEDED


def test_nor_does_it_become_one_by_a_role_given_later(
    session: Session, make_actor: MakeActor
) -> None:
    admin, _other = admins(session, make_actor)
    new = service.create_account(session, draft(Role.OBSERVER), actor=admin, now=NOW)
    wanted = frozenset({Grant(Role.OBSERVER), Grant(Role.ORGANIZER)})
    alone = refusal(
        lambda: service.change_grants(session, new.account_id, wanted, actor=admin, now=NOW)
    )
    assert alone == StaffRefusal.TWO_PEOPLE_NEEDED


def test_a_second_person_gives_the_role_and_had_a_hand_in_it(
    session: Session, make_actor: MakeActor
) -> None:
    admin, other = admins(session, make_actor)
    new = service.create_account(session, draft(Role.OBSERVER), actor=admin, now=NOW)
    wanted = frozenset({Grant(Role.ORGANIZER)})
    proposal = service.propose_grants(
        session, new.account_id, wanted, actor=admin, reason="повышение", now=NOW
    )
    service.confirm_grants(session, proposal.id, actor=other, now=NOW)
    assert service.actor_by_id(session, new.account_id).grants == wanted
    granted = [making for making in queries.makings(session) if making.kind is MakingKind.GRANTED]
    assert {making.maker for making in granted} == {admin.name, other.name}


def test_an_organizer_may_be_the_second_person_an_observer_not(
    session: Session, make_actor: MakeActor
) -> None:
    admin, _other = admins(session, make_actor)
    organizer = make_actor(Role.ORGANIZER, session=session)
    observer = make_actor(Role.OBSERVER, session=session)
    proposal = service.propose_account(
        session, draft(Role.CANVASSER), actor=admin, reason="подсчёт", now=NOW
    )
    forbidden = refusal(
        lambda: service.confirm_account(session, proposal.id, actor=observer, now=NOW)
    )
    assert forbidden == StaffRefusal.FORBIDDEN
    new = service.confirm_account(session, proposal.id, actor=organizer, now=NOW)
    assert service.actor_by_id(session, new.account_id).roles == {Role.CANVASSER}


def test_the_hour_begins_to_apply_when_the_first_timeline_is_set(
    session: Session, make_actor: MakeActor
) -> None:
    pair = admins(session, make_actor)
    before = made_by_two(session, pair, draft(Role.ORGANIZER, login="before"))
    service.note_timeline_set(session, NOW)
    after = made_by_two(session, pair, draft(Role.ORGANIZER, login="after"))
    light = service.create_account(
        session, draft(Role.OBSERVER, login="light"), actor=pair[0], now=NOW
    )
    assert [new.effective_at - NOW for new in (before, after, light)] == [
        timedelta(0),
        HOUR,
        timedelta(0),
    ]


def test_a_reset_takes_password_second_factor_and_sessions(
    session: Session, make_actor: MakeActor
) -> None:
    admin, other = admins(session, make_actor)
    service.note_timeline_set(session, NOW)
    operator = make_actor(Role.OPERATOR, session=session)
    second_factor.install_secret(session, operator.account_id, second_factor.new_secret())
    token = sessions.open_session(session, operator.account_id, now=NOW)
    proposal = service.propose_reset(
        session, operator.account_id, actor=admin, reason="потерян телефон", now=NOW
    )
    assert sessions.resolve(session, token, now=NOW), "nothing happens before the second person"
    new = service.confirm_reset(session, proposal.id, actor=other, now=NOW)
    assert sessions.resolve(session, token, now=NOW) is None
    view = queries.account(session, operator.account_id)
    assert view
    assert (view.has_second_factor, view.password_is_temporary) == (False, True)
    assert new.effective_at == NOW + HOUR


def test_a_changed_role_ends_the_sessions(session: Session, make_actor: MakeActor) -> None:
    admin, _other = admins(session, make_actor)
    clerk = make_actor(Role.CLERK, session=session)
    token = sessions.open_session(session, clerk.account_id, now=NOW)
    observer = frozenset({Grant(Role.OBSERVER)})
    service.change_grants(session, clerk.account_id, observer, actor=admin, now=NOW)
    assert sessions.resolve(session, token, now=NOW) is None


def test_nobody_changes_the_own_account(session: Session, make_actor: MakeActor) -> None:
    admin, other = admins(session, make_actor)
    me = admin.account_id
    more = frozenset({Grant(Role.ADMINISTRATOR), Grant(Role.OBSERVER)})
    acts = (
        lambda: service.change_grants(session, me, more, actor=admin, now=NOW),
        lambda: service.propose_grants(session, me, more, actor=admin, reason="я", now=NOW),
        lambda: service.reset_account(session, me, actor=admin, reason="я", now=NOW),
        lambda: service.propose_reset(session, me, actor=admin, reason="я", now=NOW),
        lambda: service.disable_account(session, me, actor=admin, reason="я", now=NOW),
    )
    assert {refusal(act) for act in acts} == {StaffRefusal.OWN_ACCOUNT}
    proposal = service.propose_grants(
        session, other.account_id, more, actor=admin, reason="другу", now=NOW
    )
    confirmed = refusal(lambda: service.confirm_grants(session, proposal.id, actor=other, now=NOW))
    assert confirmed == StaffRefusal.OWN_ACCOUNT


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_no_other_role_makes_accounts(session: Session, make_actor: MakeActor, role: Role) -> None:
    actor = make_actor(role, session=session)
    target = make_actor(Role.CLERK, session=session).account_id
    grants = frozenset({Grant(Role.OBSERVER)})
    acts = (
        lambda: service.create_account(session, draft(Role.CLERK), actor=actor, now=NOW),
        lambda: service.propose_account(
            session, draft(Role.OPERATOR), actor=actor, reason="x", now=NOW
        ),
        lambda: service.reset_account(session, target, actor=actor, reason="x", now=NOW),
        lambda: service.change_grants(session, target, grants, actor=actor, now=NOW),
        lambda: service.disable_account(session, target, actor=actor, reason="x", now=NOW),
        lambda: service.enable_account(session, target, actor=actor, now=NOW),
    )
    assert {refusal(act) for act in acts} == {StaffRefusal.FORBIDDEN}


def test_the_last_administrator_stays(session: Session, make_actor: MakeActor) -> None:
    admin, other = admins(session, make_actor)
    service.disable_account(session, other.account_id, actor=admin, reason="уволен", now=NOW)
    # Somebody who was an administrator a moment ago still holds the page open.
    last = refusal(
        lambda: service.disable_account(
            session, admin.account_id, actor=other, reason="месть", now=NOW
        )
    )
    assert last == StaffRefusal.LAST_ADMINISTRATOR


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (draft(Role.CLERK, login="ab"), StaffRefusal.LOGIN_MALFORMED),
        (draft(Role.CLERK, login="Иван"), StaffRefusal.LOGIN_MALFORMED),
        (draft(login="nobody"), StaffRefusal.ROLES_MISSING),
        (draft(Role.CLERK, mobile="+7 727 250 0000"), StaffRefusal.MOBILE_MALFORMED),
        (
            Draft(login="fine", name=" ", grants=frozenset({Grant(Role.CLERK)})),
            StaffRefusal.NAME_MISSING,
        ),
    ],
)
def test_a_faulty_draft_is_refused_with_its_reason(
    session: Session, make_actor: MakeActor, wrong: Draft, code: StaffRefusal
) -> None:
    admin, _other = admins(session, make_actor)
    assert refusal(lambda: service.create_account(session, wrong, actor=admin, now=NOW)) == code


def test_a_login_is_held_once_whatever_its_case(session: Session, make_actor: MakeActor) -> None:
    admin, _other = admins(session, make_actor)
    service.create_account(session, draft(Role.CLERK, login="Clerk"), actor=admin, now=NOW)
    again = refusal(
        lambda: service.create_account(
            session, draft(Role.CLERK, login=" CLERK"), actor=admin, now=NOW
        )
    )
    assert again == StaffRefusal.LOGIN_TAKEN


def test_the_holder_is_told_by_sms(session: Session, make_actor: MakeActor) -> None:
    from core.messaging.models import OutboxMessage

    admin, _other = admins(session, make_actor)
    new = service.create_account(
        session, draft(Role.CLERK, mobile="8 701 123 45 67"), actor=admin, now=NOW
    )
    service.reset_account(session, new.account_id, actor=admin, reason="просьба", now=NOW)
    queued = session.exec(select(OutboxMessage)).all()
    assert [message.purpose for message in queued] == ["staff", "staff"]


def test_the_log_names_roles_and_people_by_number_only(
    session: Session, make_actor: MakeActor
) -> None:
    pair = admins(session, make_actor)
    made_by_two(session, pair, draft(Role.ORGANIZER))
    rows, _total = audit.entries(session, act="create_account")
    assert json.loads(rows[0].details) == {
        "proposed_by": pair[0].account_id,
        "roles": "organizer",
    }


def test_a_rehearsal_account_is_never_made_in_production(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service.add_rehearsal_account(
        session, draft(Role.OPERATOR), password="репетиция", now=NOW
    )
    assert second_factor.code_now(session, made, now=NOW).isdigit()
    monkeypatch.setattr("core.settings.Settings.is_production", property(lambda _self: True))
    refused = refusal(
        lambda: service.add_rehearsal_account(
            session, draft(Role.OPERATOR, login="other"), password="репетиция", now=NOW
        )
    )
    assert refused == StaffRefusal.NOT_IN_PRODUCTION
