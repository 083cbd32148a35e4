"""Canonical JSON, and the signature under what is published. Pure."""

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.keyring import fingerprint

_SIGNED_AS: Final = b"primaries results bundle\n"


def canonical(value: object) -> bytes:
    """The one spelling of ``value``: sorted keys, no spaces, UTF-8; ``ValueError`` for NaN."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(data).hexdigest()


def sign_bundle(results: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The published document: ``{"results", "signature"}`` in canonical JSON.

    The Ed25519 signature covers a line that names its purpose and the canonical bytes of
    ``results``, so that it can't be taken for a signature under anything else.
    """
    signed = canonical(results)
    public = key.public_key().public_bytes_raw()
    return canonical(
        {
            "results": results,
            "signature": {
                "algorithm": "Ed25519",
                "digest": digest(signed),
                "key_fingerprint": fingerprint(public),
                "public_key": b64encode(public).decode(),
                "value": b64encode(key.sign(_SIGNED_AS + signed)).decode(),
            },
        }
    )


def is_signed_by(bundle: bytes, public_key: bytes) -> bool:
    """Whether ``bundle`` is canonical and signed by the holder of ``public_key`` (32 bytes)."""
    try:
        document = json.loads(bundle)
        signed = canonical(document["results"])
        value = b64decode(document["signature"]["value"], validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(value, _SIGNED_AS + signed)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return False
    return canonical(document) == bundle and document["signature"]["digest"] == digest(signed)
