"""A signed-in voter: whose session a token is, and the cast that is made with it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete
from sqlmodel import col

from core.primary.digests import mobile_digest
from core.primary.models import Voter
from core.primary.rules import VoterStatus
from core.voting.addresses import Address, short_address
from core.voting.bulk import change_rows, find_rows, insert_rows
from core.voting.casting import (
    Accepted,
    Bar,
    Cast,
    CastAnswer,
    FromElsewhere,
    SignInAgain,
    cast_many,
)
from core.voting.codes import VotersPost
from core.voting.election import Election
from core.voting.holds import release_hold
from core.voting.models import SignInChallenge, VotingSession
from core.voting.notices import cast_message, code_message
from core.voting.rules import (
    CODE_LIFETIME,
    SESSION_MOVES,
    RejectionReason,
    RejectionStage,
    new_code,
    new_reference,
)
from core.voting.sessions import code_hmac, idempotency_mark, token_hash
from core.voting.signin import CodesExhausted
from core.voting.tally import Tally, TurnedAway
from core.voting.votes import SealedBallot

_SESSION: Final = tuple(column.name for column in VotingSession.__table__.c)  # type: ignore[attr-defined]  # SQLModel adds it


@dataclass(frozen=True, slots=True, kw_only=True)
class CastBallots:
    """A request to cast: sealed ballots under a session's token, at the instant it arrived."""

    token: str = field(repr=False)
    idempotency_key: str = field(repr=False)
    ballots: tuple[SealedBallot, ...]
    address: Address
    address_digest: bytes
    arrived_at: datetime
    locale: str = "ru"


@dataclass(frozen=True, slots=True)
class SignOut:
    """A voter who leaves: the session ends, and with it the hold of the address."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedOut:
    """There is no such session any more."""


@dataclass(frozen=True, slots=True)
class AddressChanged:
    """The vote comes from another address than the sign-in: a new code has gone to the number.

    Solved with the same token and ``Idempotency-Key``, it moves the session here.
    """

    challenge: str
    expires_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class BallotsIncomplete:
    """The ballots are not exactly one for each contest of the voter, each of its size."""

    expected: tuple[str, ...]


PollingAnswer = CastAnswer | BallotsIncomplete | AddressChanged | CodesExhausted


def cast_ballots(
    connection: Connection,
    election: Election,
    batch: Sequence[CastBallots],
    *,
    now: datetime,
    tally: Tally,
    post: VotersPost,
) -> list[PollingAnswer]:
    """Answer a batch of casts in the caller's transaction.

    A session holds for the address at which its code was solved, so that a vote uses up exactly the
    address it comes from. From another one nothing is claimed: a new code goes to the number, and
    solving it moves the session there, at most twice. The repeat of a stored vote is answered from
    anywhere, session over or not: it claims nothing.

    The roll is asked again: a suspension decided after the sign-in is obeyed, and a session that
    was opened by a number which is no longer the voter's casts nothing. Whose vote was stored is
    told by SMS that there was one.
    """
    primary_id = election.primary.id
    sessions = _sessions(connection, primary_id, [token_hash(asked.token) for asked in batch])
    answers: dict[int, PollingAnswer] = {}
    casts: dict[int, Cast] = {}
    for place, asked in enumerate(batch):
        held = sessions.get(token_hash(asked.token))
        if held is None:
            answers[place] = SignInAgain()
            continue
        expected = {
            contest.id: election.sealed_sizes[contest.id]
            for contest in election.contests_of(held["place_code"])
        }
        given = [(ballot.contest_id, len(ballot.sealed)) for ballot in asked.ballots]
        if sorted(given) != sorted(expected.items()):
            answers[place] = BallotsIncomplete(tuple(expected))
            continue
        casts[place] = _cast(primary_id, held, asked, is_open=election.is_open(asked.arrived_at))
    decided = cast_many(
        connection,
        primary_id,
        list(casts.values()),
        now=now,
        mode=election.address_mode,
        tally=tally,
    )
    answers |= dict(zip(casts, decided, strict=True))
    elsewhere = {
        place: (asked, sessions[token_hash(asked.token)])
        for place, asked in enumerate(batch)
        if isinstance(answers[place], FromElsewhere)
    }
    answers |= _ask_to_move(connection, primary_id, elsewhere, now=now, tally=tally, post=post)
    for place, asked in enumerate(batch):
        answer = answers[place]
        if isinstance(answer, Accepted) and not answer.is_repeat:
            message = cast_message(
                sessions[token_hash(asked.token)]["mobile"],
                hotline=election.primary.hotline,
                locale=asked.locale,
                now=now,
            )
            post.add(message, post.row(message, now))
    return [answers[place] for place in range(len(batch))]


def _sessions(
    connection: Connection, primary_id: str, hashes: Sequence[bytes]
) -> dict[bytes, dict[str, Any]]:
    """The sessions of these tokens, each with ``status`` and ``mobile`` as the roll has them now."""
    found = find_rows(
        connection, VotingSession, _SESSION, by="token_hash", among=hashes, primary_id=primary_id
    )
    roll = {
        bytes(row["iin_digest"]): row
        for row in find_rows(
            connection,
            Voter,
            ("iin_digest", "status", "mobile"),
            by="iin_digest",
            among=[row["iin_digest"] for row in found],
            primary_id=primary_id,
        )
    }
    return {
        bytes(row["token_hash"]): row | roll[bytes(row["iin_digest"])]
        for row in found
        if bytes(row["iin_digest"]) in roll
    }


def _cast(primary_id: str, held: Mapping[str, Any], asked: CastBallots, *, is_open: bool) -> Cast:
    return Cast(
        iin_digest=held["iin_digest"],
        mobile_digest=held["mobile_digest"],
        address_digest=asked.address_digest,
        address=asked.address,
        place_code=held["place_code"],
        iin_masked=held["iin_masked"],
        mobile_masked=held["mobile_masked"],
        idempotency=idempotency_mark(primary_id, held["iin_digest"], asked.idempotency_key),
        ballots=asked.ballots,
        bar=_bar(primary_id, held, asked, is_open=is_open),
    )


def _bar(
    primary_id: str, held: Mapping[str, Any], asked: CastBallots, *, is_open: bool
) -> Bar | None:
    """Why this cast can't be stored whatever its keys, or None."""
    if asked.arrived_at >= held["expires_at"]:
        return "sign_in_again"
    if mobile_digest(primary_id, held["mobile"]) != held["mobile_digest"]:
        return "sign_in_again"
    if held["status"] == VoterStatus.SUSPENDED.value:
        return "suspended"
    if not is_open:
        return "not_open"
    if asked.address_digest == held["address_digest"]:
        return None
    is_asked_already = _is_asked(held, asked.address_digest, asked.arrived_at)
    may_move = is_asked_already or held["moves"] < SESSION_MOVES
    return "address_changed" if may_move else "sign_in_again"


