"""Paper lists: who votes at a place without a connection, drawn up and fixed before voting opens.

Being on a fixed list uses the IIN up (channel ``paper_list``), so its people vote there and nowhere
else: such a place can't ask anybody whether somebody has voted. To a stranger the sign-in answers
as it does for every pair; where a listed voter votes, only the hotline tells, after calling back
the number of the roll.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.membership.models import Member
from core.membership.rules import MembershipRefusal, iin_refusal
from core.paper.clerks import place_of_clerk
from core.paper.list_queries import ListedVoter, listed_voters
from core.paper.models import PaperList, PaperListRow, PollingPlace
from core.paper.polling_places import locked_place
from core.paper.rules import PaperRefusal, PollingPlaceKind, list_digest
from core.primary import queries as primaries
from core.primary.digests import iin_digests
from core.primary.election import check_organizer, locked_primary
from core.primary.files import ImportReport, RefusedRow, read_table
from core.primary.models import RollSeal, Voter
from core.primary.rules import VoterStatus
from core.staff import approvals
from core.staff.approvals import Proposal
from core.staff.rules import ActKind, Actor, Role, StaffRefusal, require_writer
from core.voting.rules import Channel, ClaimKind
from core.voting.votes import votes_on

_AT_ONCE: Final = 500
IMPORT_COLUMNS: Final = ("iin",)


@dataclass(frozen=True)
class Listed:
    """What adding people to a draft did."""

    added: int
    listed_already: int


def add_from_roll(
    session: Session,
    primary_id: str,
    polling_place: str,
    *,
    actor: Actor,
    now: datetime,
    branches: Sequence[str] | None = None,
) -> Listed:
    """Put voters of the polling place's area on its draft: all of them, or those of some branches.

    Suspended voters and those on another list are left out.
    """
    place = _draft_at(session, primary_id, polling_place, actor, now)
    chosen = select(Voter.iin_digest).where(
        col(Voter.primary_id) == primary_id,
        col(Voter.place_code) == place.place_code,
        col(Voter.reason_excluded).is_(None),
        col(Voter.status) == VoterStatus.ACTIVE.value,
    )
    if branches is not None:
        chosen = chosen.join(Member, col(Member.id) == col(Voter.member_id)).where(
            col(Member.branch).in_(branches)
        )
    wanted = [bytes(digest) for digest in session.exec(chosen).all()]
    there = _lists_of(session, primary_id, wanted)
    new = [digest for digest in wanted if digest not in there]
    if not wanted:
        raise Refused(PaperRefusal.NOBODY_CHOSEN)
    _put(session, primary_id, polling_place, new)
    _record(session, "draw_up_paper_list", polling_place, actor, added=len(new))
    return Listed(len(new), len(wanted) - len(new))


def import_list(
    session: Session,
    primary_id: str,
    polling_place: str,
    content: bytes,
    *,
    actor: Actor,
    now: datetime,
) -> ImportReport:
    """Put the people of a file (column ``iin``) on a draft; whoever can't be there is reported.

    The report names rows, never an IIN.
    """
    place = _draft_at(session, primary_id, polling_place, actor, now, or_system=True)
    table = read_table(content, IMPORT_COLUMNS)
    report = ImportReport(read=len(table.rows), ignored_columns=table.ignored_columns)
    iins: dict[int, str] = {}
    for row in table.rows:
        iin = row.cells["iin"].strip()
        refusal = iin_refusal(iin)
        if refusal is None and iin in iins.values():
            refusal = MembershipRefusal.IIN_TWICE_IN_FILE
        if refusal is not None:
            report.rows_refused.append(RefusedRow(row.number, "iin", Refused(refusal)))
            continue
        iins[row.number] = iin
    digests = dict(zip(iins, iin_digests(primary_id, iins.values()), strict=True))
    voters = _voters(session, primary_id, digests.values())
    there = _lists_of(session, primary_id, digests.values())
    new = []
    for number, digest in digests.items():
        refused = _unfit(voters.get(digest), place)
        if refused is None and there.get(digest, polling_place) != polling_place:
            refused = Refused(PaperRefusal.ON_ANOTHER_LIST)
        if refused is not None:
            report.rows_refused.append(RefusedRow(number, "iin", refused))
        elif digest in there:
            report.same += 1
        else:
            new.append(digest)
    report.rows_refused.sort(key=lambda each: each.row)
    report.new = len(new)
    _put(session, primary_id, polling_place, new)
    _record(session, "import_paper_list", polling_place, actor, **report.counts())
    return report


def _unfit(voter: Voter | None, place: PollingPlace) -> Refused | None:
    """Why somebody can't be on the list of this place."""
    if voter is None or voter.reason_excluded or voter.status != VoterStatus.ACTIVE.value:
        return Refused(PaperRefusal.NOT_ON_ROLL)
    if voter.place_code != place.place_code:
        return Refused(PaperRefusal.ROLL_ELSEWHERE)
    return None


