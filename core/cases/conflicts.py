"""Conflict of interest: a case does not exist for whoever it names.

The rule is a part of every query that reads a case (`not_in_conflict`), so that lists, counts,
search, exports and direct links obey it alike. It holds for every account, operators too.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, not_, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from core.cases.ciphers import digest
from core.cases.models import (
    AccountIdentity,
    Case,
    Challenge,
    ConflictDeclaration,
    RespondentKey,
)
from core.cases.spelling import part_keys, whole_key
from core.staff import queries as staff_queries
from core.staff.rules import Actor


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
    identity = session.get(AccountIdentity, actor.account_id)
    return _means(actor.name, (grant.branch for grant in actor.grants), identity)


def _means(
    name: str, branches: Iterable[str | None], identity: AccountIdentity | None
) -> frozenset[bytes]:
    digests = {digest("name-whole", key) for key in part_keys(name)}
    whole = whole_key(name)
    if whole:
        digests.add(digest("name-part", whole))
    digests |= _plain_digests(None, None, branches)
    if identity:
        digests |= {
            value for value in (identity.iin_digest, identity.mobile_digest) if value is not None
        }
    return frozenset(digests)


def not_in_conflict(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The condition on `Case` under which a case exists for this account."""
    return and_(*(not_(col(Case.id).in_(cases)) for cases in _barred(session, actor)))


def cases_in_conflict(session: Session, actor: Actor) -> Sequence[tuple[int, str]]:
    """Id and number of the cases that do not exist for this account.

    For filters over what is not a case itself, never for a screen.
    """
    barred = or_(*(col(Case.id).in_(cases) for cases in _barred(session, actor)))
    return [
        (case_id, number)
        for case_id, number in session.exec(select(Case.id, Case.number).where(barred)).all()
        if case_id is not None
    ]


def _barred(session: Session, actor: Actor) -> tuple[SelectOfScalar[int], ...]:
    """The ids of the cases that name the account, that it declared, that it was challenged in."""
    named = select(RespondentKey.case_id).where(
        col(RespondentKey.digest).in_(own_digests(session, actor))
    )
    declared = select(ConflictDeclaration.case_id).where(
        col(ConflictDeclaration.account_id) == actor.account_id,
        col(ConflictDeclaration.in_conflict).is_(True),
    )
    challenged = select(Challenge.case_id).where(
        col(Challenge.account_id) == actor.account_id, col(Challenge.accepted).is_(True)
    )
    return named, declared, challenged


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
    challenged = session.exec(
        select(Challenge.account_id).where(
            col(Challenge.case_id) == case_id, col(Challenge.accepted).is_(True)
        )
    ).all()
    asked = frozenset(account_ids)
    return named_by(session, digests, asked) | asked & {*declared, *challenged}


def named_by(
    session: Session, digests: Iterable[bytes], account_ids: Iterable[int]
) -> frozenset[int]:
    """Those of ``account_ids`` who are meant by one of a respondent's digests."""
    named, asked = frozenset(digests), frozenset(account_ids)
    if not named or not asked:
        return frozenset()
    identities = {
        row.account_id: row
        for row in session.exec(
            select(AccountIdentity).where(col(AccountIdentity.account_id).in_(asked))
        ).all()
    }
    branches = staff_queries.branches(session, asked)
    return frozenset(
        account_id
        for account_id, name in staff_queries.names(session, list(asked)).items()
        if named & _means(name, branches.get(account_id, ()), identities.get(account_id))
    )
