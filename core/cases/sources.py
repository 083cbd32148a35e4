"""Cases opened from what the vote shows: a reference that a caller read out, a cluster that looks
wrong. One source makes one case, whoever presses and however often.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from core.cases.conflicts import not_in_conflict
from core.cases.contacts import ContactEntry, Receipt, take_contact
from core.cases.models import Case, CaseSource
from core.cases.rules import Channel, WrapUp
from core.errors import Refused
from core.staff.rules import Actor, Role, StaffRefusal, require, require_writer

_MAY_OPEN: Final = {Channel.PHONE: Role.OPERATOR, Channel.OWN_FINDING: Role.ORGANIZER}


@dataclass(frozen=True)
class SourcedCase:
    """The case of a source. ``receipt`` is there for whoever has just opened it, else None."""

    number: str
    receipt: Receipt | None


def case_numbers(session: Session, sources: Iterable[str], *, actor: Actor) -> Mapping[str, str]:
    """The numbers of the cases that were opened from these sources, for whoever may open one.

    Left out are cases that name the actor: for such a person they do not exist.
    """
    require(actor, *_MAY_OPEN.values())
    rows = session.exec(
        select(CaseSource.source, Case.number)
        .join(Case, col(Case.id) == col(CaseSource.case_id))
        .where(col(CaseSource.source).in_(list(sources)), not_in_conflict(session, actor))
        .order_by(col(CaseSource.ordinal).desc())
    ).all()
    return dict(rows)


def open_from_source(
    session: Session, source: str, entry: ContactEntry, *, actor: Actor, now: datetime
) -> SourcedCase:
    """Open the case of a source with its facts as the story, or give the one there is.

    An operator opens it for a caller and gets a receipt to read out; an organizer opens it as the
    committee's own finding (channel ``own_finding``).
    """
    role = _MAY_OPEN.get(entry.channel)
    if role is None or entry.wrap_up is not WrapUp.COMPLAINT:
        raise Refused(StaffRefusal.FORBIDDEN)
    require_writer(actor, role)
    known = case_numbers(session, [source], actor=actor)
    if source in known:
        return SourcedCase(known[source], None)
    # Cases that do not exist for the actor keep their links: the new one stands beside them.
    ordinal = session.exec(
        select(func.count()).select_from(CaseSource).where(col(CaseSource.source) == source)
    ).one()
    try:
        with session.begin_nested():
            receipt = take_contact(session, entry, actor=actor, key=f"{source} {ordinal}", now=now)
            assert receipt.case_id is not None
            session.add(CaseSource(source=source, ordinal=ordinal, case_id=receipt.case_id))
    except IntegrityError:
        # Two presses at once: the key of the link decides, the loser is shown the winner's case.
        known = case_numbers(session, [source], actor=actor)
        if source not in known:
            raise
        return SourcedCase(known[source], None)
    assert receipt.number is not None
    return SourcedCase(receipt.number, receipt)
