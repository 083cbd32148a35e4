from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import Session

from core.errors import Refused
from core.places import PlaceRefusal
from core.primary.queries import require_primary
from core.staff.rules import Actor, Role, StaffRefusal
from core.voting import exemption_queries, exemptions
from core.voting.address_policy import exempt_capacity
from core.voting.exemption_queries import ExemptionFilter, ExemptionView
from core.voting.exemptions import ExemptionTerms
from core.voting.models import AddressExemption
from core.voting.rules import ExemptionKind, VotingRefusal
from core.voting.tally import Tally
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY, REGION

TERMS = ExemptionTerms(
    primary_id=PRIMARY,
    kind=ExemptionKind.SHARED_NETWORK,
    network="203.0.113.0/24",
    holder="АО «Связь»",
    reason="shared addresses of a carrier",
    document="letter 12",
    valid_from=OPENS,
    valid_until=CLOSES,
    cap_total=1000,
    cap_hourly=100,
)
TERMINAL = replace(
    TERMS,
    kind=ExemptionKind.TERMINAL,
    network="198.51.100.0/28",
    holder="Участок № 17",
    place_code=DISTRICT,
    reason="компьютеры участка",
    cap_total=460,
    cap_hourly=60,
)


@pytest.fixture
def poll(database: str) -> None:
    polls.open_poll()


@pytest.fixture
def two(session: Session, make_actor: MakeActor) -> tuple[Actor, Actor]:
    return make_actor(Role.ORGANIZER, session=session), make_actor(Role.ORGANIZER, session=session)


def add(session: Session, two: tuple[Actor, Actor], *terms: ExemptionTerms) -> tuple[int, ...]:
    proposal = exemptions.propose_exemptions(
        session, terms, actor=two[0], reason="exemptions.csv", now=NOON
    )
    return exemptions.confirm_exemption(session, proposal.id, actor=two[1], now=NOON)


def listed(
    session: Session, chosen: ExemptionFilter = exemption_queries.EVERY
) -> list[ExemptionView]:
    views, total = exemption_queries.exemptions(session, PRIMARY, now=NOON, chosen=chosen)
    assert total == len(views)
    return list(views)


def code_of(act: object) -> object:
    with pytest.raises(Refused) as refused:
        act()  # type: ignore[operator]
    return refused.value.code


def test_an_exemption_takes_two_organizers(session: Session, two: tuple[Actor, Actor]) -> None:
    first, second = two
    proposal = exemptions.propose_exemption(session, TERMS, actor=first, now=NOON)
    assert listed(session) == []
    confirm = partial(exemptions.confirm_exemption, session, proposal.id, now=NOON)
    assert code_of(partial(confirm, actor=first)) is StaffRefusal.SAME_PERSON
    confirm(actor=second)
    (view,) = listed(session)
    assert (view.terms, view.used, view.in_force(NOON)) == (TERMS, 0, True)
    assert not view.in_force(CLOSES)
    assert not view.in_force(OPENS - timedelta(seconds=1))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR, Role.OBSERVER])
