"""Conflict of interest: a case does not exist for whoever it names.

The rule is a part of every query that reads a case (`not_in_conflict`), so that lists, counts,
search, exports and direct links obey it alike. It holds for every account, operators too.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, not_
from sqlmodel import Session, col, select

from core.cases.ciphers import digest
from core.cases.models import (
    AccountIdentity,
    Case,
    ConflictDeclaration,
    RespondentKey,
)
from core.cases.spelling import part_keys, whole_key
from core.staff.models import Account
from core.staff.rules import Actor
from core.staff.sessions import actor_of


def respondent_digests(
    *, name: str, iin: str | None = None, mobile: str | None = None, branch: str | None = None
) -> frozenset[bytes]:
    """The digests under which a respondent can be recognised."""
    digests = {digest("name-part", key) for key in part_keys(name)}
    whole = whole_key(name)
    if whole:
        digests.add(digest("name-whole", whole))
    return frozenset(digests) | _plain_digests(iin, mobile, (branch,))


def _plain_digests(
    iin: str | None, mobile: str | None, branches: Iterable[str | None]
) -> frozenset[bytes]:
    found = {digest("branch", whole_key(branch) or branch) for branch in branches if branch}
    if iin:
        found.add(digest("iin", iin))
    if mobile:
        found.add(digest("mobile", mobile))
    return frozenset(found)


def own_digests(session: Session, actor: Actor) -> frozenset[bytes]:
    """The digests that mean this account when a respondent has one of them."""
    digests = {digest("name-whole", key) for key in part_keys(actor.name)}
    whole = whole_key(actor.name)
    if whole:
        digests.add(digest("name-part", whole))
    digests |= _plain_digests(None, None, (grant.branch for grant in actor.grants))
    identity = session.get(AccountIdentity, actor.account_id)
    if identity:
        digests |= {
            value for value in (identity.iin_digest, identity.mobile_digest) if value is not None
        }
    return frozenset(digests)


def not_in_conflict(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The condition on `Case` under which a case exists for this account."""
    named = select(RespondentKey.case_id).where(
        col(RespondentKey.digest).in_(own_digests(session, actor))
    )
    declared = select(ConflictDeclaration.case_id).where(
        col(ConflictDeclaration.account_id) == actor.account_id,
        col(ConflictDeclaration.in_conflict).is_(True),
    )
    return and_(not_(col(Case.id).in_(named)), not_(col(Case.id).in_(declared)))


def in_conflict(session: Session, case_id: int, account_ids: Iterable[int]) -> frozenset[int]:
    """Those of ``account_ids`` for whom the case does not exist."""
    digests = session.exec(
        select(RespondentKey.digest).where(col(RespondentKey.case_id) == case_id)
    ).all()
    declared = session.exec(
        select(ConflictDeclaration.account_id).where(
            col(ConflictDeclaration.case_id) == case_id,
            col(ConflictDeclaration.in_conflict).is_(True),
        )
    ).all()
    asked = frozenset(account_ids)
    return named_by(session, digests, asked) | asked & frozenset(declared)


def named_by(
    session: Session, digests: Iterable[bytes], account_ids: Iterable[int]
) -> frozenset[int]:
    """Those of ``account_ids`` who are meant by one of a respondent's digests."""
    named = frozenset(digests)
    found = set()
    for account_id in set(account_ids):
        account = session.get(Account, account_id)
        if account is not None and own_digests(session, actor_of(session, account)) & named:
            found.add(account_id)
    return frozenset(found)
