"""People and bodies complained of. Naming somebody takes the case out of their sight at once."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.audit import service as audit
from core.cases.access import find_case, parts_of
from core.cases.ciphers import TextCipher, cipher_of
from core.cases.commissions import seated
from core.cases.conflicts import named_by, respondent_digests
from core.cases.models import Case, Commission, Respondent, RespondentKey
from core.cases.recusal import make_way
from core.cases.rules import CasesRefusal, Level, Part
from core.cases.search import index_text
from core.errors import Refused
from core.membership.rules import Iin, Mobile
from core.staff.rules import Actor, Role, require_writer


@dataclass(frozen=True, kw_only=True)
class RespondentEntry:
    """A respondent as it is typed. ``level``: the highest commission level of the office held."""

    name: str
    position: str | None = None
    iin: str | None = None
    mobile: str | None = None
    branch: str | None = None
    level: Level = Level.NONE


def add_respondent(
    session: Session, subject: int | str, entry: RespondentEntry, *, actor: Actor, now: datetime
) -> None:
    """Name a respondent. Operator, officer, lead or chair of the case.

    Whoever the entry means loses the case in the same transaction, the actor included; when that
    is more than half of the commission, the case goes up with it.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    if not parts_of(session, case, actor) & {Part.OPERATOR, Part.OFFICER, Part.LEAD, Part.CHAIR}:
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    put_respondent(session, case, entry, cipher=cipher_of(session, case.text_key_id), now=now)
    make_way(session, case, now=now)
    audit.record(session, "add_respondent", author=actor.author, subject=f"case:{case.id}")


def put_respondent(
    session: Session, case: Case, entry: RespondentEntry, *, cipher: TextCipher, now: datetime
) -> None:
    """Write a respondent and the digests that recognise it; no check of who does it."""
    assert case.id is not None
    if not entry.name.strip():
        raise Refused(CasesRefusal.TEXT_MISSING)
    iin = Iin.parse(entry.iin).digits if entry.iin and entry.iin.strip() else None
    mobile = Mobile.parse(entry.mobile).e164 if entry.mobile and entry.mobile.strip() else None
    row = Respondent(
        case_id=case.id,
        name=cipher.seal(entry.name.strip()),
        position=cipher.seal_some(entry.position),
        branch=cipher.seal_some(entry.branch),
        level=entry.level.value,
        added_at=now,
    )
    digests = respondent_digests(
        name=entry.name, iin=iin, mobile=mobile, branch=(entry.branch or "").strip() or None
    )
    row.central = _sits_at_the_centre(session, digests)
    session.add(row)
    session.flush()
    assert row.id is not None
    for value in digests:
        session.add(RespondentKey(respondent_id=row.id, digest=value, case_id=case.id))
    session.flush()
    for text in (entry.name, entry.position, entry.branch):
        index_text(session, case.id, text)


def _sits_at_the_centre(session: Session, digests: frozenset[bytes]) -> bool:
    centre = session.exec(
        select(Commission.id).where(col(Commission.standing_key) == "centre")
    ).one_or_none()
    members = {row.account_id for row in seated(session, centre)} if centre is not None else set()
    return bool(named_by(session, digests, members))