def test_nobody_but_an_organizer_may(session: Session, make_actor: MakeActor, role: Role) -> None:
    organizer = make_actor(Role.ORGANIZER, session=session)
    proposal = exemptions.propose_exemption(session, TERMS, actor=organizer, now=NOON)
    stranger = make_actor(role, session=session)
    for act in (
        partial(exemptions.propose_exemption, session, TERMS),
        partial(exemptions.propose_exemptions, session, [TERMS], reason="x"),
        partial(exemptions.confirm_exemption, session, proposal.id),
        partial(exemptions.remove_exemption, session, 1),
    ):
        assert code_of(partial(act, actor=stranger, now=NOON)) is StaffRefusal.FORBIDDEN


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
            assert code_of(partial(act, actor=actor, now=NOON)) is code


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
        (replace(TERMS, valid_until=NOON), VotingRefusal.PERIOD_OVER),
        (replace(TERMS, reason=" "), VotingRefusal.REASON_MISSING),
        (replace(TERMS, document=""), VotingRefusal.DOCUMENT_MISSING),
        (replace(TERMS, holder=" "), VotingRefusal.HOLDER_MISSING),
        (replace(TERMINAL, place_code=""), VotingRefusal.PLACE_MISSING),
        (replace(TERMINAL, place_code="999"), PlaceRefusal.UNKNOWN_PLACE),
        (replace(TERMS, reason="сеть 203.0.113.0/24"), VotingRefusal.ADDRESS_IN_TEXT),
        (replace(TERMS, holder="2001:db8::1"), VotingRefusal.ADDRESS_IN_TEXT),
    ],
    ids=lambda given: given.value if hasattr(given, "value") else "terms",
)
def test_faulty_terms_are_refused(terms: ExemptionTerms, code: VotingRefusal) -> None:
    assert code_of(partial(exemptions.check_terms, terms, now=NOON)) is code


def test_ipv4_networks_written_as_ipv6_are_kept_folded() -> None:
    terms = exemptions.check_terms(replace(TERMS, network="::ffff:203.0.113.0/120"), now=NOON)
    assert terms.network == "203.0.113.0/24"


