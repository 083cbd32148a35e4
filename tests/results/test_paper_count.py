"""Protocols on their way through export, offline count, import and publication."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.__main__ import main
from core.database import reading, unit_of_work
from core.errors import Refused
from core.primary import queries as primaries
from core.results import carrying, queries
from core.results.canvass import read_totals
from core.results.document import contest_document
from core.results.exportfile import check_export
from core.results.models import SealedExport, SealedProtocol
from core.results.opening import count_export, whole_count
from core.results.papercount import count_protocols
from core.results.protocol import Protocol, ProtocolReason, info
from core.results.protocols import Agreed
from core.results.publication import Published, published_bundle
from core.results.resultfile import seal_result
from core.results.rules import ResultsRefusal, Step
from core.results.shares import rebuild_key
from core.voting.closing import close_vote
from core.voting.sealing import SUITE
from tests.results.boxes import (
    CAME,
    LISTED,
    MARKED,
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
from tests.results.election import (
    COUNTING,
    INSTANT,
    LAST_SECOND,
    PRIMARY,
    VOTES,
    cast_all,
    count,
    sign_by_both,
    take_out,
)

SCHOOL_VOTES = {"NAT00001": 20, "NAT00002": 15, "NAT00003": 4, "NAT00004": 0}


@pytest.fixture
def boxes(sqlite_database: str, make_actor) -> Boxes:
    opened = open_boxes(make_actor)
    cast_all(opened.election)
    return opened


def exported(boxes: Boxes, folder: Path) -> Path:
    path = folder / "ballots.jsonl"
    take_out(boxes.election, path)
    return path


def secret_of(boxes: Boxes) -> bytes:
    held = boxes.election.held
    return rebuild_key(held.shares[:2], public=held.public)


def spoil(place: str, make) -> None:
    """Somebody with the database puts another seal in the place of a protocol."""
    with unit_of_work() as session:
        row = session.exec(
            select(SealedProtocol).where(SealedProtocol.polling_place == place)
        ).one()
        row.sealed = make(row.sealed)
        session.add(row)


def test_an_export_carries_protocols_by_polling_place_and_nothing_of_who_typed_them(
    boxes: Boxes, tmp_path: Path
) -> None:
    send_both(boxes)
    path = exported(boxes, tmp_path)
    checked = check_export(path)
    assert [(each.polling_place, each.version, each.issued) for each in checked.protocols] == [
        (SCHOOL, 1, MARKED),
        (VILLAGE, 1, CAME),
    ]
    assert {each.contests for each in checked.protocols} == {("national", "small")}
    lines = [line for line in path.read_text().splitlines() if '"polling_place"' in line]
    assert all(
        set(json.loads(line)) == {"polling_place", "version", "issued", "contests"}
        for line in lines
    )
    again = tmp_path / "again.jsonl"
    take_out(boxes.election, again)
    assert again.read_bytes() == path.read_bytes()


def test_paper_is_counted_by_contest_and_place_beside_the_ballots_cast_online(
    boxes: Boxes, tmp_path: Path
) -> None:
    send_both(boxes)
    document, paper = whole_count(check_export(exported(boxes, tmp_path)), secret_of(boxes))
    national = next(each for each in document if each["contest"] == "national")
    assert national["votes"] == VOTES
    assert paper.refused == {}
    (at_school, at_village) = national["paper"]["places"]
    assert (at_school["polling_place"], at_school["issued"]) == (SCHOOL, MARKED)
    assert at_school["votes"] == SCHOOL_VOTES
    assert (at_village["valid"], at_village["spoiled"]) == (VALID, SPOILED)
    assert at_village["votes"] == VILLAGE_VOTES


def test_the_result_is_the_same_byte_for_byte_on_a_second_machine(
    boxes: Boxes, tmp_path: Path
) -> None:
    send_both(boxes)
    path = exported(boxes, tmp_path)
    data = count(boxes.election, path)
    assert count(boxes.election, path) == data
    parallel, _paper = whole_count(check_export(path), secret_of(boxes), processes=2)
    assert seal_result(parallel, check_export(path), secret_of(boxes)) == data
    for outcome in ("recorded", "confirmed"):
        imported = carrying.bring_in(data, actor=boxes.election.organizer, now=COUNTING)
        assert imported.outcome.value == outcome


def protocol_of(boxes: Boxes, place: str, **changes: Any) -> bytes:
    """A forged protocol that nobody's form would have let through."""
    from cryptography.hazmat.primitives.asymmetric import ec

    from core.results.bundle import canonical

    forged = {**school().as_dict(), "polling_place": place, **changes}
    key = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), boxes.election.held.public.public_key
    )
    return SUITE.encrypt(canonical(forged).ljust(1024), key, info=info(PRIMARY, place, 1))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda boxes, sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), ProtocolReason.UNDECRYPTABLE),
        (lambda boxes, sealed: b"", ProtocolReason.UNDECRYPTABLE),
        (
            lambda boxes, sealed: protocol_of(boxes, SCHOOL, contests={}),
            ProtocolReason.MALFORMED,
        ),
        (
            lambda boxes, sealed: protocol_of(boxes, SCHOOL, issued=MARKED + 1),
            ProtocolReason.ISSUED_DIFFERS,
        ),
        (
            lambda boxes, sealed: protocol_of(
                boxes,
                SCHOOL,
                contests={
                    **school().as_dict()["contests"],
                    "small": {
                        "valid": 31,
                        "blank": 0,
                        "spoiled": 0,
                        "votes": {"SML00001": 31, "SML00002": 31},
                    },
                },
            ),
            ProtocolReason.DOES_NOT_ADD_UP,
        ),
    ],
    ids=["altered", "empty", "without-contests", "other-issued", "too-many-votes"],
)
def test_a_bad_protocol_is_reported_by_place_and_stops_nothing(
    boxes: Boxes, tmp_path: Path, make, reason: ProtocolReason
) -> None:
    send_both(boxes)
    spoil(SCHOOL, lambda sealed: make(boxes, sealed))
    path = exported(boxes, tmp_path)
    document, paper = whole_count(check_export(path), secret_of(boxes))
    assert paper.refused == {SCHOOL: reason}
    for entry in document:
        assert entry["paper"]["refused"] == [{"polling_place": SCHOOL, "reason": reason.value}]
        assert [each["polling_place"] for each in entry["paper"]["places"]] == [VILLAGE]
    data = seal_result(document, check_export(path), secret_of(boxes))
    carrying.bring_in(data, actor=boxes.election.organizer, now=COUNTING)
    sign_by_both(boxes.election)
    with reading() as session:
        found = published_bundle(session, INSTANT)
    assert isinstance(found, Published)
    results = json.loads(found.bundle)["results"]
    assert results["paper"] == {
        "polling_places": 2,
        "refused": [{"polling_place": SCHOOL, "reason": reason.value}],
        "waived": [],
    }


