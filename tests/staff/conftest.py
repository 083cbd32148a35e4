"""What tests of accounts share: fast hashes, and a minute in which nothing has happened yet."""

from datetime import UTC, datetime

import pytest

from core.staff import passwords

NOW = datetime(2020, 9, 10, 6, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fast_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "ROUNDS", 4)
    passwords.nobodys_hash.cache_clear()
