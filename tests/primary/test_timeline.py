"""A primary is made with its key; its instants are set, moved and listed."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from core import keyring
from core.database import unit_of_work
from core.errors import Refused
from core.membership.queries import freeze_now
from core.membership.service import freeze_admission
from core.primary import queries, service
from core.primary.rules import Instant, PrimaryRefusal, TimelineActKind
from core.staff.rules import Role, StaffRefusal
from tests.conftest import MakeActor
from tests.primary.conftest import (
    CLOSE,
    DAY,
    NAMES,
    NOW,
    OPEN,
    PRIMARY,
    PUBLICATION,
    TIMELINE,
    People,
    Race,
    add_member,
    get_ready,
    make_primary,
)


def test_a_primary_is_made_with_its_digest_key(session: Session, people: People) -> None:
    make_primary(session, people.one, timeline=None)
    primary = queries.require_primary(session)
    assert primary.timeline is None
    assert primary.digest_fingerprint == keyring.fingerprint(keyring.digest_key(PRIMARY))
    service.require_matching_digest_key(session, primary)


def test_one_installation_has_one_active_primary(session: Session, people: People) -> None:
    make_primary(session, people.one, timeline=None)
    with pytest.raises(Refused) as refused:
        service.create_primary(session, "spring-2021", actor=people.one, names=NAMES, now=NOW)
    assert refused.value.code is PrimaryRefusal.PRIMARY_EXISTS
    assert not keyring.digest_key_path("spring-2021").exists()


@pytest.mark.parametrize(
    ("primary_id", "names", "code"),
    [
        ("Осень", NAMES, PrimaryRefusal.ID_MALFORMED),
        ("a/b", NAMES, PrimaryRefusal.ID_MALFORMED),
        ("autumn", {**NAMES, "kk": " "}, PrimaryRefusal.NAME_MISSING),
    ],
)
def test_a_primary_needs_an_identifier_and_three_names(
    session: Session,
    people: People,
    primary_id: str,
    names: dict[str, str],
    code: PrimaryRefusal,
) -> None:
    with pytest.raises(Refused) as refused:
        service.create_primary(session, primary_id, actor=people.one, names=names, now=NOW)
    assert refused.value.code is code


def test_a_process_with_another_digest_key_refuses(session: Session, primary: str) -> None:
    view = queries.require_primary(session)
    path = keyring.digest_key_path(primary)
    path.unlink()
    keyring.forget_cached_keys()
    with pytest.raises(Refused) as refused:
        service.require_matching_digest_key(session, view)
    assert refused.value.code is PrimaryRefusal.DIGEST_KEY_DIFFERS
    path.write_bytes(b"\1" * 32)
    keyring.forget_cached_keys()
    assert not queries.digest_key_matches(view)


def test_setting_the_timeline_is_an_act_with_author_and_reason(
    session: Session, primary: str, people: People
) -> None:
    (act,) = queries.timeline_acts(session, primary)
    assert act.kind is TimelineActKind.SET
    assert (act.author, act.reason) == (people.one.name, "Решение оргкомитета")
    assert act.timeline == TIMELINE == queries.require_primary(session).timeline
    assert {change.instant for change in act.changes} == set(Instant)


def test_an_act_without_a_reason_is_refused(session: Session, primary: str, people: People) -> None:
    with pytest.raises(Refused) as refused:
        service.extend_voting(
            session, primary, actor=people.one, until=CLOSE + DAY, reason=" ", now=OPEN
        )
    assert refused.value.code is PrimaryRefusal.REASON_MISSING


def test_extending_the_vote_shifts_the_end_of_the_freeze_in_the_same_act(
    session: Session, primary: str, people: People
) -> None:
    freeze_admission(
        session,
        actor=people.one,
        starts_at=TIMELINE.freeze_start,
        ends_at=TIMELINE.freeze_end,
        reason="До конца голосования",
        now=NOW,
    )
    service.extend_voting(
        session, primary, actor=people.one, until=CLOSE + DAY, reason="Сбой", now=OPEN + DAY
    )
    left = queries.require_primary(session).timeline
    freeze = freeze_now(session, OPEN + DAY)
    assert left is not None
    assert freeze is not None
    assert left.voting_closes == CLOSE + DAY
    assert left.freeze_end == freeze.ends_at == TIMELINE.freeze_end + DAY
    assert (left.cutoff, left.voting_opens) == (TIMELINE.cutoff, TIMELINE.voting_opens)
    newest = queries.timeline_acts(session, primary)[0]
    assert newest.kind is TimelineActKind.VOTING_EXTENDED
    assert [change.instant for change in newest.changes] == [
        Instant.VOTING_CLOSES,
        Instant.FREEZE_END,
    ]


def test_an_extension_past_publication_waits_for_the_publication_to_move(
    session: Session, primary: str, people: People
) -> None:
    until = PUBLICATION + DAY
    details = {"actor": people.one, "reason": "Сбой", "now": OPEN}
    with pytest.raises(Refused) as refused:
        service.extend_voting(session, primary, until=until, **details)
    assert refused.value.code is PrimaryRefusal.EXTENSION_PAST_PUBLICATION
    service.postpone_publication(session, primary, to=until, **details)
    service.extend_voting(session, primary, until=until, **details)
    timeline = queries.require_primary(session).timeline
    assert timeline is not None
    assert timeline.voting_closes == timeline.publication == until


def test_publication_is_brought_forward_by_two_people(
    session: Session, primary: str, people: People
) -> None:
    to = PUBLICATION - timedelta(hours=6)
    proposal = service.propose_earlier_publication(
        session, primary, actor=people.one, to=to, reason="Подсчёт завершён", now=CLOSE
    )
    assert queries.require_primary(session).timeline == TIMELINE
    with pytest.raises(Refused) as refused:
        service.bring_publication_forward(session, proposal.id, actor=people.one, now=CLOSE)
    assert refused.value.code is StaffRefusal.SAME_PERSON
    service.bring_publication_forward(session, proposal.id, actor=people.two, now=CLOSE)
    assert queries.require_primary(session).timeline == TIMELINE.moved(publication=to)
    act = queries.timeline_acts(session, primary)[0]
    assert (act.author, act.second) == (people.one.name, people.two.name)


def test_a_proposal_that_an_extension_overtook_is_refused(
    session: Session, primary: str, people: People
) -> None:
    to = CLOSE + timedelta(hours=1)
    proposal = service.propose_earlier_publication(
        session, primary, actor=people.one, to=to, reason="Раньше", now=OPEN
    )
    service.extend_voting(
        session, primary, actor=people.one, until=CLOSE + DAY, reason="Сбой", now=OPEN
    )
    with pytest.raises(Refused) as refused:
        service.bring_publication_forward(session, proposal.id, actor=people.two, now=OPEN)
    assert refused.value.code is PrimaryRefusal.PUBLICATION_BEFORE_VOTING_ENDS


def test_the_timeline_can_be_corrected_before_it_comes(
    session: Session, primary: str, people: People
) -> None:
    moved = TIMELINE.moved(voting_opens=OPEN + timedelta(hours=8))
    service.set_timeline(
        session, primary, moved, actor=people.two, reason="Открытие утром", now=NOW
    )
    assert queries.require_primary(session).timeline == moved
    assert queries.timeline_acts(session, primary)[0].kind is TimelineActKind.CHANGED


def test_a_running_vote_keeps_its_opening(session: Session, primary: str, people: People) -> None:
    get_ready(session, people.one)
    service.sign_readiness(session, primary, actor=people.one, now=OPEN - DAY)
    with pytest.raises(Refused) as refused:
        service.set_timeline(
            session,
            primary,
            TIMELINE.moved(voting_opens=OPEN + DAY),
            actor=people.one,
            reason="Позже",
            now=OPEN,
        )
    assert refused.value.code is PrimaryRefusal.TIME_IS_PAST


def test_two_who_extend_at_once_extend_once(
    database: str, make_actor: MakeActor, race: Race
) -> None:
    one, two = make_actor(Role.ORGANIZER), make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        make_primary(session, one)

    def extend(actor: object) -> object:
        return lambda session: service.extend_voting(
            session, PRIMARY, actor=actor, until=CLOSE + DAY, reason="Сбой", now=OPEN
        )

    outcomes = race(extend(one), extend(two))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [each.code for each in refused] == [PrimaryRefusal.EXTENSION_NOT_LATER]
    with unit_of_work() as session:
        timeline = queries.require_primary(session).timeline
        assert timeline is not None
        assert timeline.freeze_end == TIMELINE.freeze_end + DAY
        assert len(queries.timeline_acts(session, PRIMARY)) == 2


def test_a_missed_opening_is_set_anew_while_readiness_is_unsigned(
    session: Session, primary: str, people: People
) -> None:
    add_member(session, 1)
    late = OPEN + timedelta(hours=1)
    with pytest.raises(Refused) as refused:
        service.seal_roll(session, primary, actor=people.one, now=late)
    assert refused.value.code is PrimaryRefusal.ROLL_TOO_LATE
    service.set_timeline(
        session,
        primary,
        TIMELINE.moved(voting_opens=OPEN + DAY),
        actor=people.one,
        reason="Не было реестра",
        now=late,
    )
    service.seal_roll(session, primary, actor=people.one, now=late)
