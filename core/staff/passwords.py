"""Passwords: hashed with bcrypt, set by their holder, given out once for a first sign-in."""

import secrets
from functools import cache
from typing import Final

import bcrypt

from core.staff.rules import check_password, password_is_too_long

ROUNDS: Final = 12
REHEARSAL_ROUNDS: Final = 6  # hundreds of accounts whose password stands in the manual
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read out as another


def hash_password(password: str, *, rounds: int | None = None) -> str:
    """The bcrypt hash of a password of at most 72 bytes."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds or ROUNDS)).decode()


def is_password(password: str, password_hash: str) -> bool:
    """Whether ``password`` has this hash; one longer than bcrypt takes is never right."""
    if password_is_too_long(password):
        return False
    return bcrypt.checkpw(password.encode(), password_hash.encode())


@cache
def nobodys_hash() -> str:
    """A hash to check against when there is no account, so that an answer takes as long."""
    return hash_password(secrets.token_hex(16))


def one_time_password() -> str:
    """A password to be read out once: five groups of four, 99 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(5))


def new_password_hash(password: str, *, login: str) -> str:
    """The hash of a password its holder chose; refused when it breaks `check_password`."""
    check_password(password, login=login)
    return hash_password(password)
