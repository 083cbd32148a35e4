import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Refused
from core.results import opening, resultfile
from core.results.bundle import canonical
from core.results.exportfile import check_export
from core.results.opening import as_document, count_ballots, count_export
from core.results.resultfile import check_count, open_result, read_header, seal_result
from core.results.rules import InvalidReason, ResultsRefusal
from core.voting.sealing import SUITE, info, plaintext, seal
from tests.results.conftest import PRIMARY, SIZE, contest

pytestmark = pytest.mark.usefixtures("sqlite_database")


def document(export, secret, **how):
    rules = {each.id: each for each in export.header.contests}
    return as_document(count_export(export, secret, **how), rules)


def refused_code(act):
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def test_every_ballot_is_counted_and_nothing_else(keys, export):
    counted = document(
        export({"c1": [["a"], ["a", "b"], [], ["c"]], "c2": [["b"]], "c3": []}), keys.secret
    )
    assert counted[0] == {
        "contest": "c1",
        "ballots": 4,
        "valid": 4,
        "blank": 1,
        "invalid": {},
        "votes": {"a": 2, "b": 1, "c": 1},
        "opened": [[[], 1], [["a"], 1], [["a", "b"], 1], [["c"], 1]],
        "paper": {"places": [], "refused": []},
    }
    assert [entry["ballots"] for entry in counted] == [4, 1, 0]


def test_a_bad_ballot_is_invalid_with_its_reason(keys, export):
    public = keys.held.public.public_key

    def raw(text: str) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        return SUITE.encrypt(text.encode().ljust(SIZE), key, info=info(PRIMARY, "c1"))

    good = seal(public, PRIMARY, "c1", ["a"], SIZE)
    bad = {
        InvalidReason.UNDECRYPTABLE: [
            seal(public, PRIMARY, "c2", ["a"], SIZE),
            seal(public, "spring-2021", "c1", ["a"], SIZE),
            good[:-1] + bytes([good[-1] ^ 1]),
            b"short",
        ],
        InvalidReason.MALFORMED: [raw("{}"), raw('{"contest": "c1","choices":[]}'), raw("\x00")],
        InvalidReason.WRONG_CONTEST: [raw(plaintext("c2", ["a"], SIZE).decode())],
        InvalidReason.TOO_MANY_CHOICES: [seal(public, PRIMARY, "c1", ["a", "b", "c"], SIZE)],
        InvalidReason.UNKNOWN_CANDIDATE: [seal(public, PRIMARY, "c1", ["z"], SIZE)],
        InvalidReason.REPEATED_CHOICE: [seal(public, PRIMARY, "c1", ["a", "a"], SIZE)],
    }
    assert set(bad) == set(InvalidReason)
    every = [ballot for ballots in bad.values() for ballot in ballots]
    (counted,) = count_export(export({"c1": [good, *every]}), keys.secret)
    assert counted.invalid == {reason: len(ballots) for reason, ballots in bad.items()}
    assert counted.opened == {("a",): 1}


choices = st.lists(st.sampled_from("abcx"), max_size=4)


@given(ballots=st.lists(choices, max_size=25), seed=st.randoms(use_true_random=False))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_count_agrees_with_a_plain_recount_in_any_order(keys, ballots, seed):
    valid = [
        sorted(ballot)
        for ballot in ballots
        if len(ballot) <= 2 and len(set(ballot)) == len(ballot) and "x" not in ballot
    ]
    public = keys.held.public.public_key
    sealed = [seal(public, PRIMARY, "c1", ballot, SIZE) for ballot in ballots]
    seed.shuffle(sealed)
    counted = count_ballots(contest("c1"), sealed, secret=keys.secret, primary=PRIMARY)
    assert counted.opened == Counter(tuple(ballot) for ballot in valid)
    assert counted.votes("abc") == {name: sum(name in ballot for ballot in valid) for name in "abc"}
    assert counted.invalid.total() == len(ballots) - len(valid)
    assert counted.ballots == len(ballots)


def test_a_second_run_gives_the_same_bytes_also_with_several_processes(keys, export, monkeypatch):
    monkeypatch.setattr(opening, "_AT_ONCE", 7)
    drawn = random.Random(7)
    written = export(
        {
            name: [drawn.sample("abc", drawn.randint(0, 2)) for _ in range(size)]
            for name, size in {"c1": 40, "c2": 7, "c3": 0, "c4": 15}.items()
        }
    )
    told = []
    first = seal_result(document(written, keys.secret), written, keys.secret)
    again = document(
        written, keys.secret, processes=2, progress=lambda done, total: told.append((done, total))
    )
    assert seal_result(again, written, keys.secret) == first
    assert told[-1] == (62, 62)
    assert [done for done, _total in told] == sorted({done for done, _total in told})


