"""A signed-in voter: whose session a token is, and the cast that is made with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select
from sqlmodel import Session

from core.primary.digests import mobile_digest
from core.primary.models import Voter
from core.primary.rules import VoterStatus
from core.voting.addresses import Address
from core.voting.casting import Bar, Cast, CastAnswer, SignInAgain, cast_many, idempotency_mark
from core.voting.election import Election
from core.voting.models import VotingSession
from core.voting.signin import token_hash
from core.voting.tally import Tally
from core.voting.votes import SealedBallot


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session in force. ``address_digest`` is the address it is bound to."""

    place_code: str
    address_digest: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CastBallots:
    """A request to cast: sealed ballots under a session's token, at the instant it arrived."""

    token: str = field(repr=False)
    idempotency_key: str = field(repr=False)
    ballots: tuple[SealedBallot, ...]
    address: Address
    address_digest: bytes
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class BallotsIncomplete:
    """The ballots are not exactly one for each contest of the voter, each of its size."""

    expected: tuple[str, ...]


PollingAnswer = CastAnswer | BallotsIncomplete


def signed_in(session: Session, primary_id: str, token: str, *, now: datetime) -> SignedIn | None:
    """The session a token stands for, or None when it stands for none or has ended."""
    table = VotingSession.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    row = session.execute(
        select(
            table.c.primary_id, table.c.place_code, table.c.address_digest, table.c.expires_at
        ).where(table.c.token_hash == token_hash(token))
    ).one_or_none()
    if row is None or row.primary_id != primary_id or now >= row.expires_at:
        return None
    return SignedIn(row.place_code, bytes(row.address_digest), row.expires_at)


def cast_ballots(
    connection: Connection,
    election: Election,
    batch: Sequence[CastBallots],
    *,
    now: datetime,
    tally: Tally,
) -> list[PollingAnswer]:
    """Answer a batch of casts in the caller's transaction.

    A session holds for the address at which its code was solved: from another one the voter signs
    in again there, which binds the vote to the new address, and nothing is claimed meanwhile. So a
    vote uses up exactly the address it comes from, and a phone that moved to another network loses
    a minute, not the vote. The repeat of a stored vote is answered from anywhere, session over or
    not: it claims nothing.

    The roll is asked again: a suspension decided after the sign-in is obeyed, and a session that
    was opened by a number which is no longer the voter's casts nothing.
    """
    primary_id = election.primary.id
    sessions = _sessions(connection, [token_hash(asked.token) for asked in batch])
    answers: dict[int, PollingAnswer] = {}
    casts: dict[int, Cast] = {}
    for place, asked in enumerate(batch):
        held = sessions.get(token_hash(asked.token))
        if held is None or held["primary_id"] != primary_id:
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
    decided = cast_many(connection, primary_id, list(casts.values()), now=now, tally=tally)
    answers |= dict(zip(casts, decided, strict=True))
    return [answers[place] for place in range(len(batch))]


def _sessions(connection: Connection, hashes: Sequence[bytes]) -> dict[bytes, RowMapping]:
    table = VotingSession.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    roll = Voter.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    rows = connection.execute(
        select(table, roll.c.status, roll.c.mobile)
        .join(
            roll,
            (roll.c.primary_id == table.c.primary_id) & (roll.c.iin_digest == table.c.iin_digest),
        )
        .where(table.c.token_hash.in_(hashes))
    )
    return {bytes(row["token_hash"]): row for row in rows.mappings()}


def _cast(primary_id: str, held: RowMapping, asked: CastBallots, *, is_open: bool) -> Cast:
    bar: Bar | None = None
    if (
        asked.arrived_at >= held["expires_at"]
        or asked.address_digest != held["address_digest"]
        or mobile_digest(primary_id, held["mobile"]) != bytes(held["mobile_digest"])
    ):
        bar = "sign_in_again"
    elif held["status"] == VoterStatus.SUSPENDED.value:
        bar = "suspended"
    elif not is_open:
        bar = "not_open"
    return Cast(
        iin_digest=bytes(held["iin_digest"]),
        mobile_digest=bytes(held["mobile_digest"]),
        address_digest=asked.address_digest,
        address=asked.address,
        place_code=held["place_code"],
        iin_masked=held["iin_masked"],
        mobile_masked=held["mobile_masked"],
        idempotency=idempotency_mark(primary_id, bytes(held["iin_digest"]), asked.idempotency_key),
        ballots=asked.ballots,
        bar=bar,
    )
