"""Marking voters at a place with a connection: a look-up, then one press that uses the IIN up.

A press names its look-up, so that a double press, a reload or a lost answer marks nobody twice and
is told the same again. The claim decides the race with a vote online: exactly one of them wins.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.errors import Refused
from core.i18n import _, use_locale
from core.membership.rules import Iin
from core.messaging import service as messaging
from core.messaging.rules import Purpose
from core.paper.clerks import require_post
from core.paper.models import PaperList, PaperListRow, PaperLookUp, PaperMark, PollingPlace
from core.paper.polling_places import hours_of
from core.paper.rules import (
    LOOK_UP_HOLDS,
    MISS_SPAN,
    Answer,
    PaperRefusal,
    PollingPlaceKind,
    check_pace,
)
from core.primary import queries as primaries
from core.primary.digests import iin_digest
from core.primary.models import Voter
from core.primary.queries import PrimaryView
from core.primary.rules import VoterStatus
from core.settings import settings
from core.staff.models import Account
from core.staff.rules import Actor
from core.voting.models import Claim
from core.voting.rules import Channel, ClaimKind
from core.voting.tally import Tally
from core.voting.votes import votes_on

_SHOWN_AGAIN: Final = timedelta(hours=12)
"""How long the last press of a clerk stands on the screen: until the next one, for a working day."""


@dataclass(frozen=True, kw_only=True)
class LookUpView:
    """A look-up and, once pressed, what became of it: what the clerk's screen shows.

    ``answer`` is the last word: that of the press if there was one. ``elsewhere`` names the area
    (code) of a voter who belongs elsewhere; ``at_place`` the polling place (code) at which somebody
    is listed or was marked; ``marked_at`` and ``marked_by`` tell of a mark at this place.
    """

    id: int
    polling_place: str
    iin_masked: str
    answer: Answer
    at: datetime
    pressed_at: datetime | None
    elsewhere: str | None = None
    at_place: str | None = None
    marked_at: datetime | None = None
    marked_by: str | None = None
    mark_id: int | None = None
    """The look-up of the mark that stands, by which it can be undone."""

    @property
    def is_undone(self) -> bool:
        """Whether the mark that this press made has been undone since: nothing is handed out."""
        return self.answer is Answer.MARKED and self.mark_id != self.id

    def can_press(self, now: datetime) -> bool:
        """Whether the person can be marked by this look-up."""
        fresh = now < self.at + LOOK_UP_HOLDS
        return self.answer is Answer.BELONGS_HERE and self.pressed_at is None and fresh


def look_up(session: Session, iin: str, *, actor: Actor, now: datetime) -> LookUpView:
    """Whether somebody belongs to the clerk's polling place; logged, and never faster than a queue.

    Nothing in the answer says whether the person has voted. Refused as ``no_post``,
    ``no_connection_here``, ``voting_not_open``, ``closed_at_this_hour``, ``too_fast``,
    ``too_many_misses``, or as an IIN is that is none.
    """
    primary = _primary(session)
    place = require_post(session, primary.id, actor)
    _check_open(primary, place, now)
    _check_pace(session, actor, now)
    known = Iin.parse(iin)
    digest = iin_digest(primary.id, known.digits)
    row = PaperLookUp(
        primary_id=primary.id,
        polling_place=place.code,
        account_id=actor.account_id,
        iin_digest=digest,
        iin_masked=str(known),
        answer=_belonging(session, place, digest).value,
        at=now,
    )
    session.add(row)
    session.flush()
    _record(session, "look_up_voter", row, actor, Answer(row.answer))
    return _view(session, row)


def mark(session: Session, look_up_id: int, *, actor: Actor, now: datetime) -> LookUpView:
    """Mark the person of a look-up as voting on paper: the IIN is used up from now on.

    Pressed again it changes nothing and tells the same. Somebody who has voted online, or was
    marked before, is told as the answer; ballots are handed out for ``marked`` alone.
    """
    primary = _primary(session)
    place = require_post(session, primary.id, actor)
    row = session.get(PaperLookUp, look_up_id, with_for_update=True, populate_existing=True)
    mine = row is not None and row.account_id == actor.account_id
    if row is None or not mine or (row.primary_id, row.polling_place) != (primary.id, place.code):
        raise Refused(PaperRefusal.UNKNOWN_LOOK_UP)
    if row.outcome is not None:
        return _view(session, row)
    _check_open(primary, place, now)
    if now >= row.at + LOOK_UP_HOLDS:
        raise Refused(PaperRefusal.LOOK_UP_EXPIRED)
    if row.answer != Answer.BELONGS_HERE.value:
        raise Refused(PaperRefusal.NOT_FOR_THIS_PLACE)
    # Asked again: a suspension decided between the look-up and the press is obeyed.
    belonging = _belonging(session, place, row.iin_digest)
    outcome = belonging if belonging is not Answer.BELONGS_HERE else _claim(session, place, row)
    row.outcome, row.pressed_at = outcome.value, now
    session.add(row)
    if outcome is Answer.MARKED:
        session.add(
            PaperMark(
                primary_id=primary.id,
                iin_digest=row.iin_digest,
                polling_place=place.code,
                look_up_id=look_up_id,
                account_id=actor.account_id,
                at=now,
            )
        )
        _tell_voter(session, primary, place, row, now)
        tally = Tally(primary.id)
        tally.vote(place.place_code, now, Channel.PAPER)
        tally.write(session.connection())
    session.flush()
    _record(session, "mark_voter", row, actor, outcome)
    return _view(session, row)


def last_look_up(session: Session, actor: Actor, *, now: datetime) -> LookUpView | None:
    """The clerk's last look-up with its state: what stands on the screen again after a reload."""
    row = session.exec(
        select(PaperLookUp)
        .where(
            col(PaperLookUp.account_id) == actor.account_id,
            col(PaperLookUp.at) > now - _SHOWN_AGAIN,
        )
        .order_by(col(PaperLookUp.at).desc(), col(PaperLookUp.id).desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _view(session, row)


def _primary(session: Session) -> PrimaryView:
    primary = primaries.active_primary(session)
    if primary is None:
        raise Refused(PaperRefusal.NO_PRIMARY)
    return primary


def _check_open(primary: PrimaryView, place: PollingPlace, now: datetime) -> None:
    if place.kind != PollingPlaceKind.CONNECTED.value:
        raise Refused(PaperRefusal.NO_CONNECTION_HERE)
    if not primary.voting_open(now):
        raise Refused(PaperRefusal.VOTING_NOT_OPEN)
    if not hours_of(place).are_open(now, settings().zone):
        raise Refused(
            PaperRefusal.CLOSED_AT_THIS_HOUR,
            opens=f"{place.opens:%H:%M}",
            closes=f"{place.closes:%H:%M}",
        )


def _check_pace(session: Session, actor: Actor, now: datetime) -> None:
    # The account's row is held, so that one clerk's questions stand in line in every process.
    session.get(Account, actor.account_id, with_for_update={"key_share": True})
    asked = session.exec(
        select(PaperLookUp.at, PaperLookUp.outcome).where(
            col(PaperLookUp.account_id) == actor.account_id,
            col(PaperLookUp.at) > now - MISS_SPAN,
        )
    ).all()
    misses = [at for at, outcome in asked if outcome != Answer.MARKED.value]
    check_pace([at for at, _outcome in asked], misses, now=now)


def _belonging(session: Session, place: PollingPlace, digest: bytes) -> Answer:
    """Where somebody votes on paper, by the roll and the lists alone."""
    voter = session.get(Voter, (place.primary_id, digest), populate_existing=True)
    if voter is None or voter.reason_excluded or voter.status != VoterStatus.ACTIVE.value:
        return Answer.NOT_ON_ROLL
    if _listed_at(session, place.primary_id, digest) is not None:
        return Answer.ON_PAPER_LIST
    if voter.place_code != place.place_code:
        return Answer.BELONGS_ELSEWHERE
    return Answer.BELONGS_HERE


def _listed_at(session: Session, primary_id: str, digest: bytes) -> str | None:
    """The polling place (code) on whose fixed list somebody stands."""
    return session.exec(
        select(PaperListRow.polling_place)
        .join(
            PaperList,
            (col(PaperList.primary_id) == col(PaperListRow.primary_id))
            & (col(PaperList.polling_place) == col(PaperListRow.polling_place)),
        )
        .where(
            col(PaperListRow.primary_id) == primary_id,
            col(PaperListRow.iin_digest) == digest,
            col(PaperListRow.released_at).is_(None),
            col(PaperList.fixed_at).is_not(None),
        )
    ).one_or_none()


def _claim(session: Session, place: PollingPlace, row: PaperLookUp) -> Answer:
    """Use the IIN up; the number is not used, for nobody signed in with it."""
    key = (ClaimKind.IIN.value, row.iin_digest)
    held = votes_on(session.connection(), place.primary_id).store_claims(
        [(*key, None)], channel=Channel.PAPER
    )
    if not held:
        return Answer.MARKED
    channel = session.exec(
        select(Claim.channel).where(
            col(Claim.primary_id) == place.primary_id,
            col(Claim.kind) == ClaimKind.IIN.value,
            col(Claim.digest) == row.iin_digest,
        )
    ).one_or_none()
    if channel == Channel.PAPER.value:
        found = session.get(PaperMark, (place.primary_id, row.iin_digest))
        here = found is not None and found.polling_place == place.code
        return Answer.MARKED_HERE_BEFORE if here else Answer.MARKED_ELSEWHERE
    return Answer.ON_PAPER_LIST if channel == Channel.PAPER_LIST.value else Answer.VOTED_ONLINE


def _tell_voter(
    session: Session, primary: PrimaryView, place: PollingPlace, row: PaperLookUp, now: datetime
) -> None:
    """A short message to the number of the roll: a mark that the voter knows nothing of comes out."""
    voter = session.get(Voter, (primary.id, row.iin_digest))
    assert voter is not None, "only somebody on the roll is marked"
    lines = []
    for locale, name in (("kk", place.name_kk), ("ru", place.name_ru)):
        with use_locale(locale):
            lines.append(
                _(
                    "Paper ballots were handed out for your IIN at the polling place {name}. "
                    "If it was not you, call {hotline}.",
                    name=name,
                    hotline=primary.hotline,
                )
            )
    messaging.queue_sms(
        session,
        to=voter.mobile,
        text="\n".join(lines),
        purpose=Purpose.PAPER_BALLOT,
        idempotency_key=f"paper-mark:{row.id}",
        now=now,
    )


def _view(session: Session, row: PaperLookUp) -> LookUpView:
    """A look-up with what belongs to its last word."""
    assert row.id is not None
    answer = Answer(row.outcome or row.answer)
    elsewhere = at_place = marked_by = None
    marked_at: datetime | None = None
    mark_id: int | None = None
    if answer is Answer.BELONGS_ELSEWHERE:
        voter = session.get(Voter, (row.primary_id, row.iin_digest))
        elsewhere = voter.place_code if voter else None
    elif answer is Answer.ON_PAPER_LIST:
        at_place = _listed_at(session, row.primary_id, row.iin_digest)
    elif answer in {Answer.MARKED, Answer.MARKED_HERE_BEFORE, Answer.MARKED_ELSEWHERE}:
        found = session.get(PaperMark, (row.primary_id, row.iin_digest), populate_existing=True)
        if found is not None:
            at_place, marked_at = found.polling_place, found.at
        if found is not None and found.polling_place == row.polling_place:
            clerk = session.get(Account, found.account_id)
            marked_by, mark_id = clerk.name if clerk else "", found.look_up_id
    return LookUpView(
        id=row.id,
        polling_place=row.polling_place,
        iin_masked=row.iin_masked,
        answer=answer,
        at=row.at,
        pressed_at=row.pressed_at,
        elsewhere=elsewhere,
        at_place=at_place,
        marked_at=marked_at,
        marked_by=marked_by,
        mark_id=mark_id,
    )


def _record(session: Session, act: str, row: PaperLookUp, actor: Actor, answer: Answer) -> None:
    audit.record(
        session,
        act,
        author=actor.author,
        subject=f"polling_place:{row.polling_place}",
        details={"look_up": row.id, "answer": answer.value},
    )
