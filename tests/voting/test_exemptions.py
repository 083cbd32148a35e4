from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import Session

from core.errors import Refused
from core.staff.rules import Role, StaffRefusal
from core.voting import exemptions
from core.voting.exemptions import ExemptionTerms
from core.voting.rules import ExemptionKind, VotingRefusal
from tests.conftest import MakeActor
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY

TERMS = ExemptionTerms(
    primary_id=PRIMARY,
    kind=ExemptionKind.SHARED_NETWORK,
    network="203.0.113.0/24",
    reason="shared addresses of a carrier",
    document="letter 12",
    valid_from=OPENS,
    valid_until=CLOSES,
    cap_total=1000,
    cap_hourly=100,
)


def test_an_exemption_takes_two_organizers(session: Session, make_actor: MakeActor) -> None:
    first = make_actor(Role.ORGANIZER, session=session)
    second = make_actor(Role.ORGANIZER, session=session)
    proposal = exemptions.propose_exemption(session, TERMS, actor=first, now=NOON)
    assert exemptions.exemptions(session, PRIMARY, now=NOON) == ()
    with pytest.raises(Refused) as refused:
        exemptions.confirm_exemption(session, proposal.id, actor=first, now=NOON)
    assert refused.value.code is StaffRefusal.SAME_PERSON
    exemptions.confirm_exemption(session, proposal.id, actor=second, now=NOON)
    (view,) = exemptions.exemptions(session, PRIMARY, now=NOON)
    assert (view.terms, view.used, view.in_force(NOON)) == (TERMS, 0, True)
    assert not view.in_force(CLOSES)
    assert not view.in_force(OPENS - timedelta(seconds=1))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR, Role.OBSERVER])
def test_nobody_but_an_organizer_may(session: Session, make_actor: MakeActor, role: Role) -> None:
    organizer = make_actor(Role.ORGANIZER, session=session)
    proposal = exemptions.propose_exemption(session, TERMS, actor=organizer, now=NOON)
    stranger = make_actor(role, session=session)
    for act in (
        lambda: exemptions.propose_exemption(session, TERMS, actor=stranger, now=NOON),
        lambda: exemptions.confirm_exemption(session, proposal.id, actor=stranger, now=NOON),
        lambda: exemptions.remove_exemption(session, 1, actor=stranger, now=NOON),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code is StaffRefusal.FORBIDDEN


def test_neither_a_local_organizer_nor_a_wall_may(session: Session, make_actor: MakeActor) -> None:
    organizer = make_actor(Role.ORGANIZER, session=session)
    local = make_actor(Role.ORGANIZER, place=DISTRICT, session=session)
    wall = replace(organizer, read_only=True)
    proposal = exemptions.propose_exemption(session, TERMS, actor=organizer, now=NOON)
    for actor, code in (
        (local, StaffRefusal.FORBIDDEN),
        (wall, StaffRefusal.READ_ONLY_SESSION),
    ):
        for act in (
            partial(exemptions.propose_exemption, session, TERMS),
            partial(exemptions.confirm_exemption, session, proposal.id),
            partial(exemptions.remove_exemption, session, 1),
        ):
            with pytest.raises(Refused) as refused:
                act(actor=actor, now=NOON)
            assert refused.value.code is code


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (replace(TERMS, network="203.0.113.7/24"), VotingRefusal.NETWORK_MALFORMED),
        (replace(TERMS, network="the village"), VotingRefusal.NETWORK_MALFORMED),
        (replace(TERMS, network="0.0.0.0/0"), VotingRefusal.NETWORK_TOO_WIDE),
        (replace(TERMS, network="::/0"), VotingRefusal.NETWORK_TOO_WIDE),
        (replace(TERMS, network="64:ff9b::/96"), VotingRefusal.NETWORK_TOO_WIDE),
        (replace(TERMS, cap_hourly=0), VotingRefusal.CAP_OUT_OF_RANGE),
        (replace(TERMS, cap_hourly=1001), VotingRefusal.CAP_OUT_OF_RANGE),
        (replace(TERMS, valid_until=OPENS), VotingRefusal.PERIOD_EMPTY),
        (replace(TERMS, reason=" "), VotingRefusal.REASON_MISSING),
        (replace(TERMS, document=""), VotingRefusal.DOCUMENT_MISSING),
    ],
)
def test_faulty_terms_are_refused(terms: ExemptionTerms, code: VotingRefusal) -> None:
    with pytest.raises(Refused) as refused:
        exemptions.check_terms(terms)
    assert refused.value.code is code


def test_ipv4_networks_written_as_ipv6_are_kept_folded() -> None:
    terms = exemptions.check_terms(replace(TERMS, network="::ffff:203.0.113.0/120"))
    assert terms.network == "203.0.113.0/24"


def test_a_removed_exemption_cannot_be_removed_again(
    session: Session, make_actor: MakeActor
) -> None:
    first = make_actor(Role.ORGANIZER, session=session)
    added, _ = exemptions.exempt_loopback(
        session, PRIMARY, actor=first, valid_until=CLOSES, now=NOON
    )
    exemptions.remove_exemption(session, added, actor=first, now=NOON)
    for number, code in (
        (added, VotingRefusal.EXEMPTION_OVER),
        (999, VotingRefusal.EXEMPTION_UNKNOWN),
    ):
        with pytest.raises(Refused) as refused:
            exemptions.remove_exemption(session, number, actor=first, now=NOON)
        assert refused.value.code is code


def test_production_has_no_loopback_exemption(
    session: Session, make_actor: MakeActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.settings import Settings

    monkeypatch.setattr(Settings, "is_production", property(lambda _self: True))
    with pytest.raises(Refused):
        exemptions.exempt_loopback(
            session,
            PRIMARY,
            actor=make_actor(Role.ORGANIZER, session=session),
            valid_until=CLOSES,
            now=NOON,
        )
