"""Sealing and opening of ballots, behind one small interface that a better scheme could replace.

HPKE (RFC 9180), base mode, one shot: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. Browsers
do the same over WebCrypto; the server only ever holds sealed ballots, opened in the count.
"""

import json
from base64 import b32decode
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SUITE: Final = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
PUBLIC_KEY_BYTES: Final = 65
PRIVATE_KEY_BYTES: Final = 32
ENC_BYTES: Final = 65
TAG_BYTES: Final = 16
TRACKER_LENGTH: Final = 26
TRACKER_BYTES: Final = 16
_TRACKER_GROUP: Final = 4
_TRACKER_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TRACKER_SPARE_BITS: Final = 5 * TRACKER_LENGTH - 8 * TRACKER_BYTES
_LETTER_PAIRS: Final = [one + two for one in _TRACKER_ALPHABET for two in _TRACKER_ALPHABET]
_PAIR_PLACES: Final = range(5 * TRACKER_LENGTH - 10, -1, -10)


class BallotFault(StrEnum):
    """Why a sealed ballot could not be read."""

    UNDECRYPTABLE = "undecryptable"
    MALFORMED = "malformed"
    WRONG_CONTEST = "wrong_contest"


class BallotInvalid(Exception):
    """A sealed ballot that can't be read; ``reason`` says why. Nothing of its content is in it."""

    def __init__(self, reason: BallotFault) -> None:
        super().__init__(str(reason))
        self.reason = reason


def info(primary_id: str, contest_id: str) -> bytes:
    """What a seal is bound to: a ballot moved to another contest or primary does not open."""
    return f"primaries/v1/{primary_id}/{contest_id}".encode()


def plaintext(contest_id: str, choices: list[str], size: int) -> bytes:
    """A ballot as bytes: canonical JSON filled with spaces to ``size``, one length a contest.

    Raises `ValueError` when the choices do not fit.
    """
    written = _canonical(contest_id, choices)
    if len(written) > size:
        raise ValueError("the choices do not fit the ballot")
    return written.ljust(size)


def _canonical(contest_id: str, choices: list[str]) -> bytes:
    # Sorted, so that the order of pressing, a mark of the voter's own, can't be carried in a ballot.
    ballot = {"choices": sorted(choices), "contest": contest_id}
    return json.dumps(ballot, ensure_ascii=False, separators=(",", ":")).encode()


def seal(
    public_key: bytes, primary_id: str, contest_id: str, choices: list[str], size: int
) -> bytes:
    """``enc ‖ ciphertext`` of one ballot for the holder of ``public_key`` (uncompressed point)."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    return SUITE.encrypt(
        plaintext(contest_id, choices, size), key, info=info(primary_id, contest_id)
    )


def sealed_length(size: int) -> int:
    """Bytes of every sealed ballot of a contest whose plaintexts have ``size`` bytes."""
    return ENC_BYTES + size + TAG_BYTES


def open_ballot(
    private_scalar: bytes, primary_id: str, contest_id: str, sealed: bytes
) -> list[str]:
    """The choices of a sealed ballot, sorted; raises `BallotInvalid`.

    Whether the choices are candidates of the contest, and not too many, is for the count to say.
    """
    return opener(private_scalar, primary_id, contest_id)(sealed)


def opener(private_scalar: bytes, primary_id: str, contest_id: str) -> Callable[[bytes], list[str]]:
    """`open_ballot` for many ballots of one contest: loading the key costs half an opening."""
    key, bound_to = _private_key(private_scalar), info(primary_id, contest_id)

    def open_one(sealed: bytes) -> list[str]:
        try:
            opened = SUITE.decrypt(sealed, key, info=bound_to)
        except (InvalidTag, ValueError):
            raise BallotInvalid(BallotFault.UNDECRYPTABLE) from None
        return _choices(opened, contest_id)

    return open_one


def _choices(opened: bytes, contest_id: str) -> list[str]:
    written = opened.rstrip(b" ")
    try:
        ballot = json.loads(written)
    except (ValueError, RecursionError):
        raise BallotInvalid(BallotFault.MALFORMED) from None
    match ballot:
        case {"choices": [*choices], "contest": str(contest), **rest} if not rest:
            pass
        case _:
            raise BallotInvalid(BallotFault.MALFORMED)
    if not all(isinstance(choice, str) for choice in choices):
        raise BallotInvalid(BallotFault.MALFORMED)
    if contest != contest_id:
        raise BallotInvalid(BallotFault.WRONG_CONTEST)
    # One way to write a ballot: other spellings could carry a mark by which a voter proves a vote.
    try:
        canonical = _canonical(contest, choices)
    except UnicodeEncodeError:
        raise BallotInvalid(BallotFault.MALFORMED) from None
    if written != canonical:
        raise BallotInvalid(BallotFault.MALFORMED)
    return list(choices)


def _private_key(scalar: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(scalar), ec.SECP256R1())


def new_private_scalar() -> bytes:
    """The 32 bytes of a fresh private key, drawn uniformly."""
    return ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32)


def public_key_of(private_scalar: bytes) -> bytes:
    """The uncompressed point (65 bytes) that belongs to a private scalar of 32 bytes."""
    public = _private_key(private_scalar).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def is_public_key(point: bytes) -> bool:
    """Whether ``point`` is an uncompressed point of the curve, 65 bytes."""
    if len(point) != PUBLIC_KEY_BYTES:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return False
    return True


def tracker(sealed: bytes) -> str:
    """The voter's receipt for a sealed ballot: 26 letters and digits, 128 bits of its SHA-256."""
    return tracker_of(sha256(sealed).digest())


def tracker_of(digest: bytes) -> str:
    """The tracker of a sealed ballot with this SHA-256: base32 without padding.

    Two letters at a time: three ballots a vote make the library's loop worth avoiding.
    """
    bits = int.from_bytes(digest[:TRACKER_BYTES]) << _TRACKER_SPARE_BITS
    return "".join([_LETTER_PAIRS[bits >> place & 1023] for place in _PAIR_PLACES])


def digest_start(tracker: str) -> bytes | None:
    """The 16 bytes with which the SHA-256 of a tracker's ballot begins; None if it is none of ours.

    26 letters hold 130 bits: of the spellings that differ in the last two only one is a tracker.
    """
    start = b32decode(tracker + "=" * (-len(tracker) % 8))[:TRACKER_BYTES]
    return start if tracker_of(start) == tracker else None


def group_tracker(tracker: str) -> str:
    """A tracker in groups of four, as people read and compare it."""
    starts = range(0, len(tracker), _TRACKER_GROUP)
    return " ".join(tracker[start : start + _TRACKER_GROUP] for start in starts)


def parse_tracker(typed: str) -> str | None:
    """The tracker that somebody typed or pasted, whatever its grouping; None if it can't be one.

    The alphabet has no 0, 1 or 8: they are read as the letters they are mistaken for.
    """
    kept = "".join(c for c in typed.upper() if c.isalnum()).translate(str.maketrans("018", "OIB"))
    if len(kept) != TRACKER_LENGTH or not set(_TRACKER_ALPHABET).issuperset(kept):
        return None
    return kept
