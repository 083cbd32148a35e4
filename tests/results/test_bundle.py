import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.results.bundle import canonical, is_signed_by, sign_bundle

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
RESULTS = {"primary": {"id": "autumn-2020"}, "contests": [{"title": "Қазақ", "votes": 12}]}


def test_canonical_json_has_one_spelling():
    assert canonical({"b": 1, "a": ["Ә"]}) == '{"a":["Ә"],"b":1}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


def test_a_bundle_is_signed_and_the_same_every_time():
    bundle = sign_bundle(RESULTS, KEY)
    assert bundle == sign_bundle(json.loads(canonical(RESULTS)), KEY)
    assert is_signed_by(bundle, PUBLIC)


def test_an_altered_bundle_or_another_key_is_noticed():
    bundle = sign_bundle(RESULTS, KEY)
    assert not is_signed_by(bundle.replace(b'"votes":12', b'"votes":13'), PUBLIC)
    assert not is_signed_by(bundle + b" ", PUBLIC)
    assert not is_signed_by(bundle, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    for broken in (b"", b"{}", b"[]", b"\xff"):
        assert not is_signed_by(broken, PUBLIC)
