"""Refusals of the public API as ``application/problem+json`` (RFC 9457)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

from core.i18n import _

TITLES: Final[Mapping[str, Callable[[], str]]] = {
    "address_changed": lambda: _(
        "Your network has changed. A new code has been sent to your number."
    ),
    "address_used": lambda: _(
        "Another voter is voting from this network. Use another one, or wait."
    ),
    "address_unknown": lambda: _("The address of this request can't be told."),
    "ballots_incomplete": lambda: _("Send exactly one sealed ballot for each of your contests."),
    "body_too_large": lambda: _("The request is too large."),
    "challenge_over": lambda: _("This sign-in is over. Begin it again."),
    "code_failed": lambda: _("The code was wrong too often. Begin the sign-in again."),
    "code_wrong": lambda: _("The code is wrong."),
    "codes_exhausted": lambda: _(
        "No codes can be sent at this moment: far more were asked for than voters need. The"
        " committee has been told. Your vote is not lost: try again in a quarter of an hour."
    ),
    "host_unknown": lambda: _("This host is not served here."),
    "idempotency_key_missing": lambda: _("Send an Idempotency-Key of 16 to 128 characters."),
    "idempotency_mismatch": lambda: _(
        "Your vote is stored already, with other ballots than these."
    ),
    "iin_malformed": lambda: _("An IIN has 12 digits; check them."),
    "mobile_malformed": lambda: _("This is no mobile number of Kazakhstan; check it."),
    "no_primary": lambda: _("No primary is being held here at present."),
    "not_found": lambda: _("There is nothing here."),
    "method_not_allowed": lambda: _("This can't be done here."),
    "not_open": lambda: _("Voting is not open."),
    "origin_refused": lambda: _("This request comes from another site."),
    "rate_limited": lambda: _("Too many tries. Wait a little."),
    "request_malformed": lambda: _("The request can't be read."),
    "sealed_ballot_repeated": lambda: _(
        "Such a sealed ballot is stored already. Seal yours again."
    ),
    "sign_in_again": lambda: _("Sign in again: the session is over, or your network has changed."),
    "sign_in_required": lambda: _("Sign in first."),
    "tracker_unknown": lambda: _("No ballot with this tracker is stored."),
    "unavailable": lambda: _("This does not work at the moment. Try again."),
    "waiting": lambda: _(
        "Very many people are here at this moment. Your place is kept: come back at the time given."
    ),
    "vote_rejected": lambda: _("The vote was not accepted."),
}
"""The sentence of each code of the voting API; other faces give theirs as ``title``."""

_encode = msgspec.json.Encoder().encode


def problem(
    status: int,
    code: str,
    *,
    title: str | None = None,
    reasons: Sequence[str] = (),
    reference: str | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """A refusal: HTTP status, machine code, a sentence in the request's language.

    ``reasons`` are the codes of a rejection, ``reference`` is what the voter reads to the hotline.
    """
    body: dict[str, Any] = {
        "type": f"urn:primaries:problem:{code}",
        "title": title or TITLES[code](),
        "status": status,
        "code": str(code),
    }
    if reasons:
        body["reasons"] = [str(reason) for reason in reasons]
    if reference is not None:
        body["reference"] = reference
    return Response(
        _encode(body | extra),
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
