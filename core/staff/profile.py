"""What a holder does to the own account: password, second factor, language, sessions."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from core.audit import service as audit
from core.errors import Refused
from core.i18n import known_locale
from core.staff import lockouts, passwords, second_factor, sessions, sign_in
from core.staff.models import Account, StaffSession
from core.staff.rules import Actor, StaffRefusal


def _own_account(session: Session, actor: Actor) -> Account:
    account = session.get(Account, actor.account_id)
    if account is None or actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    return account


def confirm_password(
    session: Session, password: str, *, actor: Actor, address: str | None, now: datetime
) -> bool:
    """Whether ``password`` is the actor's own; wrong ones count towards the lockout.

    An answer, so that the count stays. Refused as ``locked_out`` while the lock lasts.
    """
    account = _own_account(session, actor)
    until = lockouts.locked_until(session, login=account.login, address=address, now=now)
    if until:
        raise Refused(StaffRefusal.LOCKED_OUT, until=until)
    if passwords.is_password(password.strip(), account.password_hash):
        return True
    lockouts.note_failure(session, login=account.login, address=address, now=now)
    return False


def change_password(session: Session, new: str, *, actor: Actor, now: datetime) -> None:
    """Set a new password; every session of the account ends, this one too."""
    sign_in.set_own_password(session, _own_account(session, actor), new.strip(), now=now)


def replace_second_factor(
    session: Session, secret: str, code: str, *, actor: Actor, now: datetime
) -> Sequence[str]:
    """Install another authenticator by a code it shows; gives new recovery codes."""
    account = _own_account(session, actor)
    if not second_factor.confirm_secret(session, actor.account_id, secret, code, now):
        raise Refused(StaffRefusal.SECOND_FACTOR_WRONG)
    _note(session, actor, "enrol_second_factor")
    assert account.id is not None
    return second_factor.renew_recovery_codes(session, account.id)


def renew_recovery_codes(session: Session, *, actor: Actor) -> Sequence[str]:
    """Fresh recovery codes in the place of the old ones."""
    _own_account(session, actor)
    _note(session, actor, "renew_recovery_codes")
    return second_factor.renew_recovery_codes(session, actor.account_id)


def choose_locale(session: Session, locale: str, *, actor: Actor) -> None:
    """Remember the language in which this person reads."""
    account = _own_account(session, actor)
    account.locale = known_locale(locale)
    session.add(account)
    session.flush()


def end_session(session: Session, session_id: int, *, actor: Actor, now: datetime) -> None:
    """End one of the own sessions; another's is refused as ``forbidden``."""
    row = session.get(StaffSession, session_id)
    if row is None or row.account_id != actor.account_id:
        raise Refused(StaffRefusal.FORBIDDEN)
    sessions.revoke(session, session_id, now=now)
    _note(session, actor, "end_session")


def _note(session: Session, actor: Actor, act: str) -> None:
    audit.record(session, act, author=actor.author, subject=f"account:{actor.account_id}")