def test_an_old_version_put_back_is_not_opened_as_the_new_one(boxes: Boxes, tmp_path: Path) -> None:
    send_both(boxes)
    with reading() as session:
        old = session.exec(
            select(SealedProtocol).where(SealedProtocol.polling_place == SCHOOL)
        ).one()
    code = first(boxes.clerk, school(NAT00003=3, NAT00004=1), reason="Пересчитали")
    assert second(boxes.colleague, school(NAT00003=3, NAT00004=1), code) == Agreed(2)
    with unit_of_work() as session:
        row = session.get(SealedProtocol, (PRIMARY, SCHOOL, 2))
        row.sealed = old.sealed
        session.add(row)
    counted = count_protocols(check_export(exported(boxes, tmp_path)), secret_of(boxes))
    assert counted.refused == {SCHOOL: ProtocolReason.UNDECRYPTABLE}


@pytest.mark.parametrize(
    "alter",
    [
        lambda entry: entry["paper"]["places"].pop(),
        lambda entry: entry["paper"]["places"].append(entry["paper"]["places"][0]),
        lambda entry: entry["paper"]["places"][0].update(issued=MARKED + 1),
        lambda entry: entry["paper"]["places"][0]["votes"].update(NAT00001=90),
        lambda entry: entry["paper"]["places"][0]["votes"].pop("NAT00004"),
        lambda entry: entry["paper"]["places"][0].update(polling_place="AKM-99"),
        lambda entry: entry["paper"]["places"][0].update(valid=-1),
        lambda entry: entry["paper"]["refused"].append(
            {"polling_place": SCHOOL, "reason": "malformed"}
        ),
        lambda entry: entry["paper"]["refused"].append(
            {"polling_place": "AKM-99", "reason": "malformed"}
        ),
    ],
)
def test_a_result_whose_paper_does_not_fit_the_export_is_refused(
    boxes: Boxes, tmp_path: Path, alter
) -> None:
    send_both(boxes)
    checked = check_export(exported(boxes, tmp_path))
    document, _paper = whole_count(checked, secret_of(boxes))
    alter(next(each for each in document if each["contest"] == "national"))
    data = seal_result(document, checked, secret_of(boxes))
    with pytest.raises(Refused) as found:
        carrying.bring_in(data, actor=boxes.election.organizer, now=COUNTING)
    assert found.value.code is ResultsRefusal.RESULT_DOES_NOT_ADD_UP


