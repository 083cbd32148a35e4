"""Signing in: password, second factor, a password of one's own, then a ticket for the browser.

The page keeps a `Progress` on the server between its steps; here alone it is decided what is still
missing, and a ticket is issued only when nothing is. Wrong passwords and codes must be remembered
by the lockout, so they are answers, never exceptions.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.audit.rules import Author
from core.errors import Refused
from core.settings import settings
from core.staff import lockouts, passwords, second_factor, sessions
from core.staff.models import Account, SignInTicket
from core.staff.rules import SignInStep, StaffRefusal, check_password, fold_login

TICKET_LIFE: Final = timedelta(seconds=30)
PROGRESS_LIFE: Final = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Door:
    """What a sign-in page may know before a password is checked."""

    password_hash: str
    """Of the account, or of nobody: checking takes as long either way."""
    account_id: int | None
    locked_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A sign-in under way: whose, since when, and which proofs were given."""

    account_id: int
    login: str
    since: datetime
    second_factor_given: bool = False


def door(session: Session, login: str, *, address: str | None, now: datetime) -> Door:
    """The hash to check a password against. A disabled account has no door of its own."""
    account = _account_by_login(session, login)
    open_account = account if account and account.disabled_at is None else None
    return Door(
        password_hash=open_account.password_hash if open_account else passwords.nobodys_hash(),
        account_id=open_account.id if open_account else None,
        locked_until=lockouts.locked_until(session, login=login, address=address, now=now),
    )


def note_password_wrong(
    session: Session, login: str, *, address: str | None, now: datetime
) -> datetime | None:
    """Remember a wrong password; gives the end of the lock that it began."""
    until = lockouts.note_failure(session, login=login, address=address, now=now)
    if until:
        account = _account_by_login(session, login)
        subject = f"account:{account.id}" if account else "account:unknown"
        audit.record(session, "lock_out", author=Author.public(), subject=subject)
    return until


def begin(session: Session, login: str, *, now: datetime) -> Progress:
    """The progress of whoever has just given the right password."""
    account = _account_by_login(session, login)
    if account is None or account.disabled_at:
        raise Refused(StaffRefusal.SIGN_IN_INCOMPLETE)
    if account.effective_at > now:
        raise Refused(StaffRefusal.ACCOUNT_TOO_YOUNG, until=account.effective_at)
    assert account.id is not None
    return Progress(account_id=account.id, login=account.login, since=now)


def next_step(session: Session, progress: Progress, *, now: datetime) -> SignInStep:
    """What is still missing; refused when it took too long or the account is closed meanwhile."""
    account = _account_in_progress(session, progress, now)
    needs_code = account.second_factor_required or settings().is_production
    if needs_code and account.totp_secret and not progress.second_factor_given:
        return SignInStep.SECOND_FACTOR
    if account.password_is_temporary:
        return SignInStep.NEW_PASSWORD
    if needs_code and not account.totp_secret:
        return SignInStep.ENROL
    return SignInStep.READY


def give_code(
    session: Session, progress: Progress, code: str, *, address: str | None, now: datetime
) -> Progress | datetime | None:
    """The progress after a right code; for a wrong one None, or the end of the lock it began.

    Six digits are a code of the authenticator, anything longer a recovery code.
    """
    _account_in_progress(session, progress, now)
    locked = lockouts.locked_until(session, login=progress.login, address=address, now=now)
    if locked:
        return locked
    recovering = len(code.replace(" ", "")) > 6
    accept = second_factor.accept_recovery_code if recovering else second_factor.accept_code
    if not accept(session, progress.account_id, code, now):
        return lockouts.note_failure(session, login=progress.login, address=address, now=now)
    if recovering:
        _note(session, "use_recovery_code", progress.account_id)
    return replace(progress, second_factor_given=True)


def choose_password(session: Session, progress: Progress, password: str, *, now: datetime) -> None:
    """Put the holder's own password in the place of the one given out."""
    account = _account_in_progress(session, progress, now)
    if next_step(session, progress, now=now) is not SignInStep.NEW_PASSWORD:
        raise Refused(StaffRefusal.SIGN_IN_INCOMPLETE)
    set_own_password(session, account, password.strip(), now=now)


def set_own_password(session: Session, account: Account, password: str, *, now: datetime) -> None:
    """Set a password chosen by its holder: another than before; every session ends."""
    assert account.id is not None
    check_password(password, login=account.login)
    if passwords.is_password(password, account.password_hash):
        raise Refused(StaffRefusal.PASSWORD_REPEATED)
    account.password_hash = passwords.new_password_hash(password, login=account.login)
    account.password_is_temporary = False
    session.add(account)
    session.flush()
    sessions.revoke_all(session, account.id, now=now)
    _note(session, "change_password", account.id)


