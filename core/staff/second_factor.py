"""The second factor: time-based codes, each accepted once, and codes for a lost telephone."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import pyotp
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from core.errors import Refused
from core.keyring import decrypt, encrypt, hmac_digest
from core.staff.models import Account, RecoveryCode
from core.staff.rules import StaffRefusal

STEP_SECONDS: Final = 30
_DRIFT: Final = 1  # steps a telephone's clock may be off
_RECOVERY_CODES: Final = 10
_WRONG_LIMIT: Final = 6
_WRONG_WINDOW: Final = timedelta(minutes=15)
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """A fresh secret in base32, for the holder's authenticator."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, *, login: str, issuer: str) -> str:
    """What the QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    present = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        expected = pyotp.TOTP(secret).at(step * STEP_SECONDS)
        if hmac.compare_digest(expected.encode(), code.encode()):
            found = step
    return found


def code_now(session: Session, account_id: int, *, now: datetime) -> str:
    """The code an account's authenticator shows; refused when it has none. For rehearsals."""
    account = session.get(Account, account_id)
    if account is None or account.totp_secret is None:
        raise Refused(StaffRefusal.SECOND_FACTOR_MISSING)
    return pyotp.TOTP(_secret(account)).at(int(now.timestamp()))


def _secret(account: Account) -> str:
    assert account.totp_secret is not None
    return decrypt("totp", account.totp_secret, aad=str(account.id).encode()).decode()


def install_secret(session: Session, account_id: int, secret: str) -> None:
    """Give an account the secret its holder has shown to have by a right code."""
    sealed = encrypt("totp", secret.encode(), aad=str(account_id).encode())
    session.execute(
        update(Account)
        .where(col(Account.id) == account_id)
        .values(totp_secret=sealed, totp_last_step=0)
    )


def confirm_secret(
    session: Session, account_id: int, secret: str, code: str, now: datetime
) -> bool:
    """Install a secret if ``code`` comes from it; the code's step counts as used."""
    step = _step_of(secret, code.strip(), now)
    if step is None:
        return False
    install_secret(session, account_id, secret)
    session.execute(
        update(Account).where(col(Account.id) == account_id).values(totp_last_step=step)
    )
    return True


def accept_code(session: Session, account_id: int, code: str, now: datetime) -> bool:
    """Whether ``code`` is right and its step was never accepted before; marks the step."""
    account = session.get(Account, account_id)
    if account is None or account.totp_secret is None:
        return False
    step = _step_of(_secret(account), code.replace(" ", ""), now)
    if step is None:
        return False
    # The condition is in the statement: of two windows with the same code one gets in.
    marked = session.execute(
        update(Account)
        .where(col(Account.id) == account_id, col(Account.totp_last_step) < step)
        .values(totp_last_step=step)
        .returning(col(Account.id))
    ).scalar_one_or_none()
    session.expire(account)
    return marked is not None


_wrong: dict[int, list[datetime]] = {}
_wrong_lock = Lock()


def check_again(session: Session, account_id: int, code: str, now: datetime) -> None:
    """Ask a signed-in person for a code once more, before an act of weight.

    Refused as ``second_factor_missing``, ``second_factor_wrong``, or ``locked_out`` after six
    wrong ones. A refusal rolls its transaction back, so the wrong ones are counted in memory, by
    the process that this person's screen runs in.
    """
    account = session.get(Account, account_id)
    if account is None or account.totp_secret is None:
        raise Refused(StaffRefusal.SECOND_FACTOR_MISSING)
    with _wrong_lock:
        recent = [at for at in _wrong.get(account_id, ()) if abs(now - at) < _WRONG_WINDOW]
        if len(recent) >= _WRONG_LIMIT:
            raise Refused(StaffRefusal.LOCKED_OUT, until=recent[0] + _WRONG_WINDOW)
        if accept_code(session, account_id, code, now):
            _wrong.pop(account_id, None)
            return
        _wrong[account_id] = [*recent, now]
    raise Refused(StaffRefusal.SECOND_FACTOR_WRONG)


def _code_hmac(account_id: int, code: str) -> bytes:
    folded = code.strip().lower().replace(" ", "").replace("-", "")
    return hmac_digest("recovery-code", f"{account_id}:{folded}".encode())


def renew_recovery_codes(session: Session, account_id: int) -> Sequence[str]:
    """Ten fresh codes, shown only here; the old ones are dead."""
    session.execute(delete(RecoveryCode).where(col(RecoveryCode.account_id) == account_id))
    codes = []
    for _number in range(_RECOVERY_CODES):
        raw = "".join(secrets.choice(_LETTERS) for _ in range(12))
        codes.append(f"{raw[:4]}-{raw[4:8]}-{raw[8:]}")
        session.add(RecoveryCode(code_hmac=_code_hmac(account_id, raw), account_id=account_id))
    session.flush()
    return tuple(codes)


def accept_recovery_code(session: Session, account_id: int, code: str, now: datetime) -> bool:
    """Whether ``code`` is an unused recovery code of the account; uses it up."""
    used = session.execute(
        update(RecoveryCode)
        .where(
            col(RecoveryCode.code_hmac) == _code_hmac(account_id, code),
            col(RecoveryCode.account_id) == account_id,
            col(RecoveryCode.used_at).is_(None),
        )
        .values(used_at=now)
        .returning(col(RecoveryCode.account_id))
    ).scalar_one_or_none()
    return used is not None


def recovery_codes_left(session: Session, account_id: int) -> int:
    """How many recovery codes are unused."""
    statement = select(RecoveryCode).where(
        col(RecoveryCode.account_id) == account_id, col(RecoveryCode.used_at).is_(None)
    )
    return len(session.exec(statement).all())


def remove(session: Session, account_id: int) -> None:
    """Take the second factor and its recovery codes from an account: part of a reset."""
    session.execute(delete(RecoveryCode).where(col(RecoveryCode.account_id) == account_id))
    session.execute(
        update(Account)
        .where(col(Account.id) == account_id)
        .values(totp_secret=None, totp_last_step=0)
    )