def test_a_count_that_forgets_the_paper_is_refused(boxes: Boxes, tmp_path: Path) -> None:
    from core.results.opening import as_document

    send_both(boxes)
    checked = check_export(exported(boxes, tmp_path))
    rules = {contest.id: contest for contest in checked.header.contests}
    bare = as_document(count_export(checked, secret_of(boxes)), rules)
    with pytest.raises(Refused) as found:
        carrying.bring_in(
            seal_result(bare, checked, secret_of(boxes)),
            actor=boxes.election.organizer,
            now=COUNTING,
        )
    assert found.value.code is ResultsRefusal.RESULT_DOES_NOT_ADD_UP


def bring_to_signed(boxes: Boxes, folder: Path) -> None:
    send_both(boxes)
    data = count(boxes.election, exported(boxes, folder))
    carrying.bring_in(data, actor=boxes.election.organizer, now=COUNTING)
    sign_by_both(boxes.election)


def test_the_bundle_shows_online_paper_and_sum(boxes: Boxes, tmp_path: Path) -> None:
    bring_to_signed(boxes, tmp_path)
    with reading() as session:
        assert not isinstance(published_bundle(session, LAST_SECOND), Published)
        found = published_bundle(session, INSTANT)
    assert isinstance(found, Published)
    contests = {each["id"]: each for each in json.loads(found.bundle)["results"]["contests"]}
    national, small = contests["national"], contests["small"]
    paper = {who: SCHOOL_VOTES[who] + VILLAGE_VOTES[who] for who in VOTES}
    assert national["channels"]["online"]["votes"] == VOTES
    assert national["channels"]["paper"]["votes"] == paper
    assert {each["id"]: each["votes"] for each in national["candidates"]} == {
        who: VOTES[who] + paper[who] for who in VOTES
    }
    for name in ("ballots", "valid", "blank", "invalid"):
        channels = national["channels"]
        assert national[name] == channels["online"][name] + channels["paper"][name]
    # Nine ballots online: beside the paper they would be told by subtraction.
    assert (small["withheld"], small["merged"], small["channels"]) == (False, True, None)
    assert small["ballots"] == 9 + 31 + CAME - 2
    assert SCHOOL not in json.dumps(contests)


def test_canvassers_read_each_place_and_nobody_else_does(boxes: Boxes, tmp_path: Path) -> None:
    bring_to_signed(boxes, tmp_path)
    with unit_of_work() as session:
        view = read_totals(session, actor=boxes.election.canvassers[0], now=COUNTING)
    places = view.totals["national"]["paper"]["places"]
    assert [(each["polling_place"], each["valid"]) for each in places] == [
        (SCHOOL, 29),
        (VILLAGE, VALID),
    ]
    for actor in (boxes.clerk, boxes.villager, boxes.election.organizer):
        with pytest.raises(Refused), unit_of_work() as session:
            read_totals(session, actor=actor, now=COUNTING)