def enrol(
    session: Session, progress: Progress, secret: str, code: str, *, now: datetime
) -> tuple[Progress, Sequence[str]] | None:
    """Install the second factor whose code was shown; gives the recovery codes. None: wrong code."""
    _account_in_progress(session, progress, now)
    if next_step(session, progress, now=now) is not SignInStep.ENROL:
        raise Refused(StaffRefusal.SIGN_IN_INCOMPLETE)
    if not second_factor.confirm_secret(session, progress.account_id, secret, code, now):
        return None
    codes = second_factor.renew_recovery_codes(session, progress.account_id)
    _note(session, "enrol_second_factor", progress.account_id)
    return replace(progress, second_factor_given=True), codes


def issue_ticket(session: Session, progress: Progress, *, browser: str, now: datetime) -> str:
    """A ticket for a finished sign-in, for the browser that holds this pre-sign-in cookie only."""
    if next_step(session, progress, now=now) is not SignInStep.READY or not browser:
        raise Refused(StaffRefusal.SIGN_IN_INCOMPLETE)
    lockouts.note_success(session, login=progress.login)
    return _new_ticket(session, progress.account_id, browser, now)


def issue_wall_ticket(session: Session, account_id: int, *, browser: str, now: datetime) -> str:
    """A ticket that turns a signed-in browser into a screen for looking only."""
    if not browser:
        raise Refused(StaffRefusal.SIGN_IN_INCOMPLETE)
    return _new_ticket(session, account_id, browser, now, read_only=True)


def _new_ticket(
    session: Session, account_id: int, browser: str, now: datetime, *, read_only: bool = False
) -> str:
    ticket = secrets.token_urlsafe(32)
    session.execute(delete(SignInTicket).where(col(SignInTicket.expires_at) < now - TICKET_LIFE))
    session.add(
        SignInTicket(
            ticket_hash=_hash(ticket),
            browser_hash=_hash(browser),
            account_id=account_id,
            read_only=read_only,
            expires_at=now + TICKET_LIFE,
        )
    )
    session.flush()
    return ticket


def redeem_ticket(
    session: Session, ticket: str, *, browser: str | None, old_token: str | None, now: datetime
) -> str:
    """The token for the session cookie; refused as ``ticket_refused`` unless all of it fits.

    A ticket works once, for 30 seconds, in the browser it was made for. The session of the cookie
    that the browser held before ends.
    """
    ticket_id = session.execute(
        update(SignInTicket)
        .where(
            col(SignInTicket.ticket_hash) == _hash(ticket),
            col(SignInTicket.redeemed_at).is_(None),
            col(SignInTicket.expires_at) > now,
        )
        .values(redeemed_at=now)
        .returning(col(SignInTicket.id))
    ).scalar_one_or_none()
    row = session.get(SignInTicket, ticket_id) if ticket_id is not None else None
    if row is None or not browser:
        raise Refused(StaffRefusal.TICKET_REFUSED)
    if not hmac.compare_digest(row.browser_hash, _hash(browser)):
        raise Refused(StaffRefusal.TICKET_REFUSED)
    account = session.get(Account, row.account_id)
    if account is None or account.disabled_at or account.effective_at > now:
        raise Refused(StaffRefusal.TICKET_REFUSED)
    sign_out(session, old_token, now=now)
    token = sessions.open_session(session, row.account_id, now=now, read_only=row.read_only)
    _note(session, "open_wall" if row.read_only else "sign_in", row.account_id)
    return token


def sign_out(session: Session, token: str | None, *, now: datetime) -> None:
    """End the session of a cookie; nothing happens when it has none."""
    actor = sessions.resolve(session, token, now=now)
    if actor is None or actor.session_id is None:
        return
    sessions.revoke(session, actor.session_id, now=now)
    audit.record(session, "sign_out", author=actor.author, subject=f"account:{actor.account_id}")


def _account_by_login(session: Session, login: str) -> Account | None:
    statement = select(Account).where(col(Account.login) == fold_login(login))
    return session.exec(statement).one_or_none()


def _account_in_progress(session: Session, progress: Progress, now: datetime) -> Account:
    account = session.get(Account, progress.account_id)
    if account is None or account.disabled_at or now - progress.since > PROGRESS_LIFE:
        raise Refused(StaffRefusal.SIGN_IN_INCOMPLETE)
    return account


def _note(session: Session, act: str, account_id: int) -> None:
    audit.record(session, act, author=Author.staff(account_id), subject=f"account:{account_id}")


def _hash(value: str) -> bytes:
    return sha256(value.encode()).digest()
