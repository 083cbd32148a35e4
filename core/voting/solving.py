"""Bringing the code: the session it opens, or the address to which it moves one.

Whoever solves a code holds the address until the session ends: others there are told when to try
again. A session whose voter turns up at another address moves there by a code of its own.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from core.voting.addresses import Address, short_address
from core.voting.bulk import change_rows, find_rows, insert_new_rows, insert_rows
from core.voting.codes import VotersPost
from core.voting.election import Election
from core.voting.holds import Hold, hold_addresses, release_hold
from core.voting.models import Registration, SignInChallenge, VotingSession
from core.voting.rules import (
    CODE_TRIES,
    SESSION_LIFETIME,
    AddressMode,
    RejectionReason,
    RejectionStage,
)
from core.voting.sessions import code_hmac, idempotency_mark, new_token, token_hash
from core.voting.tally import Tally, TurnedAway

_CHALLENGE: Final = (
    "id",
    "primary_id",
    "iin_digest",
    "mobile_digest",
    "code_hmac",
    "code_sent",
    "place_code",
    "iin_masked",
    "mobile_masked",
    "tries",
    "solved",
    "expires_at",
    "moves_session",
    "idempotency_hmac",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveCode:
    """Somebody who brings the code of a challenge; the session will be bound to this address.

    A challenge that moves a session asks for that session's ``token`` and for the
    ``idempotency_key`` of the cast that made the move necessary.
    """

    challenge: str
    code: str = field(repr=False)
    address_digest: bytes
    address: Address
    token: str = field(default="", repr=False)
    idempotency_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The code was right. The token is shown here only; the database keeps its hash."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionMoved:
    """The code was right: the session is bound to the new address now, its token is the same."""

    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AddressHeld:
    """The code was right, but somebody else is voting from this address until ``retry_at``.

    The challenge stays open: its code may be brought again then, or from another network.
    """

    retry_at: datetime
    reference: str


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


CodeAnswer = SessionOpened | SessionMoved | AddressHeld | CodeWrong | CodeFailed | ChallengeOver


def solve_many(
    connection: Connection,
    election: Election,
    batch: Sequence[SolveCode],
    *,
    now: datetime,
    tally: Tally,
    post: VotersPost,
) -> list[CodeAnswer]:
    """Answer a batch of codes in the caller's transaction."""
    primary_id = election.primary.id
    states = _challenges(connection, [asked.challenge for asked in batch])
    answers: dict[int, CodeAnswer] = {}
    solved: dict[int, SolveCode] = {}
    for place, asked in enumerate(batch):
        state = states.get(asked.challenge)
        # Compared for every challenge, one that does not exist included: all take the same time.
        expected = state["code_hmac"] if state else b"\0" * 32
        right = secrets.compare_digest(expected, code_hmac(asked.challenge, asked.code))
        if (
            state is None
            or state["primary_id"] != primary_id
            or state["solved"]
            or state["tries"] >= CODE_TRIES
            or now >= state["expires_at"]
            or not _is_from_its_session(state, asked, primary_id)
        ):
            answers[place] = ChallengeOver()
        elif right and state["code_sent"]:
            state["solved"] = True  # a second press in the same batch is one too many
            solved[place] = asked
        else:
            state["tries"] += 1
            left = CODE_TRIES - state["tries"]
            answers[place] = (
                CodeWrong(left)
                if left
                else CodeFailed(_turned_away(state, asked, RejectionReason.CODE_FAILED, now, tally))
            )
    answers |= _bind(connection, election, solved, states, now=now, tally=tally)
    for place, asked in solved.items():
        if isinstance(answers[place], SessionOpened):
            state = states[asked.challenge]
            post.use(state["iin_digest"] + state["mobile_digest"])
    _save(connection, states.values())
    return [answers[place] for place in range(len(batch))]


