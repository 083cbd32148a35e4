"""The file in which a count travels back: sealed to the installation, signed by the election key.

Everything in it follows from the ballots and the two keys, so that a second opening on another
machine gives the same bytes. Whoever carries it reads that something was counted, and no vote.
"""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Refused
from core.keyring import derived_key
from core.results.bundle import canonical
from core.results.exportfile import CheckedExport
from core.results.papercount import adds_up
from core.results.rules import COUNT_FORMAT, ContestRules, ResultsRefusal
from core.results.shares import result_signing_key

_SIGNED_AS: Final = b"primaries count\n"
_KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)  # each key seals one message: it is derived from that very message
_PADDED_TO: Final = 4096  # bytes: the file's length must not tell the number of digits in a total


@dataclass(frozen=True)
class ResultHeader:
    """What a result says openly: which primary and export it counts, and how many ballots."""

    primary: str
    export_digest: str
    ballots: int

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "format": COUNT_FORMAT,
            "primary": self.primary,
            "export_digest": self.export_digest,
            "ballots": self.ballots,
        }


def transport_key() -> X25519PrivateKey:
    """The installation's key to which results are sealed; derived from its secret, stored nowhere."""
    return X25519PrivateKey.from_private_bytes(derived_key("results: transport of a count"))


def _hkdf(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt, info).derive(secret)


def seal_result(count: list[Any], export: CheckedExport, secret: bytes) -> bytes:
    """The result file of a count of ``export``; ``secret`` is the private scalar."""
    total = sum(export.ballots.values())
    header = ResultHeader(export.header.primary, export.digest, total).as_dict()
    plain = canonical(count)
    plain += b" " * (-len(plain) % _PADDED_TO)
    # A salt that only the holder of the scalar can compute makes the key fresh for each message
    # and the same for the same one, and can't be used to try out guesses of the totals.
    salt_key = _hkdf(secret, None, b"primaries count salt")
    salt = hmac.digest(salt_key, canonical(header) + plain, sha256)
    own = X25519PrivateKey.from_private_bytes(_hkdf(secret, salt, b"primaries count envelope"))
    shared = own.exchange(X25519PublicKey.from_public_bytes(export.header.transport_key))
    key = _hkdf(shared, salt, b"primaries count content")
    unsigned = header | {
        "envelope_key": own.public_key().public_bytes_raw().hex(),
        "salt": salt.hex(),
        "sealed": b64encode(AESGCM(key).encrypt(_NONCE, plain, canonical(header))).decode(),
    }
    signature = result_signing_key(secret).sign(_SIGNED_AS + canonical(unsigned))
    return canonical(unsigned | {"signature": signature.hex()}) + b"\n"


def read_header(data: bytes) -> tuple[ResultHeader, dict[str, Any]]:
    """The open part of a result file, and the whole; refused as ``result_damaged``."""
    try:
        given = json.loads(data)
        if given["format"] != COUNT_FORMAT or canonical(given) + b"\n" != data:
            raise Refused(ResultsRefusal.RESULT_DAMAGED)
        header = ResultHeader(
            str(given["primary"]), str(given["export_digest"]), int(given["ballots"])
        )
    except (ValueError, KeyError, TypeError):
        raise Refused(ResultsRefusal.RESULT_DAMAGED) from None
    return header, given


def open_result(header: ResultHeader, given: dict[str, Any], *, result_key: bytes) -> list[Any]:
    """The count inside a result file, in memory only.

    Refused as ``result_not_signed_by_key`` if anything in it was altered or another key counted,
    as ``result_for_another_installation`` if it is sealed to another one.
    """
    try:
        unsigned = {name: value for name, value in given.items() if name != "signature"}
        Ed25519PublicKey.from_public_bytes(result_key).verify(
            bytes.fromhex(given["signature"]), _SIGNED_AS + canonical(unsigned)
        )
        envelope = X25519PublicKey.from_public_bytes(bytes.fromhex(given["envelope_key"]))
        salt, sealed = bytes.fromhex(given["salt"]), b64decode(given["sealed"], validate=True)
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise Refused(ResultsRefusal.RESULT_NOT_SIGNED_BY_KEY) from None
    key = _hkdf(transport_key().exchange(envelope), salt, b"primaries count content")
    try:
        plain = AESGCM(key).decrypt(_NONCE, sealed, canonical(header.as_dict()))
    except InvalidTag:
        raise Refused(ResultsRefusal.RESULT_FOR_ANOTHER_INSTALLATION) from None
    count: list[Any] = json.loads(plain)
    return count


def check_count(
    count: list[Any],
    expected: dict[str, int],
    contests: Mapping[str, ContestRules],
    outlines: Mapping[str, Mapping[str, Any]],
) -> None:
    """Whether a count adds up to ``expected`` ballots by contest and the protocols of ``outlines``.

    Refused as ``result_does_not_add_up`` (facts: contest).
    """
    found = {entry["contest"]: entry for entry in count}
    for contest in sorted(expected.keys() | found.keys()):
        entry = found.get(contest)
        rules = contests.get(contest)
        if (
            entry is None
            or rules is None
            or contest not in expected
            or entry["votes"].keys() != rules.candidates
            or not _adds_up(entry, expected[contest])
            or not adds_up(entry["paper"], rules, outlines)
        ):
            raise Refused(ResultsRefusal.RESULT_DOES_NOT_ADD_UP, contest=contest)


def _adds_up(entry: dict[str, Any], ballots: int) -> bool:
    votes = dict.fromkeys(entry["votes"], 0)
    blank = valid = 0
    for choices, times in entry["opened"]:
        if times < 1 or any(candidate not in votes for candidate in choices):
            return False
        valid += times
        blank += times if not choices else 0
        for candidate in choices:
            votes[candidate] += times
    return bool(
        entry["ballots"] == ballots == valid + sum(entry["invalid"].values())
        and entry["valid"] == valid
        and entry["blank"] == blank
        and entry["votes"] == votes
    )
