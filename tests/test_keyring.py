import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import keyring
from core.errors import Refused
from core.keyring import KeyringRefusal
from core.settings import settings

pytestmark = pytest.mark.usefixtures("sqlite_database")


def test_what_is_sealed_opens_with_the_same_purpose_only() -> None:
    sealed = keyring.encrypt("complainant", "Имя".encode(), aad=b"case 1")
    assert "Имя".encode() not in sealed
    assert keyring.decrypt("complainant", sealed, aad=b"case 1").decode() == "Имя"
    for purpose, aad in (("totals", b"case 1"), ("complainant", b"case 2")):
        with pytest.raises(Refused) as refused:
            keyring.decrypt(purpose, sealed, aad=aad)
        assert refused.value.code is KeyringRefusal.SEALED_WITH_ANOTHER_KEY


def test_keys_are_readable_by_their_owner_only() -> None:
    keyring.derived_key("anything")
    keyring.create_digest_key("p1")
    keyring.signing_key()
    folder = settings().key_dir
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"secret", "digest-p1", "signing"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())


def test_a_digest_key_is_made_once_and_never_again() -> None:
    fingerprint = keyring.create_digest_key("p1")
    assert keyring.fingerprint(keyring.digest_key("p1")) == fingerprint
    with pytest.raises(Refused) as refused:
        keyring.create_digest_key("p1")
    assert refused.value.code is KeyringRefusal.DIGEST_KEY_EXISTS


def test_a_missing_digest_key_is_a_stop() -> None:
    with pytest.raises(Refused) as refused:
        keyring.digest_key("p1")
    assert refused.value.code is KeyringRefusal.DIGEST_KEY_MISSING


def test_processes_that_start_together_agree_on_the_secret() -> None:
    def derive(_turn: int) -> bytes:
        keyring.forget_cached_keys()
        return keyring.derived_key("x")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(derive, range(32)))) == 1


def test_signatures_check_with_the_public_key() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signature = keyring.signing_key().sign(b"head")
    Ed25519PublicKey.from_public_bytes(keyring.signing_public_key()).verify(signature, b"head")
