"""Two people, two entries, one seal: and nothing in between that anybody could read."""

import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlmodel import select

from core.audit.models import AuditEntry
from core.database import dispose, engine, reading, unit_of_work
from core.errors import Refused
from core.paper.models import PaperList, PollingPlace
from core.results import carrying
from core.results.models import ProtocolEntry, ProtocolWaiver, SealedProtocol
from core.results.protocol import Protocol, new_entry_code, open_protocol
from core.results.protocols import (
    MOST_TRIES,
    Agreed,
    CodeWrong,
    Differs,
    confirm_waiver,
    discard_entry,
    enter_first,
    enter_second,
    propose_waiver,
)
from core.results.rules import ResultsRefusal
from core.results.shares import rebuild_key
from core.settings import settings
from core.staff.models import AccountMaking
from core.staff.rules import Role, StaffRefusal
from core.voting import queries as voting
from tests.results.boxes import (
    BLANK,
    CAME,
    LISTED,
    SCHOOL,
    SPOILED,
    VALID,
    VILLAGE,
    VILLAGE_VOTES,
    Boxes,
    first,
    open_boxes,
    school,
    second,
    send_both,
    village,
)
from tests.results.election import CLOSES, COUNTING, PRIMARY

ABSENT = LISTED - CAME
FIGURES = (VALID, BLANK, SPOILED, *VILLAGE_VOTES.values())


@pytest.fixture
def boxes(database: str, make_actor) -> Boxes:
    return open_boxes(make_actor)


@pytest.fixture
def sqlite_boxes(sqlite_database: str, make_actor) -> Boxes:
    return open_boxes(make_actor)


def code_of(act) -> object:
    with pytest.raises(Refused) as found:
        act()
    return found.value.code


def rows(table) -> list:
    with reading() as session:
        return list(session.exec(select(table)).all())


def test_two_entries_that_agree_are_sealed_and_the_first_is_gone(boxes: Boxes) -> None:
    code = first(boxes.villager, village(), absent=ABSENT)
    (waiting,) = rows(ProtocolEntry)
    assert (waiting.version, waiting.account_id) == (1, boxes.villager.account_id)
    assert second(boxes.neighbour, village(), code, absent=ABSENT) == Agreed(1)
    assert rows(ProtocolEntry) == []
    (kept,) = rows(SealedProtocol)
    assert (kept.issued, kept.entered_by, kept.checked_by) == (
        CAME,
        boxes.villager.account_id,
        boxes.neighbour.account_id,
    )
    held = boxes.election.held
    opened = open_protocol(
        rebuild_key(held.shares[:2], public=held.public), PRIMARY, VILLAGE, 1, kept.sealed
    )
    assert isinstance(opened, Protocol)
    assert dict(opened.figures()) == dict(village().figures())


def test_the_second_person_hears_where_the_entries_differ_and_no_figure(boxes: Boxes) -> None:
    code = first(boxes.villager, village(), absent=ABSENT)
    typed = village(spoiled=SPOILED - 1, NAT00002=VILLAGE_VOTES["NAT00002"] - 1)
    answer = second(boxes.neighbour, typed, code, absent=ABSENT)
    assert answer == Differs((("national", "spoiled"), ("national", "NAT00002")), MOST_TRIES - 1)
    assert rows(SealedProtocol) == []
    assert not tells(repr(answer))
    assert second(boxes.neighbour, village(), code, absent=ABSENT) == Agreed(1)


def test_after_five_tries_both_begin_again(sqlite_boxes: Boxes) -> None:
    boxes = sqlite_boxes
    code = first(boxes.villager, village(), absent=ABSENT)
    other = new_entry_code().spelled
    for left in reversed(range(1, MOST_TRIES)):
        answer = second(boxes.neighbour, village(), other, absent=ABSENT)
        assert answer == CodeWrong(left)
    assert isinstance(second(boxes.neighbour, village(spoiled=1), code, absent=ABSENT), Differs)
    found = code_of(lambda: second(boxes.neighbour, village(), code, absent=ABSENT))
    assert found is ResultsRefusal.ENTRY_TRIED_OUT
    with unit_of_work() as session:
        discard_entry(session, VILLAGE, actor=boxes.neighbour, now=COUNTING)
    code = first(boxes.neighbour, village(), absent=ABSENT)
    assert second(boxes.villager, village(), code, absent=ABSENT) == Agreed(1)


