"""The staff of a rehearsal: accounts of every role, commissions and who sits in them.

The passwords stand in a file for whoever trains; all but one account sign in without a second
factor, and every account has one for the acts that ask for it.
"""

import csv
from base64 import b32encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from sqlmodel import Session

from core import places
from core.audit import service as audit
from core.cases import service as cases
from core.rehearsal.people import invent
from core.staff import passwords, second_factor
from core.staff.models import Account, RoleGrant
from core.staff.rules import Actor, Grant, Office, Role
from core.staff.sessions import actor_of

WITH_SECOND_FACTOR: Final = "auditor"
"""The one account that must give a code to sign in, so that it can be tried."""

TRUSTEES, THRESHOLD = 5, 3
_OFFICES: Final = (Office.CHAIR, Office.SECRETARY, Office.MEMBER, Office.MEMBER)
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz"
_DISTRICTS_OF_DEMO: Final = 10
STAFF_COLUMNS: Final = ("login", "password", "totp_secret", "roles", "place")


@dataclass(frozen=True)
class Post:
    """An account to be made: its login and what it may do."""

    login: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Member:
    """An account that was made, with what its holder knows."""

    actor: Actor
    password: str
    totp_secret: str
    post: Post


@dataclass(frozen=True)
class Crew:
    """Everybody by login, and who sits in the commission of each place (None: the centre)."""

    members: Mapping[str, Member]
    panels: Mapping[str | None, tuple[Actor, ...]] = field(default_factory=dict)

    def __getitem__(self, login: str) -> Actor:
        return self.members[login].actor

    def of(self, role: Role) -> tuple[Actor, ...]:
        """Everybody who holds a role anywhere."""
        return tuple(m.actor for m in self.members.values() if m.actor.has(role))

    def write_csv(self, path: Path) -> None:
        """The file for whoever trains: login, password, secret of the second factor, roles."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(STAFF_COLUMNS)
            for login, member in self.members.items():
                grants = member.post.grants
                writer.writerow(
                    (
                        login,
                        member.password,
                        member.totp_secret,
                        " ".join(sorted(grant.role.value for grant in grants)),
                        " ".join(sorted({grant.place or "" for grant in grants})).strip(),
                    )
                )
        path.chmod(0o600)


def demo_districts() -> tuple[str, ...]:
    """The districts that have a commission in a rehearsal; elsewhere the region's takes cases."""
    districts = [unit for unit in places.all_places() if unit.level is places.PlaceLevel.DISTRICT]
    return tuple(unit.code for unit in districts[:: len(districts) // _DISTRICTS_OF_DEMO])


def _posts() -> Iterable[Post]:
    def of(login: str, role: Role, place: str | None = None) -> Post:
        return Post(login, (Grant(role, place),))

    upper = places.children(None)
    for number in (1, 2):
        yield of(f"admin{number}", Role.ADMINISTRATOR)
        yield of(f"organizer{number}", Role.ORGANIZER)
        yield of(f"observer{number}", Role.OBSERVER)
        for clerk in (number, number + 2):  # two at each place: they enter its protocol
            yield of(f"clerk{clerk}", Role.CLERK, upper[number].code)
    for number in (1, 2, 3):
        yield of(f"operator{number}", Role.OPERATOR)
        yield of(f"canvasser{number}", Role.CANVASSER)
        yield of(f"registrar{number}", Role.REGISTRAR, upper[number].code)
    for number in range(1, TRUSTEES + 1):
        yield of(f"trustee{number}", Role.TRUSTEE)
    yield of(WITH_SECOND_FACTOR, Role.AUDITOR)
    for place in _panel_places():
        for office in ("chair", "secretary", "member1", "member2"):
            yield of(f"{_panel_name(place)}-{office}", Role.COMMISSIONER, place)


def _panel_places() -> tuple[str | None, ...]:
    return (None, *(unit.code for unit in places.children(None)), *demo_districts())


def _panel_name(place: str | None) -> str:
    return f"commission-{place[:4]}" if place else "commission-centre"


def make_crew(session: Session, *, seed: int, now: datetime) -> Crew:
    """Insert the accounts and give them to the caller with their passwords.

    Nobody made another of them, so any two are independent; each was there before the timeline.
    """
    draw = Random(f"{seed} crew")  # noqa: S311 - passwords of invented people, printed in a file
    posts = list(_posts())
    people = invent(len(posts), seed=seed + 1, today=now.date())
    made: dict[str, Member] = {}
    for number, post in enumerate(posts):
        password = "-".join("".join(draw.choices(_LETTERS, k=4)) for _ in range(4))
        secret = b32encode(draw.randbytes(20)).decode()
        account = Account(
            login=post.login,
            name=f"{people.last_name[number]} {people.first_name[number]}",
            password_hash=passwords.hash_password(password, rounds=passwords.REHEARSAL_ROUNDS),
            password_is_temporary=False,
            second_factor_required=post.login == WITH_SECOND_FACTOR,
            created_at=now,
            effective_at=now,
        )
        session.add(account)
        session.flush()
        assert account.id is not None
        second_factor.install_secret(session, account.id, secret)
        session.add_all(
            RoleGrant(
                account_id=account.id,
                role=grant.role.value,
                place_code=grant.place,
                granted_at=now,
            )
            for grant in post.grants
        )
        session.flush()
        session.refresh(account)
        made[post.login] = Member(actor_of(session, account), password, secret, post)
    audit.record(
        session,
        "make_rehearsal_accounts",
        author=Actor.system("rehearsal").author,
        subject="staff",
        details={"accounts": len(made)},
    )
    return Crew(made)


def seat_commissions(session: Session, crew: Crew, *, now: datetime) -> Crew:
    """Set up the commissions of the centre, the regions and some districts; gives who sits where."""
    organizer = crew["organizer1"]
    panels: dict[str | None, tuple[Actor, ...]] = {}
    for place in _panel_places():
        commission = cases.create_commission(
            session, actor=organizer, place=place, quorum=3, now=now
        )
        offices = ("chair", "secretary", "member1", "member2")
        panel = tuple(crew[f"{_panel_name(place)}-{office}"] for office in offices)
        for person, office in zip(panel, _OFFICES, strict=True):
            cases.seat_member(
                session,
                commission,
                actor=organizer,
                account_id=person.account_id,
                office=office,
                now=now,
            )
        panels[place] = panel
    return Crew(crew.members, panels)
