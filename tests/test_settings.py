from pathlib import Path

import pytest

from core.settings import SettingsError, read_settings


def test_an_empty_environment_gives_a_development_installation_in_data() -> None:
    settings = read_settings({})
    assert settings.environment == "development"
    assert settings.database_url.endswith("data/primaries.sqlite")
    assert settings.key_dir == settings.data_dir / "keys"
    assert (settings.port, settings.public_port) == (8501, 8502)
    assert settings.time_zone == "Asia/Almaty"
    assert settings.staff_url == "http://localhost:8501"


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        read_settings(
            {
                "PRIMARIES_PORT": "eighty",
                "PRIMARIES_PUBLIC_PORT": "70000",
                "PRIMARIES_TIME_ZONE": "Mars/Olympus",
                "PRIMARIES_TRUSTED_PROXIES": "10.0.0.1, not-an-address",
                "PRIMARIES_ENVIRONMENT": "staging",
            }
        )
    for name in ("PORT", "PUBLIC_PORT", "TIME_ZONE", "TRUSTED_PROXIES", "ENVIRONMENT"):
        assert f"PRIMARIES_{name}" in str(told.value)


def test_production_refuses_what_only_a_rehearsal_may_have() -> None:
    with pytest.raises(SettingsError) as told:
        read_settings({"PRIMARIES_ENVIRONMENT": "production"})
    text = str(told.value)
    assert "SMS_URL" in text
    assert "PRIMARIES_STAFF_URL must begin with https://" in text
    assert "PRIMARIES_PUBLIC_URL must begin with https://" in text
    assert "two hosts" in text


def test_both_listeners_on_one_port_are_refused() -> None:
    with pytest.raises(SettingsError, match="must differ"):
        read_settings({"PRIMARIES_PORT": "9000", "PRIMARIES_PUBLIC_PORT": "9000"})


def test_the_keys_can_lie_apart_from_the_data(tmp_path: Path) -> None:
    settings = read_settings({"PRIMARIES_KEY_DIR": str(tmp_path / "stick")})
    assert settings.key_dir == tmp_path / "stick"
