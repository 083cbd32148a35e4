"""Setting a rehearsal up: an invented primary whose stage is now, made by the acts themselves.

An edge: it opens its own units of work. The process's clock is moved to the instant of each act,
so that the audit chain, the histories and the rules are those of a primary that was really lived.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from sqlmodel import Session, col, func, select

from core import clock, keyring, places
from core.database import reading, unit_of_work, upgrade
from core.errors import Refused
from core.membership import service as membership
from core.membership.rules import Iin, Mobile
from core.membership.service import Person
from core.primary import queries as primary_queries
from core.primary import service as primary
from core.primary.photos import read_photo
from core.rehearsal import lists
from core.rehearsal.booths import Booths
from core.rehearsal.crew import THRESHOLD, TRUSTEES, Crew, make_crew, seat_commissions
from core.rehearsal.desk import Desk
from core.rehearsal.letters import receive_mail
from core.rehearsal.people import People, invent
from core.rehearsal.programmes import portrait, programme
from core.rehearsal.rules import (
    FEWEST_MEMBERS,
    MOST_MEMBERS,
    PRIMARY_ID,
    RehearsalRefusal,
    Script,
    Stage,
    script,
)
from core.rehearsal.votes import Electorate, Historian, electorate
from core.results import ceremony
from core.results.rules import CeremonyKind
from core.results.shares import HeldCeremony, hold_ceremony
from core.settings import settings
from core.staff.models import Account
from core.staff.rules import Actor
from core.voting import address_policy
from core.voting.address_rules import Expectation
from core.voting.exemptions import exempt_loopback
from core.voting.models import Claim
from core.voting.rules import AddressMode

_NAMES: Final = {
    "ru": "Учебный праймериз",
    "kk": "Оқу праймеризі",
    "en": "Rehearsal primary",
}
_HOTLINE, _EMAIL = "8 800 080 4441", "hotline@primaries.invalid"
_SHARE_OF_ROLL: Final = {Stage.VOTING: 0.31, Stage.COUNTING: 0.66}
_WAITING_APPLICATIONS: Final = 41
VOTER_COLUMNS: Final = ("iin", "mobile", "constituency")


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal left: the counts, and where its files lie."""

    stage: Stage
    members: int
    on_roll: int
    votes: int
    """Votes cast online."""
    marked: int
    listed: int
    rejections: int
    cases: int
    contacts: int
    folder: Path


def demo_folder() -> Path:
    """Where a rehearsal writes what a trainer needs."""
    return settings().data_dir / "demo"


def is_set_up() -> bool:
    """Whether this installation holds a rehearsal already."""
    upgrade()
    with reading() as session:
        found = primary_queries.active_primary(session)
    return found is not None and found.rehearsal


def check_allowed(members: int) -> None:
    """Refuse in production, with a gateway that reaches real telephones, in a used installation."""
    check_invented_numbers_are_safe()
    if not FEWEST_MEMBERS <= members <= MOST_MEMBERS:
        raise Refused(
            RehearsalRefusal.MEMBERS_OUT_OF_RANGE, fewest=FEWEST_MEMBERS, most=MOST_MEMBERS
        )
    with reading() as session:
        accounts = session.exec(select(func.count()).select_from(Account)).one()
    if accounts:
        raise Refused(RehearsalRefusal.INSTALLATION_IN_USE)


def check_invented_numbers_are_safe() -> None:
    """Refuse wherever a message to an invented number could ring a real telephone."""
    if settings().is_production:
        raise Refused(RehearsalRefusal.NOT_IN_PRODUCTION)
    if not settings().sms_url.startswith("file:"):
        raise Refused(RehearsalRefusal.REAL_GATEWAY)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Let the process's clock go on from ``instant``; never later than the present."""
    with clock.shifted(min(instant - clock.now(), timedelta())):
        yield