def test_a_slip_in_the_code_is_found_and_costs_no_try(sqlite_boxes: Boxes) -> None:
    boxes = sqlite_boxes
    code = first(boxes.villager, village(), absent=ABSENT)
    slip = ("1" if code[0] != "1" else "2") + code[1:]
    found = code_of(lambda: second(boxes.neighbour, village(), slip, absent=ABSENT))
    assert found is ResultsRefusal.ENTRY_CODE_WRONG
    (waiting,) = rows(ProtocolEntry)
    assert waiting.tries == 0


def test_the_second_person_is_another_and_independent_one(boxes: Boxes) -> None:
    code = first(boxes.villager, village(), absent=ABSENT)
    found = code_of(lambda: second(boxes.villager, village(), code, absent=ABSENT))
    assert found is StaffRefusal.SAME_PERSON
    with unit_of_work() as session:
        session.add(
            AccountMaking(
                account_id=boxes.neighbour.account_id,
                maker_id=boxes.villager.account_id,
                kind="reset",
                at=COUNTING,
            )
        )
    found = code_of(lambda: second(boxes.neighbour, village(), code, absent=ABSENT))
    assert found is StaffRefusal.NOT_INDEPENDENT
    organizer = boxes.election.organizer
    assert second(organizer, village(), code, absent=ABSENT) == Agreed(1)


def test_strangers_and_clerks_of_elsewhere_enter_nothing(sqlite_boxes: Boxes, make_actor) -> None:
    boxes = sqlite_boxes
    strangers = [make_actor(role) for role in Role if role is not Role.ORGANIZER]
    for actor in (*strangers, boxes.clerk):
        found = code_of(lambda actor=actor: first(actor, village(), absent=ABSENT))
        assert found is StaffRefusal.FORBIDDEN, actor
    code = first(boxes.villager, village(), absent=ABSENT)
    for actor in (*strangers, boxes.clerk):
        for act in (
            lambda actor=actor: second(actor, village(), code, absent=ABSENT),
            lambda actor=actor: _discard(actor),
        ):
            assert code_of(act) is StaffRefusal.FORBIDDEN


def _discard(actor) -> None:
    with unit_of_work() as session:
        discard_entry(session, VILLAGE, actor=actor, now=COUNTING)


def test_nothing_is_entered_while_anybody_still_votes(sqlite_boxes: Boxes) -> None:
    early = CLOSES - timedelta(seconds=1)
    found = code_of(lambda: first(sqlite_boxes.villager, village(), absent=ABSENT, now=early))
    assert found is ResultsRefusal.PROTOCOL_TOO_EARLY
    first(sqlite_boxes.villager, village(), absent=ABSENT, now=CLOSES)


def test_figures_that_contradict_each_other_are_refused_without_a_figure(
    sqlite_boxes: Boxes,
) -> None:
    boxes = sqlite_boxes
    cases = (
        (boxes.villager, village(spoiled=CAME), ABSENT, ResultsRefusal.PROTOCOL_CONTRADICTORY),
        (boxes.villager, village(), ABSENT - 1, ResultsRefusal.PROTOCOL_CONTRADICTORY),
        (boxes.villager, village(), None, ResultsRefusal.PROTOCOL_INCOMPLETE),
        (boxes.villager, village(NAT00009=1), ABSENT, ResultsRefusal.PROTOCOL_INCOMPLETE),
        (boxes.clerk, school(), 0, ResultsRefusal.PROTOCOL_INCOMPLETE),
        (boxes.clerk, school(NAT00004=40), None, ResultsRefusal.PROTOCOL_CONTRADICTORY),
    )
    for actor, protocol, absent, code in cases:
        with pytest.raises(Refused) as found, unit_of_work() as session:
            enter_first(session, protocol, absent=absent, actor=actor, now=COUNTING)
        assert found.value.code is code
        assert found.value.facts == {}
    assert rows(ProtocolEntry) == []


