"""A primary that is being voted in, put straight into its tables: what voting finds around it."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import Session

from core import keyring
from core.database import unit_of_work
from core.membership.rules import check_digit
from core.primary.digests import iin_digest
from core.primary.models import (
    Candidate,
    Constituency,
    Contest,
    Primary,
    ReadinessAct,
    RollCount,
    RollSeal,
    Voter,
)
from core.settings import settings
from core.voting import sealing

OPENS = datetime(2020, 9, 30, 18, 0, tzinfo=UTC)
CLOSES = datetime(2020, 10, 4, 8, 0, tzinfo=UTC)
NOON = datetime(2020, 10, 1, 6, 0, tzinfo=UTC)
PRIMARY = "autumn-2020"
DISTRICT, REGION = "113200000", "110000000"


def iin(number: int) -> str:
    """A valid invented IIN; equal numbers give equal ones."""
    stem = 85010130000 + number * 10
    while check_digit(str(stem)) is None:
        stem += 1
    return f"{stem}{check_digit(str(stem))}"


def mobile(number: int) -> str:
    """A valid invented mobile number."""
    return f"+7701{number:07d}"


@dataclass(frozen=True)
class Poll:
    """The election key of a test primary; voters 0 to ``voters - 1`` are on its roll."""

    private: bytes
    voters: int

    @property
    def public(self) -> bytes:
        """The key that ballots are sealed with."""
        return sealing.public_key_of(self.private)

    def seal(self, contest: str, size: int, choices: list[str] | None = None) -> bytes:
        """A sealed ballot."""
        return sealing.seal(self.public, PRIMARY, contest, choices or [], size)


def open_poll(
    *,
    voters: int = 5,
    opens: datetime = OPENS,
    closes: datetime = CLOSES,
    signed: bool = True,
    place: str = DISTRICT,
    contests: int = 2,
    private: bytes = b"",
) -> Poll:
    """A primary whose vote runs in ``[opens, closes)``: a national contest and district ones.

    ``private`` is the election key where it has to be a known one.
    """
    fingerprint = keyring.create_digest_key(PRIMARY)
    poll = Poll(private or sealing.new_private_scalar(), voters)
    with unit_of_work() as session:
        session.add(
            Primary(
                id=PRIMARY,
                slot=1,
                name_ru="Праймериз",
                name_kk="Праймериз",
                name_en="Primary",
                created_at=opens - timedelta(days=30),
                created_by=1,
                digest_fingerprint=fingerprint,
                cutoff=opens - timedelta(days=20),
                freeze_start=opens - timedelta(days=20),
                freeze_end=closes + timedelta(hours=10),
                roll_sealed_at=opens - timedelta(days=1),
                voting_opens=opens,
                voting_closes=closes,
                publication=closes + timedelta(hours=10),
                public_key=poll.public,
                key_threshold=2,
                key_trustees=3,
            )
        )
        session.flush()
        session.add(
            Constituency(primary_id=PRIMARY, place_code=place, added_at=opens - timedelta(days=9))
        )
        session.flush()
        for number in range(contests):
            session.add(
                Contest(
                    id=f"contest-{number}",
                    primary_id=PRIMARY,
                    title_ru=f"Список {number}",
                    title_kk=f"Тізім {number}",
                    title_en=f"List {number}",
                    place_code=place if number else None,
                    seats=1,
                    max_choices=1,
                    size=128,
                )
            )
        session.flush()
        for number in range(contests * 4):
            session.add(
                Candidate(
                    id=f"cand{number:04d}",
                    primary_id=PRIMARY,
                    contest_id=f"contest-{number // 4}",
                    identity=f"candidate {number}",
                    last_name=f"Кандидат{number}",
                    first_name="Имя",
                    search=f"кандидат{number} имя",
                    birth_date=date(1980, 1, 1),
                    sex="female",
                    nominated_by="филиал",
                )
            )
        if signed:
            session.add(ReadinessAct(primary_id=PRIMARY, signed_at=opens, signed_by=1))
        session.add(RollCount(primary_id=PRIMARY, place_code=place, voters=voters))
        if voters:
            rows = [roll_row(number, place=place) for number in range(voters)]
            session.execute(insert(Voter), rows)
    return poll


def seal_roll(*, at: datetime = OPENS - timedelta(days=1), voters: int = 5) -> None:
    """The act by which the roll was sealed: from then on a sign-in can be tried."""
    with unit_of_work() as session:
        session.add(
            RollSeal(
                primary_id=PRIMARY,
                voters=voters,
                digest="00",
                admitted_after_cutoff=0,
                under_age=0,
                shared_numbers=0,
                members_on_shared_numbers=0,
                last_admitted=at.date(),
                age_day=at.date(),
                sealed_at=at,
                sealed_by=1,
            )
        )


def add_voter(session: Session, number: int, **changes: object) -> None:
    """Voter ``number`` on the roll; ``changes`` are columns, such as ``status``."""
    session.execute(insert(Voter), [roll_row(number, **changes)])


def roll_row(number: int, **changes: object) -> dict[str, object]:
    """The row of voter ``number``."""
    return {
        "primary_id": PRIMARY,
        "iin_digest": iin_digest(PRIMARY, iin(number)),
        "member_id": number + 1,
        "mobile": mobile(number),
        "place_code": DISTRICT,
        "admitted_on": date(2019, 1, 1),
        "status": "active",
        "reason_excluded": None,
        **{"place_code" if name == "place" else name: value for name, value in changes.items()},
    }


def outbox() -> list[dict[str, str]]:
    """The messages that were sent: ``to`` and ``text``."""
    path = Path(settings().sms_url.removeprefix("file:"))
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
