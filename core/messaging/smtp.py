"""Mail by SMTP: one connection a message, secured before anything is said.

A refusal for good (5xx) is not tried again; "later" (4xx) is. When the connection breaks after the
text was given, nobody knows: it is sent again under the same Message-ID, so that mail programs and
people see that it is one.
"""

import asyncio
import smtplib
import ssl
from typing import Final

from core.messaging.gateways import Line, NotTaken
from core.messaging.post import Outgoing
from core.messaging.rules import GatewayKind, SendFault
from core.settings import SmtpSettings

_CONNECT_WITHIN: Final = 15.0
_PERMANENT: Final = 500


class SmtpLine:
    """A connection that is signed in."""

    def __init__(self, connection: smtplib.SMTP, sender: str) -> None:
        self._connection = connection
        self._sender = sender

    async def send(self, message: Outgoing) -> None:
        """Give the mail over."""
        await asyncio.to_thread(self._send, message)

    def close(self) -> None:
        """Hang up unused."""
        self._connection.close()

    def _send(self, message: Outgoing) -> None:
        connection = self._connection
        try:
            connection.sendmail(self._sender, [message.to], message.text.encode())
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, _words),) = refused.recipients.values()
            raise NotTaken(_fault(code)) from None
        except smtplib.SMTPResponseException as refused:
            raise NotTaken(_fault(refused.smtp_code)) from None
        finally:
            connection.close()


class Smtp:
    """The mail server of the settings."""

    kind = GatewayKind.MAIL
    at_once = 4

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def open(self) -> Line:
        """Connect, secure and sign in; what fails here took nothing."""
        return await asyncio.to_thread(self._open)

    def _open(self) -> Line:
        chosen = self._settings
        connection: smtplib.SMTP
        try:
            if chosen.tls:
                connection = smtplib.SMTP_SSL(
                    chosen.host,
                    chosen.port,
                    timeout=_CONNECT_WITHIN,
                    context=ssl.create_default_context(),
                )
            else:
                connection = smtplib.SMTP(chosen.host, chosen.port, timeout=_CONNECT_WITHIN)
                if not chosen.is_local:
                    connection.starttls(context=ssl.create_default_context())
            if chosen.user:
                connection.login(chosen.user, chosen.password)
        except (OSError, smtplib.SMTPException):
            raise NotTaken(SendFault.NOT_REACHED) from None
        return SmtpLine(connection, chosen.sender)


def _fault(code: int) -> SendFault:
    return SendFault.REFUSED if code >= _PERMANENT else SendFault.NOT_TAKEN