def _bind(
    connection: Connection,
    election: Election,
    solved: Mapping[int, SolveCode],
    states: Mapping[str, dict[str, Any]],
    *,
    now: datetime,
    tally: Tally,
) -> dict[int, CodeAnswer]:
    """Open or move the sessions of those whose code was right, where their address is free."""
    primary_id = election.primary.id
    moving = _moving(connection, [states[asked.challenge] for asked in solved.values()])
    wanted: dict[int, Hold] = {}
    for place, asked in solved.items():
        state = states[asked.challenge]
        session = moving.get(state["moves_session"])
        if election.address_mode is AddressMode.STRICT and not election.is_exempt(
            asked.address, now
        ):
            until = session["expires_at"] if session else now + SESSION_LIFETIME
            wanted[place] = Hold(asked.address_digest, state["iin_digest"], until)
    others = hold_addresses(connection, primary_id, wanted, now=now)
    opened: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    answers: dict[int, CodeAnswer] = {}
    for place, asked in solved.items():
        state = states[asked.challenge]
        session = moving.get(state["moves_session"])
        if place in others:
            state["solved"] = False
            reference = _turned_away(state, asked, RejectionReason.ADDRESS_USED, now, tally)
            answers[place] = AddressHeld(others[place], reference)
        elif state["moves_session"] is None:
            until = now + SESSION_LIFETIME
            token = new_token(state["place_code"], until)
            opened.append(_session_row(state, asked, token, until))
            answers[place] = SessionOpened(token, until)
        elif session is None or now >= session["expires_at"]:
            answers[place] = ChallengeOver()
        else:
            release_hold(
                connection,
                primary_id,
                address_digest=session["address_digest"],
                iin_digest=state["iin_digest"],
            )
            moved.append(
                {"token_hash": session["token_hash"], "address_digest": asked.address_digest}
            )
            answers[place] = SessionMoved(session["expires_at"])
    insert_rows(connection, VotingSession, opened)
    change_rows(connection, VotingSession, moved, key="token_hash")
    _register(connection, primary_id, opened, tally)
    return answers


def _moving(
    connection: Connection, states: Iterable[Mapping[str, Any]]
) -> dict[bytes | None, dict[str, Any]]:
    """The sessions that these challenges move, by the hash of their token."""
    rows = find_rows(
        connection,
        VotingSession,
        ("token_hash", "address_digest", "expires_at"),
        by="token_hash",
        among=[state["moves_session"] for state in states if state["moves_session"]],
    )
    return {bytes(row["token_hash"]): row for row in rows}


def _is_from_its_session(state: Mapping[str, Any], asked: SolveCode, primary_id: str) -> bool:
    """Whether a code that moves a session comes with that session and the cast it was asked for."""
    if state["moves_session"] is None:
        return True
    mark = idempotency_mark(primary_id, state["iin_digest"], asked.idempotency_key)
    return secrets.compare_digest(
        state["moves_session"] + state["idempotency_hmac"], token_hash(asked.token) + mark
    )


def _challenges(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = find_rows(connection, SignInChallenge, _CHALLENGE, by="id", among=ids, lock=True)
    return {row["id"]: row for row in rows}


def _session_row(
    state: Mapping[str, Any], asked: SolveCode, token: str, until: datetime
) -> dict[str, Any]:
    kept = ("primary_id", "iin_digest", "mobile_digest", "place_code", "iin_masked")
    return {
        **{name: state[name] for name in (*kept, "mobile_masked")},
        "token_hash": token_hash(token),
        "address_digest": asked.address_digest,
        "expires_at": until,
        "moves": 0,
    }


def _turned_away(
    state: Mapping[str, Any],
    asked: SolveCode,
    reason: RejectionReason,
    now: datetime,
    tally: Tally,
) -> str:
    return tally.reject(
        TurnedAway(
            stage=RejectionStage.CODE,
            reasons=(reason,),
            at=now,
            iin_digest=state["iin_digest"],
            iin_masked=state["iin_masked"],
            mobile_masked=state["mobile_masked"],
            address_short=short_address(asked.address),
            place_code=state["place_code"],
        )
    )


def _save(connection: Connection, states: Iterable[Mapping[str, Any]]) -> None:
    rows = [{name: state[name] for name in ("id", "tries", "solved")} for state in states]
    change_rows(connection, SignInChallenge, rows, key="id")


def _register(
    connection: Connection, primary_id: str, opened: Sequence[Mapping[str, Any]], tally: Tally
) -> None:
    """Count those who completed a sign-in by code for the first time."""
    places = {row["iin_digest"]: row["place_code"] for row in opened}
    rows = [{"primary_id": primary_id, "iin_digest": digest} for digest in sorted(places)]
    for digest in insert_new_rows(connection, Registration, rows, key="iin_digest"):
        tally.registered[places[digest]] += 1
