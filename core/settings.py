"""Everything an installation may set, read from ``PRIMARIES_*`` once.

Facts of an election (dates, candidates, the hotline's number) are audited rows, never settings.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "PRIMARIES_"
KANNEL_PORT: Final = 13013
CLAMD_PORT: Final = 3310
SMTP_PORTS: Final = {"smtps": 465, "smtp": 587}
IMAP_PORTS: Final = {"imaps": 993, "imap": 143}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_KANNEL_PARAMETERS: Final = frozenset({"from", "smsc", "at_once", "reports"})
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_SENDER: Final = re.compile(r"[A-Za-z0-9 ._&-]{1,11}|\+?[0-9]{1,15}")


class SettingsError(Exception):
    """The settings can't be used; the message lists every fault at once, one a line."""


@dataclass(frozen=True, kw_only=True)
class KannelSettings:
    """How to reach the ``sendsms`` interface of a Kannel gateway.

    ``sender`` is what phones show, ``smsc`` the route to use (both empty: the gateway's own),
    ``at_once`` how many requests may wait for it, ``reports`` where it reports deliveries to
    (without the path; None: nowhere).
    """

    host: str
    port: int
    tls: bool
    path: str
    user: str
    password: str = field(repr=False)
    sender: str = ""
    smsc: str = ""
    at_once: int
    reports: str | None


@dataclass(frozen=True)
class ClamdSettings:
    """Where ClamAV's daemon listens: a Unix socket's ``path``, or ``host`` and ``port``."""

    path: str | None
    host: str = ""
    port: int = CLAMD_PORT


@dataclass(frozen=True, kw_only=True)
class SmtpSettings:
    """The server that takes our mails, and the address they are from. Without ``tls`` from the first
    byte the connection is secured by STARTTLS, unless the server is on this machine.
    """

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)
    sender: str

    @property
    def is_local(self) -> bool:
        """Whether no network lies between."""
        return self.host in _LOOPBACK


@dataclass(frozen=True, kw_only=True)
class MailboxSettings:
    """A mailbox to fetch from. Without ``tls`` from the first byte the connection is secured by
    STARTTLS, unless the server is on this machine.
    """

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)
    folder: str

    @property
    def name(self) -> str:
        """How screens and logs call it."""
        return f"{self.user}@{self.host}/{self.folder}"

    @property
    def is_local(self) -> bool:
        """Whether no network lies between."""
        return self.host in _LOOPBACK


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
    public_workers: int
    staff_url: str
    public_url: str
    trusted_proxies: tuple[str, ...]
    time_zone: str
    writer: Literal["thread", "process"]
    sms_url: str = field(repr=False)
    kannel: KannelSettings | None
    """The gateway that ``sms_url`` names, unless that is a file."""
    clamd: ClamdSettings | None
    """What looks evidence through for malware; None: nothing does."""
    smtp: SmtpSettings | None = None
    """What sends our mails; None: none are sent."""
    mailboxes: tuple[MailboxSettings, ...] = ()
    """Where complaints come by mail."""

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
    workers = text("PUBLIC_WORKERS", "1")
    if not (workers.isascii() and workers.isdigit() and 1 <= int(workers) <= 64):
        faults.append(f"{PREFIX}PUBLIC_WORKERS must be a number from 1 to 64")
        workers = "1"
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
    staff_url = text("STAFF_URL", f"http://{named}:{port}").rstrip("/")
    sms_url = text("SMS_URL", f"file:{data_dir / 'outbox' / 'sms.jsonl'}")
    settings = Settings(
        environment="production" if environment == "production" else "development",
        data_dir=data_dir,
        key_dir=Path(text("KEY_DIR", str(data_dir / "keys"))).absolute(),
        database_url=text("DATABASE_URL", f"sqlite:///{data_dir / 'primaries.sqlite'}"),
        host=host,
        port=port,
        public_port=public_port,
        public_workers=int(workers),
        staff_url=staff_url,
        public_url=text("PUBLIC_URL", f"http://{named}:{public_port}").rstrip("/"),
        trusted_proxies=proxies,
        time_zone=zone,
        writer="process" if writer == "process" else "thread",
        sms_url=sms_url,
        kannel=None if sms_url.startswith("file:") else _kannel(sms_url, staff_url, faults),
        clamd=_clamd(text("CLAMD_URL", ""), faults),
        smtp=_smtp(text("SMTP_URL", ""), faults),
        mailboxes=_mailboxes(text("MAILBOXES", ""), faults),
    )
    if settings.public_workers > 1 and settings.database_url.startswith("sqlite"):
        # They would only wait for each other: SQLite has one writer at a time.
        faults.append(f"{PREFIX}PUBLIC_WORKERS above 1 needs PostgreSQL")
    if port == public_port:
        faults.append(f"{PREFIX}PORT and {PREFIX}PUBLIC_PORT must differ: two listeners")
    if settings.is_production:
        faults += _production_faults(settings)
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _clamd(url: str, faults: list[str]) -> ClamdSettings | None:
    """The daemon of ``tcp://host:3310`` or ``unix:/path``; none where nothing is set."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return ClamdSettings(parts.path)
    if parts.scheme == "tcp" and parts.hostname:
        return ClamdSettings(None, parts.hostname, port or CLAMD_PORT)
    faults.append(f"{PREFIX}CLAMD_URL must be tcp://host:3310 or unix:/path/of/the/socket")
    return None


def _smtp(url: str, faults: list[str]) -> SmtpSettings | None:
    """The server of ``smtps://user:password@host:465/?from=address``; none where nothing is set.

    The fault does not repeat the URL: there is a password in it.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or SMTP_PORTS.get(parts.scheme, 0)
        sender = parse_qs(parts.query).get("from", [""])[0]
    except ValueError:
        parts, port, sender = urlsplit(""), 0, ""
    if not (port and parts.hostname and _ADDRESS.fullmatch(sender)):
        faults.append(
            f"{PREFIX}SMTP_URL must be smtps://user:password@host:465/?from=committee@example.kz"
            " (smtp:// for STARTTLS), in user and password %40 for @, %2F for /"
        )
        return None
    return SmtpSettings(
        host=parts.hostname,
        port=port,
        tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=sender,
    )


