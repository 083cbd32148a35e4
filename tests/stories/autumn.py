"""The committee of the stories: its people, its primary and its days, all by the services.

Dates are those of the press of 2020, in ``Asia/Almaty``.
"""

import csv
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from ipaddress import ip_address
from pathlib import Path
from random import Random

from core import clock, keyring
from core.database import reading, unit_of_work
from core.membership import service as membership
from core.membership.rules import Iin, Mobile
from core.membership.service import Person
from core.messaging import service as messaging
from core.primary import queries as primaries
from core.primary import service as primary
from core.primary.digests import address_digest, iin_digest, mobile_digest
from core.primary.rules import Timeline
from core.rehearsal.people import People, invent
from core.results import carrying
from core.results.canvass import sign_canvass
from core.results.ceremony import confirm_share, install_key, register_ceremony
from core.results.exportfile import check_export
from core.results.opening import whole_count
from core.results.resultfile import seal_result
from core.results.rules import CeremonyKind
from core.results.shares import HeldCeremony, hold_ceremony, rebuild_key
from core.settings import settings
from core.staff import second_factor
from core.staff.rules import Actor, Role
from core.voting import address_policy
from core.voting.address_rules import Expectation
from core.voting.addresses import address_key
from core.voting.commits import Answer, Operation, perform
from core.voting.election import load
from core.voting.polling import CastBallots
from core.voting.rules import AddressMode
from core.voting.sealing import seal
from core.voting.signin import ChallengeIssued, SignIn, TurnedBack
from core.voting.solving import SessionOpened, SolveCode
from core.voting.votes import SealedBallot
from tests.conftest import ALMATY, MakeActor

PRIMARY = "autumn-2020"
DISTRICT, REGION = "113200000", "110000000"


