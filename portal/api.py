"""The JSON API of the vote, under ``/api/v1``: thin; what is decided is decided in core."""

import random
import time
from base64 import b64decode, b64encode
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import clock
from core.errors import Refused
from core.i18n import current_locale
from core.membership.queries import freeze_now
from core.membership.rules import Iin, Mobile
from core.primary.digests import address_digest, iin_digest, mobile_digest
from core.primary.queries import ContestView
from core.settings import settings
from core.voting import queries
from core.voting.addresses import address_key
from core.voting.casting import (
    Accepted,
    IdempotencyMismatch,
    Rejected,
    SealedBallotRepeated,
    SignInAgain,
)
from core.voting.polling import AddressChanged, BallotsIncomplete, CastBallots, SignOut
from core.voting.rules import RejectionReason
from core.voting.sessions import read_token
from core.voting.signin import ChallengeIssued, CodesExhausted, SignIn, TurnedBack
from core.voting.solving import (
    AddressHeld,
    ChallengeOver,
    CodeFailed,
    CodeWrong,
    SessionMoved,
    SessionOpened,
    SolveCode,
)
from core.voting.votes import SealedBallot
from portal.asking import (
    PREFIX,
    Stop,
    answer,
    body_of,
    call,
    check_origin,
    election_of,
    find_token,
    session_cookie,
    token_of,
    voters_address,
)
from portal.hot import Endpoint
from portal.openapi import Call
from portal.problems import problem
from portal.runtime import query, runtime_of
from portal.shapes import (
    BallotAnswer,
    CandidateAnswer,
    CastAnswer,
    CastBody,
    CodeBody,
    ContestAnswer,
    FreezeNotice,
    Names,
    PlaceTurnoutAnswer,
    PrimaryAnswer,
    PrimaryTimeline,
    SessionAnswer,
    SignInAnswer,
    SignInBody,
    TrackerAnswer,
    TurnoutAnswer,
)
from portal.tickets import HEADER, HEADER_MEANING

TURNOUT_KEPT_SECONDS: Final = 3.0
_order = random.Random()  # noqa: S311 - an order that nobody gains from guessing


CALLS: Final = (
    Call(
        method="GET",
        path=f"{PREFIX}/primary",
        summary="The primary: dates, state, public key, admission freeze",
        answers={200: PrimaryAnswer},
        problems=(404,),
    ),
    Call(
        method="POST",
        path=f"{PREFIX}/sign-in",
        summary="Ask for a code; the answer is the same whatever the pair",
        body=SignInBody,
        answers={202: SignInAnswer},
        problems=(400, 403, 422, 429, 503),
        offered={HEADER: HEADER_MEANING},
    ),
    Call(
        method="POST",
        path=f"{PREFIX}/sign-in/{{challenge}}",
        summary="Bring the code; to move a session, with its token and the cast's Idempotency-Key",
        body=CodeBody,
        answers={200: SessionAnswer},
        problems=(400, 403, 409, 410),
    ),
    Call(
        method="POST",
        path=f"{PREFIX}/sign-out",
        summary="End the session",
        answers={204: None},
        problems=(401, 403),
        auth="session",
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/ballot",
        summary="The voter's contests, candidates in random order, and the key to seal with",
        answers={200: BallotAnswer},
        problems=(401, 403),
        auth="session",
    ),
    Call(
        method="POST",
        path=f"{PREFIX}/ballot",
        summary="Cast: every contest of the voter exactly once, sealed",
        body=CastBody,
        answers={201: CastAnswer},
        problems=(400, 401, 403, 409, 422, 503),
        auth="session",
        headers={
            "Idempotency-Key": "16 to 128 random characters; the same when a cast is repeated"
        },
    ),
    Call(
        method="GET",
        path=f"{PREFIX}/turnout",
        summary="Turnout with its denominators, by region and district",
        answers={200: TurnoutAnswer},
        problems=(404,),
    ),
)


async def primary(request: Request) -> Response:
    """``GET /primary``."""
    election = election_of(request)
    view = election.primary
    now = clock.now()
    timeline = view.timeline
    freeze = await runtime_of(request).shared("freeze", 1.0, query(freeze_now, now))
    return answer(
        200,
        PrimaryAnswer(
            id=view.id,
            name=view.name,
            names=Names(**view.names),
            timeline=timeline
            and PrimaryTimeline(
                voting_opens=timeline.voting_opens,
                voting_closes=timeline.voting_closes,
                publication=timeline.publication,
                time_zone=settings().time_zone,
            ),
            state=view.phase(now).value,
            voting_open=election.is_open(now),
            checking_open=election.is_checking(now),
            public_key=_base64(view.public_key),
            freeze=FreezeNotice(freeze.starts_at, freeze.ends_at) if freeze else None,
        ),
    )


def _base64(key: bytes | None) -> str | None:
    return None if key is None else b64encode(key).decode()


_sign_in_body = msgspec.json.Decoder(SignInBody)


