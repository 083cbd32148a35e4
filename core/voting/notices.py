"""What voters are told by SMS. In Russian and Kazakh 70 characters fit into one: a test counts."""

from datetime import datetime

from core.i18n import _, use_locale
from core.messaging.post import Outgoing, sms
from core.messaging.rules import Purpose
from core.voting.rules import CODE_LIFETIME


def code_message(mobile: str, code: str, *, locale: str, now: datetime) -> Outgoing:
    """The SMS that carries a code to the voter's number (E.164)."""
    with use_locale(locale):
        text = _(
            "{code} is your code for voting. Nobody from the committee ever asks you for it.",
            code=code,
        )
    return sms(
        to=mobile,
        text=text,
        purpose=Purpose.ONE_TIME_CODE,
        now=now,
        expires_at=now + CODE_LIFETIME,
    )


def cast_message(mobile: str, *, hotline: str, locale: str, now: datetime) -> Outgoing:
    """The SMS after a cast to the roll's number: that there was one, and whom to call.

    It says nothing about the ballot. ``hotline`` is the primary's own, empty if it names none.
    """
    with use_locale(locale):
        if hotline:
            text = _(
                "A vote was cast with your IIN. If it was not you, call {hotline}", hotline=hotline
            )
        else:
            text = _("A vote was cast with your IIN. If it was not you, tell the committee.")
    return sms(to=mobile, text=text, purpose=Purpose.VOTE_CAST, now=now)
