"""The chain of the audit log finds what was changed, removed or inserted behind its back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from core import clock
from core.__main__ import main
from core.audit import service
from core.audit.queries import entries, verify_chain
from core.audit.rules import Author, ChainFaultKind
from core.database import reading, unit_of_work

pytestmark = pytest.mark.usefixtures("database")


def _record(times: int = 5) -> None:
    for turn in range(1, times + 1):
        with unit_of_work() as session:
            service.record(
                session,
                "do",
                author=Author.staff(turn),
                subject=f"thing:{turn}",
                details={"count": turn, "word": "слово", "flag": True, "none": None},
            )


def _tamper(statement: str) -> None:
    with unit_of_work() as session:
        session.execute(text(statement))


def test_an_untouched_chain_holds() -> None:
    _record()
    with reading() as session:
        found = verify_chain(session)
    assert found.fault is None
    assert found.entries == 5


@pytest.mark.parametrize(
    ("tamper", "number", "kind"),
    [
        ("UPDATE audit_entry SET act = 'undo' WHERE number = 3", 3, ChainFaultKind.CHANGED),
        ("UPDATE audit_entry SET account_id = 9 WHERE number = 2", 2, ChainFaultKind.CHANGED),
        ("UPDATE audit_entry SET details = '{}' WHERE number = 5", 5, ChainFaultKind.CHANGED),
        ("DELETE FROM audit_entry WHERE number = 1", 1, ChainFaultKind.MISSING),
        ("DELETE FROM audit_entry WHERE number = 4", 4, ChainFaultKind.MISSING),
        ("DELETE FROM audit_entry WHERE number = 5", 5, ChainFaultKind.CUT_OFF),
        ("DELETE FROM audit_entry", 1, ChainFaultKind.CUT_OFF),
    ],
)
def test_a_touched_chain_names_the_first_fault(
    tamper: str, number: int, kind: ChainFaultKind
) -> None:
    _record()
    _tamper(tamper)
    with reading() as session:
        fault = verify_chain(session).fault
    assert fault is not None
    assert (fault.number, fault.kind) == (number, kind)


def test_an_inserted_row_is_found_even_with_a_right_hash_of_its_own() -> None:
    _record()
    _tamper("UPDATE audit_entry SET number = number + 1 WHERE number = 5")
    _tamper(
        "INSERT INTO audit_entry SELECT 5, at, act, author_kind, account_id, subject, details,"
        " previous_hash, hash FROM audit_entry WHERE number = 4"
    )
    with reading() as session:
        fault = verify_chain(session).fault
    assert fault is not None
    assert fault.number == 5


def test_a_chain_rewritten_whole_disagrees_with_the_signed_head() -> None:
    _record()
    with unit_of_work() as session:
        assert service.sign_head(session, day="2020-10-01", now=clock.now())
        assert service.sign_head(session, day="2020-10-01", now=clock.now()) is None
    with reading() as session:
        assert verify_chain(session).signed_heads == 1
    _tamper("DELETE FROM audit_entry")
    _tamper("DELETE FROM audit_head")
    _record(5)
    with reading() as session:
        fault = verify_chain(session).fault
    assert fault is not None
    assert fault.kind is ChainFaultKind.CHANGED


def test_acts_that_happen_together_stand_in_one_line() -> None:
    def act(turn: int) -> None:
        with unit_of_work() as session:
            service.record(session, "race", author=Author.system(), subject=f"thing:{turn}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(40)))
    with reading() as session:
        found = verify_chain(session)
        page, total = entries(session, act="race", limit=50)
    assert (found.fault, found.entries, total, len(page)) == (None, 40, 40, 40)


def test_an_act_that_is_rolled_back_leaves_no_gap() -> None:
    _record(2)
    with pytest.raises(RuntimeError), unit_of_work() as session:
        service.record(session, "never", author=Author.system(), subject="thing:0")
        raise RuntimeError
    _record(1)
    with reading() as session:
        assert verify_chain(session).entries == 3


def test_the_command_answers_with_its_exit_code(
    capsys: pytest.CaptureFixture[str], clock_at: Callable[..., object]
) -> None:
    _record(3)
    assert main(["verify-audit", "--json"]) == 0
    assert '"intact": true' in capsys.readouterr().out
    _tamper("UPDATE audit_entry SET subject = 'thing:9' WHERE number = 2")
    assert main(["verify-audit"]) == 1
    told = capsys.readouterr().out
    assert "first_fault: 2" in told
    assert "kind: changed" in told