async def sign_in(request: Request) -> Response:
    """``POST /sign-in``."""
    arrived_at = clock.now()
    election = election_of(request)
    asked: SignInBody = await body_of(request, _sign_in_body)
    address = voters_address(request)
    try:
        iin = Iin.parse(asked.iin)
    except Refused:
        raise Stop(problem(422, "iin_malformed")) from None
    try:
        mobile = Mobile.parse(asked.mobile)
    except Refused:
        raise Stop(problem(422, "mobile_malformed")) from None
    primary_id = election.primary.id
    who = iin_digest(primary_id, iin.digits)
    number = mobile_digest(primary_id, mobile.e164)
    where = address_digest(primary_id, address_key(address))
    runtime = runtime_of(request)
    wait = runtime.pace.wait(
        subjects=(who, number),
        address=where,
        exempt=election.is_exempt(address, arrived_at),
        now=time.monotonic(),
    )
    given = await runtime.submit_evenly(
        SignIn(
            iin_digest=who,
            mobile_digest=number,
            mobile=mobile.e164,
            address_digest=where,
            address=address,
            iin_masked=str(iin),
            mobile_masked=str(mobile),
            locale=current_locale(),
            in_time=election.is_open(arrived_at) or election.is_checking(arrived_at),
            hurried=wait > 0,
        )
    )
    match given:
        case ChallengeIssued(challenge, expires_at, reference, address_used):
            reasons = [RejectionReason.ADDRESS_USED.value] if address_used else []
            return answer(202, SignInAnswer(challenge, expires_at, reference, reasons))
        case TurnedBack(RejectionReason.RATE_LIMITED, reference):
            return problem(
                429,
                "rate_limited",
                reasons=[RejectionReason.RATE_LIMITED],
                reference=reference,
                headers={"Retry-After": str(max(1, round(wait + 0.5)))},
            )
        case TurnedBack(reason, reference):
            return problem(403, "not_open", reasons=[reason], reference=reference)
        case CodesExhausted():
            return codes_exhausted()
    raise AssertionError(given)


def codes_exhausted() -> Response:
    """The same for everybody: whether the pair could vote was not even looked up."""
    return problem(503, "codes_exhausted", headers={"Retry-After": "900"})


_code_body = msgspec.json.Decoder(CodeBody)


async def solve(request: Request) -> Response:
    """``POST /sign-in/{challenge}``."""
    election = election_of(request)
    asked: CodeBody = await body_of(request, _code_body)
    token, by_cookie = find_token(request)
    if asked.cookie or (token and by_cookie):
        check_origin(request)
    address = voters_address(request)
    given = await runtime_of(request).submit_evenly(
        SolveCode(
            challenge=request.path_params["challenge"][:64],
            code=asked.code[:16],
            address=address,
            address_digest=address_digest(election.primary.id, address_key(address)),
            token=token,
            idempotency_key=request.headers.get("idempotency-key", "")[:128],
        )
    )
    match given:
        case SessionOpened(token, expires_at):
            if not asked.cookie:
                return answer(200, SessionAnswer(expires_at, token))
            seconds = int((expires_at - clock.now()).total_seconds())
            return answer(
                200,
                SessionAnswer(expires_at),
                headers={"Set-Cookie": session_cookie(token, seconds)},
            )
        case SessionMoved(expires_at):
            return answer(200, SessionAnswer(expires_at))
        case AddressHeld(retry_at, reference):
            seconds = max(1, int((retry_at - clock.now()).total_seconds()) + 1)
            return problem(
                409,
                "address_used",
                reasons=[RejectionReason.ADDRESS_USED],
                reference=reference,
                headers={"Retry-After": str(seconds)},
                retry_at=retry_at,
            )
        case CodeWrong(tries_left):
            return problem(403, "code_wrong", tries_left=tries_left)
        case CodeFailed(reference):
            return problem(
                403, "code_failed", reasons=[RejectionReason.CODE_FAILED], reference=reference
            )
        case ChallengeOver():
            return problem(410, "challenge_over")
    raise AssertionError(given)


async def ballot(request: Request) -> Response:
    """``GET /ballot``."""
    token, _by_cookie = token_of(request)
    election = election_of(request)
    said = read_token(token)
    now = clock.now()
    if said is None or now >= said.expires_at:
        raise Stop(problem(401, "sign_in_again", headers={"WWW-Authenticate": "Bearer"}))
    key = _base64(election.primary.public_key)
    if key is None or not election.is_open(now):
        raise Stop(problem(403, "not_open", reasons=[RejectionReason.NOT_OPEN]))
    contests = []
    for contest in election.contests_of(said.place_code):
        candidates = list(_papers.candidates(contest))
        _order.shuffle(candidates)  # a first place on the list is worth votes: nobody has it
        contests.append(
            ContestAnswer(
                id=contest.id,
                title=contest.title,
                titles=Names(**contest.titles),
                max_choices=contest.max_choices,
                size=contest.size,
                candidates=candidates,
            )
        )
    return answer(200, BallotAnswer(election.primary.id, key, said.expires_at, contests))