def rehearse(
    members: int, *, seed: int, stage: Stage = Stage.VOTING, strict_address: bool = False
) -> Rehearsed:
    """Fill the configured database; the same seed gives the same people, votes and calls.

    ``strict_address`` leaves out the exemption by which many voters can be tried from one desk.
    """
    upgrade()
    check_allowed(members)
    plan = script(stage, clock.now())
    folder = demo_folder()
    folder.mkdir(parents=True, exist_ok=True)
    opens = plan.timeline.voting_opens
    with at(plan.founded), unit_of_work() as session:
        crew = make_crew(session, seed=seed, now=clock.now())
    crew.write_csv(folder / "staff.csv")
    organizer = crew["organizer1"]
    with at(plan.founded + timedelta(days=1)), unit_of_work() as session:
        primary.create_primary(
            session,
            PRIMARY_ID,
            actor=organizer,
            names=_NAMES,
            now=clock.now(),
            hotline=_HOTLINE,
            email=_EMAIL,
            rehearsal=True,
        )
        crew = seat_commissions(session, crew, now=clock.now())
    imported = opens - timedelta(days=21)
    people = invent(members, seed=seed, today=imported.astimezone(settings().zone).date())
    _bring_register(people, crew, folder, imported)
    _bring_lists(crew, seed, plan)
    _set_timeline(crew, plan)
    _apply(crew, seed, plan)
    voted = {"on_roll": 0, "votes": 0, "marked": 0, "listed": 0, "rejections": 0}
    if stage is not Stage.ADMISSION:
        held = _make_ready(crew, plan, strict_address=strict_address)
        _write_shares(held, folder / "shares.txt")
        voted = _vote(people, crew, seed, plan, folder)
    done = Desk(crew, people, seed=seed, at=at).work(now=plan.now)
    done["contacts"] += receive_mail(seed=seed, at=at)
    return Rehearsed(stage=stage, members=members, **voted, **done, folder=folder)


def _bring_register(people: People, crew: Crew, folder: Path, when: datetime) -> None:
    register = folder / "register.csv"
    people.write_csv(register)
    with at(when), unit_of_work() as session:
        membership.import_members(
            session, register, actor=crew["organizer1"], now=clock.now(), file_name=register.name
        )


def _bring_lists(crew: Crew, seed: int, plan: Script) -> None:
    organizer, when = crew["organizer1"], plan.timeline.voting_opens - timedelta(days=26)
    today = when.astimezone(settings().zone).date()
    with at(when), unit_of_work() as session:
        primary.import_contests(
            session, PRIMARY_ID, lists.contests_csv(), actor=organizer, now=clock.now()
        )
        primary.import_candidates(
            session,
            PRIMARY_ID,
            lists.candidates_csv(seed=seed, today=today),
            actor=organizer,
            now=clock.now(),
        )
        _write_pages(session, organizer, seed)


def _write_pages(session: Session, organizer: Actor, seed: int) -> None:
    """Programmes of two candidates in three; portraits on the national list, where most look."""
    draw = Random(f"{seed} pages")  # noqa: S311 - invented candidates
    for contest in primary_queries.contests(session, PRIMARY_ID):
        for candidate in sorted(contest.standing, key=lambda each: each.id):
            if draw.random() < 1 / 3:
                continue
            page = primary.PageDraft(programmes=programme(draw))
            primary.write_page(session, candidate.id, page, actor=organizer, now=clock.now())
            if contest.place_code is None:
                photo = read_photo(portrait(draw))
                primary.set_photo(session, candidate.id, photo, actor=organizer, now=clock.now())


def _set_timeline(crew: Crew, plan: Script) -> None:
    """The instants, and the freeze that the committee announces with them."""
    timeline = plan.timeline
    with at(timeline.freeze_start - timedelta(hours=12)), unit_of_work() as session:
        primary.set_timeline(
            session,
            PRIMARY_ID,
            timeline,
            actor=crew["organizer1"],
            reason="Решение Центрального оргкомитета",
            now=clock.now(),
        )
        membership.freeze_admission(
            session,
            actor=crew["organizer2"],
            starts_at=timeline.freeze_start,
            ends_at=timeline.freeze_end,
            reason="Сообщения о принуждении к вступлению в партию",
            now=clock.now(),
        )


