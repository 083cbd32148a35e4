"""The election key and its word shares (SLIP-39): made, read back, put together. Pure.

No error names a word, a share or a byte of a key: a refusal gives positions only, and what the
share library says in its own errors, which does quote words, is dropped.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share
from shamir_mnemonic.wordlist import WORDLIST

from core.errors import Refused
from core.keyring import fingerprint
from core.results.rules import CEREMONY_FORMAT, FEWEST_NEEDED, MOST_TRUSTEES, ResultsRefusal
from core.voting.sealing import PRIVATE_KEY_BYTES, is_public_key, new_private_scalar, public_key_of

SHARE_WORDS: Final = 33  # a SLIP-39 share of 256 bits
_FINGERPRINT_DIGITS: Final = 16
_KNOWN_WORDS: Final = frozenset(WORDLIST)


@dataclass(frozen=True, kw_only=True)
class PublicPart:
    """What everybody may know of a ceremony.

    ``public_key`` is an uncompressed P-256 point (65 bytes) to which ballots are sealed,
    ``result_key`` an Ed25519 key (32 bytes) by which a count proves that it held the private key,
    ``fingerprints`` one for each share in the order of their sheets, ``threshold`` how many open.
    """

    public_key: bytes
    result_key: bytes
    fingerprints: tuple[str, ...]
    threshold: int

    @property
    def trustees(self) -> int:
        """How many shares there are."""
        return len(self.fingerprints)

    @property
    def key_fingerprint(self) -> str:
        """16 hexadecimal digits by which people compare the public key."""
        return fingerprint(self.public_key)

    def as_json(self) -> str:
        """The file that leaves the offline machine."""
        return json.dumps(
            {
                "format": CEREMONY_FORMAT,
                "public_key": self.public_key.hex(),
                "result_key": self.result_key.hex(),
                "key_fingerprint": self.key_fingerprint,
                "fingerprints": list(self.fingerprints),
                "threshold": self.threshold,
                "trustees": self.trustees,
            },
            indent=1,
        )


@dataclass(frozen=True)
class HeldCeremony:
    """A ceremony as it ends on the offline machine; ``shares`` are words, one share a trustee."""

    public: PublicPart
    shares: tuple[str, ...] = field(repr=False)


def check_size(trustees: int, threshold: int) -> None:
    """Refuse as ``ceremony_size`` unless 2 ≤ threshold ≤ trustees ≤ 16."""
    if not FEWEST_NEEDED <= threshold <= trustees <= MOST_TRUSTEES:
        raise Refused(
            ResultsRefusal.CEREMONY_SIZE, trustees=trustees, threshold=threshold, most=MOST_TRUSTEES
        )


def hold_ceremony(trustees: int, threshold: int) -> HeldCeremony:
    """Make a key pair and share its private scalar; refused as ``ceremony_size``."""
    check_size(trustees, threshold)
    secret = new_private_scalar()
    (shares,) = generate_mnemonics(1, [(threshold, trustees)], secret)
    # Sheets are drawn in random order, so that a number on a sheet tells nothing of the share.
    secrets.SystemRandom().shuffle(shares)
    public = PublicPart(
        public_key=public_key_of(secret),
        result_key=result_signing_key(secret).public_key().public_bytes_raw(),
        fingerprints=tuple(share_fingerprint(share) for share in shares),
        threshold=threshold,
    )
    return HeldCeremony(public, tuple(shares))


def result_signing_key(secret: bytes) -> Ed25519PrivateKey:
    """The key with which whoever holds the election key signs a count; derived from the scalar."""
    seed = HKDF(SHA256(), PRIVATE_KEY_BYTES, None, b"primaries count signature").derive(secret)
    return Ed25519PrivateKey.from_private_bytes(seed)


def normalised(share: str) -> str:
    """The words of a share as they are spelled on the sheet: lower case, one space between."""
    return " ".join(share.lower().split())


def share_fingerprint(share: str) -> str:
    """16 hexadecimal digits by which a trustee knows the share; nothing of it can be found back."""
    digest = sha256(b"primaries share fingerprint " + normalised(share).encode())
    return digest.hexdigest()[:_FINGERPRINT_DIGITS]


def read_public_part(text: str | bytes) -> PublicPart:
    """The public file of a ceremony; refused as ``ceremony_file_unreadable``."""
    unreadable = Refused(ResultsRefusal.CEREMONY_FILE_UNREADABLE)
    try:
        given = json.loads(text)
        if given["format"] != CEREMONY_FORMAT:
            raise unreadable
        public = PublicPart(
            public_key=bytes.fromhex(given["public_key"]),
            result_key=bytes.fromhex(given["result_key"]),
            fingerprints=tuple(str(each) for each in given["fingerprints"]),
            threshold=int(given["threshold"]),
        )
        Ed25519PublicKey.from_public_bytes(public.result_key)
        stated = given["key_fingerprint"]
        usable = is_public_key(public.public_key)
    except (ValueError, KeyError, TypeError):
        raise unreadable from None
    check_size(public.trustees, public.threshold)
    repeated = len(set(public.fingerprints)) != public.trustees
    malformed = any(len(each) != _FINGERPRINT_DIGITS for each in public.fingerprints)
    if not usable or repeated or malformed or stated != public.key_fingerprint:
        raise unreadable
    return public


def read_share(text: str, number: int) -> str:
    """The ``number``-th share as typed, checked word by word and by its own checksum.

    Refused as ``share_incomplete`` (facts: share, words, needed), ``share_word_unknown`` (share,
    word: a position from 1) or ``share_mistyped`` (share).
    """
    words = normalised(text).split()
    for position, word in enumerate(words, start=1):
        if word not in _KNOWN_WORDS:
            raise Refused(ResultsRefusal.SHARE_WORD_UNKNOWN, share=number, word=position)
    if len(words) != SHARE_WORDS:
        raise Refused(
            ResultsRefusal.SHARE_INCOMPLETE, share=number, words=len(words), needed=SHARE_WORDS
        )
    try:
        Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        raise Refused(ResultsRefusal.SHARE_MISTYPED, share=number) from None
    return " ".join(words)


def check_share(share: str, number: int, *, public: PublicPart, before: Sequence[str]) -> str:
    """The share if it is whole, of this ceremony and not among those given ``before``.

    Refused as `read_share` does, as ``share_of_another_ceremony`` (facts: share) or
    ``share_repeated`` (share, other).
    """
    words = read_share(share, number)
    if share_fingerprint(words) not in public.fingerprints:
        raise Refused(ResultsRefusal.SHARE_OF_ANOTHER_CEREMONY, share=number)
    if words in before:
        other = before.index(words) + 1
        raise Refused(ResultsRefusal.SHARE_REPEATED, share=number, other=other)
    return words


def rebuild_key(shares: Sequence[str], *, public: PublicPart) -> bytes:
    """The private scalar (32 bytes) from at least ``threshold`` shares, proved before it is given.

    Refused as `check_share` does, as ``too_few_shares`` (facts: given, needed), or as
    ``key_differs`` when what was put together does not belong to the public key.
    """
    whole: list[str] = []
    for number, share in enumerate(shares, start=1):
        whole.append(check_share(share, number, public=public, before=whole))
    if len(whole) < public.threshold:
        raise Refused(ResultsRefusal.TOO_FEW_SHARES, given=len(whole), needed=public.threshold)
    try:
        # The library takes exactly as many shares as open the key, and no more.
        secret: bytes = combine_mnemonics(whole[: public.threshold])
        fits = len(secret) == PRIVATE_KEY_BYTES and public_key_of(secret) == public.public_key
    except (MnemonicError, ValueError):
        fits = False
    if not fits:
        raise Refused(ResultsRefusal.KEY_DIFFERS) from None
    return secret
