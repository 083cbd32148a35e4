"""Polling places of the small election: one with marks, one with a paper list, and their protocols."""

from dataclasses import dataclass
from datetime import date, time
from typing import Any

from core import clock
from core.database import unit_of_work
from core.paper import service as paper
from core.paper.models import PaperList, PaperLookUp, PaperMark
from core.paper.rules import Hours, PollingPlaceKind
from core.results.protocol import Protocol, Sheet
from core.results.protocols import Agreed, SecondAnswer, enter_first, enter_second
from core.staff.rules import Actor, Role
from tests.results.election import BEFORE, COUNTING, PRIMARY, Election, prepare

AREA = "113200000"
SCHOOL, VILLAGE = "AKM-01", "AKM-02"
MARKED, LISTED = 31, 20_000
# Numbers that stand nowhere else, so that a search for them means something.
CAME, VALID, BLANK, SPOILED = 17_431, 15_013, 1_013, 2_113
VILLAGE_VOTES = {"NAT00001": 9_421, "NAT00002": 7_673, "NAT00003": 5_387, "NAT00004": 2_029}


@dataclass
class Boxes:
    """The election with its clerks."""

    election: Election
    clerk: Actor
    colleague: Actor
    villager: Actor
    neighbour: Actor


def polling_place(code: str, kind: PollingPlaceKind) -> paper.PollingPlaceDraft:
    """A polling place of the area."""
    return paper.PollingPlaceDraft(
        code=code,
        names={"ru": f"Участок {code}", "kk": f"{code} учаскесі", "en": f"Place {code}"},
        place_code=AREA,
        address="ул. Абая, 1",
        kind=kind,
        hours=Hours(date(2020, 10, 1), date(2020, 10, 4), time(8), time(14)),
    )


def open_boxes(make_actor: Any, *, marked: int = MARKED, listed: int = LISTED) -> Boxes:
    """Both places after the vote: so many were marked at the school, so many listed in the village."""
    election = prepare(make_actor)
    with clock.fixed(BEFORE):
        boxes = Boxes(
            election,
            *(
                make_actor(Role.CLERK, place=AREA, name=name)
                for name in ("Асель", "Марат", "Гульнара", "Ерлан")
            ),
        )
        with unit_of_work() as session:
            for code, kind in (
                (SCHOOL, PollingPlaceKind.CONNECTED),
                (VILLAGE, PollingPlaceKind.UNCONNECTED),
            ):
                paper.add_polling_place(
                    session,
                    PRIMARY,
                    polling_place(code, kind),
                    actor=election.organizer,
                    now=BEFORE,
                )
            for clerk, code in (
                (boxes.clerk, SCHOOL),
                (boxes.colleague, SCHOOL),
                (boxes.villager, VILLAGE),
                (boxes.neighbour, VILLAGE),
            ):
                paper.assign_clerk(
                    session, PRIMARY, clerk.account_id, code, actor=election.organizer, now=BEFORE
                )
    with unit_of_work() as session:
        for number in range(marked):
            _mark(session, number, boxes.clerk)
        session.add(
            PaperList(
                primary_id=PRIMARY,
                polling_place=VILLAGE,
                digest="0" * 64,
                proposed_by=1,
                confirmed_by=2,
                fixed_at=BEFORE,
                people=listed,
            )
        )
    return boxes


def _mark(session: Any, number: int, clerk: Actor) -> None:
    digest = b"iin%029d" % number
    shared = {"primary_id": PRIMARY, "iin_digest": digest, "polling_place": SCHOOL, "at": BEFORE}
    look_up = PaperLookUp(
        **shared, account_id=clerk.account_id, iin_masked="850101******", answer="belongs_here"
    )
    session.add(look_up)
    session.flush()
    session.add(PaperMark(**shared, account_id=clerk.account_id, look_up_id=look_up.id))


def sheet(valid: int, blank: int, spoiled: int, **votes: int) -> Sheet:
    """One contest's ballots."""
    return Sheet(valid=valid, blank=blank, spoiled=spoiled, votes=votes)


def village(**changes: Any) -> Protocol:
    """The village's protocol; ``changes`` replace figures of the national sheet."""
    figures = {"valid": VALID, "blank": BLANK, "spoiled": SPOILED, **VILLAGE_VOTES, **changes}
    issued = figures.pop("issued", CAME)
    return Protocol(
        polling_place=VILLAGE,
        issued=issued,
        sheets={
            "national": sheet(**figures),
            "small": sheet(CAME - 3, 0, 1, SML00001=CAME - 100, SML00002=97),
        },
    )


def school(**changes: Any) -> Protocol:
    """The school's protocol: 31 marked, all of whose ballots are in the box."""
    figures = {"NAT00001": 20, "NAT00002": 15, "NAT00003": 4, "NAT00004": 0, **changes}
    return Protocol(
        polling_place=SCHOOL,
        issued=MARKED,
        sheets={
            "national": sheet(29, 2, 2, **figures),
            "small": sheet(31, 0, 0, SML00001=30, SML00002=1),
        },
    )


def first(by: Actor, protocol: Protocol, *, absent: int | None = None, **more: Any) -> str:
    """Somebody enters first; gives the code as it is read out."""
    with unit_of_work() as session:
        given = {"actor": by, "now": COUNTING, **more}
        return enter_first(session, protocol, absent=absent, **given).spelled


def second(
    by: Actor, protocol: Protocol, code: str, *, absent: int | None = None, **more: Any
) -> SecondAnswer:
    """Somebody enters second."""
    with unit_of_work() as session:
        given = {"actor": by, "now": COUNTING, **more}
        return enter_second(session, protocol, absent=absent, code=code, **given)


def send_both(boxes: Boxes) -> None:
    """Both places enter their protocols twice, and alike."""
    code = first(boxes.clerk, school())
    assert second(boxes.colleague, school(), code) == Agreed(1)
    code = first(boxes.villager, village(), absent=LISTED - CAME)
    assert second(boxes.neighbour, village(), code, absent=LISTED - CAME) == Agreed(1)