def test_turnout_of_a_list_is_known_with_its_protocol_and_moves_with_a_correction(
    boxes: Boxes,
) -> None:
    def counted() -> tuple[int, int]:
        with reading() as session:
            found = voting.turnout(session, PRIMARY)
            series = voting.turnout_series(session, PRIMARY)
        assert sum(point.count for point in series) == found.votes
        assert all(point.start < CLOSES for point in series)
        return found.votes, found.votes_online

    assert counted() == (0, 0)
    code = first(boxes.villager, village(), absent=ABSENT)
    assert counted() == (0, 0)
    second(boxes.neighbour, village(), code, absent=ABSENT)
    assert counted() == (CAME, 0)
    corrected, absent = village(issued=CAME + 7), ABSENT - 7
    found = code_of(lambda: first(boxes.villager, corrected, absent=absent))
    assert found is ResultsRefusal.PROTOCOL_SEALED
    code = first(boxes.villager, corrected, absent=absent, reason="Ошибка в числе пришедших")
    assert second(boxes.neighbour, corrected, code, absent=absent) == Agreed(2)
    assert counted() == (CAME + 7, 0)
    assert [(row.version, row.reason) for row in rows(SealedProtocol)] == [
        (1, ""),
        (2, "Ошибка в числе пришедших"),
    ]
    (place,) = [row for row in rows(PollingPlace) if row.code == VILLAGE]
    assert place.settled_at == COUNTING
    assert rows(PaperList)[0].came == CAME + 7


def test_a_restart_between_the_entries_loses_nothing(boxes: Boxes) -> None:
    code = first(boxes.villager, village(), absent=ABSENT)
    dispose()
    assert second(boxes.neighbour, village(), code, absent=ABSENT) == Agreed(1)


def test_two_who_enter_first_at_once_make_one_entry(boxes: Boxes) -> None:
    from tests.paper.test_races import at_once

    given = at_once(
        lambda: first(boxes.villager, village(), absent=ABSENT),
        lambda: first(boxes.neighbour, village(), absent=ABSENT),
    )
    (loser,) = [each for each in given if isinstance(each, Refused)]
    assert loser.code is ResultsRefusal.ENTRY_WAITS
    assert len(rows(ProtocolEntry)) == 1


def test_two_who_enter_second_at_once_seal_one_version(boxes: Boxes) -> None:
    from tests.paper.test_races import at_once

    code = first(boxes.villager, village(), absent=ABSENT)
    given = at_once(
        lambda: second(boxes.neighbour, village(), code, absent=ABSENT),
        lambda: second(boxes.election.organizer, village(), code, absent=ABSENT),
    )
    assert given.count(Agreed(1)) == 1
    (loser,) = [each for each in given if each != Agreed(1)]
    assert loser.code is ResultsRefusal.NO_ENTRY
    with reading() as session:
        assert voting.turnout(session, PRIMARY).votes == CAME


def test_once_the_ballots_are_exported_no_protocol_changes(boxes: Boxes, tmp_path: Path) -> None:
    send_both(boxes)
    with (tmp_path / "ballots.jsonl").open("wb") as file:
        carrying.take_out(file, actor=boxes.election.organizer, now=COUNTING)
    found = code_of(
        lambda: first(boxes.villager, village(), absent=ABSENT, reason="Поздно заметили")
    )
    assert found is ResultsRefusal.COUNT_HAS_BEGUN


def test_a_missing_protocol_stops_the_export_until_two_people_waive_it(
    boxes: Boxes, make_actor, tmp_path: Path
) -> None:
    def take_out() -> None:
        with (tmp_path / "ballots.jsonl").open("wb") as file:
            carrying.take_out(file, actor=boxes.election.organizer, now=COUNTING)

    code = first(boxes.clerk, school())
    second(boxes.colleague, school(), code)
    with pytest.raises(Refused) as found:
        take_out()
    assert found.value.code is ResultsRefusal.PROTOCOLS_MISSING
    assert found.value.facts == {"count": 1, "first": VILLAGE}
    organizer, other = boxes.election.organizer, make_actor(Role.ORGANIZER)
    for place in (SCHOOL,):
        refused = code_of(lambda place=place: _propose(organizer, place))
        assert refused is ResultsRefusal.PROTOCOL_SEALED
    assert code_of(lambda: _propose(boxes.villager, VILLAGE)) is StaffRefusal.FORBIDDEN
    number = _propose(organizer, VILLAGE)
    assert code_of(lambda: _confirm(organizer, number)) is StaffRefusal.SAME_PERSON
    _confirm(other, number)
    take_out()
    (waived,) = rows(ProtocolWaiver)
    assert (waived.polling_place, waived.reason) == (VILLAGE, "Урна сгорела")


