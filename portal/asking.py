"""What the calls of the voting API have in common: how they are asked, who asks, how they answer."""

from functools import wraps
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from core.errors import Refused
from core.settings import settings
from core.voting.addresses import Address
from core.voting.election import Election
from portal.address import address_of
from portal.guard import allowed_origins
from portal.hot import Endpoint
from portal.problems import problem
from portal.runtime import runtime_of

PREFIX: Final = "/api/v1"
_encode = msgspec.json.Encoder().encode


class Stop(Exception):
    """Ends a call with a refusal that is already an answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def call(endpoint: Endpoint) -> Endpoint:
    """``endpoint`` as it is routed: a `Stop` is its answer, a refusal of core says to come again."""

    @wraps(endpoint)
    async def called(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Stop as stop:
            return stop.answer
        except Refused:
            return problem(503, "unavailable", headers={"Retry-After": "5"})

    return called


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer that nobody keeps."""
    return Response(
        _encode(body),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


async def body_of(request: Request, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """The JSON body of a call; ends the call with 400 unless it is JSON of this shape."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Stop(problem(415, "request_malformed"))
    try:
        return decoder.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        # The shape is ours and told; the value is the voter's and never repeated.
        raise Stop(problem(400, "request_malformed", detail=str(fault)[:200])) from None


def voters_address(request: Request) -> Address:
    """Where the request comes from; ends the call with 400 when that can't be told."""
    address = address_of(request)
    if address is None:
        raise Stop(problem(400, "address_unknown"))
    return address


def election_of(request: Request) -> Election:
    """The active primary; ends the call with 404 without one."""
    election = runtime_of(request).election.get()
    if election is None:
        raise Stop(problem(404, "no_primary"))
    return election


def cookie_name() -> str:
    """The cookie of a voting session: bound to the host wherever the listener is reached by https."""
    return "__Host-voter" if settings().public_url.startswith("https://") else "voter"


def check_origin(request: Request) -> None:
    """End the call with 403 unless it comes from a page of ours: asked of what cookies authorise."""
    if request.headers.get("origin") not in allowed_origins():
        raise Stop(problem(403, "origin_refused"))


def find_token(request: Request) -> tuple[str, bool]:
    """The session's token, '' without one, and whether a cookie brought it."""
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip(), False
    return request.cookies.get(cookie_name(), ""), True


def token_of(request: Request) -> tuple[str, bool]:
    """The same; ends the call with 401 without a token."""
    token, by_cookie = find_token(request)
    if not token:
        raise Stop(problem(401, "sign_in_required", headers={"WWW-Authenticate": "Bearer"}))
    return token, by_cookie


def session_cookie(token: str, seconds: int) -> str:
    """The ``Set-Cookie`` that keeps a session for so many seconds; 0 takes it away."""
    secure = "; Secure" if settings().public_url.startswith("https://") else ""
    return f"{cookie_name()}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
