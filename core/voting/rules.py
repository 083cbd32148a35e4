"""What a rejection is, how long things last, and who wins when casts meet. Pure."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

CODE_DIGITS: Final = 6
CODE_LIFETIME: Final = timedelta(minutes=5)
CODE_TRIES: Final = 5
SESSION_LIFETIME: Final = timedelta(minutes=15)
SESSION_MOVES: Final = 2
"""How often a session may be moved to another address, each time with a code of its own."""
BUCKET: Final = timedelta(minutes=10)
"""The width of the counters' time buckets."""

_REFERENCE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE_LENGTH: Final = 10
_MISHEARD: Final = str.maketrans("OILАВСЕНКМРТХЗОУ", "011ABCEHKMPTX30Y")


class RejectionReason(StrEnum):
    """Why somebody could not sign in or vote; a rejection holds every one that applies."""

    NOT_ON_ROLL = "not_on_roll"
    ADMITTED_AFTER_CUTOFF = "admitted_after_cutoff"
    SUSPENDED = "suspended"
    MOBILE_MISMATCH = "mobile_mismatch"
    IIN_USED = "iin_used"
    MOBILE_USED = "mobile_used"
    ADDRESS_USED = "address_used"
    ADDRESS_CHANGED = "address_changed"
    CODE_FAILED = "code_failed"
    RATE_LIMITED = "rate_limited"
    NOT_OPEN = "not_open"


class RejectionStage(StrEnum):
    """At which step a rejection happened."""

    SIGN_IN = "sign_in"
    CODE = "code"
    CAST = "cast"


class Channel(StrEnum):
    """How a claim was made; paper comes from polling places."""

    ONLINE = "online"
    PAPER = "paper"
    PAPER_LIST = "paper_list"


class ClaimKind(StrEnum):
    """What may be used by one vote only."""

    ADDRESS = "address"
    IIN = "iin"
    MOBILE = "mobile"


USED: Final[Mapping[ClaimKind, RejectionReason]] = {
    ClaimKind.IIN: RejectionReason.IIN_USED,
    ClaimKind.MOBILE: RejectionReason.MOBILE_USED,
    ClaimKind.ADDRESS: RejectionReason.ADDRESS_USED,
}


class ExemptionKind(StrEnum):
    """Why an address may be used by several voters."""

    TERMINAL = "terminal"
    SHARED_NETWORK = "shared_network"


class AddressMode(StrEnum):
    """What one vote an address means: a clash is refused, or only recorded."""

    STRICT = "strict"
    ADVISORY = "advisory"


class VotingRefusal(StrEnum):
    """Why an act of staff, or the start of a process, was refused."""

    DIGEST_KEY_DIFFERS = "digest_key_differs"
    NO_ACTIVE_PRIMARY = "no_active_primary"
    DATABASE_UNAVAILABLE = "database_unavailable"
    NETWORK_MALFORMED = "network_malformed"
    NETWORK_TOO_WIDE = "network_too_wide"
    CAP_OUT_OF_RANGE = "cap_out_of_range"
    PERIOD_EMPTY = "period_empty"
    REASON_MISSING = "reason_missing"
    DOCUMENT_MISSING = "document_missing"
    HOLDER_MISSING = "holder_missing"
    PLACE_MISSING = "place_missing"
    KIND_UNKNOWN = "kind_unknown"
    MOMENT_MALFORMED = "moment_malformed"
    PERIOD_OVER = "period_over"
    ADDRESS_IN_TEXT = "address_in_text"
    NETWORK_REPEATED = "network_repeated"
    TOO_MANY_EXEMPTIONS = "too_many_exemptions"
    EXEMPTION_UNKNOWN = "exemption_unknown"
    EXEMPTION_OVER = "exemption_over"
    NO_TIMELINE = "no_timeline"
    VOTING_NOT_OPEN = "voting_not_open"
    POLICY_FIXED = "policy_fixed"
    POLICY_NOT_SIGNED = "policy_not_signed"
    MODE_UNCHANGED = "mode_unchanged"
    EXPECTATION_OUT_OF_RANGE = "expectation_out_of_range"
    EXEMPT_ABOVE_CAPS = "exempt_above_caps"
    REFERENCE_UNKNOWN = "reference_unknown"
    REFERENCE_OVER = "reference_over"
    CALL_NOT_CONFIRMED = "call_not_confirmed"
    BALLOTS_NOT_REWRITTEN = "ballots_not_rewritten"


def new_reference() -> str:
    """A code of ten characters that a voter reads to the hotline: ``7KQ4M-2XJ9P``."""
    drawn = int.from_bytes(secrets.token_bytes(7)) >> 6
    spelled = "".join(_REFERENCE_ALPHABET[drawn >> 5 * place & 31] for place in range(10))
    return f"{spelled[:5]}-{spelled[5:]}"


def parse_reference(heard: str) -> str | None:
    """The reference as it is stored, from what an operator typed; None if it can't be one.

    The alphabet has no I, L, O or U; those, and Cyrillic letters of the same shape, are read as
    what they look like.
    """
    letters = heard.upper().translate(_MISHEARD)
    kept = "".join(letter for letter in letters if letter.isalnum())
    if len(kept) != _REFERENCE_LENGTH or any(c not in _REFERENCE_ALPHABET for c in kept):
        return None
    return f"{kept[:5]}-{kept[5:]}"


def new_code() -> str:
    """A one-time code: six digits, each equally likely."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def bucket_start(instant: datetime) -> datetime:
    """The start of the ten minutes in which ``instant`` lies."""
    seconds = int(instant.timestamp())
    width = int(BUCKET.total_seconds())
    return datetime.fromtimestamp(seconds - seconds % width, UTC)


def hour_start(instant: datetime) -> datetime:
    """The start of the hour (UTC) in which ``instant`` lies: how exemptions count."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


