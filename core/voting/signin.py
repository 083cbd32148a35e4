"""Signing in: IIN and number against the sealed roll, a code to that number, a session.

A stranger learns nothing: every pair is answered with a challenge, an expiry and a reference; for
each a code is made and a row written, only nobody is sent the code of a pair that can't vote. What
an answer says beside that follows from the address alone.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.primary.models import Voter
from core.voting.addresses import Address, short_address
from core.voting.bulk import find_rows, insert_rows
from core.voting.codes import VotersPost
from core.voting.election import Election
from core.voting.models import SignInChallenge
from core.voting.notices import code_message
from core.voting.rooms import ExemptionRoom, exemption_of, rooms
from core.voting.rules import (
    CODE_LIFETIME,
    USED,
    AddressMode,
    ClaimKind,
    Key,
    RejectionReason,
    RejectionStage,
    in_order,
    new_code,
    new_reference,
)
from core.voting.sessions import code_hmac
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
    """The answer to every pair; the code was sent only where the pair can vote.

    ``address_used`` depends on the address alone, so it may be told: no vote from there is stored
    any more.
    """

    challenge: str
    expires_at: datetime
    reference: str
    address_used: bool = False


@dataclass(frozen=True, slots=True)
class TurnedBack:
    """The answer that does not depend on the pair: ``not_open`` or ``rate_limited``."""

    reason: RejectionReason
    reference: str


@dataclass(frozen=True, slots=True)
class CodesExhausted:
    """As many codes were sent as may be: nobody gets one until more are allowed."""


SignInAnswer = ChallengeIssued | TurnedBack | CodesExhausted


def sign_in_many(
    connection: Connection,
    election: Election,
    batch: Sequence[SignIn],
    *,
    now: datetime,
    tally: Tally,
    post: VotersPost,
) -> list[SignInAnswer]:
    """Answer a batch of sign-ins in the caller's transaction; codes go to ``post``."""
    primary_id = election.primary.id
    if post.is_exhausted(connection, now):
        # Before anything is looked up: the answer can't depend on whom it is given to.
        return [CodesExhausted() for _asked in batch]
    roll = {
        bytes(row["iin_digest"]): row
        for row in find_rows(
            connection,
            Voter,
            ("iin_digest", "mobile", "place_code", "status", "reason_excluded"),
            by="iin_digest",
            among=[asked.iin_digest for asked in batch],
            primary_id=primary_id,
        )
    }
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
        reasons = _reasons(asked, voter, taken, exempted, election.address_mode)
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
        pair = asked.iin_digest + asked.mobile_digest
        serving = post.serving(pair, now)
        challenge, code = secrets.token_urlsafe(18), serving or new_code()
        challenges.append(
            {
                "id": challenge,
                "primary_id": primary_id,
                "iin_digest": asked.iin_digest,
                "mobile_digest": asked.mobile_digest,
                "code_hmac": code_hmac(challenge, code),
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
                "moves_session": None,
                "idempotency_hmac": None,
            }
        )
        # The message is made for every pair, so that both cost the same; one kind is dropped.
        message = code_message(asked.mobile, code, locale=asked.locale, now=now)
        row = post.row(message, now)
        if not reasons and serving is None:
            post.add(message, row)
            post.issue(pair, code)
        answers.append(
            ChallengeIssued(
                challenge,
                now + CODE_LIFETIME,
                reference,
                address_used=RejectionReason.ADDRESS_USED in reasons,
            )
        )
    insert_rows(connection, SignInChallenge, challenges)
    return answers


def _claims(asked: SignIn) -> tuple[Key, ...]:
    return (
        (ClaimKind.IIN.value, asked.iin_digest),
        (ClaimKind.MOBILE.value, asked.mobile_digest),
        (ClaimKind.ADDRESS.value, asked.address_digest),
    )


def _reasons(
    asked: SignIn,
    voter: Mapping[str, Any] | None,
    taken: dict[Key, bytes | None],
    exempted: Sequence[ExemptionRoom],
    mode: AddressMode,
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
        elif kind == ClaimKind.ADDRESS and mode is AddressMode.ADVISORY:
            continue
        elif (kind, digest) in taken:
            reasons.append(USED[ClaimKind(kind)])
    if not asked.in_time:
        reasons.append(RejectionReason.NOT_OPEN)
    if asked.hurried:
        reasons.append(RejectionReason.RATE_LIMITED)
    return in_order(reasons)
