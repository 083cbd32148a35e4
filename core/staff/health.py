"""How the installation is: database, outbox, schedule, disk, keys."""

import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, text
from sqlmodel import Session

from core.audit import queries as audit
from core.database import is_sqlite
from core.messaging import queries as messaging
from core.messaging.allowance import Spending, spending
from core.messaging.chosen import mail_gateway_name, sms_gateway_name
from core.messaging.queries import GatewayHealth
from core.messaging.rules import GatewayKind
from core.settings import settings
from core.staff import queries


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the health page shows. Sizes are bytes."""

    engine: str
    database_bytes: int
    revision: str | None
    disk_free_bytes: int
    disk_bytes: int
    gateways: tuple[GatewayHealth, ...]
    gateway_names: Mapping[GatewayKind, str]
    codes: Spending
    signed_day: str | None
    live_sessions: int
    keys_are_private: bool
    environment: str


def health(session: Session, *, now: datetime) -> Health:
    """The state of the installation at this moment."""
    disk = shutil.disk_usage(settings().data_dir)
    mail = mail_gateway_name()
    names = {GatewayKind.SMS: sms_gateway_name()} | ({GatewayKind.MAIL: mail} if mail else {})
    signed = audit.signed_heads(session, limit=1)
    return Health(
        engine=_engine(session),
        database_bytes=_size(session),
        revision=session.execute(text("SELECT version_num FROM alembic_version")).scalar(),
        disk_free_bytes=disk.free,
        disk_bytes=disk.total,
        gateways=messaging.gateway_health(session, names, now=now),
        gateway_names=names,
        codes=spending(session, now=now),
        signed_day=signed[0].day if signed else None,
        live_sessions=queries.live_session_count(session, now=now),
        keys_are_private=_is_private(settings().key_dir),
        environment=settings().environment,
    )


def _engine(session: Session) -> str:
    statement = "SELECT sqlite_version()" if is_sqlite(session) else "SHOW server_version"
    name = "SQLite" if is_sqlite(session) else "PostgreSQL"
    return f"{name} {session.execute(text(statement)).scalar()}"


def _size(session: Session) -> int:
    if not is_sqlite(session):
        return int(
            session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        )
    path = Path(make_url(settings().database_url).database or "")
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))
    return sum(file.stat().st_size for file in files if file.exists())


def _is_private(folder: Path) -> bool:
    """Whether nobody but the owner may look into the keyring."""
    if not folder.exists():
        return True
    everything = (folder, *folder.iterdir())
    return not any(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) for path in everything)