def take_off_draft(
    session: Session,
    primary_id: str,
    polling_place: str,
    members: Sequence[int] | None,
    *,
    actor: Actor,
    now: datetime,
) -> int:
    """Take these members off a draft (None: everybody); gives how many were on it."""
    _draft_at(session, primary_id, polling_place, actor, now)
    gone = delete(PaperListRow).where(
        col(PaperListRow.primary_id) == primary_id,
        col(PaperListRow.polling_place) == polling_place,
    )
    if members is not None:
        gone = gone.where(
            col(PaperListRow.iin_digest).in_(
                select(Voter.iin_digest).where(
                    col(Voter.primary_id) == primary_id, col(Voter.member_id).in_(members)
                )
            )
        )
    taken: int = session.execute(gone).rowcount  # type: ignore[attr-defined]  # a DELETE's result
    _record(session, "take_off_paper_list", polling_place, actor, taken=taken)
    return taken


def propose_fixing(
    session: Session,
    primary_id: str,
    polling_places: Sequence[str],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Proposal:
    """Put drafts, as they are at this moment, before a second organizer.

    Refused as ``list_empty``, ``list_has_barred`` (facts: code, count) when somebody on it was
    suspended meanwhile, and from the opening of the vote on.
    """
    check_organizer(actor)
    if not polling_places:
        raise Refused(PaperRefusal.NOBODY_CHOSEN)
    digests = {}
    for code in sorted(set(polling_places)):
        _draft_at(session, primary_id, code, actor, now)
        digests[code] = list_digest(primary_id, code, _checked(session, primary_id, code))
    return approvals.propose(
        session,
        ActKind.FIX_PAPER_LISTS,
        actor=actor,
        payload={"primary_id": primary_id, "lists": digests},
        reason=reason,
        now=now,
    )


def confirm_fixing(session: Session, proposal_id: int, *, actor: Actor, now: datetime) -> int:
    """Fix the proposed lists as the second person; gives how many people are on them.

    Refused as ``list_changed`` (facts: code) when a draft is not what was proposed. From now on the
    IINs are used up; nobody can have used one before, for voting has not opened.
    """
    check_organizer(actor)
    kind = ActKind.FIX_PAPER_LISTS
    proposed = approvals.proposal(session, proposal_id)
    if proposed.kind is not kind:
        raise Refused(StaffRefusal.UNKNOWN_PROPOSAL)
    primary_id, voters = proposed.payload["primary_id"], 0
    for code, digest in sorted(proposed.payload["lists"].items()):
        place = _draft_at(session, primary_id, code, actor, now)
        people = _checked(session, primary_id, code)
        if list_digest(primary_id, code, people) != digest:
            raise Refused(PaperRefusal.LIST_CHANGED, code=code)
        _number_rows(session, place)
        _claim(session, primary_id, code, people)
        fixed = session.get(PaperList, (primary_id, code))
        assert fixed is not None, "a draft with people has its list"
        fixed.digest, fixed.fixed_at, fixed.people = digest, now, len(people)
        fixed.proposed_by, fixed.confirmed_by = proposed.proposed_by, actor.account_id
        session.add(fixed)
        session.flush()
        voters += len(people)
    # The audit log is written last: whoever holds it waits for no other row.
    approvals.confirm(session, proposal_id, kind=kind, actor=actor, now=now)
    for code, digest in sorted(proposed.payload["lists"].items()):
        by = proposed.proposed_by
        _record(session, "fix_paper_list", code, actor, digest=digest, proposed_by=by)
    return voters


def take_sheets(
    session: Session, primary_id: str, polling_place: str, *, actor: Actor
) -> Sequence[ListedVoter]:
    """Everybody on a fixed list, to be printed; logged, for it takes names out of the house.

    For organizers of the area and the place's own clerks.
    """
    place = locked_place(session, primary_id, polling_place)
    own = place_of_clerk(session, primary_id, actor)
    if actor.read_only or own is None or own.code != place.code:
        require_writer(actor, Role.ORGANIZER, place=place.place_code)
    fixed = session.get(PaperList, (primary_id, polling_place))
    if fixed is None or fixed.fixed_at is None:
        raise Refused(PaperRefusal.LIST_NOT_FIXED)
    voters, total = listed_voters(session, primary_id, polling_place, limit=None)
    _record(session, "print_paper_list", polling_place, actor, people=total)
    return voters


def _draft_at(
    session: Session,
    primary_id: str,
    polling_place: str,
    actor: Actor,
    now: datetime,
    *,
    or_system: bool = False,
) -> PollingPlace:
    """A polling place whose list can still be drawn up, locked; its list is begun if it has none."""
    check_organizer(actor, or_system=or_system)
    # Lists are drawn up in turn: two that take one person at once would meet in the key.
    locked_primary(session, primary_id)
    place = locked_place(session, primary_id, polling_place)
    if place.kind != PollingPlaceKind.UNCONNECTED.value:
        raise Refused(PaperRefusal.HAS_CONNECTION)
    primary = primaries.require_primary(session)
    if session.get(RollSeal, primary_id) is None or primary.timeline is None:
        raise Refused(PaperRefusal.ROLL_NOT_SEALED)
    if now >= primary.timeline.voting_opens:
        raise Refused(PaperRefusal.TOO_LATE_FOR_LISTS, opened=primary.timeline.voting_opens)
    known = session.get(PaperList, (primary_id, polling_place), populate_existing=True)
    if known is not None and known.fixed_at is not None:
        raise Refused(PaperRefusal.LIST_FIXED, at=known.fixed_at)
    if known is None:
        session.add(PaperList(primary_id=primary_id, polling_place=polling_place))
        session.flush()
    return place


def _checked(session: Session, primary_id: str, code: str) -> list[bytes]:
    """The people of a draft, all of whom may vote."""
    rows = session.exec(
        select(PaperListRow.iin_digest, Voter.status, Voter.reason_excluded)
        .join(
            Voter,
            (col(Voter.primary_id) == col(PaperListRow.primary_id))
            & (col(Voter.iin_digest) == col(PaperListRow.iin_digest)),
        )
        .where(col(PaperListRow.primary_id) == primary_id, col(PaperListRow.polling_place) == code)
    ).all()
    if not rows:
        raise Refused(PaperRefusal.LIST_EMPTY, code=code)
    barred = sum(status != VoterStatus.ACTIVE.value or bool(out) for _d, status, out in rows)
    if barred:
        raise Refused(PaperRefusal.LIST_HAS_BARRED, code=code, count=barred)
    return [bytes(digest) for digest, _status, _out in rows]


def _number_rows(session: Session, place: PollingPlace) -> None:
    """Number the rows by name, as they are printed."""
    ordered = session.exec(
        select(PaperListRow.iin_digest)
        .join(
            Voter,
            (col(Voter.primary_id) == col(PaperListRow.primary_id))
            & (col(Voter.iin_digest) == col(PaperListRow.iin_digest)),
        )
        .join(Member, col(Member.id) == col(Voter.member_id))
        .where(
            col(PaperListRow.primary_id) == place.primary_id,
            col(PaperListRow.polling_place) == place.code,
        )
        .order_by(col(Member.search), col(PaperListRow.iin_digest))
    ).all()
    session.execute(
        update(PaperListRow),
        [
            {"primary_id": place.primary_id, "iin_digest": bytes(digest), "number": number}
            for number, digest in enumerate(ordered, start=1)
        ],
    )


def _claim(session: Session, primary_id: str, code: str, people: Sequence[bytes]) -> None:
    held = votes_on(session.connection(), primary_id).store_claims(
        [(ClaimKind.IIN.value, digest, None) for digest in people], channel=Channel.PAPER_LIST
    )
    if held:
        raise Refused(PaperRefusal.LIST_HAS_VOTED, code=code, count=len(held))


def _put(session: Session, primary_id: str, polling_place: str, digests: Sequence[bytes]) -> None:
    if digests:
        session.execute(
            insert(PaperListRow),
            [
                {"primary_id": primary_id, "iin_digest": digest, "polling_place": polling_place}
                for digest in sorted(digests)
            ],
        )


def _voters(session: Session, primary_id: str, digests: Iterable[bytes]) -> dict[bytes, Voter]:
    found: dict[bytes, Voter] = {}
    listed = list(digests)
    for first in range(0, len(listed), _AT_ONCE):
        rows = session.exec(
            select(Voter).where(
                col(Voter.primary_id) == primary_id,
                col(Voter.iin_digest).in_(listed[first : first + _AT_ONCE]),
            )
        )
        found |= {bytes(row.iin_digest): row for row in rows}
    return found


def _lists_of(session: Session, primary_id: str, digests: Iterable[bytes]) -> dict[bytes, str]:
    """On whose list each of these people stands, those who stand on none left out."""
    found: dict[bytes, str] = {}
    listed = list(digests)
    for first in range(0, len(listed), _AT_ONCE):
        rows = session.exec(
            select(PaperListRow.iin_digest, PaperListRow.polling_place).where(
                col(PaperListRow.primary_id) == primary_id,
                col(PaperListRow.iin_digest).in_(listed[first : first + _AT_ONCE]),
            )
        )
        found |= {bytes(digest): code for digest, code in rows}
    return found


def _record(
    session: Session, act: str, polling_place: str, actor: Actor, **details: str | int
) -> None:
    audit.record(
        session,
        act,
        author=actor.author,
        subject=f"polling_place:{polling_place}",
        details=details,
    )
