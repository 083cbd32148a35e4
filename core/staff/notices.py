"""Telling holders of accounts that something waits, by whatever reaches them."""

from collections.abc import Callable, Collection
from datetime import datetime

from sqlmodel import Session, col, select

from core.i18n import use_locale
from core.messaging import service as messaging
from core.messaging.rules import Purpose
from core.staff.models import Account


def tell_staff(
    session: Session,
    account_ids: Collection[int],
    sentence: Callable[[], str],
    *,
    key: str,
    now: datetime,
) -> int:
    """Queue a sentence for each open account that can be reached, in its holder's language; gives
    how many that are. The same ``key`` a second time tells nobody anything.
    """
    rows = session.exec(
        select(Account)
        .where(col(Account.id).in_(account_ids), col(Account.disabled_at).is_(None))
        .order_by(col(Account.id))
    ).all()
    reached = [(row.id, row.mobile, row.locale) for row in rows if row.mobile is not None]
    for account_id, mobile, locale in reached:
        with use_locale(locale):
            text = sentence()
        messaging.queue_sms(
            session,
            to=mobile,
            text=text,
            purpose=Purpose.STAFF,
            idempotency_key=f"{key}:{account_id}",
            now=now,
        )
    return len(reached)
