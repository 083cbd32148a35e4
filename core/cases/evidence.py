"""Evidence: files of a case, encrypted under its key, with their chain of custody.

They stand in the database in pieces, so that one transaction adds a file whole, both listeners find
it wherever they run, and a backup holds cases and files of one instant. Destroying the case's key
erases them with its texts.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlmodel import Session, col, func, select

from core.audit import service as audit
from core.audit.rules import Author
from core.cases.access import exists_for, find_case, is_inside, parts_of
from core.cases.ciphers import TextCipher, cipher_of, digest
from core.cases.evidence_rules import (
    MOST_BYTES,
    MOST_FILES,
    CustodyAct,
    EvidenceKind,
    ScanState,
    Upload,
    bar_to_adding,
    bar_to_opening,
)
from core.cases.models import Case, CaseAccess, Custody, Evidence, EvidencePiece
from core.cases.rules import CasePart, CasesRefusal, CaseState
from core.errors import Refused
from core.settings import settings
from core.staff import queries as staff_queries
from core.staff.rules import Actor, Role, require, require_writer

_PIECE: Final = 512 * 1024
_TRIED_AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class CustodyView:
    """One link of the chain of custody; ``who`` None is the complainant, or the house itself."""

    act: CustodyAct
    who: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class EvidenceView:
    """A file as the case shows it. ``name`` and ``sha256`` are None once the case was erased;
    ``can_be_opened`` is False then, and while the scanner bars it.
    """

    id: int
    name: str | None
    kind: EvidenceKind
    size: int
    sha256: str | None
    by_complainant: bool
    added_by: str | None
    added_at: datetime
    scan: ScanState
    can_be_opened: bool
    frozen_at: datetime | None
    custody: Sequence[CustodyView]


@dataclass(frozen=True, kw_only=True)
class EvidenceFile:
    """A file as it is given out."""

    name: str
    kind: EvidenceKind
    content: bytes = field(repr=False)


def add_evidence(
    session: Session, subject: int | str, upload: Upload, *, actor: Actor, now: datetime
) -> int:
    """Add a file to a case as one of the staff who may write in it; gives its id.

    The same file added again is the one that is there. Refused as `put_evidence` refuses.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject, lock=True)
    if not parts_of(session, case, actor):
        raise Refused(CasesRefusal.NOT_YOURS_TO_MOVE)
    return put_evidence(
        session, case, upload, account_id=actor.account_id, author=actor.author, now=now
    )


