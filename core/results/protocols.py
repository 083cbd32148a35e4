"""Protocols of polling places: typed twice by two people, sealed at once, corrected in the open.

See `protocol` for who can read what, and when. No refusal, entry of the audit log or column here
holds a figure of a protocol but the number of people who came, which is turnout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlmodel import Session, col, func, select

from core.audit import service as audit
from core.cases.receipts import ReceiptCode
from core.errors import Refused
from core.paper import turnout
from core.paper.clerks import place_of_clerk
from core.paper.models import PollingPlace
from core.paper.polling_places import locked_place
from core.paper.rules import PollingPlaceKind
from core.primary.election import locked_primary
from core.primary.queries import PrimaryView
from core.results.ceremony import active_primary
from core.results.export import rules_at
from core.results.models import ProtocolEntry, ProtocolWaiver, SealedExport, SealedProtocol
from core.results.protocol import (
    Protocol,
    contradictions,
    differences,
    is_whole,
    lock_entry,
    new_entry_code,
    seal_protocol,
    unlock_entry,
)
from core.results.rules import ContestRules, ResultsRefusal
from core.staff import approvals
from core.staff.approvals import Proposal, are_independent
from core.staff.rules import ActKind, Actor, Role, StaffRefusal, require_writer

MOST_TRIES: Final = 5
"""Second entries that differ, or bring a wrong code, before both people begin again."""


@dataclass(frozen=True)
class Agreed:
    """Both entries were one: the protocol is sealed as this version."""

    version: int


@dataclass(frozen=True)
class Differs:
    """The second entry differs in these figures, as (contest, name); neither is told what the other says."""

    where: tuple[tuple[str | None, str], ...]
    tries_left: int


@dataclass(frozen=True)
class CodeWrong:
    """The code does not open the first entry."""

    tries_left: int


SecondAnswer = Agreed | Differs | CodeWrong


@dataclass(frozen=True)
class _Desk:
    """What both people stand before: the place, the rules of its contests, its voters."""

    primary: PrimaryView
    place: PollingPlace
    rules: Mapping[str, ContestRules]
    entitled: int
    versions: int

    @property
    def code(self) -> str:
        return self.place.code

    @property
    def bound_to(self) -> bytes:
        return f"{self.primary.id}/{self.code}/{self.versions + 1}".encode()

    def check(self, protocol: Protocol, absent: int | None) -> None:
        """Refuse what is not whole or does not add up, without naming a figure."""
        marks = self.place.kind == PollingPlaceKind.CONNECTED.value
        if not is_whole(protocol, self.rules, self.rules) or marks is not (absent is None):
            raise Refused(ResultsRefusal.PROTOCOL_INCOMPLETE)
        if any(contradictions(protocol, self.rules, entitled=self.entitled, absent=absent)):
            raise Refused(ResultsRefusal.PROTOCOL_CONTRADICTORY)


def _desk(session: Session, polling_place: str, actor: Actor, now: datetime) -> _Desk:
    """Check who enters, and when. Holds the primary's row: entries and the export take turns.

    A protocol is entered from the close of the *vote* on, not of the place: a box that is counted
    while others still vote is an interim count.
    """
    primary = active_primary(session)
    locked_primary(session, primary.id)
    place = locked_place(session, primary.id, polling_place)
    own = place_of_clerk(session, primary.id, actor)
    if own is None or own.code != place.code:
        require_writer(actor, Role.ORGANIZER, place=place.place_code)
    require_writer(actor, Role.CLERK, Role.ORGANIZER)
    closes = primary.timeline.voting_closes if primary.timeline else None
    if closes is None or now < closes:
        raise Refused(ResultsRefusal.PROTOCOL_TOO_EARLY, available_at=closes)
    if session.get(SealedExport, primary.id) is not None:
        raise Refused(ResultsRefusal.COUNT_HAS_BEGUN)
    if primary.public_key is None:
        raise Refused(ResultsRefusal.NO_ELECTION_KEY)
    return _Desk(
        primary=primary,
        place=place,
        rules=rules_at(session, primary.id, place.place_code),
        entitled=turnout.voters_entitled(session, place),
        versions=_versions(session, primary.id, place.code),
    )


def _versions(session: Session, primary_id: str, polling_place: str) -> int:
    newest = session.exec(
        select(func.max(col(SealedProtocol.version))).where(
            col(SealedProtocol.primary_id) == primary_id,
            col(SealedProtocol.polling_place) == polling_place,
        )
    ).one()
    return newest or 0


def enter_first(
    session: Session,
    protocol: Protocol,
    *,
    absent: int | None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> ReceiptCode:
    """Keep the first entry locked; gives the code that opens it, which is stored nowhere.

    ``absent``: people of the list who did not come; None at a place that marks. A correction of a
    sealed version needs a ``reason``. Refused as ``protocol_too_early``, ``count_has_begun``,
    ``entry_waits``, ``protocol_incomplete``, ``protocol_contradictory``.
    """
    desk = _desk(session, protocol.polling_place, actor, now)
    desk.check(protocol, absent)
    if desk.versions and not reason.strip():
        raise Refused(ResultsRefusal.PROTOCOL_SEALED)
    if session.get(ProtocolEntry, (desk.primary.id, desk.code)) is not None:
        raise Refused(ResultsRefusal.ENTRY_WAITS)
    code = new_entry_code()
    session.add(
        ProtocolEntry(
            primary_id=desk.primary.id,
            polling_place=desk.code,
            version=desk.versions + 1,
            reason=reason.strip(),
            locked=lock_entry(protocol, desk.rules, code, bound_to=desk.bound_to),
            account_id=actor.account_id,
            entered_at=now,
        )
    )
    session.flush()
    _record(session, "enter_protocol", desk.code, actor, version=desk.versions + 1)
    return code


def enter_second(
    session: Session,
    protocol: Protocol,
    *,
    absent: int | None,
    code: str,
    actor: Actor,
    now: datetime,
) -> SecondAnswer:
    """Compare the second entry with the first; where they agree, seal the protocol at once.

    The second person types the code of the first. Answers that differ are remembered as tries, and
    after five both begin again. Refused as `enter_first` is, and as ``no_entry``, ``same_person``,
    ``not_independent``, ``entry_tried_out``.
    """
    desk = _desk(session, protocol.polling_place, actor, now)
    entry = _waiting(session, desk)
    if entry.account_id == actor.account_id:
        raise Refused(StaffRefusal.SAME_PERSON)
    if not are_independent(session, entry.account_id, actor.account_id):
        raise Refused(StaffRefusal.NOT_INDEPENDENT)
    if entry.tries >= MOST_TRIES:
        raise Refused(ResultsRefusal.ENTRY_TRIED_OUT)
    typed = ReceiptCode.parse(code)
    if typed is None:
        # The check sign found a slip of the finger: nothing was tried.
        raise Refused(ResultsRefusal.ENTRY_CODE_WRONG)
    desk.check(protocol, absent)
    first = unlock_entry(entry.locked, typed, bound_to=desk.bound_to)
    where = () if first is None else differences(first, protocol)
    if first is None or where:
        entry.tries += 1
        session.add(entry)
        session.flush()
        _record(session, "compare_protocol", desk.code, actor, agrees=False, tries=entry.tries)
        left = MOST_TRIES - entry.tries
        return CodeWrong(left) if first is None else Differs(where, left)
    return _seal(session, desk, entry, protocol, actor, now)


def _seal(  # noqa: PLR0917 - a private hand-over
    session: Session,
    desk: _Desk,
    entry: ProtocolEntry,
    protocol: Protocol,
    actor: Actor,
    now: datetime,
) -> Agreed:
    assert desk.primary.public_key is not None, "the desk refuses without it"
    assert desk.primary.timeline is not None, "the desk refuses before the close"
    version = entry.version
    sealed = seal_protocol(desk.primary.public_key, desk.primary.id, protocol, version, desk.rules)
    digest = sha256(sealed).hexdigest()
    session.add(
        SealedProtocol(
            primary_id=desk.primary.id,
            polling_place=desk.code,
            version=version,
            reason=entry.reason,
            issued=protocol.issued,
            sealed=sealed,
            sha256=digest,
            entered_by=entry.account_id,
            entered_at=entry.entered_at,
            checked_by=actor.account_id,
            sealed_at=now,
        )
    )
    session.delete(entry)
    session.flush()
    turnout.settle(
        session,
        desk.primary.id,
        desk.code,
        voters=protocol.issued,
        closes=desk.primary.timeline.voting_closes,
        now=now,
    )
    _record(
        session,
        "seal_protocol",
        desk.code,
        actor,
        version=version,
        issued=protocol.issued,
        digest=digest,
        entered_by=entry.account_id,
    )
    return Agreed(version)


def discard_entry(session: Session, polling_place: str, *, actor: Actor, now: datetime) -> None:
    """Throw the waiting first entry away, so that both people begin again; by anybody of the desk."""
    desk = _desk(session, polling_place, actor, now)
    entry = _waiting(session, desk)
    session.delete(entry)
    session.flush()
    _record(session, "discard_protocol_entry", desk.code, actor, version=entry.version)


def _waiting(session: Session, desk: _Desk) -> ProtocolEntry:
    entry = session.get(
        ProtocolEntry,
        (desk.primary.id, desk.code),
        with_for_update=True,
        populate_existing=True,
    )
    if entry is None:
        raise Refused(ResultsRefusal.NO_ENTRY)
    return entry


def propose_waiver(
    session: Session, polling_place: str, *, actor: Actor, reason: str, now: datetime
) -> Proposal:
    """Propose to count without the protocol of a place: a box that was lost must not stop a country."""
    desk = _desk(session, polling_place, actor, now)
    require_writer(actor, Role.ORGANIZER, place=None)
    _check_needed(desk)
    return approvals.propose(
        session,
        ActKind.WAIVE_PROTOCOL,
        actor=actor,
        payload={"primary_id": desk.primary.id, "polling_place": desk.code},
        reason=reason,
        now=now,
    )


def confirm_waiver(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> None:
    """Agree, as the second person, to count without a place's protocol; it is published so.

    A protocol that comes before the export counts all the same.
    """
    kind = ActKind.WAIVE_PROTOCOL
    agreed = approvals.proposal(session, proposal_id)
    if agreed.kind is not kind:
        raise Refused(StaffRefusal.UNKNOWN_PROPOSAL)
    desk = _desk(session, agreed.payload["polling_place"], actor, now)
    require_writer(actor, Role.ORGANIZER, place=None)
    _check_needed(desk)
    if session.get(ProtocolWaiver, (desk.primary.id, desk.code)) is None:
        session.add(
            ProtocolWaiver(
                primary_id=desk.primary.id,
                polling_place=desk.code,
                reason=agreed.reason,
                proposed_by=agreed.proposed_by,
                confirmed_by=actor.account_id,
                at=now,
            )
        )
        session.flush()
    approvals.confirm(session, proposal_id, kind=kind, actor=actor, now=now)
    _record(session, "waive_protocol", desk.code, actor, proposed_by=agreed.proposed_by)


def _check_needed(desk: _Desk) -> None:
    if not desk.entitled:
        raise Refused(ResultsRefusal.PROTOCOL_NOT_NEEDED)
    if desk.versions:
        raise Refused(ResultsRefusal.PROTOCOL_SEALED)


def _record(
    session: Session, act: str, polling_place: str, actor: Actor, **details: str | int | bool
) -> None:
    audit.record(
        session,
        act,
        author=actor.author,
        subject=f"polling_place:{polling_place}",
        details=details,
    )
