"""What a protocol must say, how two entries are compared, and that its seal tells nothing."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cases.receipts import ReceiptCode
from core.results.protocol import (
    MOST,
    Protocol,
    ProtocolFault,
    ProtocolReason,
    Sheet,
    contradictions,
    differences,
    is_whole,
    lock_entry,
    new_entry_code,
    open_protocol,
    plain_size,
    read_spelled,
    seal_protocol,
    spelled,
    unlock_entry,
)
from core.results.rules import ContestRules
from core.voting.sealing import SUITE, new_private_scalar, public_key_of, seal

RULES = {
    "list": ContestRules("list", 2, 96, frozenset("abc")),
    "town": ContestRules("town", 1, 96, frozenset("de")),
}
SECRET = new_private_scalar()
PUBLIC = public_key_of(SECRET)
PRIMARY, PLACE = "autumn-2020", "AKM-01"


def sheet(valid: int = 20, blank: int = 2, spoiled: int = 1, **votes: int) -> Sheet:
    return Sheet(
        valid=valid, blank=blank, spoiled=spoiled, votes=votes or {"a": 15, "b": 9, "c": 0}
    )


def protocol(issued: int = 25, **sheets: Sheet) -> Protocol:
    whole = {"list": sheet(), "town": sheet(d=10, e=8), **sheets}
    return Protocol(polling_place=PLACE, issued=issued, sheets=whole)


def faults(given: Protocol, *, entitled: int = 25, absent: int | None = None) -> set[str]:
    return {c.fault.value for c in contradictions(given, RULES, entitled=entitled, absent=absent)}


def test_a_protocol_that_adds_up_has_no_fault() -> None:
    assert faults(protocol()) == set()
    assert faults(protocol(), entitled=40, absent=15) == set()
    # Ballots that were carried away are in no box, and nobody's fault.
    assert faults(protocol(list=sheet(valid=15, a=13, b=4, c=0))) == set()


@pytest.mark.parametrize(
    ("given", "how", "fault"),
    [
        (protocol(), {"entitled": 26}, ProtocolFault.ISSUED_IS_NOT_MARKED),
        (protocol(), {"entitled": 40, "absent": 14}, ProtocolFault.LIST_IS_NOT_WHOLE),
        (protocol(list=sheet(spoiled=6)), {}, ProtocolFault.MORE_IN_THE_BOX),
        (protocol(list=sheet(blank=21)), {}, ProtocolFault.BLANK_ABOVE_VALID),
        (protocol(list=sheet(a=9, b=8, c=0)), {}, ProtocolFault.VOTES_TOO_FEW),
        (protocol(list=sheet(a=18, b=18, c=1)), {}, ProtocolFault.VOTES_TOO_MANY),
        (protocol(list=sheet(a=19, b=9, c=0)), {}, ProtocolFault.CANDIDATE_ABOVE_VALID),
        (protocol(town=sheet(d=10, e=9)), {}, ProtocolFault.VOTES_TOO_MANY),
    ],
)
def test_each_contradiction_is_named(given: Protocol, how: dict[str, int], fault: object) -> None:
    assert faults(given, **how) == {fault}


def test_every_way_to_contradict_oneself_is_tried_above() -> None:
    (marks,) = [m for m in test_each_contradiction_is_named.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]  # pytest keeps it there
    assert {case[2] for case in marks.args[1]} == set(ProtocolFault)


def test_a_protocol_is_whole_with_every_candidate_and_no_stranger() -> None:
    assert is_whole(protocol(), RULES, RULES)
    for wrong in (
        protocol(list=sheet(a=1, b=1)),
        protocol(list=sheet(a=1, b=1, c=1, z=1)),
        protocol(list=sheet(a=-1, b=1, c=1)),
        protocol(issued=MOST + 1),
        replace(protocol(), sheets={"list": sheet()}),
    ):
        assert not is_whole(wrong, RULES, RULES)


def test_differences_name_figures_and_tell_none() -> None:
    other = protocol(issued=24, town=sheet(spoiled=2, d=11, e=7))
    assert differences(protocol(), other) == (
        (None, "issued"),
        ("town", "spoiled"),
        ("town", "d"),
        ("town", "e"),
    )
    assert differences(protocol(), protocol()) == ()


def test_no_figure_is_in_what_a_log_or_a_traceback_would_print() -> None:
    given = protocol(issued=777_777, list=sheet(valid=666_666))
    printed = (
        repr(given)
        + repr(given.sheets)
        + repr(tuple(contradictions(given, RULES, entitled=1, absent=None)))
    )
    assert "777777" not in printed
    assert "666666" not in printed


def test_an_opened_seal_says_what_was_sealed() -> None:
    sealed = seal_protocol(PUBLIC, PRIMARY, protocol(), 1, RULES)
    opened = open_protocol(SECRET, PRIMARY, PLACE, 1, sealed)
    assert isinstance(opened, Protocol)
    assert dict(opened.figures()) == dict(protocol().figures())


def test_a_seal_is_bound_to_primary_place_and_version() -> None:
    sealed = seal_protocol(PUBLIC, PRIMARY, protocol(), 1, RULES)
    for where in (("spring", PLACE, 1), (PRIMARY, "AKM-02", 1), (PRIMARY, PLACE, 2)):
        assert open_protocol(SECRET, *where, sealed) is ProtocolReason.UNDECRYPTABLE
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    assert open_protocol(SECRET, PRIMARY, PLACE, 1, altered) is ProtocolReason.UNDECRYPTABLE
    other = new_private_scalar()
    assert open_protocol(other, PRIMARY, PLACE, 1, sealed) is ProtocolReason.UNDECRYPTABLE
    ballot = seal(PUBLIC, PRIMARY, f"protocol/{PLACE}/1", ["a"], 96)
    assert open_protocol(SECRET, PRIMARY, PLACE, 1, ballot) is ProtocolReason.MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"contests":{},"issued":1}',
        '{"contests":{},"issued":true,"polling_place":"AKM-01"}',
        '{"contests":{},"issued":-1,"polling_place":"AKM-01"}',
        '{"contests":{},"issued":1.0,"polling_place":"AKM-01"}',
        '{"contests":{},"issued": 1,"polling_place":"AKM-01"}',
        '{"contests":{},"issued":1,"polling_place":"AKM-02"}',
        '{"contests":{},"extra":0,"issued":1,"polling_place":"AKM-01"}',
        '{"contests":[],"issued":1,"polling_place":"AKM-01"}',
        "[" * 5000,
    ],
)
def test_a_sealed_text_that_is_no_protocol_is_malformed(text: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    from core.results.protocol import info

    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), PUBLIC)
    sealed = SUITE.encrypt(text.encode().ljust(512), key, info=info(PRIMARY, PLACE, 1))
    assert open_protocol(SECRET, PRIMARY, PLACE, 1, sealed) is ProtocolReason.MALFORMED


numbers = st.integers(min_value=0, max_value=MOST)


@given(issued=numbers, figures=st.lists(numbers, min_size=11, max_size=11))
@settings(max_examples=60, deadline=None)
def test_the_length_of_a_spelling_tells_nothing_and_reading_gives_it_back(
    issued: int, figures: list[int]
) -> None:
    one, other = figures[:6], figures[6:]
    made = protocol(
        issued,
        list=sheet(*one[:3], a=one[3], b=one[4], c=one[5]),
        town=sheet(*other[:3], d=other[3], e=other[4]),
    )
    text = spelled(made, RULES)
    assert len(text) == plain_size(PLACE, RULES)
    assert dict(read_spelled(text).figures()) == dict(made.figures())
    assert json.loads(text)["polling_place"] == PLACE


def test_a_locked_entry_opens_with_its_code_alone(sqlite_database: str) -> None:
    code, wrong = new_entry_code(), new_entry_code()
    locked = lock_entry(protocol(), RULES, code, bound_to=b"here")
    opened = unlock_entry(locked, code, bound_to=b"here")
    assert opened is not None
    assert differences(opened, protocol()) == ()
    assert unlock_entry(locked, wrong, bound_to=b"here") is None
    assert unlock_entry(locked, code, bound_to=b"elsewhere") is None
    again = lock_entry(protocol(issued=9), RULES, code, bound_to=b"here")
    assert len(again) == len(locked)
    assert again[:16] != locked[:16]
    assert code.signs not in repr(code)
    assert ReceiptCode.parse(code.spelled.lower().replace("-", " ")) == code


def test_a_code_without_the_server_opens_nothing(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.results import protocol as room

    code = new_entry_code()
    locked = lock_entry(protocol(), RULES, code, bound_to=b"here")
    monkeypatch.setattr(room, "derived_key", lambda _purpose: bytes(32))
    assert unlock_entry(locked, code, bound_to=b"here") is None
