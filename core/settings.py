"""Everything an installation may set, read from ``PRIMARIES_*`` once.

Facts of an election (dates, candidates, the hotline's number) are audited rows, never settings.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "PRIMARIES_"


class SettingsError(Exception):
    """The settings can't be used; the message lists every fault at once, one a line."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. URLs are complete, ports are TCP ports, paths absolute."""

    environment: Literal["development", "production"]
    data_dir: Path
    key_dir: Path
    database_url: str
    host: str
    port: int
    public_port: int
    staff_url: str
    public_url: str
    trusted_proxies: tuple[str, ...]
    time_zone: str
    writer: Literal["thread", "process"]
    sms_url: str

    @property
    def is_production(self) -> bool:
        """Whether this installation holds a real primary."""
        return self.environment == "production"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which staff and voters read times."""
        return ZoneInfo(self.time_zone)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from ``environ``; raises `SettingsError` naming every fault found."""
    faults: list[str] = []

    def text(name: str, default: str) -> str:
        return environ.get(PREFIX + name, "").strip() or default

    def number(name: str, default: int) -> int:
        raw = text(name, str(default))
        if raw.isascii() and raw.isdigit() and 0 < int(raw) < 65536:
            return int(raw)
        faults.append(f"{PREFIX}{name} must be a port number from 1 to 65535")
        return default

    def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = text(name, default)
        if value not in allowed:
            faults.append(f"{PREFIX}{name} must be one of: {', '.join(allowed)}")
        return value

    data_dir = Path(text("DATA_DIR", str(ROOT / "data"))).absolute()
    host = text("HOST", "127.0.0.1")
    port, public_port = number("PORT", 8501), number("PUBLIC_PORT", 8502)
    named = "localhost" if host in {"0.0.0.0", "127.0.0.1", "::", "::1"} else host  # noqa: S104
    zone = text("TIME_ZONE", "Asia/Almaty")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        faults.append(f"{PREFIX}TIME_ZONE must be a zone of the tz database, such as Asia/Almaty")
    proxies = tuple(part.strip() for part in text("TRUSTED_PROXIES", "").split(",") if part.strip())
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError:
            faults.append(f"{PREFIX}TRUSTED_PROXIES must hold addresses or networks in CIDR form")
    writer = choice("WRITER", "thread", ("thread", "process"))
    environment = choice("ENVIRONMENT", "development", ("development", "production"))
    settings = Settings(
        environment="production" if environment == "production" else "development",
        data_dir=data_dir,
        key_dir=Path(text("KEY_DIR", str(data_dir / "keys"))).absolute(),
        database_url=text("DATABASE_URL", f"sqlite:///{data_dir / 'primaries.sqlite'}"),
        host=host,
        port=port,
        public_port=public_port,
        staff_url=text("STAFF_URL", f"http://{named}:{port}").rstrip("/"),
        public_url=text("PUBLIC_URL", f"http://{named}:{public_port}").rstrip("/"),
        trusted_proxies=proxies,
        time_zone=zone,
        writer="process" if writer == "process" else "thread",
        sms_url=text("SMS_URL", f"file:{data_dir / 'outbox' / 'sms.jsonl'}"),
    )
    if port == public_port:
        faults.append(f"{PREFIX}PORT and {PREFIX}PUBLIC_PORT must differ: two listeners")
    if settings.is_production:
        faults += _production_faults(settings)
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _production_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.sms_url.startswith("file:"):
        faults.append(f"{PREFIX}SMS_URL must name a gateway: a file reaches no voter")
    for name, url in (("STAFF_URL", settings.staff_url), ("PUBLIC_URL", settings.public_url)):
        if not url.startswith("https://"):
            faults.append(f"{PREFIX}{name} must begin with https://")
    if urlsplit(settings.staff_url).hostname == urlsplit(settings.public_url).hostname:
        # One host would share cookies and let a flaw of a public page reach the staff listener.
        faults.append(f"{PREFIX}STAFF_URL and {PREFIX}PUBLIC_URL must name two hosts")
    return faults


@cache
def settings() -> Settings:
    """The settings of this process (``settings.cache_clear()`` reads them anew, in tests)."""
    return read_settings(os.environ)
