"""The checklist and its signature: voting does not open while an item is missing."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlmodel import Session

from core import keyring
from core.database import unit_of_work
from core.errors import Refused
from core.membership.models import Member
from core.primary import queries, service
from core.primary.models import Primary, ReadinessMark, RollSeal
from core.primary.photos import read_photo
from core.primary.rules import PrimaryRefusal, ReadinessKey, RollChangeKind, Sex
from core.staff.rules import Actor, Role, StaffRefusal
from tests.conftest import MakeActor
from tests.primary.conftest import (
    CANDIDATES,
    CLOSE,
    CONTESTS,
    DAY,
    NAMES,
    NOW,
    OPEN,
    PLACE,
    PRIMARY,
    SEALING,
    TIMELINE,
    People,
    Race,
    election_key,
    get_ready,
    install_key,
    make_primary,
)
from tests.primary.test_photos import picture


def test_voting_opens_when_everything_is_there_and_signed(
    session: Session, primary: str, people: People
) -> None:
    get_ready(session, people.one)
    assert all(item.is_done for item in queries.readiness(session, primary))
    assert not queries.require_primary(session).voting_open(OPEN)
    service.sign_readiness(session, primary, actor=people.one, now=OPEN - DAY)
    view = queries.require_primary(session)
    assert view.readiness_signed_at == OPEN - DAY
    assert [view.voting_open(at) for at in (OPEN - DAY, OPEN, CLOSE)] == [False, True, False]


def test_the_checklist_of_a_new_primary_lacks_nearly_everything(
    session: Session, people: People
) -> None:
    make_primary(session, people.one, timeline=None)
    done = {item.key for item in queries.readiness(session, PRIMARY) if item.is_done}
    assert done == {ReadinessKey.DIGEST_KEY_MATCHES}
    with pytest.raises(Refused) as refused:
        service.sign_readiness(session, PRIMARY, actor=people.one, now=NOW)
    assert refused.value.code is PrimaryRefusal.READINESS_INCOMPLETE
    assert refused.value.facts["count"] == len(ReadinessKey) - 1


def _without_key(session: Session) -> None:
    primary = session.get(Primary, PRIMARY)
    assert primary is not None
    primary.public_key = None
    session.add(primary)


def _without(table: type, key: object) -> Callable[[Session], None]:
    def remove(session: Session) -> None:
        session.delete(session.get(table, key))

    return remove


def _without_digest_key(_session: Session) -> None:
    keyring.digest_key_path(PRIMARY).unlink()
    keyring.forget_cached_keys()


@pytest.mark.parametrize(
    ("take_away", "missing"),
    [
        (_without_key, ReadinessKey.ELECTION_KEY_INSTALLED),
        (_without(RollSeal, PRIMARY), ReadinessKey.ROLL_SEALED),
        (
            _without(ReadinessMark, (PRIMARY, ReadinessKey.KEY_BACKUP_TESTED.value)),
            ReadinessKey.KEY_BACKUP_TESTED,
        ),
        (
            _without(ReadinessMark, (PRIMARY, ReadinessKey.CEREMONY_REHEARSED.value)),
            ReadinessKey.CEREMONY_REHEARSED,
        ),
        (
            _without(ReadinessMark, (PRIMARY, ReadinessKey.ADDRESS_POLICY_SIGNED.value)),
            ReadinessKey.ADDRESS_POLICY_SIGNED,
        ),
        (_without_digest_key, ReadinessKey.DIGEST_KEY_MATCHES),
    ],
)
def test_voting_without_one_item_is_refused(
    session: Session,
    primary: str,
    people: People,
    take_away: Callable[[Session], None],
    missing: ReadinessKey,
) -> None:
    get_ready(session, people.one)
    take_away(session)
    session.flush()
    session.expire_all()
    with pytest.raises(Refused) as refused:
        service.sign_readiness(session, primary, actor=people.one, now=SEALING)
    assert refused.value.facts["items"] == (missing,)
    assert not queries.require_primary(session).voting_open(OPEN)


def test_a_contest_without_candidates_is_missing_some(
    session: Session, primary: str, people: People
) -> None:
    service.import_contests(session, primary, CONTESTS, actor=people.one, now=NOW)
    only_list = b"\n".join(CANDIDATES.splitlines()[:2])
    service.import_candidates(session, primary, only_list, actor=people.one, now=NOW)
    items = {item.key: item for item in queries.readiness(session, primary)}
    item = items[ReadinessKey.CONTESTS_HAVE_CANDIDATES]
    assert (item.is_done, item.count, item.missing) == (False, 1, 1)


def test_a_signature_is_given_once_even_by_two_at_once(
    database: str, make_actor: MakeActor, race: Race
) -> None:
    one, two = make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        make_primary(session, one)
        get_ready(session, one)
    outcomes = race(
        lambda session: service.sign_readiness(session, PRIMARY, actor=one, now=SEALING),
        lambda session: service.sign_readiness(session, PRIMARY, actor=two, now=SEALING),
    )
    assert {getattr(outcome, "code", None) for outcome in outcomes} == {
        None,
        PrimaryRefusal.READINESS_SIGNED,
    }


def test_the_signature_is_withdrawn_only_before_voting_opens(
    session: Session, primary: str, people: People
) -> None:
    get_ready(session, people.one)
    service.sign_readiness(session, primary, actor=people.one, now=SEALING)
    with pytest.raises(Refused) as refused:
        service.withdraw_readiness(session, primary, actor=people.one, reason="x", now=OPEN)
    assert refused.value.code is PrimaryRefusal.BALLOT_FIXED
    service.withdraw_readiness(
        session, primary, actor=people.one, reason="Ошибка в списке", now=SEALING
    )
    assert queries.require_primary(session).readiness_signed_at is None


def test_a_signature_after_the_hours_is_refused(
    session: Session, primary: str, people: People
) -> None:
    get_ready(session, people.one)
    with pytest.raises(Refused) as refused:
        service.sign_readiness(session, primary, actor=people.one, now=CLOSE)
    assert refused.value.code is PrimaryRefusal.VOTING_ENDED


def test_the_election_key_is_a_point_of_the_curve_and_stays_once_signed(
    session: Session, primary: str, people: People
) -> None:
    for wrong in (b"", b"\4" + b"\1" * 64, b"\2" + election_key()[1:]):
        with pytest.raises(Refused) as refused:
            service.install_election_key(
                session, primary, wrong, (), 2, 3, actor=people.one, now=SEALING
            )
        assert refused.value.code is PrimaryRefusal.PUBLIC_KEY_MALFORMED
    get_ready(session, people.one)
    service.sign_readiness(session, primary, actor=people.one, now=SEALING)
    with pytest.raises(Refused) as refused:
        install_key(session, people.one)
    assert refused.value.code is PrimaryRefusal.KEY_FIXED


def test_a_backup_counts_when_it_is_the_key(session: Session, primary: str, people: People) -> None:
    with pytest.raises(Refused) as refused:
        service.test_key_backup(session, primary, b"\0" * 32, actor=people.one, now=NOW)
    assert refused.value.code is PrimaryRefusal.KEY_BACKUP_DIFFERS
    backup = keyring.digest_key(primary)
    service.test_key_backup(session, primary, backup, actor=people.one, now=NOW)
    items = {item.key: item for item in queries.readiness(session, primary)}
    item = items[ReadinessKey.KEY_BACKUP_TESTED]
    assert (item.is_done, item.author, item.at) == (True, people.one.name, NOW)


def test_what_the_data_shows_is_not_marked(session: Session, primary: str, people: People) -> None:
    with pytest.raises(Refused) as refused:
        service.mark_readiness(
            session,
            primary,
            ReadinessKey.ROLL_SEALED,
            actor=people.one,
            evidence="я видел",
            now=NOW,
        )
    assert refused.value.code is PrimaryRefusal.ITEM_IS_COMPUTED


_DRAFT = service.CandidateDraft(
    contest_id="list", last_name="А", first_name="Б", birth_date=date(1990, 1, 1), sex=Sex.MALE
)
_CONTEST = service.ContestDraft(
    code="x", titles={"ru": "х", "kk": "х", "en": "x"}, place_code=None, seats=1, max_choices=1
)
_ACTS: dict[str, Callable[[Session, Actor], object]] = {
    "create_primary": lambda s, a: service.create_primary(
        s, "other", actor=a, names=NAMES, now=NOW
    ),
    "set_contacts": lambda s, a: service.set_contacts(s, PRIMARY, actor=a, hotline="", email=""),
    "set_timeline": lambda s, a: service.set_timeline(
        s, PRIMARY, TIMELINE, actor=a, reason="x", now=NOW
    ),
    "extend_voting": lambda s, a: service.extend_voting(
        s, PRIMARY, actor=a, until=CLOSE + DAY, reason="x", now=OPEN
    ),
    "postpone_publication": lambda s, a: service.postpone_publication(
        s, PRIMARY, actor=a, to=CLOSE + 5 * DAY, reason="x", now=OPEN
    ),
    "propose_earlier_publication": lambda s, a: service.propose_earlier_publication(
        s, PRIMARY, actor=a, to=CLOSE, reason="x", now=OPEN
    ),
    "bring_publication_forward": lambda s, a: service.bring_publication_forward(
        s, 1, actor=a, now=OPEN
    ),
    "add_constituency": lambda s, a: service.add_constituency(s, PRIMARY, PLACE, actor=a, now=NOW),
    "remove_constituency": lambda s, a: service.remove_constituency(s, PRIMARY, PLACE, actor=a),
    "add_contest": lambda s, a: service.add_contest(s, PRIMARY, _CONTEST, actor=a, now=NOW),
    "remove_contest": lambda s, a: service.remove_contest(s, PRIMARY, "x", actor=a),
    "import_contests": lambda s, a: service.import_contests(s, PRIMARY, CONTESTS, actor=a, now=NOW),
    "add_candidate": lambda s, a: service.add_candidate(s, PRIMARY, _DRAFT, actor=a, now=NOW),
    "import_candidates": lambda s, a: service.import_candidates(
        s, PRIMARY, CANDIDATES, actor=a, now=NOW
    ),
    "cancel_registration": lambda s, a: service.cancel_registration(
        s, "00000000", actor=a, decision="x", now=NOW
    ),
    "write_page": lambda s, a: service.write_page(
        s, "00000000", service.PageDraft(), actor=a, now=NOW
    ),
    "set_photo": lambda s, a: service.set_photo(
        s, "00000000", read_photo(picture(colour="red")), actor=a, now=NOW
    ),
    "remove_photo": lambda s, a: service.remove_photo(s, "00000000", actor=a, now=NOW),
    "seal_roll": lambda s, a: service.seal_roll(s, PRIMARY, actor=a, now=SEALING),
    "change_roll": lambda s, a: service.change_roll(
        s, PRIMARY, RollChangeKind.ADDED, _member(s), actor=a, decision="x", now=SEALING
    ),
    "propose_roll_change": lambda s, a: service.propose_roll_change(
        s, PRIMARY, RollChangeKind.ADDED, 1, actor=a, decision="x", now=SEALING
    ),
    "approve_roll_change": lambda s, a: service.approve_roll_change(s, 1, actor=a, now=SEALING),
    "install_election_key": install_key,
    "mark_readiness": lambda s, a: service.mark_readiness(
        s, PRIMARY, ReadinessKey.CEREMONY_REHEARSED, actor=a, evidence="x", now=NOW
    ),
    "test_key_backup": lambda s, a: service.test_key_backup(s, PRIMARY, b"", actor=a, now=NOW),
    "sign_readiness": lambda s, a: service.sign_readiness(s, PRIMARY, actor=a, now=NOW),
    "withdraw_readiness": lambda s, a: service.withdraw_readiness(
        s, PRIMARY, actor=a, reason="x", now=NOW
    ),
}


def _member(session: Session) -> int:
    from tests.primary.conftest import add_member

    found = session.get(Member, 1)
    return found.id or 0 if found else add_member(session, 1)


def test_every_act_is_refused_to_every_role_it_is_not_for(
    sqlite_database: str, make_actor: MakeActor
) -> None:
    with unit_of_work() as session:
        make_primary(session, make_actor(Role.ORGANIZER, session=session))
        strangers = [
            make_actor(role, session=session) for role in Role if role is not Role.ORGANIZER
        ]
        strangers.append(make_actor(Role.ORGANIZER, place=PLACE, session=session))
    written = set(service.__all__) - {
        "CANDIDATE_COLUMNS",
        "CONTEST_COLUMNS",
        "CandidateDraft",
        "ContestDraft",
        "PageDraft",
        "SealedRoll",
        "require_matching_digest_key",
        "roll_digest",
    }
    assert written == set(_ACTS)
    for name, act in _ACTS.items():
        for actor in strangers:
            if name == "cancel_registration" and actor.has(Role.COMMISSIONER, Role.ORGANIZER):
                continue
            with pytest.raises(Refused) as refused, unit_of_work() as session:
                act(session, actor)
            assert refused.value.code is StaffRefusal.FORBIDDEN, (name, actor.roles)
