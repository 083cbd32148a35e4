"""Signing in: IIN and number against the sealed roll, a code to that number, a session.

A stranger learns nothing: every pair is answered with a challenge, an expiry and a reference; for
each a code is made and a row written, only nobody is sent the code of a pair that can't vote.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from core.i18n import _, use_locale
from core.keyring import hmac_digest
from core.messaging.post import Outgoing, Post, sms
from core.messaging.rules import Purpose
from core.primary.models import Voter
from core.voting.addresses import Address, short_address
from core.voting.models import Registration, SignInChallenge, VotingSession
from core.voting.rooms import ExemptionRoom, exemption_of, rooms
from core.voting.rules import (
    CODE_LIFETIME,
    CODE_TRIES,
    SESSION_LIFETIME,
    USED,
    ClaimKind,
    Key,
    RejectionReason,
    RejectionStage,
    in_order,
    new_code,
    new_reference,
)
from core.voting.tally import Tally, TurnedAway
from core.voting.votes import votes_on

_EXCLUDED = {
    "admitted_after_cutoff": RejectionReason.ADMITTED_AFTER_CUTOFF,
    "suspended": RejectionReason.SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Somebody who gives an IIN and a number. ``mobile`` is E.164; digests are of the primary.

    ``in_time`` and ``hurried`` were decided at arrival, by the clock and by `limits.Pace`.
    """

    iin_digest: bytes
    mobile_digest: bytes
    mobile: str = field(repr=False)
    address_digest: bytes
    address: Address
    iin_masked: str
    mobile_masked: str
    locale: str
    in_time: bool
    hurried: bool = False


@dataclass(frozen=True, slots=True)
class ChallengeIssued:
    """The answer to every pair; the code was sent only where the pair can vote."""

    challenge: str
    expires_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class TurnedBack:
    """The answer that does not depend on the pair: ``not_open`` or ``rate_limited``."""

    reason: RejectionReason
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveCode:
    """Somebody who brings the code of a challenge; the session will be bound to this address."""

    challenge: str
    code: str = field(repr=False)
    address_digest: bytes
    address: Address


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The code was right. The token is shown here only; the database keeps its hash."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CodeWrong:
    """A typing error, as far as anybody can tell."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class CodeFailed:
    """The last try failed: the challenge is over, and a rejection tells of it."""

    reference: str


@dataclass(frozen=True, slots=True)
class ChallengeOver:
    """No such challenge, or it has expired, was solved or used up its tries."""


SignInAnswer = ChallengeIssued | TurnedBack
CodeAnswer = SessionOpened | CodeWrong | CodeFailed | ChallengeOver


def token_hash(token: str) -> bytes:
    """What the database keeps of a token: a fast hash is enough for 256 random bits."""
    return sha256(token.encode()).digest()


def _code_hmac(challenge: str, code: str) -> bytes:
    return hmac_digest("voting.one-time-code", f"{challenge}:{code}".encode())


def sign_in_many(
    connection: Connection,
    primary_id: str,
    batch: Sequence[SignIn],
    *,
    now: datetime,
    tally: Tally,
    post: Post,
) -> list[SignInAnswer]:
    """Answer a batch of sign-ins in the caller's transaction; codes go to ``post``."""
    roll = _roll(connection, primary_id, [asked.iin_digest for asked in batch])
    taken = votes_on(connection, primary_id).taken(
        {claim for asked in batch for claim in _claims(asked)}
    )
    exempted = rooms(
        connection, primary_id, [asked.address for asked in batch], now=now, lock=False
    )
    challenges: list[dict[str, Any]] = []
    answers: list[SignInAnswer] = []
    for asked in batch:
        voter = roll.get(asked.iin_digest)
        reasons = _reasons(asked, voter, taken, exempted)
        reference = new_reference()
        place_code = "" if voter is None else str(voter["place_code"])
        if reasons:
            tally.reject(
                TurnedAway(
                    stage=RejectionStage.SIGN_IN,
                    reasons=reasons,
                    at=now,
                    iin_digest=asked.iin_digest,
                    iin_masked=asked.iin_masked,
                    mobile_masked=asked.mobile_masked,
                    address_short=short_address(asked.address),
                    place_code=place_code,
                    reference=reference,
                )
            )
        openly = [
            reason
            for reason in (RejectionReason.NOT_OPEN, RejectionReason.RATE_LIMITED)
            if reason in reasons
        ]
        if openly:
            answers.append(TurnedBack(openly[0], reference))
            continue
        challenge, code = secrets.token_urlsafe(18), new_code()
        challenges.append(
            {
                "id": challenge,
                "primary_id": primary_id,
                "iin_digest": asked.iin_digest,
                "mobile_digest": asked.mobile_digest,
                "code_hmac": _code_hmac(challenge, code),
                "code_sent": not reasons,
                "reference": reference,
                "place_code": place_code,
                "iin_masked": asked.iin_masked,
                "mobile_masked": asked.mobile_masked,
                "address_short": short_address(asked.address),
                "tries": 0,
                "solved": False,
                "created_at": now,
                "expires_at": now + CODE_LIFETIME,
            }
        )
        # The message is made for every pair, so that both cost the same; one kind is dropped.
        message = _message(asked, code, now)
        row = post.row(message, now)
        if not reasons:
            post.add(message, row)
        answers.append(ChallengeIssued(challenge, now + CODE_LIFETIME, reference))
    if challenges:
        connection.execute(insert(SignInChallenge), challenges)
    return answers


