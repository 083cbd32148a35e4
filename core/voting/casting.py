"""Casting: many voters' sealed ballots in one transaction, each answered for itself.

What is stored of a cast is split for good: claims (who) and ballots (what) share nothing. Beside
the claim of the IIN stands an HMAC of the client's ``Idempotency-Key``, never a tracker; the answer
to a repeated request is computed anew from the ciphertexts it brings.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from core.voting.addresses import Address, short_address
from core.voting.rooms import ExemptionRoom, exemption_of, rooms
from core.voting.rules import (
    AddressMode,
    ClaimKind,
    Contender,
    Key,
    RejectionReason,
    RejectionStage,
    Resolution,
    resolve,
)
from core.voting.tally import Tally, TurnedAway
from core.voting.votes import ClaimRow, SealedBallot, Votes, votes_on

Bar = Literal["not_open", "sign_in_again", "suspended", "address_changed"]
"""Why a cast can't be stored, known before its keys are looked up."""

_BARRED: Final[Mapping[Bar, RejectionReason]] = {
    "not_open": RejectionReason.NOT_OPEN,
    "suspended": RejectionReason.SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """One voter's cast. ``idempotency`` is `sessions.idempotency_mark` of the key the client sent.

    ``bar`` says why it can't be stored anew; a repeat of what is stored is answered all the same.
    """

    iin_digest: bytes
    mobile_digest: bytes
    address_digest: bytes
    address: Address
    place_code: str
    iin_masked: str
    mobile_masked: str
    idempotency: bytes
    ballots: tuple[SealedBallot, ...]
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vote is stored: (contest, tracker) in the order the client sent them.

    A repeat is answered with what was stored before it; to the client that is the same answer.
    """

    trackers: tuple[tuple[str, str], ...]
    is_repeat: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The vote was turned away and remembered."""

    reasons: tuple[RejectionReason, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class IdempotencyMismatch:
    """The vote is stored, but the repeated request brought other ballots than those."""


@dataclass(frozen=True, slots=True)
class SealedBallotRepeated:
    """One of the ballots is a copy of a stored one: nothing was claimed, seal again."""


@dataclass(frozen=True, slots=True)
class SignInAgain:
    """No session, or one that has ended or may not move any more: nothing was claimed."""


@dataclass(frozen=True, slots=True)
class FromElsewhere:
    """The session was opened at another address and has to move first: nothing was claimed."""


CastAnswer = (
    Accepted | Rejected | IdempotencyMismatch | SealedBallotRepeated | SignInAgain | FromElsewhere
)


def cast_many(
    connection: Connection,
    primary_id: str,
    batch: Sequence[Cast],
    *,
    now: datetime,
    mode: AddressMode = AddressMode.STRICT,
    tally: Tally | None = None,
) -> list[CastAnswer]:
    """Store what may be stored of a batch; gives one answer for each cast, in its order.

    Runs in the caller's transaction. Whoever loses one key keeps none; the keys won beside it go to
    the next of the batch. In the advisory ``mode`` a used address loses nothing and is counted.
    Counters go to ``tally``, or are written here when none is given.
    """
    counted = tally or Tally(primary_id)
    votes = votes_on(connection, primary_id)
    rooms_by_id = rooms(connection, primary_id, [cast.address for cast in batch], now=now)
    contenders = [_contender(cast, rooms_by_id, mode) for cast in batch]
    room = {exemption.id: exemption.left for exemption in rooms_by_id}
    timely = [place for place, cast in enumerate(batch) if cast.bar is None]
    outcome = _settle(
        votes, [contenders[place] for place in timely], [batch[place] for place in timely], room
    )
    answers: dict[int, CastAnswer] = {}
    voted: Counter[str] = Counter()
    for position, place in enumerate(timely):
        verdict = outcome.verdicts[position]
        cast = batch[place]
        if verdict == "won":
            voted[cast.place_code] += 1
            exemption = contenders[place].exemption
            if exemption is not None:
                counted.exempt(exemption, now)
            if position in outcome.clashes:
                counted.clash(cast.place_code, now)
            answers[place] = _accepted(cast)
        elif verdict == "lost":
            answers[place] = _reject(counted, cast, outcome.reasons[position], now)
        elif verdict == "sealed_repeated":
            answers[place] = SealedBallotRepeated()
    for place_code, votes_there in voted.items():
        counted.vote(place_code, now, votes=votes_there)
    rest = [place for place in range(len(batch)) if place not in answers]
    if rest:
        answers |= _repeats(votes, batch, rest, counted=counted, now=now)
    if tally is None:
        counted.write(connection)
    return [answers[place] for place in range(len(batch))]


def _contender(cast: Cast, exempted: Sequence[ExemptionRoom], mode: AddressMode) -> Contender:
    exemption = exemption_of(cast.address, exempted)
    claims = (_iin_key(cast), (ClaimKind.MOBILE.value, cast.mobile_digest))
    address: Key = (ClaimKind.ADDRESS.value, cast.address_digest)
    is_claimed = exemption is None
    is_strict = mode is AddressMode.STRICT
    return Contender(
        claims=(*claims, address) if is_claimed and is_strict else claims,
        ballots=tuple(ballot.key for ballot in cast.ballots),
        idempotency=cast.idempotency,
        exemption=None if exemption is None else exemption.id,
        wish=address if is_claimed and not is_strict else None,
    )


def _iin_key(cast: Cast) -> Key:
    return ClaimKind.IIN.value, cast.iin_digest


def _settle(
    votes: Votes, contenders: Sequence[Contender], batch: Sequence[Cast], room: dict[int, int]
) -> Resolution:
    """Resolve and store until what was stored is what was resolved.

    Claims are stored before it is asked who holds them: mostly nobody does, and one statement is
    all. Every further round follows from a key that somebody else holds, or from a copied ballot,
    and knows at least one key more than the round before: it ends.
    """
    taken: dict[Key, bytes | None] = {}
    stored: dict[Key, ClaimRow] = {}
    known: set[Key] = set()
    while True:
        outcome = resolve(contenders, taken, room)
        wanted = _wanted(contenders, outcome)
        surplus = [key for key, row in stored.items() if wanted.get(key) != row]
        votes.remove_claims(surplus)
        for key in surplus:
            del stored[key]
        held = votes.store_claims([row for key, row in wanted.items() if key not in stored])
        stored |= {key: row for key, row in wanted.items() if key not in held}
        known |= stored.keys()
        # Whoever lost is to hear every reason, and may be the repeat of a vote stored long ago.
        lost = {
            claim
            for contender, verdict in zip(contenders, outcome.verdicts, strict=True)
            if verdict == "lost"
            for claim in contender.claims
        }
        found = votes.taken(held) | votes.holders(lost - known)
        known |= lost
        if held or found:
            # A key whose holder has meanwhile rolled back is free again: the next round takes it.
            taken |= found
            continue
        copies = votes.store_ballots(
            [ballot for position in outcome.won() for ballot in batch[position].ballots]
        )
        if not copies:
            return outcome
        taken |= dict.fromkeys(copies)


def _wanted(contenders: Sequence[Contender], outcome: Resolution) -> dict[Key, ClaimRow]:
    """The claims of those who won; the mark of the client stands beside the IIN alone."""
    rows: dict[Key, ClaimRow] = {}
    for position in outcome.won():
        contender = contenders[position]
        for claim in contender.claims:
            rows[claim] = (*claim, contender.idempotency if claim == contender.iin_key else None)
        if contender.wish is not None and position not in outcome.clashes:
            rows[contender.wish] = (*contender.wish, None)
    return rows


def _repeats(
    votes: Votes, batch: Sequence[Cast], rest: Sequence[int], *, counted: Tally, now: datetime
) -> dict[int, CastAnswer]:
    """Answer what is left: repeats of stored votes, and casts that can't be stored."""
    barred = {_iin_key(batch[place]) for place in rest if batch[place].bar}
    marks = votes.taken(barred) if barred else {}
    answers: dict[int, CastAnswer] = {}
    asked = []
    for place in rest:
        cast = batch[place]
        if cast.bar is None or marks.get(_iin_key(cast)) == cast.idempotency:
            asked.append(place)
        elif cast.bar == "sign_in_again":
            answers[place] = SignInAgain()
        elif cast.bar == "address_changed":
            answers[place] = FromElsewhere()
        else:
            answers[place] = _reject(counted, cast, (_BARRED[cast.bar],), now)
    stored = votes.stored([ballot for place in asked for ballot in batch[place].ballots])
    for place in asked:
        cast = batch[place]
        whole = all(ballot.sha256 in stored for ballot in cast.ballots)
        answers[place] = _accepted(cast, is_repeat=True) if whole else IdempotencyMismatch()
    return answers


def _accepted(cast: Cast, *, is_repeat: bool = False) -> Accepted:
    trackers = tuple((ballot.contest_id, ballot.tracker) for ballot in cast.ballots)
    return Accepted(trackers, is_repeat)


def _reject(
    counted: Tally, cast: Cast, reasons: tuple[RejectionReason, ...], now: datetime
) -> Rejected:
    reference = counted.reject(
        TurnedAway(
            stage=RejectionStage.CAST,
            reasons=reasons,
            at=now,
            iin_digest=cast.iin_digest,
            iin_masked=cast.iin_masked,
            mobile_masked=cast.mobile_masked,
            address_short=short_address(cast.address),
            place_code=cast.place_code,
        )
    )
    return Rejected(reasons, reference)
