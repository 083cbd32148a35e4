from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.voting.rules import (
    Advice,
    Contender,
    Key,
    RejectionReason,
    RejectionStage,
    advice,
    bucket_start,
    new_code,
    new_reference,
    parse_reference,
    resolve,
)

keys = st.integers(0, 3).map(lambda n: bytes([n]))


@st.composite
def contenders(draw: st.DrawFn) -> Contender:
    exemption = draw(st.none() | st.just(1))
    claims: list[Key] = [("iin", draw(keys)), ("mobile", draw(keys))]
    if exemption is None:
        claims.append(("address", draw(keys)))
    return Contender(
        claims=tuple(claims),
        ballots=(("ballot", draw(st.integers(0, 200)).to_bytes(2)),),
        idempotency=draw(st.integers(0, 2)).to_bytes(16),
        exemption=exemption,
    )


@given(st.lists(contenders(), max_size=12), st.integers(0, 3))
def test_a_batch_is_decided_as_if_each_cast_had_come_alone(
    batch: list[Contender], room: int
) -> None:
    together = resolve(batch, {}, {1: room})
    taken: dict[Key, bytes | None] = {}
    left = room
    for position, cast in enumerate(batch):
        alone = resolve([cast], taken, {1: left})
        assert alone.verdicts[0] == together.verdicts[position]
        assert alone.reasons.get(0) == together.reasons.get(position)
        if alone.verdicts[0] == "won":
            taken |= dict.fromkeys((*cast.claims, *cast.ballots)) | {cast.iin_key: cast.idempotency}
            left -= cast.exemption is not None


@given(st.lists(contenders(), max_size=12), st.integers(0, 3))
def test_no_key_is_held_twice_and_nobody_is_refused_for_a_key_that_no_vote_holds(
    batch: list[Contender], room: int
) -> None:
    outcome = resolve(batch, {}, {1: room})
    held = Counter(key for place in outcome.won() for key in batch[place].claims)
    assert all(times == 1 for times in held.values())
    admitted = sum(1 for place in outcome.won() if batch[place].exemption)
    assert admitted <= room
    for position, reasons in outcome.reasons.items():
        cast = batch[position]
        explained = {kind for kind, digest in cast.claims if (kind, digest) in held}
        if cast.exemption is not None and admitted == room:
            explained.add("address")
        assert {reason.value.removesuffix("_used") for reason in reasons} <= explained


def test_a_loser_gets_every_reason_and_keeps_nothing() -> None:
    first = Contender((("iin", b"1"), ("mobile", b"1"), ("address", b"1")), (), b"a")
    loser = Contender((("iin", b"2"), ("mobile", b"1"), ("address", b"1")), (), b"b")
    heir = Contender((("iin", b"2"), ("mobile", b"2"), ("address", b"2")), (), b"c")
    outcome = resolve([first, loser, heir], {}, {})
    assert outcome.won() == [0, 2]
    assert outcome.reasons == {1: (RejectionReason.MOBILE_USED, RejectionReason.ADDRESS_USED)}


def test_references_survive_the_telephone() -> None:
    reference = new_reference()
    assert parse_reference(reference) == reference
    assert parse_reference(f" {reference.lower().replace('-', ' ')} ") == reference
    assert parse_reference("А8С0О-1IЕХК") == "A8C00-11EXK"  # Cyrillic letters of the same shape
    assert parse_reference("7KQ4M-2XJ9") is None
    assert parse_reference("7KQ4M-2XJ9U") is None


def test_codes_have_six_digits_with_leading_zeros() -> None:
    assert all(
        len(code) == 6 and code.isascii() and code.isdigit() for code in map(_code, range(50))
    )


def _code(_number: int) -> str:
    return new_code()


@pytest.mark.parametrize(
    ("instant", "start"),
    [
        (datetime(2020, 10, 1, 0, 9, 59, 999999, UTC), datetime(2020, 10, 1, 0, 0, tzinfo=UTC)),
        (datetime(2020, 10, 1, 0, 10, 0, 0, UTC), datetime(2020, 10, 1, 0, 10, tzinfo=UTC)),
    ],
)
def test_buckets_are_ten_minutes_half_open(instant: datetime, start: datetime) -> None:
    assert bucket_start(instant) == start


OF_THE_PAIR = (
    RejectionReason.NOT_ON_ROLL,
    RejectionReason.ADMITTED_AFTER_CUTOFF,
    RejectionReason.SUSPENDED,
    RejectionReason.MOBILE_MISMATCH,
    RejectionReason.IIN_USED,
    RejectionReason.MOBILE_USED,
)


@given(
    pair=st.sets(st.sampled_from(OF_THE_PAIR)),
    others=st.sets(
        st.sampled_from(
            [
                RejectionReason.ADDRESS_USED,
                RejectionReason.NOT_OPEN,
                RejectionReason.RATE_LIMITED,
            ]
        )
    ),
)
def test_at_the_sign_in_advice_does_not_depend_on_the_pair(
    pair: set[RejectionReason], others: set[RejectionReason]
) -> None:
    """With no reason at all the code was sent: that must sound like the wrong number."""
    assert advice(RejectionStage.SIGN_IN, pair | others) == advice(RejectionStage.SIGN_IN, others)


def test_advice_names_what_a_caller_can_do() -> None:
    for stage, reasons, said in (
        (RejectionStage.SIGN_IN, [], [Advice.CALL_BACK]),
        (
            RejectionStage.SIGN_IN,
            [RejectionReason.ADDRESS_USED],
            [Advice.CALL_BACK, Advice.OTHER_NETWORK],
        ),
        (RejectionStage.SIGN_IN, [RejectionReason.NOT_OPEN], [Advice.OPENING_HOURS]),
        (RejectionStage.SIGN_IN, [RejectionReason.RATE_LIMITED], [Advice.WAIT]),
        (RejectionStage.CODE, [RejectionReason.CODE_FAILED], [Advice.SIGN_IN_AGAIN]),
        (RejectionStage.CODE, [RejectionReason.ADDRESS_USED], [Advice.OTHER_NETWORK]),
        (RejectionStage.CAST, [RejectionReason.IIN_USED], [Advice.CALL_BACK]),
    ):
        assert list(advice(stage, reasons)) == said
