"""The gateways that the settings of this installation name."""

from pathlib import Path

from core.messaging.gateways import FileSms, Gateway
from core.messaging.kannel import Kannel
from core.messaging.smtp import Smtp
from core.settings import settings


def sms_gateway() -> Gateway:
    """What ``PRIMARIES_SMS_URL`` names: a Kannel, or a file that nobody but a rehearsal reads."""
    chosen = settings()
    if chosen.kannel is not None:
        return Kannel(chosen.kannel)
    return FileSms(Path(chosen.sms_url.removeprefix("file:")))


def mail_gateway() -> Gateway | None:
    """What ``PRIMARIES_SMTP_URL`` names; None where no mail goes out."""
    smtp = settings().smtp
    return Smtp(smtp) if smtp is not None else None


def mail_gateway_name() -> str | None:
    """The mail server as the health page names it; None where there is none."""
    smtp = settings().smtp
    return f"SMTP {smtp.host}:{smtp.port}" if smtp is not None else None


def sms_gateway_name() -> str:
    """The gateway as the health page names it: kind and address, never the password."""
    kannel = settings().kannel
    return "file" if kannel is None else f"Kannel {kannel.host}:{kannel.port}"
