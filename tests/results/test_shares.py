import json
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refused
from core.results import shares
from core.results.rules import ResultsRefusal
from core.results.shares import hold_ceremony, read_public_part, rebuild_key
from core.voting.sealing import public_key_of


@pytest.fixture(scope="module")
def held() -> shares.HeldCeremony:
    return hold_ceremony(5, 3)


@pytest.fixture(scope="module")
def other() -> shares.HeldCeremony:
    return hold_ceremony(5, 3)


def refusal(given_shares, held) -> Refused:
    with pytest.raises(Refused) as refused:
        rebuild_key(given_shares, public=held.public)
    return refused.value


def test_any_three_of_five_shares_rebuild_the_key_and_more_do_no_harm(held):
    for chosen in (held.shares[:3], held.shares[2:], held.shares[::-2], held.shares):
        assert public_key_of(rebuild_key(chosen, public=held.public)) == held.public.public_key


@given(size=st.integers(2, 16).flatmap(lambda n: st.tuples(st.just(n), st.integers(2, n))))
@settings(max_examples=8, deadline=None)
def test_exactly_the_threshold_is_needed_whatever_the_size(size):
    trustees, threshold = size
    held = hold_ceremony(trustees, threshold)
    key = rebuild_key(held.shares[-threshold:], public=held.public)
    assert public_key_of(key) == held.public.public_key
    refused = refusal(held.shares[: threshold - 1], held)
    assert refused.code is ResultsRefusal.TOO_FEW_SHARES
    assert refused.facts == {"given": threshold - 1, "needed": threshold}


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (2, 3), (17, 2), (0, 0)])
def test_a_ceremony_of_a_size_that_protects_nothing_is_refused(size):
    with pytest.raises(Refused) as refused:
        hold_ceremony(*size)
    assert refused.value.code is ResultsRefusal.CEREMONY_SIZE


def test_a_share_given_twice_is_named_with_its_double(held):
    refused = refusal([held.shares[0], held.shares[1], held.shares[0].upper()], held)
    assert refused.code is ResultsRefusal.SHARE_REPEATED
    assert refused.facts == {"share": 3, "other": 1}


def test_a_share_of_another_ceremony_is_named(held, other):
    refused = refusal([held.shares[0], other.shares[1], held.shares[2]], held)
    assert refused.code is ResultsRefusal.SHARE_OF_ANOTHER_CEREMONY
    assert refused.facts == {"share": 2}


def test_a_mistyped_word_is_told_by_its_place(held):
    words = held.shares[1].split()
    unknown = " ".join([*words[:7], "kandidat", *words[8:]])
    refused = refusal([held.shares[0], unknown], held)
    assert refused.code is ResultsRefusal.SHARE_WORD_UNKNOWN
    assert refused.facts == {"share": 2, "word": 8}
    swapped = " ".join([*words[:20], words[21], words[20], *words[22:]])
    assert refusal([swapped], held).code is ResultsRefusal.SHARE_MISTYPED
    short = refusal([" ".join(words[:-1])], held)
    assert short.code is ResultsRefusal.SHARE_INCOMPLETE
    assert short.facts == {"share": 1, "words": 32, "needed": 33}


def test_shares_that_open_another_key_are_refused_before_use(held, other):
    forged = shares.PublicPart(
        public_key=other.public.public_key,
        result_key=held.public.result_key,
        fingerprints=held.public.fingerprints,
        threshold=3,
    )
    with pytest.raises(Refused) as refused:
        rebuild_key(held.shares[:3], public=forged)
    assert refused.value.code is ResultsRefusal.KEY_DIFFERS


def test_no_refusal_shows_a_word(held, other):
    words = held.shares[0].split()
    wrong = [
        [held.shares[0]],
        [held.shares[0]] * 3,
        [held.shares[0], other.shares[0], held.shares[1]],
        [" ".join([*words[:-1], words[0]])],
        [" ".join([*words[:-1], "wrongword"])],
    ]
    for shares_given in wrong:
        try:
            rebuild_key(shares_given, public=held.public)
        except Refused as refused:
            told = "".join(traceback.format_exception(refused)) + repr(refused.facts)
            assert not [word for word in set(words) if f" {word} " in told.replace("'", " ")]
            assert "wrongword" not in told
        else:
            pytest.fail("these shares must not open")
    assert words[0] not in repr(held)


def test_the_public_file_is_read_back_and_its_alterations_are_noticed(held):
    text = held.public.as_json()
    assert read_public_part(text) == held.public
    assert not any(share in text for share in held.shares)
    document = json.loads(text)
    alterations = [
        {"format": "primaries/ceremony/9"},
        {"public_key": "04" + "00" * 64},
        {"public_key": document["public_key"][:-2]},
        {"result_key": "zz"},
        {"key_fingerprint": "0" * 16},
        {"fingerprints": document["fingerprints"][:1] * 5},
        {"fingerprints": None},
    ]
    for alteration in alterations:
        with pytest.raises(Refused) as refused:
            read_public_part(json.dumps(document | alteration))
        assert refused.value.code is ResultsRefusal.CEREMONY_FILE_UNREADABLE
    for broken in ("", "[]", "null", "{}"):
        with pytest.raises(Refused):
            read_public_part(broken)


def test_a_fingerprint_does_not_depend_on_how_the_words_were_typed(held):
    share = held.shares[0]
    typed = "  " + share.upper().replace(" ", "\n ") + "\t"
    assert shares.share_fingerprint(typed) == shares.share_fingerprint(share)
    assert shares.share_fingerprint(share) == held.public.fingerprints[0]
