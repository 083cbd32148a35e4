from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from core import clock
from core.database import engine, reading, unit_of_work
from core.voting.address_policy import mode_in_force
from core.voting.election import load
from core.voting.models import AddressClashCounter, AddressPolicyAct
from core.voting.rules import AddressMode
from core.voting.tally import Tally
from tests.voting import polls
from tests.voting.polls import DISTRICT, NOON, PRIMARY

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _poll(database: str) -> Iterator[None]:
    del database
    with clock.fixed(NOON):
        polls.open_poll()
        yield


def act(mode: AddressMode, at: datetime) -> AddressPolicyAct:
    return AddressPolicyAct(
        primary_id=PRIMARY,
        mode=mode.value,
        voters_expected=580_000,
        addresses_expected=200_000,
        voters_exempt=0,
        refused_share=0.67,
        reason="протокол 4",
        proposed_by=1,
        confirmed_by=2,
        at=at,
    )


def test_the_newest_act_is_in_force_and_without_one_the_rule_is_strict() -> None:
    with reading() as session:
        assert mode_in_force(session, PRIMARY) is AddressMode.STRICT
    for hour, mode in enumerate((AddressMode.ADVISORY, AddressMode.STRICT, AddressMode.ADVISORY)):
        with unit_of_work() as session:
            session.add(act(mode, NOON + timedelta(hours=hour)))
        with reading() as session:
            election = load(session)
        assert election is not None
        assert election.address_mode is mode


def test_clashes_are_added_up_by_place_and_ten_minutes() -> None:
    for minutes in (1, 2, 11):
        tally = Tally(PRIMARY)
        tally.clash(DISTRICT, NOON + timedelta(minutes=minutes))
        with engine().begin() as connection:
            tally.write(connection)
    with reading() as session:
        rows = session.exec(select(AddressClashCounter).order_by("bucket_start")).all()
    assert [(row.bucket_start, row.count) for row in rows] == [
        (NOON, 2),
        (NOON + timedelta(minutes=10), 1),
    ]
