"""M6: the live page's aggregates at 660,000 votes and 30,000 rejections, on both databases.

Three days and a half of voting in every district, as the counters hold it. Measured is what one
refresh of the page asks for, and what fifty viewers cost who refresh within three seconds.
"""

import gc
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import insert

from benchmarks.measurement import Measurement
from benchmarks.register_import import installation

VOTES, REJECTIONS, ROLL, VIEWERS, ROUNDS = 660_000, 30_000, 785_000, 50, 25
PRIMARY = "bench"
OPENS = datetime(2020, 9, 30, 18, 0, tzinfo=UTC)
CLOSES = datetime(2020, 10, 4, 8, 0, tzinfo=UTC)
NOW = CLOSES - timedelta(minutes=5)


def run(rounds: int = ROUNDS) -> list[Measurement]:
    """M6 on both databases: one refresh, and fifty viewers beside one."""
    found = []
    for engine in ("SQLite", "PostgreSQL"):
        with installation(engine) as (url, folder), configured(url, folder):
            fill()
            one, fifty = measured(rounds)
        found += [
            Measurement(
                id="M6",
                what=f"live page, all aggregates, {VOTES:,} votes, {REJECTIONS:,} rejections, {engine}",
                ours=one * 1000,
                yardstick=None,
                unit="ms",
                ratio=None,
                goal="≤ 50",
            ),
            Measurement(
                id="M6",
                what=f"{VIEWERS} viewers of it beside one, {engine}",
                ours=fifty * 1000,
                yardstick=one * 1000,
                unit="ms",
                ratio=fifty / one,
                goal="≤ 3",
            ),
        ]
    return found


@contextmanager
def configured(url: str, folder: Path) -> Iterator[None]:
    """This process on the installation of the measurement."""
    from core import database, keyring
    from core.settings import settings

    names = {"PRIMARIES_DATABASE_URL": url, "PRIMARIES_DATA_DIR": str(folder)}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    settings.cache_clear()
    keyring.forget_cached_keys()
    try:
        yield
    finally:
        database.dispose()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        settings.cache_clear()
        keyring.forget_cached_keys()


def fill() -> None:
    """A primary in the last hour of its vote, with counters by district and ten minutes."""
    from core import database, places
    from core.primary.models import Primary, RollCount, TimelineAct
    from core.voting.models import RegisteredCounter
    from core.voting.rules import RejectionReason, RejectionStage
    from core.voting.tally import Tally, TurnedAway

    database.upgrade()
    draw = random.Random(6)
    codes = [unit.code for unit in places.all_places() if not places.children(unit.code)]
    seconds = int((NOW - OPENS).total_seconds())
    tally = Tally(PRIMARY)
    for _vote in range(VOTES):
        tally.vote(draw.choice(codes), OPENS + timedelta(seconds=draw.randrange(seconds)))
    reasons = list(RejectionReason)
    for number in range(REJECTIONS):
        chosen = tuple(draw.sample(reasons, draw.choice((1, 1, 2))))
        tally.reject(
            TurnedAway(
                stage=RejectionStage.SIGN_IN,
                reasons=chosen,
                at=OPENS + timedelta(seconds=draw.randrange(seconds)),
                iin_masked="850101******",
                mobile_masked="+7701*****01",
                address_short=f"10.{number % 200}.{number % 97}.0/24",
                place_code="" if RejectionReason.NOT_ON_ROLL in chosen else draw.choice(codes),
                reference=f"{number:010d}",
            )
        )
    instants = {
        "cutoff": OPENS - timedelta(days=20),
        "freeze_start": OPENS - timedelta(days=20),
        "freeze_end": CLOSES + timedelta(hours=10),
        "roll_sealed_at": OPENS - timedelta(days=2),
        "voting_opens": OPENS,
        "voting_closes": CLOSES,
        "publication": CLOSES + timedelta(hours=10),
    }
    with database.unit_of_work() as session:
        session.add(
            Primary(
                id=PRIMARY,
                slot=1,
                name_ru="Праймериз",
                name_kk="Праймериз",
                name_en="Primary",
                created_at=OPENS - timedelta(days=40),
                created_by=0,
                digest_fingerprint="",
                **instants,
            )
        )
        session.flush()
        for days, kind in ((25, "set"), (-1, "voting_extended")):
            session.add(
                TimelineAct(
                    primary_id=PRIMARY,
                    kind=kind,
                    reason="measurement",
                    at=OPENS - timedelta(days=days),
                    author_id=0,
                    **instants,
                )
            )
        each, more = divmod(ROLL, len(codes))
        voters = {code: each + (place < more) for place, code in enumerate(codes)}
        for model in (RollCount, RegisteredCounter):
            rows = [
                {"primary_id": PRIMARY, "place_code": code, "voters": count}
                for code, count in voters.items()
            ]
            session.execute(insert(model), rows)
        tally.write(session.connection())


def measured(rounds: int) -> tuple[float, float]:
    """Seconds of one refresh, and of fifty viewers' refreshes within the time one answer is kept."""
    from core import clock
    from pages import live

    with clock.fixed(NOW):
        seen = live.collect(None, now=NOW)
        assert seen is not None
        assert (seen.votes, seen.rejections) == (VOTES, REJECTIONS)
        gc.collect()
        gc.freeze()
        one, fifty = [], []
        for _round in range(rounds):
            started = time.perf_counter()
            live.collect(None, now=NOW)
            one.append(time.perf_counter() - started)
            live.forget()
            started = time.perf_counter()
            for _viewer in range(VIEWERS):
                live.live(None)
            fifty.append(time.perf_counter() - started)
        gc.unfreeze()
    return median(one), median(fifty)
