"""A listener that is killed in the middle of a rush has stored every vote it answered for."""

import asyncio
import json
import secrets
import signal
from base64 import b64decode
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from benchmarks.cast_load import (
    Connection,
    Outbox,
    Person,
    each,
    installation,
    listener,
    people,
    prepare,
    sealed_for,
)
from core import database
from core.settings import settings
from core.voting import sealing
from core.voting.models import Ballot, Claim

VOTERS = 90


async def _sign_in(person: Person, port: int, outbox: Outbox) -> None:
    async with Connection(port, person.address) as connection:
        pair = json.dumps({"iin": person.iin, "mobile": person.mobile}).encode()
        _status, given = await connection.ask("POST", "/sign-in", pair)
        code = json.dumps({"code": await outbox.code(person.mobile, 0)}).encode()
        _status, opened = await connection.ask("POST", f"/sign-in/{given['challenge']}", code)
        person.token = f"Bearer {opened['token']}"
        _status, paper = await connection.ask("GET", "/ballot", Authorization=person.token)
    ballots = [sealed_for(paper, contest) for contest in paper["contests"]]
    person.body = json.dumps({"ballots": ballots}).encode()


async def _cast(person: Person, port: int, key: str) -> None:
    try:
        async with Connection(port, person.address) as connection:
            person.status, person.answer = await connection.ask(
                "POST",
                "/ballot",
                person.body,
                Authorization=person.token,
                Idempotency_Key=key,
            )
    except (OSError, asyncio.IncompleteReadError):
        person.status = 0


def _trackers(person: Person) -> set[str]:
    sealed = json.loads(person.body)["ballots"]
    return {sealing.tracker(b64decode(ballot["sealed"])) for ballot in sealed}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_every_acknowledged_vote_survives_a_kill(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_database") if engine == "postgresql" else None
    crowd = people(VOTERS, 0.0, exempt=False)
    keys = {person.number: secrets.token_hex(16) for person in crowd}
    with installation(tmp_path, url) as port:
        prepare(crowd, exempt=False)

        async def until_the_kill() -> None:
            outbox = Outbox(Path(settings().sms_url.removeprefix("file:")))
            watching = asyncio.create_task(outbox.watch())
            await each(crowd, lambda person: _sign_in(person, port, outbox))
            watching.cancel()

            async def cast_and_kill(person: Person) -> None:
                if person.number == VOTERS // 2:
                    process.send_signal(signal.SIGKILL)
                await _cast(person, port, keys[person.number])

            await each(crowd, cast_and_kill)

        with listener(port) as process:
            asyncio.run(until_the_kill())
        acknowledged = [person for person in crowd if person.status == 201]
        lost = [person for person in crowd if person.status != 201]
        assert lost, "the kill came too late to show anything"
        with database.reading() as session:
            stored = set(session.execute(select(col(Ballot.tracker))).scalars())
        for person in acknowledged:
            assert _trackers(person) <= stored
        # Whoever got no answer asks again with the same key: one vote each, in the end.
        with listener(port):
            asyncio.run(_again(lost, port, keys))
        assert {person.status for person in crowd} == {201}
        with database.reading() as session:
            iins = session.execute(
                select(func.count()).select_from(Claim).where(col(Claim.kind) == "iin")
            ).scalar_one()
            ballots = session.execute(select(func.count()).select_from(Ballot)).scalar_one()
    assert (iins, ballots) == (VOTERS, 3 * VOTERS)


async def _again(lost: list[Person], port: int, keys: dict[int, str]) -> None:
    await each(lost, lambda person: _cast(person, port, keys[person.number]))
