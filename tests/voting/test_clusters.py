"""What stands together as it should not is found, counted and masked."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from core import clock
from core.database import engine, reading, unit_of_work
from core.errors import Refused
from core.membership.models import Member
from core.primary.digests import iin_digest, mobile_digest
from core.primary.models import Primary
from core.primary.queries import require_primary
from core.staff.rules import Actor, Role, StaffRefusal
from core.voting import clusters
from core.voting.clusters import LEAST, SPANS, Cluster, ClusterKind, ClusterSearch
from core.voting.models import Claim, UnusedCode
from core.voting.rules import RejectionReason, RejectionStage
from core.voting.tally import Tally, TurnedAway
from tests.conftest import MakeActor
from tests.voting import polls
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY, iin, mobile

pytestmark = pytest.mark.usefixtures("database")

TOWN = "111000000"
MISMATCH, USED = RejectionReason.MOBILE_MISMATCH, RejectionReason.ADDRESS_USED


@pytest.fixture(autouse=True)
def _poll(database: str) -> Iterator[None]:
    del database
    with clock.fixed(NOON):
        polls.open_poll(voters=0)
        yield


@pytest.fixture
def organizer(make_actor: MakeActor) -> Actor:
    return make_actor(Role.ORGANIZER)


def find(
    actor: Actor,
    kind: ClusterKind,
    *,
    least: int = 2,
    days: int = 30,
    now: datetime = NOON,
    offset: int = 0,
    limit: int = 50,
) -> tuple[tuple[Cluster, ...], int]:
    with reading() as session:
        return clusters.clusters(
            session,
            require_primary(session),
            ClusterSearch(kind=kind, least=least, days=days),
            actor=actor,
            now=now,
            offset=offset,
            limit=limit,
        )


def add_member(
    number: int,
    *,
    phone: str,
    place: str = DISTRICT,
    changed: datetime | None = None,
    **columns: str,
) -> None:
    """Member and voter ``number``, whose number was changed then."""
    with unit_of_work() as session:
        member = Member(
            iin=iin(number),
            last_name="Ахметов",
            first_name="Член",
            birth_date=date(1985, 1, 1),
            mobile=phone,
            place_code=place,
            admitted_on=date(2019, 1, 1),
            status=columns.get("status", "active"),
            branch=columns.get("branch", ""),
            search="ахметов член",
            mobile_changed_at=changed,
            updated_at=NOON,
        )
        session.add(member)
        session.flush()
        polls.add_voter(session, number, mobile=phone, place=place, member_id=member.id)


def vote(*numbers: int) -> None:
    with unit_of_work() as session:
        for number in numbers:
            digest = iin_digest(PRIMARY, iin(number))
            session.add(Claim(primary_id=PRIMARY, kind="iin", digest=digest, channel="online"))


def turn_away(
    number: int,
    *reasons: RejectionReason,
    at: datetime = NOON,
    address: str = "203.0.113.0/24",
    place: str = DISTRICT,
) -> None:
    tally = Tally(PRIMARY)
    tally.reject(
        TurnedAway(
            stage=RejectionStage.SIGN_IN,
            reasons=reasons or (MISMATCH,),
            at=at,
            iin_digest=iin_digest(PRIMARY, iin(number)),
            iin_masked=f"{iin(number)[:6]}******",
            mobile_masked="+7701*****01",
            address_short=address,
            place_code=place,
        )
    )
    with engine().begin() as connection:
        tally.write(connection)


def leave_unused(number: int, *, phone: str = "", at: datetime = NOON, **columns: str) -> None:
    with unit_of_work() as session:
        session.add(
            UnusedCode(
                reference=f"{number}-{at.isoformat()}",
                primary_id=PRIMARY,
                iin_digest=iin_digest(PRIMARY, iin(number)),
                mobile_digest=mobile_digest(PRIMARY, phone or mobile(number)),
                place_code=columns.get("place", DISTRICT),
                iin_masked="850101******",
                mobile_masked="+7701*****77",
                address_short=columns.get("address", "203.0.113.0/24"),
                at=at,
            )
        )


def sizes(found: Iterable[Cluster]) -> list[int]:
    return [cluster.count for cluster in found]


def test_many_voters_on_one_number_with_what_became_of_them(organizer: Actor) -> None:
    shared, own = mobile(900), mobile(901)
    for number, place in ((0, DISTRICT), (1, DISTRICT), (2, TOWN)):
        add_member(number, phone=shared, place=place)
    add_member(3, phone=own)
    with unit_of_work() as session:
        polls.add_voter(session, 4, mobile=own, reason_excluded="under_age")
    vote(0)
    turn_away(1, RejectionReason.MOBILE_USED, at=NOON)
    turn_away(2, RejectionReason.MOBILE_USED, USED, at=NOON - timedelta(hours=1))
    turn_away(3)
    (cluster,), total = find(organizer, ClusterKind.SHARED_NUMBER, now=NOON + timedelta(hours=1))
    assert (total, cluster.count, cluster.people, cluster.voted) == (1, 3, 3, 1)
    assert cluster.turned_away == 2
    assert cluster.reasons == ((RejectionReason.MOBILE_USED, 2), (USED, 1))
    assert cluster.places == (DISTRICT, TOWN)
    assert (cluster.first, cluster.last) == (NOON - timedelta(hours=1), NOON)
    assert cluster.subject == "+7701*****00"
    assert set(cluster.subjects) == {f"{iin(number)[:6]}******" for number in range(3)}
    assert (sum(cluster.trend), len(cluster.trend)) == (2, SPANS)
    shown = repr(cluster)
    assert shared not in shown
    assert not any(iin(number) in shown for number in range(3))


def test_numbers_changed_shortly_before_the_vote_by_branch(organizer: Actor) -> None:
    for number in range(4):
        changed = OPENS - timedelta(days=3, hours=number)
        add_member(number, phone=mobile(number), changed=changed, branch="ППО № 7")
    add_member(4, phone=mobile(4), changed=OPENS - timedelta(days=31), branch="ППО № 7")
    add_member(5, phone=mobile(5), changed=OPENS, branch="ППО № 7")
    add_member(
        6, phone=mobile(6), changed=OPENS - timedelta(days=1), branch="ППО № 7", status="excluded"
    )
    for number in (7, 8):
        changed = OPENS - timedelta(days=2)
        add_member(number, phone=mobile(number), changed=changed, branch="ППО № 8")
    add_member(9, phone=mobile(9), branch="ППО № 8")
    vote(0, 1)
    turn_away(2)
    found, total = find(organizer, ClusterKind.CHANGED_NUMBERS)
    assert total == 2
    seven, eight = found
    assert (seven.subject, seven.count, seven.voted, seven.turned_away) == ("ППО № 7", 4, 2, 1)
    assert seven.reasons == ((MISMATCH, 1),)
    assert seven.places == (DISTRICT,)
    assert seven.last == OPENS - timedelta(days=3)
    assert sum(seven.trend) == 4
    assert (eight.subject, eight.count) == ("ППО № 8", 2)
    assert seven.source != eight.source
    assert find(organizer, ClusterKind.CHANGED_NUMBERS, days=60)[0][0].count == 5
    assert sizes(find(organizer, ClusterKind.CHANGED_NUMBERS, least=3)[0]) == [4]
    assert find(organizer, ClusterKind.CHANGED_NUMBERS, days=1) == ((), 0)


def test_one_address_with_many_rejections(organizer: Actor) -> None:
    for number in range(7):
        turn_away(number % 3, USED, at=NOON + timedelta(minutes=number))
    turn_away(3, MISMATCH, USED, at=NOON - timedelta(hours=2), place=TOWN)
    turn_away(4, address="198.51.100.0/24")
    turn_away(5, at=OPENS - timedelta(hours=1))
    vote(0)
    (cluster,), total = find(organizer, ClusterKind.REFUSED_ADDRESS, now=NOON + timedelta(hours=1))
    assert total == 1
    assert (cluster.subject, cluster.key) == ("203.0.113.0/24", "203.0.113.0/24")
    assert (cluster.count, cluster.people, cluster.voted) == (9, 5, 1)
    assert cluster.reasons == ((USED, 8), (MISMATCH, 2))
    assert cluster.places == (DISTRICT, TOWN)
    assert (cluster.first, cluster.last) == (
        OPENS - timedelta(hours=1),
        NOON + timedelta(minutes=6),
    )
    assert sum(cluster.trend) == 8  # one was before the opening
    assert 0 < len(cluster.subjects) <= clusters.SUBJECTS


def test_codes_asked_for_and_never_brought(organizer: Actor) -> None:
    phone = mobile(900)
    for minute in range(4):
        at = NOON + timedelta(minutes=minute)
        leave_unused(minute % 2, phone=phone, at=at)
    leave_unused(5, place=TOWN, address="198.51.100.0/24")
    vote(1)
    for kind, subject in (
        (ClusterKind.UNUSED_CODES_NUMBER, "+7701*****77"),
        (ClusterKind.UNUSED_CODES_ADDRESS, "203.0.113.0/24"),
        (ClusterKind.UNUSED_CODES_PLACE, DISTRICT),
    ):
        (cluster,), total = find(organizer, kind, now=NOON + timedelta(hours=1))
        assert (total, cluster.subject, cluster.count) == (1, subject, 4)
        assert (cluster.people, cluster.voted, cluster.turned_away) == (2, 1, 0)
        assert cluster.places == (DISTRICT,)
        assert (cluster.first, cluster.last) == (NOON, NOON + timedelta(minutes=3))
        assert sum(cluster.trend) == 4
        assert phone not in repr(cluster)


@pytest.mark.parametrize("kind", [ClusterKind.REFUSED_ADDRESS, ClusterKind.UNUSED_CODES_ADDRESS])
def test_the_largest_come_first_a_page_at_a_time(organizer: Actor, kind: ClusterKind) -> None:
    for size in (2, 4, 3):
        for number in range(size):
            at = NOON + timedelta(minutes=number, seconds=size)
            turn_away(number, at=at, address=f"203.0.{size}.0/24")
            leave_unused(number, at=at, address=f"203.0.{size}.0/24")
    first, total = find(organizer, kind, limit=2)
    second, _total = find(organizer, kind, limit=2, offset=2)
    assert (total, sizes(first), sizes(second)) == (3, [4, 3], [2])


def test_the_trend_runs_from_the_opening_to_now(organizer: Actor) -> None:
    now = OPENS + timedelta(hours=24)
    for hour in (0, 0, 1, 23):
        turn_away(hour, at=OPENS + timedelta(hours=hour, minutes=30))
    (cluster,), _total = find(organizer, ClusterKind.REFUSED_ADDRESS, now=now)
    assert cluster.trend == (2, 1, *([0] * 21), 1)


@pytest.mark.parametrize("kind", list(ClusterKind))
def test_where_nothing_stands_together_nothing_is_found(
    organizer: Actor, kind: ClusterKind
) -> None:
    assert find(organizer, kind, least=LEAST[kind]) == ((), 0)
    assert find(organizer, kind, now=CLOSES + timedelta(days=9)) == ((), 0)
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY)
        for name in ("cutoff", "freeze_start", "freeze_end", "roll_sealed_at", "publication"):
            setattr(primary, name, None)
        primary.voting_opens = primary.voting_closes = None
    turn_away(0)
    turn_away(0)
    assert find(organizer, kind) == ((), 0)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OBSERVER, Role.ADMINISTRATOR])
def test_only_organizers_look(make_actor: MakeActor, role: Role) -> None:
    with pytest.raises(Refused) as refused:
        find(make_actor(role), ClusterKind.SHARED_NUMBER)
    assert refused.value.code is StaffRefusal.FORBIDDEN


def test_two_clusters_are_never_one_source(organizer: Actor) -> None:
    for number in range(4):
        add_member(number, phone=mobile(900 + number // 2))
    found, _total = find(organizer, ClusterKind.SHARED_NUMBER)
    assert len({cluster.source for cluster in found}) == 2
    assert find(organizer, ClusterKind.SHARED_NUMBER)[0][0].source == found[0].source
    assert replace(found[0], count=99).source == found[0].source
