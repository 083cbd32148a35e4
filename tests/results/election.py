"""A small election whose times are those of autumn 2020, up to any step of its results."""

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session

from core import clock, keyring
from core.database import unit_of_work
from core.primary.models import Candidate, Contest, Primary
from core.primary.rules import Sex
from core.results import carrying
from core.results.canvass import sign_canvass
from core.results.ceremony import confirm_share, install_key, register_ceremony
from core.results.exportfile import check_export
from core.results.opening import whole_count
from core.results.resultfile import seal_result
from core.results.rules import CeremonyKind
from core.results.shares import HeldCeremony, hold_ceremony, rebuild_key
from core.staff import second_factor
from core.staff.rules import Actor, Role
from core.voting.models import Ballot
from core.voting.sealing import seal, tracker

ALMATY = ZoneInfo("Asia/Almaty")
PRIMARY = "autumn-2020"
SIZE = 160
BEFORE = datetime(2020, 9, 1, 12, tzinfo=ALMATY)
OPENS = datetime(2020, 10, 1, tzinfo=ALMATY)
CLOSES = datetime(2020, 10, 4, 14, tzinfo=ALMATY)
COUNTING = CLOSES + timedelta(hours=1)
LAST_SECOND = datetime(2020, 10, 4, 23, 59, 59, tzinfo=ALMATY)
INSTANT = datetime(2020, 10, 5, tzinfo=ALMATY)

# contest: (seats, most choices, candidates as id, last name, sex, birth date, status)
CONTESTS = {
    "national": (
        2,
        2,
        [
            ("NAT00001", "Серікова", Sex.FEMALE, date(1990, 5, 5), "registered"),
            ("NAT00002", "Ахметов", Sex.MALE, date(1965, 1, 1), "registered"),
            ("NAT00003", "Ли", Sex.MALE, date(1985, 10, 2), "registered"),
            ("NAT00004", "Иванова", Sex.FEMALE, date(1970, 7, 7), "cancelled"),
        ],
    ),
    "small": (
        1,
        1,
        [
            ("SML00001", "Оспан", Sex.MALE, date(1980, 2, 2), "registered"),
            ("SML00002", "Ким", Sex.FEMALE, date(1999, 3, 3), "registered"),
        ],
    ),
}
# Every total is a number that stands nowhere else, so that a search for it means something.
VOTES = {"NAT00001": 151, "NAT00002": 137, "NAT00003": 137, "NAT00004": 59}
BLANK = 13


@dataclass
class Election:
    """The people and keys of a test's election."""

    organizer: Actor
    trustees: list[Actor]
    canvassers: list[Actor]
    held: HeldCeremony
    rehearsal: HeldCeremony
    secrets: dict[int, str] = field(default_factory=dict)

    def code(self, actor: Actor, now: datetime) -> str:
        """What the actor's authenticator shows."""
        with unit_of_work() as session:
            return second_factor.code_now(session, actor.account_id, now=now)


def _primary(session: Session, *, rehearsal: bool) -> None:
    session.add(
        Primary(
            id=PRIMARY,
            slot=1,
            created_by=0,
            name_ru="Праймериз 2020",
            name_kk="Праймериз 2020 жыл",
            name_en="Primary of 2020",
            rehearsal=rehearsal,
            digest_fingerprint=keyring.create_digest_key(PRIMARY),
            created_at=BEFORE,
            cutoff=datetime(2020, 9, 11, tzinfo=ALMATY),
            freeze_start=datetime(2020, 9, 11, tzinfo=ALMATY),
            freeze_end=INSTANT,
            roll_sealed_at=datetime(2020, 9, 28, tzinfo=ALMATY),
            voting_opens=OPENS,
            voting_closes=CLOSES,
            publication=INSTANT,
        )
    )
    session.flush()
    for contest_id, (seats, most, standing) in CONTESTS.items():
        session.add(
            Contest(
                primary_id=PRIMARY,
                id=contest_id,
                title_ru=f"Голосование {contest_id}",
                title_kk=f"Дауыс беру {contest_id}",
                title_en=f"Contest {contest_id}",
                seats=seats,
                max_choices=most,
                size=SIZE,
            )
        )
        session.flush()
        for candidate_id, last_name, sex, born, status in standing:
            session.add(
                Candidate(
                    id=candidate_id,
                    primary_id=PRIMARY,
                    contest_id=contest_id,
                    identity=f"{last_name} {born}",
                    search=last_name.casefold(),
                    nominated_by="Первичная организация",
                    last_name=last_name,
                    first_name="Имя",
                    birth_date=born,
                    sex=sex.value,
                    status=status,
                )
            )
    session.flush()