def _mailboxes(urls: str, faults: list[str]) -> tuple[MailboxSettings, ...]:
    """The mailboxes of ``imaps://user:password@host/FOLDER …``, with blanks between them.

    No fault repeats a URL: there is a password in it.
    """
    found = []
    for number, url in enumerate(urls.split(), start=1):
        try:
            parts = urlsplit(url)
            port = parts.port or IMAP_PORTS.get(parts.scheme, 0)
        except ValueError:
            parts, port = urlsplit(""), 0
        if not (port and parts.hostname and parts.username and parts.password):
            faults.append(
                f"{PREFIX}MAILBOXES: mailbox {number} must be imaps://user:password@host:993/INBOX"
                " (imap:// for STARTTLS), in user and password %40 for @, %2F for /"
            )
            continue
        found.append(
            MailboxSettings(
                host=parts.hostname,
                port=port,
                tls=parts.scheme == "imaps",
                user=unquote(parts.username),
                password=unquote(parts.password),
                folder=unquote(parts.path.strip("/")) or "INBOX",
            )
        )
    if len({each.name for each in found}) < len(found):
        faults.append(f"{PREFIX}MAILBOXES names one mailbox twice")
    return tuple(found)


def _kannel(url: str, staff_url: str, faults: list[str]) -> KannelSettings | None:
    """The gateway of ``kannel://user:password@host:port/?from=…``; adds what is wrong to ``faults``.

    No fault repeats the URL: there is a password in it.
    """
    name = f"{PREFIX}SMS_URL"
    try:
        parts = urlsplit(url)
        port = KANNEL_PORT if parts.port is None else parts.port
        given = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        faults.append(
            f"{name} can't be read: write kannel://user:password@host:13013/?from=NAME,"
            " in the password %40 for @, %23 for #, %2F for /"
        )
        return None
    if parts.scheme not in {"kannel", "kannels"}:
        faults.append(f"{name} must begin with file:, kannel:// or kannels:// (with TLS)")
        return None
    wrong = _kannel_faults(parts, given)
    faults += [f"{name} {fault}" for fault in wrong]
    if wrong:
        return None
    values = {key: found[0] for key, found in given.items()}
    reports = values.get("reports", staff_url).rstrip("/")
    return KannelSettings(
        host=parts.hostname or "",
        port=port,
        tls=parts.scheme == "kannels",
        path=parts.path if parts.path.strip("/") else "/cgi-bin/sendsms",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=values.get("from", ""),
        smsc=values.get("smsc", ""),
        at_once=int(values.get("at_once", "800")),
        reports=None if reports == "off" else reports,
    )


def _kannel_faults(parts: SplitResult, given: Mapping[str, list[str]]) -> list[str]:
    faults = []
    if not (parts.hostname and parts.username and parts.password):
        faults.append("must name user, password and host: kannel://user:password@host:13013/")
    if parts.fragment:
        faults.append("must not contain # (write it as %23)")
    if set(given) - _KANNEL_PARAMETERS or any(len(values) > 1 for values in given.values()):
        known = ", ".join(sorted(_KANNEL_PARAMETERS))
        faults.append(f"may have these parameters, once each: {known}")
        return faults
    sender = given.get("from", [""])[0]
    if sender and not _SENDER.fullmatch(sender):
        faults.append("has a from= that no network carries: 11 Latin letters or 15 digits at most")
    at_once = given.get("at_once", ["1"])[0]
    if not (at_once.isascii() and at_once.isdigit() and 1 <= int(at_once) <= 4000):
        faults.append("has an at_once= that is no number from 1 to 4000")
    reports = given.get("reports", ["off"])[0]
    if reports != "off" and not reports.startswith(("http://", "https://")):
        faults.append("has a reports= that is neither off nor an address of the staff listener")
    return faults


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
