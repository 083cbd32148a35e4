from datetime import timedelta

import pytest
from sqlalchemy import delete

from core.database import unit_of_work
from core.errors import Refused
from core.primary import queries as primaries
from core.primary.rules import ReadinessKey
from core.results import queries
from core.results.ceremony import confirm_share, install_key, register_ceremony
from core.results.models import Ceremony, TrusteeShare
from core.results.rules import CeremonyKind, ResultsRefusal
from core.results.shares import hold_ceremony
from core.staff.rules import Role, StaffRefusal
from tests.results.election import BEFORE, OPENS, PRIMARY, prepare

pytestmark = pytest.mark.usefixtures("sqlite_database")


def refused(act):
    with pytest.raises(Refused) as caught, unit_of_work() as session:
        act(session)
    return caught.value


def register(session, election, held=None, kind=CeremonyKind.ELECTION, now=BEFORE, **more):
    return register_ceremony(
        session,
        (held or hold_ceremony(3, 2)).public,
        kind=kind,
        actor=more.pop("actor", election.organizer),
        now=now,
        **more,
    )


def test_the_key_is_installed_when_every_trustee_confirmed_and_readiness_says_so(make_actor):
    election = prepare(make_actor)
    with unit_of_work() as session:
        primary = primaries.active_primary(session)
        items = {item.key: item.is_done for item in primaries.readiness(session, PRIMARY)}
        rehearsal, real = queries.ceremonies(session, PRIMARY)
    assert primary is not None
    assert primary.public_key == election.held.public.public_key
    assert items[ReadinessKey.CEREMONY_REHEARSED]
    assert items[ReadinessKey.ELECTION_KEY_INSTALLED]
    assert (rehearsal.kind, real.kind) == (CeremonyKind.REHEARSAL, CeremonyKind.ELECTION)
    assert rehearsal.installed_at is None
    assert real.installed_at == BEFORE
    assert [share.trustee for share in real.shares] == ["Хранитель 0", "Хранитель 1", "Хранитель 2"]


def test_a_key_is_not_installed_while_one_trustee_has_not_confirmed(make_actor):
    election = prepare(make_actor)
    held = hold_ceremony(3, 2)
    with unit_of_work() as session:
        number = register(session, election, held)
        for trustee, own in zip(election.trustees[:2], held.public.fingerprints, strict=False):
            confirm_share(session, number, fingerprint=own, actor=trustee, now=BEFORE)
    found = refused(
        lambda session: install_key(session, number, actor=election.organizer, now=BEFORE)
    )
    assert found.code is ResultsRefusal.CEREMONY_INCOMPLETE
    assert found.facts == {"confirmed": 2, "trustees": 3}


def test_the_election_s_ceremony_comes_after_one_with_test_keys(make_actor):
    election = prepare(make_actor)
    with unit_of_work() as session:
        session.execute(delete(TrusteeShare))
        session.execute(delete(Ceremony))
    found = refused(lambda session: register(session, election))
    assert found.code is ResultsRefusal.REHEARSAL_CEREMONY_FIRST
    with unit_of_work() as session:
        rehearsal = register(session, election, kind=CeremonyKind.REHEARSAL)
    assert refused(lambda session: register(session, election)).code is (
        ResultsRefusal.REHEARSAL_CEREMONY_FIRST
    )
    found = refused(
        lambda session: install_key(session, rehearsal, actor=election.organizer, now=BEFORE)
    )
    assert found.code is ResultsRefusal.REHEARSED_KEY


def test_a_test_key_can_t_become_the_election_s(make_actor):
    election = prepare(make_actor)
    found = refused(lambda session: register(session, election, election.rehearsal))
    assert found.code is ResultsRefusal.REHEARSED_KEY


def test_one_trustee_confirms_one_share_and_nobody_else_s(make_actor):
    election = prepare(make_actor)
    held = hold_ceremony(3, 2)
    own, other, _third = held.public.fingerprints
    first, second, _last = election.trustees
    with unit_of_work() as session:
        number = register(session, election, held)
        assert confirm_share(session, number, fingerprint=own, actor=first, now=BEFORE) == 1

    def confirm(fingerprint, actor):
        return lambda session: confirm_share(
            session, number, fingerprint=fingerprint, actor=actor, now=BEFORE
        )

    assert refused(confirm(own, second)).code is ResultsRefusal.SHARE_CONFIRMED_ALREADY
    assert refused(confirm(other, first)).code is ResultsRefusal.TRUSTEE_HAS_SHARE
    assert refused(confirm("0" * 16, second)).code is ResultsRefusal.SHARE_UNKNOWN
    with unit_of_work() as session:
        spaced = " ".join([own[:8].upper(), own[8:]])
        assert confirm(spaced, first)(session) == 1
        assert queries.ceremonies(session, PRIMARY)[-1].confirmed == 1


def test_a_replaced_ceremony_takes_no_confirmation(make_actor):
    election = prepare(make_actor)
    held = hold_ceremony(3, 2)
    with unit_of_work() as session:
        number = register(session, election, held)
        register(session, election)
    found = refused(
        lambda session: confirm_share(
            session,
            number,
            fingerprint=held.public.fingerprints[0],
            actor=election.trustees[0],
            now=BEFORE,
        )
    )
    assert found.code is ResultsRefusal.UNKNOWN_CEREMONY


def test_once_voting_is_open_no_ceremony_changes_the_key(make_actor):
    election = prepare(make_actor)
    with unit_of_work() as session:
        register(session, election, now=OPENS - timedelta(seconds=1))
    found = refused(lambda session: register(session, election, now=OPENS))
    assert found.code is ResultsRefusal.CEREMONY_TOO_LATE


def test_fewer_than_two_canvassers_are_refused(make_actor):
    election = prepare(make_actor)
    found = refused(lambda session: register(session, election, canvassers=1))
    assert found.code is ResultsRefusal.CANVASSERS_TOO_FEW


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ORGANIZER])
def test_only_an_organizer_registers_and_installs(make_actor, role):
    election = prepare(make_actor)
    stranger = make_actor(role)
    for act in (
        lambda session: register(session, election, actor=stranger),
        lambda session: install_key(session, 2, actor=stranger, now=BEFORE),
    ):
        assert refused(act).code is StaffRefusal.FORBIDDEN


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.TRUSTEE])
def test_only_a_trustee_confirms(make_actor, role):
    election = prepare(make_actor)
    fingerprint = election.held.public.fingerprints[0]
    found = refused(
        lambda session: confirm_share(
            session, 2, fingerprint=fingerprint, actor=make_actor(role, session=session), now=BEFORE
        )
    )
    assert found.code is StaffRefusal.FORBIDDEN