def test_a_result_is_read_only_by_the_installation_it_is_sealed_to(keys, export):
    written = export({"c1": [["a"], ["b"]]})
    counted = document(written, keys.secret)
    data = seal_result(counted, written, keys.secret)
    assert b'"votes"' not in data
    header, given = read_header(data)
    assert (header.primary, header.export_digest, header.ballots) == (PRIMARY, written.digest, 2)
    result_key = keys.held.public.result_key
    assert open_result(header, given, result_key=result_key) == counted


def test_the_length_of_a_result_does_not_tell_the_votes(keys, export):
    one = export({"c1": [["a"]] * 99}, name="one")
    other = export({"c1": [["a", "b"]] * 50 + [["c"]] * 49}, name="other")
    sizes = {
        len(seal_result(document(each, keys.secret), each, keys.secret)) for each in (one, other)
    }
    assert len(sizes) == 1


def test_an_altered_result_is_refused_wherever_it_was_altered(keys, export):
    written = export({"c1": [["a"], ["b"]]})
    data = seal_result(document(written, keys.secret), written, keys.secret)
    header, given = read_header(data)
    other = bytes(32).hex()
    for name, value in {
        "ballots": 3,
        "salt": other,
        "envelope_key": other,
        "sealed": "AAAA",
    }.items():
        altered = canonical(given | {name: value}) + b"\n"
        assert (
            refused_code(
                lambda altered=altered: open_result(
                    *read_header(altered), result_key=keys.held.public.result_key
                )
            )
            is ResultsRefusal.RESULT_NOT_SIGNED_BY_KEY
        )
    assert (
        refused_code(lambda: open_result(header, given, result_key=bytes(31) + b"\x09"))
        is ResultsRefusal.RESULT_NOT_SIGNED_BY_KEY
    )
    for broken in (b"", b"{}", data[:-1], data + b" ", data.replace(b":", b": ")):
        assert refused_code(lambda broken=broken: read_header(broken)) is (
            ResultsRefusal.RESULT_DAMAGED
        )


def test_a_result_sealed_to_another_installation_is_refused(keys, export, monkeypatch):
    written = export({"c1": [["a"]]})
    data = seal_result(document(written, keys.secret), written, keys.secret)
    monkeypatch.setattr(resultfile, "derived_key", lambda _purpose: bytes(range(32)))
    assert (
        refused_code(
            lambda: open_result(*read_header(data), result_key=keys.held.public.result_key)
        )
        is ResultsRefusal.RESULT_FOR_ANOTHER_INSTALLATION
    )


@pytest.mark.parametrize(
    "alter",
    [
        lambda entry: entry.update(ballots=3),
        lambda entry: entry["votes"].update(a=2),
        lambda entry: entry["votes"].update(d=0) or entry["votes"].pop("c"),
        lambda entry: entry["opened"].append([["c"], 1]),
        lambda entry: entry["opened"][0].__setitem__(1, 0),
        lambda entry: entry.update(blank=1),
        lambda entry: entry["invalid"].update(malformed=1),
        lambda entry: entry.update(contest="c9"),
    ],
)
def test_a_count_whose_sums_do_not_agree_is_refused(keys, export, alter):
    counted = document(export({"c1": [["a"], ["b"]]}), keys.secret)
    rules = {"c1": contest("c1")}
    check_count(counted, {"c1": 2}, rules, {})
    alter(counted[0])
    if counted[0]["votes"].keys() == {"a", "b", "d"}:
        counted[0]["votes"]["b"] = 0
    assert (
        refused_code(lambda: check_count(counted, {"c1": 2}, rules, {}))
        is ResultsRefusal.RESULT_DOES_NOT_ADD_UP
    )


def _lines(export):
    return export.path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    "alter",
    [
        lambda lines: lines.pop(2),
        lambda lines: lines.insert(3, lines[2]),
        lambda lines: lines.reverse(),
        lambda lines: lines.pop(),
        lambda lines: lines.append(b"{}\n"),
        lambda lines: lines.__setitem__(
            0, lines[0].replace(b'"max_choices":2', b'"max_choices":3')
        ),
        lambda lines: lines.clear(),
        lambda lines: lines.__setitem__(2, b"AAAA\n"),
    ],
)
def test_an_altered_export_is_refused(export, alter):
    written = export({"c1": [["a"], ["b"]]})
    lines = _lines(written)
    alter(lines)
    written.path.write_bytes(b"".join(lines))
    assert refused_code(lambda: check_export(written.path)) is ResultsRefusal.EXPORT_DAMAGED


def test_a_ballot_that_stands_twice_stops_the_count_even_with_a_right_digest(keys, export):
    sealed = seal(keys.held.public.public_key, PRIMARY, "c1", ["a"], SIZE)
    written = export({"c1": [sealed, sealed]})
    assert refused_code(lambda: count_export(written, keys.secret)) is ResultsRefusal.EXPORT_DAMAGED