def _propose(actor, place: str) -> int:
    with unit_of_work() as session:
        return propose_waiver(session, place, actor=actor, reason="Урна сгорела", now=COUNTING).id


def _confirm(actor, number: int) -> None:
    with unit_of_work() as session:
        confirm_waiver(session, number, actor=actor, now=COUNTING)


def every_cell() -> list[object]:
    found: list[object] = []
    for name in inspect(engine()).get_table_names():
        with engine().connect() as connection:
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                found += row
    return found


# A figure that stands for itself: four digits inside a hexadecimal digest are chance.
_FIGURE = re.compile(
    rb"(?<![0-9A-Za-z])(?:" + b"|".join(str(n).encode() for n in FIGURES) + rb")(?![0-9A-Za-z])"
)


def tells(cell: object) -> bool:
    """Whether a cell holds one of the village's figures, as a number or among other words."""
    if isinstance(cell, int):
        return cell in FIGURES
    spelled = (
        cell if isinstance(cell, bytes | memoryview) else json.dumps(cell, default=str).encode()
    )
    return _FIGURE.search(bytes(spelled)) is not None


def test_no_cell_file_or_log_holds_a_figure_at_any_step(
    boxes: Boxes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    steps = []
    code = first(boxes.villager, village(), absent=ABSENT)
    steps.append(every_cell())
    typed = village(spoiled=SPOILED - 1)
    second(boxes.neighbour, typed, code, absent=ABSENT)
    code_of(lambda: second(boxes.neighbour, village(blank=VALID + 1), code, absent=ABSENT))
    steps.append(every_cell())
    second(boxes.neighbour, village(), code, absent=ABSENT)
    steps.append(every_cell())
    for cells in steps:
        assert not [cell for cell in cells if tells(cell)]
        assert any(cell == CAME for cell in cells) is (cells is steps[-1])
    assert not tells(caplog.text)
    files = [path for path in settings().data_dir.rglob("*") if path.is_file()]
    for path in files:
        assert not tells(path.read_bytes()), path
    # The code itself is nowhere either: with a stolen database it would open the first entry.
    signs = code.replace("-", "")
    assert not [path for path in files if signs.encode() in path.read_bytes()]
    assert not [cell for cell in every_cell() if isinstance(cell, str) and signs in cell]


def test_the_audit_log_tells_who_did_what_and_no_figure_but_turnout(sqlite_boxes: Boxes) -> None:
    send_both(sqlite_boxes)
    entries = [row for row in rows(AuditEntry) if row.subject == f"polling_place:{VILLAGE}"]
    (sealed,) = [row for row in entries if row.act == "seal_protocol"]
    assert set(json.loads(sealed.details)) == {"version", "issued", "digest", "entered_by"}
    assert not [row for row in entries if tells(row.details)]


def test_waiting_entries_have_one_length_whatever_they_say(sqlite_boxes: Boxes) -> None:
    lengths = set()
    for protocol in (
        village(),
        village(issued=CAME, **dict.fromkeys(VILLAGE_VOTES, 0), valid=0, blank=0, spoiled=0),
    ):
        first(sqlite_boxes.villager, protocol, absent=ABSENT)
        lengths.add(len(rows(ProtocolEntry)[0].locked))
        _discard(sqlite_boxes.villager)
    assert len(lengths) == 1


def test_enter_second_without_a_first_is_refused(sqlite_boxes: Boxes) -> None:
    with pytest.raises(Refused) as found, unit_of_work() as session:
        enter_second(
            session,
            village(),
            absent=ABSENT,
            code=new_entry_code().spelled,
            actor=sqlite_boxes.neighbour,
            now=COUNTING,
        )
    assert found.value.code is ResultsRefusal.NO_ENTRY
