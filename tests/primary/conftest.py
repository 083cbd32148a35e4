"""A primary with two organizers and a small register."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlmodel import Session

from core import keyring
from core.database import unit_of_work
from core.membership.models import Member
from core.membership.rules import check_digit
from core.primary import service
from core.primary.rules import ReadinessKey, Timeline
from core.staff.rules import Actor, Role
from tests.conftest import ALMATY, MakeActor

PRIMARY = "autumn-2020"
NAMES = {"ru": "Праймериз 2020", "kk": "Праймериз 2020 (қаз.)", "en": "Primary 2020"}
NOW = datetime(2020, 9, 1, 9, tzinfo=ALMATY)
SEALING = datetime(2020, 9, 28, 12, tzinfo=ALMATY)
OPEN = datetime(2020, 10, 1, 0, tzinfo=ALMATY)
CLOSE = datetime(2020, 10, 3, 14, tzinfo=ALMATY)
PUBLICATION = datetime(2020, 10, 5, 0, tzinfo=ALMATY)
TIMELINE = Timeline(
    cutoff=datetime(2020, 9, 11, tzinfo=ALMATY),
    freeze_start=datetime(2020, 9, 11, tzinfo=ALMATY),
    freeze_end=datetime(2020, 10, 4, tzinfo=ALMATY),
    roll_sealed_at=SEALING,
    voting_opens=OPEN,
    voting_closes=CLOSE,
    publication=PUBLICATION,
)
PLACE = "750000000"  # Almaty, a city of republican significance
DAY = timedelta(days=1)

CONTESTS = """code,title_ru,title_kk,title_en,place_code,seats,max_choices
list,Партийный список,Партиялық тізім,Party list,,98,3
almaty-1,Маслихат Алматы,Алматы мәслихаты,Almaty maslikhat,750000000,5,1
""".encode()
CANDIDATES = """contest_code,last_name,first_name,middle_name,birth_date,sex,nominated_by,mobile,email
list,Ахметова,Айгүл,,1980-05-01,f,ППО 1,+7 701 123 45 67,a@example.kz
list,Ким,Виктор,Петрович,02.03.1991,м,ППО 2,,
almaty-1,Сәрсенов,Ерлан,,1975-12-31,ер,ППО 3,,
""".encode()


def iin(number: int) -> str:
    """The ``number``-th valid IIN of a made-up series."""
    count = 0
    for serial in range(100_000):
        first = f"850101{serial:05d}"
        last = check_digit(first)
        if last is not None:
            if count == number:
                return f"{first}{last}"
            count += 1
    raise AssertionError


@dataclass
class People:
    """Two organizers who did not make each other."""

    one: Actor
    two: Actor


@pytest.fixture
def people(session: Session, make_actor: MakeActor) -> People:
    return People(
        make_actor(Role.ORGANIZER, session=session, name="Первый Организатор"),
        make_actor(Role.ORGANIZER, session=session, name="Вторая Организатор"),
    )


def make_primary(session: Session, actor: Actor, *, timeline: Timeline | None = TIMELINE) -> None:
    service.create_primary(session, PRIMARY, actor=actor, names=NAMES, now=NOW)
    if timeline is not None:
        service.set_timeline(
            session, PRIMARY, timeline, actor=actor, reason="Решение оргкомитета", now=NOW
        )


@pytest.fixture
def primary(session: Session, people: People) -> str:
    """A primary whose timeline is set."""
    make_primary(session, people.one)
    return PRIMARY


def add_member(
    session: Session,
    number: int,
    *,
    mobile: str | None = None,
    admitted_on: date = date(2019, 1, 1),
    birth_date: date = date(1985, 1, 1),
    status: str = "active",
    place_code: str = PLACE,
) -> int:
    member = Member(
        iin=iin(number),
        last_name="Ахметов",
        first_name=f"Член{number}",
        birth_date=birth_date,
        mobile=mobile or f"+7701{number:07d}",
        place_code=place_code,
        admitted_on=admitted_on,
        status=status,
        search=f"ахметов член{number}",
        updated_at=NOW,
    )
    session.add(member)
    session.flush()
    assert member.id is not None
    return member.id


def election_key() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def install_key(session: Session, actor: Actor, now: datetime = SEALING) -> None:
    service.install_election_key(
        session, PRIMARY, election_key(), ("aa", "bb", "cc"), 2, 3, actor=actor, now=now
    )


def get_ready(session: Session, actor: Actor, *, now: datetime = SEALING) -> None:
    """Everything but the signature."""
    service.import_contests(session, PRIMARY, CONTESTS, actor=actor, now=now)
    service.import_candidates(session, PRIMARY, CANDIDATES, actor=actor, now=now)
    add_member(session, 1)
    service.seal_roll(session, PRIMARY, actor=actor, now=now)
    install_key(session, actor, now)
    service.mark_readiness(
        session,
        PRIMARY,
        ReadinessKey.CEREMONY_REHEARSED,
        actor=actor,
        evidence="ceremony:1",
        now=now,
    )
    service.mark_readiness(
        session,
        PRIMARY,
        ReadinessKey.ADDRESS_POLICY_SIGNED,
        actor=actor,
        evidence="address_policy_act:1",
        now=now,
    )
    backup = keyring.digest_key(PRIMARY)
    service.test_key_backup(session, PRIMARY, backup, actor=actor, now=now)


Race = Callable[[Callable[[Session], object], Callable[[Session], object]], list[object]]


@pytest.fixture
def race() -> Race:
    """Two units of work begun at once; gives what each gave or raised."""
    from threading import Barrier, Thread

    def run(one: Callable[[Session], object], other: Callable[[Session], object]) -> list[object]:
        gate = Barrier(2)
        outcomes: list[object] = [None, None]

        def runner(index: int, act: Callable[[Session], object]) -> None:
            gate.wait()
            try:
                with unit_of_work() as session:
                    outcomes[index] = act(session)
            except Exception as fault:  # noqa: BLE001 - the test looks at it
                outcomes[index] = fault

        threads = [Thread(target=runner, args=pair) for pair in enumerate((one, other))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes

    return run