def _apply(crew: Crew, seed: int, plan: Script) -> None:
    """People who want to join while admission is suspended."""
    draw = Random(f"{seed} applications")  # noqa: S311 - invented people
    begun = plan.timeline.freeze_start
    span = min(plan.now, plan.timeline.freeze_end) - begun
    applicants = invent(_WAITING_APPLICATIONS, seed=seed + 3, today=begun.date())
    moments = sorted(draw.uniform(0.02, 0.98) for _person in range(len(applicants)))
    for who, moment in enumerate(moments):
        with at(begun + span * moment), unit_of_work() as session:
            membership.submit_application(
                session, _person(applicants, who), actor=crew["organizer2"], now=clock.now()
            )


def _person(people: People, who: int) -> Person:
    born: date = people.birth_date[who].astype(object)
    return Person(
        iin=Iin(people.iin[who]),
        last_name=people.last_name[who],
        first_name=people.first_name[who],
        middle_name=people.middle_name[who],
        birth_date=born,
        mobile=Mobile(people.mobile[who]),
        place_code=people.place_code[who],
        branch=people.branch[who],
    )


def _make_ready(crew: Crew, plan: Script, *, strict_address: bool) -> HeldCeremony:
    """The sealed roll, both ceremonies, the tested backup, the signature."""
    organizer, opens = crew["organizer1"], plan.timeline.voting_opens
    with at(plan.timeline.roll_sealed_at), unit_of_work() as session:
        primary.seal_roll(session, PRIMARY_ID, actor=organizer, now=clock.now())
    _hold(crew, CeremonyKind.REHEARSAL, opens - timedelta(days=2, hours=6))
    held = _hold(crew, CeremonyKind.ELECTION, opens - timedelta(days=2))
    with at(opens - timedelta(days=1)), unit_of_work() as session:
        primary.test_key_backup(
            session,
            PRIMARY_ID,
            keyring.digest_key_path(PRIMARY_ID).read_bytes(),
            actor=crew["organizer2"],
            now=clock.now(),
        )
        if not strict_address:
            exempt_loopback(
                session,
                PRIMARY_ID,
                actor=organizer,
                valid_until=plan.timeline.publication + timedelta(days=30),
                now=clock.now(),
            )
    _sign_address_policy(crew, opens - timedelta(hours=20))
    with at(opens - timedelta(hours=18)), unit_of_work() as session:
        primary.sign_readiness(session, PRIMARY_ID, actor=organizer, now=clock.now())
    return held


