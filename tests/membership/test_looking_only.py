"""A session for looking only, such as the wall's, changes nothing in the register."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from core import clock
from core.errors import Refused
from core.membership import service
from core.membership.register_import import import_members
from core.membership.rules import ApplicationStatus, Iin, Mobile
from core.membership.service import Person
from core.staff.rules import Actor, Role, StaffRefusal
from tests.conftest import MakeActor

NOW = datetime(2020, 9, 11, 6, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
PERSON = Person(
    iin=Iin.parse("850101312049"),
    last_name="Ахметов",
    first_name="Ерлан",
    middle_name="",
    birth_date=date(1985, 1, 1),
    mobile=Mobile.parse("+77015550142"),
    place_code="750000000",
    branch="",
)
Verb = Callable[[Session, Actor], object]
VERBS: dict[str, Verb] = {
    "freeze": lambda s, a: service.freeze_admission(
        s, actor=a, starts_at=NOW, ends_at=LATER, reason="x", now=NOW
    ),
    "extend": lambda s, a: service.extend_freeze(s, 1, actor=a, ends_at=LATER, reason="x", now=NOW),
    "end": lambda s, a: service.end_freeze_early(s, 1, actor=a, reason="x", now=NOW),
    "propose": lambda s, a: service.propose_lifting(s, 1, actor=a, reason="x", now=NOW),
    "confirm": lambda s, a: service.confirm_lifting(s, 1, actor=a, now=NOW),
    "admit": lambda s, a: service.admit_member(s, PERSON, actor=a, now=NOW),
    "apply": lambda s, a: service.submit_application(s, PERSON, actor=a, now=NOW),
    "decide": lambda s, a: service.decide_application(
        s, 1, actor=a, decision=ApplicationStatus.ADMITTED, reason="x", now=NOW
    ),
    "restore": lambda s, a: service.restore_member(s, 1, actor=a, decision="1", now=NOW),
    "annul": lambda s, a: service.annul_membership(s, 1, actor=a, decision="1", now=NOW),
    "import": lambda s, a: import_members(s, Path("nowhere.csv"), actor=a, now=NOW),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_who_only_looks_changes_nothing(
    session: Session, make_actor: MakeActor, verb: Verb
) -> None:
    actor = make_actor(*Role, session=session)
    with clock.fixed(NOW), pytest.raises(Refused) as refused:
        verb(session, replace(actor, read_only=True))
    assert refused.value.code is StaffRefusal.READ_ONLY_SESSION
