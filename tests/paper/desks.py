"""Polling places of a test primary: one that marks voters at once, one with a paper list."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from sqlmodel import Session, select

from core.audit.models import AuditEntry
from core.database import engine, reading, unit_of_work
from core.errors import Refused
from core.membership.models import Member
from core.paper import service as paper
from core.paper.marks import LookUpView
from core.paper.rules import Hours, PollingPlaceKind
from core.primary.digests import iin_digest
from core.primary.models import RollSeal
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Role
from core.voting import queries as voting
from core.voting.casting import Accepted, Cast, Rejected, cast_many
from core.voting.models import Claim
from core.voting.rules import RejectionReason
from core.voting.votes import SealedBallot
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY, REGION, iin

BEFORE = datetime(2020, 9, 29, 6, tzinfo=UTC)
SCHOOL, VILLAGE = "AKM-01", "AKM-02"
# 08:00–20:00 in Almaty on every day of the vote; the village votes on its third day only.
DAILY = Hours(date(2020, 10, 1), date(2020, 10, 4), time(8), time(20))
ONE_DAY = Hours(date(2020, 10, 3), date(2020, 10, 3), time(8), time(14))
AFTER = CLOSES.replace(hour=9)


def draft(
    code: str = SCHOOL,
    kind: PollingPlaceKind = PollingPlaceKind.CONNECTED,
    place: str = DISTRICT,
    hours: Hours = DAILY,
    **more: Any,
) -> paper.PollingPlaceDraft:
    """A polling place that could be added."""
    given = {
        "names": {"ru": f"Участок {code}", "kk": f"{code} учаскесі", "en": f"Place {code}"},
        "address": "ул. Абая, 1",
        **more,
    }
    return paper.PollingPlaceDraft(code=code, place_code=place, kind=kind, hours=hours, **given)


@dataclass
class Desks:
    """Whoever works at and above the polling places."""

    organizer: Actor
    second: Actor
    regional: Actor
    clerk: Actor
    colleague: Actor
    villager: Actor
    poll: polls.Poll


def open_desks(make_actor: MakeActor, *, voters: int = 12) -> Desks:
    """A sealed roll, a school with two clerks, a village with one; nobody is listed yet."""
    poll = polls.open_poll(voters=voters)
    desks = Desks(
        organizer=make_actor(Role.ORGANIZER, name="Айгуль Организатор"),
        second=make_actor(Role.ORGANIZER, name="Болат Организатор"),
        regional=make_actor(Role.ORGANIZER, place=REGION, name="Организатор области"),
        clerk=make_actor(Role.CLERK, place=REGION, name="Асель Участковая"),
        colleague=make_actor(Role.CLERK, place=DISTRICT, name="Марат Участковый"),
        villager=make_actor(Role.CLERK, place=DISTRICT, name="Гульнара Сельская"),
        poll=poll,
    )
    with unit_of_work() as session:
        session.add(
            RollSeal(
                primary_id=PRIMARY,
                voters=voters,
                digest="0" * 64,
                admitted_after_cutoff=0,
                under_age=0,
                shared_numbers=0,
                members_on_shared_numbers=0,
                last_admitted=date(2020, 9, 10),
                age_day=date(2020, 10, 1),
                sealed_at=BEFORE,
                sealed_by=1,
            )
        )
        session.execute(insert(Member), [member(number) for number in range(voters)])
        for each in (draft(), draft(VILLAGE, PollingPlaceKind.UNCONNECTED, hours=ONE_DAY)):
            paper.add_polling_place(session, PRIMARY, each, actor=desks.organizer, now=BEFORE)
        for clerk, code in (
            (desks.clerk, SCHOOL),
            (desks.colleague, SCHOOL),
            (desks.villager, VILLAGE),
        ):
            paper.assign_clerk(
                session, PRIMARY, clerk.account_id, code, actor=desks.organizer, now=BEFORE
            )
    return desks


def member(number: int) -> dict[str, Any]:
    """The row of the register of voter ``number``; names run against the numbers."""
    name = f"Фамилия{99 - number:02d}"
    return {
        "id": number + 1,
        "iin": iin(number),
        "last_name": name,
        "first_name": "Имя",
        "middle_name": "",
        "birth_date": date(1985, 1, 1),
        "mobile": polls.mobile(number),
        "place_code": DISTRICT,
        "branch": f"ППО № {number % 3}",
        "admitted_on": date(2019, 1, 1),
        "status": "active",
        "search": f"{name.lower()} имя",
        "updated_at": BEFORE,
    }


def look_up(
    desks: Desks, number: int, *, by: Actor | None = None, now: datetime = NOON
) -> LookUpView:
    """A clerk looks voter ``number`` up."""
    with unit_of_work() as session:
        return paper.look_up(session, iin(number), actor=by or desks.clerk, now=now)


def press(
    desks: Desks, found: LookUpView, *, by: Actor | None = None, now: datetime = NOON
) -> LookUpView:
    """And presses."""
    with unit_of_work() as session:
        return paper.mark(session, found.id, actor=by or desks.clerk, now=now)


def vote_online(number: int, *, now: datetime = NOON, connection: Connection | None = None) -> bool:
    """Voter ``number`` casts online; gives whether the vote was accepted."""
    if connection is None:
        with engine().connect() as opened, opened.begin():
            return vote_online(number, now=now, connection=opened)
    digest = iin_digest(PRIMARY, iin(number))
    cast = Cast(
        iin_digest=digest,
        mobile_digest=b"mob%029d" % number,
        address_digest=b"adr%029d" % number,
        address=ip_address(0xCB007100 + number % 256),
        place_code=DISTRICT,
        iin_masked="850101******",
        mobile_masked="+7 701 *** ** 01",
        idempotency=secrets.token_bytes(16),
        ballots=tuple(
            SealedBallot.of(contest, secrets.token_bytes(209))
            for contest in ("contest-0", "contest-1")
        ),
    )
    (answer,) = cast_many(connection, PRIMARY, [cast], now=now)
    if isinstance(answer, Rejected):
        assert answer.reasons == (RejectionReason.IIN_USED,)
    return isinstance(answer, Accepted)


def fix_list(desks: Desks, numbers: range | None = None, *, now: datetime = BEFORE) -> int:
    """Two organizers fix the village's list: all of the district, or these voters."""
    with unit_of_work() as session:
        if numbers is None:
            paper.add_from_roll(session, PRIMARY, VILLAGE, actor=desks.organizer, now=now)
        else:
            rows = "\n".join(["iin", *(iin(number) for number in numbers)])
            paper.import_list(
                session, PRIMARY, VILLAGE, rows.encode(), actor=desks.organizer, now=now
            )
    with unit_of_work() as session:
        proposed = paper.propose_fixing(
            session, PRIMARY, [VILLAGE], actor=desks.organizer, reason="Нет связи", now=now
        )
    with unit_of_work() as session:
        return paper.confirm_fixing(session, proposed.id, actor=desks.second, now=now)


def claims() -> dict[bytes, str]:
    """The channel by which each IIN is used up, by digest."""
    with reading() as session:
        rows = session.exec(select(Claim).where(Claim.kind == "iin")).all()
    return {row.digest: row.channel for row in rows}


def votes() -> voting.Turnout:
    """The turnout at this moment."""
    with reading() as session:
        return voting.turnout(session, PRIMARY)


def pending(kind: ActKind) -> tuple[approvals.ProposalView, ...]:
    """What waits for a second person."""
    with reading() as session:
        return approvals.pending(session, kind)


def acts() -> list[tuple[str, str, str]]:
    """The audit log: act, subject and details of each entry."""
    with reading() as session:
        rows = session.exec(select(AuditEntry).order_by(AuditEntry.number)).all()  # type: ignore[arg-type]  # a column
    return [(row.act, row.subject, row.details) for row in rows]


def refused(act: Callable[[Session], Any]) -> Any:
    """The code with which an act is refused; nothing of it stays."""
    with pytest.raises(Refused) as found, unit_of_work() as session:
        act(session)
    return found.value.code


assert OPENS < NOON < CLOSES
