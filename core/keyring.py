"""Keys that live in files beside the database, never in it, so that a stolen dump opens nothing.

``secret`` protects what the installation stores; ``digest-{primary}`` keys the digests of one
primary's voters and is destroyed alone after the appeal period; ``signing`` signs the audit head
and the results. The folder is readable by its owner only.
"""

import hmac
import os
import secrets
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Refused
from core.settings import settings

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class KeyringRefusal(StrEnum):
    """Why a key could not be used."""

    DIGEST_KEY_MISSING = "digest_key_missing"
    DIGEST_KEY_EXISTS = "digest_key_exists"
    SEALED_WITH_ANOTHER_KEY = "sealed_with_another_key"


def _folder() -> Path:
    folder = settings().key_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write_new(path: Path, key: bytes) -> None:
    """Write ``key`` so that it is whole and durable or absent; ``FileExistsError`` if present."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails when another process was first: both then use its key.
        os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _own_key(name: str) -> bytes:
    path = _folder() / name
    if not path.exists():
        with suppress(FileExistsError):
            _write_new(path, secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()


@lru_cache(maxsize=256)
def _derived(folder: Path, purpose: str) -> bytes:
    del folder  # part of the cache's key: tests and several installations have several keyrings
    return HKDF(SHA256(), KEY_BYTES, None, purpose.encode()).derive(_own_key("secret"))


def derived_key(purpose: str) -> bytes:
    """32 bytes that belong to ``purpose`` alone, derived from the installation's secret."""
    return _derived(settings().key_dir, purpose)


def hmac_digest(purpose: str, data: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) of ``data`` under the key of ``purpose``."""
    return hmac.digest(derived_key(purpose), data, sha256)


def encrypt(purpose: str, plaintext: bytes, *, aad: bytes = b"") -> bytes:
    """AES-256-GCM under the key of ``purpose``: nonce (12 bytes) and ciphertext with its tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derived_key(purpose)).encrypt(nonce, plaintext, aad)


def decrypt(purpose: str, sealed: bytes, *, aad: bytes = b"") -> bytes:
    """What `encrypt` was given; refused as ``sealed_with_another_key`` if key or ``aad`` differ."""
    try:
        cipher = AESGCM(derived_key(purpose))
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
    except InvalidTag:
        raise Refused(KeyringRefusal.SEALED_WITH_ANOTHER_KEY) from None


def fingerprint(key: bytes) -> str:
    """16 hexadecimal digits by which people and processes compare a key without showing it."""
    return sha256(b"primaries key fingerprint" + key).hexdigest()[:16]


def create_digest_key(primary_id: str) -> str:
    """Make the key of a primary's digests, once; gives its fingerprint.

    Refused as ``digest_key_exists``: a second key would let one IIN vote twice.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        _write_new(digest_key_path(primary_id), key)
    except FileExistsError:
        raise Refused(KeyringRefusal.DIGEST_KEY_EXISTS) from None
    return fingerprint(key)


def digest_key_path(primary_id: str) -> Path:
    """Where the digest key of a primary lies: what the committee backs up."""
    return _folder() / f"digest-{primary_id}"


@lru_cache(maxsize=16)
def _digest_key(folder: Path, primary_id: str) -> bytes:
    try:
        return (folder / f"digest-{primary_id}").read_bytes()
    except FileNotFoundError:
        raise Refused(KeyringRefusal.DIGEST_KEY_MISSING) from None


def digest_key(primary_id: str) -> bytes:
    """The key of a primary's digests; refused as ``digest_key_missing``, never made anew."""
    return _digest_key(settings().key_dir, primary_id)


@lru_cache(maxsize=4)
def _signing_key(folder: Path) -> Ed25519PrivateKey:
    del folder
    return Ed25519PrivateKey.from_private_bytes(_own_key("signing"))


def signing_key() -> Ed25519PrivateKey:
    """The key with which the installation signs; made at its first use."""
    return _signing_key(settings().key_dir)


def signing_public_key() -> bytes:
    """The 32 bytes with which anybody checks the installation's signatures."""
    return signing_key().public_key().public_bytes_raw()


def forget_cached_keys() -> None:
    """Read every key from its file again: after a restore, and between tests."""
    for cached in (_derived, _digest_key, _signing_key):
        cached.cache_clear()