def _is_asked(held: Mapping[str, Any], address_digest: bytes, at: datetime) -> bool:
    """Whether a code for this very move is under way: the same request sent twice costs one SMS."""
    until = held["move_expires_at"]
    return held["move_address"] == address_digest and until is not None and at < until


def _ask_to_move(
    connection: Connection,
    primary_id: str,
    elsewhere: Mapping[int, tuple[CastBallots, dict[str, Any]]],
    *,
    now: datetime,
    tally: Tally,
    post: VotersPost,
) -> dict[int, AddressChanged | CodesExhausted]:
    """Send a code to everybody who casts from another address than that of the sign-in."""
    answers: dict[int, AddressChanged | CodesExhausted] = {}
    challenges: list[dict[str, Any]] = []
    sessions: dict[bytes, dict[str, Any]] = {}
    for place, (asked, held) in elsewhere.items():
        needs_code = not _is_asked(held, asked.address_digest, now)
        if needs_code and post.is_exhausted(connection, now):
            answers[place] = CodesExhausted()
            continue
        reference = tally.reject(
            TurnedAway(
                stage=RejectionStage.CAST,
                reasons=(RejectionReason.ADDRESS_CHANGED,),
                at=now,
                iin_digest=held["iin_digest"],
                iin_masked=held["iin_masked"],
                mobile_masked=held["mobile_masked"],
                address_short=short_address(asked.address),
                place_code=held["place_code"],
            )
        )
        if needs_code:
            challenge, code = secrets.token_urlsafe(18), new_code()
            held |= {
                "moves": held["moves"] + 1,
                "move_challenge": challenge,
                "move_address": asked.address_digest,
                "move_expires_at": now + CODE_LIFETIME,
            }
            challenges.append(_move_row(primary_id, held, asked, code, now))
            message = code_message(held["mobile"], code, locale=asked.locale, now=now)
            post.add(message, post.row(message, now))
            sessions[held["token_hash"]] = {name: held[name] for name in _MOVE}
        answers[place] = AddressChanged(held["move_challenge"], held["move_expires_at"], reference)
    insert_rows(connection, SignInChallenge, challenges)
    change_rows(connection, VotingSession, list(sessions.values()), key="token_hash")
    return answers


_MOVE: Final = ("token_hash", "moves", "move_challenge", "move_address", "move_expires_at")


def _move_row(
    primary_id: str, held: Mapping[str, Any], asked: CastBallots, code: str, now: datetime
) -> dict[str, Any]:
    kept = ("iin_digest", "mobile_digest", "place_code", "iin_masked", "mobile_masked")
    return {
        **{name: held[name] for name in kept},
        "id": held["move_challenge"],
        "primary_id": primary_id,
        "code_hmac": code_hmac(held["move_challenge"], code),
        "code_sent": True,
        "reference": new_reference(),
        "tries": 0,
        "solved": False,
        "created_at": now,
        "expires_at": held["move_expires_at"],
        "moves_session": held["token_hash"],
        "idempotency_hmac": idempotency_mark(primary_id, held["iin_digest"], asked.idempotency_key),
    }


def sign_out_many(
    connection: Connection, election: Election, batch: Sequence[SignOut]
) -> list[SignedOut]:
    """End sessions in the caller's transaction; a token that stands for none is no fault."""
    primary_id = election.primary.id
    found = find_rows(
        connection,
        VotingSession,
        ("token_hash", "address_digest", "iin_digest"),
        by="token_hash",
        among=[token_hash(asked.token) for asked in batch],
        primary_id=primary_id,
    )
    for row in found:
        release_hold(
            connection,
            primary_id,
            address_digest=row["address_digest"],
            iin_digest=row["iin_digest"],
        )
        connection.execute(
            delete(VotingSession).where(col(VotingSession.token_hash) == row["token_hash"])
        )
    return [SignedOut()] * len(batch)
