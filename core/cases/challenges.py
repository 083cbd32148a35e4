"""Challenges: a party objects to one who sits over its case, and the rest of the panel decides.

Doubt is enough: when half of the rest accepts a challenge, the member stands down, and the case
does not exist for them any more. A challenge of more than half is decided by nobody: the case goes
up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import able_members, find_case, parts_of
from core.cases.ciphers import cipher_of
from core.cases.models import Case, Challenge, ChallengeVote
from core.cases.recusal import challenged_in, make_way
from core.cases.rules import MAX_TEXT, OPEN_STATES, CasesRefusal, CaseState, Part
from core.errors import Refused
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Role, require, require_writer

_PARTIES = frozenset({Part.COMPLAINANT, Part.RESPONDENT})
_RECORDERS = frozenset({Part.OPERATOR, Part.OFFICER, Part.NEXT_OFFICER, Part.LEAD, Part.CHAIR})


@dataclass(frozen=True, kw_only=True)
class ChallengeView:
    """A challenge as somebody of the case sees it. ``grounds`` None: it is against the viewer, who
    learns that it stands and nothing else. ``votes`` of ``panel`` people have been given.
    """

    id: int
    name: str
    party: Part
    at: datetime
    grounds: str | None
    accepted: bool | None
    votes: int
    panel: int
    may_vote: bool


@dataclass(frozen=True, kw_only=True)
class Challenges:
    """The challenges of a case; ``names`` are those against whom one may be entered."""

    raised: Sequence[ChallengeView]
    names: dict[int, str]
    may_record: bool


def raise_challenge(
    session: Session,
    subject: int | str,
    *,
    actor: Actor,
    account_id: int,
    party: Part,
    grounds: str,
    now: datetime,
) -> None:
    """Enter a party's challenge of somebody who sits over the case, with written grounds.

    Operator, officer, lead or chair enter it, whoever it is against. Refused as ``not_a_member``
    for one who does not sit, as ``challenge_waits`` while an earlier one is undecided.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    assert case.id is not None
    if not parts_of(session, case, actor) & _RECORDERS:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    if CaseState(case.state) not in OPEN_STATES:
        raise Refused(CasesRefusal.CHANGED_MEANWHILE, state=CaseState(case.state))
    if not grounds.strip() or party not in _PARTIES:
        raise Refused(CasesRefusal.REASON_MISSING)
    if len(grounds) > MAX_TEXT:
        raise Refused(CasesRefusal.TEXT_TOO_LONG, limit=MAX_TEXT)
    if account_id not in able_members(session, case, case.commission_id):
        raise Refused(CasesRefusal.NOT_A_MEMBER)
    try:
        with session.begin_nested():
            session.add(
                Challenge(
                    case_id=case.id,
                    account_id=account_id,
                    party=party.value,
                    grounds=cipher_of(session, case.text_key_id).seal(grounds.strip()),
                    recorded_by=actor.account_id,
                    at=now,
                )
            )
            session.flush()
    except IntegrityError:
        raise Refused(CasesRefusal.CHALLENGE_WAITS) from None
    audit.record(
        session,
        "raise_challenge",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"account": account_id, "party": party.value},
    )
    make_way(session, case, now=now)


def vote_on_challenge(
    session: Session, challenge_id: int, *, actor: Actor, accepts: bool, now: datetime
) -> bool | None:
    """Say, as one of the rest of the panel, whether a challenge is accepted; gives what was decided.

    None while it takes more votes. A vote may be changed until then.
    """
    require_writer(actor, Role.COMMISSIONER)
    challenge = session.get(Challenge, challenge_id)
    if challenge is None:
        raise Refused(CasesRefusal.NO_SUCH_CASE)
    case = find_case(session, actor, challenge.case_id, lock=True)
    session.refresh(challenge)
    if challenge.accepted is not None:
        raise Refused(CasesRefusal.CHANGED_MEANWHILE, state=CaseState(case.state))
    rest = rest_of_panel(session, case)
    if actor.account_id not in rest or challenge.account_id not in _able(session, case):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    vote = session.get(ChallengeVote, (challenge_id, actor.account_id)) or ChallengeVote(
        challenge_id=challenge_id, account_id=actor.account_id, accepts=accepts, at=now
    )
    vote.accepts, vote.at = accepts, now
    session.add(vote)
    session.flush()
    given = _votes(session, challenge_id, rest)
    in_favour = sum(given)
    if 2 * in_favour >= len(rest):
        challenge.accepted = True
    elif 2 * (len(given) - in_favour) > len(rest):
        challenge.accepted = False
    else:
        return None
    challenge.decided_at = now
    session.add(challenge)
    session.flush()
    audit.record(
        session,
        "decide_challenge",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"account": challenge.account_id, "accepted": challenge.accepted},
    )
    make_way(session, case, now=now)
    return challenge.accepted


def _able(session: Session, case: Case) -> frozenset[int]:
    return frozenset(able_members(session, case, case.commission_id))


def rest_of_panel(session: Session, case: Case) -> frozenset[int]:
    """Who decides challenges: those who may sit, but for everybody who is challenged."""
    assert case.id is not None
    return _able(session, case) - challenged_in(session, case.id)


def _votes(session: Session, challenge_id: int, rest: frozenset[int]) -> list[bool]:
    rows = session.exec(
        select(ChallengeVote).where(col(ChallengeVote.challenge_id) == challenge_id)
    ).all()
    return [row.accepts for row in rows if row.account_id in rest]


def challenges_of(session: Session, actor: Actor, number: str) -> Challenges:
    """The challenges of a case that exists for the actor, the oldest first."""
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, number)
    assert case.id is not None
    parts = parts_of(session, case, actor)
    able, rest = _able(session, case), rest_of_panel(session, case)
    is_inside = bool(parts) or actor.account_id in able
    rows = session.exec(
        select(Challenge).where(col(Challenge.case_id) == case.id).order_by(col(Challenge.id))
    ).all()
    names = staff_queries.names(session, [*able, *(row.account_id for row in rows)])
    cipher = cipher_of(session, case.text_key_id)
    raised = tuple(
        ChallengeView(
            id=row.id or 0,
            name=names.get(row.account_id, ""),
            party=Part(row.party),
            at=row.at,
            grounds=None if row.account_id == actor.account_id else cipher.open(row.grounds),
            accepted=row.accepted,
            votes=len(_votes(session, row.id or 0, rest)),
            panel=len(rest),
            may_vote=row.accepted is None
            and row.account_id in able
            and actor.account_id in rest
            and not actor.read_only,
        )
        for row in rows
        if is_inside
    )
    return Challenges(
        raised=raised,
        names={key: names.get(key, "") for key in sorted(rest)},
        may_record=bool(parts & _RECORDERS)
        and CaseState(case.state) in OPEN_STATES
        and not actor.read_only,
    )