def put_evidence(
    session: Session,
    case: Case,
    upload: Upload,
    *,
    account_id: int | None,
    author: Author,
    now: datetime,
    state: CaseState | None = None,
) -> int:
    """Add a file to a case that is locked, for whoever may (``account_id`` None: the complainant).
    The lock makes two presses take turns: the second finds the file there.

    ``state`` is given for a merged case: that of the case that goes on.

    Refused as ``files_are_frozen`` while the commission deliberates, ``changed_meanwhile`` once the
    case has ended otherwise than by a decision, ``too_many_files`` (facts: files, megabytes), and
    ``text_erased`` after its erasure.
    """
    assert case.id is not None
    fingerprint = digest("evidence", f"{case.id} {upload.sha256}")
    known = session.exec(
        select(Evidence.id).where(
            col(Evidence.case_id) == case.id, col(Evidence.fingerprint) == fingerprint
        )
    ).first()
    if known is not None:
        return known
    state = state or CaseState(case.state)
    bar = bar_to_adding(state)
    if bar is not None:
        raise Refused(bar, state=state)
    files, size = session.exec(
        select(func.count(), func.coalesce(func.sum(Evidence.size), 0)).where(
            col(Evidence.case_id) == case.id
        )
    ).one()
    if files >= MOST_FILES or int(size) + len(upload.content) > MOST_BYTES:
        raise Refused(
            CasesRefusal.TOO_MANY_FILES, files=MOST_FILES, megabytes=MOST_BYTES // 1024 // 1024
        )
    cipher = cipher_of(session, case.text_key_id)
    waits = settings().clamd is not None
    row = Evidence(
        case_id=case.id,
        facts=cipher.seal_fields({"name": upload.name, "sha256": upload.sha256}),
        kind=upload.kind.value,
        size=len(upload.content),
        fingerprint=fingerprint,
        account_id=account_id,
        added_at=now,
        scan=(ScanState.WAITING if waits else ScanState.NOT_SCANNED).value,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    for ordinal, start in enumerate(range(0, len(upload.content), _PIECE)):
        piece = upload.content[start : start + _PIECE]
        sealed = cipher.seal_bytes(piece, bound_to=_place(row.id, ordinal))
        session.add(EvidencePiece(evidence_id=row.id, ordinal=ordinal, content=sealed))
    _note(session, row, CustodyAct.ADDED, account_id, now)
    audit.record(
        session,
        "add_evidence",
        author=author,
        subject=f"case:{case.id}",
        details={"evidence": row.id, "kind": upload.kind.value, "bytes": len(upload.content)},
    )
    return row.id


def _place(evidence_id: int, ordinal: int) -> bytes:
    """What a piece is bound to: it opens nowhere but where it was put."""
    return f"{evidence_id}/{ordinal}".encode()


def _note(
    session: Session, row: Evidence, act: CustodyAct, account_id: int | None, now: datetime
) -> None:
    assert row.id is not None
    session.add(Custody(evidence_id=row.id, act=act.value, account_id=account_id, at=now))
    session.flush()


def evidence_of(session: Session, actor: Actor, subject: int | str) -> tuple[EvidenceView, ...]:
    """The files of a case with their custody, in the order they came: all of them inside the case,
    outside of it (an operator whose own call it was) those that the actor added.
    """
    require(actor, Role.OPERATOR, Role.COMMISSIONER)
    case = find_case(session, actor, subject)
    chosen = [col(Evidence.case_id) == case.id]
    if not is_inside(session, case, actor):
        chosen.append(col(Evidence.account_id) == actor.account_id)
    rows = session.exec(select(Evidence).where(*chosen).order_by(col(Evidence.id))).all()
    links: defaultdict[int, list[Custody]] = defaultdict(list)
    for link in session.exec(
        select(Custody)
        .where(col(Custody.evidence_id).in_([row.id for row in rows]))
        .order_by(col(Custody.id))
    ):
        links[link.evidence_id].append(link)
    people = {row.account_id for row in rows}
    people |= {link.account_id for found in links.values() for link in found}
    names = staff_queries.names(session, [person for person in people if person is not None])
    cipher = cipher_of(session, case.text_key_id)
    return tuple(_view(row, links[row.id or 0], names, cipher) for row in rows)


def _view(
    row: Evidence, links: Sequence[Custody], names: Mapping[int, str], cipher: TextCipher
) -> EvidenceView:
    assert row.id is not None
    facts = cipher.open_fields(row.facts)
    scan = ScanState(row.scan)
    bar = bar_to_opening(scan, has_scanner=settings().clamd is not None)
    return EvidenceView(
        id=row.id,
        name=facts.get("name"),
        kind=EvidenceKind(row.kind),
        size=row.size,
        sha256=facts.get("sha256"),
        by_complainant=row.account_id is None,
        added_by=names.get(row.account_id) if row.account_id else None,
        added_at=row.added_at,
        scan=scan,
        can_be_opened=bool(facts) and bar is None,
        frozen_at=row.frozen_at,
        custody=tuple(
            CustodyView(
                act=CustodyAct(link.act),
                who=names.get(link.account_id) if link.account_id else None,
                at=link.at,
            )
            for link in links
        ),
    )


def own_files(session: Session, case: Case) -> tuple[tuple[datetime, str], ...]:
    """When the complainant added which files, for the complainant."""
    cipher = cipher_of(session, case.text_key_id)
    rows = session.exec(
        select(Evidence)
        .where(col(Evidence.case_id) == case.id, col(Evidence.account_id).is_(None))
        .order_by(col(Evidence.id))
    ).all()
    named = ((row.added_at, cipher.open_fields(row.facts).get("name")) for row in rows)
    return tuple((at, name) for at, name in named if name)


def open_evidence(
    session: Session, evidence_id: int, *, actor: Actor, now: datetime
) -> EvidenceFile:
    """A file to be read by somebody inside its case; each reading joins the chain of custody.

    Refused as ``no_such_file`` for everybody else, as ``file_not_scanned`` and ``file_infected``
    while it is no good to open, as ``text_erased`` after the erasure.
    """
    require_writer(actor, Role.OPERATOR, Role.COMMISSIONER)
    found = session.exec(
        select(Evidence, Case)
        .join(Case, col(Case.id) == col(Evidence.case_id))
        .where(col(Evidence.id) == evidence_id, exists_for(session, actor))
    ).first()
    if found is None:
        raise Refused(CasesRefusal.NO_SUCH_FILE)
    row, case = found
    if row.account_id != actor.account_id and not is_inside(session, case, actor):
        raise Refused(CasesRefusal.NO_SUCH_FILE)
    bar = bar_to_opening(ScanState(row.scan), has_scanner=settings().clamd is not None)
    if bar is not None:
        raise Refused(bar)
    cipher = cipher_of(session, case.text_key_id)
    content = b"".join(_pieces(session, row, cipher))
    facts = cipher.open_fields(row.facts)
    if sha256(content).hexdigest() != facts["sha256"]:
        raise ValueError(f"evidence {evidence_id} is not what was added")
    _note(session, row, CustodyAct.READ, actor.account_id, now)
    session.add(
        CaseAccess(
            case_id=row.case_id,
            account_id=actor.account_id,
            part=CasePart.EVIDENCE.value,
            at=now,
        )
    )
    audit.record(
        session,
        "read_evidence",
        author=actor.author,
        subject=f"case:{case.id}",
        details={"evidence": evidence_id},
    )
    return EvidenceFile(name=facts["name"], kind=EvidenceKind(row.kind), content=content)


def _pieces(session: Session, row: Evidence, cipher: TextCipher) -> Iterator[bytes]:
    assert row.id is not None
    pieces = session.exec(
        select(EvidencePiece.ordinal, EvidencePiece.content)
        .where(col(EvidencePiece.evidence_id) == row.id)
        .order_by(col(EvidencePiece.ordinal))
    )
    for ordinal, sealed in pieces:
        yield cipher.open_bytes(sealed, bound_to=_place(row.id, ordinal))


def freeze_evidence(
    session: Session, case: Case, cipher: TextCipher, *, account_id: int, now: datetime
) -> list[bytes]:
    """Freeze the list of files for a decision; gives the SHA-256 of each, in their order."""
    rows = session.exec(
        select(Evidence).where(col(Evidence.case_id) == case.id).order_by(col(Evidence.id))
    ).all()
    for row in rows:
        row.frozen_at = now
        session.add(row)
        _note(session, row, CustodyAct.FROZEN, account_id, now)
    return [bytes.fromhex(cipher.open_fields(row.facts)["sha256"]) for row in rows]


def waiting_for_scan(session: Session, *, now: datetime) -> int | None:
    """The id of the oldest file that nobody has looked through yet, also of those that came when
    there was no scanner; then of one that the scanner could not read an hour ago.
    """
    last_tried = (
        select(func.max(Custody.at))
        .where(
            col(Custody.evidence_id) == col(Evidence.id),
            col(Custody.act) == CustodyAct.SCANNED.value,
        )
        .scalar_subquery()
    )
    never = (ScanState.WAITING.value, ScanState.NOT_SCANNED.value)
    again = (col(Evidence.scan) == ScanState.UNREADABLE.value) & (last_tried <= now - _TRIED_AGAIN)
    return session.exec(
        select(Evidence.id)
        .where(col(Evidence.scan).in_(never) | again)
        .order_by(col(Evidence.scan) == ScanState.UNREADABLE.value, col(Evidence.id))
        .limit(1)
    ).first()


def content_to_scan(session: Session, evidence_id: int) -> bytes | None:
    """The content of a file that waits; None when it was erased meanwhile."""
    row = session.get_one(Evidence, evidence_id)
    cipher = cipher_of(session, session.get_one(Case, row.case_id).text_key_id)
    if cipher.open(row.facts) is None:
        return None
    return b"".join(_pieces(session, row, cipher))


def note_scan(session: Session, evidence_id: int, state: ScanState, *, now: datetime) -> None:
    """Write down what the scanner found."""
    row = session.get_one(Evidence, evidence_id)
    row.scan = state.value
    session.add(row)
    _note(session, row, CustodyAct.SCANNED, None, now)
    audit.record(
        session,
        "scan_evidence",
        author=Author.system(),
        subject=f"case:{row.case_id}",
        details={"evidence": evidence_id, "state": state.value},
    )