def _message(asked: SignIn, code: str, now: datetime) -> Outgoing:
    with use_locale(asked.locale):
        text = _(
            "{code} is your code for voting. Nobody from the committee will ever ask you for it.",
            code=code,
        )
    return sms(
        to=asked.mobile,
        text=text,
        purpose=Purpose.ONE_TIME_CODE,
        now=now,
        expires_at=now + CODE_LIFETIME,
    )


def _claims(asked: SignIn) -> tuple[Key, ...]:
    return (
        (ClaimKind.IIN.value, asked.iin_digest),
        (ClaimKind.MOBILE.value, asked.mobile_digest),
        (ClaimKind.ADDRESS.value, asked.address_digest),
    )


def _roll(
    connection: Connection, primary_id: str, digests: Sequence[bytes]
) -> dict[bytes, RowMapping]:
    found = connection.execute(
        select(
            col(Voter.iin_digest),
            col(Voter.mobile),
            col(Voter.place_code),
            col(Voter.status),
            col(Voter.reason_excluded),
        ).where(col(Voter.primary_id) == primary_id, col(Voter.iin_digest).in_(digests))
    )
    return {bytes(row["iin_digest"]): row for row in found.mappings()}


def _reasons(
    asked: SignIn,
    voter: RowMapping | None,
    taken: dict[Key, bytes | None],
    exempted: Sequence[ExemptionRoom],
) -> tuple[RejectionReason, ...]:
    """Every reason that applies at this moment; the claims decide again at the cast."""
    reasons = []
    if voter is None:
        reasons.append(RejectionReason.NOT_ON_ROLL)
    else:
        if voter["reason_excluded"]:
            reasons.append(_EXCLUDED.get(voter["reason_excluded"], RejectionReason.NOT_ON_ROLL))
        if voter["status"] == "suspended":
            reasons.append(RejectionReason.SUSPENDED)
        if not secrets.compare_digest(voter["mobile"] or "", asked.mobile):
            reasons.append(RejectionReason.MOBILE_MISMATCH)
    room = exemption_of(asked.address, exempted)
    for kind, digest in _claims(asked):
        if kind == ClaimKind.ADDRESS and room is not None:
            if room.left <= 0:
                reasons.append(RejectionReason.ADDRESS_USED)
        elif (kind, digest) in taken:
            reasons.append(USED[ClaimKind(kind)])
    if not asked.in_time:
        reasons.append(RejectionReason.NOT_OPEN)
    if asked.hurried:
        reasons.append(RejectionReason.RATE_LIMITED)
    return in_order(reasons)


