"""The commands of accounts."""

import argparse

import pytest

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.settings import Settings
from core.staff import commands, second_factor, service
from core.staff.rules import Grant, Role, StaffRefusal


def _run(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers())
    arguments = parser.parse_args(words)
    answer: dict[str, object] = arguments.run(arguments)
    return answer


def test_the_first_administrators_are_made_once(sqlite_database: str) -> None:
    assert set(_run("create-admins")) == {"admin1", "admin2"}
    with pytest.raises(Refused) as refused:
        _run("create-admins")
    assert refused.value.code == StaffRefusal.ADMINISTRATORS_EXIST


@pytest.fixture
def operator(sqlite_database: str) -> int:
    draft = service.AccountDraft(
        login="operator", name="Оператор", grants=frozenset({Grant(Role.OPERATOR)})
    )
    with unit_of_work() as session:
        return service.add_rehearsal_account(session, draft, password="репетиция", now=clock.now())


def test_a_rehearsal_account_is_told_its_code(operator: int) -> None:
    code = str(_run("otp", "Operator")["code"])
    with unit_of_work() as session:
        assert second_factor.accept_code(session, operator, code, clock.now())


@pytest.mark.usefixtures("operator")
def test_production_tells_nobody_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "is_production", property(lambda _self: True))
    with pytest.raises(Refused) as refused:
        _run("otp", "operator")
    assert refused.value.code == StaffRefusal.NOT_IN_PRODUCTION


def test_an_unknown_login_has_no_code(sqlite_database: str) -> None:
    with pytest.raises(Refused) as refused:
        _run("otp", "nobody")
    assert refused.value.code == StaffRefusal.UNKNOWN_ACCOUNT
    with reading() as session:
        assert not service.has_accounts(session)