def _sign_address_policy(crew: Crew, when: datetime) -> None:
    """Strict, for a vote of most of the roll from about as many households."""
    with reading() as session:
        sealed = primary_queries.roll(session, PRIMARY_ID)
    assert sealed is not None
    terms = address_policy.PolicyTerms(
        mode=AddressMode.STRICT,
        expectation=Expectation(voters=max(1, sealed.voters * 7 // 10), addresses=sealed.voters),
    )
    with at(when), unit_of_work() as session:
        proposal = address_policy.propose_policy(
            session,
            terms,
            actor=crew["organizer1"],
            reason="Решение Центрального оргкомитета",
            now=clock.now(),
        )
        address_policy.sign_policy(session, proposal.id, actor=crew["organizer2"], now=clock.now())


def _hold(crew: Crew, kind: CeremonyKind, when: datetime) -> HeldCeremony:
    """One key ceremony with all its trustees; the election's key is installed."""
    held = hold_ceremony(TRUSTEES, THRESHOLD)
    organizer = crew["organizer1"]
    with at(when), unit_of_work() as session:
        number = ceremony.register_ceremony(
            session, held.public, kind=kind, actor=organizer, now=clock.now()
        )
        for trustee, fingerprint in enumerate(held.public.fingerprints, start=1):
            ceremony.confirm_share(
                session,
                number,
                fingerprint=fingerprint,
                actor=crew[f"trustee{trustee}"],
                now=clock.now(),
            )
        if kind is CeremonyKind.ELECTION:
            ceremony.install_key(session, number, actor=organizer, now=clock.now())
    return held


def _write_shares(held: HeldCeremony, path: Path) -> None:
    """A share a line, in the order of the trustees: what in earnest only paper holds."""
    path.write_text("\n".join(held.shares) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _vote(people: People, crew: Crew, seed: int, plan: Script, folder: Path) -> dict[str, int]:
    """The votes so far, online and on paper, in figures. Writes who can still be tried."""
    with reading() as session:
        found = primary_queries.active_primary(session)
        assert found is not None
        voters = electorate(session, PRIMARY_ID, people)
        contests = primary_queries.contests(session, PRIMARY_ID)
    assert found.public_key is not None
    contests_of = {
        code: tuple(contest for contest in contests if contest.is_for(code))
        for code in sorted(set(people.place_code))
    }
    booths = Booths(crew, voters, plan, seed=seed, at=at)
    booths.set_up()
    online = voters.without(booths.reserved)
    historian = Historian(PRIMARY_ID, online, contests_of, found.public_key, seed=seed)
    until = min(plan.now, plan.closes)
    accepted = rejected = 0
    is_extended = False
    steps = list(
        historian.plan(
            _SHARE_OF_ROLL[plan.stage],
            opens=plan.timeline.voting_opens,
            until=until,
            zone=settings().zone,
        )
    )
    # An hour a unit of work: hundreds of commits would wait for the disk longer than all the rest.
    for first in range(0, len(steps), 6):
        hour = steps[first : first + 6]
        if plan.extended_at and hour[0][0] >= plan.extended_at and not is_extended:
            _extend(crew, plan)
            is_extended = True
        with at(hour[0][0]), unit_of_work() as session:
            done = [historian.cast(session, start, coming) for start, coming in hour]
        accepted += sum(count for count, _away in done)
        rejected += sum(away for _count, away in done)
        booths.mark(hour[0][0], hour[-1][0])
    if plan.stage is Stage.COUNTING:
        booths.send_protocols()
    _write_voters(people, voters, folder / "voters.csv", seed)
    booths.write_csv(folder / "desks.csv")
    return {
        "on_roll": len(voters.eligible),
        "votes": accepted,
        "marked": booths.marked,
        "listed": booths.listed,
        "rejections": rejected,
    }


def _extend(crew: Crew, plan: Script) -> None:
    assert plan.extended_at is not None
    assert plan.extended_to is not None
    with at(plan.extended_at), unit_of_work() as session:
        primary.extend_voting(
            session,
            PRIMARY_ID,
            actor=crew["organizer1"],
            until=plan.extended_to,
            reason="Перегрузка сайта в первый день голосования",
            now=clock.now(),
        )


def _write_voters(people: People, voters: Electorate, path: Path, seed: int) -> None:
    """Those on the roll who have not voted, in random order, with their regional constituency."""
    with reading() as session:
        used = {
            bytes(digest)
            for digest in session.exec(
                select(Claim.digest).where(
                    col(Claim.primary_id) == PRIMARY_ID, col(Claim.kind) == "iin"
                )
            )
        }
    left = [who for who in voters.eligible.tolist() if voters.digests[who] not in used]
    Random(f"{seed} voters").shuffle(left)  # noqa: S311 - an order to try people in
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(VOTER_COLUMNS)
        writer.writerows(
            (people.iin[who], people.mobile[who], places.region_of(people.place_code[who]))
            for who in left
        )
    path.chmod(0o600)


def some_logins(staff_file: Path, logins: Sequence[str]) -> dict[str, str]:
    """The passwords of some accounts, for a newcomer's first look."""
    with staff_file.open(encoding="utf-8", newline="") as file:
        known = {row["login"]: row["password"] for row in csv.DictReader(file)}
    return {login: known[login] for login in logins if login in known}