def day(number: int, month: int = 9, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    """An instant of 2020 in Almaty."""
    return datetime(2020, month, number, hour, minute, second, tzinfo=ALMATY)


FROZEN = day(11, hour=0)
OPENS, CLOSES = day(1, 10, hour=0), day(3, 10, hour=14)
EXTENDED = day(4, 10, hour=14)
PUBLICATION = day(5, 10, hour=0)
FREEZE_END = day(4, 10, hour=0)

TIMELINE = Timeline(
    cutoff=FROZEN,
    freeze_start=FROZEN,
    freeze_end=FREEZE_END,
    roll_sealed_at=day(28),
    voting_opens=OPENS,
    voting_closes=CLOSES,
    publication=PUBLICATION,
)


@dataclass
class Committee:
    """Whoever does something in a story."""

    organizer: Actor
    second_organizer: Actor
    registrar: Actor
    operator: Actor
    commissioner: Actor
    trustees: tuple[Actor, ...]
    canvassers: tuple[Actor, ...]


@dataclass
class Autumn:
    """The installation of a story. Members are known by their position in ``people``."""

    committee: Committee
    people: People
    shares: HeldCeremony | None = None
    _ids: dict[int, int] = field(default_factory=dict)

    def person(self, who: int) -> Person:
        """Somebody as the registrar types them."""
        born: date = self.people.birth_date[who].astype(object)
        return Person(
            iin=Iin(self.people.iin[who]),
            last_name=self.people.last_name[who],
            first_name=self.people.first_name[who],
            middle_name=self.people.middle_name[who],
            birth_date=born,
            mobile=Mobile(self.people.mobile[who]),
            place_code=DISTRICT,
            branch="ППО № 7 «Школа»",
        )

    def admit(self, who: int) -> int:
        """The registrar admits somebody now; gives the member's id."""
        with unit_of_work() as session:
            self._ids[who] = membership.admit_member(
                session, self.person(who), actor=self.committee.registrar, now=clock.now()
            )
        return self._ids[who]

    def member_id(self, who: int) -> int:
        """The id of somebody who was admitted."""
        return self._ids[who]


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Everything inside happens at ``instant``."""
    with clock.fixed(instant):
        yield


def gather(make_actor: MakeActor, *, members: int = 30) -> Autumn:
    """A committee with a party of ``members`` in one district, on 20 August."""
    with at(day(20, 8)):
        autumn = Autumn(
            Committee(
                make_actor(Role.ORGANIZER, name="Айгуль Организатор"),
                make_actor(Role.ORGANIZER, name="Болат Организатор"),
                make_actor(Role.REGISTRAR, place=REGION, name="Регистратор области"),
                make_actor(Role.OPERATOR, name="Оператор горячей линии"),
                make_actor(Role.COMMISSIONER, place=DISTRICT, name="Сапарова Динара"),
                tuple(make_actor(Role.TRUSTEE, name=f"Хранитель {n}") for n in range(3)),
                tuple(make_actor(Role.CANVASSER, name=f"Канвассер {n}") for n in range(2)),
            ),
            invent(50, seed=2020, today=date(2020, 8, 1)),
        )
        for canvasser in autumn.committee.canvassers:
            with unit_of_work() as session:
                second_factor.install_secret(
                    session, canvasser.account_id, second_factor.new_secret()
                )
        for who in range(members):
            autumn.admit(who)
    return autumn


def announce(autumn: Autumn) -> None:
    """On 10 September the committee sets the timeline and suspends admission from the 11th."""
    actor = autumn.committee.organizer
    with at(day(10)), unit_of_work() as session:
        primary.create_primary(
            session,
            PRIMARY,
            actor=actor,
            names={"ru": "Праймериз 2020", "kk": "2020 жылғы праймериз", "en": "Primary of 2020"},
            now=clock.now(),
        )
        primary.set_timeline(
            session, PRIMARY, TIMELINE, actor=actor, reason="Решение оргкомитета", now=clock.now()
        )
        membership.freeze_admission(
            session,
            actor=actor,
            starts_at=FROZEN,
            ends_at=FREEZE_END,
            reason="Принуждение к вступлению",
            now=clock.now(),
        )


def _file(*rows: tuple[object, ...]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def make_ready(autumn: Autumn) -> None:
    """Contests, candidates, the sealed roll, both ceremonies, the tested backup, the signature."""
    actor = autumn.committee.organizer
    contests = _file(
        ("code", "title_ru", "title_kk", "title_en", "place_code", "seats", "max_choices"),
        ("list", "Партийный список", "Партиялық тізім", "Party list", "", 2, 2),
        ("akkol", "Маслихат Акколя", "Ақкөл мәслихаты", "Akkol council", DISTRICT, 1, 1),
    )
    standing = _file(
        (
            *("contest_code", "last_name", "first_name", "middle_name", "birth_date", "sex"),
            *("nominated_by", "mobile", "email"),
        ),
        ("list", "Серікова", "Айша", "", "1990-05-05", "f", "ППО № 1", "", ""),
        ("list", "Ахметов", "Данияр", "", "1965-01-01", "m", "ППО № 2", "", ""),
        ("list", "Ли", "Виктор", "", "1985-10-02", "m", "ППО № 3", "", ""),
        ("akkol", "Оспанов", "Марат", "", "1980-02-02", "m", "ППО № 7", "", ""),
        ("akkol", "Ким", "Алина", "", "1996-03-03", "f", "ППО № 8", "", ""),
    )
    with at(day(20)), unit_of_work() as session:
        primary.import_contests(session, PRIMARY, contests, actor=actor, now=clock.now())
        primary.import_candidates(session, PRIMARY, standing, actor=actor, now=clock.now())
    with at(day(28)), unit_of_work() as session:
        primary.seal_roll(session, PRIMARY, actor=actor, now=clock.now())
    _hold(autumn, CeremonyKind.REHEARSAL)
    autumn.shares = _hold(autumn, CeremonyKind.ELECTION)
    with at(day(30)), unit_of_work() as session:
        backup = keyring.digest_key_path(PRIMARY).read_bytes()
        primary.test_key_backup(session, PRIMARY, backup, actor=actor, now=clock.now())
        proposal = address_policy.propose_policy(
            session,
            address_policy.PolicyTerms(
                mode=AddressMode.STRICT,
                expectation=Expectation(voters=580_000, addresses=200_000),
            ),
            actor=actor,
            reason="Протокол оргкомитета № 4",
            now=clock.now(),
        )
        address_policy.sign_policy(
            session, proposal.id, actor=autumn.committee.second_organizer, now=clock.now()
        )
        primary.sign_readiness(session, PRIMARY, actor=actor, now=clock.now())


def _hold(autumn: Autumn, kind: CeremonyKind) -> HeldCeremony:
    held = hold_ceremony(3, 2)
    committee = autumn.committee
    with at(day(29)), unit_of_work() as session:
        number = register_ceremony(
            session, held.public, kind=kind, actor=committee.organizer, now=clock.now()
        )
        for trustee, fingerprint in zip(committee.trustees, held.public.fingerprints, strict=True):
            confirm_share(session, number, fingerprint=fingerprint, actor=trustee, now=clock.now())
        if kind is CeremonyKind.ELECTION:
            install_key(session, number, actor=committee.organizer, now=clock.now())
    return held


def ask(operation: Operation) -> Answer:
    """What the writer answers to one operation of a voter."""
    with unit_of_work() as session:
        election = load(session)
        assert election is not None
        (answer,) = perform(session.connection(), election, [operation], now=clock.now())
    return answer


@dataclass
class Voter:
    """Somebody with an IIN, a telephone and a network; ``mobile`` and ``address`` may be changed."""

    autumn: Autumn
    who: int
    address: str
    mobile: str = ""

    def __post_init__(self) -> None:
        self.mobile = self.mobile or str(self.autumn.people.mobile[self.who])

    def _where(self) -> bytes:
        return address_digest(PRIMARY, address_key(ip_address(self.address)))

    def sign_in(self) -> ChallengeIssued | TurnedBack:
        """Give IIN and number."""
        now = clock.now()
        with reading() as session:
            view = primaries.active_primary(session)
        assert view is not None
        answer = ask(
            SignIn(
                iin_digest=iin_digest(PRIMARY, self.autumn.people.iin[self.who]),
                mobile_digest=mobile_digest(PRIMARY, self.mobile),
                mobile=self.mobile,
                address_digest=self._where(),
                address=ip_address(self.address),
                iin_masked="850101******",
                mobile_masked="+7701*****01",
                locale="ru",
                in_time=view.voting_open(now),
            )
        )
        assert isinstance(answer, ChallengeIssued | TurnedBack)
        return answer

    def code(self) -> str | None:
        """The last code that came to this telephone."""
        messaging.deliver_due(clock.now())
        path = Path(settings().sms_url.removeprefix("file:"))
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        mine = [sms["text"] for sms in map(json.loads, lines) if sms["to"] == self.mobile]
        return str(mine[-1])[:6] if mine else None

    def session(self) -> str:
        """Sign in with the code; gives the token."""
        challenge = self.sign_in()
        assert isinstance(challenge, ChallengeIssued)
        code = self.code()
        assert code is not None, "no code came"
        opened = ask(
            SolveCode(
                challenge=challenge.challenge,
                code=code,
                address_digest=self._where(),
                address=ip_address(self.address),
            )
        )
        assert isinstance(opened, SessionOpened), opened
        return opened.token

    def cast(self, token: str, choices: dict[str, list[str]] | None = None) -> Answer:
        """Seal one ballot for each contest (blank where nothing is chosen) and cast them."""
        with reading() as session:
            view = primaries.active_primary(session)
            contests = [
                contest
                for contest in primaries.contests(session, PRIMARY)
                if contest.is_for(DISTRICT)
            ]
        assert view is not None
        assert view.public_key is not None
        ballots = tuple(
            SealedBallot.of(
                contest.id,
                seal(
                    view.public_key,
                    PRIMARY,
                    contest.id,
                    (choices or {}).get(contest.id, []),
                    contest.size,
                ),
            )
            for contest in contests
        )
        return ask(
            CastBallots(
                token=token,
                idempotency_key=secrets.token_hex(16),
                ballots=ballots,
                address=ip_address(self.address),
                address_digest=self._where(),
                arrived_at=clock.now(),
            )
        )

    def vote(self, choices: dict[str, list[str]] | None = None) -> Answer:
        """The whole way."""
        return self.cast(self.session(), choices)


def candidate_ids() -> dict[str, str]:
    """The identifier of each candidate by last name."""
    with reading() as session:
        rows, _total = primaries.candidates(session, PRIMARY, limit=None)
    return {row.last_name: row.id for row in rows}


def count_and_canvass(autumn: Autumn, folder: Path) -> None:
    """On the evening of the 4th: export, count with two shares, bring in, two signatures."""
    assert autumn.shares is not None
    committee = autumn.committee
    with at(EXTENDED + timedelta(hours=2)):
        kept = BytesIO()
        carrying.take_out(kept, actor=committee.organizer, now=clock.now())
        path = folder / "ballots.jsonl"
        path.write_bytes(kept.getvalue())
        exported = check_export(path)
        secret = rebuild_key(autumn.shares.shares[:2], public=exported.header.public)
        data = seal_result(whole_count(exported, secret)[0], exported, secret)
        carrying.bring_in(data, actor=committee.organizer, now=clock.now())
        for canvasser in committee.canvassers:
            with unit_of_work() as session:
                code = second_factor.code_now(session, canvasser.account_id, now=clock.now())
                sign_canvass(session, actor=canvasser, code=code, now=clock.now())


def shuffled(choices: list[dict[str, list[str]]]) -> list[dict[str, list[str]]]:
    """The choices in another order, always the same."""
    Random(5).shuffle(choices)
    return choices