class _Papers:
    """Candidates as the ballot shows them, made once for as long as a contest stays as it is."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[ContestView, list[CandidateAnswer]]] = {}

    def candidates(self, contest: ContestView) -> list[CandidateAnswer]:
        """Those who stand in a contest, in the order of their names."""
        known = self._made.get(contest.id)
        if known is not None and known[0] is contest:
            return known[1]
        made = [
            CandidateAnswer(
                id=candidate.id,
                name=candidate.name,
                birth_year=candidate.birth_date.year,
                nominated_by=candidate.nominated_by,
            )
            for candidate in contest.standing
        ]
        self._made[contest.id] = contest, made
        return made


_papers = _Papers()


_cast_body = msgspec.json.Decoder(CastBody)


async def cast(request: Request) -> Response:
    """``POST /ballot``."""
    arrived_at = clock.now()
    token, by_cookie = token_of(request)
    if by_cookie:
        check_origin(request)
    election = election_of(request)
    key = request.headers.get("idempotency-key", "")
    if not (16 <= len(key) <= 128 and key.isascii() and key.isprintable()):
        raise Stop(problem(400, "idempotency_key_missing"))
    asked: CastBody = await body_of(request, _cast_body)
    try:
        ballots = tuple(
            SealedBallot.of(sealed.contest, b64decode(sealed.sealed, validate=True))
            for sealed in asked.ballots
        )
    except ValueError:
        raise Stop(problem(400, "request_malformed")) from None
    address = voters_address(request)
    given = await runtime_of(request).submit(
        CastBallots(
            token=token,
            idempotency_key=key,
            ballots=ballots,
            address=address,
            address_digest=address_digest(election.primary.id, address_key(address)),
            arrived_at=arrived_at,
            locale=current_locale(),
        )
    )
    match given:
        case Accepted(trackers):
            # A shared computer must not keep the session of somebody who has voted.
            headers = {"Set-Cookie": session_cookie("", 0)} if by_cookie else None
            return answer(201, CastAnswer([TrackerAnswer(*pair) for pair in trackers]), headers)
        case Rejected((RejectionReason.NOT_OPEN,), reference):
            return problem(403, "not_open", reasons=[RejectionReason.NOT_OPEN], reference=reference)
        case Rejected(reasons, reference):
            return problem(409, "vote_rejected", reasons=reasons, reference=reference)
        case IdempotencyMismatch():
            return problem(409, "idempotency_mismatch")
        case SealedBallotRepeated():
            return problem(409, "sealed_ballot_repeated")
        case CodesExhausted():
            return codes_exhausted()
        case AddressChanged(challenge, expires_at, reference):
            return problem(
                409,
                "address_changed",
                reasons=[RejectionReason.ADDRESS_CHANGED],
                reference=reference,
                challenge=challenge,
                expires_at=expires_at,
            )
        case SignInAgain():
            return problem(401, "sign_in_again", headers={"WWW-Authenticate": "Bearer"})
        case BallotsIncomplete(expected):
            return problem(422, "ballots_incomplete", contests=list(expected))
    raise AssertionError(given)


async def sign_out(request: Request) -> Response:
    """``POST /sign-out``."""
    token, by_cookie = token_of(request)
    if by_cookie:
        check_origin(request)
    await runtime_of(request).writer.submit_async(SignOut(token))
    headers = {"Cache-Control": "no-store", "Set-Cookie": session_cookie("", 0)}
    return Response(status_code=204, headers=headers)


async def turnout(request: Request) -> Response:
    """``GET /turnout``."""
    election = election_of(request)
    counted = await runtime_of(request).shared(
        "turnout", TURNOUT_KEPT_SECONDS, query(queries.turnout, election.primary.id)
    )
    return answer(
        200,
        TurnoutAnswer(
            votes=counted.votes,
            votes_online=counted.votes_online,
            registered=counted.registered,
            on_roll=counted.on_roll,
            regions=[_place_turnout(row) for row in counted.regions],
            districts=[_place_turnout(row) for row in counted.districts],
        ),
    )


def _place_turnout(row: queries.PlaceTurnout) -> PlaceTurnoutAnswer:
    return PlaceTurnoutAnswer(
        row.place_code, row.votes, row.registered, row.on_roll, row.votes_online
    )


HOT: Final[dict[tuple[str, str], Endpoint]] = {
    ("POST", f"{PREFIX}/sign-in"): call(sign_in),
    ("POST", f"{PREFIX}/sign-in/{{challenge}}"): call(solve),
    ("GET", f"{PREFIX}/ballot"): call(ballot),
    ("POST", f"{PREFIX}/ballot"): call(cast),
}
"""What every voter asks for: `portal.hot` finds these without a router."""

routes = [
    *(Route(path, endpoint, methods=[method]) for (method, path), endpoint in HOT.items()),
    Route(f"{PREFIX}/primary", call(primary), methods=["GET"]),
    Route(f"{PREFIX}/sign-out", call(sign_out), methods=["POST"]),
    Route(f"{PREFIX}/turnout", call(turnout), methods=["GET"]),
]
