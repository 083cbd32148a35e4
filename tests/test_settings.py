from pathlib import Path

import pytest

from core.settings import ClamdSettings, KannelSettings, SettingsError, read_settings

PRODUCTION = {
    "PRIMARIES_ENVIRONMENT": "production",
    "PRIMARIES_STAFF_URL": "https://staff.example.kz",
    "PRIMARIES_PUBLIC_URL": "https://vote.example.kz",
}


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


def test_production_starts_with_a_gateway_and_refuses_a_file() -> None:
    url = "kannels://us:p%40ss@sms.example.kz:14000/?from=PRIMARY&smsc=kcell&at_once=300"
    settings = read_settings({**PRODUCTION, "PRIMARIES_SMS_URL": url})
    assert settings.kannel == KannelSettings(
        host="sms.example.kz",
        port=14000,
        tls=True,
        path="/cgi-bin/sendsms",
        user="us",
        password="p@ss",
        sender="PRIMARY",
        smsc="kcell",
        at_once=300,
        reports="https://staff.example.kz",
    )
    for file in ({}, {"PRIMARIES_SMS_URL": "file:/tmp/sms.jsonl"}):
        with pytest.raises(SettingsError, match="a file reaches no voter"):
            read_settings({**PRODUCTION, **file})


def test_a_gateway_needs_no_more_than_user_password_and_host() -> None:
    settings = read_settings({"PRIMARIES_SMS_URL": "kannel://us:secret@10.0.0.5?reports=off"})
    found = settings.kannel
    assert found is not None
    assert (found.host, found.port, found.tls, found.reports) == ("10.0.0.5", 13013, False, None)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://us:secret@gateway", "must begin with file:, kannel:// or kannels://"),
        ("kannel://gateway.example", "must name user, password and host"),
        ("kannel://us@gateway.example", "must name user, password and host"),
        ("kannel://us:secret@gateway:thirteen", "can't be read"),
        ("kannel://us:secret@gateway/?sender=X", "parameters, once each: at_once, from"),
        ("kannel://us:secret@gateway/?from=A&from=B", "once each"),
        ("kannel://us:secret@gateway/?from=COMMITTEE-OF-ALL", "no network carries"),
        ("kannel://us:secret@gateway/?at_once=0", "no number from 1 to 4000"),
        ("kannel://us:secret@gateway/?reports=staff:8501", "neither off nor an address"),
        ("kannel://us:secret@gateway/?from", "can't be read"),
        ("kannel://us:secr#et@gateway/", "%23 for #"),
    ],
)
def test_what_is_wrong_with_a_gateway_is_said_without_its_password(url: str, told: str) -> None:
    with pytest.raises(SettingsError) as fault:
        read_settings({"PRIMARIES_SMS_URL": url})
    assert told in str(fault.value)
    assert "secr" not in str(fault.value)


def test_no_password_of_a_gateway_is_shown_with_the_settings() -> None:
    settings = read_settings({"PRIMARIES_SMS_URL": "kannel://us:pass%20word@gateway"})
    assert "pass" not in repr(settings).replace("password=", "")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", None),
        ("tcp://scanner.example", ClamdSettings(None, "scanner.example", 3310)),
        ("tcp://10.0.0.7:4410", ClamdSettings(None, "10.0.0.7", 4410)),
        ("unix:/run/clamav/clamd.ctl", ClamdSettings("/run/clamav/clamd.ctl")),
    ],
)
def test_a_scanner_is_a_socket_or_a_host(url: str, found: ClamdSettings | None) -> None:
    assert read_settings({"PRIMARIES_CLAMD_URL": url}).clamd == found


@pytest.mark.parametrize(
    "url",
    ["scanner", "http://scanner", "tcp://", "unix:relative", "tcp://scanner:port", "tcp://[x"],
)
def test_what_is_no_scanner_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="CLAMD_URL must be tcp://"):
        read_settings({"PRIMARIES_CLAMD_URL": url})