@pytest.mark.parametrize(
    ("online", "on_paper", "expected"),
    [
        (9, 0, "withheld"),
        (5, 4, "withheld"),
        (5, 5, "merged"),
        (100, 9, "merged"),
        (9, 100, "merged"),
        (10, 10, "shown"),
        (0, 10, "shown"),
        (100, 0, "online only"),
    ],
)
def test_small_channels_are_merged_and_small_contests_withheld(
    boxes: Boxes, online: int, on_paper: int, expected: str
) -> None:
    with reading() as session:
        contest = next(each for each in primaries.contests(session, PRIMARY) if each.id == "small")
    place = {"polling_place": SCHOOL, "issued": on_paper, "valid": on_paper, "blank": 0}
    total = {
        "ballots": online,
        "valid": online,
        "blank": 0,
        "invalid": {},
        "votes": {"SML00001": online, "SML00002": 0},
        "paper": {
            "places": [{**place, "spoiled": 0, "votes": {"SML00001": 0, "SML00002": on_paper}}],
            "refused": [],
        },
    }
    document = contest_document(contest, total, INSTANT.date())
    state = (
        "withheld"
        if document["withheld"]
        else "merged"
        if document["merged"]
        else "shown"
        if document["channels"]
        else "online only"
    )
    assert state == expected
    if not document["withheld"]:
        assert document["ballots"] == online + on_paper


def test_the_steps_name_the_protocols(boxes: Boxes) -> None:
    def step() -> queries.StepView:
        with reading() as session:
            primary = primaries.active_primary(session)
            lines = queries.checklist(session, primary, COUNTING)
        return next(line for line in lines if line.step is Step.PROTOCOLS_IN)

    assert not step().is_done
    code = first(boxes.clerk, school())
    second(boxes.colleague, school(), code)
    assert (step().is_done, step().part) == (False, (1, 2))
    code = first(boxes.villager, village(), absent=LISTED - CAME)
    second(boxes.neighbour, village(), code, absent=LISTED - CAME)
    assert (step().at, step().part) == (COUNTING, (2, 2))


def test_the_offline_command_names_places_and_no_figure(
    boxes: Boxes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    send_both(boxes)
    spoil(SCHOOL, lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]))
    path, out = exported(boxes, tmp_path), tmp_path / "result.json"
    shares = tmp_path / "shares.txt"
    shares.write_text("\n".join(boxes.election.held.shares[:2]))
    command = ["count", str(path), "--out", str(out), "--shares", str(shares), "--json"]
    assert main(command) == 0
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert (answer["protocols"], answer["protocols_refused"]) == (1, {SCHOOL: "undecryptable"})
    assert SCHOOL in told.err
    assert not [n for n in VILLAGE_VOTES.values() if str(n) in told.out + told.err]


def test_an_altered_outline_breaks_the_digest_of_the_export(boxes: Boxes, tmp_path: Path) -> None:
    send_both(boxes)
    path = exported(boxes, tmp_path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if b'"protocols"' in line)
    for altered in (
        whole.replace(b'"issued":31', b'"issued":32'),
        b"".join(lines[: start + 1] + lines[start + 3 :]),
        b"".join(lines[: start + 1] + lines[start + 3 : start + 5] + lines[start + 1 : start + 3]),
        b"".join(lines[:start] + lines[start + 1 :]),
    ):
        path.write_bytes(altered)
        with pytest.raises(Refused) as found:
            check_export(path)
        assert found.value.code is ResultsRefusal.EXPORT_DAMAGED


def test_protocols_that_change_between_file_and_record_stop_the_export(
    boxes: Boxes, tmp_path: Path
) -> None:
    from core.results.export import record_export, write_sealed_export

    send_both(boxes)
    organizer = boxes.election.organizer
    close_vote(COUNTING)
    with reading() as session, (tmp_path / "ballots").open("wb") as file:
        summary = write_sealed_export(session, file, actor=organizer, now=COUNTING)
    code = first(boxes.clerk, school(), reason="Пересчитали")
    second(boxes.colleague, school(), code)
    with pytest.raises(Refused) as found, unit_of_work() as session:
        record_export(session, summary, actor=organizer, now=COUNTING)
    assert found.value.code is ResultsRefusal.PROTOCOLS_CHANGED
    with reading() as session:
        assert session.exec(select(SealedExport)).all() == []


def test_a_protocol_of_the_offline_machine_shows_no_figure_when_printed(
    boxes: Boxes, tmp_path: Path
) -> None:
    send_both(boxes)
    counted = count_protocols(check_export(exported(boxes, tmp_path)), secret_of(boxes))
    assert all(isinstance(each, Protocol) for each in counted.protocols.values())
    assert not [n for n in VILLAGE_VOTES.values() if str(n) in repr(counted)]