def solve_many(
    connection: Connection,
    primary_id: str,
    batch: Sequence[SolveCode],
    *,
    now: datetime,
    tally: Tally,
) -> list[CodeAnswer]:
    """Answer a batch of codes in the caller's transaction."""
    states = _challenges(connection, [asked.challenge for asked in batch])
    changed: set[str] = set()
    sessions: list[dict[str, Any]] = []
    answers: list[CodeAnswer] = []
    for asked in batch:
        state = states.get(asked.challenge)
        # Compared for every challenge, one that does not exist included: all take the same time.
        expected = state["code_hmac"] if state else b"\0" * 32
        right = secrets.compare_digest(expected, _code_hmac(asked.challenge, asked.code))
        if (
            state is None
            or state["primary_id"] != primary_id
            or state["solved"]
            or state["tries"] >= CODE_TRIES
            or now >= state["expires_at"]
        ):
            answers.append(ChallengeOver())
            continue
        changed.add(asked.challenge)
        if right and state["code_sent"]:
            state["solved"] = True
            token = secrets.token_urlsafe(32)
            sessions.append(_session_row(state, asked, token, now))
            answers.append(SessionOpened(token, now + SESSION_LIFETIME))
            continue
        state["tries"] += 1
        if state["tries"] < CODE_TRIES:
            answers.append(CodeWrong(CODE_TRIES - state["tries"]))
        else:
            answers.append(CodeFailed(_code_failed(state, asked, now, tally)))
    _save(connection, [states[challenge] for challenge in sorted(changed)])
    if sessions:
        connection.execute(insert(VotingSession), sessions)
        _register(connection, primary_id, sessions, tally)
    return answers


def _challenges(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    table = SignInChallenge.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    rows = connection.execute(
        select(table).where(table.c.id.in_(ids)).order_by(table.c.id).with_for_update()
    )
    return {row["id"]: dict(row) for row in rows.mappings()}


def _session_row(
    state: dict[str, Any], asked: SolveCode, token: str, now: datetime
) -> dict[str, Any]:
    kept = ("primary_id", "iin_digest", "mobile_digest", "place_code", "iin_masked")
    return {
        **{name: state[name] for name in (*kept, "mobile_masked")},
        "token_hash": token_hash(token),
        "address_digest": asked.address_digest,
        "expires_at": now + SESSION_LIFETIME,
    }


def _code_failed(state: dict[str, Any], asked: SolveCode, now: datetime, tally: Tally) -> str:
    return tally.reject(
        TurnedAway(
            stage=RejectionStage.CODE,
            reasons=(RejectionReason.CODE_FAILED,),
            at=now,
            iin_digest=state["iin_digest"],
            iin_masked=state["iin_masked"],
            mobile_masked=state["mobile_masked"],
            address_short=short_address(asked.address),
            place_code=state["place_code"],
        )
    )


def _save(connection: Connection, states: Sequence[dict[str, Any]]) -> None:
    table = SignInChallenge.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    for state in states:
        connection.execute(
            update(table)
            .where(table.c.id == state["id"])
            .values(tries=state["tries"], solved=state["solved"])
        )


def _register(
    connection: Connection, primary_id: str, sessions: Sequence[dict[str, Any]], tally: Tally
) -> None:
    """Count those who completed a sign-in by code for the first time."""
    places = {row["iin_digest"]: row["place_code"] for row in sessions}
    table = Registration.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    rows = [{"primary_id": primary_id, "iin_digest": digest} for digest in sorted(places)]
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = connection.execute(
        dialect.insert(table).on_conflict_do_nothing().returning(table.c.iin_digest), rows
    )
    for (digest,) in new:
        tally.registered[places[bytes(digest)]] += 1