def test_many_are_proposed_and_confirmed_as_one_act(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    many = [replace(TERMINAL, network=f"198.51.{place}.0/28") for place in range(170)]
    assert len(add(session, two, *many)) == 170
    _page, total = exemption_queries.exemptions(session, PRIMARY, now=NOON, limit=50)
    assert (len(_page), total) == (50, 170)
    assert exemption_queries.exemption_totals(session, PRIMARY, now=NOON).capped == 170 * 460


@pytest.mark.parametrize("count", [0, exemptions.MOST_AT_ONCE + 1])
def test_there_is_a_limit_to_one_act(
    session: Session, two: tuple[Actor, Actor], count: int
) -> None:
    act = partial(
        exemptions.propose_exemptions, session, [TERMS] * count, actor=two[0], reason="x", now=NOON
    )
    assert code_of(act) is VotingRefusal.TOO_MANY_EXEMPTIONS


def test_what_has_gone_over_meanwhile_is_not_confirmed(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    proposal = exemptions.propose_exemption(session, TERMS, actor=two[0], now=NOON)
    act = partial(exemptions.confirm_exemption, session, proposal.id, actor=two[1], now=CLOSES)
    assert code_of(act) is VotingRefusal.PERIOD_OVER


def test_another_in_its_place_ends_the_first_in_the_same_act(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    (old,) = add(session, two, TERMS)
    proposal = exemptions.propose_exemption(
        session, replace(TERMS, cap_total=2000), actor=two[0], replaces=old, now=NOON
    )
    assert [view.removed_at for view in listed(session)] == [None]
    (new,) = exemptions.confirm_exemption(session, proposal.id, actor=two[1], now=NOON)
    views = {view.id: view for view in listed(session)}
    assert views[old].removed_at == NOON
    assert (views[new].replaces, views[new].terms.cap_total) == (old, 2000)


def test_what_is_over_can_neither_be_removed_nor_replaced(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    added, _ = exemptions.exempt_loopback(
        session, PRIMARY, actor=two[0], valid_until=CLOSES, now=NOON
    )
    waiting = exemptions.propose_exemption(session, TERMS, actor=two[0], replaces=added, now=NOON)
    exemptions.remove_exemption(session, added, actor=two[0], now=NOON)
    for number, code in (
        (added, VotingRefusal.EXEMPTION_OVER),
        (999, VotingRefusal.EXEMPTION_UNKNOWN),
    ):
        for act in (
            partial(exemptions.remove_exemption, session, number),
            partial(exemptions.propose_exemption, session, TERMS, replaces=number),
        ):
            assert code_of(partial(act, actor=two[0], now=NOON)) is code
    confirm = partial(exemptions.confirm_exemption, session, waiting.id, actor=two[1], now=NOON)
    assert code_of(confirm) is VotingRefusal.EXEMPTION_OVER


def test_overlapping_networks_are_shown_both_ways_while_both_hold(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    wide, narrow, later, apart = add(
        session,
        two,
        replace(TERMS, network="203.0.0.0/16"),
        TERMS,
        replace(
            TERMS,
            network="203.0.113.8/29",
            valid_from=CLOSES,
            valid_until=CLOSES + timedelta(days=1),
        ),
        TERMINAL,
    )
    overlaps = {view.id: view.overlaps for view in listed(session)}
    assert overlaps == {wide: (narrow,), narrow: (wide,), later: (), apart: ()}
    proposed = replace(TERMS, network="203.0.113.64/26")
    assert exemption_queries.overlapping_with(session, [proposed, TERMINAL], now=NOON) == (
        "198.51.100.0/28",
        "203.0.0.0/16",
        "203.0.113.0/24",
    )
    exemptions.remove_exemption(session, wide, actor=two[0], now=NOON)
    assert {view.overlaps for view in listed(session)} == {()}


def test_the_list_is_narrowed_by_kind_place_and_state(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    carrier, place = add(session, two, TERMS, TERMINAL)
    exemptions.remove_exemption(session, carrier, actor=two[0], now=NOON)
    for chosen, found in (
        (ExemptionFilter(kind=ExemptionKind.TERMINAL), [place]),
        (ExemptionFilter(place_code=REGION), [place]),
        (ExemptionFilter(place_code="750000000"), []),
        (ExemptionFilter(only_in_force=True), [place]),
        (exemption_queries.EVERY, [place, carrier]),
    ):
        assert [view.id for view in listed(session, chosen)] == found


def test_live_use_is_shown_by_exemption_and_in_all(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    carrier, place = add(session, two, TERMS, TERMINAL)
    tally = Tally(PRIMARY)
    for number, hour in ((carrier, 0), (place, 0), (place, 0), (place, -1)):
        tally.exempt(number, NOON + timedelta(hours=hour))
    tally.write(session.connection())
    session.expire_all()
    used = {view.id: (view.used, view.used_this_hour) for view in listed(session)}
    assert used == {carrier: (1, 1), place: (3, 2)}
    totals = exemption_queries.exemption_totals(session, PRIMARY, now=NOON)
    assert (totals.in_force, totals.used, totals.used_this_hour) == (2, 4, 3)


def test_the_public_list_has_no_address_and_no_small_count(
    session: Session, two: tuple[Actor, Actor]
) -> None:
    alike = replace(TERMINAL, network="198.51.100.16/28")
    ids = add(session, two, TERMINAL, alike, TERMS)
    for number, used in zip(ids, (2, 3, 4), strict=True):
        session.get_one(AddressExemption, number).used = used
    session.flush()
    carrier, place = exemption_queries.public_exemptions(session, PRIMARY)
    assert (place.holder, place.networks, place.voters) == ("Участок № 17", 2, 5)
    assert (carrier.holder, carrier.networks, carrier.voters) == ("АО «Связь»", 1, None)
    assert not any("." in str(part) and "/" in str(part) for part in vars(place).values())


def test_the_estimate_may_use_what_the_caps_and_hours_admit(
    poll: None, session: Session, two: tuple[Actor, Actor]
) -> None:
    primary = require_primary(session)
    gone, _half_a_day = add(
        session,
        two,
        TERMS,
        replace(TERMINAL, valid_until=NOON + timedelta(hours=1), cap_hourly=10),
    )
    assert exempt_capacity(session, primary) == 1000 + 130
    exemptions.remove_exemption(session, gone, actor=two[0], now=NOON)
    assert exempt_capacity(session, primary) == 130


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