Key = tuple[str, bytes]
"""What one vote uses up: (kind, digest); kind ``ballot`` stands for the SHA-256 of a sealed one."""

BALLOT_KEY: Final = "ballot"


@dataclass(frozen=True, slots=True)
class Contender:
    """One cast as the decision sees it: what it claims, what it seals, how it may repeat.

    ``claims`` begins with the IIN, and has no address when ``exemption`` names the exemption that
    the address lies in. ``wish`` is a key that is claimed if it is free, and loses nothing if it
    is not: the address while its rule is advisory.
    """

    claims: tuple[Key, ...]
    ballots: tuple[Key, ...]
    idempotency: bytes
    exemption: int | None = None
    wish: Key | None = None

    @property
    def iin_key(self) -> Key:
        """The claim with which the idempotency mark is stored."""
        return self.claims[0]


Verdict = Literal["won", "lost", "repeat", "sealed_repeated"]
"""What became of one cast in its batch; whether a repeat brought the same ballots, comes after."""


@dataclass(slots=True)
class Resolution:
    """The verdict over a batch, by position, and the reasons of those who lost."""

    verdicts: list[Verdict]
    reasons: dict[int, tuple[RejectionReason, ...]] = field(default_factory=dict)
    clashes: set[int] = field(default_factory=set)
    """Positions of those who won without what they wished for."""

    def won(self) -> list[int]:
        """Positions of the casts that may be stored, in order of arrival."""
        return [i for i, verdict in enumerate(self.verdicts) if verdict == "won"]


def resolve(
    batch: Sequence[Contender],
    taken: Mapping[Key, bytes | None],
    room: Mapping[int, int],
) -> Resolution:
    """Decide a batch in order of arrival, as if each cast had been made alone.

    ``taken`` maps keys that stored votes hold to the idempotency mark beside them (None where
    there is none); ``room`` tells how many more voters each exemption admits. Whoever loses one
    key keeps none, so nobody is refused for a key that no vote holds; a loser gets every reason.
    """
    held: dict[Key, bytes | None] = dict(taken)
    left = dict(room)
    outcome = Resolution([])
    for position, cast in enumerate(batch):
        mark = held.get(cast.iin_key)
        if mark is not None and secrets.compare_digest(mark, cast.idempotency):
            outcome.verdicts.append("repeat")
            continue
        lost = [USED[ClaimKind(key[0])] for key in cast.claims if key in held]
        if cast.exemption is not None and left.get(cast.exemption, 0) <= 0:
            lost.append(RejectionReason.ADDRESS_USED)
        if lost:
            outcome.verdicts.append("lost")
            outcome.reasons[position] = in_order(lost)
            continue
        if any(key in held for key in cast.ballots) or len(set(cast.ballots)) < len(cast.ballots):
            outcome.verdicts.append("sealed_repeated")
            continue
        if cast.wish in held:
            outcome.clashes.add(position)
        elif cast.wish is not None:
            held[cast.wish] = None
        held.update(dict.fromkeys(cast.claims, cast.idempotency))
        held.update(dict.fromkeys(cast.ballots))
        if cast.exemption is not None:
            left[cast.exemption] -= 1
        outcome.verdicts.append("won")
    return outcome


def in_order(reasons: Iterable[RejectionReason]) -> tuple[RejectionReason, ...]:
    """Reasons once each, in the order of the enum: what is stored, shown and compared."""
    given = frozenset(reasons)
    return tuple(reason for reason in RejectionReason if reason in given)


class Advice(StrEnum):
    """What an operator may tell a caller who is not identified yet.

    Nothing here says whether an IIN is on the roll or has voted: whatever depends on that gets
    `CALL_BACK`, and its reasons appear only after a call to the roll's own number.
    """

    CALL_BACK = "call_back"
    OTHER_NETWORK = "other_network"
    SIGN_IN_AGAIN = "sign_in_again"
    WAIT = "wait"
    OPENING_HOURS = "opening_hours"


class CodeFate(StrEnum):
    """What became of a code that was sent."""

    OPEN = "open"
    USED = "used"
    UNUSED = "unused"


_HARMLESS: Final[Mapping[RejectionReason, Advice]] = {
    RejectionReason.ADDRESS_USED: Advice.OTHER_NETWORK,
    RejectionReason.ADDRESS_CHANGED: Advice.SIGN_IN_AGAIN,
    RejectionReason.CODE_FAILED: Advice.SIGN_IN_AGAIN,
    RejectionReason.RATE_LIMITED: Advice.WAIT,
    RejectionReason.NOT_OPEN: Advice.OPENING_HOURS,
}


_SAID_OPENLY: Final = frozenset({RejectionReason.NOT_OPEN, RejectionReason.RATE_LIMITED})
"""Reasons with which a sign-in is answered whatever the pair."""


def advice(stage: RejectionStage, reasons: Iterable[RejectionReason]) -> tuple[Advice, ...]:
    """What to advise for these reasons (none: a code was sent), in the order of the enum.

    At the sign-in nothing may depend on whether the pair was right, and a code that was sent must
    sound like one that was not: whoever was not turned back openly is called back, and hears of the
    address beside it, which is used or not whatever the pair.
    """
    found = frozenset(reasons)
    given = {_HARMLESS.get(reason, Advice.CALL_BACK) for reason in found}
    if stage is RejectionStage.SIGN_IN:
        openly = {_HARMLESS[reason] for reason in found & _SAID_OPENLY}
        elsewhere = {Advice.OTHER_NETWORK} if RejectionReason.ADDRESS_USED in found else set()
        given = openly or {Advice.CALL_BACK, *elsewhere}
    return tuple(each for each in Advice if each in given)