def prepare(make_actor, *, rehearsal: bool = False) -> Election:
    """A primary with contests and an installed key, before voting opens."""
    with clock.fixed(BEFORE):
        election = Election(
            organizer=make_actor(Role.ORGANIZER, name="Айгуль Организатор"),
            trustees=[make_actor(Role.TRUSTEE, name=f"Хранитель {n}") for n in range(3)],
            canvassers=[make_actor(Role.CANVASSER, name=f"Канвассер {n}") for n in range(2)],
            held=hold_ceremony(3, 2),
            rehearsal=hold_ceremony(3, 2),
        )
        with unit_of_work() as session:
            _primary(session, rehearsal=rehearsal)
            for canvasser in election.canvassers:
                secret = second_factor.new_secret()
                second_factor.install_secret(session, canvasser.account_id, secret)
            hold(session, election, election.rehearsal, CeremonyKind.REHEARSAL)
            ceremony_id = hold(session, election, election.held, CeremonyKind.ELECTION)
            install_key(session, ceremony_id, actor=election.organizer, now=BEFORE)
    return election


def hold(session: Session, election: Election, held: HeldCeremony, kind: CeremonyKind) -> int:
    """Register a ceremony and let every trustee confirm a share."""
    ceremony_id = register_ceremony(
        session, held.public, kind=kind, actor=election.organizer, now=BEFORE
    )
    for trustee, fingerprint in zip(election.trustees, held.public.fingerprints, strict=True):
        confirm_share(session, ceremony_id, fingerprint=fingerprint, actor=trustee, now=BEFORE)
    return ceremony_id


def cast(election: Election, ballots: list[tuple[str, list[str]]]) -> None:
    """Store sealed ballots as the writer does."""
    key = election.held.public.public_key
    with unit_of_work() as session:
        for contest_id, choices in ballots:
            sealed = seal(key, PRIMARY, contest_id, choices, SIZE)
            session.add(
                Ballot(
                    tracker=tracker(sealed),
                    primary_id=PRIMARY,
                    contest_id=contest_id,
                    sealed=sealed,
                    sha256=sha256(sealed).digest(),
                )
            )


def cast_all(election: Election) -> None:
    """The ballots whose totals are `VOTES`, and nine of the small contest."""
    ballots: list[tuple[str, list[str]]] = [("national", []) for _ in range(BLANK)]
    left = dict(VOTES)
    # Pairs first, so that some ballots hold two choices.
    for _ in range(40):
        ballots.append(("national", ["NAT00001", "NAT00002"]))
        left["NAT00001"] -= 1
        left["NAT00002"] -= 1
    for candidate, votes in left.items():
        ballots += [("national", [candidate])] * votes
    ballots += [("small", ["SML00001"])] * 6 + [("small", ["SML00002"])] * 3
    random.Random(5).shuffle(ballots)
    cast(election, ballots)


def take_out(election: Election, path: Path) -> None:
    """Export as the organizer."""
    kept = BytesIO()
    carrying.take_out(kept, actor=election.organizer, now=COUNTING)
    path.write_bytes(kept.getvalue())


def count(election: Election, path: Path) -> bytes:
    """The result file of an export, counted with two shares."""
    exported = check_export(path)
    secret = rebuild_key(election.held.shares[:2], public=exported.header.public)
    return seal_result(whole_count(exported, secret)[0], exported, secret)


def bring_to_counted(make_actor, folder: Path, *, rehearsal: bool = False) -> Election:
    """An election whose count has been brought in."""
    election = prepare(make_actor, rehearsal=rehearsal)
    cast_all(election)
    take_out(election, folder / "ballots.jsonl")
    data = count(election, folder / "ballots.jsonl")
    carrying.bring_in(data, actor=election.organizer, now=COUNTING)
    (folder / "result.json").write_bytes(data)
    return election


def sign_by_both(election: Election) -> None:
    """Both canvassers sign."""
    for canvasser in election.canvassers:
        code = election.code(canvasser, COUNTING)
        with unit_of_work() as session:
            sign_canvass(session, actor=canvasser, code=code, now=COUNTING)


def bring_to_signed(make_actor, folder: Path) -> Election:
    """An election that waits for nothing but its instant."""
    election = bring_to_counted(make_actor, folder)
    sign_by_both(election)
    return election
